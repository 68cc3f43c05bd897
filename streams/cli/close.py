"""`tieout close ...` (docs/close.md): the checklist of a period, and the steps that lock it and open it again."""

from __future__ import annotations

import datetime as dt
import json
import sys
import uuid
from typing import Any

import click

from streams.cli.output import echo_json, fail, guarded, print_table
from streams.config import Configuration, Settings, load_configuration, load_settings

ENTITY = click.option("--entity", required=True, help="Legal entity.")
PERIOD = click.option("--period", required=True, metavar="YYYY-MM", help="Accounting period.")
URL = click.option("--url", help="The API; default: the API of the settings.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def close() -> None:
    """The close of a period of a legal entity (docs/close.md)."""


@close.command("status")
@ENTITY
@PERIOD
@JSON
@guarded
def status(entity: str, period: str, as_json: bool) -> None:
    """Show the checklist. Exit code 1: something is open."""
    settings = load_settings()
    document = _status(settings, load_configuration(settings.config), entity, period)
    _show(document, as_json=as_json)
    sys.exit(0 if document["clean"] else 1)


@close.command("lock")
@ENTITY
@PERIOD
@click.option(
    "--despite", multiple=True, metavar="CHECK", help="Lock although this check is open: exceptions or variances."
)
@URL
@JSON
@guarded
def lock(entity: str, period: str, despite: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """Lock a closed period: the embedded ledger takes no more postings, and every contract is told (HARD)."""
    from connectors.erp.ledger.locks import lock_through
    from streams.wiring import ledger

    waived = {"exceptions", "variances"}
    if unknown := sorted(set(despite) - waived):
        fail(f"--despite {unknown[0]}: found {unknown[0]!r}, expected exceptions or variances", 2)
    settings = load_settings()
    configuration = load_configuration(settings.config)
    document = _status(settings, configuration, entity, period)
    if left := [name for name in document["left"] if name not in despite]:
        _show(document, as_json=as_json)
        fail(f"{entity} {period} is not locked: {', '.join(left)} open; settle them, then lock again", 1)
    first = configuration.policy.entities[entity].first_open_period
    document["locked"] = lock_through(ledger(settings, configuration), entity, first, period)
    _publish(settings, url, entity, document["last_day"], {"PeriodClosed": {"period": period, "lock": "HARD"}})
    _show(document, as_json=as_json)


@close.command("reopen")
@ENTITY
@PERIOD
@click.option("--approved-by", required=True, help="Who approved it.")
@click.option("--reason", required=True, help="Why.")
@URL
@JSON
@guarded
def reopen(entity: str, period: str, approved_by: str, reason: str, url: str | None, as_json: bool) -> None:
    """Open a closed period again: every contract is told, and the embedded ledger takes postings in it again."""
    from connectors.erp.ledger.locks import unlock_from
    from streams.wiring import ledger

    settings = load_settings()
    configuration = load_configuration(settings.config)
    _check(configuration, entity, period)
    day = configuration.policy.calendar(entity).last_day(period).isoformat()
    body = {"PeriodOpened": {"period": period, "approved_by": approved_by, "reason": reason}}
    event_id = _publish(settings, url, entity, day, body)
    unlocked = unlock_from(ledger(settings, configuration), entity, period)
    if as_json:
        echo_json({"entity": entity, "period": period, "event_id": event_id, "unlocked": unlocked})
    else:
        click.echo(f"{entity} {period} is open again; unlocked in the ledger: {', '.join(unlocked) or 'nothing was'}")


def _check(configuration: Configuration, entity: str, period: str) -> None:
    from streams.core.findings import Findings
    from streams.core.period_terms import period_terms
    from streams.records import PeriodOpened

    found = Findings(configuration.policy)
    found.entity("--entity", entity)
    period_terms(found, "", entity, PeriodOpened(period=period))
    if found.violations:
        first = found.violations[0]
        fail(f"{'--period' if first.pointer == '/period' else first.pointer}: {first.message}", 2)


def _status(settings: Settings, configuration: Configuration, entity: str, period: str) -> dict[str, Any]:
    from streams.close import checklist, read_evidence

    _check(configuration, entity, period)
    evidence = read_evidence(settings, configuration.policy, entity, period)
    found = checklist(configuration.policy, entity, period, evidence)
    return {
        "entity": entity,
        "period": period,
        "first_day": found.first_day.isoformat(),
        "last_day": found.last_day.isoformat(),
        "lock": found.lock.value if found.lock is not None else "OPEN",
        "clean": not found.left,
        "left": [check.value for check in found.left],
        "checks": [
            {"check": item.check.value, "open": item.open, "examples": list(item.examples)} for item in found.items
        ],
    }


def _show(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        echo_json(document)
        return
    days = f"{document['first_day']} to {document['last_day']}"
    click.echo(f"{document['entity']} {document['period']} ({days}): {document['lock']}")
    rows = [(it["check"], it["open"] or "done", "; ".join(it["examples"])) for it in document["checks"]]
    print_table(("check", "open", "for example"), rows)
    if locked := document.get("locked"):
        click.echo(f"locked now, in the ledger: {locked[0]} to {locked[-1]}; every contract is told")
    elif locked is not None:
        click.echo("the ledger was locked already; every contract is told again")


def _publish(settings: Settings, url: str | None, entity: str, day: str, body: dict[str, Any]) -> str:
    from streams.cli.publish import publish_lines

    event_id = f"tieout-close-{uuid.uuid4()}"
    event = {
        "event_id": event_id,
        "occurred_at": dt.datetime.now(dt.UTC).isoformat(),
        "effective_date": day,
        "context": {
            "source_system": "tieout",
            "source_transaction_id": event_id,
            "contract_id": "*",
            "contract_version": 0,
            "legal_entity": entity,
        },
        "body": body,
    }
    result = publish_lines([json.dumps(event)], url, settings)
    if result["refused"]:
        fail(f"the API refused the event: {result['refused'][0]['detail']}", 1)
    return event_id
