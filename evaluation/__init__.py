"""Evaluation of trained models: the tasks of the mLUKE paper and its analysis of features across languages."""
