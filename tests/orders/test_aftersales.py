"""What may become of a paid order, decided on its record at a moment: the clock is an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codes import ErrorCode, OrderStatus
from server.orders.aftersales import (
    MOST_REFUNDS,
    RefundRequest,
    RefundRules,
    approve,
    ask,
    decline,
    deliver,
    finish,
    ship,
    under_way,
)
from server.orders.amendments import Amendment, Units
from server.orders.changes import RETURN_AFTER_MS
from server.orders.errors import OrderError
from server.orders.records import Refund, StoredOrder

DAY = 86_400_000
RULES = RefundRules(window_ms=7 * DAY, approval_ms=2 * 3_600_000)
NOW = 1_790_000_000_000
PAID = StoredOrder(
    order="01-" + "0" * 32,
    request_id="r",
    room="room",
    user="ann",
    sale=None,
    sku="tea",
    quantity=3,
    currency="CNY",
    price=100,
    status=OrderStatus.PAID,
    version=2,
    reserved_at=NOW,
    expires_at=NOW + 60_000,
    updated_at=NOW,
    payment="p1",
)
SHIPPED = replace(PAID, status=OrderStatus.SHIPPED, version=3, shipped_at=NOW)


def written(amendment: Amendment | None) -> StoredOrder:
    """The record as the script makes it."""
    assert amendment is not None
    record = amendment.record
    fields = {name: getattr(amendment.fields, name) for name in amendment.fields.__struct_fields__}
    given = {name: value for name, value in fields.items() if type(value).__name__ != "UnsetType"}
    return replace(record, status=amendment.status, version=record.version + 1, **given)


def wants(amount: int | None = None, request_id: str | None = None, *, host: bool = False) -> RefundRequest:
    return RefundRequest(
        actor="h1" if host else "ann", by_host=host, reason="why", amount=amount, request_id=request_id
    )


def refusal(record: StoredOrder, request: RefundRequest, now: int = NOW) -> ErrorCode:
    with pytest.raises(OrderError) as caught:
        ask(record, request, RULES, now)
    return caught.value.code


def test_unshipped_is_approved_by_asking_and_sells_again() -> None:
    begun = ask(PAID, wants(), RULES, NOW + 5)
    assert begun is not None
    record = written(begun)
    refund = record.refund
    assert refund is not None and refund.approved and refund.back is OrderStatus.PAID
    assert (record.status, refund.amount, begun.due) == (
        OrderStatus.REFUNDING,
        300,
        NOW + 5 + RETURN_AFTER_MS,
    )
    assert [(row.what, row.actor, row.amount) for row in begun.rows] == [("begun", "ann", 300)]
    done = finish(record, refund.id, NOW + 9)
    assert done is not None
    assert (done.status, done.units, done.revenue, done.over) == (
        OrderStatus.REFUNDED,
        Units.BACK,
        -300,
        True,
    )
    assert done.due is None and [row.what for row in done.rows] == ["done"]
    after = written(done)
    assert after.refund is None and after.refunded == 300
    assert finish(after, refund.id, NOW + 10) is None, "once"
    assert ask(after, wants(), RULES, NOW) is None


def test_a_part_is_money_only() -> None:
    record = written(ask(PAID, wants(120, "one"), RULES, NOW))
    assert record.refund is not None
    done = finish(record, record.refund.id, NOW)
    assert done is not None
    assert (done.status, done.units, done.revenue, done.over) == (OrderStatus.PAID, Units.KEEP, -120, False)
    after = written(done)
    assert refusal(after, wants(181, "two")) is ErrorCode.CONFLICT
    rest = written(ask(after, wants(180, "two"), RULES, NOW))
    assert rest.refund is not None
    last = finish(rest, rest.refund.id, NOW)
    assert last is not None and (last.status, last.units) == (OrderStatus.REFUNDED, Units.BACK)


def test_the_same_request_is_the_same_refund() -> None:
    record = written(ask(PAID, wants(120, "one"), RULES, NOW))
    for stage in (record, written(finish(record, record.refund.id if record.refund else "", NOW))):
        assert ask(stage, wants(120, "one"), RULES, NOW) is None
        assert refusal(stage, wants(121, "one")) is ErrorCode.REQUEST_MISMATCH
        assert refusal(stage, wants(None, "one")) is ErrorCode.REQUEST_MISMATCH
    whole = written(ask(PAID, wants(None, "all"), RULES, NOW))
    assert ask(whole, wants(None, "all"), RULES, NOW) is None
    assert refusal(whole, wants(300, "all")) is ErrorCode.REQUEST_MISMATCH
    assert refusal(whole, wants(300, "other")) is ErrorCode.CONFLICT, "one at a time"
    assert ask(whole, wants(), RULES, NOW) is None, "that is under way"


def test_shipped_waits_for_the_host_until_it_is_due() -> None:
    begun = ask(SHIPPED, wants(), RULES, NOW + DAY)
    assert begun is not None and begun.due == NOW + DAY + RULES.approval_ms
    record = written(begun)
    assert record.to_wire().refund_due_at == begun.due
    assert approve(record, "", begun.due - 1) is None, "time has not come"
    with pytest.raises(OrderError):
        finish(record, begun.refund, begun.due)
    by_time = approve(record, "", begun.due)
    assert by_time is not None
    assert [(row.what, row.actor) for row in by_time.rows] == [("approved", "")]
    approved = written(approve(record, "h1", NOW + DAY + 1))
    assert approved.refund is not None and approved.refund.approved
    assert approve(approved, "h2", NOW) is None
    with pytest.raises(OrderError, match="on its way"):
        decline(approved, "h1", "too late", NOW)
    done = finish(approved, begun.refund, NOW)
    assert done is not None and (done.status, done.units) == (OrderStatus.REFUNDED, Units.GONE)


def test_seven_days_after_shipping() -> None:
    last = NOW + RULES.window_ms
    assert ask(SHIPPED, wants(), RULES, last) is not None
    assert refusal(SHIPPED, wants(), last + 1) is ErrorCode.CONFLICT
    delivered = written(deliver(SHIPPED, NOW + DAY))
    assert ask(delivered, wants(), RULES, last) is not None
    assert refusal(delivered, wants(), last + 1) is ErrorCode.CONFLICT
    by_host = ask(delivered, wants(host=True), RULES, last + 1)
    assert by_host is not None and [row.what for row in by_host.rows] == ["begun", "approved"]
    assert ask(PAID, wants(), RULES, last + 365 * DAY) is not None, "not shipped yet"


@pytest.mark.parametrize("before", [SHIPPED, replace(SHIPPED, status=OrderStatus.DELIVERED)])
def test_declined_it_is_what_it_was_and_says_why(before: StoredOrder) -> None:
    record = written(ask(before, wants(50, "one"), RULES, NOW))
    told = decline(record, "h1", "worn", NOW + 1)
    assert told is not None and told.due is None
    assert [(row.what, row.actor, row.reason) for row in told.rows] == [("declined", "h1", "worn")]
    after = written(told)
    assert (after.status, after.refund, after.refunded, after.reason) == (before.status, None, 0, "worn")
    assert refusal(after, wants(50, "one")) is ErrorCode.CONFLICT, "that one was declined"
    again = ask(after, wants(50, "two"), RULES, NOW + 2)
    assert again is not None and again.refund != told.refund


def test_what_a_host_asks_for_while_the_buyer_waits_is_the_approval() -> None:
    record = written(ask(SHIPPED, wants(), RULES, NOW))
    approved = ask(record, wants(host=True), RULES, NOW + 1)
    assert approved is not None and [row.what for row in approved.rows] == ["approved"]


@pytest.mark.parametrize("status", [OrderStatus.RESERVED, OrderStatus.CANCELLED, OrderStatus.EXPIRED])
def test_what_was_not_paid_is_not_given_back(status: OrderStatus) -> None:
    record = replace(PAID, status=status)
    assert refusal(record, wants()) is ErrorCode.CONFLICT
    with pytest.raises(OrderError):
        ship(record, NOW)
    with pytest.raises(OrderError):
        deliver(record, NOW)
    with pytest.raises(OrderError):
        approve(record, "h1", NOW)
    with pytest.raises(OrderError):
        decline(record, "h1", "no", NOW)


def test_shipping_and_delivering_once() -> None:
    shipped = written(ship(PAID, NOW + 1))
    assert (shipped.status, shipped.shipped_at) == (OrderStatus.SHIPPED, NOW + 1)
    assert ship(shipped, NOW + 2) is None
    delivered = written(deliver(shipped, NOW + 3))
    assert (delivered.status, delivered.delivered_at) == (OrderStatus.DELIVERED, NOW + 3)
    assert deliver(delivered, NOW + 4) is None
    with pytest.raises(OrderError):
        ship(delivered, NOW + 5)


def test_refunds_of_one_order_are_bounded() -> None:
    full = replace(PAID, refunds={f"x-{number}": 1 for number in range(MOST_REFUNDS)})
    assert refusal(full, wants(1, "more")) is ErrorCode.LIMIT_EXCEEDED
    assert ask(full, wants(), RULES, NOW) is not None, "the rest is always taken"


def test_a_refund_of_an_earlier_version() -> None:
    old = replace(PAID, status=OrderStatus.REFUNDING, version=3)
    refund = under_way(old)
    assert refund == Refund(id=f"{old.order}-rall", amount=300, back=OrderStatus.PAID, due=0, approved=True)
    done = finish(old, refund.id, NOW)
    assert done is not None and done.status is OrderStatus.REFUNDED


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "host", "approve", "time", "decline", "finish", "ship", "deliver"]),
            st.none() | st.integers(1, 400),
            st.none() | st.sampled_from("abc"),
        ),
        max_size=30,
    )
)
def test_never_more_than_was_paid(steps: list[tuple[str, int | None, str | None]]) -> None:
    record, given_back, now = PAID, 0, NOW
    for what, amount, name in steps:
        now += 3_600_000
        refund = under_way(record)
        try:
            match what:
                case "ask" | "host":
                    amendment = ask(record, wants(amount, name, host=what == "host"), RULES, now)
                case "approve" | "time":
                    amendment = approve(record, "h1" if what == "approve" else "", now)
                case "decline":
                    amendment = decline(record, "h1", "no", now)
                case "finish":
                    amendment = finish(record, refund.id if refund else "", now)
                case "ship":
                    amendment = ship(record, now)
                case _:
                    amendment = deliver(record, now)
        except OrderError:
            continue
        if amendment is None:
            continue
        given_back -= amendment.revenue
        record = written(amendment)
        assert given_back == record.refunded <= record.amount
        assert (record.refund is not None) is (record.status is OrderStatus.REFUNDING)
        assert (record.status is OrderStatus.REFUNDED) is (record.refunded == record.amount)
