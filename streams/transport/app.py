"""The Faust app of a stage: what the `tieout` transport looks for on it, and the hooks into its life.

Its module is its logger's name, so that the framework's chatter can be kept apart from the stage's own log.
"""

from __future__ import annotations

from typing import Protocol

import faust

from streams.transport.driver import PartitionOwner
from streams.transport.settings import ClientSettings, StageSettings


class StageOwner(PartitionOwner, Protocol):
    """Who is told when the app starts and stops, beside what becomes of partitions."""

    async def on_start(self) -> None: ...

    async def on_stop(self) -> None: ...


class StageApp(faust.App):  # type: ignore[misc]
    """A Faust app like any other; agents, timers and web views can be added to it."""

    client_settings: ClientSettings
    stage_settings: StageSettings
    batched_topics: frozenset[str]
    partition_owner: StageOwner

    async def on_first_start(self) -> None:
        """Faust makes a data directory here; a stage's state is in its changelogs."""

    async def on_start(self) -> None:
        await super().on_start()
        await self.partition_owner.on_start()

    async def on_stop(self) -> None:
        """Fetching ends first, then the batches in hand, then (in Faust) the consumer leaves the group."""
        await super().on_stop()
        await self.partition_owner.on_stop()
