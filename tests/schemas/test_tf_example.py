import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.schemas.arrow import EXAMPLE_ROWS
from mlukit.schemas.records import Example
from mlukit.schemas.tf_example import FEATURES, ExampleError, decode_example, encode_examples

EXAMPLE = Example(
    language="de",
    page_id=3354,
    index=1,
    split="train",
    token_ids=(0, 300, 2),
    entity_ids=(4,),
    entity_starts=(1,),
    entity_ends=(2,),
    sentence_starts=(0,),
    sentence_ends=(11,),
)
int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
int32s = st.lists(int32, max_size=20).map(tuple)
examples = st.builds(
    Example,
    language=st.text(st.characters(exclude_categories=["Cs"])),
    page_id=int64,
    index=int32,
    split=st.sampled_from(["train", "validation"]),
    token_ids=int32s,
    entity_ids=int32s,
    entity_starts=int32s,
    entity_ends=int32s,
    sentence_starts=int32s,
    sentence_ends=int32s,
)


def encode_example(example: Example) -> bytes:
    [data] = encode_examples(EXAMPLE_ROWS.to_batch([example]))
    return data


def entry(name: bytes, feature: bytes) -> bytes:
    """An entry of the map of features: field 1 (key), field 2 (value), each with its length, under field 1."""
    body = b"\x0a" + bytes([len(name)]) + name + b"\x12" + bytes([len(feature)]) + feature
    return b"\x0a" + bytes([len(body)]) + body


FEATURE_BYTES = {  # of EXAMPLE
    b"entity_ends": b"\x1a\x03\x0a\x01\x02",  # int64_list = 3 { value = 1, packed }
    b"entity_ids": b"\x1a\x03\x0a\x01\x04",
    b"entity_starts": b"\x1a\x03\x0a\x01\x01",
    b"index": b"\x1a\x03\x0a\x01\x01",
    b"language": b"\x0a\x04\x0a\x02de",  # bytes_list = 1 { value = 1 }
    b"page_id": b"\x1a\x04\x0a\x02\x9a\x1a",
    b"sentence_ends": b"\x1a\x03\x0a\x01\x0b",
    b"sentence_starts": b"\x1a\x03\x0a\x01\x00",
    b"split": b"\x0a\x07\x0a\x05train",
    b"token_ids": b"\x1a\x06\x0a\x04\x00\xac\x02\x02",
}


def feature_bytes(replaced: dict[bytes, bytes]) -> bytes:
    """EXAMPLE with some features replaced; an empty one is left out."""
    features = b"".join(entry(name, feature) for name, feature in (FEATURE_BYTES | replaced).items() if feature)
    return b"\x0a" + bytes([len(features) % 128 + 128, len(features) // 128]) + features


def test_bytes_on_the_wire_are_those_of_the_proto_definition() -> None:
    assert encode_example(EXAMPLE) == feature_bytes({})
    assert feature_bytes({})[:3] == b"\x0a\xd7\x01"  # features = 1, 215 bytes


@given(examples)
def test_decoding_gives_back_what_was_encoded(example: Example) -> None:
    encoded = encode_example(example)
    assert decode_example(encoded) == example
    assert encode_example(decode_example(encoded)) == encoded


@given(st.lists(examples, max_size=4), st.integers(0, 4))
def test_rows_do_not_matter_to_each_other(some: list[Example], first: int) -> None:
    batch = EXAMPLE_ROWS.to_batch(some)
    assert list(encode_examples(batch.slice(first))) == list(map(encode_example, some[first:]))


def test_the_features_are_the_fields_of_an_example() -> None:
    assert sorted(Example.__dataclass_fields__) == list(FEATURES)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a message", r"not a tf\.train\.Example \(13 bytes\)"),
        (b"", "features are missing: entity_ends, entity_ids"),
        (feature_bytes({b"token_ids": b""}), "features are missing: token_ids; the example has"),
        (feature_bytes({b"token_ids": b"\x0a\x03\x0a\x01x"}), "'token_ids' is a bytes_list; accepted: a int64_list"),
        (feature_bytes({b"split": b"\x1a\x03\x0a\x01\x02"}), "'split' is a int64_list; accepted: a bytes_list"),
        (feature_bytes({b"index": b"\x1a\x04\x0a\x02\x01\x02"}), "'index' has 2 values; accepted: one value"),
        (feature_bytes({b"language": b"\x0a\x04\x0a\x02\xff\xfe"}), "'language' is .*; accepted: UTF-8"),
    ],
)
def test_bytes_that_are_no_example_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ExampleError, match=message):
        decode_example(data)


def test_features_in_another_order_unknown_ones_and_kinds_left_out_are_read() -> None:
    extra = {b"weight": b"\x12\x06\x0a\x04\x00\x00\x00\x00", b"token_ids": b"\x1a\x00"}  # float_list = 2; empty list
    data = feature_bytes(extra)
    assert decode_example(data).token_ids == ()
