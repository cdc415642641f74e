"""Measures how correct text and links are, and makes the tables of docs/results/accuracy.md from real dumps.

Runs `mlukit link` on each dump of a folder, and compares the articles with
- the oracle: MediaWiki renders the same pages, and a scorer compares them (scripts in --oracle, with their README);
- pagelinks: `mlukit audit` uses the table beside the dump, or else a table of the links that MediaWiki recorded while
  rendering, in the present schema (pagelinks and linktarget);
- residue: the remains of markup that `mlukit audit` finds, who caused them, and how many MediaWiki's page shows, too.
Missing inputs are reported, and their comparisons are left out.

usage: python benchmarks/accuracy.py FOLDER… [--oracle SCRIPTS --siteinfo DIR] [--work DIR] [--write FILE]

--write docs/results/accuracy.md writes the tables between the two marking lines of that file.
The oracle needs php, Debian's mediawiki and lxml. The renderings are kept in the work folder for the next run.
"""

import argparse
import bz2
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mlukit.corpus.audit.link_audit import MISSED, RECORDED, SET_ASIDE, WRONG, LinkTally  # noqa: E402
from mlukit.corpus.audit.residue import find_residue, residue_classes  # noqa: E402
from mlukit.corpus.audit.residue_tally import LEFT, SIDES, UNTOLD, ResidueTally  # noqa: E402
from mlukit.corpus.languages.load import any_language  # noqa: E402
from mlukit.corpus.languages.wiki_names import language_of  # noqa: E402

BEGIN, END = "<!-- tables: written by benchmarks/accuracy.py -->", "<!-- end of tables -->"
SCORES = ("precision", "recall", "anchors", "paragraphs", "extra")
DUMP = re.compile(r"-pages-(articles|meta-current).*\.xml.*(?<!-index\.txt)\.(bz2|gz)$")
SIDE = 12  # characters of context by which a remain of markup is looked for on MediaWiki's page
ONLY_FIRST = {"arwiki-berlin": 1}  # pages of other wikis follow


