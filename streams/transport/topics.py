"""What a stage demands of its topics before it starts: that they exist, are partitioned alike and keep deletions."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from streams.transport.errors import TopicsNotReady
from streams.transport.store import Origin

log = logging.getLogger(__name__)

_DELETIONS_KEPT = "delete.retention.ms"


def changelog_config(keeps_up_within: float) -> dict[str, str]:
    """Return the broker's settings of a changelog; `keeps_up_within` is the stage's `store_keeps_up_within`, seconds.

    A store that was away that long has still to read every deletion that it missed: twice the time leaves it as much
    again for the reading, and for clocks that differ.
    """
    return {"cleanup.policy": "compact", _DELETIONS_KEPT: str(int(2 * keeps_up_within * 1000))}


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


def check_deletions_kept(
    common: Mapping[str, str], changelogs: Sequence[str], keeps_up_within: float, timeout: float
) -> None:
    """Raise TopicsNotReady unless deletions stay in the changelogs for longer than `keeps_up_within` seconds.

    A store that comes back later would otherwise keep keys whose deletion has left the changelog by compaction.
    """
    client = AdminClient({**common, "logger": log})
    asked = client.describe_configs([ConfigResource(ResourceType.TOPIC, topic) for topic in changelogs])
    least = int(keeps_up_within * 1000)
    for resource, answer in asked.items():
        try:
            entry = answer.result(timeout).get(_DELETIONS_KEPT)
        except (KafkaException, TimeoutError) as failure:
            raise TopicsNotReady(
                f"the settings of changelog {resource.name} cannot be read: {failure}; a worker whose tables are on "
                "disk has to check them: allow it DescribeConfigs on its changelogs"
            ) from failure
        found = "nothing" if entry is None or entry.value is None else entry.value
        if found == "nothing" or int(found) <= least:
            raise TopicsNotReady(
                f"changelog {resource.name} has {_DELETIONS_KEPT} {found}; expected more than {least}, the store's "
                f"store_keeps_up_within: set {_DELETIONS_KEPT}={changelog_config(keeps_up_within)[_DELETIONS_KEPT]} on "
                "the topic, else a store that was away would keep what was deleted meanwhile"
            )
