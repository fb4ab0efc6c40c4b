"""How far the outboxes had come when this data directory was last in use, for a start without the ledger.

A store that has less is not the one that was. What came after the last note is not in it: the note is made
once a second, and whoever can read the ledger does not need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from server.orders.statements import EntryId

log = structlog.get_logger("miaodan.orders")

FILE = "outbox.seen"
_decode = msgspec.json.Decoder(dict[str, EntryId]).decode


class Watermark:
    """The note in `path`: by outbox stream, the highest entry id. Reading and writing block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._noted: dict[str, EntryId] = {}

    def read(self) -> dict[str, EntryId] | None:
        """None where there is no note, or none that can be read."""
        try:
            return _decode(self._path.read_bytes())
        except (OSError, msgspec.MsgspecError) as error:
            if not isinstance(error, FileNotFoundError):
                log.warning(
                    "the note of what was seen cannot be read", path=str(self._path), error=str(error)
                )
            return None

    def note(self, seen: Mapping[str, EntryId]) -> None:
        """Write it where it has changed; the old note or the new one is there, whatever happens."""
        if seen == self._noted:
            return
        draft = self._path.with_name(self._path.name + ".new")
        try:
            draft.write_bytes(msgspec.json.encode(dict(seen)))
            draft.replace(self._path)
        except OSError as error:
            log.warning("what was seen is not noted", path=str(self._path), error=str(error))
            return
        self._noted = dict(seen)
