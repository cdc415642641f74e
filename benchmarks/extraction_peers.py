"""Runs other extractors of text and links; extraction.py calls this with the Python that has the extractors.

    python extraction_peers.py PEER LANGUAGE PAGES.jsonl OUT.jsonl

PAGES has a JSON object {title, text} per line; OUT gets {title, text, links: [[anchor, target], …]}. Prints the seconds
of processor time of the extraction, without imports and files, and the number of failed pages.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

Extracted: TypeAlias = tuple[str, list[tuple[str, str]]]


def mwparserfromhell(language: str, title: str, text: str) -> Extracted:
    """`strip_code()`, and the wikilinks that `filter_wikilinks()` finds."""
    import mwparserfromhell as parser

    code = parser.parse(text)
    links = code.filter_wikilinks()
    return code.strip_code(), [((k.title if k.text is None else k.text).strip_code(), str(k.title)) for k in links]


def wikitextparser(language: str, title: str, text: str) -> Extracted:
    """`plain_text()`, and the wikilinks."""
    import wikitextparser as parser

    code = parser.parse(text)
    return code.plain_text(), [(k.text if k.text is not None else k.title, k.title) for k in code.wikilinks]


def wikiextractor(language: str, title: str, text: str) -> Extracted:
    """As its command line does with `--links --no-templates`."""
    from wikiextractor.extract import Extractor

    extractor = Extractor(title, "0", "", title, [], keepLinks=True)
    lines = extractor.clean_text(text, mark_headers=False, expand_templates=False, html_safe=False)
    links: list[tuple[str, str]] = []

    def anchor(match: re.Match[str]) -> str:
        links.append((match[2], unquote(match[1])))
        return match[2]

    return re.sub(r'<a href="([^"]*)">(.*?)</a>', anchor, "\n".join(lines), flags=re.DOTALL), links


def wikipedia2vec(language: str, title: str, text: str) -> Extracted:
    """Its parser of pages, which keeps paragraphs with links."""
    import pickle
    import zlib

    from wikipedia2vec.dump_db import _parse_page
    from wikipedia2vec.utils.wiki_page import WikiPage

    parsed = _parse_page(WikiPage(title, language, text, None), None)
    if not parsed or parsed[0] != "page":
        return "", []
    paragraphs, _ = pickle.loads(zlib.decompress(parsed[1][1]))
    return "\n".join(p[0] for p in paragraphs), [(k[1], k[0]) for p in paragraphs for k in p[1]]


def huggingface(language: str, title: str, text: str) -> Extracted:
    """What the script of the data set `wikipedia` does with a page: sections without files, notes and tables."""
    import mwparserfromhell as parser

    picture = re.compile(r"^(?:file|image|media):", re.IGNORECASE)
    category = re.compile(r"^category:", re.IGNORECASE)
    sections = []
    for section in parser.parse(text).get_sections(flat=True, include_lead=True, include_headings=True):
        files = section.ifilter_wikilinks(matches=lambda link: bool(picture.match(str(link.title))), recursive=True)
        tags = section.ifilter_tags(matches=lambda tag: str(tag.tag) in ("ref", "table"), recursive=True)
        for node in [*files, *tags]:
            try:
                section.remove(node)
            except ValueError:  # it went with another one
                continue
        for link in section.ifilter_wikilinks(matches=lambda link: bool(category.match(str(link.title)))):
            link.text = ""
        sections.append(re.sub("__[A-Z]*__", "", section.strip_code().strip()))
    return "\n\n".join(sections), []


PEERS: dict[str, Callable[[str, str, str], Extracted]] = {
    peer.__name__: peer for peer in (mwparserfromhell, wikitextparser, wikiextractor, wikipedia2vec, huggingface)
}


def main() -> None:
    """Runs one extractor."""
    name, language, pages, out = sys.argv[1:]
    peer = PEERS[name]
    peer(language, "A", "[[A]]")  # imports
    seconds, failed = 0.0, 0
    with Path(pages).open(encoding="utf-8") as source, Path(out).open("w", encoding="utf-8") as target:
        for line in source:
            page: dict[str, Any] = json.loads(line)
            started = time.process_time()
            try:
                text, links = peer(language, page["title"], page["text"])
            except Exception as error:  # a peer's failure is a result
                text, links, failed = "", [], failed + 1
                print(name, page["title"], repr(error)[:200], file=sys.stderr)
            seconds += time.process_time() - started
            target.write(json.dumps({"title": page["title"], "text": text, "links": links}, ensure_ascii=False) + "\n")
    print(json.dumps({"seconds": seconds, "failed": failed}))


if __name__ == "__main__":
    main()
