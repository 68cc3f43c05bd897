"""Small histories of several contracts, drawn by hypothesis, and ways to let them happen in another order.

A history is what was published, in order: valid for the most part, with events that come early, twice, in the wrong
order, corrected before they come, or refused.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.erp.ledger.memory import MemoryLedger
from connectors.revenue.embedded.memory import MemoryRevenuePlatform
from streams.core.policy import Policy
from streams.records import CommercialEvent, ErpPosting, PeriodOpened, RevenueAck
from streams.simulation import World
from tests.core.builders import (
    CONFIGURATION,
    POLICY,
    START,
    USAGE_LINE,
    Body,
    added,
    billed,
    credit,
    event,
    invoice,
    line,
    payment,
    period_end,
    refund,
    signed,
    terminated,
    upgraded,
    usage,
)

CORRECTABLE = ("bill", "pay", "use", "credit")
KINDS = (
    *("bill", "bill", "bill", "upgrade", "upgrade", "add", "pay", "pay", "use", "use"),
    *("credit", "refund", "fix", "fix", "fix", "wrong", "wrong", "numbered", "numbered", "add", "end"),
    *("again", "lost", "misfix"),
)


@dataclass
class Plan:
    """A contract whose history is being drawn."""

    contract: str
    draw: st.DrawFn
    version: int = 1
    happened: list[CommercialEvent] = field(default_factory=list)
    corrected: set[str] = field(default_factory=set)
    numbers: int = 0
    numbered: int = 0
    ended: bool = False

    def tell(self, kind: str) -> None:
        """Let something of a kind happen, when it can."""
        if self.ended and kind in ("upgrade", "add", "use", "end"):
            return
        amount = f"{self.draw(st.integers(1, 900))}.{self.draw(st.integers(0, 99)):02d}"
        day = self.draw(st.dates(dt.date(2026, 1, 1), dt.date(2026, 5, 31))).isoformat()
        match kind:
            case "bill":
                taxes = self.draw(st.sampled_from([(), (("US-CA", "7.25"),), (("US-NY", "1.00"), ("DE", "0.19"))]))
                self._add(kind, invoice(self._number("I"), billed(amount, taxes=taxes)), day)
            case "numbered":
                self.numbered += 1
                body = invoice(self._number("I"), billed(amount))
                self._add(kind, body, day, source="zuora", sequence=self.numbered)
            case "upgrade":
                self.version += 1
                price = f"{1200 + 100 * self.version}.00"
                self._add(kind, upgraded(price), f"2026-{min(self.version, 11):02d}-10", source="crm")
            case "add":
                self.version += 1
                entity = self.draw(st.sampled_from([None, "ACME-DE"]))
                new = line(f"A{self.version}", "330.00", product_line="support", entity=entity)
                self._add(kind, added(new), f"2026-{min(self.version, 11):02d}-10", source="crm")
            case "use":
                self._add(kind, usage(amount, day), day, source="metering")
            case "wrong":
                self._add(kind, invoice(self._number("I"), billed(amount, "NO-SUCH-LINE")), day)
            case "end":
                self.version, self.ended = self.version + 1, True
                self._add(kind, terminated("0.00"), "2026-12-31", source="crm")
            case "again":
                self.numbered += 1
                self._add(kind, signed(), day, source="zuora", sequence=self.numbered)
            case "lost":
                self._add(kind, payment(self._number("P"), "NO-SUCH-INVOICE", amount), day)
            case "fix":
                self._fix(kind, amount, day)
            case "misfix":
                self._fix(kind, amount, day, "NO-SUCH-LINE")
            case _:
                self._about_an_invoice(kind, amount, day)

    def _about_an_invoice(self, kind: str, amount: str, day: str) -> None:
        invoices = [str(getattr(it.body, "invoice_id", "")) for it in self.happened if it.event_type == "InvoiceIssued"]
        if not invoices:
            return
        number = self.draw(st.sampled_from(invoices))
        bodies: dict[str, Body] = {
            "pay": payment(self._number("P"), number, amount),
            "refund": refund(self._number("R"), number, amount),
            "credit": credit(self._number("N"), billed(amount), of=number),
        }
        self._add(kind, bodies[kind], day)

    def _fix(self, kind: str, amount: str, day: str, line_id: str = "L1") -> None:
        open_ones = [
            it
            for it in self.happened
            if it.event_id.split("-")[1] in (*CORRECTABLE, "fix", "misfix", "wrong")
            and it.event_id not in self.corrected
        ]
        if not open_ones:
            return
        original = self.draw(st.sampled_from(open_ones))
        self.corrected.add(original.event_id)
        match original.event_type:
            case "InvoiceIssued":
                body: Body = invoice(str(getattr(original.body, "invoice_id", "")), billed(amount, line_id))
            case "PaymentReceived":
                body = payment(self._number("P"), str(getattr(original.body, "invoice_id", "")), amount)
            case "CreditIssued":
                body = credit(self._number("N"), billed(amount, line_id))
            case _:
                body = usage(amount, day)
        self._add(kind, body, day, supersedes=original.context.source_transaction_id)

    def _number(self, letter: str) -> str:
        self.numbers += 1
        return f"{letter}{self.numbers}"

    def _add(
        self,
        kind: str,
        body: Body,
        day: str,
        *,
        source: str = "stripe",
        sequence: int | None = None,
        supersedes: str | None = None,
    ) -> None:
        name = f"{self.contract}-{kind}-{len(self.happened)}"
        happened = event(
            name,
            body,
            version=self.version,
            on=day,
            contract=self.contract,
            source=source,
            sequence=sequence,
            supersedes=supersedes,
        )
        self.happened.append(happened)


@st.composite
def histories(draw: st.DrawFn) -> list[CommercialEvent]:
    """Draw what is published: up to three contracts, period ends between, some events out of place."""
    published: list[tuple[int, int, CommercialEvent]] = []
    for number in range(draw(st.integers(1, 3))):
        plan = Plan(f"C{number}", draw)
        plan._add("sign", signed(line(), line("L2", "600.00", product_line="services"), USAGE_LINE), "2026-01-01")
        for _ in range(draw(st.integers(0, 16))):
            plan.tell(draw(st.sampled_from(KINDS)))
        for place, happened in enumerate(plan.happened):
            moved = draw(st.sampled_from([0, 0, 0, 0, -1, -3, 4]))
            published.append((10 * (place + moved), number, happened))
    for number, period in enumerate(("2026-01", "2026-02", "2026-03")):
        for entity in ("ACME-US", "ACME-DE"):
            place = draw(st.integers(0, 6)) * 10 + 50 * number + 5
            published.append((place, 9, period_end(period, entity=entity)))
    # Locks are left out: whether a contract has something open then depends on how far answers have come.
    entity, period = draw(st.sampled_from(["ACME-US", "ACME-DE"])), draw(st.sampled_from(["2026-01", "2026-03"]))
    approval = draw(st.sampled_from(["", "controller"]))
    opened = PeriodOpened(period=period, approved_by=approval, reason=approval)
    place = draw(st.integers(0, 24)) * 10 + 6
    published.append((place, 9, event(f"open-{period}", opened, version=0, contract="*", entity=entity, source="erp")))
    if draw(st.booleans()):
        again = period_end(period, entity=entity, event_id=f"close-again-{period}")
        published.append((place + draw(st.integers(1, 9)) * 10, 9, again))
    last = max(place for place, _, _ in published) + 1
    published += [(last, 9, period_end("2026-06", entity=entity)) for entity in ("ACME-US", "ACME-DE")]
    published.sort(key=lambda entry: entry[:2])
    return [happened for _, _, happened in published]


@dataclass
class Ending:
    """Where a history ends, in all that must not depend on timing."""

    postings: Counter[tuple[object, ...]]
    versions: dict[str, int]
    statuses: dict[str, str]
    exceptions: set[str]
    balances: dict[tuple[str, str, str], object]


class Stage:
    """A world whose queues are stepped in any order, with repetitions, and watched."""

    def __init__(self, policy: Policy = POLICY) -> None:
        entities = policy.first_open_periods
        self.ledger = MemoryLedger(CONFIGURATION.chart.numbers, entities)
        self.world = World(policy, MemoryRevenuePlatform(), self.ledger, lambda: START)
        self.offered = 0
        self._acknowledged: set[str] = set()
        self._released: dict[str, ErpPosting] = {}

    def in_order(self, history: Sequence[CommercialEvent]) -> Stage:
        """Let everything happen one after the other, each event to its end."""
        for happened in history:
            self._offer(happened)
            self.world.settle()
        return self

    def shuffled(self, history: Sequence[CommercialEvent], random: Random, repeat: float = 0.2) -> Stage:
        """Let the queues advance at random, each in its order, and records come again."""
        waiting = deque(history)
        delay = random.choice((0.05, 0.3, 0.7))
        while waiting or any(self.world.queues):
            if waiting and random.random() < 0.5:
                self._offer(waiting.popleft())
                continue
            queues = [queue for queue in self.world.queues if queue]
            if not queues:
                continue
            queue = queues[-1] if random.random() < delay else random.choice(queues)
            self._step(queue, random, repeat)
        return self

    def _offer(self, happened: CommercialEvent) -> None:
        self.offered += 1
        self.world.offer(happened)

    def _step(self, queue: Sequence[object], random: Random, repeat: float) -> None:
        record = queue[0]
        if random.random() < repeat:
            assert isinstance(queue, deque)
            queue.append(record)
            self.offered += isinstance(record, CommercialEvent)
        before = len(self.world.erp_postings)
        if isinstance(record, RevenueAck):
            self._acknowledged.add(record.command_id)
        self.world.step(queue)
        for posting in list(self.world.erp_postings)[before:]:
            self._watch(posting)

    def _watch(self, posting: ErpPosting) -> None:
        """No posting comes before the acknowledgment of the revenue command that releases it."""
        if posting.revenue_command_id is not None:
            assert posting.revenue_command_id in self._acknowledged, f"{posting} was released early"
        first = self._released.setdefault(posting.command_id, posting)
        assert posting == first

    def ending(self) -> Ending:
        """Return where it ended."""
        return Ending(
            postings=Counter(
                (it.command_id, it.legal_entity, it.posting_date, it.context, it.body) for it in self.ledger.postings
            ),
            versions={name: contract.version for name, contract in self.world.contracts.items()},
            statuses={name: status.value for name, status in self.world.status.items() if "close" not in name},
            exceptions=set(self.world.exceptions),
            balances={(it.legal_entity, it.account, it.currency): it.balance for it in self.ledger.balances()},
        )


def across_contracts(history: Sequence[CommercialEvent], random: Random) -> list[CommercialEvent]:
    """Return the history in another order across contracts, the same for each contract and around period ends."""
    result: list[CommercialEvent] = []
    between: dict[str, deque[CommercialEvent]] = {}

    def flush() -> None:
        while between:
            name = random.choice(sorted(between))
            result.append(between[name].popleft())
            if not between[name]:
                del between[name]

    for happened in history:
        if happened.context.contract_id == "*":
            flush()
            result.append(happened)
        else:
            between.setdefault(happened.context.contract_id, deque()).append(happened)
    flush()
    return result


def with_repetitions(history: Sequence[CommercialEvent], random: Random) -> list[CommercialEvent]:
    """Return the history with some events published again, later."""
    result = list(history)
    for happened in history:
        if random.random() < 0.2:
            first = result.index(happened)
            result.insert(random.randint(first + 1, len(result)), replace(happened))
    return result
