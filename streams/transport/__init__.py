"""Faust with librdkafka's speed and Kafka's transactions: the `tieout://` transport and the stage built on it.

Useful to anyone who runs Faust; it imports nothing of the rest of this project. Start with README.md beside it.
"""

from streams.transport.driver import Transport
from streams.transport.errors import (
    CommitFailed,
    OwnershipLost,
    PartitionGivenUp,
    RecoveryFailed,
    SettingsError,
    StageFailed,
    StoreFailed,
    StoreLocked,
    TopicsNotReady,
    TransportError,
)
from streams.transport.partition import BatchHandler, CommitReport, TimerHandler
from streams.transport.records import Batch, Headers, Record
from streams.transport.settings import ClientSettings, StageSettings
from streams.transport.stage import Stage
from streams.transport.table import Table
from streams.transport.topics import changelog_config
from streams.transport.transaction import Transaction
from streams.transport.watch import Count, Entry, Watch
from streams.transport.worker import quiet_framework_logging, run_stages, run_worker

__all__ = [
    "Batch",
    "BatchHandler",
    "ClientSettings",
    "CommitFailed",
    "CommitReport",
    "Count",
    "Entry",
    "Headers",
    "OwnershipLost",
    "PartitionGivenUp",
    "Record",
    "RecoveryFailed",
    "SettingsError",
    "Stage",
    "StageFailed",
    "StageSettings",
    "StoreFailed",
    "StoreLocked",
    "Table",
    "TimerHandler",
    "TopicsNotReady",
    "Transaction",
    "Transport",
    "TransportError",
    "Watch",
    "changelog_config",
    "quiet_framework_logging",
    "run_stages",
    "run_worker",
]
