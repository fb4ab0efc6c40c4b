"""`receiver.c` in Python: same arguments, same lines, same answers. `python -m loadtest.bench.receiver`."""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Sequence

from loadtest.bench.pacing import Loop, Message, answer, command, send_text, sockets

STALL_S = 2.0
TEXT_MAX = 511
_STAMP = re.compile(rb'"text":"t([0-9a-f]{16})')
_STAMPED_SIZE = 17


class Receiver:
    """Counts frames on every socket; replies or a clock pace the senders, the first viewer bounds them."""

    def __init__(self, viewers: str, senders: str, seed: int) -> None:
        watched, self._senders = sockets(viewers), sockets(senders)
        self._viewers = len(watched)
        self._links = watched + self._senders
        self._loop = Loop(self._links, self._heard)
        self._loop.listen(sys.stdin.fileno())
        names = ("frames", "bytes", "watched_frames", "danmaku_frames", "danmaku", "sent", "errors", "closed")
        self._counts = dict.fromkeys((*names, "stalls"), 0)
        self._window = self._burst = self._under_way = self._ready = 0
        self._pace = self._paced = self._pace_start = self._late = 0
        self._speech = '{"type":"danmaku.send","text":"$text","id":$id}'
        self._mark, self._accepted = b'"type":"danmaku"', b'"type":"danmaku.accepted"'
        self._text_size = 8
        self._words: list[str] = []
        self._stamping = False
        self._random = random.Random(seed)
        self._micros: list[int] = []
        self._last_seen = 0.0

    def run(self) -> None:
        """Until stdin ends."""
        while True:
            if self._loop.turn(self._patience()):
                line = command(sys.stdin.fileno())
                if line is None:
                    return
                self._obey(line)
            self._send_due()
            if self._window and time.monotonic() - self._last_seen > STALL_S:
                self._counts["stalls"] += 1
                self._start()

    def _patience(self) -> float | None:
        if self._pace:
            return max(0.0, (self._due_at() - time.monotonic_ns()) / 1e9)
        return STALL_S if self._window else None

    def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        match word:
            case "text":
                self._text_size = min(int(rest), TEXT_MAX)
            case "words":
                self._words = rest.split()
            case "speech":
                self._speech = rest
            case "heard":
                self._mark = rest.encode()
            case "accepted":
                self._accepted = rest.encode()
            case "send":
                window, burst = (int(number) for number in rest.split())
                self._window, self._burst, self._pace = window if self._senders else 0, burst, 0
                self._start()
            case "pace":
                self._window, self._paced = 0, 0
                self._pace = int(rest) if self._senders else 0
                self._pace_start = time.monotonic_ns()
                self._send_due()
            case "latency":
                self._stamping, self._late, self._micros = rest == "1", 0, []
                if self._stamping and self._text_size < _STAMPED_SIZE:
                    sys.exit(f"a text of {self._text_size} bytes has no room for a stamp")
            case "stop":
                self._window = self._pace = 0
            case "awake" | "snap":
                pass
            case _:
                sys.exit(f"no such command: {line}")
        self._tell()

    def _tell(self) -> None:
        self._micros.sort()
        known = len(self._micros)
        answer(
            self._counts
            | {"sockets": len(self._links), "stamped": known, "late_us": self._late // 1000}
            | {"cpu_ns": time.process_time_ns(), "wall_ns": time.monotonic_ns()}
            | {
                name: self._micros[min(known - 1, int(share * known))] if known else 0
                for name, share in (("p50_us", 0.50), ("p99_us", 0.99), ("max_us", 1.0))
            }
        )

    # ---- sending ----------------------------------------------------------------------------

    def _start(self) -> None:
        self._under_way = 0
        self._ready = self._burst
        self._last_seen = time.monotonic()
        self._send_ready()

    def _send_ready(self) -> None:
        while self._ready > 0 and self._under_way < self._window:
            self._ready -= 1
            self._send_one()

    def _due_at(self) -> int:
        return self._pace_start + self._paced * 1_000_000_000 // self._pace

    def _send_due(self) -> None:
        while self._pace and (late := time.monotonic_ns() - self._due_at()) >= 0:
            self._paced += 1
            self._late = max(self._late, late)
            self._send_one()

    def _send_one(self) -> None:
        sent = self._counts["sent"]
        said = self._speech.replace("$text", self._text())
        try:
            send_text(self._senders[sent % len(self._senders)], said.replace("$id", str(sent)).encode())
        except OSError:
            self._counts["errors"] += 1
            return
        self._counts["sent"] += 1
        self._under_way += 1

    def _text(self) -> str:
        """The stamp when there is to be one, words while they fit, then x."""
        text = f"t{time.monotonic_ns():016x}" if self._stamping else ""
        while self._words:
            longer = f"{text} {self._random.choice(self._words)}".lstrip()
            if len(longer.encode()) > self._text_size:
                break
            text = longer
        return text + "x" * (self._text_size - len(text.encode()))

    # ---- hearing ----------------------------------------------------------------------------

    def _heard(self, index: int, size: int, messages: list[Message] | None) -> None:
        counts = self._counts
        if messages is None:
            counts["closed"] += 1
            return
        counts["bytes"] += size
        counts["frames"] += len(messages)
        if self._stamping and index < self._viewers:
            self._find_stamps(messages)
        if index == 0:
            self._look(messages)
        elif index >= self._viewers:
            for _, payload in messages:
                if self._accepted:
                    self._ready += payload.count(self._accepted)
                if b'"type":"error"' in payload:
                    counts["errors"] += 1
                    print(f"a danmaku was refused: {payload!r}", file=sys.stderr, flush=True)
            self._send_ready()

    def _find_stamps(self, messages: list[Message]) -> None:
        now = time.monotonic_ns()
        for _, payload in messages:
            for found in _STAMP.finditer(payload):
                took = now - int(found[1], 16)
                if took >= 0:
                    self._micros.append(took // 1000)

    def _look(self, messages: list[Message]) -> None:
        for _, payload in messages:
            self._counts["watched_frames"] += 1
            seen = payload.count(self._mark)
            if seen:
                self._counts["danmaku_frames"] += 1
                self._counts["danmaku"] += seen
                self._under_way = max(0, self._under_way - seen)
                if not self._accepted:
                    self._ready += seen
                self._last_seen = time.monotonic()
        self._send_ready()


def main(arguments: Sequence[str]) -> None:
    """VIEWERS SENDERS SEED; mask keys are the system's all the same."""
    viewers, senders, seed = arguments
    Receiver(viewers, senders, int(seed)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
