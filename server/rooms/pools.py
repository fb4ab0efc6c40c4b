"""What a room asks of the stock pools. The rooms know no more of orders than this."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from schemas.codes import ErrorCode
from server.rooms.rules import Refused
from server.valkey import StoreUnavailable, store_errors

T = TypeVar("T")


@runtime_checkable
class Refusal(Protocol):
    """What an exception must carry for a pool's no to reach the host as it was said."""

    code: ErrorCode
    message: str
    field: str | None


class Counts(Protocol):
    @property
    def available(self) -> int: ...
    @property
    def total(self) -> int: ...


class Due(Protocol):
    """One edge of one sale whose time has come. `what`: `start`, `sold_out` or `end`; `at` in ms."""

    @property
    def room(self) -> str: ...
    @property
    def sale(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def at(self) -> int: ...


D = TypeVar("D", bound=Due)


class Closing(Protocol):
    async def close_sale(self, room: str, sale: str, reason: str) -> str:
        """The reason that stuck: the first one given. `not_found` when there is no such pool."""
        ...


class Pools(Closing, Protocol):
    """Stock as control commands change it. A refusal is an exception shaped like `Refusal`.

    Every call may be repeated after a lost answer without doing its work twice, `restock` excepted.
    """

    async def mount(
        self, room: str, sku: str, *, price: int, currency: str, stock: int, per_user_limit: int | None
    ) -> int:
        """Units the product has in all: available, held and sold."""
        ...

    async def update(self, room: str, sku: str, *, price: int, per_user_limit: int | None) -> None: ...

    async def unmount(self, room: str, sku: str) -> None: ...

    async def restock(
        self, room: str, *, sku: str | None = None, sale: str | None = None, delta: int
    ) -> int: ...

    async def schedule(
        self,
        room: str,
        sale: str,
        sku: str,
        *,
        price: int,
        currency: str,
        stock: int,
        starts_at: int | None,
        starts_in_ms: int | None,
        duration_ms: int,
        per_user_limit: int | None,
        hold_ms: int | None,
    ) -> tuple[int, int]:
        """(starts_at, ends_at) on the store's clock."""
        ...

    async def counts(self, room: str) -> Mapping[str, Counts]:
        """By sku or sale id."""
        ...


class DuePools(Closing, Protocol[D]):
    """The pools as the sale clock sees them. What is not settled is due again."""

    async def due(self, limit: int) -> Sequence[D]: ...

    async def settle(self, due: D) -> None: ...


async def asked(answer: Awaitable[T]) -> T:
    """What a pool answers; its no is said in the room's words. Raises Refused, StoreUnavailable."""
    try:
        with store_errors():
            return await answer
    except (Refused, StoreUnavailable):
        raise
    except Exception as error:
        if isinstance(error, Refusal):
            raise Refused(error.code, error.message, error.field) from error
        raise


async def close_sale(pools: Closing, room: str, sale: str, reason: str) -> str:
    """Close a sale's pool; the reason that stuck.

    Where there is no pool (a store that came back without it) there is nothing to give back, and
    the room must be able to end the sale all the same.
    """
    try:
        return await asked(pools.close_sale(room, sale, reason))
    except Refused as refused:
        if refused.code is ErrorCode.NOT_FOUND:
            return reason
        raise
