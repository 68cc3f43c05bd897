"""Splitting a batch for several calls at once: what concerns one contract stays in one lane, in its order.

Pure and stable: the same batch splits the same way when it is read again. Must not know what is in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

Call = Sequence[int]
"""Positions in the batch that go into one call, in order."""


def lanes(keys: Sequence[str], count: int, per_call: int) -> list[list[Call]]:
    """Return at most `count` lanes of calls, `per_call` positions each at most, for a batch with these keys.

    Lanes run beside each other, the calls of a lane one after the other.
    """
    if count == 1:
        return [_calls(range(len(keys)), per_call)] if keys else []
    positions: list[list[int]] = [[] for _ in range(count)]
    for position, key in enumerate(keys):
        positions[crc32(key.encode()) % count].append(position)
    return [_calls(lane, per_call) for lane in positions if lane]


def _calls(positions: Sequence[int], per_call: int) -> list[Call]:
    return [positions[start : start + per_call] for start in range(0, len(positions), per_call)]
