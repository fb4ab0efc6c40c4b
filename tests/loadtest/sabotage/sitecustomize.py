"""Breaks a server on purpose, so that a test can see whether a load test notices.

Python imports this by its name where the folder is on PYTHONPATH; `SABOTAGE_OF_TESTS` says what to
break. Only tests set either: nothing of this is in the server.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

STALL_S = 0.2


def stall_the_fanout() -> None:
    """Whatever is to be told to a room is told 200 ms later."""
    from server.fanout.broadcast import Broadcast

    flush = Broadcast.flush
    waiting: set[int] = set()

    def late(self: Broadcast) -> None:
        if id(self) not in waiting:
            waiting.add(id(self))
            self._loop.call_later(STALL_S, now, self)

    def now(self: Broadcast) -> None:
        waiting.discard(id(self))
        flush(self)

    Broadcast.flush = late  # type: ignore[method-assign]


def lose_an_order() -> None:
    """The first order that comes to the ledger is never written there, nor anything that follows of it."""
    from msgspec.structs import replace

    from server.orders.entries import Entry
    from server.orders.ledger import Ledger

    write = Ledger.write
    lost: list[str] = []

    async def forgetful(self: Ledger, entries: Sequence[Entry], *others: Any, **named: Any) -> None:
        kept = []
        for entry in entries:
            if entry.orders and not lost:
                lost.append(entry.orders[0].order)
            kept.append(replace(entry, orders=[one for one in entry.orders if one.order not in lost]))
        await write(self, kept, *others, **named)

    Ledger.write = forgetful  # type: ignore[method-assign]


match os.environ.get("SABOTAGE_OF_TESTS"):
    case "stall":
        stall_the_fanout()
    case "lose":
        lose_an_order()
