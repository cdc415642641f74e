import gzip
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.schemas import tfrecord
from mlukit.schemas.tfrecord import TFRecordError, TFRecordWriter, masked_crc32c, read_tfrecords


def written(records: list[bytes]) -> bytes:
    stream = io.BytesIO()
    with TFRecordWriter(stream) as writer:
        for record in records:
            writer.write(record)
    assert not stream.closed
    return stream.getvalue()


def read(data: bytes, **options: int) -> list[bytes]:
    return list(read_tfrecords(io.BytesIO(data), **options))


def test_checksum() -> None:
    # CRC-32C of "123456789" is 0xE3069283 (RFC 3720's polynomial, the check value of every catalogue)
    rotated = 0x2507C60D  # 0xE3069283 rotated right by 15 bits
    assert masked_crc32c(b"123456789") == (rotated + 0xA282EAD8) & 0xFFFFFFFF == 0xC78AB0E5


def test_framing_is_length_checksum_data_checksum() -> None:
    record = b"123456789"
    length = b"\x09\0\0\0\0\0\0\0"
    expected = length + struct.pack("<I", masked_crc32c(length)) + record + b"\xe5\xb0\x8a\xc7"
    assert gzip.decompress(written([record])) == expected


def test_the_gzip_header_has_neither_name_nor_time() -> None:
    assert written([b"x"])[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
    assert written([b"x"]) == written([b"x"])


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_reading_gives_back_what_was_written(records: list[bytes]) -> None:
    assert read(written(records)) == records


def test_no_records() -> None:
    assert read(written([])) == []


@pytest.mark.parametrize("kept", [1, 5, 11, 12, 13, 14, 16, 17])
def test_a_file_cut_within_a_record_is_refused(kept: int) -> None:
    whole = gzip.decompress(written([b"first", b"second"]))
    first = 8 + 4 + 5 + 4
    with pytest.raises(TFRecordError, match=r"^record 1: the file ends after"):
        read(gzip.compress(whole[: first + kept]))


def test_every_cut_of_the_compressed_file_is_noticed() -> None:
    data = written([b"first", b"second"])
    for kept in range(1, len(data)):
        with pytest.raises(TFRecordError, match=r"^record \d: "):
            read(data[:kept])


def test_every_flipped_bit_of_the_framing_is_noticed() -> None:
    whole = gzip.decompress(written([b"first", b"second"]))
    for at in range(len(whole) * 8):
        broken = bytearray(whole)
        broken[at // 8] ^= 1 << at % 8
        with pytest.raises(TFRecordError, match=r"^record \d: the checksum of the (length|data) is wrong"):
            read(gzip.compress(bytes(broken), compresslevel=0))


def test_what_is_no_gzip_is_refused() -> None:
    with pytest.raises(TFRecordError, match="record 0: Not a gzipped file"):
        read(b"PAR1....")


def test_a_length_beyond_the_limit_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    length = struct.pack("<Q", 1 << 60)
    with pytest.raises(
        TFRecordError, match=r"record 0: the record has 1,152,921,504,606,846,976 bytes; accepted: at most 67,108,864"
    ):
        read(gzip.compress(length + struct.pack("<I", masked_crc32c(length))))
    assert read(written([b"12345678"]), max_record_bytes=8) == [b"12345678"]
    with pytest.raises(TFRecordError, match="the record has 9 bytes; accepted: at most 8"):
        read(written([b"123456789"]), max_record_bytes=8)
    monkeypatch.setattr(tfrecord, "MAX_RECORD_BYTES", 8)
    with pytest.raises(ValueError, match="the record has 9 bytes; accepted: at most 8"):
        written([b"123456789"])
