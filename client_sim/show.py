"""A host's script for the demo: looks at the room, says what to do next. No I/O, no clock.

It is written as "what does the room lack", not as a list of steps: after a restart of the server,
or of the director, it goes on from whatever it finds.
"""

from __future__ import annotations

from dataclasses import dataclass

from client_sim.posters import CATALOGUE, Goods
from client_sim.replica import RoomReplica
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

ANNOUNCEMENTS = (
    "欢迎来到秒单直播间，每 45 秒一场秒杀 · Welcome, a flash sale every 45 seconds",
    "归零开抢，每人限购一件 · Opens at zero, one per person",
    "今日全场包邮，七天无理由退货 · Free shipping, 7-day returns today",
)
AGAIN_MS = 5_000
"""A step that took no effect is tried again after this long."""


@dataclass(frozen=True, kw_only=True)
class Tempo:
    """Milliseconds between the beats of the show."""

    sale_every_ms: int = 45_000
    starts_in_ms: int = 15_000
    lasts_ms: int = 20_000
    hold_ms: int = 30_000
    pin_every_ms: int = 20_000
    announce_every_ms: int = 30_000


YIELD_MS = 60_000.0
"""How long a person's pin or announcement stands before the show goes on."""


class Show:
    """Times are server milliseconds."""

    def __init__(self, tempo: Tempo | None = None, catalogue: tuple[Goods, ...] = CATALOGUE) -> None:
        self._tempo = tempo or Tempo()
        self._catalogue = catalogue
        self._asked: dict[str, float] = {}
        self._mounted: set[str] = set()
        self._own_pin: str | None = None
        self._said: set[str | None] = {None, ""}
        self._sales = 0
        self._pins = 0
        self._announcements = 0
        self._next_sale = 0.0
        self._next_pin = 0.0
        self._next_announcement = 0.0

    def steps(self, room: RoomReplica, now: float) -> list[RoomCommand]:
        """What to do now; empty most of the time."""
        if room.status == RoomStatus.ENDED.value:
            return []
        wanted: list[tuple[str, RoomCommand]] = []
        if room.status == RoomStatus.SCHEDULED.value:
            wanted.append(("start", RoomStart()))
        # What a person took down, paused, pinned or announced meanwhile is theirs: it stays.
        self._mounted |= room.products.keys()
        missing = [goods for goods in self._catalogue if goods.sku not in self._mounted]
        wanted += [(f"mount {goods.sku}", ProductMount(product=goods.mount())) for goods in missing]
        if not missing and room.status == RoomStatus.LIVE.value:
            wanted += self._restocks(room)
            wanted += self._pin(room, now)
            wanted += self._announce(room, now)
            wanted += self._sale(room, now)
        return [command for key, command in wanted if self._due(key, now)]

    def _due(self, key: str, now: float) -> bool:
        """Not while the same step, asked for a moment ago, may still be on its way."""
        if now - self._asked.get(key, -AGAIN_MS) < AGAIN_MS:
            return False
        self._asked[key] = now
        return True

    def _restocks(self, room: RoomReplica) -> list[tuple[str, RoomCommand]]:
        return [
            (f"restock {goods.sku}", ProductRestock(sku=goods.sku, delta=goods.stock // 2))
            for goods in self._present(room)
            if room.available.get(goods.sku, 0) < goods.stock // 4
        ]

    def _present(self, room: RoomReplica) -> list[Goods]:
        return [goods for goods in self._catalogue if goods.sku in room.products]

    def _pin(self, room: RoomReplica, now: float) -> list[tuple[str, RoomCommand]]:
        """What is on sale belongs on the screen; otherwise everything gets its turn."""
        if room.pinned not in (None, self._own_pin) and self._own_pin is not None:
            self._own_pin = room.pinned
            self._next_pin = now + YIELD_MS
            return []
        present = self._present(room)
        if now < self._next_pin - self._tempo.pin_every_ms or not present:
            return []
        running = room.running_sales()
        if running and running[0].sku in room.products:
            sku = running[0].sku
        elif now >= self._next_pin or room.pinned is None:
            sku = present[self._pins % len(present)].sku
            self._pins += 1
        else:
            return []
        self._next_pin = now + self._tempo.pin_every_ms
        self._own_pin = sku
        return [] if sku == room.pinned else [(f"pin {sku}", ProductPin(sku=sku))]

    def _announce(self, room: RoomReplica, now: float) -> list[tuple[str, RoomCommand]]:
        if now < self._next_announcement:
            return []
        if room.announcement not in self._said:
            self._said.add(room.announcement)
            self._next_announcement = now + YIELD_MS
            return []
        self._next_announcement = now + self._tempo.announce_every_ms
        text = ANNOUNCEMENTS[self._announcements % len(ANNOUNCEMENTS)]
        self._announcements += 1
        self._said.add(text)
        return [(f"announce {self._announcements}", RoomAnnounce(text=text))]

    def _sale(self, room: RoomReplica, now: float) -> list[tuple[str, RoomCommand]]:
        if now < self._next_sale or room.running_sales():
            return []
        present = self._present(room)
        if not present:
            return []
        goods = present[self._sales % len(present)]
        stock = min(goods.stock // 5, room.available.get(goods.sku, 0))
        if stock < 1:
            return []
        self._sales += 1
        self._next_sale = now + self._tempo.sale_every_ms
        return [
            (
                f"sale {self._sales}",
                SaleSchedule(
                    sku=goods.sku,
                    price=goods.price * 6 // 10,
                    stock=stock,
                    starts_in_ms=self._tempo.starts_in_ms,
                    duration_ms=self._tempo.lasts_ms,
                    per_user_limit=1,
                    hold_ms=self._tempo.hold_ms,
                ),
            )
        ]
