"""Records on the wire: what is written can be read by others, and nothing malformed is read as something."""

from __future__ import annotations

import datetime as dt
import io
from contextlib import suppress
from copy import deepcopy
from decimal import Decimal
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams import records
from streams.codec.registry import EmbeddedRegistry, RegistryUnavailable, UnknownSchema
from streams.codec.schemas import Schema, shipped_schema
from streams.codec.wire import Codec, PayloadFault, PayloadInvalid, codec_for, subject_of
from streams.records import AuditAction, AuditRecord, CommercialEvent, Context, ContractAmended, ContractTerminated
from tests.codec.strategies import RECORD_NAMES, any_record, as_datum

REGISTRY = EmbeddedRegistry()
CODECS: dict[str, Codec[Any]] = {
    name: codec_for(getattr(records, name), REGISTRY, name.lower()) for name in RECORD_NAMES
}
PARSED = {name: fastavro.parse_schema(shipped_schema(name)) for name in RECORD_NAMES}

CONTEXT = Context(
    source_system="salesforce", source_transaction_id="T-1", contract_id="C-1", contract_version=1, legal_entity="US01"
)
AUDIT = AuditRecord(
    audit_id="A-1",
    at=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    action=AuditAction.POSTED,
    event_id="E-1",
    context=CONTEXT,
)
TERMINATION = CommercialEvent(
    event_id="E-1",
    event_type="ContractTerminated",
    occurred_at=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    effective_date=dt.date(2025, 1, 1),
    context=CONTEXT,
    body=ContractTerminated(refund=Decimal("12.5")),
)


