from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.capacity.fit import fit, non_negative, residuals
from tests.depth import rounds

amounts = st.floats(0.0, 1_000.0)
GRID = [
    (1.0, float(viewers), viewers * float(min(20, rate)), float(rate))
    for viewers in (500, 2_000, 5_000, 10_000)
    for rate in (0, 5, 20, 50)
]


@settings(max_examples=rounds(40, 400), deadline=None)
@given(
    st.tuples(st.floats(0, 1), st.floats(0, 1e-4), st.floats(0, 1e-4), st.floats(0, 1e-2)),
)
def test_known_coefficients_are_found_again(known: tuple[float, ...]) -> None:
    goal = [sum(part * factor for part, factor in zip(row, known, strict=True)) for row in GRID]
    found = non_negative(GRID, goal)
    # Each by what it adds to the largest point: 1e-9 cores of what was put in.
    for part, one, other in zip(GRID[-1], found, known, strict=True):
        assert part * one == pytest.approx(part * other, rel=1e-6, abs=1e-6)


@settings(max_examples=rounds(60, 600), deadline=None)
@given(
    st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=8),
    st.data(),
)
def test_no_coefficient_is_negative_and_no_step_makes_it_better(
    rows: list[tuple[float, ...]], data: st.DataObject
) -> None:
    goal = data.draw(st.lists(st.floats(-1_000, 1_000), min_size=len(rows), max_size=len(rows)))
    found = non_negative(rows, goal)
    assert min(found) >= 0
    best = sum(one * one for one in residuals(rows, goal, found))
    for index in range(3):
        for step in (-0.1, 0.1):
            other = list(found)
            other[index] = max(0.0, other[index] + step)
            assert sum(one * one for one in residuals(rows, goal, other)) >= best - 1e-6 * (1 + best)


def test_what_would_be_negative_is_zero_and_said() -> None:
    falling = fit("t", "s", [("a", "s"), ("b", "s each")], [[1, 1], [1, 2], [1, 3]], [3.0, 2.0, 1.0])
    assert falling["a"] == pytest.approx(2.0)
    assert falling["b"] == 0.0
    assert any("b came out as 0" in doubt for doubt in falling.doubts)
    assert falling.coefficients[1].least is None and "least allowed" in falling.coefficients[1].why
    assert any("R²" in doubt for doubt in falling.doubts)


def test_columns_that_depend_on_each_other_are_not_divided_by_nothing() -> None:
    assert sum(non_negative([[1, 2], [2, 4], [3, 6]], [2, 4, 6])) in (pytest.approx(1), pytest.approx(2))


def test_a_good_line_has_no_doubts_and_a_range_around_it() -> None:
    line = fit(
        "t", "s", [("a", "s"), ("b", "s each")], [[1, x] for x in range(6)], [5.0, 7, 9.1, 11, 12.9, 15]
    )
    assert line.doubts == []
    assert line.r_squared is not None and line.r_squared > 0.999
    assert line.worst < 0.2
    for one in line.coefficients:
        assert one.least is not None and one.value is not None and one.most is not None
        assert one.least <= one.value <= one.most
        assert one.why == ""
        assert one.most < 6.0


def test_what_is_the_same_everywhere_has_no_r_squared() -> None:
    flat = fit("t", "s", [("a", "s")], [[1], [1], [1]], [2.0, 2.0, 2.0])
    assert flat.r_squared is None and flat.doubts == []


def test_one_point_far_away_is_said() -> None:
    bent = fit("t", "s", [("b", "s each")], [[1], [2], [3], [4]], [1.0, 2.0, 3.0, 9.0])
    assert any("worst point" in doubt for doubt in bent.doubts)


@pytest.mark.parametrize(
    ("rows", "goal"), [([], []), ([[1.0]], [1.0, 2.0]), ([[1.0], [1.0, 2.0]], [1.0, 2.0])]
)
def test_what_is_no_table_is_refused(rows: list[list[float]], goal: list[float]) -> None:
    with pytest.raises(ValueError, match="rows"):
        non_negative(rows, goal)
