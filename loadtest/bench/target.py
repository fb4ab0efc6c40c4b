"""The server under test: a black box of processes, started, found, pinned and stopped."""

from __future__ import annotations

import os
import re
import secrets
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from client_sim.address import Address
from client_sim.api import Api, ApiError
from client_sim.tokens import KeyTokens
from loadtest.bench.machine import Placement, descendants, end, pin
from loadtest.bench.viewers import JoinFailed, events, join, send_text
from schemas.codes import Role

START_S = 30.0
STOP_S = 30.0
COMMON = {
    # What would get between the measurement and the thing measured; each is said in the report.
    "MIAODAN_LIMITS__DANMAKU_PER_SECOND": "0",
    "MIAODAN_LIMITS__ORDERS_PER_SECOND": "0",
    "MIAODAN_LIMITS__COMMANDS_PER_SECOND": "0",
    "MIAODAN_LIMITS__JOINS_PER_SECOND": "0",
    "MIAODAN_GATEWAY__HEARTBEAT_MS": "3600000",
    "MIAODAN_ORDERS__HOLD_MS": "3600000",
    "MIAODAN_SERVER__LOG_LEVEL": "warning",
    "MIAODAN_SERVER__DRAIN_MS": "0",
}
_LISTENING = re.compile(rb"listening on (http://\S+)")


def known_settings() -> set[str]:
    """Names of the environment variables this server takes; it refuses to start with one it does not know."""
    told = subprocess.run(
        [sys.executable, "-m", "server", "config", "env"], capture_output=True, text=True, check=True
    )
    return set(re.findall(r"^(MIAODAN_\w+)=", told.stdout, re.MULTILINE))


class ServerFailed(Exception):
    """The server did not start, or did not do as asked; the message holds its last words."""


class Server:
    """One `miaodan serve` on a data directory of its own. Use it as a context manager."""

    def __init__(self, placement: Placement, settings: Mapping[str, str], folder: Path) -> None:
        """`settings`: environment on top of `COMMON`; the data directory is made in `folder`."""
        self._placement = placement
        self._settings = {**COMMON, **settings}
        self.data_dir = Path(tempfile.mkdtemp(prefix="server-", dir=folder))
        self._log = (self.data_dir / "bench.log").open("w+b")
        self._process: subprocess.Popen[bytes] | None = None
        self.address = Address("127.0.0.1", 0)
        self.gateways: list[int] = []
        self.backoffice = 0
        self._beside: list[int] = []
        self.room = ""

    def __enter__(self) -> Self:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MIAODAN_")}
        command = [
            sys.executable,
            "-m",
            "server",
            "serve",
            "--port",
            "0",
            "--data-dir",
            str(self.data_dir),
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment | self._settings,
            start_new_session=True,
        )
        try:
            self._wait_until_listening(self._process)
            self._wait_until_ready()
            self._pin(self._process.pid)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """SIGTERM, then SIGKILL to what is left."""
        process, self._process = self._process, None
        if process is None:
            return
        end(process, STOP_S)
        self._log.close()

    def said(self) -> str:
        """The end of its log."""
        return (self.data_dir / "bench.log").read_text(errors="replace")[-2000:]

    # ---- starting ---------------------------------------------------------------------------

    def _wait_until_listening(self, process: subprocess.Popen[bytes]) -> None:
        said, deadline = b"", time.monotonic() + START_S
        pipe = process.stdout
        while pipe is not None and time.monotonic() < deadline:
            if select.select([pipe], [], [], 0.2)[0]:
                part = os.read(pipe.fileno(), 65536)
                if not part:
                    break
                said += part
            found = _LISTENING.search(said)
            if found:
                self.address = Address.parse(found[1].decode())
                return
        raise ServerFailed(f"the server did not say where it listens: {said.decode()} {self.said()}")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with suppress(OSError, ApiError), closing(Api(self.address, timeout=2.0)) as api:
                api.get("/ready")
                return
            time.sleep(0.05)
        raise ServerFailed(f"the server did not get ready: {self.said()}")

    def _pin(self, supervisor: int) -> None:
        """The gateways have their CPUs to themselves; the supervisor, the store and the back office have
        the others."""
        pin(supervisor, self._placement.others)
        self._beside = [supervisor]
        for pid, command in descendants(supervisor).items():
            line = " ".join(command)
            is_gateway = "--role gateway" in line or "--role=gateway" in line
            if is_gateway:
                self.gateways.append(pid)
            elif "--role backoffice" in line or "--role=backoffice" in line:
                self.backoffice = pid
            if not is_gateway:
                self._beside.append(pid)
            pin(pid, self._placement.server if is_gateway else self._placement.others)
        if not self.gateways or not self.backoffice:
            raise ServerFailed("found no process with `--role gateway` and `--role backoffice`")

    @property
    def measured(self) -> list[int]:
        """The gateways: the processes on the CPUs under test."""
        return self.gateways

    @property
    def gateway(self) -> int:
        """The only one."""
        (gateway,) = self.gateways
        return gateway

    @property
    def beside(self) -> list[int]:
        """The supervisor, the store and the back office."""
        return self._beside

    @property
    def store_socket(self) -> str:
        """Path of the embedded store's Unix socket."""
        return str(self.data_dir / "valkey.sock")

    # ---- a room -----------------------------------------------------------------------------

    def token(self, user: str, role: Role) -> str:
        return KeyTokens(self.data_dir / "token.key").token(user, role, None)

    def open_room(self, stock: int | None = None, sku: str = "bench", name: str | None = None) -> str:
        """A live room, with one product when a `stock` is told. Returns the room's id."""
        token = self.token("host", Role.HOST)
        self.room = name or "bench-" + secrets.token_hex(4)
        with closing(Api(self.address, token)) as api:
            api.post("/api/v1/rooms", {"id": self.room, "title": "bench"})
        (control,) = join(self._tcp, f"/ws/control/{self.room}", [token])
        with control:
            self._command(control, {"type": "room.start", "id": 1})
            if stock is not None:
                product = {"sku": sku, "title": "bench", "price": 100, "stock": stock}
                self._command(control, {"type": "product.mount", "id": 2, "product": product})
        return self.room

    def _command(self, control: socket.socket, command: dict[str, object]) -> None:
        send_text(control, command)
        for event in events(control):
            if event.get("id") == command["id"]:
                if event["type"] != "done":
                    raise ServerFailed(f"{command['type']} was answered with {event}")
                return

    def available(self, room: str) -> int:
        """Units of a room's first product that nobody holds."""
        with closing(Api(self.address, self.token("host", Role.HOST))) as api:
            snapshot = api.get(f"/api/v1/rooms/{room}")
        return int(snapshot["products"][0]["available"])

    @property
    def _tcp(self) -> tuple[str, int]:
        return self.address.host, self.address.port

    def join(
        self, count: int, name: str, *, compressed: bool = False, room: str | None = None
    ) -> list[socket.socket]:
        """`count` viewers called NAME0, NAME1, ... of the room (the last opened), past their welcome."""
        tokens = [self.token(f"{name}{number}", Role.VIEWER) for number in range(count)]
        try:
            return join(self._tcp, f"/ws/live/{room or self.room}", tokens, compressed=compressed)
        except JoinFailed as error:
            raise ServerFailed(f"a viewer was not let in: {error}; {self.said()}") from error
