"""Contracts in another currency than the books, and rates on their documents; what is drawn besides stays as it is."""

from __future__ import annotations

from random import Random

from tests.oracle.drafts import ENTITIES, Story

_ABOUT = {
    ("USD", "EUR"): 0.93,
    ("USD", "JPY"): 151.0,
    ("EUR", "JPY"): 163.0,
    ("EUR", "USD"): 1.08,
    ("JPY", "USD"): 0.0066,
    ("JPY", "EUR"): 0.0061,
}


def choose_currency(story: Story, draw: Random) -> None:
    """Give the contract another currency than the books have, mostly."""
    others = sorted({*ENTITIES.values()} - {story.currency})
    story.currency = draw.choice((*others, *others, story.currency))


def state_rates(story: Story, draw: Random) -> None:
    """State a rate on two of three documents in a foreign currency, up to a tenth from the usual one."""
    about = _ABOUT.get((story.currency, ENTITIES[story.entity]))
    for draft in dict.fromkeys([*story.told, *story.optional]):
        if about is not None and "exchange_rate" in draft.body and draw.random() < 2 / 3:
            draft.body["exchange_rate"] = f"{about * draw.uniform(0.9, 1.1):.6f}"
