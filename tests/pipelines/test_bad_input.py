"""What a user can get wrong, and what can be wrong with files: one line that says so.

Where it can be known before any work, the output folder is not even made.
"""

import bz2
import gc
import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlukit.schemas.formats import format_names
from tests.small_dumps import (
    IN_MEMORY,
    SmallPage,
    assert_all_accounted,
    checksums,
    complaint,
    dump_xml,
    load,
    rows,
    rows_in_order,
    run,
    shards,
    sql,
    write_dump,
)
from tests.small_wikis import DE, build

FORMATS = ", ".join(format_names("examples"))
ROOT = Path(__file__).resolve().parents[2]
EN_DUMP, DE_DUMP = (f"{language}wiki-20260901-pages-articles.xml.bz2" for language in ("en", "de"))
EN_ITEMS, JA_LINKS = "enwiki-20260901-page_props.sql.gz", "jawiki-20260901-langlinks.sql.gz"
SITELINKS = "wikidatawiki-20260901-wb_items_per_site.sql.gz"


@pytest.fixture
def own_dumps(dumps: Path, tmp_path: Path) -> Path:
    """The dumps, to be changed."""
    return Path(shutil.copytree(dumps, tmp_path / "dumps"))


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Path]:
    """An output folder that must not be made."""
    yield tmp_path / "OUT"
    assert not (tmp_path / "OUT").exists()


# Flags and configuration


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--outptu", "x"], "unknown flag --outptu; did you mean '--output'? (see mlukit build --help)"),
        (["--min-langs=2"], "unknown flag --min-langs; did you mean '--min-languages'? (see mlukit build --help)"),
        (
            ["--direct_num_worker", "2"],
            "unknown flag --direct_num_worker; did you mean '--direct_num_workers'? (see mlukit build --help)",
        ),
        (["en", "de"], "'en' is not a flag (see mlukit build --help)"),
        (["--direct_num_workers", "2", "stray"], "'stray' is not a flag (see mlukit build --help)"),
        (["--direct_num_workers", "two"], "argument --direct_num_workers: invalid int value: 'two'"),
        (["--direct_num_workers", "-1"], "--direct_num_workers is -1; accepted: 0 (all cores) or more"),
        (["--worker", "2"], "unknown flag --worker; did you mean '--workers'? (see mlukit build --help)"),
        (["--workers", "0"], "argument --workers: '0' is not a whole number of at least 1"),
        (
            ["--workers", "2"],  # beside --direct_running_mode=in_memory
            "--workers 2 starts worker processes, but --direct_running_mode=in_memory has none: give only one of them",
        ),
        (
            ["--num_workers=2"],
            "--num_workers is for Dataflow; on this machine, --workers N sets the number of worker processes",
        ),
        (["--min-count", "0"], "argument --min-count: '0' is not a whole number of at least 1"),
        (["--min-count", "²"], "argument --min-count: '²' is not a whole number of at least 1"),
        (["--range-size", "32 apples"], "argument --range-size: '32 apples' is not a size such as 32MiB"),
        (
            ["--kinds", "artcle"],
            "argument --kinds: 'artcle' is not one of article, list, disambiguation, date, other; "
            "did you mean 'article'?",
        ),
        (
            ["--format", "tfrecords"],
            f"argument --format: 'tfrecords' is not one of {FORMATS}; did you mean 'tfrecord'?",
        ),
        (["--languages", ""], "argument --languages: '' is empty; accepted: one or more words, such as en,de"),
        (["--languages", "en,eng"], "--languages: no Wikipedia has the code 'eng'; did you mean 'en'?"),
        (["--languages", "elwiki"], "--languages: no Wikipedia has the code 'elwiki'; did you mean 'el'?"),
        (["--languages", "EL"], "--languages: no Wikipedia has the code 'EL'; did you mean 'el'?"),
        (["--languages", "greek"], "--languages: no Wikipedia has the code 'greek'; did you mean 'el'?"),
        (
            ["--languages", "qq"],
            "--languages: no Wikipedia has the code 'qq'; accepted: the code in a Wikipedia's address, such as 'el' "
            "in el.wikipedia.org",
        ),
        (["--min-languages", "4"], "--min-languages is 4, but 3 languages are built (de, en, ja); accepted: 1 to 3"),
        (
            ["--languages", "en", "--min-languages", "2"],
            "--min-languages is 2, but 1 language is built (en); accepted: 1",
        ),
        (["--vocabulary-size", "4"], "--vocabulary-size is 4, but 4 entities are special; accepted: 5 or more"),
        (
            ["--max-tokens", "8", "--min-sentence-pieces", "7"],
            "min_sentence_pieces is 7; accepted: 0 to 6, the number of pieces that max_tokens allows",
        ),
        (["--output", ""], "--output is missing: name the folder to write to"),
        (
            ["--dry_run=True"],
            "--dry_run is a flag of Beam that runs no job, but mlukit waits for its job; --dry-run shows what the "
            "command would do",
        ),
    ],
)
def test_flags(dumps: Path, output: Path, flags: list[str], said: str) -> None:
    assert complaint(build(dumps, output, *flags)) == f"mlukit build: {said}"


