"""Notices in, stints out."""

from __future__ import annotations

from client_sim.notices import Reply, Told
from schemas.codes import ErrorCode
from schemas.commands import DanmakuSend, Ping
from schemas.events import Error
from tests.loadtest_stress.telling import accepted, history, joined, lost, moved, recovered, talk


def test_stints_begin_with_a_welcome_and_end_with_a_loss() -> None:
    told = history(
        joined(4), moved(5), talk("a", "b", skipped=3), lost(4001), recovered(7), moved(6), now=9.0
    )
    first, second = told.stints
    assert (first.start, first.last, first.recovered, first.skipped) == (4, 5, False, 3)
    assert first.snapshot is not None and first.loss is not None and first.loss.code == 4001
    assert (second.start, second.last, second.recovered, second.began) == (5, 6, True, 9.0)
    assert second.snapshot is None and second.loss is None
    assert told.heard == 5 and told.skipped == 3 and told.last == 6
    assert [message.message for message in told.messages()] == ["a", "b"]


def test_a_place_taken_over_is_where_a_resume_begins() -> None:
    told = history(recovered(9), moved(8), start=7)
    assert (told.stints[0].start, told.last) == (7, 8)


def test_a_loss_before_any_welcome_is_kept() -> None:
    told = history(lost(4003))
    assert [loss.code for loss in told.losses] == [4003] and not told.stints and told.last == 0


def test_answers_to_danmaku_are_counted() -> None:
    refused = Error(code=ErrorCode.RATE_LIMITED, message="too many", id=2)
    told = history(
        joined(4),
        accepted("m1"),
        Reply(2, DanmakuSend(text="x"), refused, 0.0),
        Reply(3, DanmakuSend(text="x"), None, 0.0),
        Reply(4, Ping(), None, 0.0),
        Told(Error(code=ErrorCode.INVALID, message="no")),
    )
    assert told.accepted == ["m1"] and told.answered == 3
    assert told.refused == {"rate_limited": 1, "unanswered": 1, "invalid": 1}
