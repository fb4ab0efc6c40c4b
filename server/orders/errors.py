"""What the order wing raises.

Exceptions:

    OrderError                     a command refused: `code`, `message`, `field`
    server.valkey.StoreUnavailable the store is out of reach; whether a write ran is not known
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import BusyLoadingError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from schemas.codes import ErrorCode
from server.valkey import StoreUnavailable

LOST = (RedisConnectionError, RedisTimeoutError, TimeoutError, OSError)
"""The connection went, or the answer did not come in time."""

_NOTHING_RAN = ("MISCONF", "OOM", "READONLY", "LOADING", "CLUSTERDOWN", "NOREPLICAS", "NOSCRIPT")


class OrderError(Exception):
    """A command that was refused. `field`: the path of what was wrong, where one field was."""

    def __init__(self, code: ErrorCode, message: str, field: str | None = None) -> None:
        super().__init__(code, message, field)
        self.code = code
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return f"{self.code.value}: {self.message}" + (f" ({self.field})" if self.field else "")


def nothing_ran(error: BaseException) -> bool:
    """Whether the store said by this error that it did not even begin."""
    if isinstance(error, (StoreUnavailable, BusyLoadingError, ReadOnlyError, OutOfMemoryError)):
        return True
    return isinstance(error, ResponseError) and str(error).startswith(_NOTHING_RAN)


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise StoreUnavailable for whatever says that the store was out of reach."""
    try:
        yield
    except LOST as error:
        raise StoreUnavailable(f"the store did not answer: {error}") from error
    except ResponseError as error:
        if nothing_ran(error):
            raise StoreUnavailable(f"the store refused: {error}") from error
        raise
