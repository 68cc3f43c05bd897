"""One run: publish a history while faults strike, stop, wait, close the last periods, and check what is left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from streams.codec.json_events import event_from_json
from streams.embedded.process import wait_until
from streams.topics import POSTING_ACKS, SOURCE_EVENTS
from tests.chaos.ground import Ground, Store, prepared
from tests.chaos.report import Report, Times, make_report
from tests.chaos.schedule import WORKERS, Kind, schedule
from tests.chaos.settle import begun, wait_until_settled
from tests.chaos.stores import store_use
from tests.chaos.strikes import Strikes, Struck, shortest_seconds
from tests.chaos.verdict import gather, judge
from tests.oracle.batch import calculate
from tests.oracle.generator import generate_history


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does; with the same plan the same faults strike the same history, though not at the same instants."""

    seed: int
    faults: int
    contracts: int
    events: int
    brokers: int = 1
    store: Store = Store.ROCKSDB
    kinds: tuple[Kind, ...] = ()
    """Empty: all."""
    settle_seconds: float = 300.0
    """How long everything may take to settle when the faults are over."""


def run(
    plan: Plan, folder: Path, *, registry: str, database: str, tell: Callable[[str], None] = lambda _: None
) -> Report:
    """Carry a plan out in an empty folder, on a registry and a PostgreSQL database that run already."""
    started = time.monotonic()
    with prepared(folder, registry=registry, database=database, brokers=plan.brokers, store=plan.store) as ground:
        tell(f"servers ready after {time.monotonic() - started:.0f} s")
        ground.fleet.start(WORKERS)
        return _carry_out(plan, ground, started, tell)


def _carry_out(plan: Plan, ground: Ground, started: float, tell: Callable[[str], None]) -> Report:
    history = generate_history(plan.seed, plan.contracts, plan.events)
    events = [event_from_json(event) for event in history.events]
    codec = ground.deployment.codec(SOURCE_EVENTS)
    records = [(event.context.contract_id.encode(), codec.encode(event)) for event in events]
    upto = len(records) - history.last_closes
    contracts = {event.context.contract_id for event in events} - {"*"}
    expected = calculate(history.events, ground.deployment.settings.config)

    def told(struck: Struck) -> None:
        fault = struck.fault
        where = f"{fault.stage}-{fault.worker}" if fault.kind in _ON_PROCESS else ""
        tell(f"{time.monotonic() - started:6.1f} s  {fault.number:>4} {fault.kind:<16}{where}")

    strikes = Strikes(ground, records[:upto], events[upto - 1])
    ground.publisher.publish(SOURCE_EVENTS, strikes.first_slice(plan.faults))
    wait_until(
        lambda: begun(ground.deployment, POSTING_ACKS), seconds=_WARM_SECONDS, what="the first posting is answered"
    )
    tell(f"{time.monotonic() - started:6.1f} s  the first posting is answered")
    faults = schedule(plan.seed, plan.faults, plan.kinds, brokers=plan.brokers)
    ground.publisher.pace = shortest_seconds(faults) / len(records)
    faults_began = time.monotonic()
    strikes.carry_out(faults, told)
    faults_ended = time.monotonic()
    tell(f"{time.monotonic() - started:6.1f} s  the faults are over")
    # Whoever works now takes what is left of the answers to lose, so that nothing strikes after this.
    unclaimed = frozenset(int(token.name.split("-")[2]) for token in ground.tokens.iterdir())
    ground.heal()
    ground.publisher.finish()
    wait_until_settled(ground.deployment, contracts, seconds=plan.settle_seconds)
    ground.publisher.publish(SOURCE_EVENTS, records[upto:])
    ground.publisher.finish()
    wait_until_settled(ground.deployment, contracts, seconds=plan.settle_seconds)
    settled = time.monotonic()
    tell(f"{time.monotonic() - started:6.1f} s  settled")
    evidence = gather(ground.deployment)
    published = _published([event.event_id for event in events], strikes)
    verdict = judge(evidence, published, strikes.corrupt, expected)
    verdict.wrong += strikes.wrong
    return make_report(
        seed=plan.seed,
        brokers=plan.brokers,
        store=plan.store,
        contracts=len(contracts),
        history=len(events),
        struck=strikes.struck,
        unclaimed=unclaimed,
        evidence=evidence,
        verdict=verdict,
        ends=ground.fleet.ends,
        stops=strikes.stops,
        stores=store_use(ground.fleet.logs) if plan.store is Store.ROCKSDB else None,
        no_disks=ground.no_disks,
        times=Times(faults_ended - faults_began, settled - faults_ended, time.monotonic() - started),
    )


_ON_PROCESS = frozenset(
    {Kind.KILL, Kind.FREEZE, Kind.TERMINATE, Kind.SCALE, Kind.REGISTRY_FAILS, Kind.REGISTRY_SLOW, Kind.DISK_FULL}
)


_WARM_SECONDS = 90.0


def _published(event_ids: Sequence[str], strikes: Strikes) -> Counter[str]:
    """Return how often each event id was published, storms included."""
    counts = Counter(event_ids)
    for begin, end in strikes.storms:
        counts.update(event_ids[begin:end])
    return counts
