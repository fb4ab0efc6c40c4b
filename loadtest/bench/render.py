"""A report for people: as a table on the terminal, as Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.bench.results import Ratio, Report, Section, Side, Spread

HEADINGS = ("", "per core and second", "per second", "windows", "")


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _range(figure: Spread) -> str:
    return f"{_number(figure.median)} ({_number(figure.least)}-{_number(figure.most)})"


def _row(side: Side) -> tuple[str, ...]:
    noise = "noisy" if side.noisy else ""
    taken = len(side.samples)
    windows = str(taken) if side.used == taken else f"{side.used} of {taken}"
    return side.name, _range(side.per_core), _range(side.per_second), windows, noise


def _figure(figure: Spread | None) -> str:
    """With its spread where it is a small number: a large one follows from what `_row` shows."""
    if figure is None:
        return "-"
    if figure.median >= 100:
        return _number(figure.median)
    return f"{figure.median:.2f} ({figure.least:.2f}-{figure.most:.2f})"


def _figures(section: Section) -> list[list[str]]:
    """The second table, its heading first; empty when the section has no further figures."""
    if not section.columns:
        return []
    rows = [
        [side.name, *(_figure(side.figures.get(column)) for column in section.columns)]
        for side in section.sides
        if side.figures
    ]
    return [[f"{section.name}: further", *section.columns.values()], *rows]


def _verdict(ratio: Ratio) -> str:
    value = f"{ratio.name}: {ratio.value:.2f}"
    if ratio.over is not None:
        value += f", {ratio.over.least:.2f}-{ratio.over.most:.2f}"
    if ratio.target is None:
        return value
    word = "met" if ratio.met else "MISSED"
    hoped = f"; hoped for {ratio.stretch:.2f}" if ratio.stretch is not None else ""
    return f"{value} (target {ratio.target:.2f}: {word}{hoped})"


def _facts(values: dict[str, float | int | str] | dict[str, str]) -> str:
    shown = (
        f"{name.replace('_', ' ')} {value:,}"
        if isinstance(value, int)
        else f"{name.replace('_', ' ')} {value}"
        for name, value in values.items()
    )
    return ", ".join(shown)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _section_table(section: Section) -> list[str]:
    lines = []
    if section.sides:
        heading = (f"{section.name}: {section.unit}", *HEADINGS[1:])
        lines += _aligned([heading, *(_row(side) for side in section.sides)])
    if figures := _figures(section):
        lines += ["", *_aligned(figures), ""]
    if section.grid:
        lines += _aligned(section.grid)
    lines += [_verdict(ratio) for ratio in section.ratios]
    lines.append(_facts(section.facts))
    return [*lines, *section.notes, ""]


def table(report: Report) -> str:
    """For a terminal. Figures: median (least-most)."""
    lines = [
        _facts(report.machine),
        _facts(report.options),
        f"{report.started_at}, {report.took_s:.0f} s",
        "",
    ]
    for section in report.sections:
        lines += _section_table(section)
    return "\n".join(lines).rstrip()


def _section_markdown(section: Section) -> list[str]:
    lines = []
    if section.sides:
        heads = (f"{section.name}: {section.unit}", *HEADINGS[1:])
        lines += [f"| {' | '.join(heads)} |", "| --- | ---: | ---: | ---: | --- |"]
        lines += [f"| {' | '.join(_row(side))} |" for side in section.sides]
        lines.append("")
    for heading, *rows in filter(None, (_figures(section), section.grid)):
        lines += [f"| {' | '.join(heading)} |", f"| {' | '.join(['---:'] * len(heading))} |"]
        lines += [*(f"| {' | '.join(row)} |" for row in rows), ""]
    lines += [*(f"- {_verdict(ratio)}" for ratio in section.ratios), f"- {_facts(section.facts)}"]
    return [*lines, *(f"- {note}" for note in section.notes), ""]


def markdown(report: Report) -> str:
    """For docs/performance.md, between its two markers."""
    lines = [f"Measured {report.started_at} in {report.took_s:.0f} s; median (least-most).", ""]
    for section in report.sections:
        lines += _section_markdown(section)
    lines += [f"- Machine: {_facts(report.machine)}", f"- Run: {_facts(report.options)}"]
    return "\n".join(lines)
