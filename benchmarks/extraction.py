"""Measures how fast mlukit and other extractors read text and links from wikitext, and compares them with MediaWiki.

    python benchmarks/extraction.py en=enwiki-pages-articles1.xml.bz2 it=itwiki-pages-articles.xml.gz
    python benchmarks/extraction.py --oracle ORACLE_DIR --oracle-scripts SCRIPTS --work DIR en=…

Prints MB of wikitext (UTF-8) per second of processor time, from the wikitext of a page to its text and links, without
reading the dump; the best of --repeat runs. The other extractors run one after the other on the same pages, in their
own environment (--peers), which is made if it does not exist. With --oracle, MediaWiki also renders the pages (once,
kept in --work), and every extractor is compared with MediaWiki; mlukit twice: as it is, and without all templates.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias
from unittest import mock

from mlukit.corpus.dumps.files import FileInfo
from mlukit.corpus.dumps.pages import PageReader
from mlukit.corpus.dumps.ranges import plan_ranges
from mlukit.corpus.languages.load import any_language
from mlukit.corpus.titles.normalise import namespace_of
from mlukit.corpus.wikitext import parse_wikitext
from mlukit.corpus.wikitext.template_table import TemplateTable
from mlukit.corpus.wikitext.templates import TemplateReader
from mlukit.schemas.records import Page

HERE = Path(__file__).resolve().parent
PACKAGES = [
    *("mwparserfromhell==0.7.2", "wikitextparser==3.0.0", "wikiextractor==3.1.0", "wikipedia2vec==2.0.0"),
    *("setuptools<70", "lxml"),  # the last is for the oracle's scripts
]
PEERS = ["mwparserfromhell", "wikitextparser", "wikiextractor", "wikipedia2vec", "huggingface"]
Pages: TypeAlias = list[dict[str, Any]]


def _open(path: str) -> BinaryIO:
    return Path(path).open("rb")


def pages_of(language: str, dump: Path, limit: int) -> Pages:
    """The articles of a dump, without redirects."""
    found: Pages = []
    own = any_language(language)
    redirect = tuple(word.lower() for word in own.redirect_words)
    for part in plan_ranges(language, [FileInfo(str(dump), dump.stat().st_size)]):
        for page in PageReader(_open, part, "link"):
            if len(found) == limit:
                return found
            if not isinstance(page, Page) or page.redirect or page.text.lstrip().lower().startswith(redirect):
                continue
            if page.namespace is not None or namespace_of(page.title, own) == 0:
                found.append({"page_id": page.page_id, "title": page.title, "text": page.text})
    return found


def extract(language: str, pages: Pages, out: Path, repeat: int) -> float:
    """Writes the extraction of mlukit to `out`, and returns the seconds of the fastest run."""
    own = any_language(language)
    parse_wikitext("[[a]] {{b}}", "T", own)  # tables
    best = float("inf")
    for _ in range(repeat):
        seconds = 0.0
        with out.open("w", encoding="utf-8") as file:
            for page in pages:
                started = time.process_time()
                result = parse_wikitext(page["text"], page["title"], own)
                seconds += time.process_time() - started
                links = [[result.text[k.start : k.end], k.target] for k in result.links if k.language == language]
                row = {"title": page["title"], "text": result.text, "links": links}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        best = min(best, seconds)
    return best


@contextmanager
def templates_left_out() -> Iterator[None]:
    """Makes every template show nothing during the block, because the oracle does not know the templates."""
    no_list = mock.patch.object(TemplateReader, "_list", lambda *_: "")
    with mock.patch.object(TemplateTable, "pattern", lambda *_: None), no_list:
        yield


def peers_python(folder: Path) -> Path:
    """The Python of the environment with the other extractors, which is made if it does not exist."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def run_peer(python: Path, peer: str, language: str, pages: Path, out: Path, repeat: int) -> float:
    """Runs another extractor, and returns the seconds of the fastest run."""
    command = [str(python), str(HERE / "extraction_peers.py"), peer, language, str(pages), str(out)]
    results = [subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout for _ in range(repeat)]
    return float(min(json.loads(result.splitlines()[-1])["seconds"] for result in results))


def render(options: argparse.Namespace, language: str, pages: Path) -> Path:
    """The rendering of the pages by MediaWiki, which is kept beside the pages."""
    out = pages.with_suffix(".out")
    if not out.exists():
        environment = os.environ | {"ORACLE_DIR": str(options.oracle.resolve()), "ORACLE_LANG": language}
        with pages.open() as source, out.open("w") as target:
            script = str(options.oracle_scripts / "parse.php")
            subprocess.run(["php", script], stdin=source, stdout=target, env=environment, check=True)
    return out


def score(options: argparse.Namespace, python: Path, language: str, rendered: Path, extracted: list[Path]) -> None:
    """Prints a row of the oracle's table for each extraction."""
    script = str(options.oracle_scripts / "score.py")
    command = [str(python), script, str(options.oracle.resolve()), language, str(rendered), *map(str, extracted)]
    subprocess.run(command, check=True)


def measure(options: argparse.Namespace, python: Path, language: str, dump: Path, work: Path) -> None:
    """Prints the rows of one dump."""
    folder = work / f"{language}-{dump.name.split('.')[0]}"
    folder.mkdir(parents=True, exist_ok=True)
    pages = pages_of(language, dump, options.pages)
    written = folder / "pages.jsonl"
    written.write_text("".join(json.dumps(page, ensure_ascii=False) + "\n" for page in pages), encoding="utf-8")
    size = sum(len(page["text"].encode()) for page in pages) / 1e6
    extracted = [folder / "mlukit.jsonl"]
    ours = extract(language, pages, extracted[0], options.repeat)
    print(f"| {language} {dump.name[:40]} | mlukit | {size:.1f} | {len(pages)} | {size / ours:.2f} | 1.0 |", flush=True)
    for peer in options.peer:
        extracted.append(folder / f"{peer}.jsonl")
        theirs = run_peer(python, peer, language, written, extracted[-1], options.repeat)
        print(f"| | {peer} | | | {size / theirs:.2f} | {theirs / ours:.1f} |", flush=True)
    if options.oracle:
        with templates_left_out():
            extracted.append(folder / "mlukit_without_templates.jsonl")
            extract(language, pages, extracted[-1], 1)
        score(options, python, language, render(options, language, written), extracted)


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump", nargs="+", help="LANGUAGE=FILE")
    parser.add_argument("--pages", type=int, default=1 << 30, help="number of articles to use from each dump")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peer", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "extraction-peers")
    parser.add_argument("--oracle", type=Path, help="the folder that the oracle's prepare.py made")
    parser.add_argument("--oracle-scripts", type=Path, help="the folder with the oracle's parse.php and score.py")
    parser.add_argument("--work", type=Path, help="folder for pages and results")
    options = parser.parse_args()
    if options.oracle and not options.oracle_scripts:
        parser.error("--oracle needs --oracle-scripts")
    python = peers_python(options.peers)
    print("| dump | extractor | MB | pages | MB/s | ours is faster by |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as temporary:
        for dump in options.dump:
            language, _, path = dump.partition("=")
            measure(options, python, language, Path(path), options.work or Path(temporary))


if __name__ == "__main__":
    main()
