"""A tokenizer that no export can write is told before any work: by `mlukit build` and by `mlukit train`."""

import hashlib
import json
import shutil
from pathlib import Path

from mlukit.schemas.layout import TOKENIZER
from tests.pretraining.small_dataset import SMALL_RUN
from tests.small_dumps import complaint, run
from tests.small_wikis import build

BPE = bytes([0x12, 2, 0x18, 2])  # ModelProto.trainer_spec = 2, TrainerSpec.model_type = 3: 2 is BPE
REASON = "the model is of type BPE; transformers' tokenizer of mLUKE needs type unigram"


def test_build_warns(dumps: Path, tmp_path: Path) -> None:
    model = tmp_path / "bpe.model"
    model.write_bytes((dumps / "tokenizer.model").read_bytes() + BPE)
    warnings = []
    for file in (model, dumps / "tokenizer.model"):
        ran = build(dumps, tmp_path / "OUT", "--sentencepiece-model", file, "--dry-run")
        assert ran.status == 0, ran.err
        warnings.append([line for line in ran.err.splitlines() if "BPE" in line])
    said = f"--sentencepiece-model {model}: {REASON}; mlukit train will refuse these examples, other readers need not"
    assert warnings == [[said], []]


def test_train_refuses(small_dataset: Path, tmp_path: Path) -> None:
    examples = shutil.copytree(small_dataset, tmp_path / "OUT")
    model = (examples / TOKENIZER).read_bytes()
    (examples / TOKENIZER).write_bytes(model + BPE)
    old, new = (hashlib.sha256(value).hexdigest() for value in (model, model + BPE))
    for file in examples.glob("examples/*/_manifest.json"):
        manifest = json.loads(file.read_bytes())
        assert manifest["inputs"]["tokenizer"] == old
        manifest["inputs"]["tokenizer"] = new
        file.write_text(json.dumps(manifest))
    said = complaint(run("train", "--examples", examples, "--output", tmp_path / "RUN", *SMALL_RUN))
    assert said == (
        f"mlukit train: --examples {examples}: {REASON}; mlukit export could not write the trained model. Build the "
        "examples with a SentencePiece unigram model"
    )
    assert not (tmp_path / "RUN").exists()
