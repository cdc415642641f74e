"""`mlukit download`: downloads the dumps of one date for some languages, from Wikimedia or a mirror."""

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from mlukit.corpus.dumps.files import (
    AUDIT_TABLES,
    DOWNLOADABLE,
    DOWNLOADED,
    TABLES,
    DumpError,
    FileInfo,
    find_dumps,
    listing_globs,
)
from mlukit.corpus.languages.load import any_language
from mlukit.corpus.web.dump_mirror import (
    CLASSIC,
    CONTENT,
    WIKIMEDIA,
    Wanted,
    find_files,
    find_latest,
    plain_date,
)
from mlukit.corpus.web.http_client import Client, DownloadError, Patience, RemoteFile, StoppedError, check_url
from mlukit.engine.command_parser import CommandParser
from mlukit.engine.errors import RefusedError
from mlukit.engine.launch.progress import duration
from mlukit.engine.logs import say, warn
from mlukit.pipelines.command import exit_status
from mlukit.pipelines.option_values import among, plain_path, some_words
from mlukit.pipelines.preparation.disk_space import free_space
from mlukit.pipelines.settings import SettingsError
from mlukit.schemas.wording import byte_count, counted

CONNECTIONS = 2  # Wikimedia allows three
_LATEST = "latest"
_TABLES = (*TABLES, *AUDIT_TABLES)
_EXAMPLES = """  mlukit download --dumps DIR --languages en,de,ja --dry-run
  mlukit download --dumps DIR --languages en,de,ja --date 20260901 --tables page_props,langlinks
  mlukit download --dumps DIR --languages en,de,ja --family content --mirror https://mirror.example.org/dumps"""
