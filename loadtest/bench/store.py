"""The raw side of the order benchmark: the server's own `reserve.lua`, called from a bare client.

Batches of orders, or each order in a call of its own, 512 under way, on the server's own embedded store (so
on its settings) under hash tags of their own, which no part of the server looks at.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import hiredis

TOGETHER = 256
"""Orders sent at once; as many are on their way meanwhile."""
USERS = 1_000
MEMORY_MS = 7 * 86_400_000
GRACE_MS = 15_000
Value = str | int | float | bytes | memoryview


class StoreFailed(Exception):
    """The store answered with an error, or with something that was not expected."""


def script_source() -> str:
    """The text of `server/orders/lua/reserve.lua`, found without importing the server."""
    spec = importlib.util.find_spec("server")
    if spec is None or not spec.submodule_search_locations:
        raise StoreFailed("no package `server` here, so no reserve.lua to call")
    path = Path(spec.submodule_search_locations[0]) / "orders" / "lua" / "reserve.lua"
    return path.read_text("utf-8")


class BareStore:
    """One blocking connection over a Unix socket, packed and parsed by hiredis."""

    def __init__(self, path: str) -> None:
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._link.settimeout(10.0)
        try:
            self._link.connect(os.path.realpath(path))  # a deep directory's socket is a link to a short path
        except OSError:
            self._link.close()
            raise
        self._reader = hiredis.Reader()

    def close(self) -> None:
        self._link.close()

    def send(self, command: Sequence[Value]) -> None:
        """Put a command on its way; `receive` brings the replies in order."""
        # The stub has it as a tuple of one; hiredis takes any length.
        self._link.sendall(hiredis.pack_command(tuple(command)))  # type: ignore[arg-type]

    def send_all(self, commands: Sequence[Sequence[Value]]) -> None:
        """Several at once."""
        packed = [hiredis.pack_command(tuple(command)) for command in commands]  # type: ignore[arg-type]
        self._link.sendall(b"".join(packed))

    def receive(self) -> object:
        """The next reply; raises StoreFailed for an error reply, OSError."""
        while True:
            reply: object = self._reader.gets()
            if isinstance(reply, Exception):
                raise StoreFailed(str(reply))
            if reply is not False:
                return reply
            part = self._link.recv(65536)
            if not part:
                raise StoreFailed("the store closed the connection")
            self._reader.feed(part)

    def ask(self, *command: Value) -> object:
        """One command, one reply."""
        self.send(command)
        return self.receive()

    def server_info(self) -> dict[str, str]:
        """INFO's section `server`."""
        return self.info("server")

    def info(self, section: str) -> dict[str, str]:
        """One section of INFO; raises StoreFailed, OSError."""
        text = self.ask("INFO", section)
        if not isinstance(text, bytes):
            raise StoreFailed("INFO was not answered with text")
        pairs = (line.partition(":") for line in text.decode().splitlines())
        return {name: value for name, _, value in pairs if value}


def command_calls(store: BareStore) -> dict[str, int]:
    """How often each command was carried out so far, those of scripts included."""
    calls = {}
    for name, figures in store.info("commandstats").items():
        fields = dict(part.split("=", 1) for part in figures.split(","))
        calls[name.removeprefix("cmdstat_")] = int(fields["calls"])
    return calls


class RawReserve:
    """Holds by `reserve.lua` alone: what the store can do when nobody stands before it."""

    def __init__(self, store: BareStore, stock: int, batch: int) -> None:
        """`batch`: orders in one call, a divisor of `TOGETHER`."""
        self._store = store
        self._batch = batch
        self._orders = 0
        self._tag = f"{{bench{batch}}}"
        self._pool, self._units = f"{self._tag}:pool:raw/sku/bench", f"{self._tag}:units:raw/sku/bench"
        loaded = store.ask("SCRIPT", "LOAD", script_source())
        if not isinstance(loaded, bytes):
            raise StoreFailed("SCRIPT LOAD was not answered with a digest")
        self._digest = loaded
        fields: dict[str, Value] = {
            "state": "open",
            "price": 100,
            "currency": "CNY",
            "limit": 0,
            "sku": "bench",
        }
        fields |= {"hold": 3_600_000, "starts": 0, "ends": 0, "total": stock, "available": stock}
        fields |= {"held": 0, "sold": 0, "reserved": 0}
        store.ask("DEL", self._pool, self._units)
        store.ask("HSET", self._pool, *(part for pair in fields.items() for part in pair))

    def run(self, seconds: float) -> tuple[int, int]:
        """Batch after batch for that long; holds made and wall nanoseconds taken."""
        before, start = self._orders, time.monotonic_ns()
        stop = start + round(seconds * 1e9)
        self._send()
        while time.monotonic_ns() < stop:
            self._send()
            self._expect_holds()
        self._expect_holds()
        return self._orders - before, time.monotonic_ns() - start

    def _send(self) -> None:
        calls = [self._call(self._orders + at) for at in range(0, TOGETHER, self._batch)]
        self._orders += TOGETHER
        self._store.send_all(calls)

    def _call(self, first: int) -> list[Value]:
        """KEYS and ARGV as the script's first lines name them: one pool, the orders from `first` on."""
        tag = self._tag
        keys: list[Value] = [f"{tag}:outbox", f"{tag}:holds", f"{tag}:due", self._pool, self._units]
        args: list[Value] = [1, self._batch, MEMORY_MS, GRACE_MS, "miaodan:room:raw", "bench", ""]
        for number in range(first, first + self._batch):
            user, request, order = f"u{number % USERS}", f"r{number}", f"ff-{number:032x}"
            head = (
                f'{{"order":"{order}","request_id":"{request}","room":"raw","user":"{user}",'
                '"sale":null,"quantity":1,"currency":"CNY","pay":false'
            )
            keys += (f"{tag}:user:raw/{user}", f"{tag}:order:{order}")
            args += (1, 1, 1, user, request, "sku/bench 1", head)
        return ["EVALSHA", self._digest, len(keys), *keys, *args]

    def _expect_holds(self) -> None:
        for _ in range(0, TOGETHER, self._batch):
            match self._store.receive():
                case [int(), list(), list(results)] if results == [1] * self._batch:
                    pass
                case other:
                    raise StoreFailed(f"reserve.lua did not hold a whole batch: {str(other)[:200]}")