def test_a_runner_that_beam_does_not_know(dumps: Path, output: Path) -> None:
    said = complaint(build(dumps, output, "--runner", "FlinkRuner"))
    assert said.startswith("mlukit build: --runner FlinkRuner is not one of DataflowRunner, ")
    assert said.endswith("; did you mean 'FlinkRunner'?")


def test_a_runner_that_lacks_something(dumps: Path, tmp_path: Path) -> None:
    ran = build(dumps, tmp_path / "OUT", "--runner", "PortableRunner")
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert ran.err.startswith("mlukit build: the pipeline failed: You must specify a --job_endpoint")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["buidl"], "mlukit: unknown command 'buidl'; did you mean 'build'?"),
        (["--verson"], "mlukit: unknown command '--verson'; did you mean '--version'?"),
        (["--output", "x"], "mlukit: unknown command '--output'; accepted: parse, download, build, "),
        (["--print-completion", "fish"], "mlukit: --print-completion: 'fish' is not one of bash, zsh"),
        (["link", "--vocabulary-size", "9"], "mlukit link: unknown flag --vocabulary-size"),
        (["audit", "x", "--exmples", "3"], "mlukit audit: unknown flag --exmples; did you mean '--examples'?"),
        (["audit", "x", "--examples", "-1"], "mlukit audit: argument --examples: '-1' is not a whole number of at"),
        (["audit", "--dry_run=1"], "mlukit audit: --dry_run is a flag of Beam that runs no job, but mlukit waits for "),
        (["verify"], "mlukit verify: OUT is missing: name an output folder that mlukit wrote"),
        (
            ["import", "x", "--otput", "y"],
            "mlukit import: unknown flag --otput; did you mean '--output'? (see mlukit im",
        ),
        (["export"], "mlukit export: RUN and --output are missing (see mlukit export --help)"),
        (
            ["fill", "RUN", "--txt", "x"],
            "mlukit fill: unknown flag --txt; did you mean '--text'? (see mlukit fill --hel",
        ),
        (["inspect", "x", "--nubmer", "3"], "mlukit inspect: unknown flag --nubmer; did you mean '--number'?"),
        (["inspect", "x", "--qid", "berlin"], "mlukit inspect: argument --qid: 'berlin' is not the QID of an item, s"),
        (["inspect", "x", "y"], "mlukit inspect: 'y' after x is one word too many"),
        (["inspect", "x", "--number", "-3"], "mlukit inspect: argument --number: '-3' is not a whole number of at"),
        (["inspect"], "mlukit inspect: OUT is missing: name an output folder that mlukit wrote"),
    ],
)
def test_commands(words: list[str], said: str) -> None:
    assert complaint(run(*words)).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"langauges = ['en']", "{}: unknown option 'langauges'; did you mean 'languages'?"),
        (b"config = 'other.toml'", "{}: unknown option 'config'"),
        (b"min_count = 'many'", "{}: min_count: 'many' is not a whole number of at least 1"),
        (b"allow_unresolved = 'yes'", "{}: allow_unresolved = 'yes' is wrong; accepted: true or false"),
        (b"languages = []", "{}: languages: '' is empty; accepted: one or more words, such as en,de"),
        (b"[languages]\nen = 1", "{}: languages is a table; accepted: one value, or a list"),
        (b"patterns = 3", "{}: patterns = 3 is not a table; accepted: [patterns] with file patterns"),
        (
            b"[patterns]\npags = 'x'",
            "the file pattern pags = 'x' is not valid; accepted: a list of strings, in which only {{wiki}} ",
        ),
        (b"dump = ['en=x']", "{}: dump = ['en=x'] is not a table of files, such as en = 'enwiki.xml.bz2'"),
        (b"[dump]\nen = 3", "{}: dump = {{'en': 3}} is not a table of files, such as en = 'enwiki.xml.bz2'"),
        (b"languages", "--config {}: Expected '=' after a key"),
        (b"# \xff\n", "--config {}: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_configurations(dumps: Path, output: Path, tmp_path: Path, content: bytes, said: str) -> None:
    config = tmp_path / "mlukit.toml"
    config.write_bytes(content)
    assert complaint(build(dumps, output, "--config", config)).startswith(f"mlukit build: {said.format(config)}")


def test_a_configuration_that_is_not_there(dumps: Path, output: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        assert complaint(build(dumps, output, "--config", path)).startswith(f"mlukit build: --config {path}: [Errno ")


def test_dumps_of_a_configuration(dumps: Path, tmp_path: Path) -> None:
    config = tmp_path / "mlukit.toml"
    config.write_text(f"allow_unresolved = true\n[dump]\nde = ['{dumps / DE_DUMP}']\n")
    assert run("link", "--config", config, "--output", tmp_path / "OUT", IN_MEMORY).status == 0
    assert [row["page_id"] for row in rows_in_order(tmp_path / "OUT/articles/de")] == [1, 2, 3]


# The output folder


def test_an_output_with_something_else_in_it(dumps: Path, tmp_path: Path) -> None:
    for name in ("thesis.tex", "a/b.txt"):
        (tmp_path / "OUT" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "OUT" / name).touch()
    assert complaint(build(dumps, tmp_path / "OUT")) == (
        f"mlukit build: --output {tmp_path / 'OUT'} has files that mlukit did not write (a/b.txt, thesis.tex): "
        "name a new or empty folder, or an output folder of mlukit"
    )
    assert sorted(path.name for path in (tmp_path / "OUT").rglob("*")) == ["a", "b.txt", "thesis.tex"]


@pytest.mark.parametrize("name", ["file", "file/below", "/dev/null/below", "/dev/full", "/proc/mlukit"])
def test_an_output_that_cannot_be_written_to(dumps: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    said = complaint(build(dumps, tmp_path / name))
    assert said.startswith(f"mlukit build: --output {tmp_path / name} cannot be written to: [Errno ")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of a size, with options as mount has them."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here")

    def remount(options: str) -> Path:
        gc.collect()  # files that a failed run had open
        subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)
        return disk

    yield remount
    subprocess.run(["umount", "--lazy", disk], check=True)  # indexes are still mapped


def test_a_full_disk(built: Path, dumps: Path, small_disk: Callable[[str], Path]) -> None:
    ends = []
    for size in range(4, 2000, 80):  # KiB; a whole output is some 500
        ran = build(dumps, small_disk(f"size={size}k") / "OUT")
        if ran.status == 0:
            break
        ends.append(ran.err.splitlines()[-1])
        assert ran.status == 1 and "Traceback" not in ran.err
    assert len(ends) > 2
    assert all(end.startswith("mlukit build: ") and "[Errno 28] No space left on device" in end for end in ends), ends
    assert checksums(small_disk("size=2m") / "OUT") == checksums(built)
    read_only = small_disk("ro")
    assert build(dumps, read_only / "OUT").status == 0  # it has nothing to write
    said = complaint(build(dumps, read_only / "OTHER"))
    assert "cannot be written to: [Errno 30] Read-only file system" in said


# The tokenizer


def test_a_tokenizer_is_named_once(dumps: Path, output: Path) -> None:
    name_it = "mlukit build: one tokenizer is required: give either --sentencepiece-model FILE ("
    assert complaint(run("build", "--dumps", dumps, "--output", output)).startswith(name_it)
    assert complaint(build(dumps, output, "--train-sentencepiece", 200)).startswith(name_it)


def test_a_tokenizer_that_is_none(dumps: Path, output: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "html").write_text("<html>404 not found</html>")
    for path, said in (
        (tmp_path / "none", "there is no such file"),
        (tmp_path / "empty", "the SentencePiece model is empty"),
        (tmp_path / "html", "the file is not a SentencePiece model (26 bytes)"),
        (tmp_path, "[Errno 21] Is a directory"),
    ):
        refused = complaint(build(dumps, output, "--sentencepiece-model", path))
        assert refused.startswith(f"mlukit build: --sentencepiece-model {path}: {said}")


def test_a_tokenizer_with_more_pieces_than_the_corpus_gives_has_fewer(dumps: Path, tmp_path: Path) -> None:
    flags = ("--dumps", dumps, "--languages", "ja", "--output", tmp_path / "OUT", "--allow-unresolved", IN_MEMORY)
    assert run("link", *flags).status == 0
    ran = run("build", *flags, "--train-sentencepiece", 5000, "--keep-without-entities")
    assert ran.status == 0, ran.err
    (pieces,) = re.findall(r"^tokenizer: (\d+) pieces", ran.err, re.MULTILINE)
    assert 10 < int(pieces) < 200


# Which dumps


def test_folders_of_dumps(dumps: Path, output: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    none = f"mlukit build: --dumps {tmp_path / 'none'}: there is no such folder"
    assert complaint(build(dumps, output, "--dumps", tmp_path / "none")) == none
    a_file = f"mlukit build: --dumps {dumps / EN_DUMP}: there is no such folder"
    assert complaint(build(dumps, output, "--dumps", dumps / EN_DUMP)) == a_file
    empty = f"mlukit build: {tmp_path / 'empty'} has no dump of a Wikipedia, such as enwiki-20260901-pages-articles"
    assert complaint(build(dumps, output, "--dumps", tmp_path / "empty")).startswith(empty)
    assert "--dumps is missing" in complaint(build(dumps, output, "--dumps", ""))


def test_a_language_without_a_dump(dumps: Path, output: Path) -> None:
    said = complaint(build(dumps, output, "--languages", "en,fr"))
    assert said.startswith(
        "mlukit build: there is no dump for language 'fr': looked for frwiki-*pages-articles*.xml*, "
    )


def test_a_date_without_a_dump(dumps: Path, output: Path) -> None:
    said = complaint(build(dumps, output, "--date", "20260801", "--languages", "de"))
    assert said.startswith("mlukit build: there is no dump for language 'de': ")
    assert said.endswith(f"files of other dates: {dumps / DE_DUMP}")


def test_two_dumps_of_a_language(own_dumps: Path, output: Path) -> None:
    other = own_dumps / "dewiki-20260801-pages-articles.xml.gz"
    other.write_bytes(gzip.compress(dump_xml("de", DE).encode()))
    assert complaint(build(own_dumps, output)) == (
        f"mlukit build: 2 dumps match language 'de': {other}, {own_dumps / DE_DUMP}; remove all but one, choose one "
        "with --date, or name one with --dump"
    )


def test_dumps_named_by_hand(dumps: Path, output: Path, tmp_path: Path) -> None:
    def said(*flags: str) -> str:
        return complaint(build(dumps, output, *flags)).removeprefix("mlukit build: ")

    dump = dumps / DE_DUMP
    assert said("--dump", f"de={tmp_path}/none.xml") == f"--dump de={tmp_path}/none.xml: there is no such file"
    assert said("--dump", f"de={dump}", "--dump", f"de={dump}") == f"--dump de={dump} is given twice"
    assert said("--dump", f"dewiki={dump}") == "--dump: no Wikipedia has the code 'dewiki'; did you mean 'de'?"
    both = ("--languages", "de", "--dump", f"dewiki={dump}")
    assert said(*both) == "--dump: no Wikipedia has the code 'dewiki'; did you mean 'de'?"
    beside = "--dump names a dump of de, which is not among --languages"
    assert said("--languages", "en", "--dump", f"de={dump}") == beside
    assert said("--dump", "de").startswith("argument --dump: 'de' is not LANGUAGE=PATH")


def test_a_dump_of_another_wiki(own_dumps: Path, tmp_path: Path) -> None:
    dump, output = shutil.copy(own_dumps / EN_DUMP, own_dumps / DE_DUMP), tmp_path / "OUT"
    link = ("link", "--dump", f"de={dump}", "--allow-unresolved", IN_MEMORY, "--output", output)
    audit = ("audit", output, "--dumps", own_dumps, IN_MEMORY)
    said = (
        f"{dump} is given for the language 'de', whose wiki is dewiki, but the header of the file says enwiki: name "
        "a dump of dewiki; if the pages are from dewiki in spite of the header, add --foreign-header"
    )
    assert complaint(run(*link)) == f"mlukit link: {said}"
    assert complaint(build(own_dumps, output)) == f"mlukit build: {said}"
    assert not output.exists()
    assert run(*link, "--foreign-header").status == 0
    ran = run(*audit)
    assert (ran.status, ran.err.splitlines()[-1]) == (2, f"mlukit audit: {said}")
    assert run(*audit, "--foreign-header").status == 0


def test_a_dump_whose_header_does_not_name_its_wiki_is_a_warning(own_dumps: Path, tmp_path: Path) -> None:
    dump = own_dumps / DE_DUMP
    dump.write_bytes(bz2.compress(dump_xml("de", DE).replace("<dbname>dewiki</dbname>", "").encode()))
    ran = run("link", "--dump", f"de={dump}", "--allow-unresolved", IN_MEMORY, "--output", tmp_path / "OUT")
    assert ran.status == 0
    warning = f"de: the header of {dump} does not name its wiki, so mlukit cannot check that the pages are from dewiki"
    assert warning in ran.err.splitlines()


def test_a_name_with_the_characters_of_patterns(dumps: Path, tmp_path: Path) -> None:
    dump = tmp_path / "de[wiki] *?.xml.bz2"
    dump.write_bytes((dumps / DE_DUMP).read_bytes())
    ran = run("link", "--dump", f"de={dump}", "--output", f"file://{tmp_path}/OUT", "--allow-unresolved", IN_MEMORY)
    assert ran.status == 0, ran.err
    assert len(rows_in_order(tmp_path / "OUT/articles/de")) == 3


# What is wrong with a file


def zipped(content: bytes) -> bytes:
    """The same bytes each time, since tests are named by them."""
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (EN_DUMP, b"", "is empty; accepted: MediaWiki's XML export, plain or as .bz2, .gz, .xz, .zst or .7z"),
        (EN_DUMP, b"<mediawiki>", "has no content in the format that its name says"),
        (EN_DUMP, bz2.compress(b"<html>404</html>"), "is not a dump: it begins with b'<html>404</html>', "),
        (EN_DUMP, bz2.compress(b"<!DOCTYPE x><mediawiki>"), "declares a document type or entities"),
        (EN_ITEMS, b"", "is empty: delete the file, or download it again"),
        (EN_ITEMS, b"<html>404</html>", ": the dump cannot be read after byte 0: Not a gzipped file (b'<h')"),
        (EN_ITEMS, zipped(b"<html>404</html>"), ": the dump is cut off: it ends within a statement"),
        (EN_ITEMS, zipped(b""), ": the dump has no table `page_props`; tables in the dump: none"),
        (JA_LINKS, zipped(sql("redirect", []).encode()), "no table `langlinks`; tables in the dump: redirect"),
        (SITELINKS, zipped(b"not SQL"), ": the dump is cut off: it ends within a statement"),
        ("dewiki-title_items.tsv", b"<html>404</html>", "is not a table of titles and items (it begins with b'<html>"),
        ("dewiki-title_items.tsv.gz", b"Berlin\tQ64\n", "is not a table of titles and items (corrupt_block)"),
        ("dewiki-title_items.tsv.xz", b"", "is empty: delete the file, or download it again"),
        ("wikidata-20260901-all.json.gz", zipped(b"no json"), "is not a JSON dump of Wikidata (it begins with b"),
        ("wikidata-20260901-all.json.gz", b"[\n{}\n]\n", "is not a JSON dump of Wikidata (corrupt_block)"),
    ],
)  # fmt: skip
def test_files_that_are_something_else(own_dumps: Path, output: Path, name: str, content: bytes, said: str) -> None:
    (own_dumps / name).write_bytes(content)
    refused = complaint(build(own_dumps, output))
    assert refused.startswith(f"mlukit build: {own_dumps / name}") and said in refused


