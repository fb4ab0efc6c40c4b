"""The state alone: order of events, stock numbers, documents, what a room forgets."""

from __future__ import annotations

import pytest

from schemas.codes import RoomStatus, SalePhase
from schemas.events import (
    ProductMounted,
    ProductPinned,
    ProductUnmounted,
    ProductUpdated,
    RoomUpdated,
    SaleEnded,
    SaleScheduled,
    SaleSoldOut,
    SaleStarted,
    SequencedEvent,
)
from schemas.models import Product, Sale
from server.rooms.state import FINISHED_SALES, RoomState, SequenceGap


def room(*events: SequencedEvent) -> RoomState:
    state = RoomState(id="r", epoch="e", title="Room", currency="CNY", hosts=["h"])
    for event in events:
        state.apply(state.seq + 1, event)
    return state


def mounted(sku: str, available: int = 5) -> ProductMounted:
    return ProductMounted(product=Product(sku=sku, title=sku.upper(), price=100, available=available))


def scheduled(sale: str, sku: str = "a", starts_at: int = 1_000, ends_at: int = 2_000) -> SaleScheduled:
    return SaleScheduled(
        sale=Sale(
            sale=sale,
            sku=sku,
            price=50,
            starts_at=starts_at,
            ends_at=ends_at,
            phase=SalePhase.SCHEDULED,
            available=3,
        )
    )


def test_an_event_already_applied_changes_nothing() -> None:
    state = room(mounted("a"))
    assert state.apply(1, ProductUnmounted(sku="a")) is False
    assert list(state.products) == ["a"]
    assert state.seq == 1


def test_a_hole_in_the_sequence_is_told_and_nothing_is_applied() -> None:
    state = room(mounted("a"))
    with pytest.raises(SequenceGap) as gap:
        state.apply(3, ProductUnmounted(sku="a"))
    assert (gap.value.expected, gap.value.got) == (2, 3)
    assert str(gap.value) == "expected event 2, got 3"
    assert list(state.products) == ["a"]
    assert state.seq == 1


@pytest.mark.parametrize(
    "event",
    [
        ProductUpdated(product=Product(sku="x", title="X", price=1)),
        ProductPinned(sku="x"),
        ProductUnmounted(sku="x"),
        SaleStarted(sale="x"),
        SaleSoldOut(sale="x"),
        SaleEnded(sale="x", reason="time"),
    ],
)
def test_an_event_about_something_unknown_is_refused_and_the_state_stays(event: SequencedEvent) -> None:
    state = room(mounted("a"))
    before = state.documents()
    with pytest.raises(KeyError):
        state.apply(2, event)
    assert state.seq == 1
    assert state.documents() == before


def test_unmounting_the_pinned_product_unpins_it_and_closes_the_shelf_up() -> None:
    state = room(mounted("a"), mounted("b"), mounted("c"), ProductPinned(sku="b"))
    assert [(p.sku, p.position, p.pinned) for p in state.snapshot().products] == [
        ("a", 0, False),
        ("b", 1, True),
        ("c", 2, False),
    ]
    state.apply(5, ProductUnmounted(sku="b"))
    assert state.pinned is None
    assert [(p.sku, p.position, p.pinned) for p in state.snapshot().products] == [
        ("a", 0, False),
        ("c", 1, False),
    ]


def test_a_sale_goes_through_its_phases() -> None:
    state = room(mounted("a"), scheduled("s1"), scheduled("s2"))
    phases = []
    for event in (SaleStarted(sale="s1"), SaleSoldOut(sale="s1"), SaleEnded(sale="s1", reason="time")):
        state.apply(state.seq + 1, event)
        phases.append(state.sales["s1"].phase)
    assert phases == [SalePhase.OPEN, SalePhase.SOLD_OUT, SalePhase.ENDED]
    state.apply(state.seq + 1, SaleEnded(sale="s2", reason="cancelled"))
    assert state.sales["s2"].phase is SalePhase.CANCELLED
    assert state.active_sales() == []


def test_stock_reports_only_what_changed_and_is_shown() -> None:
    state = room(mounted("a", 5), mounted("b", 2), scheduled("s1"), scheduled("s2"))
    state.apply(5, SaleEnded(sale="s2", reason="time"))
    assert state.set_stock({"a": 4, "b": 2, "s1": 1, "s2": 9, "elsewhere": 7}) == {"a": 4, "s1": 1}
    snapshot = state.snapshot()
    assert {p.sku: p.available for p in snapshot.products} == {"a": 4, "b": 2}
    assert {s.sale: s.available for s in snapshot.sales} == {"s1": 1, "s2": 0}


def test_countdowns_run_to_the_start_and_then_to_the_end() -> None:
    state = room(mounted("a"), scheduled("s1"), scheduled("s2"), SaleStarted(sale="s2"), scheduled("s3"))
    state.apply(6, SaleEnded(sale="s3", reason="cancelled"))
    shown = {sale: (c.phase, c.remaining_ms) for sale, c in state.countdowns(400).items()}
    assert shown == {"s1": (SalePhase.SCHEDULED, 600), "s2": (SalePhase.OPEN, 1_600)}
    assert state.countdowns(5_000)["s1"].remaining_ms == 0


def test_a_room_remembers_a_bounded_number_of_finished_sales_and_every_active_one() -> None:
    state = room(mounted("a"), scheduled("active", ends_at=1))
    for number in range(FINISHED_SALES + 5):
        state.apply(state.seq + 1, scheduled(f"s{number:03d}", ends_at=1_000 + number))
        state.apply(state.seq + 1, SaleEnded(sale=f"s{number:03d}", reason="time"))
    state.apply(state.seq + 1, scheduled("last"))
    finished = [sale for sale in state.sales.values() if sale.phase is SalePhase.ENDED]
    assert len(finished) == FINISHED_SALES - 1
    assert min(sale.sale for sale in finished) == "s006"
    assert {"active", "last"} <= set(state.sales)


def test_an_announcement_is_taken_down_by_an_empty_one() -> None:
    state = room(RoomUpdated(announcement="hello"), RoomUpdated(status=RoomStatus.LIVE))
    assert (state.announcement, state.status) == ("hello", RoomStatus.LIVE)
    state.apply(3, RoomUpdated(announcement=""))
    assert state.snapshot().announcement is None


def test_a_copy_goes_its_own_way() -> None:
    state = room(mounted("a"), scheduled("s1"))
    other = state.copy()
    other.apply(3, ProductUnmounted(sku="a"))
    other.apply(4, SaleStarted(sale="s1"))
    other.hosts.append("someone")
    assert list(state.products) == ["a"]
    assert state.sales["s1"].phase is SalePhase.SCHEDULED
    assert state.hosts == ["h"]


def test_a_sort_or_a_pin_rewrites_only_the_rooms_own_document() -> None:
    state = room(mounted("a"), mounted("b"))
    before = state.documents()
    state.apply(3, ProductPinned(sku="b"))
    after = state.documents()
    assert {name for name in after if after[name] != before.get(name)} == {"room"}