PATIENCE = Patience()
# For --dry-run: waits for at most 9 seconds without an answer, and refuses long pauses that a busy server requests.
LITTLE_PATIENCE = Patience(tries=2, first_delay=1.0, max_delay=5.0, timeout=3.0, answer_within=4.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """The files to download, and the folder for them."""

    folder: Path
    date: str
    files: Sequence[RemoteFile]

    def present(self, file: RemoteFile) -> int:
        """The number of bytes of a file that are already in the folder."""
        final = self.folder / file.path
        part = final.with_name(final.name + ".part")
        if final.exists():
            return file.size
        return min(part.stat().st_size, file.size) if part.exists() else 0

    @property
    def missing(self) -> int:
        """The number of bytes that must still be downloaded."""
        return sum(file.size - self.present(file) for file in self.files)


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns the exit status."""
    return exit_status(
        "download",
        lambda: _run(arguments),
        refused=(RefusedError,),
        failed=(DownloadError, DumpError, OSError),
        after_stop="Downloaded files are kept: run the same command again to continue.",
    )


def _run(arguments: Sequence[str]) -> int:
    asked = parser().parse_args(list(arguments))
    wanted = _wanted(asked)
    client = Client(asked.contact, LITTLE_PATIENCE) if asked.dry_run else Client(asked.contact, PATIENCE, say)
    try:
        plan = _plan(client, wanted, Path(asked.dumps), asked.date)
        _print_plan(plan)
        _check_folder(plan, wanted)
        if not asked.dry_run:
            with _only_one(plan.folder):
                _get(client, plan)
            say(_next_command(plan, wanted))
    except KeyboardInterrupt:
        client.stop()
        raise
    return 0


def parser() -> CommandParser:
    """The parser of the command's flags."""
    made = CommandParser(
        "download",
        "--dumps DIR --languages CODES [FLAGS]",
        "Downloads the dumps of one date into DIR/{wiki}/{date}/, where mlukit build finds them. To continue an "
        "interrupted download, run the same command again.",
        _EXAMPLES,
    )
    add = made.group("input").add_argument
    text = "Codes of the Wikipedias to download, such as en,de,ja. Required."
    add("--languages", required=True, type=some_words, metavar="CODES", help=text)
    text = f"Date of the dumps, such as 20260901; {_LATEST} means the last date that is complete."
    add("--date", default=_LATEST, metavar="DATE", help=text)
    add("--mirror", default=WIKIMEDIA, metavar="URL", help="Server from which to download the dumps.")
    text = f"{CLASSIC} means pages-articles; {CONTENT} means mediawiki_content_current, with the tables of {CLASSIC}."
    add("--family", default=CLASSIC, choices=(CLASSIC, CONTENT), help=text)
    text = f"Tables to download as well, among {', '.join(DOWNLOADABLE)}."
    add("--tables", default=DOWNLOADED, type=among(DOWNLOADABLE), metavar="TABLES", help=text)
    add("--contact", default="", metavar="ADDRESS", help="Your address, for the operators of the server.")
    text = "Folder to write to. Required."
    made.group("output").add_argument("--dumps", required=True, type=plain_path, metavar="DIR", help=text)
    text = "Show what the command would download, and exit. Nothing is written."
    made.group("running").add_argument("--dry-run", action="store_true", help=text)
    return made


def _wanted(asked: argparse.Namespace) -> Wanted:
    """Checks the values of the flags before any request is sent."""
    languages = list(dict.fromkeys(asked.languages))
    for language in languages:
        try:
            any_language(language)
        except ValueError as error:
            raise SettingsError(f"--languages: {error}") from error
    try:
        check_url(asked.mirror)
        if asked.date != _LATEST:
            plain_date(asked.date, asked.family)
    except DownloadError as error:
        raise SettingsError(str(error)) from error
    if not asked.contact.isascii() or not asked.contact.isprintable():
        raise SettingsError(f"--contact {asked.contact!r} is wrong; accepted: letters, digits and signs of ASCII")
    if "://" in asked.dumps:
        raise SettingsError(f"--dumps {asked.dumps} is wrong; accepted: a folder on this machine")
    return Wanted(languages, asked.tables, asked.family, asked.mirror.rstrip("/"))


def _plan(client: Client, wanted: Wanted, folder: Path, date: str) -> Plan:
    """Asks the mirror for the files of a date, or of the latest complete date."""
    say(f"download: asking {wanted.mirror} which files it has")
    if date == _LATEST:
        date, files = find_latest(client, wanted)
        say(f"download: the latest date is {date}")
        return Plan(folder, date, files)
    date = plain_date(date, wanted.family)
    return Plan(folder, date, find_files(client, wanted, date))


def _print_plan(plan: Plan) -> None:
    by_wiki: dict[str, list[RemoteFile]] = {}
    for file in plan.files:
        by_wiki.setdefault(file.path.partition("/")[0], []).append(file)
    for wiki, files in by_wiki.items():
        print(f"{wiki} {plan.date}")
        for file in files:
            present = plan.present(file)
            part = f"  {byte_count(present)} already there" if present else ""
            state = "  already there" if present == file.size else part
            unchecked = "" if file.checksum else "  without a checksum"
            print(f"  {byte_count(file.size):>9}  {file.path.rpartition('/')[2]}{state}{unchecked}")
    total = sum(file.size for file in plan.files)
    number, missing = counted(len(plan.files), "file"), byte_count(plan.missing)
    print(f"{number}, {byte_count(total)}; to download: {missing} into {plan.folder}")


def _check_folder(plan: Plan, wanted: Wanted) -> None:
    """Refuses a download that would not fit on the disk, or that would leave files which a build cannot tell apart.

    Raises:
        DownloadError: there is too little space, or a file in the folder has another size.
        DumpError: the folder has files that could be taken for the same dump.
    """
    for file in plan.files:
        path = plan.folder / file.path
        if path.exists() and path.stat().st_size != file.size:
            raise DownloadError(
                f"{path} has {path.stat().st_size:,} bytes, but {file.url} has {file.size:,}: delete {path.name}, then "
                "run the same command again"
            )
    existing, free = free_space(plan.folder)
    print(f"free at {existing}: {byte_count(free)}")
    if free < plan.missing:
        raise DownloadError(
            f"{byte_count(plan.missing)} would not fit into {plan.folder}, which has {byte_count(free)} free"
        )
    globs = listing_globs("", wanted.languages, None, plan.date, _TABLES)
    found = {path for pattern in globs for path in plan.folder.glob(pattern) if path.is_file()}
    planned = {plan.folder / file.path: file.size for file in plan.files}
    sizes = {path: path.stat().st_size for path in found} | planned
    listing = [FileInfo(str(path), size) for path, size in sizes.items()]
    for language, dump in find_dumps(listing, wanted.languages, None, plan.date, None, _TABLES).sets.items():
        for warning in dump.warnings:
            warn(f"download: {language}: {warning}")


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Locks the folder during the block, because two downloads would write to the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when the process ends, for any reason
        except BlockingIOError as error:
            raise DownloadError(
                f"another mlukit download writes to {folder}: wait until that download ends, or stop it"
            ) from error
        yield
    finally:
        os.close(descriptor)


def _get(client: Client, plan: Plan) -> None:
    """Downloads all files; a failed download does not stop the others.

    Raises:
        DownloadError: names the files that could not be downloaded, with the reasons.
        OSError: a file could not be written.
    """
    progress = _Progress(plan)
    pool = ThreadPoolExecutor(CONNECTIONS, "download")
    waiting = {pool.submit(client.fetch, file, plan.folder, progress.report) for file in plan.files}
    failed: list[Exception] = []
    try:
        while waiting:
            done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_EXCEPTION)
            progress.show()
            failed += [error for future in done if (error := _failure(future))]
        progress.close()
    except BaseException:
        client.stop()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if failed:
        reasons = "\n  ".join(map(str, failed))
        raise DownloadError(
            f"{len(failed)} of {counted(len(plan.files), 'file')} could not be downloaded:\n  {reasons}\n"
            "All other files are there. Run the command again later, or with another --mirror or --date."
        )


