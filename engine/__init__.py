"""What mlukit has beside Beam: tasks with results, steps that are planned of them, whole files, manifests, leases.

Here: how work is planned, done once, published and accounted for, on one machine or a cluster. It knows `schemas` and
nothing of Wikipedia: what a task does stands in `transforms`. `launch` has what starts a pipeline and watches over it.
"""
