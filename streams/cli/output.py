"""Printing and failing, the same way in every command."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
from rich.console import Console

from streams.config import ConfigurationError

_WIDTH = 120

P = ParamSpec("P")
R = TypeVar("R")


def echo_json(document: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print aligned columns."""
    cells = [tuple(map(str, row)) for row in rows]
    widths = [max(len(row[index]) for row in [tuple(columns), *cells]) for index in range(len(columns))]
    for row in [tuple(columns), *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def console() -> Console:
    """Return where people read; a file or a pipe gets lines wide enough for tables, unless COLUMNS is set."""
    return Console() if sys.stdout.isatty() or "COLUMNS" in os.environ else Console(width=_WIDTH)


def fail(message: str, code: int) -> NoReturn:
    """Print why, and end with an exit code."""
    click.echo(f"tieout: {message}", err=True)
    raise SystemExit(code)


def no_registry() -> NoReturn:
    """End because a registry is needed and none is set."""
    fail("TIEOUT_SCHEMA_REGISTRY is not set; set it to the URL of a Confluent-compatible registry", 2)


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what a user can mend into a message and an exit code; what they cannot keeps its traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from confluent_kafka import KafkaException

        from connectors.protocols import ConnectorUnavailable, DatabaseOutdated
        from streams.codec.registry import RegistryRefused, RegistryUnavailable
        from streams.embedded import EmbeddedBrokerMissingError, ServerFailedError
        from streams.timeline import TopicsUnreadable

        try:
            return command(*args, **kwargs)
        except ConfigurationError as wrong:
            fail(str(wrong), 2)
        except DatabaseOutdated as outdated:
            fail(str(outdated), 2)
        except EmbeddedBrokerMissingError as missing:
            fail(str(missing), 2)
        except (RegistryUnavailable, RegistryRefused, ServerFailedError, TopicsUnreadable) as unavailable:
            fail(str(unavailable), 1)
        except ConnectorUnavailable as unavailable:
            fail(f"{unavailable}; check TIEOUT_DATABASE", 1)
        except KafkaException as failure:
            fail(f"the broker failed: {failure.args[0].str()}; check TIEOUT_BROKER and that it runs", 1)

    return run
