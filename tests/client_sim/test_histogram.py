from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_sim.histogram import Histogram

durations = st.lists(st.floats(min_value=0, max_value=600_000), min_size=1, max_size=300)


def exact(values: list[float], percent: float) -> float:
    return sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]


@given(durations, st.floats(min_value=0.1, max_value=100))
def test_a_percentile_is_within_one_percent_of_the_exact_one(values: list[float], percent: float) -> None:
    histogram = Histogram()
    histogram.extend(values)
    assert histogram.percentile(percent) == pytest.approx(exact(values, percent), rel=0.01, abs=0.011)


@given(durations, durations)
def test_loading_a_dump_is_the_same_as_recording_both(one: list[float], other: list[float]) -> None:
    together, first, second = Histogram(), Histogram(), Histogram()
    together.extend([*one, *other])
    first.extend(one)
    second.extend(other)
    first.load(second.dump())
    summary = first.summary()
    assert summary == {**together.summary(), "mean": pytest.approx(together.summary()["mean"], abs=0.002)}
    assert first.lowest == together.lowest


def test_an_empty_histogram_says_zero_and_loads_nothing() -> None:
    histogram = Histogram()
    histogram.load(Histogram().dump())
    assert histogram.summary() == dict.fromkeys(("count", "mean", "p50", "p90", "p99", "p999", "max"), 0)


def test_weights_count_as_often_as_they_say() -> None:
    histogram = Histogram()
    histogram.record(1.0, 99)
    histogram.record(500.0)
    assert histogram.count == 100
    assert histogram.percentile(99) == pytest.approx(1.0, rel=0.01)
    assert histogram.percentile(99.5) == pytest.approx(500.0, rel=0.01)


def test_negative_durations_count_as_zero_and_endless_ones_as_the_limit() -> None:
    histogram = Histogram()
    histogram.record(-3.0)
    histogram.record(1e12)
    assert histogram.lowest == 0.0
    assert histogram.percentile(50) == pytest.approx(0.0, abs=0.01)
    assert histogram.percentile(100) == pytest.approx((1 << 30) * 0.01, rel=0.01)
