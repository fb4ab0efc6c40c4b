"""Who is silenced, as a process knows it: never wrong where it answers, however reads and changes cross."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server.rooms.moderation import FOREVER, Silence, Standing
from server.rooms.notices import DirectNotice
from server.rooms.standings import HEARD, Standings

NOW = 1_000
USERS = st.sampled_from("abc")


class Crossing(RuleBasedStateMachine):
    """A store, a channel that delivers late and forgets while it is lost, and reads that take time."""

    def __init__(self) -> None:
        super().__init__()
        self.muted: dict[str, Silence] = {}
        self.kicked: dict[str, Silence] = {}
        self.channel: list[DirectNotice] = []
        self.connected = False
        self.standings = Standings()
        self.under_way: tuple[int, dict[str, Silence], dict[str, Silence]] | None = None
        self.asked: int | None = None
        self.number = 0
        self.told: dict[str, Silence] = {}
        """What a viewer who watches here was last told, by user."""

    def publish(self, kind: str, user: str, until: int | None) -> None:
        if self.connected:
            self.channel.append(DirectNotice(kind=kind, user=user, until=until, reason=str(self.number)))

    @rule(user=USERS, kind=st.sampled_from(["mute", "kick"]), until=st.sampled_from([None, NOW, NOW + 5]))
    def silence(self, user: str, kind: str, until: int | None) -> None:
        self.number += 1
        silences = self.muted if kind == "mute" else self.kicked
        silences[user] = Silence(FOREVER if until is None else until, str(self.number))
        self.publish(kind, user, until)

    @rule(user=USERS)
    def unmute(self, user: str) -> None:
        self.muted.pop(user, None)
        self.publish("unmute", user, 0)

    @rule()
    def lose(self) -> None:
        self.connected = False
        self.channel.clear()
        self.standings.lose()

    @rule()
    def subscribe(self) -> None:
        if not self.connected:
            self.connected = True
            self.standings.doubt()

    @rule()
    def deliver(self) -> None:
        if self.channel:
            self.standings.heard(notice := self.channel.pop(0))
            if notice.kind != "kick":
                until = FOREVER if notice.until is None else notice.until
                self.tell(notice.user, Silence(until, notice.reason) if until else None)

    def tell(self, user: str, silence: Silence | None) -> None:
        self.told.pop(user, None)
        if silence is not None:
            self.told[user] = silence

    @precondition(lambda self: not self.standings.known)
    @rule(user=USERS)
    def come_in(self, user: str) -> None:
        """Another socket of a user, told by its own welcome."""
        muted = self.muted.get(user)
        until = muted.until if muted and muted.until > NOW else None
        self.standings.learnt(user, Standing(until, None, muted.reason if muted and until else ""))

    @precondition(lambda self: not self.standings.known and self.asked is None)
    @rule()
    def ask(self) -> None:
        self.asked = self.standings.reading()

    @precondition(lambda self: self.asked is not None)
    @rule()
    def read_in_the_store(self) -> None:
        assert self.asked is not None
        self.under_way, self.asked = (self.asked, dict(self.muted), dict(self.kicked)), None

    @precondition(lambda self: self.under_way is not None)
    @rule()
    def answer(self) -> None:
        assert self.under_way is not None
        reading, muted, kicked = self.under_way
        self.under_way = None
        unheard = self.standings.read(reading, muted, kicked)
        for user, silence in unheard.muted.items() if unheard is not None else ():
            self.tell(user, silence)

    @rule()
    def forget(self) -> None:
        self.standings.forget(NOW)

    @invariant()
    def nothing_is_known_while_changes_are_lost(self) -> None:
        assert self.connected or not self.standings.known

    @invariant()
    def it_is_the_stores_truth_once_everything_was_delivered(self) -> None:
        if not self.connected or self.channel or not self.standings.known:
            return
        for user in "abc":
            standing = self.standings.of(user, NOW)
            muted, kicked = self.muted.get(user), self.kicked.get(user)
            muted = muted if muted and muted.until > NOW else None
            kicked = kicked if kicked and kicked.until > NOW else None
            why = kicked or muted
            assert standing == Standing(
                muted and muted.until, kicked and kicked.until, why.reason if why else ""
            )
            told = self.told.get(user)
            assert (told if told and told.until > NOW else None) == muted


TestCrossing = Crossing.TestCase


def known(**kicked: Silence) -> Standings:
    standings = Standings()
    standings.doubt()
    assert standings.read(standings.reading(), {}, kicked) == ({}, {u: s.reason for u, s in kicked.items()})
    return standings


def test_unknown_until_it_was_read() -> None:
    standings = Standings()
    assert standings.of("a", NOW) is None
    assert known().of("a", NOW) == Standing(None, None)


def test_a_reading_that_lost_changes_is_not_taken() -> None:
    standings = known()
    standings.doubt()
    reading = standings.reading()
    standings.doubt()
    assert standings.read(reading, {}, {}) is None and standings.of("a", NOW) is None


def test_a_mute_and_an_end_of_one_that_nobody_heard_of_are_named() -> None:
    standings = known()
    old, new, spam = Silence(FOREVER, "old"), Silence(FOREVER, "new"), Silence(NOW + 5, "spam")
    for user in "ab":
        standings.heard(DirectNotice(kind="mute", user=user, reason="old"))
    standings.doubt()
    assert standings.read(standings.reading(), {"a": old, "c": spam}, {}) == ({"b": None, "c": spam}, {})
    standings.doubt()
    standings.learnt("a", Standing(FOREVER, None, "new"))
    standings.learnt("d", Standing(None, None))
    assert standings.read(standings.reading(), {"a": new, "c": spam}, {}) == ({"a": new}, {})


def test_only_the_newly_kicked_are_named() -> None:
    standings = known(a=Silence(FOREVER, "old"))
    standings.doubt()
    lists = {"a": Silence(FOREVER, "old"), "b": Silence(FOREVER, "new")}
    assert standings.read(standings.reading(), {}, lists) == ({}, {"b": "new"})


def test_more_changes_than_are_kept_while_reading_mean_another_reading() -> None:
    standings = Standings()
    standings.doubt()
    reading = standings.reading()
    for number in range(HEARD + 2):
        standings.heard(DirectNotice(kind="kick", user=str(number)))
    assert standings.read(reading, {}, {}) is None
    assert standings.read(standings.reading(), {}, {}) == ({}, {})


def test_those_whose_time_ran_out_are_dropped() -> None:
    standings = known(a=Silence(NOW + 1, ""), b=Silence(FOREVER, ""))
    standings.forget(NOW)
    assert standings.statistics()["kicked"] == 2
    standings.forget(NOW + 1)
    assert standings.statistics()["kicked"] == 1
