"""What goes wrong with the store.

StoreUnavailable      it cannot be reached, started, or does not answer
├── StoreNotFound     no server program on this machine
├── StoreTooOld       an older server than Redis 7.0
└── StoreInUse        another store process still holds this data directory
"""

from __future__ import annotations

import re

MIN_VERSION = (7, 0)


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
