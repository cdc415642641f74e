"""The sources of items, in order of preference: a title has the item of the first source that knows an item for it.

A new source is a row here, and a file with its reader if no existing reader fits (CONTRIBUTING.md). The rows decide
which files are searched beside the dumps, checked, downloaded, read and built into the title index.
"""

from typing import TypeAlias, TypeVar

from mlukit.corpus.dumps.mediawiki_tables import read_items_per_site, read_langlinks, read_page_props
from mlukit.corpus.dumps.table_shapes import ItemLines, LanguageLinks, PageItems, Service, Table, TitleItems
from mlukit.corpus.dumps.title_items import begins_as_title_items, read_title_items
from mlukit.corpus.dumps.wikidata_json import begins_as_json, read_entities

ItemSource: TypeAlias = PageItems | TitleItems | ItemLines | LanguageLinks | Service

TITLE_ITEMS = ItemLines(
    name="title_items",
    patterns=("{wiki}-*title_items.tsv*",),
    ending="tsv",
    read=read_title_items,
    begins=begins_as_title_items,
    description="table of titles and items",
    accepted="a title, a tab and a QID on each line",
    subject="title_items",
)
PAGE_PROPS = PageItems(
    name="page_props",
    patterns=("{wiki}-*page_props.sql*",),
    in_classic_dumps=True,
    by_default=True,
    advice="{wiki}-{date}-page_props.sql.gz",
    key="pp_page",
    read=read_page_props,
)
ITEMS_PER_SITE = TitleItems(
    name="wb_items_per_site",
    patterns=("wikidatawiki-*wb_items_per_site.sql*",),
    of_wikidata=True,
    in_classic_dumps=True,
    advice="wikidatawiki-{date}-wb_items_per_site.sql.gz",
    key="ips_item_id",
    read=read_items_per_site,
)
WIKIDATA_JSON = ItemLines(
    name="wikidata_json",
    patterns=("wikidata-*all.json*", "{date}-all.json*"),
    ending="json",
    of_wikidata=True,
    advice="the Wikidata JSON dump",
    read=read_entities,
    begins=begins_as_json,
    description="JSON dump of Wikidata",
    accepted="a JSON array with one entity on each line",
    subject="wikidata",
    labels=True,
)
LANGLINKS = LanguageLinks(  # also the links between languages in the wikitext of old dumps
    name="langlinks",
    patterns=("{wiki}-*langlinks.sql*",),
    in_classic_dumps=True,
    key="ll_from",
    layer="carried",
    read=read_langlinks,
)
QUERY_SERVICE = Service(name="wikidata_api", layer="asked")

ITEM_SOURCES: tuple[ItemSource, ...] = (
    *(TITLE_ITEMS, PAGE_PROPS, ITEMS_PER_SITE, WIKIDATA_JSON),
    *(LANGLINKS, QUERY_SERVICE),
)

S = TypeVar("S", bound=Table | Service)


def sources_of_shape(*shapes: type[S]) -> tuple[S, ...]:
    """The sources of some shapes, in order of preference."""
    return tuple(source for source in ITEM_SOURCES if isinstance(source, shapes))


def item_tables() -> tuple[Table, ...]:
    """The sources that are files, in order of preference."""
    return sources_of_shape(Table)


def tells_items(table: Table) -> bool:
    """Whether a table has items of its own; links between languages only carry the items of other sources."""
    return not isinstance(table, LanguageLinks)


LAYERS = tuple(source.layer for source in ITEM_SOURCES if isinstance(source, LanguageLinks | Service))
