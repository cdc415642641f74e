"""What a user can choose: one table of options, from flags and a configuration file, checked before any work."""

import argparse
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NoReturn

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

import mlukit
from mlukit.engine.errors import RefusedError
from mlukit.engine.launch.workers import complete_flags
from mlukit.pipelines.option_values import among, at_least, language_path, nearest, plain_path, share, size, some_words
from mlukit.schemas.formats import PARQUET, format_names
from mlukit.schemas.layout import ARTICLES, EXAMPLES
from mlukit.schemas.records import KINDS


class SettingsError(RefusedError):
    """An option is wrong; its text shows the value and what would be accepted."""


def _option(
    default: Any,
    stages: str,
    text: str,
    parse: Callable[[str], Any] | None = None,
    *,
    metavar: str = "",
    affects_output: bool = True,
) -> Any:
    """A field with what the command line needs to know of it.

    Args:
        stages: those it concerns; "build" concerns all.
        parse: from a flag's text; None for a switch.
        affects_output: whether it decides what is written, so that other values over old output are an error.
    """
    metadata = {"stages": stages.split(), "help": text, "parse": parse, "metavar": metavar, "bytes": affects_output}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of a run."""

    output: str = _option(
        "", "link vocabulary examples", "folder to write to", plain_path, metavar="OUT", affects_output=False
    )
    config: str = _option(
        "",
        "link vocabulary examples",
        "TOML file of these options, or the name of one that comes with mlukit, such as wikipedia24; flags override it",
        plain_path,
        metavar="FILE",
        affects_output=False,
    )
    workers: int = _option(
        0,
        "link vocabulary examples",
        "worker processes on this machine (default: one for each core, none for little work)",
        at_least(1),
        metavar="N",
        affects_output=False,
    )
    # which dumps
    dumps: str = _option(
        "",
        "link",
        "folder of dumps, as Wikimedia names them: flat, or in {wiki}/{date}/",
        plain_path,
        metavar="DIR",
        affects_output=False,
    )
    languages: tuple[str, ...] = _option(
        (),
        "link",
        "codes of Wikipedias, such as en,de,ja (default: all that DIR holds)",
        some_words,
        metavar="CODES",
        affects_output=False,
    )
    date: str = _option(
        "",
        "link",
        "the dumps' date, where DIR holds several, such as 20260901",
        str,
        metavar="DATE",
        affects_output=False,
    )
    dump: tuple[tuple[str, str], ...] = _option(
        (),
        "link",
        "a dump named by hand; may be given again for another part or language",
        language_path,
        metavar="LANGUAGE=PATH",
        affects_output=False,
    )
    foreign_header: bool = _option(
        False,
        "link",
        "accept a dump whose header names another wiki than the one asked for",
        affects_output=False,
    )
    range_size: int | None = _option(
        None,
        "link",
        "bytes of a dump file that make one shard (default: a 16th of a language's dump, from 2MiB to 32MiB)",
        size,
        metavar="SIZE",
    )
    # where items come from
    wikidata_api: bool = _option(False, "link", "ask Wikidata for titles that no table has an item for")
    wikidata_endpoint: str = _option(
        "https://query.wikidata.org/sparql",
        "link",
        "SPARQL endpoint for --wikidata-api",
        str,
        metavar="URL",
        affects_output=False,
    )
    wikidata_contact: str = _option(
        "",
        "link",
        "address that Wikimedia may write to, named in requests",
        str,
        metavar="ADDRESS",
        affects_output=False,
    )
    wikidata_cache: str = _option(
        "",
        "link",
        "file that keeps Wikidata's answers (default: in OUT)",
        plain_path,
        metavar="FILE",
        affects_output=False,
    )
    allow_unresolved: bool = _option(False, "link", "go on without any source of items for a language")
    validation_share: float = _option(
        0.01, "link", "share of items whose pages are held out in every language (default 0.01)", share, metavar="SHARE"
    )
    articles_format: tuple[str, ...] = _option(
        ("parquet",),
        "link",
        f"formats of articles, among {','.join(format_names(ARTICLES))} (default parquet, which later stages read)",
        among(format_names(ARTICLES), needed=PARQUET.name),
        metavar="FORMATS",
    )
    # the vocabulary
    vocabulary_size: int = _option(
        1_200_000,
        "vocabulary",
        "rows of the vocabulary, its 4 special entities included: the most linked entities (default 1200000)",
        at_least(1),
        metavar="N",
    )
    min_languages: int | None = _option(
        None,
        "vocabulary",
        "languages that must link to an entity (default 3, or all where fewer are built)",
        at_least(1),
        metavar="N",
    )
    min_count: int = _option(
        1, "vocabulary", "links to an entity over all languages (default 1)", at_least(1), metavar="N"
    )
    kinds: tuple[str, ...] = _option(
        ("article", "list"),
        "vocabulary",
        f"kinds of pages that count and that examples are made of, among {','.join(KINDS)} (default article,list)",
        among(KINDS),
        metavar="KINDS",
    )
    # the examples
    sentencepiece_model: str = _option(
        "", "examples", "SentencePiece model in XLM-R's layout", plain_path, metavar="FILE", affects_output=False
    )
    train_sentencepiece: int = _option(
        0, "examples", "train a model of N pieces on the articles instead", at_least(100), metavar="N"
    )
    format: tuple[str, ...] = _option(
        ("parquet", "tfrecord"),
        "examples",
        f"formats of examples, among {','.join(format_names(EXAMPLES))} (default parquet,tfrecord)",
        among(format_names(EXAMPLES)),
        metavar="FORMATS",
    )
    max_tokens: int = _option(
        512, "examples", "tokens of an example, <s> and </s> counted (default 512)", at_least(8), metavar="N"
    )
    max_entities: int = _option(128, "examples", "mentions of an example (default 128)", at_least(1), metavar="N")
    max_mention_tokens: int = _option(30, "examples", "pieces of a mention (default 30)", at_least(1), metavar="N")
    min_sentence_pieces: int = _option(
        5, "examples", "pieces of a sentence (default 5; 0 keeps all)", at_least(0), metavar="N"
    )
    keep_without_entities: bool = _option(False, "examples", "keep examples that have no entity")
    include_unknown_entities: bool = _option(
        False, "examples", "keep mentions of entities that are not in the vocabulary, as [UNK]"
    )
    include_headings: bool = _option(False, "examples", "make sentences of headings, too")
    mluke_exact: bool = _option(False, "examples", "do everything as mLUKE's own script does, its losses included")
    # what the configuration file alone can say
    patterns: Mapping[str, Any] = field(default_factory=dict)

    def output_options(self, stage: str) -> dict[str, Any]:
        """The options that decide the bytes of a stage's output."""
        chosen = (f for f in fields(self) if stage in f.metadata.get("stages", ()) and f.metadata["bytes"])
        return {f.name: _plain(getattr(self, f.name)) for f in chosen}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


