"""One run as one JSON document: what the verdict is taken from and what the report shows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from client_sim.agreement import countdown_skew
from client_sim.histogram import Histogram
from loadtest.audit import SaleSum
from loadtest.measured import Bin, Measured
from loadtest.told import Told

ANSWERED = (
    "ORDER|order accepted",
    "ORDER|order sold_out",
    "ORDER|order limit",
    "ORDER|order payment_failed",
    "ORDER|order duplicate",
)
SERIES = {
    "order": ANSWERED,
    "paid_p99": ("PAID|",),
    "delivery": ("DELIVERY|",),
    "lateness": ("GENERATOR|lateness",),
    "lag": ("GENERATOR|loop lag", "GENERATOR|swarm loop lag"),
}
"""Curves over time: p99 of each slice, milliseconds."""
REQUESTS = ("CONNECT|", "WELCOME|", "ORDER|", "PAID|", "PAY|", "DANMAKU|", "HOST|", "RESUME|")
"""What errors are counted against."""
FULL = 0.95
"""Of all CPUs of a machine, in a tenth of a run."""


def skew_of(told: Told) -> Histogram:
    """How far apart two clients saw the same zero, milliseconds."""
    found = Histogram()
    for zeros in told.zeros.values():
        countdown_skew(zeros, found, random.Random(0))
    return found


def p99(histogram: Histogram) -> float | None:
    return histogram.percentile(99) if histogram.count else None


def figures(
    told: Told, measured: Measured, skew: Histogram, sales: Sequence[SaleSum], audit_problems: int | None
) -> dict[str, float | None]:
    """What the limits are held against, by the names they have in the TOML file."""
    failed = sum(count for name, count in measured.counts().items() if name.startswith("failed "))
    went_well = measured.histogram(*REQUESTS).count
    return {
        "order.p99_ms": p99(measured.histogram(*ANSWERED)),
        "paid.p99_ms": p99(measured.histogram("PAID|")),
        "delivery.p99_ms": p99(measured.histogram("DELIVERY|")),
        "connect.p99_ms": p99(measured.histogram("CONNECT|")),
        "welcome.p99_ms": p99(measured.histogram("WELCOME|")),
        "skew.p99_ms": p99(skew),
        "errors.rate": failed / (failed + went_well) if failed + went_well else None,
        "loss.events": float(told.violation_count),
        "loss.viewers": float(sum(missing_viewers(swarm) for swarm in measured.swarms)),
        "sales.oversold": float(sum(one.oversold for one in sales)),
        "sales.unsold": float(sum(one.unsold for one in sales)),
        "audit.problems": None if audit_problems is None else float(audit_problems),
        "generator.lateness_p99_ms": p99(measured.histogram("GENERATOR|lateness")),
        "generator.loop_lag_p99_ms": p99(measured.histogram(*SERIES["lag"])),
        "generator.cpu_p90": max((one["p90"] for one in processes(measured)), default=None),
    }


def missing_viewers(swarm: dict[str, Any]) -> int:
    """Viewers of a swarm who never came in or were not there at the end."""
    viewers = swarm["viewers"]
    return int(max(viewers["asked"] - viewers["in_room_at_end"], 0))


def processes(measured: Measured) -> list[dict[str, Any]]:
    """The generator's processes and the share of one CPU each used, slice by slice."""
    return _shares(measured, "cpu")


def machines(measured: Measured) -> list[dict[str, Any]]:
    """The generator's machines and how busy each was, with all that ran there: shares of all its CPUs."""
    return _shares(measured, "machine")


def full_machines(document: Mapping[str, Any]) -> list[str]:
    """One line for each machine of the generator that had nothing left, where the run did not pass: what
    waits for a processor is slow whoever asked for it."""
    if document["verdict"] == "passed":
        return []
    own: Counter[str] = Counter()
    for one in document["generator"]["processes"]:
        own[one["name"].removeprefix("swarm ").partition("/")[0]] += one["mean"]
    return [
        f"the generator's machine {one['name']} was full at times: {one['mean']:.0%} of all its CPUs were "
        f"busy on average, {one['p90']:.0%} and more in a tenth of the run; the generator's processes used "
        f"{own[one['name']]:.0%} of one, server and whatever else ran there took the rest"
        for one in document["generator"]["machines"]
        if one["p90"] >= FULL
    ]