@pytest.mark.parametrize("name", [EN_DUMP, EN_ITEMS])
def test_a_folder_where_a_file_should_be(own_dumps: Path, output: Path, name: str) -> None:
    (own_dumps / name).unlink()
    (own_dumps / name).mkdir()
    said = f"mlukit build: {own_dumps / name} is not a file, but has the name of a dump or table"
    assert complaint(build(own_dumps, output)) == said


def test_a_table_that_is_cut_off(own_dumps: Path, tmp_path: Path, built: Path) -> None:
    path = own_dumps / EN_ITEMS
    whole = path.read_bytes()
    path.write_bytes(gzip.compress(gzip.decompress(whole)[:-60]))
    ran = build(own_dumps, tmp_path / "OUT")
    assert ran.status == 1
    last = ran.err.splitlines()[-1]
    assert last.startswith(
        f"mlukit build: index/en/00000 failed: SqlDumpError: {path}: the dump is cut off: it ends within"
    )


def test_no_source_of_items(own_dumps: Path, output: Path) -> None:
    (own_dumps / EN_ITEMS).unlink()
    assert complaint(build(own_dumps, output)) == (
        "mlukit build: no source of Wikidata items for en: put {wiki}-{date}-page_props.sql.gz, "
        "wikidatawiki-{date}-wb_items_per_site.sql.gz or the Wikidata JSON dump beside the dumps, or use "
        "--wikidata-api, or continue without items by --allow-unresolved"
    )


