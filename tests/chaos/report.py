"""The report of a run: as JSON for a machine, as a table for a reader."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from streams.records import AuditAction
from tests.chaos.fleet import End, Stop
from tests.chaos.schedule import Fault, Kind
from tests.chaos.stores import StoreUse
from tests.chaos.strikes import Struck
from tests.chaos.verdict import Evidence, Verdict

_SHOWN = 20


class Recovery(msgspec.Struct, frozen=True):
    """How long after the end of faults of a kind all that had come before was through; seconds."""

    median: float
    longest: float


class Stops(msgspec.Struct, frozen=True):
    """Stops that ended alike; seconds."""

    times: int
    median: float
    longest: float
    slowest: str
    """The process of the longest one."""


class Report(msgspec.Struct, frozen=True):
    """What a run found."""

    seed: int
    brokers: int
    store: str
    """Where the workers kept their tables."""
    contracts: int
    history: int
    """Events of the generated history, its own duplicates included."""
    events: int
    """Events in the input topic: the history and what storms repeated."""
    faults: dict[str, int]
    """Faults that took hold, by kind."""
    without_effect: dict[str, int]
    """Faults that found nothing to strike, by kind."""
    losses: int
    doubles: int
    wrong: int
    ends: dict[str, int]
    """How many inputs ended how."""
    postings: int
    corrupt: int
    restarts: dict[str, int]
    """Processes that ended by themselves and were started again, by exit code."""
    stops: dict[str, Stops]
    """Processes that were told to stop by SIGTERM, by exit code; a negative one is the signal that ended it."""
    stores: StoreUse | None
    """What tables on disk went through."""
    no_disks: str
    """Why no disk could be filled; empty when they could."""
    fault_seconds: float
    settle_seconds: float
    total_seconds: float
    recovery: dict[str, Recovery]
    """By kind of fault; what other faults did meanwhile is in it."""
    findings: list[str]
    """The first of what was lost, doubled or wrong."""

    @property
    def struck(self) -> int:
        """How many faults took hold."""
        return sum(self.faults.values())


@dataclass(frozen=True)
class Times:
    """How long the parts of a run took, seconds."""

    faults: float
    settling: float
    total: float


def make_report(
    *,
    seed: int,
    brokers: int,
    store: str,
    contracts: int,
    history: int,
    struck: Sequence[Struck],
    unclaimed: frozenset[int],
    evidence: Evidence,
    verdict: Verdict,
    ends: Sequence[End],
    stops: Sequence[Stop],
    stores: StoreUse | None,
    no_disks: str,
    times: Times,
) -> Report:
    """Return the report; `unclaimed` are the numbers of the faults whose token no connector took."""
    effective = [it for it in struck if it.took_hold and it.fault.number not in unclaimed]
    numbers = {it.fault.number for it in effective}
    return Report(
        seed=seed,
        brokers=brokers,
        store=store,
        contracts=contracts,
        history=history,
        events=len(evidence.events),
        faults=_by_kind(it.fault for it in effective),
        without_effect=_by_kind(it.fault for it in struck if it.fault.number not in numbers),
        losses=len(verdict.losses),
        doubles=len(verdict.doubles),
        wrong=len(verdict.wrong),
        ends=dict(sorted(verdict.ends.items())),
        postings=len(evidence.booked),
        corrupt=verdict.ends["refused"] + verdict.ends["unreadable"],
        restarts={f"exit {code}": times for code, times in sorted(Counter(end.code for end in ends).items())},
        stops=_stops(stops),
        stores=stores,
        no_disks=no_disks,
        fault_seconds=round(times.faults, 1),
        settle_seconds=round(times.settling, 1),
        total_seconds=round(times.total, 1),
        recovery=_recovery(effective, evidence),
        findings=[*verdict.losses[:_SHOWN], *verdict.doubles[:_SHOWN], *verdict.wrong[:_SHOWN]],
    )


def _by_kind(faults: Iterable[Fault]) -> dict[str, int]:
    counts = Counter(fault.kind for fault in faults)
    return {kind.value: counts[kind] for kind in Kind if counts[kind]}


def _stops(stops: Sequence[Stop]) -> dict[str, Stops]:
    by_code: dict[int, list[Stop]] = defaultdict(list)
    for stop in stops:
        by_code[stop.code].append(stop)
    found = {}
    for code, alike in sorted(by_code.items()):
        slowest = max(alike, key=lambda stop: stop.seconds)
        median = statistics.median(stop.seconds for stop in alike)
        found[f"exit {code}"] = Stops(len(alike), round(median, 1), round(slowest.seconds, 1), slowest.name)
    return found


def _recovery(struck: Sequence[Struck], evidence: Evidence) -> dict[str, Recovery]:
    spans = _spans(evidence)
    seconds: dict[Kind, list[float]] = defaultdict(list)
    for it in struck:
        open_then = [done for began, done in spans if began <= it.ended < done]
        seconds[it.fault.kind].append(max(open_then, default=it.ended) - it.ended)
    return {
        kind.value: Recovery(round(statistics.median(seconds[kind]), 1), round(max(seconds[kind]), 1))
        for kind in Kind
        if seconds[kind]
    }


def _spans(evidence: Evidence) -> list[tuple[float, float]]:
    """Return from when to when each event waited for its decision, each command and posting for its answer."""
    begun: dict[tuple[str, str], float] = {}
    done: dict[tuple[str, str], float] = {}

    def note(times: dict[tuple[str, str], float], kind: str, name: str, at: float) -> None:
        times[kind, name] = min(at, times.get((kind, name), at))

    for at, event in evidence.events:
        note(begun, "event", event.event_id, at)
    for at, record in evidence.audit:
        if record.action is not AuditAction.CAPTURED:
            note(done, "event", record.event_id, at)
    for at, sent in [*evidence.commands, *evidence.postings]:
        note(begun, "command", sent.command_id, at)
    for at, ack in [*evidence.revenue_acks, *evidence.posting_acks]:
        note(done, "command", ack.command_id, at)
    return [(at, done[key]) for key, at in begun.items() if key in done]


def _about_stores(report: Report) -> list[str]:
    lines = []
    if report.stores is not None:
        use = report.stores
        lines.append(
            f"stores opened {use.opened} times, {use.kept} of them on a folder with an older state of the partition, "
            f"{use.outdated} of these after another worker had it; made again {sum(use.made_again.values())} times"
        )
        lines += [f"  {times} times: {reason}" for reason, times in use.made_again.items()]
    if report.no_disks:
        lines.append(f"no disk was filled: {report.no_disks}")
    return lines


def as_json(report: Report) -> bytes:
    """Return the report as JSON."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def as_table(report: Report) -> str:
    """Return the report for a reader."""
    lines = [
        (
            f"seed {report.seed}, {report.brokers} broker{'s' if report.brokers > 1 else ''}, "
            f"tables in {report.store}, "
            f"{report.contracts} contracts, {report.events} events ({report.history} of the history, others repeated), "
            f"{report.postings} postings"
        ),
        "",
        f"{'fault':<16}{'struck':>8}{'no effect':>11}{'recovery, median s':>20}{'longest s':>11}",
    ]
    for kind in Kind:
        struck, idle = report.faults.get(kind, 0), report.without_effect.get(kind, 0)
        if struck or idle:
            recovery = report.recovery.get(kind)
            times = (f"{recovery.median:.1f}", f"{recovery.longest:.1f}") if recovery else ("", "")
            lines.append(f"{kind:<16}{struck:>8}{idle:>11}{times[0]:>20}{times[1]:>11}")
    lines += [
        f"{'all':<16}{report.struck:>8}{sum(report.without_effect.values()):>11}",
        "",
        "inputs ended as " + ", ".join(f"{name} {count}" for name, count in report.ends.items()),
        "processes that ended by themselves and were started again: "
        + (", ".join(f"{code} {times} times" for code, times in report.restarts.items()) or "none"),
        (f"faults {report.fault_seconds} s, settling {report.settle_seconds} s, in all {report.total_seconds} s"),
        "stops on SIGTERM: "
        + (
            "; ".join(
                f"{code} {it.times} times, median {it.median} s, longest {it.longest} s ({it.slowest})"
                for code, it in report.stops.items()
            )
            or "none"
        ),
        *_about_stores(report),
        f"losses {report.losses}, doubles {report.doubles}, other faults {report.wrong}",
        *(f"  {finding}" for finding in report.findings),
    ]
    return "\n".join(lines)
