"""Each lane's promise, against plain models."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from schemas.codes import Role, SalePhase
from schemas.events import Danmaku, ProductUnmounted
from schemas.models import Countdown, User
from server.fanout.lanes import CHAT_PENDING_FLUSHES, Lanes, sample, state_event


def said(number: int, speaker: str) -> Danmaku:
    return Danmaku(
        message=f"m{number}", user=User(id=speaker, name=speaker, role=Role.VIEWER), text="hi", at=number
    )


speeches = st.lists(st.sampled_from("abcde"), max_size=60).map(
    lambda speakers: [said(number, speaker) for number, speaker in enumerate(speakers)]
)


@given(speeches, st.integers(1, 20))
def test_a_sample_is_fair_ordered_and_whole(messages: list[Danmaku], budget: int) -> None:
    taken, rest = sample(messages, budget, 10_000)
    assert len(taken) == min(budget, len(messages))
    assert sorted([*taken, *rest], key=lambda m: m.at) == messages
    assert taken == sorted(taken, key=lambda m: m.at)
    shown = Counter(message.user.id for message in taken)
    wanted = Counter(message.user.id for message in messages)
    # Nobody has two more than somebody who still had something to say.
    for speaker, left_out in ((s, wanted[s] - shown[s]) for s in wanted):
        if left_out:
            assert all(shown[other] <= shown[speaker] + 1 for other in shown)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 200)), max_size=40),
    st.integers(1, 20),
    st.integers(0, 1_000),
)
def test_a_sample_stays_within_its_bytes_and_passes_over_what_is_too_long(
    speeches: list[tuple[str, int]], budget: int, bytes_budget: int
) -> None:
    messages = [
        Danmaku(message=str(at), user=User(id=who, name=who, role=Role.VIEWER), text="秒" * size, at=at)
        for at, (who, size) in enumerate(speeches)
    ]
    taken, rest = sample(messages, budget, bytes_budget)
    used = sum(len(message.text.encode()) for message in taken)
    assert used <= bytes_budget and len(taken) <= budget
    assert sorted([*taken, *rest], key=lambda m: m.at) == messages
    if len(taken) < budget:
        assert all(len(message.text.encode()) > bytes_budget - used for message in rest)


def test_sequenced_events_keep_their_order_and_none_is_lost() -> None:
    lanes = Lanes(chat_budget=1, chat_bytes=10_000)
    events = [ProductUnmounted(sku=str(number), seq=number) for number in range(500)]
    for event in events[:300]:
        lanes.sequenced(event)
    first = lanes.take_sequenced()
    for event in events[300:]:
        lanes.sequenced(event)
    assert [*first.sequenced, *lanes.take().sequenced] == events
    assert not lanes.dirty


def test_settling_leaves_the_other_lanes_waiting() -> None:
    lanes = Lanes(chat_budget=10, chat_bytes=10_000)
    lanes.sequenced(ProductUnmounted(sku="x", seq=1))
    lanes.state(("online", ""), 3)
    lanes.chat(said(1, "a"))
    settled = lanes.take_sequenced()
    assert settled.state == {} and settled.chat == []
    rest = lanes.take()
    assert rest.sequenced == [] and rest.state == {("online", ""): 3} and len(rest.chat) == 1


@given(st.lists(st.tuples(st.sampled_from(["sku1", "sku2"]), st.integers(0, 5)), max_size=40))
def test_state_is_the_latest_value_per_key_and_only_changes_are_told(changes: list[tuple[str, int]]) -> None:
    lanes = Lanes(chat_budget=1, chat_bytes=10_000)
    model: dict[str, int] = {}
    for sku, available in changes:
        changed = lanes.state(("stock", sku), available)
        assert changed == (model.get(sku) != available)
        model[sku] = available
    event = state_event(lanes.take().state, now=9)
    assert (event.stock or {}) == model and event.server_time == 9


def test_a_room_state_event_names_each_kind_of_key() -> None:
    beat = Countdown(phase=SalePhase.OPEN, remaining_ms=10)
    event = state_event({("online", ""): 1, ("likes", ""): 2, ("stock", "s"): 3, ("countdown", "f"): beat}, 5)
    assert (event.online, event.likes, event.stock, event.countdown) == (1, 2, {"s": 3}, {"f": beat})


def test_chat_is_bounded_and_every_loss_is_counted() -> None:
    lanes = Lanes(chat_budget=3, chat_bytes=10_000)
    room = 3 * CHAT_PENDING_FLUSHES
    kept = [lanes.chat(said(number, "a")) for number in range(room + 5)]
    assert kept == [True] * room + [False] * 5
    batch = lanes.take()
    assert len(batch.chat) == 3
    assert batch.skipped == room + 5 - 3
    assert len(batch.unshown) == room - 3


def test_a_recalled_message_that_nobody_saw_is_never_shown() -> None:
    lanes = Lanes(chat_budget=5, chat_bytes=10_000)
    lanes.chat(said(1, "a"))
    lanes.chat(said(2, "b"))
    lanes.recall("m1")
    assert [message.message for message in lanes.take().chat] == ["m2"]


def test_what_is_forgotten_is_not_told() -> None:
    lanes = Lanes(chat_budget=5, chat_bytes=10_000)
    lanes.state(("stock", "gone"), 4)
    lanes.forget(("stock", "gone"))
    assert lanes.take().state == {} and lanes.latest == {}
