"""A run can be played again: its faults are a function of the seed."""

from __future__ import annotations

from tests.chaos.schedule import SESSION_SECONDS, Kind, schedule


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    assert schedule(7, 200) == schedule(7, 200)
    assert schedule(7, 200) != schedule(8, 200)


def test_every_kind_strikes_when_there_are_faults_enough() -> None:
    assert {fault.kind for fault in schedule(1, len(Kind))} == set(Kind)


def test_only_the_kinds_asked_for_strike() -> None:
    assert {fault.kind for fault in schedule(1, 50, [Kind.KILL, Kind.SCALE])} == {Kind.KILL, Kind.SCALE}


def test_a_freeze_outlasts_the_session() -> None:
    freezes = [fault for fault in schedule(3, 500) if fault.kind is Kind.FREEZE]
    assert freezes
    assert min(fault.seconds for fault in freezes) > SESSION_SECONDS


def test_faults_are_spread_over_all_brokers() -> None:
    assert {fault.broker for fault in schedule(3, 50, brokers=3)} == {0, 1, 2}
