"""The provider's book: no payment too many, none missing, none kept for nothing."""

from __future__ import annotations

from typing import ClassVar

import pytest

from loadtest.chaos import money
from loadtest.chaos.facts import Payment, PaymentRow, RefundRow
from tests.loadtest_chaos.books import kept, payment

PAID = {"00-a": kept("paid", 2, payment="p1")}


class TestChargedOnce:
    def test_one_payment_for_a_paid_order(self) -> None:
        assert money.charged_once([payment()], PAID) == []

    def test_another_one_that_went_back(self) -> None:
        back = payment(name="p2", refunded=200, r1=200)
        assert money.charged_once([payment(), back, payment(name="p3", status="declined")], PAID) == []

    def test_two(self) -> None:
        (line,) = money.charged_once([payment(), payment(name="p2")], PAID)
        assert line == "order 00-a: 2 payments are kept: ['p1', 'p2']"

    def test_two_for_an_order_that_nobody_knows(self) -> None:
        assert len(money.charged_once([payment(), payment(name="p2")], {})) == 1

    @pytest.mark.parametrize("entries", [[], [payment(status="authorised")], [payment(refunded=200, r1=200)]])
    def test_none(self, entries: list[Payment]) -> None:
        (line,) = money.charged_once(entries, PAID)
        assert line == "order 00-a is paid, the provider keeps no payment for it"

    def test_nothing_to_pay(self) -> None:
        assert money.charged_once([], {"00-a": kept("paid", 2, amount=0)}) == []

    def test_another_amount(self) -> None:
        (line,) = money.charged_once([payment(amount=300)], PAID)
        assert line == "order 00-a costs 200 CNY, 300 CNY were taken"

    def test_another_currency(self) -> None:
        assert len(money.charged_once([payment(currency="EUR")], PAID)) == 1

    def test_another_payment_than_the_order_names(self) -> None:
        (line,) = money.charged_once([payment(name="p2")], PAID)
        assert line == "order 00-a names payment p1, the provider keeps p2"

    def test_a_partial_refund_keeps_the_payment(self) -> None:
        assert money.charged_once([payment(refunded=50, r1=50)], PAID) == []


class TestRefunds:
    def test_up_to_the_capture(self) -> None:
        assert money.refunds_below_capture([payment(refunded=200, r1=50, r2=150)]) == []

    def test_above_it(self) -> None:
        (line,) = money.refunds_below_capture([payment(refunded=250, r1=100, r2=150)])
        assert line == "payment p1: 200 were taken, 250 given back"

    def test_of_money_that_was_never_taken(self) -> None:
        assert len(money.refunds_below_capture([payment(status="authorised", refunded=1, r1=1)])) == 1

    def test_a_sum_that_is_not_its_parts(self) -> None:
        (line,) = money.refunds_below_capture([payment(refunded=100, r1=50)])
        assert line == "payment p1: its refunds add up to 50, the book says 100"


class TestUnused:
    @pytest.mark.parametrize("status", ["expired", "cancelled", "refunded"])
    def test_kept_for_nothing(self, status: str) -> None:
        (line,) = money.none_unused([payment()], {"00-a": kept(status, 2)})
        assert line == f"payment p1: 200 are kept for order 00-a, which is {status}"

    def test_kept_for_an_order_that_nobody_knows(self) -> None:
        assert len(money.none_unused([payment()], {})) == 1

    def test_half_given_back(self) -> None:
        (line,) = money.none_unused([payment(refunded=50, r1=50)], {"00-a": kept("refunded", 4)})
        assert line.startswith("payment p1: 150 are kept")

    def test_used_returned_or_never_taken(self) -> None:
        book = [payment(), payment(name="p2", refunded=200, r1=200), payment("00-b", status="pending")]
        assert money.none_unused(book, PAID) == []


def test_a_charge_that_took_money_has_ended() -> None:
    assert money.settled([payment(), payment("00-b", status="authorised")], ["00-b", "00-c"]) == []
    assert money.settled([payment(), payment(name="p2", refunded=200)], ["00-a"]) == [
        "payment p1: taken for order 00-a, whose charge is still open"
    ]


class TestInLedger:
    BOOK: ClassVar = [
        payment(refunded=150, r1=50, r2=100),
        payment(name="p2", refunded=200, x=200),
        payment(name="p3", status="declined"),
    ]
    ROWS: ClassVar = [
        PaymentRow("p1", "captured", 200),
        PaymentRow("p2", "unused", 200),
        PaymentRow("p2", "returned", 200),
    ]
    REFUNDS: ClassVar = [
        RefundRow("r1", "begun", "p1", 50),
        RefundRow("r1", "done", "p1", 50),
        RefundRow("r2", "approved", "p1", 100),
        RefundRow("r2", "done", "p1", 100),
        RefundRow("r3", "declined", "p1", 10),
    ]

    def test_to_the_last_unit(self) -> None:
        assert money.in_ledger(self.BOOK, self.ROWS, self.REFUNDS) == []

    def test_money_that_the_ledger_does_not_know(self) -> None:
        (line,) = money.in_ledger([payment()], [], [])
        assert line == "payment p1: 200 were taken, the ledger has none such"

    def test_a_refund_that_is_not_in_the_ledger(self) -> None:
        (line,) = money.in_ledger(self.BOOK, self.ROWS, self.REFUNDS[:3])
        assert line == "payment p1: 150 were given back, the ledger has 50"

    def test_a_return_that_never_reached_the_buyer(self) -> None:
        (line,) = money.in_ledger([payment(name="p2")], self.ROWS, [])
        assert line == "payment p2: 0 were given back, the ledger has 200"
