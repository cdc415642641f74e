"""The graph of the examples stage: makes training examples from articles and the entity vocabulary."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsDict

from mlukit.corpus.examples.options import ExampleOptions
from mlukit.corpus.examples.sentencepiece_model import export_problem
from mlukit.corpus.examples.tokenizer import TokenizerError, TokenizerIdentity, identify
from mlukit.engine.logs import warn
from mlukit.engine.manifests import add_failures, publish_manifest, ranges_of, sources_of
from mlukit.engine.step_results import Results
from mlukit.engine.steps import Once, Step, value_of
from mlukit.engine.storage import Storage, file_exists, open_file
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.engine.workplace import Workplace
from mlukit.pipelines.graphs.link import Linked
from mlukit.pipelines.graphs.vocabulary import check_current
from mlukit.pipelines.settings import Settings, SettingsError
from mlukit.pipelines.stage import Stage, fingerprint
from mlukit.schemas import layout
from mlukit.schemas.arrow import EXAMPLES
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.manifest import FolderContents
from mlukit.schemas.summaries import ResolvedArticles, TokenizerModel, summary_in
from mlukit.transforms.make_examples import ArticleShard, MakeExampleShards
from mlukit.transforms.train_tokenizer import CopyTokenizer, ModelFile, TrainingText, TrainTokenizer

STAGE = Stage("examples", ("tokenizer", "examples"), needs=("link", "vocabulary"))


def check_tokenizer(settings: Settings) -> TokenizerIdentity | None:
    """The identity of the requested tokenizer model; None if a model is to be trained.

    Raises:
        SettingsError: no tokenizer or two tokenizers are requested, or the file is not a model.
    """
    model, pieces = settings.sentencepiece_model, settings.train_sentencepiece
    if bool(model) == bool(pieces):
        raise SettingsError(
            "one tokenizer is required: give either --sentencepiece-model FILE (a model in XLM-R's layout, such as "
            "XLM-R's own sentencepiece.bpe.model) or --train-sentencepiece N (trains N pieces on the articles)"
        )
    if pieces:
        return None
    if not file_exists(model):
        raise SettingsError(f"--sentencepiece-model {model}: there is no such file")
    try:
        with open_file(model) as stream:
            return identify(stream.read())
    except (TokenizerError, OSError) as error:
        raise SettingsError(f"--sentencepiece-model {model}: {error}") from error


def example_options(settings: Settings) -> ExampleOptions:
    """The options of the examples.

    Raises:
        SettingsError: options contradict each other.
    """
    try:
        return ExampleOptions(**{f.name: getattr(settings, f.name) for f in fields(ExampleOptions)})
    except ValueError as error:
        raise SettingsError(str(error)) from error


def check(settings: Settings) -> None:
    """Refuses wrong settings of the stage before any work."""
    check_tokenizer(settings)
    example_options(settings)
    if settings.sentencepiece_model:
        _warn_of_model(settings.sentencepiece_model)


def _warn_of_model(model: str) -> None:
    """Warns of a model that examples can be made with, but that no training takes."""
    with open_file(model) as stream:
        problem = export_problem(stream.read())
    if problem:
        warn(
            f"--sentencepiece-model {model}: {problem}; mlukit train will refuse these examples, other readers need not"
        )


def inputs_of(
    settings: Settings, identity: TokenizerIdentity | None, linked: Mapping[str, Any], vocabulary: Any
) -> dict[str, Any]:
    """Identifies the inputs of the stage: the records of the two earlier stages, and the tokenizer.

    Args:
        settings: the settings of the run.
        identity: the identity of the tokenizer; None if it is to be trained.
        linked: the record of the link stage.
        vocabulary: the record of the vocabulary stage.
    """
    return {
        "link": fingerprint(linked),
        "vocabulary": fingerprint(vocabulary),
        "tokenizer": identity.fingerprint if identity else f"trained, {settings.train_sentencepiece} pieces",
    }


class MakeExamples(beam.PTransform):
    """The examples stage: makes examples from articles and the vocabulary, and emits the record of the stage.

    Args:
        workplace: where the tasks run.
        settings: the settings of the run.
        kinds: the kinds of pages from which examples are made, the same as for the vocabulary.
        linked: the finished link stage.
        vocabulary: the record of the vocabulary stage.
    """

    def __init__(
        self,
        workplace: Workplace,
        settings: Settings,
        kinds: Sequence[str],
        linked: Linked,
        vocabulary: beam.PCollection,
    ) -> None:
        super().__init__()
        self._workplace, self._settings, self._kinds = workplace, settings, frozenset(kinds)
        self._linked, self._vocabulary = linked, vocabulary

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Applies the transforms to the pipeline."""
        work, settings, storage = self._workplace, self._settings, self._workplace.storage
        plan = ExamplesPlan(settings, check_tokenizer(settings))
        records = [value_of(self._linked.record), value_of(self._vocabulary)]
        articles = AsDict(self._linked.articles)
        begun = begin | Once(work, "begin examples", BeginExamples(storage, settings, plan.identity), records)

        def step(title: str, *needs: beam.pvalue.AsSideInput, **more: Any) -> beam.PCollection:
            return begin | Step(STAGE.name, title, needs=needs, **more)

        model = step(
            "tokenizer",
            *(value_of(begun), value_of(self._linked.record), articles),
            **{"plan": plan.tokenizer, "transforms": [plan.tokenizer_transform(work)], "tell": _tell_tokenizer},
        )
        making = MakeExampleShards(work, self._kinds, settings.format, example_options(settings))
        needs = (value_of(self._vocabulary), AsDict(model), articles)
        made = step("make examples", *needs, plan=plan.examples, transforms=[making])
        finish = FinishExamples(work, settings)
        return begin | Once(work, "finish examples", finish, [*records, value_of(begun), AsDict(model), AsDict(made)])


