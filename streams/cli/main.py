"""The command tree of `tieout`; each command's work is in the module it imports when it runs."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click

from streams.cli.close import close
from streams.cli.explain import explain_command
from streams.cli.output import console, echo_json, fail, guarded, no_registry, print_table
from streams.cli.report import report
from streams.cli.source import source
from streams.config import load_configuration, load_settings

RECORDS = Path(__file__).resolve().parent.parent / "records.py"
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tieout")
def cli() -> None:
    """One governed road from commercial events through revenue recognition to the ERP.

    Settings come from TIEOUT_* over config/tieout.yaml; what finance decides is in config/*.yaml.
    """


@cli.command()
@click.option("--keep", is_flag=True, help="Leave everything running and print the addresses.")
@guarded
def demo(keep: bool) -> None:
    """Play a mid-term amendment through all stages and tie it out."""
    from streams.demo import run_demo

    sys.exit(run_demo(load_settings(), keep=keep, console=console()))


@cli.command()
@click.option("--stages", default="", metavar="NAME[,NAME]", help="Stages to run; default: all, one process each.")
@guarded
def worker(stages: str) -> None:
    """Run stages: capture, orchestration, posting, reconciliation."""
    from streams.worker import run

    sys.exit(run(load_settings(), [name for name in stages.split(",") if name]))


@cli.command()
@guarded
def api() -> None:
    """Serve the HTTP API that takes events."""
    from streams.api.serve import serve

    serve(load_settings())


@cli.group()
def topics() -> None:
    """Topics on the broker."""


@topics.command("apply")
@JSON
@guarded
def topics_apply(as_json: bool) -> None:
    """Create what is missing and set retention; safe to repeat."""
    from streams.topic_admin import TopicsDiffer, apply_topics

    try:
        applied = apply_topics(load_settings())
    except TopicsDiffer as differing:
        fail(str(differing), 1)
    rows = [
        {"topic": topic.name, "partitions": topic.partitions, "created": topic.created, "config": dict(topic.config)}
        for topic in applied
    ]
    if as_json:
        echo_json(rows)
    else:
        print_table(
            ("topic", "partitions", "created"), [(row["topic"], row["partitions"], row["created"]) for row in rows]
        )


@cli.group()
def schemas() -> None:
    """Avro schemas in avro/."""


@schemas.command("check")
@click.option("--repository", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@JSON
@guarded
def schemas_check(repository: Path, as_json: bool) -> None:
    """Fail on a change that is not FULL_TRANSITIVE compatible with what git last released."""
    from streams.codec.releases import ReleasesUnreadable
    from streams.codec.schema_check import check
    from streams.shipped import shipped

    try:
        problems = check(shipped("avro"), repository, RECORDS)
    except ReleasesUnreadable as unreadable:
        fail(str(unreadable), 2)
    if as_json:
        echo_json([dataclasses.asdict(problem) for problem in problems])
    else:
        for problem in problems:
            click.echo(str(problem), err=True)
        if not problems:
            click.echo("schemas are compatible with every release, and the records module is current")
    sys.exit(1 if problems else 0)


@schemas.command("generate")
@guarded
def schemas_generate() -> None:
    """Write streams/records.py from avro/ (in a checkout)."""
    from streams.codec.codegen import generate
    from streams.codec.schemas import load_definitions

    RECORDS.write_text(generate(load_definitions()), encoding="utf-8")
    click.echo(f"wrote {RECORDS}")


@schemas.command("register")
@JSON
@guarded
def schemas_register(as_json: bool) -> None:
    """Register every topic's schema, FULL_TRANSITIVE, with the registry in TIEOUT_SCHEMA_REGISTRY."""
    from streams.codec.schema_check import register_all
    from streams.topics import TOPICS
    from streams.wiring import schema_registry

    settings = load_settings()
    if settings.schema_registry is None:
        no_registry()
    registered = register_all(schema_registry(settings), {topic.name: topic.record for topic in TOPICS})
    if as_json:
        echo_json([dataclasses.asdict(row) for row in registered])
    else:
        print_table(("subject", "id"), [(row.subject, row.schema_id or "refused") for row in registered])
        for row in registered:
            for refusal in row.refusals:
                click.echo(f"{row.subject}: {refusal}", err=True)
    sys.exit(1 if any(row.refusals for row in registered) else 0)


@cli.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--url", help="The API, for example http://127.0.0.1:8080; default: the API of the settings.")
@JSON
@guarded
def publish(file: click.utils.LazyFile, url: str | None, as_json: bool) -> None:
    """Send a file of canonical events, one JSON object a line, to the API."""
    from streams.cli.publish import publish_lines

    result = publish_lines(file, url, load_settings())
    if as_json:
        echo_json(result)
    else:
        click.echo(f"{result['accepted']} events accepted, {len(result['refused'])} refused")
        for refusal in result["refused"]:
            click.echo(f"line {refusal['line']}: {refusal['detail']}", err=True)
    sys.exit(1 if result["refused"] else 0)


@cli.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--json", "as_json", is_flag=True, help="Accepted for uniformity: the output is always JSON.")
@guarded
def simulate(file: click.utils.LazyFile, as_json: bool) -> None:  # noqa: ARG001  # every printing command takes --json
    """Dry run: what a file of canonical events would do, as one JSON document; no broker, nothing is posted."""
    from streams.dry_run import dry_run

    echo_json(dry_run(file, load_configuration(load_settings().config)))


@cli.command()
@click.argument("contract")
@JSON
@guarded
def status(contract: str, as_json: bool) -> None:
    """Show a contract's timeline, schedule, postings and tie-out from the topics."""
    from streams.timeline import read_contract, render, to_document

    history = read_contract(load_settings(), contract)
    if as_json:
        echo_json(to_document(history))
    else:
        render(history, console())
    sys.exit(0 if history.known else 1)


@cli.group()
def ledger() -> None:
    """The embedded ledger."""


@ledger.command("balances")
@click.option("--contract", help="Only what was posted for this contract.")
@click.option("--functional", is_flag=True, help="In the functional currencies of the entities.")
@JSON
@guarded
def ledger_balances(contract: str | None, functional: bool, as_json: bool) -> None:
    """Print balances by entity, account and currency."""
    from streams.cli.ledger import balances

    rows = balances(load_settings(), contract, functional=functional)
    if as_json:
        echo_json(rows)
    else:
        columns = ("entity", "account", "account_name", "currency", "balance")
        print_table(columns, [tuple(row[name] for name in columns) for row in rows])


@ledger.command("entries")
@click.option("--contract", help="Only this contract.")
@click.option("--entity", help="Only this legal entity.")
@click.option("--period", help="Only this period, YYYY-MM.")
@JSON
@guarded
def ledger_entries(contract: str | None, entity: str | None, period: str | None, as_json: bool) -> None:
    """Print journal entries with their source transactions."""
    from streams.cli.ledger import entries

    rows = entries(load_settings(), contract, entity, period)
    if as_json:
        echo_json(rows)
    else:
        for row in rows:
            click.echo(f"{row['document_number']}  {row['posting_date']}  {row['entity']}  {row['description']}")
            for line in row["lines"]:
                click.echo(f"    {line['account']:<8} {line['debit']:>16} {line['credit']:>16}  {line['product_line']}")


cli.add_command(close)
cli.add_command(report)
cli.add_command(explain_command)
cli.add_command(source)


def main() -> None:
    """Run the command line."""
    cli(prog_name="tieout")
