"""What mlukit adds to Beam: tasks with results, steps made of tasks, atomic files, manifests and leases.

Here: how work is planned, done exactly once, published and accounted for, on one machine or on a cluster. The engine
imports only `schemas` and knows nothing about Wikipedia; `transforms` defines what a task does. `engine.launch` starts
a pipeline and watches its processes.
"""
