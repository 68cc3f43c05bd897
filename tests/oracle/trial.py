"""Tries a drafted contract on the worksheet: a history that is meant to be valid must not be refused there."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from tests.oracle.drafts import Draft, Story
from tests.oracle.obligation import Refused
from tests.oracle.reading import UnsupportedHistory
from tests.oracle.replay import Accepted, replay, tells_nothing


def refused(story: Story) -> str | None:
    """Return why the contract's pinned events cannot be applied in the order they happened, or None.

    Whichever of its corrections have come by then.
    """
    told = sorted((draft for draft in story.told if draft.pinned), key=lambda draft: draft.at)
    corrections = [draft for draft in story.told if draft.supersedes is not None and draft.supersedes.pinned]
    for number in range(len(corrections) + 1):
        for come in combinations(corrections, number):
            reason = _refused(story, told, come)
            if reason is not None:
                return reason
    return None


def _refused(story: Story, told: Iterable[Draft], corrections: Iterable[Draft]) -> str | None:
    instead = {correction.supersedes: correction for correction in corrections}
    events = [_accepted(story, number, instead.get(draft, draft)) for number, draft in enumerate(told)]
    try:
        replay(events)
    except (Refused, UnsupportedHistory) as reason:
        return str(reason)
    return None


def _accepted(story: Story, number: int, draft: Draft) -> Accepted:
    nothing = draft.supersedes is not None and tells_nothing(draft.kind, draft.body)
    version, on = draft.version, draft.effective
    return Accepted(f"t{number}", draft.kind, version, story.entity, on, draft.body, nothing=nothing)
