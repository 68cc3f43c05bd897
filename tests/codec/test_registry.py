"""Schema registries: ids that every process agrees on, and Confluent's API against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy

import httpx
import pytest

from streams.codec.registry import (
    ConfluentRegistry,
    EmbeddedRegistry,
    RegistryRefused,
    RegistryUnavailable,
    UnknownSchema,
    derived_id,
)
from streams.codec.schema_check import register_all
from streams.codec.schemas import load_definitions, self_contained, shipped_schema
from streams.codec.wire import PayloadFault, PayloadInvalid, codec_for
from streams.embedded.process import free_port
from streams.records import AuditRecord, Variance
from streams.topics import TOPICS
from tests.codec.test_wire import AUDIT
from tests.infra.registry import ApicurioRegistry


def test_another_process_derives_the_same_ids() -> None:
    program = (
        "from streams.codec.registry import EmbeddedRegistry\n"
        "from streams.codec.schemas import shipped_schema\n"
        "print(EmbeddedRegistry().register('x', shipped_schema('CommercialEvent')))"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(other.stdout) == derived_id(shipped_schema("CommercialEvent"))


def test_every_shipped_record_has_an_id_of_its_own_that_any_embedded_registry_knows() -> None:
    definitions = load_definitions()
    names = [definition["name"] for definition in definitions.values() if definition["type"] == "record"]
    ids = {derived_id(self_contained(name, definitions)): name for name in names}
    assert len(ids) == len(names)
    registry = EmbeddedRegistry()
    assert {registry.by_id(schema_id)["name"] for schema_id in ids} == set(names)


def test_a_derived_id_depends_on_everything_but_docs() -> None:
    schema = shipped_schema("Variance")
    changed = deepcopy(schema)
    changed["fields"][0]["doc"] = "another"
    assert derived_id(changed) == derived_id(schema)
    amount = next(field for field in changed["fields"] if field["name"] == "difference")
    amount["type"]["scale"] = 2
    assert derived_id(changed) != derived_id(schema)


def test_an_id_nobody_registered_is_unknown() -> None:
    with pytest.raises(UnknownSchema):
        EmbeddedRegistry().by_id(7)


def test_two_processes_understand_each_other_by_a_confluent_registry(schema_registry: ApicurioRegistry) -> None:
    writer = codec_for(AuditRecord, ConfluentRegistry(schema_registry.url), "trail")
    reader = codec_for(AuditRecord, ConfluentRegistry(schema_registry.url), "another-trail")
    assert reader.decode(writer.encode(AUDIT)) == AUDIT
    with pytest.raises(PayloadInvalid) as fault:
        reader.decode(b"\0\x7f\xff\xff\xff" + writer.encode(AUDIT)[5:])
    assert fault.value.code is PayloadFault.UNKNOWN_SCHEMA_ID


def test_registering_is_safe_to_repeat_and_keeps_subjects_compatible(schema_registry: ApicurioRegistry) -> None:
    registry = ConfluentRegistry(schema_registry.url)
    topics = {topic.name: topic.record for topic in TOPICS}
    first = register_all(registry, topics)
    assert [done.schema_id for done in register_all(registry, topics)] == [done.schema_id for done in first]
    assert all(done.schema_id is not None and not done.refusals for done in first)
    latest = registry.latest("variances-value")
    assert latest is not None
    assert latest.schema["name"] == "Variance"
    assert registry.latest("nothing-value") is None
    broken = deepcopy(shipped_schema("Variance"))
    broken["fields"].append({"name": "more", "type": "string"})
    assert registry.incompatibilities("variances-value", broken)
    with pytest.raises(RegistryRefused):
        registry.register("variances-value", broken)


def test_nothing_is_registered_when_one_schema_is_refused() -> None:
    class Refusing(EmbeddedRegistry):
        def incompatibilities(self, subject: str, schema: object) -> list[str]:
            return ["no"] if subject == "b-value" else []

    registry = Refusing()
    registry.register("b-value", shipped_schema("Variance"))
    done = register_all(registry, {"a": AuditRecord, "b": Variance})
    assert [(one.topic, one.schema_id, one.refusals) for one in done] == [("a", None, ()), ("b", None, ("no",))]
    assert registry.latest("a-value") is None


def test_credentials_are_sent_and_shown_nowhere() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(401, json={"error_code": 401, "message": "no"})

    registry = ConfluentRegistry("http://user:p%40ss@registry/base", transport=httpx.MockTransport(answer))
    with pytest.raises(RegistryRefused) as fault:
        registry.by_id(1)
    assert seen[0].headers["authorization"] == "Basic dXNlcjpwQHNz"
    assert str(seen[0].url) == "http://registry/base/schemas/ids/1"
    assert "p@ss" not in str(fault.value)
    assert "p%40ss" not in str(fault.value)
    token = ConfluentRegistry("http://registry", bearer="token", transport=httpx.MockTransport(answer))
    with pytest.raises(RegistryRefused):
        token.by_id(1)
    assert seen[1].headers["authorization"] == "Bearer token"


def test_a_registry_that_is_away_is_unavailable_after_a_bounded_number_of_attempts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.codec.registry._FIRST_WAIT_SECONDS", 0.001)
    registry = ConfluentRegistry(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RegistryUnavailable, match="4 attempts"):
        registry.by_id(1)
    assert registry.ready() is False


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([(503, {}), (200, {"schema": json.dumps({"type": "record", "name": "x", "fields": []})})], None),
        ([(404, {"error_code": 40403, "message": "Schema not found"})], UnknownSchema),
        ([(404, "<html>no such page</html>")], RegistryUnavailable),
        ([(200, "<html>log in</html>")], RegistryUnavailable),
        ([(500, {})] * 4, RegistryUnavailable),
        ([(422, {"error_code": 42201})], RegistryRefused),
    ],
)
def test_only_the_registrys_own_404_means_unknown(
    answers: list[tuple[int, object]], error: type[Exception] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.codec.registry._FIRST_WAIT_SECONDS", 0.001)
    left = iter(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        status, content = next(left)
        return (
            httpx.Response(status, text=content) if isinstance(content, str) else httpx.Response(status, json=content)
        )

    registry = ConfluentRegistry("http://registry", transport=httpx.MockTransport(answer))
    if error is None:
        assert registry.by_id(1)["name"] == "x"
    else:
        with pytest.raises(error):
            registry.by_id(1)
    assert next(left, None) is None
