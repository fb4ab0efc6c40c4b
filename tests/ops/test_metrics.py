from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, Counter

from server.ops.metrics import Numbers, exposition

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


def test_one_process(request: pytest.FixtureRequest) -> None:
    alone = Counter("miaodan_test_alone_total", "t")
    request.addfinalizer(lambda: REGISTRY.unregister(alone))  # docs/metrics.md is made of what is registered
    alone.inc()
    content, media_type = exposition()
    assert b"miaodan_test_alone_total 1.0" in content
    assert media_type.startswith("text/plain")


def test_processes_add_up_and_the_dead_are_not_alive(tmp_path: Path) -> None:
    numbers = Numbers(tmp_path / "numbers")
    first, second = (int(run(CHILD, numbers.directory)) for _ in range(2))
    said = run(READER, numbers.directory)
    assert "miaodan_test_total 4.0" in said
    assert "miaodan_test_live 10.0" in said
    numbers.ended(first)
    said = run(READER, numbers.directory)
    assert "miaodan_test_total 4.0" in said
    assert "miaodan_test_live 5.0" in said
    numbers.ended(second)
    assert list(Numbers(tmp_path / "numbers").directory.iterdir()) == []


def test_many_deaths_leave_a_bounded_number_of_files(tmp_path: Path) -> None:
    numbers = Numbers(tmp_path, keep=2)
    for pid in range(1, 6):
        for kind in ("counter", "histogram", "gauge_livesum"):
            (tmp_path / f"{kind}_{pid}.db").touch()
        numbers.ended(pid)
    left = ["counter_4.db", "counter_5.db", "histogram_4.db", "histogram_5.db"]
    assert sorted(file.name for file in tmp_path.iterdir()) == left
