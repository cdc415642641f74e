"""`mlukit verify`: every kind of damage is named, and what it says mends it."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.small_dumps import IN_MEMORY, Ran, checksums, load, run
from tests.small_wikis import build

ARTICLES = "articles/en/train-00000.parquet"
EXAMPLES = "examples/de/train-00000"
FAILURES = "failures/en/link-00000.parquet"
TOKENIZER = "tokenizer/sentencepiece.bpe.model"
MANIFEST = "mentions/en/_manifest.json"


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Path:
    """The finished output, to be damaged."""
    return Path(shutil.copytree(built, tmp_path / "OUT"))


def verify(output: Path, *arguments: object) -> Ran:
    return run("verify", output, *arguments, IN_MEMORY)


def problems(ran: Ran) -> list[str]:
    """The problems, without their details."""
    assert ran.status == 1, ran
    return [re.sub(r"  +", " ", line).partition(":")[0] for line in ran.out.partition("\n\n")[0].splitlines()]


def flip(path: Path) -> None:
    """Changes one bit."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Changes a JSON file's value."""
    value = load(path)
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def mend(output: Path, dumps: Path, ran: Ran) -> None:
    """Does what the command says."""
    steps = ran.out.partition("To repair the output:\n")[2]
    for path in re.findall(re.escape(str(output)) + r"/\S+", steps):
        Path(path).unlink()
    if "mlukit build" in steps:
        again = build(dumps, output)
        assert again.status == 0, again.err


