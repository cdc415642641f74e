"""tokenizer.json against our own tokenizer: the same ids, with a small model and with XLM-R's."""

import io
from pathlib import Path

import pytest
import sentencepiece
from tokenizers import Tokenizer as FastTokenizer

from mlukit.corpus.examples.sentencepiece_model import read_unigram_model
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.hugging_face.tokenizer_files import fast_tokenizer
from tests.pretraining.hugging_face.small_output import SENTENCES

SHARED = Path(__file__).resolve().parents[3].parent / "shared/data"
ADVERSARIAL = {
    "nothing": "",
    "blanks alone": " \t\n　",
    "blanks around and between": "  a  b \t c\r\n\u00a0d\u3000e\u2009f\u200bg  ",
    "line and paragraph separators": "a\u2028b\u2029c",
    "zero width, soft hyphen, byte order mark": "a\u200db\u200cc\u00add\ufeffe",
    "control characters": "a\x00b\x01c\x7fd",
    "full width": "ＡＢＣ（１２３），．！",
    "ligatures and signs": "ﬁ ﬃ № ½ ㎏ ㍿ Ⅳ ① … ‥ ﷺ ™",
    "composed and not": "é e\u0301 ñ n\u0303 Å A\u030a ö o\u0308",
    "Devanagari with nukta": "क़ क\u093c ज़",
    "Arabic with marks": "مُحَمَّد \u0644\u0651\u064e \u0627\u0653",
    "Hebrew with points": "שָׁלוֹם \u05e9\u05bc\u05c1",
    "Thai sara am": "น้ำ ทำ \u0e33",
    "Hangul": "각 한국어 가\u11a8",
    "emoji": "👩‍👩‍👧‍👦 👍🏽 🇩🇪 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ☺️",
    "Turkish": "İstanbul ışık",
    "beyond U+FFFF": "\U00020000 𝔘𝔫𝔦 \U0001f9ff",
    "private use and unassigned": "\ue000 \U000e0001 \u0378",
    "the sign for a blank": "▁ a▁b ▁▁c",
    "quotes": "``a'' “b” 'c'",
}
DIFFERENT = {  # of the tokenizers library: it looks a letter up together with all its marks; docs/checkpoints.md
    "letter with two marks": "o\u0302\u0301",
    "conjoining jamo": "\u1100\u1161\u11a8",
    "half-width kana with a sound mark": "ｶﾞ",
}


@pytest.fixture(scope="module", params=["small", "XLM-R"])
def model(request: pytest.FixtureRequest, output: Path) -> bytes:
    if request.param == "small":
        return (output / "tokenizer/sentencepiece.bpe.model").read_bytes()
    return xlmr_model()


def xlmr_model() -> bytes:
    if not (file := SHARED / "tokenizer/xlmr.sentencepiece.bpe.model").is_file():
        pytest.skip(f"needs {file}, which a user does not have")
    return file.read_bytes()


@pytest.fixture(scope="module")
def both(model: bytes) -> tuple[Tokenizer, FastTokenizer]:
    return Tokenizer.load(model), FastTokenizer.from_str(fast_tokenizer(model).to_str())


def test_ids_of_sentences_and_of_adversarial_text(both: tuple[Tokenizer, FastTokenizer]) -> None:
    ours, theirs = both
    texts = {**SENTENCES, **ADVERSARIAL}
    found = {name: theirs.encode(text, add_special_tokens=False).ids for name, text in texts.items()}
    assert found == dict(zip(texts, ours.encode([*texts.values()]), strict=True))


def test_ids_of_every_character(model: bytes, both: tuple[Tokenizer, FastTokenizer]) -> None:
    """Every one of the basic plane, between two letters; of pieces equally likely each may take its own."""
    ours, theirs = both
    scores = [0.0, *(score for _, score in read_unigram_model(model).pieces)]  # an id is SentencePiece's and 1
    texts = [f"a{chr(code)}b" for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    encoded = theirs.encode_batch(texts, add_special_tokens=False)
    different = {t: (ids, e.ids) for t, ids, e in zip(texts, ours.encode(texts), encoded, strict=True) if ids != e.ids}
    assert len(different) < 3
    for text, (ids, others) in different.items():
        assert sum(scores[i] for i in ids) == pytest.approx(sum(scores[i] for i in others)), text


def test_ids_of_special_pieces(both: tuple[Tokenizer, FastTokenizer]) -> None:
    ours, theirs = both
    assert theirs.get_vocab_size() == ours.size + 2
    assert [theirs.token_to_id(word) for word in ("<ent>", "<ent2>")] == [ours.size, ours.size + 1]
    assert theirs.encode("<mask>").ids == [0, ours.mask_id, 2]
    assert theirs.encode("", "").ids == [0, 2, 2, 2]
    assert [theirs.token_to_id(piece) for piece in ("<s>", "<pad>", "</s>", "<unk>")] == [0, 1, 2, 3]
    assert [theirs.id_to_token(i) for i in range(ours.size)] == ours.pieces(range(ours.size))


def test_decoding(both: tuple[Tokenizer, FastTokenizer]) -> None:
    assert both[1].decode(both[1].encode("Berlin is the capital").ids) == "Berlin is the capital"


@pytest.mark.parametrize("model", ["XLM-R"], indirect=True)
def test_what_is_known_to_differ(both: tuple[Tokenizer, FastTokenizer]) -> None:
    """Should this fail, the library has learnt it, and the documentation says too much."""
    ours, theirs = both
    for name, text in DIFFERENT.items():
        assert theirs.encode(text, add_special_tokens=False).ids != ours.encode([text])[0], name


def trained(**options: object) -> bytes:
    model = io.BytesIO()
    sentences = iter([*SENTENCES.values()] * 4)
    sentencepiece.SentencePieceTrainer.train(
        **{"sentence_iterator": sentences, "model_writer": model, "vocab_size": 210, "hard_vocab_limit": False}
        | {"minloglevel": 2}
        | options
    )
    return model.getvalue()


def test_a_model_without_a_table_of_characters() -> None:
    model = trained(normalization_rule_name="identity")
    assert read_unigram_model(model).charsmap == b""
    ours, theirs = Tokenizer.load(model), fast_tokenizer(model)
    assert theirs.encode("Berlin（独）", add_special_tokens=False).ids == ours.encode(["Berlin（独）"])[0]
