"""From a request's bytes to events: size, content type, JSON, schema, business rules; all events or none.

Every fault of every event is reported at once. Knows HTTP headers; knows no broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from email.message import Message as Header

from starlette.requests import Request

from connectors.sources.canonical import CanonicalSource
from streams.api.problems import FieldError, Kind, Problem
from streams.codec.json_events import JsonInvalid
from streams.codec.json_text import JsonMalformed, parse
from streams.core.policy import Policy
from streams.core.rules import violations
from streams.records import CommercialEvent

_SOURCE = CanonicalSource()
_JSON = frozenset({"application/json", "text/json"})
_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
_EVENTS_BETWEEN_PAUSES = 50
"""Events checked before other requests, health checks among them, get a turn."""


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Return the body. Raises Problem (too-large) as soon as the limit is passed, however the body is sent."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and len(announced) < 20 and int(announced) > most_bytes:
        raise _too_large(f"the body has {announced} bytes", most_bytes)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise _too_large("the body has more bytes", most_bytes)
    return bytes(body)


def wants_lines(request: Request) -> bool:
    """Return whether the body is NDJSON. Raises Problem (unsupported-media-type) when it is neither that nor JSON."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Problem(Kind.MEDIA_TYPE, f"found content encoding {encoding!r}, expected none")
    found = request.headers.get("content-type")
    if found is None:
        raise Problem(Kind.MEDIA_TYPE, "found no content type")
    header = Header()
    header["content-type"] = found
    charset = header.get_content_charset("utf-8")
    media_type = header.get_content_type()
    known = media_type in _JSON or media_type in _LINES or media_type.endswith("+json")
    if not known or charset not in {"utf-8", "utf8", "us-ascii"}:
        raise Problem(Kind.MEDIA_TYPE, f"found content type {found!r}")
    return media_type in _LINES


async def read_events(
    body: bytes, *, lines: bool, policy: Policy, most_events: int
) -> tuple[list[CommercialEvent], bool]:
    """Return the events, and whether they came as a list (pointers begin with an index then).

    Raises Problem: malformed-json, too-large, or invalid-event with every fault of every event.
    """
    values = _lines(body) if lines else _parse(body)
    several = isinstance(values, list)
    items = values if isinstance(values, list) else [values]
    if not items:
        raise Problem(Kind.INVALID_EVENT, "found no event, expected at least one")
    if len(items) > most_events:
        raise Problem(Kind.TOO_LARGE, f"found {len(items)} events, expected at most {most_events} in a request")
    events: list[CommercialEvent] = []
    errors: list[FieldError] = []
    wrong = 0
    for index, value in enumerate(items):
        event, faults = _check(value, policy)
        if event is not None:
            events.append(event)
        else:
            wrong += 1
            errors += _placed(faults, f"/{index}" if several else "")
        if index % _EVENTS_BETWEEN_PAUSES == _EVENTS_BETWEEN_PAUSES - 1:
            await asyncio.sleep(0)
    if errors:
        raise Problem(
            Kind.INVALID_EVENT,
            f"{wrong} of {len(items)} event{'s are' if len(items) > 1 else ' is'} invalid, with {len(errors)} faults",
            errors,
        )
    return events, several


def _check(value: object, policy: Policy) -> tuple[CommercialEvent | None, Sequence[FieldError]]:
    try:
        (event,) = _SOURCE.events(value)
    except JsonInvalid as invalid:
        return None, [FieldError(fault.pointer, fault.code, fault.detail) for fault in invalid.problems]
    broken = violations(event, policy)
    if broken:
        return None, [FieldError(fault.pointer, fault.rule.value, fault.message) for fault in broken]
    return event, ()


def _placed(faults: Iterable[FieldError], prefix: str) -> list[FieldError]:
    return [FieldError(prefix + fault.pointer, fault.code, fault.detail) for fault in faults]


def _parse(body: bytes) -> object:
    try:
        return parse(body)
    except JsonMalformed as fault:
        raise Problem(Kind.MALFORMED_JSON, _printable(str(fault))) from None


def _lines(body: bytes) -> list[object]:
    values = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            values.append(parse(line))
        except JsonMalformed as fault:
            place = f", column {fault.column}" if fault.column is not None else ""
            raise Problem(Kind.MALFORMED_JSON, f"line {number}{place}: {_printable(fault.reason)}") from None
    return values


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _too_large(found: str, most_bytes: int) -> Problem:
    return Problem(Kind.TOO_LARGE, f"{found}, expected at most {most_bytes}", headers={"Connection": "close"})
