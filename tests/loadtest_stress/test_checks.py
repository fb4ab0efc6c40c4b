"""Each check is fed a right history, and then every wrong one it is there for."""

from __future__ import annotations

import pytest

from client_sim.notices import Fault, Notice, Violation
from client_sim.replica import RoomReplica
from loadtest.stress import checks
from loadtest.stress.history import History, Loss
from loadtest.stress.raw import Ending
from schemas.codes import CloseCode
from schemas.events import RoomState
from tests.client_sim.room_model import product, snapshot
from tests.loadtest_stress.telling import accepted, history, joined, lost, moved, recovered, talk, truth

TRUE = truth(5, 6, 7)


# ---- lane L1 --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "notices",
    [
        [joined(4), moved(5), moved(6), moved(7)],
        [joined(6, "event 6"), moved(7)],
        [joined(4), moved(5), lost(), recovered(7), moved(6), moved(7)],
        [joined(4), moved(5), lost(), joined(7, "event 7")],
    ],
    ids=["all of it", "from a snapshot", "resumed", "a snapshot further on"],
)
def test_a_whole_log_is_found_whole(notices: list[Notice]) -> None:
    assert checks.sequenced(history(*notices), TRUE) == []


@pytest.mark.parametrize(
    "notices,said",
    [
        ([], "never welcomed"),
        ([joined(4), moved(5), moved(7)], "a hole, 7 came behind 5"),
        ([joined(4), moved(5), moved(5), moved(6), moved(7)], "event 5 again behind 5"),
        ([joined(4), moved(5), moved(7), moved(6)], "event 6 again behind 7"),
        ([joined(4), moved(5), moved(6)], "stands at 6, the room at 7"),
        ([joined(4), moved(5), moved(6, "event 5"), moved(7)], "says 'announce event 5', it was"),
        ([joined(4), moved(5), moved(6), moved(7), moved(8)], "which no host asked for"),
        ([joined(4), moved(5), lost(), recovered(7), moved(7)], "a hole, 7 came behind 5"),
        ([joined(4), moved(5), lost(), recovered(7), moved(5), moved(6), moved(7)], "event 5 again"),
        ([joined(4), moved(5), moved(6), lost(), joined(5, "event 5"), moved(6), moved(7)], "snapshot of 5"),
        ([joined(6, "event 5"), moved(7)], "the snapshot of 6 says 'announce event 5'"),
        ([joined(6, None), moved(7)], "the snapshot of 6 says"),
        ([joined(4), Violation(Fault.GAP, "5"), moved(5), moved(6), moved(7)], "gap: 5"),
    ],
)
def test_a_torn_log_is_told(notices: list[Notice], said: str) -> None:
    assert said in " ".join(checks.sequenced(history(*notices), TRUE))


def test_who_left_need_not_have_arrived() -> None:
    assert checks.sequenced(history(joined(4), moved(5), lost()), TRUE, arrived=False) == []


def test_an_unanswered_command_may_have_worked_or_not() -> None:
    true = truth(5, 7)
    true.unanswered.add("announce in flight")
    told = history(joined(4), moved(5), moved(6, "in flight"), moved(7))
    assert checks.sequenced(told, true) == []
    assert "no host asked for" in " ".join(
        checks.sequenced(history(joined(4), moved(5), moved(6, "other"), moved(7)), true)
    )


def test_two_viewers_told_different_things_at_one_place() -> None:
    one, other = history(joined(4), moved(5)), history(joined(4), moved(5, "event 55"), name="cid")
    assert checks.agreed([one, one]) == []
    assert "to others" in checks.agreed([one, other])[0]


# ---- lane L3 --------------------------------------------------------------------------------


def speaker(*notices: Notice) -> History:
    """Ann, who said m0 to m3."""
    return history(joined(4), *map(accepted, ("m0", "m1", "m2", "m3")), *notices, name="ann")


def verdict(*notices: Notice) -> list[str]:
    """On what Bob heard of Ann's four danmaku."""
    ann, bob = speaker(talk("m0", "m1", "m2", "m3")), history(joined(4), *notices)
    spoken = checks.Spoken([ann, bob])
    return checks.chat(bob, spoken, checks.shown([bob], spoken))


def test_danmaku_received_and_skipped_make_up_all() -> None:
    assert verdict(talk("m0", "m1", "m2", "m3")) == []
    assert verdict(talk("m0", skipped=2), talk("m3")) == []


