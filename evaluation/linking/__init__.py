"""Names in the texts of a task, with their entities: from the links of an article, from the linker, or from files."""
