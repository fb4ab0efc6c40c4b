"""What goes wrong with the store.

StoreUnavailable      it cannot be reached, started, or does not answer
├── StoreNotFound     no server program on this machine
├── StoreTooOld       an older server than Redis 7.0
└── StoreInUse        another store process still holds this data directory
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import BusyLoadingError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

MIN_VERSION = (7, 0)

LOST = (RedisConnectionError, RedisTimeoutError, TimeoutError, OSError)
"""The connection went, or the answer did not come in time."""

_NOTHING_RAN = ("MISCONF", "OOM", "READONLY", "LOADING", "CLUSTERDOWN", "NOREPLICAS", "NOSCRIPT")


class StoreUnavailable(Exception):
    """The store cannot be reached, started, or does not answer. `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class StoreNotFound(StoreUnavailable):
    """No Valkey or Redis server program on this machine."""


class StoreTooOld(StoreUnavailable):
    """The server is older than Redis 7.0."""


class StoreInUse(StoreUnavailable):
    """Another store process still holds this data directory."""


def demand_version(name: str, version: str) -> None:
    """Raises StoreTooOld."""
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if found < MIN_VERSION:
        raise StoreTooOld(f"{name} {version} is too old: Redis 7.0 or Valkey 7.2 at least")


def nothing_ran(error: BaseException) -> bool:
    """Whether the store said by this error that it did not even begin."""
    if isinstance(error, (StoreUnavailable, BusyLoadingError, ReadOnlyError, OutOfMemoryError)):
        return True
    return isinstance(error, ResponseError) and str(error).startswith(_NOTHING_RAN)


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise StoreUnavailable for whatever says that the store was out of reach.

    What was sent before may or may not have run: the caller asks again, it does not assume.
    """
    try:
        yield
    except LOST as error:
        raise StoreUnavailable(f"the store did not answer: {error}") from error
    except ResponseError as error:
        if nothing_ran(error):
            raise StoreUnavailable(f"the store refused: {error}") from error
        raise
