"""Several threads and processes post the same commands to one database: each is booked once."""

from __future__ import annotations

import multiprocessing
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from decimal import Decimal

from connectors.erp.ledger import EmbeddedLedger
from streams.records import ErpPosting, PostingAccepted, PostingRejected
from tests.ledger.postings import ACCOUNTS, ENTITIES, posting

COMMANDS = 400
CALL = 40
Answers = dict[str, set[tuple[str, str]]]


def commands(count: int = COMMANDS) -> list[ErpPosting]:
    return [
        posting(f"n{n}", entity=entity, currency=currency)
        for n in range(count)
        for entity, currency in [(("ACME-US", "USD"), ("ACME-DE", "EUR"))[n % 2]]
    ]


def post_all(ledger: EmbeddedLedger, turn: int) -> Answers:
    """Post all commands, beginning at a place of its own, so that the racers meet in the middle."""
    many = commands()
    start = turn * COMMANDS // 3
    many = many[start:] + many[:start]
    answers: Answers = defaultdict(set)
    for first in range(0, len(many), CALL):
        call = many[first : first + CALL]
        for one, answer in zip(call, ledger.post(call), strict=True):
            assert isinstance(answer, PostingAccepted)
            answers[one.command_id].add((answer.document_number, answer.period))
    return dict(answers)


def post_all_in_a_process(url: str, turn: int) -> Answers:
    ledger = EmbeddedLedger(url, ACCOUNTS, ENTITIES)
    try:
        return post_all(ledger, turn)
    finally:
        ledger.close()


def assert_each_was_booked_once(ledger: EmbeddedLedger, answered: list[Answers]) -> None:
    entries = list(ledger.entries())
    assert len(entries) == len({entry.command_id for entry in entries}) == COMMANDS
    numbers = {entry.command_id: {(entry.document_number, entry.period)} for entry in entries}
    assert all(answers == numbers for answers in answered)
    for entity in ("ACME-US", "ACME-DE"):
        booked = sorted(entry.document_number for entry in entries if entry.legal_entity == entity)
        assert booked == [f"{entity}-2026-{number:06d}" for number in range(1, COMMANDS // 2 + 1)]
    assert sum((balance.balance for balance in ledger.balances()), Decimal(0)) == 0


def test_threads_that_share_a_ledger_book_each_command_once(ledger: EmbeddedLedger) -> None:
    with ThreadPoolExecutor(3) as pool:
        answered = list(pool.map(lambda turn: post_all(ledger, turn), range(3)))
    assert_each_was_booked_once(ledger, answered)


def test_processes_that_start_at_once_make_the_tables_and_book_each_command_once(
    database_url: str, open_ledger: Callable[[], EmbeddedLedger]
) -> None:
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(post_all_in_a_process, database_url, turn) for turn in range(3)]
        answered = [done.result() for done in as_completed(running, timeout=120)]
    assert_each_was_booked_once(open_ledger(), answered)


def test_the_same_command_for_two_entities_at_once_is_booked_for_one(
    open_ledger: Callable[[], EmbeddedLedger],
) -> None:
    ledgers = [open_ledger(), open_ledger()]
    for round_ in range(20):
        rivals = [posting(f"r{round_}"), posting(f"r{round_}", entity="ACME-DE", currency="EUR")]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda pair: pair[0].post([pair[1]])[0], zip(ledgers, rivals, strict=True)))
        assert answers[0] == answers[1]
    assert len(list(ledgers[0].entries())) == 20


def test_no_posting_lands_in_a_period_after_it_was_closed(open_ledger: Callable[[], EmbeddedLedger]) -> None:
    poster, closer = open_ledger(), open_ledger()
    poster.post([posting("warm-up")])
    for round_ in range(15):
        with ThreadPoolExecutor(1) as pool:
            posted = pool.submit(poster.post, [posting(f"{round_}-{n}") for n in range(20)])
            closer.close_period("ACME-US", "2026-03")
            before = {entry.command_id for entry in closer.entries()}
            answers = posted.result(timeout=60)
        after = {entry.command_id for entry in closer.entries()}
        assert before == after
        assert len({type(answer) for answer in answers}) == 1
        assert isinstance(answers[0], PostingAccepted | PostingRejected)
        closer.reopen_period("ACME-US", "2026-03")
