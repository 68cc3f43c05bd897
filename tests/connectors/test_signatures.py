"""A webhook's signature: no byte may change, no delivery may be late, any current secret will do."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.signatures import Scheme, Verifier, key_of

NOW = 1_770_000_000
KEYS = {"old": b"o" * 24, "new": b"n" * 24}


def headers(scheme: Scheme, body: bytes, key: bytes, at: int = NOW) -> dict[str, str]:
    """Sign as a sender does."""
    if scheme is Scheme.STRIPE:
        return {"stripe-signature": f"t={at},v1={hmac.new(key, b'%d.' % at + body, hashlib.sha256).hexdigest()}"}
    digest = hmac.new(key, b"msg_1.%d." % at + body, hashlib.sha256).digest()
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def verifier(scheme: Scheme, *names: str) -> Verifier:
    return Verifier(scheme, [KEYS[name] for name in names or ("new",)], 300)


SCHEMES = st.sampled_from(list(Scheme))


@given(SCHEMES, st.binary(max_size=200))
def test_what_was_signed_is_accepted(scheme: Scheme, body: bytes) -> None:
    assert verifier(scheme).verify(headers(scheme, body, KEYS["new"]), body, NOW)


@given(SCHEMES, st.binary(min_size=1, max_size=200), st.data())
def test_any_changed_byte_of_the_body_is_refused(scheme: Scheme, body: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(body) - 1))
    changed = bytearray(body)
    changed[place] ^= data.draw(st.integers(1, 255))
    assert not verifier(scheme).verify(headers(scheme, body, KEYS["new"]), bytes(changed), NOW)


@given(SCHEMES, st.data())
def test_any_changed_character_of_a_header_is_refused(scheme: Scheme, data: st.DataObject) -> None:
    signed = headers(scheme, b"{}", KEYS["new"])
    name = data.draw(st.sampled_from(sorted(signed)))
    value = signed[name]
    place = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda new: new != value[place]))
    signed[name] = value[:place] + other + value[place + 1 :]
    assert not verifier(scheme).verify(signed, b"{}", NOW)


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize(("off", "taken"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_delivery_is_taken_within_the_tolerance_only(scheme: Scheme, off: int, taken: bool) -> None:
    signed = headers(scheme, b"{}", KEYS["new"], NOW + off)
    assert verifier(scheme).verify(signed, b"{}", NOW) is taken


@pytest.mark.parametrize("scheme", Scheme)
def test_while_a_secret_is_rotated_both_hold_and_afterwards_the_old_one_does_not(scheme: Scheme) -> None:
    old = headers(scheme, b"{}", KEYS["old"])
    assert verifier(scheme, "new", "old").verify(old, b"{}", NOW)
    assert not verifier(scheme, "new").verify(old, b"{}", NOW)


@pytest.mark.parametrize("scheme", Scheme)
def test_without_a_signature_nothing_is_taken(scheme: Scheme) -> None:
    assert not verifier(scheme).verify({}, b"{}", NOW)


def test_the_senders_rotation_sends_several_signatures_of_which_one_holds() -> None:
    signed = headers(Scheme.STANDARD_WEBHOOKS, b"{}", KEYS["new"])
    signed["webhook-signature"] = "v1a,zzz v1,!! v1,AAAA " + signed["webhook-signature"]
    assert verifier(Scheme.STANDARD_WEBHOOKS).verify(signed, b"{}", NOW)


def test_a_secret_is_read_as_the_vendor_shows_it_and_never_told() -> None:
    text = base64.b64encode(KEYS["new"]).decode()
    assert key_of(Scheme.STANDARD_WEBHOOKS, f"whsec_{text}") == key_of(Scheme.STANDARD_WEBHOOKS, text) == KEYS["new"]
    assert key_of(Scheme.STRIPE, "whsec_0123456789abcdef") == b"whsec_0123456789abcdef"
    with pytest.raises(ValueError) as caught:
        key_of(Scheme.STANDARD_WEBHOOKS, "whsec_no*base64")
    assert "no*base64" not in str(caught.value)
    assert "nnnn" not in repr(verifier(Scheme.STRIPE))
