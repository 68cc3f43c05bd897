"""Derived identifiers: the same cause gives the same id, so that doing twice is doing once (protocol step 7)."""

from __future__ import annotations

import hashlib

_NAMESPACE = bytes.fromhex("7f0c0a7c9d7b5d0f8c7e3a1b54696e74")

_VARIANT = {f"{digit:x}": f"{digit & 0x3 | 0x8:x}" for digit in range(16)}
"""The digit with the variant of RFC 9562 in its two upper bits."""


def derive(*parts: str | int) -> str:
    """Return the UUIDv5 (RFC 9562 section 5.5) of the parts, in order, under tieout's namespace."""
    digits = hashlib.sha1(_NAMESPACE + "\x1f".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"


def command_id(contract_id: str, event_id: str, kind: str, ordinal: int | str = 0) -> str:
    """Return the id of the command of a kind that an event of a contract causes."""
    return derive("command", contract_id, event_id, kind, ordinal)
