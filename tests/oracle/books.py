"""What a contract has in the ledger: documents, what the runs recognised, and where its position stands.

Written from docs/accounting.md sections 6, 7 and 12. A document that is taken back is struck out, as if it had
never been; the journals that did and undid it are only counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from tests.oracle.chart import Chart
from tests.oracle.foreign import Foreign
from tests.oracle.obligation import Obligation, require
from tests.oracle.reading import UnsupportedHistory, exact, minor, optional_text, records, text
from tests.oracle.replay import Accepted
from tests.oracle.terms import Variable
from tests.oracle.worksheet import SIGNED, Worksheet


@dataclass(frozen=True)
class Document:
    """A billing document or payment as it counts, in minor units: debits positive."""

    receivable: int
    cash: int
    net: int
    taxes: tuple[tuple[str, int], ...]
    given_back: tuple[tuple[str, int], ...] = ()
    """By line, what a credit gives back without a change of the price."""
    invoice: str = ""
    """The invoice that it is, or is about."""
    rate: Fraction | None = None
    """Functional units for one of the currency, where it states them."""
    on: int = 0

    def empty(self) -> bool:
        """Whether there is nothing to post."""
        return not (self.receivable or self.cash or self.net or any(tax for _, tax in self.taxes))


@dataclass(frozen=True)
class Place:
    """Where revenue is recognised: of which obligation, by whom, on which product line."""

    obligation: str
    entity: str
    product: str


@dataclass
class Books:
    """The ledger of one contract."""

    chart: Chart
    documents: dict[str, Document] = field(default_factory=dict)
    recognised: dict[Place, int] = field(default_factory=dict)
    expected_back: dict[str, int] = field(default_factory=dict)
    """By refundable variable consideration, as of the last run."""
    refund_liability: int = 0
    interest: int = 0
    """Of a financed line, as of the last run: income above 0, expense below."""
    journals: Counter[str] = field(default_factory=Counter)
    foreign: Foreign | None = None
    """The same in functional currencies, once there is something."""

    @property
    def billed(self) -> int:
        """Net billed."""
        return sum(document.net for document in self.documents.values())

    @property
    def position(self) -> int:
        """Net billed less recognised less interest: a contract liability above 0, a contract asset below."""
        return self.billed - sum(self.recognised.values()) - self.interest

    # Documents

    def read(self, event: Accepted, sheet: Worksheet) -> Document:
        """Return what a document or payment comes to."""
        currency, body = sheet.currency, event.body
        require(text(body, "currency") == currency, f"document in {body['currency']}, contract in {currency}")
        if event.kind in {"PaymentReceived", "RefundIssued"}:
            amount = minor(body, "amount", currency) * (1 if event.kind == "PaymentReceived" else -1)
            return Document(-amount, amount, 0, (), (), *_priced_in(event))
        if event.kind not in {"InvoiceIssued", "CreditIssued"}:
            raise UnsupportedHistory(f"no rule for {event.kind}")
        sign = 1 if event.kind == "InvoiceIssued" else -1
        lines = records(body, "lines")
        net = sign * sum(minor(line, "net", currency) for line in lines)
        taxes = [
            (text(tax, "jurisdiction"), sign * minor(tax, "amount", currency))
            for line in lines
            for tax in records(line, "taxes")
        ]
        for jurisdiction, _ in taxes:
            if jurisdiction not in self.chart.tax_payable:
                raise UnsupportedHistory(f"no account for the tax of {jurisdiction}")
        back = [(text(line, "line_id"), minor(line, "net", currency)) for line in lines]
        billing_only = event.kind == "CreditIssued" and body.get("effect", "BILLING_ONLY") == "BILLING_ONLY"
        gross = net + sum(tax for _, tax in taxes)
        return Document(gross, 0, net, tuple(taxes), tuple(back) if billing_only else (), *_priced_in(event))

    def enter(self, event: Accepted, document: Document, sheet: Worksheet, dated: int) -> None:
        """Book a document on its accounting date."""
        position, refund_liability = self.position, self.refund_liability
        self.documents[event.transaction] = document
        if not document.empty():
            self.journals[event.kind] += 1
        if event.kind in {"InvoiceIssued", "CreditIssued"}:
            self._move_refund_liability(sheet)
        change = self.refund_liability - refund_liability
        self._translate(document, sheet, position, change, dated, taken_back=False)

    def strike_out(self, transaction: str, sheet: Worksheet, dated: int) -> None:
        """Take a document back, on an accounting date."""
        position, refund_liability = self.position, self.refund_liability
        document = self.documents.pop(transaction)
        if not document.empty():
            self.journals["Reversal"] += 1
        if document.net or document.given_back:
            self._move_refund_liability(sheet)
        change = self.refund_liability - refund_liability
        self._translate(document, sheet, position, change, dated, taken_back=True)

    def _translate(
        self, document: Document, sheet: Worksheet, position: int, refund: int, dated: int, *, taken_back: bool
    ) -> None:
        """Book a document, or that it is taken back, in functional currency where that is another."""
        foreign = self._foreign(sheet)
        functional = foreign.functional(sheet.entity)
        if functional is None:
            return
        rate = document.rate or self.chart.rates.on(sheet.currency, functional, document.on)
        sign = -1 if taken_back else 1
        taxes: dict[str, int] = defaultdict(int)
        for jurisdiction, tax in sorted(document.taxes):
            taxes[jurisdiction] -= sign * tax
        lines = [(self.chart.receivable, sign * document.receivable), (self.chart.cash, sign * document.cash)]
        lines += [(self.chart.tax_payable[jurisdiction], tax) for jurisdiction, tax in taxes.items()]
        struck = taken_back and document.net > 0
        with foreign.refund_moved(refund):
            foreign.document(lines, sign * document.net, position, rate, document.invoice, dated, at_own_rate=struck)

    def _foreign(self, sheet: Worksheet) -> Foreign:
        if self.foreign is None:
            self.foreign = Foreign(self.chart, sheet.entity, sheet.currency)
        return self.foreign

    # Recognition

    def run(self, entity: str, by: int, sheet: Worksheet) -> None:
        """Recognise what the entity has earned by the day and has not recognised yet, where it belongs now."""
        concerned = {sheet.entity, *(o.entity for o in sheet.obligations), *(place.entity for place in self.recognised)}
        if entity not in concerned:
            return
        earned = {Place(o.name, entity, o.product): upto for o, upto in sheet.earned(entity, by)}
        by_product: dict[str, int] = defaultdict(int)
        for place in {*earned, *(place for place in self.recognised if place.entity == entity)}:
            by_product[place.product] += earned.get(place, 0) - self.recognised.get(place, 0)
            self.recognised[place] = earned.get(place, 0)
        before = self.refund_liability, self.interest
        position = self.position + sum(by_product.values())
        if entity == sheet.entity:
            self.interest = 0 if sheet.financed is None else sheet.financed.interest(by)
        self.expected_back = {
            name: self._expected_back(variable, sheet, by)
            for name, variable in sheet.variable.items()
            if variable.refundable
        }
        self._move_refund_liability(sheet)
        moved = before != (self.refund_liability, self.interest)
        self._translate_run(entity, by, sheet, by_product, position, before)
        if not any(by_product.values()) and not moved:
            return
        if entity == sheet.entity:
            self.journals["Recognition"] += 1
            return
        self.journals["Intercompany"] += any(by_product.values())
        self.journals["Recognition"] += bool(sum(by_product.values()) or moved)

    def _translate_run(
        self,
        entity: str,
        by: int,
        sheet: Worksheet,
        by_product: Mapping[str, int],
        position: int,
        before: tuple[int, int],
    ) -> None:
        foreign, chart, home = self._foreign(sheet), self.chart, sheet.entity
        revenue = [(chart.revenue[product], amount) for product, amount in sorted(by_product.items()) if amount]
        if entity != home:
            foreign.perform(entity, revenue, by)
            revenue = [(chart.intercompany_payable, sum(amount for _, amount in revenue))]
        if foreign.functional(home) is None:
            return
        refund_liability, interest = before
        with foreign.refund_moved(self.refund_liability - refund_liability):
            if interest != self.interest:
                foreign.accrue(interest, self.interest, position, by)
            foreign.recognise(revenue, position - (self.interest - interest), by)
        if entity == home:
            foreign.remeasure(by)

    def recognised_of(self, obligation: Obligation) -> int:
        """Return what is recognised of an obligation, where it belongs now."""
        return self.recognised.get(Place(obligation.name, obligation.entity, obligation.product), 0)

    # What is expected to go back

    def _expected_back(self, variable: Variable, sheet: Worksheet, by: int) -> int:
        concerned = [
            o
            for o in sheet.obligations
            if (
                o.name in _owners(variable, sheet)
                if variable.owners
                else o.group == SIGNED and o.pattern not in {"USAGE", "AS_INVOICED"}
            )
        ]
        allocated = sum(o.allocated for o in concerned)
        if allocated == 0:
            return -variable.included if all(o.satisfied(by + 1) for o in concerned) else 0
        recognised = sum(self.recognised_of(o) for o in concerned)
        return round(Fraction(-variable.included * recognised, allocated))

    def _move_refund_liability(self, sheet: Worksheet) -> None:
        refundable = {name: variable for name, variable in sheet.variable.items() if variable.refundable}
        given_back: dict[str, int] = defaultdict(int)
        for document in self.documents.values():
            for line, net in document.given_back:
                name = next((it for it, var in refundable.items() if not var.owners or line in var.owners), None)
                if name is not None:
                    given_back[name] += net
        due = sum(max(self.expected_back.get(name, 0) - given_back[name], 0) for name in refundable)
        self.refund_liability = max(min(due, self.position), 0)

    # The ledger

    def balances(self, sheet: Worksheet) -> dict[tuple[str, str, str], int]:
        """Return debits less credits, in minor units, by entity, account and currency."""
        found: dict[tuple[str, str, str], int] = defaultdict(int)
        chart, home, currency = self.chart, sheet.entity, sheet.currency
        for document in self.documents.values():
            found[home, chart.receivable, currency] += document.receivable
            found[home, chart.cash, currency] += document.cash
            for jurisdiction, tax in document.taxes:
                found[home, chart.tax_payable[jurisdiction], currency] -= tax
        found[home, chart.refund_liability, currency] -= self.refund_liability
        found[home, chart.contract_liability, currency] -= max(self.position, 0) - self.refund_liability
        found[home, chart.contract_asset, currency] -= min(self.position, 0)
        if self.interest:
            found[home, chart.interest_income, currency] -= max(self.interest, 0)
            found[home, chart.interest_expense, currency] -= min(self.interest, 0)
        for place, amount in self.recognised.items():
            if not amount:
                continue
            if place.product not in chart.revenue:
                raise UnsupportedHistory(f"no revenue account for product line {place.product}")
            found[place.entity, chart.revenue[place.product], currency] -= amount
            if place.entity != home:
                found[home, chart.intercompany_payable, currency] -= amount
                found[place.entity, chart.intercompany_receivable, currency] += amount
        return found

    def functional_balances(self, sheet: Worksheet) -> Mapping[tuple[str, str, str], int]:
        """Return the same in functional currency; what is in it already stands as it is."""
        found = dict({} if self.foreign is None else self.foreign.balances)
        at_home = {key: units for key, units in self.balances(sheet).items() if self.chart.functional[key[0]] == key[2]}
        return found | at_home


def _priced_in(event: Accepted) -> tuple[str, Fraction | None, int]:
    """Return the invoice that a document names, its rate unless that is 1, and its date."""
    rate = exact(str(event.body.get("exchange_rate", "1")))
    return optional_text(event.body, "invoice_id") or "", None if rate == 1 else rate, event.on


def _owners(variable: Variable, sheet: Worksheet) -> set[str]:
    return {sheet.lines[owner].obligation.name for owner in variable.owners}
