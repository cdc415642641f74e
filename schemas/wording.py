"""How messages for people show numbers."""


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: "1 language", "24 languages".

    Args:
        number: the number.
        one: the singular of the noun.
        several: the plural of the noun; if "", `one` with an "s".
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def byte_count(number: float) -> str:
    """Converts 27100000000 to "27.1 GB"."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} GB"


def other_version(path: str, part: str, found: object, expected: int) -> str:
    """The message for a file that another version of mlukit wrote.

    Args:
        path: the path of the file.
        part: the name of the version.
        found: the version of the file.
        expected: the version that this mlukit reads.
    """
    return (
        f"{path} is from another version of mlukit: its {part} is {found!r}, and this mlukit reads {expected}. Build "
        "the dumps again into another output folder, or use the mlukit that wrote it"
    )
