"""The sub-commands of `mlukit evaluate`, a file each; torch is imported after the flags were checked."""
