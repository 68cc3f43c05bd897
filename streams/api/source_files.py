"""config/sources/*.yaml: their shape, and the sources with their secrets that the webhook route serves.

Every problem of every file is reported at once. Knows files and environment; knows no request.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator

from connectors.sources.faults import Fault
from connectors.sources.mapped import MappedSource, Rule, rule_of
from connectors.sources.signatures import Scheme, Verifier, key_of
from connectors.sources.template import Tables, paths_of, steps_of
from streams.codec.json_events import pointer_of
from streams.config.environment import SOURCE_SECRET
from streams.config.errors import PolicyError, Problem, did_you_mean
from streams.config.files import Currency, FileModel, Text
from streams.config.problems import problems_in_file
from streams.config.yamlfile import YamlFile, read_yaml

log = logging.getLogger(__name__)

FOLDER = "sources"
_NAME = "a file name of small letters, digits and dashes, a letter first, at most 32"


class SourceFile(FileModel):
    """config/sources/<name>.yaml"""

    signature: Scheme = Field(description="how the vendor signs: standard-webhooks or stripe")
    tolerance_seconds: int = Field(300, ge=1, le=86_400, description="seconds by which a signed time may be off")
    type: str = Field(description="path to the vendor's event type in the payload")
    event_id: str | None = Field(None, description="path to the vendor's event id; null: the header webhook-id")
    time_zone: str = Field("UTC", description="time zone of business dates, for example America/New_York")
    minor_units: dict[Currency, Annotated[int, Field(ge=0, le=4)]] = Field(
        {}, description="decimals of the currencies in which the vendor departs from ISO 4217"
    )
    catalogue: dict[Text, dict[Text, str]] = Field(
        {}, description="what the payload does not hold, by the vendor's product: product_line, pattern, ssp, ..."
    )
    events: dict[Text, object] = Field(description="rules by the vendor's event type", min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("a time zone of the IANA database, for example America/New_York") from None
        return value


@dataclass(frozen=True, slots=True)
class WebhookSource:
    """A source that may deliver."""

    source: MappedSource
    verifier: Verifier


def load_sources(config: Path, environ: Mapping[str, str]) -> dict[str, WebhookSource]:
    """Return the sources of a configuration folder that have a secret. Raises PolicyError naming every problem."""
    problems: list[Problem] = []
    sources: dict[str, WebhookSource] = {}
    names: set[str] = set()
    for path in sorted((config / FOLDER).glob("[!.]*")):
        if path.suffix != ".yaml":
            problems.append(Problem(str(path), "", "a file that is not read", "NAME.yaml", "Rename or remove it."))
            continue
        read = read_source(path)
        names.add(path.stem)
        if isinstance(read, list):
            problems += read
            continue
        source, file = read
        variable = secret_variable(source.name)
        secrets = [secret.strip() for secret in environ.get(variable, "").split(",") if secret.strip()]
        if not secrets:
            log.info("source %s takes nothing: %s is not set", source.name, variable)
            continue
        try:
            keys = [key_of(file.signature, secret) for secret in secrets]
        except ValueError as fault:
            remedy = "Copy it from the vendor; several, while one is rotated, with commas between."
            problems.append(Problem(variable, "", "a value that is no secret", str(fault), remedy))
            continue
        sources[source.name] = WebhookSource(source, Verifier(file.signature, keys, file.tolerance_seconds))
    known = {secret_variable(name) for name in names}
    for variable in sorted(environ):
        if SOURCE_SECRET.fullmatch(variable) and variable not in known:
            expected = f"the secret of a source of {config / FOLDER}"
            problems.append(Problem(variable, "", "an unknown variable", expected, did_you_mean(variable, known)))
    if problems:
        raise PolicyError(problems)
    return sources


def secret_variable(name: str) -> str:
    """Return the environment variable of a source's secrets."""
    return f"TIEOUT_SOURCE_{name.upper().replace('-', '_')}_SECRET"


def read_source(path: Path) -> tuple[MappedSource, SourceFile] | list[Problem]:
    """Return the source of a file, or every problem of the file."""
    file = read_yaml(path)
    if isinstance(file, list):
        return file
    try:
        model = SourceFile.model_validate(file.content)
    except ValidationError as error:
        return problems_in_file(error, file, SourceFile)
    faults: list[Fault] = []
    name = path.stem
    if not (name.isascii() and name.replace("-", "").isalnum() and name.islower() and name[0].isalpha()):
        faults.append(Fault("", "name", f"found {name!r}, expected {_NAME}", "Rename the file."))
    paths_of(model.type, "/type", faults)
    if model.event_id is not None:
        paths_of(model.event_id, "/event_id", faults)
    elif model.signature is not Scheme.STANDARD_WEBHOOKS:
        faults.append(Fault("/event_id", "missing", "found none", "Write the path, for example $/id."))
    rules = [rule for type_, entry in model.events.items() for rule in _rules(type_, entry, faults)]
    if faults:
        return [_problem(fault, file) for fault in faults]
    tables = Tables(model.catalogue, ZoneInfo(model.time_zone), model.minor_units)
    return MappedSource(name, model.type, model.event_id, tuple(rules), tables), model


def _rules(type_: str, entry: object, faults: list[Fault]) -> list[Rule]:
    at = pointer_of(("events", type_))
    rules = []
    entries = entry if isinstance(entry, list) else [entry]
    for index, one in enumerate(entries):
        here = f"{at}/{index}" if isinstance(entry, list) else at
        if isinstance(one, dict):
            rules.append(rule_of(type_, one, here, faults))
        else:
            faults.append(Fault(here, "rule", f"found {one!r}, expected a mapping", "Write the canonical event."))
    return rules


def _problem(fault: Fault, file: YamlFile) -> Problem:
    path = tuple(int(step) if step.isascii() and step.isdigit() else step for step in steps_of(fault.field))
    return file.problem(path, fault.found.removeprefix("found "), f"rule {fault.rule} to hold", fault.remedy)
