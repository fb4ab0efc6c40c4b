"""Decisions one by one: what each command makes, and how each refusal is worded."""

from __future__ import annotations

import pytest

from schemas.codes import ErrorCode, RoomStatus, SalePhase
from schemas.commands import (
    DanmakuRecall,
    ProductMount,
    ProductPin,
    ProductRestock,
    ProductSort,
    ProductUnmount,
    ProductUnpin,
    ProductUpdate,
    RoomAnnounce,
    RoomCommand,
    RoomEnd,
    RoomPause,
    RoomStart,
    SaleCancel,
    SaleSchedule,
    ViewerKick,
    ViewerMute,
    ViewerUnmute,
)
from schemas.events import (
    DanmakuRecalled,
    ProductMounted,
    ProductPinned,
    ProductUpdated,
    RoomUpdated,
    SaleEnded,
    SaleScheduled,
    SaleSoldOut,
    SaleStarted,
    SequencedEvent,
)
from schemas.models import Product, ProductInput, Sale
from server.rooms.decide import Facts, Refused, decide
from server.rooms.sales import MAX_ACTIVE_SALES, MAX_AHEAD_MS, due_events
from server.rooms.shelf import MAX_PRODUCTS
from server.rooms.state import RoomState

NOW = 1_790_000_000_000


def room(*commands: RoomCommand, status: RoomStatus = RoomStatus.LIVE) -> RoomState:
    state = RoomState(id="r", epoch="e", title="Room", currency="CNY", hosts=["host"], status=status)
    for number, command in enumerate(commands):
        for event in decide(state, command, actor="host", now=NOW, facts=Facts(sale=f"s{number}")):
            state.apply(state.seq + 1, event)
    return state


def mount(sku: str, stock: int = 10) -> ProductMount:
    return ProductMount(product=ProductInput(sku=sku, title=sku, price=100, stock=stock))


def sale(sku: str = "a", **fields: int) -> SaleSchedule:
    start = {} if {"starts_at", "starts_in_ms"} & set(fields) else {"starts_in_ms": 0}
    return SaleSchedule(sku=sku, price=50, stock=3, duration_ms=1_000, **start, **fields)


def events(state: RoomState, command: RoomCommand, facts: Facts | None = None) -> list[SequencedEvent]:
    return decide(state, command, actor="host", now=NOW, facts=facts)


def refusal(state: RoomState, command: RoomCommand, actor: str = "host") -> tuple[ErrorCode, str | None]:
    with pytest.raises(Refused) as refused:
        decide(state, command, actor=actor, now=NOW, facts=Facts(sale="new"))
    assert refused.value.message
    assert refused.value.code.value in str(refused.value)
    return refused.value.code, refused.value.field


START, PAUSE, END = RoomStart(), RoomPause(), RoomEnd()


@pytest.mark.parametrize(
    ("status", "command", "result"),
    [
        (RoomStatus.SCHEDULED, START, RoomStatus.LIVE),
        (RoomStatus.PAUSED, START, RoomStatus.LIVE),
        (RoomStatus.LIVE, START, None),
        (RoomStatus.ENDED, START, None),
        (RoomStatus.LIVE, PAUSE, RoomStatus.PAUSED),
        (RoomStatus.SCHEDULED, PAUSE, None),
        (RoomStatus.PAUSED, PAUSE, None),
        (RoomStatus.ENDED, PAUSE, None),
        (RoomStatus.SCHEDULED, END, RoomStatus.ENDED),
        (RoomStatus.LIVE, END, RoomStatus.ENDED),
        (RoomStatus.PAUSED, END, RoomStatus.ENDED),
        (RoomStatus.ENDED, END, None),
    ],
)
def test_a_room_changes_status_only_along_its_life(
    status: RoomStatus, command: RoomCommand, result: RoomStatus | None
) -> None:
    state = room(status=status)
    if result is None:
        assert refusal(state, command) == (ErrorCode.CONFLICT, None)
    else:
        assert events(state, command) == [RoomUpdated(status=result)]


def test_a_mounted_product_stands_last_with_its_stock() -> None:
    state = room(mount("a"))
    command = ProductMount(
        product=ProductInput(
            sku="b", title="B", price=900, stock=7, image="/b.png", list_price=1_200, per_user_limit=2
        )
    )
    assert events(state, command) == [
        ProductMounted(
            product=Product(
                sku="b",
                title="B",
                price=900,
                image="/b.png",
                list_price=1_200,
                per_user_limit=2,
                available=7,
                position=1,
                total=7,
            )
        )
    ]


def test_mounting_what_is_mounted_or_onto_a_full_shelf_is_a_conflict() -> None:
    assert refusal(room(mount("a")), mount("a")) == (ErrorCode.CONFLICT, "product.sku")
    full = room(*(mount(f"p{number}") for number in range(MAX_PRODUCTS)))
    assert refusal(full, mount("one-more")) == (ErrorCode.CONFLICT, "product")


