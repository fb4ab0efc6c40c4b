"""One partition's lanes, each made when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from redis.asyncio import Redis

from schemas.models import Order
from server.orders.amendments import Amendments
from server.orders.changes import Change, Changed, Changes, Operation, deliver, fail
from server.orders.keys import KeyBook, PartitionKeys
from server.orders.lanes import Fate, Lane, Unanswered
from server.orders.local import LocalAnswers
from server.orders.newcomers import Visit
from server.orders.records import StoredOrder
from server.orders.reservations import Known, Reservation, Reservations
from server.orders.unfinished import Question, Reader
from server.orders.verified import demand_verified
from server.orders.waiting import FairQueue, Line, Queue
from server.settings import OrderSettings

Job = TypeVar("Job")


class Partition:
    """Reservations, changes and reads of one partition's orders, batched apart."""

    def __init__(
        self,
        client: Redis,
        book: KeyBook,
        keys: PartitionKeys,
        settings: OrderSettings,
        local: LocalAnswers,
        *,
        held: Callable[[Reservation, Order, StoredOrder], None],
        known: Known,
    ) -> None:
        self._client = client
        self._settings = settings
        self._keys = keys
        self._changes = Changes(client, book, keys, settings.request_ttl_ms)
        self._amendments = Amendments(client, book, keys, settings.request_ttl_ms)
        self._change_lanes: dict[str, Lane[Change]] = {}
        self._reservations = Reservations(
            client,
            keys,
            settings.request_ttl_ms,
            settings.payment_grace_ms,
            local,
            held=held,
            known=known,
        )
        self._reserve: Lane[Reservation] | None = None
        self._unfinished: Lane[Question] | None = None
        self._stopped = False

    async def _probe(self) -> None:
        """Raises redis errors, StoreFrozen while the back office has yet to check the store."""
        await demand_verified(self._client, self._keys.outbox)

    def place(self, job: Reservation) -> Fate | None:
        """Queue a reservation; a fate when it was refused."""
        lane = self._reserve
        if lane is None:
            if self._stopped:
                return Fate.DOWN
            calls, settings = self._reservations, self._settings
            queue = FairQueue[Reservation](_pool_of, settings.queue, settings.pool_queue)
            lane = self._reserve = self._lane("reserve", queue, calls.call, calls.deliver, calls.fail)
        return lane.put(job)

    def wait_ms(self) -> int:
        """How long the reservations take that wait now."""
        return self._reserve.wait_ms() if self._reserve is not None else 0

    async def carry(self, operation: Operation, change: Change) -> Changed:
        """One change, in a batch with those beside it. Raises Unanswered."""

        async def call(changes: list[Change]) -> list[Changed]:
            return await self._changes.run(operation, changes)

        return await self._put(self._change_lane(operation.name, call), change)

    async def amend(self, change: Change) -> Changed:
        """One amendment, in a batch with those beside it. Raises Unanswered."""
        return await self._put(self._change_lane("amend", self._amendments.run), change)

    @staticmethod
    async def _put(lane: Lane[Change], change: Change) -> Changed:
        change.answer = asyncio.get_running_loop().create_future()
        fate = lane.put(change)
        if fate is not None:
            raise Unanswered(fate)
        return await change.answer

    async def unfinished(self, user_key: str, visit: Visit | None) -> list[Order]:
        """The orders behind these request records that are not over, oldest first. Raises Unanswered."""
        lane = self._unfinished
        if lane is None:
            reader = Reader(self._client, self._keys)
            queue = Line[Question](self._settings.queue)
            lane = self._lane("unfinished", queue, reader.call, reader.deliver, reader.fail)
            self._unfinished = lane
        question = Question(user_key, asyncio.get_running_loop().create_future(), visit)
        fate = lane.put(question)
        if fate is not None:
            raise Unanswered(fate)
        return await question.answer

    def statistics(self) -> Iterator[tuple[str, dict[str, int]]]:
        """Each lane's name and numbers."""
        for lane in self._lanes():
            yield f"{self._keys.tag} {lane.script}", lane.statistics()

    async def stop(self, within: float) -> None:
        self._stopped = True
        await asyncio.gather(*(lane.stop(within) for lane in self._lanes()))

    def _lanes(self) -> Iterator[Lane[Any]]:
        for lane in (self._reserve, self._unfinished, *self._change_lanes.values()):
            if lane is not None:
                yield lane

    def _change_lane(
        self, name: str, call: Callable[[list[Change]], Awaitable[list[Changed]]]
    ) -> Lane[Change]:
        lane = self._change_lanes.get(name)
        if lane is None:
            queue = Line[Change](self._settings.queue)
            lane = self._change_lanes[name] = self._lane(name, queue, call, deliver, fail)
        return lane

    def _lane(
        self,
        script: str,
        queue: Queue[Job],
        call: Callable[[list[Job]], Awaitable[Any]],
        deliver: Callable[[list[Job], Any], Awaitable[None] | None],
        fail: Callable[[Job, Fate], None],
    ) -> Lane[Job]:
        """Raises Unanswered when none is made any more."""
        if self._stopped:
            raise Unanswered(Fate.DOWN)
        return Lane(
            script,
            call=call,
            deliver=deliver,
            fail=fail,
            probe=self._probe,
            batch=self._settings.batch,
            queue=queue,
            timeout_ms=self._settings.store_timeout_ms,
        )


def _pool_of(job: Reservation) -> str:
    return job.pool.pool
