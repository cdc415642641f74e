"""The official files of the tasks: which there are, where they are published, and readers of their forms. No torch."""
