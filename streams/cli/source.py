"""`tieout source ...`: whether a source's mapping file is right, and what it makes of a payload."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import click

from streams.cli.output import echo_json, guarded
from streams.config import load_policy, load_settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def source() -> None:
    """Sources that deliver webhooks, config/sources/."""


@source.command("check")
@click.argument("file", type=_FILE)
@click.option("--payload", type=_FILE, help="A delivery's body; prints the canonical events it means.")
@guarded
def check(file: Path, payload: Path | None) -> None:
    """Check a mapping file, and print what a payload comes to, or every fault with field, rule and remedy."""
    from connectors.sources.faults import SourceInvalid
    from streams.api.source_files import read_source
    from streams.codec.json_events import to_json
    from streams.codec.json_text import JsonMalformed, parse
    from streams.core.rules import all_violations

    read = read_source(file)
    if isinstance(read, list):
        _faults([str(problem) for problem in read])
    if payload is None:
        click.echo(f"{file} is valid: {len(read[0].rules)} rules")
        return
    try:
        outcome = read[0].read(parse(payload.read_bytes()), "DELIVERY-ID")
    except JsonMalformed as fault:
        _faults([f"{payload}: {fault}"])
    except SourceInvalid as invalid:
        _faults([str(fault) for fault in invalid.faults])
    policy = load_policy(load_settings().config)
    broken = [
        f"{fault.pointer}: {fault.rule.value}: {fault.message}" for fault in all_violations(outcome.events, policy)
    ]
    if broken:
        _faults(broken)
    if not outcome.events:
        click.echo(f"{outcome.vendor_type} is ignored: {outcome.ignored}", err=True)
    echo_json([to_json(event) for event in outcome.events])


def _faults(faults: list[str]) -> NoReturn:
    for fault in faults:
        click.echo(fault, err=True)
    sys.exit(1)