@pytest.mark.parametrize(
    "notices,said",
    [
        ([talk("m0", "m1", "m3")], "3 danmaku received + 0 told as skipped = 3, 4 were accepted"),
        ([talk("m0", "m1", "m2", "m3", skipped=1)], "= 5, 4 were accepted"),
        ([talk("m0", skipped=2)], "= 3, 4 were accepted"),
        ([talk("m0", "m1"), talk("m1", "m2", "m3")], "danmaku m1 twice"),
        ([talk("m0", "m1", "m2", "m9")], "m9, which was never accepted"),
        ([talk("m1", "m0", "m2", "m3")], "behind a later one"),
    ],
    ids=["lost", "told too many", "told too few", "twice", "invented", "out of order"],
)
def test_a_wrong_count_of_danmaku_is_told(notices: list[Notice], said: str) -> None:
    assert said in " ".join(verdict(*notices))


def test_a_speaker_sees_their_own_beside_what_was_sampled() -> None:
    bob = history(joined(4), talk("m0", skipped=3))
    ann = speaker(talk("m0", skipped=3), talk("m1"), talk("m2"), talk("m3"))
    spoken = checks.Spoken([ann])
    seen = checks.shown([ann, bob], spoken)
    assert seen == {"m0"}
    assert checks.chat(ann, spoken, seen) == []
    deaf = speaker(talk("m0", skipped=3), talk("m1"))
    assert "2 of 4 own danmaku were not shown" in checks.chat(deaf, spoken, seen)[0]
    assert checks.chat(deaf, spoken, seen, own_always=False) == []


def test_who_came_late_hears_each_once() -> None:
    spoken = checks.Spoken([speaker()])
    assert checks.chat_once(history(joined(4), talk("m2")), spoken) == []
    assert "twice" in checks.chat_once(history(joined(4), talk("m2"), talk("m2")), spoken)[0]


def test_two_viewers_with_two_orders() -> None:
    spoken = checks.Spoken([])
    first = history(joined(4), talk("a", "b", "c"))
    assert checks.one_order([first, history(joined(4), talk("a", "c"))], spoken) == []
    assert "another order" in checks.one_order([first, history(joined(4), talk("c", "a"))], spoken)[0]


@pytest.mark.parametrize(
    "quiet,loud,held",
    [
        ((10, 10), (5, 100), True),
        ((2, 10), (1, 100), False),
        ((6, 10), (90, 100), False),
        ((0, 0), (1, 1), False),
    ],
)
def test_fairness(quiet: tuple[int, int], loud: tuple[int, int], held: bool) -> None:
    assert (checks.fair(quiet, loud) == []) is held


# ---- lane L2, closes, the server -----------------------------------------------------------------


def test_values_that_are_not_the_last() -> None:
    replica, true = RoomReplica(), truth()
    replica.load(snapshot(products=[product("A1", available=3)], likes=7))
    true.stock, true.likes = {"A1": 3}, 7
    assert checks.values("bob", replica, true) == []
    replica.merge(RoomState(server_time=0, stock={"A1": 4}, likes=6))
    assert len(checks.values("bob", replica, true)) == 2


def test_closes() -> None:
    slow = Loss(4001, "slow", 0.0)
    assert checks.closed_with("bob", [slow], CloseCode.SLOW) == []
    assert "was not closed" in checks.closed_with("bob", [], CloseCode.SLOW)[0]
    assert "1006" in checks.closed_with("bob", [Loss(None, "", 0.0), slow], CloseCode.SLOW)[0]
    assert checks.stayed(history(joined(4))) == []
    assert "lost the socket" in checks.stayed(history(joined(4), lost(4001)))[0]


@pytest.mark.parametrize(
    "times,said",
    [
        ([float(n) for n in range(0, 1000, 10)], ""),
        ([0.0] * 50 + [600.0] * 50, "50 of 100 closes within a tenth"),
        ([n / 10 for n in range(100)], "within 10 ms of a window"),
        ([0.0, 500.0, 9_000.0], "closes took 9000 ms"),
        ([1.0], "could not be judged"),
    ],
    ids=["spread", "two crowds", "at once", "late", "one"],
)
def test_how_closes_are_spread(times: list[float], said: str) -> None:
    found = checks.spread_over(times, 1_000, 500)
    assert found == [] if not said else said in " ".join(found)


@pytest.mark.parametrize(
    "code,after,held",
    [(4002, 3.2, True), (4002, 2.0, False), (4002, 6.0, False), (1000, 3.2, False), (None, 3.2, False)],
)
def test_when_a_silent_peer_is_found(code: int | None, after: float, held: bool) -> None:
    ending = Ending(ended=True, code=code, after_s=after)
    assert (checks.found_silent("mute", ending, 3.0, 2.0) == []) is held


def test_a_traceback_in_the_log_is_told_once_for_each_kind() -> None:
    calm = "2026-01-01T00:00:00.0Z [warning  ] a hello met no store\n"
    assert checks.tracebacks(calm) == []
    loud = "2026-01-01T00:00:00.0Z [error    ] a command failed\nTraceback (most recent call last):\n  x\n"
    (found,) = checks.tracebacks(calm + loud + loud.replace("failed", "failed room=r2 user='ann lee'"))
    assert "(2 times)" in found and "a command failed" in found
