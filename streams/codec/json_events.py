"""Records as JSON: canonical events from any source's JSON, and any record as JSON for people and tools.

Reading reports every fault of an event at once, each with the JSON pointer (RFC 6901) of its field. Knows the shape of
records; the business rules are in `streams.core.rules`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema
from pydantic_core import ErrorDetails

from streams.codec.models import RecordModel, did_you_mean, model_of, shown
from streams.codec.schemas import NAMESPACE, Schema, load_definitions
from streams.core.money import minor_unit
from streams.records import CommercialEvent

T = TypeVar("T", bound=msgspec.Struct)

_AMOUNT_SCALE = 4
"""Decimals of this scale are amounts of money; others are quantities, rates and percentages."""
_CENT = Decimal("0.01")
_MOST_PROBLEMS = 100
"""Faults reported of one record; who has more finds them after mending these."""


@dataclass(frozen=True, slots=True)
class JsonProblem:
    """A fault of one field."""

    pointer: str
    """JSON pointer to the field, for example /body/InvoiceIssued/lines/0/net."""
    code: str
    """Stable code."""
    detail: str
    """What was found, what was expected."""


class JsonInvalid(ValueError):
    """The value is JSON but not the record."""

    def __init__(self, record: str, problems: Sequence[JsonProblem]) -> None:
        super().__init__("; ".join(f"{problem.pointer or '/'}: {problem.detail}" for problem in problems))
        self.record = record
        self.problems = tuple(problems)


def event_from_json(value: object) -> CommercialEvent:
    """Return the event of a value read with `json_text.parse`. Raises JsonInvalid."""
    return from_json(CommercialEvent, value)


def from_json(record: type[T], value: object) -> T:
    """Return the record of a value read with `json_text.parse`. Raises JsonInvalid."""
    model = model_of(record.__name__)
    try:
        valid = model.model_validate(value)
    except ValidationError as fault:
        errors = fault.errors(include_url=False, include_context=False)[:_MOST_PROBLEMS]
        raise JsonInvalid(record.__name__, [_problem(model, error) for error in errors]) from None
    # Fields that were left out take the defaults of the class, which are the schema's.
    members = valid.model_dump(exclude_unset=True)
    for field in _record_unions(record):
        ((name, member),) = members[field].items()
        members[field] = {"-type": f"{NAMESPACE}.{name}", **member}
    return msgspec.convert(members, record)


def to_json(record: msgspec.Struct, currency: str | None = None) -> dict[str, object]:
    """Return a record as values that every JSON writer takes.

    Amounts are strings with the decimals of the record's currency, or of `currency` where the record names none; dates
    and times are ISO 8601; union members stand under their record's name; bytes are characters U+0000 to U+00FF.
    """
    definition = _definition(type(record).__name__)
    own = getattr(record, "currency", None) or getattr(getattr(record, "body", None), "currency", None)
    currency = own or currency
    return {
        field["name"]: _json(getattr(record, field["name"]), field["type"], currency) for field in definition["fields"]
    }


def json_schemas(ref_template: str) -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas of a canonical event and all it is made of, by name."""
    _, schemas = models_json_schema([(model_of("CommercialEvent"), "validation")], ref_template=ref_template)
    definitions: dict[str, dict[str, Any]] = schemas["$defs"]
    body = definitions["CommercialEventBody"]
    body["minProperties"] = body["maxProperties"] = 1
    for member in body["properties"].values():
        member.pop("default", None)
    event = definitions["CommercialEvent"]
    event["required"] = [name for name in event["required"] if name != "event_type"]
    return definitions


@cache
def _definition(name: str) -> Schema:
    return load_definitions()[f"{NAMESPACE}.{name}"]


def _json(value: object, node: Any, currency: str | None) -> object:
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return value.value
        case str():
            return value
        case Decimal():
            return _plain(value, _scale(node), currency)
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case dt.date():
            return value.isoformat()
        case bytes():
            return value.decode("latin-1")
        case tuple():
            return [_json(item, node["items"], currency) for item in value]
        case msgspec.Struct():
            members = to_json(value, currency)
            union = isinstance(node, list) and "null" not in node
            return {type(value).__name__: members} if union else members
        case _:
            raise TypeError(f"found {type(value).__name__}, which no schema has")


def _scale(node: Any) -> int:
    if isinstance(node, list):
        return next(_scale(member) for member in node if member != "null")
    return int(node["scale"])


def _plain(value: Decimal, scale: int, currency: str | None) -> str:
    """Never in scientific notation, and never with a digit lost."""
    if scale == _AMOUNT_SCALE:
        unit = minor_unit(currency) if currency else _CENT
        if value == value.quantize(unit):
            return f"{value.quantize(unit):f}"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _record_unions(record: type[msgspec.Struct]) -> list[str]:
    return [
        field["name"]
        for field in _definition(record.__name__)["fields"]
        if isinstance(field["type"], list) and "null" not in field["type"]
    ]


_WORDS = {
    "missing": ("missing", "is missing"),
    "string_type": ("wrong_type", "expected a string"),
    "string_unicode": ("invalid_text", "expected text without lone surrogates"),
    "string_too_long": ("out_of_range", "is too long"),
    "int_type": ("wrong_type", "expected an integer"),
    "bool_type": ("wrong_type", "expected true or false"),
    "list_type": ("wrong_type", "expected an array"),
    "model_type": ("wrong_type", "expected an object"),
    "model_attributes_type": ("wrong_type", "expected an object"),
    "greater_than_equal": ("out_of_range", "expected a number that the field can hold"),
    "less_than": ("out_of_range", "expected a number that the field can hold"),
}


def _problem(model: type[RecordModel], error: ErrorDetails) -> JsonProblem:
    location = error["loc"]
    pointer = pointer_of(location)
    if error["type"] == "extra_forbidden":
        name = str(location[-1])
        known = _fields_at(model, location[:-1])
        return JsonProblem(pointer, "unknown_field", f"{shown(name)} is no field here; {did_you_mean(name, known)}")
    code, said = _WORDS.get(error["type"], (error["type"], error["msg"]))
    if error["type"] == "missing" and (expected := _must_be_stated(model, location)):
        said += f", {expected}"
    if error["type"] in _WORDS and error["type"] != "missing":
        said = f"found {shown(error['input'])}, {said}"
    return JsonProblem(pointer, code, said)


def pointer_of(location: Sequence[str | int]) -> str:
    """Return the JSON pointer of a path (RFC 6901)."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "".join(f"/{part}" for part in parts).encode("utf-8", "backslashreplace").decode()


def _must_be_stated(model: type[BaseModel], location: Sequence[str | int]) -> str:
    """Return what is expected of a field that has a default for Avro readers and must be stated in JSON."""
    owner = _model_at(model, location[:-1])
    definition = load_definitions().get(f"{NAMESPACE}.{owner.__name__}")
    fields = definition["fields"] if definition is not None else ()
    return next((str(field.get("stated", "")) for field in fields if field["name"] == location[-1]), "")


def _fields_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the names of the fields of the object at a path."""
    return list(_model_at(model, location).model_fields)


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel]:
    """Return the model of the object at a path."""
    here = model
    for part in location:
        if isinstance(part, str):
            here = next(iter(_models_in(here.model_fields[part].annotation)), here)
    return here


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in _models_in(argument)]
