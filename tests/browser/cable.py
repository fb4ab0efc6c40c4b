"""A TCP proxy between browser and server that can be cut, or stalled, as a network would be."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

Result = TypeVar("Result")
CHUNK = 65_536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing answers with RST (RFC 9293 section 3.10.4)."""


class Cable:
    """Forwards to 127.0.0.1:`port`, on a thread of its own. `url` is where a browser plugs in."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._refusing = False
        self._upwards = asyncio.Event()
        self._downwards = asyncio.Event()
        self._lines: set[asyncio.StreamWriter] = set()
        self._forwarding: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._thread.start()
        self._on_loop(self._listen())

    def close(self) -> None:
        self._on_loop(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # ---- what may happen to a network ---------------------------------------------------

    def drop(self) -> None:
        """Resets every connection; new ones go through."""
        self._on_loop(self._reset())

    def cut(self) -> None:
        """Resets every connection, and every new one until `mend`."""
        self._on_loop(self._cut())

    def stall(self, *, up: bool = True) -> None:
        """Nothing arrives any more, and nobody is told; without `up` the server still hears the browser."""
        self._on_loop(self._gate(not up, False))

    def mend(self) -> None:
        """As new; what a stall held back arrives."""
        self._on_loop(self._mend())

    # ---- on the loop --------------------------------------------------------------------

    def _on_loop(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        await self._gate(True, True)
        self._server = await asyncio.start_server(self._plug_in, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._gate(True, True)
        await self._reset()
        await asyncio.gather(*self._forwarding, return_exceptions=True)

    async def _reset(self) -> None:
        for writer in list(self._lines):
            _reset(writer)

    async def _cut(self) -> None:
        self._refusing = True
        await self._reset()

    async def _gate(self, up: bool, down: bool) -> None:
        for gate, opened in ((self._upwards, up), (self._downwards, down)):
            if opened:
                gate.set()
            else:
                gate.clear()

    async def _mend(self) -> None:
        self._refusing = False
        await self._gate(True, True)

    def _plug_in(self, browser_in: asyncio.StreamReader, browser_out: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._forward(browser_in, browser_out))
        self._forwarding.add(task)
        task.add_done_callback(self._forwarding.discard)

    async def _forward(self, browser_in: asyncio.StreamReader, browser_out: asyncio.StreamWriter) -> None:
        if self._refusing:
            _reset(browser_out)
            return
        try:
            server_in, server_out = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            _reset(browser_out)
            return
        both = {browser_out, server_out}
        self._lines |= both
        try:
            await asyncio.gather(
                _pump(browser_in, server_out, self._upwards), _pump(server_in, browser_out, self._downwards)
            )
        except OSError:
            for writer in both:
                _reset(writer)
        finally:
            self._lines -= both
            for writer in both:
                writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, gate: asyncio.Event) -> None:
    while data := await source.read(CHUNK):
        await gate.wait()
        sink.write(data)
        await sink.drain()
    await gate.wait()
    sink.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()


@contextlib.contextmanager
def plugged(port: int) -> Iterator[Cable]:
    cable = Cable(port)
    cable.start()
    try:
        yield cable
    finally:
        cable.close()
