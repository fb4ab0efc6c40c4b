"""`miaodan demo`: a live room on embedded defaults, with a scripted host and simulated viewers.

Everything runs as it would in earnest: the server is `miaodan serve`, the host and the crowd are
programs of their own that know only the wire. Demo mode alone hands out tokens through its pages.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import click
import orjson

from server.ops.leash import leashed

ROOM = "demo"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
RED, BOLD, PLAIN = "\033[31m", "\033[1m", "\033[0m"


class DemoFailed(Exception):
    """The demo cannot go on; the message says what ended."""


class Stopped(Exception):
    """Ctrl-C or SIGTERM."""


def run(
    *, host: str, port: int, viewers: int, seconds: float, workers: int = 1, data_dir: str | None = None
) -> int:
    """Run until `seconds` are over (0: until Ctrl-C); 0 when the audit at the end finds nothing wrong.

    Without `data_dir` the demo keeps its data in a directory of its own and takes it away afterwards.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_signals_raise())
        if data_dir is None:
            directory = Path(tempfile.mkdtemp(prefix="miaodan-demo-"))
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
        else:
            directory = Path(data_dir)
        demo = Demo(host, port, viewers, workers, directory)
        try:
            demo.start()
            demo.watch(seconds)
        except Stopped:
            click.echo("\nmiaodan demo: stopping ...")
            if not demo.open:
                demo.stop()
                return 0
        except DemoFailed as failed:
            click.echo(f"miaodan demo: {failed}", err=True)
            demo.stop()
            return 1
        demo.stop()
        return demo.audit()


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    def stop(signum: int, frame: object) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)  # once is enough; the children are being ended
        raise Stopped

    before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


class Demo:
    """The demo's processes."""

    def __init__(self, host: str, port: int, viewers: int, workers: int, directory: Path) -> None:
        self._host = host
        self._port = port
        self._viewers = viewers
        self._workers = workers
        self._directory = directory
        self._url = ""
        self.open = False
        self._server: subprocess.Popen[str] | None = None
        self._crowd: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Server, host, crowd. Raises DemoFailed."""
        command = ["-m", "server", "serve", "--host", self._host, "--port", str(self._port)]
        command += ["--workers", str(self._workers), "--data-dir", str(self._directory)]
        environment = {**os.environ, "MIAODAN_SERVER__DEMO": "true"}
        environment.setdefault("MIAODAN_SERVER__LOG_LEVEL", "warning")
        self._server = subprocess.Popen(
            leashed([sys.executable, *command]),
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            process_group=0,
        )
        self._url = _address(self._server.stdout)
        self._wait_ready()
        key = str(self._directory / "token.key")
        common = ["--url", self._url, "--room", ROOM, "--token-key", key]
        self._spawn(["-m", "client_sim.director", *common])
        self._wait_room()
        self.open = True
        self._announce()
        if self._viewers:
            buyers = max(1, self._viewers // 3)
            crowd = ["--viewers", str(self._viewers), "--buyers", str(buyers), "--pay", "--seconds", "0"]
            crowd += ["--danmaku-rate", "4", "--like-rate", "5", "--think-ms", "4000", "--every", "10"]
            crowd += ["--json", str(self._directory / "crowd.json")]
            self._spawn(["-m", "client_sim", *common, *crowd])

    def _spawn(self, command: list[str]) -> None:
        self._crowd.append(
            subprocess.Popen(leashed([sys.executable, *command]), stdin=subprocess.DEVNULL, process_group=0)
        )

    def _wait_ready(self) -> None:
        self._wait_for("/ready", "the server did not become ready")

    def _wait_room(self) -> None:
        self._wait_for(f"/api/v1/rooms/{ROOM}", "the host did not open the room")

    def _wait_for(self, path: str, what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self._check()
            try:
                with urllib.request.urlopen(self._url + path, timeout=2) as answer:  # noqa: S310
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.1)
        raise DemoFailed(what)

    def _announce(self) -> None:
        colour = sys.stdout.isatty()
        red, bold, plain = (RED, BOLD, PLAIN) if colour else ("", "", "")
        click.echo(
            f"\n  {bold}Miaodan 秒单{plain}: a live room is open.\n\n"
            f"    viewer page   {bold}{self._url}/live/{ROOM}{plain}\n"
            f"    host console  {bold}{self._url}/console/{ROOM}{plain}\n\n"
            f"  {red}Demo mode: these pages hand out buyer and host tokens to anybody who opens them.\n"
            f"  演示模式：任何人打开这些页面都会得到买家和主播令牌。{plain}\n\n"
            f"  A flash sale opens every 45 seconds. Ctrl-C ends the demo with an audit.\n"
        )
        sys.stdout.flush()

    def watch(self, seconds: float) -> None:
        """Until the time is over, or for ever; raises DemoFailed when a part ends by itself."""
        deadline = time.monotonic() + seconds if seconds else float("inf")
        while time.monotonic() < deadline:
            self._check()
            time.sleep(min(0.2, max(0.0, deadline - time.monotonic())))

    def _check(self) -> None:
        if self._server is not None and self._server.poll() is not None:
            raise DemoFailed(f"the server ended with code {self._server.returncode}")
        for process in self._crowd:
            if process.poll() is not None:
                raise DemoFailed(f"{' '.join(process.args[-3:])} ended with code {process.returncode}")  # type: ignore[index,arg-type]

    def stop(self) -> None:
        """Crowd first, then the server, which writes down what it still holds."""
        for process in reversed(self._crowd):
            _end(process)
        if self._server is not None:
            _end(self._server)

    def summary(self) -> str:
        """What the crowd saw, in one line; empty where there was none."""
        try:
            report = orjson.loads((self._directory / "crowd.json").read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return ""
        viewers, delivery = report["viewers"], report["delivery"]["publish_to_receive_ms"]
        orders = (
            ", ".join(f"{count} {word}" for word, count in report["orders"]["outcomes"].items()) or "none"
        )
        agreed = "all agree on the room" if report["ok"] else "; ".join(report["problems"])
        return (
            f"crowd: {viewers['joined']} viewers, publish to receive p99 {delivery['p99']:.0f} ms, "
            f"orders: {orders}; {agreed}"
        )

    def audit(self) -> int:
        """Compare store and ledger; their word is the exit code."""
        click.echo(self.summary())
        command = [sys.executable, "-m", "server", "audit", "--data-dir", str(self._directory)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if not done.returncode:
            found = orjson.loads(done.stdout)
            told = f"{len(found['pools'])} pools, {found['total']} units, {found['sold']} sold"
            click.echo(f"audit: {told}; every unit and every order accounted for")
            return 0
        click.echo(done.stdout.strip())
        click.echo("audit: FAILED")
        return done.returncode


def _address(output: IO[str] | None) -> str:
    """The server's address from its first line; what it prints later is passed on."""
    for line in output or ():
        if "listening on " in line:
            url = line.split("listening on ", 1)[1].strip()
            threading.Thread(target=_pass_on, args=(output or (),), daemon=True).start()
            return url
        click.echo(line, nl=False)
    raise DemoFailed("the server did not start")


def _pass_on(output: Iterable[str]) -> None:
    for line in output:
        click.echo(line, nl=False)


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
