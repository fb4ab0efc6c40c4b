"""The cost curve as a picture, drawn by matplotlib: the extra `bench`, imported when one is asked for."""

from __future__ import annotations

from pathlib import Path

from loadtest.bench.points import Curves, Point, tick_line

INCHES = (11.0, 4.4)
DOTS_PER_INCH = 120


def draw(curves: Curves, path: Path) -> None:
    """Write a PNG to `path`. Raises ImportError where matplotlib is not installed, OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - optional
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional

    figure = Figure(figsize=INCHES, layout="constrained")
    over_viewers, over_rooms = figure.subplots(1, 2)
    sizes = [one.viewers for one in curves.viewers]
    line = tick_line(curves)
    over_viewers.plot(sizes, [one.tick_us / 1000 for one in curves.viewers], "o", label="measured")
    fitted = [(line.slope * size + line.intercept) / 1000 for size in sizes]
    label = f"{line.slope:.2f} us x viewers + {line.intercept:.0f} us (R^2 {line.r_squared:.3f})"
    over_viewers.plot(sizes, fitted, "-", linewidth=1, label=label)
    over_viewers.set(
        title="A tick of one room", xlabel="viewers in the room", ylabel="gateway CPU per tick, ms"
    )
    over_viewers.legend(loc="upper left", fontsize="small")
    for series, name in ((curves.same_work, _same(curves.same_work)), (curves.thin, _thin(curves.thin))):
        over_rooms.plot([one.rooms for one in series], [one.frame_us for one in series], "o-", label=name)
    over_rooms.set(
        title="A delivered frame", xlabel="rooms", ylabel="gateway CPU per frame, us", xscale="log"
    )
    over_rooms.set_ylim(bottom=0)
    over_rooms.legend(loc="upper left", fontsize="small")
    for axes in (over_viewers, over_rooms):
        axes.grid(visible=True, alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(path)


def _same(series: list[Point]) -> str:
    one = series[-1]
    return f"{one.viewers // one.rooms:,} viewers a room, {one.danmaku_per_second:,} ticks/s in all"


def _thin(series: list[Point]) -> str:
    one = series[-1]
    return f"{one.viewers:,} viewers in all, {one.danmaku_per_second // one.rooms:,} ticks/s a room"
