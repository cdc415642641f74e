"""The data that stages exchange and write: records, Arrow schemas, file formats, output layout and manifests.

This room has names, types and codecs. The other rooms know how the data is made.
"""
