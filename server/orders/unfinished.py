"""A buyer's orders that are not over, for all who ask at once: one call says who has any, one reads them."""

from __future__ import annotations

import asyncio
from typing import cast

import structlog
from msgspec import MsgspecError, Struct
from redis.asyncio import Redis

from schemas.models import Order
from server.orders.errors import StoreFrozen
from server.orders.keys import ORDER_ID_LENGTH, PartitionKeys
from server.orders.lanes import Fate, Unanswered
from server.orders.lifecycle import UNFINISHED
from server.orders.newcomers import Visit
from server.orders.pipe import call_script
from server.orders.records import decode_stored
from server.orders.scripts import UNFINISHED_OF

log = structlog.get_logger("miaodan.orders")

SHOWN = 100
"""Unfinished orders a buyer is shown at most, the latest."""
TOGETHER = 1_000
"""Records read in one call."""


class Question(Struct, gc=False):
    """Which orders stand behind the requests in `user_key`?"""

    user_key: str
    answer: asyncio.Future[list[Order]]
    visit: Visit | None = None
    """Told how many requests there are on record, where that is certain."""


class Reader:
    """One partition's calls: a lane's `call`, `deliver` and `fail`."""

    def __init__(self, client: Redis, keys: PartitionKeys) -> None:
        self._client = client
        self._keys = keys

    async def call(self, questions: list[Question]) -> tuple[bool, list[list[bytes]]]:
        """Whether the store is one that was checked, and order ids, per question."""
        keys = [question.user_key for question in questions]
        try:
            found = await call_script(self._client, UNFINISHED_OF, keys, [ORDER_ID_LENGTH])
        except StoreFrozen:
            # Nobody buys now, but all may come in and watch: they are shown what is there.
            return False, await self._without_script(keys)
        return True, cast("list[list[bytes]]", found)

    async def _without_script(self, keys: list[str]) -> list[list[bytes]]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.hvals(key)
            found = cast("list[list[bytes]]", await pipeline.execute())
        return [[value[:ORDER_ID_LENGTH] for value in values] for values in found]

    async def deliver(self, questions: list[Question], answer: tuple[bool, list[list[bytes]]]) -> None:
        """Answer each; those who have orders are read together."""
        checked, found = answer
        buyers: list[tuple[Question, list[str]]] = []
        for question, ids in zip(questions, found, strict=True):
            if checked and question.visit is not None:
                question.visit.found(len(ids))
            if ids:
                # An order's id begins with the time it was placed.
                buyers.append((question, sorted(id.decode() for id in ids)[-SHOWN:]))
            else:
                _answer(question, [])
        if not buyers:
            return
        try:
            records = await self._read([name for _, names in buyers for name in names])
        except Exception as error:  # whatever it was, all are told
            log.warning("unfinished orders not read", buyers=len(buyers), error=str(error))
            for question, _ in buyers:
                self.fail(question, Fate.UNKNOWN)
            return
        for question, names in buyers:
            _answer(question, [records[name] for name in names if name in records])

    async def _read(self, names: list[str]) -> dict[str, Order]:
        """Those of them that are not over."""
        orders: dict[str, Order] = {}
        for start in range(0, len(names), TOGETHER):
            some = names[start : start + TOGETHER]
            found = await self._client.mget([self._keys.order(name) for name in some])
            for name, data in zip(some, cast("list[bytes | None]", found), strict=True):
                if data is None:
                    continue
                try:
                    record = decode_stored(data)
                except MsgspecError:
                    log.exception("an order's record cannot be read", order=name)
                    continue
                if record.status in UNFINISHED:
                    orders[name] = record.to_wire()
        return orders

    def fail(self, question: Question, fate: Fate) -> None:
        if not question.answer.done():
            question.answer.set_exception(Unanswered(fate))


def _answer(question: Question, orders: list[Order]) -> None:
    if not question.answer.done():
        question.answer.set_result(orders)
