"""The figures of docs/capacity.md, as Markdown between two markers. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loadtest.capacity.assumptions import Assumptions, listed
from loadtest.capacity.costs import Costs
from loadtest.capacity.fit import Coefficient, Fit
from loadtest.capacity.model import Model
from loadtest.capacity.plot import FANOUT, ORDERS
from loadtest.capacity.points import FanoutPoint, Measured, OrdersPoint
from loadtest.capacity.projection import CASES, Needs, projected, sku_limit

BEGIN, END = "<!-- capacity:begin -->", "<!-- capacity:end -->"
FEW_DIGITS = 3
MICRO = 1e6
_SCALES = {
    "core seconds per frame": (MICRO, "µs of CPU per frame"),
    "core seconds per danmaku": (MICRO, "µs of CPU per danmaku"),
    "core seconds per order": (MICRO, "µs of CPU per order"),
    "cores per viewer": (MICRO, "millionths of a core per viewer"),
    "bytes of the process": (2**-20, "MiB of the process"),
    "bytes per viewer": (2**-10, "KiB per viewer"),
}
"""Units in which a coefficient is a number one can read."""


class NoMarkers(Exception):
    """The document has not exactly one `BEGIN` and, after it, one `END`."""

    def __str__(self) -> str:
        return f"the document needs one line {BEGIN} and after it one line {END}"


def replaced(document: str, figures: str) -> str:
    """The document with `figures` between its markers, the rest untouched. Raises NoMarkers."""
    before, begun, rest = document.partition(BEGIN)
    old, ended, after = rest.partition(END)
    if not begun or not ended or BEGIN in old + after or END in before + after:
        raise NoMarkers
    return f"{before}{BEGIN}\n{figures.strip()}\n{END}{after}"


def figures(
    measured: Measured, model: Model, known: Costs | None, given: Assumptions, needed: Sequence[Needs]
) -> str:
    """All that stands between the markers: what to buy first, then what it follows from."""
    parts = [
        f"Measured {measured.started_at} in {measured.took_s:,.0f} s by `make capacity`.",
        *_purchase(known, given, needed),
        "### Measured",
        *_fanout(measured),
        *_orders(measured),
        *_further(measured),
        "### Model",
        *_model(model),
        "### Assumptions",
        *_assumptions(given),
        "### Run",
        *_run(measured),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(sides: str, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """`sides`: a letter for each column, l for text and r for numbers."""
    marks = [{"l": "---", "r": "---:"}[side] for side in sides]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heading, marks, *rows))


def digits(value: float) -> str:
    """Three digits that count, thousands apart."""
    if value == 0:
        return "0"
    size = abs(value)
    decimals = 0
    while size < 10 ** (FEW_DIGITS - 1) and decimals < 6:
        size *= 10
        decimals += 1
    return f"{value:,.{decimals}f}"


# ---- what to buy ----------------------------------------------------------------------------


def _purchase(known: Costs | None, given: Assumptions, needed: Sequence[Needs]) -> list[str]:
    if known is None:
        return ["**Too little could be measured for a projection**: see what was left out, under Run."]
    heading = (
        *("", "gateway processes", f"gateway nodes ({given.cores_per_node} cores)", "memory a node"),
        *("Gbit/s out", "stores", "back offices", "can it be had?"),
    )
    rows = [
        (
            f"**{one.case.name}**",
            *(["-"] * 3 if one.obstacles else _machines(one)),
            f"{one.gbit:,.1f}" if one.case.viewers else "small",
            _stores(one, given),
            f"{one.backoffices:,}",
            "yes" if not one.obstacles else "**no**, see below",
        )
        for one in needed
    ]
    rows += [
        (f"**{case.name}**", *(["-"] * 6), "**not projected**, see below")
        for case in CASES
        if not projected(case, known)
    ]
    return [
        _table("lrrrrlrl", heading, rows),
        "\n".join(_sentences(known, given, needed)),
    ]


def _machines(one: Needs) -> list[str]:
    memory = "not known" if one.node_bytes is None else f"{one.node_bytes / 2**30:.1f} GiB"
    return [f"{one.gateways:,}", f"{one.gateway_nodes:,}", memory]


def _stores(one: Needs, given: Assumptions) -> str:
    copies = f"{one.cells:,} + {one.cells * given.replicas:,}" if given.replicas else f"{one.cells:,}"
    return f"{copies}, each {one.store_load:.0%} busy"


def _sentences(known: Costs, given: Assumptions, needed: Sequence[Needs]) -> list[str]:
    lines = []
    for one in needed:
        if one.case.viewers:
            said = (
                f"{one.viewers_per_gateway:,} viewers a process (bound by: {one.bound_by}); after a cut "
                f"everybody is back in {one.return_s:,.0f} s of every gateway's whole core"
            )
        else:
            said = f"the ledger takes it on {one.ledger}"
        if one.cells > 1:
            said += f"; {one.cells:,} deployments with rooms of their own"
        if one.obstacles:
            said = f"**it cannot be had as it is**: {'; '.join(one.obstacles)}"
        lines.append(f"- {one.case.name}: {said}.")
    if known.untold:
        lines.append(
            f"- **Nothing with viewers is projected**: {'; '.join(known.untold)}. Measure rooms of at least "
            "two sizes at two rates of danmaku (`--viewers 500,5000 --danmaku 5,20`)."
        )
    elif known.taken:
        lines.append(
            "- Taken as they came out, though nothing says how far they may be off: "
            f"{'; '.join(known.taken)}."
        )
    if not known.promise_kept:
        lines.append(
            f"- **No room was measured within p99 {given.p99_ms:g} ms**: the processes above are sized "
            "by CPU alone. Measure again when nothing else runs here."
        )
    limit = sku_limit(known, given)
    lines.append(
        f"- The hard limit of one hot SKU: **{limit:,.0f} orders/s** ({limit * 60:,.0f} a minute) on a store "
        f"core like the one measured, at {given.store_utilisation:.0%} of it. One SKU is in one partition, a "
        "partition is in one store, a store has one thread: more machines do not move it. A faster core "
        "does, and so does dividing the stock over rooms of several deployments. The cost of an order "
        f"is the one at {known.orders_held:,}/s, the highest rate held here."
    )
    return lines


# ---- measured -------------------------------------------------------------------------------


def _fanout(measured: Measured) -> list[str]:
    if not measured.fanout:
        return ["No point of the fan-out could be measured."]
    heading = (
        *("viewers", "danmaku/s", "gateway cores", "store cores", "back office cores", "resident MiB"),
        *("frames/s", "Mbit/s", "p50 ms", "p99 ms", "mark"),
    )
    points = sorted(measured.fanout, key=lambda one: (one.viewers, one.danmaku, one.turn))
    table = _table("r" * 10 + "l", heading, map(_fanout_row, points))
    return [f"![Viewers and danmaku against CPU, latency, memory and traffic](images/{FANOUT})", table]


def _fanout_row(one: FanoutPoint) -> list[str]:
    late = [f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}"] if one.danmaku else ["-", "-"]
    return [
        f"{one.viewers:,}",
        f"{one.danmaku:,}",
        f"{one.gateway_cores:.3f}",
        f"{one.store_cores:.3f}",
        f"{one.backoffice_cores:.3f}",
        f"{one.resident_bytes / 2**20:.0f}",
        f"{one.frames_per_second:,.0f}",
        f"{one.bytes_per_second * 8 / 1e6:,.1f}",
        *late,
        "; ".join([*one.marks, *(["disturbed"] if one.disturbed else [])]),
    ]


def _orders(measured: Measured) -> list[str]:
    if not measured.orders:
        return ["No rate of orders could be measured."]
    heading = (
        *("orders/s", "accepted of due", "p50 ms", "p99 ms", "ledger lag s"),
        *("gateway µs an order", "store µs", "back office µs", "mark"),
    )
    table = _table("r" * 8 + "l", heading, map(_orders_row, measured.orders))
    return [f"![Orders a second against latency, ledger lag and CPU](images/{ORDERS})", table]


def _orders_row(one: OrdersPoint) -> list[str]:
    each = (one.gateway_cpu_s, one.store_cpu_s, one.backoffice_cpu_s)
    return [
        f"{one.per_second:,}",
        f"{one.accepted:,} of {one.due:,}",
        f"{one.p50_ms:.1f}",
        f"{one.p99_ms:.1f}",
        f"{one.ledger_lag_s:.2f}",
        *(f"{cpu * MICRO / max(1, one.accepted):,.0f}" for cpu in each),
        f"beyond: {one.beyond}" if one.beyond else "",
    ]


def _further(measured: Measured) -> list[str]:
    lines = [
        f"- {one.joins:,} joins, connect to welcome: {one.cpu_us:,.0f} µs of gateway CPU each"
        for one in measured.joins
    ]
    lines += [
        f"- {one.name}: {one.per_second:,.0f}/s, {one.store_us:.1f} µs of the store's CPU each"
        for one in measured.ceilings
    ]
    return ["\n".join(lines)]


# ---- model, assumptions, run ----------------------------------------------------------------


def _model(model: Model) -> list[str]:
    if not model.fits:
        return ["Too few points for a fit."]
    rows = [_coefficient(fit, one) for fit in model.fits for one in fit.coefficients]
    heading = ("fitted", "coefficient", "unit", "value", "range")
    how_well = [
        (
            fit.name,
            "-" if fit.r_squared is None else f"{fit.r_squared:.4f}",
            f"{digits(fit.worst)} {fit.unit}",
            f"{fit.worst / fit.middle:.0%}" if fit.middle else "-",
            "; ".join(fit.doubts) or "-",
        )
        for fit in model.fits
    ]
    quality = ("fitted", "R²", "worst residual", "of the mean", "where it is bad")
    return [_table("lllrr", heading, rows), _table("lrrrl", quality, how_well)]


def _coefficient(fit: Fit, one: Coefficient) -> list[str]:
    factor, unit = _SCALES.get(one.unit, (1.0, one.unit))
    value = "-" if one.value is None else digits(one.value * factor)
    told = one.why
    if one.least is not None and one.most is not None:
        told = f"{digits(one.least * factor)} to {digits(one.most * factor)}"
    return [fit.name, f"`{one.name}`", unit, value, told]


def _assumptions(given: Assumptions) -> list[str]:
    rows = [(f"`{name}`", f"{value:g}", unit, why) for name, value, unit, why in listed(given)]
    return [_table("lrll", ("assumption", "value", "unit", "why"), rows)]


def _run(measured: Measured) -> list[str]:
    lines = [f"- {name}: {value}" for name, value in (measured.machine | measured.options).items()]
    disturbed = [one.foreign for one in measured.fanout] + [one.foreign for one in measured.orders]
    if disturbed:
        lines.append(f"- others had at most {max(disturbed):.0%} of the gateway's CPU in a window")
    lines += [f"- **left out**: {' '.join(one.split())[:300]}" for one in measured.failures]
    return ["\n".join(lines)]
