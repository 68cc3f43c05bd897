"""Derived identifiers: the same cause gives the same id, so that doing twice is doing once (protocol step 7)."""

from __future__ import annotations

import hashlib

_NAMESPACE = bytes.fromhex("7f0c0a7c9d7b5d0f8c7e3a1b54696e74")


def derive(*parts: str | int) -> str:
    """Return the UUIDv5 (RFC 9562 section 5.5) of the parts, in order, under tieout's namespace."""
    name = "\x1f".join(map(str, parts)).encode()
    digest = bytearray(hashlib.sha1(_NAMESPACE + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def command_id(contract_id: str, event_id: str, kind: str, ordinal: int | str = 0) -> str:
    """Return the id of the command of a kind that an event of a contract causes."""
    return derive("command", contract_id, event_id, kind, ordinal)
