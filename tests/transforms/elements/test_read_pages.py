"""Pages of dumps as elements, the failures beside them, and arguments that are wrong."""

import bz2
import gzip
from collections import Counter
from pathlib import Path

import apache_beam as beam
import pytest

from mlukit.corpus.dumps.files import DumpError, FileInfo
from mlukit.corpus.dumps.pages import PageReader
from mlukit.corpus.dumps.ranges import plan_ranges
from mlukit.engine.storage import open_file
from mlukit.schemas.records import Failure, Page
from mlukit.transforms.elements import ReadPages
from tests.small_dumps import SmallPage, dump_xml, write_dump
from tests.small_wikis import EN
from tests.transforms.elements.collected import Ran, run_pipeline


def read(folder: Path, reading: ReadPages) -> Ran:
    folder.mkdir()

    def build(pipeline: beam.Pipeline) -> dict[str, beam.PCollection]:
        pages, failures = pipeline | reading
        return {"pages": pages, "failures": failures}

    return run_pipeline(folder, build)


def in_order(ran: Ran) -> list[Page]:
    return sorted(ran.elements["pages"], key=lambda page: page.page_id)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return write_dump(tmp_path, "en", EN)


def test_pages_are_those_that_the_reader_gives(dump: Path, tmp_path: Path) -> None:
    (whole,) = plan_ranges("en", [FileInfo(str(dump), dump.stat().st_size)])
    expected = list(PageReader(open_file, whole, "link"))
    ran = read(tmp_path / "ran", ReadPages(str(dump), "en"))
    assert in_order(ran) == [record for record in expected if isinstance(record, Page)]
    assert ran.elements["failures"] == [record for record in expected if isinstance(record, Failure)]
    assert ran.counters == {
        "pages in": len(EN),
        "pages failed: malformed_xml": 1,
        "pages skipped: empty_text": 1,
        "pages skipped: namespace 10": 1,
    }


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2"])
@pytest.mark.parametrize("range_size", [None, 300])
def test_parts_and_compressions(tmp_path: Path, ending: str, range_size: int | None) -> None:
    compress = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}[ending]
    halves = [EN[:6], [page for page in EN[6:] if not page.raw]]
    for number, half in enumerate(halves, start=1):
        name = f"enwiki-20260901-pages-articles{number}.xml-p{half[0].page_id}p{half[-1].page_id}{ending}"
        (tmp_path / name).write_bytes(compress(dump_xml("en", half).encode()))
    patterns = [str(tmp_path / f"enwiki-*-articles{number}.*") for number in (1, 2)]
    assert ReadPages(patterns, "en")._ranges == ReadPages(str(tmp_path / "enwiki-*"), "en")._ranges
    ran = read(tmp_path / "ran", ReadPages(patterns, "en", range_size=range_size))
    found = [(page.page_id, page.title, page.text) for page in in_order(ran)]
    read_pages = (page for half in halves for page in half if page.namespace == 0 and page.title != "Blank")
    assert found == [(page.page_id, page.title, page.text) for page in read_pages]


def test_damage_is_a_failure_and_no_page(tmp_path: Path) -> None:
    path = tmp_path / "enwiki-20260901-pages-articles.xml"
    path.write_text(dump_xml("en", EN[:3]).partition("<title>Deutschland")[0], encoding="utf-8")
    ran = read(tmp_path / "ran", ReadPages(str(path), "en"))
    assert [page.title for page in in_order(ran)] == ["Berlin", "Germany"]
    assert Counter(failure.reason for failure in ran.elements["failures"]) == {"cut_page": 1, "truncated": 1}
    assert ran.counters == {"pages in": 3, "pages failed: cut_page": 1, "damage truncated": 1}


def test_old_dumps_have_their_namespaces_by_the_header(tmp_path: Path) -> None:
    pages = [SmallPage(1, "A", "a"), SmallPage(2, "Template:B", "b")]
    text = dump_xml("en", pages, version="0.5").replace("<ns>0</ns>", "").replace("<ns>10</ns>", "")
    path = tmp_path / "enwiki-20080901-pages-articles.xml"
    path.write_text(text)
    reading = ReadPages(str(path), "en")
    assert reading.namespaces == {0: "", 10: "Template"}
    assert [page.title for page in in_order(read(tmp_path / "ran", reading))] == ["A"]


@pytest.mark.parametrize(
    ("names", "language", "said"),
    [
        ("enwiki-*.bz2", "en_GB", "no Wikipedia has the code 'en_GB'; did you mean 'en'?"),
        ("frwiki-*", "en", "frwiki-*: there is no such file"),
        (
            "enwiki-*.bz2",
            "de",
            " is given for the language 'de', whose wiki is dewiki, but the header of the file says enwiki: name "
            "a dump of dewiki; if the pages are from dewiki in spite of the header, add foreign_header=True",
        ),
        ("enwiki-*.gz", "en", " is not a dump: it begins with "),
        ([], "en", "ReadPages got no pattern"),
    ],
)
def test_wrong_arguments(dumps: Path, names: str | list[str], language: str, said: str) -> None:
    patterns = str(dumps / names) if isinstance(names, str) else names
    with pytest.raises((DumpError, ValueError)) as error:
        ReadPages(patterns, language)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_foreign_header_is_accepted_if_asked_for(dump: Path, tmp_path: Path) -> None:
    ran = read(tmp_path / "ran", ReadPages(str(dump), "de", foreign_header=True))
    assert in_order(ran)[0].title == "Berlin"


def test_a_header_without_a_wiki_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "enwiki-20260901-pages-articles.xml"
    path.write_text(dump_xml("en", EN).replace("<dbname>enwiki</dbname>", ""), encoding="utf-8")
    ReadPages(str(path), "en")
    assert [record.getMessage() for record in caplog.records] == [
        f"en: the header of {path} does not name its wiki, so mlukit cannot check that the pages are from enwiki"
    ]
