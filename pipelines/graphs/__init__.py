"""The graphs of the commands: the transforms of each command, and the tasks of each step.

A command is one pipeline. The graph of the pipeline has a sub-graph, a PTransform, for each stage. The tasks of a step
are a pure function of the settings and of the results of earlier steps.
"""
