"""Where the faults strike: brokers, registry and database, each behind a proxy, and the workers on them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url

from streams.config import Settings, load_settings
from streams.embedded.process import LOOPBACK, free_port
from streams.supervisor import Supervisor
from streams.topic_admin import apply_topics
from streams.wiring import schema_registry
from tests.chaos.disk import NoDisks, small_disks
from tests.chaos.faulty_worker import TOKENS
from tests.chaos.fleet import Fleet
from tests.chaos.proxy import Link, Proxies
from tests.chaos.publisher import Publisher
from tests.chaos.schedule import SESSION_SECONDS
from tests.infra.kafka import KafkaServer, new_cluster_id, new_node
from tests.system.deployment import Deployment

_PARTITIONS = 8


class Store(StrEnum):
    """Where the workers keep their tables, as TIEOUT_STORE takes it."""

    MEMORY = "memory"
    ROCKSDB = "rocksdb"


@dataclass(frozen=True)
class Ground:
    """A running deployment and everything that can be done to it."""

    brokers: list[KafkaServer]
    broker_links: list[Link]
    registry_link: Link
    database_link: Link
    tokens: Path
    """Where `faulty_worker` finds what to lose."""
    fleet: Fleet
    deployment: Deployment
    """To read what is left."""
    publisher: Publisher
    no_disks: str
    """Why no disk can be filled; empty when they can."""

    def heal(self) -> None:
        """Let every connection pass, and forget the tokens that struck nothing."""
        for link in (*self.broker_links, self.registry_link, self.database_link):
            link.heal()
        for token in self.tokens.iterdir():
            token.unlink(missing_ok=True)


@contextmanager
def prepared(
    folder: Path, *, registry: str, database: str, brokers: int = 1, store: Store = Store.ROCKSDB
) -> Iterator[Ground]:
    """Start brokers and proxies and make the topics; `registry` and `database` are addresses of running servers.

    Workers are started by the caller and stopped here at the end.
    """
    with ExitStack() as resources:
        proxies = resources.enter_context(Proxies())
        links = [proxies.link(free_port(), 0) for _ in range(brokers)]
        servers = resources.enter_context(_brokers(folder / "kafka", links))
        registry_url, database_url = urlsplit(registry), make_url(database)
        registry_link = proxies.link(free_port(), registry_url.port or 80)
        database_link = proxies.link(free_port(), database_url.port or 5432)
        tokens = folder / "tokens"
        tokens.mkdir(parents=True)
        environment = {
            "TIEOUT_BROKER": ",".join(f"{LOOPBACK}:{link.port}" for link in links),
            "TIEOUT_SCHEMA_REGISTRY": registry_url._replace(netloc=f"{LOOPBACK}:{registry_link.port}").geturl(),
            "TIEOUT_DATABASE": database_url.set(port=database_link.port).render_as_string(hide_password=False),
            "TIEOUT_DATA_DIR": str(folder / "data"),
            "TIEOUT_STORE": store,
            "TIEOUT_PARTITIONS": str(_PARTITIONS),
            "TIEOUT_SESSION_TIMEOUT": f"{SESSION_SECONDS:g}",
            "TIEOUT_REBALANCE_TIMEOUT": "8",
            # Shorter than in production: a commit that never comes back ends its worker after these and 15 seconds.
            "TIEOUT_COMMIT_TIMEOUT": "10",
            "TIEOUT_TRANSACTION_TIMEOUT": "10",
            "TIEOUT_REPLICATION_FACTOR": str(min(brokers, 3)),
        }
        settings = _settings(environment)
        apply_topics(settings)
        registry_client = schema_registry(settings)
        deployment = Deployment(settings, environment, Supervisor(folder / "logs"), registry_client)
        fleet = Fleet(folder / "workers", {**environment, TOKENS: str(tokens)})
        no_disks = _disks_for(fleet, store, resources)
        resources.enter_context(fleet)
        publisher = resources.enter_context(Publisher(deployment.bootstrap))
        yield Ground(servers, links, registry_link, database_link, tokens, fleet, deployment, publisher, no_disks)


def _disks_for(fleet: Fleet, store: Store, resources: ExitStack) -> str:
    """Give each process a disk that can be filled; return why not, when that cannot be."""
    if store is Store.MEMORY:
        return "tables are in memory"
    try:
        fleet.use(resources.enter_context(small_disks(fleet.folders)))
    except NoDisks as reason:
        return str(reason)
    return ""


@contextmanager
def _brokers(folder: Path, links: list[Link]) -> Iterator[list[KafkaServer]]:
    """Brokers whose clients, and each other, reach them through the links."""
    nodes = tuple(new_node(number) for number in range(1, len(links) + 1))
    cluster_id = new_cluster_id()
    servers = []
    for node, link in zip(nodes, links, strict=True):
        link.target_port = node.client_port
        overrides = {
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{link.port}",
            "min.insync.replicas": "2" if len(links) > 1 else "1",
        }
        home = folder / f"node-{node.node_id}"
        servers.append(
            KafkaServer(home, node=node, nodes=nodes, cluster_id=cluster_id, heap_mb=320, overrides=overrides)
        )
    try:
        for server in servers[:-1]:
            server.start(wait_for_brokers=0)
        servers[-1].start(wait_for_brokers=len(servers))
        yield servers
    finally:
        for server in servers:
            # An orderly stop waits for the other brokers, which stop as well.
            server.kill() if len(servers) > 1 else server.stop()


def _settings(environment: dict[str, str]) -> Settings:
    saved = dict(os.environ)
    os.environ.update(environment)
    try:
        return load_settings()
    finally:
        os.environ.clear()
        os.environ.update(saved)
