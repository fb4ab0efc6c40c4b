"""The supervisor over tiny commands that write down what happens to them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from server.processes.backoff import Backoff
from server.processes.parts import Part, Program, Store
from server.processes.supervisor import StartFailed, Supervisor, exit_text
from server.valkey import EmbeddedValkey, answers
from tests.platform.watch import running, wait_until

pytestmark = pytest.mark.anyio

LIVES = 'trap "echo $1 stopped >> $0; exit 0" TERM; echo $1 started $$ >> $0; while :; do sleep 0.05; done'
DIES = "echo $1 started $$ >> $0; exit 3"
STUBBORN = 'trap "" TERM; echo $1 started $$ >> $0; while :; do sleep 0.05; done'


class Diary:
    """What the commands wrote, one line each."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.touch()

    def program(self, name: str, script: str = LIVES, stop_timeout: float = 10.0) -> Program:
        return Program(name, ["/bin/sh", "-c", script, str(self.file), name], stop_timeout=stop_timeout)

    def lines(self) -> list[str]:
        return [" ".join(line.split()[:2]) for line in self.file.read_text().splitlines()]

    def pids(self, name: str) -> list[int]:
        lines = [line.split() for line in self.file.read_text().splitlines()]
        return [int(line[2]) for line in lines if line[:2] == [name, "started"]]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not condition():
                await asyncio.sleep(0.01)


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary")


@asynccontextmanager
async def supervised(*stages: list[Part]) -> AsyncIterator[Supervisor]:
    started = asyncio.Event()
    supervisor = Supervisor(stages, on_started=started.set, backoff=lambda: Backoff(first=0.05, ceiling=0.2))
    task = asyncio.create_task(supervisor.run())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        yield supervisor
    finally:
        supervisor.stop()
        await task


async def test_stages_stop_in_the_opposite_order(diary: Diary) -> None:
    async with supervised([diary.program("store")], [diary.program("office")], [diary.program("gateway")]):
        await diary.until(lambda: len(diary.lines()) == 3)
    assert sorted(diary.lines()[:3]) == ["gateway started", "office started", "store started"]
    assert diary.lines()[3:] == ["gateway stopped", "office stopped", "store stopped"]


async def test_what_is_killed_starts_again_and_the_rest_live_on(diary: Diary) -> None:
    exits: list[int] = []
    parts: list[Part] = [diary.program("a"), diary.program("b")]
    supervisor = Supervisor([parts], on_exit=exits.append)
    task = asyncio.create_task(supervisor.run())
    await diary.until(lambda: len(diary.lines()) == 2)
    first = diary.pids("a")[0]
    os.kill(first, signal.SIGKILL)
    await diary.until(lambda: len(diary.pids("a")) == 2)
    assert len(diary.pids("b")) == 1
    assert exits == [first]
    supervisor.stop()
    await task
    assert set(exits) == {*diary.pids("a"), *diary.pids("b")}
    assert diary.lines().count("a stopped") == 1


async def test_what_dies_again_and_again_backs_off_and_is_logged(diary: Diary) -> None:
    with structlog.testing.capture_logs() as logs:
        async with supervised([diary.program("good")], [diary.program("bad", DIES)]):
            await diary.until(lambda: len(diary.pids("bad")) >= 5)
    deaths = [line for line in logs if line["event"] == "died"]
    assert {(line["part"], line["reason"]) for line in deaths} == {("bad", "exit code 3")}
    assert [line["restart_in"] for line in deaths[:4]] == [0.0, 0.05, 0.1, 0.2]
    assert diary.lines().count("good started") == 1
    assert diary.lines()[-1] == "good stopped"


async def test_who_does_not_stop_in_time_is_killed(diary: Diary) -> None:
    with structlog.testing.capture_logs() as logs:
        async with supervised([diary.program("a")], [diary.program("b", STUBBORN, stop_timeout=0.1)]):
            await diary.until(lambda: len(diary.lines()) == 2)
    assert [(line["part"], line["result"]) for line in logs if line["event"] == "stopped"] == [
        ("b", "SIGKILL"),
        ("a", "exit code 0"),
    ]


async def test_a_second_signal_does_not_wait(diary: Diary) -> None:
    async with supervised([diary.program("a", STUBBORN, stop_timeout=60)]) as supervisor:
        await diary.until(lambda: len(diary.lines()) == 1)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        supervisor.stop()
    assert not running(diary.pids("a")[0])


async def test_a_command_that_is_not_there_is_tried_again(diary: Diary) -> None:
    missing = Program("missing", ["/no/such/program"])
    with structlog.testing.capture_logs() as logs:
        async with supervised([diary.program("a")], [missing]):
            await diary.until(lambda: sum(line["event"] == "died" for line in logs) >= 2)
            await diary.until(lambda: diary.lines() == ["a started"])
    assert diary.lines() == ["a started", "a stopped"]


async def test_a_store_that_does_not_come_up_fails_the_start(diary: Diary, tmp_path: Path) -> None:
    store = Store(EmbeddedValkey(tmp_path / "data", extra=("--no-such-option", "1")))
    supervisor = Supervisor([[diary.program("a")], [store], [diary.program("b")]])
    with pytest.raises(
        StartFailed, match=r"the store did not start: it ended with exit code 1; see .*store\.log"
    ):
        await supervisor.run()
    assert "b started" not in diary.lines()
    assert diary.lines()[-1:] in (["a stopped"], [])


async def test_the_store_comes_back_by_itself(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    async with supervised([Store(valkey)]):
        first = valkey.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(15):
            while valkey.pid == first or not answers(valkey.url):
                await asyncio.sleep(0.01)
    assert not answers(valkey.url)


def test_children_end_with_a_killed_supervisor(diary: Diary) -> None:
    program = (
        "import asyncio, sys\n"
        "from server.processes.parts import Program\n"
        "from server.processes.supervisor import Supervisor\n"
        "part = Program('a', ['/bin/sh', '-c', sys.argv[1], sys.argv[2], 'a'])\n"
        "asyncio.run(Supervisor([[part]]).run())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, LIVES, str(diary.file)], stderr=subprocess.DEVNULL
    ) as parent:
        wait_until(lambda: len(diary.pids("a")) == 1)
        parent.kill()
    wait_until(lambda: not running(diary.pids("a")[0]))
    assert diary.lines() == ["a started", "a stopped"]


def test_exit_text() -> None:
    assert [exit_text(code) for code in (0, 3, -9, -15, -250)] == [
        "exit code 0",
        "exit code 3",
        "SIGKILL",
        "SIGTERM",
        "signal 250",
    ]
