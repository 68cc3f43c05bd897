"""The API's own description: what FastAPI cannot know, because bodies are read with exact decimals.

The event schemas come from the models that check the events.
"""

from __future__ import annotations

from typing import Any

from streams.api.problems import MEDIA_TYPE, Kind
from streams.codec.json_events import json_schemas

_EVENT = {"$ref": "#/components/schemas/CommercialEvent"}

_PROBLEM = {
    "type": "object",
    "description": "Problem document (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "Kind of problem; an address of this API that explains it."},
        "title": {"type": "string", "description": "The kind in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What was found, what was expected, what to do."},
        "instance": {"type": "string", "description": "This occurrence, to name to the operators."},
        "errors": {
            "type": "array",
            "description": "Every fault of every field.",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer to the field, as a URI fragment."},
                    "code": {"type": "string", "description": "Stable code of the fault."},
                    "detail": {"type": "string", "description": "What was found, what was expected."},
                },
            },
        },
        "errors_left_out": {"type": "integer", "description": "Further faults that are not listed."},
    },
}

_ACCEPTED = {
    "type": "object",
    "required": ["accepted", "event_ids", "traceparent"],
    "properties": {
        "accepted": {"type": "integer", "description": "Events that the broker has acknowledged."},
        "event_ids": {"type": "array", "items": {"type": "string"}, "description": "Their ids, in order."},
        "traceparent": {"type": "string", "description": "W3C trace that the events carry from here on."},
    },
}

_EXAMPLE = {
    "event_id": "0190f6a2-7c1e-7b43-9d55-2f1f6f0a3c11",
    "occurred_at": "2026-01-15T09:30:00Z",
    "effective_date": "2026-01-15",
    "context": {
        "source_system": "salesforce",
        "source_transaction_id": "006Dn00000A1b2C",
        "contract_id": "C-1001",
        "contract_version": 1,
        "customer_account": "ACC-42",
        "legal_entity": "ACME-US",
    },
    "body": {
        "ContractSigned": {
            "currency": "USD",
            "lines": [
                {
                    "line_id": "L1",
                    "product_line": "platform",
                    "pattern": "RATABLE_DAILY",
                    "quantity": "50",
                    "price": "12000.00",
                    "ssp": "12000.00",
                    "start_date": "2026-01-15",
                    "end_date": "2027-01-14",
                }
            ],
        }
    },
}

POST_EVENTS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [_EVENT, {"type": "array", "minItems": 1, "items": _EVENT}]},
                "example": _EXAMPLE,
            },
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "One event a line, each as in application/json."}
            },
        },
    },
    "parameters": [
        {
            "name": "traceparent",
            "in": "header",
            "required": False,
            "description": "W3C trace context; passed on with every event, or created.",
            "schema": {"type": "string"},
        }
    ],
}


def problem_responses(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Return the description of answers that are problems."""
    return {
        kind.status.value: {
            "description": f"{kind.title}. {kind.remedy}",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for kind in kinds
    }


RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "The broker has acknowledged every event.",
        "content": {"application/json": {"schema": _ACCEPTED}},
    },
    **problem_responses(
        Kind.MALFORMED_JSON,
        Kind.CONFLICTING_EVENT,
        Kind.TOO_LARGE,
        Kind.MEDIA_TYPE,
        Kind.INVALID_EVENT,
        Kind.UNAVAILABLE,
    ),
}


def with_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """Add the schemas that the paths refer to."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(json_schemas("#/components/schemas/{model}"), Problem=_PROBLEM)
    return document
