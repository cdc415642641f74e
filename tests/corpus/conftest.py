from pathlib import Path

import pytest

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.corpus.examples.train_tokenizer import train_sentencepiece

DATA = Path(__file__).resolve().parents[2].parent / "shared/data"
XLMR = DATA / "tokenizer/xlmr.sentencepiece.bpe.model"

SENTENCES = """
The dog ran over the old bridge in New York, and the dogs ran after it.
Das Donaudampfschiff fährt auf der Donau nach Wien und dann nach Budapest.
東京は日本の首都である。日本の人口は多い。北京是中国的首都，上海是中国的城市。
ประเทศไทยเป็นประเทศที่ตั้งอยู่ในเอเชีย และเป็นเมืองหลวงของประเทศไทย
भारत की राजधानी दिल्ली है। यह भारत का एक बड़ा शहर है।
القاهرة هي عاصمة مصر. ذهب إلى القاهرة أمس. والقاهرة مدينة كبيرة.
서울은 대한민국의 수도이다. Москва — столица России. Η Αθήνα είναι η πρωτεύουσα.
"""


@pytest.fixture(scope="session")
def small_model() -> bytes:
    """A model of some hundred pieces, trained on SENTENCES: most characters are unknown to it."""
    return train_sentencepiece(SENTENCES.strip().split("\n"), 400)


@pytest.fixture(scope="session")
def small_tokenizer(small_model: bytes) -> Tokenizer:
    return Tokenizer.load(small_model)


@pytest.fixture(scope="session")
def xlmr() -> Tokenizer:
    if not XLMR.exists():
        pytest.skip(f"XLM-R's SentencePiece model is not at {XLMR}")
    return Tokenizer.load(XLMR.read_bytes())
