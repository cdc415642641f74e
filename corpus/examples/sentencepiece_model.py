"""Reads the pieces and the normaliser of a SentencePiece model file, from which export builds transformers' tokenizer.

The examples take any model in XLM-R's layout, transformers' `MLukeTokenizer` only a unigram model that treats blanks as
XLM-R's does. So a model is looked at before examples are made and before training, and not only at the export.

The sentencepiece package does not give access to the table of its normaliser. Its protocol buffer classes need a newer
protobuf than Beam allows, so the few fields that are needed are declared here, with the numbers and defaults of
sentencepiece_model.proto.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from mlukit.corpus.examples.tokenizer import TokenizerError
from mlukit.schemas.wording import counted

_Field = descriptor_pb2.FieldDescriptorProto
_UNIGRAM = 1
_MODEL_TYPES = {1: "unigram", 2: "BPE", 3: "word", 4: "char"}
_UNUSED = 5
_SWITCHES = {  # the values of XLM-R's model, the only ones that a tokenizer.json can express
    "add_dummy_prefix": True,
    "remove_extra_whitespaces": True,
    "escape_whitespaces": True,
}


@dataclass(frozen=True, slots=True)
class UnigramModel:
    """A unigram model whose normaliser works like XLM-R's."""

    pieces: tuple[tuple[str, float], ...]  # piece and its log probability, in the order of SentencePiece's ids
    charsmap: bytes  # the normaliser's table of characters, as SentencePiece compiled it; empty for none


def export_problem(model: bytes) -> str:
    """Says why `mlukit export` cannot write a tokenizer with this model; "" if it can.

    Args:
        model: a model file that `corpus.examples.tokenizer.Tokenizer.load` accepts.
    """
    try:
        read_unigram_model(model)
    except TokenizerError as error:
        return str(error)
    return ""


def read_unigram_model(model: bytes) -> UnigramModel:
    """Reads a model file that `corpus.examples.tokenizer.Tokenizer.load` accepts.

    Raises:
        TokenizerError: the model is not a unigram model, or normalises whitespace in another way than XLM-R's.
    """
    proto = _message_class()()
    try:
        proto.ParseFromString(model)
    except DecodeError as error:
        raise TokenizerError(f"not a SentencePiece model ({len(model)} bytes): {error}") from error
    if (kind := proto.trainer_spec.model_type) != _UNIGRAM:
        raise TokenizerError(
            f"the model is of type {_MODEL_TYPES.get(kind, kind)}; transformers' tokenizer of mLUKE needs type unigram"
        )
    if proto.trainer_spec.treat_whitespace_as_suffix:
        raise TokenizerError("the model has ▁ at the end of words; XLM-R's model has ▁ at the beginning")
    for name, wanted in _SWITCHES.items():
        if getattr(proto.normalizer_spec, name) != wanted:
            raise TokenizerError(f"the model's normaliser has {name} {not wanted}, XLM-R's has {wanted}")
    if unused := [piece.piece for piece in proto.pieces if piece.type == _UNUSED]:
        raise TokenizerError(
            f"the model has {counted(len(unused), 'unused piece')}, such as {unused[0]!r}; XLM-R's has none"
        )
    pieces = tuple((piece.piece, piece.score) for piece in proto.pieces)
    return UnigramModel(pieces, proto.normalizer_spec.precompiled_charsmap)


@cache
def _message_class() -> Any:
    """Makes the protocol buffer class of a model file, with only the fields that are needed."""
    file = descriptor_pb2.FileDescriptorProto(name="mlukit/sentencepiece.proto", package="mlukit", syntax="proto2")
    _declare(file, "Piece", piece=(1, "STRING", ""), score=(2, "FLOAT", "0"), type=(3, "INT32", "1"))
    _declare(file, "Trainer", model_type=(3, "INT32", "1"), treat_whitespace_as_suffix=(24, "BOOL", "false"))
    _declare(
        file,
        "Normalizer",
        precompiled_charsmap=(2, "BYTES", ""),
        **{name: (number, "BOOL", "true") for number, name in enumerate(_SWITCHES, start=3)},
    )
    model = file.message_type.add(name="Model")
    parts = {"pieces": "Piece", "trainer_spec": "Trainer", "normalizer_spec": "Normalizer"}
    for number, (name, kind) in enumerate(parts.items(), start=1):
        label = _Field.LABEL_REPEATED if number == 1 else _Field.LABEL_OPTIONAL
        model.field.add(
            name=name, number=number, label=label, type=_Field.TYPE_MESSAGE, type_name=f".{file.package}.{kind}"
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.Model"))


def _declare(file: descriptor_pb2.FileDescriptorProto, message: str, **fields: tuple[int, str, str]) -> None:
    """Adds a message to a file; each field has a number, a type and a default."""
    declared = file.message_type.add(name=message)
    for name, (number, kind, default) in fields.items():
        declared.field.add(
            name=name,
            number=number,
            type=_Field.Type.Value(f"TYPE_{kind}"),
            label=_Field.LABEL_OPTIONAL,
            default_value=default,
        )
