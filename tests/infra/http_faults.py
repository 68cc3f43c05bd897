"""An HTTP proxy on 127.0.0.1 that spoils one chosen request: before the server has seen it, or after it has answered.

Knows HTTP; nothing of what is said in it.
"""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from streams.embedded.process import LOOPBACK

_FORWARD_SECONDS = 30.0
_HELD_SECONDS = 30.0
_NOT_FORWARDED = {"connection", "transfer-encoding", "content-length", "content-encoding", "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the chosen request."""

    name: str
    after: bool
    """Whether the server gets the request, and does what it says, before its answer is lost."""
    status: int | None = None
    """What the client is told instead; None: the connection breaks, or is silent."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"<html>gateway</html>"
    silent: bool = False
    """Whether the client hears nothing instead of a broken connection."""


class FaultProxy:
    """Passes everything on, but for the requests that `spoil` has chosen."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._lock = threading.Lock()
        self._left: int | None = None
        self._fault: Fault | None = None
        self._struck = 0
        self._let_go = threading.Event()
        self._server = ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="http-faults", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_port}"

    @property
    def struck(self) -> int:
        """How many requests were spoiled since `spoil`."""
        with self._lock:
            return self._struck

    def spoil(self, nth: int, fault: Fault) -> None:
        """Spoil the nth request from now on, once; 1 is the next one."""
        with self._lock:
            self._left, self._fault, self._struck = nth, fault, 0

    def heal(self) -> None:
        """Let everything pass, and everything go that is held."""
        with self._lock:
            self._left = self._fault = None
        self._let_go.set()
        self._let_go = threading.Event()

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal()
        self._server.shutdown()
        self._server.server_close()

    def _next(self) -> Fault | None:
        with self._lock:
            if self._left is None:
                return None
            self._left -= 1
            if self._left > 0:
                return None
            self._left, self._struck = None, self._struck + 1
            return self._fault

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def do_PUT(self) -> None:
                self._serve()

            def do_PATCH(self) -> None:
                self._serve()

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fault = proxy._next()
                if fault is None:
                    status, headers, answer = self._forward(body)
                    self._answer(status, headers, answer)
                    return
                if fault.after:
                    self._forward(body)
                if fault.status is not None:
                    self._answer(fault.status, dict(fault.headers), fault.body)
                    return
                if fault.silent:
                    proxy._let_go.wait(_HELD_SECONDS)
                self._break()

            def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
                connection = http.client.HTTPConnection(LOOPBACK, proxy._target_port, timeout=_FORWARD_SECONDS)
                try:
                    headers = {name: value for name, value in self.headers.items() if _passes(name)}
                    connection.request(self.command, self.path, body, headers)
                    response = connection.getresponse()
                    kept = {name: value for name, value in response.getheaders() if _passes(name)}
                    return response.status, kept, response.read()
                finally:
                    connection.close()

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _break(self) -> None:
                # A reset, not an orderly end: what a crashed server or a cut line looks like.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: tests read what the client was told."""

        return Handler


def _passes(header: str) -> bool:
    return header.lower() not in _NOT_FORWARDED
