"""A consumer group: who is a member, which generation it is, who owns which partition.

Eager rebalances with the range assignor, as the transport asks for. A member that is frozen or dead does not answer and
is thrown out when its session is over; until the others have all joined again the old generation stays valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.broker import Membership, Refusal

if TYPE_CHECKING:
    from tests.simulation.worker import Worker


class Group:
    """One stage's group."""

    def __init__(self, name: str, partitions: int) -> None:
        self.name = name
        self.generation = 0
        self.members: dict[str, Worker] = {}
        self._partitions = partitions
        self._joined: set[str] = set()
        self._rebalancing = False
        self._numbers = 0

    def join(self, worker: Worker) -> None:
        """A new process joins, or one that was thrown out."""
        self._numbers += 1
        worker.member = f"{worker.machine}-{self._numbers}"
        self.members[worker.member] = worker
        if not self._rebalancing:
            self._rebalancing, self._joined = True, set()
        self._joined.add(worker.member)

    def joined(self, worker: Worker) -> None:
        """A member has given up its partitions and waits for the assignment."""
        if worker.member in self.members:
            self._joined.add(worker.member)
        else:
            self.join(worker)

    def leave(self, worker: Worker) -> None:
        """A member leaves, or its session is over."""
        if self.members.pop(worker.member, None) is not None:
            self._joined.discard(worker.member)
            if not self._rebalancing:
                self._rebalancing, self._joined = True, set()

    def heartbeat(self, worker: Worker) -> bool:
        """A member hears how the group is; return whether it has to join again."""
        out = worker.member not in self.members
        if not worker.rejoining and (out or (self._rebalancing and worker.member not in self._joined)):
            worker.rejoin()
            return True
        return False

    def settle(self) -> bool:
        """Assign when every member has joined; return whether it did."""
        if not self._rebalancing or set(self.members) - self._joined:
            return False
        self._rebalancing = False
        self.generation += 1
        names = sorted(self.members)
        for place, name in enumerate(names):
            share, extra = divmod(self._partitions, len(names))
            first = place * share + min(place, extra)
            self.members[name].assigned(set(range(first, first + share + (place < extra))), self.generation)
        return True

    @property
    def is_rebalancing(self) -> bool:
        return self._rebalancing

    def check(self, membership: Membership) -> Refusal | None:
        """Refuse the offsets of a member that is none any more (KIP-447)."""
        _, generation, member = membership
        if member not in self.members:
            return Refusal.MEMBER
        return None if generation == self.generation else Refusal.GENERATION
