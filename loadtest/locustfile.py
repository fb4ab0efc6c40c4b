"""Load test of a Miaodan room.

    locust -f loadtest/locustfile.py --headless -u 200 -r 50 -t 30s --html report.html \
        --host http://127.0.0.1:8460 --token-key miaodan-data/token.key

Viewers talk, buyers order at the zero of each flash sale, one host runs the room. At the end every
accepted order is looked for in the server's ledger. Exit code 1 names each problem in one line.
Add `loadtest/spike.py` to the `-f` list for a crowd that comes just before the sale.
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

from loadtest import options
from loadtest.course import SETTLE_S, Course, course_of
from loadtest.host import HostUser
from loadtest.people import BuyerUser, ViewerUser

__all__ = ["BuyerUser", "HostUser", "ViewerUser"]

SETTLE = "miaodan_settle"
TOLD = "miaodan_told"
hooks: Any = events


def _introduce(environment: Any, runner: Any, **_: Any) -> None:
    course = course_of(environment)
    if isinstance(runner, WorkerRunner):
        _wire_worker(runner, course)
        return
    if not environment.parsed_options.room:
        environment.parsed_options.room = f"load-{uuid.uuid4().hex[:8]}"
    print(f"room {environment.parsed_options.room}")
    if isinstance(runner, MasterRunner):
        _wire_master(runner, course)


def _wire_worker(runner: WorkerRunner, course: Course) -> None:
    """A worker sends what it was told with each report, so that little is lost with it, and when asked."""

    def settle(environment: Any, msg: Any) -> None:
        del environment, msg
        course.settle()
        runner.send_message(TOLD, course.told.take())

    def report(client_id: str, data: dict[str, Any]) -> None:
        del client_id
        data[TOLD] = course.told.take()

    runner.register_message(SETTLE, settle, concurrent=True)
    hooks.report_to_master.add_listener(report)


def _wire_master(runner: MasterRunner, course: Course) -> None:
    def told(environment: Any, msg: Any) -> None:
        del environment
        course.told.add(msg.data)
        course.heard_from.add(msg.node_id)

    def reported(client_id: str, data: dict[str, Any]) -> None:
        del client_id
        if TOLD in data:
            course.told.add(data[TOLD])

    runner.register_message(TOLD, told)
    hooks.worker_report.add_listener(reported)


def _begin(environment: Any, **_: Any) -> None:
    course_of(environment).begin()


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
    else:
        course.settle()


def _judge(environment: Any, **_: Any) -> None:
    if isinstance(environment.runner, WorkerRunner):
        return
    course = course_of(environment)
    problems = course.judge(environment.parsed_options, environment.stats)
    course.verdict = problems
    for line in course.summary():
        print(line)
    for problem in problems:
        print(f"problem: {problem}")
    print("verdict: failed" if problems else "verdict: passed, the ledger holds what the clients were told")
    if problems:
        environment.process_exit_code = 1
    elif environment.parsed_options.max_error_rate > 0:
        # Failed requests within the limit: without this Locust exits with 1 for the first of them.
        environment.process_exit_code = 0


def _quit(environment: Any, **_: Any) -> None:
    """An interrupted run is judged as well; Locust reads the exit code right after this."""
    runner = environment.runner
    if runner is not None and not isinstance(runner, WorkerRunner) and course_of(environment).verdict is None:
        runner.quit()


hooks.init_command_line_parser.add_listener(options.add)
hooks.init.add_listener(_introduce)
hooks.test_start.add_listener(_begin)
hooks.test_stopping.add_listener(_settle)
hooks.test_stop.add_listener(_judge)
hooks.quitting.add_listener(_quit)
