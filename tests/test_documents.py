"""What the documents say that can be typed: command lines, flags, paths and modules."""

import argparse
import contextlib
import importlib
import importlib.util
import io
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.filesystems import FileSystems
from torch.distributed.run import get_args_parser

from mlukit.command_line import COMMANDS, FLAGS, main, usage
from mlukit.engine.command_parser import EXAMPLES, CommandParser
from mlukit.evaluation.evaluate import parsers as evaluations
from mlukit.pipelines.settings import _beam_parser as beam_parser
from mlukit.pipelines.settings import command_parser, read_settings
from mlukit.pretraining import settings as training
from tests.documents import DOCUMENTS, ROOT, Code, CommandLine, code_of, command_lines
from tests.rooms import ROOMS
from tests.small_dumps import run

CODE = [code for document in DOCUMENTS for code in code_of(document)]
LINES = [line for code in CODE for line in command_lines(code)]
BUILDS = ("build", "link", "vocabulary", "examples")
FOLDERS = (*ROOMS, "mlukit", "tests", "tools", "benchmarks", "docs", "sample", ".ci")  # of the repository
OF_OTHERS = {  # flags that documents name, of programs that are not ours
    "--artifacts-dir": "Beam's job server",
    "--build-arg": "docker",
    "--flink-master": "Beam's job server",
    "--links": "WikiExtractor",
    "--logdir": "tensorboard",
}


class Parsed(BaseException):  # no command takes it for an error of its own
    """Ends a command when it has read its arguments."""

    def __init__(self, parser: argparse.ArgumentParser, values: argparse.Namespace, unknown: Sequence[str]) -> None:
        super().__init__()
        self.parser, self.values, self.unknown = parser, values, unknown


