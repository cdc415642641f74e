"""Intermediate rows between the sources of items and the title index; each file has the rows of one language."""

from typing import NamedTuple

import pyarrow as pa

from mlukit.schemas.arrow import RecordCodec


class TitleItem(NamedTuple):
    """A page's title and its item."""

    title: str
    item: int


class ItemLabel(NamedTuple):
    """An item's label in a language."""

    item: int
    label: str


_TITLE = pa.field("title", pa.string(), nullable=False)
_ITEM = pa.field("item", pa.int64(), nullable=False)
TITLE_ITEMS = pa.schema([_TITLE, _ITEM])
ITEM_LABELS = pa.schema([_ITEM, pa.field("label", pa.string(), nullable=False)])
TITLE_ITEM_ROWS = RecordCodec(TitleItem, TITLE_ITEMS, {})
ITEM_LABEL_ROWS = RecordCodec(ItemLabel, ITEM_LABELS, {})
