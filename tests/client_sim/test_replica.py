from __future__ import annotations

from client_sim.replica import RoomReplica
from schemas.codes import RoomStatus, SalePhase
from schemas.events import (
    DanmakuRecalled,
    ProductMounted,
    ProductPinned,
    ProductSorted,
    ProductUnmounted,
    ProductUpdated,
    RoomState,
    RoomUpdated,
    SaleEnded,
    SaleScheduled,
    SaleSoldOut,
    SaleStarted,
)
from schemas.models import Countdown
from tests.client_sim.room_model import NOW, product, sale, snapshot


def shelf(*skus: str) -> RoomReplica:
    replica = RoomReplica()
    replica.load(snapshot())
    for index, sku in enumerate(skus):
        replica.apply(ProductMounted(product=product(sku, position=index), seq=index + 1))
    return replica


def test_a_shelf_built_by_events_is_the_one_a_snapshot_shows() -> None:
    late = RoomReplica()
    late.load(
        snapshot(
            products=[
                {
                    "sku": "b",
                    "title": "Title b",
                    "price": 100,
                    "available": 10,
                    "position": 1,
                    "pinned": True,
                },
                {"sku": "a", "title": "Title a", "price": 100, "available": 10, "position": 0},
            ]
        )
    )
    early = shelf("a", "b")
    early.apply(ProductPinned(sku="b"))
    assert early.digest() == late.digest()
    assert early.stock() == late.stock()


def test_the_order_of_the_shelf_is_part_of_what_is_compared() -> None:
    one, other = shelf("a", "b"), shelf("a", "b")
    other.apply(ProductSorted(skus=["b", "a"]))
    assert list(other.products) == ["b", "a"]
    assert one.digest() != other.digest()
    other.apply(ProductSorted(skus=["a", "b"]))
    assert one.digest() == other.digest()


def test_unmounting_takes_the_product_its_stock_and_its_pin() -> None:
    replica = shelf("a", "b")
    replica.apply(ProductPinned(sku="a"))
    replica.apply(ProductUnmounted(sku="a"))
    assert (list(replica.products), replica.pinned, replica.stock()) == (["b"], None, {"b": 10})


def test_an_update_changes_the_card_and_leaves_the_stock_to_state() -> None:
    replica = shelf("a")
    replica.merge(RoomState(server_time=NOW, stock={"a": 3}))
    replica.apply(ProductUpdated(product=product("a", price=7, available=99)))
    assert replica.products["a"].price == 7
    assert replica.stock() == {"a": 3}


def test_a_sale_goes_through_its_phases() -> None:
    replica = shelf("a")
    replica.apply(SaleScheduled(sale=sale("s1", "a")))
    assert replica.stock() == {"a": 10, "s1": 5}
    replica.apply(SaleStarted(sale="s1"))
    assert [s.phase for s in replica.running_sales()] == [SalePhase.OPEN]
    replica.merge(
        RoomState(server_time=NOW, countdown={"s1": Countdown(phase=SalePhase.OPEN, remaining_ms=5)})
    )
    replica.apply(SaleSoldOut(sale="s1"))
    assert replica.stock()["s1"] == 0
    replica.merge(RoomState(server_time=NOW, stock={"s1": 1}))
    assert replica.stock()["s1"] == 1
    replica.apply(SaleEnded(sale="s1", reason="cancelled"))
    assert replica.running_sales() == []
    assert replica.sales["s1"].phase is SalePhase.CANCELLED
    assert replica.countdown == {}


def test_ended_sales_are_remembered_in_bounds_and_not_compared() -> None:
    replica, fresh = shelf("a"), shelf("a")
    for index in range(200):
        replica.apply(SaleScheduled(sale=sale(f"s{index}", "a")))
        replica.apply(SaleEnded(sale=f"s{index}", reason="time"))
    assert len(replica.sales) <= 65
    assert replica.digest() == fresh.digest()
    assert replica.stock() == fresh.stock()


def test_room_updates_and_state_are_taken_field_by_field() -> None:
    replica = shelf("a")
    replica.apply(RoomUpdated(status=RoomStatus.PAUSED))
    replica.apply(RoomUpdated(announcement="hello"))
    replica.apply(DanmakuRecalled(message="m1"))
    assert (replica.status, replica.announcement) == ("paused", "hello")
    replica.apply(RoomUpdated(announcement=""))
    replica.merge(RoomState(server_time=NOW, online=5))
    replica.merge(RoomState(server_time=NOW, likes=6))
    assert (replica.announcement, replica.online, replica.likes) == (None, 5, 6)
