"""What an evaluation leaves on disk: folders of runs, predictions, scores and tables. No torch."""
