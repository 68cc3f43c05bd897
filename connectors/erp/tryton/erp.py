"""Tryton as an ERP: one move a posting, found again by the command id in its description.

Tryton has no unique key to lean on, so every posting goes in steps that can be repeated at any point: look for the
command's moves; make a draft where there is none; look again, since another worker, or an earlier call whose answer was
lost, may have made one meanwhile: the oldest stays, the others are deleted; post it. A draft is in no balance, and a
move is not posted twice, so whatever is cut leaves one document. What remains is two workers on one contract at the
very same time, which partitions exclude (docs/connectors.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal

from connectors.chunks import chunks
from connectors.erp.ledger.checks import Original, final, refuse_reversal
from connectors.erp.tryton.books import Place, TrytonBooks
from connectors.erp.tryton.rows import (
    LINE_FIELDS,
    MOVE_FIELDS,
    LineRow,
    MoveRow,
    contract_of,
    contract_pattern,
    journal_line,
    line_values,
)
from connectors.erp.tryton.session import TrytonAccess, TrytonRefusal, TrytonSession
from connectors.protocols import AccountBalance, ConnectorUnavailable, Erp, PeriodStatus
from streams.core.fiscal import FiscalCalendar
from streams.core.money import quantize
from streams.records import ErpPosting, PostingAccepted, PostingRejected, ReverseJournal

Answer = PostingAccepted | PostingRejected

_IDS_A_CALL = 500
_LINES_A_PAGE = 2000
_JOURNAL_LOOKED_UP = "model.account.journal.search"


class TrytonErp(Erp):
    """A Tryton server of series 8.0 with the module account. Threads and processes may share its database.

    `entities` maps every legal entity to its first open period; its company in Tryton has a party of that code or
    name. `calendars` names the fiscal calendars of those that do not have calendar months. `journal` is the code of
    the journal that moves are made in.
    """

    def __init__(
        self,
        access: TrytonAccess,
        entities: Mapping[str, str],
        calendars: Mapping[str, FiscalCalendar] | None = None,
        *,
        journal: str = "MISC",
    ) -> None:
        self._session = TrytonSession(access)
        self._books = TrytonBooks(self._session, entities, calendars or {})
        self._journal_code = journal
        self._journal_id: int | None = None

    def post(self, postings: Sequence[ErpPosting]) -> list[Answer]:
        """Post in order; one answer a posting, the first one again for a command that is posted.

        Raises ConnectorUnavailable when the outcome is unknown: the same call must be made again.
        """
        answers: dict[str, Answer] = {}
        for wave in _waves(postings):
            self._post_wave(wave, answers)
        return [answers[posting.command_id] for posting in postings]

    def posted(self, command_ids: Collection[str]) -> dict[str, PostingAccepted]:
        """Return the first answers to the commands that are posted. Raises ConnectorUnavailable."""
        return self._answers([moves[0] for moves in self._moves(command_ids).values() if moves[0].posted])

    def period_status(self, legal_entity: str, period: str) -> PeriodStatus:
        """Return whether an entity's period takes postings. Raises ConnectorUnavailable."""
        return self._books.status(legal_entity, period)

    def balances(self, contract_id: str | None = None) -> list[AccountBalance]:
        """Return debits less credits by entity, account and currency, of all posted moves or of one contract's.

        Raises ConnectorUnavailable.
        """
        totals: defaultdict[tuple[int, str, str], Decimal] = defaultdict(Decimal)
        companies: dict[int, int] = {}
        for lines in self._pages(contract_id):
            unknown = {line.move for line in lines} - companies.keys()
            companies |= {move.id: move.company for move in self._read_moves("id", sorted(unknown))}
            for line in lines:
                if contract_id is None or contract_of(line) == contract_id:
                    totals[companies[line.move], line.account.code or "", line.foreign] += line.balance
        rows = []
        for (company, account, foreign), total in totals.items():
            owner = self._books.entity_of(company)
            if owner is not None:
                entity, found = owner
                currency = foreign or found.currency.code
                rows.append(AccountBalance(entity, account, currency, quantize(total, currency)))
        return sorted(rows, key=lambda row: (row.legal_entity, row.account, row.currency))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _post_wave(self, wave: Sequence[ErpPosting], answers: dict[str, Answer]) -> None:
        """Post what does not depend on each other: no reversal comes with its original."""
        reversed_ids = {it.body.reverses_command_id for it in wave if isinstance(it.body, ReverseJournal)}
        known = self._moves({posting.command_id for posting in wave} | reversed_ids)
        posted = [moves[0] for posting in wave if (moves := known.get(posting.command_id)) and moves[0].posted]
        answers |= self._answers(posted)
        new = {posting.command_id: posting for posting in reversed(wave) if posting.command_id not in answers}
        if not new:
            return
        originals = self._originals([known[it][0] for it in reversed_ids & known.keys() if known[it][0].posted])
        sound: list[tuple[ErpPosting, Place]] = []
        for command_id, place in self._books.places(new.values()).items():
            posting = new[command_id]
            refusal = place if isinstance(place, PostingRejected) else refuse_reversal(posting, originals)
            if refusal is not None:
                answers[command_id] = refusal
            elif isinstance(place, Place):
                sound.append((posting, place))
        try:
            answers |= self._book(sound, known)
        except TrytonRefusal:
            # One of them, and Tryton does not say which: each by itself.
            self._books.forget()
            for posting, _ in sound:
                answers[posting.command_id] = self._book_one(posting)

    def _book_one(self, posting: ErpPosting) -> Answer:
        place = self._books.places([posting])[posting.command_id]
        if isinstance(place, PostingRejected):
            return place
        body = posting.body
        reversed_id = [body.reverses_command_id] if isinstance(body, ReverseJournal) else []
        known = self._moves([posting.command_id, *reversed_id])
        try:
            return self._book([(posting, place)], known)[posting.command_id]
        except TrytonRefusal as refusal:
            self._delete([move.id for move in self._read_moves("description", [posting.command_id]) if not move.posted])
            closed = self._session.call(
                "model.account.journal.period.search_count",
                [["period", "=", place.period], ["journal", "=", self._journal()], ["state", "!=", "open"]],
                *(0, None, {}),
                kind=int,
            )
            code = "closed_period" if closed else "refused_by_erp"
            return final(code, f"Tryton refuses it: {refusal}")

    def _book(
        self, sound: Sequence[tuple[ErpPosting, Place]], known: Mapping[str, Sequence[MoveRow]]
    ) -> dict[str, PostingAccepted]:
        """Make drafts, look again, post. Raises TrytonRefusal: then some may be drafts or posted."""
        drafts = [self._draft(posting, place, known) for posting, place in sound if posting.command_id not in known]
        if drafts:
            self._session.call("model.account.move.create", drafts, {}, kind=list[int])
        wanted = [posting.command_id for posting, _ in sound]
        found = self._moves(wanted)
        self._delete([move.id for moves in found.values() for move in moves[1:] if not move.posted])
        to_post: defaultdict[int, list[int]] = defaultdict(list)
        for moves in found.values():
            if not moves[0].posted:
                to_post[moves[0].company].append(moves[0].id)
        for ids in to_post.values():  # Tryton 8.0 fails when it is to post moves of two companies at once
            self._session.call("model.account.move.post", sorted(ids), {}, kind=object)
        answers = self.posted(wanted)
        lacking = [command_id for command_id in wanted if command_id not in answers]
        if lacking:
            raise ConnectorUnavailable(f"Tryton does not show what it has posted: {', '.join(lacking)}; post again")
        return answers

    def _draft(self, posting: ErpPosting, place: Place, known: Mapping[str, Sequence[MoveRow]]) -> dict[str, object]:
        body = posting.body
        lines = [line_values(posting, line, place.accounts[line.account], place.second_currency) for line in body.lines]
        origin = f"account.move,{known[body.reverses_command_id][0].id}" if isinstance(body, ReverseJournal) else None
        return {
            "company": place.company,
            "period": place.period,
            "journal": self._journal(),
            "date": posting.posting_date,
            "description": posting.command_id,
            "origin": origin,
            "lines": [["create", lines]],
        }

    def _journal(self) -> int:
        if self._journal_id is None:
            domain = [["code", "=", self._journal_code]]
            found = self._session.call(_JOURNAL_LOOKED_UP, domain, 0, 1, None, {}, kind=list[int])
            if not found:
                raise ConnectorUnavailable(f"Tryton has no journal with the code {self._journal_code}; make it there")
            self._journal_id = found[0]
        return self._journal_id

    def _moves(self, command_ids: Collection[str]) -> dict[str, list[MoveRow]]:
        """Return the moves of commands: the one that counts first, which is posted, or else the oldest draft."""
        found: defaultdict[str, list[MoveRow]] = defaultdict(list)
        for move in self._read_moves("description", sorted(command_ids)):
            found[move.description].append(move)
        return {name: sorted(moves, key=lambda it: (not it.posted, it.id)) for name, moves in found.items()}

    def _read_moves(self, field: str, values: Sequence[str] | Sequence[int]) -> Iterator[MoveRow]:
        for chunk in chunks(values, _IDS_A_CALL):
            domain = [[field, "in", chunk]]
            yield from self._session.call(
                "model.account.move.search_read", domain, 0, None, None, MOVE_FIELDS, {}, kind=list[MoveRow]
            )

    def _answers(self, moves: Sequence[MoveRow]) -> dict[str, PostingAccepted]:
        lines: defaultdict[int, list[LineRow]] = defaultdict(list)
        for line in self._lines_of(moves):
            lines[line.move].append(line)
        return {move.description: self._answer(move, lines[move.id]) for move in moves}

    def _answer(self, move: MoveRow, lines: Sequence[LineRow]) -> PostingAccepted:
        owner = self._books.entity_of(move.company)
        if owner is None:
            raise ConnectorUnavailable(
                f"move {move.number} of command {move.description} is of company {move.company}, which is no entity of "
                "entities.yaml; correct the company's party, or the entity"
            )
        entity, company = owner
        return PostingAccepted(
            document_number=move.number or "",
            period=self._books.period_of(entity, move.date),
            lines=tuple(journal_line(line, company.currency.code) for line in lines),
        )

    def _originals(self, moves: Sequence[MoveRow]) -> dict[str, Original]:
        """Return what reversals must agree with."""
        currencies = {line.move: line.foreign for line in self._lines_of(moves)}
        originals = {}
        for move in moves:
            owner = self._books.entity_of(move.company)
            entity, currency = (owner[0], owner[1].currency.code) if owner is not None else ("", "")
            originals[move.description] = Original(entity, currencies.get(move.id) or currency)
        return originals

    def _delete(self, drafts: Sequence[int]) -> None:
        if drafts:
            self._session.call("model.account.move.delete", list(drafts), {}, kind=object)

    def _lines_of(self, moves: Sequence[MoveRow]) -> Iterator[LineRow]:
        """Return the lines of moves; those of one move in their order."""
        for chunk in chunks([move.id for move in moves], _IDS_A_CALL):
            yield from self._search_lines([["move", "in", chunk]], None)

    def _search_lines(self, domain: list[object], limit: int | None) -> list[LineRow]:
        method = "model.account.move.line.search_read"
        return self._session.call(method, domain, 0, limit, [["id", "ASC"]], LINE_FIELDS, {}, kind=list[LineRow])

    def _pages(self, contract_id: str | None) -> Iterator[list[LineRow]]:
        """Return the lines of posted moves, a page at a time."""
        last = 0
        while True:
            domain: list[object] = [["move.state", "=", "posted"], ["id", ">", last]]
            if contract_id is not None:
                domain.append(["description", "like", contract_pattern(contract_id)])
            page = self._search_lines(domain, _LINES_A_PAGE)
            yield page
            if len(page) < _LINES_A_PAGE:
                return
            last = page[-1].id


def _waves(postings: Sequence[ErpPosting]) -> Iterator[list[ErpPosting]]:
    """Cut a call before every reversal of what is in the same part."""
    wave: list[ErpPosting] = []
    for posting in postings:
        body = posting.body
        if isinstance(body, ReverseJournal) and any(it.command_id == body.reverses_command_id for it in wave):
            yield wave
            wave = []
        wave.append(posting)
    if wave:
        yield wave
