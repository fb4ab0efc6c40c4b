"""Each check says nothing where all is well, and fails where it should."""

from __future__ import annotations

from typing import ClassVar

import pytest

from loadtest.chaos import checks
from loadtest.chaos.facts import Shown, Store
from loadtest.chaos.records import Asked, Doubt, Gave, Refused
from loadtest.chaos.told import PLACE, Told
from schemas.codes import OrderStatus
from tests.loadtest_chaos.books import ROOM, kept, move, pool, steps, store, told


class TestAcknowledged:
    def test_as_it_was_told_and_further(self) -> None:
        heard = Told([told(), told(2, "paid")])
        books = {"00-a": kept("refunding", 3)}
        assert checks.acknowledged(heard, books, {"00-a": steps("reserved", "paid", "refunding")}) == []

    def test_an_order_that_is_gone(self) -> None:
        (line,) = checks.acknowledged(Told([told()]), {}, {})
        assert line == "order 00-a of ann was acknowledged and is not in the ledger"

    def test_a_ledger_behind_what_was_told(self) -> None:
        lines = checks.acknowledged(Told([told(2, "paid")]), {"00-a": kept()}, {"00-a": steps("reserved")})
        assert lines == [
            "order 00-a: version 2 was told, the ledger stands at 1",
            "order 00-a: version 2 was told as paid, its history has None",
        ]

    def test_another_history_than_was_told(self) -> None:
        lines = checks.acknowledged(
            Told([told(2, "paid")]), {"00-a": kept("expired", 2)}, {"00-a": steps("reserved", "expired")}
        )
        assert lines == ["order 00-a: version 2 was told as paid, its history has expired"]

    @pytest.mark.parametrize(
        ("field", "wrong"),
        [("amount", 199), ("quantity", 1), ("user", "bob"), ("request", "r2")],
    )
    def test_another_order_than_was_told(self, field: str, wrong: object) -> None:
        books = {"00-a": kept(**{field: wrong})}  # type: ignore[arg-type]
        (line,) = checks.acknowledged(Told([told()]), books, {"00-a": steps("reserved")})
        assert line.startswith(f"order 00-a: {field} was told as")


class TestHistories:
    @pytest.mark.parametrize(
        "life",
        [
            ["reserved", "paid", "shipped", "delivered", "refunding", "refunded"],
            ["reserved", "expired", "paid", "refunding", "refunding", "paid"],
            ["reserved", "cancelled"],
        ],
    )
    def test_allowed(self, life: list[str]) -> None:
        assert checks.histories({"00-a": kept(life[-1], len(life))}, {"00-a": steps(*life)}) == []

    @pytest.mark.parametrize(
        "life",
        [
            ["reserved", "shipped"],
            ["reserved", "cancelled", "paid"],
            ["reserved", "paid", "refunded"],
        ],
    )
    def test_a_step_that_is_not_allowed(self, life: list[str]) -> None:
        (line,) = checks.histories({"00-a": kept(life[-1], len(life))}, {"00-a": steps(*life)})
        assert line == f"order 00-a: went from {life[-2]} to {life[-1]} at version {len(life)}"

    def test_a_version_that_is_missing(self) -> None:
        life = steps("reserved", "paid", "shipped")
        (line,) = checks.histories({"00-a": kept("shipped", 3)}, {"00-a": [life[0], life[2]]})
        assert "its history has [1, 3]" in line

    def test_a_status_that_its_history_does_not_have(self) -> None:
        (line,) = checks.histories({"00-a": kept("paid", 1)}, {"00-a": steps("reserved")})
        assert line == "order 00-a: is paid, its last step was reserved"

    def test_an_order_that_was_never_reserved(self) -> None:
        (line,) = checks.histories({"00-a": kept("paid", 1)}, {"00-a": steps("paid")})
        assert line == "order 00-a: began as paid"

    def test_every_status_has_its_steps(self) -> None:
        assert checks.FOLLOWS.keys() == {status.value for status in OrderStatus}