@contextlib.contextmanager
def only_parsing() -> Iterator[None]:
    """Has commands go no further than their arguments, nor change how Beam opens files."""
    parse = argparse.ArgumentParser.parse_known_args

    def parse_and_stop(self: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> None:
        raise Parsed(self, *parse(self, args, namespace))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_known_args", parse_and_stop)
        yield


def read_arguments(command: str, arguments: Sequence[str]) -> None:
    """Reads the arguments of a command of mlukit as the command does, and does nothing.

    Raises:
        Exception: one of them is wrong; also SystemExit, after what is wrong was printed.
    """
    if "--help" in arguments:
        assert arguments == ["--help"]
    elif command in BUILDS:
        read_settings(command_parser(command, "", ""), arguments)
    elif command == "train":
        training.parse(arguments)
    else:
        read_others(command, arguments)


def read_others(command: str, arguments: Sequence[str]) -> None:
    """Reads the arguments of a command that has its parser for itself."""
    with only_parsing():
        try:
            importlib.import_module(COMMANDS[command][0]).main(arguments)
        except Parsed as parsed:
            assert isinstance(parsed.parser, CommandParser)
            parser, unknown = parsed.parser, parsed.parser.take_words(parsed.values, parsed.unknown)
        else:
            raise AssertionError("the command did not take its arguments")
    if "Flags of Apache Beam" in (parser.epilog or ""):
        _, unknown = beam_parser().parse_known_args(unknown)
    assert not unknown, f"unknown: {unknown}"


def check(line: CommandLine) -> None:
    """Whether a line can be typed; nothing where its program is none of ours."""
    words = list(line.words)
    words[0] = words[0] if words[0] == "./run" else words[0].rpartition("/")[2]
    if words[0] == "torchrun":
        asked = get_args_parser().parse_args(words[1:])
        assert asked.module and asked.training_script == "mlukit.pretraining", "not -m mlukit.pretraining"
        assert asked.training_script_args[:1] == ["train"]
        words = ["mlukit", *asked.training_script_args]
    if words[:2] == ["python", "-m"] and words[2] in ("mlukit", "mlukit.pretraining"):
        words[:3] = ["mlukit"]
    if words[0] == "mlukit" and len(words) > 1 and words[1] not in FLAGS:
        assert words[1] in COMMANDS, f"{words[1]} is no command of mlukit"
        if line.whole:
            read_arguments(words[1], words[2:])
    elif words[0] == "./run" and len(words) > 1:
        assert words[1] in commands_of_run(), f"{words[1]} is no command of ./run"
        if words[1] == "flink" and words[2:]:
            read_arguments("build", [*words[2:], "--output", "flink-output/flink"])
    elif words[0] == "python":
        check_python(words[1:])


def check_python(words: list[str]) -> None:
    """Whether a script or module of ours is there, and knows the flags."""
    while words and words[0] in ("-P", "-B"):
        words = words[1:]
    if words[:1] == ["-m"] and words[1].partition(".")[0] in ("mlukit", *FOLDERS):
        spec = importlib.util.find_spec(words[1])
        assert spec and spec.origin, f"there is no module {words[1]}"
        script, arguments = Path(spec.origin), words[2:]
    elif words and words[0].endswith(".py"):
        script, arguments = ROOT / words[0], words[1:]
    else:
        return
    source = script.read_text(encoding="utf-8")
    for flag in (word.partition("=")[0] for word in arguments if word.startswith("--")):
        known = f'"{flag}"' in source or (flag.startswith("--no-") and f'"--{flag[5:]}"' in source)
        assert known, f"{script.relative_to(ROOT)} has no {flag}"


def commands_of_run() -> list[str]:
    """What `./run --help` names."""
    done = subprocess.run([ROOT / "run", "--help"], capture_output=True, text=True, check=True)
    return re.findall(r"^  ([a-z-]+)\s", done.stdout, re.MULTILINE)


def said_of(line: CommandLine) -> str:
    """What is wrong with a line, or nothing."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            check(line)
        except (Exception, SystemExit) as error:
            return f"{line}\n    {said.getvalue().strip() or error}"
    return ""


@pytest.fixture
def in_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(FileSystems, "set_options", lambda options: None)


@pytest.mark.usefixtures("in_checkout")
def test_every_command_line_can_be_typed() -> None:
    assert "\n".join(filter(None, map(said_of, LINES))) == ""


def test_command_lines_are_found() -> None:
    found = {" ".join(line.words[:2]) for line in LINES if line.whole}
    ours = {f"mlukit {command}" for command in COMMANDS if command != "link"}  # which sentences only name
    assert ours - found == set()
    assert {"./run sample", "./run test", "./run flink", "torchrun --nproc-per-node"} <= found


@pytest.mark.usefixtures("in_checkout")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mlukit build --output OUT --vocabulary-sise 3", "unknown flag --vocabulary-sise"),
        ("mlukit build --output OUT --direct_num_worker=3", "unknown flag --direct_num_worker"),
        ("mlukit build --dumps D", "--output is missing"),
        ("mlukit build --output OUT \\\n  --config nowhere.toml # why", "nowhere.toml"),
        ("flags='--output OUT\n  --formt x'\nmlukit link $flags", "unknown flag --formt"),
        ("true && mlukit bulid", "bulid is no command of mlukit"),
        ("mlukit download --dumps D", "--languages"),
        ("mlukit inspect OUT --nmber 3", "--nmber"),
        ("mlukit verify OUT --direct_num_worker=3", "--direct_num_worker"),
        ("mlukit audit OUT --dump DIR", "--dump"),
        ("mlukit train --resume RUN --output RUN", "--output does not go with --resume"),
        ("mlukit train --examples OUT --output RUN --learning-rat 3", "unknown flag --learning-rat"),
        ("mlukit import XLM-R", "--output"),
        ("mlukit export", "RUN"),
        ("mlukit fill RUN", "--text"),
        ("./run smaple", "smaple is no command of ./run"),
        ("./run flink --dmps D", "unknown flag --dmps"),
        ("torchrun --nproc-per-node 8 -m pretraining train --resume RUN", "not -m mlukit.pretraining"),
        ("torchrun --procs-per-node 8 -m mlukit.pretraining train --resume RUN", "--procs-per-node"),
        ("torchrun --nproc-per-node 8 -m mlukit.pretraining train --resume", "--resume"),
        ("python -m mlukit.pretraining train --resume", "--resume"),
        (".venv/bin/mlukit inspekt OUT", "inspekt is no command"),
        ("python -m tools.flonk", "no module tools.flonk"),
        ("python benchmarks/steps.py --sped", "has no --sped"),
    ],
)
def test_a_wrong_command_line_is_named(text: str, said: str) -> None:
    lines = list(command_lines(Code("x.md:7", text, "")))
    wrong = "".join(map(said_of, lines))
    assert wrong.startswith("x.md:") and said in wrong


@pytest.mark.usefixtures("in_checkout")
@pytest.mark.parametrize(
    "text",
    [
        "mlukit audit OUT   # it's all",
        "mlukit build --dumps d --dump en=… … --output OUT --runner FlinkRunner --parallelism=3",
        "a='--number 3'\nmlukit inspect OUT $a | head",
        "X=1 python -m mlukit verify OUT",
        "mlukit fill RUN --text 'In [Berlin].'",
        ".venv/bin/mlukit --version",
        "python -m mlukit.pretraining train --resume RUN",
        "docker run --net=host IMAGE --worker_pool",
    ],
)
def test_a_right_command_line_is_right(text: str) -> None:
    assert [said_of(line) for line in command_lines(Code("x.md:7", text, ""))] in ([""], ["", ""])


@pytest.mark.usefixtures("in_checkout")
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_examples_in_a_help_text_can_be_typed(command: str) -> None:
    text = run(command, "--help").out if command else usage()
    examples = re.findall(r"^  ((?:mlukit|torchrun) .*?)(?: {3,}.*)?$", text.split(EXAMPLES)[-1], re.MULTILINE)
    assert examples
    lines = [line for text in examples for line in command_lines(Code(f"mlukit {command}:1", text, ""))]
    assert "\n".join(filter(None, map(said_of, lines))) == ""


def known_flags() -> set[str]:
    """Flags of all commands of mlukit, of Beam, and of our scripts."""
    flags = {"--help", *(flag for flag in beam_parser()._option_string_actions)}
    for command in COMMANDS:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            main([command, "--help"])
        flags |= set(re.findall(r"--[a-z][\w-]*", out.getvalue().split(EXAMPLES)[0]))
    flags |= {flag for parser in evaluations().values() for flag in parser.flags}
    scripts = [path for name in ("benchmarks", "tools", "tests") for path in (ROOT / name).glob("*.py")]
    return flags | {flag for path in scripts for flag in re.findall(r'add_argument\("(--[\w-]+)"', path.read_text())}


def test_every_flag_that_is_named_is_there() -> None:
    known = known_flags() | set(OF_OTHERS)
    named = {flag: code.where for code in CODE for flag in re.findall(r"^--[A-Za-z][\w-]*", code.text)}
    assert {where: flag for flag, where in named.items() if flag not in known} == {}
    assert len(named) > 30


_WORD = re.compile(r"[^\s`'\"()|,;=]+")
_SOURCE = re.compile(r"(?:\w+/)*\w+\.py|[\w-]+\.lock")
_MODULE = re.compile(r"(?<![\w./-])mlukit(?:\.\w+)+(?![\w/])")
_IMPORT = re.compile(r"^from (mlukit[\w.]*) import ([\w, ]+)$", re.MULTILINE)
_BARE = re.compile(rf"(?<![\w./-])(?:{'|'.join(ROOMS)})(?:\.(?!(?:py|md|toml|json)\b)[a-z_]+)+")
_LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]*))?\)")
ELSEWHERE = {
    "luke/model.py": "in studio-ousia/luke",
    "report/index.html": "in the output folder",
    "pywikibot/date.py": "in pywikibot",
    "corpus/languages/ca.json": "made by whoever follows the recipe for a language, Catalan",
    "corpus/languages/ca.toml": "as above",
    "corpus/languages/wikitext/ca.toml": "as above",
    "schemas/arrow_ipc.py": "made by whoever follows the recipe for an output format",
    "mlukit.schemas.arrow_ipc": "as above, and what is in it:",
    **{f"mlukit.schemas.arrow_ipc.{name}": "" for name in ("ArrowWriter", "count_arrow_rows", "read_arrow")},
    "corpus/dumps/sitelinks_csv.py": "made by whoever follows the recipe for an item source",
    "tests/corpus/dumps/test_sitelinks_csv.py": "as above",
    "mlukit.corpus.dumps.sitelinks_csv": "as above, and what is in it:",
    **{f"mlukit.corpus.dumps.sitelinks_csv.{name}": "" for name in ("begins_as_sitelinks", "read_sitelinks_csv")},
    "pretraining/objectives/entities.py": "made by whoever follows the recipe for an objective of pretraining",
    "tests/pretraining/objectives/test_entities.py": "as above",
    "evaluation/metrics/accuracy.py": "made by whoever follows the recipe for a task of evaluation",
    "evaluation/tasks/topics.py": "as above",
    "mlukit.evaluation.metrics.accuracy": "as above, and what is in it:",
    **{f"mlukit.evaluation.metrics.accuracy.{name}": "" for name in ("accuracy", "accuracy_counts")},
}
SOURCES = [path.relative_to(ROOT).as_posix() for name in FOLDERS for path in (ROOT / name).rglob("*.py")]


def paths_of(text: str) -> Iterator[str]:
    """Paths of the repository in some code: what begins with one of its folders, and names of sources alone."""
    for word in _WORD.findall(text):
        path = word.rstrip(":.").removeprefix("./")
        if (path.partition("/")[0] in FOLDERS and "/" in path) or _SOURCE.fullmatch(path):
            yield path


def is_there(path: str, document: Path) -> bool:
    """Whether a path is in the repository: below its top, beside the document, or a source by the end of its path."""
    pattern = re.sub(r"\{\w+\}", "*", path).rstrip("/")
    if any(next(folder.glob(pattern), None) for folder in (ROOT, document.parent)):
        return True
    return any(source.endswith(f"/{path}") for source in SOURCES)


def modules_of(text: str) -> Iterator[str]:
    """Dotted names of ours in some code; a name that is imported from a module counts as in it."""
    yield from _MODULE.findall(text)
    for module, names in _IMPORT.findall(text):
        yield from (f"{module}.{name.strip()}" for name in names.split(","))


def is_object(name: str) -> bool:
    """Whether a dotted name is a module of ours, or something in one."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, last = name.rpartition(".")
        return is_object(module) and hasattr(_find(module), last)
    return True


def _find(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, last = name.rpartition(".")
        return getattr(_find(module), last)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_path_and_module_that_is_named_is_there(document: Path) -> None:
    wrong = []
    for code in code_of(document):
        wrong += [f"{code.where}: {path}" for path in paths_of(code.text) if not is_there(path, document)]
        wrong += [f"{code.where}: {name}" for name in modules_of(code.text) if not is_object(name)]
        wrong += [f"{code.where}: {name} without mlukit" for name in _BARE.findall(code.text)]
    assert [line for line in wrong if line.rpartition(" ")[2] not in ELSEWHERE] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    wrong = []
    for path, anchor in _LINK.findall(document.read_text(encoding="utf-8")):
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            wrong.append(f"{path}#{anchor}")
    assert wrong == []


def anchors_of(document: Path) -> set[str]:
    """What GitHub calls the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("python -P benchmarks/learning.py measure OUT before=INIT", ["benchmarks/learning.py"]),
        ("corpus/languages/wikitext/{code}.toml", ["corpus/languages/wikitext/{code}.toml"]),
        ("OUT/audit/residue.json and examples/{language}, run.json", []),
        ("requirements.lock: `quotes.py`", ["requirements.lock", "quotes.py"]),
    ],
)
def test_paths_are_found(text: str, paths: list[str]) -> None:
    assert list(paths_of(text)) == paths


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("mlukit.schemas.tfrecord.read_tfrecords", True),
        ("mlukit.schemas.tfrecord.read_tfrecord", False),
        ("mlukit.schema", False),
        ("mlukit.corpus.wikitext", True),
    ],
)
def test_modules_are_looked_up(name: str, there: bool) -> None:
    assert is_object(name) == there
