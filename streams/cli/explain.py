"""`tieout explain`: from a balance to the source transactions that add up to it (docs/reports.md)."""

from __future__ import annotations

import click

from streams.cli.output import guarded
from streams.cli.report import EVENTS, FORMAT, FUNCTIONAL, PAGE, PAGE_SIZE, books, one_of, options, page_of
from streams.cli.report_output import answer
from streams.config import AccountType, load_configuration, load_settings
from streams.reports.explain import Balance, By, explain


@click.command("explain")
@click.option("--entity", required=True, help="Legal entity.")
@click.option("--account", required=True, help="Account of the chart.")
@click.option("--period", required=True, metavar="PERIOD", help="Last period that is in the balance, YYYY-MM.")
@click.option(
    "--from",
    "since",
    metavar="PERIOD",
    help="First period that is in it; default: all there is, for revenue and expenses the period itself.",
)
@click.option("--currency", help="Currency, where the account has lines in several.")
@click.option("--contract", help="Only this contract.")
@click.option("--by", type=one_of(By), help="Add up the lines by this.")
@options(FUNCTIONAL, PAGE, PAGE_SIZE, EVENTS, FORMAT)
@guarded
def explain_command(
    entity: str,
    account: str,
    period: str,
    since: str | None,
    currency: str | None,
    contract: str | None,
    by: str | None,
    functional: bool,
    page: int,
    page_size: int | None,
    events: click.utils.LazyFile | None,
    written: str,
) -> None:
    """Show the source transactions that add up to a balance, to the cent."""
    asked = Balance(
        entity=entity,
        account=account,
        period=period,
        since=since or _usual_start(account, period),
        currency=currency,
        contract_id=contract,
        functional=functional,
    )
    size = page_of(page_size, written)
    answer(lambda: explain(books(events), asked, by=By(by) if by else None, page=page, page_size=size), written)


def _usual_start(account: str, period: str) -> str | None:
    """Revenue and expenses are of a period; what an account of the balance sheet holds is of all periods."""
    found = load_configuration(load_settings().config).chart.accounts.get(account)
    return period if found is not None and found.type in (AccountType.REVENUE, AccountType.EXPENSE) else None
