"""What is wrong with a mapping or with a payload under it: field, rule, found, remedy. Knows neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong."""

    field: str
    """JSON pointer: of the canonical event's field for a payload, of the key in the file for a mapping."""
    rule: str
    """Stable code."""
    found: str
    """What was found and expected."""
    remedy: str

    def __str__(self) -> str:
        return f"{self.field or '/'}: {self.rule}: {self.found}. {self.remedy}"


class SourceInvalid(ValueError):
    """A mapping, or a payload under it, is wrong; names every fault."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)
