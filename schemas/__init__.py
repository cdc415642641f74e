"""What flows between the jobs and lies on disk: records, Arrow schemas, formats, the layout of the output, manifests.

Here: names, types and codecs, with no knowledge of how they are made.
"""
