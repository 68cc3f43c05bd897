"""The rows: which programs there are, what each needs, and what each guarantees."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from streams.config import load_settings
from streams.topics import COMMERCIAL_EVENTS, OPERATOR_COMMANDS, POSTING_ACKS, REVENUE_ACKS
from streams.wiring import changelog_topics
from tests.bench.environments import java_command, python_of
from tests.bench.kernel import OUTPUT_TOPICS, TABLES, Kernel
from tests.bench.rows.options import Options

QUIX_VENV = "bench-venv"
BYTEWAX_VENV = "bench-bytewax-venv"
_DELETIONS_KEPT_MS = 7 * 24 * 3600 * 1000
COMPACTED: Mapping[str, str] = {"cleanup.policy": "compact", "delete.retention.ms": str(_DELETIONS_KEPT_MS)}
KEPT: Mapping[str, str] = {"cleanup.policy": "delete", "retention.ms": "-1"}
PRODUCTION_INPUTS = (COMMERCIAL_EVENTS, REVENUE_ACKS, POSTING_ACKS, OPERATOR_COMMANDS)
"""The stage reads these, too; they are empty here."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    name: str
    title: str
    guarantee: str
    command: Callable[[], Sequence[str]]
    exactly_once: bool
    changelogs: Callable[[str], Sequence[str]]
    """Topics to be made for an application id, changelogs as a rule; frameworks that make their own give none."""
    share: int = 1
    """A slow row gets a feed of 1/share of the events, a row that must warm up one of more."""
    environment: Mapping[str, str] = field(default_factory=dict)
    verified: bool = True
    needs: Callable[[], object] | None = None
    """Makes what the row needs, or raises EnvironmentMissing."""
    arguments: Callable[[Options], Sequence[str]] = lambda given: [json.dumps(asdict(given))]
    group: str | None = None
    """The consumer group where it is not the application id."""

    def started_with(self, given: Options) -> list[str]:
        """The whole command."""
        return [*self.command(), *self.arguments(given)]


def _python(module: str) -> Callable[[], Sequence[str]]:
    return lambda: [sys.executable, "-m", f"tests.bench.rows.{module}"]


def _in(venv: str, module: str) -> Callable[[], Sequence[str]]:
    return lambda: [str(python_of(venv)), "-m", f"tests.bench.rows.{module}"]


def _made(venv: str) -> Callable[[], object]:
    return lambda: python_of(venv)


def _named(app: str) -> Sequence[str]:
    return [f"{app}-{table}-changelog" for table in TABLES]


def _java_arguments(given: Options) -> Sequence[str]:
    guarantee = "exactly_once_v2" if given.exactly_once else "at_least_once"
    ids = (str(number) for number in Kernel().input_ids())
    return [given.bootstrap, given.input, given.app, guarantee, given.data_dir, *ids, "cold"]


def _warm_java_arguments(given: Options) -> Sequence[str]:
    return [*_java_arguments(given)[:-1], "warm"]


def _warm_up_outputs(app: str) -> Sequence[str]:
    return [f"{app}-warmup-{topic}" for topic in OUTPUT_TOPICS]


def _none(_: str) -> Sequence[str]:
    return []


def _tieout_changelogs(_: str) -> Sequence[str]:
    return [topic for topic in changelog_topics(load_settings()) if topic.startswith("tieout-orchestration")]


def _tieout(name: str, title: str, *, store: str, exactly_once: bool = True) -> Row:
    return Row(
        name,
        title,
        "exactly once" if exactly_once else "at least once",
        _python("tieout"),
        exactly_once,
        _tieout_changelogs,
        environment={"TIEOUT_STORE": store},
        group="tieout-orchestration",
    )


ROWS: tuple[Row, ...] = (
    Row("raw", "raw confluent-kafka loop", "at least once", _python("raw"), False, _named),
    Row("raw-eos", "raw confluent-kafka loop, a transaction a batch", "exactly once*", _python("raw"), True, _named),
    _tieout("tieout", "tieout, tables in memory", store="memory"),
    _tieout("tieout-rocksdb", "tieout, tables in RocksDB", store="rocksdb"),
    _tieout("tieout-alo", "tieout, tables in memory, not transactional", store="memory", exactly_once=False),
    Row("faust", "faust-streaming", "at least once", _python("faust_plain"), False, _named, share=10),
    Row("quix", "Quix Streams", "at least once", _in(QUIX_VENV, "quix"), False, _none, share=4, needs=_made(QUIX_VENV)),
    Row(
        "quix-eos", "Quix Streams", "exactly once", _in(QUIX_VENV, "quix"), True, _none, share=4, needs=_made(QUIX_VENV)
    ),
    Row(
        "bytewax",
        "Bytewax, state in SQLite",
        "at least once",
        _in(BYTEWAX_VENV, "bytewax_flow"),
        False,
        _none,
        share=4,
        needs=_made(BYTEWAX_VENV),
    ),
    Row(
        "kstreams",
        "Kafka Streams (Java; less work, see below)",
        "at least once",
        java_command,
        False,
        _none,
        needs=java_command,
        verified=False,
        arguments=_java_arguments,
    ),
    Row(
        "kstreams-eos",
        "Kafka Streams (Java; less work, see below)",
        "exactly once (v2)",
        java_command,
        True,
        _none,
        needs=java_command,
        verified=False,
        arguments=_java_arguments,
    ),
    Row(
        "kstreams-eos-warm",
        "Kafka Streams, JVM warm (Java; less work, see below)",
        "exactly once (v2)",
        java_command,
        True,
        _warm_up_outputs,
        needs=java_command,
        verified=False,
        arguments=_warm_java_arguments,
    ),
)


def topics_of(row: Row, app: str) -> dict[str, Mapping[str, str]]:
    """The topics to be empty before a row starts."""
    outputs: dict[str, Mapping[str, str]] = dict.fromkeys(OUTPUT_TOPICS, KEPT)
    return outputs | dict.fromkeys(PRODUCTION_INPUTS, KEPT) | dict.fromkeys(row.changelogs(app), COMPACTED)
