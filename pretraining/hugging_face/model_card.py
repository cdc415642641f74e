"""Writes the README.md of an exported model: its settings, its training data, and how to load it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mlukit.pretraining.config import ModelConfig, RunConfig
from mlukit.pretraining.hugging_face.card_metadata import DATASET, Origin, front_matter, licence_text
from mlukit.pretraining.hugging_face.checkpoint_files import CheckpointError, read_json_object
from mlukit.schemas import layout
from mlukit.schemas.manifest import MANIFEST
from mlukit.schemas.summaries import MadeExamples, summary_in

Manifest: TypeAlias = Mapping[str, Any]

_LOADING = """\
```python
from transformers import LukeForMaskedLM, MLukeTokenizer

tokenizer = MLukeTokenizer.from_pretrained({name})
model = LukeForMaskedLM.from_pretrained({name})
text = "{text}"
inputs = tokenizer(text, entity_spans=[{span}], return_tensors="pt")  # without `entities`: [MASK]
best = model(**inputs).entity_logits[0, 0].topk(5).indices.tolist()
names = {{}}
for name, entity in tokenizer.entity_vocab.items():
    names.setdefault(entity, name)  # the first is the QID
print([names[entity] for entity in best])
```

Entities are named by QID (`Q64`) or by title (`de:Berlin`). A mention should begin and end at a blank: within a word,
`MLukeTokenizer` begins a new word. Copy the tokenizer's files: transformers 5 loses the normaliser when it saves them.

For fine-tuning, the folder has `<ent>`, `<ent2>`, `[MASK2]` and entity-aware queries: copies of `@`, `#`, `[MASK]` and
the plain query, since pretraining does not train them. In transformers 5, call
`tokenizer.backend_tokenizer.no_padding()` and `tokenizer.backend_tokenizer.no_truncation()` before a call with
`entity_spans`, and cut long texts yourself (docs/checkpoints.md of mlukit)."""


@dataclass(frozen=True, slots=True)
class Training:
    """The facts of a run that the model card states."""

    config: RunConfig
    steps: int  # steps done


def model_card(name: str, config: ModelConfig, examples: Path, training: Training | None, origin: Origin) -> str:
    """Returns the text of README.md: Markdown with the front matter of a model repository.

    Args:
        name: of the model's folder.
        config: of the model.
        examples: the output folder whose manifests describe the examples.
        training: the run; None if the model was not trained.
        origin: where the weights come from.

    Raises:
        CheckpointError: the folder has no finished examples.
    """
    languages = _manifests(examples / layout.EXAMPLES)
    vocabulary = read_json_object(examples / layout.manifest(layout.VOCABULARY))
    parts = [
        front_matter(languages, origin),
        "# mLUKE, trained by mlukit",
        "A multilingual model of words and entities: XLM-R's encoder over the words of a text and the entities that it "
        "mentions, trained to fill in masked words and masked entities (Ri, Yamada, Tsuruoka, 2022).",
        "## Loading it",
        _LOADING.format(
            name=json.dumps(name, ensure_ascii=False), text="Berlin is the capital of Germany.", span="(0, 6)"
        ),
        "## Model",
        _settings(asdict(config)),
        *([] if training is None else _training(training, origin)),
        "## Data",
        _counts(languages),
        f"{config.entity_vocabulary_size:,} entities, the special ones included.",
        "How they were made:",
        _settings(_options(languages, vocabulary)),
        "Fingerprints (SHA-256 of the tokenizer's model file, and of the names of the entities in order):",
        _settings(_inputs(languages)),
        f"Made of these files (`{DATASET}` in the metadata is the Hub's copy of Wikipedia, perhaps of another date):",
        _sources(languages),
        "## Licence",
        licence_text(origin),
    ]
    return "\n\n".join(parts) + "\n"


def _manifests(folder: Path) -> dict[str, Manifest]:
    """Reads the manifest of each language; CheckpointError if there is no manifest."""
    found: dict[str, Manifest] = {
        path.parent.name: read_json_object(path) for path in sorted(folder.glob(f"*/{MANIFEST}"))
    }
    if not found:
        raise CheckpointError(f"{folder} has no folder of a language with a {MANIFEST}")
    return found


def _training(training: Training, origin: Origin) -> Iterator[str]:
    start = f"It started from {', which was made of '.join(origin.folders) or 'random parameters'}."
    yield "## Training"
    yield f"{training.steps:,} steps of stage {training.config.training.stage}. {start}"
    yield _settings(asdict(training.config.data) | asdict(training.config.training))


def _counts(languages: Mapping[str, Manifest]) -> str:
    rows = [
        (code, made.total, made.train, made.tokens, manifest["flows"]["mentions"]["out"])
        for code, manifest in languages.items()
        for made in [summary_in(manifest, MadeExamples)]
    ]
    totals = ("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:]))
    return _table(("language", "examples", "of them to train on", "tokens", "mentions"), [*rows, totals])


def _options(languages: Mapping[str, Manifest], vocabulary: Manifest) -> dict[str, Any]:
    """Returns the options of the stages; the first language's options are the options of all languages."""
    return {**vocabulary["options"], **next(iter(languages.values()))["options"]}


def _inputs(languages: Mapping[str, Manifest]) -> dict[str, str]:
    inputs = next(iter(languages.values()))["inputs"]
    return {name: inputs[name] for name in ("tokenizer", "entities")}


def _sources(languages: Mapping[str, Manifest]) -> str:
    sources = {source["name"]: source for manifest in languages.values() for source in manifest["sources"]}
    rows = [(s["language"], s["kind"], f"`{s['name']}`", s["bytes"], _checksum(s)) for _, s in sorted(sources.items())]
    return _table(("language", "kind", "file", "bytes", "checksum"), rows)


def _checksum(source: Manifest) -> str:
    return next((f"{kind} `{source[kind]}`" for kind in ("sha256", "sha1", "md5") if source.get(kind)), "")


def _settings(values: Mapping[str, Any]) -> str:
    return _table(("setting", "value"), [(f"`{name}`", json.dumps(value)) for name, value in values.items()])


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [" | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in (" | ".join(head), " | ".join("---" for _ in head), *lines))
