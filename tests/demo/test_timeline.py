"""A contract's history says of each event what it waited for, how often it came and where it was posted."""

from __future__ import annotations

import datetime as dt
import io
import json

import pytest
from rich.console import Console

from streams.config import SettingsError, load_configuration, load_settings
from streams.demo.scenario import AMENDMENT, EARLY_INVOICE, KESTREL, PAID_TWICE
from streams.embedded.broker import EmbeddedBroker
from streams.records import AuditAction, AuditRecord, Context, ErpPosting, PostingAck
from streams.shipped import shipped
from streams.timeline import ContractHistory, EventStory, Kept, TopicsUnreadable, read_contract, render, to_document
from streams.timeline.history import waits_of
from streams.transport.partitioner import partition_of
from tests.demo.played import play

NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def history() -> ContractHistory:
    return play(load_configuration(shipped("config"))).history(KESTREL.contract_id)


def story(history: ContractHistory, event_id: str) -> EventStory:
    (found,) = (story for story in history.stories if story.event.event_id == event_id)
    return found


def step(action: AuditAction, second: int, detail: str = "") -> AuditRecord:
    return AuditRecord(
        audit_id=f"{action}-{second}",
        at=NOON + dt.timedelta(seconds=second),
        action=action,
        event_id="E",
        detail=detail,
        context=Context(
            source_system="zuora",
            source_transaction_id="E",
            contract_id="C",
            contract_version=1,
            legal_entity="ACME-US",
        ),
    )


def test_events_are_told_in_order_of_arrival_each_once(history: ContractHistory) -> None:
    names = [story.event.event_id for story in history.stories]
    assert len(names) == len(set(names)) == 24
    assert names.index(EARLY_INVOICE) + 1 == names.index(AMENDMENT)


def test_an_event_that_waited_says_why_and_how_long(history: ContractHistory) -> None:
    (wait,) = story(history, EARLY_INVOICE).waits
    assert wait.reason == "version 2 is not in force in revenue recognition; version 1 is"
    assert wait.until is not None
    assert story(history, AMENDMENT).waits == ()


def test_an_event_that_came_twice_is_one_event_with_one_posting(history: ContractHistory) -> None:
    paid = story(history, PAID_TWICE)
    assert (paid.duplicates, len(paid.postings)) == (1, 1)


def test_a_command_that_was_sent_again_is_told_once(history: ContractHistory) -> None:
    again = tuple(Kept(kept.topic, 0, kept.offset + 1000, kept.at, kept.record) for kept in history.records)
    repeated = ContractHistory(history.contract_id, (*history.records, *again))
    assert len(repeated.postings) == len(history.postings) == len({p.posting.command_id for p in history.postings})
    assert [len(story.revenue) for story in repeated.stories] == [len(story.revenue) for story in history.stories]


def test_a_posting_without_an_answer_is_not_told_as_posted(history: ContractHistory) -> None:
    unanswered = ContractHistory(
        history.contract_id, tuple(kept for kept in history.records if not isinstance(kept.record, PostingAck))
    )
    assert {posted.document_number for posted in unanswered.postings} == {None}
    assert "no answer yet" in shown(unanswered)
    assert history.of(ErpPosting)


def test_an_event_that_waits_for_one_thing_after_another_says_both() -> None:
    first, second = waits_of(
        [
            step(AuditAction.PARKED, 0, "version 2 is not in force"),
            step(AuditAction.PARKED, 5, "invoice INV-1 has not come"),
            step(AuditAction.RELEASED, 9),
        ]
    )
    assert (first.reason, first.until) == ("version 2 is not in force", NOON + dt.timedelta(seconds=5))
    assert (second.reason, second.until) == ("invoice INV-1 has not come", NOON + dt.timedelta(seconds=9))


def test_an_event_that_still_waits_for_an_approver_has_no_end() -> None:
    (wait,) = waits_of(
        [step(AuditAction.APPROVAL_REQUESTED, 0, "approval needed"), step(AuditAction.EXCEPTION_RAISED, 0)]
    )
    assert wait.until is None


def test_an_event_that_waited_too_long_ends_its_wait_with_the_exception() -> None:
    (wait,) = waits_of([step(AuditAction.PARKED, 0, "no contract"), step(AuditAction.EXCEPTION_RAISED, 7)])
    assert wait.until == NOON + dt.timedelta(seconds=7)


def test_an_unknown_contract_is_said_to_be_unknown() -> None:
    nobody = ContractHistory("C-NOBODY", ())
    assert not nobody.known
    assert shown(nobody) == "No topic knows the contract C-NOBODY.\n"
    assert to_document(nobody)["timeline"] == []


def test_the_document_is_json_with_amounts_in_the_minor_unit(history: ContractHistory) -> None:
    document = json.loads(json.dumps(to_document(history)))
    assert document["status"]["billed"] == "54165.00"
    assert document["schedule"][0] == {
        "period": "2026-01",
        "amount": "3600.00",
        "obligations": {"PLAT": "3100.00", "SUP": "500.00"},
    }
    assert document["transaction_price"] == "54165.00"


def test_a_name_in_markup_is_shown_as_it_is() -> None:
    assert "[bold]C[/]" in shown(ContractHistory("[bold]C[/]", ()))


@pytest.mark.parametrize(
    ("key", "hashed"),
    # Hashes of Apache Kafka's own test, UtilsTest.testMurmur2.
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)],
)
def test_a_key_is_looked_for_where_java_puts_it(key: bytes, hashed: int) -> None:
    assert partition_of(key, 8) == (hashed & 0x7FFFFFFF) % 8


def test_a_broker_without_the_topics_is_told_with_the_remedy(
    embedded_broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.timeline.reading.READ", ("no-such-topic",))
    settings = load_settings(broker=embedded_broker.bootstrap)
    with pytest.raises(TopicsUnreadable, match="no topic no-such-topic; make them with `tieout topics apply`"):
        read_contract(settings, "C-1")


def test_no_broker_at_all_is_told_as_a_setting(tmp_path: object) -> None:
    with pytest.raises(SettingsError, match="TIEOUT_BROKER"):
        read_contract(load_settings(data_dir=tmp_path), "C-1")


def shown(history: ContractHistory) -> str:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    render(history, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
