"""From examples on disk to batches: reading, sampling of languages, masking, packing.

Here: everything that decides the input of a training step, in NumPy. In another room: tensors on a device
(`training`).
"""
