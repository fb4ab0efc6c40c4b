"""`miaodan serve` as it is run: real processes, a real store, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.platform.watch import running, wait_until

MIAODAN = [sys.executable, "-m", "server"]


class Server:
    """One `miaodan serve` and where it listens."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.log = (data_dir.parent / f"{data_dir.name}.log").open("ab")
        self.process = subprocess.Popen(
            [*MIAODAN, "serve", "--port", "0", "--data-dir", str(data_dir), *options],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env={**os.environ, "MIAODAN_SERVER__DRAIN_MS": "500"},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("miaodan: listening on http://127.0.0.1:"), line
        self.url = line.split()[-1]

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def text(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return str(answer.read().decode())

    def until_ready(self) -> None:
        wait_until(lambda: self.status("/ready") == 200, timeout=30)

    def children(self) -> dict[str, int]:
        """Pid by what shows in the command line."""
        found: dict[str, int] = {}
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in map(int, task.read_text().split()):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            for name in (
                "--role gateway --index 0",
                "--role gateway --index 1",
                "--role backoffice",
                "--role sandbox-psp",
                "valkey-server",
            ):
                if name in command:
                    found[name] = pid
        return found

    def everybody(self, count: int) -> dict[str, int]:
        """All children, once there are `count` (one that was just started has no command line yet)."""
        wait_until(lambda: len(self.children()) == count)
        return self.children()

    def until_replaced(self, name: str, pid: int) -> None:
        wait_until(lambda: self.children().get(name, pid) != pid)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()


@contextmanager
def serving(data_dir: Path, *options: str) -> Iterator[Server]:
    server = Server(data_dir, *options)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_it_serves_restarts_what_is_killed_and_stops_in_order(data: Path) -> None:
    with serving(data, "--workers", "2", "--log-format", "json") as server:
        server.until_ready()
        assert server.status("/health") == 200
        server.everybody(5)

        refused = subprocess.run(
            [*MIAODAN, "serve", "--port", "0", "--data-dir", str(data)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 1
        assert f"data directory {data} is in use by process {server.process.pid}" in refused.stderr

        for name in ("--role gateway --index 1", "--role backoffice", "--role sandbox-psp", "valkey-server"):
            before = server.everybody(5)
            os.kill(before[name], signal.SIGKILL)
            server.until_replaced(name, before[name])
            server.until_ready()
            after = server.everybody(5)
            assert {part for part in after if after[part] != before[part]} == {name}
        assert "miaodan_" in server.text("/metrics")

        children = server.everybody(5)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        assert not any(running(pid) for pid in children.values())
    log = data.with_name("data.log").read_text()
    stopped = [line for line in log.splitlines() if '"message":"stopped"' in line]
    order = [
        part
        for line in stopped
        for part in ("gateway", "backoffice", "sandbox-psp", "store")
        if f'"part":"{part}' in line
    ]
    assert order == ["gateway", "gateway", "backoffice", "sandbox-psp", "store"]
    assert sum("payments are pretended" in line for line in log.splitlines()) == 1


def test_a_killed_supervisor_leaves_nothing_behind_and_the_next_takes_over(data: Path) -> None:
    with serving(data) as first:
        first.until_ready()
        port = first.url.rpartition(":")[2]
        children = first.everybody(4)
        first.process.kill()
        first.process.wait()
        with serving(data, "--port", port) as second:
            assert second.url == first.url
            second.until_ready()
            wait_until(lambda: not any(running(pid) for pid in children.values()))
            second.process.send_signal(signal.SIGINT)
            assert second.process.wait(30) == 0
