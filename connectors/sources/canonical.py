"""The source that needs no mapping: canonical events as JSON, for whoever speaks tieout's own language."""

from __future__ import annotations

from streams.codec.json_events import event_from_json
from streams.records import CommercialEvent


class CanonicalSource:
    """Implements `connectors.protocols.Source`."""

    name = "canonical"

    def events(self, payload: object) -> list[CommercialEvent]:
        """Return the event of a JSON object. Raises JsonInvalid, a ValueError that names every faulty field."""
        return [event_from_json(payload)]
