"""How messages for people show numbers."""


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: "1 language", "24 languages".

    Args:
        number: how many there are.
        one: the noun for one of them.
        several: the noun for any other number; if it is "", `one` with an "s".
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def byte_count(number: float) -> str:
    """27100000000 -> "27.1 GB"."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} GB"


def other_version(path: str, part: str, found: object, expected: int) -> str:
    """What to say of a file that another version of mlukit wrote.

    Args:
        path: of the file.
        part: the name of the version.
        found: the version of the file.
        expected: the version that this mlukit reads.
    """
    return (
        f"{path} is from another version of mlukit: its {part} is {found!r}, and this mlukit reads {expected}. Build "
        "the dumps again into another output folder, or use the mlukit that wrote it"
    )
