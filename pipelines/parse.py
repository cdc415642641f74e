"""`mlukit parse`: the text, links and sections of one page, from wikitext. Imports nothing of Beam."""

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlukit.corpus.wikitext.parsed_text import ParsedText
from mlukit.engine.command_parser import CommandParser
from mlukit.engine.errors import RefusedError, report_errors
from mlukit.library.parse import parse

_EXAMPLES = """  echo "'''Berlin''' is in [[Germany]]." | mlukit parse -
  mlukit parse page.wikitext --language ja --title 東京
  mlukit parse page.wikitext | jq -r .text"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns the exit status."""
    return report_errors(
        "parse", lambda: _run(parser().parse_args(arguments)), refused=(ValueError,), failed=(OSError,), after_stop=""
    )


def parser() -> CommandParser:
    """The parser of the command's flags."""
    description = "Parses the wikitext of one page, and prints its text, links, sections and paragraphs as JSON."
    made = CommandParser("parse", "FILE|- [FLAGS]", description, _EXAMPLES)
    made.add_argument("file", metavar="FILE|-", help="File of the wikitext, in UTF-8; - for standard input.")
    page = made.group("page").add_argument
    page("--language", default="en", metavar="CODE", help="Code of the Wikipedia (default en).")
    page("--title", default="", metavar="T", help="Title of the page. A link to the page itself is no link.")
    return made


def _run(asked: Namespace) -> int:
    source = sys.stdin.buffer.read() if asked.file == "-" else Path(asked.file).read_bytes()
    try:
        wikitext = source.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(f"{asked.file}: byte {error.start} is not UTF-8; accepted: wikitext in UTF-8") from error
    page = {"title": asked.title, "language": asked.language, **as_json(parse(wikitext, asked.title, asked.language))}
    print(json.dumps(page, ensure_ascii=False, indent=1))
    return 0


def as_json(page: ParsedText) -> Mapping[str, Any]:
    """A parsed page as JSON. Columns that articles also have are named and built as in articles."""
    return {
        "text": page.text,
        "paragraphs": [span._asdict() for span in page.paragraphs],
        "sections": [asdict(one) for one in page.sections],
        "links": [{"anchor": page.text[link.start : link.end], **link._asdict()} for link in page.links],
        "interlanguage": [{"language": language, "title": title} for language, title in page.interlanguage],
        "categories": list(page.categories),
        "templates": list(page.templates),
        "left_out": dict(page.left_out),
        "unclosed_tables": list(page.unclosed_tables),
    }