def test_an_update_changes_what_was_named_and_null_takes_a_field_away() -> None:
    state = room(
        ProductMount(
            product=ProductInput(
                sku="a", title="A", price=100, stock=9, image="/a.png", list_price=150, per_user_limit=2
            )
        )
    )
    state.set_stock({"a": 4})
    (event,) = events(state, ProductUpdate(sku="a", price=80, per_user_limit=None))
    assert event == ProductUpdated(
        product=Product(sku="a", title="A", price=80, image="/a.png", list_price=150, available=4, total=9)
    )
    (event,) = events(state, ProductUpdate(sku="a", title="Z", image=None, list_price=None))
    assert event == ProductUpdated(
        product=Product(sku="a", title="Z", price=100, per_user_limit=2, available=4, total=9)
    )
    assert refusal(state, ProductUpdate(sku="a")) == (ErrorCode.INVALID, None)


@pytest.mark.parametrize(
    "command",
    [
        ProductUpdate(sku="x", price=1),
        ProductPin(sku="x"),
        ProductUnpin(sku="x"),
        ProductUnmount(sku="x"),
        ProductRestock(sku="x", delta=1),
        sale("x"),
    ],
)
def test_an_unknown_product_is_not_found(command: RoomCommand) -> None:
    assert refusal(room(mount("a")), command) == (ErrorCode.NOT_FOUND, "sku")


@pytest.mark.parametrize("command", [SaleCancel(sale="x"), ProductRestock(sale="x", delta=1)])
def test_an_unknown_sale_is_not_found(command: RoomCommand) -> None:
    assert refusal(room(mount("a")), command) == (ErrorCode.NOT_FOUND, "sale")


def test_one_product_is_pinned_at_a_time() -> None:
    state = room(mount("a"), mount("b"), ProductPin(sku="a"), ProductPin(sku="b"))
    assert [product.pinned for product in state.products.values()] == [False, True]
    assert refusal(state, ProductUnpin(sku="a")) == (ErrorCode.CONFLICT, "sku")
    for command in (ProductUnpin(), ProductUnpin(sku="b")):
        assert events(state, command) == [ProductPinned(sku=None)]
    assert refusal(room(mount("a")), ProductUnpin()) == (ErrorCode.CONFLICT, None)


@pytest.mark.parametrize(
    ("skus", "code"),
    [
        (["b", "a", "x"], ErrorCode.NOT_FOUND),
        (["a", "a", "b"], ErrorCode.INVALID),
        (["a"], ErrorCode.INVALID),
        ([], ErrorCode.INVALID),
    ],
)
def test_a_sort_names_every_product_once(skus: list[str], code: ErrorCode) -> None:
    assert refusal(room(mount("a"), mount("b")), ProductSort(skus=skus)) == (code, "skus")


def test_restocking_needs_one_target_and_makes_no_event() -> None:
    state = room(mount("a"), sale())
    assert refusal(state, ProductRestock(delta=1)) == (ErrorCode.INVALID, "sku")
    assert refusal(state, ProductRestock(delta=1, sku="a", sale="s1")) == (ErrorCode.INVALID, "sale")
    assert events(state, ProductRestock(delta=1, sku="a")) == []
    assert events(state, ProductRestock(delta=-1, sale="s1")) == []
    state.apply(state.seq + 1, SaleEnded(sale="s1", reason="time"))
    assert refusal(state, ProductRestock(delta=1, sale="s1")) == (ErrorCode.CONFLICT, "sale")


def test_a_product_stays_mounted_while_a_sale_of_it_lasts() -> None:
    state = room(mount("a"), mount("b"), sale("a"))
    for event in (None, SaleStarted(sale="s2"), SaleSoldOut(sale="s2")):
        if event is not None:
            state.apply(state.seq + 1, event)
        assert refusal(state, ProductUnmount(sku="a")) == (ErrorCode.CONFLICT, "sku")
    assert len(events(state, ProductUnmount(sku="b"))) == 1
    state.apply(state.seq + 1, SaleEnded(sale="s2", reason="time"))
    assert len(events(state, ProductUnmount(sku="a"))) == 1


def test_a_sale_is_planned_from_the_clock_and_settled_by_the_pool() -> None:
    state = room(mount("a"))
    command = sale(starts_in_ms=5_000, per_user_limit=1)
    (event,) = events(state, command, Facts(sale="s9"))
    assert isinstance(event, SaleScheduled)
    assert event.sale == Sale(
        sale="s9",
        sku="a",
        price=50,
        starts_at=NOW + 5_000,
        ends_at=NOW + 6_000,
        phase=SalePhase.SCHEDULED,
        available=3,
        per_user_limit=1,
        total=3,
        stock=3,
    )
    # The pool's window stands, also where its start has meanwhile passed.
    (event,) = events(state, sale(starts_at=NOW), Facts(sale="s9", window=(NOW - 2, NOW + 998)))
    assert isinstance(event, SaleScheduled)
    assert (event.sale.starts_at, event.sale.ends_at) == (NOW - 2, NOW + 998)


