"""mLAMA in small: two relations of T-REx, one of Google-RE; German has [Y] before [X] in one template."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

TEMPLATES = {
    "en": {"P36": "[X] has the capital [Y] .", "P17": "[X] is in [Y] .", "place_of_birth": "[X] comes from [Y] ."},
    "de": {"P36": "[Y] ist die Hauptstadt von [X] .", "P17": "[X] liegt in [Y] .", "P9": "[X] ist da ."},
}
COUNTRIES = {
    "en": {"Q183": ("Germany", "Berlin", "Q64"), "Q142": ("France", "Paris", "Q90")},
    "de": {"Q183": ("Deutschland", "Berlin", "Q64"), "Q142": ("Frankreich", "Paris", "Q90")},
}
OTHERS = {"en": ("Rome", "New York"), "de": ("Rom", "New York")}  # candidates that are no object


def words() -> list[str]:
    """Every word of the prompts."""
    texts = [text for of_language in TEMPLATES.values() for text in of_language.values()]
    texts += [label for of_language in COUNTRIES.values() for row in of_language.values() for label in row[:2]]
    texts += [label for labels in OTHERS.values() for label in labels]
    found = dict.fromkeys(word for text in texts for word in text.split() if word not in ("[X]", "[Y]", "."))
    return list(found)


def triples(language: str) -> dict[str, list[dict[str, object]]]:
    """The lines of each relation."""
    capitals, places = [], []
    for number, (qid, (country, city, of_city)) in enumerate(COUNTRIES[language].items()):
        pair = {"lineid": number, "sub_label": country, "obj_label": city, "sub_uri": qid, "obj_uri": of_city}
        capitals.append(pair)
        places.append(
            {"lineid": 7 + number, "sub_label": city, "obj_label": country, "sub_uri": of_city, "obj_uri": qid}
        )
    inside = {"lineid": 9, "sub_label": f"Paris {OTHERS[language][0]}", "obj_label": "Paris", "sub_uri": "/m/0x"}
    return {"P36": [*capitals, inside], "P17": places}


def write_mlama(folder: Path) -> Path:
    """Writes the official files."""
    for language, templates in TEMPLATES.items():
        place = folder / "mlama1.1" / language
        place.mkdir(parents=True)
        rows = triples(language)
        write_lines(
            place / "templates.jsonl", [{"relation": name, "template": text} for name, text in templates.items()]
        )
        for name, lines in rows.items():
            write_lines(place / f"{name}.jsonl", lines)
        write_lines(place / "place_of_birth.jsonl", [{**rows["P36"][0], "obj_label": "Rome"}])
        write_lines(place / "P9.jsonl", rows["P17"])
        cities = ["Berlin", "Paris", "Paris", *OTHERS[language]]
        countries = [row[0] for row in COUNTRIES[language].values()]
        trex = {"P36": cities, "P17": countries, "P9": countries, "P1": countries}
        for part, objects in (
            ("TREx_multilingual", trex),
            ("GoogleRE", {"place_of_birth": cities, "date_of_birth": []}),
        ):
            (folder / f"{part}_objects").mkdir(exist_ok=True)
            value = {name: {"subjects": [], "objects": labels} for name, labels in objects.items()}
            (folder / f"{part}_objects/{language}.json").write_text(json.dumps(value))
    return folder


def write_lines(file: Path, lines: Sequence[Mapping[str, object]]) -> None:
    """Writes JSON lines."""
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
