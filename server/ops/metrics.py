"""Prometheus numbers of one process, or of all processes of one `miaodan serve` together.

prometheus-client keeps the numbers of several processes in files of one directory, named by the
environment variable PROMETHEUS_MULTIPROC_DIR *before* it is first imported: the supervisor sets it
for its children, and any of them then answers for all. Gauges name how they add up
(`multiprocess_mode`, usually `livesum`).
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


class Numbers:
    """The files of processes that count together. What a dead one counted stays in the sum; of more
    than `keep` dead ones the longest dead is forgotten, which scrapers see as a counter's reset."""

    def __init__(self, directory: Path, *, keep: int = 20) -> None:
        """Makes an empty directory for processes about to start."""
        self.directory = directory.absolute()
        self._keep = keep
        self._dead: deque[int] = deque()
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in self.directory.glob("*.db"):
            file.unlink(missing_ok=True)

    def ended(self, pid: int) -> None:
        """A process has ended: its live gauges no longer count."""
        multiprocess.mark_process_dead(pid, str(self.directory))  # type: ignore[no-untyped-call]
        self._dead.append(pid)
        if len(self._dead) > self._keep:
            for file in self.directory.glob(f"*_{self._dead.popleft()}.db"):
                file.unlink(missing_ok=True)


def exposition() -> tuple[bytes, str]:
    """The numbers as text, and their media type."""
    if os.environ.get(MULTIPROCESS_VARIABLE):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
