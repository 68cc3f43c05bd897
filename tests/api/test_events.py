"""POST /v1/events: what is good is published as Avro, what is not is refused with every field named."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from streams.api.problems import MEDIA_TYPE
from streams.api.publisher import BrokerUnavailable, RecordTooLarge
from streams.api.recent import RecentEvents
from tests.api.conftest import Client, KeptMessages, event

NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem document of an answer that must have a status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail", "instance"} <= document.keys()
    return document


def pointers(document: dict[str, Any]) -> dict[str, str]:
    return {error["pointer"]: error["code"] for error in document["errors"]}


def test_one_event_is_published_as_avro_keyed_by_its_contract(client: Client, publisher: KeptMessages) -> None:
    answer = client.send(event())
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert answer.json()["event_ids"] == ["E1"]
    assert publisher.messages[0].key == b"C-1"
    assert publisher.events()[0].event_type == "PaymentReceived"


@pytest.mark.parametrize("form", ["array", "lines"])
def test_several_events_keep_their_order(client: Client, publisher: KeptMessages, form: str) -> None:
    events = [event(event_id=f"E{number}") for number in range(5)]
    if form == "array":
        answer = client.send(events)
    else:
        text = "\n\n".join(json.dumps(sent) for sent in events) + "\r\n"
        answer = client.request("POST", "/v1/events", content=text, headers=NDJSON)
    assert answer.json()["accepted"] == 5
    assert [taken.event_id for taken in publisher.events()] == [f"E{number}" for number in range(5)]


def test_all_events_or_none_and_every_fault_of_every_event(client: Client, publisher: KeptMessages) -> None:
    late = event(event_id="E3", effective_date="soon", supersedes=7)
    document = problem(client.send([event(), event(event_id=""), late]), 422)
    assert pointers(document) == {
        "#/1/event_id": "blank",
        "#/2/effective_date": "invalid_date",
        "#/2/supersedes": "wrong_type",
    }
    assert publisher.messages == []


def test_a_single_event_has_pointers_without_an_index(client: Client) -> None:
    document = problem(client.send(event(event_idd="x")), 422)
    assert pointers(document) == {"#/event_idd": "unknown_field"}
    assert "did you mean event_id" in document["errors"][0]["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":1,"a":2}', b"\xff", b"[" * 50_000, b'{"\\ud800":NaN}'])
def test_what_is_no_json_is_malformed(client: Client, body: bytes) -> None:
    problem(client.request("POST", "/v1/events", content=body, headers=JSON), 400)


def test_a_malformed_line_is_named_by_its_number(client: Client) -> None:
    text = json.dumps(event()) + "\n\n{oops}\n"
    document = problem(client.request("POST", "/v1/events", content=text, headers=NDJSON), 400)
    assert "line 3" in document["detail"]


@pytest.mark.parametrize("body", ["7", "null", '"x"', "[]", "[[]]", "{}"])
def test_json_that_is_no_event_is_invalid(client: Client, body: str) -> None:
    problem(client.request("POST", "/v1/events", content=body, headers=JSON), 422)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_another_content_type_is_refused(client: Client, headers: dict[str, str]) -> None:
    body = gzip.compress(json.dumps(event()).encode())
    problem(client.request("POST", "/v1/events", content=body, headers=headers), 415)


def test_a_missing_content_type_is_refused(client: Client) -> None:
    problem(client.request("POST", "/v1/events", content=json.dumps(event()).encode()), 415)


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", "application/vnd.tieout.event+json"])
def test_json_by_its_other_names_is_taken(client: Client, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    assert client.request("POST", "/v1/events", content=json.dumps(event()), headers=headers).status_code == 202


def test_a_body_over_the_limit_is_refused_however_it_is_sent(client: Client) -> None:
    async def in_chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    problem(client.request("POST", "/v1/events", content=b" " * 70_000, headers=JSON), 413)
    problem(client.request("POST", "/v1/events", content=in_chunks(), headers=JSON), 413)


def test_more_events_than_a_request_may_have_are_refused(client: Client) -> None:
    assert "51 events" in problem(client.send([event(event_id=f"E{n}") for n in range(51)]), 413)["detail"]


def test_an_event_larger_than_a_record_may_be_is_named(client: Client, publisher: KeptMessages) -> None:
    publisher.fault = RecordTooLarge(1, 2_000_000)
    document = problem(client.send([event(), event(event_id="E2")]), 413)
    assert pointers(document) == {"#/1": "too_large"}


def test_an_event_id_twice_with_other_content_is_a_conflict(client: Client, publisher: KeptMessages) -> None:
    document = problem(client.send([event(), event(effective_date="2026-01-16")]), 409)
    assert pointers(document) == {"#/1/event_id": "conflicting_event"}
    assert publisher.messages == []
    assert client.send(event(effective_date="2026-01-17")).status_code == 202, "nothing of it was remembered"


def test_the_same_event_may_be_sent_again_and_another_by_its_id_not(client: Client, publisher: KeptMessages) -> None:
    assert client.send(event()).status_code == 202
    same = event()
    same["body"]["PaymentReceived"]["amount"] = 10
    assert client.send(same).status_code == 202, "the same amount, written otherwise"
    other = event()
    other["body"]["PaymentReceived"]["amount"] = "10.01"
    assert pointers(problem(client.send(other), 409)) == {"#/event_id": "conflicting_event"}
    assert len(publisher.messages) == 2


def test_the_window_of_recent_ids_is_bounded_and_keeps_the_newest() -> None:
    recent = RecentEvents(most=2)
    assert recent.conflicts([("a", b"1"), ("b", b"1"), ("c", b"1")]) == []
    assert recent.conflicts([("a", b"2")]) == [], "a was forgotten"
    assert recent.conflicts([("c", b"2")]) == [0]


def test_without_the_brokers_word_nothing_is_accepted_and_repeating_is_safe(
    client: Client, publisher: KeptMessages
) -> None:
    publisher.fault = BrokerUnavailable("no acknowledgment within 30 seconds")
    answer = client.send(event())
    document = problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    assert "event_id is the idempotency key" in document["detail"]
    publisher.fault = None
    assert client.send(event()).status_code == 202


def test_the_callers_trace_goes_on_and_a_missing_or_wrong_one_is_begun(client: Client, publisher: KeptMessages) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer = client.send(event(), traceparent=trace, tracestate="vendor=1")
    assert answer.json()["traceparent"] == trace
    assert dict(publisher.messages[0].headers) == {"traceparent": trace.encode(), "tracestate": b"vendor=1"}
    for wrong in ("", "00-0-0-0", trace.replace("00-", "ff-", 1), trace + "-more", trace.upper()):
        begun = client.send(event(), traceparent=wrong).json()["traceparent"]
        assert len(begun) == len(trace)
        assert begun != wrong


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/events", 405), ("GET", "/nowhere", 404)])
def test_what_the_api_does_not_have_is_a_problem_too(client: Client, method: str, path: str, status: int) -> None:
    problem(client.request(method, path), status)


def test_a_fault_of_our_own_is_a_problem_that_tells_nothing_of_the_inside(
    client: Client, publisher: KeptMessages
) -> None:
    publisher.fault = RuntimeError("secret")
    assert "secret" not in json.dumps(problem(client.send(event()), 500))


def test_every_kind_of_problem_explains_itself_at_its_type(client: Client) -> None:
    document = problem(client.send([]), 422)
    explained = client.request("GET", document["type"])
    assert explained.status_code == 200
    assert document["title"] in explained.text
