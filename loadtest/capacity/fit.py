"""Least squares with coefficients that are not negative. No I/O; up to some five columns.

A handful of columns allows the exact way: of all sets of columns, take the least-squares solution that has
no negative coefficient and leaves the least. One such set is the optimum (Lawson and Hanson, Solving Least
Squares Problems, chapter 23: the conditions of Kuhn and Tucker hold on its set of positive coefficients).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import sqrt

from msgspec import Struct

GOOD_R_SQUARED = 0.95
GOOD_RESIDUAL = 0.25
DEPENDENT = 1e-9
"""Of a column's length: what is left of it beside the others is rounding."""


class Coefficient(Struct):
    """`least` and `most`: over the fits with one group of points left out at a time."""

    name: str
    unit: str
    value: float
    least: float
    most: float


class Fit(Struct):
    """One fitted quantity. `residuals` are measured minus fitted, in the order of the points."""

    name: str
    unit: str
    coefficients: list[Coefficient]
    r_squared: float
    residuals: list[float]
    middle: float
    """Mean of what was measured: residuals are large or small beside it."""

    def __getitem__(self, name: str) -> float:
        return next(one.value for one in self.coefficients if one.name == name)

    @property
    def worst(self) -> float:
        """The greatest residual, without its sign."""
        return max((abs(one) for one in self.residuals), default=0.0)

    @property
    def doubts(self) -> list[str]:
        """Where the fit is bad; empty when it is not."""
        found = []
        if self.r_squared < GOOD_R_SQUARED:
            found.append(f"R² is {self.r_squared:.3f}, under {GOOD_R_SQUARED}")
        if self.middle > 0 and self.worst > GOOD_RESIDUAL * self.middle:
            found.append(f"the worst point lies {self.worst / self.middle:.0%} of the mean away")
        found += [
            f"{one.name} cannot be told from 0" for one in self.coefficients if one.value > 0 >= one.least
        ]
        found += [f"{one.name} came out as 0" for one in self.coefficients if one.value == 0]
        return found


def non_negative(rows: Sequence[Sequence[float]], goal: Sequence[float]) -> list[float]:
    """The x >= 0 that makes |rows x - goal| least. Raises ValueError for no rows, or ragged ones."""
    if not rows or len(rows) != len(goal) or len({len(row) for row in rows}) != 1:
        raise ValueError("as many values as rows, and rows of one length")
    width = len(rows[0])
    columns = [[row[index] for row in rows] for index in range(width)]
    best, least = [0.0] * width, sum(value * value for value in goal)
    for size in range(1, width + 1):
        for chosen in combinations(range(width), size):
            found = _solve([columns[index] for index in chosen], goal)
            if found is None or min(found) < 0:
                continue
            whole = [0.0] * width
            for index, value in zip(chosen, found, strict=True):
                whole[index] = value
            left = sum(one * one for one in residuals(rows, goal, whole))
            if left < least:
                best, least = whole, left
    return best


def residuals(
    rows: Sequence[Sequence[float]], goal: Sequence[float], solution: Sequence[float]
) -> list[float]:
    """What is measured less what is fitted."""
    return [
        value - sum(part * factor for part, factor in zip(row, solution, strict=True))
        for row, value in zip(rows, goal, strict=True)
    ]


def _solve(columns: list[list[float]], goal: Sequence[float]) -> list[float] | None:
    """Unbounded least squares by Gram-Schmidt (modified, so that it stays accurate); None when the columns
    depend on each other."""
    count = len(columns)
    upper = [[0.0] * count for _ in range(count)]
    straight: list[list[float]] = []
    for index, column in enumerate(columns):
        rest, length = list(column), _length(column)
        for before, other in enumerate(straight):
            upper[before][index] = share = _dot(other, rest)
            rest = [one - share * two for one, two in zip(rest, other, strict=True)]
        upper[index][index] = left = _length(rest)
        if left <= DEPENDENT * length:
            return None
        straight.append([one / left for one in rest])
    found = [0.0] * count
    rest = list(goal)
    shares = []
    for other in straight:
        shares.append(share := _dot(other, rest))
        rest = [one - share * two for one, two in zip(rest, other, strict=True)]
    for index in reversed(range(count)):
        known = sum(upper[index][later] * found[later] for later in range(index + 1, count))
        found[index] = (shares[index] - known) / upper[index][index]
    return found


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(left * right for left, right in zip(one, other, strict=True))


def _length(column: Sequence[float]) -> float:
    return sqrt(_dot(column, column))


def fit(
    name: str,
    unit: str,
    columns: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[float]],
    goal: Sequence[float],
    groups: Sequence[int] | None = None,
) -> Fit:
    """`columns`: name and unit of each coefficient. `groups` says which points are left out together for a
    coefficient's range (those of one server); each point is its own group when None."""
    solution = non_negative(rows, goal)
    left = residuals(rows, goal, solution)
    middle = sum(goal) / len(goal)
    total = sum((value - middle) ** 2 for value in goal)
    r_squared = 1.0 - sum(one * one for one in left) / total if total else 1.0
    owner = list(range(len(rows))) if groups is None else list(groups)
    others = []
    for group in sorted(set(owner)):
        kept = [index for index, one in enumerate(owner) if one != group]
        if len(kept) >= len(columns):
            others.append(non_negative([rows[index] for index in kept], [goal[index] for index in kept]))
    every = [solution, *others]
    coefficients = [
        Coefficient(
            label,
            per,
            solution[index],
            min(one[index] for one in every),
            max(one[index] for one in every),
        )
        for index, (label, per) in enumerate(columns)
    ]
    return Fit(name, unit, coefficients, r_squared, left, middle)
