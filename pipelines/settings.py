"""The options of the commands: one table, filled from flags and a configuration file, and checked before any work."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

import mlukit
from mlukit.corpus.entities.vocabulary import MIN_LANGUAGES_RULE, VocabularyOptions
from mlukit.corpus.examples.options import ExampleOptions
from mlukit.engine.command_parser import (
    BEAM_FLAGS,
    CommandParser,
    Parser,
    at_least,
    check_keys,
    config_value,
    nearest,
    read_toml,
    with_default,
)
from mlukit.engine.errors import RefusedError
from mlukit.engine.launch.workers import complete_flags
from mlukit.pipelines.option_values import among, language_path, plain_path, share, size, some_words
from mlukit.schemas.formats import PARQUET, format_names
from mlukit.schemas.layout import ARTICLES, EXAMPLES
from mlukit.schemas.records import KINDS


class SettingsError(RefusedError):
    """An option is wrong; the message shows the value and what would be accepted."""


_VOCABULARY, _EXAMPLES = VocabularyOptions(), ExampleOptions()
# The groups of flags in the help, in this order.
GROUPS = INPUT, ITEMS, IN_VOCABULARY, IN_EXAMPLES, OUTPUT, RUNNING = (
    *("input", "items", "vocabulary"),
    *("examples", "output", "running"),
)
WORKERS_HELP = "Number of worker processes on this machine. Default: one for each core, none for small inputs."
_GROUP_OF_STAGE = {"link": INPUT, "vocabulary": IN_VOCABULARY, "examples": IN_EXAMPLES}


def _option(
    default: Any,
    stages: str,
    text: str,
    parse: Callable[[str], Any] | None = None,
    *,
    group: str = "",
    metavar: str = "",
    default_text: str = "",
    also: str = "",
    affects_output: bool = True,
) -> Any:
    """Defines a field of `Settings` with the metadata for the command line.

    Args:
        default: the default value.
        stages: the names of the stages that the option concerns; the command `build` accepts all options.
        text: the help, in whole sentences; the default is appended.
        parse: the parser of the value; None for a switch.
        group: the group in the help, one of `GROUPS`; by default the group of the stage, or RUNNING for several stages.
        metavar: the name of the value in the help.
        default_text: describes the default, if the value itself does not.
        also: other stages whose commands accept the flag, but do not record the option.
        affects_output: whether the option changes the output, so that old output with another value is an error.
    """
    of_stage = _GROUP_OF_STAGE.get(stages, RUNNING)
    shown = default_text or ("" if parse is None or not default else default)
    metadata = {
        **{"stages": stages.split(), "commands": [*stages.split(), *also.split()], "group": group or of_stage},
        **{"help": with_default(text, shown), "parse": parse, "metavar": metavar, "bytes": affects_output},
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of a run."""

    output: str = _option(
        "",
        "link vocabulary examples mentions",
        "Folder to write to. Required.",
        plain_path,
        group=OUTPUT,
        metavar="OUT",
        affects_output=False,
    )
    config: str = _option(
        "",
        "link vocabulary examples mentions",
        "TOML file with these options, or the name of a configuration that comes with mlukit, such as wikipedia24. "
        "Flags override the file.",
        plain_path,
        metavar="FILE",
        affects_output=False,
    )
    workers: int = _option(
        0,
        "link vocabulary examples mentions",
        WORKERS_HELP,
        at_least(1),
        metavar="N",
        affects_output=False,
    )
    # which dumps
    dumps: str = _option(
        "",
        "link",
        "Folder of dumps with Wikimedia's names, flat or in {wiki}/{date}/. Required, unless --dump names the dumps.",
        plain_path,
        metavar="DIR",
        affects_output=False,
    )
    languages: tuple[str, ...] = _option(
        (),
        "link",
        "Codes of the Wikipedias to build, such as en,de,ja.",
        some_words,
        metavar="CODES",
        default_text="all languages whose dumps DIR holds",
        affects_output=False,
    )
    date: str = _option(
        "",
        "link",
        "Date of the dumps, such as 20260901, if DIR has several dates.",
        str,
        metavar="DATE",
        affects_output=False,
    )
    dump: tuple[tuple[str, str], ...] = _option(
        (),
        "link",
        "File of a dump. Repeat the flag for another part or another language.",
        language_path,
        metavar="LANGUAGE=PATH",
        affects_output=False,
    )
    foreign_header: bool = _option(
        False,
        "link",
        "Accept a dump whose header names another wiki than the requested one.",
        affects_output=False,
    )
    range_size: int | None = _option(
        None,
        "link",
        "Bytes of a dump file from which one shard is made.",
        size,
        metavar="SIZE",
        default_text="a 16th of a language's dump, from 2MiB to 32MiB",
    )
    allow_damaged: bool = _option(
        False,
        "link",
        "Exit with status 0 even if dumps are damaged. The command still reports the damage.",
        affects_output=False,
    )
    # where items come from
    wikidata_api: bool = _option(
        False, "link", "Ask Wikidata's query service about titles that have no item in any table.", group=ITEMS
    )
    wikidata_endpoint: str = _option(
        "https://query.wikidata.org/sparql",
        "link",
        "SPARQL endpoint for --wikidata-api.",
        str,
        group=ITEMS,
        metavar="URL",
        affects_output=False,
    )
    wikidata_contact: str = _option(
        "",
        "link",
        "Your address, for the operators of Wikimedia. Every request of --wikidata-api has the address.",
        str,
        group=ITEMS,
        metavar="ADDRESS",
        affects_output=False,
    )
    wikidata_cache: str = _option(
        "",
        "link",
        "File that keeps the answers of --wikidata-api.",
        plain_path,
        group=ITEMS,
        metavar="FILE",
        default_text="a file in OUT",
        affects_output=False,
    )
    allow_unresolved: bool = _option(
        False,
        "link",
        "Accept a language that has no source of items. The links in its articles then have no items.",
        group=ITEMS,
    )
    validation_share: float = _option(
        0.01,
        "link",
        "Share of the items whose pages go into the validation split, in every language.",
        share,
        group=OUTPUT,
        metavar="SHARE",
    )
    articles_format: tuple[str, ...] = _option(
        (PARQUET.name,),
        "link",
        f"Formats of articles, among {', '.join(format_names(ARTICLES))}. Later stages read {PARQUET.name}.",
        among(format_names(ARTICLES), needed=PARQUET.name),
        group=OUTPUT,
        metavar="FORMATS",
    )
    # the vocabulary
    vocabulary_size: int = _option(
        _VOCABULARY.size,
        "vocabulary",
        "Maximum number of entities, including 4 special entities. The entities with the most links are kept.",
        at_least(1),
        metavar="N",
    )
    min_languages: int | None = _option(
        None,
        "vocabulary",
        "Minimum number of languages that link to an entity.",
        at_least(1),
        metavar="N",
        default_text=MIN_LANGUAGES_RULE,
    )
    min_count: int = _option(
        _VOCABULARY.min_count,
        "vocabulary",
        "Minimum number of links to an entity, in all languages together.",
        at_least(1),
        metavar="N",
    )
    kinds: tuple[str, ...] = _option(
        ("article", "list"),
        "vocabulary",
        f"Kinds of pages whose links are counted and from which examples are made, among {', '.join(KINDS)}.",
        among(KINDS),
        metavar="KINDS",
    )
    # the examples
    sentencepiece_model: str = _option(
        "",
        "examples",
        "SentencePiece model in XLM-R's layout; mlukit train takes only unigram models. Required, unless "
        "--train-sentencepiece is given.",
        plain_path,
        metavar="FILE",
        affects_output=False,
    )
    train_sentencepiece: int = _option(
        0,
        "examples",
        "Train a SentencePiece model of N pieces on the articles. Required, unless --sentencepiece-model is given.",
        at_least(100),
        metavar="N",
    )
    format: tuple[str, ...] = _option(
        ("parquet", "tfrecord"),
        "examples",
        f"Formats of examples, among {', '.join(format_names(EXAMPLES))}.",
        among(format_names(EXAMPLES)),
        group=OUTPUT,
        metavar="FORMATS",
    )
    max_tokens: int = _option(
        _EXAMPLES.max_tokens,
        "examples",
        "Maximum number of tokens in an example, including <s> and </s>.",
        at_least(8),
        metavar="N",
    )
    max_entities: int = _option(
        _EXAMPLES.max_entities, "examples", "Maximum number of mentions in an example.", at_least(1), metavar="N"
    )
    max_mention_tokens: int = _option(
        _EXAMPLES.max_mention_tokens, "examples", "Maximum number of tokens in a mention.", at_least(1), metavar="N"
    )
    min_sentence_pieces: int = _option(
        _EXAMPLES.min_sentence_pieces,
        "examples",
        "Minimum number of pieces in a sentence. Shorter sentences are left out; 0 keeps all sentences.",
        at_least(0),
        metavar="N",
    )
    keep_without_entities: bool = _option(
        False,
        "examples",
        "Keep examples that have no entity. The vocabulary may then be empty.",
        also="vocabulary",
    )
    include_unknown_entities: bool = _option(
        False, "examples", "Keep mentions of entities that are not in the vocabulary, as [UNK]."
    )
    include_headings: bool = _option(False, "examples", "Also make sentences from headings.")
    mluke_exact: bool = _option(
        False,
        "examples",
        "Do everything exactly as the script of mLUKE does, including what the script loses.",
        also="vocabulary",
    )
    # the mentions
    link_probability: bool = _option(
        False,
        "",
        "Also count how often each anchor of the mention dictionaries is a link where it stands (mlukit mentions).",
        group=IN_VOCABULARY,
        affects_output=False,
    )
    # how the command runs
    overwrite: bool = _option(
        False,
        "link vocabulary examples mentions",
        "First remove what earlier runs wrote to OUT for these stages and all later stages. Files that mlukit did not "
        "write are kept.",
        group=OUTPUT,
        affects_output=False,
    )
    dry_run: bool = _option(
        False,
        "link vocabulary examples mentions",
        "Show what the command would read and write, and the expected disk space and time. Nothing is written.",
        affects_output=False,
    )
    # only in the configuration file
    patterns: Mapping[str, Any] = field(default_factory=dict)

    def output_options(self, stage: str) -> dict[str, Any]:
        """The options that affect the output of a stage."""
        chosen = (f for f in fields(self) if stage in f.metadata.get("stages", ()) and f.metadata["bytes"])
        return {f.name: _plain(getattr(self, f.name)) for f in chosen}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def command_parser(command: str, description: str, examples: str) -> CommandParser:
    """The parser of the flags of a stage's command; the command "build" has the flags of all stages."""
    usage, default = f"{_REQUIRED[command]} [FLAGS]", argparse.SUPPRESS
    parser = CommandParser(command, usage, description, examples, [_NOTE, BEAM_FLAGS], default)
    options = [f for f in fields(Settings) if f.metadata and (command == "build" or command in f.metadata["commands"])]
    for group in GROUPS:
        for f in options:
            if f.metadata["group"] == group:
                _add_flag(parser.group(group), f.name, f.metadata)
    return parser