def test_links_to_other_languages_are_no_source_where_none_has_items(own_dumps: Path, output: Path) -> None:
    said = complaint(build(own_dumps, output, "--languages", "ja"))
    assert said.startswith("mlukit build: no source of Wikidata items for ja: ")


def test_no_source_of_items_is_allowed_if_asked_for(own_dumps: Path, tmp_path: Path) -> None:
    (own_dumps / EN_ITEMS).unlink()
    ran = build(own_dumps, tmp_path / "OUT", "--allow-unresolved")
    assert ran.status == 0, ran.err
    assert {row["qid"] for row in rows_in_order(tmp_path / "OUT/articles/en")} == {None}
    assert {row["qid"] for row in rows_in_order(tmp_path / "OUT/articles/de")} == {"Q64", "Q7", "Q183"}


def test_items_that_belong_to_no_article_are_said(own_dumps: Path, tmp_path: Path) -> None:
    (own_dumps / EN_ITEMS).write_bytes(gzip.compress(sql("page_props", [(9999, "wikibase_item", "Q1", None)]).encode()))
    ran = build(own_dumps, tmp_path / "OUT")
    assert ran.status == 0, ran.err
    assert "en: 7 articles, but no source of items has an item for any of them" in ran.err.splitlines()


def test_an_empty_vocabulary(dumps: Path, tmp_path: Path) -> None:
    ran = build(dumps, tmp_path / "OUT", "--min-languages", 3, "--min-count", 9)
    assert ran.status == 2
    assert ran.err.splitlines()[-1] == (
        "mlukit build: the entity vocabulary is empty: links lead to 5 entities (2 entities in 1 language, "
        "1 entity in 2 languages, 2 entities in 3 languages), but no entity meets the conditions; lower "
        "--min-languages (now 3) or --min-count (now 9). --keep-without-entities makes examples without entities"
    )
    ran = build(dumps, tmp_path / "OUT", "--min-languages", 3, "--min-count", 9, "--keep-without-entities")
    assert ran.status == 0, ran.err
    line = (
        "vocabulary: 0 entities kept, 5 dropped: 3 linked from fewer than 3 of the 3 languages (--min-languages 3), "
        "2 linked fewer than 9 times (--min-count 9)"
    )
    assert line in ran.err.splitlines()
    assert all(not row["entity_ids"] for row in rows_in_order(tmp_path / "OUT/examples/de"))
    assert run("verify", tmp_path / "OUT").status == 0


