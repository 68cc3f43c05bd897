"""The API in this process, before a publisher that keeps what it gets or before a real broker."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from fastapi import FastAPI

from streams.api.app import Limits, create_app
from streams.api.publisher import Message
from streams.codec.registry import EmbeddedRegistry
from streams.codec.wire import codec_for
from streams.config import load_configuration
from streams.core.policy import Policy
from streams.embedded.broker import EmbeddedBroker
from streams.records import CommercialEvent
from streams.shipped import shipped
from streams.topics import SOURCE_EVENTS

POLICY: Policy = load_configuration(shipped("config")).policy
REGISTRY = EmbeddedRegistry()
CODEC = codec_for(CommercialEvent, REGISTRY, SOURCE_EVENTS)
LIMITS = Limits(bytes=64 * 1024, events=50)


@dataclass
class KeptMessages:
    """A publisher whose broker is this list, or `fault`."""

    messages: list[Message] = field(default_factory=list)
    fault: Exception | None = None

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.fault is not None:
            raise self.fault
        self.messages += messages

    def broken(self) -> str | None:
        return None

    async def unavailable(self) -> str | None:
        return None if self.fault is None else str(self.fault)

    def events(self) -> list[CommercialEvent]:
        return [CODEC.decode(message.value) for message in self.messages]


def new_app(publisher: KeptMessages) -> FastAPI:
    return create_app(publisher, POLICY, REGISTRY, LIMITS)


class Client:
    """Calls an application without a socket."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(call(self._app, method, path, **options))

    def send(self, events: object, **headers: str) -> httpx.Response:
        return self.request("POST", "/v1/events", json=events, headers=headers)


async def call(app: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    # As a server does: what the handlers raise becomes an answer, never an exception here.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        return await client.request(method, path, **options)


@pytest.fixture
def publisher() -> KeptMessages:
    return KeptMessages()


@pytest.fixture
def client(publisher: KeptMessages) -> Client:
    return Client(new_app(publisher))


@pytest.fixture
def topic(embedded_broker: EmbeddedBroker) -> str:
    """A topic of its own on the embedded broker."""
    name = f"api-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": embedded_broker.bootstrap})
    admin.create_topics([NewTopic(name, 4, 1)])[name].result(10)
    return name


def event(**changes: Any) -> dict[str, Any]:
    """A payment, as a source sends it."""
    sent = {
        "event_id": "E1",
        "occurred_at": "2026-01-15T09:30:00Z",
        "effective_date": "2026-01-15",
        "context": {
            "source_system": "stripe",
            "source_transaction_id": "py_1",
            "contract_id": "C-1",
            "contract_version": 1,
            "legal_entity": "ACME-US",
        },
        "body": {
            "PaymentReceived": {"payment_id": "P1", "invoice_id": "I1", "amount": "10.00", "currency": "USD"},
        },
    } | changes
    copy: dict[str, Any] = json.loads(json.dumps(sent))
    return copy
