"""Schema registries: Confluent's API over HTTP, and one that lives in the process and needs no server.

Knows schemas, subjects and ids; knows nothing of records, topics or brokers.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote

import httpx

from streams.codec.schemas import Schema, load_definitions, self_contained

COMPATIBILITY: Final = "FULL_TRANSITIVE"

_ATTEMPTS = 4
_FIRST_WAIT_SECONDS = 0.2
_TIMEOUT_SECONDS = 5.0
_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_MISSING_CODES = frozenset({40401, 40402, 40403})


class RegistryUnavailable(Exception):
    """The registry cannot be reached or does not answer: nothing is known, try again later."""


class RegistryRefused(Exception):
    """The registry answered and refused: wrong credentials, an incompatible schema, a subject that is read-only."""


class UnknownSchema(LookupError):
    """The registry answered that it does not hold this id."""


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A version of a subject."""

    subject: str
    version: int
    schema_id: int
    schema: Schema


class SchemaRegistry(Protocol):
    """What the project needs of a registry; every call may raise RegistryUnavailable or RegistryRefused."""

    def register(self, subject: str, schema: Schema) -> int:
        """Return the id of a self-contained schema under a subject; registers it when it is new."""
        ...

    def by_id(self, schema_id: int) -> Schema:
        """Return the schema of an id. Raises UnknownSchema when the registry says that there is none."""
        ...

    def latest(self, subject: str) -> RegisteredSchema | None:
        """Return the last version of a subject, or None when it has none."""
        ...

    def set_compatibility(self, subject: str, level: str = COMPATIBILITY) -> None:
        """Let the registry refuse what is not compatible."""
        ...

    def incompatibilities(self, subject: str, schema: Schema) -> list[str]:
        """Return what the registry has against a schema; empty when it would take it."""
        ...

    def ready(self) -> bool:
        """Whether the registry answers, asked once and briefly."""
        ...


class EmbeddedRegistry:
    """Ids derived from the schemas themselves: every process that ships the same `avro/` knows the same ids.

    An id is 31 bits of the SHA-256 of the schema without its docs. Data written with it can be read as long as the
    schema is shipped, so it is for the embedded broker, which keeps nothing anyway.
    """

    def __init__(self, definitions: Mapping[str, Schema] | None = None) -> None:
        """Know the shipped records, or those given."""
        self._by_id: dict[int, Schema] = {}
        self._subjects: dict[str, list[RegisteredSchema]] = {}
        self._definitions = definitions
        self._all_known = False

    def register(self, subject: str, schema: Schema) -> int:
        schema_id = self._add(schema)
        versions = self._subjects.setdefault(subject, [])
        if all(version.schema_id != schema_id for version in versions):
            versions.append(RegisteredSchema(subject, len(versions) + 1, schema_id, schema))
        return schema_id

    def by_id(self, schema_id: int) -> Schema:
        if schema_id not in self._by_id and not self._all_known:
            self._add_all()
        try:
            return self._by_id[schema_id]
        except KeyError:
            raise UnknownSchema(f"no schema shipped with tieout has id {schema_id}") from None

    def latest(self, subject: str) -> RegisteredSchema | None:
        versions = self._subjects.get(subject)
        return versions[-1] if versions else None

    def set_compatibility(self, subject: str, level: str = COMPATIBILITY) -> None:
        """Nothing to set: what is shipped was checked when it was released."""

    def incompatibilities(self, subject: str, schema: Schema) -> list[str]:  # noqa: ARG002
        return []

    def ready(self) -> bool:
        return True

    def _add(self, schema: Schema) -> int:
        schema_id = derived_id(schema)
        known = self._by_id.setdefault(schema_id, schema)
        if _without_docs(known) != _without_docs(schema):
            raise ValueError(
                f"{schema.get('name')} and {known.get('name')} both give schema id {schema_id}; change a field's order"
            )
        return schema_id

    def _add_all(self) -> None:
        definitions = self._definitions if self._definitions is not None else load_definitions()
        for definition in definitions.values():
            if definition["type"] == "record":
                self._add(self_contained(definition["name"], definitions))
        self._all_known = True


