"""Every scenario on a real server, small: each has to hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.stress.suite import SCENARIOS, play

SMALL = {
    "exact": (30, 2.0),
    "flood": (20, 1.5),
    "slow": (20, 1.0),
    "abuse": (10, 1.0),
    "half_open": (10, 1.0),
    "churn": (40, 2.0),
    "storm": (40, 1.0),
    "drain": (120, 0.5),
    "leaks": (60, 6.0),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_held(name: str, tmp_path: Path) -> None:
    viewers, seconds = SMALL[name]
    verdict = play(SCENARIOS[name], tmp_path, 7, viewers=viewers, seconds=seconds)
    assert verdict.breaches == []
    assert verdict.figures
