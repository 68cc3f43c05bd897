"""The proxy passes bytes, cuts, delays and answers falsely when told to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from streams.embedded.process import LOOPBACK, free_port
from tests.chaos.proxy import UNAVAILABLE, Link, Proxies

_SECONDS = 5.0


@pytest.fixture
def link() -> Iterator[Link]:
    """A link to a server that sends back what it gets."""
    with closing(socket.create_server((LOOPBACK, 0))) as server, Proxies() as proxies:
        threading.Thread(target=_serve, args=(server,), daemon=True).start()
        yield proxies.link(free_port(), server.getsockname()[1])


def _serve(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with closing(connection):
        while True:
            try:
                sent = connection.recv(1024)
            except OSError:
                return
            if not sent:
                return
            connection.sendall(sent)


def _connect(link: Link) -> socket.socket:
    return socket.create_connection((LOOPBACK, link.port), timeout=_SECONDS)


def test_what_is_sent_comes_through(link: Link) -> None:
    with closing(_connect(link)) as connection:
        connection.sendall(b"ping")
        assert connection.recv(1024) == b"ping"


def test_a_cut_resets_open_connections_and_new_ones_until_it_is_healed(link: Link) -> None:
    with closing(_connect(link)) as connection:
        connection.sendall(b"ping")
        assert connection.recv(1024) == b"ping"
        link.cut()
        assert _is_reset(connection)
    with closing(_connect(link)) as connection:
        assert _is_reset(connection)
    link.heal()
    test_what_is_sent_comes_through(link)


def test_a_slow_link_holds_back_what_passes(link: Link) -> None:
    link.slow(0.2)
    with closing(_connect(link)) as connection:
        sent = time.monotonic()
        connection.sendall(b"ping")
        assert connection.recv(1024) == b"ping"
        assert time.monotonic() - sent > 0.35


def test_a_false_answer_is_given_instead_of_the_servers(link: Link) -> None:
    link.answer(UNAVAILABLE)
    with closing(_connect(link)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 503 ")


def _is_reset(connection: socket.socket) -> bool:
    try:
        return connection.recv(1024) == b""
    except ConnectionError:
        return True
