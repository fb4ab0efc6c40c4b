"""`buyers.c` in Python: same arguments, same lines, same answers. `python -m loadtest.bench.buyers`."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence

from loadtest.bench.pacing import Loop, Message, answer, command, send_text, sockets

PATIENCE_S = 10.0
UNDER_WAY = 64
_REPLY = re.compile(rb'"type":"(order\.accepted|error)".*?"id":(\d+)')


class Buyers:
    """A closed loop of orders, or an open one; see `buyers.c`."""

    def __init__(self, listed: str, prefix: str, sku: str) -> None:
        self._links = sockets(listed)
        self._loop = Loop(self._links, self._heard)
        self._prefix = prefix
        self._sku = sku
        self._due: list[dict[int, int]] = [{} for _ in self._links]
        self._orders = self._runs = self._waiting = self._stop_at = 0
        self._counts: dict[str, int] = {}
        self._micros: list[int] = []

    def serve(self) -> None:
        """Until stdin ends."""
        while (line := command(sys.stdin.fileno())) is not None:
            match line.split():
                case ["run", milliseconds]:
                    answer(self._run(int(milliseconds)))
                case ["pace", per_second, milliseconds]:
                    answer(self._pace(int(per_second), int(milliseconds)))
                case _:
                    sys.exit(2)

    def _run(self, milliseconds: int) -> dict[str, int]:
        start, cpu = self._begin()
        self._stop_at = start + milliseconds * 1_000_000
        for index in range(len(self._links)):
            self._ask(index, time.monotonic_ns())
        return self._end(start, cpu, self._stop_at)

    def _pace(self, per_second: int, milliseconds: int) -> dict[str, int]:
        start, cpu = self._begin()
        self._stop_at = sent = 0
        while sent < per_second * milliseconds // 1000:
            due = start + sent * 1_000_000_000 // per_second
            if due <= time.monotonic_ns():
                self._ask(sent % len(self._links), due)
                sent += 1
            else:
                self._loop.turn(0.001)
        while time.monotonic_ns() < start + milliseconds * 1_000_000:
            self._loop.turn(0.001)
        return self._end(start, cpu, time.monotonic_ns())

    def _begin(self) -> tuple[int, int]:
        self._runs += 1
        self._counts = {"accepted": 0, "refused": 0, "unsent": 0, "frames": 0}
        self._micros = []
        self._waiting = 0
        for due in self._due:
            due.clear()
        return time.monotonic_ns(), time.process_time_ns()

    def _end(self, start: int, cpu: int, stop_at: int) -> dict[str, int]:
        while self._waiting and time.monotonic_ns() < stop_at + PATIENCE_S * 1e9:
            self._loop.turn(0.1)
        self._micros.sort()
        return self._counts | {
            "unanswered": self._waiting,
            "p50_us": self._percentile(0.50),
            "p99_us": self._percentile(0.99),
            "cpu_ns": time.process_time_ns() - cpu,
            "wall_ns": time.monotonic_ns() - start,
        }

    def _percentile(self, share: float) -> int:
        return self._micros[int(share * len(self._micros))] if self._micros else 0

    def _ask(self, index: int, due: int) -> None:
        if len(self._due[index]) >= UNDER_WAY:
            self._counts["unsent"] += 1
            return
        self._orders += 1
        payload = (
            f'{{"type":"order.place","id":{self._orders},"request_id":"{self._prefix}-{self._runs}-{self._orders}",'
            f'"sku":"{self._sku}","quantity":1}}'
        )
        self._due[index][self._orders] = due
        send_text(self._links[index], payload.encode())
        self._waiting += 1

    def _heard(self, index: int, size: int, messages: list[Message] | None) -> None:
        if messages is None:
            sys.exit("the server closed a buyer's socket")
        for _, payload in messages:
            self._counts["frames"] += 1
            reply = _REPLY.search(payload)
            if reply is None:
                continue
            accepted = reply[1] == b"order.accepted"
            if not accepted and not self._counts["refused"]:
                print(f"an order was refused: {payload!r}", file=sys.stderr, flush=True)
            self._counts["accepted" if accepted else "refused"] += 1
            due = self._due[index].pop(int(reply[2]), None)
            if due is None:
                sys.exit(f"an order was answered twice: {payload!r}")
            now = time.monotonic_ns()
            self._micros.append((now - due) // 1000)
            self._waiting -= 1
            if now < self._stop_at:
                self._ask(index, now)


def main(arguments: Sequence[str]) -> None:
    """SOCKETS SEED PREFIX SKU; the seed is of no use here: mask keys are the system's."""
    listed, _seed, prefix, sku = arguments
    Buyers(listed, prefix, sku).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
