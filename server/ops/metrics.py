"""Prometheus numbers of one process, or of all processes of one `miaodan serve` together.

prometheus-client keeps the numbers of several processes in files of one directory, named by the
environment variable PROMETHEUS_MULTIPROC_DIR *before* it is first imported: the supervisor sets it
for its children, and any of them then answers for all. Gauges name how they add up
(`multiprocess_mode`, usually `livesum`).
"""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare(directory: Path) -> None:
    """An empty directory for the numbers of processes about to start."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in directory.glob("*.db"):
        file.unlink(missing_ok=True)


def forget(directory: Path, pid: int) -> None:
    """A process has ended: its live gauges no longer count; what it counted still does."""
    multiprocess.mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]


def exposition() -> tuple[bytes, str]:
    """The numbers as text, and their media type."""
    if os.environ.get(MULTIPROCESS_VARIABLE):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
