"""Signatures of webhooks: whether a delivery was signed with one of the secrets, lately. Knows bytes, not payloads.

Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, base64, in `webhook-signature` as `v1,...`, several with
spaces. Stripe: HMAC-SHA256 over `timestamp.body`, hexadecimal, in `Stripe-Signature` as `t=...,v1=...`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

_SECONDS = re.compile(r"\d{1,12}", re.ASCII)
_SECRET_MARK = "whsec_"
_FEWEST_SECRET_BYTES = 16
_MOST_SIGNATURES = 20
"""Signatures looked at in one delivery: a sender in rotation sends two or three."""


class Scheme(StrEnum):
    """How a vendor signs."""

    STANDARD_WEBHOOKS = "standard-webhooks"
    STRIPE = "stripe"


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies the deliveries of one source."""

    scheme: Scheme
    keys: Sequence[bytes] = field(repr=False)
    """Every key that is valid now; several while a secret is rotated."""
    tolerance: int
    """Seconds by which the signed time may be off, either way."""

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> bool:
        """Return whether a delivery is the vendor's and not replayed late. `headers` have names in lower case."""
        signed = _standard(headers, body) if self.scheme is Scheme.STANDARD_WEBHOOKS else _stripe(headers, body)
        if signed is None or abs(now - signed.at) > self.tolerance:
            return False
        valid = False
        for key in self.keys:
            expected = hmac.digest(key, signed.content, hashlib.sha256)
            for signature in signed.signatures:
                # All are compared, each in constant time: the answer's time tells nothing of a near miss.
                valid |= hmac.compare_digest(expected, signature)
        return valid


def key_of(scheme: Scheme, secret: str) -> bytes:
    """Return the key of a secret as the vendor shows it. Raises ValueError that says what is expected, no secret."""
    if scheme is Scheme.STRIPE:
        key = secret.encode()
    else:
        try:
            key = base64.b64decode(secret.removeprefix(_SECRET_MARK), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"base64, with or without {_SECRET_MARK} before it") from None
    if len(key) < _FEWEST_SECRET_BYTES:
        raise ValueError(f"a secret of at least {_FEWEST_SECRET_BYTES} bytes")
    return key


@dataclass(frozen=True, slots=True)
class _Signed:
    at: int
    content: bytes
    signatures: Sequence[bytes]


def _standard(headers: Mapping[str, str], body: bytes) -> _Signed | None:
    message, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message or not _SECONDS.fullmatch(at):
        return None
    signatures = []
    for part in headers.get("webhook-signature", "").split(" ")[:_MOST_SIGNATURES]:
        version, _, text = part.partition(",")
        if version == "v1":
            try:
                signature = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                continue
            # One spelling only: base64 leaves bits of the last character without meaning.
            if base64.b64encode(signature).decode() == text:
                signatures.append(signature)
    return _Signed(int(at), f"{message}.{at}.".encode("latin-1", "replace") + body, signatures)


def _stripe(headers: Mapping[str, str], body: bytes) -> _Signed | None:
    at: str | None = None
    signatures = []
    for part in headers.get("stripe-signature", "").split(",")[:_MOST_SIGNATURES]:
        name, _, value = part.partition("=")
        if name == "t":
            if at is not None:
                return None
            at = value
        elif name == "v1" and re.fullmatch(r"[0-9a-f]{64}", value, re.ASCII):
            signatures.append(bytes.fromhex(value))
    if at is None or not _SECONDS.fullmatch(at):
        return None
    return _Signed(int(at), f"{at}.".encode() + body, signatures)
