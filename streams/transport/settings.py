"""How clients reach the brokers, written once and translated for both client libraries.

Faust's consumer is aiokafka and everything that produces or recovers is librdkafka; a deployment must not have to
say twice, in two dialects, how to authenticate.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from streams.transport.errors import SettingsError

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_FIELDS = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.username": "sasl_username",
    "sasl.password": "sasl_password",
    "ssl.ca.location": "ssl_ca_location",
    "ssl.certificate.location": "ssl_certificate_location",
    "ssl.key.location": "ssl_key_location",
    "ssl.key.password": "ssl_key_password",
}


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Security settings, named as librdkafka names them; files are PEM."""

    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = None
    ssl_ca_location: str | None = None
    ssl_certificate_location: str | None = None
    ssl_key_location: str | None = None
    ssl_key_password: str | None = None

    def __post_init__(self) -> None:
        if self.security_protocol not in _PROTOCOLS:
            raise SettingsError(
                f"security.protocol is {self.security_protocol!r}; expected one of {', '.join(_PROTOCOLS)}"
            )
        if self.security_protocol.startswith("SASL"):
            if self.sasl_mechanism not in _MECHANISMS:
                raise SettingsError(
                    f"sasl.mechanism is {self.sasl_mechanism!r}; expected one of {', '.join(_MECHANISMS)}"
                )
            if not self.sasl_username or self.sasl_password is None:
                raise SettingsError(f"{self.security_protocol} needs sasl.username and sasl.password")

    @classmethod
    def from_mapping(cls, settings: Mapping[str, str]) -> ClientSettings:
        """Read librdkafka's dotted names; a name this class does not translate is refused, never ignored."""
        unknown = sorted(set(settings) - set(_FIELDS))
        if unknown:
            raise SettingsError(f"unknown client settings {', '.join(unknown)}; expected some of {', '.join(_FIELDS)}")
        return cls(**{_FIELDS[name]: value for name, value in settings.items()})

    def for_librdkafka(self) -> dict[str, str]:
        """The settings as confluent-kafka clients take them."""
        named = {dotted: getattr(self, field) for dotted, field in _FIELDS.items()}
        return {dotted: value for dotted, value in named.items() if value is not None}

    def for_aiokafka(self) -> dict[str, object]:
        """The settings as aiokafka clients take them."""
        settings: dict[str, object] = {"security_protocol": self.security_protocol}
        if self.security_protocol.startswith("SASL"):
            settings["sasl_mechanism"] = self.sasl_mechanism
            settings["sasl_plain_username"] = self.sasl_username
            settings["sasl_plain_password"] = self.sasl_password
        if self.security_protocol.endswith("SSL"):
            context = ssl.create_default_context(cafile=self.ssl_ca_location)
            if self.ssl_certificate_location is not None:
                context.load_cert_chain(self.ssl_certificate_location, self.ssl_key_location, self.ssl_key_password)
            settings["ssl_context"] = context
        return settings


@dataclass(frozen=True, slots=True)
class StageSettings:
    """The bounds of one stage. Times are seconds.

    `session_timeout` and `rebalance_timeout` say how long the group waits for a member that died and for members to
    come back to a rebalance; brokers that wait out the rebalance timeout on every join want them low.
    A leader that divided the partitions while a broker that was starting did not know the topics, and so gave nobody
    anything, learns of them after `metadata_max_age` and divides again.
    `transactional=False` is for brokers without transactions: outputs are flushed, then the input offset is
    committed, so a crash in between repeats a batch.

    `store="rocksdb"` keeps tables under `store_folder/<app_id>/<partition>`: `store_cached_values` decoded values a
    partition, and for all partitions together `store_cache_bytes` of blocks, of which at most `store_buffer_bytes`
    are being written. A store that another process is giving up is waited for `store_lock_timeout`; one that knew all
    longer ago than `store_keeps_up_within` (less than the changelogs' `delete.retention.ms`) is not caught up, but
    made again.
    """

    transactional: bool = True
    session_timeout: float = 10.0
    heartbeat_interval: float = 3.0
    rebalance_timeout: float = 30.0
    max_poll_interval: float = 300.0
    metadata_max_age: float = 10.0
    request_timeout: float = 40.0
    fetch_max_wait: float = 0.1
    max_batch_records: int = 4000
    max_batch_bytes: int = 4 * 1024 * 1024
    batches_per_partition: int = 3
    io_threads: int = 16
    commit_timeout: float = 60.0
    transaction_timeout: float = 60.0
    recovery_stall_timeout: float = 60.0
    drain_timeout: float = 6.0
    linger: float = 0.002
    producer_queue_records: int = 200_000
    compression: str = "none"
    group_instance_id: str | None = None
    store: Literal["memory", "rocksdb"] = "memory"
    store_folder: Path | None = None
    store_cached_values: int = 10_000
    store_cache_bytes: int = 128 * 1024 * 1024
    store_buffer_bytes: int = 64 * 1024 * 1024
    store_lock_timeout: float = 15.0
    store_keeps_up_within: float = 12 * 3600.0

    def __post_init__(self) -> None:
        if self.store not in ("memory", "rocksdb"):
            raise SettingsError(f"store is {self.store!r}; expected memory or rocksdb")
        if self.store == "rocksdb" and self.store_folder is None:
            raise SettingsError("store is 'rocksdb' and store_folder is not set; name the folder for the files")
