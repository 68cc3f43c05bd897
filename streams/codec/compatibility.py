"""Whether data written with one schema can be read with another, by Avro's rules of schema resolution.

Stricter than Avro in one thing: the logical type, and a decimal's precision and scale, are part of the type, because a
reader that ignores them reads another amount. Knows schemas; knows no files, releases or registries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from streams.codec.schemas import Schema

PROMOTIONS: Mapping[str, frozenset[str]] = {
    "long": frozenset({"int"}),
    "float": frozenset({"int", "long"}),
    "double": frozenset({"int", "long", "float"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}
"""What a reader's type takes besides itself (Avro specification, "Schema Resolution")."""


class CompatibilityRule(StrEnum):
    """Rules of schema resolution, by what breaks them."""

    KIND = "kind"
    TYPE = "type"
    LOGICAL_TYPE = "logical_type"
    DECIMAL = "decimal"
    NO_DEFAULT = "no_default"
    ENUM_SYMBOL = "enum_symbol"
    UNION_MEMBER = "union_member"


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """Why a reader cannot read what a writer wrote."""

    definition: str
    """Full name of the record or enum."""
    field: str
    """Field of it; empty when the definition itself is meant."""
    rule: CompatibilityRule
    detail: str
    """What the writer has and what the reader has."""


def unreadable(reader: Schema, writer: Schema) -> list[Incompatibility]:
    """Return why `reader` cannot read what was written with `writer`; both self-contained, of one record."""
    readers, writers = named_definitions(reader), named_definitions(writer)
    if reader.get("name") != writer.get("name"):
        return [
            Incompatibility(
                full_name(reader),
                "",
                CompatibilityRule.KIND,
                f"written as {full_name(writer)}, read as {full_name(reader)}",
            )
        ]
    return [
        found for name in readers if name in writers for found in definition_unreadable(readers[name], writers[name])
    ]


def definition_unreadable(reader: Schema, writer: Schema) -> list[Incompatibility]:
    """Compare one record or enum with its other version; definitions that it refers to are compared by name only."""
    name = full_name(reader)
    if reader["type"] != writer["type"]:
        detail = f"written as {_shown(writer['type'])}, read as {_shown(reader['type'])}"
        return [Incompatibility(name, "", CompatibilityRule.KIND, detail)]
    if reader["type"] == "enum":
        return list(_enum(reader, writer))
    return list(_record(reader, writer))


def full_name(schema: Schema) -> str:
    """Return the name of a definition with its namespace."""
    return f"{schema['namespace']}.{schema['name']}" if "namespace" in schema else str(schema["name"])


def _enum(reader: Schema, writer: Schema) -> Iterator[Incompatibility]:
    unknown = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
    if unknown and reader.get("default") not in reader["symbols"]:
        yield Incompatibility(
            full_name(reader),
            "",
            CompatibilityRule.ENUM_SYMBOL,
            f"written with {', '.join(unknown)}, which the reader does not know and has no default for",
        )


def _record(reader: Schema, writer: Schema) -> Iterator[Incompatibility]:
    name = full_name(reader)
    written = {field["name"]: field for field in writer["fields"]}
    for field in reader["fields"]:
        other = written.get(field["name"])
        if other is not None:
            for rule, detail in _type(field["type"], other["type"]):
                yield Incompatibility(name, field["name"], rule, detail)
        elif "default" not in field:
            yield Incompatibility(
                name,
                field["name"],
                CompatibilityRule.NO_DEFAULT,
                "not written, and the reader has no default for it",
            )


Breach = tuple[CompatibilityRule, str]


def _type(reader: Any, writer: Any) -> Iterator[Breach]:
    if isinstance(writer, list):
        for member in writer:
            yield from _member_read(reader, member, several=True)
    elif isinstance(reader, list):
        yield from _member_read(reader, writer, several=False)
    else:
        yield from _single(reader, writer)


def _member_read(reader: Any, member: Any, *, several: bool) -> Iterator[Breach]:
    """One type that may be written must be one of those that can be read."""
    candidates = reader if isinstance(reader, list) else [reader]
    breaches = [list(_single(candidate, member)) for candidate in candidates]
    if all(breaches):
        if len(candidates) == 1 and not several:
            yield from breaches[0]
        else:
            yield (
                CompatibilityRule.UNION_MEMBER,
                f"written as {_shown(member)}, read as {' or '.join(map(_shown, candidates))}",
            )


def _single(reader: Any, writer: Any) -> Iterator[Breach]:
    read_kind, written_kind = _kind(reader), _kind(writer)
    if read_kind == "array" and written_kind == "array":
        yield from _type(reader["items"], writer["items"])
        return
    if read_kind != written_kind and written_kind not in PROMOTIONS.get(read_kind, ()):
        yield CompatibilityRule.TYPE, f"written as {_shown(writer)}, read as {_shown(reader)}"
        return
    read_logical, written_logical = _logical(reader), _logical(writer)
    if read_logical.get("logicalType") != written_logical.get("logicalType"):
        yield CompatibilityRule.LOGICAL_TYPE, f"written as {_shown(writer)}, read as {_shown(reader)}"
    elif read_logical != written_logical:
        yield CompatibilityRule.DECIMAL, f"written as {_shown(writer)}, read as {_shown(reader)}"


def _kind(node: Any) -> str:
    """Return the primitive, `array`, or the full name of a definition."""
    if isinstance(node, dict):
        return full_name(node) if "name" in node else str(node["type"])
    return str(node)


def _logical(node: Any) -> dict[str, Any]:
    if not isinstance(node, dict) or "logicalType" not in node:
        return {}
    logical = {key: node[key] for key in ("logicalType", "precision", "scale") if key in node}
    return {"scale": 0, **logical} if logical["logicalType"] == "decimal" else logical


def _shown(node: Any) -> str:
    if isinstance(node, list):
        return f"[{', '.join(map(_shown, node))}]"
    if isinstance(node, dict) and node.get("logicalType") == "decimal":
        return f"decimal({node['precision']}, {node.get('scale', 0)})"
    if isinstance(node, dict) and "logicalType" in node:
        return str(node["logicalType"])
    if isinstance(node, dict) and node.get("type") == "array":
        return f"array of {_shown(node['items'])}"
    return _kind(node)


def named_definitions(schema: Any) -> dict[str, Schema]:
    """Return every definition in a self-contained schema by full name."""
    found: dict[str, Schema] = {}

    def visit(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                visit(item)
        elif isinstance(node, dict):
            if "name" in node:
                found[full_name(node)] = node
            for field in node.get("fields", ()):
                visit(field["type"])
            visit(node.get("items"))

    visit(schema)
    return found