_REQUIRED = {
    "build": "--dumps DIR --sentencepiece-model FILE --output OUT",
    "link": "--dumps DIR --output OUT",
    "vocabulary": "--output OUT",
    "examples": "--sentencepiece-model FILE --output OUT",
    "mentions": "OUT",
}
_NOTE = "Required values may also be set in the configuration file (--config)."


def add_output(parser: CommandParser, text: str, *, more: str = "") -> None:
    """Makes a command accept OUT as its first word, or with --output like the commands that write OUT.

    Args:
        parser: the parser of the command.
        text: the help about OUT, a sentence.
        more: the metavar of words that may follow OUT; "" for none.
    """
    words = parser.group(INPUT)
    metavar = f"OUT [{more} …]" if more else "OUT"
    words.add_argument("words", nargs="*", metavar=metavar, help=f"{text} Required.")
    words.add_argument("--output", type=plain_path, metavar="OUT", help="Another way to name OUT.")


def output_and_words(asked: argparse.Namespace, most: int | None) -> tuple[str, list[str]]:
    """Returns OUT, without a slash at its end, and the words that follow OUT.

    Args:
        asked: the values of the flags.
        most: the maximum number of words after OUT; None for any number.

    Raises:
        SettingsError: OUT is missing, or there are too many words.
    """
    output, *words = [*([asked.output] if asked.output else []), *asked.words] or [""]
    if not output:
        raise SettingsError("OUT is missing: name an output folder that mlukit wrote")
    if most is not None and len(words) > most:
        raise SettingsError(f"{words[most]!r} after {output} is one word too many")
    return plain_path(output).rstrip("/") or "/", words


