"""Why the embedded revenue platform refuses a command: every stable code, and the exception that carries one.

Raised inside the engine only; `engine.recognise` turns it into a RevenueRejected. Knows no accounting.
"""

from __future__ import annotations

from enum import StrEnum


class RefusalCode(StrEnum):
    """Stable code of a RevenueRejected."""

    UNKNOWN_CONTRACT = "UNKNOWN_CONTRACT"
    """The contract was never established."""
    ALREADY_ESTABLISHED = "ALREADY_ESTABLISHED"
    """The contract exists; a new term is a renewal."""
    VERSION_CONFLICT = "VERSION_CONFLICT"
    """The change does not create the version after the one in force."""
    CONTRACT_TERMINATED = "CONTRACT_TERMINATED"
    """Nothing can change or be performed after the termination."""
    NOTHING_TO_CHANGE = "NOTHING_TO_CHANGE"
    """A contract, renewal, amendment or document without a line."""
    UNKNOWN_LINE = "UNKNOWN_LINE"
    """The line is not one of the contract."""
    LINE_ID_USED = "LINE_ID_USED"
    """A line id is unique in its contract for ever."""
    LINE_REPEATED = "LINE_REPEATED"
    """One amendment names a line more than once."""
    LINE_SATISFIED = "LINE_SATISFIED"
    """There is nothing left to cancel or to perform."""
    LINE_REMOVED = "LINE_REMOVED"
    """The line was cancelled before."""
    LINE_NOT_SEPARABLE = "LINE_NOT_SEPARABLE"
    """The line is part of an obligation of several lines that are not distinct."""
    NO_COMBINED_OBLIGATION = "NO_COMBINED_OBLIGATION"
    """A line that is not distinct is added, and there is no such obligation to join."""
    TERM_INVALID = "TERM_INVALID"
    """A term ends before it starts or before the change."""
    AMOUNT_INVALID = "AMOUNT_INVALID"
    """An amount is negative or has more decimals than the currency."""
    USAGE_PRICED = "USAGE_PRICED"
    """A usage line has a fixed price or a stand-alone selling price."""
    PATTERN_INVALID = "PATTERN_INVALID"
    """A field of a line, a fulfilment or a change contradicts the line's recognition pattern."""
    CREDITS_EXCEEDED = "CREDITS_EXCEEDED"
    """More prepaid credits are used than are left."""
    OPTION_INVALID = "OPTION_INVALID"
    """An option that is exercised is not one of the contract, or not open any more."""
    PRICE_WITHOUT_SSP = "PRICE_WITHOUT_SSP"
    """There is a price and no stand-alone selling price to allocate it by."""
    NOT_USAGE = "NOT_USAGE"
    """Usage is reported for a line of another pattern."""
    OUTSIDE_TERM = "OUTSIDE_TERM"
    """Usage or fulfilment lies outside the line's term."""
    NOT_FULFILLABLE = "NOT_FULFILLABLE"
    """Fulfilment is reported for a line that is earned by time or use."""
    PROGRESS_INVALID = "PROGRESS_INVALID"
    """Progress is not above the last, or not within 0 to 100."""
    TREATMENT_DISPUTE = "TREATMENT_DISPUTE"
    """The requested treatment contradicts the facts."""
    NEGATIVE_POOL = "NEGATIVE_POOL"
    """What remains to be earned after a prospective modification is below zero."""
    POOL_WITHOUT_SSP = "POOL_WITHOUT_SSP"
    """Consideration remains and no remaining obligation has a stand-alone selling price."""
    NEGATIVE_PRICE = "NEGATIVE_PRICE"
    """The transaction price would fall below zero."""
    REFUND_OVER_UNEARNED = "REFUND_OVER_UNEARNED"
    """A termination gives back more than is unearned."""
    UNKNOWN_COMMAND = "UNKNOWN_COMMAND"
    """The command to reverse was not accepted on this contract."""
    NOT_REVERSIBLE = "NOT_REVERSIBLE"
    """Commands of this kind are undone by a correcting command, not by a reversal."""
    ALREADY_REVERSED = "ALREADY_REVERSED"
    """The command was reversed before."""
    PERIOD_INVALID = "PERIOD_INVALID"
    """A period is not a calendar month YYYY-MM."""
    RUN_OUT_OF_ORDER = "RUN_OUT_OF_ORDER"
    """A later period was run before for the entity."""
    VALIDATION_FAILED = "VALIDATION_FAILED"
    """The result broke an invariant of section 3 or 4 of docs/accounting.md: a defect of the platform."""
    CORRECTION_INVALID = "CORRECTION_INVALID"
    """A correction is of another kind, or of another entity or currency, than what it corrects."""
    REPLAY_REFUSED = "REPLAY_REFUSED"
    """On top of a correction a later command could not be executed any more."""


class CommandRefusedError(Exception):
    """A command cannot be executed; the message says what was found, what was expected and what to do."""

    def __init__(self, code: RefusalCode, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
