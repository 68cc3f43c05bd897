"""Schemas may change only so that every release reads every other's data, and the check says which field does not."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.codec.compatibility import CompatibilityRule, unreadable
from streams.codec.releases import ReleasesUnreadable, released_schemas
from streams.codec.schema_check import check
from streams.codec.schemas import Schema
from streams.shipped import shipped
from tests.infra.registry import ApicurioRegistry

AMOUNT = {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4}
STATE = {"type": "enum", "name": "State", "namespace": "t", "symbols": ["A", "B"], "default": "A"}
STRICT = {"type": "enum", "name": "Strict", "namespace": "t", "symbols": ["A", "B"]}
ONE = {"type": "record", "name": "One", "namespace": "t", "fields": [{"name": "x", "type": "int"}]}
TWO = {"type": "record", "name": "Two", "namespace": "t", "fields": []}
BASE: Schema = {
    "type": "record",
    "name": "R",
    "namespace": "t",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "amount", "type": AMOUNT},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "count", "type": "int", "default": 0},
        {"name": "state", "type": STATE},
        {"name": "strict", "type": STRICT},
        {"name": "maybe", "type": ["null", "string"], "default": None},
        {"name": "items", "type": {"type": "array", "items": "string"}, "default": []},
        {"name": "body", "type": [ONE, TWO]},
    ],
}

Change = Callable[[Schema], object]


def field(schema: Schema, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in schema["fields"] if each["name"] == name)
    return found


def set_type(name: str, node: object) -> Change:
    return lambda schema: field(schema, name).update(type=node)


def drop(name: str) -> Change:
    return lambda schema: schema["fields"].remove(field(schema, name))


def add(**attributes: object) -> Change:
    return lambda schema: schema["fields"].append(attributes)


def symbols(name: str, *names: str) -> Change:
    return lambda schema: field(schema, name)["type"].update(symbols=list(names))


# change, rules that a new reader breaks on old data, rules that an old reader breaks on new data,
# whether a registry that follows Avro alone sees it too
CHANGES: dict[str, tuple[Change, set[str], set[str], bool]] = {
    "nothing": (lambda schema: None, set(), set(), True),
    "a doc": (lambda schema: field(schema, "id").update(doc="x"), set(), set(), True),
    "a field with a default added": (add(name="new", type="string", default=""), set(), set(), True),
    "a field without a default added": (add(name="new", type="string"), {"no_default"}, set(), True),
    "a field with a default removed": (drop("count"), set(), set(), True),
    "a field without a default removed": (drop("id"), set(), {"no_default"}, True),
    "a default dropped": (lambda schema: field(schema, "count").pop("default"), set(), set(), True),
    "int widened to long": (set_type("count", "long"), set(), {"type"}, True),
    "int changed to string": (set_type("count", "string"), {"type"}, {"type"}, True),
    "string made nullable": (set_type("id", ["null", "string"]), set(), {"union_member"}, True),
    "nullable made plain": (set_type("maybe", "string"), {"union_member"}, set(), True),
    "items of an array changed": (
        set_type("items", {"type": "array", "items": "int"}),
        {"type"},
        {"type"},
        True,
    ),
    "symbol added to an enum with a default": (symbols("state", "A", "B", "C"), set(), set(), True),
    "symbol removed from an enum with a default": (symbols("state", "A"), set(), set(), True),
    "symbol added to an enum without a default": (symbols("strict", "A", "B", "C"), set(), {"enum_symbol"}, True),
    "symbol removed from an enum without a default": (symbols("strict", "A"), {"enum_symbol"}, set(), True),
    "member added to a union": (
        lambda schema: field(schema, "body")["type"].append({**TWO, "name": "Three"}),
        set(),
        {"union_member"},
        True,
    ),
    "member removed from a union": (lambda schema: field(schema, "body")["type"].pop(), {"union_member"}, set(), True),
    "a field of a union's member": (
        lambda schema: field(schema, "body")["type"][0]["fields"].append({"name": "y", "type": "int"}),
        {"no_default"},
        set(),
        True,
    ),
    "another scale": (set_type("amount", {**AMOUNT, "scale": 2}), {"decimal"}, {"decimal"}, False),
    "a logical type dropped": (set_type("day", "int"), {"logical_type"}, {"logical_type"}, False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_compatible_or_breaks_a_rule_in_a_direction(name: str) -> None:
    change, backward, forward, _ = CHANGES[name]
    changed = deepcopy(BASE)
    change(changed)
    assert {found.rule.value for found in unreadable(changed, BASE)} == backward
    assert {found.rule.value for found in unreadable(BASE, changed)} == forward


def test_another_record_is_another_kind() -> None:
    assert [found.rule for found in unreadable(ONE, TWO)] == [CompatibilityRule.KIND]


@pytest.mark.parametrize("name", [name for name, change in CHANGES.items() if change[3]])
def test_a_registry_agrees(name: str, schema_registry: ApicurioRegistry) -> None:
    change, backward, forward, _ = CHANGES[name]
    changed = deepcopy(BASE)
    change(changed)
    subject = f"compatibility-{list(CHANGES).index(name)}-value"
    with httpx.Client(base_url=schema_registry.url, trust_env=False) as http:
        http.post(f"/subjects/{subject}/versions", json={"schema": json.dumps(BASE)}).raise_for_status()
        http.put(f"/config/{subject}", json={"compatibility": "FULL_TRANSITIVE"}).raise_for_status()
        answer = http.post(f"/subjects/{subject}/versions", json={"schema": json.dumps(changed)})
    assert answer.is_success is not bool(backward | forward), answer.text


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A clone whose only release is today's schemas."""
    git(tmp_path, "init", "-q")
    shutil.copytree(shipped("avro"), tmp_path / "avro")
    git(tmp_path, "add", "avro")
    commit(tmp_path)
    return tmp_path


