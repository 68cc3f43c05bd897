"""One set of settings takes both client libraries through TLS and SASL."""

from __future__ import annotations

import pytest

from tests.transport.conftest import Broker
from tests.transport.harness import Bench, drained, records_for


@pytest.mark.kafka
def test_a_stage_runs_over_sasl_ssl_with_both_clients(broker: Broker) -> None:
    bench = Bench.on(broker.bootstrap)
    records = records_for(keys=100, each=5)
    bench.produce(records)
    with bench.worker(broker=broker.secured, client=broker.client_settings):
        drained(bench)
    bench.assert_counted_exactly_once(records)