def test_a_vocabulary_that_cannot_have_entities_is_refused_before_any_work(own_dumps: Path, output: Path) -> None:
    unresolved = complaint(build(own_dumps, output, "--languages", "ja", "--allow-unresolved"))
    assert unresolved == (
        "mlukit build: the entity vocabulary would be empty: no source of items has the pages of ja. Give a source "
        "of items, or make examples without entities (--keep-without-entities), or make only articles (mlukit link)"
    )
    proposed = complaint(build(own_dumps, output, "--languages", "ja"))
    assert proposed.endswith(", or continue without items by --allow-unresolved and --keep-without-entities")
    (own_dumps / EN_ITEMS).unlink()
    flags = ("--languages", "de,en", "--allow-unresolved", "--min-languages", 2)
    assert complaint(build(own_dumps, output, *flags)) == (
        "mlukit build: the entity vocabulary would be empty: no source of items has the pages of en, and only de can "
        "have items, but --min-languages is 2. Give a source of items, or use --min-languages 1, make examples without "
        "entities (--keep-without-entities), or make only articles (mlukit link)"
    )


def test_a_vocabulary_of_articles_without_items_is_refused(dumps: Path, tmp_path: Path) -> None:
    flags = ("--dumps", dumps, "--languages", "ja", "--output", tmp_path / "OUT", "--allow-unresolved", IN_MEMORY)
    assert run("link", *flags).status == 0
    assert complaint(run("vocabulary", "--output", tmp_path / "OUT", IN_MEMORY)).startswith(
        f"mlukit vocabulary: the entity vocabulary would be empty: no link in {tmp_path / 'OUT'}/articles has an item. "
    )