def test_whole(built: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*")}
    ran = verify(built)
    kinds = ("articles", "failures", "vocabulary", "mentions", "examples")
    names = [path for kind in kinds for path in (built / kind).rglob("*.*") if path.name != "_manifest.json"]
    assert (ran.status, ran.out) == (
        0,
        f"{built} is whole (link, vocabulary, examples): {len(names)} shards read again\n",
    )
    assert ran.err.startswith(f"verify: {len(names)} of {len(names)} shards in ")
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*")} == before


Damage = tuple[str, Callable[[Path], object], list[str]]


def one_language_more(out: Path) -> None:
    (out / "examples/fr").mkdir()
    shutil.copy(out / "examples/de/_manifest.json", out / "examples/fr")


def extra_files(out: Path) -> None:
    for name in ("articles/en/a.parquet", "mentions/b", "examples/de/c"):
        (out / name).touch()


def of_another_run(record: Any) -> None:
    record["inputs"]["link"] = "0"


MENDED: list[Damage] = [
    ("a bit", lambda out: flip(out / ARTICLES), [f"changed {ARTICLES}"]),
    ("failures", lambda out: (out / FAILURES).unlink(), [f"missing {FAILURES}"]),
    ("extra", extra_files, ["extra articles/en/a.parquet", "extra examples/de/c", "extra mentions/b"]),
    ("no manifest", lambda out: (out / "vocabulary/_manifest.json").unlink(), ["missing vocabulary/_manifest.json"]),
    ("a tokenizer", lambda out: flip(out / TOKENIZER), [f"changed {TOKENIZER}"]),
    ("a title index", lambda out: (out / "index/en/hashes").write_bytes(b""), ["wrong index/en"]),
    ("no record", lambda out: (out / "vocabulary.json").unlink(), ["missing vocabulary.json"]),
    (
        "a record of another run",
        lambda out: edit(out / "vocabulary.json", of_another_run),
        [
            "wrong examples.json",
            *(f"wrong mentions/{language}/_manifest.json" for language in ("de", "en", "ja")),
            "wrong vocabulary.json",
            "wrong vocabulary/_manifest.json",
        ],
    ),
]
NAMED: list[Damage] = [
    ("a file gone", lambda out: (out / f"{EXAMPLES}.tfrecord.gz").unlink(), [f"missing {EXAMPLES}.tfrecord.gz"]),
    ("a size", lambda out: (out / f"{EXAMPLES}.parquet").write_bytes(b""), [f"changed {EXAMPLES}.parquet"]),
    ("one language more", one_language_more, ["extra examples/fr/_manifest.json"]),
    ("no JSON", lambda out: (out / MANIFEST).write_text("{"), [f"wrong {MANIFEST}"]),
    (
        "another language's manifest",
        lambda out: shutil.copy(out / "mentions/ja/_manifest.json", out / MANIFEST),
        [f"wrong {MANIFEST}"],
    ),
    (
        "rows",
        lambda out: edit(out / MANIFEST, lambda manifest: manifest["shards"][0].update(rows=99)),
        ["changed mentions/en/mentions-00000.parquet"],
    ),
    (
        "a path out of the folder",
        lambda out: edit(out / MANIFEST, lambda manifest: manifest["shards"][0].update(path="mentions/en/../../x")),
        [f"wrong {MANIFEST}"],
    ),
    (
        "a shard twice",
        lambda out: edit(out / MANIFEST, lambda manifest: manifest["shards"].append(manifest["shards"][0])),
        [f"wrong {MANIFEST}"],
    ),
    (
        "no shards",
        lambda out: edit(out / MANIFEST, lambda manifest: manifest.update(shards=[1])),
        [f"wrong {MANIFEST}"],
    ),
    ("a broken record", lambda out: (out / "examples.json").write_text("[]"), ["wrong examples.json"]),
]


@pytest.mark.parametrize(("damage", "expected"), [pytest.param(*case[1:], id=case[0]) for case in MENDED])
def test_damage_is_named_and_mended(
    copied: Path, built: Path, dumps: Path, damage: Callable[[Path], object], expected: list[str]
) -> None:
    damage(copied)
    ran = verify(copied)
    assert sorted(problems(ran)) == expected
    mend(copied, dumps, ran)
    assert verify(copied).status == 0
    assert checksums(copied) == checksums(built)


@pytest.mark.parametrize(("damage", "expected"), [pytest.param(*case[1:], id=case[0]) for case in NAMED])
def test_damage_is_named(copied: Path, damage: Callable[[Path], object], expected: list[str]) -> None:
    damage(copied)
    assert problems(verify(copied)) == expected


def test_all_that_is_wrong_is_named_in_the_order_of_the_stages(copied: Path) -> None:
    flip(copied / f"{EXAMPLES}.parquet")
    flip(copied / "vocabulary/vocabulary.jsonl")
    (copied / ARTICLES).unlink()
    ran = verify(copied)
    assert problems(ran) == [
        f"missing {ARTICLES}",
        "changed vocabulary/vocabulary.jsonl",
        f"changed {EXAMPLES}.parquet",
    ]
    records = " ".join(f"{copied}/{stage}.json" for stage in ("link", "vocabulary", "examples"))
    assert ran.out.partition("To repair the output:\n")[2] == (
        f"  1. delete the records of the stages to repeat: {records}\n"
        f"  2. run mlukit link, mlukit vocabulary, mlukit examples, or mlukit build for all, with --output {copied} "
        "and the same flags as before\n"
    )


def test_stages_that_are_not_finished(dumps: Path, tmp_path: Path) -> None:
    output = tmp_path / "OUT"
    assert run("link", "--dumps", dumps, "--output", output, IN_MEMORY).status == 0
    ran = verify(output)
    assert (ran.status, "(link)" in ran.out) == (0, True)
    (output / "_work/vocabulary.plan.json").write_text("{}")
    ran = verify(output)
    assert problems(ran) == ["not finished vocabulary.json"]
    assert "1. run mlukit vocabulary, or mlukit build" in ran.out


def test_some_folders(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(copied / ARTICLES)
    assert verify(copied, "examples", copied / "articles/de").status == 0
    assert problems(verify(copied, "articles")) == [f"changed {ARTICLES}"]
    monkeypatch.chdir(copied.parent)
    assert problems(verify(Path("OUT/"), "OUT/articles/en/")) == [f"changed {ARTICLES}"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["OUT", "article"],
            "OUT has no finished folder 'article'; did you mean 'articles/ja'? (articles, failures, vocab",
        ),
        (["OUT", "articles/fr"], "OUT has no finished folder 'articles/fr'; did you mean 'articles/ja'? (articles, "),
        (["OUT", "."], "OUT has no finished folder '.' ("),
        (["empty"], "empty has no run.json: name a folder that mlukit wrote"),
        (["OUT", "--num_workers=2"], "--num_workers is for Dataflow; on this machine, --workers N sets "),
        (["OUT", "--direct_num_worker=2"], "unknown flag --direct_num_worker; did you mean '--direct_num_workers'?"),
    ],
)
def test_wrongly_asked(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "OUT").symlink_to(built)
    monkeypatch.chdir(tmp_path)
    ran = run("verify", *arguments)
    assert ran.status == 2
    assert ran.err.startswith(f"mlukit verify: {message}")
