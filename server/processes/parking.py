"""`miaodan ledger parked`: outbox entries put aside, looked at, written after all or forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from server.orders.database import ledger_url
from server.orders.entries import decode_entry
from server.orders.errors import Unwritable
from server.orders.ledger import Ledger
from server.orders.statements import Parked
from server.settings import Settings

ALL = "all"
"""In place of ids."""
_Result = TypeVar("_Result")


class NothingParked(Exception):
    """`id` is of no parked entry; None: there is no ledger at `path`."""

    def __init__(self, id: str | None, path: Path) -> None:
        super().__init__(id, path)
        self.id = id
        self.path = path

    def __str__(self) -> str:
        if self.id is None:
            return (
                f"data directory {self.path} holds no ledger; where the server uses one, give --database-url"
            )
        return f"no entry {self.id!r} is parked (miaodan ledger parked list shows which are)"


class ParkedEntry(Struct, frozen=True):
    """As an operator sees it. `id`: the outbox stream and the entry in it, which begins with its time."""

    id: str
    fields: dict[str, Any]
    error: str


def listed(settings: Settings) -> list[ParkedEntry]:
    """Raises NothingParked, LedgerError, BadDatabaseUrl, as all of these do."""

    async def work(ledger: Ledger) -> list[ParkedEntry]:
        return [_shown(parked) for parked in await ledger.parked()]

    return _with_ledger(settings, work)


def retry(settings: Settings, ids: Sequence[str]) -> tuple[list[ParkedEntry], list[ParkedEntry]]:
    """What was written, and what stays with the error it met now."""

    async def work(ledger: Ledger) -> tuple[list[ParkedEntry], list[ParkedEntry]]:
        written, refused = [], []
        for parked in await _chosen(ledger, ids, settings):
            try:
                texts = msgspec.json.decode(parked.fields, type=dict[str, str])
                entry = decode_entry({name.encode(): text.encode() for name, text in texts.items()})
                await ledger.release(parked, entry)
                written.append(_shown(parked))
            except (ValueError, Unwritable) as error:
                refused.append(_shown(msgspec.structs.replace(parked, error=str(error))))
        return written, refused

    return _with_ledger(settings, work)


def drop(settings: Settings, ids: Sequence[str]) -> list[ParkedEntry]:
    """What was forgotten."""

    async def work(ledger: Ledger) -> list[ParkedEntry]:
        chosen = await _chosen(ledger, ids, settings)
        for parked in chosen:
            await ledger.release(parked, None)
        return [_shown(parked) for parked in chosen]

    return _with_ledger(settings, work)


def _with_ledger(settings: Settings, work: Callable[[Ledger], Awaitable[_Result]]) -> _Result:
    async def run() -> _Result:
        ledger = Ledger(ledger_url(settings.server))
        try:
            await ledger.start()
            return await work(ledger)
        finally:
            await ledger.stop()

    data_dir = Path(settings.server.data_dir)
    if not settings.server.database_url and not (data_dir / "ledger.db").exists():
        raise NothingParked(None, data_dir)
    return asyncio.run(run())


async def _chosen(ledger: Ledger, ids: Sequence[str], settings: Settings) -> list[Parked]:
    """All or nothing: one id that is not there is a mistake in the command."""
    there = {_id(parked): parked for parked in await ledger.parked()}
    if list(ids) == [ALL]:
        return list(there.values())
    for id in ids:
        if id not in there:
            raise NothingParked(id, Path(settings.server.data_dir))
    return [there[id] for id in dict.fromkeys(ids)]


def _id(parked: Parked) -> str:
    return f"{parked.stream}/{parked.entry}"


def _shown(parked: Parked) -> ParkedEntry:
    return ParkedEntry(_id(parked), msgspec.json.decode(parked.fields), parked.error)
