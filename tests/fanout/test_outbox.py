"""A viewer's outbox: FLOWING, SLOW, CLOSED, with a model of what it is owed."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server.fanout.lanes import StateKey
from server.fanout.outbox import Flow, Outbox

HARD, PATIENCE = 1_000, 500


class OutboxMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(HARD, PATIENCE)
        self.now = 0
        self.slow_since: int | None = None
        self.owed_chat = 0
        self.owed_keys: set[StateKey] = set()

    @rule(step=st.integers(0, 400))
    def time_passes(self, step: int) -> None:
        self.now += step

    @rule()
    def pause(self) -> None:
        self.outbox.paused(self.now)
        if self.slow_since is None:
            self.slow_since = self.now

    @precondition(lambda self: self.slow_since is not None)
    @rule(chat=st.integers(0, 5), keys=st.sets(st.sampled_from([("online", ""), ("stock", "a")])))
    def miss(self, chat: int, keys: set[StateKey]) -> None:
        self.outbox.missed(chat, keys)
        self.owed_chat += chat
        self.owed_keys |= keys

    @rule()
    def resume(self) -> None:
        told = self.outbox.resumed()
        assert told == (self.owed_chat, self.owed_keys)
        self.slow_since, self.owed_chat, self.owed_keys = None, 0, set()

    @rule(buffered=st.integers(0, 2 * HARD))
    def judge(self, buffered: int) -> None:
        expected = self.slow_since is not None and (buffered > HARD or self.now - self.slow_since > PATIENCE)
        assert self.outbox.exhausted(buffered, self.now) == expected

    @invariant()
    def state_follows(self) -> None:
        assert self.outbox.flow is (Flow.FLOWING if self.slow_since is None else Flow.SLOW)


OutboxMachine.TestCase.settings = settings(max_examples=60, deadline=None)
TestOutbox = OutboxMachine.TestCase


def test_a_closed_outbox_owes_nothing_and_stays_closed() -> None:
    outbox = Outbox(HARD, PATIENCE)
    outbox.paused(0)
    outbox.missed(3, {("online", "")})
    outbox.closed()
    outbox.paused(10)
    assert outbox.resumed() == (0, set())
    assert not outbox.exhausted(10 * HARD, 10_000)
    assert outbox.flow is Flow.CLOSED
