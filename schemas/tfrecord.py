"""Gzipped TFRecord files: the record format of TensorFlow's readers, with checksums; the same bytes on every run.

A record is its length (8 bytes, little endian), the length's masked CRC-32C (4), the data, the data's masked CRC-32C
(4): www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".
"""

import gzip
import struct
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self, cast

import google_crc32c

COMPRESSION_LEVEL = 1  # ids hardly compress: level 6 takes 50 % more time and saves 2 %
MAX_RECORD_BYTES = 64 << 20  # an example has a few kilobytes; more than this is a broken length

_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
_HEADER = struct.Struct("<QI")


class TFRecordError(ValueError):
    """A file is not a TFRecord file, or is damaged."""


def masked_crc32c(data: bytes) -> int:
    """The checksum of the format: CRC-32C rotated right by 15 bits, plus a constant."""
    crc = cast(int, google_crc32c.value(data))
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class TFRecordWriter:
    """Writes records to a stream as one gzip member without a name or a time; closing it does not close the stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._gzip = gzip.GzipFile(filename="", mode="wb", compresslevel=COMPRESSION_LEVEL, fileobj=stream, mtime=0)

    def write(self, record: bytes) -> None:
        """Adds a record; ValueError if the record is too large to be read back."""
        if len(record) > MAX_RECORD_BYTES:
            raise ValueError(f"the record has {len(record):,} bytes; accepted: at most {MAX_RECORD_BYTES:,}")
        length = _LENGTH.pack(len(record))
        parts = (length, _CHECKSUM.pack(masked_crc32c(length)), record, _CHECKSUM.pack(masked_crc32c(record)))
        self._gzip.write(b"".join(parts))

    def close(self) -> None:
        """Ends the gzip member."""
        self._gzip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_tfrecords(stream: BinaryIO, max_record_bytes: int = MAX_RECORD_BYTES) -> Iterator[bytes]:
    """The records of a gzipped TFRecord file, one in memory at a time.

    Raises:
        TFRecordError: the file is truncated or corrupt, or a record is larger than `max_record_bytes`; the message
            has the record's number.
    """
    with gzip.GzipFile(fileobj=stream, mode="rb") as file:
        number = 0
        while True:
            try:
                record = _read_record(cast(BinaryIO, file), max_record_bytes)
            except (EOFError, OSError, zlib.error, TFRecordError) as error:
                raise TFRecordError(f"record {number}: {error}") from error
            if record is None:
                return
            yield record
            number += 1


def _read_record(file: BinaryIO, max_record_bytes: int) -> bytes | None:
    """The next record; None at the end of the file."""
    header = file.read(_HEADER.size)
    if not header:
        return None
    if len(header) < _HEADER.size:
        raise TFRecordError(f"the file ends after {len(header)} of {_HEADER.size} bytes of a record's header")
    length, length_checksum = _HEADER.unpack(header)
    if masked_crc32c(header[: _LENGTH.size]) != length_checksum:
        raise TFRecordError("the checksum of the length is wrong")
    if length > max_record_bytes:
        raise TFRecordError(f"the record has {length:,} bytes; accepted: at most {max_record_bytes:,}")
    data = file.read(length + _CHECKSUM.size)
    if len(data) < length + _CHECKSUM.size:
        raise TFRecordError(f"the file ends after {len(data):,} of the record's {length + _CHECKSUM.size:,} bytes")
    record = data[:length]
    if masked_crc32c(record) != _CHECKSUM.unpack(data[length:])[0]:
        raise TFRecordError("the checksum of the data is wrong")
    return record