class Parser(argparse.ArgumentParser):
    """Raises SettingsError where argparse's own would print its usage and end the process."""

    def error(self, message: str) -> NoReturn:
        """Called with what is wrong."""
        raise SettingsError(message)


def command_parser(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    """The parser of a stage's flags; "build" has those of all stages."""
    parser = Parser(
        prog=f"mlukit {command}",
        description=description,
        epilog=f"examples:\n{examples}\n\nFlags of Apache Beam (--runner, --direct_num_workers, …) may follow.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    for f in fields(Settings):
        stages = f.metadata.get("stages", [])
        if command in stages or (command == "build" and stages):
            _add_flag(parser, f.name, f.metadata)
    return parser


def _add_flag(parser: argparse.ArgumentParser, name: str, option: Mapping[str, Any]) -> None:
    flag, text = "--" + name.replace("_", "-"), option["help"]
    if option["parse"] is None:
        parser.add_argument(flag, action="store_true", help=text)
    else:
        action = "append" if name == "dump" else "store"
        parser.add_argument(flag, type=option["parse"], metavar=option["metavar"], action=action, help=text)


def read_settings(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> tuple[Settings, list[str]]:
    """The settings of a command, and the flags that are Beam's.

    Raises:
        SettingsError: a flag, a value or a key of the configuration file that is not known.
    """
    given, beam_flags = parser.parse_known_args(list(arguments))
    check_beam_flags(beam_flags, parser)
    values = vars(given)
    if values.get("config"):
        values = {**read_config(values["config"], parser), **values}
    if not values.get("output"):
        raise SettingsError("--output is missing: name the folder to write to")
    if "dump" in values:
        values["dump"] = tuple(values["dump"])
    settings = Settings(**values)
    return settings, complete_flags(beam_flags, settings.workers)


def check_beam_flags(flags: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Refuses what neither we nor Beam know, which Beam would pass over in silence, and values that Beam refuses.

    Files that are read before the first pipeline, and without one, are opened as these flags say.
    """
    beam = _beam_parser()
    values, others = beam.parse_known_args(list(flags))
    if others:
        name = others[0].partition("=")[0]
        if not name.startswith("-"):
            raise SettingsError(f"{others[0]!r} is no flag (see {parser.prog} --help)")
        known = [flag for one in (parser, beam) for flag in one._option_string_actions if flag.startswith("--")]
        raise SettingsError(f"unknown flag {name}{nearest(name, known)} (see {parser.prog} --help)")
    if values.direct_num_workers < 0:
        raise SettingsError(f"--direct_num_workers is {values.direct_num_workers}: 0 (all cores) or more is possible")
    runners = StandardOptions.KNOWN_RUNNER_NAMES
    if values.runner and "." not in values.runner and values.runner.lower() not in map(str.lower, runners):
        hint = nearest(values.runner, runners)
        raise SettingsError(f"--runner {values.runner} is none of {', '.join(runners)}{hint}")
    FileSystems.set_options(PipelineOptions(list(flags)))


def _beam_parser() -> argparse.ArgumentParser:
    """Of every flag that Beam's own options know, those of its runners included."""
    parser = Parser(add_help=False, allow_abbrev=False, conflict_handler="resolve")
    pending = [PipelineOptions]
    while pending:
        options = pending.pop()
        pending += options.__subclasses__()
        if "_add_argparse_args" in vars(options):
            options._add_argparse_args(parser)
    return parser


def read_config(path: str, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """The options of a TOML file, whose keys are the flags' names with underscores, and its [patterns] of file names.

    Options of other stages than the command's are passed over, so that one file serves all commands.

    Args:
        path: the file, or the name of a configuration that comes with mlukit. A file of that name goes first.
    """
    try:
        table = tomllib.loads(_config_file(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        names = list(bundled_configs())
        hint = nearest(Path(path).stem, names)
        raise SettingsError(f"--config {path}: {error}; by name there is {', '.join(names)}{hint}") from error
    except (OSError, ValueError) as error:  # no TOML, or no UTF-8
        raise SettingsError(f"--config {path}: {error}") from error
    options = {f.name: f.metadata for f in fields(Settings) if f.metadata and f.name != "config"}
    patterns = table.pop("patterns", {})
    if not isinstance(patterns, dict):
        raise SettingsError(f"{path}: patterns = {patterns!r} is no table of file patterns, [patterns]")
    for key in table:
        if key not in options:
            raise SettingsError(f"{path}: unknown option {key!r}{nearest(key, list(options))}")
    wanted = {
        key: value for key, value in table.items() if "--" + key.replace("_", "-") in parser._option_string_actions
    }
    return {
        **{key: _config_value(path, key, value, options[key]) for key, value in wanted.items()},
        "patterns": patterns,
    }


def _config_file(path: str) -> Traversable:
    return Path(path) if Path(path).is_file() else bundled_configs().get(path, Path(path))


def bundled_configs() -> dict[str, Traversable]:
    """The configuration files that come with mlukit, by name; installed or in a checkout."""
    found = sorted((resources.files(mlukit) / "configs").iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".toml"): file for file in found if file.name.endswith(".toml")}


def _config_value(path: str, key: str, value: Any, option: Mapping[str, Any]) -> Any:
    if option["parse"] is None:
        if not isinstance(value, bool):
            raise SettingsError(f"{path}: {key} = {value!r} is neither true nor false")
        return value
    if key == "dump":
        return _config_dumps(path, value)
    if isinstance(value, dict):
        raise SettingsError(f"{path}: {key} is a table; accepted: one value, or a list")
    try:
        return option["parse"](",".join(map(str, value)) if isinstance(value, list) else str(value))
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise SettingsError(f"{path}: {key}: {error}") from error


def _config_dumps(path: str, value: Any) -> tuple[tuple[str, str], ...]:
    """[dump] with a file or a list of its parts for each language."""
    by_language = value.items() if isinstance(value, dict) else ()
    files = [(code, file) for code, named in by_language for file in (named if isinstance(named, list) else [named])]
    if not files or not all(isinstance(file, str) for _, file in files):
        raise SettingsError(f"{path}: dump = {value!r} is no table of files, such as en = 'enwiki.xml.bz2'")
    return tuple(files)
