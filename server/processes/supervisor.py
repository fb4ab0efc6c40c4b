"""Start parts in order, start again what dies, stop them in the opposite order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from enum import Enum

import structlog

from server.processes.backoff import Backoff
from server.processes.parts import Part
from server.valkey import StoreInUse, StoreUnavailable

log = structlog.get_logger("miaodan.supervisor")

_GLANCE = 0.5
"""Seconds between looks where no SIGCHLD says that something ended."""


class StartFailed(Exception):
    """A part that others stand on did not come up: `part`, `reason`."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(part, reason)
        self.part = part
        self.reason = reason

    def __str__(self) -> str:
        return f"the {self.part} did not start: {self.reason}"


class State(Enum):
    RUNNING = "running"
    WAITING = "waiting"
    """Dead, to be started again when its backoff is over."""
    STOPPED = "stopped"


class _Watched:
    """One part and what is known of it."""

    def __init__(self, part: Part, backoff: Backoff) -> None:
        self.part = part
        self.backoff = backoff
        self.state = State.STOPPED
        self.born = 0.0
        self.due = 0.0


class Supervisor:
    """Runs `stages`: each starts once the one before is ready, and they stop last stage first.

    `on_started` is called once everything was started; `on_exit` with the pid of each part that
    ended. The first SIGTERM or SIGINT stops in order, giving each part its `stop_timeout`; another
    one kills. Runs in the main thread, whose death the children notice.
    """

    def __init__(
        self,
        stages: Sequence[Sequence[Part]],
        *,
        on_started: Callable[[], None] = lambda: None,
        on_exit: Callable[[int], None] = lambda pid: None,
        backoff: Callable[[], Backoff] = Backoff,
        start_timeout: float = 120.0,
    ) -> None:
        self._stages = [[_Watched(part, backoff()) for part in stage] for stage in stages]
        self._on_started = on_started
        self._on_exit = on_exit
        self._start_timeout = start_timeout
        self._wake = asyncio.Event()
        self._stopping = False
        self._hurried = False

    async def run(self) -> None:
        """Until a signal, or `stop`. Raises StartFailed, with everything stopped again."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._wake.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            await self._start()
            while not self._stopping:
                await self._pause(self._look(time.monotonic()))
        finally:
            await self._stop()
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Stop in order; a second call kills what is left."""
        self._hurried = self._stopping
        self._stopping = True
        self._wake.set()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    # ---- starting ---------------------------------------------------------------------------

    async def _start(self) -> None:
        for stage in self._stages:
            for watched in stage:
                await self._first_start(watched)
        if not self._stopping:
            self._on_started()

    async def _first_start(self, watched: _Watched) -> None:
        """Until it is ready. What fails here fails the start: it would fail again."""
        part = watched.part
        deadline = time.monotonic() + self._start_timeout
        while not self._stopping:
            try:
                if watched.state is State.STOPPED:
                    part.spawn()
                    watched.state, watched.born = State.RUNNING, time.monotonic()
                    log.info("started", part=part.name, pid=part.pid)
                if part.ready():
                    return
            except StoreInUse:  # a killed one still going down
                if time.monotonic() > deadline:
                    raise StartFailed(part.name, "another one still runs") from None
            except (OSError, StoreUnavailable) as error:
                raise StartFailed(part.name, str(error)) from error
            code = part.exit_code()
            if code is not None:
                raise StartFailed(part.name, f"it ended with {exit_text(code)}{see_log(part)}")
            if time.monotonic() > deadline:
                raise StartFailed(part.name, f"not ready after {self._start_timeout:.0f} s")
            await self._pause(0.02)

    # ---- watching ---------------------------------------------------------------------------

    def _look(self, now: float) -> float:
        """Notice deaths, start what is due; seconds until the next look."""
        nearest = now + _GLANCE
        for stage in self._stages:
            for watched in stage:
                code = watched.part.exit_code()
                if watched.state is State.RUNNING and code is not None:
                    self._died(watched, exit_text(code), now)
                if watched.state is State.WAITING and watched.due <= now:
                    self._restart(watched, now)
                if watched.state is State.WAITING:
                    nearest = min(nearest, watched.due)
        return nearest - now

    def _died(self, watched: _Watched, reason: str, now: float) -> None:
        pid = watched.part.pid
        delay = watched.backoff.died(watched.born, now)
        watched.state, watched.due = State.WAITING, now + delay
        log.error("died", part=watched.part.name, pid=pid, reason=reason, restart_in=round(delay, 2))
        if pid is not None:
            self._on_exit(pid)

    def _restart(self, watched: _Watched, now: float) -> None:
        watched.born = now
        try:
            watched.part.spawn()
        except (OSError, StoreUnavailable) as error:
            delay = watched.backoff.died(now, now)
            watched.due = now + max(delay, 0.05)
            log.warning("could not be started", part=watched.part.name, reason=str(error))
            return
        watched.state = State.RUNNING
        log.info("started again", part=watched.part.name, pid=watched.part.pid)

    # ---- stopping ---------------------------------------------------------------------------

    async def _stop(self) -> None:
        for stage in reversed(self._stages):
            running = [watched for watched in stage if watched.state is State.RUNNING]
            for watched in running:
                watched.part.terminate()
            await asyncio.gather(*(self._end(watched) for watched in running))
            for watched in stage:
                watched.state = State.STOPPED
                watched.part.ended()

    async def _end(self, watched: _Watched) -> None:
        part = watched.part
        deadline = time.monotonic() + part.stop_timeout
        killed = False
        while (code := part.exit_code()) is None:
            if not killed and (self._hurried or time.monotonic() > deadline):
                log.warning("killed", part=part.name, pid=part.pid)
                part.kill()
                killed = True
            await asyncio.sleep(0.02)
        log.info("stopped", part=part.name, pid=part.pid, result=exit_text(code))
        if part.pid is not None:
            self._on_exit(part.pid)


def see_log(part: Part) -> str:
    """Where it has written why, as the end of a sentence."""
    return f"; see {part.log_file}" if part.log_file is not None else ""


def exit_text(code: int) -> str:
    """`exit code 1`, or the name of the signal.

    >>> exit_text(-9)
    'SIGKILL'
    """
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
