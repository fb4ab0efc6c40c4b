"""The verdict: what broke is said first, what could not be checked is not called held."""

from __future__ import annotations

import msgspec

from loadtest.chaos.facts import Books, PaymentRow, Shown
from loadtest.chaos.judge import NO_BOOK, judge
from loadtest.chaos.report import KEPT, Report, faults_by_kind, promise, strike_line, table
from loadtest.chaos.schedule import Fault, Kind
from loadtest.chaos.targets import Strike
from loadtest.chaos.told import Told
from loadtest.stress.verdict import SHOWN
from tests.loadtest_chaos.books import kept, move, payment, pool, steps, store, told


def strike(target: str, kind: Kind, done: str = "process 17") -> Strike:
    return Strike(Fault(0, 1.0, target, kind, 0.5, 3), 1.0, done)


def report(*breaches: str) -> Report:
    return Report(
        machine={"cpus": "2"},
        seed=7,
        seconds=12,
        buyers=3,
        rooms=1,
        database="sqlite",
        targets={"store": [Kind.KILL]},
        replay="make chaos SEED=7",
        figures={"orders_acknowledged": 12_345},
        promises=[promise("oversold", "words", breaches), promise("refunds", "words", [], NO_BOOK)],
        strikes=[strike("store", Kind.KILL)],
        tracebacks=[],
        started_at="now",
        took_s=20.0,
    )


def test_all_held() -> None:
    text = table(report())
    assert report().broken == []
    assert "oversold     held" in text
    assert "refunds      not checked" in text
    assert "12,345" in text
    assert text.endswith("again: make chaos SEED=7")


def test_broken_promises_are_spelt_out_up_to_a_number() -> None:
    broken = report(*(f"breach {number}" for number in range(SHOWN + 2)))
    assert broken.broken == [*(f"oversold: breach {n}" for n in range(SHOWN)), "oversold: and 2 more"]
    assert f"BROKEN ({SHOWN + 2})" in table(broken)


def test_a_flood_of_breaches_is_counted() -> None:
    many = promise("oversold", "words", ["breach"] * (KEPT + 3))
    assert len(many.breaches) == KEPT + 1
    assert many.breaches[-1] == "and 3 more"


def test_as_json() -> None:
    document = msgspec.json.decode(msgspec.json.encode(report("breach")))
    assert document["strikes"][0]["fault"]["target"] == "store"
    assert document["promises"][0]["breaches"] == ["breach"]


def test_faults_are_counted_by_kind() -> None:
    strikes = [
        strike("store", Kind.KILL),
        strike("store", Kind.KILL),
        strike("gateway", Kind.STOP),
        strike("psp", Kind.KILL, "missed: no such process within 10 s"),
    ]
    assert faults_by_kind(strikes) == {"gateway stop": 1, "missed": 1, "store kill": 2}
    assert strike_line(strikes[2]) == "   1.000 s  stop gateway for 0.5 s: process 17"


class TestJudge:
    def books(self) -> Books:
        return Books(
            orders={"00-a": kept("paid", 2, payment="p1")},
            history={"00-a": steps("reserved", "paid")},
            moves=[move(5)],
            store=store(pool(3, 0, 2)),
            book=[payment()],
            payments=[PaymentRow("p1", "captured", 200)],
            audit={"ok": True},
        )

    def heard(self) -> Told:
        heard = Told([told(), told(2, "paid", at=20, sent=15)])
        heard.given["room"] = 5
        return heard

    def test_all_is_well(self) -> None:
        promises = judge(self.heard(), self.books(), [], [])
        assert [one for one in promises if one.breaches or one.skipped] == []

    def test_without_a_book_money_is_not_checked(self) -> None:
        books = self.books()
        books.book = None
        skipped = [one.name for one in judge(self.heard(), books, [], []) if one.skipped]
        assert skipped == ["charged once", "refunds", "unused", "settled", "book"]

    def test_every_promise_can_break(self) -> None:
        heard, books = Told([told(), told(2, "expired", at=20, sent=15)]), self.books()
        heard.contradictions = ["older"]
        heard.requests["ann", "r1"].open = True
        books.orders["00-b"] = kept("refunded", 7, order="00-b")
        books.book = [payment(), payment(name="p2", refunded=300)]
        books.book.append(payment("00-b"))
        books.store.pools = [pool(1, 0, 2)]
        books.store.charges = ["00-a"]
        books.store.orders = {"00-a": (1, "reserved")}
        books.moves = [move(1), move(-1, reason="closed")]
        books.shown = [Shown("ann", "room", {"tea": 9})]
        books.parked, books.audit = 1, {}
        books.book.append(payment(name="p3"))
        held = [one.name for one in judge(heard, books, ["stuck"], ["violation"]) if one.held]
        assert held == []
