"""Make `streams/records.py` from the schemas in `avro/`: typed, frozen, quick to build.

The schemas are the one source of truth. `tieout schemas generate` writes the module; `tieout schemas check` and a test
fail when it is not what the schemas say.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from streams.codec.schemas import NAMESPACE, Schema

_HEADER = '''"""Typed records, generated from avro/ by `tieout schemas generate`: change the schemas, not this file."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
'''

_LINE = 120

_PRIMITIVES = {
    "string": "str",
    "int": "int",
    "long": "int",
    "boolean": "bool",
    "bytes": "bytes",
    "double": "float",
    "null": "None",
}
_LOGICAL = {"decimal": "Decimal", "date": "dt.date", "timestamp-millis": "dt.datetime"}


def generate(definitions: Mapping[str, Schema]) -> str:
    """Return the source of the records module for the definitions, which are in dependency order."""
    members = _union_members(definitions)
    parts = [_HEADER]
    for name, definition in definitions.items():
        if definition["type"] == "enum":
            parts.append(_enum(definition))
        else:
            parts.append(_record(definition, definitions, tagged=name in members))
    return "\n\n".join(part.rstrip("\n") + "\n" for part in parts)


def _union_members(definitions: Mapping[str, Schema]) -> set[str]:
    members: set[str] = set()
    for definition in definitions.values():
        for field in definition.get("fields", ()):
            if isinstance(field["type"], list) and "null" not in field["type"]:
                members.update(field["type"])
    return members


def _enum(definition: Schema) -> str:
    symbols = "\n".join(f'    {symbol} = "{symbol}"' for symbol in definition["symbols"])
    return f"class {definition['name']}(StrEnum):\n{_docstring(definition['doc'])}\n\n{symbols}"


def _record(definition: Schema, definitions: Mapping[str, Schema], *, tagged: bool) -> str:
    tag = f', tag_field="-type", tag="{NAMESPACE}.{definition["name"]}"' if tagged else ""
    lines = [
        f"class {definition['name']}(Struct, frozen=True, kw_only=True, gc=False{tag}):",
        _docstring(definition["doc"]),
        "",
    ]
    for field in definition["fields"]:
        default = f" = {_default(field, definitions)}" if "default" in field else ""
        lines.append(_field(field["name"], _annotation(field["type"]), default))
        lines.append(_docstring(field["doc"]))
    return "\n".join(lines)


def _field(name: str, annotation: str, default: str) -> str:
    line = f"    {name}: {annotation}{default}"
    if len(line) <= _LINE:
        return line
    members = annotation.replace(" | ", "\n        | ")
    return f"    {name}: (\n        {members}\n    ){default}"


def _annotation(node: Any) -> str:
    if isinstance(node, list):
        return " | ".join(_annotation(member) for member in sorted(node, key=lambda member: member == "null"))
    if isinstance(node, str):
        return node.removeprefix(f"{NAMESPACE}.") if node.startswith(f"{NAMESPACE}.") else _PRIMITIVES[node]
    if node["type"] == "array":
        return f"tuple[{_annotation(node['items'])}, ...]"
    return _LOGICAL[node["logicalType"]] if "logicalType" in node else _PRIMITIVES[node["type"]]


def _default(field: Schema, definitions: Mapping[str, Schema]) -> str:
    node, value = field["type"], field["default"]
    if isinstance(node, dict) and node["type"] == "array":
        return "()"
    if isinstance(node, dict) and node.get("logicalType") == "decimal":
        unscaled = int.from_bytes(value.encode("latin-1"), "big", signed=True)
        return f'Decimal("{Decimal(unscaled).scaleb(-node["scale"]).normalize()}")'
    if isinstance(node, str) and node in definitions:
        return f"{definitions[node]['name']}.{value}"
    return repr(value) if not isinstance(value, str) else f'"{value}"'


def _docstring(text: str) -> str:
    return textwrap.fill(
        f'"""{text}"""', width=118, initial_indent="    ", subsequent_indent="    ", break_long_words=False
    )
