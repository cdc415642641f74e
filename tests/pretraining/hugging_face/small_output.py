"""An output folder as far as export and import look into it: tokenizer, entity vocabulary, manifests."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES, EntityVocabulary
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.corpus.examples.train_tokenizer import train_sentencepiece
from mlukit.engine.measures import Measures
from mlukit.engine.step_results import StepResults
from mlukit.schemas.arrow import EXAMPLES, VOCABULARY, VOCABULARY_ROWS
from mlukit.schemas.manifest import MANIFEST, Flow, FolderContents, TaskResult, dump_json, folder_manifest
from mlukit.schemas.records import Entity
from mlukit.schemas.summaries import MadeExamples

SENTENCES = {
    "ar": "برلين هي عاصمة ألمانيا وأكبر مدنها.",
    "de": "Berlin ist die Hauptstadt Deutschlands — größer als „München“ (1,5 Mio.).",
    "en": "Berlin is the capital of Germany; it's about 3.8 million people…",
    "hi": "बर्लिन जर्मनी की राजधानी और सबसे बड़ा शहर है।",
    "ja": "ベルリン（独：Berlin）は、ドイツの首都である。",
    "ru": "Берлин — столица Германии и крупнейший её город.",
    "th": "เบอร์ลินเป็นเมืองหลวงของประเทศเยอรมนี",
    "zh": "柏林是德国的首都，人口约３８０万。",
}
ENTITIES = {  # titles by language, in the order of ids from 4 on
    "Q64": {"de": "Berlin", "en": "Berlin", "ja": "ベルリン"},
    "Q183": {"de": "Deutschland", "en": "Germany"},
    "Q1726": {"de": "München", "en": "Munich"},
    "Q42": {"en": 'Douglas "D" Adams'},
}


def write_small_output(folder: Path, pieces: int = 210, *sentences: str) -> Path:
    """Writes the folder, and returns it; the tokenizer is trained on more sentences too."""
    tokenizer = folder / "tokenizer/sentencepiece.bpe.model"
    tokenizer.parent.mkdir(parents=True)
    tokenizer.write_bytes(train_sentencepiece([*SENTENCES.values(), *sentences] * 4, pieces))
    vocabulary = folder / "vocabulary/vocabulary.parquet"
    vocabulary.parent.mkdir()
    pq.write_table(pa.Table.from_batches([VOCABULARY_ROWS.to_batch(_entities())]), vocabulary)
    _write_manifests(folder)
    return folder


def _entities() -> list[Entity]:
    special = [Entity(i, name, None, 0, (), (), ()) for i, name in enumerate(SPECIAL_ENTITIES)]
    items = [
        Entity(i, name, int(name[1:]), 9, (("en", 9),), tuple(titles.items()), tuple(titles.items()))
        for i, (name, titles) in enumerate(ENTITIES.items(), start=len(special))
    ]
    return special + items


def _write_manifests(folder: Path) -> None:
    tokenizer = Tokenizer.load((folder / "tokenizer/sentencepiece.bpe.model").read_bytes())
    with (folder / "vocabulary/vocabulary.parquet").open("rb") as stream:
        entities = EntityVocabulary.open(stream).fingerprint
    inputs = {"tokenizer": tokenizer.fingerprint, "entities": entities}
    made = MadeExamples(train=1100, validation=100, tokens=90_000)
    result = TaskResult("examples", flows={"mentions": Flow(entered=7, out=6)}, summary=made)
    for language in ("de", "en"):
        source = {"kind": "dump", "language": language, "name": f"{language}wiki.xml.bz2", "bytes": 9, "sha256": "ab"}
        contents = FolderContents(
            "examples", EXAMPLES, language, options={"max_tokens": 512}, inputs=inputs, sources=[source]
        )
        manifest = folder_manifest(contents, (), StepResults.of_task(result, Measures()).to_json())
        place = folder / "examples" / language
        place.mkdir(parents=True)
        (place / MANIFEST).write_bytes(dump_json(manifest))
    contents = FolderContents("vocabulary", VOCABULARY, None, options={"min_languages": 2}, inputs={})
    manifest = folder_manifest(contents, (), StepResults().to_json())
    (folder / "vocabulary" / MANIFEST).write_bytes(dump_json(manifest))
