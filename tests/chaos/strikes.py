"""Carries out faults on a deployment: each in a thread of its own, a few at a time, so that they meet."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import assert_never

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.records import CommercialEvent
from streams.topics import POSTING_ACKS, REVENUE_ACKS, SOURCE_EVENTS
from tests.chaos.corrupt import PREFIX, corrupt_record
from tests.chaos.faulty_worker import ERP, HALF, LATE, LOST, REVENUE, token_name
from tests.chaos.fleet import Process, Stop
from tests.chaos.ground import Ground
from tests.chaos.proxy import UNAVAILABLE, Link
from tests.chaos.schedule import WORKERS, Fault, Kind

AT_ONCE = 3
_STORM_RECORDS = 60
_ACKS = 20
_READ_SECONDS = 8.0
_MEETS_SECONDS = 12.0
"""How long a process is given to write to its full disk, or to join its group and open its tables there."""
_ENDS_SECONDS = 20.0
"""What the drain of its batches and a stuck commit may take of it when it has to end."""
_NO_ROOM = "No space left on device"


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was carried out; times are seconds since the epoch."""

    fault: Fault
    begun: float
    ended: float
    took_hold: bool
    """Whether there was something to strike: no acks can be repeated before there are any."""


def shortest_seconds(faults: Sequence[Fault]) -> float:
    """Return about how long a schedule takes at least, from its gaps and from what can happen at once."""
    lasting = sum(fault.seconds * (4 if fault.kind is Kind.SCALE else 1) for fault in faults) / AT_ONCE
    return max(lasting, sum(fault.gap for fault in faults))


