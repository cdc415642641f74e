from pathlib import Path

from mlukit.corpus.dumps.mediawiki_tables import LangLink, PageItem
from mlukit.corpus.linking.build_title_index import build_title_index
from mlukit.corpus.linking.interlanguage_items import carry_items
from mlukit.corpus.linking.title_index import TitleIndex
from mlukit.schemas.records import PageTitle


def page(page_id: int, title: str, redirect: str | None = None, **links: str) -> PageTitle:
    return PageTitle(page_id, title, redirect, tuple(links.items()))


def build(root: Path, language: str, pages: list[PageTitle], items: dict[str, int], links: list[LangLink]) -> None:
    ids = {page.title: page.page_id for page in pages}
    by_page = [PageItem(ids[title], qid) for title, qid in items.items()]
    build_title_index(root / language, pages, items_by_page={"page_props": by_page}, langlinks=links)


def qids(root: Path, language: str, *titles: str) -> list[int | None]:
    return [found.qid for found in TitleIndex.open(root / language).find(titles)]


def carry(root: Path, language: str) -> dict[str, int]:
    return carry_items(language, {path.name: path for path in root.iterdir()})


def make_wikis(root: Path) -> None:
    build(
        root,
        "fr",
        [page(1, "Un"), page(2, "Deux"), page(3, "Redirigé", "Deux"), page(4, "Trois"), page(5, "Sans", en="One")],
        {"Un": 1, "Deux": 2, "Trois": 3},
        [],
    )
    build(root, "de", [page(1, "Eins"), page(2, "Zwei"), page(3, "Drei")], {"Eins": 1, "Zwei": 2, "Drei": 4}, [])
    build(root, "it", [page(1, "Tre")], {"Tre": 4}, [])
    build(
        root,
        "en",
        [
            page(1, "One", fr="Un", de="Eins"),
            page(2, "Two"),
            page(3, "Three", fr="Trois", de="Drei", it="Tre"),  # 3 once, 4 twice
            page(4, "Owner", fr="Trois"),
            page(5, "Nothing", fr="Manque", xx="Unknown"),
            page(6, "Redirect", "Two", fr="Trois"),
            page(7, "Elsewhere", xx="Unknown"),
            page(8, "Three too", de="Drei"),
            page(9, "One of two", fr="Sans"),
        ],
        {"Owner": 5},
        [LangLink(2, "fr", "Redirigé"), LangLink(1, "fr", "Un")],
    )


def test_items_come_from_other_languages(tmp_path: Path) -> None:
    make_wikis(tmp_path)
    counts = carry(tmp_path, "en")
    titles = ["One", "Two", "Three", "Owner", "Nothing", "Redirect", "Elsewhere", "Three too", "One of two"]
    assert qids(tmp_path, "en", *titles) == [1, 2, 4, 5, None, 2, None, None, None]
    assert TitleIndex.open(tmp_path / "en").titles_of([1, 2, 3, 4, 5]) == ["One", "Two", None, "Three", "Owner"]
    assert counts == {"pages": 6, "carried": 3, "no_item": 2, "item_outvoted": 1}


def test_ties(tmp_path: Path) -> None:
    build(tmp_path, "fr", [page(1, "A"), page(2, "B")], {"A": 8, "B": 3}, [])
    build(tmp_path, "de", [page(1, "A"), page(2, "B")], {"A": 7, "B": 3}, [])
    pages = [page(1, "Smallest", fr="A", de="A"), page(2, "P", fr="B", de="B"), page(3, "Q", fr="B", de="B")]
    build(tmp_path, "en", pages, {}, [])
    assert carry(tmp_path, "en") == {"pages": 3, "carried": 1, "item_disputed": 2}
    assert qids(tmp_path, "en", "Smallest", "P", "Q") == [7, None, None]


def test_an_item_that_another_page_has_is_not_taken(tmp_path: Path) -> None:
    build(tmp_path, "fr", [page(1, "A")], {"A": 8}, [])
    build(tmp_path, "en", [page(1, "A", fr="A"), page(2, "B")], {"B": 8}, [])
    assert carry(tmp_path, "en") == {"pages": 1, "item_taken": 1}
    assert qids(tmp_path, "en", "A", "B") == [None, 8]


def test_carrying_again_and_in_another_order_changes_nothing(tmp_path: Path) -> None:
    make_wikis(tmp_path)
    orders = (["en", "fr", "de", "it"], ["fr", "it", "de", "en", "en"])
    results = []
    for order in orders:
        for language in order:
            carry(tmp_path, language)
        results.append({path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()})
    assert results[0] == results[1]
    assert qids(tmp_path, "fr", "Sans") == [None]  # en's One has no item of its own


def test_one_wiki_alone(tmp_path: Path) -> None:
    build(tmp_path, "en", [page(1, "A", fr="A")], {}, [])
    (tmp_path / "en" / "carrying").mkdir()
    assert carry(tmp_path, "en") == {}
    assert qids(tmp_path, "en", "A") == [None]
    assert not (tmp_path / "en" / "carrying").exists()
