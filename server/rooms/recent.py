"""What was last said in a room, for who comes in: a page that was loaded anew is not silent. Sans-I/O.

Kept from what this process has heard since it opened the room; the store is not asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

from schemas.codecs import Codec
from schemas.events import Danmaku

RECENT = 20
"""Danmaku at most; the oldest go first."""
RECENT_BYTES = 8 * 1024
"""Encoded, of all of them, at most; the oldest are left out first."""
CLOCK_SLACK_MS = 200
"""A danmaku bears the time of the process it was said at, a mute the store's."""


class RecentChat:
    """The latest danmaku that were not recalled and whose speakers were not silenced since."""

    def __init__(self) -> None:
        self._messages: deque[Danmaku] = deque(maxlen=RECENT)
        self._encoded: dict[Codec, bytes] = {}

    def heard(self, messages: list[Danmaku]) -> None:
        self._messages.extend(messages)
        self._encoded.clear()

    def recalled(self, message: str) -> None:
        self._keep([one for one in self._messages if one.message != message])

    def silenced(self, users: Collection[str]) -> None:
        """What muted or kicked users said is not shown to newcomers."""
        self._keep([one for one in self._messages if one.user.id not in users])

    def silenced_since(self, times: Mapping[str, int]) -> None:
        """`times`: when in ms who was last muted or kicked. What they said before is not shown, however
        short it was; what they said since is."""
        self._keep(
            [
                one
                for one in self._messages
                if one.at > times.get(one.user.id, -CLOCK_SLACK_MS) + CLOCK_SLACK_MS
            ]
        )

    @property
    def oldest_at(self) -> int | None:
        """When the earliest danmaku here was said, in ms; None where there is none."""
        return min((one.at for one in self._messages), default=None)

    def forget(self) -> None:
        self._keep([])

    def encoded(self, codec: Codec) -> bytes:
        """An array of danmaku, oldest first, in this codec; empty bytes where there is none. Made once until
        something in it changes."""
        encoded = self._encoded.get(codec)
        if encoded is None:
            encoded = self._encoded[codec] = self._encode(codec)
        return encoded

    def _encode(self, codec: Codec) -> bytes:
        newest: list[bytes] = []
        left = RECENT_BYTES
        for message in reversed(self._messages):
            one = codec.encode(message)
            left -= len(one)
            if left < 0:
                break
            newest.append(one)
        return codec.join(newest[::-1]) if newest else b""

    def _keep(self, messages: list[Danmaku]) -> None:
        if len(messages) != len(self._messages):
            self._messages = deque(messages, maxlen=RECENT)
            self._encoded.clear()
