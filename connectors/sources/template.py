"""The language of mapping files: a template of a canonical event whose leaves say where values come from.

Text that begins with `$/` is a path (JSON pointer) into the payload, with `@/` into the current item of a list. A
mapping with the key `from`, `each`, `look_up` or `join` is an operation, any other an object, all else a constant.
Parsing reports every fault of the file, evaluating every fault of the payload. Must not know canonical events.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from zoneinfo import ZoneInfo

from connectors.sources.conversions import CONVERSIONS, EXACT, MINOR_UNITS, decimal, integer, minor_units
from connectors.sources.faults import Fault

_PATH = re.compile(r"[$@](/([^~/]|~[01])*)*")


class Missing:
    """The value is not there: its field is left out, or a fault has been noted."""


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Tables:
    """What a mapping says beside its templates."""

    catalogue: Mapping[str, Mapping[str, object]]
    zone: ZoneInfo
    decimals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a template is evaluated on."""

    payload: object
    tables: Tables
    item: object = MISSING
    faults: list[Fault] = field(default_factory=list)

    def fault(self, at: str, rule: str, found: str, remedy: str) -> Missing:
        """Note a fault."""
        self.faults.append(Fault(at, rule, found, remedy))
        return MISSING

    def look(self, path: str) -> object:
        """Return the value at a path, MISSING where there is none; null is none."""
        here = self.payload if path[0] == "$" else self.item
        for key in steps_of(path):
            if isinstance(here, dict):
                here = here.get(key, MISSING)
            elif isinstance(here, list) and key.isascii() and key.isdigit() and int(key) < len(here):
                here = here[int(key)]
            else:
                return MISSING
        return MISSING if here is None else here

    def first(self, paths: Iterable[str]) -> object:
        """Return the first value that is at one of the paths, MISSING where there is none."""
        return next((value for path in paths if (value := self.look(path)) is not MISSING), MISSING)


Evaluate = Callable[[Scope, str], object]


