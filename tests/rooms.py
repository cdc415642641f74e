"""The rooms of the repository: the folders that are installed under the name `mlukit`."""

ROOMS = (
    *("corpus", "engine", "evaluation", "library", "linker", "pipelines", "pretraining", "report", "schemas"),
    *("transforms", "configs"),
)
