"""A TCP proxy whose connections can be cut, refused, delayed or answered falsely, from any thread.

Knows bytes and connections; nothing of the protocol that passes through.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from streams.embedded.process import LOOPBACK

_CHUNK = 64 * 1024
_START_SECONDS = 10.0

UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndown"
"""What an HTTP server says that cannot serve now."""


class Link:
    """The way to one server."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port: int) -> None:
        self.port = port
        """Where to connect instead of to the server itself."""
        self.target_port = 0
        self._loop = loop
        self._open = True
        self._false_answer: bytes | None = None
        self._delay = 0.0
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Reset every connection, and every new one at once, until `heal`."""
        self._call(self._cut)

    def slow(self, seconds: float) -> None:
        """Hold back everything that passes for so long, in both directions, until `heal`."""
        self._call(lambda: setattr(self, "_delay", seconds))

    def answer(self, false_answer: bytes) -> None:
        """Reset every connection, and give every new one this answer, until `heal`."""

        def change() -> None:
            self._reset()
            self._false_answer = false_answer

        self._call(change)

    def heal(self) -> None:
        """Let everything pass again."""

        def change() -> None:
            self._open, self._false_answer, self._delay = True, None, 0.0

        self._call(change)

    def _call(self, change: object) -> None:
        assert callable(change)
        done = threading.Event()

        def run() -> None:
            change()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(_START_SECONDS), "the proxy does not answer"

    def _cut(self) -> None:
        self._open = False
        self._reset()

    def _reset(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        if not self._open:
            writer.transport.abort()
            return
        if self._false_answer is not None:
            await _answer(reader, writer, self._false_answer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.target_port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        except asyncio.CancelledError:
            pass  # the proxy is being stopped; asyncio's own callback would log it as an error
        finally:
            self._writers -= both
            for end in both:
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                writer.write(chunk)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            writer.transport.abort()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, false_answer: bytes) -> None:
    try:
        await reader.read(_CHUNK)
        writer.write(false_answer)
        await writer.drain()
        writer.close()
    except OSError:
        writer.transport.abort()


class Proxies:
    """A thread with all links of a deployment."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._servers: list[asyncio.Server] = []

    def link(self, port: int, target_port: int) -> Link:
        """Listen on a port for a server that listens, or will, on another."""
        link = Link(self._loop, port)
        link.target_port = target_port
        starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(link.serve, LOOPBACK, port), self._loop)
        self._servers.append(starting.result(_START_SECONDS))
        return link

    def __enter__(self) -> Proxies:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(_START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_SECONDS)

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        serving = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