def _shares(measured: Measured, gauge: str) -> list[dict[str, Any]]:
    used: dict[str, list[float]] = {}
    for levels in measured.levels(gauge):
        for process, share in levels.items():
            used.setdefault(process, []).append(share)
    found = []
    for process, shares in sorted(used.items()):
        shares.sort()
        found.append(
            {
                "name": process,
                "mean": round(sum(shares) / len(shares), 3),
                "p90": round(shares[min(len(shares) - 1, int(len(shares) * 0.9))], 3),
                "max": round(shares[-1], 3),
            }
        )
    return found


def orders(told: Told, counts: Counter[str], sales: Sequence[SaleSum]) -> dict[str, Any]:
    """Offered, accepted, paid, refused: orders, and units where it says so."""
    return {
        "offered": counts["offered"],
        "accepted": len(told.accepted),
        "accepted_units": sum(order["quantity"] for order in told.accepted.values()),
        "paid": counts["paid"],
        "refused": {
            name.removeprefix("refused "): count
            for name, count in sorted(counts.items())
            if name.startswith("refused ")
        },
        "unanswered": len(told.unanswered),
        "early_tries": counts["early"],
        "sales": [
            {
                "sale": one.sale,
                "stock": one.stock,
                "allocated": one.allocated,
                "held": one.held,
                "sold_out": one.called_sold_out is not None,
                "oversold": one.oversold,
                "unsold": one.unsold,
            }
            for one in sales
        ],
    }


def outcomes(measured: Measured, skew: Histogram) -> list[dict[str, Any]]:
    """Every kind of request and each of its outcomes, with its durations."""
    rows = []
    for key in measured.keys():  # noqa: SIM118 - not a dict
        kind, _, name = key.partition("|")
        rows.append({"kind": kind, "name": name, **measured.histogram(key).summary()})
    if skew.count:
        rows.append({"kind": "SKEW", "name": "countdown skew", **skew.summary()})
    return rows


def lost(told: Told, measured: Measured, counts: Counter[str]) -> dict[str, int]:
    """What was lost, and what was left out on purpose and told."""
    resumed = {
        outcome: measured.histogram(f"RESUME|resume {outcome}").count for outcome in ("recovered", "snapshot")
    }
    return {
        "sequenced_events": told.violation_count,
        "swarm_viewers": sum(missing_viewers(swarm) for swarm in measured.swarms),
        "orders_without_an_answer": len(told.unanswered),
        "resumes_with_all_that_was_missed": resumed["recovered"],
        "resumes_with_a_whole_snapshot": resumed["snapshot"],
        "danmaku_skipped_and_told": counts["swarm danmaku_skipped"],
    }


def timeline(measured: Measured) -> dict[str, Any]:
    """Curves: `at` are seconds since the first slice, everything else is one value per slice or null."""
    numbers = sorted(measured.bins)
    if not numbers:
        return {"width_s": measured.width_s, "at": []}
    span = range(numbers[0], numbers[-1] + 1)
    slices = [measured.bins.get(number, Bin()) for number in span]
    width = measured.width_s
    document: dict[str, Any] = {"width_s": width, "at": [index * width for index in range(len(slices))]}
    for name, prefixes in SERIES.items():
        document[name] = [_slice_p99(one, prefixes) for one in slices]
    for name in ("offered", "accepted", "paid"):
        document[name] = [one.counts[name] / width for one in slices]
    document["deliveries"] = [
        sum(one.times["DELIVERY|publish->receive"].values()) / width if one.times else 0 for one in slices
    ]
    document["in_room"] = _levels(slices)
    document["cpu"] = [max(one.gauges.get("cpu", {}).values(), default=None) for one in slices]
    document["machine"] = [max(one.gauges.get("machine", {}).values(), default=None) for one in slices]
    return document


def _levels(slices: Sequence[Bin]) -> list[float | None]:
    """How many were in the room; who said nothing in a slice stands where it stood."""
    latest: dict[str, float] = {}
    levels: list[float | None] = []
    for one in slices:
        for name in ("people", "viewers"):
            latest |= one.gauges.get(name, {})
        levels.append(sum(latest.values()) if latest else None)
    return levels


def _slice_p99(one: Bin, prefixes: tuple[str, ...]) -> float | None:
    found = Histogram()
    for key, buckets in one.times.items():
        if key.startswith(prefixes):
            found.pour(buckets)
    return round(found.percentile(99), 3) if found.count else None
