"""Closing the holes that templates leave: no "( , )", no space before a comma, nothing of what the author wrote."""

import re

from corpus.wikitext.markers import HOLE

_OPENING = "(\\[（［「『〈《【“«‹"
_CLOSING = ")\\]）］」』〉》】”»›"
_COMMA = ",;،؛、，；"
_STOP = ".:!?。：！？।"
_MARKUP = f"{HOLE} \t\xa0"

# One or more holes with what stands around them and belongs to them.
_IN_BRACKETS = re.compile(rf"[ \t\xa0]*[{_OPENING}][{_MARKUP}{_COMMA}:/–-]*{HOLE}[{_MARKUP}{_COMMA}:/–-]*[{_CLOSING}]")
_AFTER_OPENING = re.compile(rf"([{_OPENING}])[{_MARKUP}{_COMMA}]*{HOLE}[{_MARKUP}{_COMMA}:]*")
_BEFORE_CLOSING = re.compile(rf"[ \t\xa0]*[{_COMMA}]?[ \t\xa0]*{HOLE}[{_MARKUP}{_COMMA}]*([{_CLOSING}])")
_BETWEEN_COMMAS = re.compile(rf"[ \t\xa0]*([{_COMMA}])[ \t\xa0]*{HOLE}[{_MARKUP}]*(?=[{_COMMA}{_STOP}])")
_BEFORE_STOP = re.compile(rf"[ \t\xa0]*{HOLE}[{_MARKUP}]*(?=[{_COMMA}{_STOP}](?:[^\w]|$))")
_AT_START = re.compile(rf"(?m)^[ \t\xa0]*{HOLE}[{_MARKUP}{_COMMA}{_STOP}–—-]*(?=[^{_COMMA}{_STOP}])")
_BETWEEN_SPACES = re.compile(rf"[ \t\xa0]+{HOLE}[{_MARKUP}]*[ \t\xa0]|[ \t\xa0]{HOLE}+[{_MARKUP}]*$", re.MULTILINE)


def close_holes(text: str) -> str:
    """`text` without holes, with the brackets, commas and spaces gone that stood only for what is missing."""
    if HOLE not in text:
        return text
    text = _IN_BRACKETS.sub("", text)
    text = _AFTER_OPENING.sub(r"\1", text)
    text = _BEFORE_CLOSING.sub(r"\1", text)
    text = _AT_START.sub("", text)
    text = _BETWEEN_COMMAS.sub("", text)
    text = _BEFORE_STOP.sub("", text)
    text = _BETWEEN_SPACES.sub(" ", text)
    return text.replace(HOLE, "")
