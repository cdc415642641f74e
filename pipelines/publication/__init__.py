"""What `mlukit publish` uploads to the Hugging Face Hub, and how.

Here: which files of a folder belong to a dataset or a model, and the calls of `huggingface_hub`, which is an extra.
"""
