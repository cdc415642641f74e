"""Weights and examples belong together by fingerprint: vocabularies of one size with other content are refused."""

import json
import shutil
from pathlib import Path

import pytest

from mlukit.pretraining.training.fingerprints import check_vocabularies, fingerprints_of_examples
from mlukit.pretraining.training.run_folder import RunFolderError, checkpoints
from tests.pretraining.small_dataset import SMALL_RUN, with_other_entities, with_other_words
from tests.small_dumps import complaint, run

ROWS = "the fingerprints are [0-9a-f]{12}… and [0-9a-f]{12}…"


@pytest.fixture(scope="module")
def trained(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "trained"
    assert run("train", "--examples", small_dataset, "--output", folder, *SMALL_RUN, "--steps", 4).status == 0
    return folder


@pytest.fixture(scope="module")
def others(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Output folders whose entity vocabulary or tokenizer has the same size and another content."""
    folder = tmp_path_factory.mktemp("others")
    return {
        "entity vocabulary": with_other_entities(small_dataset, folder / "entities"),
        "tokenizer": with_other_words(small_dataset, folder / "words"),
    }


@pytest.mark.parametrize("part", ["entity vocabulary", "tokenizer"])
@pytest.mark.parametrize(
    "words",
    [
        ["fill", "RUN", "--text", "[Thing01]", "--examples", "OTHER"],
        ["export", "RUN", "--output", "NEW", "--examples", "OTHER"],
        ["train", "--resume", "RUN", "--examples", "OTHER"],
        ["train", "--init", "RUN", "--examples", "OTHER", "--output", "NEW", "--stage", "2", *SMALL_RUN],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_other_rows_of_the_same_number_are_refused(
    trained: Path, others: dict[str, Path], small_dataset: Path, tmp_path: Path, words: list[str], part: str
) -> None:
    places = {"RUN": trained, "OTHER": others[part], "NEW": tmp_path / "new"}
    line = complaint(run(*(places.get(word, word) for word in words)))
    assert f"{trained} has another {part} than {others[part]}: the fingerprints are " in line
    for folder in (small_dataset, others[part]):
        name = {"tokenizer": "tokenizer", "entity vocabulary": "entities"}[part]
        assert f"{fingerprints_of_examples(folder)[name][:12]}…" in line
    assert f"Name the examples of {trained}, which were in {small_dataset}, by --examples" in line
    if part == "entity vocabulary":
        assert f"mlukit export {trained} --output DIR, then mlukit import DIR --output INIT --examples" in line
    assert not (tmp_path / "new").exists()


def test_entities_are_taken_over_as_the_message_says(
    trained: Path, others: dict[str, Path], small_dataset: Path, tmp_path: Path
) -> None:
    other, guess = others["entity vocabulary"], ["--text", "The [Thing01] likes [?].", "--number", "3"]
    before = run("fill", trained, *guess)
    assert run("export", trained, "--output", tmp_path / "DIR").status == 0
    assert run("import", tmp_path / "DIR", "--output", tmp_path / "INIT", "--examples", other).status == 0
    check_vocabularies(tmp_path / "INIT", other)
    after = run("fill", tmp_path / "INIT", "--examples", other, *guess)
    assert (after.status, after.out) == (0, before.out)
    line = complaint(run("fill", tmp_path / "INIT", "--examples", small_dataset, *guess))
    assert f"{tmp_path}/INIT has another entity vocabulary than {small_dataset}" in line
    assert f"mlukit import {tmp_path}/DIR --output {tmp_path}/INIT-2 --examples {small_dataset}" in line
    words = ["--init", tmp_path / "INIT", "--stage", 2, "--output", tmp_path / "RUN", *SMALL_RUN, "--steps", 2]
    assert run("train", "--examples", small_dataset, *words).status == 2
    assert run("train", "--examples", other, *words).status == 0


def test_an_export_comes_back_with_its_own_vocabulary(
    trained: Path, others: dict[str, Path], small_dataset: Path, tmp_path: Path
) -> None:
    assert run("export", trained, "--output", tmp_path / "DIR").status == 0
    assert run("import", tmp_path / "DIR", "--output", tmp_path / "INIT").status == 0
    check_vocabularies(tmp_path / "INIT", small_dataset)
    for part, other in others.items():
        with pytest.raises(RunFolderError, match=f"has another {part} than "):
            check_vocabularies(tmp_path / "INIT", other)


@pytest.mark.parametrize("report", [None, {"source": "XLM-R"}, {"source": "XLM-R", "data": None}])
def test_weights_without_fingerprints_are_refused(
    trained: Path, small_dataset: Path, tmp_path: Path, report: object
) -> None:
    init = tmp_path / "INIT"
    init.mkdir()
    shutil.copy(checkpoints(trained)[0][1] / "model.safetensors", init)
    config = json.loads((trained / "config.json").read_text())["model"]
    (init / "config.json").write_text(json.dumps(config))
    if report is not None:
        (init / "import.json").write_text(json.dumps({"not_found": [], **report} if isinstance(report, dict) else None))
    words = ["--init", init, "--stage", 2, "--output", tmp_path / "RUN", *SMALL_RUN]
    for command in (["train", *words], ["fill", init, "--text", "[Thing01]"], ["export", init, "--output", tmp_path]):
        line = complaint(run(*command, "--examples", small_dataset))
        assert f"{init} does not tell which words and entities its rows are" in line
        source = "DIR" if report is None else "XLM-R"
        assert line.rstrip().endswith(f"mlukit import {source} --output {init}-2 --examples {small_dataset}")


def test_a_damaged_vocabulary_is_one_line(trained: Path, small_dataset: Path, tmp_path: Path) -> None:
    output = Path(shutil.copytree(small_dataset, tmp_path / "OUT"))
    vocabulary = output / "vocabulary/vocabulary.parquet"
    vocabulary.write_bytes(vocabulary.read_bytes()[:-100])
    for words in (
        ["fill", trained, "--text", "[Thing01]"],
        ["export", trained, "--output", tmp_path / "DIR"],
        ["train", "--resume", trained],
    ):
        line = complaint(run(*words, "--examples", output))
        assert f"{vocabulary}: the file is not an entity vocabulary: " in line
    with pytest.raises(RunFolderError, match=ROWS):
        check_vocabularies(trained, output, {"tokenizer": "0" * 64, "entities": "0" * 64})
