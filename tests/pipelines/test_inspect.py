"""`mlukit inspect --title` and `--qid`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_dumps import run


def heads(text: str) -> list[str]:
    """The lines that name a folder or an article."""
    return [line for line in text.splitlines() if line.startswith(("==", "#"))]


def test_an_article_is_found_by_its_title_in_every_language(built: Path) -> None:
    assert heads(run("inspect", built, "--title", "berlin").out) == [
        "== articles/de",
        "# Berlin (de, page 1, Q64, article, train)",
        "== articles/en",
        "# Berlin (en, page 10, Q64, article, train)",
    ]
    assert heads(run("inspect", built / "articles/en", "--title", "Spree_(river)").out)[0].startswith(
        "# Spree (river) (en"
    )


def test_an_item_has_an_entity_articles_and_anchors(built: Path) -> None:
    out = run("inspect", "--output", built, "--qid", "q64").out
    assert [line for line in heads(out) if line.startswith("==")] == [
        *("== vocabulary", "== articles/de", "== articles/en", "== articles/ja"),
        *("== mentions/de", "== mentions/en", "== mentions/ja"),
    ]
    assert '"name": "Q64"' in out and '"anchor": "ベルリン"' in out
    assert "Q183" not in run("inspect", built / "mentions/de", "--qid", "Q64").out


def test_examples_are_found_by_title_and_by_what_they_mention(built: Path) -> None:
    by_title = run("inspect", built / "examples/de", "--title", "Berlin").out
    assert [head.split(",")[0] for head in heads(by_title)] == ["# page 1"]
    mentioning = run("inspect", built / "examples/de", "--qid", "Q7", "--number", 9).out
    assert heads(mentioning) and all("|Q7 " in text for text in mentioning.split("\n\n") if text.startswith("#"))


@pytest.mark.parametrize(
    ("folder", "flags", "status", "said"),
    [
        (
            "",
            ["--title", "Bärlin"],
            1,
            "{} has no article with the title 'Bärlin' (articles/de, articles/en, articles/ja)",
        ),
        ("articles/de", ["--title", "x"], 1, "{}/articles/de has no record with the title 'x'"),
        ("", ["--qid", "Q99999"], 1, "{} has no article with the item Q99999 ("),
        ("examples/de", ["--qid", "Q99999"], 1, "{}/examples/de has no record with the item Q99999"),
        (
            "mentions/de",
            ["--title", "x"],
            2,
            "--title is not for mentions; accepted: a folder of articles, examples, voc",
        ),
        ("articles/de", ["--page-id", "99"], 1, "{}/articles/de has no record with the page id 99"),
    ],
)
def test_what_is_not_there_is_said(built: Path, folder: str, flags: list[str], status: int, said: str) -> None:
    ran = run("inspect", built / folder, *flags)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.startswith(f"mlukit inspect: {said.format(built)}")


def test_the_process_ends_well(built: Path) -> None:
    """Threads of Arrow that still read at the end abort a process."""
    for _ in range(3):
        command = [sys.executable, "-m", "mlukit", "inspect", str(built / "examples" / "en"), "--number", "1"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (ended.returncode, ended.stderr) == (0, "")
