"""Settings of the processes: one class, read from `TIEOUT_*` over `tieout.yaml` over defaults.

Where a process connects, listens and stores, and how long it waits. What finance decides is in `streams.config.policy`.
Docs and the Helm chart are made from the descriptions here. Must not know who uses a setting.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from streams.config.environment import PREFIX, is_service_link, unknown_variables, variable
from streams.config.errors import Problem, SettingsError, did_you_mean
from streams.config.problems import expectation, shown
from streams.config.yamlfile import YamlFile, read_yaml
from streams.shipped import shipped

FILE = "tieout.yaml"


def _state_dir() -> Path:
    """Return the folder for what a program keeps between runs (XDG base directory specification)."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "tieout"


def _bootstrap(value: str) -> str:
    for server in value.split(","):
        host, colon, port = server.strip().rpartition(":")
        if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536) or "/" in host:
            raise ValueError("HOST:PORT, or several separated by commas, without a scheme")
    return ",".join(server.strip() for server in value.split(","))


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")) or len(value.split("//", 1)[1]) == 0:
        raise ValueError("a URL that starts with http:// or https://")
    return value.rstrip("/")


def _database(value: SecretStr) -> SecretStr:
    expected = "sqlite:////absolute/path.db or postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE"
    try:
        driver = make_url(value.get_secret_value()).drivername
    except ArgumentError:
        raise ValueError(expected) from None
    if driver not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise ValueError(f"{expected}, not {driver}://")
    return value


def _absolute(value: Path) -> Path:
    return value.expanduser().absolute()


def _file(value: Path) -> Path:
    if not _absolute(value).is_file():
        raise ValueError("a file that exists")
    return _absolute(value)


def _folder(value: Path) -> Path:
    if not _absolute(value).is_dir():
        raise ValueError("a folder that exists")
    return _absolute(value)


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
ExistingFile = Annotated[Path, AfterValidator(_file)]