def derived_id(schema: Schema) -> int:
    """Return a positive 31-bit id that depends on everything in the schema but its docs."""
    text = json.dumps(_without_docs(schema), sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1 or 1


def _without_docs(node: Any) -> Any:
    # A default may be a JSON object too, and a field may be called doc; neither is a "doc" attribute of a schema node
    # whose value is a string next to a name.
    if isinstance(node, dict):
        return {key: _without_docs(value) for key, value in node.items() if not (key == "doc" and "name" in node)}
    if isinstance(node, list):
        return [_without_docs(item) for item in node]
    return node


class ConfluentRegistry:
    """A client of Confluent's Schema Registry API, which Apicurio, Karapace and Redpanda speak as well.

    Credentials: `https://user:password@host` sends them as HTTP Basic; a bearer token is given apart, so that it never
    is part of an address. Calls block; they are few, because codecs remember what they learnt.
    """

    def __init__(self, url: str, *, bearer: str | None = None, transport: httpx.BaseTransport | None = None) -> None:
        parsed = httpx.URL(url)
        auth = httpx.BasicAuth(parsed.username, parsed.password) if parsed.username else None
        headers = {"Accept": f"{_MEDIA_TYPE}, application/json"}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        clean = parsed.copy_with(username=None, password=None)
        self._address = str(clean).rstrip("/")
        self._http = httpx.Client(
            base_url=self._address,
            auth=auth,
            headers=headers,
            timeout=_TIMEOUT_SECONDS,
            transport=transport,
            # Servers on this machine are not reached through the machine's proxy.
            trust_env=clean.host not in {"127.0.0.1", "localhost", "::1"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def register(self, subject: str, schema: Schema) -> int:
        body = {"schema": json.dumps(schema), "schemaType": "AVRO"}
        # Look first: a process may be allowed to read where only a release may write.
        found = self._call("POST", f"/subjects/{quote(subject, safe='')}", body)
        if found is None:
            found = self._register_new(subject, body)
        if found is None:
            raise RegistryRefused(f"{self._address}: cannot register {subject}: the registry does not offer this call")
        return int(found["id"])

    def _register_new(self, subject: str, body: Mapping[str, object]) -> dict[str, Any] | None:
        """Register; when another process does so at the same moment, a registry may refuse one: then look again."""
        try:
            return self._call("POST", f"/subjects/{quote(subject, safe='')}/versions", body)
        except RegistryRefused:
            time.sleep(_FIRST_WAIT_SECONDS)
            found = self._call("POST", f"/subjects/{quote(subject, safe='')}", body)
            if found is None:
                raise
            return found

    def by_id(self, schema_id: int) -> Schema:
        found = self._call("GET", f"/schemas/ids/{schema_id}")
        if found is None:
            raise UnknownSchema(f"{self._address} has no schema with id {schema_id}")
        return _schema(found)

    def latest(self, subject: str) -> RegisteredSchema | None:
        found = self._call("GET", f"/subjects/{quote(subject, safe='')}/versions/latest")
        if found is None:
            return None
        return RegisteredSchema(subject, int(found["version"]), int(found["id"]), _schema(found))

    def set_compatibility(self, subject: str, level: str = COMPATIBILITY) -> None:
        self._call("PUT", f"/config/{quote(subject, safe='')}", {"compatibility": level})

    def incompatibilities(self, subject: str, schema: Schema) -> list[str]:
        body = {"schema": json.dumps(schema), "schemaType": "AVRO"}
        path = f"/compatibility/subjects/{quote(subject, safe='')}/versions"
        found = self._call("POST", f"{path}?verbose=true", body)
        if found is None or found.get("is_compatible", False):
            return []
        return [str(message) for message in found.get("messages", ())] or [
            f"{self._address} finds the schema of {subject} incompatible with a registered version and does not say why"
        ]

    def ready(self) -> bool:
        try:
            return self._http.get("/subjects").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any] | None:
        """Return the answer, or None when the registry says that the thing asked for does not exist."""
        wait = _FIRST_WAIT_SECONDS
        reason = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(wait)
                wait *= 2
            try:
                answer = self._http.request(
                    method, path, json=body, headers={"Content-Type": _MEDIA_TYPE} if body is not None else None
                )
            except httpx.TransportError as fault:
                reason = f"{type(fault).__name__}: {fault}"
                continue
            if answer.status_code in _RETRIED_STATUS:
                reason = f"HTTP {answer.status_code}: {answer.text[:300]}"
                continue
            return self._read(method, path, answer)
        raise RegistryUnavailable(
            f"{self._address}: {method} {path}: {_ATTEMPTS} attempts failed, the last with {reason}"
        )

    def _read(self, method: str, path: str, answer: httpx.Response) -> dict[str, Any] | None:
        try:
            content = answer.json()
        except ValueError:
            content = None
        if answer.is_success and isinstance(content, dict):
            return content
        code = content.get("error_code") if isinstance(content, dict) else None
        if answer.status_code == httpx.codes.NOT_FOUND and (code in _MISSING_CODES or code == 404):
            return None
        if answer.status_code == httpx.codes.NOT_FOUND or answer.is_success:
            # A 404 that is not the registry's own comes from a proxy or a wrong path: it says nothing about schemas.
            raise RegistryUnavailable(
                f"{self._address}: {method} {path} answered HTTP {answer.status_code} without a registry's content; "
                "check the address, which must end where /subjects begins"
            )
        raise RegistryRefused(f"{self._address}: {method} {path}: HTTP {answer.status_code}: {answer.text[:500]}")


def _schema(answer: Mapping[str, Any]) -> Schema:
    schema = json.loads(answer["schema"])
    return schema if isinstance(schema, dict) else {"type": schema}


def open_registry(url: str | None, *, bearer: str | None = None) -> SchemaRegistry:
    """Return the registry of a setting: None is the embedded one."""
    return EmbeddedRegistry() if url is None else ConfluentRegistry(url, bearer=bearer)
