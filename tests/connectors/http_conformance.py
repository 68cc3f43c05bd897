"""What an ERP connector that speaks HTTP promises in addition, whatever the line and the server do to its requests.

Every fault is tried on the first request of a call, then on the second, and so on until the call has no more requests:
wherever it strikes, the answer is right or ConnectorUnavailable, and the same call afterwards makes one document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pytest

from connectors.protocols import ConnectorDenied, ConnectorThrottled, ConnectorUnavailable, Erp
from streams.records import ErpPosting, PostingAccepted, PostingRejected
from tests.connectors.erp_conformance import ErpConformance, Harness, Names, accepted, balances
from tests.infra.http_faults import Fault, FaultProxy

Answer = PostingAccepted | PostingRejected

MOST_REQUESTS = 20
"""No call that posts one journal makes more."""

LONGEST_CALL = 3.0
"""Seconds that a connector waits in the test of silence."""

FAULTS = [
    Fault("no connection", after=False),
    Fault("409", after=False, status=409),
    Fault("429", after=False, status=429, headers={"Retry-After": "7"}),
    Fault("500", after=False, status=500),
    Fault("503", after=False, status=503),
    Fault("a page instead of an answer", after=False, status=200),
    Fault("session expired", after=False, status=401, body=b""),
    Fault("connection lost after acceptance", after=True),
    Fault("502 after acceptance", after=True, status=502),
    Fault("silence after acceptance", after=True, silent=True),
]


class HttpHarness(Harness, Protocol):
    """A harness whose server stands behind a proxy."""

    @property
    def proxy(self) -> FaultProxy: ...

    def connect_through(self, proxy_url: str, *, timeout: float = 30.0, password: str | None = None) -> Erp:
        """Return a new connector that reaches the server by an address, with a wrong password if one is given."""
        ...


def post(erp: Erp, wanted: ErpPosting) -> tuple[Sequence[Answer] | None, ConnectorUnavailable | None]:
    """Post; the answers, or why there are none."""
    try:
        return erp.post([wanted]), None
    except ConnectorUnavailable as failure:
        return None, failure


class HttpErpConformance(ErpConformance):
    """The promises that hold for every ERP that is reached by HTTP."""

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
    def test_wherever_a_fault_strikes_nothing_is_lost_or_doubled(
        self, harness: HttpHarness, names: Names, fault: Fault
    ) -> None:
        proxy = harness.proxy
        erp = harness.connect_through(proxy.url, timeout=LONGEST_CALL if fault.silent else 30.0)
        accepted(erp, names.posting())
        for nth in range(1, MOST_REQUESTS + 1):
            wanted = names.posting()
            proxy.spoil(nth, fault)
            answers, failure = post(erp, wanted)
            struck = proxy.struck
            proxy.heal()
            again = accepted(erp, wanted)
            assert answers is None or answers == again
            assert harness.documents(wanted.command_id) == 1
            if struck and fault.status == 429:
                assert isinstance(failure, ConnectorThrottled)
                assert failure.retry_after == 7.0
            if not struck:
                break
        else:
            pytest.fail(f"more than {MOST_REQUESTS} requests for one posting")
        assert nth > 1
        assert balances(erp, names.contract)["ACME-US", "2100", "USD"] == -100 * (nth + 1)

    def test_a_fault_while_logging_in_is_an_outage_and_the_next_call_posts(
        self, harness: HttpHarness, names: Names
    ) -> None:
        erp, wanted = harness.connect_through(harness.proxy.url), names.posting()
        harness.proxy.spoil(1, Fault("503", after=False, status=503))
        with pytest.raises(ConnectorUnavailable):
            erp.post([wanted])
        accepted(erp, wanted)

    def test_an_expired_session_is_renewed_and_nobody_is_told(self, harness: HttpHarness, names: Names) -> None:
        erp = harness.connect_through(harness.proxy.url)
        accepted(erp, names.posting())
        harness.proxy.spoil(1, Fault("session expired", after=False, status=401, body=b""))
        accepted(erp, names.posting())
        assert harness.proxy.struck == 1

    def test_a_wrong_password_is_denied_and_named_without_being_told(self, harness: HttpHarness, names: Names) -> None:
        erp = harness.connect_through(harness.proxy.url, password="not-the-password")
        with pytest.raises(ConnectorDenied) as failure:
            erp.post([names.posting()])
        assert "not-the-password" not in str(failure.value)

    def test_a_server_that_is_not_there_is_an_outage(self, harness: HttpHarness, names: Names) -> None:
        erp = harness.connect_through("http://127.0.0.1:9")
        for call in (
            lambda: erp.post([names.posting()]),
            lambda: erp.balances(),
            lambda: erp.posted(["x"]),
            lambda: erp.period_status("ACME-US", "2026-03"),
        ):
            with pytest.raises(ConnectorUnavailable):
                call()

    def test_a_line_that_comes_back_needs_no_new_connector(self, harness: HttpHarness, names: Names) -> None:
        erp = harness.connect_through(harness.proxy.url)
        wanted = names.posting()
        harness.proxy.spoil(1, Fault("no connection", after=False))
        with pytest.raises(ConnectorUnavailable):
            erp.post([wanted])
        [answer] = erp.post([wanted])
        assert isinstance(answer, PostingAccepted)
