"""Problem documents (RFC 9457): every answer of the API that is not a success.

Knows the kinds of problem and their remedies; knows no event.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from urllib.parse import quote

from fastapi.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"

_MOST_ERRORS = 200
"""Faults listed in one answer; `errors_left_out` counts the others."""


class Kind(Enum):
    """Kinds of problem: name in the type's address, status, title, and what a caller does about it."""

    MALFORMED_JSON = (
        "malformed-json",
        HTTPStatus.BAD_REQUEST,
        "The body is not JSON",
        "Send UTF-8 JSON in which no member is named twice.",
    )
    UNAUTHORIZED = (
        "unauthorized",
        HTTPStatus.UNAUTHORIZED,
        "The signature is not valid",
        "Sign with a current secret, and send within the tolerance.",
    )
    CONFLICTING_EVENT = (
        "conflicting-event",
        HTTPStatus.CONFLICT,
        "An event id was used for different content",
        (
            "event_id is the idempotency key. Give the new event an id of its own; "
            "to correct an earlier transaction, name it in `supersedes`."
        ),
    )
    TOO_LARGE = (
        "too-large",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The request is too large",
        "Send fewer events in a request; nothing of this one was taken.",
    )
    MEDIA_TYPE = (
        "unsupported-media-type",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "The content type is not supported",
        (
            "Send application/json (one event or an array) or application/x-ndjson (one event a line), "
            "in UTF-8 and not compressed."
        ),
    )
    INVALID_EVENT = (
        "invalid-event",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Events are invalid",
        "Correct every field in `errors` and send the whole request again; nothing of it was taken.",
    )
    UNAVAILABLE = (
        "unavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The broker has not acknowledged in time",
        (
            "Send the same request again after the seconds in Retry-After. That is safe although a part of it may have "
            "been taken: event_id is the idempotency key, and a repeated event has no second effect."
        ),
    )
    NOT_FOUND = ("not-found", HTTPStatus.NOT_FOUND, "There is nothing here", "The description is at /openapi.json.")
    METHOD_NOT_ALLOWED = (
        "method-not-allowed",
        HTTPStatus.METHOD_NOT_ALLOWED,
        "The method is not allowed here",
        "The description is at /openapi.json.",
    )
    INTERNAL = (
        "internal",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The API failed",
        "Tell the operators the `instance` of this problem; sending the same request again is safe.",
    )

    def __init__(self, slug: str, status: HTTPStatus, title: str, remedy: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title
        self.remedy = remedy

    @property
    def address(self) -> str:
        """Where the API explains it; relative to the API."""
        return f"/problems/{self.slug}"


@dataclass(frozen=True, slots=True)
class FieldError:
    """A fault of one field."""

    pointer: str
    """JSON pointer into the body; for lines of NDJSON as if they were an array."""
    code: str
    detail: str

    def as_json(self) -> dict[str, object]:
        """Return it as section 3 of RFC 9457 does: the pointer is a URI fragment."""
        return {"pointer": "#" + quote(self.pointer, safe="/~!$&'()*+,;=:@?"), "code": self.code, "detail": self.detail}


@dataclass(slots=True, eq=False)
class Problem(Exception):
    """Why a request was not taken; raised by the parts, answered by the app."""

    kind: Kind
    detail: str
    errors: Sequence[FieldError] = ()
    headers: dict[str, str] = field(default_factory=dict)
    instance: str = field(default_factory=lambda: f"urn:uuid:{uuid.uuid4()}")

    def response(self) -> JSONResponse:
        """Return the problem document."""
        document: dict[str, object] = {
            "type": self.kind.address,
            "title": self.kind.title,
            "status": self.kind.status.value,
            "detail": f"{self.detail}. {self.kind.remedy}",
            "instance": self.instance,
        }
        if self.errors:
            document["errors"] = [error.as_json() for error in self.errors[:_MOST_ERRORS]]
        if len(self.errors) > _MOST_ERRORS:
            document["errors_left_out"] = len(self.errors) - _MOST_ERRORS
        return JSONResponse(document, self.kind.status.value, headers=self.headers, media_type=MEDIA_TYPE)
