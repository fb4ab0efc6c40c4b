"""A power cut: a store killed, and of its files only what it had synced left.

`kill -9` alone proves little about durability: the kernel still has what was written and never synced.
Here a preloaded library (`synced.c`) writes down what each fsync covered, and `cut` takes the rest away.
Names in the directory stay as they are: of a file that was made and never synced, an empty one is left.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
from pathlib import Path

import psutil
import pytest

_RECORD = struct.Struct("=QQQ")
_COMPILERS = ("cc", "gcc", "clang")


class PowerLine:
    """What a store's files would be after a cut. `environment` is the store's."""

    def __init__(self, folder: Path) -> None:
        """Compiles into `folder`. Skips the test where there is no compiler, but in CI."""
        self._log = folder / "synced.log"
        self._arms = {side: folder / f"cut-{side}" for side in ("before", "after")}
        self._library = folder / "synced.so"
        _compile(Path(__file__).with_name("synced.c"), self._library)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self._library),
            "SYNCED_LOG": str(self._log),
            "SYNCED_CUT_BEFORE": str(self._arms["before"]),
            "SYNCED_CUT_AFTER": str(self._arms["after"]),
        }

    def arm(self, side: str) -> None:
        """The store dies at its next sync: `before` it, or `after` it."""
        self._arms[side].touch()

    def disarm(self) -> None:
        for path in self._arms.values():
            path.unlink(missing_ok=True)

    def synced(self) -> dict[tuple[int, int], int]:
        """Bytes that the last sync of each file (device, inode) covered."""
        records = self._log.read_bytes() if self._log.exists() else b""
        whole = len(records) - len(records) % _RECORD.size
        return {(device, inode): size for device, inode, size in _RECORD.iter_unpack(records[:whole])}

    def cut(self, directory: Path) -> int:
        """Take away what was not synced, of a store that is dead; how many bytes that were."""
        synced = self.synced()
        assert synced, "nothing was ever synced: the library is not in the store"
        lost = 0
        for path in directory.rglob("*"):
            if path.is_file():
                found = path.stat()
                kept = min(synced.get((found.st_dev, found.st_ino), 0), found.st_size)
                lost += found.st_size - kept
                os.truncate(path, kept)
        return lost


def kill_nine(process: psutil.Process) -> None:
    """It and its children (a store's rewrite) are gone when this returns; not waited for by their parent."""
    family = [process, *process.children(recursive=True)]
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # a rewrite may have ended meanwhile
            member.kill()
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            while member.is_running() and member.status() != psutil.STATUS_ZOMBIE:
                pass


def _compile(source: Path, target: Path) -> None:
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if compiler is None:
        if os.environ.get("MIAODAN_CI"):
            pytest.fail("no C compiler, and CI proves what outlives a power cut")
        pytest.skip(f"no C compiler ({', '.join(_COMPILERS)})")
    flags = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    subprocess.run([compiler, *flags, str(source), "-o", str(target), "-ldl"], check=True, timeout=60)
