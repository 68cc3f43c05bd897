"""Tryton's JSON: decimals and dates are objects that name their class. Must not know what is called."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal


class NotTryton(ValueError):
    """The body is no answer of Tryton's JSON-RPC."""


def encode(method: str, params: list[object]) -> bytes:
    """Return the body of a call."""
    return json.dumps({"id": 0, "method": method, "params": params}, default=_object).encode()


def decode(body: bytes) -> dict[str, object]:
    """Return an answer: an object with `result` or `error`. Raises NotTryton."""
    try:
        answer = json.loads(body, object_hook=_value)
    except ValueError as error:
        raise NotTryton(str(error)) from error
    if not isinstance(answer, dict) or not answer.keys() & {"result", "error"}:
        raise NotTryton("neither a result nor an error")
    return answer


def _object(value: object) -> dict[str, object]:
    match value:
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case dt.date():
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
        case _:
            raise TypeError(f"{value!r} is nothing that Tryton is sent")


def _value(value: dict[str, object]) -> object:
    match value:
        case {"__class__": "Decimal", "decimal": str(digits)}:
            return Decimal(digits)
        case {"__class__": "date", "year": int(year), "month": int(month), "day": int(day)}:
            return dt.date(year, month, day)
        case _:
            return value
