"""Curves as inline SVG: no script, no font, no request. Colours are the page's, see `style`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 560, 190
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 26
LINES = 4


@dataclass(frozen=True)
class Curve:
    """One line of a plot. `values` None where nothing was measured; `tone` 1 to 4 is its colour."""

    name: str
    values: Sequence[float | None]
    tone: int


def plot(
    title: str, unit: str, at: Sequence[float], curves: Sequence[Curve], goal: float | None = None
) -> str:
    """An SVG figure with a caption; `goal` is drawn as a dashed line where it is near the curves."""
    drawn = [curve for curve in curves if any(value is not None for value in curve.values)]
    caption = f"<figcaption>{escape(title)}{_legend(drawn, goal, unit)}</figcaption>"
    if not drawn or not at:
        return f'<figure>{caption}<p class="none">Nothing was measured.</p></figure>'
    highest = max(value for curve in drawn for value in curve.values if value is not None)
    shown_goal = goal if goal is not None and math.isfinite(goal) and goal <= max(highest, 1e-9) * 3 else None
    top = ceiling(max(highest, shown_goal or 0.0))
    parts = [_grid(top, at)]
    if shown_goal is not None:
        y = _y(shown_goal, top)
        parts.append(f'<line class="goal" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
    parts += [_line(curve, at, top) for curve in drawn]
    label = f"{title}: highest {_short(highest)} {unit}".strip()
    return (
        f'<figure>{caption}<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(label, quote=True)}">{"".join(parts)}</svg></figure>'
    )


def ceiling(value: float) -> float:
    """The next round number: 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9)))


def _x(moment: float, at: Sequence[float]) -> float:
    span = (at[-1] - at[0]) or 1.0
    return LEFT + (moment - at[0]) / span * (WIDTH - LEFT - RIGHT)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _grid(top: float, at: Sequence[float]) -> str:
    parts = []
    for step in range(LINES + 1):
        value = top * step / LINES
        y = _y(value, top)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>')
        moment = at[0] + (at[-1] - at[0]) * step / LINES
        anchor = "start" if step == 0 else "end" if step == LINES else "middle"
        x = _x(moment, at)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{_clock(moment)}</text>')
    return "".join(parts)


def _line(curve: Curve, at: Sequence[float], top: float) -> str:
    """Where nothing was measured the line has a gap; a point alone becomes a dot."""
    runs: list[list[tuple[float, float]]] = [[]]
    for moment, value in zip(at, curve.values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((_x(moment, at), _y(value, top)))
    parts = []
    for run in runs:
        if len(run) == 1:
            parts.append(
                f'<circle class="dot{curve.tone}" cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="2.5"/>'
            )
        elif run:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
            parts.append(f'<polyline class="line{curve.tone}" points="{points}"/>')
    return "".join(parts)


def _legend(curves: Sequence[Curve], goal: float | None, unit: str) -> str:
    named = [f'<span class="key{curve.tone}">{escape(curve.name)}</span>' for curve in curves]
    if goal is not None and math.isfinite(goal):
        named.append(f'<span class="keygoal">limit {_short(goal)} {escape(unit)}</span>')
    return f'<span class="legend">{" ".join(named)}</span>'


def _short(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:.3g}M"
    if value >= 10_000:
        return f"{value / 1_000:.3g}k"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
