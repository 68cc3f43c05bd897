"""Records on the wire: Confluent's format, one codec a record class.

A payload is a magic byte 0, a schema id of four bytes (big-endian) and the Avro body. What was written with an older
or newer schema is resolved to ours by Avro's rules. Knows a registry as a protocol; knows nothing of topics, brokers
or the meaning of a record.
"""

from __future__ import annotations

import io
import time
from enum import StrEnum
from typing import Generic, TypeVar

import fastavro
import msgspec
from fastavro.schema import SchemaParseException

from streams.codec.decoder import FieldTruncated, compile_decoder
from streams.codec.encoder import FieldInvalid, compile_encoder
from streams.codec.native import native_codec
from streams.codec.registry import SchemaRegistry, UnknownSchema, derived_id
from streams.codec.schemas import NAMESPACE, Schema, shipped_schema

T = TypeVar("T", bound=msgspec.Struct)

MAGIC = 0
HEADER_BYTES = 5

_UNKNOWN_REMEMBERED_SECONDS = 10.0
_UNKNOWN_REMEMBERED_IDS = 1_000
"""Bounds on what is remembered of ids the registry does not know, so that a flood of bad records does not become a
flood of requests."""


class PayloadFault(StrEnum):
    """What is wrong with a payload."""

    EMPTY = "empty"
    BAD_MAGIC = "bad_magic"
    UNKNOWN_SCHEMA_ID = "unknown_schema_id"
    TRUNCATED = "truncated"
    TRAILING_BYTES = "trailing_bytes"
    WRONG_RECORD = "wrong_record"
    INVALID_VALUE = "invalid_value"


