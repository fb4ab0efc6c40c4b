"""Load test of a Miaodan room.

    locust -f loadtest/locustfile.py --headless --scenario evening --html load.html \
        --host http://127.0.0.1:8460 --token-key miaodan-data/token.key

People talk, buyers order when they meant to, one host runs the room, a swarm watches. At the end every
accepted order is looked for in the server's ledger and every figure is held against its limit. Exit
code 1 names each problem in one line; `load-verdict.html` shows the run. See `docs/load.md`.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.runners import MasterRunner, WorkerRunner

# Locust puts the locustfile's own folder on the path, not the repository's root.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from loadtest import closing, options, result
from loadtest.buyers import BuyerUser
from loadtest.course import SETTLE_S, Course, course_of
from loadtest.host import HostUser
from loadtest.locust_stats import fold
from loadtest.people import ViewerUser
from loadtest.scenarios import SCENARIOS, shares
from loadtest.shape import ScenarioShape
from loadtest.swarm_user import SwarmUser
from loadtest.thresholds import ThresholdError, load

__all__ = ["BuyerUser", "HostUser", "ScenarioShape", "SwarmUser", "ViewerUser"]

SETTLE = "miaodan_settle"
TOLD = "miaodan_told"
hooks: Any = events


def _introduce(environment: Any, runner: Any, **_: Any) -> None:
    course = course_of(environment)
    if isinstance(runner, WorkerRunner):
        _wire_worker(environment, runner, course)
        return
    parsed = environment.parsed_options
    options.complete(parsed)
    try:
        environment.miaodan_thresholds = load(parsed.thresholds, parsed.threshold or ())
    except ThresholdError as error:
        print(f"thresholds: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    if not parsed.room:
        parsed.room = f"load-{uuid.uuid4().hex[:8]}"
    environment.user_classes[:] = _cast(parsed)
    print(f"scenario {parsed.scenario}, room {parsed.room}")
    if isinstance(runner, MasterRunner):
        _wire_master(runner, course)


def _cast(parsed: Any) -> list[Any]:
    """Who takes part: one host, the swarms, and buyers and talkers in the scenario's proportion."""
    SwarmUser.fixed_count = parsed.swarms
    fixed = 1 + parsed.swarms
    people = shares(max(parsed.people, fixed + 1), SCENARIOS[parsed.scenario].buyers, fixed)
    BuyerUser.weight, ViewerUser.weight = people["buyers"], people["talkers"]
    cast = [HostUser, SwarmUser] if parsed.swarms else [HostUser]
    return [*cast, *(kind for kind in (BuyerUser, ViewerUser) if kind.weight)]


def _wire_worker(environment: Any, runner: WorkerRunner, course: Course) -> None:
    """A worker sends what it holds with each report, so that little is lost with it, and when asked."""

    def settle(msg: Any, **_: Any) -> None:
        del msg
        course.settle()
        course.end(environment)
        runner.send_message(TOLD, course.take())

    def report(client_id: str, data: dict[str, Any]) -> None:
        del client_id
        data[TOLD] = course.take()

    runner.register_message(SETTLE, settle, concurrent=True)
    hooks.report_to_master.add_listener(report)


def _wire_master(runner: MasterRunner, course: Course) -> None:
    def told(msg: Any, **_: Any) -> None:
        course.add(msg.data)
        course.heard_from.add(msg.node_id)

    def reported(client_id: str, data: dict[str, Any]) -> None:
        del client_id
        if TOLD in data:
            course.add(data[TOLD])

    runner.register_message(TOLD, told)
    hooks.worker_report.add_listener(reported)


def _begin(environment: Any, **_: Any) -> None:
    if not isinstance(environment.runner, WorkerRunner):
        options.complete(environment.parsed_options)  # the web page may have said other numbers
    course_of(environment).begin(environment)


def _settle(environment: Any, **_: Any) -> None:
    """Users are still in the room: wait for their orders, then for the workers' word."""
    course = course_of(environment)
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        asked = {client.id for client in (*runner.clients.spawning, *runner.clients.running)}
        runner.send_message(SETTLE)
        with gevent.Timeout(SETTLE_S * 1.5, False):
            while not asked <= course.heard_from:
                gevent.sleep(0.05)
        course.silent = sorted(asked - course.heard_from)
    elif not isinstance(runner, WorkerRunner):
        course.settle()


def _judge(environment: Any, **_: Any) -> None:
    if isinstance(environment.runner, WorkerRunner):
        return
    course, parsed = course_of(environment), environment.parsed_options
    course.end(environment)
    skew = result.skew_of(course.told)
    if skew.count:
        fold(environment.stats, {"SKEW|countdown skew": skew.buckets()})
    document = course.result = closing.close(course, parsed, environment.miaodan_thresholds, skew)
    for line in closing.summary(document):
        print(line)
    path = closing.report_path(parsed.report, parsed.html_file)
    if path is not None:
        closing.write(document, path)
        print(f"report: {path}")
    # Failed requests within the limit: without this Locust exits with 1 for the first of them.
    environment.process_exit_code = document["exit_code"]


def _quit(environment: Any, **_: Any) -> None:
    """An interrupted run is judged as well; Locust reads the exit code right after this."""
    runner = environment.runner
    if runner is not None and not isinstance(runner, WorkerRunner) and course_of(environment).result is None:
        runner.quit()


hooks.init_command_line_parser.add_listener(options.add)
hooks.init.add_listener(_introduce)
hooks.test_start.add_listener(_begin)
hooks.test_stopping.add_listener(_settle)
hooks.test_stop.add_listener(_judge)
hooks.quitting.add_listener(_quit)
