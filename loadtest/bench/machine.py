"""What this machine is, which CPU does what, and how much of one a process used."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_PROC = Path("/proc")
_CLOCK_PER_PROCESS = 2
"""CPUCLOCK_SCHED: the scheduler's own nanoseconds, all threads (clock_getcpuclockid(3))."""


@dataclass(frozen=True)
class Placement:
    """`server`: CPUs of the process under test; `others`: of everything else. Equal on one CPU."""

    server: set[int]
    others: set[int]

    @property
    def apart(self) -> bool:
        return not self.server & self.others


def place() -> Placement:
    """One CPU for the process under test, the next for everything that loads it."""
    cpus = sorted(os.sched_getaffinity(0))
    return Placement({cpus[0]}, {cpus[1]} if len(cpus) > 1 else {cpus[0]})


def pin(pid: int, cpus: set[int]) -> None:
    """All threads of a process; threads and children made later inherit it."""
    for task in (_PROC / str(pid) / "task").iterdir():
        os.sched_setaffinity(int(task.name), cpus)


def cpu_ns(pid: int) -> int:
    """CPU time of a process, user and system, all threads; raises OSError when it is gone.

    The same count as utime + stime of /proc/PID/stat, which shows it in hundredths of a second.
    """
    return time.clock_gettime_ns((~pid << 3) | _CLOCK_PER_PROCESS)


def busy_ns(cpus: set[int]) -> int:
    """How long these CPUs have been at work, whoever they worked for."""
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    busy = 0
    for line in (_PROC / "stat").read_text().splitlines():
        name, *fields = line.split()
        if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in cpus:
            user, nice, system, _idle, _iowait, irq, softirq, *_ = (int(field) for field in fields)
            busy += (user + nice + system + irq + softirq) * tick
    return busy


class Foreign:
    """How much of a window the CPU under test worked for others."""

    def __init__(self, placement: Placement) -> None:
        self._cpus = placement.server
        self._busy = busy_ns(self._cpus)
        self._start = time.monotonic_ns()

    def share(self, own_ns: int) -> float:
        """`own_ns`: CPU time of the process under test since this was made."""
        busy = busy_ns(self._cpus) - self._busy
        return max(0.0, (busy - own_ns) / (time.monotonic_ns() - self._start))


def resident_bytes(pids: Iterable[int]) -> int:
    """Resident memory of processes, pages they share counted for each; raises OSError when one is gone."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int((_PROC / str(pid) / "statm").read_text().split()[1]) * page for pid in pids)


def maps(pid: int, library: str) -> bool:
    """Whether a process has a file of that name in its memory; raises OSError when it is gone."""
    lines = (_PROC / str(pid) / "maps").read_text().splitlines()
    return any(line.endswith(f"/{library}") for line in lines)


def descendants(pid: int) -> dict[int, list[str]]:
    """Command lines of a process's children, their children, and so on, by process id."""
    parents: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found: dict[int, list[str]] = {}
    fresh = {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh and child not in found}
        for child in fresh:
            try:
                words = (_PROC / str(child) / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found[child] = [word.decode(errors="replace") for word in words if word]
    return found


def end(process: subprocess.Popen[bytes], patience: float) -> None:
    """SIGTERM, and after `patience` seconds SIGKILL to what is left of it and its children."""
    family = descendants(process.pid)
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        for pid in (process.pid, *family):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def facts() -> dict[str, str]:
    """For a reader of the figures: processor, kernel, versions of what was measured."""
    model = "unknown"
    for line in (_PROC / "cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    parts = {name: version(name) for name in ("uvicorn", "uvloop", "websockets", "redis", "msgspec")}
    return {
        "processor": model,
        "cpus": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {number}" for name, number in parts.items()),
    }


def filesystem(path: Path) -> str:
    """The type of the file system `path` lies on: what an fsync costs depends on it."""
    best, kind = "", "unknown"
    place = str(path.resolve())
    for line in (_PROC / "mounts").read_text().splitlines():
        _, point, found, *_ = line.split()
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind
