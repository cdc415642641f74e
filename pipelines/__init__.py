"""The jobs: options, phases, runners, reports."""
