"""A contract's history for a reader at a terminal. Knows rich and words; works nothing out."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal

from rich import box
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from streams.core.money import ZERO, quantize
from streams.records import (
    AccountingTreatment,
    CreditIssued,
    InvoiceIssued,
    PaymentReceived,
    PeriodClosed,
    PostingRejected,
    RefundIssued,
    RevenueAccepted,
    RevenueAck,
    RevenueRejected,
    UsageRated,
)
from streams.timeline.history import ContractHistory, EventStory, Posted, Waiting

NO_AMOUNT = "-"


def render(history: ContractHistory, console: Console) -> None:
    """Print status, timeline, obligations and schedule, journals, exceptions and variances."""
    if not history.known:
        console.print(f"No topic knows the contract {escape(history.contract_id)}.", highlight=False)
        return
    for part in (status_lines, timeline, obligations, schedule, journals, exceptions, variances):
        shown = part(history)
        if shown is not None:
            console.print(shown, highlight=False)
            console.print()


def status_lines(history: ContractHistory) -> RenderableType | None:
    """Return where the contract stands."""
    status = history.status
    if status is None:
        return Text(f"{history.contract_id}: captured, not yet seen by orchestration")
    position = status.billed - status.recognised - history.interest
    kind = "contract liability" if position > 0 else "contract asset" if position < 0 else "contract position"
    amounts = (("billed", status.billed), ("recognised", status.recognised), (kind, abs(position)))
    text = Text.assemble(
        (history.contract_id, "bold"),
        f"  {status.context.customer_account}, {status.context.legal_entity}, version {status.version_in_force}, ",
        f"{status.state.value.lower().replace('_', ' ')}\n",
        f"{status.currency}  " + ", ".join(f"{name} {money(amount, status.currency)}" for name, amount in amounts),
    )
    pending = status.commands_pending + status.postings_pending
    if pending:
        text.append(f"\n{pending} commands wait for an answer", "yellow")
    for parked in status.parked:
        text.append(f"\nparked: {parked.event_type} {parked.event_id}: {parked.reason}", "yellow")
    for fault in history.unreadable:
        text.append(f"\nunreadable: {fault}", "red")
    return text


# --- the timeline ----------------------------------------------------------------------------------------------------


def timeline(history: ContractHistory) -> RenderableType:
    """Return the events in order of arrival with what became of each."""
    table = box_of("Timeline")
    table.add_column("date", no_wrap=True)
    table.add_column("event", max_width=34)
    table.add_column("what became of it", ratio=1)
    for story in history.stories:
        became = Text("\n").join(_became(story, history.currency))
        table.add_row(story.event.effective_date.isoformat(), _named(story, history.currency), became)
    return table


def _named(story: EventStory, currency: str) -> Text:
    event = story.event
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", event.event_type).lower()
    body = event.body
    match body:
        case PeriodClosed(period=period):
            return Text(f"{period} closed")
        case InvoiceIssued(lines=lines) | CreditIssued(lines=lines):
            net = sum((line.net for line in lines), ZERO)
            tax = sum((tax.amount for line in lines for tax in line.taxes), ZERO)
            amount = f"\n{money(net, currency)}" + (f" and tax {money(tax, currency)}" if tax else "")
        case PaymentReceived(amount=paid) | RefundIssued(amount=paid) | UsageRated(amount=paid):
            amount = f"\n{money(paid, currency)}"
        case _:
            amount = ""
    return Text.assemble((words, "bold"), f" {event.context.source_transaction_id}{amount}")


def _became(story: EventStory, currency: str) -> Iterator[Text]:
    for wait in story.waits:
        yield _waited(wait)
    revenue = [line for ack in story.revenue for line in _treated(ack, story, currency)]
    one_close = isinstance(story.event.body, PeriodClosed) and len(story.postings) == 1
    postings = [_posted(posted, with_total=not one_close) for posted in story.postings]
    if len(revenue) == len(postings) == 1:
        yield Text(", ").join((*revenue, *postings))
    else:
        yield from (*revenue, *postings)
    if story.duplicates:
        times = "once" if story.duplicates == 1 else f"{story.duplicates} times"
        yield Text(f"came again {times}: recognised as a duplicate, without effect", "cyan")


def _waited(wait: Waiting) -> Text:
    if wait.until is None:
        return Text(f"PARKED since {_clock(wait.since)}: {wait.reason}", "bold yellow")
    seconds = (wait.until - wait.since).total_seconds()
    return Text(
        f"PARKED {_clock(wait.since)}: {wait.reason}\nreleased {_clock(wait.until)}, after {seconds:.2f} s", "yellow"
    )


def _treated(ack: RevenueAck, story: EventStory, currency: str) -> Iterator[Text]:
    match ack.body:
        case RevenueRejected(code=code, reason=reason):
            yield Text(f"revenue REFUSED ({code}): {reason}", "red")
        case RevenueAccepted() as accepted if isinstance(story.event.body, PeriodClosed):
            recognised = sum((part.amount for part in accepted.recognised), ZERO)
            yield Text(f"recognised {money(recognised, currency)}" if recognised else "nothing to recognise")
        case RevenueAccepted(treatment=treatment, transaction_price=price, allocations=allocations) as accepted:
            changed = f", transaction price {money(price, currency)}" if allocations else ""
            name = "" if treatment is AccountingTreatment.NOT_A_MODIFICATION else f": {treatment.value}"
            yield Text(f"revenue accepted{name}{changed}")
            if name:
                for decision in accepted.decisions:
                    yield Text(f"{decision.line_id}: {decision.reason}", "dim")


def _posted(posted: Posted, *, with_total: bool) -> Text:
    posting = posted.posting
    total = money(sum((line.debit for line in posting.body.lines), ZERO), posting.currency)
    if posted.document_number is not None:
        return Text(f"posted {posted.document_number}" + (f", {total}" if with_total else ""), "green")
    if posted.ack is not None and isinstance(posted.ack.body, PostingRejected):
        return Text(f"ERP REFUSED {posting.legal_entity} {total}: {posted.ack.body.reason}", "red")
    return Text(f"sent to the ERP of {posting.legal_entity}, {total}: no answer yet", "yellow")


# --- tables ----------------------------------------------------------------------------------------------------------


def obligations(history: ContractHistory) -> RenderableType | None:
    """Return the performance obligations with their share of the price."""
    if not history.allocations:
        return None
    table = box_of(f"Performance obligations, {history.currency}")
    for name in ("obligation", "product line", "recognised"):
        table.add_column(name)
    for name in ("stand-alone price", "allocated", "no date yet"):
        table.add_column(name, justify="right")
    for part in history.allocations:
        amounts = (money(amount, history.currency) for amount in (part.ssp, part.allocated, part.unscheduled))
        table.add_row(part.obligation_id, part.product_line, part.pattern.value.lower().replace("_", " "), *amounts)
    return table


def schedule(history: ContractHistory) -> RenderableType | None:
    """Return the revenue by month and obligation."""
    if not history.schedule:
        return None
    names = [part.obligation_id for part in history.allocations]
    table = box_of(f"Revenue schedule, {history.currency}", footer=True)
    table.add_column("month", footer="total")
    totals = {name: sum((parts.get(name, ZERO) for parts in history.schedule.values()), ZERO) for name in names}
    for name in names:
        table.add_column(name, money(totals[name], history.currency), justify="right")
    table.add_column("total", money(sum(totals.values(), ZERO), history.currency), justify="right")
    for period, parts in history.schedule.items():
        cells = [money(parts[name], history.currency) if name in parts else NO_AMOUNT for name in names]
        table.add_row(period, *cells, money(sum(parts.values(), ZERO), history.currency))
    return table


def journals(history: ContractHistory) -> RenderableType | None:
    """Return the journals that were posted or released."""
    if not history.postings:
        return None
    table = box_of(f"Journals, {history.currency}")
    for name in ("date", "document", "description", "account"):
        table.add_column(name)
    for name in ("debit", "credit"):
        table.add_column(name, justify="right")
    for posted in history.postings:
        posting = posted.posting
        head = (posting.posting_date.isoformat(), posted.document_number or "not posted", posting.body.description)
        for line in posting.body.lines:
            dimension = line.jurisdiction or line.product_line or line.partner_entity
            account = f"{line.account} {dimension}".rstrip()
            sides = (money(side, posting.currency) if side else "" for side in (line.debit, line.credit))
            table.add_row(*head, account, *sides)
            head = ("", "", "")
    return table


def exceptions(history: ContractHistory) -> RenderableType | None:
    """Return the exceptions with who must act."""
    if not history.exceptions:
        return None
    table = box_of("Exceptions")
    for name in ("cause", "state", "owner", "due", "message"):
        table.add_column(name)
    for found in history.exceptions:
        owner = found.owner.value.lower().replace("_", " ")
        due = found.sla_due_at.isoformat(timespec="minutes")
        table.add_row(found.root_cause.value, found.state.value.lower(), owner, due, escape(found.message))
    return table


def variances(history: ContractHistory) -> RenderableType | None:
    """Return the variances that reconciliation has told, those that have ended included."""
    if not history.variances:
        return None
    table = box_of("Variances told by reconciliation")
    for name in ("measure", "entity", "systems"):
        table.add_column(name)
    for name in ("amounts", "difference"):
        table.add_column(name, justify="right")
    for found in history.variances:
        amounts = f"{money(found.left_amount, found.currency)} / {money(found.right_amount, found.currency)}"
        difference = money(found.difference, found.currency) if found.difference else "ended"
        systems = f"{found.left_system} / {found.right_system}"
        table.add_row(found.measure.value.lower(), found.legal_entity, systems, amounts, difference)
    return table


def money(amount: Decimal, currency: str) -> str:
    """Return an amount in the currency's minor unit, with thousands separated."""
    return f"{quantize(amount, currency):,f}"


def _clock(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%H:%M:%S.%f")[:-3]


def box_of(title: str, *, footer: bool = False) -> Table:
    """Return an empty table in the style of all of them."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        show_footer=footer,
    )
