"""mlukit: from Wikipedia dumps to multilingual entity training examples, and to models.

This folder is what is installed. Each room of the repository (`corpus`, `engine`, …) is a symbolic link in it, so that
all code has one name, `mlukit.corpus…`, in a checkout and in site-packages alike.
"""
