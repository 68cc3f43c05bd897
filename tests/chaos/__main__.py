"""`python -m tests.chaos --seed N`: a run on servers of its own, replayable by its seed."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.ground import Store
from tests.chaos.report import Report, as_json, as_table
from tests.chaos.run import Plan, run
from tests.chaos.schedule import Kind
from tests.infra.postgres import PostgresServer
from tests.infra.registry import ApicurioRegistry


def main() -> int:
    """Run, print the table, write the JSON; the exit code is 1 when a promise was not kept."""
    plan, keep, output = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="tieout-chaos-"))
    try:
        report = _run(plan, folder)
    except BaseException:
        print(f"the logs are in {folder}", file=sys.stderr)
        raise
    print(f"\n{as_table(report)}")
    if output is not None:
        output.write_bytes(as_json(report) + b"\n")
    kept = not (report.losses or report.doubles or report.wrong)
    if kept and not keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"the logs are in {folder}")
    return 0 if kept else 1


def _run(plan: Plan, folder: Path) -> Report:
    with ExitStack() as servers:
        registry = servers.enter_context(ApicurioRegistry(folder / "registry"))
        database = servers.enter_context(PostgresServer())
        return run(
            plan,
            folder / "deployment",
            registry=registry.url,
            database=database.new_database(),
            tell=lambda line: print(line, flush=True),
        )


def _arguments() -> tuple[Plan, bool, Path | None]:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="default: drawn from the clock, and told")
    parser.add_argument("--faults", type=int, default=220)
    parser.add_argument("--contracts", type=int, default=1000)
    parser.add_argument("--events", type=int, default=15_000)
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--store", type=Store, choices=tuple(Store), default=Store.ROCKSDB, help="where tables are")
    parser.add_argument("--only", default="", help=f"some of {','.join(Kind)}")
    parser.add_argument("--settle", type=float, default=600.0, help="seconds to wait when the faults are over")
    parser.add_argument("--json", type=Path, default=None, help="where to write the report")
    parser.add_argument("--keep", action="store_true", help="keep logs and data")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else int(time.time()) % 1_000_000
    kinds = tuple(Kind(name.strip()) for name in given.only.split(",") if name.strip())
    print(f"seed {seed}", flush=True)
    plan = Plan(seed, given.faults, given.contracts, given.events, given.brokers, given.store, kinds, given.settle)
    return plan, given.keep, given.json


if __name__ == "__main__":
    sys.exit(main())
