"""`mlukit examples`: training examples out of articles and the entity vocabulary."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from apache_beam.io.filesystems import FileSystems

from mlukit.corpus.examples.options import ExampleOptions
from mlukit.corpus.examples.tokenizer import TokenizerError, TokenizerIdentity, identify
from mlukit.engine.errors import say
from mlukit.engine.manifests import add_failures, publish_manifest, ranges_of, sources_of
from mlukit.engine.storage import open_file
from mlukit.engine.task import Task
from mlukit.pipelines.command import run_command
from mlukit.pipelines.report import ResultsByLanguage, by_language, language_totals
from mlukit.pipelines.run import Run, fingerprint
from mlukit.pipelines.settings import Settings, SettingsError
from mlukit.schemas import layout
from mlukit.schemas.arrow import EXAMPLES
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.manifest import FolderContents, Shard, summary_of
from mlukit.schemas.summaries import ParsedText, TokenizerModel, summary_in
from mlukit.transforms.make_examples import MakeExamples
from mlukit.transforms.train_tokenizer import CopyTokenizer, TrainTokenizer

STAGE = "examples"
STEPS = ("tokenizer", "examples")


def check_tokenizer(settings: Settings) -> TokenizerIdentity | None:
    """What tells the model that is asked for from others; None where one is to be trained.

    Raises:
        SettingsError: no tokenizer is asked for, two are, or the file is no model.
    """
    model, pieces = settings.sentencepiece_model, settings.train_sentencepiece
    if bool(model) == bool(pieces):
        raise SettingsError(
            "name the tokenizer: --sentencepiece-model FILE (a model in XLM-R's layout, such as XLM-R's own "
            "sentencepiece.bpe.model), or --train-sentencepiece N to train one of N pieces on the articles, not both"
        )
    if pieces:
        return None
    if not FileSystems.exists(model):
        raise SettingsError(f"--sentencepiece-model {model}: there is no such file")
    try:
        with open_file(model) as stream:
            return identify(stream.read())
    except (TokenizerError, OSError) as error:
        raise SettingsError(f"--sentencepiece-model {model}: {error}") from error


def example_options(settings: Settings) -> ExampleOptions:
    """The options of examples; SettingsError where they do not go together."""
    try:
        return ExampleOptions(**{f.name: getattr(settings, f.name) for f in fields(ExampleOptions)})
    except ValueError as error:
        raise SettingsError(str(error)) from error


def check(settings: Settings) -> None:
    """What can be known to be wrong before any work."""
    check_tokenizer(settings)
    example_options(settings)


def make_examples(run: Run) -> None:
    """Does the stage on the articles and the vocabulary of the run's output folder."""
    linked, vocabulary = run.needed("link", STAGE), run.needed("vocabulary", STAGE)
    if vocabulary["inputs"]["link"] != fingerprint(linked):
        raise SettingsError(
            f"{run.settings.output}: the vocabulary was made of other articles than those there are now: "
            "take vocabulary/, mentions/ and vocabulary.json away and run mlukit vocabulary again"
        )
    identity = check_tokenizer(run.settings)
    inputs = {
        "link": fingerprint(linked),
        "vocabulary": fingerprint(vocabulary),
        "tokenizer": identity.fingerprint if identity else f"trained, {run.settings.train_sentencepiece} pieces",
    }
    if not run.begin(STAGE, inputs, STEPS):
        return
    languages = linked["inputs"]["languages"]
    articles = {language: ranges_of(run.storage, layout.folder(layout.ARTICLES, language)) for language in languages}
    (result,) = run.step("tokenizer", [_tokenizer(run, identity, linked, articles)])
    tokenizer, entities = summary_of(result, TokenizerModel), vocabulary["fingerprints"]["entities"]
    say(f"tokenizer: {tokenizer.pieces:,} pieces, {tokenizer.fingerprint[:16]}")
    kinds = frozenset(vocabulary["options"]["kinds"])
    options = example_options(run.settings)
    tasks = [
        MakeExamples(
            language=language,
            number=number,
            cost=sum(shard.bytes for shard in files),
            articles=layout.paths(files),
            kinds=kinds,
            formats=run.settings.format,
            options=options,
            tokenizer=tokenizer.fingerprint,
            entities=entities,
        )
        for language, ranges in articles.items()
        for number, files in enumerate(ranges)
    ]
    results = by_language(tasks, run.step("make examples", tasks))
    fingerprints = {**inputs, "tokenizer": tokenizer.fingerprint, "entities": entities}
    _finish(run, inputs, fingerprints, linked["sources"], results)


def _tokenizer(
    run: Run, identity: TokenizerIdentity | None, linked: dict[str, Any], articles: dict[str, list[tuple[Shard, ...]]]
) -> Task:
    if identity:
        return CopyTokenizer(ALL_LANGUAGES, 0, 1, run.settings.sentencepiece_model, identity)
    totals = linked["languages"]
    characters = tuple((code, summary_in(totals[code], ParsedText).characters) for code in articles)
    files_of = {code: [path for files in ranges for path in layout.paths(files)] for code, ranges in articles.items()}
    shards = tuple(
        (code, tuple(path for path in paths if layout.split_of(path) == "train")) for code, paths in files_of.items()
    )
    pieces = run.settings.train_sentencepiece
    return TrainTokenizer(ALL_LANGUAGES, 0, 1, pieces=pieces, shards=shards, characters=characters)


def _finish(
    run: Run,
    inputs: dict[str, Any],
    fingerprints: dict[str, str],
    sources: Sequence[Mapping[str, Any]],
    results: ResultsByLanguage,
) -> None:
    options, folders = run.settings.output_options(STAGE), []
    for language, of_language in results.items():
        own_sources = sources_of(language, sources)
        contents = FolderContents(
            layout.EXAMPLES, EXAMPLES, language, options=options, inputs=fingerprints, sources=own_sources
        )
        folders.append(publish_manifest(run.storage, contents, of_language))
        add_failures(run.storage, language, STAGE, of_language)
    run.finish(STAGE, inputs, {"languages": language_totals(results), "fingerprints": fingerprints}, folders, STEPS)


def main(arguments: Sequence[str]) -> int:
    """The command."""
    return run_command(
        STAGE,
        "Training examples, from OUT/articles and OUT/vocabulary.",
        "  mlukit examples --output OUT --sentencepiece-model sentencepiece.bpe.model\n"
        "  mlukit examples --output OUT --train-sentencepiece 32000 --format parquet",
        [(STAGE, make_examples)],
        arguments,
        check,
    )
