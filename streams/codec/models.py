"""Pydantic models of the records, made from the Avro schemas: what a record looks like as JSON.

The form is Avro's JSON with the hardships taken out: union members by short or full record name, nullable fields plain
or wrapped (`{"string": "x"}`), dates and times in ISO 8601 or as Avro's integers, decimals as strings or exact numbers.
Values come from `streams.codec.json_text`, so a number with a point is a Decimal and never was a float.
Knows the shape of a record; knows no business rule.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from streams.codec.schemas import NAMESPACE, Schema, load_definitions

_EXACT = Context(prec=60)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?([Zz]|[+-]\d{2}:?\d{2})", re.ASCII)
_LONGEST_TEXT = 10_000
_SHOWN = 60


class RecordModel(BaseModel):
    """Base of the models; a member that the schema does not have is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())


@cache
def model_of(name: str) -> type[RecordModel]:
    """Return the model of a record, by short name."""
    return _model(f"{NAMESPACE}.{name}", load_definitions())


def union_member(name: str) -> str:
    """Return the short name of a union member given by short or full name."""
    return name.removeprefix(f"{NAMESPACE}.")


_models: dict[str, type[RecordModel]] = {}


def _model(name: str, definitions: Mapping[str, Schema]) -> type[RecordModel]:
    if name in _models:
        return _models[name]
    definition = definitions[name]
    fields: dict[str, Any] = {}
    for field in definition["fields"]:
        options = {"description": field["doc"]}
        if "default" in field and "stated" not in field:
            options["default"] = _default(field)
        fields[field["name"]] = (_type(field["type"], definitions, definition["name"]), Field(**options))
    validators: dict[str, Any] = {}
    if "event_type" in fields and "body" in fields:
        validators["fill_event_type"] = model_validator(mode="before")(_fill_event_type)
    model = create_model(
        definition["name"], __base__=RecordModel, __doc__=definition["doc"], __validators__=validators, **fields
    )
    _models[name] = model
    return model


def _type(node: Any, definitions: Mapping[str, Schema], owner: str) -> Any:
    """Return the annotation of an Avro type."""
    if isinstance(node, list):
        return _union(node, definitions, owner)
    if isinstance(node, str):
        if node in _PRIMITIVES:
            return _PRIMITIVES[node]
        definition = definitions[node]
        return _symbols(definition) if definition["type"] == "enum" else _model(node, definitions)
    if node["type"] == "array":
        return list[_type(node["items"], definitions, owner)]  # type: ignore[misc]
    match node.get("logicalType"):
        case "decimal":
            return _decimal(node["precision"], node["scale"])
        case "date":
            return _DATE_TYPE
        case "timestamp-millis":
            return _TIME_TYPE
        case _:
            return _PRIMITIVES[node["type"]]


def _union(members: list[Any], definitions: Mapping[str, Schema], owner: str) -> Any:
    if "null" in members:
        (present,) = (member for member in members if member != "null")
        wrapper = present["type"] if isinstance(present, dict) else present
        return Annotated[_type(present, definitions, owner) | None, BeforeValidator(_unwrap(wrapper))]
    names = [union_member(member) for member in members]
    fields: dict[str, Any] = {
        name: (_model(f"{NAMESPACE}.{name}", definitions), Field(default=None, description=definitions[member]["doc"]))
        for name, member in zip(names, members, strict=True)
    }
    validators: dict[str, Any] = {"one_member": model_validator(mode="before")(_one_member(names))}
    return create_model(
        f"{owner}Body",
        __base__=RecordModel,
        __doc__=f"Exactly one of {', '.join(names)}, by the record's name.",
        __validators__=validators,
        **fields,
    )


def _unwrap(wrapper: str) -> Callable[[object], object]:
    names = {wrapper, union_member(wrapper)}

    def unwrap(value: object) -> object:
        if isinstance(value, dict) and len(value) == 1:
            ((name, inner),) = value.items()
            if name in names:
                return inner
        return value

    return unwrap


def _one_member(names: list[str]) -> Callable[[object], object]:
    def one_member(value: object) -> object:
        if not isinstance(value, dict):
            raise PydanticCustomError(
                "wrong_type", "found {found}, expected an object with one member", {"found": shown(value)}
            )
        if len(value) != 1:
            raise PydanticCustomError(
                "not_one_member",
                "found {count} members, expected one, named like the record, for example {example}",
                {"count": len(value), "example": names[0]},
            )
        ((name, inner),) = value.items()
        if union_member(name) not in names:
            raise PydanticCustomError(
                "unknown_record",
                "found {found}; {remedy}",
                {"found": shown(name), "remedy": did_you_mean(name, names)},
            )
        return {union_member(name): inner}

    return one_member


def _fill_event_type(value: object) -> object:
    """The body says what type of event it is; a source need not say it twice."""
    if not isinstance(value, dict) or "event_type" in value:
        return value
    body = value.get("body")
    # Empty where the body does not say: what is wrong is the body then, and it is reported there.
    name = union_member(next(iter(body))) if isinstance(body, dict) and len(body) == 1 else ""
    return {**value, "event_type": name}


