"""The embedded revenue platform executes every command once, whoever sends it how often, on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec.structs import replace
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, insert, inspect, select, text

from connectors.protocols import ConnectorUnavailable, DatabaseOutdated, RevenuePlatform, RevenuePosition
from connectors.revenue.embedded import EmbeddedRevenuePlatform
from streams.embedded.process import free_port
from streams.records import RevenueAccepted, RevenueCommand, RevenueRejected
from tests.revenue.commands import (
    POINT,
    USAGE,
    CommandBody,
    amend,
    change,
    command,
    establish,
    estimate,
    fulfil,
    invoice,
    line,
    recognition,
    undo,
    usage,
)

Result = TypeVar("Result")
WAIT_SECONDS = 60


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'revenue.db'}"
    url: str = request.getfixturevalue("postgres").new_database()
    return url


@pytest.fixture
def platform(database: str) -> Iterator[EmbeddedRevenuePlatform]:
    opened = EmbeddedRevenuePlatform(database)
    yield opened
    opened.close()


def at_once(*calls: Callable[[], Result]) -> list[Result]:
    """Make calls in threads that start together."""
    barrier = threading.Barrier(len(calls))

    def call(make: Callable[[], Result]) -> Result:
        barrier.wait(WAIT_SECONDS)
        return make()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [done.result(WAIT_SECONDS) for done in [pool.submit(call, make) for make in calls]]


def sent(
    command_id: str, body: CommandBody, on: str = "2026-01-01", version: int = 1, of: str = "C-1"
) -> RevenueCommand:
    return command(body, on, version=version, command_id=f"{of}/{command_id}", contract_id=of)


def life(of: str = "C-1") -> list[RevenueCommand]:
    """Everything from signature to the first run, for one contract."""
    return [
        sent("sign", establish(line("L1", "365", quantity="1"), line("U", "0", pattern=USAGE)), of=of),
        sent("bill", invoice("I-1", L1="365"), of=of),
        sent("use", usage("U", "10.50", "2026-01-31"), of=of),
        sent("more", amend(change("L1", "700", "800", quantity="2")), "2026-07-01", version=2, of=of),
        sent("run", recognition("2026-01"), "2026-01-31", version=2, of=of),
    ]


def position(of: str = "C-1") -> RevenuePosition:
    """What the platform holds after that life: 31 days of 1.00 and the usage."""
    return RevenuePosition(of, "USD", Decimal("365.00"), Decimal("41.50"), Decimal("710.50"))


def test_it_is_a_revenue_platform(platform: EmbeddedRevenuePlatform) -> None:
    connector: RevenuePlatform = platform
    assert connector.execute([]) == []
    assert connector.position("C-1") is None
    assert list(platform.positions()) == []


def test_answers_come_in_the_order_of_the_commands(platform: EmbeddedRevenuePlatform) -> None:
    contracts = [f"C-{number:03d}" for number in range(20)]
    by_step = zip(*(life(of) for of in contracts), strict=True)
    commands = [each for step in by_step for each in step]
    unknown = sent("bill", invoice("I", L1="1"), of="C-999")
    answers = platform.execute([*commands, unknown])
    assert all(isinstance(answer, RevenueAccepted) for answer in answers[:-1])
    assert isinstance(answers[-1], RevenueRejected)
    assert answers[-1].code == "UNKNOWN_CONTRACT"
    runs = answers[-21:-1]
    assert all(isinstance(answer, RevenueAccepted) and answer.recognised for answer in runs)
    assert list(platform.positions()) == [position(of) for of in contracts]
    assert platform.position("C-999") is None


def test_one_call_or_many_give_the_same(database: str, platform: EmbeddedRevenuePlatform) -> None:
    whole = platform.execute(life("C-1"))
    for by_one, expected in zip(life("C-2"), whole, strict=True):
        assert platform.execute([by_one]) == [expected]
    assert [platform.position("C-1"), platform.position("C-2")] == [position("C-1"), position("C-2")]


def test_a_command_that_was_executed_gets_its_first_answer_and_changes_nothing(
    database: str, platform: EmbeddedRevenuePlatform
) -> None:
    first = platform.execute(life())
    late = platform.execute([sent("bill-2", invoice("I-2", L1="1"))])
    assert platform.execute(life()) == first
    assert platform.execute(list(reversed(life()))) == first[::-1]
    restarted = EmbeddedRevenuePlatform(database)
    assert restarted.execute([*life(), sent("bill-2", invoice("I-2", L1="1"))]) == first + late
    held = restarted.position("C-1")
    assert held is not None
    assert held.billed == Decimal("366.00")
    restarted.close()


def test_a_rejected_command_gets_the_same_answer_again(platform: EmbeddedRevenuePlatform) -> None:
    early = sent("bill", invoice("I-1", L1="365"))
    rejected = platform.execute([early])
    assert isinstance(rejected[0], RevenueRejected)
    assert platform.execute([life()[0], early])[1:] == rejected


def test_a_command_that_is_twice_in_one_call_is_executed_once(platform: EmbeddedRevenuePlatform) -> None:
    doubled = [each for each in life() for _ in range(2)]
    answers = platform.execute(doubled)
    assert answers[::2] == answers[1::2]
    assert platform.position("C-1") == position()


def test_a_reversal_finds_the_command_in_the_same_call_and_in_an_earlier_one(
    platform: EmbeddedRevenuePlatform,
) -> None:
    *_, undone = platform.execute([*life(), sent("undo", undo("C-1/bill"))])
    assert isinstance(undone, RevenueAccepted)
    assert undone.billed_total == 0
    used, again, other = platform.execute(
        [
            sent("undo-use", undo("C-1/use"), version=2),
            sent("undo-use-again", undo("C-1/use"), version=2),
            sent("undo-sign", undo("C-1/sign"), version=2),
        ]
    )
    assert isinstance(used, RevenueAccepted)
    assert used.transaction_price == Decimal("700.00")
    assert [getattr(answer, "code", None) for answer in (again, other)] == ["ALREADY_REVERSED", "NOT_REVERSIBLE"]


def test_a_correction_replays_the_commands_in_the_order_in_which_they_were_accepted(
    database: str, platform: EmbeddedRevenuePlatform
) -> None:
    # Ids against the order of acceptance: the database sorts by neither of them.
    commands = [
        sent("z", establish(line("L1", "1200"), line("U", "0", pattern=USAGE))),
        sent("y", amend(change("L1", "1500", "1200")), "2026-04-01", version=2),
        sent("x", usage("U", "50", "2026-05-31"), version=2),
        sent("w", amend(change("L1", "9", "9")), "2026-04-01", version=2),  # refused: it is no part of the history
        sent("v", amend(added=[line("L2", "240")]), "2026-06-01", version=3),
        sent("u", recognition("2026-06"), version=3),
    ]
    platform.execute(commands[:3])
    answers = platform.execute(commands[3:])
    assert [type(answer) for answer in answers] == [RevenueRejected, RevenueAccepted, RevenueAccepted]
    of_another_contract = sent("y", establish(line("L1", "1")), of="C-0")
    correction = replace(
        sent("t", amend(change("L1", "1320", "1200")), "2026-04-01", version=2),
        corrects_command_id=commands[1].command_id,
    )
    other = EmbeddedRevenuePlatform(database)
    _, corrected = other.execute([of_another_contract, correction])
    other.close()
    assert isinstance(corrected, RevenueAccepted), corrected
    assert corrected.transaction_price == Decimal("1610.00")
    assert platform.execute([correction]) == [corrected]
    book = platform.book("C-1")
    assert book is not None
    assert (book.version, book.executed) == (3, 6)


def test_what_is_taken_back_by_a_replay_is_read_from_the_database_and_from_the_same_call(
    database: str, platform: EmbeddedRevenuePlatform
) -> None:
    platform.execute(
        [
            sent("z", establish(line("L1", "1200"), line("P", "300", pattern=POINT))),
            sent("y", fulfil("P"), "2026-02-01"),
            sent("x", estimate("100", "L1"), "2026-02-01"),
        ]
    )
    other = EmbeddedRevenuePlatform(database)
    answers = other.execute([sent("w", estimate("50", "L1")), sent("v", undo("C-1/y")), sent("u", undo("C-1/w"))])
    other.close()
    assert [getattr(answer, "transaction_price", answer) for answer in answers] == [
        Decimal("1650.00"),
        Decimal("1650.00"),
        Decimal("1600.00"),
    ]
    book = platform.book("C-1")
    assert book is not None
    assert [it.progress for it in book.obligations] == [0, 0]


def test_a_command_of_another_contract_cannot_be_reversed(platform: EmbeddedRevenuePlatform) -> None:
    platform.execute([*life("C-1"), *life("C-2")])
    (answer,) = platform.execute([sent("undo", undo("C-1/bill"), of="C-2")])
    assert getattr(answer, "code", None) == "UNKNOWN_COMMAND"


def test_workers_that_race_with_the_same_commands_execute_them_once(database: str) -> None:
    contracts = [f"C-{number:03d}" for number in range(30)]
    commands = [each for of in contracts for each in life(of)]
    workers = [EmbeddedRevenuePlatform(database) for _ in range(4)]
    answers = at_once(*(lambda worker=worker: worker.execute(commands) for worker in workers))
    assert all(each == answers[0] for each in answers)
    assert list(workers[0].positions()) == [position(of) for of in contracts]
    for worker in workers:
        worker.close()


def test_workers_that_race_on_one_contract_lose_no_command(database: str) -> None:
    workers = [EmbeddedRevenuePlatform(database) for _ in range(4)]
    workers[0].execute(life())

    def bill(number: int) -> None:
        for at in range(10):
            workers[number].execute([sent(f"{number}-{at}", invoice("I", L1="1"))])

    at_once(*(lambda number=number: bill(number) for number in range(4)))
    held = workers[0].position("C-1")
    assert held is not None
    assert held.billed == Decimal("405.00")
    for worker in workers:
        worker.close()


def test_threads_may_share_a_platform(platform: EmbeddedRevenuePlatform) -> None:
    at_once(*(lambda of=f"C-{number}": platform.execute(life(of)) for number in range(4)))
    assert list(platform.positions()) == [position(f"C-{number}") for number in range(4)]


def test_a_database_in_memory_serves_several_threads() -> None:
    platform = EmbeddedRevenuePlatform("sqlite://")
    at_once(*(lambda of=f"C-{number}": platform.execute(life(of)) for number in range(4)))
    assert list(platform.positions()) == [position(f"C-{number}") for number in range(4)]
    platform.close()


def test_workers_may_start_at_once_on_an_empty_database(database: str) -> None:
    workers = at_once(*(lambda: EmbeddedRevenuePlatform(database) for _ in range(8)))
    assert workers[0].execute(life()) == workers[7].execute(life())
    for worker in workers:
        worker.close()


def test_it_stands_beside_the_tables_of_another_package(database: str) -> None:
    engine = create_engine(database)
    other = MetaData()
    documents = Table("documents", other, Column("number", Integer, primary_key=True))
    other.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(documents), [{"number": 1}])
    platform = EmbeddedRevenuePlatform(engine)
    platform.execute(life())
    assert set(inspect(engine).get_table_names()) == {"documents", "revenue_books", "revenue_commands"}
    with engine.connect() as connection:
        assert connection.scalars(select(documents.c.number)).all() == [1]
    platform.close()
    assert platform.position("C-1") == position()
    engine.dispose()


def test_every_page_of_positions_is_read(platform: EmbeddedRevenuePlatform) -> None:
    contracts = [f"C-{number:05d}" for number in range(1100)]
    platform.execute([sent("sign", establish(line("L1", "10")), of=of) for of in contracts])
    assert [held.contract_id for held in platform.positions()] == contracts


def test_a_book_that_stays_locked_makes_the_platform_unavailable_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "revenue.db"
    EmbeddedRevenuePlatform(f"sqlite:///{path}").close()
    impatient = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0.05})
    platform = EmbeddedRevenuePlatform(impatient)
    with create_engine(f"sqlite:///{path}").connect() as writer:
        writer.execute(text("DELETE FROM revenue_books WHERE 1 = 0"))
        with pytest.raises(ConnectorUnavailable, match=r"did not answer.*locked.*same call can then be made again"):
            platform.execute(life())
        writer.rollback()
    assert len(platform.execute(life())) == 5
    assert platform.position("C-1") == position()
    impatient.dispose()


def test_a_database_that_is_not_there_makes_the_platform_unavailable(tmp_path: Path) -> None:
    with pytest.raises(ConnectorUnavailable, match="did not answer"):
        EmbeddedRevenuePlatform(f"postgresql+psycopg://nobody:secret@127.0.0.1:{free_port()}/none")
    with pytest.raises(ConnectorUnavailable, match="did not answer") as missing:
        EmbeddedRevenuePlatform(f"sqlite:///{tmp_path / 'no such folder' / 'revenue.db'}")
    assert "secret" not in str(missing.value)


@pytest.mark.postgres
def test_a_server_that_goes_away_makes_the_platform_unavailable_until_it_is_back(
    request: pytest.FixtureRequest,
) -> None:
    url = request.getfixturevalue("postgres").new_database()
    platform = EmbeddedRevenuePlatform(url)
    first = platform.execute(life())
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as administrator:
        administrator.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    # A connection that was cut between two calls is replaced.
    assert platform.execute(life()) == first
    assert platform.position("C-1") == position()
    platform.close()


def test_books_and_answers_survive_a_restart(database: str) -> None:
    platform = EmbeddedRevenuePlatform(database)
    platform.execute(life())
    book = platform.book("C-1")
    platform.close()
    restarted = EmbeddedRevenuePlatform(database)
    assert restarted.book("C-1") == book
    assert book is not None
    assert book.obligations[0].end == dt.date(2026, 12, 31)
    restarted.close()


# --- a database of an earlier release

BEFORE_PLACE = """
CREATE TABLE revenue_commands (
    command_id VARCHAR NOT NULL PRIMARY KEY,
    contract_id VARCHAR NOT NULL,
    accepted BOOLEAN NOT NULL,
    command {binary} NOT NULL,
    answer {binary} NOT NULL
)
"""


def made_before_place(database: str) -> Engine:
    engine = create_engine(database)
    binary = "BLOB" if engine.dialect.name == "sqlite" else "BYTEA"
    with engine.begin() as connection:
        connection.execute(text(BEFORE_PLACE.format(binary=binary)))
    return engine


def test_an_empty_database_of_an_earlier_release_is_brought_up_to_this_one(database: str) -> None:
    made_before_place(database).dispose()
    for _ in range(2):
        platform = EmbeddedRevenuePlatform(database)
        assert len(platform.execute(life())) == len(life())
        assert platform.position("C-1") == position()
        platform.close()


def test_commands_whose_order_an_earlier_release_did_not_keep_are_refused_with_the_remedy(database: str) -> None:
    engine = made_before_place(database)
    binary = "x'00'" if engine.dialect.name == "sqlite" else "'\\x00'"
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO revenue_commands VALUES ('c', 'C-1', true, {binary}, {binary})"))
    with pytest.raises(DatabaseOutdated, match=r"without place, .* TIEOUT_DATABASE"):
        EmbeddedRevenuePlatform(database)
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT command_id FROM revenue_commands")).scalars().all()
    assert kept == ["c"], "nothing of it is lost"
    engine.dispose()
