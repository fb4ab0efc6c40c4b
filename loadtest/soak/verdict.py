"""From what a soak recorded to its verdict: each promise that was broken, a line each. Sans-I/O.

Nothing here was measured: a recorded run can be judged again, with other bounds too.
"""

from __future__ import annotations

import orjson
from msgspec import structs

from loadtest.soak.judge import growths
from loadtest.soak.lag import recoveries
from loadtest.soak.levels import levels
from loadtest.soak.report import Bounds, Report
from loadtest.soak.samples import ROLES
from loadtest.soak.seen import behind, late_recoveries, missed, unread

AUDIT_SHOWN = 300


def judged(report: Report, bounds: Bounds) -> Report:
    """The same run by these bounds."""
    during = [sample for sample in report.samples if sample.at <= report.seconds]
    growth = growths(during, report.strikes, bounds.memory, bounds.warm_orders)
    level = levels(during, report.strikes, bounds.count)
    lag = recoveries(during, report.strikes)
    broken = [line for line in (*(one.broken for one in growth), *(one.broken for one in level)) if line]
    broken += [*late_recoveries(lag), *behind(during, report.strikes), *unread(during, report.seconds)]
    broken += [*missed(report.strikes), *_load(report)]
    if len(report.strikes) < report.planned:
        broken.append(f"{len(report.strikes)} of {report.planned} faults were carried out")
    if report.audit.get("exit") != 0:
        broken.append(f"miaodan audit: {orjson.dumps(report.audit).decode()[:AUDIT_SHOWN]}")
    last = report.samples[-1].processes if report.samples else []
    gone = set(ROLES) - {reading.role for reading in last}
    broken += [f"no {role} runs at the end" for role in sorted(gone)]
    broken += report.tracebacks
    return structs.replace(report, growths=growth, levels=level, recoveries=lag, broken=broken, bounds=bounds)


def _load(report: Report) -> list[str]:
    """What Locust's verdict holds against the server."""
    verdict = report.load
    if not verdict:
        return [f"the load ended with {report.load_exit} and no verdict: {report.load_said}"]
    found = [f"load: {reason}" for reason in verdict["reasons"]]
    if verdict["exit_code"] != 0 and not found:
        found.append(f"load: {verdict['verdict']}")
    orders = verdict["orders"]
    if not orders["accepted"] or not any(sale["allocated"] for sale in orders["sales"]):
        found.append("load: nothing was sold, or no flash sale took place")
    return found
