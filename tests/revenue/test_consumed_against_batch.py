"""Credits, minimums, invoiced work, options, corrections: engine and independent calculation come to the same.

What `test_against_batch` draws at random has few of these on one contract; this does little else.
"""

from __future__ import annotations

import datetime as dt
from copy import deepcopy
from decimal import Decimal

from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.revenue.embedded import recognise
from streams.records import (
    ContractAmended,
    ContractLine,
    CreditEffect,
    DocumentLine,
    EstablishContract,
    EstimateChanged,
    LineChange,
    MaterialRight,
    ModifyContract,
    PossibleOutcome,
    RecordBilling,
    RecordFulfilment,
    RecordUsage,
    RevenueAccepted,
    RevenueRejected,
    ReverseTransaction,
    ReviseEstimate,
    TerminateContract,
    UsageRated,
    VariableConsideration,
)
from tests.oracle import using
from tests.oracle.obligation import Refused, require
from tests.oracle.reading import UnsupportedHistory
from tests.oracle.replay import REPLAYED, Accepted, priced, replay
from tests.oracle.worksheet import Worksheet
from tests.revenue.commands import (
    AS_INVOICED,
    MONTHLY,
    POINT,
    PREPAID,
    UNITS,
    USAGE,
    CommandBody,
    Contract,
    amend,
    breakage,
    change,
    command,
    day,
    deliver,
    establish,
    estimate,
    fulfil,
    line,
    renew,
    terminate,
    undo,
)
from tests.revenue.test_against_batch import EXAMPLES, STRICTER, agree, refusal, told

Step = tuple[str, CommandBody, int | None]
"""A day, what happens, and which step it corrects."""

days = st.dates(day("2026-01-01"), day("2026-12-31")).map(dt.date.isoformat)
few = st.integers(1, 900).map(str)


class Beside:
    """The calculation, told the same as the engine."""

    def __init__(self, signed: Accepted) -> None:
        self.accepted = [signed]
        self.sheet = self._again([signed])

    def refusal_of(self, body: CommandBody, event: Accepted | None, target: str | None) -> str:
        """Do what a step says; return why it cannot be, or nothing."""
        if isinstance(body, ReverseTransaction):
            return self.refusal_to_undo(body.reverses_command_id)
        assert event is not None
        return self.refusal(event) if target is None else self.refusal_to_correct(target, event)

    def refusal(self, event: Accepted) -> str:
        """Take an event in; return why it cannot be, or nothing."""
        before = deepcopy(self.sheet)
        reason = refusal(self.sheet, event)
        if reason:
            assert deepcopied(self.sheet) == deepcopied(before), "what is refused has changed nothing"
            return reason
        self.accepted.append(event)
        return ""

    def refusal_to_correct(self, target: str, event: Accepted) -> str:
        """Let an event take the place of another; return why it cannot, or nothing."""
        again = [event if it.transaction == target else it for it in self.accepted]
        try:
            require(any(it.transaction == target and it.kind == event.kind for it in self.accepted), "nothing there")
            self.sheet = self._again(again)
        except Refused as reason:
            return str(reason)
        self.accepted = again
        return ""

    def refusal_to_undo(self, target: str) -> str:
        """Take an event back; return why it cannot be, or nothing."""
        found = next((it for it in self.accepted if it.transaction == target), None)
        if found is None or found.kind.startswith("Contract"):
            return "nothing to take back"
        left, before = [it for it in self.accepted if it is not found], deepcopy(self.sheet)
        try:
            if found.kind in REPLAYED or priced(found, self.sheet):
                self.sheet = self._again(left)
            else:
                using.take_back(self.sheet, target)
                using.require_rated(self.sheet)
        except Refused as reason:
            self.sheet = before
            return str(reason)
        self.accepted = left
        return ""

    @staticmethod
    def _again(events: list[Accepted]) -> Worksheet:
        sheet = replay(events)
        assert sheet is not None
        return sheet


def deepcopied(sheet: Worksheet) -> object:
    """Return what a worksheet says."""
    return {o.name: (o.allocated, o.price, o.end, o.removed) for o in sheet.obligations}, sheet.schedule()


def credits(name: str, draw: st.DrawFn, start: str = "2026-01-01") -> ContractLine:
    """Draw a line of credits: with a price, or of points that come with a sale."""
    points = draw(st.booleans())
    end = draw(st.sampled_from(["2026-06-30", "2026-12-31"])) if start == "2026-01-01" else "2027-03-31"
    return line(
        name,
        "0" if points else draw(few),
        draw(few),
        pattern=PREPAID,
        quantity=str(draw(st.integers(1, 900))),
        start=start,
        end=end,
        breakage=draw(st.sampled_from(["0", "0", "10", "12.5", "40"])),
    )


def minimum(name: str, draw: st.DrawFn, start: str = "2026-01-01", *, at_ssp: bool = False) -> ContractLine:
    """Draw a line of usage with a minimum."""
    price = draw(few)
    ssp = price if at_ssp else draw(few)
    months = draw(st.sampled_from([0, 1, 3, 6]))
    end = (dt.date.fromisoformat(start).replace(year=2027) - dt.timedelta(days=1)).isoformat()
    return line(name, price, ssp, pattern=USAGE, months=months, start=start, end=end)


