"""One chaos run: a server of its own, people, faults, the wait for quiet, the books."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import uvloop
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from client_sim.api import Api, ApiError
from client_sim.clock import now_ms
from loadtest.bench.machine import Placement, facts
from loadtest.bench.target import Server, known_settings
from loadtest.chaos import checks, collect, money, provider
from loadtest.chaos.audited import audited
from loadtest.chaos.database import Database, FileDatabase, database_for
from loadtest.chaos.facts import Books, Payment
from loadtest.chaos.figures import figures
from loadtest.chaos.judge import judge
from loadtest.chaos.people import People
from loadtest.chaos.records import Journal, read
from loadtest.chaos.report import Report, strike_line
from loadtest.chaos.schedule import Fault, plan
from loadtest.chaos.targets import Strike, Targets
from loadtest.chaos.told import Told
from loadtest.stress.checks import tracebacks
from loadtest.stress.process import parent

Say = Callable[[str], None]
SETTINGS = {
    "MIAODAN_SERVER__WORKERS": "2",
    # Short, so that holds run out while their payments are still under way.
    "MIAODAN_ORDERS__HOLD_MS": "4000",
    "MIAODAN_ORDERS__PAYMENT_GRACE_MS": "4000",
    "MIAODAN_ORDERS__REFUND_APPROVAL_MS": "3000",
    "MIAODAN_ORDERS__STORE_TIMEOUT_MS": "2000",
    "MIAODAN_PAYMENTS__TIMEOUT_MS": "2000",
    "MIAODAN_PAYMENTS__SANDBOX_LATENCY_MS": "10",
    # A gateway that stands still is left by its buyers.
    "MIAODAN_GATEWAY__HEARTBEAT_MS": "5000",
    "MIAODAN_GATEWAY__HEARTBEAT_GRACE_MS": "10000",
}
"""On top of the benchmark's own; those that this server does not know are left away."""
READY_S = 60.0
GOES_ON_S = 30.0
LAST_WISH_S = 90.0
RESOLVE_S = 60.0
QUIET_S = 120.0
SHOWN_S = 10.0
LOOKED_AT = 20
"""Orders each buyer asks for once more at the end."""
POLL_S = 0.1
AWAY = (OSError, RedisError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, ApiError)


class Options(Struct, frozen=True, kw_only=True):
    """`faults` in `seconds`. `database`: auto, postgresql or sqlite. `settings`: the server's environment."""

    seed: int
    seconds: float
    faults: int
    buyers: int = 40
    rooms: int = 2
    database: str = "auto"
    settings: Mapping[str, str] = {}

    @property
    def replay(self) -> str:
        return (
            f"make chaos SEED={self.seed} SECONDS={self.seconds:g} FAULTS={self.faults}"
            f" BUYERS={self.buyers} DATABASE={self.database}"
        )


def run(options: Options, folder: Path, say: Say) -> Report:
    """`folder` holds everything of the run. From the main thread.

    Raises ServerFailed, ClusterFailed, ValueError, OSError when there is nothing to run on.
    """
    cpus = set(os.sched_getaffinity(0))
    known = known_settings()
    with closing(database_for(options.database)) as database:
        chosen = {name: value for name, value in SETTINGS.items() if name in known}
        chosen |= {"MIAODAN_SERVER__DATABASE_URL": database.url(), **options.settings}
        with Server(Placement(cpus, cpus), chosen, folder) as server:
            if isinstance(database, FileDatabase):
                database.data_dir = server.data_dir
            course = Course(options, server, database, chosen, folder / "told.jsonl", say)
            report = uvloop.run(course.play())
        log = "".join(file.read_text(errors="replace") for file in server.data_dir.glob("*.log"))
    report.tracebacks = tracebacks(log)
    return report


