"""Locust as a user runs it, against a real server, with the verdict it prints and its exit code."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import LiveServer, running

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("server"), limits__orders_per_second=0) as live:
        yield live


def locust(server: LiveServer, report: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", "--headless", "--only-summary"),
        *("--host", server.url, "--token-key", str(server.data_dir / "token.key")),
        *("-u", "30", "-r", "100", "--html", str(report), "--danmaku-every", "1"),
        *("--sale-every", "2", "--sale-starts-in", "1", "--sale-duration", "1", "--sale-stock", "6"),
        *arguments,
    ]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=90)


def accepted(output: str) -> tuple[int, int]:
    found = re.search(r"orders accepted (\d+) \((\d+) units\), refused \d+, without an answer 0", output)
    assert found is not None, output
    return int(found[1]), int(found[2])


def test_a_flash_sale_is_audited_against_the_ledger(server: LiveServer, tmp_path: Path) -> None:
    done = locust(server, tmp_path / "report.html", "--room", "lt1", "-t", "4s", "--pay")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verdict: passed" in done.stdout
    orders, units = accepted(done.stdout)
    ledger = server.ledger_orders("lt1")
    assert len(ledger) == orders > 0
    assert sum(order["quantity"] for order in ledger) == units
    output = done.stdout + done.stderr
    for name in ("connect", "hello", "order accepted", "order sold_out", "publish->receive"):
        assert name in output
    assert "order accepted" in (tmp_path / "report.html").read_text()


def test_in_two_processes_a_threshold_that_is_missed_fails_the_run(
    server: LiveServer, tmp_path: Path
) -> None:
    arguments = ("--room", "lt2", "-t", "4s", "--processes", "2", "--max-order-p99-ms", "0.001")
    done = locust(server, tmp_path / "report.html", *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"problem: order p99 ms is [\d.]+, the limit is 0.001", done.stdout)
    assert done.stdout.count("problem:") == 1
    orders, units = accepted(done.stdout)
    ledger = server.ledger_orders("lt2")
    assert (len(ledger), sum(order["quantity"] for order in ledger)) == (orders, units)
    assert orders > 0
