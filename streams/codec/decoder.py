"""An Avro decoder made for one record class: it reads bytes and builds the struct, without a dict between.

The counterpart of `encoder`, for payloads written with exactly our schema; others are resolved by fastavro. It exists
for speed (twice fastavro's) and because it names the field that cannot be read. Strict where Avro libraries are
lenient: a negative length, a boolean of 7 and an unknown symbol are faults. Knows no registry.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

import msgspec

from streams.codec.encoder import AMOUNTS_REMEMBERED, FieldInvalid, encode_long
from streams.codec.schemas import Schema

Read = Callable[[bytes, int, int], tuple[Any, int]]
"""Payload, position and end to a record and the position after it; raises FieldInvalid or FieldTruncated."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_EXACT = Context(prec=60)
_LAST_SHIFT = 63
_MOST_SYMBOLS = 64
"""Symbols and union members that one byte can name."""


class FieldTruncated(FieldInvalid):
    """The payload ends within this field."""


def decode_long(payload: bytes, at: int) -> tuple[int, int]:
    """Return a number in Avro's variable-length zig-zag coding, and the position after it."""
    value = shift = 0
    while True:
        byte = payload[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
        if shift > _LAST_SHIFT:
            raise ValueError("found a number of more than 64 bits")


def decode_int(payload: bytes, at: int) -> tuple[int, int]:
    """Return a number of at most 32 bits, and the position after it."""
    value, at = decode_long(payload, at)
    if not -(2**31) <= value < 2**31:
        raise ValueError(f"found {value}, expected a number of at most 32 bits")
    return value, at


def decode_length(payload: bytes, at: int) -> tuple[int, int]:
    """Return the length of a string or of bytes, and the position after it."""
    length, at = decode_long(payload, at)
    if length < 0:
        raise ValueError(f"found a length of {length}")
    return length, at


def decode_block(payload: bytes, at: int) -> tuple[int, int]:
    """Return how many items the next block of an array has, 0 at its end, and the position of the first."""
    count, at = decode_long(payload, at)
    if count < 0:
        _, at = decode_length(payload, at)  # the block's size in bytes, for readers that skip it
        count = -count
    return count, at


@lru_cache(AMOUNTS_REMEMBERED)
def decode_decimal(unscaled: int, scale: int, limit: int) -> Decimal:
    """Return an amount; `limit` is 10 to the power of the precision."""
    if not -limit < unscaled < limit:
        raise ValueError(f"found {unscaled} times 10^-{scale}, expected fewer digits")
    return Decimal(unscaled).scaleb(-scale, _EXACT)


def compile_decoder(record: type[msgspec.Struct], schema: Schema) -> Read:
    """Return the decoder of a record class; `schema` is the self-contained schema it was generated from."""
    return _Compiler(vars(sys.modules[record.__module__])).record(schema)


class _Compiler:
    """Writes one function a record; names in the generated code are looked up in `scope`."""

    def __init__(self, classes: dict[str, Any]) -> None:
        self._classes = classes
        self._scope: dict[str, Any] = {
            "long": decode_long,
            "integer": decode_int,
            "length": decode_length,
            "block": decode_block,
            "decimal": decode_decimal,
            "from_bytes": int.from_bytes,
            "from_ordinal": dt.date.fromordinal,
            "EPOCH": _EPOCH,
            "duration": dt.timedelta,
            "FieldInvalid": FieldInvalid,
            "FieldTruncated": FieldTruncated,
            "unknown": _unknown,
        }
        self._records: dict[str, Read] = {}

    def record(self, schema: Schema) -> Read:
        name = schema["name"]
        lines = [f"def read_{name}(b, p, e):", "    at = ''", "    try:"]
        for index, field in enumerate(schema["fields"]):
            lines.append(f"        at = {field['name']!r}")
            lines += [f"        {line}" for line in self._statements(field["type"], f"{name}_{field['name']}")]
            lines.append(f"        v{index} = v")
        arguments = ", ".join(f"{field['name']}=v{index}" for index, field in enumerate(schema["fields"]))
        lines += [
            "    except FieldInvalid as fault:",
            "        raise type(fault)(at + '/' + fault.path, fault.reason) from fault",
            "    except (IndexError, EOFError) as fault:",
            "        raise FieldTruncated(at, 'the payload ends within it') from fault",
            "    except (ValueError, ArithmeticError) as fault:",
            "        raise FieldInvalid(at, str(fault)) from fault",
            f"    return class_{name}({arguments}), p",
        ]
        self._scope[f"class_{name}"] = self._classes[name]
        exec("\n".join(lines), self._scope)  # source made from our own schema files only
        read: Read = self._scope[f"read_{name}"]
        self._records[name] = read
        return read

    def _statements(self, node: Any, where: str) -> list[str]:
        """Return the lines that read the next value into the variable `v`."""
        if isinstance(node, list):
            return self._union(node, where)
        if isinstance(node, str):
            return _PRIMITIVES[node] if node in _PRIMITIVES else self._named(node.rpartition(".")[2])
        kind = node["type"]
        if kind == "record":
            self.record(node)
            return self._named(node["name"])
        if kind == "enum":
            if len(node["symbols"]) > _MOST_SYMBOLS:
                raise ValueError(f"{node['name']}: more than {_MOST_SYMBOLS} symbols")
            members = self._classes[node["name"]]
            self._scope[f"enum_{node['name']}"] = {
                encode_long(index)[0]: members(symbol) for index, symbol in enumerate(node["symbols"])
            }
            return self._named(node["name"])
        if kind == "array":
            item = self._statements(node["items"], where)
            items, left = f"items_{where}", f"left_{where}"
            return [
                f"{items} = []",
                f"{left}, p = block(b, p)",
                f"while {left}:",
                f" for _ in range({left}):",
                *(f"  {line}" for line in item),
                f"  {items}.append(v)",
                f" {left}, p = block(b, p)",
                f"v = tuple({items})",
            ]
        match node.get("logicalType"):
            case "decimal":
                return [
                    *_LENGTH,
                    f"v = decimal(from_bytes(b[p:q], 'big', signed=True), {node['scale']}, {10 ** node['precision']})",
                    "p = q",
                ]
            case "date":
                return ["v, p = long(b, p)", f"v = from_ordinal(v + {_EPOCH_ORDINAL})"]
            case "timestamp-millis":
                return ["v, p = long(b, p)", "v = EPOCH + duration(milliseconds=v)"]
            case None:
                return _PRIMITIVES[kind]
            case other:
                raise ValueError(f"{where}: logical type {other} is not one that records use")

    def _named(self, name: str) -> list[str]:
        if name in self._records:
            return [f"v, p = read_{name}(b, p, e)"]
        return [f"v = enum_{name}.get(b[p])", "if v is None: unknown('symbol', b[p])", "p += 1"]

    def _union(self, members: list[Any], where: str) -> list[str]:
        if "null" in members and len(members) == 2:
            null = members.index("null")
            present = self._statements(members[1 - null], where)
            return [
                "n = b[p]; p += 1",
                f"if n == {2 * null}: v = None",
                f"elif n == {2 * (1 - null)}:",
                *(f" {line}" for line in present),
                "else: unknown('union member', n)",
            ]
        if len(members) > _MOST_SYMBOLS:
            raise ValueError(f"{where}: more than {_MOST_SYMBOLS} union members")
        table: dict[int, Read] = {}
        for index, member in enumerate(members):
            read = self.record(member) if isinstance(member, dict) else self._records[member.rpartition(".")[2]]
            table[encode_long(index)[0]] = read
        self._scope[f"union_{where}"] = table
        return [
            f"u = union_{where}.get(b[p])",
            "if u is None: unknown('union member', b[p])",
            "v, p = u(b, p + 1, e)",
        ]


_LENGTH = [
    "n = b[p]",
    # An even byte below 128 is a length below 64 and all of it; anything else takes the long way.
    "if n & 0x81: n, p = length(b, p)",
    "else: n >>= 1; p += 1",
    "q = p + n",
    "if q > e: raise EOFError",
]
_PRIMITIVES: dict[str, list[str]] = {
    "string": [*_LENGTH, "v = b[p:q].decode(); p = q"],
    "bytes": [*_LENGTH, "v = b[p:q]; p = q"],
    "boolean": ["v = b[p]", "if v > 1: unknown('boolean', v)", "v = v == 1; p += 1"],
    "int": ["v, p = integer(b, p)"],
    "long": ["v, p = long(b, p)"],
}


def _unknown(what: str, found: int) -> None:
    raise ValueError(f"found byte {found} for a {what}, which the schema does not have")