class TestOneOrder:
    def test_one(self) -> None:
        assert checks.one_order(Told([Asked(1, "ann", "r1", False), told()]), {"00-a": kept()}) == []

    def test_a_second_one_in_the_ledger(self) -> None:
        books = {"00-a": kept(), "00-b": kept(order="00-b")}
        (line,) = checks.one_order(Told([told()]), books)
        assert line == "request ann/r1 made 2 orders: ['00-a', '00-b']"

    def test_a_second_one_that_was_told(self) -> None:
        (line,) = checks.one_order(Told([told(), told(order="00-b")]), {"00-a": kept()})
        assert "made 2 orders" in line

    def test_an_order_behind_a_refusal(self) -> None:
        refused = Refused(3, "ann", PLACE, "r1", "", "sold_out")
        (line,) = checks.one_order(Told([refused]), {"00-a": kept()})
        assert line == "request ann/r1 was refused (sold_out) and made order 00-a"

    def test_a_refusal_after_a_doubt_may_have_an_order(self) -> None:
        doubt = Doubt(2, "ann", PLACE, "r1", "")
        refused = Refused(3, "ann", PLACE, "r1", "", "sold_out")
        assert checks.one_order(Told([doubt, refused]), {"00-a": kept()}) == []

    def test_a_declined_payment_leaves_its_hold(self) -> None:
        refused = Refused(3, "ann", PLACE, "r1", "", "payment_failed")
        assert checks.one_order(Told([refused]), {"00-a": kept()}) == []

    def test_an_order_that_nobody_asked_for(self) -> None:
        (line,) = checks.one_order(Told(), {"00-a": kept()})
        assert line == "order 00-a stands for request ann/r1, which nobody sent"


def test_a_doubt_that_nobody_answered() -> None:
    doubts = [Doubt(2, "ann", PLACE, "r1", ""), Doubt(3, "bob", "order.pay", "", "00-b")]
    assert checks.answered(Told(doubts)) == [
        "nobody said what became of ann/r1",
        "nobody said what became of bob/00-b",
    ]
    assert checks.answered(Told([doubts[0], told()])) == []


class TestOversold:
    def test_as_many_as_were_given(self) -> None:
        books = {"00-a": kept("paid", 2), "00-b": kept("cancelled", 2, order="00-b")}
        history = {"00-a": steps("reserved", "paid", at=200), "00-b": steps("reserved", "cancelled", at=100)}
        assert checks.oversold(books, history, [move(2)]) == []

    def test_one_too_many(self) -> None:
        books = {"00-a": kept(quantity=2), "00-b": kept(order="00-b", quantity=1)}
        history = {"00-a": steps("reserved"), "00-b": steps("reserved", at=200)}
        (line,) = checks.oversold(books, history, [move(2)])
        assert line == "pool room/sku/tea was oversold by 1 units at 210; -1 are left at the end"

    def test_for_a_while_only(self) -> None:
        """At the end the sum is right: what was oversold was cancelled."""
        books = {"00-a": kept("paid", 2), "00-b": kept("cancelled", 2, order="00-b")}
        history = {"00-a": steps("reserved", "paid"), "00-b": steps("reserved", "cancelled")}
        (line,) = checks.oversold(books, history, [move(2)])
        assert line == "pool room/sku/tea was oversold by 2 units at 110; 0 are left at the end"

    def test_units_taken_out_under_an_order(self) -> None:
        (line,) = checks.oversold({"00-a": kept()}, {"00-a": steps("reserved")}, [move(2), move(-1, 300)])
        assert "by 1 units at 300" in line

    def test_money_on_its_way_back_keeps_the_units(self) -> None:
        books = {"00-a": kept("refunding", 3), "00-b": kept(order="00-b")}
        history = {"00-a": steps("reserved", "paid", "refunding"), "00-b": steps("reserved", at=200)}
        assert len(checks.oversold(books, history, [move(3)])) == 1


class TestStranded:
    def test_everything_accounted_for(self) -> None:
        books = {"00-a": kept("paid", 2), "00-b": kept("expired", 2, order="00-b")}
        assert checks.stranded(store(pool(3, 0, 2)), books, [move(5)]) == []

    def test_a_unit_that_is_nowhere(self) -> None:
        (line,) = checks.stranded(store(pool(2, 0, 2)), {"00-a": kept("paid", 2)}, [move(5)])
        assert line == "pool room/sku/tea: 5 units were given, 2 available + 0 held + 2 sold = 4"

    def test_a_hold_that_stays(self) -> None:
        lines = checks.stranded(store(pool(3, 2), holds=1, overdue=1), {"00-a": kept()}, [move(5)])
        assert lines == ["1 holds are left, 1 of them past their deadline"]

    def test_units_held_for_no_order(self) -> None:
        (line,) = checks.stranded(store(pool(3, 2)), {}, [move(5)])
        assert line == "pool room/sku/tea: the store has 2 held and 0 sold, the ledger's orders 0 and 0"

    def test_less_than_nothing(self) -> None:
        lines = checks.stranded(store(pool(-2, 0, 7)), {"00-a": kept("paid", 2, quantity=7)}, [move(5)])
        assert len(lines) == 1
        assert "below zero" in lines[0]

    def test_a_pool_that_the_store_forgot(self) -> None:
        (line,) = checks.stranded(store(), {}, [move(5)])
        assert line == "pool room/sku/tea: 5 units were given to it, the store does not know it"

    @pytest.mark.parametrize("left", [store(returns=1), store(behind=3)])
    def test_work_that_is_left(self, left: Store) -> None:
        assert len(checks.stranded(left, {}, [])) == 1


