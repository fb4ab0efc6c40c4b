"""Before the first window: open files enough, and the programs that load the server."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from loadtest.bench.native import NoCompiler, ProgramFailed, build, compiler


class Programs(NamedTuple):
    """Command lines; None where there is no compiler and no stand-in."""

    receiver: list[str]
    buyers: list[str]
    floor: list[str] | None
    joiners: list[str] | None


def programs_in(folder: Path, say: Callable[[str], None]) -> Programs:
    """Compiled into `folder`, or their stand-ins in Python, which is told. Raises ProgramFailed."""
    try:
        compiler()
    except NoCompiler as error:
        say(f"{error}: the floor is left out, and slower Python programs take the place of the others")
        python = [sys.executable, "-m"]
        return Programs([*python, "loadtest.bench.receiver"], [*python, "loadtest.bench.buyers"], None, None)
    names = ("receiver", "buyers", "floor", "joiners")
    return Programs(*([str(build(name, folder))] for name in names))


def raise_descriptor_limit(needed: int) -> None:
    """What is started inherits it; raises ProgramFailed when it may not be raised so far."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(needed, hard)))
    except (ValueError, OSError):
        reason = f"needs {needed} open files, the limit is {hard} and only root may raise it (ulimit -n)"
        raise ProgramFailed("bench", reason) from None
