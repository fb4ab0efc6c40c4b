"""The slope and its interval: exact on a line, honest about noise that hangs together."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.soak.samples import Point
from loadtest.soak.slope import Trend, block_means, student, trend


def line(slope: float, intercept: float, count: int = 120, begin: float = 0.0) -> list[Point]:
    return [Point(begin + at, begin + at, intercept + slope * (begin + at)) for at in range(count)]


def wandering(seed: int, slope: float, hold: float, count: int = 600) -> list[Point]:
    """A line under first-order autoregressive noise: each sample keeps `hold` of the one before."""
    source, noise, points = random.Random(seed), 0.0, []
    for at in range(count):
        noise = hold * noise + source.gauss(0, 1)
        points.append(Point(at, at, slope * at + noise))
    return points


def found(*series: list[Point]) -> Trend:
    one = trend(series)
    assert one is not None
    return one


@given(
    slope=st.floats(-100, 100),
    intercepts=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=4),
    count=st.integers(60, 200),
)
def test_a_line_is_found_whatever_each_life_begins_with(
    slope: float, intercepts: list[float], count: int
) -> None:
    series = [line(slope, one, count, begin=500.0 * at) for at, one in enumerate(intercepts)]
    one = found(*series)
    assert one.slope == pytest.approx(slope, abs=1e-6)
    assert one.stretches == len(intercepts)
    assert one.low <= one.slope <= one.high


def test_a_step_between_two_lives_is_no_growth() -> None:
    one = found(line(0, 100), line(0, 300, begin=120))
    assert one.slope == 0
    assert one.none


@given(scale=st.floats(0.1, 10), slope=st.floats(-5, 5))
def test_units_change_the_slope_and_its_interval_alike(scale: float, slope: float) -> None:
    points = wandering(7, slope, 0.5)
    one, other = found(points), found([Point(p.at, p.x, p.y * scale) for p in points])
    assert other.slope == pytest.approx(one.slope * scale, rel=1e-6, abs=1e-9)
    assert other.high - other.low == pytest.approx((one.high - one.low) * scale, rel=1e-6)


@pytest.mark.parametrize("hold", [0.0, 0.8, 0.95])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(hold: float) -> None:
    inside = sum(
        one.low <= 0.01 <= one.high for one in (found(wandering(seed, 0.01, hold)) for seed in range(200))
    )
    assert inside >= 180  # 190 are expected


def test_samples_that_repeat_each_other_do_not_narrow_the_interval() -> None:
    points = wandering(1, 0.0, 0.9)
    often = [Point(p.at + part / 8, p.x + part / 8, p.y) for p in points for part in range(8)]
    once, again = found(points), found(often)
    assert again.high - again.low == pytest.approx(once.high - once.low, rel=0.2)


def test_a_leak_in_noise_is_told() -> None:
    one = found(wandering(3, 0.1, 0.8))
    assert not one.none
    assert one.low > 0


@given(st.lists(st.lists(st.floats(0, 1e6), max_size=3), max_size=3))
def test_too_little_says_nothing(values: list[list[float]]) -> None:
    assert trend([[Point(at, at, y) for at, y in enumerate(life)] for life in values]) is None


def test_the_same_moment_again_and_again_says_nothing() -> None:
    assert trend([[Point(1.0, 1.0, 2.0)] * 50]) is None
    assert trend([[Point(at, 5.0, float(at)) for at in range(50)]]) is None


def test_a_life_of_two_blocks_is_left_out() -> None:
    one = found(line(0, 1), line(50, 0, 8, begin=200))
    assert one.stretches == 1
    assert one.slope == 0


@given(width=st.floats(0.5, 50), count=st.integers(0, 200))
def test_blocks_are_whole_and_in_order(width: float, count: int) -> None:
    means = block_means(line(1, 0, count), width)
    assert [p.at for p in means] == sorted(p.at for p in means)
    assert all(p.y == pytest.approx(p.x) for p in means)
    assert len(means) <= max(0, count - 1) / width + 1


def test_students_t_goes_on_where_the_table_ends() -> None:
    assert student(1) == 12.706
    assert student(30) == 2.042
    assert student(60) == pytest.approx(2.000, abs=0.003)
    assert student(10_000) == pytest.approx(1.960, abs=0.001)
    assert all(student(n) > student(n + 1) for n in range(1, 100))


@pytest.mark.parametrize("hold", [0.0, 0.8, 0.98])
def test_and_so_it_does_where_faults_cut_the_run_into_short_stretches(hold: float) -> None:
    def cut(points: list[Point]) -> list[list[Point]]:
        return [points[at : at + 54] for at in range(0, len(points), 60)]

    inside = sum(
        one.low <= 0.01 <= one.high
        for one in (found(*cut(wandering(seed, 0.01, hold))) for seed in range(200))
    )
    assert inside >= 186  # without what differs between stretches: 184, 183, 183
