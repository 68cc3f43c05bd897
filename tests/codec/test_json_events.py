"""Canonical events as JSON: any record survives the trip, and every fault is reported by the name of its field."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams import records
from streams.codec.json_events import JsonInvalid, event_from_json, from_json, json_schemas, to_json
from streams.codec.json_text import JsonMalformed, parse
from streams.records import CommercialEvent, CreditIssued, InvoiceIssued
from tests.codec.strategies import RECORD_NAMES, any_record

INVOICE: dict[str, Any] = {
    "event_id": "E-7",
    "occurred_at": "2026-03-31T11:30:00.1234+02:00",
    "effective_date": "2026-03-31",
    "context": {
        "source_system": "stripe",
        "source_transaction_id": "in_7",
        "contract_id": "C-1",
        "contract_version": 2,
        "legal_entity": "ACME-US",
    },
    "body": {
        "InvoiceIssued": {
            "invoice_id": "in_7",
            "currency": "USD",
            "lines": [
                {"line_id": "L1", "net": "100.10", "taxes": [{"jurisdiction": "US-CA", "amount": 7.25}]},
            ],
        }
    },
}


def changed(path: str, value: object, event: dict[str, Any] = INVOICE) -> dict[str, Any]:
    """Return the invoice with another value at a JSON pointer; `...` leaves the member out."""
    event = json.loads(json.dumps(event))
    target: Any = event
    *parents, last = path.strip("/").split("/")
    for part in parents:
        target = target[int(part)] if part.isdigit() else target[part]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return event


def read(event: object) -> CommercialEvent:
    return event_from_json(parse(json.dumps(event)))


def problems(event: object) -> dict[str, str]:
    with pytest.raises(JsonInvalid) as fault:
        read(event)
    return {problem.pointer: problem.code for problem in fault.value.problems}


@pytest.mark.parametrize("name", RECORD_NAMES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_any_record_survives_the_trip_through_json(name: str, data: st.DataObject) -> None:
    record = data.draw(any_record(name))
    assert from_json(getattr(records, name), parse(json.dumps(to_json(record)))) == record


def test_an_event_says_its_type_by_its_body_and_takes_the_defaults_of_the_schema() -> None:
    event = read(INVOICE)
    assert event.event_type == "InvoiceIssued"
    assert isinstance(event.body, InvoiceIssued)
    assert event.body.exchange_rate == 1
    assert event.context.product_line == ""
    assert event.supersedes is None


def test_a_time_is_kept_in_utc_to_the_millisecond() -> None:
    assert read(INVOICE).occurred_at.isoformat() == "2026-03-31T09:30:00.123000+00:00"


@pytest.mark.parametrize("number", ["0.1", "100.10", "12345678901234.5678", "-0.3", "1e3"])
def test_a_json_number_is_the_decimal_it_shows_and_never_a_float(number: str) -> None:
    text = json.dumps(changed("/body/InvoiceIssued/lines/0/net", "AMOUNT")).replace('"AMOUNT"', number)
    body = event_from_json(parse(text)).body
    assert isinstance(body, InvoiceIssued)
    assert body.lines[0].net == Decimal(number)


@pytest.mark.parametrize(
    "same",
    [
        changed("/body", {"tieout.InvoiceIssued": INVOICE["body"]["InvoiceIssued"]}),
        changed("/supersedes", None),
        changed("/source_sequence", None),
        changed("/effective_date", 20543),
        changed("/occurred_at", 1774949400123),
        changed("/body/InvoiceIssued/due_date", None),
    ],
)
def test_the_forms_of_avro_json_mean_the_same(same: dict[str, Any]) -> None:
    assert read(same) == read(INVOICE)


def test_a_nullable_field_may_be_wrapped_in_its_type() -> None:
    event = read(changed("/supersedes", {"string": "in_6"}) | {"source_sequence": {"long": 4}})
    assert (event.supersedes, event.source_sequence) == ("in_6", 4)
    assert read(changed("/body/InvoiceIssued/due_date", {"int": 20543})).body.due_date is not None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "value", "pointer", "code"),
    [
        ("/event_id", ..., "/event_id", "missing"),
        ("/event_id", 7, "/event_id", "wrong_type"),
        ("/event_idd", "x", "/event_idd", "unknown_field"),
        ("/context", [], "/context", "wrong_type"),
        ("/context/contract_version", True, "/context/contract_version", "wrong_type"),
        ("/context/contract_version", "1", "/context/contract_version", "wrong_type"),
        ("/context/contract_version", 2**31, "/context/contract_version", "out_of_range"),
        ("/context/accounting_treatment", "prospective", "/context/accounting_treatment", "unknown_symbol"),
        ("/occurred_at", "2026-03-31T09:30:00", "/occurred_at", "invalid_time"),
        ("/occurred_at", 10**18, "/occurred_at", "invalid_time"),
        ("/occurred_at", "0001-01-01T00:00:00+14:00", "/occurred_at", "invalid_time"),
        ("/effective_date", "20260331", "/effective_date", "invalid_date"),
        ("/effective_date", "2026-02-30", "/effective_date", "invalid_date"),
        ("/effective_date", "2026-03-31T00:00:00Z", "/effective_date", "invalid_date"),
        ("/body", None, "/body", "wrong_type"),
        ("/body", {}, "/body", "not_one_member"),
        ("/body", {"InvoiceIssued": {}, "CreditIssued": {}}, "/body", "not_one_member"),
        ("/body", {"InvoiceIsued": {}}, "/body", "unknown_record"),
        ("/body/InvoiceIssued", None, "/body/InvoiceIssued", "wrong_type"),
        ("/body/InvoiceIssued/lines", {}, "/body/InvoiceIssued/lines", "wrong_type"),
        ("/body/InvoiceIssued/lines/0/net", "1,000.00", "/body/InvoiceIssued/lines/0/net", "invalid_decimal"),
        ("/body/InvoiceIssued/lines/0/net", "NaN", "/body/InvoiceIssued/lines/0/net", "invalid_decimal"),
        ("/body/InvoiceIssued/lines/0/net", True, "/body/InvoiceIssued/lines/0/net", "invalid_decimal"),
        ("/body/InvoiceIssued/lines/0/net", "0.00001", "/body/InvoiceIssued/lines/0/net", "too_precise"),
        ("/body/InvoiceIssued/lines/0/net", "1e900000", "/body/InvoiceIssued/lines/0/net", "out_of_range"),
    ],
)
def test_each_kind_of_fault_has_its_pointer_and_code(path: str, value: object, pointer: str, code: str) -> None:
    assert problems(changed(path, value)) == {pointer: code}


def test_a_credit_states_what_it_means_for_the_price() -> None:
    """Left out, a default would decide about revenue: the fault says what to choose from."""
    credit = {"credit_id": "C1", "currency": "USD", "lines": [{"line_id": "L1", "net": "1.00"}]}
    with pytest.raises(JsonInvalid) as fault:
        event_from_json(changed("/body", {"CreditIssued": credit}))
    (problem,) = fault.value.problems
    assert (problem.pointer, problem.code) == ("/body/CreditIssued/effect", "missing")
    assert "BILLING_ONLY where" in problem.detail
    assert "PRICE_REDUCTION where" in problem.detail
    stated = event_from_json(changed("/body", {"CreditIssued": credit | {"effect": "PRICE_REDUCTION"}}))
    assert isinstance(stated.body, CreditIssued)


def test_a_pointer_escapes_the_characters_that_mean_something_in_it() -> None:
    assert problems(INVOICE | {"a~/b": 1}) == {"/a~0~1b": "unknown_field"}
    assert problems(INVOICE | {"\ud800": 1}) == {"": "invalid_text"}


def test_all_faults_are_reported_at_once() -> None:
    event = changed("/event_id", ...) | {"effective_date": "soon"}
    event = changed("/body/InvoiceIssued/lines/0/net", "much", event)
    assert set(problems(event)) == {"/event_id", "/effective_date", "/body/InvoiceIssued/lines/0/net"}


def test_a_misspelt_field_is_told_the_right_name() -> None:
    with pytest.raises(JsonInvalid, match="did you mean invoice_id"):
        read(changed("/body/InvoiceIssued/invoiceid", "x"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "line 1, column 1"),
        (b'{"a": 1,}', "line 1"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1, "a": 2}', '"a" twice'),
        (b'{"a": ' + b"9" * 5000 + b"}", "5000 characters"),
        (b'{"a": 1e99999999999999999999}', "exponent"),
        (b'"\xff"', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_text_that_is_no_json_or_ambiguous_is_refused_with_its_place(text: bytes, said: str) -> None:
    with pytest.raises(JsonMalformed, match=said):
        parse(text)


def test_amounts_are_shown_in_the_minor_unit_of_their_currency_and_lose_no_digit() -> None:
    def net(currency: str, amount: str) -> object:
        event = changed("/body/InvoiceIssued/currency", currency)
        event = changed("/body/InvoiceIssued/lines/0/net", amount, event)
        return to_json(read(event))["body"]["InvoiceIssued"]["lines"][0]["net"]  # type: ignore[index]

    assert net("USD", "100.1") == "100.10"
    assert net("JPY", "100") == "100"
    assert net("BHD", "100.1") == "100.100"
    assert net("USD", "100.1234") == "100.1234"
    assert net("USD", "12345678901234.5") == "12345678901234.50"


def test_the_json_schema_names_every_record_of_an_event_with_its_docs() -> None:
    schemas = json_schemas("#/components/schemas/{model}")
    assert "event_type" not in schemas["CommercialEvent"]["required"]
    assert schemas["CommercialEventBody"]["maxProperties"] == 1
    for name in ("CommercialEvent", "Context", "InvoiceIssued", "DocumentLine"):
        assert schemas[name]["description"]
        assert all(field.get("description") for field in schemas[name]["properties"].values())
