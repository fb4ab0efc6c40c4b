"""A swarm told from outside: increments on standard output, commands on standard input, a line each.

A line of output is `{"times": {name: {bucket: count}}, "counts": {…}, "live": n, "cpu": share}`
with what was measured since the line before, so that lines of any number of swarms add up. The last one
is `{"report": …, "zeros": …}`. Commands are `drop SHARE` (that share of the viewers loses its socket at
once) and `stop`. An input that ends means that whoever started the swarm is gone: it stops.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from client_sim.health import BEAT_S, Pulse, cpu_seconds
from client_sim.histogram import Histogram
from client_sim.report import report
from client_sim.swarm import Swarm

EVERY_S = 1.0
Buckets = Counter[int]


def histograms(swarm: Swarm) -> Iterator[tuple[str, Histogram]]:
    """What a swarm measures, by the name it has on the stream."""
    tally = swarm.tally
    yield "connect", tally.connect_ms
    yield "delivery", tally.delivery_ms
    for outcome, found in tally.welcome_ms.items():
        yield f"welcome {outcome}", found
    for outcome, found in tally.resume_ms.items():
        yield f"resume {outcome}", found


def counts(swarm: Swarm) -> dict[str, int]:
    """What a swarm counts, all since its start."""
    tally = swarm.tally
    return {
        "danmaku_sent": tally.danmaku_sent,
        "danmaku_skipped": tally.danmaku_skipped,
        "delivered": tally.danmaku_delivered,
        "connect_failures": tally.connect_failures,
        "violations": sum(tally.violations.values()),
        **{f"closed {how}": count for how, count in tally.closes.items()},
    }


class Increments:
    """What grew since it was last asked."""

    def __init__(self) -> None:
        self._buckets: dict[str, Buckets] = {}
        self._counts: Counter[str] = Counter()

    def take(self, swarm: Swarm) -> dict[str, Any]:
        times = {}
        for name, histogram in histograms(swarm):
            now = histogram.buckets()
            grown = now - self._buckets.get(name, Counter())
            self._buckets[name] = now
            if grown:
                times[name] = {str(bucket): count for bucket, count in grown.items()}
        totals = Counter(counts(swarm))
        fresh = {name: count for name, count in (totals - self._counts).items() if count}
        self._counts = totals
        return {"times": times, "counts": fresh, "live": swarm.live_count()}


async def tell(swarm: Swarm) -> None:
    """A line each second until cancelled."""
    increments = Increments()
    pulse = Pulse(time.monotonic(), cpu_seconds())
    due = time.monotonic() + EVERY_S
    while True:
        await asyncio.sleep(BEAT_S)
        now = time.monotonic()
        pulse.beat(now)
        if now >= due:
            due = now + EVERY_S
            lag, cpu = pulse.take(now, cpu_seconds())
            document = increments.take(swarm)
            document["times"]["lag"] = {str(bucket): count for bucket, count in lag.items()}
            _say({**document, "cpu": round(cpu, 4)})


async def obey(swarm: Swarm) -> None:
    """Do as standard input says, until it ends or says `stop`."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        word, _, argument = line.decode().strip().partition(" ")
        if word == "drop":
            swarm.drop(float(argument))
        elif word == "stop":
            break
    swarm.stop()


async def run(swarm: Swarm) -> dict[str, Any]:
    """The swarm's whole life on the stream; returns its report."""
    chores = [asyncio.create_task(tell(swarm)), asyncio.create_task(obey(swarm))]
    try:
        await swarm.run()
    finally:
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
    document = report(swarm)
    _say({"report": document, "zeros": swarm.tally.zeros})
    return document


def _say(document: dict[str, Any]) -> None:
    # Whoever reads has gone: nothing is left to be done for it.
    try:
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(1)