@dataclass
class Result:
    """The results of one dump."""

    name: str
    language: str
    seconds: float = 0.0
    pages: int = 0
    failed: dict[str, int] = field(default_factory=dict)  # pages by reason
    score: list[str] = field(default_factory=list)
    scored: dict[str, int] = field(default_factory=dict)
    misses: list[str] = field(default_factory=list)
    links: LinkTally | None = None
    real_table: bool = False
    residue: ResidueTally = field(default_factory=ResidueTally)
    ours: Counter[str] = field(default_factory=Counter)  # places by class that MediaWiki does not show
    our_paragraphs: int = 0
    our_examples: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="dumps, or folders of dumps")
    parser.add_argument("--oracle", type=Path, help="folder with the scripts of the oracle")
    parser.add_argument("--siteinfo", type=Path, help="{language}wiki-siteinfo.xml.gz of each wiki, for the oracle")
    parser.add_argument("--python", default=sys.executable, help="a Python with lxml, for the oracle")
    parser.add_argument("--only", default="", help="measure only dumps whose names contain this text")
    parser.add_argument("--work", type=Path, help="folder for files and renderings (default: a temporary folder)")
    parser.add_argument("--write", type=Path, help="file to write the tables into")
    asked = parser.parse_args()
    work = (asked.work or Path(tempfile.mkdtemp(prefix="mlukit-accuracy-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    oracle = Oracle.prepare(asked, work)
    results, left_out = [], []
    for dump in dumps_below(asked.folders):
        if asked.only not in dump.name:
            continue
        try:
            results.append(measure(dump, work, oracle))
            print(f"{dump.name}: {results[-1].seconds:.0f} s", flush=True)
        except LeftOutError as error:
            left_out.append(f"{dump.name}: {error}")
            print(f"left out: {left_out[-1]}", flush=True)
    text = tables(results, left_out, oracle is not None)
    print(text)
    if asked.write:
        before, _, rest = asked.write.read_text(encoding="utf-8").partition(BEGIN)
        asked.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


class LeftOutError(Exception):
    """The dump is not measured; the message has the reason."""


def dumps_below(folders: Sequence[Path]) -> list[Path]:
    """The dumps below folders, small dumps first."""
    found = (p for folder in folders for p in folder.rglob("*") if DUMP.search(p.name))
    return sorted(found, key=lambda p: (p.stat().st_size, p.name))


def measure(dump: Path, work: Path, oracle: "Oracle | None") -> Result:
    """Builds the articles of a dump and compares them."""
    language = language_of(dump.name.partition("-")[0]) or ""
    result = Result(re.sub(r"-pages-(articles|meta-current)|\.xml|\.(bz2|gz)$", "", dump.name), language)
    folder = work / dump.name
    output, tables = folder / "out", folder / "tables"
    shutil.rmtree(output, ignore_errors=True)
    if not language:
        raise LeftOutError("not a dump of a Wikipedia")
    start = time.monotonic()
    flags = (
        "--dump",
        f"{language}={dump}",
        "--allow-unresolved",
        "--allow-damaged",
        "--foreign-header",
    )  # heads of dumps, dumps of single pages
    ended = mlukit("link", "--output", str(output), *flags)
    result.seconds = time.monotonic() - start
    if ended.returncode:
        raise LeftOutError(ended.stderr.strip().splitlines()[-1])
    linked = json.loads((output / "link.json").read_text("utf-8"))
    result.failed = linked["languages"][language]["flows"]["pages"]["failed"]
    rendered = oracle.render(dump, result, folder) if oracle else None
    shutil.rmtree(tables, ignore_errors=True)
    tables.mkdir()
    (tables / dump.name).symlink_to(dump.resolve())
    result.real_table = bool(link_tables(dump, language, tables))
    if rendered and not result.real_table:
        write_page_links(rendered, folder / "pages.jsonl", tables / f"{language}wiki-recorded")
    audited = mlukit("audit", str(output), "--dumps", str(tables), "--foreign-header", "--examples", "0")
    if audited.returncode:
        raise LeftOutError(audited.stderr.strip().splitlines()[-1])
    result.links = LinkTally.from_json(json.loads((output / "audit/links.json").read_text("utf-8"))[language])
    result.residue = ResidueTally.from_json(json.loads((output / "audit/residue.json").read_text("utf-8"))[language])
    result.pages = result.residue.pages
    if not result.pages:
        raise LeftOutError(f"has no article; failed: {result.failed or 'none'}")
    if rendered and oracle:
        articles = list(read_articles(output, language))
        oracle.score(result, folder, articles)
        oracle.judge_residue(result, folder, articles)
    return result


def mlukit(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlukit", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def read_articles(output: Path, language: str) -> Iterator[dict[str, Any]]:
    for path in sorted((output / "articles" / language).glob("*.parquet")):
        yield from pq.read_table(path, columns=["page_id", "title", "text", "paragraphs", "links"]).to_pylist()


def link_tables(dump: Path, language: str, folder: Path) -> list[Path]:
    """Makes symbolic links in a folder to the real tables beside a dump."""
    found = [p for kind in ("pagelinks", "linktarget") for p in dump.parent.glob(f"{language}wiki-*{kind}.sql*")]
    for path in found:
        (folder / path.name).symlink_to(path.resolve())
    return found


def write_page_links(rendered: Path, pages: Path, stem: Path) -> None:
    """Writes the links that MediaWiki recorded as SQL tables, in the schema since 2024."""
    targets: dict[tuple[int, str], int] = {}
    rows = []
    with rendered.open(encoding="utf-8") as out, pages.open(encoding="utf-8") as source:
        for line, page in zip(map(json.loads, out), map(json.loads, source), strict=True):
            for namespace, title in line.get("links", ()):
                number = targets.setdefault((namespace, title.replace(" ", "_")), len(targets) + 1)
                rows.append(f"({page['page_id']},0,{number})")
    named = [f"({number},{namespace},{quoted(title)})" for (namespace, title), number in targets.items()]
    columns = "`pl_from` int,`pl_from_namespace` int,`pl_target_id` bigint"
    write_sql(f"{stem}-pagelinks.sql.gz", "pagelinks", columns, rows)
    columns = "`lt_id` bigint,`lt_namespace` int,`lt_title` varbinary(255)"
    write_sql(f"{stem}-linktarget.sql.gz", "linktarget", columns, named)


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def write_sql(path: str, table: str, columns: str, rows: Sequence[str]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(f"CREATE TABLE `{table}` ({columns});\n")
        if rows:
            file.write(f"INSERT INTO `{table}` VALUES\n" + ",\n".join(rows) + ";\n")


class Oracle:
    """MediaWiki and its scorer."""

    def __init__(self, scripts: Path, home: Path, python: str) -> None:
        self._scripts, self._home, self._python = scripts, home, python

    @classmethod
    def prepare(cls, asked: argparse.Namespace, work: Path) -> "Oracle | None":
        if not (asked.oracle and asked.siteinfo and shutil.which("php")):
            print("no oracle: name --oracle and --siteinfo, and install php-cli and mediawiki", file=sys.stderr)
            return None
        oracle = cls(asked.oracle.resolve(), work / "oracle", asked.python)
        languages = {language_of(dump.name.partition("-")[0]) for dump in dumps_below(asked.folders)}
        known = {path.name.partition("wiki-")[0] for path in asked.siteinfo.glob("*wiki-siteinfo.xml.gz")}
        heads = [write_head(code, work) for code in sorted(filter(None, languages - known))]
        oracle._run("prepare.py", str(oracle._home), str(asked.siteinfo.resolve()), *map(str, heads))
        sys.path.insert(0, str(oracle._scripts))
        return oracle

    def _run(self, script: str, *arguments: str) -> str:
        command = [self._python, str(self._scripts / script), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def render(self, dump: Path, result: Result, folder: Path) -> Path:
        """Renders the pages of a dump, unless an earlier run did."""
        folder.mkdir(parents=True, exist_ok=True)
        pages, out = folder / "pages.jsonl", folder / "pages.out"
        if not out.exists():
            limit = [str(ONLY_FIRST[result.name])] if result.name in ONLY_FIRST else []
            pages.write_text(self._run("pages.py", str(dump), *limit), encoding="utf-8")
            environment = os.environ | {"ORACLE_DIR": str(self._home), "ORACLE_LANG": result.language}
            aside = out.with_suffix(".tmp")
            with pages.open("rb") as source, aside.open("wb") as sink:
                subprocess.run(
                    ["php", str(self._scripts / "parse.php")],
                    stdin=source, stdout=sink, stderr=subprocess.DEVNULL, env=environment, check=True,
                )  # fmt: skip
            aside.replace(out)
        return out

    def score(self, result: Result, folder: Path, articles: Sequence[dict[str, Any]]) -> None:
        """The five figures of the oracle, and the differences."""
        ours = folder / "mlukit.jsonl"
        with ours.open("w", encoding="utf-8") as file:
            for article in articles:
                links = [
                    [article["text"][link["start"] : link["end"]], target_for_oracle(link, result.language)]
                    for link in article["links"]
                ]
                row = {"title": article["title"], "text": article["text"], "links": links}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        arguments = [str(self._home), result.language, str(folder / "pages.out"), str(ours), "--show", "25"]
        first, *misses = self._run("score.py", *arguments).splitlines()
        cells = [cell.strip() for cell in first.strip("| ").split("|")]
        result.score = cells[2:7]
        result.scored = {name.strip(): int(n) for name, n in re.findall(r"([a-z ]+) (\d+)", cells[7])}
        result.misses = [m for m in misses if not m.startswith(("  | extra", "  | precision"))]

    def judge_residue(self, result: Result, folder: Path, articles: Sequence[dict[str, Any]]) -> None:
        """Tells remains of markup that MediaWiki's page does not show from those that it does."""
        from reader import norm, read  # type: ignore[import-not-found]

        site = json.loads((self._home / f"site/{result.language}.json").read_text("utf-8"))
        shown: dict[str, str] = {}
        with (folder / "pages.out").open(encoding="utf-8") as file, (folder / "pages.jsonl").open("rb") as source:
            for page, asked in zip(map(json.loads, file), map(json.loads, source), strict=True):
                if "html" in page:
                    shown[asked["title"]] = "\n".join(norm(p.text) for p in read(page["html"], site))
        classes = residue_classes(result.language)
        for article in articles:
            text, page_text, marked = article["text"], shown.get(article["title"]), set[int]()
            if page_text is None:
                continue
            for name, start, end in find_residue(text, classes):
                line, line_end = text.rfind("\n", 0, start) + 1, text.find("\n", end)
                after = text[start : min(end + SIDE, line_end if line_end >= 0 else len(text))]
                before = text[max(line, start - SIDE) : end]
                if name == "begins with punctuation":
                    seen = "\n" + norm(after) in "\n" + page_text
                else:
                    seen = name != "doubled spaces" and (norm(before) in page_text or norm(after) in page_text)
                if seen:
                    continue
                result.ours[name] += 1
                marked.add(line)
                context = f"{text[max(line, start - 40) : start]}⟦{text[start:end]}⟧{after[end - start :]}"
                result.our_examples.append(f"{name} | {article['title']} | {context}")
            result.our_paragraphs += len(marked)


def target_for_oracle(link: dict[str, Any], language: str) -> str:
    target: str = link["target"]
    return target if link["language"] == language else f"{link['language']}:{target}"


def write_head(language: str, work: Path) -> Path:
    """Writes a dump header for a wiki without siteinfo, for the oracle, with the namespaces of mlukit's own table."""
    names = any_language(language).namespace_names
    path = work / f"{language}wiki-head.xml.bz2"
    rows = "".join(f'<namespace key="{number}">{name}</namespace>' for number, name in sorted(names.items()))
    head = f"<mediawiki><siteinfo><dbname>{language}wiki</dbname><namespaces>{rows}</namespaces></siteinfo>"
    path.write_bytes(bz2.compress(head.encode()))
    return path


def tables(results: Sequence[Result], left_out: Sequence[str], with_oracle: bool) -> str:
    """The tables as Markdown."""
    results = sorted(results, key=lambda r: (-r.residue.paragraphs, r.name))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    lines = [f"Made on {time.strftime('%Y-%m-%d')} at {commit.strip() or 'an unknown commit'}.", ""]
    lines += oracle_table(results) if with_oracle else []
    lines += link_table(results) + residue_table(results, with_oracle)
    failed = [f"{r.name}: pages that failed: {r.failed}" for r in results if r.failed]
    if left_out or failed:
        lines += ["", "Left out:", "", *(f"- {line}" for line in [*left_out, *failed])]
    return "\n".join(lines)


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    head, *others = (f"| {' | '.join(row)} |" for row in rows)
    return [head, "|" + " --- |" * len(rows[0]), *others, ""]


def oracle_table(results: Sequence[Result]) -> list[str]:
    rows = [["dump", "language", "pages", "links", "paragraphs judged", "holed", *SCORES, "unjudged"]]
    for r in results:
        if r.score:
            counts = [str(r.scored.get(name, 0)) for name in ("pages", "links", "paragraphs", "holed")]
            rows.append([r.name, r.language, *counts, *r.score, str(r.scored.get("unjudged", 0))])
    lines = ["### MediaWiki as the judge", "", *markdown(rows), "What differs from MediaWiki, each miss:", ""]
    misses = [f"- {r.name}: {miss.strip(' |')[:300].replace('|', '/')}" for r in results for miss in r.misses]
    return [*lines, *(misses or ["- nothing"]), ""]


def link_table(results: Sequence[Result]) -> list[str]:
    rows = [["dump", "against", "right", "wrong", "made of templates", "missed", "precision", "recall"]]
    aside = Counter[str]()
    for r in results:
        if r.links is None:
            continue
        counts = r.links.counts
        made = counts["not written"] + counts["argument"] + counts["made of a template"]
        recorded = "pagelinks" if r.real_table else "what MediaWiki recorded"
        wrong = sum(counts[name] for name in WRONG) - (
            0 if r.real_table else counts["not written"] + counts["argument"]
        )
        right = counts["right"]
        precision = f"{100 * right / (right + wrong):.3f}%" if counts[RECORDED] and right else "–"
        recall = "–" if r.links.recall is None else f"{100 * r.links.recall:.3f}%"
        missed = sum(counts[name] for name in MISSED)
        against = recorded if counts[RECORDED] else "by number" if counts["links by number"] else "wikitext"
        rows.append([r.name, against, str(right), str(wrong), str(made), str(missed), precision, recall])
        aside.update({name: counts[name] for name in SET_ASIDE if counts[name]})
    lines = ["### Link targets against pagelinks and the wikitext", "", *markdown(rows), "Set aside, in all dumps:", ""]
    lines += markdown([["class", "links", "what it is"], *([n, str(c), SET_ASIDE[n]] for n, c in aside.most_common())])
    for r in results:
        for name in sorted({*WRONG, *MISSED} - ({"not written", "argument"} if not r.real_table else set())):
            for item in r.links.examples[name].items() if r.links and name in r.links.examples else ():
                lines.append(f"- {r.name}: {name}: {item['title']} -> {item['target']} {item['other']}".rstrip())
    return [*lines, ""]


def residue_table(results: Sequence[Result], with_oracle: bool) -> list[str]:
    """The table of paragraphs with remains of markup per 1,000, by side; then remains by class, and each place."""
    sides = [side for side in SIDES if side != UNTOLD]
    shown = ["not shown by MediaWiki"] if with_oracle else []
    found = [r for r in results if r.residue.all.places]
    rows = [["dump", "paragraphs", "any", *sides, *shown, "worst class of what is left"]]
    for r in found:
        ours = [f"{1000 * r.our_paragraphs / max(r.residue.paragraphs, 1):.2f}"] if with_oracle else []
        rates = [f"{r.residue.per_thousand(side=side):.2f}" for side in (None, *sides)]
        rows.append([r.name, str(r.residue.paragraphs), *rates, *ours, worst_class(r.residue)])
    clean = [r.name for r in results if not r.residue.all.places]
    lines = ["### Residue: paragraphs in 1,000", "", *markdown(rows), f"None at all in {', '.join(clean)}.", ""]
    lines += markdown([["side", "what it means"], *([side, SIDES[side]] for side in sides)])
    lines += ["Left, up to five of a class:", ""]
    lines += [f"- {r.name}: {line}" for r in found for line in left_examples(r.residue)] or ["- nothing"]
    examples = [f"- {r.name}: {line.replace('|', '/')}" for r in results for line in r.our_examples[:12]]
    return [*lines, "", "Not shown by MediaWiki:", "", *(examples or ["- nothing"])] if with_oracle else lines


def worst_class(tally: ResidueTally) -> str:
    left = tally.sides.get(LEFT)
    if left is None:
        return "–"
    name, _ = max(left.paragraphs_of.items(), key=lambda item: (item[1], item[0]))
    return f"{code(name)} {tally.per_thousand(name, LEFT):.2f}"


def left_examples(tally: ResidueTally) -> Iterator[str]:
    for name, sample in tally.sides[LEFT].examples.items() if LEFT in tally.sides else ():
        for item in sample.items()[:5]:
            yield f"{name} / {item['title']} / {item['text']}".replace("|", "/").replace("⏎", " ")


def code(name: str) -> str:
    return "`" + name.replace("|", "\\|") + "`"


if __name__ == "__main__":
    main()
