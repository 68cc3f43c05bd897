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
    # Two workers join, leave, freeze and die while there is work: no crash loop, no duplicate (faust-streaming 323),
    # no event twice after scaling (faust-streaming 502).
    "members_that_come_and_go__faust_issues_323_and_502": Plan(
        seed=323, faults=6, contracts=40, events=800, kinds=(Kind.SCALE, Kind.FREEZE)
    ),
    # kill -9 while contracts are being counted and posted loses no count (robinhood/faust 340).
    "kill_in_the_middle_of_work__faust_issue_340": Plan(
        seed=340, faults=8, contracts=40, events=800, kinds=(Kind.KILL,)
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
