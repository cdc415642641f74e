"""Articles and examples of a build, as records."""

from pathlib import Path

import pytest

from mlukit import read_articles, read_examples
from mlukit.library.output_folder import OutputError
from mlukit.schemas.arrow import ARTICLE_ROWS, EXAMPLE_ROWS
from tests.small_dumps import rows
from tests.small_wikis import build


def test_articles_are_those_of_the_files(built: Path) -> None:
    files = sorted((built / "articles/en").glob("*.parquet"))
    assert ARTICLE_ROWS.to_batch(list(read_articles(built, "en"))).to_pylist() == rows(*files)


def test_examples_of_a_split_are_those_of_its_files(built: Path) -> None:
    found = list(read_examples(str(built), "en", "train"))
    assert EXAMPLE_ROWS.to_batch(found).to_pylist() == rows(*sorted((built / "examples/en").glob("train-*.parquet")))
    both = [*found, *read_examples(built, "en", "validation")]
    assert sorted(both, key=repr) == sorted(read_examples(built, "en"), key=repr)


def test_examples_without_parquet_are_read_from_what_is_there(built: Path, dumps: Path, tmp_path: Path) -> None:
    assert build(dumps, tmp_path / "OUT", "--format", "tfrecord").status == 0
    assert list(read_examples(tmp_path / "OUT", "de")) == list(read_examples(built, "de"))


def test_what_is_wrong_is_told_before_the_first_row(built: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"has no finished articles/fr; accepted languages: de, en, ja$"):
        read_articles(built, "fr")
    with pytest.raises(OutputError, match="there is no folder nowhere; accepted: the --output of mlukit build"):
        read_examples("nowhere", "en")
    with pytest.raises(OutputError, match="has no finished examples/en: name the --output"):
        read_examples(tmp_path, "en")
    with pytest.raises(OutputError, match="the split is 'test'; accepted: train, validation"):
        read_examples(built, "en", "test")  # type: ignore[arg-type]
    folder = tmp_path / "examples/en"
    folder.mkdir(parents=True)
    (folder / "_manifest.json").write_text('{"schema_version": 99, "shards": []}')
    with pytest.raises(OutputError, match="another version of mlukit: its schema_version is 99"):
        read_examples(tmp_path, "en")
