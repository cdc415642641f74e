"""From examples on disk to batches: reading, sampling of languages, masking, packing.

Here: everything that decides what a training step sees, in NumPy. Not here: tensors on a device (`training`).
"""
