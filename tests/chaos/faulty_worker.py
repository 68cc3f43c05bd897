"""A worker whose revenue platform and ERP lose or delay their answers: `python -m tests.chaos.faulty_worker STAGE`.

Exists only here. The product's own worker runs, with its own embedded connectors; only their answers are tampered
with, each time that a token is found in the folder CHAOS_TOKENS. A token is taken by removing it, so it strikes once.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from connectors.protocols import (
    AccountBalance,
    ConnectorUnavailable,
    Erp,
    PeriodStatus,
    RevenuePlatform,
    RevenuePosition,
)
from streams import wiring, worker
from streams.config import Configuration, Settings, load_settings
from streams.records import (
    ErpPosting,
    PostingAccepted,
    PostingRejected,
    RevenueAccepted,
    RevenueCommand,
    RevenueRejected,
)

TOKENS = "CHAOS_TOKENS"
ERP, REVENUE = "erp", "revenue"
LOST, HALF, LATE = "lost", "half", "late"

C = TypeVar("C")
A = TypeVar("A")


def token_name(connector: str, what: str, number: int, seconds: float) -> str:
    """Return the file name of a token; `seconds` is how late a late answer comes."""
    return f"{connector}-{what}-{number}-{seconds:.2f}"


class Tamper:
    """Takes tokens of one connector."""

    def __init__(self, folder: Path, connector: str) -> None:
        self._folder = folder
        self._connector = connector

    def call(self, function: Callable[[Sequence[C]], list[A]], commands: Sequence[C]) -> list[A]:
        """Call a connector; its answer may be lost after it accepted everything, or half of it, or come late."""
        taken = self._take() if commands else None
        if taken is None:
            return function(commands)
        _, what, number, seconds = taken.split("-")
        if what == HALF:
            function(commands[: (len(commands) + 1) // 2])
            raise ConnectorUnavailable(f"chaos {number}: half of the call was accepted, then the connection was lost")
        answers = function(commands)
        if what == LOST:
            raise ConnectorUnavailable(f"chaos {number}: accepted, and the answer was lost")
        time.sleep(float(seconds))
        return answers

    def _take(self) -> str | None:
        for token in sorted(self._folder.glob(f"{self._connector}-*")):
            try:
                token.unlink()
            except FileNotFoundError:
                continue  # another process was faster
            return token.name
        return None


class FaultyErp(Erp):
    """An ERP whose answers may be lost."""

    def __init__(self, erp: Erp, tamper: Tamper) -> None:
        self._erp = erp
        self._tamper = tamper

    def post(self, postings: Sequence[ErpPosting]) -> list[PostingAccepted | PostingRejected]:
        return self._tamper.call(self._erp.post, postings)

    def balances(self, contract_id: str | None = None) -> list[AccountBalance]:
        return self._erp.balances(contract_id)

    def posted(self, command_ids: Collection[str]) -> dict[str, PostingAccepted]:
        return self._erp.posted(command_ids)

    def period_status(self, legal_entity: str, period: str) -> PeriodStatus:
        return self._erp.period_status(legal_entity, period)


class FaultyRevenuePlatform(RevenuePlatform):
    """A revenue platform whose answers may be lost."""

    def __init__(self, platform: RevenuePlatform, tamper: Tamper) -> None:
        self._platform = platform
        self._tamper = tamper

    def execute(self, commands: Sequence[RevenueCommand]) -> list[RevenueAccepted | RevenueRejected]:
        return self._tamper.call(self._platform.execute, commands)

    def position(self, contract_id: str) -> RevenuePosition | None:
        return self._platform.position(contract_id)


def main() -> int:
    """Run one stage as `tieout worker --stages STAGE` does, with the connectors above."""
    folder = Path(os.environ[TOKENS])
    true_ledger, true_platform = wiring.ledger, wiring.revenue_platform

    def ledger(settings: Settings, configuration: Configuration) -> Erp:
        return FaultyErp(true_ledger(settings, configuration), Tamper(folder, ERP))

    def revenue_platform(settings: Settings, configuration: Configuration) -> RevenuePlatform:
        return FaultyRevenuePlatform(true_platform(settings, configuration), Tamper(folder, REVENUE))

    # The wiring looks its connectors up by these names when it builds the posting stage.
    wiring.ledger = ledger  # type: ignore[assignment]
    wiring.revenue_platform = revenue_platform  # type: ignore[assignment]
    return worker.run(load_settings(), [sys.argv[1]])


if __name__ == "__main__":
    sys.exit(main())
