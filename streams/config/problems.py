"""Turn pydantic's errors into problems that a reader of the file understands."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from streams.config.errors import Problem, did_you_mean
from streams.config.yamlfile import KeyPath, YamlFile

_EXPECTED = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "decimal_parsing": "a decimal number",
    "bool_parsing": "true or false",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "list_type": "a list",
    "string_type": "text",
    "path_type": "a path",
}


def problems_in_file(error: ValidationError, file: YamlFile, model: type[BaseModel]) -> list[Problem]:
    """Return one problem for each of pydantic's errors."""
    return [_problem(details, file, model) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, file: YamlFile, model: type[BaseModel]) -> Problem:
    path: KeyPath = tuple(part for part in details["loc"] if part != "[key]")
    meaning = _description(model, path)
    if details["type"] == "missing":
        return file.problem(path, "nothing", meaning or "a value", f"Add the key {path[-1]}.")
    if details["type"] == "extra_forbidden":
        siblings = _fields(model, path[:-1])
        remedy = did_you_mean(str(path[-1]), siblings) if siblings else "Remove it."
        return file.problem(path, f"the unknown key {path[-1]}", "a known key", remedy)
    expected = expectation(details)
    remedy = f"It means: {meaning}." if meaning else "Correct it."
    return file.problem(path, shown(details["input"]), expected, remedy)


def expectation(details: ErrorDetails) -> str:
    """Return what pydantic expected, as the end of a sentence."""
    if details["type"] == "enum":
        return f"one of {details['ctx']['expected']}"
    if details["type"] in _EXPECTED:
        return _EXPECTED[details["type"]]
    message = details["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if message.startswith(("greater than", "less than")):
        return f"a number {message}"
    return message[:1].lower() + message[1:] if message[:2].istitle() else message


def shown(value: object) -> str:
    """Return a value as the reader wrote it, shortened."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _model_at(model: type[BaseModel], path: Iterable[str | int]) -> object:
    """Walk from a model along a path of keys to the annotation of the value there."""
    here: object = model
    for part in path:
        here = _without_none(here)
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(part))
            here = field.annotation if field is not None else None
        else:
            arguments = get_args(here)
            here = arguments[-1] if arguments else None
    return _without_none(here)


def _without_none(annotation: object) -> object:
    if get_origin(annotation) in (Union, types.UnionType):
        return next((option for option in get_args(annotation) if option is not type(None)), None)
    return annotation


def _fields(model: type[BaseModel], path: KeyPath) -> list[str]:
    here = _model_at(model, path)
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _description(model: type[BaseModel], path: KeyPath) -> str:
    """Return the description of the nearest key along a path that has one."""
    for end in range(len(path), 0, -1):
        holder = _model_at(model, path[: end - 1])
        if isinstance(holder, type) and issubclass(holder, BaseModel):
            field = holder.model_fields.get(str(path[end - 1]))
            return (field.description or "") if field is not None else ""
    return ""
