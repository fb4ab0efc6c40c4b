"""The built client, in Node.js, against a real server, in both encodings."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import LiveServer, running
from tests.sdk.node import WEB, run

SCRIPT = Path(__file__).with_name("conformance.mjs")
CASES = re.findall(r'^  async "([^"]+)"\(\)', SCRIPT.read_text("utf-8"), re.MULTILINE)
ROOMS = re.findall(r'roomOf\("(\w+)"\)|shop\("(\w+)"', SCRIPT.read_text("utf-8"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[LiveServer]:
    with running(
        tmp_path_factory.mktemp("conformance"),
        gateway__heartbeat_ms=2_000,
        gateway__heartbeat_grace_ms=2_000,
        gateway__sockets_per_user=2,
        limits__orders_per_second=50,
        danmaku__blocked_words='["badword"]',
    ) as live:
        yield live


@functools.cache
def results(server: LiveServer, encoding: str) -> dict[str, str]:
    """What became of each case, all run in one process."""
    tokens: dict[str, str] = {}
    for room in {f"{encoding}-{name}" for pair in ROOMS for name in pair if name}:
        server.create_room(room, host=f"host-{room}")
        tokens |= {f"{user}-{room}": server.token(f"{user}-{room}") for user in ("ann", "bob")}
        tokens[f"host-{room}"] = server.token(f"host-{room}", "host")
    sdk = (WEB / "dist" / "sdk").as_uri()
    key = (server.data_dir / "token.key").read_text().strip()
    given = {"key": key, "sdk": sdk, "server": server.url, "encoding": encoding, "tokens": tokens}
    done = run([str(SCRIPT)], WEB, input=json.dumps(given))
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize("case", CASES)
def test_the_client_keeps_the_contract(server: LiveServer, encoding: str, case: str) -> None:
    assert results(server, encoding)[case] == "passed"


def test_no_case_is_left_out() -> None:
    assert len(CASES) >= 11
