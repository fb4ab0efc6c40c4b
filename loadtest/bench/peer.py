"""Other servers that broadcast: how each is started, joined and spoken to.

A peer relays a text as it came. The text is a JSON object of the size of Miaodan's frame, so that all
sides write the same number of bytes to every viewer.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

from loadtest.bench.machine import Placement, descendants, end
from loadtest.bench.node import PROGRAMS, NotInstalled, program
from loadtest.bench.target import ServerFailed
from loadtest.bench.viewers import JoinFailed, connect, greet_socketio

START_S = 30.0
STOP_S = 5.0
SBIN = "/usr/sbin"
"""Where Debian has nginx; not on everybody's PATH."""
SPEECH = '{"type":"danmaku","text":"$text"}'
_LISTENING = re.compile(rb"listening on (\d+)\n")


@dataclass(frozen=True)
class Started:
    """A command line, what it is a version of, and the port where that is known beforehand."""

    command: list[str]
    version: str
    listener: socket.socket | None = None


@dataclass(frozen=True)
class Peer:
    """`start` takes a folder of its own and the number of viewers; it raises NotInstalled."""

    name: str
    start: Callable[[Path, int], Started]
    viewers: str = "/"
    publishers: str = "/publish"
    speech: str = SPEECH
    greet: Callable[[socket.socket], None] | None = None


def _python(module: str, package: str) -> Callable[[Path, int], Started]:
    command = [sys.executable, "-m", f"loadtest.bench.peers.{module}"]
    return lambda _folder, _viewers: Started(command, f"{package} {version(package)}")


def _node(name: str, package: str) -> Callable[[Path, int], Started]:
    def start(_folder: Path, _viewers: int) -> Started:
        command, number = program(name, package)
        return Started(command, f"{package} {number}")

    return start


def _nchan(folder: Path, viewers: int) -> Started:
    how = "nginx with its module nchan (Debian: nginx, libnginx-mod-nchan)"
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}{SBIN}")
    if nginx is None:
        raise NotInstalled("no nginx", how)
    told = subprocess.run([nginx, "-V"], capture_output=True, text=True, check=False).stderr
    modules = re.search(r"--modules-path=(\S+)", told)
    module = Path(modules[1] if modules else "/usr/lib/nginx/modules") / "ngx_nchan_module.so"
    if not module.is_file():
        raise NotInstalled(f"no {module.name} where nginx has its modules", how)
    # nginx takes no port 0. A listener that is there already is inherited as in its own upgrades.
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    # nchan leaves Nagle's algorithm on: it would put several frames into one segment, and the kernel
    # would count for less than on the other sides, which all switch it off. Its sockets inherit this.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    text = (PROGRAMS / "nchan.conf").read_text()
    for name, value in (
        ("MODULE", str(module)),
        ("PORT", str(listener.getsockname()[1])),
        ("CONNECTIONS", str(viewers + 100)),
    ):
        text = text.replace(f"@{name}@", value)
    (folder / "nginx.conf").write_text(text)
    number = re.search(r"nginx version: nginx/(\S+)", told)
    command = [nginx, "-p", f"{folder}/", "-c", str(folder / "nginx.conf")]
    return Started(command, f"nginx {number[1] if number else ''}", listener)


PEERS = {
    "starlette": Peer("uvicorn + Starlette", _python("starlette_send", "uvicorn")),
    "websockets": Peer("websockets.broadcast", _python("websockets_broadcast", "websockets")),
    "ws": Peer("Node ws", _node("ws", "ws")),
    "socketio": Peer(
        "Socket.IO",
        _node("socketio", "socket.io"),
        viewers="/socket.io/?EIO=4&transport=websocket",
        publishers="/socket.io/?EIO=4&transport=websocket&role=publisher",
        speech='42["danmaku",{"type":"danmaku","text":"$text"}]',
        greet=greet_socketio,
    ),
    "nchan": Peer("nchan", _nchan),
}


class PeerServer:
    """A running peer. Use it as a context manager; entering raises NotInstalled, ServerFailed."""

    def __init__(self, peer: Peer, placement: Placement, folder: Path, viewers: int) -> None:
        self.peer = peer
        self._placement = placement
        self._viewers = viewers
        self._folder = Path(tempfile.mkdtemp(prefix="peer-", dir=folder))
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self.version = ""

    def __enter__(self) -> Self:
        started = self.peer.start(self._folder, self._viewers)
        self.version = started.version
        environment, inherited = dict(os.environ), []
        if started.listener is not None:
            self._port = started.listener.getsockname()[1]
            inherited = [started.listener.fileno()]
            environment["NGINX"] = f"{inherited[0]};"
        own = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._placement.server)  # its children and threads inherit it
        try:
            with (self._folder / "log").open("wb") as log:
                self._process = subprocess.Popen(
                    started.command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=environment,
                    pass_fds=inherited,
                )
        finally:
            os.sched_setaffinity(0, own)
        try:
            if started.listener is not None:
                started.listener.close()
            else:
                self._wait_until_listening(self._process)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait_until_listening(self, process: subprocess.Popen[bytes]) -> None:
        said, deadline = b"", time.monotonic() + START_S
        while process.stdout is not None and time.monotonic() < deadline:
            if select.select([process.stdout], [], [], 0.2)[0]:
                part = os.read(process.stdout.fileno(), 4096)
                if not part:
                    break
                said += part
            found = _LISTENING.search(said)
            if found:
                self._port = int(found[1])
                return
        raise ServerFailed(f"{self.peer.name} did not say where it listens: {self.said()}")

    def close(self) -> None:
        """SIGTERM, then SIGKILL to what is left."""
        process, self._process = self._process, None
        if process is None:
            return
        end(process, STOP_S)

    @property
    def measured(self) -> list[int]:
        """All its processes; asked once there are viewers, when all its workers are there."""
        return [] if self._process is None else [self._process.pid, *descendants(self._process.pid)]

    @property
    def beside(self) -> list[int]:
        return []

    def said(self) -> str:
        """The end of its log."""
        return (self._folder / "log").read_text(errors="replace")[-2000:]

    def join(self, count: int, name: str) -> list[socket.socket]:
        """`count` sockets, of viewers or, by the name `sender`, of publishers."""
        path = self.peer.publishers if name == "sender" else self.peer.viewers
        try:
            return connect(("127.0.0.1", self._port), path, count, self.peer.greet)
        except (JoinFailed, OSError) as error:
            raise ServerFailed(f"{self.peer.name} let no viewer in: {error}; {self.said()}") from error