@dataclass(frozen=True, slots=True)
class BeginExamples:
    """Begins the stage, when the records of both earlier stages are there."""

    storage: Storage
    settings: Settings
    identity: TokenizerIdentity | None

    def __call__(self, linked: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the identity of the stage's inputs.

        Raises:
            SettingsError: the stage was begun with other inputs or options.
        """
        check_current(self.storage.root, linked, vocabulary)
        inputs = inputs_of(self.settings, self.identity, linked, vocabulary)
        STAGE.begin(self.storage, self.settings, inputs)
        return inputs


@dataclass(frozen=True, slots=True)
class ExamplesPlan:
    """Plans the tasks of each step from the settings and the results of earlier steps."""

    settings: Settings
    identity: TokenizerIdentity | None

    def tokenizer_transform(self, workplace: Workplace) -> TaskTransform[Any]:
        """The transform that writes the tokenizer to the output."""
        if self.identity:
            return CopyTokenizer(workplace)
        return TrainTokenizer(workplace, self.settings.train_sentencepiece)

    def tokenizer(self, _: object, linked: Mapping[str, Any], articles: Results) -> list[Task]:
        """Plans one task."""
        if self.identity:
            return [ModelFile(ALL_LANGUAGES, 0, 1, self.settings.sentencepiece_model, self.identity)]
        totals, languages = linked["languages"], linked["inputs"]["languages"]
        characters = tuple((code, summary_in(totals[code], ResolvedArticles).characters) for code in languages)
        shards = tuple((code, tuple(_files_to_train_on(articles[code].shards))) for code in languages)
        return [TrainingText(ALL_LANGUAGES, 0, 1, shards, characters)]

    def examples(self, vocabulary: Mapping[str, Any], model: Results, articles: Results) -> list[ArticleShard]:
        """Plans a task for each range of the dumps."""
        tokenizer, entities = _model_of(model).fingerprint, vocabulary["fingerprints"]["entities"]
        return [
            ArticleShard(language, number, layout.total_bytes(files), layout.paths(files), tokenizer, entities)
            for language in sorted(articles)
            for number, files in enumerate(ranges_of(articles[language].shards))
        ]


def _files_to_train_on(articles: Sequence[Any]) -> Iterator[str]:
    for files in ranges_of(articles):
        yield from (path for path in layout.paths(files) if layout.split_of(path) == "train")


def _model_of(results: Results) -> TokenizerModel:
    """The identity of the output's tokenizer, from the result of its task."""
    of_all = results[ALL_LANGUAGES]
    return of_all.summary(of_all.tasks[0], TokenizerModel)


def _tell_tokenizer(results: Results) -> Iterator[str]:
    model = _model_of(results)
    yield f"tokenizer: {model.pieces:,} pieces, {model.fingerprint[:16]}"


@dataclass(frozen=True, slots=True)
class FinishExamples:
    """Publishes the folders and the record of the stage, and returns the record."""

    workplace: Workplace
    settings: Settings

    def __call__(
        self,
        linked: Mapping[str, Any],
        vocabulary: Mapping[str, Any],
        inputs: dict[str, Any],
        model: Results,
        made: Results,
    ) -> dict[str, Any]:
        """Writes the manifests and the record, from the records of both earlier stages and the results of the steps."""
        options, folders = self.settings.output_options(STAGE.name), []
        storage = self.workplace.storage
        entities = vocabulary["fingerprints"]["entities"]
        fingerprints = {**inputs, "tokenizer": _model_of(model).fingerprint, "entities": entities}
        for language in sorted(made):
            sources = sources_of(language, linked["sources"])
            contents = FolderContents(
                layout.EXAMPLES, EXAMPLES, language, options=options, inputs=fingerprints, sources=sources
            )
            folders.append(publish_manifest(storage, contents, made[language]))
            add_failures(storage, language, STAGE.name, made[language])
        languages = {code: made[code].to_json() for code in made}
        result = {"languages": languages, "fingerprints": fingerprints}
        return STAGE.finish(self.workplace, self.settings, inputs, result, folders)
