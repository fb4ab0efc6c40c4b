"""The dice: the same seed and the same subject, the same throw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.sandbox.behaviour import COPY_MS, HELD_BACK_MS, Behaviour, Failure, Failures

KEYS = [f"key-{number}" for number in range(2_000)]


@given(seed=st.integers(0, 2**53 - 1), about=st.text())
def test_a_throw_depends_on_seed_and_subject_alone(seed: int, about: str) -> None:
    throw = Behaviour(seed=seed).roll("drop", about)
    assert 0 <= throw < 1
    assert Behaviour(seed=seed, drop=0.5).roll("drop", about) == throw


def test_subjects_seeds_and_questions_are_thrown_for_apart() -> None:
    throws = {
        Behaviour(seed=seed).roll(what, key) for seed in (1, 2) for what in ("drop", "fail") for key in KEYS
    }
    assert len(throws) == 4 * len(KEYS)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_probabilities_are_what_they_say(share: float) -> None:
    behaviour = Behaviour(seed=7, drop=share, decline=share, pending=share, duplicate=share)
    failures = Failures()
    counts = [
        sum(behaviour.loses(key) for key in KEYS),
        sum(behaviour.declines(key, "ann") for key in KEYS),
        sum(behaviour.keeps_waiting(key) for key in KEYS),
        sum(len(behaviour.posts_after(key)) == 2 for key in KEYS),
        sum(failures.next(Behaviour(seed=7, fail=share), key) is not None for key in KEYS),
    ]
    for count in counts:
        assert abs(count - share * len(KEYS)) <= (0 if share in (0.0, 1.0) else 100)


def test_when_notices_are_posted() -> None:
    assert Behaviour(delay_ms=70).posts_after("e") == [70]
    held = [Behaviour(reorder=1.0, delay_ms=70).posts_after(key) for key in KEYS]
    assert all(len(posts) == 1 and 70 <= posts[0] < 70 + HELD_BACK_MS for posts in held)
    assert len({posts[0] for posts in held}) > 500, "each for a time of its own"
    for first, second in (Behaviour(duplicate=1.0).posts_after(key) for key in KEYS):
        assert first == 0 <= second < COPY_MS


def test_the_declined_are_declined() -> None:
    assert Behaviour().declines("k", "declined-dora")
    assert not Behaviour().declines("k", "dora")


def test_each_request_about_the_same_thing_is_thrown_for_anew() -> None:
    behaviour = Behaviour(fail=0.5, seed=3)
    first, again = Failures(), Failures()
    fates = [first.next(behaviour, "authorise k") for _ in range(200)]
    assert [again.next(behaviour, "authorise k") for _ in range(200)] == fates
    assert set(fates) == {None, Failure.BEFORE, Failure.AFTER}


def test_what_is_counted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.sandbox.behaviour._COUNTED", 10)
    failures = Failures()
    for key in KEYS:
        failures.next(Behaviour(fail=0.5), key)
    assert len(failures._asked) == 10