def consume(draw: st.DrawFn, name: str, on: str) -> RecordUsage:
    """Draw the use of a line."""
    amount = draw(st.sampled_from([0, 1, 7, 50, 120, 333, -5, -60]))
    points = draw(st.booleans())
    rated = UsageRated(
        line_id=name,
        usage_start=day(on),
        usage_end=day(on),
        quantity=Decimal(abs(amount) if points else 1),
        amount=Decimal(0 if points else amount),
    )
    return RecordUsage(usage=rated)


def bill(draw: st.DrawFn, name: str) -> RecordBilling:
    """Draw an invoice or a credit of a line."""
    until = draw(st.one_of(st.none(), days.map(day)))
    lines = (DocumentLine(line_id=name, net=Decimal(draw(st.integers(0, 400))), service_end=until),)
    kind = draw(st.sampled_from(["bill", "bill", "credit", "reduce"]))
    effect = CreditEffect.PRICE_REDUCTION if kind == "reduce" else CreditEffect.BILLING_ONLY
    return RecordBilling(document_id="D", lines=lines, credit=kind != "bill", effect=effect)


@st.composite
def consumed(draw: st.DrawFn) -> tuple[EstablishContract, list[Step]]:
    """Draw a contract of every pattern that use and invoices earn, beside others, and what happens to it."""
    lines = [
        credits("C", draw),
        minimum("U", draw),
        line("T", "0", pattern=AS_INVOICED),
        line("M", "0", pattern=USAGE),
        line("S", draw(few), draw(few), pattern=MONTHLY),
        line("P", draw(few), draw(few), pattern=draw(st.sampled_from([UNITS, POINT])), quantity="6"),
    ]
    doubtful = draw(st.integers(0, 2)) == 0
    if doubtful and draw(st.booleans()):  # so that it can end in doubt
        lines = [it for it in lines if it.pattern in {MONTHLY, UNITS, POINT}]
    signed = len(lines)
    option = MaterialRight(option_id="O", product_line="x", ssp=Decimal(draw(few)), expires_on=day("2026-10-31"))
    lives = draw(st.integers(0, 3)) > 0
    kinds = "use use use use bill bill breakage estimate change add remove deliver undo exercise renew".split()
    kinds += ["bonus", "bonus", "anew"]
    kinds += ["doubt", "doubt", "sure", "kept", "kept"] if doubtful else []
    kinds += [] if lives else ["end"]
    steps: list[Step] = []
    drawn: list[str] = []
    for number in range(draw(st.integers(1, 9))):
        earlier = [at for at, kind in enumerate(drawn) if kind not in {"use", "bill", "undo", "correction"}]
        on = draw(days)
        if earlier and draw(st.integers(0, 3)) == 0:
            corrected = draw(st.sampled_from(earlier))
            drawn.append("correction")
            steps.append((on, _happens(draw, drawn[corrected], on, corrected, lines), corrected))
            continue
        drawn.append(draw(st.sampled_from(kinds)))
        body = _happens(draw, drawn[-1], on, number, lines)
        if isinstance(body, ModifyContract):
            lines += body.change.added_lines
        steps.append((on, body, None))
    terms = establish(*lines[:signed], options=[option]).terms
    return EstablishContract(terms=replace(terms, collection_probable=not (doubtful and draw(st.booleans())))), steps


def _happens(draw: st.DrawFn, kind: str, on: str, number: int, lines: list[ContractLine]) -> CommandBody:
    """Draw something of a kind."""
    names = [it.line_id for it in lines]
    target = draw(st.sampled_from(names))
    match kind:
        case "use":
            return consume(draw, draw(st.sampled_from([*"CCUUM", target])), on)
        case "bill":
            return bill(draw, draw(st.sampled_from(["T", "T", target])))
        case "breakage":
            return breakage(draw(st.sampled_from(["C", "C", target])), str(draw(st.integers(0, 99))))
        case "estimate":
            return estimate(str(draw(st.integers(-300, 300).filter(bool))), draw(st.sampled_from([None, target])))
        case "change":
            return amend(_terms(draw, target, lines))
        case "add":
            fresh = f"A{number}"
            added = [
                credits(fresh, draw, on),
                minimum(fresh, draw, on, at_ssp=draw(st.booleans())),
                line(fresh, "0", pattern=AS_INVOICED, start=on),
                line(fresh, draw(few), draw(few), pattern=MONTHLY, start=on, end="2027-02-28"),
            ]
            return amend(added=[draw(st.sampled_from(added))])
        case "bonus":
            bonus = VariableConsideration(variable_id=f"V{number}", outcomes=_certain(draw), line_ids=(target,))
            if draw(st.booleans()):
                first = draw(days.map(day))
                bonus = replace(bonus, service_start=first, service_end=draw(st.dates(first, day("2026-12-31"))))
            return ModifyContract(change=ContractAmended(variable=(bonus,)))
        case "anew":
            known = f"V{draw(st.integers(0, number))}"
            return ReviseEstimate(estimate=EstimateChanged(variable_id=known, outcomes=_certain(draw)))
        case "doubt" | "sure":
            assessed = EstimateChanged(collection_probable=kind == "sure", basis="what the customer can pay")
            return ReviseEstimate(estimate=assessed)
        case "kept":
            kept = EstimateChanged(consideration_kept=Decimal(draw(few)), basis="the service has stopped for good")
            return ReviseEstimate(estimate=kept)
        case "remove":
            return amend(removed=[target])
        case "deliver":
            return draw(st.sampled_from([deliver("P", str(draw(st.integers(1, 8)))), fulfil("P"), fulfil("O")]))
        case "end":
            return terminate(draw(st.sampled_from(["0", "0", "70", "2000"])), draw(st.sampled_from(["0", "30"])))
        case "undo":
            return undo(f"c{draw(st.integers(2, 9))}")
        case "exercise":
            seats = line(f"N{number}", draw(few), draw(few), start="2026-06-01", end="2027-05-31", pattern=MONTHLY)
            if draw(st.booleans()):
                return renew(seats, minimum(f"Q{number}", draw, "2026-11-01"), exercised=["O"])
            return ModifyContract(change=ContractAmended(added_lines=(seats,), exercised_options=("O",)))
        case _:
            return renew(credits(f"R{number}", draw, "2027-01-01"), minimum(f"V{number}", draw, "2026-12-01"))


