"""Reads canonical JSON events: amounts as whole minor units, dates as day numbers, months as month numbers.

Knows the spelling of amounts and dates in the JSON form of the schemas, and ISO 4217's minor units; no accounting.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"
Event: TypeAlias = dict[str, "Json"]

# Currencies of ISO 4217 whose minor unit is not 2 digits.
_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "OMR": 3, "JOD": 3, "TND": 3}


class UnsupportedHistory(Exception):
    """The history needs something that the batch calculation does not know; its result would be a guess."""


def text(record: Mapping[str, Json], field: str) -> str:
    """Return a text field."""
    value = record[field]
    if not isinstance(value, str):
        raise UnsupportedHistory(f"field {field}: found {value!r}, expected text")
    return value


def optional_text(record: Mapping[str, Json], field: str) -> str | None:
    """Return a text field that may be null or missing."""
    value = branch(record.get(field))
    if value is not None and not isinstance(value, str):
        raise UnsupportedHistory(f"field {field}: found {value!r}, expected text or null")
    return value


def branch(value: Json) -> Json:
    """Take the wrapper of Avro's JSON encoding off a value of a nullable field: {"string": "x"} is "x"."""
    if isinstance(value, Mapping) and len(value) == 1:
        return next(iter(value.values()))
    return value


def record(value: Json) -> Mapping[str, Json]:
    """Return a value that must be an object."""
    if not isinstance(value, Mapping):
        raise UnsupportedHistory(f"found {value!r}, expected an object")
    return value


def records(parent: Mapping[str, Json], field: str) -> list[Mapping[str, Json]]:
    """Return an array field of objects; empty when it is missing."""
    value = parent.get(field)
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise UnsupportedHistory(f"field {field}: found {value!r}, expected an array")
    return [record(item) for item in value]


def texts(parent: Mapping[str, Json], field: str) -> list[str]:
    """Return an array field of texts; empty when it is missing."""
    value = parent.get(field)
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise UnsupportedHistory(f"field {field}: found {value!r}, expected an array")
    return [str(item) for item in value]


def integer(parent: Mapping[str, Json], field: str) -> int:
    """Return an integer field."""
    value = parent[field]
    if not isinstance(value, int):
        raise UnsupportedHistory(f"field {field}: found {value!r}, expected an integer")
    return value


@lru_cache(maxsize=200_000)
def exact(value: str) -> Fraction:
    """Return a decimal in text as a fraction."""
    return Fraction(value)


@lru_cache(maxsize=16)
def digits(currency: str) -> int:
    """Return the digits of the currency's minor unit."""
    return _DIGITS.get(currency, 2)


def minor(parent: Mapping[str, Json], field: str, currency: str) -> int:
    """Return an amount as whole minor units of the currency; a missing amount is 0."""
    value = parent.get(field, "0")
    units: Fraction = exact(str(value)) * 10 ** digits(currency)
    if units.denominator != 1:
        raise UnsupportedHistory(f"field {field}: found {value}, expected whole minor units of {currency}")
    return units.numerator


def decimal(units: int, currency: str) -> Decimal:
    """Return minor units as a decimal amount."""
    return Decimal(units).scaleb(-digits(currency))


@lru_cache(maxsize=10_000)
def day_number(iso: str) -> int:
    """Return the day number of an ISO date."""
    return dt.date.fromisoformat(iso).toordinal()


def iso(day_no: int) -> str:
    """Return a day number as ISO date."""
    return dt.date.fromordinal(day_no).isoformat()


def day(parent: Mapping[str, Json], field: str) -> int:
    """Return a date field as day number."""
    return day_number(text(parent, field))


@lru_cache(maxsize=20_000)
def month_of(day_no: int) -> int:
    """Return the month number (year * 12 + month - 1) of a day."""
    date = dt.date.fromordinal(day_no)
    return date.year * 12 + date.month - 1


def month_number(period: str) -> int:
    """Return the month number of a period YYYY-MM."""
    year, month = period.split("-")
    return int(year) * 12 + int(month) - 1


def period_of(month_no: int) -> str:
    """Return the period YYYY-MM of a month number."""
    return f"{month_no // 12:04d}-{month_no % 12 + 1:02d}"


@lru_cache(maxsize=5_000)
def last_day(month_no: int) -> int:
    """Return the day number of a month's last day."""
    following = month_no + 1
    return dt.date(following // 12, following % 12 + 1, 1).toordinal() - 1
