"""Decisions on orders, written where the order is still the version they were made on."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import msgspec
from msgspec import UNSET, Struct, UnsetType
from redis.asyncio import Redis

from schemas.codes import OrderStatus
from server.orders.changes import Change, Changed, Code, add_arguments
from server.orders.entries import ActionRow, RefundRow
from server.orders.keys import KeyBook, PartitionKeys
from server.orders.pipe import call_script
from server.orders.records import Refund, StoredOrder, decode_stored
from server.orders.scripts import AMEND

_encode = msgspec.json.Encoder().encode


class Units(str, Enum):
    """What becomes of a sold order's units."""

    KEEP = "keep"
    BACK = "back"
    """They sell again."""
    GONE = "gone"
    """They leave the pool for good: the goods are with the buyer."""


class Fields(Struct, frozen=True, kw_only=True):
    """What of a record changes beside its status; what is not set stays."""

    reason: str | UnsetType | None = UNSET
    shipped_at: int | UnsetType = UNSET
    delivered_at: int | UnsetType = UNSET
    refund: Refund | UnsetType | None = UNSET
    refunds: dict[str, int] | UnsetType = UNSET


class Amendment(Struct, frozen=True, kw_only=True):
    """What is to become of `record`."""

    record: StoredOrder
    status: OrderStatus
    fields: Fields
    units: Units = Units.KEEP
    revenue: int = 0
    """Minor units, signed."""
    over: bool = False
    """Nothing is to come any more: the store forgets the record after a while."""
    rows: tuple[RefundRow, ...] = ()
    refund: str = ""
    """Id of the refund that begins, goes on or ends."""
    due: int | None = None
    """When the sweeper takes it up, ms; None: not any more."""
    action: ActionRow | None = None

    def change(self) -> Change:
        return Change(
            self.record,
            (
                str(self.record.version),
                self.status.value,
                _encode(self.fields).decode(),
                self.units.value,
                str(self.revenue),
                "1" if self.over else "0",
                ",".join(_encode(row).decode() for row in self.rows),
                _encode(self.action).decode() if self.action is not None else "",
                self.refund,
                str(self.due) if self.due is not None else "",
            ),
        )


class Amendments:
    """Writes the amendments of one partition."""

    def __init__(self, client: Redis, book: KeyBook, partition: PartitionKeys, finished_life_ms: int) -> None:
        self._client = client
        self._book = book
        self._partition = partition
        self._life = finished_life_ms

    async def run(self, changes: Sequence[Change]) -> list[Changed]:
        """REFUSED: the order has another version now, and comes as it stands.

        Raises redis errors, StoreUnavailable when nothing was sent.
        """
        partition = self._partition
        keys = [partition.outbox, partition.refunds]
        args: list[str | bytes | int] = [len(changes), self._life]
        for change in changes:
            add_arguments(change, self._book, partition, keys, args)
        reply = await call_script(self._client, AMEND, keys, args)
        return [Changed(Code(code), decode_stored(record) if record else None) for code, record in reply]
