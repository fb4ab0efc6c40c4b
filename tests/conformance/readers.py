"""Viewers on other people's WebSockets: Python's `websockets`, Node's `ws`, Chromium.

Each reads the messages of one room until the host says it is over, and decodes them with decoders that the
server does not use.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgpack
import orjson
from playwright.async_api import Page
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.typing import Subprotocol

from schemas.codes import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK
from tests.browser.conftest import BUILD
from tests.live_server import Event, LiveServer

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("node_client.mjs")
WS = "ws@8.23.0"
OVER = "it is over"
PAD = "x" * 2_000
"""Makes a command worth compressing; the server ignores unknown fields."""

Deflate = dict[str, int | bool] | None


class Reader:
    """One viewer. `events`: what came, in order; `extensions`: what the handshake answered."""

    def __init__(self, name: str, *, binary: bool = False, deflate: Deflate = None) -> None:
        """`deflate`: what is offered, in the words of RFC 7692; None: nothing."""
        self.name = name
        self.binary = binary
        self.deflate = deflate
        self.extensions = ""
        self.events: list[Event] = []
        self.welcomed = asyncio.Event()

    @property
    def subprotocol(self) -> str:
        return SUBPROTOCOL_MSGPACK if self.binary else SUBPROTOCOL_JSON

    def commands(self, token: str) -> list[bytes]:
        """A hello, and a ping that is large enough to be compressed."""
        said = [{"type": "hello", "token": token}, {"type": "ping", "id": 1, "client_time": 1, "pad": PAD}]
        encode: Callable[[Any], bytes] = msgpack.packb if self.binary else orjson.dumps
        return [encode(command) for command in said]

    def heard(self, data: bytes) -> bool:
        """Whether there is more to come."""
        batch: list[Event] = msgpack.unpackb(data) if self.binary else orjson.loads(data)
        assert isinstance(batch, list)
        self.events += batch
        if any(event["type"] == "pong" for event in batch):
            self.welcomed.set()
        return not any(event.get("announcement") == OVER for event in batch)

    async def read(self, server: LiveServer, room: str) -> None:
        """Join, and read until it is over."""
        raise NotImplementedError


class PythonReader(Reader):
    async def read(self, server: LiveServer, room: str) -> None:
        offers = [ClientPerMessageDeflateFactory(**self.deflate)] if self.deflate is not None else None  # type: ignore[arg-type]
        async with connect(
            f"{server.ws}/ws/live/{room}",
            subprotocols=[Subprotocol(self.subprotocol)],
            compression=None,
            extensions=offers,
        ) as socket:
            assert socket.response is not None
            self.extensions = socket.response.headers.get("Sec-WebSocket-Extensions", "")
            for command in self.commands(server.token(self.name)):
                await socket.send(command if self.binary else command.decode())
            async for message in socket:
                if not self.heard(message if isinstance(message, bytes) else message.encode()):
                    return


class NodeReader(Reader):
    async def read(self, server: LiveServer, room: str) -> None:
        module, node = node_ws()
        process = await asyncio.create_subprocess_exec(
            *(node, str(SCRIPT), module, f"{server.ws}/ws/live/{room}", self.subprotocol),
            *(json.dumps(self._options()), json.dumps(self.binary)),
            *(base64.b64encode(command).decode() for command in self.commands(server.token(self.name))),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=1 << 20,
        )
        assert process.stdout is not None and process.stdin is not None
        try:
            async for line in process.stdout:
                told = json.loads(line)
                if "extensions" in told:
                    self.extensions = told["extensions"]
                else:
                    assert "data" in told, told
                    if not self.heard(base64.b64decode(told["data"])):
                        break
            process.stdin.close()
            assert json.loads((await process.stdout.read()).splitlines()[-1]) == {"closed": 1000}
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def _options(self) -> object:
        """`ws` names the offers in its own way."""
        words = {
            "server_no_context_takeover": "serverNoContextTakeover",
            "client_no_context_takeover": "clientNoContextTakeover",
            "server_max_window_bits": "serverMaxWindowBits",
            "client_max_window_bits": "clientMaxWindowBits",
        }
        if self.deflate is None:
            return False
        return {words[name]: value for name, value in self.deflate.items()} | {"threshold": 0}


def node_ws() -> tuple[str, str]:
    """Where the module `ws` lies (`build/ws`, installed there when missing), and a Node.js."""
    spec = importlib.util.spec_from_file_location("miaodan_build_pages", BUILD)
    assert spec is not None and spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    node = pages.find_node()
    directory = ROOT / "build" / "ws"
    module = directory / "node_modules" / "ws" / "index.js"
    if not module.is_file():
        directory.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
        subprocess.run(
            [*node.npm, "install", *quiet, "--prefix", str(directory), WS], check=True, env=node.environment()
        )
    return str(module), str(node.node)


class BrowserReader(Reader):
    """Chromium offers what it does: permessage-deflate with `client_max_window_bits`."""

    def __init__(self, name: str, page: Page, *, binary: bool = False) -> None:
        super().__init__(name, binary=binary, deflate={})
        self._page = page

    async def read(self, server: LiveServer, room: str) -> None:
        async for message in self._messages(server, room):
            if not self.heard(message):
                return

    async def _messages(self, server: LiveServer, room: str) -> AsyncIterator[bytes]:
        await self._page.goto(f"{server.url}/health")
        arrived: asyncio.Queue[str] = asyncio.Queue()
        await self._page.expose_function("arrived", arrived.put_nowait)
        said = [base64.b64encode(command).decode() for command in self.commands(server.token(self.name))]
        self.extensions = await self._page.evaluate(
            OPEN, [f"{server.ws}/ws/live/{room}", self.subprotocol, self.binary, said]
        )
        while True:
            yield base64.b64decode(await arrived.get())


OPEN = """
([url, subprotocol, binary, said]) => new Promise((resolve, reject) => {
  const socket = new WebSocket(url, [subprotocol]);
  socket.binaryType = "arraybuffer";
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const text = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  socket.onopen = () => {
    for (const message of said) {
      socket.send(binary ? bytes(message) : new TextDecoder().decode(bytes(message)));
    }
    resolve(socket.extensions);
  };
  socket.onmessage = ({ data }) =>
    window.arrived(text(binary ? new Uint8Array(data) : new TextEncoder().encode(data)));
  socket.onerror = () => reject(new Error("the socket failed"));
})
"""
