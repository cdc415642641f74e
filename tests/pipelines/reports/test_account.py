"""The whole account of an output folder."""

from collections import Counter
from pathlib import Path

from mlukit.engine.storage import Storage
from mlukit.pipelines.reports.account import account_lines
from mlukit.schemas.manifest import Flow


def test_other_namespaces_are_one_reason(tmp_path: Path) -> None:
    spaces = {f"namespace {number}": 100 for number in (4, 8, 10, 14, 828)}
    skipped = {
        "de": Counter({"redirect": 7, "namespace 10": 2}),
        "en": Counter({**spaces, "redirect": 7, "repeated_page": 2, "empty_text": 0}),
    }
    languages = {
        code: {"flows": {"pages": Flow(20 + reasons.total(), 20, Counter(), reasons).to_json()}}
        for code, reasons in skipped.items()
    }
    Storage(str(tmp_path)).write_json("link.json", {"languages": languages})
    lines = account_lines(Storage(str(tmp_path)), ["link"])
    assert [line.partition("pages")[2].split(maxsplit=4) for line in lines[1:]] == [
        ["29", "20", "0", "9", "redirect 7, namespace 10 2"],
        ["529", "20", "0", "509", "other namespaces 500, redirect 7, repeated_page 2"],
    ]
