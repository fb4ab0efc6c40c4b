"""A real PostgreSQL for tests and chaos runs.

Its own cluster in a temporary directory, on a Unix socket, not as root.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

USER, PASSWORD = "miaodan", "s3cret/word@"
START_SECONDS = 40


class ClusterFailed(Exception):
    """PostgreSQL did not do as asked; the message holds its last words."""


def find_programs() -> Path | None:
    """The folder of `postgres` and `initdb`; Debian keeps it off PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("postgres")
    for program in [*reversed(found), *([Path(on_path)] if on_path else [])]:
        folder = program.resolve().parent
        if (folder / "initdb").exists():
            return folder
    return None


class Postgres:
    """One cluster. `start` and `stop` any number of times, `close` at the end."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.directory = Path(tempfile.mkdtemp(prefix="miaodan-pg-"))
        self._account: pwd.struct_passwd | None = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self._account = _unprivileged()
            os.chown(self.directory, self._account.pw_uid, self._account.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        secret = self.directory / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            *("initdb", "--pgdata", str(self.directory / "data"), "--username", USER, "--encoding", "UTF8"),
            *("--locale", "C.UTF-8", "--auth", "scram-sha-256", "--pwfile", str(secret)),
        )

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            self._tied(str(self._programs / program), *arguments),
            check=False,
            capture_output=True,
            text=True,
            cwd=self.directory,
            env={**os.environ, "PGPASSWORD": PASSWORD},
        )
        if done.returncode != 0:
            raise ClusterFailed(done.stderr)
        return done.stdout

    def _tied(self, *command: str) -> list[str]:
        """It ends when this process does, even by kill -9 (util-linux's setpriv, which everybody may run)."""
        tied = ["setpriv", "--pdeathsig=INT"]
        if self._account is not None:
            tied += [f"--reuid={self._account.pw_uid}", f"--regid={self._account.pw_gid}", "--clear-groups"]
        return [*tied, *command]

    def start(self) -> None:
        """Until it answers; raises ClusterFailed. From the main thread, as `launch`."""
        self.launch()
        log = self.directory / "log"
        deadline = time.monotonic() + START_SECONDS
        while self._psql("postgres", "select 1") is None:
            if not self.running or time.monotonic() > deadline:
                raise ClusterFailed(log.read_text())

    def launch(self) -> None:
        """Start it and do not wait. From the main thread: it ends with the thread that started it."""
        log = self.directory / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._tied(
                    *(str(self._programs / "postgres"), "-D", str(self.directory / "data")),
                    # No power cut here: a killed server finds its files as it left them.
                    *("-c", "fsync=off", "-c", "listen_addresses="),
                    *("-c", f"unix_socket_directories={self.directory}"),
                ),
                stdout=output,
                stderr=output,
                cwd=self.directory,
            )

    def _psql(self, database: str, statement: str) -> str | None:
        done = subprocess.run(
            [
                *(str(self._programs / "psql"), "-h", str(self.directory), "-U", USER, "-d", database),
                *("-XAtqc", statement),
            ],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PGPASSWORD": PASSWORD},
        )
        return done.stdout.strip() if done.returncode == 0 else None

    def ask(self, database: str, statement: str) -> str:
        """What psql prints."""
        answer = self._psql(database, statement)
        if answer is None:
            raise ClusterFailed(f"no answer to {statement}")
        return answer

    def url(self, database: str) -> str:
        password = PASSWORD.replace("/", "%2F").replace("@", "%40")
        return f"postgresql://{USER}:{password}@/{database}?host={self.directory}"

    def new_database(self) -> str:
        """Its name."""
        name = f"ledger_{secrets.token_hex(4)}"
        self.ask("postgres", f"CREATE DATABASE {name}")
        return name

    # ---- trouble ----------------------------------------------------------------------------

    def _processes(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        try:
            postmaster = psutil.Process(self._process.pid)
            return [postmaster, *postmaster.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def pause(self) -> None:
        """SIGSTOP: it still takes connections into its queue and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, all of it."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Clients are cut off."""
        if self._process is not None and self.running:
            self.resume()
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.directory)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ClusterFailed("no user to run PostgreSQL as")
