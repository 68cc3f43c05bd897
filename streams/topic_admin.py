"""Make the topics: idempotent, and honest about what exists already with another shape."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from streams.config import Settings
from streams.topics import TOPICS
from streams.transport import StageSettings, changelog_config
from streams.wiring import bootstrap, changelog_topics

_REQUEST_SECONDS = 15.0
_VISIBLE_SECONDS = 30.0


class TopicsDiffer(Exception):
    """A topic has other partitions than configured: the records of a contract would not meet in one partition."""


@dataclass(frozen=True, slots=True)
class AppliedTopic:
    """A topic after applying: made now, or there already."""

    name: str
    partitions: int
    created: bool
    config: Mapping[str, str]


def wanted_topics(settings: Settings) -> dict[str, dict[str, str]]:
    """Return every topic by name with its broker settings: those of `streams.topics` and the tables' changelogs."""
    wanted = {topic.name: topic.retention.topic_config for topic in TOPICS}
    changelog = changelog_config(StageSettings().store_keeps_up_within)
    return wanted | dict.fromkeys(changelog_topics(settings), changelog)


def apply_topics(settings: Settings) -> list[AppliedTopic]:
    """Create what is missing and set the retention of what is there.

    Raises TopicsDiffer naming every topic whose partitions differ, KafkaException when the broker refuses.
    """
    silent = {"log_level": 0}  # what fails is raised, and told once
    admin = AdminClient({"bootstrap.servers": bootstrap(settings), **settings.client_settings(), **silent})
    wanted = wanted_topics(settings)
    existing = {
        name: len(found.partitions) for name, found in admin.list_topics(timeout=_REQUEST_SECONDS).topics.items()
    }
    differing = [
        f"{name} has {existing[name]} partitions"
        for name in wanted
        if existing.get(name, settings.partitions) != settings.partitions
    ]
    if differing:
        raise TopicsDiffer(
            f"{'; '.join(differing)}; TIEOUT_PARTITIONS is {settings.partitions}: "
            "set it to what the topics have, or make new topics"
        )
    missing = {name: config for name, config in wanted.items() if name not in existing}
    _create(admin, missing, settings)
    _configure(admin, {name: config for name, config in wanted.items() if name in existing})
    _wait_until_visible(admin, set(wanted))
    return [AppliedTopic(name, settings.partitions, name in missing, config) for name, config in wanted.items()]


def _create(admin: AdminClient, missing: Mapping[str, Mapping[str, str]], settings: Settings) -> None:
    if not missing:
        return
    topics = [
        NewTopic(
            name,
            num_partitions=settings.partitions,
            replication_factor=settings.topic_replication_factor,
            config=dict(config),
        )
        for name, config in missing.items()
    ]
    for future in admin.create_topics(topics, request_timeout=_REQUEST_SECONDS).values():
        try:
            future.result()
        except KafkaException as failure:
            if failure.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _configure(admin: AdminClient, existing: Mapping[str, Mapping[str, str]]) -> None:
    if not existing:
        return
    resources = [ConfigResource(ResourceType.TOPIC, name, set_config=dict(config)) for name, config in existing.items()]
    for future in admin.alter_configs(resources, request_timeout=_REQUEST_SECONDS).values():
        future.result()


def _wait_until_visible(admin: AdminClient, names: set[str]) -> None:
    deadline = time.monotonic() + _VISIBLE_SECONDS
    while missing := names - set(admin.list_topics(timeout=_REQUEST_SECONDS).topics):
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"topics {', '.join(sorted(missing))} are not visible {_VISIBLE_SECONDS} s after creation"
            )
        time.sleep(0.1)