class Settings(BaseSettings):
    """All settings. Make one with `load_settings`, which names what is wrong."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    # Where things are
    broker: Annotated[str, AfterValidator(_bootstrap)] | None = Field(
        None, description="Kafka brokers, HOST:PORT[,HOST:PORT]. Unset: the embedded broker, in memory, for demos."
    )
    schema_registry: Annotated[str, AfterValidator(_http_url)] | None = Field(
        None, description="URL of a Confluent-compatible schema registry. Unset: the embedded one, from avro/."
    )
    schema_registry_username: str | None = Field(None, description="User of the schema registry, where it wants one.")
    schema_registry_password: SecretStr | None = Field(None, description="Password of the schema registry's user.")
    database: Annotated[SecretStr, AfterValidator(_database)] | None = Field(
        None, description="SQLAlchemy URL of the ledger's database. Unset: an SQLite file in the data folder."
    )
    erp: Annotated[Literal["embedded", "tryton"], BeforeValidator(_lower)] = Field(
        "embedded", description="The general ledger that is posted to: embedded, in `database`, or tryton."
    )
    tryton_url: Annotated[str, AfterValidator(_http_url)] | None = Field(
        None, description="URL of the Tryton server, without the database, for erp tryton."
    )
    tryton_database: str | None = Field(None, description="Name of Tryton's database.")
    tryton_user: str | None = Field(None, description="User that posts in Tryton.")
    tryton_password: SecretStr | None = Field(None, description="Password of Tryton's user.")
    tryton_journal: str = Field(
        "MISC", min_length=1, description="Code of the journal that Tryton's moves are made in."
    )
    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        default_factory=_state_dir,
        description="Folder for what is kept on this machine. Unset: tieout in the XDG state folder.",
    )
    config: Annotated[Path, AfterValidator(_folder)] = Field(
        default_factory=lambda: shipped("config"), description="Folder of the YAML files. Unset: the ones shipped."
    )

    # Topics
    partitions: int = Field(
        8, ge=1, le=1024, description="Partitions of every topic keyed by contract; fixed for ever."
    )
    replication_factor: int | None = Field(
        None, ge=1, le=10, description="Copies of every topic. Unset: the broker's default, 1 on the embedded broker."
    )

    # What is served
    api_host: str = Field("127.0.0.1", min_length=1, description="Address on which the HTTP API listens.")
    api_port: Port = Field(8080, description="Port on which the HTTP API listens.")
    metrics_host: str = Field("127.0.0.1", min_length=1, description="Address on which metrics are served.")
    metrics_port: Port = Field(
        9100, description="First port for metrics; each further process on the same machine takes the next one."
    )
    max_request_bytes: int = Field(
        4 * 1024 * 1024,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Largest body of a request that the API reads, bytes.",
    )
    max_events_per_request: int = Field(1000, ge=1, le=10_000, description="Most events in one request to the API.")
    publish_timeout: Seconds = Field(
        30.0, description="Seconds the API waits for the broker to acknowledge before it answers 503."
    )

    # Consumer groups and transactions
    session_timeout: Seconds = Field(10.0, description="Seconds after which a silent worker's partitions move on.")
    rebalance_timeout: Seconds = Field(
        30.0, description="Seconds the group waits for its workers to come back to a rebalance."
    )
    commit_timeout: Seconds = Field(60.0, description="Seconds a transaction's commit may take.")
    transaction_timeout: Seconds = Field(
        60.0, description="Seconds after which the broker aborts a transaction left open; at least commit_timeout."
    )
    drain_timeout: Seconds = Field(6.0, description="Seconds a worker takes at most to finish its batches on stop.")
    max_batch_records: int = Field(4000, ge=1, le=100_000, description="Most records in one micro-batch.")

    # Tables
    store: Annotated[Literal["memory", "rocksdb"], BeforeValidator(_lower)] | None = Field(
        None,
        description="Where workers keep tables: memory, or rocksdb in the data folder. Unset: rocksdb, on the embedded "
        "broker memory.",
    )
    store_cached_values: int = Field(
        10_000,
        ge=0,
        le=10_000_000,
        description="Values of each partition kept decoded in memory beside RocksDB; a contract is some 10 kB.",
    )
    store_cache_mb: int = Field(
        128,
        ge=16,
        le=65_536,
        description="MiB that all RocksDB tables of a worker use together; half of it may be writes on their way.",
    )

    # Security of the connection to the brokers
    security_protocol: Annotated[Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], BeforeValidator(_upper)] = (
        Field("PLAINTEXT", description="How to speak to the brokers: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.")
    )
    sasl_mechanism: Annotated[Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], BeforeValidator(_upper)] | None = (
        Field(None, description="SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")
    )
    sasl_username: str | None = Field(None, description="SASL user.")
    sasl_password: SecretStr | None = Field(None, description="SASL password.")
    ssl_ca_file: ExistingFile | None = Field(None, description="PEM file of the authorities that sign the brokers.")
    ssl_certificate_file: ExistingFile | None = Field(None, description="PEM file of this client's certificate.")
    ssl_key_file: ExistingFile | None = Field(None, description="PEM file of this client's private key.")
    ssl_key_password: SecretStr | None = Field(None, description="Password of the private key.")

    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = Field(
        "INFO", description="Least severe message that is logged: DEBUG, INFO, WARNING or ERROR."
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Check what one setting demands of another; the message starts with the setting to change."""
        if self.security_protocol.startswith("SASL"):
            for name in ("sasl_mechanism", "sasl_username", "sasl_password"):
                if getattr(self, name) is None:
                    raise ValueError(f"{name}: a value, because security_protocol is {self.security_protocol}")
        elif self.sasl_mechanism or self.sasl_username or self.sasl_password:
            raise ValueError("security_protocol: SASL_PLAINTEXT or SASL_SSL, because a SASL setting is given")
        if not self.security_protocol.endswith("SSL") and (self.ssl_ca_file or self.ssl_certificate_file):
            raise ValueError("security_protocol: SSL or SASL_SSL, because an SSL file is given")
        if (self.ssl_certificate_file is None) != (self.ssl_key_file is None):
            missing = "ssl_key_file" if self.ssl_key_file is None else "ssl_certificate_file"
            raise ValueError(f"{missing}: a file, because certificate and key go together")
        if self.transaction_timeout < self.commit_timeout:
            raise ValueError(f"transaction_timeout: at least commit_timeout, which is {self.commit_timeout:g}")
        if self.schema_registry_password is not None and self.schema_registry_username is None:
            raise ValueError("schema_registry_username: a user, because schema_registry_password is given")
        wanted = ("tryton_url", "tryton_database", "tryton_user", "tryton_password")
        for name in wanted if self.erp == "tryton" else ():
            if not getattr(self, name):
                raise ValueError(f"{name}: a value, because erp is tryton")
        if self.erp != "tryton" and any(getattr(self, name) for name in wanted):
            raise ValueError("erp: tryton, because a setting of Tryton is given")
        return self

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database, the default filled in. It may hold a password: do not log it."""
        if self.database is not None:
            return self.database.get_secret_value()
        return f"sqlite:///{self.data_dir / 'tieout.db'}"

    @property
    def embedded_broker(self) -> bool:
        """Whether the embedded broker is used."""
        return self.broker is None

    @property
    def tables_in(self) -> Literal["memory", "rocksdb"]:
        """Where tables are kept: what is in the embedded broker is gone when it stops, and so may they be."""
        return self.store or ("memory" if self.embedded_broker else "rocksdb")

    @property
    def topic_replication_factor(self) -> int:
        """The replication factor as Kafka's protocol takes it: -1 is the broker's default."""
        if self.replication_factor is not None:
            return self.replication_factor
        return 1 if self.embedded_broker else -1

    def client_settings(self) -> dict[str, str]:
        """Return the security settings under librdkafka's names, in clear text: do not log them."""
        values = {
            "security.protocol": self.security_protocol,
            "sasl.mechanism": self.sasl_mechanism,
            "sasl.username": self.sasl_username,
            "sasl.password": _clear(self.sasl_password),
            "ssl.ca.location": self.ssl_ca_file,
            "ssl.certificate.location": self.ssl_certificate_file,
            "ssl.key.location": self.ssl_key_file,
            "ssl.key.password": _clear(self.ssl_key_password),
        }
        return {name: str(value) for name, value in values.items() if value is not None}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic-settings names the parameters
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, then environment, then tieout.yaml, then defaults."""
        file = _settings_file(init_settings().get("config") or env_settings().get("config"))
        from_file = InitSettingsSource(settings_cls, init_kwargs=dict(file.content) if file is not None else {})
        return init_settings, env_settings, from_file


def load_settings(**overrides: object) -> Settings:
    """Return the settings; `overrides` (command line options) win over environment and file, None leaves a setting.

    Raises SettingsError naming every setting that is wrong, and every TIEOUT_ variable that does not exist.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    problems = unknown_variables(os.environ, Settings.model_fields)
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # what is wrong with them is pydantic's to say
    except ValidationError as error:
        problems.extend(_problems(error, given))
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def _clear(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


def _settings_file(folder: object) -> YamlFile | None:
    """Read tieout.yaml of a folder, or of the shipped one; None where the folder has none: all defaults."""
    path = _absolute(Path(str(folder)) if folder is not None else shipped("config")) / FILE
    if not path.exists():
        return None
    file = read_yaml(path)
    if isinstance(file, list):
        raise SettingsError(file)
    problems = []
    for name in file.content:
        if name == "config":
            remedy = f"Set {variable('config')} instead: the file lies in the folder that this setting names."
            problems.append(file.problem((name,), "the setting config", "any other setting", remedy))
        elif name not in Settings.model_fields:
            remedy = did_you_mean(name, Settings.model_fields)
            problems.append(file.problem((name,), f"the unknown setting {name}", "a setting of tieout", remedy))
    if problems:
        raise SettingsError(problems)
    return file


def _problems(error: ValidationError, given: dict[str, object]) -> list[Problem]:
    problems = []
    for details in error.errors(include_url=False):
        expected = expectation(details)
        if details["loc"]:
            name = str(details["loc"][0])
            found = _found(name, details["input"])
        else:  # from _agree
            name, _, expected = expected.partition(": ")
            found = "another value, or none"
        field = Settings.model_fields.get(name)
        if field is None:
            problems.append(
                Problem(
                    name, "", "an unknown setting", "a setting of tieout", did_you_mean(name, Settings.model_fields)
                )
            )
            continue
        remedy = f"It means: {field.description}"
        if is_service_link(variable(name), os.environ.get(variable(name), "")):
            remedy = "Kubernetes sets it for a service of that name: set enableServiceLinks: false in the pod."
        problems.append(Problem(_where(name, given), "", found, expected, remedy))
    return problems


def _found(name: str, value: object) -> str:
    field = Settings.model_fields.get(name)
    if field is not None and "SecretStr" in str(field.annotation):
        return "a value that is kept secret"
    return shown(str(value) if isinstance(value, Path) else value)


def _where(name: str, given: dict[str, object]) -> str:
    """Say where the wrong value came from; always with the variable's name, which is where most will mend it."""
    if name in given:
        return f"{variable(name)} (given on the command line)"
    if os.environ.get(variable(name)):
        return variable(name)
    file = _settings_file(os.environ.get(variable("config")) or given.get("config"))
    if file is not None and name in file.content:
        return f"{variable(name)} (from {file.path}:{file.lines[(name,)]}, key {name})"
    return variable(name)
