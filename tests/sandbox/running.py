"""A real `miaodan sandbox-psp` and a shop that takes its notices, both on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiohttp import web

from server.orders.signatures import verify
from server.trust.tokens import PROVIDER_KEY_FILE, WEBHOOK_KEY_FILE, load_key
from tests.live_server import LiveServer

PATIENCE = 20.0
Json = dict[str, Any]
NOTHING = {"waiting": 0, "posted": 0, "dropped": 0, "given_up": 0}
"""As `/v1/notices` counts."""


class Sandbox:
    """One process; started again it keeps its port and its book."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir = data_dir
        self._options = options
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def beside(cls, server: LiveServer) -> Sandbox:
        """The one that a `serve` runs. It is asked, not started or stopped."""
        one = cls(server.data_dir)
        (process,) = server.children("sandbox-psp")
        ports = [
            line.laddr.port for line in process.net_connections("tcp") if line.status == psutil.CONN_LISTEN
        ]
        one._port = ports[0]
        return one

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def key(self) -> str:
        return load_key(self.data_dir, PROVIDER_KEY_FILE)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def tell(self, url: str) -> None:
        """Whom to tell from the next start on."""
        self._options = ("--webhook-url", url)

    def start(self) -> None:
        """Until it listens."""
        with (self.data_dir.parent / "sandbox.log").open("a") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "server", "sandbox-psp", "--port", str(self._port)),
                    *("--data-dir", str(self.data_dir), *self._options),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("miaodan sandbox-psp: listening on http://127.0.0.1:"), line
        self._port = int(line.rpartition(":")[2])

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None and self._process.stdout is not None
        self._process.send_signal(number)
        code = self._process.wait(20)
        self._process.stdout.close()
        self._process = None
        return code

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            self.kill()

    async def ask(
        self, method: str, path: str, body: object = None, *, key: str | None = None, raw: bytes | None = None
    ) -> tuple[int, Json]:
        """Status and JSON."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=PATIENCE)
            )
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key if key is None else key}"}
        async with self._session.request(method, self.url + path, data=data, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> Json:
        status, answer = await self.ask("GET", path)
        assert status == 200, answer
        return answer

    async def behave(self, **behaviour: object) -> None:
        """Without latency, where nothing else is said."""
        status, answer = await self.ask("PUT", "/v1/behaviour", {"latency_ms": 0, **behaviour})
        assert status == 200, answer

    async def authorise(self, key: str, **fields: object) -> tuple[int, Json]:
        return await self.ask("POST", "/v1/payments", request(key, **fields))

    async def paid(self, key: str, **fields: object) -> Json:
        """A captured payment."""
        status, payment = await self.authorise(key, **fields)
        assert status == 200, payment
        status, payment = await self.ask("POST", f"/v1/payments/{payment['payment']}/capture")
        assert status == 200, payment
        return payment

    async def refund(self, payment: str, key: str, amount: int, **fields: object) -> tuple[int, Json]:
        body = {"key": key, "amount": amount, **fields}
        return await self.ask("POST", f"/v1/payments/{payment}/refunds", body)

    async def book(self) -> list[Json]:
        entries: list[Json] = []
        page: Json = {"cursor": "0"}
        while page["cursor"] is not None:
            page = await self.get(f"/v1/book?limit=100&cursor={page['cursor']}")
            entries += page["payments"]
        return entries


def request(key: str, **fields: object) -> Json:
    return {"key": key, "order": f"order-{key}", "user": "ann", "amount": 500, "currency": "CNY", **fields}


@contextlib.asynccontextmanager
async def sandbox(data_dir: Path, *options: str) -> AsyncIterator[Sandbox]:
    """A running one that answers at once."""
    one = Sandbox(data_dir, *options)
    try:
        one.start()
        await one.behave()
        yield one
    finally:
        await one.close()


class Shop:
    """Takes notices; `answer` says with which status, given how many came before."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.signatures: list[str] = []
        self.times: list[float] = []
        self.answer: Callable[[int], int] = lambda number: 200
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._came = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def notices(self) -> list[Json]:
        return [json.loads(body) for body in self.bodies]

    @property
    def events(self) -> list[str]:
        return [notice["event"] for notice in self.notices]

    async def open(self) -> None:
        """Listens, on the port of the time before."""
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        status = self.answer(len(self.bodies))
        self.bodies.append(await request.read())
        self.signatures.append(request.headers["Miaodan-Signature"])
        self.times.append(time.monotonic())
        async with self._came:
            self._came.notify_all()
        return web.Response(status=status)

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Until what came makes it true."""
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(condition)

    def check_signatures(self, data_dir: Path) -> None:
        """Raises where one is not what the gateway takes."""
        secret = load_key(data_dir, WEBHOOK_KEY_FILE).encode()
        for body, signature in zip(self.bodies, self.signatures, strict=True):
            verify(body, signature, secret, time.time_ns() // 1_000_000, 60_000)


@contextlib.asynccontextmanager
async def shop() -> AsyncIterator[Shop]:
    one = Shop()
    await one.open()
    try:
        yield one
    finally:
        await one.close()


async def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """An awaited condition may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)