class PayloadInvalid(Exception):
    """A payload that can never be read, or a record that can never be written, however often it is tried."""

    def __init__(self, code: PayloadFault, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Codec(Generic[T]):
    """Encode and decode one record class with one registered schema."""

    def __init__(self, record: type[T], registry: SchemaRegistry, subject: str) -> None:
        """Register or look up the record's shipped schema under a subject (see `subject_of`).

        Raises RegistryUnavailable when the registry does not answer, RegistryRefused when it does not take the schema.
        """
        self.record = record
        self.subject = subject
        self._name = f"{NAMESPACE}.{record.__name__}"
        schema = shipped_schema(record.__name__)
        self._parsed = _parse(schema)
        self._registry = registry
        self.schema_id = registry.register(subject, schema)
        self._native = native_codec(record, schema)
        self._write = compile_encoder(schema)
        self._header = bytes([MAGIC]) + self.schema_id.to_bytes(4, "big")
        self._unions = _record_unions(schema)
        self._read = compile_decoder(record, schema)
        self._same: set[int] = set()
        """Other ids of our own schema: registered under another subject with other docs."""
        self._writers: dict[int, Schema] = {}
        self._unknown: dict[int, float] = {}

    def encode(self, record: T) -> bytes:
        """Return the payload of a record.

        Raises PayloadInvalid (invalid_value, wrong_record) naming the field that its schema cannot hold.
        """
        if type(record) is not self.record:
            raise PayloadInvalid(
                PayloadFault.WRONG_RECORD, f"found a {type(record).__name__}, expected a {self.record.__name__}"
            )
        if self._native is not None and (written := self._native.encode(self._header, record)) is not None:
            return written
        payload = bytearray(self._header)
        try:
            self._write(payload, record)
        except FieldInvalid as fault:
            raise PayloadInvalid(PayloadFault.INVALID_VALUE, f"{self._name}: {fault}") from fault
        return bytes(payload)

    def decode(self, payload: bytes | None) -> T:
        """Return the record of a payload.

        Raises PayloadInvalid when it can never be read; RegistryUnavailable when its schema id is new to us and the
        registry does not answer, which says nothing about the payload: try again.
        """
        if not payload:
            raise PayloadInvalid(PayloadFault.EMPTY, "found no payload, expected an Avro record in Confluent's format")
        if payload[0] != MAGIC:
            raise PayloadInvalid(
                PayloadFault.BAD_MAGIC,
                f"found first byte 0x{payload[0]:02x}, expected 0x00: the producer must write Confluent's wire format",
            )
        if len(payload) < HEADER_BYTES:
            raise PayloadInvalid(
                PayloadFault.TRUNCATED, f"found {len(payload)} bytes, expected at least {HEADER_BYTES} of header"
            )
        schema_id = int.from_bytes(payload[1:HEADER_BYTES], "big")
        if schema_id == self.schema_id or schema_id in self._same:
            return self._read_ours(payload)
        return self._read_foreign(payload, schema_id)

    def _read_ours(self, payload: bytes) -> T:
        """Read what was written with exactly our schema."""
        if self._native is not None and (quickly := self._native.decode(payload, HEADER_BYTES)) is not None:
            return quickly
        try:
            record, end = self._read(payload, HEADER_BYTES, len(payload))
        except FieldTruncated as fault:
            raise PayloadInvalid(PayloadFault.TRUNCATED, f"{self._name}: {fault}") from fault
        except FieldInvalid as fault:
            raise PayloadInvalid(PayloadFault.INVALID_VALUE, f"{self._name}: {fault}") from fault
        if end != len(payload):
            raise self._trailing(len(payload) - end)
        found: T = record
        return found

    def _read_foreign(self, payload: bytes, schema_id: int) -> T:
        """Read what was written with another schema, by Avro's resolution."""
        writer = self._writers.get(schema_id)
        if writer is None:
            writer = self._fetch(schema_id)
            if schema_id in self._same:
                return self._read_ours(payload)
        body = io.BytesIO(payload)
        body.seek(HEADER_BYTES)
        try:
            datum = fastavro.schemaless_reader(
                body, writer, self._parsed, return_record_name=True, return_record_name_override=True
            )
        except EOFError as fault:
            raise self._truncated(payload) from fault
        except (ValueError, TypeError, LookupError, ArithmeticError, MemoryError) as fault:
            if isinstance(fault, IndexError) and body.tell() == len(payload):
                # fastavro's own name for a number that ends within itself
                raise self._truncated(payload) from fault
            raise PayloadInvalid(
                PayloadFault.INVALID_VALUE, f"{self._name}: not readable with schema id {schema_id}: {fault}"
            ) from fault
        if body.tell() != len(payload):
            raise self._trailing(len(payload) - body.tell())
        for field in self._unions:
            name, member = datum[field]
            member["-type"] = name
            datum[field] = member
        try:
            return msgspec.convert(datum, self.record)
        except msgspec.ValidationError as fault:
            raise PayloadInvalid(PayloadFault.INVALID_VALUE, f"{self._name}: {fault}") from fault

    def _fetch(self, schema_id: int) -> Schema:
        """Return the writer's schema of an id that is met for the first time."""
        now = time.monotonic()
        if now < self._unknown.get(schema_id, 0.0):
            raise self._unknown_id(schema_id)
        try:
            schema = self._registry.by_id(schema_id)
        except UnknownSchema as fault:
            if len(self._unknown) >= _UNKNOWN_REMEMBERED_IDS:
                self._unknown.clear()
            self._unknown[schema_id] = now + _UNKNOWN_REMEMBERED_SECONDS
            raise self._unknown_id(schema_id) from fault
        try:
            parsed = _parse(schema)
        except (SchemaParseException, ValueError, KeyError) as fault:
            raise PayloadInvalid(
                PayloadFault.WRONG_RECORD, f"schema id {schema_id} is not a readable Avro schema: {fault}"
            ) from fault
        name = parsed.get("name") if isinstance(parsed, dict) else None
        if name != self._name:
            raise PayloadInvalid(
                PayloadFault.WRONG_RECORD, f"schema id {schema_id} is {name or parsed!r}, expected {self._name}"
            )
        if derived_id(schema) == derived_id(shipped_schema(self.record.__name__)):
            self._same.add(schema_id)
        else:
            self._writers[schema_id] = parsed
        return parsed

    def _truncated(self, payload: bytes) -> PayloadInvalid:
        return PayloadInvalid(
            PayloadFault.TRUNCATED, f"{self._name}: the payload of {len(payload)} bytes ends within a field"
        )

    def _trailing(self, count: int) -> PayloadInvalid:
        return PayloadInvalid(
            PayloadFault.TRAILING_BYTES, f"{self._name}: {count} bytes follow the record; expected none"
        )

    def _unknown_id(self, schema_id: int) -> PayloadInvalid:
        return PayloadInvalid(
            PayloadFault.UNKNOWN_SCHEMA_ID,
            f"schema id {schema_id} is not in the registry; register the producer's schema under {self.subject}",
        )


def subject_of(topic: str) -> str:
    """Return the subject of a topic's values (TopicNameStrategy)."""
    return f"{topic}-value"


def codec_for(record: type[T], registry: SchemaRegistry, topic: str) -> Codec[T]:
    """Return the codec of a topic's values."""
    return Codec(record, registry, subject_of(topic))


def _parse(schema: Schema) -> Schema:
    parsed: Schema = fastavro.parse_schema(schema, named_schemas={})
    return parsed


def _record_unions(schema: Schema) -> tuple[str, ...]:
    """Return the top-level fields that are unions of several records (`body`)."""
    return tuple(
        field["name"] for field in schema["fields"] if isinstance(field["type"], list) and "null" not in field["type"]
    )
