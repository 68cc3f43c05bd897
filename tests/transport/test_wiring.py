"""What the package says to the libraries around it: Faust's loader, librdkafka's membership, both clients' settings."""

from __future__ import annotations

import confluent_kafka
import faust
import pytest

from streams.transport import ClientSettings, SettingsError, Stage, Transport
from streams.transport.driver import bootstrap_servers
from streams.transport.group import group_metadata


@pytest.mark.parametrize("instance", [None, "worker-7"])
def test_membership_is_written_as_librdkafka_writes_it(instance: str | None) -> None:
    config: dict[str, str] = {"bootstrap.servers": "127.0.0.1:1", "group.id": "a-group", "log_level": "0"}
    if instance is not None:
        config["group.instance.id"] = instance
    consumer = confluent_kafka.Consumer(config)
    try:
        assert group_metadata("a-group", -1, "", instance) == consumer.consumer_group_metadata()
    finally:
        consumer.close()


def test_faust_finds_the_transport_by_its_scheme_and_reads_several_hosts() -> None:
    app = faust.App("a", broker="tieout://one:9092,two:9093,three")
    assert type(app.transport) is Transport
    assert bootstrap_servers(app.transport.url) == "one:9092,two:9093,three:9092"


def test_client_settings_say_the_same_to_both_libraries() -> None:
    settings = ClientSettings.from_mapping(
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "u",
            "sasl.password": "p",
        }
    )
    assert settings.for_librdkafka() == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "u",
        "sasl.password": "p",
    }
    aiokafka = settings.for_aiokafka()
    assert aiokafka.pop("ssl_context") is not None
    assert aiokafka == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
    }


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"security.protocol": "TLS"}, "security.protocol"),
        ({"security.protocol": "SASL_SSL"}, "sasl.mechanism"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}, "sasl.username"),
        ({"linger.ms": "5"}, "linger.ms"),
    ],
)
def test_a_wrong_client_setting_is_refused_by_name(settings: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        ClientSettings.from_mapping(settings)


def test_what_is_declared_twice_or_not_at_all_is_refused() -> None:
    async def handler(batch: object, tx: object) -> None: ...

    stage = Stage("s", "127.0.0.1:1")
    with pytest.raises(SettingsError, match="consumes no topic"):
        _ = stage.app
    stage.consume("t", handler=handler)
    stage.table("x", encode=str.encode, decode=bytes.decode)
    assert stage.changelog_topics() == ["s-x-changelog"]
    with pytest.raises(SettingsError, match="two handlers"):
        stage.consume("t", handler=handler)
    with pytest.raises(SettingsError, match="declared twice"):
        stage.table("x", encode=str.encode, decode=bytes.decode)
    with pytest.raises(SettingsError, match="expected host:port"):
        Stage("s", "kafka://127.0.0.1:1")
