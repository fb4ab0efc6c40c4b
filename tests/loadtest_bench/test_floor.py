from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from loadtest.bench.native import Program, descriptors
from tests.loadtest_bench.conftest import Launch


@pytest.mark.parametrize("size", [64, 127, 128, 200])
def test_what_the_floor_sends_the_receiver_gets(
    compiled: dict[str, Path], launch: Launch, running: list[Program], size: int
) -> None:
    pairs = [socket.socketpair() for _ in range(5)]
    near = [one.fileno() for one, _ in pairs]
    far = [other.fileno() for _, other in pairs]
    receiver = launch("receiver", descriptors(far), "", "7", fds=far)
    floor = Program([str(compiled["floor"]), descriptors(near)], near, os.sched_getaffinity(0))
    running.append(floor)
    done = floor.ask(f"run {size} 50 0")
    assert done["writes"] == 5 * done["rounds"] > 0
    assert 0 < done["cpu_ns"] <= done["wall_ns"] * 1.05
    got = receiver.ask("snap")
    while got["frames"] < done["writes"]:
        got = receiver.ask("snap")
    assert (got["frames"], got["bytes"]) == (done["writes"], done["writes"] * size)
    for one, other in pairs:
        one.close()
        other.close()


def test_a_paced_floor_begins_no_round_before_its_time(
    compiled: dict[str, Path], running: list[Program]
) -> None:
    one, other = socket.socketpair()
    floor = Program([str(compiled["floor"]), descriptors([one.fileno()])], [one.fileno()], {0})
    running.append(floor)
    done = floor.ask("run 64 100 10000")
    assert 1 <= done["rounds"] <= done["wall_ns"] / 10_000_000 + 1
    one.close()
    other.close()
