"""The metadata of a model card, as the Hub reads it."""

import pytest
import yaml
from huggingface_hub import ModelCardData

from mlukit.pretraining.hugging_face.card_metadata import (
    RANDOM_WEIGHTS,
    Origin,
    front_matter,
    licence_text,
)

CACHE = "/root/.cache/huggingface/hub/models--FacebookAI--xlm-roberta-large/snapshots/c23d21b0"
KEYS = {"language", "license", "license_name", "base_model", "datasets", "library_name", "pipeline_tag", "tags"}


def read(wikipedias: list[str], origin: Origin) -> dict[str, object]:
    """The metadata, as YAML reads it; every key must be one of the Hub's."""
    _, text, rest = front_matter(wikipedias, origin).split("---")
    assert rest == ""
    values = yaml.safe_load(text)
    assert set(values) <= KEYS
    data = ModelCardData(**values)
    assert {name: getattr(data, name) for name in values} == values
    return dict(values)


def test_metadata_in_full() -> None:
    assert read(["en", "no", "zh-yue"], Origin(("INIT", "xlm-roberta-base"), "/models/xlm-roberta-base")) == {
        "language": ["en", "nb", "yue"],
        "license": "cc-by-sa-4.0",
        "base_model": "FacebookAI/xlm-roberta-base",
        "datasets": ["wikimedia/wikipedia"],
        "library_name": "transformers",
        "pipeline_tag": "fill-mask",
        "tags": ["mluke", "luke", "entities", "wikipedia"],
    }


@pytest.mark.parametrize(
    ("origin", "base", "licence", "reason"),
    [
        (RANDOM_WEIGHTS, "", "cc-by-sa-4.0", "The weights were random at first."),
        (Origin(("c23d21b0",), CACHE), "FacebookAI/xlm-roberta-large", "cc-by-sa-4.0", "`mit`: its notice must stay."),
        (Origin(("x",), "h/models--xlm-roberta-base/x"), "FacebookAI/xlm-roberta-base", "cc-by-sa-4.0", "`mit`"),
        (Origin(("mluke-base",), "mluke-base"), "studio-ousia/mluke-base", "cc-by-sa-4.0", "`apache-2.0`"),
        (Origin(("a",), "models--me--mine/snapshots/a"), "me/mine", "other", "know the licence of me/mine, where"),
        (Origin(("INIT", "XLM-R"), "/models/XLM-R"), "", "other", "does not know the licence of XLM-R, where"),
        (Origin(("RUN1",)), "", "other", "does not know the licence of RUN1, where"),
    ],
)
def test_base_model_and_licence(origin: Origin, base: str, licence: str, reason: str) -> None:
    found = read(["de"], origin)
    assert (found.get("base_model", ""), found["license"]) == (base, licence)
    assert found.get("license_name") == ("undecided" if licence == "other" else None)
    text = licence_text(origin)
    assert reason in text and f"The metadata says `{licence}`: " in text
