"""Wikidata's tables read once: what each language's index gets, and what nobody gets."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlukit.corpus.dumps.item_sources import ITEMS_PER_SITE
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage
from mlukit.schemas import layout
from mlukit.schemas.manifest import Flow
from mlukit.transforms import gather_items
from mlukit.transforms.gather_items import GatherTables, ItemTable
from tests.workplaces import on_cluster

SQL = """CREATE TABLE `wb_items_per_site` (
  `ips_row_id` bigint(20), `ips_item_id` int(10), `ips_site_id` varbinary(32), `ips_site_page` varbinary(310)
);
INSERT INTO `wb_items_per_site` VALUES (1,64,'dewiki','Berlin'),(2,64,'enwiki','Berlin'),(3,5,'dewiki','Hilfe:Mensch'),
(4,6,'enwiki','Hilfe:Mensch'),(5,7,'frwiki','Un'),(6,8,'dewiki','2001:_Odyssee'),(7,9,'enwiki','Category:All'),
(8,10,'dewiki','Frau_Holle'),(9,0,'dewiki','Null');
"""


@pytest.mark.parametrize("block", [1, 1 << 17])
def test_sitelinks(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather_items, "_BLOCK_ROWS", block)
    table = tmp_path / "wb_items_per_site.sql"
    table.write_text(SQL)
    storage, languages = Storage(str(tmp_path / "out")), ("de", "en", "fo")
    task = ItemTable("all", 0, 1, ITEMS_PER_SITE.name, str(table), languages)
    result = GatherTables(on_cluster(tmp_path)).run(task, storage, Heartbeat(None, ""))
    titles = {
        language: pq.read_table(storage.path(layout.items(ITEMS_PER_SITE.name, language, 0))).to_pylist()
        for language in languages
    }
    assert titles == {
        "de": [
            {"title": "Berlin", "item": 64},
            {"title": "2001: Odyssee", "item": 8},
            {"title": "Frau Holle", "item": 10},
        ],
        "en": [{"title": "Berlin", "item": 64}, {"title": "Hilfe:Mensch", "item": 6}],
        "fo": [],
    }
    left_out = {"other namespace": 2, "other_wiki": 1, "bad_qid": 1}
    assert result.flows == {"sitelinks": Flow(9, 5, skipped=result.flows["sitelinks"].skipped)}
    assert result.flows["sitelinks"].skipped == left_out
    assert [(shard.path, shard.rows) for shard in result.shards] == [
        (layout.items(ITEMS_PER_SITE.name, language, 0), rows) for language, rows in (("de", 3), ("en", 2), ("fo", 0))
    ]
