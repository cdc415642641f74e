"""A Wikidata JSON dump out of an XML dump of Wikidata, for end-to-end tests.

The XML dumps of 2012 to 2014 hold items in two layouts of JSON: the old one (`entity`, `label`, `links`) and the one
of today's JSON dumps. What comes out has today's, one entity a line, as `wikidata-*-all.json` has it.
"""

import bz2
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def write_json_dump(xml_dump: Path, json_dump: Path) -> int:
    """Writes the items and properties of a .xml.bz2 as a .json.bz2; returns how many there are."""
    entities = list(_entities(xml_dump))
    lines = ",\n".join(json.dumps(entity, ensure_ascii=True, separators=(",", ":")) for entity in entities)
    json_dump.write_bytes(bz2.compress(f"[\n{lines}\n]\n".encode()))
    return len(entities)


def _entities(xml_dump: Path) -> Iterator[dict[str, Any]]:
    with bz2.open(xml_dump) as stream:
        for _, element in ElementTree.iterparse(stream):
            if element.tag.rpartition("}")[2] == "text" and (element.text or "").startswith("{"):
                yield _todays_layout(json.loads(element.text or ""))
                element.clear()


def _todays_layout(entity: dict[str, Any]) -> dict[str, Any]:
    if "entity" not in entity:
        return entity
    kind, number = entity["entity"]
    is_item = kind == "item"
    labels = entity["label"] or {}  # an empty object is written []
    new = {
        "type": kind,
        "id": f"{'Q' if is_item else 'P'}{number}",
        "labels": {code: {"language": code, "value": label} for code, label in labels.items()},
        "claims": {},
    }
    if is_item:
        new["sitelinks"] = {
            wiki: {"site": wiki, "title": link["name"] if isinstance(link, dict) else link, "badges": []}
            for wiki, link in (entity["links"] or {}).items()
        }
    return new
