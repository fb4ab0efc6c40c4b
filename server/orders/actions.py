"""The audit trail of control commands: who did what in which room, and when."""

from __future__ import annotations

import msgspec
import structlog
from msgspec import Struct
from redis.asyncio import Redis

from schemas.codes import Role
from schemas.commands import HostCommand, OrderRefund, command_type
from server.orders.entries import ActionRow
from server.orders.keys import KeyBook, new_operation_id
from server.orders.metrics import ACTIONS
from server.orders.pipe import call_script
from server.orders.scripts import ACTION
from server.valkey import store_time

log = structlog.get_logger("miaodan.orders")


class Act(Struct, frozen=True):
    """A command of `actor`, who came as `role`. Refunds are a host's as well as a buyer's."""

    actor: str
    role: Role
    command: HostCommand | OrderRefund


def action_row(room: str, act: Act, at: int) -> ActionRow:
    """`details`: the command as it was sent, but for its `id`."""
    details = msgspec.to_builtins(act.command)
    del details["id"]
    return ActionRow(
        id=new_operation_id(),
        room=room,
        actor=act.actor,
        role=act.role.value,
        action=command_type(act.command),
        details=msgspec.json.encode(details).decode(),
        at=at,
    )


class ActionLog:
    """Puts rows into the outbox of the room's partition, from where the ledger has them."""

    def __init__(self, client: Redis, book: KeyBook) -> None:
        self._client = client
        self._book = book

    async def record(self, room: str, act: Act) -> None:
        """The command is done: where its row cannot be written, that is logged and counted, not raised."""
        try:
            row = action_row(room, act, await store_time(self._client))
            partition = self._book.room(room).partition
            await call_script(self._client, ACTION, [partition.outbox], [msgspec.json.encode(row)])
        except Exception:
            ACTIONS.labels("lost").inc()
            log.exception(
                "a control command is not in the audit trail",
                room=room,
                actor=act.actor,
                action=command_type(act.command),
            )
        else:
            ACTIONS.labels("written").inc()
