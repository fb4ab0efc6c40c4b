"""A swarm told from outside: its lines add up to its report, and it ends with whoever started it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from client_sim.stream import Increments
from client_sim.swarm import Swarm
from client_sim.tally import Tally
from tests.live_server import LiveServer, running

ROOT = Path(__file__).resolve().parent.parent.parent
VIEWERS = 20
Line = dict[str, Any]


class StandingSwarm:
    """A tally to write into, and nobody in the room."""

    def __init__(self) -> None:
        self.tally = Tally()

    def live_count(self) -> int:
        return 7


def test_each_line_has_what_grew_since_the_one_before() -> None:
    swarm, increments = StandingSwarm(), Increments()
    real = cast(Swarm, swarm)
    swarm.tally.connect_ms.record(5.0, 3)
    swarm.tally.welcomed("fresh", 2.0, None)
    swarm.tally.welcomed("recovered", 2.0, 400.0)
    swarm.tally.danmaku_delivered = 10
    first = increments.take(real)
    assert {name: sum(buckets.values()) for name, buckets in first["times"].items()} == {
        "connect": 3,
        "welcome fresh": 1,
        "welcome recovered": 1,
        "resume recovered": 1,
    }
    assert (first["counts"], first["live"]) == ({"delivered": 10}, 7)
    swarm.tally.connect_ms.record(5.0)
    second = increments.take(real)
    assert [list(buckets.values()) for buckets in second["times"].values()] == [[1]]
    assert second["counts"] == {}
    assert increments.take(real)["times"] == {}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("server")) as live:
        yield live


class Streaming:
    """`python -m client_sim --stream` in a room of its own."""

    def __init__(self, server: LiveServer, room: str, *arguments: str) -> None:
        server.create_room(room)
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "client_sim", "--stream", "--url", server.ws, "--room", room),
                *("--token-key", str(server.data_dir / "token.key"), "--viewers", str(VIEWERS)),
                *("--ramp", "0.2", "--seconds", "0", "--settle", "30", *arguments),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.lines: list[Line] = []

    def until(self, said: Callable[[Line], bool]) -> Line:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(orjson.loads(line))
            if said(self.lines[-1]):
                return self.lines[-1]
        raise AssertionError(f"the swarm ended with {self.process.wait()} after {self.lines[-2:]}")

    def tell(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n".encode())
        self.process.stdin.flush()

    def times(self, name: str) -> int:
        return sum(sum(line.get("times", {}).get(name, {}).values()) for line in self.lines)

    def __enter__(self) -> Streaming:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def test_a_cut_line_is_resumed_by_everybody_and_the_lines_add_up(server: LiveServer) -> None:
    with Streaming(server, "st1", "--churn-rate", "5", "--danmaku-rate", "10") as swarm:
        swarm.until(lambda line: line["live"] == VIEWERS)
        swarm.tell("drop 1.0")
        swarm.until(lambda _: swarm.times("resume recovered") >= VIEWERS)
        swarm.tell("stop")
        report = swarm.until(lambda line: "report" in line)["report"]
        assert swarm.process.wait(30) == 0
    assert report["ok"], report["problems"]
    viewers = report["viewers"]
    assert viewers["in_room_at_end"] == VIEWERS
    assert viewers["recovered"] >= swarm.times("resume recovered") >= VIEWERS
    assert viewers["joins"] >= swarm.times("connect") >= 2 * VIEWERS
    totals: Counter[str] = Counter()
    for line in swarm.lines:
        totals.update(line.get("counts", {}))
    assert 0 < totals["danmaku_sent"] <= report["delivery"]["danmaku_sent"]
    assert all(line["cpu"] >= 0 for line in swarm.lines if "cpu" in line)


def test_a_swarm_ends_when_nobody_is_there_to_tell_it(server: LiveServer) -> None:
    with Streaming(server, "st2") as swarm:
        swarm.until(lambda line: line["live"] == VIEWERS)
        assert swarm.process.stdin is not None
        swarm.process.stdin.close()
        swarm.process.stdin = None
        report = swarm.until(lambda line: "report" in line)["report"]
        assert swarm.process.wait(30) == 0
    assert report["viewers"]["in_room_at_end"] == VIEWERS
