"""What operators and tools ask the API for: health, readiness, metrics, description."""

from __future__ import annotations

import re

from streams.api.publisher import BrokerUnavailable
from tests.api.conftest import Client, KeptMessages, event


def test_health_does_not_depend_on_the_broker_and_readiness_does(client: Client, publisher: KeptMessages) -> None:
    assert client.request("GET", "/readyz").json()["checks"] == {"broker": "ok", "schema_registry": "ok"}
    publisher.fault = BrokerUnavailable("gone")
    assert client.request("GET", "/healthz").status_code == 200
    answer = client.request("GET", "/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"] == "gone"


def test_metrics_count_what_was_accepted_and_how_long_it_took(client: Client) -> None:
    def accepted() -> float:
        found = re.search(
            r'^tieout_api_events_total\{outcome="accepted"\} (\S+)', client.request("GET", "/metrics").text, re.M
        )
        return float(found.group(1)) if found else 0.0

    before = accepted()
    client.send([event(), event(event_id="E2")])
    assert accepted() == before + 2


def test_the_description_names_every_event_and_every_answer(client: Client) -> None:
    document = client.request("GET", "/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert {"CommercialEvent", "Context", "InvoiceIssued", "PeriodClosed", "Problem"} <= schemas.keys()
    post = document["paths"]["/v1/events"]["post"]
    assert {"202", "400", "409", "413", "415", "422", "503"} <= post["responses"].keys()
    text = client.request("GET", "/openapi.json").text
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in schemas


def test_the_example_of_the_description_is_accepted(client: Client) -> None:
    document = client.request("GET", "/openapi.json").json()
    content = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    assert client.send(content["application/json"]["example"]).status_code == 202


def test_no_page_of_the_api_loads_anything_from_elsewhere(client: Client) -> None:
    for page in ("/docs", "/redoc"):
        assert client.request("GET", page).status_code == 404