def git(repo: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(repo), *arguments], check=True, capture_output=True)


def commit(repo: Path) -> None:
    git(repo, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-a", "-m", "schemas")


def edit(repo: Path, name: str, change: Change) -> None:
    path = repo / "avro" / f"{name}.avsc"
    schema = json.loads(path.read_text())
    change(schema)
    path.write_text(json.dumps(schema))


def found(repo: Path) -> set[tuple[str, str, str]]:
    return {(problem.file, problem.field, problem.rule) for problem in check(repo / "avro", repo)}


def test_the_schemas_and_records_of_this_project_may_be_released() -> None:
    records = Path(__file__).resolve().parents[2] / "streams" / "records.py"
    assert check(shipped("avro"), None, records) == []


def test_every_release_counts_and_not_only_the_last(repo: Path) -> None:
    git(repo, "tag", "v1.0.0")
    edit(repo, "Context", add(name="region", type="string", default="", doc="Region."))
    commit(repo)
    git(repo, "tag", "v1.1.0")
    assert found(repo) == set()
    # Compatible with 1.1 alone, but data of 1.0 has no region.
    edit(repo, "Context", lambda schema: field(schema, "region").pop("default"))
    assert [tag for tag, _ in released_schemas(repo)] == ["v1.0.0", "v1.1.0"]
    assert found(repo) == {("Context.avsc", "region", "no_default")}


def test_before_the_first_release_what_is_committed_counts(repo: Path) -> None:
    edit(repo, "Context", drop("legal_entity"))
    (problem,) = check(repo / "avro", repo)
    assert (problem.file, problem.field, problem.rule) == ("Context.avsc", "legal_entity", "no_default")
    assert "HEAD" in problem.detail
    assert problem.remedy


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda schema: field(schema, "period").pop("doc"), ("PeriodClosed.avsc", "period", "doc")),
        (lambda schema: schema.update(doc=" "), ("PeriodClosed.avsc", "", "doc")),
        (
            add(name="count", type="int", default="x", doc="Count."),
            ("PeriodClosed.avsc", "count", "default"),
        ),
        (set_type("period", "strng"), ("PeriodClosed.avsc", "", "definition")),
        (set_type("period", "tieout.Nothing"), ("PeriodClosed.avsc", "", "definition")),
        (lambda schema: schema.update(name="Other"), ("PeriodClosed.avsc", "", "definition")),
    ],
)
def test_a_schema_that_is_not_fit_for_release_is_named(
    repo: Path, change: Change, problem: tuple[str, str, str]
) -> None:
    edit(repo, "PeriodClosed", change)
    assert found(repo) - {("PeriodClosed.avsc", "period", "type")} == {problem}


def test_record_classes_that_are_not_what_the_schemas_say_are_reported(repo: Path, tmp_path: Path) -> None:
    records = tmp_path / "records.py"
    records.write_text("# old")
    assert [problem.rule for problem in check(repo / "avro", None, records)] == ["records_outdated"]


def test_outside_a_clone_the_check_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ReleasesUnreadable, match="clone"):
        check(shipped("avro"), tmp_path)
