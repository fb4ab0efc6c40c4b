"""How long nobody was answered."""

from __future__ import annotations

from loadtest.chaos.pulse import Pulse


def test_the_longest_time_between_two_answers() -> None:
    pulse = Pulse()
    for at in (100, 150, 400, 420):
        pulse.beat(at)
    assert (pulse.answers, pulse.outage_ms, pulse.outage_at) == (4, 250, 150)


def test_who_is_turned_away_was_not_answered() -> None:
    pulse = Pulse()
    pulse.beat(100)
    pulse.away()
    pulse.beat(400)
    assert (pulse.answers, pulse.turned_away, pulse.outage_ms) == (2, 1, 300)


def test_silence_after_the_end_is_no_outage() -> None:
    pulse = Pulse()
    pulse.beat(100)
    pulse.stop()
    pulse.beat(9_000)
    assert pulse.outage_ms == 0


def test_the_longest_wait() -> None:
    pulse = Pulse()
    for wait in (5, 80, 20):
        pulse.waited(wait)
    assert pulse.wait_ms == 80
