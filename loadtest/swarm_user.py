"""One Locust user that is thousands of viewers: it drives a swarm in a process of its own.

The swarm (`python -m client_sim --stream`) runs on asyncio and uvloop and costs a fraction of what as
many Locust users would. Each second it says what it measured; that goes into this process's figures and
into Locust's statistics like everything else, so `--processes` and master/worker need nothing more.
"""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

import gevent
import orjson
from locust import User, task

from client_sim.clock import now_ms
from loadtest.course import course_of
from loadtest.options import Options, address_of

ROOT = Path(__file__).resolve().parent.parent
SETTLE_S = 6.0
NAMES: dict[str, tuple[str, str]] = {
    "connect": ("CONNECT", "connect"),
    "delivery": ("DELIVERY", "publish->receive"),
    "lag": ("GENERATOR", "swarm loop lag"),
}
"""What a swarm's times are called here; welcomes and resumes have their outcome in the name."""


def named(name: str) -> tuple[str, str]:
    """`welcome fresh` -> `WELCOME`, `hello->welcome fresh`."""
    kind, _, outcome = name.partition(" ")
    if kind == "welcome":
        return "WELCOME", f"hello->welcome {outcome}"
    if kind == "resume":
        return "RESUME", f"resume {outcome}"
    return NAMES[name]


class SwarmUser(User):
    """Its share of `--swarm-viewers`. There are `--swarms` of them."""

    fixed_count = 1

    def on_start(self) -> None:
        self.course = course_of(self.environment)
        self.name = f"swarm {self.course.process}-{len(self.course.swarms) + 1}"
        self._process = subprocess.Popen(
            swarm_command(self.environment.parsed_options),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._stopping = False
        self._reported = False
        self._last_words: deque[str] = deque(maxlen=3)
        self._reader = gevent.spawn(self._read)
        self._errors = gevent.spawn(self._read_errors)
        self.course.swarms.add(self)

    @task
    def watch(self) -> None:
        gevent.sleep(1)

    def on_stop(self) -> None:
        if hasattr(self, "_process"):
            self.finish(SETTLE_S)
            self.course.swarms.discard(self)

    @property
    def running(self) -> bool:
        return not self._reader.dead

    def tell(self, command: str) -> None:
        """A command of `client_sim.stream`; nothing happens where the swarm has died."""
        self._stopping = self._stopping or command == "stop"
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(f"{command}\n".encode())  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]

    def finish(self, patience_s: float) -> None:
        """Wait for its last word; what does not end in time is killed and said so."""
        if not self._stopping:
            self.tell("stop")
        self._reader.join(timeout=patience_s + 1)
        if self._process.poll() is None and self.running:
            self._process.kill()
            self._reader.join(timeout=5)

    # ---- listening -----------------------------------------------------------------------------

    def _read(self) -> None:
        with self._process.stdout as lines:  # type: ignore[union-attr]
            for line in lines:
                document: dict[str, Any] = orjson.loads(line)
                if "report" in document:
                    self._ended(document)
                else:
                    self._grew(document)
        code = self._process.wait()
        if not self._reported:
            self._errors.join(timeout=1)
            self._died(code)

    def _read_errors(self) -> None:
        with self._process.stderr as lines:  # type: ignore[union-attr]
            for line in lines:
                self._last_words.append(line.decode("utf-8", "replace").strip())

    def _grew(self, document: dict[str, Any]) -> None:
        now, measured = now_ms(), self.course.measured
        for name, buckets in document["times"].items():
            counted = {int(bucket): count for bucket, count in buckets.items()}
            measured.pour(*named(name), counted, now)
        for name, count in document["counts"].items():
            if name == "connect_failures":
                measured.failed("CONNECT", "swarm viewer", "lost before its first welcome", now, count)
            elif name != "violations":
                measured.count(f"swarm {name}", now, count)
        measured.gauge("viewers", self.name, document["live"], now)
        measured.gauge("cpu", self.name, document["cpu"], now)

    def _ended(self, document: dict[str, Any]) -> None:
        self._reported = True
        course, report = self.course, document["report"]
        machine = course.process.rpartition("/")[0]
        for sale, zeros in document["zeros"].items():
            course.told.saw_zero(sale, machine, *zeros)
        course.told.violation_count += sum(report["violations"].values())
        course.told.violations.extend(f"{self.name}: {detail}" for detail in report["violation_details"][:5])
        course.measured.swarms.append({"name": self.name, **report})
        course.measured.problems.extend(f"{self.name}: {problem}" for problem in report["problems"])

    def _died(self, code: int) -> None:
        words = " / ".join(self._last_words)
        problem = f"{self.name} ended with code {code} before it said how it went" + (
            f": {words}" if words else ""
        )
        self.course.measured.problems.append(problem)
        self.course.measured.failed("SWARM", "swarm", f"ended with code {code}", now_ms())
        self.environment.events.request.fire(
            request_type="SWARM",
            name="swarm",
            response_time=0.0,
            response_length=0,
            exception=RuntimeError(problem),
            context={},
        )


def swarm_command(options: Options) -> list[str]:
    """The command line of one swarm: its share of the viewers, of the joins and of the talk."""
    swarms = max(options.swarms, 1)
    viewers = math.ceil(options.swarm_viewers / swarms)
    command = [sys.executable, "-m", "client_sim", "--stream", "--room", options.room]
    command += ["--url", address_of(options).http, "--viewers", str(viewers), "--seconds", "0"]
    command += ["--ramp", str(options.swarm_viewers / max(options.swarm_rate, 1.0))]
    command += ["--danmaku-rate", str(options.swarm_danmaku_rate / swarms)]
    command += ["--churn-rate", str(options.churn_rate / swarms), "--settle", str(SETTLE_S)]
    command += ["--codec", options.codec, "--wait", "30"]
    if options.token_key:
        command += ["--token-key", str(Path(options.token_key).resolve())]
    return command
