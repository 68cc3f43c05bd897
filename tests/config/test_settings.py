"""Settings: where they come from, which wins, and that a wrong one stops the start with its name."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from streams.config import Settings, SettingsError, load_settings
from streams.shipped import shipped


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("TIEOUT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of the test's own, already set."""
    path = tmp_path / "config"
    path.mkdir()
    monkeypatch.setenv("TIEOUT_CONFIG", str(path))
    return path


def message(**overrides: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(**overrides)
    return str(caught.value)


def test_with_nothing_set_everything_is_embedded_and_local(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.embedded_broker
    assert settings.schema_registry is None
    assert settings.database_url == f"sqlite:///{tmp_path}/state/tieout/tieout.db"
    assert (settings.api_host, settings.api_port, settings.partitions) == ("127.0.0.1", 8080, 8)
    assert settings.config == shipped("config")
    assert settings.client_settings() == {"security.protocol": "PLAINTEXT"}
    assert settings.topic_replication_factor == 1


def test_an_argument_wins_over_the_environment_which_wins_over_the_file_which_wins_over_the_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "tieout.yaml").write_text("partitions: 16\napi_port: 9001\nmetrics_port: 9002\n")
    monkeypatch.setenv("TIEOUT_PARTITIONS", "32")
    monkeypatch.setenv("TIEOUT_API_PORT", "9003")
    settings = load_settings(api_port=9004, log_level=None)
    assert (settings.api_port, settings.partitions, settings.metrics_port) == (9004, 32, 9002)
    assert settings.log_level == "INFO"


def test_tables_are_on_disk_where_the_broker_keeps_its_records(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().tables_in == "memory"
    assert load_settings(broker="broker:9092").tables_in == "rocksdb"
    monkeypatch.setenv("TIEOUT_STORE", "Memory")
    assert load_settings(broker="broker:9092").tables_in == "memory"


def test_an_argument_also_says_which_folder_the_file_is_read_from(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "tieout.yaml").write_text("partitions: 3\n")
    assert load_settings(config=other).partitions == 3


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_BROKER", "")
    assert load_settings().embedded_broker


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_shipped_file_shows_the_defaults(folder: Path) -> None:
    defaults = load_settings()
    text = (shipped("config") / "tieout.yaml").read_text()
    shown = re.findall(r"^# ([a-z_]+: .*)$", text, re.MULTILINE)
    assert len(shown) > 10
    (folder / "tieout.yaml").write_text("\n".join(shown))
    assert load_settings() == defaults


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("TIEOUT_PARTITIONS", "many", ["'many'", "a whole number"]),
        ("TIEOUT_PARTITIONS", "0", ["'0'", "greater than or equal to 1"]),
        ("TIEOUT_BROKER", "kafka://broker:9092", ["'kafka://broker:9092'", "HOST:PORT"]),
        ("TIEOUT_BROKER", "broker", ["'broker'", "HOST:PORT"]),
        ("TIEOUT_SCHEMA_REGISTRY", "registry:8081", ["'registry:8081'", "http://"]),
        ("TIEOUT_API_PORT", "70000", ["'70000'", "65535"]),
        ("TIEOUT_CONFIG", "/no/such/folder", ["'/no/such/folder'", "a folder that exists"]),
        ("TIEOUT_SSL_CA_FILE", "/no/such/ca.pem", ["'/no/such/ca.pem'", "a file that exists"]),
        ("TIEOUT_LOG_LEVEL", "loud", ["'LOUD'", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"]),
        ("TIEOUT_STORE", "leveldb", ["'leveldb'", "'memory' or 'rocksdb'"]),
        ("TIEOUT_SESSION_TIMEOUT", "-1", ["'-1'", "greater than 0"]),
        ("TIEOUT_SECURITY_PROTOCOL", "sasl_ssl", ["TIEOUT_SASL_MECHANISM", "because security_protocol is SASL_SSL"]),
        ("TIEOUT_ERP", "tryton", ["TIEOUT_TRYTON_URL", "because erp is tryton"]),
        ("TIEOUT_TRYTON_USER", "tieout", ["TIEOUT_ERP", "a setting of Tryton is given"]),
        ("TIEOUT_SASL_USERNAME", "tieout", ["TIEOUT_SECURITY_PROTOCOL", "SASL_SSL"]),
        ("TIEOUT_TRANSACTION_TIMEOUT", "5", ["TIEOUT_TRANSACTION_TIMEOUT", "at least commit_timeout, which is 60"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_found_and_expected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: list[str]
) -> None:
    monkeypatch.setenv(name, value)
    text = message()
    if name not in ("TIEOUT_SECURITY_PROTOCOL", "TIEOUT_SASL_USERNAME", "TIEOUT_ERP", "TIEOUT_TRYTON_USER"):
        assert name in text
    assert [part for part in named if part not in text] == []


def test_a_wrong_password_never_shows_in_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_DATABASE", "mysql://tieout:hunter2@db/ledger")
    monkeypatch.setenv("TIEOUT_SASL_PASSWORD", "hunter2")
    text = message()
    assert "TIEOUT_DATABASE" in text
    assert "postgresql+psycopg://" in text
    assert "hunter2" not in text


def test_a_password_does_not_show_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_DATABASE", "postgresql+psycopg://tieout:hunter2@db/ledger")
    settings = load_settings(
        security_protocol="SASL_PLAINTEXT", sasl_mechanism="plain", sasl_username="tieout", sasl_password="hunter2"
    )
    assert "hunter2" not in repr(settings)
    assert settings.database_url == "postgresql+psycopg://tieout:hunter2@db/ledger"
    assert settings.client_settings() == {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "tieout",
        "sasl.password": "hunter2",
    }


def test_all_wrong_settings_are_reported_at_once_with_unknown_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_PARTITIONS", "many")
    monkeypatch.setenv("TIEOUT_API_PORT", "0")
    monkeypatch.setenv("TIEOUT_DATABSE", "sqlite://")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert {problem.where for problem in caught.value.problems} == {
        "TIEOUT_PARTITIONS",
        "TIEOUT_API_PORT",
        "TIEOUT_DATABSE",
    }
    assert "Did you mean TIEOUT_DATABASE?" in str(caught.value)


def test_a_wrong_key_of_the_file_is_named_with_its_line(folder: Path) -> None:
    (folder / "tieout.yaml").write_text("# settings\npartitons: 4\n")
    text = message()
    assert f"{folder}/tieout.yaml:2: partitons" in text
    assert "Did you mean partitions?" in text


def test_a_wrong_value_of_the_file_is_named_with_its_line(folder: Path) -> None:
    (folder / "tieout.yaml").write_text("api_port: 8080\npartitions: many\n")
    text = message()
    assert "TIEOUT_PARTITIONS" in text
    assert f"{folder}/tieout.yaml:2" in text


def test_the_file_cannot_say_where_it_lies_itself(folder: Path) -> None:
    (folder / "tieout.yaml").write_text("config: /elsewhere\n")
    assert "Set TIEOUT_CONFIG instead" in message()


def test_what_kubernetes_sets_for_a_service_named_tieout_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("TIEOUT_PORT", "tcp://10.0.0.1:8080")
    monkeypatch.setenv("TIEOUT_METRICS_SERVICE_PORT_HTTP", "9100")
    monkeypatch.setenv("TIEOUT_PORT_8080_TCP_ADDR", "10.0.0.1")
    assert load_settings().api_port == 8080
    monkeypatch.setenv("TIEOUT_API_PORT", "tcp://10.0.0.1:8080")
    assert "enableServiceLinks: false" in message()