def _failure(future: "Future[None]") -> Exception | None:
    """Why a file could not be downloaded; raises errors that concern all files, such as a full disk."""
    try:
        future.result()
    except StoppedError:
        raise
    except DownloadError as error:
        return error
    return None


class _Progress:
    """Shows a progress line on a terminal, and a closing line always."""

    def __init__(self, plan: Plan, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._present = {file.path: plan.present(file) for file in plan.files}
        self._sizes = {file.path: file.size for file in plan.files}
        self._before = sum(self._present.values())
        self._start = time.monotonic()

    def report(self, path: str, size: int) -> None:
        """Records how many bytes of a file are there; any thread may call this method."""
        self._present[path] = size

    def show(self) -> None:
        """Shows the progress line, if the output is a terminal."""
        if self._out.isatty():
            print(f"\r{self._line():<78}", end="", file=self._out, flush=True)

    def close(self) -> None:
        """Prints the closing line, with the number of downloaded bytes."""
        seconds = time.monotonic() - self._start
        got = max(0, sum(self._present.values()) - self._before)
        end = "\r" + " " * 78 + "\r" if self._out.isatty() else ""
        print(f"{end}download: {byte_count(got)} in {seconds:.1f} s", file=self._out, flush=True)

    def _line(self) -> str:
        present, total = sum(self._present.values()), sum(self._sizes.values())
        whole = sum(size == self._sizes[path] for path, size in self._present.items())
        speed = max(0, present - self._before) / max(time.monotonic() - self._start, 1e-9)
        left = f", {duration((total - present) / speed)} left" if speed and present < total else ""
        files, size = f"{whole}/{len(self._sizes)} files", f"{byte_count(present)} of {byte_count(total)}"
        return f"download: {files}, {size}, {byte_count(speed)}/s{left}"


def _next_command(plan: Plan, wanted: Wanted) -> str:
    languages = ",".join(wanted.languages)
    return (
        "download: all files are there. Next: "
        f"mlukit build --dumps {plan.folder} --date {plan.date} --languages {languages} …"
    )
