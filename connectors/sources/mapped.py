"""A source that a mapping file describes: from a vendor's payload to canonical events. Decides no accounting.

Knows the shape of a canonical event by its JSON form; knows neither files nor HTTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import get_args, get_type_hints

from connectors.sources.faults import Fault, SourceInvalid
from connectors.sources.template import MISSING, Evaluate, Scope, Tables, is_path, known_keys, parse, paths_of
from streams.codec.json_events import JsonInvalid, event_from_json, json_schemas
from streams.records import CommercialEvent

EVENT_TYPES = tuple(body.__name__ for body in get_args(get_type_hints(CommercialEvent)["body"]))
_LONGEST_ID = 100
_CORRECT = "Correct it at the source, or the mapping of the field."


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold of a payload for a rule to apply."""

    path: str
    present: bool | None = None
    equals: tuple[str, ...] = ()

    def holds(self, scope: Scope) -> bool:
        """Return whether it holds."""
        value = scope.look(self.path)
        if self.present is not None:
            return (value is not MISSING) is self.present
        return _compared(value) in self.equals


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of one type of the vendor's events, where its conditions hold."""

    type: str
    when: tuple[Condition, ...]
    emit: Evaluate | None
    refuse: str
    """Why such an event is refused, where nothing is emitted."""
    ignore: str = ""
    """Why such an event needs no canonical one."""
    for_each: tuple[str, ...] = ()
    """List of the payload that becomes one event an item; empty: one event."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload came to."""

    vendor_type: str
    events: tuple[CommercialEvent, ...]
    ignored: str = ""
    """Why there are no events, where there are none."""


