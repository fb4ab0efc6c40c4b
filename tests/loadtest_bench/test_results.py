from __future__ import annotations

import pytest

from loadtest.bench.render import markdown, table
from loadtest.bench.results import Ratio, Report, Sample, Section, Spread, paired, side, spread


def sample(count: int, cpu_ms: int, wall_ms: int, foreign: float = 0.0) -> Sample:
    return Sample(count=count, cpu_ns=cpu_ms * 1_000_000, wall_ns=wall_ms * 1_000_000, foreign=foreign)


def test_rates_are_per_cpu_second_and_per_second() -> None:
    one = sample(1_000, 500, 2_000)
    assert (one.per_core, one.per_second) == (2_000, 500)


def test_spread_is_median_least_and_most() -> None:
    assert spread([5.0, 1.0, 3.0]) == Spread(3.0, 1.0, 5.0)
    with pytest.raises(ValueError, match="no samples"):
        spread([])


@pytest.mark.parametrize(
    ("samples", "noisy"),
    [
        ([sample(100, 100, 100), sample(105, 100, 100)], False),
        ([sample(100, 100, 100), sample(130, 100, 100)], True),
        ([sample(100, 100, 100, foreign=0.3), sample(100, 100, 100, foreign=0.2)], True),
        ([sample(100, 100, 100, foreign=0.1), sample(105, 100, 100)], True),
        ([sample(100, 100, 100, foreign=0.3), sample(105, 100, 100)], False),
    ],
)
def test_noise_is_marked(samples: list[Sample], noisy: bool) -> None:
    assert side("x", samples).noisy is noisy


def test_windows_shared_with_others_are_left_out_where_there_are_quiet_ones() -> None:
    one = side("x", [sample(500, 100, 100, foreign=0.3), sample(100, 100, 100), sample(110, 100, 100)])
    assert (one.per_core, one.used, len(one.samples)) == (Spread(1050, 1000, 1100), 2, 3)
    assert "2 of 3" in table(Report({}, {}, [Section("a", "b", [one], [])], "now", 1.0))
    loud = side("x", [sample(500, 100, 100, foreign=0.3)])
    assert (loud.per_core.median, loud.used) == (5000, 1)


def test_ratios_are_taken_turn_by_turn() -> None:
    ours = [sample(90, 100, 100), sample(40, 100, 100), sample(10, 100, 100, foreign=0.4)]
    theirs = [sample(100, 100, 100), sample(50, 100, 100), sample(100, 100, 100)]
    over = paired(ours, theirs)
    assert (round(over.median, 3), over.least, over.most) == (0.85, 0.8, 0.9)
    loud = [sample(10, 100, 100, foreign=0.4)]
    assert paired(loud, theirs[:1]).median == 0.1
    verdict = table(report(Ratio("ours / theirs", over.median, 0.5, None, over)))
    assert "ours / theirs: 0.85, 0.80-0.90 (target 0.50: met)" in verdict


def report(*ratios: Ratio) -> Report:
    sides = [side("floor", [sample(4_000, 1_000, 1_000)]), side("pre-framed", [sample(3_000, 1_000, 2_000)])]
    sides[1].figures |= {"p50_ms": Spread(1.234, 1.0, 2.0), "bytes": Spread(8e5, 7e5, 9e5)}
    section = Section("fan-out", "socket writes", sides, list(ratios), {"frame_bytes": 160}, ["A note."])
    section.columns |= {"p50_ms": "p50 in ms", "bytes": "bytes"}
    return Report({"kernel": "6.1"}, {"seed": "7"}, [section], "2026-01-01 00:00 UTC", 12.0)


def test_only_ratios_with_a_target_can_be_missed() -> None:
    low, told, high = Ratio("a", 0.5, 0.65), Ratio("b", 0.1), Ratio("c", 0.65, 0.65)
    assert report(low, told, high).missed == [low]


@pytest.mark.parametrize("render", [table, markdown])
def test_what_is_printed_has_figures_verdicts_and_facts(render: object) -> None:
    assert callable(render)
    text = render(report(Ratio("pre-framed / floor", 0.5, 0.65, 0.95), Ratio("other", 2.0)))
    assert "p50 in ms" in text
    assert text.count("1.23 (1.00-2.00)") == 1
    assert text.count("800,000") == 1
    assert "3,000 (3,000-3,000)" in text
    assert "1,500 (1,500-1,500)" in text
    assert "pre-framed / floor: 0.50 (target 0.65: MISSED; hoped for 0.95)" in text
    assert "other: 2.00\n" in text
    assert "frame bytes 160" in text
    assert "A note." in text
    assert "kernel 6.1" in text
