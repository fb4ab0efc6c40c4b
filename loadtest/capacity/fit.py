"""Least squares with coefficients that are not negative. No I/O; up to some five columns.

A handful of columns allows the exact way: of all sets of columns, take the least-squares solution that has
no negative coefficient and leaves the least. One such set is the optimum (Lawson and Hanson, Solving Least
Squares Problems, chapter 23: the conditions of Kuhn and Tucker hold on its set of positive coefficients).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations
from math import sqrt

from msgspec import Struct

GOOD_R_SQUARED = 0.95
GOOD_RESIDUAL = 0.25
DEPENDENT = 1e-9
"""Of a column's length: what is left of it beside the others is rounding."""
TOO_FEW = "too few distinct sizes or rates"


class Coefficient(Struct):
    """`least` and `most`: over the fits with one group of points left out at a time.

    `value` is None where the points cannot tell it, `least` and `most` where fits with points left out
    cannot; `why` says so in words.
    """

    name: str
    unit: str
    value: float | None
    least: float | None
    most: float | None
    why: str = ""


class Fit(Struct):
    """One fitted quantity. `residuals` are measured minus fitted, in the order of the points."""

    name: str
    unit: str
    coefficients: list[Coefficient]
    r_squared: float | None
    """None where everything that was measured is the same."""
    residuals: list[float]
    middle: float
    """Mean of what was measured: residuals are large or small beside it."""

    def __getitem__(self, name: str) -> float:
        """Raises ValueError where it cannot be told."""
        found = next(one for one in self.coefficients if one.name == name)
        if found.value is None:
            raise ValueError(f"{name} {found.why}")
        return found.value

    @property
    def whole(self) -> bool:
        """Every coefficient can be told: there is a line to draw."""
        return all(one.value is not None for one in self.coefficients)

    @property
    def worst(self) -> float:
        """The greatest residual, without its sign."""
        return max((abs(one) for one in self.residuals), default=0.0)

    @property
    def doubts(self) -> list[str]:
        """Where the fit is bad; empty when it is not."""
        found = []
        if self.r_squared is not None and self.r_squared < GOOD_R_SQUARED:
            found.append(f"R² is {self.r_squared:.3f}, under {GOOD_R_SQUARED}")
        if self.middle > 0 and self.worst > GOOD_RESIDUAL * self.middle:
            found.append(f"the worst point lies {self.worst / self.middle:.0%} of the mean away")
        found += [f"{one.name} {one.why}" for one in self.coefficients if one.value is None]
        found += [
            f"{one.name} cannot be told from 0"
            for one in self.coefficients
            if one.value and one.least is not None and one.least <= 0
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
    settings: Sequence[Hashable] | None = None,
) -> Fit:
    """`columns`: name and unit of each coefficient. `groups` says which points are left out together for a
    coefficient's range (those of one server); each point is its own group when None. Points of the same
    `settings` were asked for the same: what differs between them is noise, and tells no coefficient."""
    solution = non_negative(rows, goal)
    left = residuals(rows, goal, solution)
    middle = sum(goal) / len(goal)
    total = sum((value - middle) ** 2 for value in goal)
    r_squared = 1.0 - sum(one * one for one in left) / total if total else None
    owner = list(range(len(rows))) if groups is None else list(groups)
    asked = list(range(len(rows))) if settings is None else list(settings)
    partners = _partners(rows, asked)
    others: list[list[float | None]] = []
    for group in sorted(set(owner)):
        kept = [index for index, one in enumerate(owner) if one != group]
        if kept:
            some = [rows[index] for index in kept]
            found = non_negative(some, [goal[index] for index in kept])
            mixed = _partners(some, [asked[index] for index in kept])
            others.append([None if mixed[index] else value for index, value in enumerate(found)])
    coefficients = [
        _coefficient(
            label,
            per,
            None if partners[index] else solution[index],
            [value for one in others if (value := one[index]) is not None],
            [columns[other][0] for other in partners[index]],
        )
        for index, (label, per) in enumerate(columns)
    ]
    return Fit(name, unit, coefficients, r_squared, left, middle)


def _coefficient(
    name: str, unit: str, value: float | None, others: Sequence[float], partners: Sequence[str]
) -> Coefficient:
    """`others`: what it is in the fits with points left out; `partners`: what it cannot be told from."""
    if value is None:
        named = " and ".join(f"`{partner}`" for partner in partners if partner != name)
        beside = f" from {named}" if named else ""
        return Coefficient(name, unit, None, None, None, f"cannot be told{beside}: {TOO_FEW}")
    if not others:
        return Coefficient(name, unit, value, None, None, f"not known: {TOO_FEW}")
    least, most = min(value, *others), max(value, *others)
    if least == most == 0:
        return Coefficient(name, unit, value, None, None, "not known: 0, the least allowed, in every fit")
    return Coefficient(name, unit, value, least, most)


def _partners(rows: Sequence[Sequence[float]], settings: Sequence[Hashable]) -> list[list[int]]:
    """For each column the columns that are mixed up with it, itself among them; none for one that the
    settings tell from all others."""
    asked: dict[Hashable, list[Sequence[float]]] = {}
    for setting, row in zip(settings, rows, strict=True):
        asked.setdefault(setting, []).append(row)
    middle = [[sum(column) / len(found) for column in zip(*found, strict=True)] for found in asked.values()]
    columns = [list(column) for column in zip(*middle, strict=True)]
    mixed = [index for index in range(len(columns)) if _mixed(columns, index)]
    return [mixed if index in mixed else [] for index in range(len(columns))]


def _mixed(columns: list[list[float]], index: int) -> bool:
    """Whether the column is a sum of shares of the others."""
    rest, straight = list(columns[index]), list[list[float]]()
    for other in [one for at, one in enumerate(columns) if at != index]:
        left, length = _across(other, straight), _length(other)
        if _length(left) > DEPENDENT * length:
            straight.append([one / _length(left) for one in left])
    return _length(_across(rest, straight)) <= DEPENDENT * _length(rest)


def _across(column: Sequence[float], straight: Sequence[Sequence[float]]) -> list[float]:
    """What of a column is in none of these, each of length 1 and at right angles to the others."""
    rest = list(column)
    for other in straight:
        share = _dot(other, rest)
        rest = [one - share * two for one, two in zip(rest, other, strict=True)]
    return rest
