"""Characters that stand for structure while a page is parsed. XML does not allow them, so dumps do not contain them.

Later steps find them by a fast string search. They are neither white space nor word characters.
"""

from typing import Final

GAP: Final = "\x01"  # a template, a formula or another element without text stood here
BREAK: Final = "\x02"  # <br>
BLOCK: Final = "\x03"  # the edge of a block: <div>, a table, a picture beside the text
LINK: Final = "\x04"  # LINK number LINK_TEXT anchor LINK_END
LINK_END: Final = "\x05"
KEPT: Final = "\x06"  # KEPT number KEPT: text that is not markup, from <nowiki>
HEADING: Final = "\x07"  # HEADING level heading HEADING_END; at the start of a paragraph, without HEADING_END
LINK_TEXT: Final = "\x08"
TAG: Final = "\x0e"  # an inline tag opened: it separates the texts on both sides until the page is assembled
TAG_END: Final = "\x0f"
NOTE: Final = "\x10"  # a template that is a note stood here: like <ref>, it is not part of the sentence
TABLE_END: Final = "\x11"  # a </table> without a <table> stood here
END_TEMPLATE: Final = "\x12"  # a template stood here that ends a table, by its name
HEADING_END: Final = "\x13"
PIPE: Final = "\x00"  # a "|" that a template made within another's argument

ALL: Final = (
    GAP,
    BREAK,
    BLOCK,
    LINK,
    LINK_END,
    KEPT,
    HEADING,
    HEADING_END,
    LINK_TEXT,
    TAG,
    TAG_END,
    NOTE,
    TABLE_END,
    END_TEMPLATE,
    PIPE,
)


def without_markers(text: str) -> str:
    """`text` without the characters of markers, and with MediaWiki's line ends."""
    for character in (*ALL, "\r"):
        if character in text:
            text = text.replace(character, "")
    return text
