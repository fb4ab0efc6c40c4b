"""Names in the store that more than one wing speaks."""

from __future__ import annotations

import zlib


def room_channel(room: str) -> str:
    """The channel on which every node hears of a room."""
    return f"miaodan:room:{room}"


def partition_of(room: str, partitions: int) -> int:
    """Which of `partitions` the room's stock and orders live in."""
    return zlib.crc32(room.encode()) % partitions


def partition_tag(partition: int) -> str:
    """The hash tag of a partition's keys: `{p07}`."""
    return f"{{p{partition:02d}}}"
