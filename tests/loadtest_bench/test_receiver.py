from __future__ import annotations

import socket
import time

import orjson
import pytest

from loadtest.bench.native import Answer, Program, ProgramFailed
from tests.loadtest_bench.conftest import Launch
from tests.loadtest_bench.frames import read_client_frame, text_frame

DANMAKU = orjson.dumps([{"type": "danmaku", "message": "m1", "text": "x"}])
REPLY = orjson.dumps([{"type": "danmaku.accepted", "id": 0, "message": "m1"}])


def pair() -> tuple[socket.socket, socket.socket]:
    near, far = socket.socketpair()
    near.settimeout(10)
    return near, far


def until(program: Program, name: str, value: int) -> Answer:
    """Ask until a counter is there: the test's own timeout bounds it."""
    while True:
        counters = program.ask("snap")
        if counters[name] >= value:
            return counters


@pytest.mark.parametrize("size", [0, 1, 125, 126, 300, 65_535, 70_000])
@pytest.mark.parametrize("cut", [1, 3, 1_000_000])
def test_counts_frames_wherever_the_stream_is_cut(launch: Launch, size: int, cut: int) -> None:
    quiet, watched = pair()
    near, far = pair()
    with quiet, watched, near, far:
        program = launch(
            "receiver", f"{watched.fileno()},{far.fileno()}", "", "7", fds=[watched.fileno(), far.fileno()]
        )
        stream = text_frame(b"x" * size) * 3
        step = cut if size < 1_000 else max(cut, 4_096)
        for start in range(0, len(stream), step):
            near.sendall(stream[start : start + step])
        counters = until(program, "bytes", len(stream))
        assert (counters["frames"], counters["bytes"]) == (3, len(stream))
        assert (counters["sockets"], counters["closed"]) == (2, 0)


def test_sends_the_next_danmaku_when_one_was_accepted(launch: Launch) -> None:
    viewer, watched = pair()
    sender, speaking = pair()
    with viewer, watched, sender, speaking:
        fds = [watched.fileno(), speaking.fileno()]
        program = launch("receiver", str(fds[0]), str(fds[1]), "7", fds=fds)
        program.ask("text 24")
        program.ask("send 4 1")
        for turn in range(3):
            said = orjson.loads(read_client_frame(sender))
            assert said == {"type": "danmaku.send", "text": "x" * 24, "id": turn}
            sender.sendall(text_frame(REPLY))
            viewer.sendall(text_frame(DANMAKU))
        counters = until(program, "danmaku", 3)
        assert counters["danmaku_frames"] == 3
        assert counters["errors"] == 0


def test_sends_no_more_than_may_be_under_way(launch: Launch) -> None:
    viewer, watched = pair()
    sender, speaking = pair()
    with viewer, watched, sender, speaking:
        fds = [watched.fileno(), speaking.fileno()]
        program = launch("receiver", str(fds[0]), str(fds[1]), "7", fds=fds)
        assert program.ask("send 2 5")["sent"] == 2
        sender.sendall(text_frame(REPLY) * 2)
        viewer.sendall(text_frame(b"[]"))
        assert until(program, "watched_frames", 1)["sent"] == 2
        viewer.sendall(text_frame(DANMAKU))
        assert until(program, "sent", 3)["sent"] == 3
        assert program.ask("stop")["stalls"] == 0


def test_counts_the_events_of_a_coalesced_frame(launch: Launch) -> None:
    viewer, watched = pair()
    with viewer, watched:
        program = launch("receiver", str(watched.fileno()), "", "7", fds=[watched.fileno()])
        events = [*orjson.loads(DANMAKU) * 5, {"type": "room.state", "server_time": 1}]
        viewer.sendall(text_frame(orjson.dumps(events)) + text_frame(b'[{"type":"room.state"}]'))
        counters = until(program, "watched_frames", 2)
        assert (counters["danmaku"], counters["danmaku_frames"]) == (5, 1)


def test_tells_of_a_refused_danmaku_and_a_closed_socket(launch: Launch) -> None:
    viewer, watched = pair()
    sender, speaking = pair()
    with viewer, watched, sender, speaking:
        fds = [watched.fileno(), speaking.fileno()]
        program = launch("receiver", str(fds[0]), str(fds[1]), "7", fds=fds)
        sender.sendall(text_frame(b'[{"type":"error","code":"rate_limited","message":"slow down"}]'))
        assert until(program, "errors", 1)["errors"] == 1
        assert "rate_limited" in program.complaints()
        viewer.shutdown(socket.SHUT_WR)
        assert until(program, "closed", 1)["closed"] == 1


def test_a_program_that_ended_says_so(launch: Launch) -> None:
    program = launch("receiver", "too", "few", fds=[])
    with pytest.raises(ProgramFailed, match="ended with"):
        program.ask("snap")


