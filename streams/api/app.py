"""The HTTP API as an ASGI application: takes canonical events, answers when the broker holds them.

All of a request is taken or nothing of it. Knows no broker and no registry beyond the small protocols it is given.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams import metrics
from streams.api.openapi import POST_EVENTS, RESPONSES, with_schemas
from streams.api.problems import FieldError, Kind, Problem
from streams.api.publisher import BrokerUnavailable, Message, Publisher, RecordTooLarge
from streams.api.reading import read_body, read_events, wants_lines
from streams.api.recent import RecentEvents
from streams.api.source_files import WebhookSource
from streams.api.tracing import traceparent, tracestate
from streams.api.webhooks import add_webhooks
from streams.codec.registry import SchemaRegistry
from streams.codec.wire import Codec, codec_for
from streams.core.policy import Policy
from streams.records import CommercialEvent
from streams.topics import SOURCE_EVENTS

log = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a request."""

    bytes: int = 4 * 1024 * 1024
    events: int = 1000


def create_app(
    publisher: Publisher,
    policy: Policy,
    registry: SchemaRegistry,
    limits: Limits | None = None,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
    sources: Mapping[str, WebhookSource] | None = None,
) -> FastAPI:
    """Return the application. Asks the registry for the event schema's id: RegistryUnavailable, RegistryRefused."""
    app = FastAPI(
        title="tieout",
        version=version("tieout"),
        summary="Takes canonical commercial events for revenue recognition and ERP posting.",
        # The documentation pages of the framework load scripts from elsewhere; the description itself is served.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan or _no_lifespan,
    )
    limits = limits or Limits()
    intake = _Intake(publisher, policy, codec_for(CommercialEvent, registry, SOURCE_EVENTS), limits)
    _describe(app)
    _answer_faults(app)

    @app.post("/v1/events", status_code=202, openapi_extra=POST_EVENTS, responses=RESPONSES)
    async def take_events(request: Request) -> Response:
        """Take one event or many, all or none; answers when the broker has acknowledged every one."""
        return await intake.take(request)

    add_webhooks(app, sources or {}, policy, limits.bytes, intake.accept)

    @app.get("/healthz")
    async def healthy() -> JSONResponse:
        """Whether the process works; when it does not, restart it."""
        broken = publisher.broken()
        return JSONResponse({"status": broken or "ok"}, 503 if broken else 200)

    @app.get("/readyz")
    async def ready() -> JSONResponse:
        """Whether events can be taken now: the broker has the topic and the schema registry answers."""
        broker, registry_answers = await asyncio.gather(publisher.unavailable(), asyncio.to_thread(registry.ready))
        checks = {
            "broker": broker or "ok",
            "schema_registry": "ok" if registry_answers else "the schema registry does not answer",
        }
        fine = all(said == "ok" for said in checks.values())
        return JSONResponse({"status": "ok" if fine else "unavailable", "checks": checks}, 200 if fine else 503)

    @app.get("/metrics", include_in_schema=False)
    async def measures() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/problems/{name}", include_in_schema=False)
    async def problem(name: str) -> PlainTextResponse:
        for kind in Kind:
            if kind.slug == name:
                return PlainTextResponse(f"{kind.title} (HTTP {kind.status.value})\n\n{kind.remedy}\n")
        raise HTTPException(404)

    return app


class _Intake:
    """The road of a request: read, check, encode, publish."""

    def __init__(self, publisher: Publisher, policy: Policy, codec: Codec[CommercialEvent], limits: Limits) -> None:
        self._publisher = publisher
        self._policy = policy
        self._codec = codec
        self._limits = limits
        self._recent = RecentEvents()

    async def take(self, request: Request) -> Response:
        started = time.perf_counter()
        status = Kind.INTERNAL.status.value
        try:
            response = await self._take(request)
            status = response.status_code
        except Problem as problem:
            status = problem.kind.status.value
            raise
        finally:
            metrics.API_SECONDS.labels(str(status)).observe(time.perf_counter() - started)
        return response

    async def _take(self, request: Request) -> Response:
        lines = wants_lines(request)
        body = await read_body(request, self._limits.bytes)
        try:
            events, several = await read_events(body, lines=lines, policy=self._policy, most_events=self._limits.events)
        except Problem:
            metrics.API_EVENTS.labels("refused").inc()
            raise
        return await self.accept(request, events, several)

    async def accept(self, request: Request, events: Sequence[CommercialEvent], several: bool) -> Response:
        """Publish valid events, and answer when the broker has acknowledged every one."""
        payloads = [self._codec.encode(event) for event in events]
        try:
            self._refuse_conflicts(events, payloads, several)
        except Problem:
            metrics.API_EVENTS.labels("refused").inc()
            raise
        trace = traceparent(request.headers.get("traceparent"))
        headers = [("traceparent", trace.encode())]
        state = tracestate(request.headers.get("tracestate"))
        if state is not None:
            headers.append(("tracestate", state.encode()))
        messages = [
            Message(event.context.contract_id.encode(), payload, tuple(headers))
            for event, payload in zip(events, payloads, strict=True)
        ]
        await self._publish(messages, several)
        metrics.API_EVENTS.labels("accepted").inc(len(events))
        return JSONResponse(
            {"accepted": len(events), "event_ids": [event.event_id for event in events], "traceparent": trace},
            202,
            headers={"traceparent": trace},
        )

    def _refuse_conflicts(self, events: Sequence[CommercialEvent], payloads: list[bytes], several: bool) -> None:
        ids = [event.event_id for event in events]
        places = self._recent.conflicts(zip(ids, payloads, strict=True))
        if places:
            errors = [
                FieldError(
                    f"/{place}/event_id" if several else "/event_id",
                    "conflicting_event",
                    f"found {ids[place]!r}, which was sent before with different content",
                )
                for place in places
            ]
            raise Problem(Kind.CONFLICTING_EVENT, f"{len(places)} of {len(ids)} events reuse an id", errors)

    async def _publish(self, messages: list[Message], several: bool) -> None:
        try:
            await self._publisher.publish(messages)
        except RecordTooLarge as fault:
            metrics.API_EVENTS.labels("refused").inc(len(messages))
            error = FieldError(
                f"/{fault.place}" if several else "",
                "too_large",
                f"found {fault.size} bytes, more than a record may have",
            )
            raise Problem(Kind.TOO_LARGE, "an event is too large for the broker", [error]) from fault
        except BrokerUnavailable as fault:
            metrics.API_EVENTS.labels("unavailable").inc(len(messages))
            log.warning("%d events not acknowledged: %s", len(messages), fault)
            raise Problem(Kind.UNAVAILABLE, str(fault), headers={"Retry-After": str(_RETRY_AFTER_SECONDS)}) from fault


@asynccontextmanager
async def _no_lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield


def _describe(app: FastAPI) -> None:
    framework = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = with_schemas(framework())
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # the way FastAPI documents


def _answer_faults(app: FastAPI) -> None:
    """Every answer that is not a success is a problem document."""

    @app.exception_handler(Problem)
    async def on_problem(_: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, fault: HTTPException) -> Response:
        kind = next((kind for kind in Kind if kind.status.value == fault.status_code), Kind.INTERNAL)
        detail = f"found {request.method} {request.url.path}"
        return Problem(kind, detail, headers=dict(fault.headers or {})).response()

    @app.exception_handler(Exception)
    async def on_fault(request: Request, fault: Exception) -> Response:
        problem = Problem(Kind.INTERNAL, f"{request.method} {request.url.path} failed")
        log.error("%s: %s %s failed", problem.instance, request.method, request.url.path, exc_info=fault)
        return problem.response()