@pytest.mark.parametrize("name", RECORD_NAMES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_record_is_written_as_fastavro_writes_it_and_read_back_equal(name: str, data: st.DataObject) -> None:
    record = data.draw(any_record(name))
    payload = CODECS[name].encode(record)
    reference = io.BytesIO()
    fastavro.schemaless_writer(reference, PARSED[name], as_datum(record))
    assert payload[5:] == reference.getvalue()
    assert CODECS[name].decode(payload) == record


def test_the_header_is_a_zero_and_the_schema_id_in_big_endian() -> None:
    codec = CODECS["AuditRecord"]
    assert codec.encode(AUDIT)[:5] == b"\0" + codec.schema_id.to_bytes(4, "big")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_bytes_are_a_record_or_an_invalid_payload_and_nothing_else(data: st.DataObject) -> None:
    codec = CODECS["CommercialEvent"]
    payload = bytearray(codec.encode(TERMINATION))
    for _ in range(data.draw(st.integers(0, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(payload[: data.draw(st.integers(0, len(payload)))]) + data.draw(st.binary(max_size=3))
    with suppress(PayloadInvalid):
        assert isinstance(codec.decode(cut), CommercialEvent)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda payload: b"", PayloadFault.EMPTY),
        (lambda payload: None, PayloadFault.EMPTY),
        (lambda payload: b"{" + payload[1:], PayloadFault.BAD_MAGIC),
        (lambda payload: payload[:3], PayloadFault.TRUNCATED),
        (lambda payload: payload[:5], PayloadFault.TRUNCATED),
        (lambda payload: payload[:-1], PayloadFault.TRUNCATED),
        (lambda payload: payload + b"\0", PayloadFault.TRAILING_BYTES),
        (lambda payload: b"\0\0\0\0\1" + payload[5:], PayloadFault.UNKNOWN_SCHEMA_ID),
        (lambda payload: CODECS["AuditRecord"].encode(AUDIT), PayloadFault.WRONG_RECORD),
        (lambda payload: payload[:5] + b"\x04\xff\xfe" + payload[9:], PayloadFault.INVALID_VALUE),
    ],
)
def test_each_kind_of_damage_has_its_code(damage: Any, code: PayloadFault) -> None:
    codec = CODECS["CommercialEvent"]
    with pytest.raises(PayloadInvalid) as fault:
        codec.decode(damage(codec.encode(TERMINATION)))
    assert fault.value.code is code


@pytest.mark.parametrize("length", range(5, 47))
def test_a_payload_cut_anywhere_is_truncated(length: int) -> None:
    payload = CODECS["AuditRecord"].encode(AUDIT)
    assert length < len(payload)
    with pytest.raises(PayloadInvalid) as fault:
        CODECS["AuditRecord"].decode(payload[:length])
    assert fault.value.code is PayloadFault.TRUNCATED


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (ContractTerminated(refund=Decimal("0.00001")), "body/refund: found 0.00001, expected at most 4 decimals"),
        (ContractTerminated(refund=Decimal("1e17")), "body/refund"),
        (ContractTerminated(refund=Decimal("NaN")), "body/refund"),
        (ContractTerminated(refund="12"), "body/refund"),  # type: ignore[arg-type]
        (CONTEXT, "body"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_the_name_of_its_field(body: Any, said: str) -> None:
    with pytest.raises(PayloadInvalid, match=said) as fault:
        CODECS["CommercialEvent"].encode(msgspec.structs.replace(TERMINATION, body=body))
    assert fault.value.code is PayloadFault.INVALID_VALUE


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(PayloadInvalid, match="at: found a time without an offset"):
        CODECS["AuditRecord"].encode(msgspec.structs.replace(AUDIT, at=dt.datetime(2025, 1, 1)))  # noqa: DTZ001


def test_another_record_class_is_not_written() -> None:
    with pytest.raises(PayloadInvalid) as fault:
        CODECS["CommercialEvent"].encode(AUDIT)
    assert fault.value.code is PayloadFault.WRONG_RECORD


def test_an_older_and_a_newer_writer_are_resolved_to_our_schema() -> None:
    older = deepcopy(shipped_schema("AuditRecord"))
    older["fields"] = [field for field in older["fields"] if field["name"] != "detail"]
    newer = deepcopy(shipped_schema("AuditRecord"))
    newer["fields"].insert(0, {"name": "added", "type": "string", "default": ""})
    registry = EmbeddedRegistry()
    codec = codec_for(AuditRecord, registry, "audit-trail")
    for schema in (older, newer):
        schema_id = registry.register(subject_of("audit-trail"), schema)
        body = io.BytesIO()
        fastavro.schemaless_writer(body, fastavro.parse_schema(schema), as_datum(AUDIT) | {"added": "x"})
        assert codec.decode(b"\0" + schema_id.to_bytes(4, "big") + body.getvalue()) == AUDIT


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(event=any_record("CommercialEvent"))
def test_what_is_resolved_from_another_schema_reads_as_what_is_read_with_ours(event: CommercialEvent) -> None:
    other = deepcopy(shipped_schema("CommercialEvent"))
    other["fields"].append({"name": "added", "type": "string", "default": ""})
    registry = EmbeddedRegistry()
    codec = codec_for(CommercialEvent, registry, "source-events")
    schema_id = registry.register("source-events-value", other)
    payload = codec.encode(event)
    foreign = b"\0" + schema_id.to_bytes(4, "big") + payload[5:] + b"\x02x"
    assert codec.decode(foreign) == codec.decode(payload) == event
    assert repr(codec.decode(foreign)) == repr(codec.decode(payload))


def test_our_schema_by_another_id_is_ours() -> None:
    same = deepcopy(shipped_schema("AuditRecord"))
    same["doc"] = "Registered by a producer with words of its own."

    class Renumbering(EmbeddedRegistry):
        def by_id(self, schema_id: int) -> Schema:
            return same

    codec = codec_for(AuditRecord, Renumbering(), "audit-trail")
    payload = codec.encode(AUDIT)
    for _ in range(2):
        assert codec.decode(b"\0\0\0\0\7" + payload[5:]) == AUDIT


def test_blocks_with_their_size_as_java_writes_them_are_read() -> None:
    codec = CODECS["ContractAmended"]
    amended = ContractAmended(removed_lines=("a", "b"))
    payload = codec.encode(amended)
    counted = b"\x04\x02a\x02b\0"
    sized = b"\x03\x08\x02a\x02b\0"
    assert counted in payload
    assert codec.decode(payload.replace(counted, sized)) == amended


@pytest.mark.parametrize(
    ("record", "good", "bad", "said"),
    [
        (ContractAmended(removed_lines=("abc",)), b"\x06abc", b"\x05abc", "removed_lines: found a length of -3"),
        (ContractAmended(removed_lines=("abc",)), b"\0\x01", b"\0\x07", "approved: found byte 7 for a boolean"),
        (ContractAmended(removed_lines=("abc",)), b"\0\x01", b"\x08\x01", "requested_treatment: found byte 8"),
        (ContractAmended(removed_lines=("abc",)), b"\0\x01", b"\x02\x70\x01", "found byte 112 for a symbol"),
        (ContractTerminated(refund=Decimal(1)), b"\x04\x27\x10", b"\x14" + b"\x7f" * 10, "refund: found"),
        (ContractTerminated(refund=Decimal(1)), b"\x04\x27\x10", b"\xff" * 11, "refund: found a number of more"),
    ],
)
def test_what_no_writer_may_write_is_refused_by_the_name_of_its_field(
    record: msgspec.Struct, good: bytes, bad: bytes, said: str
) -> None:
    codec = CODECS[type(record).__name__]
    payload = codec.encode(record)
    assert payload[5:].count(good) == 1
    with pytest.raises(PayloadInvalid, match=said) as fault:
        codec.decode(payload[:5] + payload[5:].replace(good, bad))
    assert fault.value.code is PayloadFault.INVALID_VALUE


class _Flaky(EmbeddedRegistry):
    """Down, then without the schema; counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.down = True
        self.asked = 0

    def by_id(self, schema_id: int) -> Schema:
        self.asked += 1
        if self.down:
            raise RegistryUnavailable("down")
        raise UnknownSchema("none")


def test_a_registry_that_is_down_says_nothing_about_the_payload_and_one_that_knows_is_not_asked_twice() -> None:
    registry = _Flaky()
    codec = codec_for(AuditRecord, registry, "audit-trail")
    payload = b"\0\0\0\0\7" + codec.encode(AUDIT)[5:]
    with pytest.raises(RegistryUnavailable):
        codec.decode(payload)
    registry.down = False
    for _ in range(3):
        with pytest.raises(PayloadInvalid) as fault:
            codec.decode(payload)
        assert fault.value.code is PayloadFault.UNKNOWN_SCHEMA_ID
    assert registry.asked == 2
