from __future__ import annotations

import mmap
import os
import subprocess

import pytest

from loadtest.bench.memory import Filling, Footprint, footprint


def test_memory_grows_with_what_is_kept() -> None:
    before = footprint(os.getpid())
    with mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as kept:  # not the heap's spare
        kept.write(os.urandom(len(kept)))
        after = footprint(os.getpid())
    assert after.rss - before.rss >= (8 << 20) * 0.9
    assert after.uss - before.uss >= (8 << 20) * 0.9
    assert after.uss <= after.pss <= after.rss


def test_a_process_that_is_gone_has_none() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    with pytest.raises(OSError, match="smaps_rollup"):
        footprint(process.pid)


def test_the_slope_leaves_out_what_the_first_viewers_cost() -> None:
    sizes = [(0, 1_000), (10, 9_000), (100, 18_000)]
    filling = Filling([(count, Footprint(size, size, size // 2)) for count, size in sizes], 0)
    assert filling.per_viewer(0) == 100
    assert filling.per_viewer(2) == 50
    assert filling.per_viewer(0, first=0) == 170