def test_store_and_ledger_tell_the_same() -> None:
    heard, books = Told([told()]), {"00-a": kept("paid", 2)}
    same, other = store(), store()
    same.orders = {"00-a": (2, "paid")}
    other.orders = {"00-a": (1, "reserved")}
    assert checks.stored(heard, same, books) == []
    assert checks.stored(heard, store(), books) == []
    assert checks.stored(heard, other, books) == [
        "order 00-a: the store has reserved at version 1, the ledger paid at version 2"
    ]


class TestGiven:
    def test_once(self) -> None:
        assert checks.given(Told([Gave(1, ROOM, 5, True)]), [move(5)]) == []

    @pytest.mark.parametrize("units", [0, 10])
    def test_lost_or_twice(self, units: int) -> None:
        (line,) = checks.given(Told([Gave(1, ROOM, 5, True)]), [move(units)])
        assert line == f"room room: the host gave 5 units, the ledger has {units}"

    @pytest.mark.parametrize("units", [2, 5, 7, 10])
    def test_what_is_not_sure_may_be_there(self, units: int) -> None:
        gave = [Gave(1, ROOM, 5, True), Gave(2, ROOM, 5, False), Gave(3, ROOM, -3, False)]
        assert checks.given(Told(gave), [move(units)]) == []

    def test_other_reasons_are_no_gift(self) -> None:
        moves = [move(5), move(-2, reason=checks.LEFT), move(3, reason="carved")]
        assert checks.given(Told([Gave(1, ROOM, 5, True)]), moves) == []

    def test_but_no_more_than_that(self) -> None:
        gave = [Gave(1, ROOM, 5, True), Gave(2, ROOM, 5, False)]
        (line,) = checks.given(Told(gave), [move(15)])
        assert line == "room room: the host gave 5 to 10 units, the ledger has 15"


class TestMoved:
    SHIPPED: ClassVar = {"00-a": kept("refunded", 5)}
    LIFE: ClassVar = {"00-a": steps("reserved", "paid", "shipped", "refunding", "refunded")}

    def test_carved_out_and_back(self) -> None:
        sale = "sale/s1"
        moves = [
            move(5),
            move(-3, reason="carved"),
            move(3, pool=sale, reason="carved"),
            move(-1, pool=sale, reason="closed"),
            move(1, reason="closed"),
        ]
        assert checks.moved({}, {}, moves) == []
        assert checks.moved({}, {}, moves[:-1]) == ["room room: -1 units came about between its pools"]

    def test_what_was_shipped_and_refunded_is_gone(self) -> None:
        assert checks.moved(self.SHIPPED, self.LIFE, [move(5), move(-2, reason=checks.LEFT)]) == []

    @pytest.mark.parametrize("times", [0, 2])
    def test_but_once(self, times: int) -> None:
        (line,) = checks.moved(self.SHIPPED, self.LIFE, [move(-2, reason=checks.LEFT)] * times)
        assert line == f"room room: 2 units were shipped and refunded, the ledger took {2 * times} out"

    def test_what_was_never_shipped_stays(self) -> None:
        books, life = (
            {"00-a": kept("refunded", 4)},
            {"00-a": steps("reserved", "paid", "refunding", "refunded")},
        )
        assert checks.moved(books, life, []) == []
        assert len(checks.moved(books, life, [move(-2, reason=checks.LEFT)])) == 1


class TestShownStock:
    def test_what_can_be_bought(self) -> None:
        pools = [pool(3), pool(0, state="closed", name="sale/s1")]
        assert checks.shown_stock([Shown("ann", ROOM, {"tea": 3, "s1": 9})], pools) == []

    @pytest.mark.parametrize("units", [{"tea": 4}, {}])
    def test_what_cannot(self, units: dict[str, int]) -> None:
        (line,) = checks.shown_stock([Shown("ann", ROOM, units)], [pool(3)])
        assert line == f"ann is shown {units.get('tea')} of room/tea, 3 can be bought"


def test_the_audit_has_to_say_ok() -> None:
    problem = {"pool": "room/sku/tea", "message": "allocated 5, but 4"}
    assert checks.audited({"ok": True, "problems": []}) == []
    assert checks.audited({"ok": False, "problems": [problem]}) == ["audit: room/sku/tea: allocated 5, but 4"]
    assert checks.audited({"exit": 2, "said": "no store"}) == [
        "the audit gave no result: {'exit': 2, 'said': 'no store'}"
    ]


def test_nothing_may_be_parked() -> None:
    assert checks.nothing_parked(0) == []
    assert checks.nothing_parked(2) == ["2 outbox entries were put aside"]
