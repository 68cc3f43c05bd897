"""Books in an empty Tryton, made by its API as an administrator would: currencies, companies, accounts, periods."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from connectors.erp.tryton.session import TrytonSession

_DIGITS = {"JPY": 0}


class TrytonBooks:
    """An administrator at work, past the connector."""

    def __init__(self, session: TrytonSession) -> None:
        self._session = session
        self._companies: dict[str, int] = {}

    def make(self, currency_of_entity: Mapping[str, str], accounts: Mapping[str, str], years: range) -> None:
        """Make companies with a chart of accounts (number to name) and fiscal years with months."""
        currencies = {code: self._currency(code) for code in sorted({"EUR", "USD", *currency_of_entity.values()})}
        for entity, currency in currency_of_entity.items():
            self._companies[entity] = self._company(entity, currencies[currency])
        everything = {
            "companies": [["add", list(self._companies.values())]],
            "company": next(iter(self._companies.values())),
            "company_filter": "all",
        }
        self._session.call("model.res.user.write", [1], everything, {}, kind=object)
        for company in self._companies.values():
            self._chart(company, accounts)
            for year in years:
                self._fiscal_year(company, year)

    def close_period(self, entity: str, period: str) -> None:
        self._session.call("model.account.period.close", self._period(entity, period), {}, kind=object)

    def reopen_period(self, entity: str, period: str) -> None:
        found = self._period(entity, period)
        self._session.call("model.account.period.reopen", found, {}, kind=object)
        # Closing a period closes it in every journal, too; each is opened again by itself.
        domain = [["period", "in", found], ["state", "=", "closed"]]
        journals = self._session.call("model.account.journal.period.search", domain, 0, None, None, {}, kind=list[int])
        self._session.call("model.account.journal.period.reopen", journals, {}, kind=object)

    def documents(self, command_id: str) -> int:
        """Count the moves of a command, drafts among them: none may be left behind."""
        return self._session.call(
            "model.account.move.search_count", [["description", "=", command_id]], 0, None, {}, kind=int
        )

    def numbers(self, company: str) -> list[str]:
        """The numbers of all posted moves of a company."""
        rows = self._session.call(
            "model.account.move.search_read",
            [["company", "=", self._companies[company]], ["state", "=", "posted"]],
            *(0, None, None, ["number"], {}),
            kind=list[dict[str, object]],
        )
        return [str(row["number"]) for row in rows]

    def _create(self, model: str, values: dict[str, object], context: dict[str, object] | None = None) -> int:
        [created] = self._session.call(f"model.{model}.create", [values], context or {}, kind=list[int])
        return created

    def _currency(self, code: str) -> int:
        digits = _DIGITS.get(code, 2)
        values = {"name": code, "code": code, "symbol": code, "digits": digits, "rounding": Decimal(1).scaleb(-digits)}
        return self._create("currency.currency", values)

    def _company(self, entity: str, currency: int) -> int:
        party = self._create("party.party", {"name": entity})
        return self._create("company.company", {"party": party, "currency": currency})

    def _chart(self, company: int, accounts: Mapping[str, str]) -> None:
        context: dict[str, object] = {"company": company}
        kind = self._create(
            "account.account.type", {"name": "All", "company": company, "statement": "balance"}, context
        )
        values = [
            {"name": name, "code": number, "company": company, "type": kind, "reconcile": False}
            for number, name in accounts.items()
        ]
        self._session.call("model.account.account.create", values, context, kind=object)

    def _fiscal_year(self, company: int, year: int) -> None:
        context: dict[str, object] = {"company": company}
        [kind] = self._session.call(
            "model.ir.sequence.type.search", [["name", "=", "Account Move"]], 0, None, None, {}, kind=list[int]
        )
        sequence = self._create(
            "ir.sequence.strict",
            {"name": f"Moves {year}", "sequence_type": kind, "company": company, "prefix": f"{year}-", "padding": 6},
            context,
        )
        values: dict[str, object] = {
            "name": str(year),
            "start_date": dt.date(year, 1, 1),
            "end_date": dt.date(year, 12, 31),
            "company": company,
            "move_sequence": sequence,
        }
        made = self._create("account.fiscalyear", values, context)
        self._session.call("model.account.fiscalyear.create_period", [made], 1, 31, context, kind=object)

    def _period(self, entity: str, period: str) -> list[int]:
        year, month = map(int, period.split("-"))
        domain = [["company", "=", self._companies[entity]], ["start_date", "=", dt.date(year, month, 1)]]
        return self._session.call("model.account.period.search", domain, 0, None, None, {}, kind=list[int])