def test_the_default_of_min_languages_is_said_and_recorded(dumps: Path, tmp_path: Path) -> None:
    model = ("--sentencepiece-model", dumps / "tokenizer.model", IN_MEMORY)
    ran = run("build", "--dumps", dumps, "--output", tmp_path / "OUT", *model)
    assert ran.status == 0, ran.err
    line = "vocabulary: 3 entities kept, 2 dropped: linked from fewer than 2 of the 3 languages (--min-languages 2)"
    assert line in ran.err.splitlines()
    assert load(tmp_path / "OUT/vocabulary.json")["options"]["min_languages"] == 2
    assert load(tmp_path / "OUT/vocabulary/_manifest.json")["options"]["min_languages"] == 2
    flags = ("--languages", "de,en", "--mluke-exact", *model)
    assert complaint(run("build", "--dumps", dumps, "--output", tmp_path / "EXACT", *flags)) == (
        "mlukit build: --min-languages is 3 (set by --mluke-exact), but 2 languages are built (de, en); "
        "accepted: 1 to 2"
    )


# What is wrong with a page is a record, and the others are kept


def test_broken_pages_are_failures_and_the_others_are_kept(own_dumps: Path, tmp_path: Path) -> None:
    pages = [
        SmallPage(1, "First", "The first."),
        SmallPage(2, "", raw="<page><title>A & B</title><ns>0</ns><id>2</id></page>\n"),
        SmallPage(3, "", raw="<page><title>None</title><ns>0</ns><id>3</id><revision></revision></page>\n"),
        SmallPage(4, "", raw="<page><title>Id</title><id>x</id><revision><text>t</text></revision></page>\n"),
        SmallPage(5, "", raw="<page><title>Unclosed</title><ns>0</ns><id>5</id>\n"),
        SmallPage(6, "Last", "The last, with [[First]]."),
        SmallPage(7, "", raw="<page><title>Cut</title><ns>0</ns><id>7</id><revision><text>here it e"),
    ]
    xml = dump_xml("en", pages).removesuffix("</mediawiki>\n")
    (own_dumps / EN_DUMP).write_bytes(bz2.compress(xml.encode()))
    ran = build(own_dumps, tmp_path / "OUT", "--allow-unresolved", "--languages", "en,de")
    assert ran.status == 3, ran.err
    assert [row["title"] for row in rows_in_order(tmp_path / "OUT/articles/en")] == ["First", "Last"]
    failures = rows(*shards(tmp_path / "OUT/failures/en"))
    assert [(row["reason"], row["page_id"], row["title"]) for row in failures] == [
        ("malformed_xml", 2, "A & B"),
        ("missing_element", 3, "None"),
        ("bad_value", None, "Id"),
        ("unclosed_page", 5, "Unclosed"),
        ("cut_page", 7, "Cut"),
        ("truncated", None, None),
    ]
    english = load(tmp_path / "OUT/link.json")["languages"]["en"]
    assert english["flows"]["pages"] == {
        "in": 7,
        "out": 2,
        "failed": {"bad_value": 1, "cut_page": 1, "malformed_xml": 1, "missing_element": 1, "unclosed_page": 1},
        "skipped": {},
    }
    assert english["counts"]["damage truncated"] == 1
    assert_all_accounted(tmp_path / "OUT")


