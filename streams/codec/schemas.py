"""The Avro schemas in `avro/`: one record or enum a file, referring to each other by name.

Knows files and Avro; knows nothing of topics or registries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from streams.shipped import shipped

NAMESPACE = "tieout"

Schema = dict[str, Any]


def load_definitions(folder: Path | None = None) -> dict[str, Schema]:
    """Read every `*.avsc` of a folder (default: the shipped one) by full name, in dependency order.

    Raises ValueError naming the file when it is no JSON, is not named like its definition or refers to an unknown name.
    """
    files = sorted((folder or shipped("avro")).glob("*.avsc"))
    return definitions_of({path.name: path.read_text(encoding="utf-8") for path in files})


def definitions_of(texts: Mapping[str, str]) -> dict[str, Schema]:
    """Return the definitions in files given by name and text; see `load_definitions`."""
    raw: dict[str, Schema] = {}
    for file, text in sorted(texts.items()):
        try:
            definition: Schema = json.loads(text)
        except ValueError as fault:
            raise ValueError(f"{file}: {fault}") from fault
        name = f"{definition.get('namespace')}.{definition.get('name')}"
        expected = f"{NAMESPACE}.{file.removesuffix('.avsc')}"
        if name != expected:
            raise ValueError(f"{file}: defines {name}, expected {expected}; one definition a file")
        raw[name] = definition
    ordered: dict[str, Schema] = {}

    def visit(name: str, referrer: str) -> None:
        if name in ordered:
            return
        if name not in raw:
            raise ValueError(
                f"{referrer.removeprefix(NAMESPACE + '.')}.avsc: refers to {name}, which no file in avro/ defines"
            )
        for dependency in _references(raw[name]):
            visit(dependency, name)
        ordered[name] = raw[name]

    for name in raw:
        visit(name, name)
    return ordered


def self_contained(name: str, definitions: Mapping[str, Schema]) -> Schema:
    """Return the schema of `name` with every referenced definition inlined at its first use."""
    seen: set[str] = set()

    def inline(node: Any) -> Any:
        if isinstance(node, str) and node.startswith(f"{NAMESPACE}."):
            if node in seen:
                return node
            seen.add(node)
            return inline(definitions[node])
        if isinstance(node, list):
            return [inline(item) for item in node]
        if isinstance(node, dict):
            if node.get("type") == "record":
                fields = [{**field, "type": inline(field["type"])} for field in node["fields"]]
                return {**node, "fields": fields}
            if node.get("type") == "array":
                return {**node, "items": inline(node["items"])}
        return node

    schema: Schema = inline(f"{NAMESPACE}.{name}")
    return schema


@cache
def shipped_schema(name: str) -> Schema:
    """Return the self-contained schema of a record shipped in `avro/`, by short name."""
    return self_contained(name, load_definitions())


def _references(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node] if node.startswith(f"{NAMESPACE}.") else []
    if isinstance(node, list):
        return [name for item in node for name in _references(item)]
    if isinstance(node, dict):
        if node.get("type") == "record":
            return [name for field in node["fields"] for name in _references(field["type"])]
        if node.get("type") == "array":
            return _references(node["items"])
    return []
