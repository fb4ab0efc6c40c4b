"""The abuses are what they say, by another reader of frames; their judge can say no."""

from __future__ import annotations

import pytest
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions.base import Extension
from websockets.frames import Frame
from websockets.streams import StreamReader

from loadtest.stress.abuses import ABUSES, KNOCKS, Abuse, frame_bytes, judge, judge_knock
from loadtest.stress.raw import Ending

NO_EXTENSIONS: list[Extension] = []


def parse(data: bytes) -> Frame:
    """By websockets, as a server reads."""
    stream = StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    reading = Frame.parse(stream.read_exact, mask=True, max_size=4_096, extensions=NO_EXTENSIONS)
    try:
        while True:
            next(reading)
    except StopIteration as end:
        frame: Frame = end.value
        return frame


@pytest.mark.parametrize("size", [0, 125, 126, 4_096])
def test_a_frame_without_fault_is_read(size: int) -> None:
    assert parse(frame_bytes(0x81, b"x" * size)).data == b"x" * size


@pytest.mark.parametrize(
    "name", ["unmasked frame", "reserved bit 2", "reserved data opcode", "fragmented ping"]
)
def test_frames_that_break_the_framing(name: str) -> None:
    (abuse,) = [abuse for abuse in ABUSES if abuse.name == name]
    with pytest.raises(ProtocolError):
        parse(abuse.data)


def test_frames_that_are_too_large() -> None:
    (abuse,) = [abuse for abuse in ABUSES if abuse.name == "message too large by one"]
    with pytest.raises(PayloadTooBig):
        parse(abuse.data)


def test_names_are_not_said_twice() -> None:
    names = [case.name for case in (*ABUSES, *KNOCKS)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "ending,said",
    [
        (Ending(ended=True, code=1002, status=101), ""),
        (Ending(ended=False, code=1002, status=101), "still open, closed with 1002"),
        (Ending(ended=False, status=101), "still open, no Close frame came"),
        (Ending(ended=True, code=1000, status=101), "closed with 1000, expected 1002"),
        (Ending(ended=True, status=101), "no Close frame came, expected 1002"),
        (Ending(ended=True, code=1002, trouble="the server sent a bad frame: x"), "sent a bad frame"),
    ],
)
def test_how_an_abuse_ended(ending: Ending, said: str) -> None:
    found = judge(Abuse("case", b"", (1002,)), ending)
    assert found == [] if not said else said in found[0]


def test_how_a_knock_ended() -> None:
    (knock,) = [knock for knock in KNOCKS if knock.name == "no key"]
    assert judge_knock(knock, Ending(ended=True, status=400)) == []
    assert "answered with 101" in judge_knock(knock, Ending(ended=True, status=101))[0]
    assert "still open" in judge_knock(knock, Ending(status=400))[0]
