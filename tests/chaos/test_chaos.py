"""Whatever is killed, frozen, cut or lost: nothing is lost, nothing is done twice, and the ledger is right to the cent.

The short form of `make chaos`, and the public failure reports of Faust that this design answers.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.report import Report, as_table
from tests.chaos.run import Plan, run
from tests.chaos.schedule import Kind
from tests.infra.postgres import PostgresServer
from tests.infra.registry import ApicurioRegistry

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow]

CASES = {
    "every_kind_of_fault": Plan(seed=606, faults=len(Kind), contracts=40, events=800),
    # Workers join, leave, freeze and are killed while contracts are counted and posted: no count is lost
    # (robinhood/faust 340), no crash loop and no duplicate (faust-streaming 323), no event twice after scaling (502).
    "members_that_come_go_and_die__faust_issues_323_340_502": Plan(
        seed=323, faults=8, contracts=40, events=800, kinds=(Kind.SCALE, Kind.FREEZE, Kind.KILL)
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_lost_or_doubled_through(
    case: str,
    tmp_path: Path,
    schema_registry: ApicurioRegistry,
    postgres: PostgresServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = run(CASES[case], tmp_path, registry=schema_registry.url, database=postgres.new_database())
    with capsys.disabled():
        print(f"\n{as_table(report)}")
    _assert_kept(report)
    assert report.struck > 0


def _assert_kept(report: Report) -> None:
    assert (report.losses, report.doubles, report.wrong) == (0, 0, 0), report.findings
