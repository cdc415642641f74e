"""The metadata of a model card, as the Hugging Face Hub reads it: YAML between two lines of "---".

https://huggingface.co/docs/hub/model-cards describes the keys.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlukit.corpus.languages.iso_codes import iso_codes

DATASET = "wikimedia/wikipedia"  # the Hub's copy of Wikipedia
_TEXT, _OTHER = "cc-by-sa-4.0", "other"  # licences, by the Hub's names
_LICENCES = {  # a model of the Hub -> its licence there
    "FacebookAI/xlm-roberta-base": "mit",
    "FacebookAI/xlm-roberta-large": "mit",
    "studio-ousia/mluke-base": "apache-2.0",
    "studio-ousia/mluke-base-lite": "apache-2.0",
    "studio-ousia/mluke-large": "apache-2.0",
    "studio-ousia/mluke-large-lite": "apache-2.0",
}
_CACHED = "models--"  # the cache of huggingface_hub: models--FacebookAI--xlm-roberta-base/snapshots/…


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the weights of a model come from.

    Attributes:
        folders: names of the runs and folders that the weights come from, the latest first; empty for random weights.
        source: the folder that `mlukit import` read; "" if it is not known, or if there was none.
    """

    folders: tuple[str, ...] = ()
    source: str = ""

    @property
    def base_model(self) -> str:
        """The model's name on the Hub, if the path of the source tells it; otherwise ""."""
        path = Path(self.source)
        cached = (part.removeprefix(_CACHED).replace("--", "/") for part in path.parts if part.startswith(_CACHED))
        name = next(cached, path.name)
        return name if "/" in name else next((known for known in _LICENCES if known.endswith(f"/{name}")), "")

    @property
    def licence(self) -> str:
        """The licence of the text, which is stricter than the known models' licences; "other" for unknown weights."""
        return _TEXT if not self.folders or self.base_model in _LICENCES else _OTHER


RANDOM_WEIGHTS = Origin()


def front_matter(wikipedias: Iterable[str], origin: Origin) -> str:
    """The metadata of a model of these Wikipedias."""
    licence = [f"license: {origin.licence}", *(["license_name: undecided"] if origin.licence == _OTHER else [])]
    base = [f"base_model: {json.dumps(origin.base_model)}"] if origin.base_model else []
    lines = [
        *("language:", *(f"- {json.dumps(code)}" for code in iso_codes(wikipedias))),  # `no` is false in YAML
        *(*licence, *base, "datasets:", f"- {DATASET}"),
        *("library_name: transformers", "pipeline_tag: fill-mask", "tags: [mluke, luke, entities, wikipedia]"),
    ]
    return "\n".join(["---", *lines, "---"])


def licence_text(origin: Origin) -> str:
    """The section of the card that gives the reason for the licence."""
    if not origin.folders:
        first = "The weights were random at first."
    elif known := _LICENCES.get(origin.base_model):
        first = (
            f"The first weights are of [{origin.base_model}](https://huggingface.co/{origin.base_model}), `{known}`: "
        )
        first += "its notice must stay."
    else:
        first = (
            f"mlukit does not know the licence of {origin.base_model or origin.folders[-1]}, where the weights began."
        )
    reason = "the strictest of these licences" if origin.licence == _TEXT else "because one licence is not known"
    return f"""\
- The text is Wikipedia's, by its contributors, under
  [CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/) (and the GFDL, in part). `entity_vocab.json` has
  titles of its pages.
- The items are Wikidata's, [CC0](https://creativecommons.org/publicdomain/zero/1.0/).
- {first}
- The tokenizer has the licence of its SentencePiece model.

The metadata says `{origin.licence}`: {reason}. Whether a model is an adaptation of its training text is not settled.
The publisher of the weights decides, and may change the line."""
