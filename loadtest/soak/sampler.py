"""Reads a running server every now and then: its processes, its metrics, and how far its ledger is behind."""

from __future__ import annotations

import time
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import psutil
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from client_sim.address import Address
from loadtest.bench.machine import cpu_ns, descendants
from loadtest.chaos.collect import GROUP, PARTITIONS, tag
from loadtest.chaos.targets import RULES
from loadtest.soak.samples import SUPERVISOR, ProcessReading, Sample
from loadtest.stress.process import Metrics, descriptors, resident

PATIENCE_S = 1.0
"""With each of the server's answers: a process that stands still must not hold up the readings of others."""


class Sampler:
    """Of one server. Synchronous, for one thread."""

    def __init__(self, address: Address, supervisor: int, store_socket: str) -> None:
        self._address = address
        self._supervisor = supervisor
        self._client = Redis(
            unix_socket_path=store_socket,
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
        )

    def read(self, begin: float) -> Sample:
        """`begin`: when the load began, on the monotonic clock. What cannot be read is left out."""
        at = round(time.monotonic() - begin, 3)
        processes = self.processes()
        told = self._metrics()
        return Sample(
            at=at,
            processes=processes,
            connections=_total(told, "miaodan_gateway_connections"),
            tasks=_total(told, "miaodan_asyncio_tasks"),
            orders=None if told is None else told.value("miaodan_orders_outcomes_total", outcome="placed"),
            lag_s=self.lag(),
            told_lag_s=_total(told, "miaodan_orders_ledger_lag_seconds"),
            backlog=_total(told, "miaodan_orders_ledger_backlog"),
        )

    def processes(self) -> list[ProcessReading]:
        """Of every role, those that live."""
        found = []
        with suppress(OSError, psutil.Error):
            found.append(_reading(SUPERVISOR, self._supervisor))
        for pid, words in descendants(self._supervisor).items():
            line = " ".join(words)
            for role, rule in RULES.items():
                if rule(line):
                    with suppress(OSError, psutil.Error):
                        found.append(_reading(role, pid))
        return found

    def _metrics(self) -> Metrics | None:
        try:
            with urllib.request.urlopen(f"{self._address.http}/metrics", timeout=PATIENCE_S) as answer:
                return Metrics(answer.read().decode())
        except (OSError, HTTPException, ValueError):
            return None

    def lag(self) -> float | None:
        """Seconds since the oldest entry of any outbox that the ledger has not acknowledged; 0 without one.

        None where the store does not answer.
        """
        try:
            return self._lag()
        except (OSError, RedisError):
            return None

    def _lag(self) -> float:
        seconds, micros = self._client.time()
        outboxes = [f"{tag(number)}:outbox" for number in range(PARTITIONS)]
        with self._client.pipeline(transaction=False) as pipeline:
            for outbox in outboxes:
                pipeline.exists(outbox)
            there = [name for name, found in zip(outboxes, pipeline.execute(), strict=True) if found]
            for outbox in there:
                pipeline.xinfo_groups(outbox)
            groups = [_ledger(found) for found in pipeline.execute()]
            for outbox, group in zip(there, groups, strict=True):
                pipeline.xpending(outbox, GROUP)
                pipeline.xrange(outbox, f"({_text(group['last-delivered-id'])}", "+", count=1)
            answers = pipeline.execute()
        oldest = [_text(one["min"]) for one in answers[::2] if one["pending"]]
        oldest += [_text(entries[0][0]) for entries in answers[1::2] if entries]
        now = seconds + micros / 1e6
        # An entry's time is the store's, in whole milliseconds: one of this moment may lie ahead of `now`.
        return max((0.0, *(now - int(entry.partition("-")[0]) / 1000 for entry in oldest)))

    def close(self) -> None:
        with suppress(OSError, RedisError):
            self._client.close()


def _reading(role: str, pid: int) -> ProcessReading:
    """Raises OSError, psutil.Error when it is gone."""
    unix, others = descriptors(pid)
    return ProcessReading(
        role=role,
        pid=pid,
        resident=resident(pid),
        descriptors=others,
        unix=unix,
        threads=int(psutil.Process(pid).num_threads()),
        cpu_s=round(cpu_ns(pid) / 1e9, 3),
    )


def _total(metrics: Metrics | None, name: str) -> float | None:
    if metrics is None:
        return None
    try:
        return metrics.total(name)
    except KeyError:
        return None


def _ledger(groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Raises RedisError where the ledger's group is not there yet."""
    for group in groups:
        if _text(group["name"]) == GROUP:
            return group
    raise RedisError("an outbox has no group of the ledger's")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
