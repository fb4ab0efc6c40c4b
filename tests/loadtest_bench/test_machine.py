from __future__ import annotations

import _ctypes
import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtest.bench.machine import (
    Foreign,
    Placement,
    busy_ns,
    cpu_ns,
    descendants,
    facts,
    filesystem,
    maps,
    pin,
    place,
    resident_bytes,
)


def test_cpu_time_is_the_process_own() -> None:
    before = cpu_ns(os.getpid())
    own = time.process_time_ns()
    while time.process_time_ns() - own < 20_000_000:
        pass
    assert 20_000_000 <= cpu_ns(os.getpid()) - before < 1_000_000_000


def test_a_process_that_is_gone_has_no_cpu_time() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    with pytest.raises(OSError, match="Invalid argument"):
        cpu_ns(process.pid)


def test_descendants_of_descendants_with_their_command_lines() -> None:
    inner = "import sys; sys.stdout.write('x'); sys.stdout.flush(); sys.stdin.read()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}, '--role', 'gateway'])"
    with subprocess.Popen(
        [sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.read(1) == b"x"
        found = descendants(os.getpid())
        assert process.pid in found
        (inside,) = descendants(process.pid).values()
        assert inside[-2:] == ["--role", "gateway"]
        process.stdin.close()


def test_placement_keeps_server_and_load_apart_where_there_are_two_cpus() -> None:
    placement = place()
    assert placement.server | placement.others <= os.sched_getaffinity(0)
    assert placement.apart is (len(os.sched_getaffinity(0)) > 1)


def test_pin_moves_a_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        cpus = place().others
        pin(process.pid, cpus)
        assert os.sched_getaffinity(process.pid) == cpus
        process.communicate(b"\n")


def test_busy_time_grows_with_work() -> None:
    cpus = os.sched_getaffinity(0)
    before, own = busy_ns(cpus), time.process_time_ns()
    while time.process_time_ns() - own < 60_000_000:
        pass
    assert busy_ns(cpus) - before >= 40_000_000


def test_work_of_others_is_a_share_of_the_window() -> None:
    foreign = Foreign(Placement(os.sched_getaffinity(0), os.sched_getaffinity(0)))
    own = time.process_time_ns()
    while time.process_time_ns() - own < 60_000_000:
        pass
    mine = time.process_time_ns() - own
    assert 0 <= foreign.share(mine) < foreign.share(0)
    assert foreign.share(10**15) == 0


def test_resident_memory_grows_with_what_is_touched() -> None:
    before = resident_bytes([os.getpid()])
    with mmap.mmap(-1, 20_000_000) as held:  # pages of its own: the heap may have some to spare
        held.write(b"x" * len(held))
        assert resident_bytes([os.getpid()]) - before >= len(held) // 2
    assert resident_bytes([os.getpid(), os.getpid()]) > resident_bytes([os.getpid()])


def test_a_library_in_memory_is_seen() -> None:
    loaded = _ctypes.__file__
    assert maps(os.getpid(), Path(loaded).name)
    assert not maps(os.getpid(), "nothing-of-this-name.so")


def test_facts_and_file_system_are_said(tmp_path: Path) -> None:
    assert {"processor", "cpus", "kernel", "python", "packages"} == facts().keys()
    assert all(facts().values())
    assert filesystem(Path("/proc/self")) == "proc"
    assert filesystem(tmp_path) != "unknown"
