"""What a user can choose: one table of options, from flags and a configuration file, checked before any work."""

import argparse
import tomllib
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
from mlukit.engine.command_parser import BEAM_FLAGS, CommandParser, Parser, at_least, nearest, with_default
from mlukit.engine.errors import RefusedError
from mlukit.engine.launch.workers import complete_flags
from mlukit.pipelines.option_values import among, language_path, plain_path, share, size, some_words
from mlukit.schemas.formats import PARQUET, format_names
from mlukit.schemas.layout import ARTICLES, EXAMPLES
from mlukit.schemas.records import KINDS


class SettingsError(RefusedError):
    """An option is wrong; its text shows the value and what would be accepted."""


_VOCABULARY, _EXAMPLES = VocabularyOptions(), ExampleOptions()
# The groups of flags in a help text, in this order.
GROUPS = INPUT, ITEMS, IN_VOCABULARY, IN_EXAMPLES, OUTPUT, RUNNING = (
    *("input", "items", "vocabulary"),
    *("examples", "output", "running"),
)
WORKERS_HELP = "Worker processes on this machine. Default: one for each core, none for little work."
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
    """A field with what the command line needs to know of it.

    Args:
        stages: those it concerns; "build" concerns all.
        text: its help, in sentences; the default follows them.
        parse: from a flag's text; None for a switch.
        group: of the help, one of `GROUPS`; that of the stage if none is named, RUNNING where there are several.
        default_text: says what happens by default, where the default itself does not say it.
        also: other stages whose commands take the flag, though it is not recorded among their options.
        affects_output: whether it decides what is written, so that other values over old output are an error.
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
        "link vocabulary examples",
        "Folder to write to. Required.",
        plain_path,
        group=OUTPUT,
        metavar="OUT",
        affects_output=False,
    )
    config: str = _option(
        "",
        "link vocabulary examples",
        "TOML file of these options, or the name of a configuration that comes with mlukit, such as wikipedia24. "
        "Flags override the file.",
        plain_path,
        metavar="FILE",
        affects_output=False,
    )
    workers: int = _option(
        0,
        "link vocabulary examples",
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
        "Date of the dumps, where DIR holds several, such as 20260901.",
        str,
        metavar="DATE",
        affects_output=False,
    )
    dump: tuple[tuple[str, str], ...] = _option(
        (),
        "link",
        "A dump named by hand. The flag may be given again for another part or another language.",
        language_path,
        metavar="LANGUAGE=PATH",
        affects_output=False,
    )
    foreign_header: bool = _option(
        False,
        "link",
        "Accept a dump whose header names another wiki than the one asked for.",
        affects_output=False,
    )
    range_size: int | None = _option(
        None,
        "link",
        "Bytes of a dump file that make one shard.",
        size,
        metavar="SIZE",
        default_text="a 16th of a language's dump, from 2MiB to 32MiB",
    )
    allow_damaged: bool = _option(
        False,
        "link",
        "End with exit status 0 where dumps are damaged. The command tells of the damage all the same.",
        affects_output=False,
    )
    # where items come from
    wikidata_api: bool = _option(
        False, "link", "Ask Wikidata's query service for titles that no table has an item for.", group=ITEMS
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
        "Address that Wikimedia may write to, named in every request of --wikidata-api.",
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
        "Go on with a language that has no source of items. The links of its articles have no items then.",
        group=ITEMS,
    )
    validation_share: float = _option(
        0.01,
        "link",
        "Share of the items whose pages are held out for validation, in every language.",
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
        "Rows of the vocabulary, its 4 special entities included. The most linked entities stay.",
        at_least(1),
        metavar="N",
    )
    min_languages: int | None = _option(
        None,
        "vocabulary",
        "Number of languages that must link to an entity.",
        at_least(1),
        metavar="N",
        default_text=MIN_LANGUAGES_RULE,
    )
    min_count: int = _option(
        _VOCABULARY.min_count,
        "vocabulary",
        "Number of links to an entity, over all languages.",
        at_least(1),
        metavar="N",
    )
    kinds: tuple[str, ...] = _option(
        ("article", "list"),
        "vocabulary",
        f"Kinds of pages whose links count and that examples are made of, among {', '.join(KINDS)}.",
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
        "The most tokens of an example, <s> and </s> counted.",
        at_least(8),
        metavar="N",
    )
    max_entities: int = _option(
        _EXAMPLES.max_entities, "examples", "The most mentions of an example.", at_least(1), metavar="N"
    )
    max_mention_tokens: int = _option(
        _EXAMPLES.max_mention_tokens, "examples", "The most pieces of a mention.", at_least(1), metavar="N"
    )
    min_sentence_pieces: int = _option(
        _EXAMPLES.min_sentence_pieces,
        "examples",
        "The fewest pieces of a sentence. Shorter sentences are left out; 0 keeps all sentences.",
        at_least(0),
        metavar="N",
    )
    keep_without_entities: bool = _option(
        False,
        "examples",
        "Keep examples that have no entity. The vocabulary may be empty then.",
        also="vocabulary",
    )
    include_unknown_entities: bool = _option(
        False, "examples", "Keep mentions of entities that are not in the vocabulary, as [UNK]."
    )
    include_headings: bool = _option(False, "examples", "Make sentences of headings too.")
    mluke_exact: bool = _option(
        False,
        "examples",
        "Do everything as the script of mLUKE does, including what the script loses.",
        also="vocabulary",
    )
    # how the command runs
    overwrite: bool = _option(
        False,
        "link vocabulary examples",
        "Remove what earlier runs wrote to OUT for these stages and the stages after them, then begin. Files that "
        "mlukit did not write stay.",
        group=OUTPUT,
        affects_output=False,
    )
    dry_run: bool = _option(
        False,
        "link vocabulary examples",
        "Show what the command would read and write, and the disk and time to expect. Nothing is written.",
        affects_output=False,
    )
    # what the configuration file alone can say
    patterns: Mapping[str, Any] = field(default_factory=dict)

    def output_options(self, stage: str) -> dict[str, Any]:
        """The options that decide the bytes of a stage's output."""
        chosen = (f for f in fields(self) if stage in f.metadata.get("stages", ()) and f.metadata["bytes"])
        return {f.name: _plain(getattr(self, f.name)) for f in chosen}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def command_parser(command: str, description: str, examples: str) -> CommandParser:
    """The parser of a stage's flags; "build" has those of all stages."""
    usage, default = f"{_REQUIRED[command]} --output OUT [FLAGS]", argparse.SUPPRESS
    parser = CommandParser(command, usage.strip(), description, examples, [_NOTE, BEAM_FLAGS], default)
    options = [f for f in fields(Settings) if f.metadata and (command == "build" or command in f.metadata["commands"])]
    for group in GROUPS:
        for f in options:
            if f.metadata["group"] == group:
                _add_flag(parser.group(group), f.name, f.metadata)
    return parser


_REQUIRED = {
    "build": "--dumps DIR --sentencepiece-model FILE",
    "link": "--dumps DIR",
    "vocabulary": "",
    "examples": "--sentencepiece-model FILE",
}
_NOTE = "What is required may also stand in the configuration file (--config)."


def add_output(parser: CommandParser, text: str, *, more: str = "") -> None:
    """Has a command take OUT as its first word, or by --output, as the commands that write OUT have it.

    Args:
        text: what OUT is, a sentence.
        more: the metavar of words that may follow OUT.
    """
    words = parser.group(INPUT)
    metavar = f"OUT [{more} …]" if more else "OUT"
    words.add_argument("words", nargs="*", metavar=metavar, help=f"{text} Required.")
    words.add_argument("--output", type=plain_path, metavar="OUT", help="Another way to name OUT.")


def output_and_words(asked: argparse.Namespace, most: int | None) -> tuple[str, list[str]]:
    """OUT, without a slash at its end, and the words that follow OUT.

    Args:
        most: how many words may follow; None for any number.

    Raises:
        SettingsError: OUT is missing, or there are too many words.
    """
    output, *words = [*([asked.output] if asked.output else []), *asked.words] or [""]
    if not output:
        raise SettingsError("OUT is missing: name an output folder that mlukit wrote")
    if most is not None and len(words) > most:
        raise SettingsError(f"{words[most]!r} is one word too many after {output}")
    return plain_path(output).rstrip("/") or "/", words


def _add_flag(group: argparse._ArgumentGroup, name: str, option: Mapping[str, Any]) -> None:
    flag, text = "--" + name.replace("_", "-"), option["help"]
    if option["parse"] is None:
        group.add_argument(flag, action="store_true", help=text)
    else:
        action = "append" if name == "dump" else "store"
        group.add_argument(flag, type=option["parse"], metavar=option["metavar"], action=action, help=text)


def read_settings(parser: CommandParser, arguments: Sequence[str]) -> tuple[Settings, list[str]]:
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


def check_beam_flags(flags: Sequence[str], parser: CommandParser) -> None:
    """Refuses what neither we nor Beam know, which Beam would pass over in silence, and values that Beam refuses.

    Files that are read before the first pipeline, and without one, are opened as these flags say.
    """
    if any(flag.partition("=")[0] == "--dry_run" for flag in flags):
        ours = "; --dry-run shows what the command would do" if "--dry-run" in parser.flags else ""
        raise SettingsError(f"--dry_run is a flag of Beam that runs no job, and a run waits for its job{ours}")
    beam = _beam_parser()
    values, others = beam.parse_known_args(list(flags))
    if others:
        known = [*parser.flags, *(flag for flag in beam._option_string_actions if flag.startswith("--"))]
        raise SettingsError(parser.unknown(others[0], known))
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
