"""The simulators as a user runs them, against a real server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client_sim.address import Address
from client_sim.report import report
from client_sim.swarm import Plan, Swarm
from client_sim.tokens import FixedToken
from tests.live_server import LiveServer, running

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("server"), limits__orders_per_second=0) as live:
        yield live


class Running:
    """A simulator's process; its output as one text at the end."""

    def __init__(self, module: str, server: LiveServer, *arguments: str) -> None:
        key = str(server.data_dir / "token.key")
        command = [sys.executable, "-m", module, "--url", server.ws, "--token-key", key, *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def end(self, seconds: float = 60) -> tuple[int, str]:
        output, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, output

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def directing(server: LiveServer, room: str) -> Running:
    """A show with a sale every three seconds."""
    tempo = ("--sale-every", "3", "--starts-in", "1.5", "--lasts", "1.5")
    return Running("client_sim.director", server, "--room", room, *tempo)


def swarming(server: LiveServer, room: str, path: Path, *arguments: str) -> Running:
    return Running("client_sim", server, "--room", room, "--json", str(path), *arguments)


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def test_swarms_of_both_codecs_in_a_directed_room_see_sales_and_agree(
    server: LiveServer, tmp_path: Path
) -> None:
    reports = {codec: tmp_path / f"{codec}.json" for codec in ("json", "msgpack")}
    arguments = ("--viewers", "40", "--buyers", "20", "--danmaku-rate", "20", "--seconds", "5", "--pay")
    with (
        directing(server, "show") as director,
        swarming(server, "show", reports["json"], *arguments, "--codec", "json") as one,
        swarming(server, "show", reports["msgpack"], *arguments, "--codec", "msgpack") as other,
    ):
        for swarm in (one, other):
            code, output = swarm.end()
            assert code == 0, output
        director.process.send_signal(signal.SIGTERM)
        assert director.end()[0] == 0
    found = [read(path) for path in reports.values()]
    for document in found:
        assert document["ok"]
        assert document["viewers"]["joined"] == document["viewers"]["in_room_at_end"] == 40
        assert document["violations"] == {}
        assert [digest["viewers"] for digest in document["consistency"]["digests"]] == [40]
        assert document["orders"]["outcomes"]["accepted"] > 0
        assert document["orders"]["unanswered"] == 0
        assert document["delivery"]["danmaku"] > 40
        assert document["countdown_skew_ms"]["p99"] < 150
    seen = {(d["seq"], d["digest"]) for document in found for d in document["consistency"]["digests"]}
    assert len({seq for seq, _ in seen}) == len(seen)
    assert ledger_units(server, "show") == sum(map(told_units, found))


def told_units(document: dict[str, Any]) -> int:
    return sum(document["orders"]["accepted_units"].values())


def ledger_units(server: LiveServer, room: str) -> int:
    return sum(order["quantity"] for order in server.ledger_orders(room))


def test_a_killed_gateway_costs_nobody_an_order_or_an_event(server: LiveServer, tmp_path: Path) -> None:
    room, path = "killed", tmp_path / "report.json"
    arguments = ("--viewers", "60", "--buyers", "40", "--danmaku-rate", "10", "--seconds", "5")
    with (
        directing(server, room),
        swarming(server, room, path, *arguments, "--slow-readers", "5") as swarm,
    ):
        server.wait_until(lambda: len(server.ledger_orders(room)) > 0, "nobody bought anything")
        for gateway in server.children("gateway"):
            gateway.kill()
        code, output = swarm.end()
        assert code == 0, output
    found = read(path)
    assert found["viewers"]["reconnects"] >= 60
    assert found["viewers"]["in_room_at_end"] == 60
    assert found["consistency"]["agreed"]
    assert found["orders"]["unanswered"] == 0
    told = told_units(found)
    server.wait_until(lambda: ledger_units(server, room) >= told, "the ledger lacks what was told", 10)
    assert ledger_units(server, room) == told


def test_a_room_that_nobody_makes_is_said_so(server: LiveServer, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    with swarming(server, "nowhere", path, "--viewers", "3", "--wait", "0.5") as swarm:
        code, output = swarm.end()
    assert code == 1
    assert "/api/v1/rooms/nowhere did not answer" in output
    assert not path.exists()


@pytest.mark.anyio
async def test_fewer_viewers_than_asked_fail_the_run(server: LiveServer) -> None:
    """Tokens for another room: everybody is turned away for good."""
    server.create_room("members")
    tokens = FixedToken(server.token("ann", room="elsewhere"))
    plan = Plan(room="members", viewers=3, seconds=0.5, settle=0.1)
    swarm = Swarm(plan, Address.parse(server.ws), tokens)
    await swarm.run()
    found = report(swarm)
    assert not found["ok"]
    assert found["problems"] == ["0 of 3 viewers joined"]
    assert found["viewers"]["closes"] == {"4501": 3}


def test_a_director_does_not_take_over_another_hosts_room(server: LiveServer) -> None:
    server.create_room("taken", host="somebody")
    with directing(server, "taken") as director:
        code, output = director.end()
    assert code == 1
    assert "409" in output
