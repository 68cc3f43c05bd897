"""When is everything done? When every stage has read all there is, and no contract has anything on its way.

A topic that stands still is not enough here: a process that is being started again leaves its input standing still.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.topics import TOPICS
from tests.chaos.inputs import INPUTS
from tests.system.deployment import Deployment, Statuses

_POLL_SECONDS = 0.3
_STILL_SECONDS = 2.0
_ANSWER_SECONDS = 10.0


class Behind(AssertionError):
    """Something is still open after the time that was given; the message names it."""


def wait_until_settled(deployment: Deployment, contracts: Iterable[str], *, seconds: float) -> None:
    """Return when all has been read and nothing is on its way. Raises Behind after so many seconds."""
    wanted, deadline = set(contracts), time.monotonic() + seconds
    statuses = Statuses(deployment)
    still_since, ends = time.monotonic(), _ends(deployment)
    try:
        while True:
            statuses.read_on()
            pending, missing = statuses.pending(), wanted - set(statuses.latest)
            now_ends = _ends(deployment)
            if now_ends is None or now_ends != ends:
                still_since, ends = time.monotonic(), now_ends
            elif not pending and not missing and time.monotonic() - still_since > _STILL_SECONDS:
                unread = _unread(deployment.bootstrap)
                if not unread and _ends(deployment) == ends:
                    return
            if time.monotonic() > deadline:
                unread = _unread(deployment.bootstrap)
                raise Behind(
                    f"not settled after {seconds:g} s: unread {', '.join(unread) or 'nothing'}; "
                    f"{len(pending)} contracts with work on its way, for example {pending[:3]}; "
                    f"{len(missing)} contracts never seen, for example {sorted(missing)[:3]}"
                )
            time.sleep(_POLL_SECONDS)
    finally:
        statuses.close()


def begun(deployment: Deployment, topic: str) -> bool:
    """Whether a topic holds anything; False too when a broker cannot say now."""
    ends = _ends(deployment)
    return ends is not None and any(end for (name, _), end in ends.items() if name == topic)


def _ends(deployment: Deployment) -> dict[tuple[str, int], int] | None:
    """Return the end of every partition; None when a broker that has just been started does not lead its own yet."""
    admin = AdminClient({"bootstrap.servers": deployment.bootstrap, "log_level": 2})
    try:
        known = admin.list_topics(timeout=_ANSWER_SECONDS).topics
        places = [
            TopicPartition(topic.name, partition) for topic in TOPICS for partition in known[topic.name].partitions
        ]
        asked = admin.list_offsets({place: OffsetSpec.latest() for place in places}, request_timeout=_ANSWER_SECONDS)
        return {(place.topic, place.partition): future.result().offset for place, future in asked.items()}
    except KafkaException:
        return None


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
    known = consumer.list_topics(timeout=_ANSWER_SECONDS).topics
    places = [TopicPartition(topic, partition) for topic in topics for partition in known[topic].partitions]
    committed = consumer.committed(places, timeout=_ANSWER_SECONDS)
    # The end markers of transactions lie beyond a committed offset, too: only reading tells them from records.
    consumer.assign([TopicPartition(it.topic, it.partition, max(0, it.offset)) for it in committed])
    left = {(it.topic, it.partition) for it in places}
    unread: set[tuple[str, int]] = set()
    deadline = time.monotonic() + _ANSWER_SECONDS
    while left and time.monotonic() < deadline:
        for message in consumer.consume(500, timeout=0.2):
            place = str(message.topic()), int(message.partition())
            if message.error() is None:
                unread.add(place)
                left.discard(place)
            elif message.error().name() == "_PARTITION_EOF":
                left.discard(place)
    return [f"{topic}/{partition}" for topic, partition in sorted(unread | left)]
