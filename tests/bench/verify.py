"""The oracle of the benchmark: a row counts only when what it wrote is what the pure core says, no less and no more.

Compared are, as multisets, whole revenue commands and postings (they carry no clock), the ids of audit records and
exceptions, and the last status of each contract without its times.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import msgspec

from streams.codec.decoder import decode_long
from streams.records import ContractStatus
from streams.topics import AUDIT_TRAIL, CONTRACT_STATUS, ERP_POSTINGS, EXCEPTIONS, REVENUE_COMMANDS
from tests.bench.kernel import Kernel

WHOLE = (REVENUE_COMMANDS, ERP_POSTINGS)
BY_ID = (AUDIT_TRAIL, EXCEPTIONS)
COUNTED = (*WHOLE, *BY_ID)
_ID = slice(6, 42)
"""Where the id lies: the first field of both records, a string of 36 bytes after the header and its length."""
_DIGEST_BYTES = 8


class Expected(msgspec.Struct, frozen=True):
    """What must be found: digests by topic, sorted and joined, and the last status of each contract."""

    counts: dict[str, int]
    digests: dict[str, bytes]
    statuses: dict[str, str]


@dataclass
class Found:
    """Collects outputs."""

    digests: dict[str, Counter[bytes]] = field(default_factory=lambda: {topic: Counter() for topic in COUNTED})
    statuses: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, topic: str, key: bytes, value: bytes) -> None:
        if topic == CONTRACT_STATUS:
            self.statuses[key] = value
            return
        part = value[_ID] if topic in BY_ID else value
        self.digests[topic][hashlib.blake2b(key + part, digest_size=_DIGEST_BYTES).digest()] += 1

    def merge(self, other: Found) -> None:
        for topic, digests in other.digests.items():
            self.digests[topic].update(digests)
        self.statuses.update(other.statuses)

    def expected(self, kernel: Kernel) -> Expected:
        """This, as what others are compared with."""
        return Expected(
            counts={topic: digests.total() for topic, digests in self.digests.items()},
            digests={topic: b"".join(sorted(digests.elements())) for topic, digests in self.digests.items()},
            statuses=_readable(self.statuses, kernel),
        )


def differences(found: Found, expected: Expected, kernel: Kernel) -> list[str]:
    """What is wrong, in words; empty when the output is right."""
    wrong = []
    for topic, joined in expected.digests.items():
        wanted = Counter(joined[at : at + _DIGEST_BYTES] for at in range(0, len(joined), _DIGEST_BYTES))
        missing, extra = wanted - found.digests[topic], found.digests[topic] - wanted
        if missing or extra:
            wrong.append(f"{topic}: {missing.total()} of {wanted.total()} missing, {extra.total()} too many")
    statuses = _readable(found.statuses, kernel)
    differing = [name for name in expected.statuses if statuses.get(name) != expected.statuses[name]]
    if differing or len(statuses) != len(expected.statuses):
        name = differing[0] if differing else min(set(statuses) - set(expected.statuses))
        wrong.append(
            f"{CONTRACT_STATUS}: {len(statuses)} contracts, expected {len(expected.statuses)}; {len(differing)} "
            f"differ, for example {name}: found {statuses.get(name)}, expected {expected.statuses.get(name)}"
        )
    return wrong


def audit_action(payload: bytes) -> int:
    """The byte of an audit record that says what happened."""
    _, at = decode_long(payload, _ID.stop)
    return payload[at]


def audit_id(payload: bytes) -> bytes:
    """The id of an audit record."""
    return payload[_ID]


def _readable(statuses: dict[bytes, bytes], kernel: Kernel) -> dict[str, str]:
    readable = {}
    for key, value in statuses.items():
        status = kernel.decode(CONTRACT_STATUS, value)
        if not isinstance(status, ContractStatus):
            raise TypeError(f"{CONTRACT_STATUS} carries a {type(status).__name__}")
        readable[key.decode()] = (
            f"{status.state} v{status.version_in_force} billed {status.billed} recognised {status.recognised} "
            f"parked {len(status.parked)} pending {status.commands_pending}/{status.postings_pending} "
            f"accepted {status.commands_accepted}/{status.postings_accepted} offset {status.last_event_offset}"
        )
    return readable
