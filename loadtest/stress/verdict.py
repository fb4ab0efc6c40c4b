"""How a run ended: plain values, written as JSON, rendered as a table."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

Figures = dict[str, int | float | str]
SHOWN = 5
"""Broken promises of one scenario that are spelt out; the rest is counted."""


class Verdict(Struct, kw_only=True):
    """One scenario. `breaches`: one sentence per broken promise; none means it held."""

    name: str
    promise: str
    viewers: int
    figures: Figures
    breaches: list[str]
    took_s: float

    @property
    def held(self) -> bool:
        return not self.breaches


class Report(Struct, kw_only=True):
    """One run; the same seed makes the same plan again."""

    machine: dict[str, str]
    seed: int
    settings: dict[str, str] = {}
    verdicts: list[Verdict]
    started_at: str
    took_s: float

    @property
    def broken(self) -> list[str]:
        """One line per broken promise, the scenario first."""
        return [line for verdict in self.verdicts for line in breach_lines(verdict.name, verdict.breaches)]


def breach_lines(name: str, breaches: Sequence[str]) -> list[str]:
    """A line for each of the first breaches of what is called `name`, the others counted."""
    lines = [f"{name}: {breach}" for breach in breaches[:SHOWN]]
    if len(breaches) > SHOWN:
        lines.append(f"{name}: and {len(breaches) - SHOWN} more")
    return lines


def _figures(figures: Figures) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value:,}"
        if isinstance(value, int)
        else f"{name.replace('_', ' ')} {value}"
        for name, value in figures.items()
    )


def row(verdict: Verdict) -> str:
    """One scenario on one line."""
    word = "held" if verdict.held else f"BROKEN ({len(verdict.breaches)})"
    return (
        f"{verdict.name:<10} {word:<12} {verdict.viewers:>6,} viewers {verdict.took_s:>6.1f} s  "
        f"{_figures(verdict.figures)}"
    )


def table(report: Report) -> str:
    """For a terminal: a line per scenario, then the broken promises."""
    machine = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    head = [machine, f"seed {report.seed}, {report.started_at}, {report.took_s:.0f} s", ""]
    rows: Sequence[str] = [row(verdict) for verdict in report.verdicts]
    return "\n".join([*head, *rows])
