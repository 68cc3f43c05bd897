"""From settings to running parts: registry, connectors, stages. The only place that knows which parts there are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from urllib.parse import quote

from connectors.erp.ledger import EmbeddedLedger
from connectors.erp.tryton import TrytonAccess, TrytonErp
from connectors.protocols import Erp
from connectors.revenue.embedded import EmbeddedRevenuePlatform
from streams.agents import capture, orchestration, posting, reconciliation
from streams.agents.observe import Observer
from streams.agents.outbox import Outbox
from streams.codec.registry import EmbeddedRegistry, SchemaRegistry, open_registry
from streams.config import Configuration, Settings, SettingsError, load_configuration
from streams.config.connectors import check_shares
from streams.config.errors import Problem
from streams.core.connector_policy import PostingPolicy
from streams.embedded.address import read_address
from streams.transport import ClientSettings, Stage, StageSettings

STAGES = (capture.STAGE, orchestration.STAGE, posting.STAGE, reconciliation.STAGE)

EMBEDDED_SESSION_SECONDS = 2.0
"""A member waits half its session timeout to join a group on the embedded broker (decision 0001)."""

PATIENCE = dt.timedelta(hours=1)
"""How long a contract may have something on its way before its systems are compared all the same."""


def bootstrap(settings: Settings) -> str:
    """Return the brokers' address: the setting, or where the embedded broker of the data folder listens.

    Raises SettingsError when the embedded one is wanted and none runs.
    """
    if settings.broker is not None:
        return settings.broker
    address = read_address(settings.data_dir)
    if address is None:
        raise SettingsError(
            [
                Problem(
                    "TIEOUT_BROKER",
                    "",
                    f"no value, and no embedded broker runs for {settings.data_dir}",
                    "a Kafka broker, or a running embedded one",
                    "Set TIEOUT_BROKER, or start `tieout worker` or `tieout demo --keep` first.",
                )
            ]
        )
    return address


def schema_registry(settings: Settings) -> SchemaRegistry:
    """Return the registry that the settings name; unset: the embedded one, made from the shipped schemas."""
    if settings.schema_registry is None:
        return EmbeddedRegistry()
    return open_registry(_with_credentials(settings, settings.schema_registry))


def _with_credentials(settings: Settings, url: str) -> str:
    if settings.schema_registry_username is None:
        return url
    password = settings.schema_registry_password.get_secret_value() if settings.schema_registry_password else ""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{quote(settings.schema_registry_username, safe='')}:{quote(password, safe='')}@{rest}"


def revenue_platform(settings: Settings, configuration: Configuration) -> EmbeddedRevenuePlatform:
    """Return the embedded revenue platform on the settings' database."""
    return EmbeddedRevenuePlatform(settings.database_url, configuration.policy.calendars)


def erp(settings: Settings, configuration: Configuration) -> Erp:
    """Return the ERP that the settings choose."""
    if settings.erp == "embedded":
        return ledger(settings, configuration)
    password = settings.tryton_password
    access = TrytonAccess(
        settings.tryton_url or "",
        settings.tryton_database or "",
        settings.tryton_user or "",
        password.get_secret_value() if password is not None else "",
    )
    return TrytonErp(
        access,
        configuration.policy.first_open_periods,
        configuration.policy.calendars,
        journal=settings.tryton_journal,
    )


def ledger(settings: Settings, configuration: Configuration) -> EmbeddedLedger:
    """Return the embedded ledger on the settings' database."""
    return EmbeddedLedger(
        settings.database_url,
        accounts=configuration.chart.numbers,
        entities=configuration.policy.first_open_periods,
        calendars=configuration.policy.calendars,
    )


def build_stage(name: str, settings: Settings) -> Stage:
    """Return a stage, ready for `run_worker`. Raises KeyError for a name that is not in STAGES."""
    configuration = load_configuration(settings.config)
    observer = Observer(name)
    stage = Stage(
        f"tieout-{name}",
        bootstrap(settings),
        client_settings=ClientSettings.from_mapping(settings.client_settings()),
        settings=_stage_settings(settings),
        on_commit=observer.committed,
    )
    outbox = Outbox(schema_registry(settings), configuration.policy, observer)
    _BUILDERS[name](stage, outbox, settings, configuration)
    observer.watch(stage)
    return stage


def _posting_policy(settings: Settings, configuration: Configuration) -> PostingPolicy:
    check_shares(configuration.posting, settings.partitions, settings.config)
    return configuration.posting


_NOWHERE = "127.0.0.1:9"
"""Never connected to: declaring tables needs no broker."""

Builder = Callable[[Stage, Outbox, Settings, Configuration], object]

_BUILDERS: dict[str, Builder] = {
    capture.STAGE: lambda stage, outbox, settings, configuration: capture.Capture(
        stage, outbox, configuration.policy, settings.partitions
    ),
    orchestration.STAGE: lambda stage, outbox, _, configuration: orchestration.Orchestration(
        stage, outbox, configuration.policy
    ),
    posting.STAGE: lambda stage, outbox, settings, configuration: posting.Posting(
        stage,
        outbox,
        revenue_platform(settings, configuration),
        erp(settings, configuration),
        policy=_posting_policy(settings, configuration),
        partitions=settings.partitions,
    ),
    reconciliation.STAGE: lambda stage, outbox, _, configuration: reconciliation.Reconciliation(
        stage, outbox, configuration.policy, PATIENCE
    ),
}


def changelog_topics(settings: Settings) -> list[str]:
    """Return the changelog topics of every stage that has tables: they are made up front, never by a broker's guess."""
    configuration = load_configuration(settings.config)
    outbox = Outbox(EmbeddedRegistry(), configuration.policy, Observer("none"))
    names = []
    for name in (orchestration.STAGE, reconciliation.STAGE):
        stage = Stage(f"tieout-{name}", _NOWHERE)
        _BUILDERS[name](stage, outbox, settings, configuration)
        names += stage.changelog_topics()
    return names


def _stage_settings(settings: Settings) -> StageSettings:
    embedded = settings.embedded_broker
    session = EMBEDDED_SESSION_SECONDS if embedded else settings.session_timeout
    return StageSettings(
        session_timeout=session,
        heartbeat_interval=session / 4,
        rebalance_timeout=session if embedded else settings.rebalance_timeout,
        max_batch_records=settings.max_batch_records,
        commit_timeout=settings.commit_timeout,
        transaction_timeout=settings.transaction_timeout,
        drain_timeout=settings.drain_timeout,
        store=settings.tables_in,
        store_folder=settings.data_dir / "stores",
        store_cached_values=settings.store_cached_values,
        store_cache_bytes=settings.store_cache_mb * 1024 * 1024,
        store_buffer_bytes=settings.store_cache_mb * 1024 * 1024 // 2,
    )
