import hashlib
import io
import json
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.entities import vocabulary
from mlukit.corpus.entities.count_links import ENTITY_COUNTS, count_shard
from mlukit.corpus.entities.vocabulary import (
    SPECIAL_ENTITIES,
    EntityNames,
    EntityVocabulary,
    TextsOf,
    VocabularyError,
    VocabularyOptions,
    check_candidates,
    labels_of_titles,
    merge_entities,
    order_vocabulary,
)
from mlukit.schemas.arrow import ARTICLE_ROWS, VOCABULARY, VOCABULARY_ROWS
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import Entity, LinkedArticle, Mention

Counts = dict[str, dict[int, int]]  # language -> QID -> count
SPECIAL_ROWS = [Entity(i, name, None, 0, (), (), ()) for i, name in enumerate(SPECIAL_ENTITIES)]


def shard(counts: dict[int, int], parts: int) -> io.BytesIO:
    """The counts of one article, each of whose links has the anchor "x"."""
    qids = [qid for qid, count in counts.items() for _ in range(count)]
    links = tuple(Mention(i, i + 1, "de", "X", "X", qid, "resolved") for i, qid in enumerate(qids))
    page = LinkedArticle("de", 1, 1, "T", None, "article", "train", "x" * len(qids), (), (), links)
    written = io.BytesIO()
    count_shard([ARTICLE_ROWS.to_batch([page])], {"article"}, parts, written, io.BytesIO())
    return written


def no_titles(language: str, qids: Sequence[int]) -> list[None]:
    return [None] * len(qids)


def merged(
    counts: list[Counts], parts: int, min_languages: int, min_count: int
) -> tuple[list[io.BytesIO], Flow, Counter[int]]:
    shards = [(language, shard(items, parts)) for one in counts for language, items in one.items()]
    files, total, spread = [], Flow(), Counter[int]()
    for part in range(parts):
        files.append(io.BytesIO())
        flow, found = merge_entities(shards, part, min_languages, min_count, files[-1])
        total.add(flow)
        spread.update(found)
    return files, total, spread


def ordered(
    files: list[io.BytesIO],
    languages: Sequence[str] = (),
    size: int = 100,
    titles_of: TextsOf = no_titles,
    labels_of: TextsOf | None = None,
) -> tuple[list[Entity], list[dict[str, object]], Flow]:
    parquet, jsonl = io.BytesIO(), io.BytesIO()
    flow = order_vocabulary(files, EntityNames(languages, titles_of, labels_of), size, parquet, jsonl)
    table = pq.read_table(parquet)
    assert table.schema.equals(VOCABULARY)
    rows = [row for batch in table.to_batches() for row in VOCABULARY_ROWS.to_records(batch)]
    return rows, [json.loads(line) for line in jsonl.getvalue().decode().splitlines()], flow


COUNTS: list[Counts] = [  # two shards of de, one of each other language
    {"de": {64: 2, 5: 1}, "en": {64: 1, 183: 3}, "ja": {64: 1, 183: 1}},
    {"de": {64: 1, 183: 1, 7: 9}},
]


@pytest.mark.parametrize("parts", [1, 3])
def test_counts_of_all_shards_and_languages_in_order(parts: int) -> None:
    files, flow, spread = merged(COUNTS, parts, min_languages=2, min_count=1)
    rows, _, order = ordered(files)
    assert rows == [
        *SPECIAL_ROWS,
        Entity(4, "Q64", 64, 5, (("de", 3), ("en", 1), ("ja", 1)), (), ()),
        Entity(5, "Q183", 183, 5, (("de", 1), ("en", 3), ("ja", 1)), (), ()),
    ]
    assert flow == Flow(entered=4, out=2, skipped=Counter({"in fewer than 2 languages": 2}))
    assert spread == {1: 2, 3: 2}
    assert order == Flow(entered=2, out=2)