def test_a_sale_starts_at_one_time_that_is_not_past() -> None:
    state = room(mount("a"))
    neither = SaleSchedule(sku="a", price=50, stock=3, duration_ms=1_000)
    assert refusal(state, neither) == (ErrorCode.INVALID, "starts_at")
    assert refusal(state, sale(starts_at=NOW, starts_in_ms=0)) == (ErrorCode.INVALID, "starts_in_ms")
    assert refusal(state, sale(starts_at=NOW - 1)) == (ErrorCode.INVALID, "starts_at")
    assert refusal(state, sale(starts_at=NOW + MAX_AHEAD_MS + 1)) == (ErrorCode.INVALID, "starts_at")
    assert len(events(state, sale(starts_at=NOW))) == 1


def test_active_sales_are_bounded() -> None:
    state = room(mount("a"), *(sale() for _ in range(MAX_ACTIVE_SALES)))
    assert refusal(state, sale()) == (ErrorCode.CONFLICT, None)


def test_a_sale_is_cancelled_once() -> None:
    state = room(mount("a"), sale())
    assert events(state, SaleCancel(sale="s1")) == [SaleEnded(sale="s1", reason="cancelled")]
    state.apply(state.seq + 1, SaleEnded(sale="s1", reason="cancelled"))
    assert refusal(state, SaleCancel(sale="s1")) == (ErrorCode.CONFLICT, "sale")
    # Closed by this very command, and logged by the sale clock meanwhile: nothing is left to log.
    assert events(state, SaleCancel(sale="s1"), Facts(reasons={"s1": "cancelled"})) == []


def test_an_ended_room_takes_no_new_products_pins_or_sales() -> None:
    state = room(mount("a"), END)
    for command in (mount("b"), ProductPin(sku="a"), sale()):
        assert refusal(state, command) == (ErrorCode.CONFLICT, None)
    assert len(events(state, ProductUnmount(sku="a"))) == 1


def test_ending_a_room_ends_its_sales_first_with_the_reason_that_stuck() -> None:
    state = room(mount("a"), sale(), sale(), sale())
    state.apply(state.seq + 1, SaleStarted(sale="s2"))
    state.apply(state.seq + 1, SaleEnded(sale="s3", reason="time"))
    facts = Facts(reasons={"s1": "room_ended", "s2": "time"})
    assert events(state, END, facts) == [
        SaleEnded(sale="s1", reason="room_ended"),
        SaleEnded(sale="s2", reason="time"),
        RoomUpdated(status=RoomStatus.ENDED),
    ]


def test_announcements_and_recalls_pass_as_they_are() -> None:
    state = room()
    assert events(state, RoomAnnounce(text="")) == [RoomUpdated(announcement="")]
    assert events(state, DanmakuRecall(message="m1")) == [DanmakuRecalled(message="m1")]


def test_moderation_makes_no_event_and_spares_the_hosts() -> None:
    state = room()
    for command in (ViewerMute(user="u"), ViewerKick(user="u"), ViewerUnmute(user="host")):
        assert events(state, command) == []
    for hostile in (ViewerMute(user="host"), ViewerKick(user="host")):
        assert refusal(state, hostile, actor="moderator") == (ErrorCode.FORBIDDEN, "user")


STARTED, SOLD_OUT = SaleStarted(sale="s"), SaleSoldOut(sale="s")
TIME, CANCELLED = SaleEnded(sale="s", reason="time"), SaleEnded(sale="s", reason="cancelled")


@pytest.mark.parametrize(
    ("phase", "what", "reason", "expected"),
    [
        (SalePhase.SCHEDULED, "start", "time", [STARTED]),
        (SalePhase.OPEN, "start", "time", []),
        (SalePhase.SOLD_OUT, "start", "time", []),
        (SalePhase.ENDED, "start", "time", []),
        (SalePhase.SCHEDULED, "sold_out", "time", [STARTED, SOLD_OUT]),
        (SalePhase.OPEN, "sold_out", "time", [SOLD_OUT]),
        (SalePhase.SOLD_OUT, "sold_out", "time", []),
        (SalePhase.CANCELLED, "sold_out", "time", []),
        (SalePhase.SCHEDULED, "end", "time", [STARTED, TIME]),
        (SalePhase.OPEN, "end", "time", [TIME]),
        (SalePhase.SOLD_OUT, "end", "time", [TIME]),
        (SalePhase.SCHEDULED, "end", "cancelled", [CANCELLED]),
        (SalePhase.ENDED, "end", "time", []),
        (SalePhase.CANCELLED, "end", "cancelled", []),
    ],
)
def test_what_is_due_logs_each_phase_once_and_in_order(
    phase: SalePhase, what: str, reason: str, expected: list[SequencedEvent]
) -> None:
    subject = Sale(sale="s", sku="a", price=1, starts_at=1, ends_at=2, phase=phase)
    assert due_events(subject, what, reason) == expected
