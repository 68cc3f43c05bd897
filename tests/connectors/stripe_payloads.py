"""Deliveries of the shape that Stripe's public reference describes, with values of our own; and signing them."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from typing import Any

YEAR_START, YEAR_END, MID = 1767225600, 1798761600, 1780272000  # 2026-01-01, 2027-01-01, 2026-06-01
SECRET = "whsec_of_the_tests_only_0123456789"


def delivery(type_: str, obj: dict[str, Any], previous: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"object": obj}
    if previous is not None:
        data["previous_attributes"] = previous
    return {"id": "evt_1", "object": "event", "type": type_, "created": YEAR_START + 60, "data": data, **more}


def subscription(**changes: Any) -> dict[str, Any]:
    item = {
        "id": "si_1",
        "object": "subscription_item",
        "quantity": 10,
        "metadata": {},
        "current_period_start": YEAR_START,
        "current_period_end": YEAR_END,
        "price": {
            "id": "price_platform_yearly",
            "currency": "usd",
            "unit_amount": 20000,
            "product": "prod_platform",
            "recurring": {"interval": "year", "interval_count": 1},
        },
    }
    found = {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "currency": "usd",
        "status": "active",
        "start_date": YEAR_START,
        "trial_end": None,
        "ended_at": None,
        "metadata": {},
        "items": {"object": "list", "data": [item]},
    }
    return copy.deepcopy(found) | changes


def invoice(**changes: Any) -> dict[str, Any]:
    return {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "currency": "usd",
        "created": YEAR_START,
        "effective_at": YEAR_START,
        "due_date": None,
        "total": 217000,
        "amount_paid": 0,
        "total_discount_amounts": [],
        "status_transitions": {"finalized_at": YEAR_START, "paid_at": None},
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1", "metadata": {}}},
        "lines": {
            "object": "list",
            "data": [
                {
                    "id": "il_1",
                    "amount": 200000,
                    "currency": "usd",
                    "period": {"start": YEAR_START, "end": YEAR_END},
                    "parent": {"subscription_item_details": {"subscription_item": "si_1"}},
                    "taxes": [
                        {
                            "amount": 17000,
                            "tax_behavior": "exclusive",
                            "tax_rate_details": {"tax_rate": "txr_california"},
                        }
                    ],
                }
            ],
        },
    } | changes


def credit_note(**changes: Any) -> dict[str, Any]:
    return {
        "id": "cn_1",
        "object": "credit_note",
        "customer": "cus_1",
        "currency": "usd",
        "created": MID,
        "invoice": "in_1",
        "metadata": {"contract_id": "sub_1", "line_id": "si_1", "effect": "PRICE_REDUCTION"},
        "discount_amounts": [],
        "lines": {"object": "list", "data": [{"id": "cnli_1", "amount": 5000, "taxes": []}]},
    } | changes


def charge(**changes: Any) -> dict[str, Any]:
    return {
        "id": "ch_1",
        "object": "charge",
        "customer": "cus_1",
        "currency": "usd",
        "amount": 217000,
        "amount_refunded": 30000,
        "metadata": {"contract_id": "sub_1", "invoice_id": "in_1"},
    } | changes


def signed(payload: object, at: int, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """Return body and header as Stripe sends them."""
    body = json.dumps(payload).encode()
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={at},v1={signature}"}
