"""Finds the records of an output folder that a user requests, without reading all records."""