def test_a_rare_entity_is_skipped_with_its_reason() -> None:
    files, flow, _ = merged(COUNTS, 1, min_languages=1, min_count=5)
    assert [row.name for row in ordered(files)[0][4:]] == ["Q7", "Q64", "Q183"]
    assert flow == Flow(entered=4, out=3, skipped=Counter({"linked less than 5 times": 1}))


def test_the_size_is_that_of_the_whole_table() -> None:
    files, _, _ = merged(COUNTS, 2, min_languages=1, min_count=1)
    rows, _, flow = ordered(files, size=6)
    assert [row.name for row in rows] == [*SPECIAL_ENTITIES, "Q7", "Q64"]
    assert flow == Flow(entered=4, out=2, skipped=Counter({"beyond the vocabulary's size": 2}))


def test_titles_and_labels() -> None:
    titles = {("de", 64): "Berlin", ("de", 183): "Deutschland", ("ja", 64): "ベルリン（都市）"}
    labels = {("en", 64): "Berlin", ("de", 183): "BRD"}
    files, _, _ = merged(COUNTS, 2, min_languages=2, min_count=1)
    rows, lines, _ = ordered(
        files,
        ["ja", "en", "de"],
        titles_of=lambda language, qids: [titles.get((language, qid)) for qid in qids],
        labels_of=lambda language, qids: [labels.get((language, qid)) for qid in qids],
    )
    assert rows[4].titles == (("de", "Berlin"), ("ja", "ベルリン（都市）"))
    assert rows[4].labels == (("de", "Berlin"), ("en", "Berlin"), ("ja", "ベルリン"))
    assert rows[5].labels == (("de", "BRD"),)
    assert lines[2] == {
        "entity_id": 2,
        "name": "[MASK]",
        "qid": None,
        "count": 0,
        "counts": {},
        "titles": {},
        "labels": {},
    }
    assert lines[4] == {
        "entity_id": 4,
        "name": "Q64",
        "qid": "Q64",
        "count": 5,
        "counts": {"de": 3, "en": 1, "ja": 1},
        "titles": {"de": "Berlin", "ja": "ベルリン（都市）"},
        "labels": {"de": "Berlin", "en": "Berlin", "ja": "ベルリン"},
    }


@given(st.lists(st.text(min_size=1), min_size=3, max_size=3))
def test_json_lines_are_those_of_json(titles: list[str]) -> None:
    files, _, _ = merged([{"de": {1: 3, 2: 2, 3: 1}}], 1, min_languages=1, min_count=1)
    jsonl, names = io.BytesIO(), ['"', "\\ \n\x00\x7f\u2028", *titles]
    languages = [f"l{i}" for i in range(len(names))]
    titles = EntityNames(languages, lambda language, qids: [None, names[int(language[1:])], None])
    order_vocabulary(files, titles, 100, io.BytesIO(), jsonl)
    lines = jsonl.getvalue().decode().split("\n")
    assert json.loads(lines[5])["titles"] == {f"l{i}": name for i, name in enumerate(names)}
    assert lines == [*(json.dumps(json.loads(line), ensure_ascii=False) for line in lines[:-1]), ""]


def test_titles_are_asked_for_many_items_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_NAMED_ROWS", 2)
    asked = []

    def titles_of(language: str, qids: Sequence[int]) -> list[str]:
        asked.append((language, list(qids)))
        return [f"{language}{qid}" for qid in qids]

    files, _, _ = merged([{"de": {1: 3, 2: 2, 3: 1}}], 2, min_languages=1, min_count=1)
    rows, _, _ = ordered(files, ["de"], titles_of=titles_of)
    assert asked == [("de", [1, 2]), ("de", [3])]
    assert [row.titles for row in rows[4:]] == [(("de", "de1"),), (("de", "de2"),), (("de", "de3"),)]


