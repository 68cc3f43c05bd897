"""A user's session with a Tryton server: log in, call, log in again when the session has expired.

Says of every failure whether the call may have taken effect: `TrytonRefusal` means that nothing was changed, the errors
of `connectors.protocols` that nothing is known. Must not know accounting.
"""

from __future__ import annotations

import base64
import datetime as dt
import threading
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
import msgspec

from connectors.erp.tryton.wire import NotTryton, decode, encode
from connectors.protocols import ConnectorDenied, ConnectorThrottled, ConnectorUnavailable
from connectors.retry_after import retry_after_seconds

_T = TypeVar("_T")

_REFUSALS = ("UserError", "UserWarning")
_TOLD_CHARACTERS = 300


class TrytonRefusal(Exception):
    """Tryton refused a call by one of its own rules, and changed nothing. The message is Tryton's."""


@dataclass(frozen=True, slots=True)
class TrytonAccess:
    """Where a Tryton server is, and as whom it is used."""

    url: str
    """http://HOST:PORT or https://..., without the database."""
    database: str
    user: str
    password: str = field(repr=False)
    timeout: float = 30.0
    """Seconds to wait for an answer."""


class TrytonSession:
    """Calls one database. Threads may share it; nothing is connected before the first call."""

    def __init__(self, access: TrytonAccess) -> None:
        self._access = access
        self._where = f"Tryton at {access.url}, database {access.database}"
        self._client = httpx.Client(timeout=access.timeout, headers={"Content-Type": "application/json"})
        self._login = threading.Lock()
        self._authorization: str | None = None

    def call(self, method: str, *params: object, kind: type[_T]) -> _T:
        """Call a method and return its result as a type.

        Raises TrytonRefusal, ConnectorDenied, ConnectorThrottled and ConnectorUnavailable.
        """
        authorization = self._logged_in(expired=None)
        response = self._send(method, params, authorization)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # Sessions end when they are idle, old, or the server forgets them: that is no fault, once.
            response = self._send(method, params, self._logged_in(expired=authorization))
        return self._result(method, response, kind)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _logged_in(self, expired: str | None) -> str:
        """Return the session's header; a new session's when there is none, or this one has expired."""
        with self._login:
            if self._authorization is None or self._authorization == expired:
                self._authorization = None
                self._authorization = self._new_session()
            return self._authorization

    def _new_session(self) -> str:
        user = self._access.user
        response = self._send("common.db.login", (user, {"password": self._access.password}, None), None)
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise ConnectorDenied(f"{self._where} refuses user {user} and the password given; correct them")
        user_id, key = self._result("common.db.login", response, tuple[int, str, object])[:2]
        return "Session " + base64.b64encode(f"{user}:{user_id}:{key}".encode()).decode("ascii")

    def _send(self, method: str, params: tuple[object, ...], authorization: str | None) -> httpx.Response:
        url = f"{self._access.url}/{self._access.database}/rpc/"
        headers = {"Authorization": authorization} if authorization is not None else {}
        try:
            return self._client.post(url, content=encode(method, list(params)), headers=headers)
        except httpx.HTTPError as failure:
            told = str(failure) or type(failure).__name__
            raise ConnectorUnavailable(f"{self._where} has not answered {method}: {told}") from failure

    def _result(self, method: str, response: httpx.Response, kind: type[_T]) -> _T:
        status = response.status_code
        if status == httpx.codes.TOO_MANY_REQUESTS:
            wait = retry_after_seconds(response.headers.get("Retry-After"), dt.datetime.now(dt.UTC))
            raise ConnectorThrottled(f"{self._where} asks for fewer calls", wait)
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            found = f"{self._where} answered {method} with {status} to user {self._access.user}"
            raise ConnectorDenied(f"{found}; give the user the rights that docs/connectors.md names")
        if status != httpx.codes.OK:
            raise ConnectorUnavailable(f"{self._where} answered {method} with {status} {response.reason_phrase}")
        try:
            answer = decode(response.content)
        except NotTryton as fault:
            raise ConnectorUnavailable(f"what answered {method} is not {self._where}: {fault}") from fault
        error = answer.get("error")
        if error is not None:
            raise self._failure(method, error)
        try:
            return msgspec.convert(answer["result"], kind)
        except msgspec.ValidationError as fault:
            raise ConnectorUnavailable(f"{self._where} answered {method} in an unknown form: {fault}") from fault

    def _failure(self, method: str, error: object) -> Exception:
        match error:
            case [name, [str(message), *_]] if name in _REFUSALS:
                return TrytonRefusal(message)
            case ["LoginException", _]:
                return ConnectorDenied(f"{self._where} wants more than a password of user {self._access.user}")
            case [message, *_]:
                # Its transaction was rolled back: a lock, a database that is down, a fault of a module.
                told = str(message)[:_TOLD_CHARACTERS]
                return ConnectorUnavailable(f"{self._where} failed in {method}: {told}")
            case _:
                return ConnectorUnavailable(f"{self._where} failed in {method}")
