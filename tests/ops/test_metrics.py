from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from prometheus_client import Counter

from server.ops.metrics import exposition, forget, prepare

CHILD = """
from prometheus_client import Counter, Gauge
Counter("miaodan_test_total", "t").inc(2)
Gauge("miaodan_test_live", "t", multiprocess_mode="livesum").set(5)
import os; print(os.getpid())
"""
READER = "from server.ops.metrics import exposition; print(exposition()[0].decode())"


def run(program: str, directory: Path) -> str:
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(directory), "PYTHONPATH": str(Path.cwd())}
    return subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)


def test_one_process() -> None:
    Counter("miaodan_test_alone_total", "t").inc()
    content, media_type = exposition()
    assert b"miaodan_test_alone_total 1.0" in content
    assert media_type.startswith("text/plain")


def test_processes_add_up_and_the_dead_are_not_alive(tmp_path: Path) -> None:
    prepare(tmp_path)
    first, second = (int(run(CHILD, tmp_path)) for _ in range(2))
    said = run(READER, tmp_path)
    assert "miaodan_test_total 4.0" in said
    assert "miaodan_test_live 10.0" in said
    forget(tmp_path, first)
    said = run(READER, tmp_path)
    assert "miaodan_test_total 4.0" in said
    assert "miaodan_test_live 5.0" in said
    forget(tmp_path, second)
    prepare(tmp_path)
    assert list(tmp_path.iterdir()) == []
