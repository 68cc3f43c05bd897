"""One contract's account: which events may be applied when, what was billed and paid, what the period ends recognised.

Written from docs/accounting.md sections 6 to 8 and 10. A corrected document is struck out, as if it had never been; the
journals that did and undid it are only counted.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.oracle import terms
from tests.oracle.chart import Chart
from tests.oracle.obligation import Refused, require
from tests.oracle.reading import (
    Event,
    Json,
    UnsupportedHistory,
    branch,
    day,
    integer,
    last_day,
    minor,
    month_of,
    optional_text,
    record,
    records,
    text,
)
from tests.oracle.worksheet import Worksheet

CHANGES = frozenset({"ContractSigned", "ContractAmended", "ContractRenewed", "ContractTerminated"})


class Outcome(enum.Enum):
    """What became of an event."""

    APPLIED = "applied"
    REJECTED = "rejected"
    HELD = "held"


@dataclass(frozen=True)
class Close:
    """A period of an entity was closed, locked or opened again, at a place in the published order."""

    place: int
    entity: str
    month: int
    closed: bool
    hard: bool = False
    approved: bool = False


@dataclass(frozen=True)
class Document:
    """A billing document or payment as it counts, in minor units: debits positive."""

    receivable: int
    cash: int
    net: int
    taxes: tuple[tuple[str, int], ...]

    def empty(self) -> bool:
        """Whether there is nothing to post."""
        return not (self.receivable or self.cash or self.net or any(tax for _, tax in self.taxes))


@dataclass
class Account:
    """The account of a contract while its history is worked through."""

    contract: str
    chart: Chart
    sheet: Worksheet | None = None
    version: int = 0
    sequences: dict[str, int] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    usages: dict[str, str] = field(default_factory=dict)
    superseded: set[str] = field(default_factory=set)
    recognised: dict[str, int] = field(default_factory=dict)
    last_closed: dict[str, int] = field(default_factory=dict)
    open_again: set[tuple[str, int]] = field(default_factory=set)
    journals: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, tuple[Outcome, str]] = field(default_factory=dict)
    parked: list[str] = field(default_factory=list)

    # Order

    def ready(self, event: Event) -> bool:
        """Whether everything that the event depends on is there."""
        context = record(event["context"])
        sequence = branch(event.get("source_sequence"))
        if sequence is not None and sequence != self.sequences.get(text(context, "source_system"), 0) + 1:
            return False
        named = integer(context, "contract_version")
        if text(event, "event_type") in CHANGES:
            return named <= self.version + 1
        return 1 <= named <= self.version

    def apply(self, event: Event) -> None:
        """Apply an event that is ready, or say why not; either way its sequence number is used up."""
        context = record(event["context"])
        kind = text(event, "event_type")
        if branch(event.get("source_sequence")) is not None:
            source = text(context, "source_system")
            self.sequences[source] = self.sequences.get(source, 0) + 1
        outcome, reason = Outcome.APPLIED, ""
        on = day(event, "effective_date")
        body = record(record(event["body"])[kind])
        if kind in self.chart.held_when_late and self._is_closed(text(context, "legal_entity"), month_of(on)):
            outcome, reason = Outcome.HELD, f"{kind} is late in a closed period"
        elif body.get("approved") is False or (kind == "ContractTerminated" and self.chart.termination_waits):
            outcome, reason = Outcome.HELD, f"{kind} waits for an approver"
        else:
            try:
                self._apply(kind, event, context, body, on)
            except Refused as refused:
                outcome, reason = Outcome.REJECTED, str(refused)
        self.outcomes[text(event, "event_id")] = (outcome, reason)

    def _apply(self, kind: str, event: Event, context: Mapping[str, Json], body: Mapping[str, Json], on: int) -> None:
        corrects = optional_text(event, "supersedes")
        transaction = text(context, "source_transaction_id")
        if kind in CHANGES:
            if corrects is not None:
                raise UnsupportedHistory(f"contract {self.contract}: a {kind} that supersedes")
            self._change(kind, integer(context, "contract_version"), context, body, on)
            return
        sheet = self._sheet()
        if corrects is not None:
            self._check_superseded(corrects)
        if kind == "UsageRated":
            self._require_before_termination(sheet, day(body, "usage_end"))
            sheet.use(transaction, body)
            self.usages[transaction] = transaction
        elif kind == "ObligationFulfilled":
            sheet.fulfil(on, body)
        elif kind == "EstimateChanged" and optional_text(body, "variable_id") is not None:
            terms.reestimate(sheet, on, body)
        elif kind == "EstimateChanged":
            sheet.change_price(on, optional_text(body, "line_id"), minor(body, "price_change", sheet.currency))
        else:
            self._document(kind, transaction, body, on, sheet)
        if corrects is not None:
            self._strike_out(corrects, sheet)

    def _change(self, kind: str, version: int, context: Mapping[str, Json], body: Mapping[str, Json], on: int) -> None:
        require(version == self.version + 1, f"version {version} is in force already")
        if kind == "ContractSigned":
            if any(item.get("refundable") for item in records(body, "variable")):
                raise UnsupportedHistory("a refund liability in the balances")
            self.sheet = Worksheet.sign(text(context, "legal_entity"), body)
        elif kind == "ContractAmended":
            self._sheet().amend(version, on, body)
        elif kind == "ContractRenewed":
            self._sheet().renew(version, body)
        else:
            self._sheet().terminate(on, body)
        self.version = version

    def _sheet(self) -> Worksheet:
        if self.sheet is None:
            raise Refused(f"contract {self.contract} was never signed")
        return self.sheet

    @staticmethod
    def _require_before_termination(sheet: Worksheet, day_no: int) -> None:
        require(sheet.terminated_on is None or day_no <= sheet.terminated_on, "usage after the termination")

    # Documents

    def _document(self, kind: str, transaction: str, body: Mapping[str, Json], on: int, sheet: Worksheet) -> None:
        currency = sheet.currency
        require(text(body, "currency") == currency, f"document in {body['currency']}, contract in {currency}")
        if kind in {"PaymentReceived", "RefundIssued"}:
            amount = minor(body, "amount", currency) * (1 if kind == "PaymentReceived" else -1)
            document = Document(receivable=-amount, cash=amount, net=0, taxes=())
        elif kind in {"InvoiceIssued", "CreditIssued"}:
            sign = 1 if kind == "InvoiceIssued" else -1
            net, taxes = 0, []
            for line in records(body, "lines"):
                require(text(line, "line_id") in sheet.lines, f"no line {line['line_id']} to bill")
                net += sign * minor(line, "net", currency)
                taxes += [
                    (text(tax, "jurisdiction"), sign * minor(tax, "amount", currency)) for tax in records(line, "taxes")
                ]
            for jurisdiction, _ in taxes:
                if jurisdiction not in self.chart.tax_payable:
                    raise UnsupportedHistory(f"no account for the tax of {jurisdiction}")
            if kind == "CreditIssued" and body.get("effect") == "PRICE_REDUCTION":
                reduced = [sheet.lines[text(line, "line_id")].obligation for line in records(body, "lines")]
                require(not any(o.removed or o.pattern == "USAGE" for o in reduced), "no price of the line to reduce")
                for line in records(body, "lines"):
                    sheet.change_price(on, text(line, "line_id"), -minor(line, "net", currency))
            document = Document(net + sum(tax for _, tax in taxes), 0, net, tuple(taxes))
        else:
            raise UnsupportedHistory(f"contract {self.contract}: no rule for {kind}")
        self.documents[transaction] = document
        if not document.empty():
            self.journals[kind] += 1

    def _check_superseded(self, transaction: str) -> None:
        if transaction not in self.documents and transaction not in self.usages:
            raise UnsupportedHistory(f"contract {self.contract}: {transaction} is superseded and not in force")

    def _strike_out(self, transaction: str, sheet: Worksheet) -> None:
        if self.usages.pop(transaction, None) is not None:
            sheet.unuse(transaction)
            return
        if not self.documents.pop(transaction).empty():
            self.journals["Reversal"] += 1

    @property
    def billed(self) -> int:
        """Net billed."""
        return sum(document.net for document in self.documents.values())

    # Period ends and the ledger

    def _is_closed(self, entity: str, month: int) -> bool:
        return month <= self.last_closed.get(entity, month - 1) and (entity, month) not in self.open_again

    def close(self, end: Close) -> None:
        """Take in the end of a period: what the entity has earned by then and has not recognised is recognised.

        A lock recognises nothing. A period that was opened again is recognised again only while no later one was.
        """
        closed_before = self._is_closed(end.entity, end.month)
        if not end.closed:
            if closed_before and end.approved:
                self.open_again.add((end.entity, end.month))
            return
        if end.hard or closed_before:
            return
        self.open_again.discard((end.entity, end.month))
        if end.month < self.last_closed.get(end.entity, end.month):
            return
        self.last_closed[end.entity] = end.month
        if self.sheet is None:
            return
        by_product: dict[str, int] = defaultdict(int)
        for obligation, upto in self.sheet.earned(end.entity, last_day(end.month)):
            by_product[obligation.product] += upto - self.recognised.get(obligation.name, 0)
            self.recognised[obligation.name] = upto
        if not any(by_product.values()):
            return
        if end.entity == self.sheet.entity:
            self.journals["Recognition"] += 1
        else:
            self.journals["Intercompany"] += 1
            if sum(by_product.values()):
                self.journals["Recognition"] += 1

    def balances(self) -> dict[tuple[str, str, str], int]:
        """Return debits less credits, in minor units, by entity, account and currency."""
        found: dict[tuple[str, str, str], int] = defaultdict(int)
        sheet = self.sheet
        if sheet is None:
            return found
        chart, home, currency = self.chart, sheet.entity, sheet.currency
        for document in self.documents.values():
            found[home, chart.receivable, currency] += document.receivable
            found[home, chart.cash, currency] += document.cash
            for jurisdiction, tax in document.taxes:
                found[home, chart.tax_payable[jurisdiction], currency] -= tax
        position = self.billed - sum(self.recognised.values())
        found[home, chart.contract_liability, currency] -= max(position, 0)
        found[home, chart.contract_asset, currency] -= min(position, 0)
        for obligation in sheet.obligations:
            amount = self.recognised.get(obligation.name, 0)
            if amount and obligation.product not in chart.revenue:
                raise UnsupportedHistory(f"no revenue account for product line {obligation.product}")
            if amount:
                found[obligation.entity, chart.revenue[obligation.product], currency] -= amount
                if obligation.entity != home:
                    found[home, chart.intercompany_payable, currency] -= amount
                    found[obligation.entity, chart.intercompany_receivable, currency] += amount
        return found
