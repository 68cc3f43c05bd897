"""What a stage demands of its topics before it starts: that they exist and are partitioned alike."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from streams.transport.errors import TopicsNotReady
from streams.transport.store import Origin

log = logging.getLogger(__name__)


def changelog_origin(common: Mapping[str, str], changelogs: Sequence[str], timeout: float) -> Origin:
    """Return which cluster and which topics the changelogs are; the topics exist. Raises TopicsNotReady."""
    client = AdminClient({**common, "logger": log})
    try:
        cluster_id = client.list_topics(timeout=timeout).cluster_id
        described = client.describe_topics(TopicCollection(list(changelogs)), request_timeout=timeout)
        topic_ids = {topic: future.result().topic_id for topic, future in described.items()}
    except KafkaException as failure:
        raise TopicsNotReady(f"changelogs {', '.join(changelogs)} cannot be described: {failure.args[0]}") from failure
    return Origin(cluster_id, {topic: None if found is None else str(found) for topic, found in topic_ids.items()})


def check_copartitioned(
    common: Mapping[str, str], consumed: Sequence[str], changelogs: Sequence[str], timeout: float
) -> None:
    """Raise TopicsNotReady unless every topic exists and all have one partition count.

    A partition of a table belongs to the same partition of each consumed topic; different counts would put the
    records of one key and the key's state on different workers. `timeout` in seconds bounds the wait for a broker.
    """
    client = AdminClient({**common, "logger": log})
    try:
        known = client.list_topics(timeout=timeout).topics
    except KafkaException as failure:
        raise TopicsNotReady(
            f"no broker of {common['bootstrap.servers']} answered within {timeout} s: {failure.args[0]}"
        ) from failure
    missing = [topic for topic in (*consumed, *changelogs) if topic not in known]
    if missing:
        raise TopicsNotReady(f"topics {', '.join(missing)} do not exist; create them before the worker starts")
    counts = {topic: len(known[topic].partitions) for topic in (*consumed, *changelogs)}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{topic}: {count}" for topic, count in counts.items())
        raise TopicsNotReady(f"partition counts differ ({listed}); create these topics with one partition count")
