"""mlukit: from Wikipedia dumps to multilingual entity training examples, and to models.

This folder is the installed package. Each room of the repository (`corpus`, `engine`, …) is a symbolic link in this
folder, so that all code has the same name, `mlukit.corpus…`, in a checkout and in site-packages.
"""
