"""The event ids that this process took lately, so that a source that reuses an id for something else hears of it.

A courtesy, not the guarantee: orchestration knows every event id for a year and more. Bounded; knows no HTTP.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable

REMEMBERED_IDS = 100_000


class RecentEvents:
    """Event ids with a digest of their content, the newest ones."""

    def __init__(self, most: int = REMEMBERED_IDS) -> None:
        self._most = most
        self._digests: OrderedDict[str, bytes] = OrderedDict()

    def conflicts(self, events: Iterable[tuple[str, bytes]]) -> list[int]:
        """Remember a request's (event id, encoded content); return the places of those whose id has other content.

        Where there is a conflict nothing of the request is remembered.
        """
        request: dict[str, bytes] = {}
        places = []
        for place, (event_id, content) in enumerate(events):
            digest = hashlib.blake2b(content, digest_size=16).digest()
            before = request.setdefault(event_id, self._digests.get(event_id, digest))
            if before != digest:
                places.append(place)
        if not places:
            for event_id, digest in request.items():
                self._digests[event_id] = digest
                self._digests.move_to_end(event_id)
            while len(self._digests) > self._most:
                self._digests.popitem(last=False)
        return places
