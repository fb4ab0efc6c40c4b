"""A busy host's next command: products come, change, are pinned, move, and go. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Collection

from client_sim.replica import RoomReplica
from schemas.commands import (
    HostCommand,
    ProductMount,
    ProductPin,
    ProductSort,
    ProductUnmount,
    ProductUpdate,
    RoomAnnounce,
)
from schemas.models import ProductInput

ROWS = 8
"""Products of this host on the shelf at a time."""
PREFIX = "BUSY-"


class BusyHost:
    """Goes round and round; looks at the shelf, so that a lost command does not stop it."""

    def __init__(self) -> None:
        self._turn = 0
        self._made = 0

    def next(self, room: RoomReplica) -> HostCommand:
        """The next thing to do with the shelf as it is."""
        own = [sku for sku in room.products if sku.startswith(PREFIX)]
        self._turn += 1
        if len(own) < ROWS // 2:
            return self._mount()
        steps: tuple[Callable[[], HostCommand], ...] = (
            lambda: ProductPin(sku=own[self._turn % len(own)]),
            lambda: RoomAnnounce(text=f"Announcement {self._turn}"),
            lambda: ProductSort(skus=_rotated(list(room.products))),
            lambda: ProductUnmount(sku=own[0]),
            lambda: ProductUpdate(sku=own[-1], price=100 + self._turn % 900),
            lambda: self._mount() if len(own) < ROWS else ProductUnmount(sku=own[0]),
        )
        return steps[self._turn % len(steps)]()

    def _mount(self) -> ProductMount:
        self._made += 1
        sku = f"{PREFIX}{self._made}"
        return ProductMount(product=ProductInput(sku=sku, title=f"Product {self._made}", price=990, stock=50))


def _rotated(skus: Collection[str]) -> list[str]:
    first, *rest = skus
    return [*rest, first]
