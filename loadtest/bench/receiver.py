"""`receiver.c` in Python: same arguments, same lines, same answers. `python -m loadtest.bench.receiver`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from loadtest.bench.pacing import Loop, Message, answer, command, send_text, sockets

STALL_S = 2.0


class Receiver:
    """Counts frames on every socket; replies pace the senders, the first viewer bounds them."""

    def __init__(self, viewers: str, senders: str) -> None:
        watched, self._senders = sockets(viewers), sockets(senders)
        self._viewers = len(watched)
        self._links = watched + self._senders
        self._loop = Loop(self._links, self._heard)
        self._loop.listen(sys.stdin.fileno())
        names = ("frames", "bytes", "watched_frames", "danmaku_frames", "danmaku", "sent", "errors", "closed")
        self._counts = dict.fromkeys((*names, "stalls"), 0)
        self._window = self._burst = self._under_way = self._ready = 0
        self._text = "x" * 8
        self._last_seen = 0.0

    def run(self) -> None:
        """Until stdin ends."""
        while True:
            if self._loop.turn(STALL_S if self._window else None):
                words = command(sys.stdin.fileno())
                if words is None:
                    return
                self._obey(words)
            if self._window and time.monotonic() - self._last_seen > STALL_S:
                self._counts["stalls"] += 1
                self._start()

    def _obey(self, words: list[str]) -> None:
        match words:
            case ["text", size]:
                self._text = "x" * int(size)
            case ["send", window, burst]:
                self._window, self._burst = int(window) if self._senders else 0, int(burst)
                self._start()
            case ["stop"]:
                self._window = 0
            case _:
                pass
        clocks = {"cpu_ns": time.process_time_ns(), "wall_ns": time.monotonic_ns()}
        answer(self._counts | {"sockets": len(self._links)} | clocks)

    def _start(self) -> None:
        self._under_way = 0
        self._ready = self._burst
        self._last_seen = time.monotonic()
        self._send_ready()

    def _send_ready(self) -> None:
        while self._ready > 0 and self._under_way < self._window:
            self._ready -= 1
            sent = self._counts["sent"]
            payload = f'{{"type":"danmaku.send","text":"{self._text}","id":{sent}}}'.encode()
            try:
                send_text(self._senders[sent % len(self._senders)], payload)
            except OSError:
                self._counts["errors"] += 1
                return
            self._counts["sent"] += 1
            self._under_way += 1

    def _heard(self, index: int, size: int, messages: list[Message] | None) -> None:
        counts = self._counts
        if messages is None:
            counts["closed"] += 1
            return
        counts["bytes"] += size
        counts["frames"] += len(messages)
        if index == 0:
            self._look(messages)
        elif index >= self._viewers:
            for _, payload in messages:
                self._ready += payload.count(b'"type":"danmaku.accepted"')
                if b'"type":"error"' in payload:
                    counts["errors"] += 1
                    print(f"a danmaku was refused: {payload!r}", file=sys.stderr, flush=True)
            self._send_ready()

    def _look(self, messages: list[Message]) -> None:
        for _, payload in messages:
            self._counts["watched_frames"] += 1
            seen = payload.count(b'"type":"danmaku"')
            if seen:
                self._counts["danmaku_frames"] += 1
                self._counts["danmaku"] += seen
                self._under_way = max(0, self._under_way - seen)
                self._last_seen = time.monotonic()
        self._send_ready()


def main(arguments: Sequence[str]) -> None:
    """VIEWERS SENDERS SEED; the seed is of no use here: mask keys are the system's."""
    viewers, senders, _seed = arguments
    Receiver(viewers, senders).run()


if __name__ == "__main__":
    main(sys.argv[1:])
