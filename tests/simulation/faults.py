"""What goes wrong in a run: at given points, or at random with given rates and up to a number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random


@dataclass(frozen=True, slots=True)
class Faults:
    """Rates are per step of a worker, or per call; together they strike at most `most` times."""

    crash: float = 0.0
    """The process is killed and started again later."""
    freeze: float = 0.0
    """The process is frozen; while it is, its session may end and others take over; later it goes on: a zombie."""
    stop: float = 0.0
    """The process is stopped gracefully and started again later."""
    start: float = 0.0
    """One more process of a stage starts."""
    lost: float = 0.0
    """A broker did as asked and its answer does not come back."""
    unknown: float = 0.0
    """A commit took effect and the client gives up before it hears of it."""
    forgotten: float = 0.0
    """A foreign system did as asked and its answer does not come back."""
    unavailable: float = 0.0
    """A foreign system cannot be reached."""
    compact: float = 0.0
    """A changelog is compacted."""
    leap: float = 0.0
    """Time passes: unanswered commands become due to be sent again."""
    most: int = 0
    crash_at: frozenset[int] = frozenset()
    """Points, counted over the whole run."""
    freeze_at: frozenset[int] = frozenset()
    freeze_for: int | None = None
    """Steps after which one frozen at a given point wakes, its session over at once. None: when all is quiet."""


NONE = Faults()


def drawn(random: Random) -> Faults:
    """Draw the weather of a run: which faults there are, and how dense they come."""
    scale = random.choice((0.002, 0.008, 0.03))
    return Faults(
        crash=scale * random.choice((0, 1, 1, 2)),
        freeze=scale * random.choice((0, 1, 1, 2)),
        stop=scale * random.choice((0, 0, 0.5)),
        start=scale * random.choice((0, 0, 0.5)),
        lost=random.choice((0, 0.02, 0.1)),
        unknown=random.choice((0, 0, 0.02)),
        forgotten=random.choice((0, 0.05, 0.3)),
        unavailable=random.choice((0, 0, 0.1)),
        compact=random.choice((0, 0.01)),
        leap=random.choice((0, 0, 0, 0.005)),
        most=random.choice((1, 3, 6, 12)),
    )


def at(*, crash: tuple[int, ...] = (), freeze: tuple[int, ...] = (), steps: int | None = None) -> Faults:
    """Return exactly these faults."""
    return replace(
        NONE,
        crash_at=frozenset(crash),
        freeze_at=frozenset(freeze),
        freeze_for=steps,
        most=len(crash) + len(freeze),
    )
