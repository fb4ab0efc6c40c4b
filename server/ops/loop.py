"""What the event loop of this process carries."""

from __future__ import annotations

import asyncio

from prometheus_client import Gauge

TASKS = Gauge(
    "miaodan_asyncio_tasks", "Unfinished asyncio tasks of the gateways.", multiprocess_mode="livesum"
)


def count_tasks() -> None:
    """Publish how many tasks are unfinished; takes some milliseconds where there are tens of thousands."""
    TASKS.set(len(asyncio.all_tasks()))