def steps_of(path: str) -> list[str]:
    """Return the keys of a path or JSON pointer (RFC 6901), without what it begins with."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def is_path(value: object) -> bool:
    """Tell whether a value of a file is a path."""
    return isinstance(value, str) and (value in ("$", "@") or value.startswith(("$/", "@/")))


def parse(node: object, at: str, faults: list[Fault]) -> Evaluate:
    """Return the evaluation of a template; adds every fault, each at its key of the file."""
    if is_path(node):
        return _from({"from": node}, at, faults)
    if isinstance(node, list):
        parts = [parse(part, f"{at}/{index}", faults) for index, part in enumerate(node)]
        return lambda scope, where: [part(scope, f"{where}/{index}") for index, part in enumerate(parts)]
    if not isinstance(node, dict):
        return lambda _scope, _where: node
    for name, operation in _OPERATIONS.items():
        if name in node:
            return operation(node, at, faults)
    members = {key: parse(value, f"{at}/{key}", faults) for key, value in node.items()}

    def build(scope: Scope, where: str) -> object:
        values = {key: value(scope, f"{where}/{key}") for key, value in members.items()}
        return {key: value for key, value in values.items() if value is not MISSING}

    return build


def known_keys(node: Mapping[str, object], known: Sequence[str], at: str, faults: list[Fault]) -> None:
    """Add a fault for every key that is not known."""
    for key in node:
        if key not in known:
            faults.append(Fault(f"{at}/{key}", "unknown_key", f"found {key!r}", f"Known are {', '.join(known)}."))


def paths_of(value: object, at: str, faults: list[Fault]) -> tuple[str, ...]:
    """Return one path or several alternatives."""
    paths = value if isinstance(value, list) else [value]
    for path in paths:
        if not isinstance(path, str) or not _PATH.fullmatch(path):
            faults.append(Fault(at, "path", f"found {path!r}, expected a path", "Write $/name/name, or @/name."))
    return tuple(path for path in paths if isinstance(path, str) and _PATH.fullmatch(path))


def _from(node: Mapping[str, object], at: str, faults: list[Fault]) -> Evaluate:
    known_keys(node, _FROM_KEYS, at, faults)
    paths = paths_of(node["from"], f"{at}/from", faults)
    name = node.get("as")
    if name is not None and name != MINOR_UNITS and name not in CONVERSIONS:
        known = ", ".join([*CONVERSIONS, MINOR_UNITS])
        faults.append(Fault(f"{at}/as", "conversion", f"found {name!r}", f"Known are {known}."))
    if (name == MINOR_UNITS) != ("currency" in node):
        faults.append(
            Fault(at, "currency", "minor_units and currency go together", "State as: minor_units and currency: PATH.")
        )
    currency = parse(node.get("currency", ""), f"{at}/currency", faults)
    times = parse(node["times"], f"{at}/times", faults) if "times" in node else None
    values = node.get("values")
    if values is not None and not isinstance(values, dict):
        faults.append(Fault(f"{at}/values", "table", f"found {values!r}", "Write a mapping of theirs to ours."))
    days, plus = _number(node, "plus_days", at, faults), _number(node, "plus", at, faults)
    minus = paths_of(node["minus"], f"{at}/minus", faults) if "minus" in node else ()
    same = paths_of(node["same_as"], f"{at}/same_as", faults) if "same_as" in node else ()
    default = node.get("default", MISSING)
    optional = node.get("optional") is True

    def convert(scope: Scope, where: str) -> object:
        found = scope.first(paths)
        if found is MISSING:
            if default is not MISSING or optional:
                return default
            said = f"the payload has no {' or '.join(paths)}"
            return scope.fault(where, "missing", said, "Let the source send it, or state a default in the mapping.")
        if isinstance(values, dict):
            if not isinstance(found, str) or found not in values:
                return scope.fault(
                    where,
                    "no_value",
                    f"{paths[0]} is {str(found)[:60]!r}, which values does not have",
                    "Add it to values.",
                )
            return values[found]
        for path in same:
            if (other := scope.look(path)) != found:
                said = f"{paths[0]} is {str(found)[:60]!r}, but {path} is {str(other)[:60]!r}"
                return scope.fault(where, "differs", said, "The mapping holds only where they are the same.")
        try:
            if plus or minus:
                less = sum(integer(scope.look(path), scope.tables.zone) for path in minus)
                found = integer(found, scope.tables.zone) + plus - less
            if name == MINOR_UNITS:
                unit = currency(scope, where)
                if not isinstance(unit, str):
                    return MISSING
                found = minor_units(found, scope.tables.zone, unit.upper(), scope.tables.decimals)
            elif isinstance(name, str):
                found = CONVERSIONS[name](found, scope.tables.zone)
            if days:
                found = (dt.date.fromisoformat(str(found)) + dt.timedelta(days=days)).isoformat()
        except ValueError as expected:
            said = f"{paths[0]} is {str(found)[:60]!r}, expected {expected}"
            return scope.fault(where, "conversion", said, "Correct it at the source, or the conversion of the mapping.")
        return found if times is None else _product(found, times(scope, where), scope, where)

    return convert


def _number(node: Mapping[str, object], key: str, at: str, faults: list[Fault]) -> int:
    try:
        return int(str(node.get(key, 0)))
    except ValueError:
        faults.append(Fault(f"{at}/{key}", "number", f"found {node[key]!r}", "Write a whole number."))
        return 0


def _product(value: object, factor: object, scope: Scope, where: str) -> object:
    if factor is MISSING or value is MISSING:
        return MISSING
    try:
        return EXACT.multiply(decimal(value, scope.tables.zone), decimal(factor, scope.tables.zone))
    except ValueError:
        said = f"found {str(value)[:60]!r} times {str(factor)[:60]!r}"
        return scope.fault(where, "not_a_number", said, "Multiply numbers: convert with as: decimal or minor_units.")


def _each(node: Mapping[str, object], at: str, faults: list[Fault]) -> Evaluate:
    known_keys(node, ("each", "item"), at, faults)
    paths = paths_of(node["each"], f"{at}/each", faults)
    if "item" not in node:
        faults.append(Fault(f"{at}/item", "missing", "found none", "Write the template of one item."))
    template = parse(node.get("item"), f"{at}/item", faults)

    def collect(scope: Scope, where: str) -> object:
        items = scope.first(paths)
        if items is MISSING:
            return scope.fault(where, "missing", f"the payload has no {' or '.join(paths)}", "Send it.")
        if not isinstance(items, list):
            return scope.fault(where, "not_a_list", f"{paths[0]} is no list", "Correct the path.")
        built = [template(replace(scope, item=item), f"{where}/{index}") for index, item in enumerate(items)]
        return [item for item in built if item is not MISSING]

    return collect


def _look_up(node: Mapping[str, object], at: str, faults: list[Fault]) -> Evaluate:
    known_keys(node, ("look_up", "field", "times"), at, faults)
    paths = paths_of(node["look_up"], f"{at}/look_up", faults)
    column = node.get("field")
    if not isinstance(column, str):
        faults.append(Fault(f"{at}/field", "missing", "found no field", "Name a field of the catalogue."))
    times = parse(node["times"], f"{at}/times", faults) if "times" in node else None

    def look_up(scope: Scope, where: str) -> object:
        product = scope.first(paths)
        if product is MISSING:
            return scope.fault(where, "missing", f"the payload has no {' or '.join(paths)}", "Send it.")
        entry = scope.tables.catalogue.get(str(product))
        if entry is None or column not in entry:
            said = f"the catalogue has no {column} for {str(product)[:60]!r}"
            return scope.fault(where, "not_in_catalogue", said, "Add it to catalogue in the source's file.")
        value = entry[str(column)]
        return value if times is None else _product(value, times(scope, where), scope, where)

    return look_up


def _join(node: Mapping[str, object], at: str, faults: list[Fault]) -> Evaluate:
    known_keys(node, ("join", "with"), at, faults)
    listed = node["join"]
    if not isinstance(listed, list):
        faults.append(Fault(f"{at}/join", "not_a_list", f"found {listed!r}", "Write a list of paths and texts."))
    parts = [parse(part, f"{at}/join", faults) for part in (listed if isinstance(listed, list) else ())]
    between = str(node.get("with", ""))

    def join(scope: Scope, where: str) -> object:
        values = [part(scope, where) for part in parts]
        if MISSING in values:
            return MISSING
        return between.join(f"{value:f}" if isinstance(value, Decimal) else str(value) for value in values)

    return join


_FROM_KEYS = (
    *("from", "as", "currency", "times", "values", "plus", "minus", "plus_days"),
    *("same_as", "default", "optional"),
)
_OPERATIONS: Mapping[str, Callable[[Mapping[str, object], str, list[Fault]], Evaluate]] = {
    "from": _from,
    "each": _each,
    "look_up": _look_up,
    "join": _join,
}
