"""People of a room who do something every so often, whatever is answered: an open loop in a thread.

A latency is the time from the moment a command was due to its reply, so that a late sender does
not look like a fast server.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson

from loadtest.bench.pacing import Loop, Message, send_text

PATIENCE_S = 10.0
_REPLIES = (b'"type":"done"', b'"type":"order.accepted"', b'"type":"error"')


@dataclass
class Cue:
    """`make(number)` is what `link` says every `every_s` seconds; its `id` is filled in here."""

    link: socket.socket
    every_s: float
    make: Callable[[int], dict[str, Any]]


@dataclass
class Told:
    """What became of one cue's commands. Latencies in microseconds, of those that were not refused."""

    sent: int = 0
    refused: list[str] = field(default_factory=list)
    micros: list[int] = field(default_factory=list)
    seq: int = 0
    """The last event's place in the room's log, where the replies said it."""


class Cues:
    """From entering to leaving the context; then `told` has one entry per cue."""

    def __init__(self, cues: Sequence[Cue]) -> None:
        """The sockets are past their welcome, and stay the caller's to close."""
        self._cues = cues
        self.told = [Told() for _ in cues]
        self._asked: dict[int, tuple[int, int]] = {}
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._links = list(dict.fromkeys(cue.link for cue in cues))
        self._timeouts = [link.gettimeout() for link in self._links]
        for link in self._links:
            link.setblocking(False)
        self._loop = Loop(self._links, self._heard)
        self._thread = threading.Thread(target=self._guarded, name="cues")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        for link, timeout in zip(self._links, self._timeouts, strict=True):
            link.settimeout(timeout)
        if self._failure is not None and error is None:
            raise self._failure

    @property
    def unanswered(self) -> int:
        return len(self._asked)

    def _guarded(self) -> None:
        try:
            self._run()
        except Exception as error:
            self._failure = error

    def _run(self) -> None:
        start = time.monotonic_ns()
        due = [start + round(cue.every_s * 1e9) for cue in self._cues]
        while not self._stopping.is_set():
            now = time.monotonic_ns()
            for index, cue in enumerate(self._cues):
                while due[index] <= now:
                    self._say(index, due[index])
                    due[index] += round(cue.every_s * 1e9)
            self._loop.turn(max(0.0, min(0.05, (min(due) - time.monotonic_ns()) / 1e9)))
        give_up = time.monotonic() + PATIENCE_S
        while self._asked and time.monotonic() < give_up:
            self._loop.turn(0.05)

    def _say(self, index: int, due: int) -> None:
        cue, told = self._cues[index], self.told[index]
        # One number line for all of them: a reply says whose it is.
        identifier = sum(one.sent for one in self.told) + 1
        command = {**cue.make(told.sent), "id": identifier}
        self._asked[identifier] = index, due
        told.sent += 1
        send_text(cue.link, orjson.dumps(command))

    def _heard(self, index: int, size: int, messages: list[Message] | None) -> None:
        del index, size
        if messages is None:
            raise ConnectionError("the server closed the socket of somebody with a cue")
        now = time.monotonic_ns()
        for _, payload in messages:
            if not any(mark in payload for mark in _REPLIES):
                continue
            for event in orjson.loads(payload):
                asked = self._asked.pop(event["id"], None) if isinstance(event.get("id"), int) else None
                if asked is not None:
                    self._take(self.told[asked[0]], event, now - asked[1])

    @staticmethod
    def _take(told: Told, event: dict[str, Any], took_ns: int) -> None:
        if event["type"] == "error":
            told.refused.append(f"{event['code']}: {event['message']}")
            return
        told.micros.append(took_ns // 1000)
        told.seq = max(told.seq, event.get("seq") or 0)
