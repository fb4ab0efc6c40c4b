"""A real server for tests: `miaodan serve` in its own process tree on a free port, and a wire client."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import IO, Any

import jwt
import orjson
import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

START_SECONDS = 40.0
Event = dict[str, Any]


class LiveServer:
    """`url` is `http://…`, `ws` is `ws://…`; `pid` is the supervisor's."""

    def __init__(
        self, data_dir: Path, *, workers: int = 1, trust: ssl.SSLContext | None = None, **settings: object
    ) -> None:
        """`settings`: `section__key=value`, as in the environment; `trust`: whom clients trust, for TLS."""
        self.trust = trust
        self.data_dir = data_dir
        self._workers = workers
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self._reader = threading.Thread()
        self.log: list[str] = []

    @property
    def url(self) -> str:
        return f"{'https' if self.trust else 'http'}://127.0.0.1:{self._port}"

    @property
    def ws(self) -> str:
        return f"{'wss' if self.trust else 'ws'}://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Until /ready answers 200. A second start keeps the port."""
        self._process = subprocess.Popen(
            [
                sys.executable,
                *("-m", "server", "serve", "--port", str(self._port)),
                *("--data-dir", str(self.data_dir), "--workers", str(self._workers)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment(),
        )
        self._read_address()
        self.wait_ready()

    def _environment(self) -> dict[str, str]:
        given = {f"MIAODAN_{name.upper()}": _text(value) for name, value in self._settings.items()}
        return {**os.environ, **given}

    def _read_address(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        output = self._process.stdout
        for line in output:
            self.log.append(line)
            if "listening on" in line:
                self._port = int(line.strip().rsplit(":", 1)[1])
                self._reader = threading.Thread(target=self._read_on, args=(output,), daemon=True)
                self._reader.start()
                return
        raise AssertionError("the server did not start:\n" + "".join(self.log))

    def _read_on(self, output: IO[str]) -> None:
        with output:
            self.log.extend(output)

    def wait_ready(self) -> None:
        self.wait_until(lambda: self.get("/ready")[0] == 200, "not ready")

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self._process is not None
            assert self._process.poll() is None, "the server ended:\n" + "".join(self.log[-60:])
            assert time.monotonic() < deadline, what + ":\n" + "".join(self.log[-60:])
            time.sleep(0.05)

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(seconds)
        self._reader.join(10)
        return code

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._reader.join(10)

    def children(self, word: str) -> list[psutil.Process]:
        """Live child processes whose command line has this word: `gateway`, `backoffice`, `valkey`."""
        found = []
        for child in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if any(word in part for part in child.cmdline()):
                    found.append(child)
        return found

    # ---- HTTP -------------------------------------------------------------------------------

    def token(self, user: str, role: str = "viewer", room: str | None = None, ttl: int = 3600) -> str:
        """Signed here with PyJWT and the data directory's key."""
        claims: dict[str, object] = {"aud": "miaodan", "sub": user, "name": user, "role": role}
        claims |= {"iat": int(time.time()), "exp": int(time.time()) + ttl}
        if room is not None:
            claims["room"] = room
        key = (self.data_dir / "token.key").read_text().strip()
        return jwt.encode(claims, key, algorithm="HS256")

    def request(
        self, method: str, path: str, body: object = None, token: str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Status and decoded body (text where it is no JSON). 0 when nobody answers."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.trust) as answer:
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.read())
        except OSError:
            return 0, None

    def get(self, path: str, token: str | None = None) -> tuple[int, Any]:
        return self.request("GET", path, token=token)

    def create_room(self, room: str, host: str = "host", **fields: object) -> Event:
        """A room of `host`'s, not yet live."""
        body = {"id": room, "title": room, **fields}
        status, answer = self.request("POST", "/api/v1/rooms", body, self.token(host, "host"))
        assert status == 201, answer
        snapshot: Event = answer
        return snapshot

    def ledger_orders(self, room: str) -> list[Event]:
        """All of a room's orders, as the ledger has them."""
        orders: list[Event] = []
        cursor = ""
        while True:
            path = f"/api/v1/orders?room={room}&limit=200" + (f"&cursor={cursor}" if cursor else "")
            status, answer = self.get(path, self.token("op", "operator"))
            assert status == 200, answer
            orders += answer["orders"]
            cursor = answer["cursor"]
            if not cursor:
                return orders

    def audit(self) -> tuple[int, Any]:
        """`miaodan audit`: exit code and report."""
        done = subprocess.run(
            [sys.executable, "-m", "server", "audit", "--data-dir", str(self.data_dir)],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env=self._environment(),
        )
        report = json.loads(done.stdout) if done.stdout.strip().startswith("{") else done.stdout + done.stderr
        return done.returncode, report


@contextlib.contextmanager
def running(
    data_dir: Path, *, workers: int = 1, trust: ssl.SSLContext | None = None, **settings: object
) -> Iterator[LiveServer]:
    server = LiveServer(data_dir, workers=workers, trust=trust, **settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")


class Client:
    """One socket, one thing at a time; keeps every event it heard."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[Event] = []
        self._unread: list[Event] = []
        self._passed: list[Event] = []
        self._ids = itertools.count(1)

    async def hello(self, token: str | None = None, resume: Event | None = None) -> Event:
        """The welcome."""
        hello: Event = {"type": "hello"}
        if token is not None:
            hello["token"] = token
        if resume is not None:
            hello["resume"] = resume
        await self.send(hello)
        return await self.wait_for("welcome")

    async def send(self, command: Event) -> None:
        await self.socket.send(orjson.dumps(command).decode())

    async def next(self, seconds: float = 10) -> Event:
        if self._passed:
            return self._passed.pop(0)
        if not self._unread:
            async with asyncio.timeout(seconds):
                self._unread += orjson.loads(await self.socket.recv())
        event = self._unread.pop(0)
        self.events.append(event)
        return event

    async def wait_for(self, *types: str, seconds: float = 10, **fields: object) -> Event:
        """The next event of these types with these field values."""
        async with asyncio.timeout(seconds):
            while True:
                event = await self.next(seconds)
                if event["type"] in types and all(event.get(k) == v for k, v in fields.items()):
                    return event

    async def ask(self, type: str, **fields: object) -> Event:
        """Send a command and return its one reply; what was heard before it is heard again afterwards, as
        an event may come before or behind the reply to what caused it."""
        number = next(self._ids)
        await self.send({"type": type, "id": number, **fields})
        passed: list[Event] = []
        try:
            async with asyncio.timeout(15):
                while True:
                    event = await self.next(15)
                    if event.get("id") == number and event["type"] in REPLIES:
                        return event
                    passed.append(event)
        finally:
            self._passed = passed + self._passed

    async def closed(self, seconds: float = 15) -> int:
        """Read on to the close; its code (1006 when the line was cut)."""
        async with asyncio.timeout(seconds):
            try:
                while True:
                    self.events += orjson.loads(await self.socket.recv())
            except ConnectionClosed:
                code = self.socket.close_code
                assert code is not None
                return code


REPLIES = {"pong", "danmaku.accepted", "order.accepted", "done", "error"}


@contextlib.asynccontextmanager
async def client(
    server: LiveServer, room: str, *, control: bool = False, **options: Any
) -> AsyncIterator[Client]:
    """A socket before its hello."""
    kind = "control" if control else "live"
    options = {"compression": None, "ssl": server.trust, **options}
    async with connect(f"{server.ws}/ws/{kind}/{room}", **options) as socket:
        yield Client(socket)


@contextlib.asynccontextmanager
async def viewer(server: LiveServer, room: str, user: str, **options: Any) -> AsyncIterator[Client]:
    """A welcomed viewer."""
    async with client(server, room, **options) as opened:
        await opened.hello(server.token(user))
        yield opened


@contextlib.asynccontextmanager
async def host(server: LiveServer, room: str, user: str = "host") -> AsyncIterator[Client]:
    """A welcomed host on the control socket."""
    async with client(server, room, control=True) as opened:
        await opened.hello(server.token(user, "host"))
        yield opened


def product(sku: str, stock: int = 100, **fields: object) -> Event:
    return {"sku": sku, "title": f"Product {sku}", "price": 9900, "stock": stock, **fields}
