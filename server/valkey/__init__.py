"""The one place that opens connections to Valkey or Redis, and that runs the embedded store."""

from server.valkey.client import check_version, connect, store_time
from server.valkey.embedded import EmbeddedValkey, answers, embedded_url
from server.valkey.errors import (
    LOST,
    StoreInUse,
    StoreNotFound,
    StoreTooOld,
    StoreUnavailable,
    nothing_ran,
    store_errors,
)
from server.valkey.names import partition_of, partition_tag, room_channel
from server.valkey.publish import Publisher
from server.valkey.scripts import Script

__all__ = [
    "LOST",
    "EmbeddedValkey",
    "Publisher",
    "Script",
    "StoreInUse",
    "StoreNotFound",
    "StoreTooOld",
    "StoreUnavailable",
    "answers",
    "check_version",
    "connect",
    "embedded_url",
    "nothing_ran",
    "partition_of",
    "partition_tag",
    "room_channel",
    "store_errors",
    "store_time",
]
