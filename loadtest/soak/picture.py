"""A soak as a picture, drawn by matplotlib: the extra `bench`, imported when one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loadtest.chaos.schedule import Kind
from loadtest.soak.judge import MEGABYTE
from loadtest.soak.lag import CAUGHT_UP_S
from loadtest.soak.report import Report
from loadtest.soak.samples import ROLES, ProcessReading, Sample, lives, named, warm_from

INCHES = (11.0, 10.0)
DOTS_PER_INCH = 100
COLOURS_KEPT = 128
COLOURS = dict(zip(ROLES, ("#1f77b4", "#d95f02", "#2a9d4a", "#7a7a7a", "#9467bd"), strict=True))
"""By role; a fault's line has the colour of what it struck."""


def draw(report: Report, path: Path) -> None:
    """Write a PNG to `path`. Raises ImportError where matplotlib is not installed, OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - optional
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional
    from PIL import Image  # noqa: PLC0415 - comes with matplotlib

    figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    panels = figure.subplots(4, 2, sharex=True)
    samples = [sample for sample in report.samples if sample.at <= report.seconds]
    warm = report.bounds.warm_orders
    _processes(
        panels[0][0],
        samples,
        ("gateway", "backoffice", "psp"),
        _megabytes,
        warm_orders=warm,
    )
    panels[0][0].set(title="Memory, MiB (a process that just began lies below)")
    panels[0][0].set_ylim(bottom=_floor(samples, ("gateway", "backoffice", "psp")) - 5)
    _processes(panels[0][1], samples, ("store", "supervisor"), _megabytes, warm_orders=warm)
    panels[0][1].set(title="Memory, MiB (the store keeps every order)")
    panels[0][1].set_ylim(bottom=0)
    _processes(panels[1][0], samples, ("backoffice", "store", "supervisor", "psp"), _descriptors)
    panels[1][0].set(title="Open files and sockets (those to the store included)")
    _line(panels[1][1], samples, _own_descriptors, "gateway, without viewers' sockets", COLOURS["gateway"])
    panels[1][1].set(title="Open files and sockets")
    _line(panels[2][0], samples, lambda one: one.tasks, "of the gateway", COLOURS["gateway"])
    panels[2][0].set(title="asyncio tasks")
    _line(panels[2][1], samples, lambda one: one.lag_s, "lag", COLOURS["backoffice"])
    panels[2][1].axhline(CAUGHT_UP_S, color="black", linewidth=0.8, linestyle=":", label=f"{CAUGHT_UP_S:g} s")
    panels[2][1].set(title="Ledger behind the store, s (gap: no answer)")
    _line(panels[3][0], samples, lambda one: one.connections, "open sockets of viewers", COLOURS["gateway"])
    panels[3][0].set(title="Online")
    _line(panels[3][1], samples, lambda one: one.orders, "orders accepted", COLOURS["store"])
    panels[3][1].set(title="Orders")
    for axes in panels.flat:
        _faults(axes, report)
        axes.grid(visible=True, alpha=0.25)
        axes.legend(loc="best", fontsize="x-small", framealpha=0.7)
    for axes in panels[3]:
        axes.set(xlabel="minutes")
        axes.set_ylim(bottom=0)
    for axes in (*panels[1], panels[2][0], panels[2][1]):
        axes.set_ylim(bottom=0)
    figure.suptitle(
        f"{report.seconds / 60:.3g} minutes with {len(report.strikes)} faults"
        " (dashed: killed, dotted: stopped, in the colour of what was struck; pale: warm-up, left out)",
        fontsize="medium",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.frombytes("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba()))
    # A palette is enough for lines, and makes a file of a third of the size.
    image.convert("RGB").quantize(COLOURS_KEPT).save(path, "PNG", optimize=True)


def _megabytes(reading: ProcessReading) -> float:
    return reading.resident / MEGABYTE


def _floor(samples: Sequence[Sample], roles: Sequence[str]) -> float:
    """The least that any life had in the middle of it; 0 without any."""
    middles = {life.pid: (life.began + life.ended) / 2 for life in lives(samples) if life.role in roles}
    return min(
        (
            _megabytes(one)
            for sample in samples
            for one in sample.processes
            if sample.at >= middles.get(one.pid, float("inf"))
        ),
        default=0.0,
    )


def _descriptors(reading: ProcessReading) -> float:
    return float(reading.descriptors + reading.unix)


def _own_descriptors(sample: Sample) -> float | None:
    found = [_descriptors(one) for one in sample.processes if one.role == "gateway"]
    return sum(found) - sample.connections if found and sample.connections is not None else None


def _processes(
    axes: Any,
    samples: Sequence[Sample],
    roles: Sequence[str],
    value: Callable[[ProcessReading], float],
    *,
    warm_orders: float | None = None,
) -> None:
    """A line per life; with `warm_orders` its warm-up is paler."""
    for role in roles:
        axes.plot([], [], color=COLOURS[role], label=named(role))  # the legend's, not pale
    for life in lives(samples):
        if life.role not in roles:
            continue
        points = [
            (sample.at, value(one)) for sample in samples for one in sample.processes if one.pid == life.pid
        ]
        begin = life.began if warm_orders is None else warm_from(life, samples, warm_orders)
        kept = [point for point in points if point[0] >= begin]
        cold = points[: len(points) - len(kept) + 1]
        for some, alpha in ((cold, 0.35), (kept, 1.0)):
            axes.plot(
                [at / 60 for at, _ in some],
                [number for _, number in some],
                color=COLOURS[life.role],
                alpha=alpha,
                linewidth=1.3,
            )


def _line(
    axes: Any, samples: Sequence[Sample], value: Callable[[Sample], float | None], label: str, colour: str
) -> None:
    """A gap where nobody could say."""
    read = [value(sample) for sample in samples]
    heights = [float("nan") if number is None else number for number in read]
    axes.plot([sample.at / 60 for sample in samples], heights, color=colour, linewidth=1.1, label=label)


def _faults(axes: Any, report: Report) -> None:
    for strike in report.strikes:
        axes.axvline(
            strike.at / 60,
            color=COLOURS.get(strike.fault.target, "black"),
            linestyle="--" if strike.fault.kind is Kind.KILL else ":",
            linewidth=1.0,
            alpha=0.7,
        )
