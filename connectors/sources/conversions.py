"""From a vendor's values to canonical ones: money in minor units, Unix times, dates. Exact; knows no payload."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from streams.core.money import minor_unit

EXACT = Context(prec=200)
"""Wide enough for every product here to be exact."""
_LAST_SECOND = 253_402_128_000
"""29 December 9999: in every time zone the calendar has the day."""

_MOST_DIGITS = 40


def text(value: object, _: ZoneInfo) -> str:
    """A string; whole numbers become their digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("a string or a whole number")


def integer(value: object, _: ZoneInfo) -> int:
    """A whole number, as a number or as its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 20:
        return int(value)
    raise ValueError("a whole number")


def decimal(value: object, _: ZoneInfo) -> Decimal:
    """A decimal number, as a number or as text; in major units where it is money."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError("a decimal number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("a decimal number") from None
    if not number.is_finite() or not -_MOST_DIGITS <= number.adjusted() <= _MOST_DIGITS:
        raise ValueError("a number of ordinary size")
    return number


def upper(value: object, _: ZoneInfo) -> str:
    """Text in capital letters, for example a currency that the vendor writes in small ones."""
    return text(value, _).upper()


def unix_time(value: object, zone: ZoneInfo) -> str:
    """A point in time from Unix seconds."""
    return _moment(value, zone).astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def unix_date(value: object, zone: ZoneInfo) -> str:
    """The day, in the mapping's time zone, of Unix seconds."""
    return _moment(value, zone).date().isoformat()


def date(value: object, zone: ZoneInfo) -> str:
    """The day of a date or, in the mapping's time zone, of a time in ISO 8601."""
    if isinstance(value, str):
        try:
            if len(value) == len("2026-01-01"):
                return dt.date.fromisoformat(value).isoformat()
            moment = dt.datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(zone).date().isoformat()
        except (ValueError, OverflowError):
            pass
    raise ValueError("a date YYYY-MM-DD, or a time in ISO 8601 with its offset")


def _moment(value: object, zone: ZoneInfo) -> dt.datetime:
    seconds = integer(value, zone)
    if not 0 <= seconds <= _LAST_SECOND:
        raise ValueError("Unix seconds; divide milliseconds by 1000 at the sender")
    return dt.datetime.fromtimestamp(seconds, zone)


def minor_units(value: object, zone: ZoneInfo, currency: str, decimals: Mapping[str, int]) -> Decimal:
    """Money from a whole number of the currency's smallest unit; `decimals` are the vendor's departures from ISO."""
    number = integer(value, zone)
    unit = Decimal(1).scaleb(-decimals[currency]) if currency in decimals else minor_unit(currency)
    return EXACT.multiply(number, unit)


CONVERSIONS: Mapping[str, Callable[[object, ZoneInfo], object]] = {
    "text": text,
    "upper": upper,
    "integer": integer,
    "decimal": decimal,
    "unix_time": unix_time,
    "unix_date": unix_date,
    "date": date,
}
MINOR_UNITS = "minor_units"