def _add_flag(group: argparse._ArgumentGroup, name: str, option: Mapping[str, Any]) -> None:
    flag, text = "--" + name.replace("_", "-"), option["help"]
    if option["parse"] is None:
        group.add_argument(flag, action="store_true", help=text)
    else:
        action = "append" if name == "dump" else "store"
        group.add_argument(flag, type=option["parse"], metavar=option["metavar"], action=action, help=text)


def read_settings(parser: CommandParser, arguments: Sequence[str]) -> tuple[Settings, list[str]]:
    """Reads the settings of a command, and the flags for Beam.

    Raises:
        RefusedError: a flag, a value or a key of the configuration file is wrong.
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


def check_beam_flags(flags: Sequence[str], parser: CommandParser) -> None:
    """Refuses flags that neither mlukit nor Beam knows, because Beam would ignore them, and wrong values.

    Also applies the flags to Beam's filesystems, because files are read before the first pipeline begins.

    Raises:
        SettingsError: a flag or a value is wrong.
    """
    if any(flag.partition("=")[0] == "--dry_run" for flag in flags):
        ours = "; --dry-run shows what the command would do" if "--dry-run" in parser.flags else ""
        raise SettingsError(f"--dry_run is a flag of Beam that runs no job, but mlukit waits for its job{ours}")
    beam = _beam_parser()
    values, others = beam.parse_known_args(list(flags))
    if others:
        known = [*parser.flags, *(flag for flag in beam._option_string_actions if flag.startswith("--"))]
        raise SettingsError(parser.unknown(others[0], known))
    if values.direct_num_workers < 0:
        raise SettingsError(f"--direct_num_workers is {values.direct_num_workers}; accepted: 0 (all cores) or more")
    runners = StandardOptions.KNOWN_RUNNER_NAMES
    if values.runner and "." not in values.runner and values.runner.lower() not in map(str.lower, runners):
        hint = nearest(values.runner, runners)
        raise SettingsError(f"--runner {values.runner} is not one of {', '.join(runners)}{hint}")
    FileSystems.set_options(PipelineOptions(list(flags)))


def _beam_parser() -> argparse.ArgumentParser:
    """A parser of all flags of Beam, including the flags of its runners."""
    parser = Parser(add_help=False, allow_abbrev=False, conflict_handler="resolve")
    pending = [PipelineOptions]
    while pending:
        options = pending.pop()
        pending += options.__subclasses__()
        if "_add_argparse_args" in vars(options):
            options._add_argparse_args(parser)
    return parser


def read_config(path: str, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Reads a TOML file of options, whose keys are names of flags with underscores, and its [patterns] of file names.

    Options that the command does not accept are ignored, so that one file can serve all commands.

    Args:
        path: the file, or the name of a configuration that comes with mlukit; a file with this name takes precedence.
        parser: the parser of the command's flags.

    Raises:
        RefusedError: the file cannot be read, or a key or a value is wrong.
    """
    names = list(bundled_configs())
    hint = f"; accepted names: {', '.join(names)}{nearest(Path(path).stem, names)}"
    table = read_toml(_config_file(path), path, if_missing=hint)
    options = {f.name: f.metadata for f in fields(Settings) if f.metadata and f.name != "config"}
    patterns = table.pop("patterns", {})
    if not isinstance(patterns, dict):
        raise SettingsError(f"{path}: patterns = {patterns!r} is not a table; accepted: [patterns] with file patterns")
    check_keys(path, table, list(options))
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
    """The configuration files that come with mlukit, by name, in an installation or a checkout."""
    found = sorted((resources.files(mlukit) / "configs").iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".toml"): file for file in found if file.name.endswith(".toml")}


def _config_value(path: str, key: str, value: Any, option: Mapping[str, Any]) -> Any:
    if key == "dump":
        return _config_dumps(path, value)
    return config_value(path, key, value, option["parse"])


def _config_dumps(path: str, value: Any) -> tuple[tuple[str, str], ...]:
    """Reads [dump]: for each language, a file or a list of the parts of a dump."""
    by_language = value.items() if isinstance(value, dict) else ()
    files = [(code, file) for code, named in by_language for file in (named if isinstance(named, list) else [named])]
    if not files or not all(isinstance(file, str) for _, file in files):
        raise SettingsError(f"{path}: dump = {value!r} is not a table of files, such as en = 'enwiki.xml.bz2'")
    return tuple(files)
