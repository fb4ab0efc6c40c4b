from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from loadtest.bench import cues
from loadtest.bench.cues import Cue, Cues
from tests.loadtest_bench.frames import read_client_frame, text_frame

CHATTER = text_frame(b'[{"type":"danmaku","user":{"id":"u1"},"text":"id"}]')


@contextmanager
def answering(kind: str) -> Iterator[tuple[socket.socket, list[dict[str, Any]]]]:
    """A server's end that replies with `kind` behind a frame that is no reply; "" leaves all unanswered."""
    near, far = socket.socketpair()
    near.settimeout(10)
    seen: list[dict[str, Any]] = []

    def serve() -> None:
        while True:
            try:
                asked = orjson.loads(read_client_frame(near))
            except Exception:
                return
            seen.append(asked)
            reply = {"type": kind, "id": asked["id"], "seq": len(seen), "code": "sold_out", "message": "gone"}
            near.sendall(CHATTER + (text_frame(orjson.dumps([reply])) if kind else b""))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield far, seen
    finally:
        far.close()
        thread.join(10)
        near.close()


def until(seen: list[dict[str, Any]], count: int) -> None:
    """The test's own timeout bounds it."""
    while len(seen) < count:
        time.sleep(0.001)


def test_each_cue_comes_at_its_own_rate_whatever_is_answered() -> None:
    with answering("done") as (host, seen), answering("order.accepted") as (buyer, bought):
        started = time.monotonic()
        show = [
            Cue(host, 0.01, lambda number: {"type": "a", "number": number}),
            Cue(host, 0.04, lambda number: {"type": "b", "number": number}),
            Cue(buyer, 0.02, lambda number: {"type": "c", "number": number}),
        ]
        with Cues(show) as cues:
            until(bought, 10)
        took = time.monotonic() - started
        often, seldom, orders = cues.told
        assert cues.unanswered == 0
        for told, every_s in ((often, 0.01), (seldom, 0.04), (orders, 0.02)):
            assert 0 < told.sent <= took / every_s
            assert len(told.micros) == told.sent
            assert 0 < min(told.micros) <= max(told.micros) <= took * 1e6
            assert not told.refused
        assert orders.sent == len(bought) >= 10
        assert [one["number"] for one in bought] == list(range(orders.sent))
        assert len({one["id"] for one in seen + bought}) == len(seen) + len(bought)
        assert max(often.seq, seldom.seq) == len(seen)


def test_what_was_refused_has_a_reason_and_no_latency() -> None:
    with answering("error") as (link, seen):
        with Cues([Cue(link, 0.01, lambda _: {"type": "a"})]) as cues:
            until(seen, 3)
        (told,) = cues.told
        assert told.refused == ["sold_out: gone"] * told.sent
        assert not told.micros
        assert cues.unanswered == 0


def test_what_was_not_answered_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cues, "PATIENCE_S", 0.05)
    with answering("") as (link, seen):
        with Cues([Cue(link, 0.01, lambda _: {"type": "a"})]) as running:
            until(seen, 3)
        assert running.unanswered == running.told[0].sent >= 3


def test_a_closed_socket_is_the_end_of_it() -> None:
    near, far = socket.socketpair()
    near.close()
    with far:
        running = Cues([Cue(far, 10.0, lambda _: {"type": "a"})])
        with pytest.raises(OSError, match="closed the socket"), running:
            while running._thread.is_alive():
                time.sleep(0.001)
