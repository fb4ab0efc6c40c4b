from __future__ import annotations

import itertools
import random

from loadtest.agenda import Agenda, poisson, within


def test_what_is_due_comes_in_its_order_and_once() -> None:
    agenda = Agenda()
    called: list[tuple[str, float]] = []
    for name, at in (("late", 30.0), ("first", 10.0), ("second", 10.0)):
        agenda.add(at, lambda meant, name=name: called.append((name, meant)))  # type: ignore[misc]
    assert agenda.next_at() == 10.0
    for meant, call in agenda.due(20.0):
        call(meant)
    assert called == [("first", 10.0), ("second", 10.0)]
    assert (len(agenda), agenda.next_at()) == (1, 30.0)
    agenda.clear()
    assert agenda.next_at() == float("inf")


def test_what_a_call_adds_for_now_is_due_as_well() -> None:
    agenda = Agenda()
    called: list[float] = []

    def again(meant: float) -> None:
        called.append(meant)
        if meant < 3:
            agenda.add(meant + 1, again)

    agenda.add(1.0, again)
    for meant, call in agenda.due(2.5):
        call(meant)
    assert called == [1.0, 2.0]
    assert agenda.next_at() == 3.0


def test_arrivals_keep_their_rate_whatever_happens_meanwhile() -> None:
    moments = list(itertools.takewhile(lambda at: at < 101_000, poisson(1_000.0, 50.0, random.Random(1))))
    assert abs(len(moments) - 5_000) < 250
    assert all(a < b for a, b in itertools.pairwise([1_000.0, *moments]))
    assert list(poisson(0.0, 0.0, random.Random(1))) == []


def test_everybody_orders_within_the_spread() -> None:
    source = random.Random(2)
    moments = [within(500.0, 1_000.0, source) for _ in range(1_000)]
    assert 500.0 <= min(moments) < 520.0
    assert 1_480.0 < max(moments) <= 1_500.0
    assert within(500.0, -1.0, source) == 500.0
