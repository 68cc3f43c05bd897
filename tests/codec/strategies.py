"""Any record that its schema can hold, and its form as fastavro wants it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

from streams import records
from streams.codec.schemas import NAMESPACE, load_definitions

DEFINITIONS = load_definitions()
RECORD_NAMES = [definition["name"] for definition in DEFINITIONS.values() if definition["type"] == "record"]

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_TIMES = st.integers(-(10**12), 10**13).map(
    lambda millis: dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=millis)
)
_PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "string": _TEXT,
    "bytes": st.binary(max_size=12),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
}


def any_record(name: str) -> st.SearchStrategy[Any]:
    """Every field of a record drawn from what its Avro type holds."""
    definition = DEFINITIONS[f"{NAMESPACE}.{name}"]
    kind = getattr(records, name)
    return st.builds(kind, **{field["name"]: _any(field["type"]) for field in definition["fields"]})


def _any(node: Any) -> st.SearchStrategy[Any]:
    if isinstance(node, list):
        return st.one_of([st.none() if member == "null" else _any(member) for member in node])
    if isinstance(node, str):
        if node in _PRIMITIVES:
            return _PRIMITIVES[node]
        short = node.removeprefix(f"{NAMESPACE}.")
        return st.sampled_from(list(getattr(records, short))) if _is_enum(node) else any_record(short)
    if node["type"] == "array":
        return st.lists(_any(node["items"]), max_size=3).map(tuple)
    match node.get("logicalType"):
        case "decimal":
            limit = 10 ** node["precision"] - 1
            return st.integers(-limit, limit).map(lambda unscaled: Decimal(unscaled).scaleb(-node["scale"]))
        case "date":
            return st.dates()
        case "timestamp-millis":
            return _TIMES
        case _:
            return _PRIMITIVES[node["type"]]


def _is_enum(name: str) -> bool:
    return bool(DEFINITIONS[name]["type"] == "enum")


def as_datum(record: msgspec.Struct) -> dict[str, Any]:
    """What fastavro writes for a record."""
    datum: dict[str, Any] = msgspec.to_builtins(record, builtin_types=(Decimal, dt.date, dt.datetime, bytes))
    return datum