@pytest.mark.parametrize(
    ("title", "label"),
    [
        ("Berlin", "Berlin"),
        ("Mercury (planet)", "Mercury"),
        ("Mercury(planet)", "Mercury"),
        ("水星（惑星）", "水星"),
        ("水星 (惑星)", "水星"),
        ("Pilot (The Office (US))", "Pilot"),
        ("Kiss Kiss (Bang Bang) (song)", "Kiss Kiss (Bang Bang)"),
        ("(500) Days of Summer", "(500) Days of Summer"),
        ("(What's the Story) Morning Glory?", "(What's the Story) Morning Glory?"),
        ("(I)", "(I)"),
        ("H(", "H("),
        (":)", ":)"),
        ("Mixed (a）", "Mixed (a）"),
        ("()", "()"),
    ],
)
def test_label_of_title(title: str, label: str) -> None:
    titles = pa.array(["Before (it)", None, title, "After"], pa.string())
    assert labels_of_titles(titles).to_pylist() == ["Before", None, label, "After"]


@pytest.mark.timeout(10)
def test_label_of_a_hostile_title_takes_no_time() -> None:
    titles = ["(" * 100_000 + ")", "()" * 50_000 + "x)", "(" + "()" * 50_000, " " * 100_000 + "x)"]
    assert len(labels_of_titles(pa.array(titles))) == len(titles)


def test_languages_needed() -> None:
    languages = ["de", "en", "fr", "ja"]
    exact = VocabularyOptions(mluke_exact=True)
    for number, needed in ((1, 1), (2, 2), (5, 2), (6, 3), (24, 3)):
        codes = [f"l{i}" for i in range(number)]
        assert VocabularyOptions().languages_needed(codes) == needed
        if number >= 3:
            assert exact.languages_needed(codes) == 3
    with pytest.raises(VocabularyError, match=r"is 3 \(set by --mluke-exact\), but 2 languages are built \(de, en\); "):
        exact.languages_needed(languages[:2])
    assert VocabularyOptions(min_languages=1).languages_needed(languages) == 1
    with pytest.raises(
        VocabularyError, match=r"--min-languages is 5, but 4 languages are built \(de, en, fr, ja\); accepted: 1 to 4"
    ):
        VocabularyOptions(min_languages=5).languages_needed(languages)
    with pytest.raises(VocabularyError, match=r"--min-languages is 0, but"):
        VocabularyOptions(min_languages=0).languages_needed(languages)
    with pytest.raises(
        VocabularyError, match=r"--vocabulary-size is 4, but 4 entities are special; accepted: 5 or more"
    ):
        VocabularyOptions(size=4).languages_needed(languages)


def test_an_empty_vocabulary_is_an_error_that_says_what_to_lower() -> None:
    _, flow, spread = merged(COUNTS, 3, min_languages=3, min_count=6)
    with pytest.raises(VocabularyError) as error:
        check_candidates(flow, spread, 3, 6)
    assert str(error.value) == (
        "the entity vocabulary is empty: links lead to 4 entities (2 entities in 1 language, 2 entities in 3 "
        "languages), but no entity meets the conditions; lower --min-languages (now 3) or --min-count (now 6)"
    )
    with pytest.raises(VocabularyError, match="no link on the counted pages has an item"):
        check_candidates(*merged([{"de": {}}], 2, 1, 1)[1:], 1, 1)
    check_candidates(*merged(COUNTS, 2, 3, 1)[1:], 3, 1)


by_qid = st.dictionaries(st.integers(1, 9), st.integers(1, 3), max_size=6)
corpora = st.lists(st.dictionaries(st.sampled_from(["ar", "de", "ja"]), by_qid), max_size=3)


@given(corpora, st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(5, 9), st.integers(1, 3))
def test_the_vocabulary_is_that_of_plain_python(
    counts: list[Counts], min_languages: int, min_count: int, parts: int, size: int, batch: int
) -> None:
    totals: dict[int, Counter[int]] = {}
    for one in counts:
        for language, items in one.items():
            for qid, count in items.items():
                totals.setdefault(qid, Counter())[language] += count
    kept = [
        (-languages.total(), qid, tuple(sorted(languages.items())))
        for qid, languages in totals.items()
        if len(languages) >= min_languages and languages.total() >= min_count
    ]
    expected = [
        Entity(4 + i, f"Q{qid}", qid, -minus, by_language, (), ())
        for i, (minus, qid, by_language) in enumerate(sorted(kept)[: size - 4])
    ]
    files, flow, _ = merged(counts, parts, min_languages, min_count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "_BATCH_ROWS", batch)
        patch.setattr(vocabulary, "ROW_GROUP_ROWS", batch + 1)
        assert ordered(files, size=size)[0][4:] == expected
    assert flow.unaccounted == 0 and flow.entered == len(totals) and flow.out == len(kept)


