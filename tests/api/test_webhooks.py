"""POST /v1/sources/{name}/webhook: signature before all, faults by field, twice delivered is once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY as METRICS

from connectors.sources.signatures import Scheme
from streams.api.app import create_app
from streams.api.publisher import BrokerUnavailable, KafkaPublisher
from streams.api.source_files import load_sources
from streams.config.environment import unknown_variables
from streams.config.errors import PolicyError
from streams.embedded.broker import EmbeddedBroker
from streams.shipped import shipped
from tests.api.conftest import CODEC, LIMITS, POLICY, REGISTRY, Client, KeptMessages, call
from tests.api.test_events import pointers, problem
from tests.api.test_publishing import stored
from tests.connectors.stripe_payloads import SECRET, delivery, invoice, signed, subscription
from tests.connectors.test_mapping import EXAMPLE
from tests.connectors.test_signatures import headers

PATH = "/v1/sources/stripe/webhook"
SOURCES = load_sources(shipped("config"), {"TIEOUT_SOURCE_STRIPE_SECRET": SECRET})
SIGNED = delivery("customer.subscription.created", subscription())


@pytest.fixture
def client(publisher: KeptMessages) -> Client:
    return Client(create_app(publisher, POLICY, REGISTRY, LIMITS, sources=SOURCES))


def deliver(client: Client, payload: object, path: str = PATH) -> httpx.Response:
    body, headers = signed(payload, int(time.time()))
    return client.request("POST", path, content=body, headers=headers)


def counted(outcome: str) -> float:
    labels = {"source": "stripe", "outcome": outcome}
    return METRICS.get_sample_value("tieout_api_webhooks_total", labels) or 0.0


def test_a_signed_delivery_is_published_by_contract(client: Client, publisher: KeptMessages) -> None:
    before = counted("accepted")
    answer = deliver(client, SIGNED)
    assert answer.status_code == 202, answer.text
    assert answer.json()["event_ids"] == ["stripe:evt_1"]
    assert publisher.messages[0].key == b"sub_1"
    assert publisher.events()[0].event_type == "ContractSigned"
    assert counted("accepted") == before + 1


@pytest.mark.parametrize("body", [b'{"a":1,"a":2}', b"\xff", b"{"])
def test_nothing_is_parsed_before_the_signature_holds_and_the_answer_tells_nothing(client: Client, body: bytes) -> None:
    headers = {"Stripe-Signature": f"t={int(time.time())},v1={'0' * 64}"}
    document = problem(client.request("POST", PATH, content=body, headers=headers), 401)
    assert "errors" not in document


def test_a_delivery_replayed_late_is_refused(client: Client, publisher: KeptMessages) -> None:
    body, sent = signed(SIGNED, int(time.time()) - 301)
    problem(client.request("POST", PATH, content=body, headers=sent), 401)
    assert publisher.messages == []


def test_a_type_that_no_rule_is_about_is_ignored_counted_and_logged(
    client: Client, publisher: KeptMessages, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = counted("ignored")
    answer = deliver(client, delivery("customer.created", {"id": "cus_1"}))
    assert (answer.status_code, answer.json()["ignored"]) == (202, "no rule is about it")
    assert counted("ignored") == before + 1
    assert "customer.created" in caplog.text
    assert publisher.messages == []


def test_every_fault_is_told_by_field(client: Client, publisher: KeptMessages) -> None:
    bare = subscription()
    del bare["items"]["data"][0]["quantity"]
    del bare["customer"]
    found = pointers(problem(deliver(client, delivery("customer.subscription.created", bare)), 422))
    assert found["#/body/ContractSigned/lines/0/quantity"] == "missing"
    assert found["#/context/customer_account"] == "missing"
    assert publisher.messages == []


def test_a_mapped_event_that_breaks_a_rule_of_the_business_is_refused(client: Client) -> None:
    credit = invoice()
    credit["lines"]["data"][0]["amount"] = -100
    found = pointers(problem(deliver(client, delivery("invoice.finalized", credit)), 422))
    assert "#/body/InvoiceIssued/lines/0/net" in found


def test_a_signed_body_that_is_no_json_is_malformed(client: Client) -> None:
    now = int(time.time())
    signature = hmac.new(SECRET.encode(), b"%d.{" % now, hashlib.sha256).hexdigest()
    headers = {"Stripe-Signature": f"t={now},v1={signature}"}
    problem(client.request("POST", PATH, content=b"{", headers=headers), 400)


def test_without_acknowledgment_the_vendor_is_asked_to_deliver_again(client: Client, publisher: KeptMessages) -> None:
    publisher.fault = BrokerUnavailable("gone")
    answer = deliver(client, SIGNED)
    problem(answer, 503)
    assert answer.headers["retry-after"]


def test_a_source_without_a_secret_takes_nothing(publisher: KeptMessages) -> None:
    sources = load_sources(shipped("config"), {})
    client = Client(create_app(publisher, POLICY, REGISTRY, LIMITS, sources=sources))
    problem(deliver(client, SIGNED), 404)


def test_a_secret_of_no_source_stops_the_start() -> None:
    with pytest.raises(PolicyError, match=r"TIEOUT_SOURCE_STRPE_SECRET.*Did you mean TIEOUT_SOURCE_STRIPE_SECRET"):
        load_sources(shipped("config"), {"TIEOUT_SOURCE_STRPE_SECRET": SECRET})


def test_a_secret_of_a_source_is_no_unknown_setting_and_a_slip_in_its_name_is() -> None:
    assert unknown_variables({"TIEOUT_SOURCE_STRIPE_SECRET": SECRET}, []) == []
    assert len(unknown_variables({"TIEOUT_SOURCE_STRIPE_SECRETS": SECRET}, [])) == 1


def test_a_file_that_would_not_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "mine.yml").write_text("")
    with pytest.raises(PolicyError, match=r"mine\.yml.*Rename"):
        load_sources(tmp_path, {})


def test_the_pages_generic_source_takes_standard_webhooks_while_its_secret_is_rotated(
    publisher: KeptMessages, tmp_path: Path
) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "billing.yaml").write_text(EXAMPLE[0], encoding="utf-8")
    old, new = (f"whsec_{base64.b64encode(key).decode()}" for key in (b"o" * 24, b"n" * 24))
    sources = load_sources(tmp_path, {"TIEOUT_SOURCE_BILLING_SECRET": f"{new},{old}"})
    client = Client(create_app(publisher, POLICY, REGISTRY, LIMITS, sources=sources))
    body = EXAMPLE[1].encode()
    for key, status in ((b"o" * 24, 202), (b"n" * 24, 202), (b"x" * 24, 401)):
        sent = headers(Scheme.STANDARD_WEBHOOKS, body, key, int(time.time()))
        answer = client.request("POST", "/v1/sources/billing/webhook", content=body, headers=sent)
        assert answer.status_code == status, answer.text
    assert {event.event_id for event in publisher.events()} == {"billing:msg_1"}


def test_every_problem_of_a_mapping_is_named_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "mine.yaml").write_text(
        "signature: stripe\ntype: type\nevent_id: $/id\nevents:\n  a.b:\n    context: {}\n    occurred_at: $/t\n"
        "    effective_date: {from: $/t, as: dat}\n    PaymentRecieved: {}\n"
    )
    with pytest.raises(PolicyError) as caught:
        load_sources(tmp_path, {})
    text = str(caught.value)
    assert "mine.yaml:2: type: found 'type'" in text
    assert "mine.yaml:8: events.a.b.effective_date.as: found 'dat'" in text
    assert "mine.yaml:9: events.a.b.PaymentRecieved" in text
    assert "expected one canonical event type" in text


@pytest.mark.embedded
def test_what_is_delivered_twice_is_the_same_event_on_the_broker(embedded_broker: EmbeddedBroker, topic: str) -> None:
    body, _ = signed(SIGNED, 0)

    async def scenario() -> list[dict[str, Any]]:
        async with KafkaPublisher(topic, embedded_broker.bootstrap, timeout=15) as publisher:
            answers = []
            # Each time before an API that has just started: it remembers nothing of the first delivery.
            for _ in range(2):
                app = create_app(publisher, POLICY, REGISTRY, sources=SOURCES)
                sent, headers = signed(json.loads(body), int(time.time()))
                answer = await call(app, "POST", PATH, content=sent, headers=headers)
                assert answer.status_code == 202, answer.text
                answers.append(answer.json())
            return answers

    first, second = asyncio.run(scenario())
    assert first["event_ids"] == second["event_ids"] == ["stripe:evt_1"]
    records = stored(embedded_broker.bootstrap, topic, 2)
    assert [key for _, key, _, _ in records] == [b"sub_1"] * 2
    assert CODEC.decode(records[0][2]) == CODEC.decode(records[1][2])
