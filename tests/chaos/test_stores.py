"""What tables on disk went through is read from logs: which folders held an older state, and what was made again."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.stores import StoreUse, store_use

_READY = (
    "2026-01-01 00:00:{at:02},000 INFO streams.transport.partition: "
    "partition {number} ready, changelogs to {{'seen': 4}}, input from {{}}\n"
)


def test_a_folder_with_an_older_state_is_one_that_another_worker_had_meanwhile(tmp_path: Path) -> None:
    first = [_READY.format(at=1, number=0), _READY.format(at=2, number=1), _READY.format(at=7, number=0)]
    second = [_READY.format(at=4, number=0)]
    (tmp_path / "orchestration-0.log").write_text("".join(first))
    (tmp_path / "orchestration-1.log").write_text("".join(second) + _READY.format(at=9, number=0))
    assert store_use(tmp_path) == StoreUse(opened=5, kept=2, outdated=2, made_again={})


def test_a_folder_of_a_worker_that_had_the_partition_all_along_is_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "orchestration-0.log").write_text(_READY.format(at=1, number=0) + _READY.format(at=2, number=0))
    assert store_use(tmp_path) == StoreUse(opened=2, kept=1, outdated=0, made_again={})


def test_a_stage_without_tables_opens_no_store(tmp_path: Path) -> None:
    (tmp_path / "posting-0.log").write_text(_READY.format(at=1, number=0).replace("'seen': 4", ""))
    assert store_use(tmp_path).opened == 0


def test_reasons_to_make_a_store_again_are_counted_without_their_numbers(tmp_path: Path) -> None:
    line = "2026-01-01 00:00:01,000 WARNING it: /stores/{0} is made again from its changelogs: ahead by {0}\n"
    (tmp_path / "orchestration-0.log").write_text(line.format(3) + line.format(4))
    assert store_use(tmp_path).made_again == {"ahead by N": 2}