def written(names: list[str] | None = None, **columns: list[object]) -> io.BytesIO:
    stream = io.BytesIO()
    if names is not None:
        columns = {"entity_id": list(range(len(names))), "name": list(names)} | columns
    pq.write_table(pa.table(columns), stream)
    return stream


def test_lookup() -> None:
    entities = EntityVocabulary.open(written([*SPECIAL_ENTITIES, "Q183", "Q5", "Q64"]))
    assert entities.size == 7
    assert entities.ids_of([64, 5, 6, 183, 1, 999]).tolist() == [6, 5, -1, 4, -1, -1]
    assert entities.ids_of(np.array([5])).dtype == np.int32
    assert entities.ids_of([]).tolist() == []
    assert EntityVocabulary.open(written([*SPECIAL_ENTITIES])).ids_of([5]).tolist() == [-1]


def test_the_fingerprint_is_the_digest_of_the_names_in_order() -> None:
    names = [*SPECIAL_ENTITIES, "Q183", "Q5"]
    expected = hashlib.sha256(b"[PAD]\n[UNK]\n[MASK]\n[MASK2]\nQ183\nQ5\n").hexdigest()
    assert EntityVocabulary.open(written(names)).fingerprint == expected
    assert EntityVocabulary.open(written([*SPECIAL_ENTITIES, "Q5", "Q183"])).fingerprint != expected


def test_what_was_written_opens() -> None:
    parquet = io.BytesIO()
    files, _, _ = merged(COUNTS, 2, min_languages=1, min_count=1)
    order_vocabulary(files, EntityNames(["de"], no_titles), 100, parquet, io.BytesIO())
    assert EntityVocabulary.open(parquet).ids_of([7, 64, 183, 5]).tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (io.BytesIO(b""), "not an entity vocabulary: "),
        (io.BytesIO(b"PAR1 and then nothing"), "not an entity vocabulary: "),
        (written(entity_id=[0]), 'not an entity vocabulary: .*"name"'),
        (written([]), r"must begin with \('\[PAD\]'.*; this file has 0 rows"),
        (written(["Q1", "Q2", "Q3", "Q4"]), r"must begin with .*; this file begins with \['Q1', 'Q2', 'Q3', 'Q4'\]"),
        (written([*SPECIAL_ENTITIES, "Berlin"]), "not an entity vocabulary: .*'erlin'"),
        (written([*SPECIAL_ENTITIES, "Q1"], entity_id=[0, 1, 2, 3, 5]), "in the order of entity_id"),
        (written([*SPECIAL_ENTITIES, "Q7", "Q7"]), "the entity vocabulary has Q7 twice"),
    ],
)
def test_what_is_no_vocabulary_is_refused(file: io.BytesIO, message: str) -> None:
    with pytest.raises(VocabularyError, match=message):
        EntityVocabulary.open(file)


def test_merging_counts_of_fewer_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="the file has 2 parts, but no part 2"):
        merge_entities([("de", shard({1: 1}, 2))], 2, 1, 1, io.BytesIO())


def test_counts_are_large_enough_for_any_corpus() -> None:
    stream = io.BytesIO()
    table = pa.table([[1], [2**40]], schema=ENTITY_COUNTS)
    pq.write_table(table, stream)
    out = io.BytesIO()
    merge_entities([("de", stream), ("en", stream)], 0, 1, 1, out)
    assert pq.read_table(out)["count"].to_pylist() == [2**41]