@dataclass(frozen=True, slots=True)
class MappedSource:
    """Implements `connectors.protocols.Source`."""

    name: str
    type_path: str
    id_path: str | None
    """Path to the vendor's event id; None: the delivery's own id is it."""
    rules: tuple[Rule, ...]
    tables: Tables

    def events(self, payload: object) -> list[CommercialEvent]:
        """Return the events of a payload that has its id in it. Raises SourceInvalid."""
        return list(self.read(payload).events)

    def read(self, payload: object, delivery_id: str | None = None) -> Outcome:
        """Return what a payload comes to. Raises SourceInvalid naming every fault."""
        scope = Scope(payload, self.tables)
        vendor_type = scope.look(self.type_path)
        if not isinstance(vendor_type, str):
            raise SourceInvalid([Fault("", "missing", f"the payload has no type at {self.type_path}", "Send it.")])
        rule = next((rule for rule in self.rules if _applies(rule, vendor_type, scope)), None)
        if rule is None:
            return Outcome(vendor_type, (), "no rule is about it")
        if rule.ignore:
            return Outcome(vendor_type, (), rule.ignore)
        if rule.emit is None:
            raise SourceInvalid([Fault("", "refused", f"{vendor_type}: {rule.refuse}", "See docs/connectors.md.")])
        vendor_id = scope.look(self.id_path) if self.id_path is not None else delivery_id
        if not isinstance(vendor_id, str) or not vendor_id:
            said = f"the payload has no event id at {self.id_path or 'the delivery'}"
            raise SourceInvalid([Fault("/event_id", "missing", said, "Let the source send one, unique for ever.")])
        scopes = _scopes(rule, scope)
        events, faults = [], []
        for index, one in enumerate(scopes):
            prefix = f"/{index}" if len(scopes) > 1 else ""
            event, wrong = _event(rule.emit, one, self._event_id(vendor_id, index))
            if event is not None:
                events.append(event)
            faults += [replace(fault, field=prefix + fault.field) for fault in wrong]
        if faults:
            raise SourceInvalid(faults)
        return Outcome(vendor_type, tuple(events))

    def _event_id(self, vendor_id: str, index: int) -> str:
        """The same delivery gives the same ids, always: what comes twice is known as such downstream."""
        if len(vendor_id) > _LONGEST_ID:
            vendor_id = hashlib.sha256(vendor_id.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{self.name}:{vendor_id}" + (f":{index}" if index else "")


def _compared(value: object) -> str:
    """Return the text by which values of a payload and of a file are compared: true and false as JSON writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _applies(rule: Rule, vendor_type: str, scope: Scope) -> bool:
    return rule.type == vendor_type and all(condition.holds(scope) for condition in rule.when)


def _scopes(rule: Rule, scope: Scope) -> list[Scope]:
    if not rule.for_each:
        return [scope]
    items = scope.first(rule.for_each)
    if not isinstance(items, list) or not items:
        said = f"the payload has no list, or an empty one, at {' or '.join(rule.for_each)}"
        raise SourceInvalid([Fault("", "missing", said, "Let the source send it.")])
    return [Scope(scope.payload, scope.tables, item) for item in items]


def _event(emit: Evaluate, scope: Scope, event_id: str) -> tuple[CommercialEvent | None, Sequence[Fault]]:
    built = emit(scope, "")
    if scope.faults or not isinstance(built, dict):
        return None, scope.faults
    try:
        return event_from_json({**_whole_numbers(built), "event_id": event_id}), ()
    except JsonInvalid as invalid:
        return None, [Fault(fault.pointer, fault.code, fault.detail, _CORRECT) for fault in invalid.problems]


def _whole_numbers(built: dict[str, object]) -> dict[str, object]:
    """Make numbers of the digits in fields that are whole numbers: constants of a file are text."""
    return {key: _whole_number(key, value) for key, value in built.items()}


def _whole_number(key: str, value: object) -> object:
    if isinstance(value, dict):
        return _whole_numbers(value)
    if isinstance(value, list):
        return [_whole_number(key, item) for item in value]
    if key in _whole_number_fields() and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value) if len(value) < 20 else value
    return value


@cache
def _whole_number_fields() -> frozenset[str]:
    """The fields that are whole numbers and nothing else; dates may be, too, and are not among them."""
    return frozenset(
        name
        for record in json_schemas("{model}").values()
        for name, schema in record.get("properties", {}).items()
        if {"integer"} == {option.get("type") for option in schema.get("anyOf", (schema,))} - {"null"}
    )


def rule_of(type_: str, entry: Mapping[str, object], at: str, faults: list[Fault]) -> Rule:
    """Return a rule of a mapping file; adds every fault, each at its key of the file."""
    known = ("when", "for_each", "refuse", "ignore", "source_sequence", "supersedes", "occurred_at", "effective_date")
    known = (*known, "context", *EVENT_TYPES)
    known_keys(entry, known, at, faults)
    conditions = _conditions(entry.get("when"), f"{at}/when", faults)
    for_each = paths_of(entry["for_each"], f"{at}/for_each", faults) if "for_each" in entry else ()
    if "refuse" in entry or "ignore" in entry:
        return Rule(type_, conditions, None, str(entry.get("refuse", "")), str(entry.get("ignore", "")))
    bodies = [key for key in entry if key in EVENT_TYPES]
    for key in ("occurred_at", "effective_date", "context"):
        if key not in entry:
            faults.append(Fault(f"{at}/{key}", "missing", "found none", "Every canonical event needs it."))
    envelope = {key: value for key, value in entry.items() if key not in ("when", "for_each", *EVENT_TYPES)}
    if len(bodies) != 1:
        parse(envelope, at, faults)
        found = f"found {', '.join(bodies) or 'none'}, expected one canonical event type"
        faults.append(
            Fault(at, "event_type", found, f"Write one of {', '.join(EVENT_TYPES)}, or refuse: or ignore: REASON.")
        )
        return Rule(type_, conditions, None, "")
    emit = parse({**envelope, "body": {bodies[0]: entry[bodies[0]]}}, at, faults)
    return Rule(type_, conditions, emit, "", for_each=for_each)


def _conditions(node: object, at: str, faults: list[Fault]) -> tuple[Condition, ...]:
    if node is None:
        return ()
    if not isinstance(node, dict):
        faults.append(Fault(at, "condition", f"found {node!r}", "Write PATH: value, or PATH: {present: true}."))
        return ()
    conditions = []
    for path, value in node.items():
        if not is_path(path):
            faults.append(Fault(at, "path", f"found {path!r}, expected a path", "Write $/name/name."))
        elif isinstance(value, dict):
            if list(value) != ["present"] or not isinstance(value["present"], bool):
                faults.append(Fault(at, "condition", f"found {value!r}", "Write {present: true} or false."))
            else:
                conditions.append(Condition(path, present=value["present"]))
        else:
            listed = value if isinstance(value, list) else [value]
            conditions.append(Condition(path, equals=tuple(map(_compared, listed))))
    return tuple(conditions)
