"""What can be found wrong with one event: codes, violations, and the checks that several fields share.

Knows the policy as a value, currencies and dates; knows no event type.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum

from streams.core.currencies import CURRENCIES
from streams.core.money import ZERO, is_exact, minor_unit
from streams.core.policy import Policy
from streams.records import RootCause

LONGEST_ID = 200
EARLIEST, LATEST = dt.date(1990, 1, 1), dt.date(2200, 12, 31)
"""Dates outside are taken for mistakes: seconds sent as days, a year of two digits."""


class Rule(StrEnum):
    """Stable codes of the rules."""

    BLANK = "blank"
    UNPRINTABLE = "unprintable"
    TOO_LONG = "too_long"
    RESERVED_ID = "reserved_id"
    EVENT_TYPE_MISMATCH = "event_type_mismatch"
    CONTRACT_VERSION = "contract_version"
    EVERY_CONTRACT = "every_contract"
    SEQUENCE = "sequence"
    SUPERSEDES_ITSELF = "supersedes_itself"
    UNKNOWN_ENTITY = "unknown_entity"
    UNKNOWN_PRODUCT_LINE = "unknown_product_line"
    UNKNOWN_JURISDICTION = "unknown_jurisdiction"
    UNKNOWN_CURRENCY = "unknown_currency"
    NOT_EXACT = "not_exact"
    SIGN = "sign"
    NO_LINES = "no_lines"
    DUPLICATE_LINE = "duplicate_line"
    DATE_ORDER = "date_order"
    OVERLAP = "overlap"
    IMPLAUSIBLE_DATE = "implausible_date"
    PERIOD_FORMAT = "period_format"
    PERCENT_RANGE = "percent_range"
    PATTERN = "pattern"
    PROGRESS = "progress"
    PROBABILITY = "probability"
    EXCHANGE_RATE = "exchange_rate"
    UNKNOWN_LINE = "unknown_line"
    COMBINATION = "combination"
    ALLOCATION = "allocation"
    ESTIMATE = "estimate"
    COLLECTION = "collection"
    FINANCING = "financing"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that an event breaks."""

    pointer: str
    """JSON pointer to the field in the event's canonical JSON."""
    rule: Rule
    message: str
    """What was found, what was expected, what to do."""

    @property
    def cause(self) -> RootCause:
        """Whether the payload is wrong, or our configuration does not know a name in it."""
        unmapped = {Rule.UNKNOWN_ENTITY, Rule.UNKNOWN_PRODUCT_LINE, Rule.UNKNOWN_JURISDICTION}
        return RootCause.MAPPING_MISSING if self.rule in unmapped else RootCause.PAYLOAD_INVALID


class Findings:
    """Violations so far, and the checks that several fields share. Pointers are made only where a rule is broken."""

    __slots__ = ("policy", "violations")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.violations: list[Violation] = []

    def add(self, pointer: str, rule: Rule, message: str) -> None:
        self.violations.append(Violation(pointer, rule, message))

    def identifier(self, pointer: str, value: str) -> None:
        if not value or value.isspace():
            self.add(pointer, Rule.BLANK, "found nothing, expected an identifier; send the one of the source system")
        elif not value.isprintable() or value[0] == " " or value[-1] == " ":
            self.add(
                pointer, Rule.UNPRINTABLE, f"found {value!r}, expected printable text without blanks around it; trim it"
            )
        elif len(value) > LONGEST_ID:
            self.add(
                pointer,
                Rule.TOO_LONG,
                f"found {len(value)} characters, expected at most {LONGEST_ID}; send a shorter id",
            )

    def known(self, pointer: str, value: str, names: Collection[str], rule: Rule, remedy: str) -> None:
        if value not in names:
            near = get_close_matches(value, names, n=1)
            meant = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(sorted(names))}"
            self.add(pointer, rule, f"found {value!r}, {meant}; correct it, or {remedy}")

    def entity(self, pointer: str, value: str) -> None:
        names = self.policy.entities
        self.known(pointer, value, names, Rule.UNKNOWN_ENTITY, "add the entity to config/entities.yaml")

    def product_line(self, pointer: str, value: str) -> None:
        names = self.policy.accounts.revenue
        remedy = "add its revenue account to config/posting_rules.yaml"
        self.known(pointer, value, names, Rule.UNKNOWN_PRODUCT_LINE, remedy)

    def currency(self, pointer: str, value: str) -> bool:
        if value in CURRENCIES:
            return True
        self.add(
            pointer, Rule.UNKNOWN_CURRENCY, f"found {value!r}, expected a currency of ISO 4217 like USD; correct it"
        )
        return False

    def exact(self, pointer: str, amount: Decimal, currency: str | None) -> None:
        """An amount of a known currency has no fractions of its minor unit."""
        if currency is not None and not is_exact(amount, currency):
            self.add(
                pointer,
                Rule.NOT_EXACT,
                f"found {amount} {currency}, expected a multiple of {minor_unit(currency)}; round it at the source",
            )

    def not_negative(self, pointer: str, amount: Decimal, remedy: str = "correct it") -> None:
        if amount < ZERO:
            self.add(pointer, Rule.SIGN, f"found {amount}, expected 0 or more; {remedy}")

    def positive(self, pointer: str, amount: Decimal, remedy: str = "correct it") -> None:
        if amount <= ZERO:
            self.add(pointer, Rule.SIGN, f"found {amount}, expected more than 0; {remedy}")

    def plausible(self, pointer: str, day: dt.date) -> None:
        if not EARLIEST <= day <= LATEST:
            self.add(
                pointer, Rule.IMPLAUSIBLE_DATE, f"found {day}, expected a date from {EARLIEST} to {LATEST}; correct it"
            )

    def ordered(self, pointer: str, first: dt.date, last: dt.date) -> None:
        self.plausible(pointer, last)
        if last < first:
            self.add(pointer, Rule.DATE_ORDER, f"found {last}, expected {first} or later; correct one of them")

    def some(self, pointer: str, lines: tuple[object, ...]) -> None:
        if not lines:
            self.add(pointer, Rule.NO_LINES, "found no line, expected at least one; send the lines, or no event")

    def unique(self, places: Iterable[tuple[str, str]]) -> None:
        """Places are pointers with the line ids there; the second place of an id is reported."""
        first: dict[str, str] = {}
        for pointer, line_id in places:
            if first.setdefault(line_id, pointer) != pointer:
                self.add(
                    pointer,
                    Rule.DUPLICATE_LINE,
                    f"found {line_id!r}, which {first[line_id]} has already; give every line an id of its own",
                )
