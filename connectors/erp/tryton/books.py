"""What Tryton's books allow: companies by legal entity, accounts by number, currencies by code, periods by date.

Companies, accounts and currencies are remembered once found; what is missing is looked up again, and so is the state
of periods every time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from connectors.erp.ledger.checks import Books, final, refuse_by_itself
from connectors.erp.tryton.session import TrytonSession
from connectors.protocols import PeriodStatus
from streams.core.fiscal import MONTHS, FiscalCalendar
from streams.records import ErpPosting, PostingRejected

_Row = TypeVar("_Row")


class Party(msgspec.Struct, frozen=True):
    """Who a company is."""

    name: str | None
    code: str | None


class Currency(msgspec.Struct, frozen=True):
    """A currency."""

    id: int
    code: str


class Company(msgspec.Struct, frozen=True):
    """A company: a legal entity that has books of its own."""

    id: int
    party: Party = msgspec.field(name="party.")
    currency: Currency = msgspec.field(name="currency.")


class Account(msgspec.Struct, frozen=True):
    """An account that may be posted to."""

    id: int
    code: str
    company: int
    party_required: bool | int | None
    """Of an int, SQLite has no truth values."""


class Period(msgspec.Struct, frozen=True):
    """An accounting period of a company."""

    id: int
    name: str
    company: int
    start_date: dt.date
    end_date: dt.date
    state: str

    @property
    def open(self) -> bool:
        """Whether it takes moves."""
        return self.state == "open"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a posting goes: ids of Tryton."""

    company: int
    period: int
    accounts: Mapping[str, int]
    second_currency: int | None


