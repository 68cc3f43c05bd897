"""Short ways to tell variable consideration in canonical events."""

from __future__ import annotations

from typing import Any


def outcomes(*chances: tuple[str, str]) -> list[dict[str, str]]:
    """Return possible outcomes from pairs of amount and probability."""
    return [{"amount": amount, "probability": probability} for amount, probability in chances]


def variable(variable_id: str, *chances: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Return a variable consideration."""
    return {"variable_id": variable_id, "outcomes": outcomes(*chances), **more}
