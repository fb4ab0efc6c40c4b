"""One partition's lanes, each made when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from redis.asyncio import Redis

from schemas.models import Order
from server.orders.changes import Change, Changed, Changes, Operation, deliver, fail
from server.orders.keys import KeyBook, PartitionKeys
from server.orders.lanes import Fate, Lane, Unanswered
from server.orders.records import StoredOrder
from server.orders.reservations import Known, Reservation, Reservations
from server.orders.unfinished import Question, Reader
from server.settings import OrderSettings


class Partition:
    """Reservations, changes and reads of one partition's orders, batched apart."""

    def __init__(
        self,
        client: Redis,
        book: KeyBook,
        keys: PartitionKeys,
        settings: OrderSettings,
        *,
        held: Callable[[Reservation, Order, StoredOrder], None],
        known: Known,
    ) -> None:
        self._client = client
        self._settings = settings
        self._keys = keys
        self._changes = Changes(client, book, keys, settings.request_ttl_ms)
        self._change_lanes: dict[str, Lane[Change]] = {}
        self._reservations = Reservations(client, keys, settings.request_ttl_ms, held=held, known=known)
        self._reserve: Lane[Reservation] | None = None
        self._unfinished: Lane[Question] | None = None
        self._stopped = False

    def place(self, job: Reservation) -> Fate | None:
        """Queue a reservation; a fate when it was refused."""
        lane = self._reserve
        if lane is None:
            if self._stopped:
                return Fate.DOWN
            calls = self._reservations
            lane = self._reserve = Lane(
                "reserve",
                call=calls.call,
                deliver=calls.deliver,
                fail=calls.fail,
                probe=self._client.ping,
                batch=self._settings.batch,
                queue=self._settings.queue,
                timeout_ms=self._settings.store_timeout_ms,
            )
        return lane.put(job)

    async def carry(self, operation: Operation, change: Change) -> Changed:
        """One change, in a batch with those beside it. Raises Unanswered."""
        change.answer = asyncio.get_running_loop().create_future()
        fate = self._lane(operation).put(change)
        if fate is not None:
            raise Unanswered(fate)
        return await change.answer

    async def unfinished(self, user_key: str) -> list[Order]:
        """The orders behind these request records that are not over, oldest first. Raises Unanswered."""
        lane = self._unfinished
        if lane is None:
            if self._stopped:
                raise Unanswered(Fate.DOWN)
            reader = Reader(self._client, self._keys)
            lane = self._unfinished = Lane(
                "unfinished",
                call=reader.call,
                deliver=reader.deliver,
                fail=reader.fail,
                probe=self._client.ping,
                batch=self._settings.batch,
                queue=self._settings.queue,
                timeout_ms=self._settings.store_timeout_ms,
            )
        question = Question(user_key, asyncio.get_running_loop().create_future())
        fate = lane.put(question)
        if fate is not None:
            raise Unanswered(fate)
        return await question.answer

    def statistics(self) -> Iterator[tuple[str, dict[str, int]]]:
        """Each lane's name and numbers."""
        if self._reserve is not None:
            yield f"{self._keys.tag} reserve", self._reserve.statistics()
        if self._unfinished is not None:
            yield f"{self._keys.tag} unfinished", self._unfinished.statistics()
        for name, lane in self._change_lanes.items():
            yield f"{self._keys.tag} {name}", lane.statistics()

    async def stop(self, within: float) -> None:
        self._stopped = True
        stops = [lane.stop(within) for lane in self._change_lanes.values()]
        if self._reserve is not None:
            stops.append(self._reserve.stop(within))
        if self._unfinished is not None:
            stops.append(self._unfinished.stop(within))
        await asyncio.gather(*stops)

    def _lane(self, operation: Operation) -> Lane[Change]:
        lane = self._change_lanes.get(operation.name)
        if lane is None:
            if self._stopped:
                raise Unanswered(Fate.DOWN)

            async def call(changes: list[Change]) -> list[Changed]:
                return await self._changes.run(operation, changes)

            lane = self._change_lanes[operation.name] = Lane(
                operation.name,
                call=call,
                deliver=deliver,
                fail=fail,
                probe=self._client.ping,
                batch=self._settings.batch,
                queue=self._settings.queue,
                timeout_ms=self._settings.store_timeout_ms,
            )
        return lane