def _default(field: Schema) -> Any:
    node, value = field["type"], field["default"]
    if isinstance(node, dict) and node.get("logicalType") == "decimal":
        unscaled = int.from_bytes(value.encode("latin-1"), "big", signed=True)
        return Decimal(unscaled).scaleb(-node["scale"])
    return value


def _symbols(definition: Schema) -> Any:
    symbols = definition["symbols"]

    def symbol(value: object) -> str:
        if isinstance(value, str) and value in symbols:
            return str(value)
        raise PydanticCustomError(
            "unknown_symbol",
            "found {found}; {remedy}",
            {"found": shown(value), "remedy": did_you_mean(str(value) if isinstance(value, str) else "", symbols)},
        )

    schema = {"type": "string", "enum": symbols, "title": definition["name"], "description": definition["doc"]}
    return Annotated[str, PlainValidator(symbol), WithJsonSchema(schema)]


def _decimal(precision: int, scale: int) -> Any:
    unit = Decimal(1).scaleb(-scale)
    limit = precision - scale

    def decimal(value: object) -> Decimal:
        amount = _number(value)
        if amount is None or not amount.is_finite():
            raise PydanticCustomError(
                "invalid_decimal",
                'found {found}, expected a decimal number as a string, for example "1200.00", or a JSON number',
                {"found": shown(value)},
            )
        if amount and amount.adjusted() >= limit:
            raise PydanticCustomError(
                "out_of_range",
                "found {found}, expected at most {limit} digits before the point",
                {"found": shown(value), "limit": limit},
            )
        exact = amount.quantize(unit, context=_EXACT)
        if exact != amount:
            raise PydanticCustomError(
                "too_precise",
                "found {found}, expected at most {scale} decimals; nothing is rounded silently",
                {"found": shown(value), "scale": scale},
            )
        return exact

    pattern = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
    schema = {
        "anyOf": [{"type": "string", "pattern": pattern}, {"type": "number"}],
        "description": f"Decimal, exact; at most {scale} decimals and {limit} digits before the point.",
        "examples": ["1200.00"],
    }
    return Annotated[Decimal, PlainValidator(decimal), WithJsonSchema(schema)]


_DECIMAL_TEXT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)


def _number(value: object) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and len(value) <= _SHOWN and _DECIMAL_TEXT.fullmatch(value):
        return Decimal(value)
    return None


def _date(value: object) -> dt.date:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return dt.date.fromisoformat(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return dt.date.fromordinal(_EPOCH_ORDINAL + value)
    except (ValueError, OverflowError):
        pass  # a date that no calendar has is refused like any other
    raise PydanticCustomError("invalid_date", "found {found}, expected a date like 2026-03-31", {"found": shown(value)})


def _time(value: object) -> dt.datetime:
    try:
        if isinstance(value, str) and _TIME.fullmatch(value):
            time = dt.datetime.fromisoformat(value.upper().replace(",", ".")).astimezone(dt.UTC)
            return time.replace(microsecond=time.microsecond // 1000 * 1000)
        if isinstance(value, int) and not isinstance(value, bool):
            return _EPOCH + dt.timedelta(milliseconds=value)
    except (ValueError, OverflowError):
        pass  # as above
    raise PydanticCustomError(
        "invalid_time",
        "found {found}, expected a time with its offset from UTC like 2026-03-31T09:30:00Z",
        {"found": shown(value)},
    )


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            pass  # refused below, like any other text that is no bytes
    raise PydanticCustomError(
        "invalid_bytes", "found {found}, expected bytes as characters U+0000 to U+00FF", {"found": shown(value)}
    )


_DATE_TYPE = Annotated[
    dt.date,
    PlainValidator(_date),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "format": "date"}, {"type": "integer", "description": "Days since 1970-01-01."}]}
    ),
]
_TIME_TYPE = Annotated[
    dt.datetime,
    PlainValidator(_time),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "integer", "description": "Milliseconds since 1970-01-01T00:00:00Z."},
            ]
        }
    ),
]
_PRIMITIVES: dict[str, Any] = {
    "string": Annotated[str, StringConstraints(max_length=_LONGEST_TEXT)],
    "int": Annotated[int, Field(ge=-(2**31), lt=2**31)],
    "long": Annotated[int, Field(ge=-(2**63), lt=2**63)],
    "boolean": bool,
    "bytes": Annotated[bytes, PlainValidator(_bytes), WithJsonSchema({"type": "string"})],
}


def did_you_mean(name: str, known: list[str]) -> str:
    """Return the known name nearest to a wrong one, or all of them when none is near."""
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"


def shown(value: object) -> str:
    """Return a value for a message: short, and of containers only the kind."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    text = str(value) if isinstance(value, Decimal) else repr(value) if isinstance(value, int) else f'"{value}"'
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
