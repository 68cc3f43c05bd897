"""The compiled codec does what its Python twin does, or leaves the record to it."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams import records
from streams.codec.decoder import compile_decoder
from streams.codec.encoder import FieldInvalid, compile_encoder
from streams.codec.native import BUILT, native_codec
from streams.codec.schemas import shipped_schema
from streams.records import AuditAction, AuditRecord, Context, ContractTerminated
from tests.codec.strategies import RECORD_NAMES, any_record

needs_native = pytest.mark.skipif(not BUILT, reason="the compiled codec is not built here (no C compiler at setup)")
HEADER = b"\0\0\0\0\1"
_CONTEXT = Context(
    source_system="crm", source_transaction_id="T-1", contract_id="C-1", contract_version=1, legal_entity="US01"
)


class Twins:
    """Both codecs of one record class."""

    def __init__(self, name: str) -> None:
        kind, schema = getattr(records, name), shipped_schema(name)
        self.native: Any = native_codec(kind, schema)
        self._read, self._write = compile_decoder(kind, schema), compile_encoder(schema)

    def read(self, payload: bytes) -> Any:
        """The Python twin's record; None for what it refuses."""
        try:
            record, end = self._read(payload, len(HEADER), len(payload))
        except FieldInvalid:
            return None
        return record if end == len(payload) else None

    def write(self, record: object) -> bytes | None:
        payload = bytearray(HEADER)
        try:
            self._write(payload, record)
        except FieldInvalid:
            return None
        return bytes(payload)


TWINS = {name: Twins(name) for name in RECORD_NAMES}


def test_where_a_compiler_is_the_codec_is_compiled() -> None:
    assert BUILT or shutil.which("cc") is None


@needs_native
@pytest.mark.parametrize("name", RECORD_NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_record_has_the_same_bytes_and_every_payload_the_same_record(name: str, data: st.DataObject) -> None:
    twins, record = TWINS[name], data.draw(any_record(name))
    payload = twins.write(record)
    assert payload is not None
    assert twins.native.encode(HEADER, record) == payload
    found = twins.native.decode(payload, len(HEADER))
    assert found == record
    assert repr(found) == repr(twins.read(payload))


@needs_native
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_what_the_twin_refuses_is_never_read(data: st.DataObject) -> None:
    twins = TWINS[data.draw(st.sampled_from(["CommercialEvent", "RevenueAck", "ErpPosting", "AuditRecord"]))]
    record = data.draw(any_record(type_name(twins)))
    written = twins.write(record)
    assert written is not None
    payload = bytearray(written)
    for _ in range(data.draw(st.integers(0, 4))):
        payload[data.draw(st.integers(len(HEADER), len(payload) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(payload[: data.draw(st.integers(len(HEADER), len(payload)))]) + data.draw(st.binary(max_size=3))
    found = twins.native.decode(damaged, len(HEADER))
    assert found is None or repr(found) == repr(twins.read(damaged))


def type_name(twins: Twins) -> str:
    """The record class of a pair."""
    return next(name for name, each in TWINS.items() if each is twins)


@needs_native
@pytest.mark.parametrize(
    "refund", [Decimal("0.00001"), Decimal("1e17"), Decimal("NaN"), Decimal("sNaN"), "12", 12, 1.5, None, b"", ()]
)
def test_a_value_that_does_not_fit_is_left_to_the_twin(refund: Any) -> None:
    assert TWINS["ContractTerminated"].native.encode(HEADER, ContractTerminated(refund=refund)) is None


@needs_native
@pytest.mark.parametrize(
    "changed",
    [
        {"at": dt.datetime(2025, 1, 1)},  # noqa: DTZ001
        {"at": dt.datetime(2025, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))},
        {"at": dt.date(2025, 1, 1)},
        {"action": "NO_SUCH_ACTION"},
        {"detail": "\ud800"},
        {"detail": b"bytes"},
        {"context": None},
        {"command_id": 7},
    ],
)
def test_a_field_of_another_type_is_left_to_the_twin(changed: dict[str, Any]) -> None:
    fields: dict[str, Any] = {
        "audit_id": "A-1",
        "at": dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
        "action": AuditAction.POSTED,
        "event_id": "E-1",
        "context": _CONTEXT,
    }
    twins = TWINS["AuditRecord"]
    assert twins.native.encode(HEADER, AuditRecord(**fields)) == twins.write(AuditRecord(**fields))
    assert twins.native.encode(HEADER, AuditRecord(**(fields | changed))) is None


@needs_native
@settings(max_examples=500, deadline=None)
@given(time=st.datetimes(timezones=st.just(dt.UTC)))
def test_every_time_is_read_to_the_millisecond(time: dt.datetime) -> None:
    record = AuditRecord(audit_id="", at=time, action=AuditAction.POSTED, event_id="", context=_CONTEXT)
    native = TWINS["AuditRecord"].native
    found = native.decode(native.encode(HEADER, record), len(HEADER))
    assert found.at == time.replace(microsecond=time.microsecond // 1000 * 1000)


@needs_native
def test_neither_reading_nor_writing_nor_refusing_keeps_memory() -> None:
    twins = TWINS["AuditRecord"]
    record = AuditRecord(
        audit_id="A-1",
        at=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
        action=AuditAction.POSTED,
        event_id="E",
        context=_CONTEXT,
    )
    payload = twins.native.encode(HEADER, record)

    def work() -> None:
        for _ in range(2000):
            twins.native.decode(payload, len(HEADER))
            twins.native.decode(payload[:-1], len(HEADER))
            twins.native.decode(payload[:20], len(HEADER))
            twins.native.encode(HEADER, record)
            twins.native.encode(HEADER, None)

    work()
    before = sys.getallocatedblocks()
    work()
    assert sys.getallocatedblocks() - before < 200
