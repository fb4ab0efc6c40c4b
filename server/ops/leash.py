"""Run a command that ends when its parent does, even a parent killed with -9.

`leashed(argv)` is the command line to start: this very file, as a tiny program that asks the kernel
for a signal at the parent's death (Linux `prctl(2)`, PR_SET_PDEATHSIG, which `execve` preserves) and
then becomes `argv`. No code runs between fork and exec in the parent, so threads are no danger.

The kernel counts the *thread* that started the child as its parent: start children from a thread
that lives as long as they should, which in practice is the main one.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def leashed(argv: Sequence[str], *, on_parent_death: signal.Signals = signal.SIGTERM) -> list[str]:
    """`argv` on a leash held by this process. `argv[0]` is a path, not looked up on PATH."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(on_parent_death)), *argv]


def _main() -> None:
    parent, number, *argv = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != int(parent):  # it died before the kernel was told to watch it
        raise SystemExit(1)
    os.execv(argv[0], argv)  # noqa: S606 - becoming the command is the point


if __name__ == "__main__":
    _main()
