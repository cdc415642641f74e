"""Metrics: functions of predictions and of what is right, without torch."""
