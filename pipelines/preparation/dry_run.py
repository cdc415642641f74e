"""`--dry-run`: shows what a command would read and write, and the expected cost; writes nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlukit.corpus.dumps.item_sources import item_tables
from mlukit.corpus.dumps.ranges import plan_ranges
from mlukit.engine.launch.progress import duration
from mlukit.engine.launch.workers import choose_workers
from mlukit.engine.storage import Storage, is_local
from mlukit.pipelines.graphs import link
from mlukit.pipelines.graphs.stages import Build
from mlukit.pipelines.preparation.disk_space import free_space
from mlukit.pipelines.preparation.estimate import disk_bytes, seconds, xml_of
from mlukit.pipelines.preparation.old_output import find_old_output
from mlukit.pipelines.run import check_folder
from mlukit.pipelines.settings import Settings
from mlukit.pipelines.sources import Sources
from mlukit.pipelines.stage import Stage
from mlukit.schemas.summaries import ParsedText, summary_in
from mlukit.schemas.wording import byte_count, counted

_ITEM_TABLES = tuple(table.name for table in item_tables())


def show_plan(settings: Settings, beam_flags: Sequence[str], stages: Sequence[Stage]) -> None:
    """Prints the plan of a command; refuses everything that the command would refuse.

    Raises:
        SettingsError: see `Run.do`.
        DumpError: see `pipelines.sources.find_sources`.
    """
    storage = Storage(settings.output)
    check_folder(storage)
    build = Build(settings, storage, stages)
    left = _left_to_do(build, storage, stages)
    lines = list(_sources(build.sources, settings)) if link.STAGE in stages else []
    lines += _output(settings, storage, stages, left)
    lines += _cost(build, storage, left, beam_flags) if left else []
    print("\n".join([*lines, "Nothing was written (--dry-run)."]))


def _left_to_do(build: Build, storage: Storage, stages: Sequence[Stage]) -> list[Stage]:
    """The stages that are not finished; compares options and inputs with old output, as a run would do."""
    left = list(stages)
    if build.settings.overwrite:
        build.inputs(left[0])
        return left
    while left and left[0].is_finished(storage, build.settings, build.inputs(left[0])):
        left.pop(0)
    for stage in left[1:]:
        stage.check_options(storage, build.settings)
    return [stage for stage in left if stage.record(storage) is None]


def _sources(sources: Sources, settings: Settings) -> Iterator[str]:
    """Lines about the source files: the number of shards of each language, and the files with their sizes."""
    for language in sources.languages:
        found = sources.found.sets[language]
        shards = sum(part.shards for part in plan_ranges(language, found.files, settings.range_size))
        tables = [name for name in _ITEM_TABLES if name in {**found.tables, **sources.found.shared}]
        items = [*tables, *(["wikidata_api"] if settings.wikidata_api else [])]
        known = (
            "no items"
            if language in sources.without_items
            else f"items from {', '.join(items) or 'interlanguage links'}"
        )
        yield f"{language}: {counted(shards, 'shard')}, {known}"
        yield from _files([(kind, file.path, file.size) for code, kind, file in sources.files() if code == language])
    if sources.found.shared:
        yield "all languages:"
        yield from _files([(kind, file.path, file.size) for kind, file in sorted(sources.found.shared.items())])


def _files(files: Sequence[tuple[str, str, int]]) -> Iterator[str]:
    for kind, path, size in files:
        yield f"  {byte_count(size):>9}  {kind}  {path}"


def _output(settings: Settings, storage: Storage, stages: Sequence[Stage], left: Sequence[Stage]) -> Iterator[str]:
    """Lines about the output: unfinished and finished stages, and what `--overwrite` would remove."""
    done = ", ".join(stage.name for stage in stages if stage not in left)
    yield f"stages to do: {', '.join(stage.name for stage in left) or 'none'}{done and f'; already finished: {done}'}"
    if settings.overwrite:
        old, sizes = find_old_output(storage, stages[0]), storage.sizes()
        size = byte_count(sum(sizes[path] for path in old.removable))
        yield f"--overwrite would remove {len(old.removable):,} files, {size}, from {settings.output}"
        if old.foreign:
            yield old.foreign_text(settings.output)


def _cost(build: Build, storage: Storage, left: Sequence[Stage], beam_flags: Sequence[str]) -> Iterator[str]:
    settings, names = build.settings, [stage.name for stage in left]
    if link.STAGE in left:
        xml = xml_of((file.path, file.size) for _, kind, file in build.sources.files() if kind == "dump")
    else:
        languages = link.STAGE.needed(storage, names[0])["languages"].values()
        xml = sum(summary_in(of_one, ParsedText).xml_bytes for of_one in languages if "text" in of_one["summary"])
    end, most = disk_bytes(xml, names, len(settings.articles_format), len(settings.format))
    yield f"disk: about {byte_count(end)} in the end, {byte_count(most)} on the way{_free(settings.output)}"
    workers = choose_workers(build.input_bytes(left), beam_flags)
    took = duration(seconds(xml, names, workers.processes or 1))
    of_one = "" if workers.are_local else " on a single core, less by the number of cores"
    yield f"time: about {took} {workers}{of_one}, at the speed of an Intel Xeon (docs/cluster.md)"


def _free(output: str) -> str:
    if not is_local(output):
        return ""
    existing, free = free_space(Path(output))
    return f"; free at {existing}: {byte_count(free)}"