class Strikes:
    """Carries out the faults of a schedule while the history is being published."""

    def __init__(self, ground: Ground, history: Sequence[tuple[bytes, bytes]], sample: CommercialEvent) -> None:
        self._ground = ground
        self._history = history
        self._sample = sample
        self._released = 0
        self._brokers = threading.Lock()
        self._database = threading.Lock()
        self._registry = threading.Lock()
        self._never = threading.Event()
        self.struck: list[Struck] = []
        self.corrupt: list[tuple[str, bytes, bytes | None]] = []
        self.storms: list[tuple[int, int]] = []
        """From where to where the history was published again."""
        self.wrong: list[str] = []
        """Processes that did not do what a fault demands of them."""
        self.stops: list[Stop] = []
        """Processes that were told to stop."""

    def first_slice(self, faults: int) -> Sequence[tuple[bytes, bytes]]:
        """Return what is published before the first fault: as much as between two faults."""
        self._released = len(self._history) // (faults + 1)
        return self._history[: self._released]

    def carry_out(self, schedule: Sequence[Fault], told: Callable[[Struck], None]) -> None:
        """Carry out all faults; between them the rest of the history is published. Raises what a fault raised."""
        places = threading.BoundedSemaphore(AT_ONCE)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="strike") as threads:
            running: list[Future[None]] = []
            for fault in schedule:
                self._pause(fault.gap)
                places.acquire()
                for done in running:
                    if done.done():
                        done.result()
                self._release(len(self._history) * (fault.number + 2) // (len(schedule) + 1))
                repeated = self._storm(fault) if fault.kind is Kind.STORM else None
                future = threads.submit(self._strike, fault, repeated, told)
                future.add_done_callback(lambda _: places.release())
                running.append(future)
            for done in running:
                done.result()

    def _release(self, upto: int) -> None:
        self._ground.publisher.publish(SOURCE_EVENTS, self._history[self._released : upto])
        self._released = upto

    def _storm(self, fault: Fault) -> Sequence[tuple[bytes, bytes]]:
        """Return a slice of what was published before this fault: a function of the schedule, not of time."""
        begin = fault.random().randrange(max(1, self._released - _STORM_RECORDS))
        end = min(begin + _STORM_RECORDS, self._released)
        self.storms.append((begin, end))
        return self._history[begin:end]

    def _strike(
        self, fault: Fault, repeated: Sequence[tuple[bytes, bytes]] | None, told: Callable[[Struck], None]
    ) -> None:
        begun = time.time()
        took_hold = self._do(fault, repeated or ())
        struck = Struck(fault, begun, time.time(), took_hold)
        self.struck.append(struck)
        told(struck)

    def _do(self, fault: Fault, repeated: Sequence[tuple[bytes, bytes]]) -> bool:
        ground, chance = self._ground, fault.random()
        match fault.kind:
            case Kind.KILL | Kind.TERMINATE:
                return self._end_process(fault)
            case Kind.FREEZE:
                return self._freeze(fault)
            case Kind.SCALE:
                return self._scale(fault)
            case Kind.BROKER_KILL:
                return self._kill_broker(fault)
            case Kind.BROKER_CUT:
                return self._link(self._brokers, ground.broker_links[fault.broker], Link.cut, fault)
            case Kind.BROKER_SLOW:
                delay = chance.uniform(0.02, 0.2)
                return self._link(self._brokers, ground.broker_links[fault.broker], lambda it: it.slow(delay), fault)
            case Kind.DATABASE_CUT:
                return self._link(self._database, ground.database_link, Link.cut, fault)
            case Kind.DATABASE_SLOW:
                delay = chance.uniform(0.05, 0.4)
                return self._link(self._database, ground.database_link, lambda it: it.slow(delay), fault)
            case Kind.REGISTRY_FAILS | Kind.REGISTRY_SLOW:
                return self._registry_and_start(fault, chance)
            case Kind.ANSWER_LOST | Kind.ANSWER_LATE:
                return self._token(fault, chance)
            case Kind.CORRUPT:
                topic, key, value = corrupt_record(fault.number, chance, ground.deployment, self._sample)
                self.corrupt.append((topic, key, value))
                ground.publisher.publish(topic, [(key, value)])
                return True
            case Kind.STORM:
                ground.publisher.publish(SOURCE_EVENTS, repeated)
                return bool(repeated)
            case Kind.ACKS_AGAIN:
                return self._acks_again(chance)
            case Kind.DISK_FULL:
                return self._fill_disk(fault)
            case _ as unreachable:
                assert_never(unreachable)

    def _pause(self, seconds: float) -> None:
        """Let a fault last."""
        self._never.wait(seconds)

    # --- processes

    def _end_process(self, fault: Fault) -> bool:
        with self._ground.fleet.struck(fault.stage, fault.worker) as (process,):
            took_hold = process.running
            if fault.kind is Kind.KILL:
                process.kill()
            else:
                self._stop(process)
            self._pause(fault.seconds)
            process.start()
        return took_hold

    def _stop(self, process: Process) -> None:
        if (stop := process.stop()) is not None:
            self.stops.append(stop)

    def _freeze(self, fault: Fault) -> bool:
        with self._ground.fleet.struck(fault.stage, fault.worker) as (process,):
            took_hold = process.running
            process.signal(signal.SIGSTOP)
            self._pause(fault.seconds)
            process.signal(signal.SIGCONT)
        return took_hold

    def _scale(self, fault: Fault) -> bool:
        with self._ground.fleet.struck(fault.stage, *range(WORKERS + 1)) as (staying, *others):
            staying.start()
            for process in others:
                self._stop(process)
            self._pause(fault.seconds)
            for process in others:
                process.start()
            self._pause(2 * fault.seconds)
            for process in others:
                self._stop(process)
            self._pause(fault.seconds)
            for process in others[: WORKERS - 1]:
                process.start()
        return True

    def _fill_disk(self, fault: Fault) -> bool:
        """A process that meets its full disk ends, and ends again when it is started on it."""
        fleet = self._ground.fleet
        with fleet.struck(fault.stage, fault.worker) as (process,):
            if process.disk is None:
                return False
            took_hold, told_before = False, process.log.stat().st_size
            with process.disk.full():
                for _ in ("while it works", "when it starts"):
                    process.start()
                    if self._ends_for_want_of_room(process, told_before, fault):
                        took_hold = True
                        fleet.note_end(process)
                    else:
                        process.kill()
                    told_before = process.log.stat().st_size
            process.start()
        return took_hold

    def _ends_for_want_of_room(self, process: Process, told_before: int, fault: Fault) -> bool:
        """Whether it met its full disk; one that did and went on, or did not end as it should, is noted."""
        ended = process.ended_within(_MEETS_SECONDS)
        with process.log.open("rb") as log:
            log.seek(told_before)
            met = _NO_ROOM.encode() in log.read()
        if not met:
            return False  # it had nothing to write, or something else has ended it
        if not ended and not process.ended_within(_ENDS_SECONDS):
            self.wrong.append(f"disk-full {fault.number}: {process.name} met its full disk and did not end")
            process.kill()
        elif process.child is not None and process.child.returncode != 1:
            code = process.child.returncode
            self.wrong.append(f"disk-full {fault.number}: {process.name} ended with exit code {code}, expected 1")
        return True

    # --- servers

    def _kill_broker(self, fault: Fault) -> bool:
        with self._brokers:
            broker = self._ground.brokers[fault.broker]
            broker.kill()
            self._pause(fault.seconds)
            broker.restart(wait_for_brokers=len(self._ground.brokers))
        return True

    def _link(self, alone: threading.Lock, link: Link, change: Callable[[Link], None], fault: Fault) -> bool:
        with alone:
            change(link)
            self._pause(fault.seconds)
            link.heal()
        return True

    def _registry_and_start(self, fault: Fault, chance: Random) -> bool:
        """Codecs remember what they learnt, so the registry is missed only by a process that starts."""
        link = self._ground.registry_link
        with self._registry, self._ground.fleet.struck(fault.stage, fault.worker) as (process,):
            if fault.kind is Kind.REGISTRY_SLOW:
                link.slow(chance.uniform(0.1, 0.5))
            elif chance.random() < 0.5:
                link.cut()
            else:
                link.answer(UNAVAILABLE)
            process.kill()
            process.start()
            self._pause(fault.seconds)
            link.heal()
        return True

    # --- answers and acknowledgments

    def _token(self, fault: Fault, chance: Random) -> bool:
        what = LATE if fault.kind is Kind.ANSWER_LATE else chance.choice((LOST, HALF))
        name = token_name(chance.choice((ERP, REVENUE)), what, fault.number, fault.seconds)
        (self._ground.tokens / name).touch()
        return True

    def _acks_again(self, chance: Random) -> bool:
        topic = chance.choice((REVENUE_ACKS, POSTING_ACKS))
        acks = self._some(topic, chance)
        twice = acks * 2
        chance.shuffle(twice)
        self._ground.publisher.publish(topic, twice)
        return bool(acks)

    def _some(self, topic: str, chance: Random) -> list[tuple[bytes | None, bytes | None]]:
        """Read some committed records of a topic, from a place drawn within it; none when there are none yet."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._ground.deployment.bootstrap,
                "group.id": "chaos-reading",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "log_level": 2,
            }
        )
        try:
            partitions = consumer.list_topics(topic, timeout=_READ_SECONDS).topics[topic].partitions
            partition = chance.choice(sorted(partitions))
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_READ_SECONDS)
            consumer.assign([TopicPartition(topic, partition, chance.randint(low, max(low, high - _ACKS)))])
            found = [it for it in consumer.consume(_ACKS, timeout=2.0 if high > low else 0.1) if it.error() is None]
            acks = [(message.key(), message.value()) for message in found]
            return [(key, value) for key, value in acks if not (key or b"").startswith(PREFIX)]
        except KafkaException:
            return []  # no broker answers now: there is nothing to repeat
        finally:
            consumer.close()
