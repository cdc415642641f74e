"""What mlukit has beside Beam: tasks with results, whole files, manifests, leases, progress, and the launcher.

Here: how work is planned, done once, published and accounted for, on one machine or a cluster. It knows `schemas` and
nothing of Wikipedia: what a task does stands in `transforms`.
"""