class TrytonBooks:
    """Looks up where postings go, and says why they cannot."""

    def __init__(
        self, session: TrytonSession, entities: Mapping[str, str], calendars: Mapping[str, FiscalCalendar]
    ) -> None:
        self._session = session
        self._entities = dict(entities)
        self._calendars = dict(calendars)
        self._companies: dict[str, Company] = {}
        self._accounts: dict[tuple[int, str], Account] = {}
        self._currencies: dict[str, int] = {}

    def company(self, entity: str) -> Company | None:
        """Return an entity's company: its party has the entity as code or as name. None when there is none."""
        if entity in self._entities and entity not in self._companies:
            self._read_companies()
        return self._companies.get(entity)

    def entity_of(self, company: int) -> tuple[str, Company] | None:
        """Return the entity and company of a company's id, None when it is no entity of ours."""
        for _ in range(2):
            for entity, found in self._companies.items():
                if found.id == company:
                    return entity, found
            self._read_companies()
        return None

    def period_of(self, entity: str, day: dt.date) -> str:
        """Return the accounting period, YYYY-MM, of a day in an entity's calendar."""
        return self._calendars.get(entity, MONTHS).period_of(day)

    def status(self, entity: str, period: str) -> PeriodStatus:
        """Return whether a period takes postings: all of Tryton's periods in it must be open."""
        company = self.company(entity)
        calendar = self._calendars.get(entity, MONTHS)
        if company is None:
            return PeriodStatus.UNKNOWN
        found = self.periods([company.id], calendar.first_day(period), calendar.last_day(period))
        if not found:
            return PeriodStatus.UNKNOWN
        before_the_books = period < self._entities[entity]
        return PeriodStatus.OPEN if all(it.open for it in found) and not before_the_books else PeriodStatus.CLOSED

    def periods(self, companies: Collection[int], first: dt.date, last: dt.date) -> list[Period]:
        """Return the periods of companies that have days between two, both included."""
        domain = [
            ["company", "in", sorted(companies)],
            ["type", "=", "standard"],
            ["start_date", "<=", last],
            ["end_date", ">=", first],
        ]
        fields = ["name", "company", "start_date", "end_date", "state"]
        return self._search("account.period", domain, fields, list[Period])

    def places(self, postings: Collection[ErpPosting]) -> dict[str, Place | PostingRejected]:
        """Return for every command where it goes, or why it is refused."""
        self._read_accounts(postings)
        self._read_currencies({posting.currency for posting in postings if posting.functional_currency})
        companies = {company.id for posting in postings if (company := self.company(posting.legal_entity))}
        days = [posting.posting_date for posting in postings]
        found = self.periods(companies, min(days), max(days)) if companies else []
        return {posting.command_id: self._place(posting, found) for posting in postings}

    def _place(self, posting: ErpPosting, periods: Collection[Period]) -> Place | PostingRejected:
        company = self.company(posting.legal_entity)
        known = {code: account for (owner, code), account in self._accounts.items() if company and owner == company.id}
        refusal = refuse_by_itself(posting, Books(frozenset(known), self._existing_entities(), self._calendars))
        if refusal is not None:
            return refusal
        assert company is not None, "an entity without a company is refused above"
        accounts = [known[line.account] for line in posting.body.lines]
        refusal = self._refuse_currency(posting, company) or _refuse_party(accounts)
        if refusal is not None:
            return refusal
        day = posting.posting_date
        mine = [it for it in periods if it.company == company.id and it.start_date <= day <= it.end_date]
        if not any(it.open for it in mine):
            return _closed(posting, mine)
        return Place(
            company=company.id,
            period=next(it.id for it in mine if it.open),
            accounts={account.code: account.id for account in accounts},
            second_currency=self._currencies[posting.currency] if posting.functional_currency else None,
        )

    def _existing_entities(self) -> dict[str, str]:
        return {entity: first for entity, first in self._entities.items() if entity in self._companies}

    def _refuse_currency(self, posting: ErpPosting, company: Company) -> PostingRejected | None:
        books_in = posting.functional_currency or posting.currency
        if books_in != company.currency.code:
            found = f"the books of {posting.legal_entity} are in {company.currency.code} in Tryton, in {books_in} here"
            return final("currency_mismatch", f"{found}; correct functional_currency in entities.yaml, or the company")
        if posting.functional_currency and posting.currency not in self._currencies:
            return final("unknown_currency", f"Tryton has no currency {posting.currency}; add it there")
        return None

    def _read_companies(self) -> None:
        fields = ["party.name", "party.code", "currency.code"]
        for company in self._search("company.company", [], fields, list[Company]):
            for entity in self._entities:
                if entity in (company.party.code, company.party.name):
                    self._companies.setdefault(entity, company)

    def _read_accounts(self, postings: Collection[ErpPosting]) -> None:
        wanted = {
            (company.id, line.account)
            for posting in postings
            if (company := self.company(posting.legal_entity))
            for line in posting.body.lines
        } - self._accounts.keys()
        if not wanted:
            return
        domain = [
            ["company", "in", sorted({company for company, _ in wanted})],
            ["code", "in", sorted({code for _, code in wanted})],
            ["type", "!=", None],
            ["closed", "!=", True],
        ]
        fields = ["code", "company", "party_required"]
        for account in self._search("account.account", domain, fields, list[Account]):
            self._accounts[account.company, account.code] = account

    def _read_currencies(self, codes: Collection[str]) -> None:
        wanted = set(codes) - self._currencies.keys()
        if wanted:
            domain = [["code", "in", sorted(wanted)]]
            for currency in self._search("currency.currency", domain, ["code"], list[Currency]):
                self._currencies[currency.code] = currency.id

    def forget(self) -> None:
        """Look everything up anew: Tryton refused what was thought to be right."""
        self._companies.clear()
        self._accounts.clear()
        self._currencies.clear()

    def _search(self, model: str, domain: Sequence[object], fields: list[str], kind: type[list[_Row]]) -> list[_Row]:
        return self._session.call(f"model.{model}.search_read", domain, 0, None, None, fields, {}, kind=kind)


def _refuse_party(accounts: Collection[Account]) -> PostingRejected | None:
    wanting = sorted({account.code for account in accounts if account.party_required})
    if not wanting:
        return None
    found = f"accounts {', '.join(wanting)} want a party on every line in Tryton"
    return final("party_required", f"{found}; tieout posts totals: clear Party Required, or use other accounts")


def _closed(posting: ErpPosting, found: Collection[Period]) -> PostingRejected:
    period, entity = posting.period, posting.legal_entity
    if not found:
        reason = f"Tryton has no period of {entity} on {posting.posting_date}, period {period}; make its fiscal year"
    else:
        states = ", ".join(f"{it.name} is {it.state}" for it in found)
        reason = f"period {period} of {entity}: {states} in Tryton; open it again, or post in an open period"
    return final("closed_period", reason)
