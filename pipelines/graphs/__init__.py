"""The graphs of the commands: which transforms are applied to what, and the tasks of each step.

A command is one pipeline. Its graph is put together from sub-graphs, a PTransform for each stage; the tasks of a step
are a pure function of the settings and of what earlier steps left.
"""
