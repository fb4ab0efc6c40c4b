"""The sides of the order benchmark: the whole way through WebSockets, and the store's script alone."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from loadtest.bench.arrears import Arrears
from loadtest.bench.machine import Foreign, Placement, cpu_ns
from loadtest.bench.native import Answer, Program, ProgramFailed, descriptors
from loadtest.bench.plan import Plan
from loadtest.bench.results import Sample
from loadtest.bench.store import BareStore, RawReserve
from loadtest.bench.target import Server

SKU = "bench"
CATCH_UP_S = 120.0


class Paced(NamedTuple):
    """An open loop: its window, the orders that were due, and how far the ledger fell behind, in seconds."""

    sample: Sample
    due: int
    ledger_lag_s: float


class BuyersSide:
    """The whole way: socket, gateway, store, fsync, reply. The buyers are spread over `rooms`."""

    def __init__(self, plan: Plan, server: Server, stack: ExitStack, rooms: Sequence[str], name: str) -> None:
        self._plan = plan
        self._server = server
        self.rooms = rooms
        self.accepted = 0
        links = []
        for number, room in enumerate(rooms):
            count = (plan.viewers + len(rooms) - 1 - number) // len(rooms)
            links += server.join(count, f"{name}{number}-", room=room)
        fds = [link.fileno() for link in links]
        command = [*plan.buyers, descriptors(fds), str(plan.seed), secrets.token_hex(3), SKU]
        self._buyers = stack.enter_context(Program(command, fds, plan.placement.others))
        for link in links:
            link.close()

    def sample(self, seconds: float) -> Sample:
        """A closed loop, to the last reply. Raises ProgramFailed unless every order was held."""
        return self._holds(f"run {round(seconds * 1000)}", seconds)

    def paced(self, per_second: int, seconds: float, arrears: Arrears) -> Paced:
        """An open loop that begins with a ledger that is up to date; where the machine cannot keep up, some
        orders are refused or not even sent. Raises ProgramFailed when one was not answered, StoreFailed."""
        arrears.wait_until_none(CATCH_UP_S)
        with ThreadPoolExecutor(1) as asking:
            line = f"pace {per_second} {round(seconds * 1000)}"
            window = asking.submit(self._window, line, seconds, "accepted")
            lag = arrears.seconds()
            while not window.done():
                lag = max(lag, arrears.seconds())
                time.sleep(0.1)
        done, sample = window.result()
        if done["unanswered"] or not done["accepted"]:
            raise ProgramFailed("buyers", f"{done}; {self._buyers.complaints()}; {self._server.said()}")
        self.accepted += done["accepted"]
        return Paced(sample, done["accepted"] + done["refused"] + done["unsent"], lag)

    def refusals(self, seconds: float) -> Sample:
        """A closed loop in which nothing is left: counts refusals; ProgramFailed for anything else."""
        done, sample = self._window(f"run {round(seconds * 1000)}", seconds, "refused")
        if done["accepted"] or done["unanswered"] or not done["refused"]:
            raise ProgramFailed("buyers", f"{done}; {self._buyers.complaints()}; {self._server.said()}")
        return sample

    def _holds(self, line: str, seconds: float) -> Sample:
        done, sample = self._window(line, seconds, "accepted")
        if done["refused"] or done["unanswered"] or done["unsent"] or not done["accepted"]:
            raise ProgramFailed("buyers", f"{done}; {self._buyers.complaints()}; {self._server.said()}")
        self.accepted += done["accepted"]
        return sample

    def _window(self, line: str, seconds: float, counted: str) -> tuple[Answer, Sample]:
        foreign = Foreign(self._plan.placement)
        cpu = cpu_ns(self._server.gateway)
        done = self._buyers.ask(line, seconds + 30)
        cpu = cpu_ns(self._server.gateway) - cpu
        count = max(1, done[counted])
        return done, Sample(
            count=done[counted],
            cpu_ns=cpu,
            wall_ns=done["wall_ns"],
            foreign=foreign.share(cpu),
            extra={
                "p50_ms": done["p50_us"] / 1000,
                "p99_ms": done["p99_us"] / 1000,
                "frames_per_order": done["frames"] / count,
                "buyers_cpu": done["cpu_ns"] / done["wall_ns"],
            },
        )


class RawSide:
    """The same script alone, `batch` orders in a call; the client has the gateway's CPU."""

    def __init__(self, plan: Plan, server: Server, store: BareStore, stock: int, batch: int) -> None:
        self._plan = plan
        self._server = server
        self._store = RawReserve(store, stock, batch)
        self._store_pid = int(store.server_info()["process_id"])

    def sample(self, seconds: float) -> Sample:
        """One window. The back office is stopped meanwhile: its arrears are the other side's."""
        with stopped(self._server.backoffice), _running_on(self._plan.placement):
            cpu = cpu_ns(self._store_pid)
            count, wall = self._store.run(seconds)
            cpu = cpu_ns(self._store_pid) - cpu
        return Sample(count=count, cpu_ns=cpu, wall_ns=wall)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """SIGSTOP, and SIGCONT in the end."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def _running_on(placement: Placement) -> Iterator[None]:
    os.sched_setaffinity(0, placement.server)
    try:
        yield
    finally:
        os.sched_setaffinity(0, placement.others)
