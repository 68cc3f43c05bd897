"""When is everything done? When every stage has read all there is, and no contract has anything on its way.

A topic that stands still is not enough here: a process that is being started again leaves its input standing still.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.chaos.inputs import INPUTS
from tests.system.deployment import Deployment, Statuses

_POLL_SECONDS = 0.3
_STILL_SECONDS = 2.0


class Behind(AssertionError):
    """Something is still open after the time that was given; the message names it."""


def wait_until_settled(deployment: Deployment, contracts: Iterable[str], *, seconds: float) -> None:
    """Return when all has been read and nothing is on its way. Raises Behind after so many seconds."""
    wanted, deadline = set(contracts), time.monotonic() + seconds
    statuses = Statuses(deployment)
    still_since, ends = time.monotonic(), deployment.ends()
    try:
        while True:
            statuses.read_on()
            unread = _unread(deployment.bootstrap)
            now_ends = deployment.ends()
            if now_ends != ends or unread:
                still_since, ends = time.monotonic(), now_ends
            pending, missing = statuses.pending(), wanted - set(statuses.latest)
            if not unread and not pending and not missing and time.monotonic() - still_since > _STILL_SECONDS:
                return
            if time.monotonic() > deadline:
                raise Behind(
                    f"not settled after {seconds:g} s: unread {', '.join(unread) or 'nothing'}; "
                    f"{len(pending)} contracts with work on its way, for example {pending[:3]}; "
                    f"{len(missing)} contracts never seen, for example {sorted(missing)[:3]}"
                )
            time.sleep(_POLL_SECONDS)
    finally:
        statuses.close()


def _unread(bootstrap: str) -> list[str]:
    """Return the inputs, as stage:topic/partition, in which committed records lie beyond the stage's offset."""
    found = []
    for stage, topics in INPUTS.items():
        consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"tieout-{stage}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "log_level": 2,
            }
        )
        try:
            found += [f"{stage}:{place}" for place in _beyond(consumer, topics)]
        except KafkaException as fault:
            found.append(f"{stage}: {fault}")
        finally:
            consumer.close()
    return found


def _beyond(consumer: Consumer, topics: Iterable[str]) -> list[str]:
    places = [
        TopicPartition(topic, partition)
        for topic in topics
        for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions
    ]
    committed = consumer.committed(places, timeout=10)
    # The end markers of transactions lie beyond a committed offset, too: only reading tells them from records.
    consumer.assign([TopicPartition(it.topic, it.partition, max(0, it.offset)) for it in committed])
    left = {(it.topic, it.partition) for it in places}
    unread: set[tuple[str, int]] = set()
    deadline = time.monotonic() + 10
    while left and time.monotonic() < deadline:
        for message in consumer.consume(500, timeout=0.5):
            place = str(message.topic()), int(message.partition())
            if message.error() is None:
                unread.add(place)
                left.discard(place)
            elif message.error().name() == "_PARTITION_EOF":
                left.discard(place)
    return [f"{topic}/{partition}" for topic, partition in sorted(unread | left)]
