"""Characters that stand for structure while a page is being read. XML allows none of them, so no dump has them.

A later step finds them by a fast string search, and none of them is white space or a word character.
"""

from typing import Final

GAP: Final = "\x01"  # a template, a formula or another element without text stood here
BREAK: Final = "\x02"  # <br>
BLOCK: Final = "\x03"  # the edge of a block: <div>, a table, a picture beside the text
LINK: Final = "\x04"  # LINK number LINK_TEXT anchor LINK_END
LINK_END: Final = "\x05"
KEPT: Final = "\x06"  # KEPT number KEPT: text that is no markup, from <nowiki>
HEADING: Final = "\x07"  # HEADING level heading HEADING_END; in a paragraph at its start, without HEADING_END
LINK_TEXT: Final = "\x08"
TAG: Final = "\x0e"  # an inline tag opened: it separates the texts on both sides until the page is assembled
TAG_END: Final = "\x0f"
NOTE: Final = "\x10"  # a template that is a note stood here: as <ref>, it is no part of the sentence
TABLE_END: Final = "\x11"  # </table> stood here, and closed no <table>
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
    """`text` without characters that would be taken for markers, and with line ends as MediaWiki has them."""
    for character in (*ALL, "\r"):
        if character in text:
            text = text.replace(character, "")
    return text