def test_a_dump_cut_in_the_middle_keeps_what_can_be_read(tmp_path: Path) -> None:
    pages = [SmallPage(i, f"Page {i}", os.urandom(600).hex()) for i in range(1, 400)]
    dump = write_dump(tmp_path, "en", pages)
    recompressed = bz2.compress(bz2.decompress(dump.read_bytes()), 1)
    dump.write_bytes(recompressed[: len(recompressed) // 2])
    ran = run("link", "--dumps", tmp_path, "--output", tmp_path / "OUT", "--allow-unresolved", IN_MEMORY)
    assert ran.status == 3, ran.err
    kept = [row["page_id"] for row in rows_in_order(tmp_path / "OUT/articles/en")]
    assert kept == list(range(1, len(kept) + 1)) and 120 < len(kept) < 200
    reasons = [row["reason"] for row in rows(*shards(tmp_path / "OUT/failures/en"))]
    assert reasons == ["cut_page", "truncated"]


# The command itself


def mlukit(words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a line of the shell in a folder; `mlukit` in it is ours."""
    line = words.replace("mlukit", f"{shlex.quote(sys.executable)} -m mlukit", 1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True)


def test_no_traceback_and_nothing_on_standard_output(tmp_path: Path) -> None:
    ran = mlukit("mlukit build --dumps none --output OUT --train-sentencepiece 200", tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "mlukit build: --dumps none: there is no such folder\n"
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away(built: Path) -> None:
    ran = mlukit("set -o pipefail; mlukit inspect vocabulary --number 9 | true", built)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_locale_that_knows_no_japanese(built: Path) -> None:
    ran = mlukit("mlukit inspect articles/ja --number 1", built, PYTHONIOENCODING="ascii")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\\u30c9\\u30a4\\u30c4|Q183]" in ran.stdout


def test_a_full_disk_for_the_report(built: Path) -> None:
    ran = mlukit("mlukit inspect . > /dev/full", built)
    assert ran.returncode != 0 and "Traceback" not in ran.stderr


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "command",
    ["build --dumps . --languages en --train-sentencepiece 200 --output s3://b/OUT", "verify s3://b/OUT"],
)
def test_s3_without_credentials(command: str, tmp_path: Path) -> None:
    pytest.importorskip("boto3", reason="needs the extra aws")
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    ran = mlukit(f"unset AWS_PROFILE; mlukit {command}", tmp_path, **none)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert (
        ran.stderr.count("\n") == 1 and ": there are no credentials for s3://: set AWS_ACCESS_KEY_ID and" in ran.stderr
    )
