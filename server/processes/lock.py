"""One `serve` per data directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

LOCK_FILE = "serve.lock"


class DataDirInUse(Exception):
    """Another process serves this directory: `path`, and its `pid` where it could be read."""

    def __init__(self, path: Path, pid: int | None) -> None:
        super().__init__(path, pid)
        self.path = path
        self.pid = pid

    def __str__(self) -> str:
        who = f"process {self.pid}" if self.pid is not None else "another process"
        return f"data directory {self.path} is in use by {who}"


class DataDirLock:
    """Holds a data directory (made when absent) while the process lives; the kernel lets go at its end.

    `shared`: beside other shared holders, for roles that run alone. `unclean` is whether the last
    exclusive holder was killed, so that what it started may still be going down.
    """

    def __init__(self, data_dir: Path, *, shared: bool = False) -> None:
        self._path = data_dir
        self._shared = shared
        self._file: int | None = None
        self.unclean = False

    def acquire(self) -> None:
        """Raises DataDirInUse, OSError."""
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(self._path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            said = os.pread(file, 32, 0).decode("ascii", "replace").strip()
            os.close(file)
            if isinstance(error, BlockingIOError):
                raise DataDirInUse(self._path, int(said) if said.isdigit() else None) from None
            raise
        self._file = file
        if not self._shared:
            self.unclean = bool(os.pread(file, 32, 0).strip())
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        if self._file is not None:
            if not self._shared:
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
