"""A connection that is cut in the middle of a posting leaves nothing half done, and the same call posts once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from connectors.erp.ledger import EmbeddedLedger
from connectors.protocols import ConnectorUnavailable
from streams.records import PostingAccepted
from tests.infra.postgres import PostgresServer
from tests.ledger.postings import ACCOUNTS, ENTITIES, posting

_WAITING = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
_BOUND_SECONDS = 10.0


def waiting_backend(operator: psycopg.Connection) -> int:
    """The process of the one connection that waits for a lock, once there is one."""
    deadline = time.monotonic() + _BOUND_SECONDS
    while time.monotonic() < deadline:
        found = operator.execute(_WAITING).fetchone()
        if found is not None:
            return int(found[0])
    raise AssertionError(f"nobody waited for a lock within {_BOUND_SECONDS} seconds")


def test_a_posting_whose_connection_is_cut_is_unknown_and_is_posted_once_when_it_is_sent_again(
    postgres: PostgresServer,
) -> None:
    url = postgres.new_database()
    ledger = EmbeddedLedger(url, ACCOUNTS, ENTITIES)
    ledger.post([posting("before")])
    call = [posting("a"), posting("b")]
    plain_url = url.replace("+psycopg", "")
    with (
        psycopg.connect(plain_url) as holder,
        psycopg.connect(plain_url, autocommit=True) as operator,
        ThreadPoolExecutor(1) as pool,
    ):
        holder.execute("select * from ledger_numbers for update")
        posted = pool.submit(ledger.post, call)
        operator.execute("select pg_terminate_backend(%s)", [waiting_backend(operator)])
        with pytest.raises(ConnectorUnavailable, match="terminating connection"):
            posted.result(timeout=_BOUND_SECONDS)
        holder.rollback()
        answers = ledger.post(call)
    assert [type(answer) for answer in answers] == [PostingAccepted, PostingAccepted]
    assert [entry.event_id for entry in ledger.entries()] == ["event-before", "event-a", "event-b"]
    ledger.close()
