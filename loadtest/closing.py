"""The end of a load test: the ledger is read, the verdict taken, the document made, the report written."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import psutil

from client_sim.api import Api, ApiError
from client_sim.histogram import Histogram
from client_sim.tokens import DemoTokens, KeyTokens
from loadtest import result
from loadtest.audit import SaleSum, await_ledger, judge, sale_sums
from loadtest.options import USER_PREFIX, Options, address_of, tokens_of
from loadtest.report.page import render
from loadtest.scenarios import SCENARIOS
from loadtest.thresholds import Thresholds
from loadtest.verdict import Verdict, decide
from schemas.codes import Role

if TYPE_CHECKING:
    from loadtest.course import Course

AUDITOR = "load-auditor"
GOALS = ("name", "what", "value", "limit", "unit", "held")


def close(course: Course, options: Options, thresholds: Thresholds, skew: Histogram) -> dict[str, Any]:
    """The whole run as a document, its `verdict` in it."""
    sales, differences = _audit(course, options) if options.audit else (sale_sums(course.told, []), None)
    if not options.audit:
        sales = []
    figures = result.figures(
        course.told, course.measured, skew, sales, None if differences is None else len(differences)
    )
    verdict = decide(thresholds, figures, _problems(course, differences))
    return document(course, options, verdict, sales, skew)


def _audit(course: Course, options: Options) -> tuple[list[SaleSum], list[str]]:
    """What the ledger has, against what clients were told."""
    # A host's token shows the whole room, and a demo server hands none to operators.
    source = tokens_of(options)
    role = Role.OPERATOR if isinstance(source, KeyTokens) else Role.HOST
    if not isinstance(source, DemoTokens | KeyTokens):
        return [], ["no token to read the ledger with"]
    try:
        api = Api(address_of(options), source.token(AUDITOR, role, options.room))
        ledger = await_ledger(course.told, api, options.room, options.audit_wait)
    except (OSError, ApiError) as error:
        return [], [f"the ledger of room {options.room} could not be read: {error}"]
    differences = judge(course.told, ledger, lambda user: user.startswith(USER_PREFIX))
    return sale_sums(course.told, ledger), differences


def _problems(course: Course, differences: list[str] | None) -> list[str]:
    """What fails a run by itself, one line each."""
    told, measured = course.told, course.measured
    problems = list(differences or [])
    problems += measured.problems
    problems += [f"worker {worker} did not say what it was told" for worker in course.silent]
    problems += told.violations
    if not told.accepted and not measured.histogram("DELIVERY|").count:
        problems.append("nothing was measured: no order was accepted and no danmaku arrived")
    return problems


def document(
    course: Course, options: Options, verdict: Verdict, sales: list[SaleSum], skew: Histogram
) -> dict[str, Any]:
    measured, told = course.measured, course.told
    counts = measured.counts()
    scenario = SCENARIOS[options.scenario]
    ended = time.time()
    return {
        "verdict": verdict.status.value,
        "exit_code": verdict.exit_code,
        "reasons": verdict.reasons,
        "generator_limits": verdict.limits,
        "goals": [{name: _plain(getattr(goal, name)) for name in GOALS} for goal in verdict.goals],
        "scenario": {"name": scenario.name, "what": scenario.what},
        "room": options.room,
        "host": options.server,
        "command": shlex.join(["locust", *sys.argv[1:]]),
        "ended_at": datetime.fromtimestamp(ended, UTC).isoformat(timespec="seconds"),
        "seconds": round(options.seconds, 1),
        "people": {"users": options.people, "swarm_viewers": options.swarm_viewers},
        "orders": result.orders(told, counts, sales),
        "lost": result.lost(told, measured, counts),
        "counts": dict(sorted(counts.items())),
        "errors": dict(measured.errors.most_common(50)),
        "outcomes": result.outcomes(measured, skew),
        "timeline": result.timeline(measured),
        "generator": {"processes": result.processes(measured), "machines": result.machines(measured)},
        "swarms": measured.swarms,
        "machine": machine(),
    }


def _plain(value: object) -> object:
    """JSON has no infinity: a limit that is off is null."""
    return None if value == float("inf") else value


def machine() -> dict[str, str]:
    """What the generator ran on, for a reader of the figures."""
    cpuinfo = Path("/proc/cpuinfo")
    model = next(
        (line.partition(":")[2].strip() for line in _lines(cpuinfo) if line.startswith("model name")),
        platform.processor() or "unknown",
    )
    return {
        "processor": model,
        "cpus": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "locust": version("locust"),
    }


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError:
        return []


def report_path(report: str | None, locust_html: str | None) -> Path | None:
    """Where the report goes: where it was asked for, or beside Locust's own."""
    if report:
        return Path(report)
    if locust_html:
        own = Path(locust_html)
        return own.with_name(f"{own.stem}-verdict.html")
    return None


def write(document: dict[str, Any], path: Path) -> None:
    """The report, and the document as JSON beside it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(document), "utf-8")
    path.with_suffix(".json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


def summary(document: dict[str, Any]) -> list[str]:
    """The run in a few lines: figures, then a line per reason, then the verdict."""
    orders = document["orders"]
    refused = sum(orders["refused"].values())
    lines = [
        f"orders offered {orders['offered']}, accepted {orders['accepted']} "
        f"({orders['accepted_units']} units), "
        f"refused {refused}, paid {orders['paid']}, without an answer {orders['unanswered']}"
    ]
    for goal in document["goals"]:
        if goal["value"] is not None:
            limit = "off" if goal["limit"] is None else f"{goal['limit']:.6g}"
            lines.append(f"{goal['name']} {goal['value']:.6g} (limit {limit})")
    lines += [f"problem: {reason}" for reason in document["reasons"]]
    lines += [f"generator: {limit}" for limit in document["generator_limits"]]
    lines += [f"note: {line}" for line in result.full_machines(document)]
    audited = any(goal["name"] == "audit.problems" and goal["value"] == 0 for goal in document["goals"])
    said = {
        "passed": "passed" + (", the ledger holds what the clients were told" if audited else ""),
        "failed": "failed",
        "generator_limited": "generator_limited: the load generator, not the server, set these figures",
    }
    return [*lines, f"verdict: {said[document['verdict']]}"]
