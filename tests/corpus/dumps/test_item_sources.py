"""The table of item sources: each row is whole, and the documentation has the same order."""

import re
from pathlib import Path

import pytest

from mlukit.corpus.dumps.files import (
    AUDIT_TABLES,
    DOWNLOADABLE,
    DOWNLOADED,
    SHARED_TABLES,
    TABLES,
    FileInfo,
    find_dumps,
)
from mlukit.corpus.dumps.item_sources import ITEM_SOURCES, LAYERS, item_tables
from mlukit.corpus.dumps.table_shapes import LanguageLinks, PageItems, Table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "title-index.md"


def test_names_are_unique() -> None:
    names = [source.name for source in ITEM_SOURCES]
    assert len(set(names)) == len(names)
    assert not {"redirect", *AUDIT_TABLES} & set(names)


def test_layers_come_after_the_sources_that_the_index_is_built_of() -> None:
    tell = [not hasattr(source, "layer") for source in ITEM_SOURCES]
    assert tell == sorted(tell, reverse=True)
    assert LAYERS == ("carried", "asked")


@pytest.mark.parametrize("table", item_tables(), ids=lambda table: table.name)
def test_a_file_of_each_source_is_found(table: Table) -> None:
    wiki = "wikidatawiki" if table.of_wikidata else "enwiki"
    for pattern in table.patterns:
        name = pattern.format(wiki=wiki, date="20230501").replace("*", "").replace("--", "-")
        files = [FileInfo("enwiki-20230501-pages-articles.xml", 1), FileInfo(f"{name}.gz", 2)]
        assert name.endswith(f".{table.ending}")
        found = find_dumps(files, ["en"])
        assert (found.shared if table.of_wikidata else found.sets["en"].tables) == {table.name: files[1]}


@pytest.mark.parametrize("table", item_tables(), ids=lambda table: table.name)
def test_tables_of_pages_belong_to_one_wiki(table: Table) -> None:
    assert not (table.of_wikidata and isinstance(table, PageItems | LanguageLinks))
    assert table.in_classic_dumps or not table.by_default


def test_what_is_looked_for_and_downloaded() -> None:
    assert {"page_props", "langlinks", "redirect"} <= set(TABLES)
    assert {"wb_items_per_site", "wikidata_json"} <= set(SHARED_TABLES)
    assert {"page_props", "langlinks", "redirect", "pagelinks", "linktarget", "wb_items_per_site"} <= set(DOWNLOADABLE)
    assert "page" not in {*TABLES, *DOWNLOADABLE}
    assert DOWNLOADED == ("page_props",)


def test_the_documentation_has_the_sources_in_their_order() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Where an item comes from\n")[2].partition("\n#")[0]
    assert re.findall(r"^\d+\. `(\w+)`", section, re.MULTILINE) == [source.name for source in ITEM_SOURCES]
