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


LONG = {"slow", "flood", "half_open", "churn", "drain", "leaks"}
"""Whose promises other tests hold as well (fan-out, upkeep, goodbye): once in a while."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.campaign if name in LONG else ()) for name in SCENARIOS]
)
def test_held(name: str, tmp_path: Path) -> None:
    viewers, seconds = SMALL[name]
    verdict = play(SCENARIOS[name], tmp_path, 7, viewers=viewers, seconds=seconds)
    assert verdict.breaches == []
    assert verdict.figures
