"""A posting worker whose ERP can be switched off: `python -m tests.connectors.outage_worker`.

Exists only here. The product's own worker runs, with its own ledger; only the way there is cut while the file that
OUTAGE_SWITCH names exists. What the file says is how: `down` (not reached), `lost` (taken, and the answer is lost),
`denied`, or `hangs` (no answer for a minute). Every call is written to the file OUTAGE_CALLS.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from connectors.erp.ledger import EmbeddedLedger
from connectors.protocols import ConnectorDenied, ConnectorUnavailable
from streams import wiring, worker
from streams.config import Configuration, Settings, load_settings
from streams.records import ErpPosting, PostingAccepted, PostingRejected

SWITCH, CALLS = "OUTAGE_SWITCH", "OUTAGE_CALLS"
Post = Callable[[Sequence[ErpPosting]], list[PostingAccepted | PostingRejected]]
DOWN, LOST, DENIED, HANGS = "down", "lost", "denied", "hangs"


def switched(post: Post, switch: Path, calls: Path) -> Post:
    """Return the posting of an ERP behind a line that is cut and mended."""

    def through_the_line(postings: Sequence[ErpPosting]) -> list[PostingAccepted | PostingRejected]:
        how = switch.read_text() if switch.exists() else ""
        with calls.open("a") as log:
            log.write(f"{how or 'through'} {len(postings)}\n")
        if how == HANGS:
            time.sleep(60.0)
        if how == DENIED:
            raise ConnectorDenied("the token has expired")
        if how == DOWN:
            raise ConnectorUnavailable("the line is cut")
        answers = post(postings)
        if how == LOST:
            raise ConnectorUnavailable("the line was cut before the answer")
        return answers

    return through_the_line


def main() -> int:
    """Run the posting stage as `tieout worker --stages posting` does, with the ERP above."""
    true_ledger = wiring.ledger

    def ledger(settings: Settings, configuration: Configuration) -> EmbeddedLedger:
        erp = true_ledger(settings, configuration)
        erp.post = switched(erp.post, Path(os.environ[SWITCH]), Path(os.environ[CALLS]))  # type: ignore[method-assign,assignment]
        return erp

    wiring.ledger = ledger
    return worker.run(load_settings(), ["posting"])


if __name__ == "__main__":
    sys.exit(main())
