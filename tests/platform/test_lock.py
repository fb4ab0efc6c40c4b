from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.processes.lock import DataDirInUse, DataDirLock

HOLDER = """
import sys, time
from pathlib import Path
from server.processes.lock import DataDirLock
DataDirLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_the_second_is_told_who_the_first_is(tmp_path: Path) -> None:
    data = tmp_path / "new"
    with DataDirLock(data), pytest.raises(DataDirInUse) as raised:
        DataDirLock(data).acquire()
    assert str(raised.value) == f"data directory {data} is in use by process {os.getpid()}"
    with DataDirLock(data) as lock:
        assert not lock.unclean


def test_shared_holders_and_an_exclusive_one_keep_each_other_out(tmp_path: Path) -> None:
    first, second = DataDirLock(tmp_path, shared=True), DataDirLock(tmp_path, shared=True)
    with first, second, pytest.raises(DataDirInUse, match="in use by another process"):
        DataDirLock(tmp_path).acquire()
    with DataDirLock(tmp_path), pytest.raises(DataDirInUse, match=f"process {os.getpid()}"):
        DataDirLock(tmp_path, shared=True).acquire()


def test_a_killed_holder_lets_go_and_shows(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataDirInUse, match=f"process {holder.pid}"):
            DataDirLock(tmp_path).acquire()
        holder.kill()
    with DataDirLock(tmp_path) as lock:
        assert lock.unclean
    with DataDirLock(tmp_path) as lock:
        assert not lock.unclean
