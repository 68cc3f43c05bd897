"""The API as a process: settings in, a server out, until it is told to stop."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import uvicorn
from fastapi import FastAPI

from streams.api.app import Limits, create_app
from streams.api.publisher import KafkaPublisher
from streams.api.source_files import load_sources
from streams.config import Settings, load_configuration
from streams.topics import SOURCE_EVENTS
from streams.wiring import bootstrap, schema_registry

_SHUTDOWN_SECONDS = 10


def build_app(settings: Settings) -> FastAPI:
    """Return the application with its producer, which lives as long as the server."""
    publisher = KafkaPublisher(
        SOURCE_EVENTS, bootstrap(settings), timeout=settings.publish_timeout, client=settings.client_settings()
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with publisher:
            yield

    return create_app(
        publisher,
        load_configuration(settings.config).policy,
        schema_registry(settings),
        Limits(settings.max_request_bytes, settings.max_events_per_request),
        lifespan,
        load_sources(settings.config, os.environ),
    )


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; requests that are in work are answered first."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # uvicorn raises the interrupt again once it has stopped in good order.
    with suppress(KeyboardInterrupt):
        uvicorn.run(
            build_app(settings),
            host=settings.api_host,
            port=settings.api_port,
            log_level=settings.log_level.lower(),
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
