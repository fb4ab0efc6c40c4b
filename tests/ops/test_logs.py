from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from server.ops.logs import Seldom, configure_logs


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_lines_from_us_and_from_libraries() -> None:
    out = io.StringIO()
    configure_logs("json", "info", role="gateway", stream=out)
    log = structlog.get_logger("miaodan.test")
    log.info("room opened", room="r1", odd=object, raw=b"\xff")
    log.debug("not shown")
    logging.getLogger("uvicorn.error").warning("lost %d", 3)
    try:
        raise ValueError("boom")
    except ValueError:
        log.exception("failed")
    ours, theirs, failed = (orjson.loads(line) for line in out.getvalue().splitlines())
    assert ours["message"] == "room opened"
    assert (ours["room"], ours["level"], ours["logger"]) == ("r1", "info", "miaodan.test")
    assert ours["role"] == "gateway"
    assert ours["timestamp"].endswith("Z")
    assert (theirs["message"], theirs["level"], theirs["role"]) == ("lost 3", "warning", "gateway")
    assert failed["exception"][0]["exc_value"] == "boom"


def test_console_lines() -> None:
    out = io.StringIO()
    configure_logs("console", "warning", role="backoffice", stream=out)
    log = structlog.get_logger("miaodan.test")
    log.info("not shown")
    log.warning("slow viewer", room="r1")
    line = out.getvalue()
    assert line.count("\n") == 1
    assert "slow viewer" in line
    assert "room=r1" in line
    assert "\x1b" not in line


def test_what_happens_often_is_said_seldom_with_its_number() -> None:
    seldom = Seldom(60)
    assert [seldom.note(now) for now in (5, 5, 30, 64.9, 65, 66, 200)] == [1, 0, 0, 0, 4, 0, 2]
