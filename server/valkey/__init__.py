"""The one place that opens connections to Valkey or Redis, and that runs the embedded store."""

from server.valkey.client import check_version, connect, store_time
from server.valkey.embedded import EmbeddedValkey, answers, embedded_url
from server.valkey.errors import StoreInUse, StoreNotFound, StoreTooOld, StoreUnavailable
from server.valkey.names import partition_of, partition_tag, room_channel
from server.valkey.publish import publish_all
from server.valkey.scripts import Script

__all__ = [
    "EmbeddedValkey",
    "Script",
    "StoreInUse",
    "StoreNotFound",
    "StoreTooOld",
    "StoreUnavailable",
    "answers",
    "check_version",
    "connect",
    "embedded_url",
    "partition_of",
    "partition_tag",
    "publish_all",
    "room_channel",
    "store_time",
]
