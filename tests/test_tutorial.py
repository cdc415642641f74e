"""The commands of docs/tutorial.md print what the page says, with the bundled sample in place of Wikimedia's dumps."""

import bz2
import contextlib
import gzip
import hashlib
import io
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlukit.command_line import main
from tests.documents import ELLIPSIS, ROOT
from tests.test_sample import make_sample
from tests.web_server import Server, serving

PAGE = ROOT / "docs/tutorial.md"
DUMPS = ROOT / "sample/dumps"
DATE = "20260901"
STANDS_FOR = {"simple": "en", "hi": "hi"}  # a Wikipedia of the page: the language of the sample in its place
MEASURED = (  # what differs each time
    (r"^free at \S+: .*", "free at …"),
    (r"in \d+\.\d s\b", "in … s"),
    (r"\d+\.\d MB/s", "… MB/s"),
    (r"Done in \d+:\d\d", "Done in …"),
    (r"https?://[\w.:]+", "http://…"),
    (r"(?<= )\d[\d,]*\.\d(?=  |$)", "…"),  # a column of what each step took
    (r" +", " "),
)


def files_of(wiki: str, language: str) -> dict[str, bytes]:
    """A dump and its table of items, under the names that Wikimedia gives them."""
    (dump,) = DUMPS.glob(f"{language}wiki-{DATE}-pages-articles*.xml.bz2")
    xml = bz2.decompress(dump.read_bytes()).replace(f"<dbname>{language}wiki<".encode(), f"<dbname>{wiki}<".encode())
    items = make_sample.page_props(make_sample.read_wiki(language), make_sample.read_sitelinks())
    return {
        f"{wiki}-{DATE}-pages-articles.xml.bz2": bz2.compress(xml),
        f"{wiki}-{DATE}-page_props.sql.gz": gzip.compress(items, compresslevel=0, mtime=0),
    }


def publish(server: Server, wiki: str, files: dict[str, bytes]) -> None:
    """Adds a wiki to a mirror, as https://dumps.wikimedia.org has it."""
    listed = {name: {"size": len(data), "sha1": hashlib.sha1(data).hexdigest()} for name, data in files.items()}
    status = {"jobs": {"all": {"status": "done", "files": listed}}}
    server.files |= {f"/{wiki}/{DATE}/{name}": data for name, data in files.items()}
    server.files[f"/{wiki}/{DATE}/dumpstatus.json"] = json.dumps(status).encode()
    server.files[f"/{wiki}/"] = f'<a href="{DATE}/">{DATE}/</a>'.encode()


@pytest.fixture(scope="module")
def mirror() -> Iterator[Server]:
    """A server with the Wikipedias of the page."""
    with serving() as server:
        for language, sample in STANDS_FOR.items():
            publish(server, f"{language}wiki", files_of(f"{language}wiki", sample))
        yield server


def steps() -> list[tuple[str, str]]:
    """The commands of the page, each with what the page says that it prints."""
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [
        (command, printed)
        for block in blocks
        for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]


def type_in(command: str, mirror: str) -> str:
    """What a command prints in a terminal, both streams."""
    program, *words = shlex.split(command)
    assert program == "mlukit"
    if words[0] == "download":
        words += ["--mirror", mirror]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        main(words)
    return printed.getvalue()


def comparable(printed: str) -> list[str]:
    """Lines without what is measured, and without blank ones."""
    for pattern, mask in MEASURED:
        printed = re.sub(pattern, mask, printed, flags=re.MULTILINE)
    return [line.rstrip() for line in printed.splitlines() if line.strip()]


def matches(printed: list[str], page: list[str]) -> bool:
    """Whether a command printed what the page shows, where the line "…" stands for any lines."""
    pattern = "".join("(?:.*\n)*" if line == ELLIPSIS else re.escape(f"{line}\n") for line in page)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


def test_the_commands_print_what_the_page_shows(
    mirror: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(steps()) > 10
    for command, shown in steps():
        printed = type_in(command, mirror.url)
        same = matches(comparable(printed), comparable(shown))
        assert same, f"{PAGE.name} shows something else for\n$ {command}\n{printed}"


@pytest.mark.parametrize(
    ("page", "same"),
    [
        ("a 1 of 2\nb in 7.5 s\n", True),
        ("…\nb in 0.1 s\n", True),
        ("a 1 of 2\n…\nb in 0.1 s\n", True),
        ("a 2 of 2\nb in 0.1 s\n", False),
        ("b in 0.1 s\n", False),
        ("a 1 of 2\n", False),
    ],
)
def test_a_difference_is_found(page: str, same: bool) -> None:
    assert matches(comparable("a  1 of 2\n\nb in 0.1 s\n"), comparable(page)) == same
