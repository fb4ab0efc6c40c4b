"""Orders: acknowledged holds per second through WebSockets, beside the raw batched Lua.

Buyers are a closed loop: each places an order, waits for the reply, places the next. Every
acknowledged hold was fsynced before its reply (`appendfsync always`).
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from loadtest.bench.machine import Foreign, Placement, cpu_ns, filesystem
from loadtest.bench.native import Program, ProgramFailed, descriptors
from loadtest.bench.plan import Plan
from loadtest.bench.results import ORDERS_TARGET, Ratio, Sample, Section, side
from loadtest.bench.store import BareStore, RawReserve, StoreFailed
from loadtest.bench.target import Server

STOCK = 500_000_000
SKU = "bench"
WARM_UP_S = 1.0


class BuyersSide:
    """The whole way: socket, gateway, store, fsync, reply."""

    def __init__(self, plan: Plan, server: Server, stack: ExitStack) -> None:
        self._plan = plan
        self._server = server
        self.accepted = 0
        links = server.join(plan.viewers, "buyer")
        fds = [link.fileno() for link in links]
        command = [*plan.buyers, descriptors(fds), str(plan.seed), secrets.token_hex(3), SKU]
        self._buyers = stack.enter_context(Program(command, fds, plan.placement.others))
        for link in links:
            link.close()

    def sample(self, seconds: float) -> Sample:
        """One window, to the last reply. Raises ProgramFailed unless every order was held."""
        foreign = Foreign(self._plan.placement)
        cpu = cpu_ns(self._server.gateway)
        done = self._buyers.ask(f"run {round(seconds * 1000)}", seconds + 30)
        cpu = cpu_ns(self._server.gateway) - cpu
        if done["refused"] or done["unanswered"] or not done["accepted"]:
            raise ProgramFailed("buyers", f"{done}; {self._buyers.complaints()}; {self._server.said()}")
        self.accepted += done["accepted"]
        return Sample(
            count=done["accepted"],
            cpu_ns=cpu,
            wall_ns=done["wall_ns"],
            foreign=foreign.share(cpu),
            extra={
                "p50_ms": done["p50_us"] / 1000,
                "p99_ms": done["p99_us"] / 1000,
                "frames_per_order": done["frames"] / done["accepted"],
                "buyers_cpu": done["cpu_ns"] / done["wall_ns"],
            },
        )


class RawSide:
    """The same script alone; the client has the CPU that the gateway has otherwise."""

    def __init__(self, plan: Plan, server: Server, store: BareStore) -> None:
        self._plan = plan
        self._server = server
        self._store = RawReserve(store, STOCK)
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


def measure(plan: Plan) -> Section:
    """Both sides in turn; at the end the stock has to have gone down by what was acknowledged."""
    with ExitStack() as stack:
        plan.say(f"orders: starting a server, joining {plan.viewers} buyers")
        server = stack.enter_context(Server(plan.placement, {}, plan.folder))
        server.open_room(STOCK, SKU)
        store = stack.enter_context(closing(BareStore(server.store_socket)))
        info = store.server_info()
        raw, buyers = RawSide(plan, server, store), BuyersSide(plan, server, stack)
        raw.sample(WARM_UP_S)
        buyers.sample(WARM_UP_S)
        holds: list[Sample] = []
        floor: list[Sample] = []
        for turn in range(plan.repeat):
            plan.say(f"orders: {turn + 1} of {plan.repeat}")
            floor.append(raw.sample(plan.seconds))
            holds.append(buyers.sample(plan.seconds))
        taken = STOCK - server.available()
    if taken != buyers.accepted:
        raise StoreFailed(f"{buyers.accepted} holds were acknowledged, {taken} units are gone")
    ours, theirs = side("holds over WebSockets", holds), side("raw batched Lua", floor)
    name = "valkey" if "valkey_version" in info else "redis"
    facts: dict[str, float | int | str] = {
        "buyers": plan.viewers,
        "acknowledged": taken,
        "p50_ms": round(sorted(one.extra["p50_ms"] for one in holds)[len(holds) // 2], 1),
        "p99_ms": round(max(one.extra["p99_ms"] for one in holds), 1),
        "store": f"{name} {info[f'{name}_version']}",
        "file system": filesystem(plan.folder),
    }
    ratio = Ratio("holds / raw Lua", ours.per_second.median / theirs.per_second.median, ORDERS_TARGET)
    return Section("orders", "holds", [theirs, ours], [ratio], facts)
