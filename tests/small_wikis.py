"""Three small Wikipedias, built once: en and de have their items from page_props, ja its from langlinks."""

from pathlib import Path

from tests.small_dumps import (
    IN_MEMORY,
    Ran,
    SmallPage,
    run,
    sentencepiece_model,
    write_dump,
    write_items,
    write_table,
)

BROKEN = "  <page><title>Broken</title><ns>0</ns><id>110</id><revision><id>9</id><text>a & b</text></revision></page>\n"
EN = [
    SmallPage(
        10,
        "Berlin",
        "'''Berlin''' is the capital of [[Germany]].<ref>[[Source]]</ref>\n\n"
        "== River ==\nThe [[Spree (river)|Spree]] flows through [[Cölln|the old town]].\n",
    ),
    SmallPage(20, "Germany", "{{Infobox|x=[[Berlin]]}}Germany lies in [[Europe]]. Its capital is [[Berlin]]."),
    SmallPage(30, "Deutschland", "#REDIRECT [[Germany]]", redirect="Germany"),
    SmallPage(31, "Old Germany", "#REDIRECT [[Germany]]", redirect="Germany"),
    SmallPage(40, "Spree (river)", "The Spree is a river."),
    SmallPage(50, "Spree", "'''Spree''' may be:\n* [[Spree (river)]]\n"),
    SmallPage(
        60, "List of rivers", "* [[Spree (river)|Spree]] in [[Deutschland]]\n* Rivers of [[Old Germany]] are here"
    ),
    SmallPage(70, "Template:Infobox", "''box''", namespace=10),
    SmallPage(80, "Loop", "#REDIRECT [[Noose]]", redirect="Noose"),
    SmallPage(81, "Noose", "#REDIRECT [[Loop]]", redirect="Loop"),
    SmallPage(90, "Nowhere", "#REDIRECT [[Nothing]]", redirect="Nothing"),
    SmallPage(100, "Links", "See [[Loop]], [[Nowhere]], [[:de:Spree]] and [[:fr:Paris]] here."),
    SmallPage(110, "Broken", raw=BROKEN),
    SmallPage(120, "Blank", ""),
    SmallPage(130, "Havel", "The [[Spree]] flows through [[Berlin]]."),
]
DE = [
    SmallPage(1, "Berlin", "𝕭erlin liegt an der [[Spree]] in [[Deutschland]]."),
    SmallPage(2, "Spree", "Die Spree fließt an [[Berlin]]er Parks."),
    SmallPage(3, "Deutschland", "Deutschland hat [[Berlin]] als Hauptstadt."),
]
JA = [
    SmallPage(1, "ベルリン", "ベルリンは[[ドイツ]]の首都である。"),
    SmallPage(2, "ドイツ", "ドイツの首都は[[ベルリン]]である。"),
]
# Of a model made for these pages; what none of them is part of is <unk>.
_MODEL = """
    ▁Berlin ▁is ▁the ▁capital ▁of ▁Germany . ▁The ▁Spree ▁flows ▁through ▁old ▁town ▁lies ▁in ▁Europe ▁Its ▁a ▁river
    ▁may ▁be : ▁Deutschland ▁Rivers ▁Old ▁are ▁here ▁See ▁Loop , ▁Nowhere ▁de :Spree ▁and ▁fr :Paris
    ▁ B erlin ▁liegt ▁an ▁der ▁Die ▁fließt er ▁Parks ▁hat ▁als ▁Hauptstadt
    ベルリン は ドイツ の 首都 である 。 ▁( river )
"""
PIECES = _MODEL.split()
PIECE_IDS = {piece: number for number, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *PIECES])}


def ids(pieces: str) -> list[int]:
    """The ids of pieces: offset 1 to the model's own, as Hugging Face's XLM-R has them."""
    return [PIECE_IDS[piece] for piece in pieces.split()]


def write_small_wikis(folder: Path) -> None:
    """Dumps, tables and tokenizer.model."""
    write_dump(folder, "en", EN)
    write_items(folder, "en", {10: 64, 20: 183, 31: 99, 40: 7, 50: 8, 60: 9}, disambiguations=[50])
    write_dump(folder, "de", DE)
    write_items(folder, "de", {1: 64, 2: 7, 3: 183})
    write_dump(folder, "ja", JA)
    write_table(folder, "jawiki", "langlinks", [(1, "en", "Berlin"), (2, "de", "Deutschland")])
    (folder / "tokenizer.model").write_bytes(sentencepiece_model(PIECES))


def build(dumps: Path, output: Path, *flags: object) -> Ran:
    """`mlukit build` of the small wikis; flags given again override."""
    return run(
        "build",
        *("--dumps", dumps, "--output", output, "--sentencepiece-model", dumps / "tokenizer.model"),
        *("--min-languages", 1, "--validation-share", 0.1, IN_MEMORY, *flags),
    )
