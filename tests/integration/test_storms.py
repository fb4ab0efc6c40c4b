"""Everybody at once: a resume storm out of the process's memory, joins beyond the rate, a worker's deploy."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from client_sim.address import Address
from client_sim.clock import now_ms
from client_sim.notices import Joined, Lost, Notice, Violation
from client_sim.session import ClientSession
from client_sim.viewer import Viewer
from client_sim.wire import Encoding
from tests.live_server import LiveServer, host, product, running

pytestmark = pytest.mark.anyio

VIEWERS = 400
JOINS_PER_SECOND = 100
DRAIN_MS = 2_000


class Crowd:
    """Viewers who come back by themselves, and what befell them."""

    def __init__(self, server: LiveServer, room: str, count: int) -> None:
        address = Address.parse(server.url)
        self.lost: list[tuple[float, Lost]] = []
        self.joined: list[Joined] = []
        self.violations: list[Violation] = []
        self.viewers = []
        for number in range(count):
            session = ClientSession(
                encoding=list(Encoding)[number % 2],
                token=server.token(f"u{number}"),
                random_source=random.Random(number),
            )
            self.viewers.append(Viewer(session, address, address.live(room), self._told))

    def _told(self, viewer: Viewer, notices: list[Notice]) -> None:
        for notice in notices:
            match notice:
                case Lost():
                    self.lost.append((now_ms(), notice))
                case Joined():
                    self.joined.append(notice)
                case Violation():
                    self.violations.append(notice)

    async def all_at(self, seq: int, joins: int, seconds: float = 60) -> None:
        """Until everybody is in the room, at `seq`, after so many joins of them all."""
        async with asyncio.timeout(seconds):
            while len(self.joined) < joins or not all(v.live and v.session.seq == seq for v in self.viewers):
                await asyncio.sleep(0.02)

    async def leave(self) -> None:
        await asyncio.gather(*(viewer.stop() for viewer in self.viewers))


def counted(server: LiveServer, metric: str) -> float:
    """A metric, summed over its labels and processes."""
    lines = server.get("/metrics")[1].splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(metric))


async def show(server: LiveServer, room: str, events: int) -> int:
    """So many host events; the last one's seq."""
    async with host(server, room) as control:
        for number in range(events):
            done = await control.ask("room.announce", text=str(number))
    seq: int = done["seq"]
    return seq


@pytest.fixture(scope="module")
def slow_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Lets a hundred in each second."""
    with running(
        tmp_path_factory.mktemp("server"), limits__joins_per_second=JOINS_PER_SECOND, rooms__ring_length=64
    ) as live:
        yield live


async def test_a_crowd_cut_at_once_is_recovered_from_memory(server: LiveServer) -> None:
    server.create_room("cut")
    seq = await show(server, "cut", 1)
    crowd = Crowd(server, "cut", VIEWERS)
    try:
        for viewer in crowd.viewers:
            viewer.start()
        await crowd.all_at(seq, VIEWERS)
        reads = counted(server, "miaodan_resume_log_reads_total")
        for viewer in crowd.viewers:
            assert viewer.link is not None
            viewer.link.abort()
        seq = await show(server, "cut", 50)
        await crowd.all_at(seq, 2 * VIEWERS)
        assert all(joined.welcome.recovered for joined in crowd.joined[VIEWERS:])
        assert crowd.violations == [], "nothing missing, nothing twice"
        assert counted(server, "miaodan_resume_log_reads_total") == reads
    finally:
        await crowd.leave()


async def test_those_beyond_the_rate_are_told_when_and_all_get_in(slow_door: LiveServer) -> None:
    slow_door.create_room("queue")
    seq = await show(slow_door, "queue", 1)
    crowd = Crowd(slow_door, "queue", VIEWERS)
    began = now_ms()
    try:
        for viewer in crowd.viewers:
            viewer.start()
        await crowd.all_at(seq, VIEWERS)
        took = now_ms() - began
        refused = [lost for _, lost in crowd.lost if lost.code == 4003]
        assert len(refused) == len(crowd.lost) > 0
        assert took >= 1000 * (VIEWERS - JOINS_PER_SECOND) / JOINS_PER_SECOND - 100
        # Each first refusal has a place of its own: the last of them, three seconds from now.
        ahead = [lost.retry_at - at for at, lost in crowd.lost if lost.retry_at is not None]
        assert max(ahead) > 1000 and len({round(delay, -2) for delay in ahead}) > 10
        refusals = 'miaodan_gateway_refused_total{reason="joins"}'
        assert counted(slow_door, refusals) >= len(refused)
    finally:
        await crowd.leave()


async def test_a_workers_deploy_sends_its_viewers_round_a_few_at_a_time(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, server__drain_ms=DRAIN_MS) as server:
        server.create_room("deploy")
        async with host(server, "deploy") as control:
            await control.ask("product.mount", product=product("A1"))
        seq = await show(server, "deploy", 1)
        crowd = Crowd(server, "deploy", VIEWERS)
        try:
            for viewer in crowd.viewers:
                viewer.start()
            await crowd.all_at(seq, VIEWERS)
            # The one with the most: on a busy machine the other may have come too late to accept any.
            workers = server.children("gateway")
            worker = max(workers, key=lambda one: len(one.net_connections("tcp")))
            worker.terminate()
            await asyncio.to_thread(worker.wait, 30)
            seq = await show(server, "deploy", 5)
            assert crowd.lost, "this worker had viewers"
            await crowd.all_at(seq, VIEWERS + 1)
            assert {lost.code for _, lost in crowd.lost} <= {4000, None}
            assert crowd.violations == []
            assert all(joined.welcome.recovered for joined in crowd.joined[VIEWERS:])
            closes = [at for at, lost in crowd.lost if lost.code == 4000]
            tenths = Counter(int((at - min(closes)) / (DRAIN_MS / 10)) for at in closes)
            assert max(tenths.values()) <= len(closes) / 3, "a tenth of the time, at most a third of them"
        finally:
            await crowd.leave()
