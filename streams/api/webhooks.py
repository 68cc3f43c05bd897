"""POST /v1/sources/{name}/webhook: signature first, then the mapping, then the same road as every event.

Nothing is parsed before the signature holds. Knows no vendor and no broker.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.responses import Response

from connectors.sources.faults import SourceInvalid
from streams import metrics
from streams.api.openapi import problem_responses
from streams.api.problems import FieldError, Kind, Problem
from streams.api.reading import read_body
from streams.api.source_files import WebhookSource
from streams.codec.json_text import JsonMalformed, parse
from streams.core.policy import Policy
from streams.core.rules import all_violations
from streams.records import CommercialEvent

log = logging.getLogger(__name__)

Accept = Callable[[Request, Sequence[CommercialEvent], bool], Awaitable[Response]]

_OUTCOMES = {Kind.UNAUTHORIZED: "unauthorized", Kind.UNAVAILABLE: "unavailable"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The delivery as the vendor signed it, byte for byte.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"description": "The broker has acknowledged every event, or the delivery is ignored."},
    **problem_responses(
        Kind.MALFORMED_JSON,
        Kind.UNAUTHORIZED,
        Kind.NOT_FOUND,
        Kind.CONFLICTING_EVENT,
        Kind.TOO_LARGE,
        Kind.INVALID_EVENT,
        Kind.UNAVAILABLE,
    ),
}


def add_webhooks(
    app: FastAPI, sources: Mapping[str, WebhookSource], policy: Policy, most_bytes: int, accept: Accept
) -> None:
    """Add the route; `accept` publishes events and answers."""

    @app.post("/v1/sources/{name}/webhook", status_code=202, openapi_extra=_BODY, responses=_RESPONSES)
    async def take_webhook(name: str, request: Request) -> Response:
        """Take a vendor's signed delivery; answers when the broker has acknowledged all that it means."""
        source = sources.get(name)
        if source is None:
            raise Problem(Kind.NOT_FOUND, "found no source of this name that takes webhooks")
        try:
            response, outcome = await _take(source, request, policy, most_bytes, accept)
        except Problem as problem:
            metrics.API_WEBHOOKS.labels(name, _OUTCOMES.get(problem.kind, "refused")).inc()
            raise
        metrics.API_WEBHOOKS.labels(name, outcome).inc()
        return response


async def _take(
    source: WebhookSource, request: Request, policy: Policy, most_bytes: int, accept: Accept
) -> tuple[Response, str]:
    name = source.source.name
    body = await read_body(request, most_bytes)
    if not source.verifier.verify(request.headers, body, time.time()):
        raise Problem(Kind.UNAUTHORIZED, "found no valid signature")
    try:
        payload = parse(body)
    except JsonMalformed as fault:
        raise Problem(Kind.MALFORMED_JSON, str(fault).encode("utf-8", "backslashreplace").decode()) from None
    try:
        outcome = source.source.read(payload, request.headers.get("webhook-id"))
    except SourceInvalid as invalid:
        log.warning("source %s: delivery refused: %s", name, ", ".join(fault.rule for fault in invalid.faults))
        raise _invalid(
            [FieldError(fault.field, fault.rule, f"{fault.found}. {fault.remedy}") for fault in invalid.faults]
        ) from None
    if not outcome.events:
        log.info("source %s: ignored a delivery of type %.100r: %s", name, outcome.vendor_type, outcome.ignored)
        return JSONResponse({"accepted": 0, "event_ids": [], "ignored": outcome.ignored}, 202), "ignored"
    errors = [
        FieldError(fault.pointer, fault.rule.value, fault.message) for fault in all_violations(outcome.events, policy)
    ]
    if errors:
        log.warning("source %s: delivery refused: %s", name, ", ".join(error.code for error in errors))
        raise _invalid(errors)
    return await accept(request, outcome.events, len(outcome.events) > 1), "accepted"


def _invalid(errors: Sequence[FieldError]) -> Problem:
    return Problem(
        Kind.INVALID_EVENT,
        f"found {len(errors)} faults; pointers are of the canonical event the delivery means",
        errors,
    )
