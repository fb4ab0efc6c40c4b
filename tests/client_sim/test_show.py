from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from client_sim.posters import CATALOGUE, MAX_URI, Goods, poster
from client_sim.replica import RoomReplica
from client_sim.show import AGAIN_MS, Show, Tempo
from schemas.codecs import JSON
from schemas.codes import RoomStatus
from schemas.commands import (
    ProductMount,
    ProductPin,
    ProductRestock,
    RoomAnnounce,
    RoomCommand,
    RoomStart,
    SaleSchedule,
)
from schemas.events import (
    ProductMounted,
    ProductPinned,
    RoomState,
    RoomUpdated,
    SaleEnded,
    SaleScheduled,
)
from tests.client_sim.room_model import product, sale, snapshot


def empty() -> RoomReplica:
    replica = RoomReplica()
    replica.load(snapshot(status="scheduled"))
    return replica


def obey(room: RoomReplica, commands: Sequence[RoomCommand], now: float) -> None:
    """What a server would make of the commands."""
    for command in commands:
        match command:
            case RoomStart():
                room.apply(RoomUpdated(status=RoomStatus.LIVE))
            case ProductMount(product=given):
                room.apply(
                    ProductMounted(
                        product=product(given.sku, available=given.stock, position=len(room.products))
                    )
                )
            case ProductPin(sku=sku):
                room.apply(ProductPinned(sku=sku))
            case SaleSchedule(sku=sku, stock=stock, starts_in_ms=starts, duration_ms=lasts):
                starts_at = round(now) + (starts or 0)
                name = f"s{len(room.sales)}"
                room.apply(
                    SaleScheduled(
                        sale=sale(name, sku, starts_at=starts_at, ends_at=starts_at + lasts, available=stock)
                    )
                )
                room.merge(RoomState(server_time=0, stock={sku: room.available[sku] - stock}))
            case ProductRestock(sku=sku, delta=delta) if sku is not None:
                room.merge(RoomState(server_time=0, stock={sku: room.available[sku] + delta}))
            case _:
                pass


def play(seconds: int, step_ms: int = 250) -> tuple[RoomReplica, list[tuple[float, RoomCommand]]]:
    """A show in a room that obeys."""
    room, show = empty(), Show()
    done: list[tuple[float, RoomCommand]] = []
    for now in range(0, seconds * 1_000, step_ms):
        for known in room.running_sales():
            if now >= known.ends_at:
                room.apply(SaleEnded(sale=known.sale, reason="time"))
        commands = show.steps(room, float(now))
        obey(room, commands, float(now))
        done += [(float(now), command) for command in commands]
    return room, done


def test_an_empty_room_is_opened_and_filled_first() -> None:
    commands = Show().steps(empty(), 0.0)
    assert isinstance(commands[0], RoomStart)
    assert [c.product.sku for c in commands if isinstance(c, ProductMount)] == [g.sku for g in CATALOGUE]


def test_a_show_has_a_sale_every_beat_on_changing_products_and_pins_what_is_on_sale() -> None:
    room, done = play(200)
    sales = [(now, command) for now, command in done if isinstance(command, SaleSchedule)]
    assert len(sales) == 5
    assert len({command.sku for _, command in sales}) == 5
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(sales)]
    assert all(45_000 <= gap <= 46_000 for gap in gaps)
    for now, command in sales:
        pinned = [c.sku for at, c in done if isinstance(c, ProductPin) and now <= at <= now + 500]
        assert pinned in ([command.sku], [])
    assert room.pinned is not None
    assert len([c for _, c in done if isinstance(c, RoomAnnounce)]) == 7
    assert all(JSON.decode_control(JSON.encode(command)) for _, command in done)


def test_a_second_director_goes_on_from_what_it_finds() -> None:
    room, _ = play(10)
    commands = Show().steps(room, 10_000.0)
    assert not [c for c in commands if isinstance(c, RoomStart | ProductMount | SaleSchedule)]


def test_a_step_without_effect_is_not_repeated_at_once() -> None:
    room, show = empty(), Show()
    first = show.steps(room, 0.0)
    assert show.steps(room, AGAIN_MS - 1.0) == []
    assert [type(c) for c in show.steps(room, float(AGAIN_MS))] == [type(c) for c in first]


def test_what_runs_low_is_restocked() -> None:
    room, _ = play(3)
    room.merge(RoomState(server_time=0, stock={"LAMP-05": 2}))
    (restock,) = [c for c in Show().steps(room, 3_000.0) if isinstance(c, ProductRestock)]
    assert (restock.sku, restock.delta) == ("LAMP-05", 300)


def test_an_ended_room_is_left_alone() -> None:
    room, _ = play(3)
    room.apply(RoomUpdated(status=RoomStatus.ENDED))
    assert Show(Tempo()).steps(room, 90_000.0) == []


@pytest.mark.parametrize("goods", CATALOGUE, ids=lambda goods: goods.sku)
def test_a_poster_fits_on_the_wire(goods: Goods) -> None:
    uri = poster(goods)
    assert uri.startswith("data:image/svg+xml,%3Csvg ")
    assert len(uri) <= MAX_URI
    assert goods.price < goods.list_price
    mounted = ProductMount(product=goods.mount())
    assert JSON.decode_control(JSON.encode(mounted)) == mounted
