"""A load test against a real server: what it offers, what it measures, its verdict and exit code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.live_server import LiveServer, running
from tests.loadtest.running import load

STOCK = 12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("server"), limits__orders_per_second=0) as live:
        yield live


def test_a_flash_sale_with_a_swarm_is_audited_against_the_ledger(server: LiveServer, tmp_path: Path) -> None:
    run = load(
        server,
        tmp_path,
        *("--scenario", "spike", "--room", "lt1", "-u", "32", "-r", "100", "-t", "12s"),
        *("--swarm-viewers", "80", "--swarm-danmaku-rate", "20", "--sale-every", "60"),
        *("--sale-starts-in", "2", "--sale-stock", str(STOCK), "--duplicate-share", "1"),
    )
    assert run.code == 0, run.output
    assert "verdict: passed, the ledger holds what the clients were told" in run.output
    ledger = server.ledger_orders("lt1")
    orders = run.document["orders"]
    assert sum(order["quantity"] for order in ledger) == len(ledger) == STOCK == orders["accepted"]
    (sale,) = orders["sales"]
    assert (sale["stock"], sale["held"], sale["sold_out"]) == (STOCK, STOCK, True)
    assert orders["offered"] == orders["accepted"] + sum(orders["refused"].values()) > STOCK
    counted = {row["name"]: row["count"] for row in run.document["outcomes"]}
    assert counted["order accepted"] == counted["order duplicate"] == counted["tap->paid"] == STOCK
    assert counted["hello->welcome fresh"] >= 111
    assert counted["publish->receive"] > 80
    assert counted["swarm loop lag"] > 10
    for name in ("publish->receive", "hello->welcome fresh", "countdown skew", "tap->paid"):
        assert name in run.output  # in Locust's own table too
    assert run.document["swarms"][0]["viewers"]["in_room_at_end"] == 80
    assert "order accepted" in (tmp_path / "report.html").read_text()
    assert "<h1>Passed</h1>" in run.page


def test_in_two_processes_a_limit_that_is_missed_fails_the_run_in_one_line(
    server: LiveServer, tmp_path: Path
) -> None:
    run = load(
        server,
        tmp_path,
        *("--room", "lt2", "-u", "24", "-r", "100", "-t", "8s", "--processes", "2"),
        *("--order-rate", "20", "--sale-every", "0", "--pay", "never", "--threshold", "order.p99_ms=0.001"),
    )
    assert run.code == 1, run.output
    (problem,) = run.problems()
    assert problem.startswith("order.p99_ms: order tapped to answered, p99 is ")
    assert problem.endswith(" ms, the limit is 0.001 ms")
    assert run.output.count("verdict: failed") == 1
    assert len(server.ledger_orders("lt2")) == run.document["orders"]["accepted"] > 0
    assert len(run.document["generator"]["processes"]) == 3  # a master and its two workers


def kill_the_swarm(locust: psutil.Process) -> None:
    """As soon as there is one."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for child in locust.children():
            if "--stream" in child.cmdline():
                child.kill()
                return
        time.sleep(0.05)
    raise AssertionError("no swarm was started")


def test_a_swarm_that_dies_fails_the_run(server: LiveServer, tmp_path: Path) -> None:
    run = load(
        server,
        tmp_path,
        *("-u", "8", "-r", "100", "-t", "5s", "--danmaku-every", "1", "--sale-every", "0"),
        *("--swarm-viewers", "10"),
        meanwhile=kill_the_swarm,
    )
    assert run.code == 1, run.output
    died, *others = run.problems()
    assert "swarm " in died
    assert died.endswith(" ended with code -9 before it said how it went")
    assert all(other.startswith("errors.rate: ") for other in others)
    assert run.document["verdict"] == "failed"


def test_limits_that_cannot_be_read_are_said_before_anybody_comes(server: LiveServer, tmp_path: Path) -> None:
    run = load(server, tmp_path, "--threshold", "order.p90_ms=4", "-t", "60s")
    assert run.code == 2
    assert run.output.strip().splitlines()[-1] == (
        "thresholds: --threshold order.p90_ms=4: Object contains unknown field `p90_ms` - at `order`"
    )