def read_speech(link: socket.socket) -> tuple[int, bytes]:
    """When a sender says its danmaku was sent, in nanoseconds, and the frame its viewers get."""
    text = orjson.loads(read_client_frame(link))["text"]
    stamp = int(text[1:17], 16)
    assert text == f"t{stamp:016x}".ljust(30, "x")
    return stamp, text_frame(orjson.dumps([{"type": "danmaku", "message": "m", "text": text}]))


@pytest.mark.parametrize("cut", [1, 7, 40, 1_000_000])
def test_each_viewer_and_danmaku_is_one_latency(launch: Launch, cut: int) -> None:
    first, watched = pair()
    second, other = pair()
    sender, speaking = pair()
    with first, watched, second, other, sender, speaking:
        fds = [watched.fileno(), other.fileno(), speaking.fileno()]
        program = launch("receiver", f"{fds[0]},{fds[1]}", str(fds[2]), "7", fds=fds)
        program.ask("text 30")
        program.ask("latency 1")
        program.ask("send 2 2")
        (stamp, one), (_, two) = read_speech(sender), read_speech(sender)
        for link in (first, second):
            stream = one + text_frame(b'[{"type":"danmaku","text":"t00"}]') + two
            for start in range(0, len(stream), cut):
                link.sendall(stream[start : start + cut])
        counters = until(program, "frames", 6)
        assert counters["stamped"] == 4
        assert 0 < counters["p50_us"] <= counters["p99_us"] <= counters["max_us"]
        assert counters["max_us"] <= (time.monotonic_ns() - stamp) // 1000
        assert program.ask("latency 0")["stamped"] == 0
        first.sendall(one)
        assert until(program, "frames", 7)["stamped"] == 0


def test_a_latency_is_the_time_from_the_stamp(launch: Launch) -> None:
    viewer, watched = pair()
    with viewer, watched:
        program = launch("receiver", str(watched.fileno()), "", "7", fds=[watched.fileno()])
        program.ask("text 17")
        program.ask("latency 1")
        long_ago = time.monotonic_ns() - 3_000_000_000
        viewer.sendall(text_frame(f'[{{"type":"danmaku","text":"t{long_ago:016x}"}}]'.encode()))
        counters = until(program, "stamped", 1)
        took = (time.monotonic_ns() - long_ago) // 1000
        assert 3_000_000 <= counters["p50_us"] == counters["max_us"] <= took


def test_a_stamp_needs_room(launch: Launch) -> None:
    program = launch("receiver", "", "", "7", fds=[])
    program.ask("text 16")
    with pytest.raises(ProgramFailed, match="16 bytes has no room for a stamp"):
        program.ask("latency 1")


def test_a_pace_waits_for_no_answer(launch: Launch) -> None:
    viewer, watched = pair()
    sender, speaking = pair()
    with viewer, watched, sender, speaking:
        fds = [watched.fileno(), speaking.fileno()]
        program = launch("receiver", str(fds[0]), str(fds[1]), "7", fds=fds)
        before = program.ask("snap")["wall_ns"]
        program.ask("pace 200")
        for turn in range(20):
            assert orjson.loads(read_client_frame(sender))["id"] == turn
        after = program.ask("stop")
        assert 20 <= after["sent"] <= 1 + (after["wall_ns"] - before) * 200 // 1_000_000_000
        assert after["stalls"] == after["errors"] == 0
        assert program.ask("snap")["sent"] == after["sent"]


def test_speaks_and_hears_as_it_is_told(launch: Launch) -> None:
    viewer, watched = pair()
    sender, speaking = pair()
    with viewer, watched, sender, speaking:
        fds = [watched.fileno(), speaking.fileno()]
        program = launch("receiver", str(fds[0]), str(fds[1]), "7", fds=fds)
        program.ask('speech 42["say",{"text":"$text","n":$id}]')
        program.ask("heard 42[")
        program.ask("accepted")
        program.ask("text 3")
        program.ask("send 1 1")
        for turn in range(3):
            said = read_client_frame(sender)
            assert said == b'42["say",{"text":"xxx","n":%d}]' % turn
            viewer.sendall(text_frame(said))
        assert until(program, "danmaku", 3)["danmaku_frames"] == 3
        assert read_client_frame(sender).startswith(b"42[")


def test_texts_are_made_of_words(launch: Launch) -> None:
    sender, speaking = pair()
    with sender, speaking:
        program = launch("receiver", "", str(speaking.fileno()), "7", fds=[speaking.fileno()])
        program.ask("words 好看 bought wow")
        program.ask("text 60")
        program.ask("send 5 5")
        texts = [orjson.loads(read_client_frame(sender))["text"] for _ in range(5)]
        assert {len(text.encode()) for text in texts} == {60}
        assert {word.rstrip("x") for text in texts for word in text.split(" ")} == {"好看", "bought", "wow"}
        assert len(set(texts)) > 1


def test_a_command_it_does_not_know_ends_it(launch: Launch) -> None:
    program = launch("receiver", "", "", "7", fds=[])
    with pytest.raises(ProgramFailed, match="no such command: dance 3"):
        program.ask("dance 3")
