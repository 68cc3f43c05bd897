"""JSON text to values without loss: numbers with a point become Decimal, a member named twice is refused.

Knows JSON (RFC 8259); knows no schema.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation

_LONGEST_NUMBER = 60


class JsonMalformed(ValueError):
    """The text is no JSON, or JSON that means different things to different readers."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        place = f"line {line}, column {column}: " if line is not None else ""
        super().__init__(f"{place}{reason}")
        self.reason = reason
        self.line = line
        self.column = column


def parse(text: bytes | str) -> object:
    """Return the value of a JSON text in UTF-8. Raises JsonMalformed."""
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        return _DECODER.decode(decoded)
    except JsonMalformed:
        raise
    except UnicodeDecodeError as fault:
        raise JsonMalformed(f"byte {fault.start} is not UTF-8: {fault.reason}") from fault
    except json.JSONDecodeError as fault:
        raise JsonMalformed(fault.msg, fault.lineno, fault.colno) from fault
    except RecursionError as fault:
        raise JsonMalformed("arrays or objects are nested too deeply") from fault


def _object(members: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(members)
    if len(value) != len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonMalformed(f"an object has the member {json.dumps(twice)} twice, expected once")
    return value


def _decimal(text: str) -> Decimal:
    if len(text) > _LONGEST_NUMBER:
        raise JsonMalformed(f"a number has {len(text)} characters, expected at most {_LONGEST_NUMBER}")
    try:
        return Decimal(text)
    except InvalidOperation as fault:
        raise JsonMalformed(f"the number {text} has an exponent beyond all bounds") from fault


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise JsonMalformed(f"a number has {len(text)} characters, expected at most {_LONGEST_NUMBER}")
    return int(text)


def _constant(text: str) -> float:
    raise JsonMalformed(f"found {text}, which JSON does not have")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
)
