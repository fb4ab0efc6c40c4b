"""What was measured and fitted, as two pictures. Matplotlib (the extra `bench`) is imported to draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from loadtest.capacity.fit import Fit
from loadtest.capacity.model import Model
from loadtest.capacity.points import FanoutPoint, Measured, OrdersPoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES = (11.0, 7.6)
DOTS_PER_INCH = 80
PROMISE_MS = 80.0
LAG_S = 2.0
FANOUT, ORDERS = "capacity-fanout.png", "capacity-orders.png"
TONES = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:cyan")


def draw(measured: Measured, model: Model, folder: Path) -> list[Path]:
    """The PNGs that there are points for. Raises ImportError where matplotlib is not installed, OSError."""
    drawn = []
    for name, points, figure in (
        (FANOUT, measured.fanout, _fanout),
        (ORDERS, measured.orders, _orders),
    ):
        if points:
            path = folder / name
            _write(figure(measured, model), path)
            drawn.append(path)
    return drawn


def _write(figure: Figure, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - optional

    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(path)


def _four(title: str) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional

    figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    figure.suptitle(title, fontsize="medium")
    return figure, [axes for row in figure.subplots(2, 2) for axes in row]


def _finish(figure: Figure, places: Sequence[Axes]) -> Figure:
    for axes in places:
        axes.grid(visible=True, alpha=0.3)
        if axes.get_yscale() == "linear":
            axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.legend(fontsize="small", loc="best", framealpha=0.6)
    return figure


# ---- fan-out --------------------------------------------------------------------------------


def _fanout(measured: Measured, model: Model) -> Figure:
    figure, places = _four("One room on one gateway process: open loop, default ticks")
    cores, latency, memory, traffic = places
    rates = sorted({one.danmaku for one in measured.fanout})
    for tone, rate in zip(TONES, rates, strict=False):
        points = [one for one in measured.fanout if one.danmaku == rate]
        sizes = sorted({one.viewers for one in points})
        label = f"{rate:,} danmaku/s" if rate else "at rest"
        used = [one.gateway_cores for one in points]
        cores.plot([one.viewers for one in points], used, "o", color=tone, label=label)
        if model.gateway is not None and model.gateway.whole:
            fitted = [_cores(model.gateway, points, size) for size in sizes]
            cores.plot(sizes, fitted, "-", linewidth=1, color=tone)
        middle = [_middle(points, size, "bytes_per_second") * 8 / 1e6 for size in sizes]
        traffic.plot(sizes, middle, "o-", linewidth=1, color=tone, label=label)
        if rate:
            late = [_middle(points, size, "p99_ms") for size in sizes]
            latency.plot(sizes, late, "o-", linewidth=1, color=tone, label=label)
    _cross(cores, [(one.viewers, one.gateway_cores) for one in measured.fanout if one.marks])
    _cross(latency, [(one.viewers, one.p99_ms) for one in measured.fanout if one.marks])
    cores.set(title=f"Gateway CPU{_lines(model.gateway)}", xlabel="viewers", ylabel="cores")
    latency.axhline(PROMISE_MS, color="tab:red", linestyle="--", linewidth=1, label="promised: 80 ms")
    latency.set(title="Publish to receive, p99", xlabel="viewers", ylabel="ms", yscale="log")
    latency.yaxis.set_major_formatter("{x:,g}")
    traffic.set(title="Out to the viewers", xlabel="viewers", ylabel="Mbit/s (payload)")
    _memory(memory, measured, model)
    return _finish(figure, places)


def _lines(fit: Fit | None) -> str:
    if fit is None or not fit.whole:
        return ""
    return " (lines: the model)" if fit.r_squared is None else f" (lines: the model, R² {fit.r_squared:.3f})"


def _cores(fit: Fit, points: list[FanoutPoint], viewers: int) -> float:
    """The model at the frames that were measured there."""
    frames = _middle(points, viewers, "frames_per_second")
    return fit["a"] + fit["b"] * viewers + fit["c"] * frames + fit["d"] * points[0].danmaku


def _middle(points: list[FanoutPoint], viewers: int, name: str) -> float:
    return median(float(getattr(one, name)) for one in points if one.viewers == viewers)


def _memory(axes: Axes, measured: Measured, model: Model) -> None:
    sizes = [one.viewers for one in measured.fanout]
    resident = [one.resident_bytes / 2**20 for one in measured.fanout]
    axes.plot(sizes, resident, "o", color=TONES[0], label="measured, all rates")
    if (fit := model.resident) is not None and fit.whole:
        ends = [0, max(sizes)]
        label = f"{fit['m0'] / 2**20:.0f} MiB + {fit['m1'] / 1024:.1f} KiB x viewers"
        line = [(fit["m0"] + fit["m1"] * size) / 2**20 for size in ends]
        axes.plot(ends, line, "-", linewidth=1, color=TONES[1], label=label)
    axes.set(title="Gateway memory, resident", xlabel="viewers", ylabel="MiB")


def _cross(axes: Axes, found: list[tuple[float, float]]) -> None:
    """Points not to be trusted, over what is drawn already."""
    if found:
        across, up = zip(*found, strict=True)
        axes.plot(across, up, "x", color="tab:red", markersize=10, label="marked: not trusted")


# ---- orders ---------------------------------------------------------------------------------


def _orders(measured: Measured, model: Model) -> Figure:
    figure, places = _four("Orders of one SKU, an open loop: every answer after an fsync")
    latency, lag, cores, cost = places
    points = measured.orders
    rates = [one.per_second for one in points]
    latency.plot(rates, [one.p50_ms for one in points], "o-", color=TONES[0], label="p50")
    latency.plot(rates, [one.p99_ms for one in points], "o-", color=TONES[1], label="p99")
    latency.axhline(PROMISE_MS, color="tab:red", linestyle="--", linewidth=1, label="promised: 80 ms")
    latency.set(title="Order to answer", xlabel="orders/s", ylabel="ms", yscale="log")
    latency.yaxis.set_major_formatter("{x:,g}")
    lag.plot(rates, [one.ledger_lag_s for one in points], "o-", color=TONES[0], label="most in the window")
    lag.axhline(LAG_S, color="tab:red", linestyle="--", linewidth=1, label="held up to 2 s")
    lag.set(title="How far the ledger fell behind", xlabel="orders/s", ylabel="s")
    beyond = [one for one in points if one.beyond]
    for axes, name in ((latency, "p99_ms"), (lag, "ledger_lag_s")):
        _beyond(axes, [(one.per_second, getattr(one, name)) for one in beyond])
    fits = (model.orders_gateway, model.orders_store, model.orders_backoffice)
    for tone, process, fit in zip(TONES, ("gateway", "store", "backoffice"), fits, strict=False):
        name = process.replace("backoffice", "back office")
        used = [_cpu(one, process) / one.elapsed_s for one in points]
        cores.plot(rates, used, "o", color=tone, label=name)
        cost.plot(rates, [one.cpu_us(process) for one in points], "o-", color=tone, label=name)
        if fit is not None and fit.whole:
            fitted = [fit["rest"] + fit["order"] * one.accepted / one.elapsed_s for one in points]
            cores.plot(rates, fitted, "-", linewidth=1, color=tone)
    cores.set(title="CPU, until the ledger had all (lines: the model)", xlabel="orders/s", ylabel="cores")
    cost.set(title="CPU of an order, rest included", xlabel="orders/s", ylabel="µs")
    _finish(figure, places)
    cost.legend(fontsize="small", loc="upper right")
    return figure


def _cpu(point: OrdersPoint, process: str) -> float:
    return float(getattr(point, f"{process}_cpu_s"))


def _beyond(axes: Axes, found: list[tuple[float, float]]) -> None:
    if found:
        across, up = zip(*found, strict=True)
        axes.plot(across, up, "x", color="tab:red", markersize=11, label="beyond: not held")
