"""`tieout schemas check` and `register`: may these schemas be released, and put them into a registry.

Checks the schemas in a folder against every release in both directions (FULL_TRANSITIVE), their docs and defaults, and
that the record classes are what the schemas say. Plain functions; the command line prints what they return.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
import msgspec
from fastavro.schema import SchemaParseException

from streams.codec.codegen import generate
from streams.codec.compatibility import CompatibilityRule, Incompatibility, definition_unreadable, named_definitions
from streams.codec.registry import SchemaRegistry
from streams.codec.releases import released_schemas
from streams.codec.schemas import NAMESPACE, Schema, load_definitions, self_contained
from streams.codec.wire import subject_of

_REMEDIES = {
    CompatibilityRule.KIND: "keep the definition and add a new one under another name",
    CompatibilityRule.TYPE: "keep the field and add a new one, with a default, under another name",
    CompatibilityRule.LOGICAL_TYPE: "keep the field and add a new one, with a default, under another name",
    CompatibilityRule.DECIMAL: "keep precision and scale and add a new field, with a default, under another name",
    CompatibilityRule.NO_DEFAULT: "give the field a default; a field that was released without one stays for ever",
    CompatibilityRule.ENUM_SYMBOL: "give the enum a default, which readers take for a symbol they do not know",
    CompatibilityRule.UNION_MEMBER: (
        "keep the members of the union; something new goes into a new field with a default, or into a new topic"
    ),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason not to release these schemas."""

    file: str
    """File in the folder, for example Context.avsc."""
    field: str
    """Field, or empty when the whole definition or file is meant."""
    rule: str
    """Stable code."""
    detail: str
    """What was found."""
    remedy: str
    """What to do."""

    def __str__(self) -> str:
        place = f"{self.file}: {self.field}" if self.field else self.file
        return f"{place}: {self.rule}: {self.detail}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of the schema of a topic in the registry."""

    topic: str
    subject: str
    schema_id: int | None
    """None when it was not registered, because a schema of this run was refused."""
    refusals: tuple[str, ...]
    """What the registry has against it."""


def check(folder: Path, repo: Path | None = None, records: Path | None = None) -> list[Problem]:
    """Return every reason not to release the schemas in a folder.

    `repo` is the git work tree whose releases they are compared with (None: not compared; raises ReleasesUnreadable);
    `records` is the generated module that must be current (None: not checked).
    """
    try:
        definitions = load_definitions(folder)
    except ValueError as fault:
        file = str(fault).partition(":")[0]
        return [Problem(file, "", "definition", str(fault).partition(": ")[2], "correct the file")]
    problems = [*_readable(definitions), *_documented(definitions)]
    if repo is not None:
        for release, released in released_schemas(repo):
            problems += _compared(definitions, released, release)
    if records is not None and not problems:
        problems += _current(definitions, records)
    return problems


def register_all(registry: SchemaRegistry, topics: Mapping[str, type[msgspec.Struct]]) -> list[Registration]:
    """Register the schema of every topic's record, all or none, and have each subject stay FULL_TRANSITIVE.

    Raises RegistryUnavailable or RegistryRefused.
    """
    definitions = load_definitions()
    schemas = {topic: self_contained(record.__name__, definitions) for topic, record in topics.items()}
    refusals: dict[str, tuple[str, ...]] = {}
    for topic, schema in schemas.items():
        subject = subject_of(topic)
        if registry.latest(subject) is not None:
            registry.set_compatibility(subject)
            refusals[topic] = tuple(registry.incompatibilities(subject, schema))
    refused = any(refusals.values())
    done = []
    for topic, schema in schemas.items():
        subject = subject_of(topic)
        schema_id = None if refused else registry.register(subject, schema)
        if not refused:
            # Again: registries know no setting of a subject that has no version yet.
            registry.set_compatibility(subject)
        done.append(Registration(topic, subject, schema_id, refusals.get(topic, ())))
    return done


