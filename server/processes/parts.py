"""What a supervisor watches: the store, or a program of ours."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from server.ops.leash import leashed
from server.valkey import EmbeddedValkey, StoreUnavailable


class Part(Protocol):
    """One child process. Nothing here waits."""

    @property
    def name(self) -> str: ...

    @property
    def stop_timeout(self) -> float:
        """Seconds it may take to finish before it is killed."""

    @property
    def pid(self) -> int | None: ...

    @property
    def log_file(self) -> Path | None:
        """What it writes of itself; None where that goes to the supervisor's own output."""

    def spawn(self) -> None:
        """Raises OSError or StoreUnavailable."""

    def exit_code(self) -> int | None:
        """None while it runs; the negative number of the signal that killed it."""

    def ready(self) -> bool:
        """Whether those who stand on it may start."""

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    def ended(self) -> None:
        """It has ended for good: take away what it left."""


class Program:
    """A command, on a leash: it ends when the supervisor does."""

    log_file: Path | None = None

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        stop_timeout: float = 10.0,
    ) -> None:
        self.name = name
        self.stop_timeout = stop_timeout
        self._argv = list(argv)
        self._environment = dict(environment) if environment is not None else None
        self._pass_fds = tuple(pass_fds)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def spawn(self) -> None:
        self._process = subprocess.Popen(
            leashed(self._argv),
            stdin=subprocess.DEVNULL,
            env=self._environment,
            pass_fds=self._pass_fds,
            # A Ctrl-C at the terminal reaches the supervisor alone, which knows the order to stop in.
            process_group=0,
        )

    def exit_code(self) -> int | None:
        return self._process.poll() if self._process is not None else None

    def ready(self) -> bool:
        return self._process is not None  # nobody stands on it; one that dies at once is started again

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def ended(self) -> None:
        self._process = None


class Store:
    """The embedded store."""

    name = "store"
    stop_timeout = 30.0

    def __init__(self, valkey: EmbeddedValkey) -> None:
        self._valkey = valkey

    @property
    def pid(self) -> int | None:
        return self._valkey.pid

    @property
    def log_file(self) -> Path | None:
        return self._valkey.log_file

    def spawn(self) -> None:
        self._valkey.spawn()

    def exit_code(self) -> int | None:
        return self._valkey.exit_code

    def ready(self) -> bool:
        try:
            return self._valkey.ready()
        except StoreUnavailable:  # ended: `exit_code` says how
            return False

    def terminate(self) -> None:
        self._valkey.terminate()

    def kill(self) -> None:
        self._valkey.kill()

    def ended(self) -> None:
        self._valkey.stop()