class Course:
    """One run from its beginning to its report."""

    def __init__(
        self,
        options: Options,
        server: Server,
        database: Database,
        settings: Mapping[str, str],
        journal: Path,
        say: Say,
    ) -> None:
        self._options = options
        self._server = server
        self._database = database
        self._settings = settings
        self._journal = journal
        self._say = say
        self._stuck: list[str] = []
        self._strikes: list[Strike] = []
        self._targets = Targets(parent(server.gateways[0]), database, server.data_dir)
        self._began = time.monotonic()
        self._fire_ms = 0.0
        """When the faults began, on the clients' clock."""

    async def play(self) -> Report:
        options = self._options
        started = datetime.now(UTC)
        rooms = [self._server.open_room() for _ in range(options.rooms)]
        targets = self._targets.known()
        faults = plan(options.seed, options.seconds, options.faults, targets)
        with Journal(self._journal) as journal:
            people = People(self._server, rooms, options.buyers, journal, random.Random(options.seed))
            try:
                await people.open()
                await self._until(
                    lambda: people.pulse.answers >= options.buyers, "the first answers", READY_S
                )
                answers = await self._under_fire(people, faults)
                books = await self._reconcile(people)
            finally:
                await self._targets.calm()
                await people.leave()
        told = Told(read(self._journal))
        client = self._client()
        try:
            books.store = await collect.read_store(client, told.orders)
        finally:
            await client.aclose()
        (self._journal.parent / "books.json").write_bytes(msgspec.json.encode(books))
        promises = judge(told, books, self._stuck, people.violations())
        return Report(
            machine=facts(),
            seed=options.seed,
            seconds=options.seconds,
            buyers=options.buyers,
            rooms=options.rooms,
            database=self._database.name,
            targets={name: list(kinds) for name, kinds in targets.items()},
            replay=options.replay,
            figures=figures(told, books, people, answers, self._fire_ms),
            promises=promises,
            strikes=self._strikes,
            tracebacks=[],
            started_at=f"{started:%Y-%m-%d %H:%M} UTC",
            took_s=round(time.monotonic() - self._began, 1),
        )

    # ---- faults -----------------------------------------------------------------------------

    async def _under_fire(self, people: People, faults: list[Fault]) -> int:
        """Every fault at its time; answers that buyers got meanwhile."""
        before = people.pulse.answers
        begin, self._fire_ms = time.monotonic(), now_ms()
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                group.create_task(self._strike(fault, begin))
            await asyncio.sleep(self._options.seconds)
        _ = people.busy  # somebody who fell over ends the run here
        return people.pulse.answers - before

    async def _strike(self, fault: Fault, begin: float) -> None:
        await asyncio.sleep(max(0.0, begin + fault.at - time.monotonic()))
        at = round(time.monotonic() - begin, 3)
        try:
            done = await self._targets.strike(fault)
        except Exception as error:
            done = f"missed: {type(error).__name__}: {error}"
        strike = Strike(fault, at, done)
        self._strikes.append(strike)
        self._say(strike_line(strike))

    # ---- afterwards -------------------------------------------------------------------------

    async def _reconcile(self, people: People) -> Books:
        """From the last fault to the books."""
        await self._targets.calm()
        await self._until_answer(self._ready, "the server ready, its ledger not degraded", READY_S)
        answers = people.pulse.answers
        await self._until(
            lambda: people.pulse.answers >= answers + self._options.buyers, "buyers answered again", GOES_ON_S
        )
        self._say("faults are over: the last wishes, then quiet ...")
        people.enough()
        await self._until(lambda: not people.busy, "the last wishes fulfilled", LAST_WISH_S)
        await self._resolve(people)
        await self._until(lambda: not people.sales, "all sales over", QUIET_S)
        client = self._client()
        try:
            await self._until_answer(
                lambda: self._quiet(client), "holds run out, money back, ledger", QUIET_S
            )
            await people.look(LOOKED_AT)
            return await self._read(people, client)
        finally:
            await client.aclose()

    async def _resolve(self, people: People) -> None:
        try:
            async with asyncio.timeout(RESOLVE_S):
                while people.in_doubt:
                    await people.resolve()
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            self._stuck.append(f"{people.in_doubt} outcomes are unknown after {RESOLVE_S:g} s of asking")

    async def _ready(self) -> str:
        """Empty when it is."""

        def ask() -> Any:
            with closing(Api(self._server.address, timeout=5.0)) as api:
                return api.get("/ready")

        answer = await asyncio.to_thread(ask)
        return "" if answer["ready"] and not answer.get("degraded") else str(answer)

    async def _quiet(self, client: Redis) -> str:
        backlog = await collect.read_backlog(client)
        if not backlog.none:
            return str(backlog)
        waiting = await collect.unsettled(self._database)
        if waiting:
            return f"{waiting} orders of the ledger wait for something"
        return await self._unsettled(backlog.charges)

    async def _unsettled(self, charges: list[str]) -> str:
        """Open charges of which the provider took the money; those it never heard of are left to time."""
        address = self._targets.provider
        if address is None or not charges:
            return ""
        payments = await asyncio.to_thread(provider.read_payments, address, self._server.data_dir, charges)
        return "; ".join(money.settled(payments, charges)[:3])

    async def _read(self, people: People, client: Redis) -> Books:
        books = Books(
            orders=await collect.read_orders(self._database),
            history=await collect.read_history(self._database),
            moves=await collect.read_moves(self._database),
            payments=await collect.read_payments(self._database),
            refunds=await collect.read_refunds(self._database),
            parked=await collect.read_parked(self._database),
            book=await self._book(),
            audit=await asyncio.to_thread(self._audit),
        )
        pools = (await collect.read_store(client, ())).pools
        # What is wrong for good, the check says in its own words.
        await self._until(lambda: not checks.shown_stock(people.shown(), pools), "stock shown", SHOWN_S)
        books.shown = [*people.shown(), *await people.newcomers()]
        return books

    async def _book(self) -> list[Payment] | None:
        """None where this server runs no provider of its own."""
        address = self._targets.provider
        if address is None:
            return None
        return await asyncio.to_thread(provider.read_book, address, self._server.data_dir)

    def _audit(self) -> dict[str, object]:
        """What `miaodan audit` prints; what went wrong where that is no JSON."""
        code, said, printed = audited(self._server.data_dir, self._settings)
        return said if said is not None else {"exit": code, "said": printed[-500:]}

    # ---- waiting ----------------------------------------------------------------------------

    def _client(self) -> Redis:
        return Redis(unix_socket_path=self._server.store_socket)

    async def _until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        async def state() -> str:
            return "" if condition() else "not yet"

        await self._until_answer(state, what, seconds)

    async def _until_answer(self, state: Callable[[], Any], what: str, seconds: float) -> None:
        """Until `state` has nothing to say any more; a breach with its last words when the time is up."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                said = await state()
            except AWAY as error:
                said = f"{type(error).__name__}: {error}"
            if not said:
                return
            if time.monotonic() > deadline:
                self._stuck.append(f"{what}: not within {seconds:g} s ({said})")
                return
            await asyncio.sleep(POLL_S)