def _readable(definitions: Mapping[str, Schema]) -> list[Problem]:
    problems: list[Problem] = []
    wrong: set[str] = set()
    for name, definition in definitions.items():
        schema = self_contained(definition["name"], definitions)
        if wrong & named_definitions(schema).keys():
            continue  # what it refers to has been reported
        found = _wrong_defaults(definition, definitions)
        if not found:
            try:
                fastavro.parse_schema(schema, named_schemas={})
            except (SchemaParseException, ValueError, KeyError, TypeError) as fault:
                found = [Problem(_file(definition), "", "definition", str(fault), "correct the file")]
        if found:
            wrong.add(name)
        problems += found
    return problems


def _wrong_defaults(definition: Schema, definitions: Mapping[str, Schema]) -> list[Problem]:
    """A default that its type cannot hold would be met only by the first reader that needs it."""
    if definition["type"] == "enum":
        default = definition.get("default", definition["symbols"][0])
        if _fits(definition, default, {}):
            return []
        return [Problem(_file(definition), "", "default", f"{default!r} is no symbol", "name one of the symbols")]
    return [
        Problem(
            _file(definition),
            field["name"],
            "default",
            f"{field['default']!r} does not fit the type",
            "correct the default",
        )
        for field in definition["fields"]
        if "default" in field and not _fits(field["type"], field["default"], definitions)
    ]


def _fits(node: Any, value: object, definitions: Mapping[str, Schema]) -> bool:
    """Whether a default fits its type."""
    if isinstance(node, list):
        return _fits(node[0], value, definitions)  # Avro: the default is of the first member
    kind = node if isinstance(node, str) else node["type"]
    if kind in definitions:
        return _fits(definitions[kind], value, definitions)
    match kind:
        case "enum":
            return value in node["symbols"]
        case "array":
            return isinstance(value, list) and all(_fits(node["items"], item, definitions) for item in value)
        case "record":
            return isinstance(value, dict) and all(
                _fits(field["type"], value.get(field["name"], field.get("default")), definitions)
                for field in node["fields"]
            )
        case "string" | "bytes":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "int" | "long":
            return isinstance(value, int) and not isinstance(value, bool)
        case "null":
            return value is None
        case _:
            return True  # an unknown type is reported when the schema is parsed


def _documented(definitions: Mapping[str, Schema]) -> list[Problem]:
    remedy = "say in one sentence what it means, with its unit"
    problems = []
    for definition in definitions.values():
        if not str(definition.get("doc", "")).strip():
            problems.append(Problem(_file(definition), "", "doc", "there is no doc", remedy))
        problems += [
            Problem(_file(definition), field["name"], "doc", "there is no doc", remedy)
            for field in definition.get("fields", ())
            if not str(field.get("doc", "")).strip()
        ]
    return problems


def _compared(now: Mapping[str, Schema], released: Mapping[str, Schema], release: str) -> list[Problem]:
    problems = []
    for name in now.keys() & released.keys():
        older, newer = f"what {release} wrote", f"what is written now, by {release}"
        problems += _as_problems(definition_unreadable(now[name], released[name]), f"{older} cannot be read now")
        problems += _as_problems(definition_unreadable(released[name], now[name]), f"{newer} cannot be read")
    return sorted(problems, key=lambda problem: (problem.file, problem.field))


def _as_problems(found: Sequence[Incompatibility], who: str) -> list[Problem]:
    return [
        Problem(
            f"{breach.definition.removeprefix(NAMESPACE + '.')}.avsc",
            breach.field,
            breach.rule.value,
            f"{who}: {breach.detail}",
            _REMEDIES[breach.rule],
        )
        for breach in found
    ]


def _current(definitions: Mapping[str, Schema], records: Path) -> list[Problem]:
    found = records.read_text(encoding="utf-8") if records.exists() else ""
    if found == generate(definitions):
        return []
    return [
        Problem(records.name, "", "records_outdated", "it is not what the schemas say", "run `tieout schemas generate`")
    ]


def _file(definition: Schema) -> str:
    return f"{definition['name']}.avsc"