def _certain(draw: st.DrawFn) -> tuple[PossibleOutcome, ...]:
    return (PossibleOutcome(amount=Decimal(draw(st.integers(-20, 300))), probability=Decimal(1)),)


def _terms(draw: st.DrawFn, target: str, lines: list[ContractLine]) -> LineChange:
    """Draw new terms of a line: half of them leave its price."""
    old = next(it for it in lines if it.line_id == target)
    price, ssp = (str(old.price), str(old.ssp)) if draw(st.booleans()) else (draw(few), draw(few))
    quantity = draw(st.sampled_from([None, None, "8", "1"]))
    end = draw(st.sampled_from([None, None, "2026-09-15", "2027-03-31"]))
    return change(target, price, ssp, quantity=quantity, end=end)


CORRECTABLE = (ModifyContract, TerminateContract, RecordFulfilment, ReviseEstimate)


@settings(max_examples=EXAMPLES, deadline=None)
@given(consumed())
def test_the_engine_agrees_with_the_independent_calculation_on_what_is_used_and_corrected(
    drawn: tuple[EstablishContract, list[Step]],
) -> None:
    signed, steps = drawn
    contract = Contract()
    contract.do(signed)
    beside = Beside(told(1, 1, "2026-01-01", signed))
    agree(contract, beside.sheet)
    for on, body, corrects in steps:
        target = correctable(contract, body, corrects)
        answer, event_told = do(contract, on, body, target)
        if isinstance(answer, RevenueRejected) and answer.code in STRICTER:
            event(f"stricter: {answer.code}")
            continue
        try:
            reason = beside.refusal_of(body, event_told, target)
        except UnsupportedHistory as unknown:
            event(f"beyond the calculation: {unknown}")
            return
        assert bool(reason) != isinstance(answer, RevenueAccepted), (on, body, target, answer, reason)
        if isinstance(answer, RevenueAccepted):
            event(f"both accept: {type(body).__name__}{' in the place of another' if target else ''}")
            agree(contract, beside.sheet)
            if isinstance(body, ModifyContract | TerminateContract) and target is None:
                assert answer.treatment == beside.sheet.treatments[-1]
        else:
            event(f"both refuse: {answer.code}")


def correctable(contract: Contract, body: CommandBody, corrects: int | None) -> str | None:
    """Return the command whose place another may take: accepted, of its kind, not corrected yet."""
    target = "" if corrects is None else f"c{corrects + 2}"
    known = contract.accepted.get(target)
    if known is None or not isinstance(body, CORRECTABLE) or type(known.body) is not type(body):
        return None
    corrected = any(it.corrects_command_id == target for it in contract.accepted.values())
    return None if corrected else target


def do(
    contract: Contract, on: str, body: CommandBody, target: str | None
) -> tuple[RevenueAccepted | RevenueRejected, Accepted | None]:
    """Let the engine do it; return its answer, and the same for the calculation unless it is a reversal."""
    assert contract.book is not None
    if target is None:
        version = contract.book.version + isinstance(body, ModifyContract | TerminateContract)
        answer = contract.try_(body, on)
        reversal = isinstance(body, ReverseTransaction)
        return answer, None if reversal else told(contract.count, version, on, body)
    version = contract.accepted[target].context.contract_version
    contract.count += 1
    sent = command(body, on, version=version, command_id=f"c{contract.count}")
    sent = replace(sent, corrects_command_id=target)
    contract.book, answer = recognise(contract.book, sent, contract.accepted)
    if isinstance(answer, RevenueAccepted):
        contract.accepted[sent.command_id] = sent
    return answer, told(contract.count, version, on, body)
