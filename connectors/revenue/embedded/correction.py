"""Correcting what a contract was told earlier: its book is replayed (docs/accounting.md section 16).

A correction takes the place of the command that it corrects; what came later is executed again on top of it. What the
recognition runs have recognised stays recognised, so that the next run takes in the difference. Knows no rule of
accounting: every command is executed as it was the first time, by the function that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace as replace_outcome

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Obligation
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.refund import carried_over
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import (
    AccountingTreatment,
    CreditEffect,
    EstablishContract,
    ModifyContract,
    RecordBilling,
    RecordFulfilment,
    RevenueCommand,
    ReverseTransaction,
    ReviseEstimate,
    RunRecognition,
    TerminateContract,
    TreatmentDecision,
)

MOVED_MARK = "@v0:"
"""Stands before the entity and product line that an obligation had, in the id of what is to be taken back there."""

Execute = Callable[[Book | None, RevenueCommand], Outcome]


def correct(book: Book, command: RevenueCommand, earlier: Mapping[str, RevenueCommand], execute: Execute) -> Outcome:
    """Replay a contract with a command in the place of the one it corrects, which `earlier` holds.

    Raises CommandRefusedError when the correction, or a later command on top of it, cannot be executed.
    """
    target = earlier[command.corrects_command_id or ""]
    history = in_force(book.contract_id, earlier.values())
    if target.command_id not in history:
        raise CommandRefusedError(
            RefusalCode.ALREADY_REVERSED,
            f"{_named(target)} was corrected or taken back before; expected to correct it once. "
            "Correct what took its place.",
        )
    _check_fits(book, target, command)
    commands = [command if known is target else known for known in history.values()]
    outcome, replayed = _replay(commands, command, "With the correction", execute)
    if outcome is None:
        raise LookupError(f"{command.command_id} is not among the commands that were replayed")
    decisions = tuple(
        replace(decision, reason=f"in the place of {target.context.source_transaction_id}: {decision.reason}")
        for decision in outcome.decisions
    )
    return replace_outcome(outcome, book=_with_recognised(replayed, book), decisions=decisions)


def is_replayed(command: RevenueCommand) -> bool:
    """Tell whether taking a command back replays its contract without it: what it spread cannot be gathered again."""
    body = command.body
    if isinstance(body, RecordBilling):
        return body.credit and body.effect is CreditEffect.PRICE_REDUCTION
    return isinstance(body, RecordFulfilment | ReviseEstimate)


def take_back(book: Book, target: RevenueCommand, earlier: Mapping[str, RevenueCommand], execute: Execute) -> Outcome:
    """Replay a contract without a fulfilment, an estimate or a credit that reduced the price.

    Raises CommandRefusedError when it was taken back before, or a later command cannot be executed without it.
    """
    history = in_force(book.contract_id, earlier.values())
    if target.command_id not in history:
        raise CommandRefusedError(
            RefusalCode.ALREADY_REVERSED,
            f"{_named(target)} was corrected or taken back before; expected to take it back once. "
            "Take back what took its place.",
        )
    commands = [known for known in history.values() if known is not target]
    _, replayed = _replay(commands, None, f"Without {_named(target)}", execute)
    kept = _with_recognised(replayed, book)
    fulfilled = isinstance(target.body, RecordFulfilment)
    treatment = AccountingTreatment.NOT_A_MODIFICATION if fulfilled else AccountingTreatment.PRICE_CHANGE
    decision = TreatmentDecision(
        line_id=book.lines[0].line_id,
        treatment=treatment,
        reason=f"{_named(target)} is taken back: the contract is as it would be without it (accounting section 16.1)",
    )
    return Outcome(
        replace(kept, reversed_commands=(*book.reversed_commands, target.command_id)), treatment, (decision,)
    )


def in_force(contract_id: str, accepted: Iterable[RevenueCommand]) -> dict[str, RevenueCommand]:
    """Return the commands that make up a contract's book, in order: corrected ones replaced, reversed ones left out.

    Recognition runs are left out too: they change what is recognised, not what is earned.
    """
    history: dict[str, RevenueCommand] = {}
    for command in accepted:
        body = command.body
        if command.context.contract_id != contract_id or isinstance(body, RunRecognition):
            continue
        if isinstance(body, ReverseTransaction):
            history.pop(body.reverses_command_id, None)
        elif command.corrects_command_id in history:
            history = dict(
                (command.command_id, command) if known == command.corrects_command_id else (known, other)
                for known, other in history.items()
            )
        else:
            history[command.command_id] = command
    return history


def _check_fits(book: Book, target: RevenueCommand, command: RevenueCommand) -> None:
    found, expected = _kind(command), _kind(target)
    if found != expected:
        raise CommandRefusedError(
            RefusalCode.CORRECTION_INVALID,
            f"a {found} would correct {_named(target)}; expected a {expected}. Send what it should have been.",
        )
    creates = isinstance(command.body, EstablishContract | ModifyContract | TerminateContract)
    version, corrected = command.context.contract_version, target.context.contract_version
    if creates and version != corrected:
        raise CommandRefusedError(
            RefusalCode.VERSION_CONFLICT,
            f"the correction names version {version} and {_named(target)} created version {corrected}; "
            f"expected {corrected}. Name the version that is corrected.",
        )
    if isinstance(command.body, EstablishContract):
        found = f"{command.context.legal_entity} in {command.body.terms.currency}"
        if found != f"{book.legal_entity} in {book.currency}":
            raise CommandRefusedError(
                RefusalCode.CORRECTION_INVALID,
                f"contract {book.contract_id} would be of {found} and its books are of {book.legal_entity} in "
                f"{book.currency}; expected no change of them. Terminate the contract and sign a new one.",
            )


def _kind(command: RevenueCommand) -> str:
    renews = isinstance(command.body, ModifyContract) and command.body.renewal
    return "ModifyContract that renews" if renews else type(command.body).__name__


def _replay(
    commands: Iterable[RevenueCommand], correction: RevenueCommand | None, why: str, execute: Execute
) -> tuple[Outcome | None, Book]:
    """Return what the correction came to, if there is one, and the book after every command."""
    outcome: Outcome | None = None
    corrected: Outcome | None = None
    for command in commands:
        try:
            outcome = execute(None if outcome is None else outcome.book, command)
        except CommandRefusedError as refused:
            if command is correction:
                raise
            raise CommandRefusedError(
                RefusalCode.REPLAY_REFUSED,
                f"{why}, {_named(command)} could not be executed any more: {refused.reason} "
                "Correct that one first, or correct this one to something that leaves it possible.",
            ) from refused
        if command is correction:
            corrected = outcome
    if outcome is None:
        raise LookupError("a contract without a command was replayed")
    return corrected, outcome.book


def _with_recognised(replayed: Book, before: Book) -> Book:
    """Give a replayed book what the runs left on the book before.

    An obligation that is no more in its entity and product line, and of which something was recognised there, stays as
    an empty one: the next run takes back there what it has recognised.
    """
    recognised = {_place(obligation): obligation for obligation in before.obligations if obligation.recognised}
    kept: list[Obligation] = []
    for obligation in replayed.obligations:
        same = recognised.pop(_place(obligation), None)
        kept.append(replace(obligation, recognised=same.recognised if same is not None else 0))
    taken = {obligation.obligation_id for obligation in kept}
    gone: list[Obligation] = []
    for group, obligation in enumerate(recognised.values(), replayed.next_group):
        gone.append(_emptied(obligation, group, taken))
        taken.add(gone[-1].obligation_id)
    return replace(
        carried_over(replayed, before),
        obligations=(*kept, *gone),
        runs=before.runs,
        interest=before.interest,
        reversed_commands=before.reversed_commands,
    )


def _place(obligation: Obligation) -> tuple[str, str, str]:
    """Return which obligation it is, and where it was recognised."""
    name, _, _ = obligation.obligation_id.partition(MOVED_MARK)
    return name, obligation.legal_entity, obligation.product_line


def _emptied(obligation: Obligation, group: int, taken: Collection[str]) -> Obligation:
    name, entity, product_line = _place(obligation)
    return Obligation(
        obligation_id=name if name not in taken else f"{name}{MOVED_MARK}{entity}/{product_line}",
        line_id=obligation.line_id,
        group=group,
        product_line=obligation.product_line,
        legal_entity=obligation.legal_entity,
        pattern=obligation.pattern,
        start=obligation.start,
        end=obligation.end,
        price=0,
        ssp=0,
        removed_on=obligation.start,
        recognised=obligation.recognised,
    )


def _named(command: RevenueCommand) -> str:
    return f"{type(command.body).__name__} {command.context.source_transaction_id} of {command.effective_date}"
