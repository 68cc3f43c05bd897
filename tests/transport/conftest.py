"""A broker of the transport tests' own: it compacts at once, and has a second listener that wants TLS and SASL."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from streams.embedded.process import LOOPBACK, free_port
from tests.infra.kafka import KafkaServer, new_node

USER, PASSWORD = "tieout", "correct horse battery staple"


@dataclass(frozen=True)
class Broker:
    """One broker, plain and secured."""

    bootstrap: str
    secured: str
    authority: Path

    @property
    def client_settings(self) -> dict[str, str]:
        """What a client of the secured listener sets, under librdkafka's names."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": USER,
            "sasl.password": PASSWORD,
            "ssl.ca.location": str(self.authority),
        }


def _openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def _make_certificates(folder: Path) -> None:
    """An authority, and a key with a certificate for 127.0.0.1 that it has signed, in the one file Kafka reads."""
    folder.mkdir()
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    _openssl("req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", folder=folder)
    _openssl(
        "req", "-new", *ec[:-2], "-keyout", "broker.key", "-out", "broker.csr", "-subj", "/CN=broker", folder=folder
    )
    (folder / "names").write_text(f"subjectAltName=IP:{LOOPBACK}\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    _openssl("x509", "-req", "-in", "broker.csr", "-out", "broker.pem", *signed, folder=folder)
    (folder / "keystore.pem").write_text((folder / "broker.key").read_text() + (folder / "broker.pem").read_text())


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing; install it with: apt-get install openssl")
    folder = tmp_path_factory.mktemp("secured-kafka")
    certificates = folder / "certificates"
    _make_certificates(certificates)
    node = new_node()
    secured = f"{LOOPBACK}:{free_port()}"
    plain = f"{LOOPBACK}:{node.client_port}"
    overrides = {
        "listeners": f"PLAINTEXT://{plain},SASL_SSL://{secured},CONTROLLER://{LOOPBACK}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{plain},SASL_SSL://{secured}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates / "keystore.pem"),
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "log.cleaner.backoff.ms": "200",
    }
    with KafkaServer(folder / "kafka", node=node, overrides=overrides) as server:
        credential = UserScramCredentialUpsertion(
            USER, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), PASSWORD.encode()
        )
        admin = AdminClient({"bootstrap.servers": server.bootstrap})
        admin.alter_user_scram_credentials([credential])[USER].result(30)
        yield Broker(server.bootstrap, secured, certificates / "ca.pem")
