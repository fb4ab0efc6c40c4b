"""One server for the tests that do not break it; those that do start their own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import LiveServer, running

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    data_dir: Path = tmp_path_factory.mktemp("server")
    with running(
        data_dir,
        limits__danmaku_per_second=0,
        limits__orders_per_second=0,
        limits__commands_per_second=0,
        danmaku__blocked_words='["badword"]',
        rooms__ring_length=64,
        rooms__log_length=400,
        gateway__hello_timeout_ms=1000,
    ) as live:
        yield live


@pytest.fixture
def room(server: LiveServer) -> str:
    """A room of its own for each test, scheduled, hosted by `host`."""
    name = f"room{next(_numbers)}"
    server.create_room(name)
    return name
