"""A server's processes from outside: descriptors, memory, and the numbers they publish."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from client_sim.address import Address
from loadtest.bench.machine import descendants

METRICS_SECONDS = 10.0


def descriptors(pid: int) -> tuple[int, int]:
    """Open files and sockets: (Unix sockets, all others); raises OSError or psutil.Error when it is gone.

    The Unix sockets are those to the embedded store, of which a pool may have more or fewer.
    """
    store = len(psutil.Process(pid).net_connections(kind="unix"))
    return store, len(list((Path("/proc") / str(pid) / "fd").iterdir())) - store


def resident(pid: int) -> int:
    """Resident bytes; raises psutil.Error when the process is gone."""
    return int(psutil.Process(pid).memory_info().rss)


def parent(pid: int) -> int:
    """Of a gateway: its supervisor."""
    return int(psutil.Process(pid).ppid())


def gateways(supervisor: int) -> list[int]:
    """The living gateways' process ids."""
    return [
        pid
        for pid, command in descendants(supervisor).items()
        if "--role gateway" in " ".join(command) or "--role=gateway" in command
    ]


def kill(pid: int, number: int) -> None:
    """Send a signal to a process of a server that this run started."""
    os.kill(pid, number)


class Metrics:
    """One reading of `/metrics`."""

    def __init__(self, text: str) -> None:
        self._samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self._samples[sample.name, frozenset(sample.labels.items())] = sample.value

    @classmethod
    def read(cls, address: Address) -> Metrics:
        """Ask the server; raises OSError."""
        with urllib.request.urlopen(f"{address.http}/metrics", timeout=METRICS_SECONDS) as answer:
            return cls(answer.read().decode())

    def value(self, name: str, **labels: str) -> float:
        """0 where nothing was counted yet."""
        return self._samples.get((name, frozenset(labels.items())), 0.0)

    def total(self, name: str) -> float:
        """Over all labels. Raises KeyError when the server does not publish it."""
        found = [value for (sample, _), value in self._samples.items() if sample == name]
        if not found:
            raise KeyError(f"the server publishes no {name}")
        return sum(found)
