"""What makes a text unfit for a model, and how messages show a text."""

from mlukit.pretraining.errors import PretrainingError

_SHOWN = 60  # code points


class TextError(PretrainingError):
    """A text or a mention does not fit the model; the message shows it, and what would be accepted."""


def shown(text: str) -> str:
    """The text as a message shows it: quoted, and a long text by its beginning."""
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")


def check_text(text: str) -> None:
    """Refuses a text that is not valid Unicode.

    Raises:
        TextError: the text has a surrogate, which UTF-8 cannot represent.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise TextError(
            f"{shown(text)} has the surrogate U+{code:04X} at {error.start}, which is not a character: the text must "
            "be valid UTF-8"
        ) from error
