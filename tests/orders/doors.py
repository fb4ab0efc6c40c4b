"""The doors of an `Actor`: a client of the store, a payment provider, a ledger, each held at named points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from server.orders import scripts
from server.orders.entries import Entry
from server.orders.ledger import Ledger
from server.orders.provider import Charge
from server.orders.statements import EntryId, Parked
from server.valkey import Script, connect
from tests.orders.bank import PAYMENT, Bank
from tests.orders.interleaving import Actor, Cut, Place, Verdict

_SCRIPTS = {
    script.digest: name.lower() for name, script in vars(scripts).items() if isinstance(script, Script)
}
"""A call's point by the digest it names: `reserve`, `pay`, `release`, …"""
_FREE = frozenset({"AUTH", "CLIENT", "HELLO", "PING", "SELECT", "SCRIPT", "TIME", "INFO"})
"""What nobody notices, not even in the clock's case: deadlines are long past or far off in these tests."""
_READS = frozenset(
    {"GET", "MGET", "HGET", "HMGET", "HGETALL", "XPENDING", "XINFO", "ZRANGE", "ZRANGEBYSCORE"}
)
_ONE_KEY = frozenset({"GET", "SET", "HGET", "HMGET", "HGETALL", "HSET", "ZADD", "ZREM", "ZINCRBY"})


def call_of(command: bytes | str | Iterable[bytes]) -> tuple[str, list[str]]:
    """What a connection is about to send: its point (of a pipeline, its first command's) and the keys it
    touches, none where they are not known.

    >>> call_of(b"*2\r\n$4\r\nMGET\r\n$1\r\nk\r\n")
    ('MGET', ['k'])
    """
    reader = hiredis.Reader()
    reader.feed(command.encode() if isinstance(command, str) else _joined(command))
    first = cast("list[bytes]", reader.gets())
    name = first[0].decode().upper()
    if reader.has_data():
        return name, []
    if name == "EVALSHA":
        point = _SCRIPTS.get(first[1].decode(), "script")
        # The last of them is the partition's mark, which all look at and nobody here changes.
        return point, [key.decode() for key in first[3 : 2 + int(first[2])]]
    known = first[1:] if name == "MGET" else first[1:2] if name in _ONE_KEY else []
    return name, [key.decode() for key in known]


def _joined(command: bytes | Iterable[bytes]) -> bytes:
    return command if isinstance(command, bytes) else b"".join(command)


def store_door(actor: Actor, url: str) -> Redis:
    """A client all of whose commands are steps of `actor`."""
    client = connect(url, name=actor.name)
    pool = client.connection_pool
    plain: type[AbstractConnection] = pool.connection_class

    class Held(plain):  # type: ignore[misc, valid-type]
        _verdict = Verdict.DONE

        async def send_packed_command(
            self, command: bytes | str | Iterable[bytes], check_health: bool = True
        ) -> None:
            sent = command if isinstance(command, (bytes, str)) else list(command)
            point, keys = call_of(sent)
            if point not in _FREE:
                writes = point not in _READS
                try:
                    self._verdict = await actor.hold(point, Place.STORE, writes=writes, keys=keys)
                except Cut as error:
                    raise RedisConnectionError(str(error)) from error
            await super().send_packed_command(sent, check_health)

        async def read_response(self, *args: Any, **options: Any) -> Any:
            reply = await super().read_response(*args, **options)
            if self._verdict is Verdict.REPLY_LOST:
                self._verdict = Verdict.DONE
                await self.disconnect(nowait=True)
                raise RedisConnectionError("cut before the reply")
            return reply

    pool.connection_class = Held
    return client


def charge_key_of(asked: Charge | str) -> str:
    """What a call to the bank is about: a charge's key, which is in its payment's id."""
    return asked.key if isinstance(asked, Charge) else asked.removeprefix(PAYMENT)


class ProviderDoor:
    """A bank each of whose methods is a step."""

    def __init__(self, actor: Actor, provider: Bank) -> None:
        self._actor = actor
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._provider, name)

        async def held(*args: Any, **options: Any) -> Any:
            verdict = await self._actor.hold(
                f"provider.{name}",
                Place.PROVIDER,
                writes=name not in ("query", "lookup"),
                keys=[charge_key_of(args[0])],
                repeatable=name in ("authorise", "capture"),
            )
            reply = await method(*args, **options)
            if verdict is Verdict.REPLY_LOST:
                raise Cut(f"cut after {name}")
            return reply

        return held


class LedgerDoor(Ledger):
    """A ledger each of whose transactions is a step: `commit`."""

    def __init__(self, actor: Actor, ledger: Ledger) -> None:
        self._actor = actor
        self._ledger = ledger
        self.database = ledger.database

    async def start(self) -> None:
        """The real one has its tables."""

    async def write(
        self,
        entries: Sequence[Entry],
        parked: Sequence[Parked] = (),
        reached: Mapping[str, EntryId] | None = None,
    ) -> None:
        verdict = await self._actor.hold("commit", Place.LEDGER, writes=True)
        await self._ledger.write(entries, parked, reached)
        if verdict is Verdict.REPLY_LOST:
            raise Cut("cut after commit")
