"""The short form of `make chaos`: eight faults or a dozen on a real server, and every promise held."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.chaos.report import table
from loadtest.chaos.run import Options, run
from tests.depth import rounds

SEED = 4
SECONDS, FAULTS = rounds(6, 10), rounds(8, 12)


@pytest.mark.campaign
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_promise_held(tmp_path: Path) -> None:
    said: list[str] = []
    options = Options(seed=SEED, seconds=SECONDS, faults=FAULTS, buyers=12)
    report = run(options, tmp_path, said.append)
    assert report.broken == [], table(report) + "\n" + "\n".join(said)
    assert len(report.strikes) == FAULTS
    assert int(report.figures["orders_acknowledged"]) > 100
