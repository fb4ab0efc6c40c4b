"""What the data directory remembers of the outboxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.orders.watermark import Watermark

SEEN = {"{p00}:outbox": (1_790_000_000_000, 3), "{p01}:outbox": (5, 0)}


def test_what_was_noted_is_read_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "outbox.seen"
    assert Watermark(path).read() is None
    Watermark(path).note(SEEN)
    assert Watermark(path).read() == SEEN
    assert [found.name for found in tmp_path.iterdir()] == ["outbox.seen"]


def test_only_what_has_changed_is_written(tmp_path: Path) -> None:
    path = tmp_path / "outbox.seen"
    mark = Watermark(path)
    mark.note(SEEN)
    path.unlink()
    mark.note(dict(SEEN))
    assert not path.exists()
    mark.note(SEEN | {"{p01}:outbox": (6, 0)})
    assert Watermark(path).read() == SEEN | {"{p01}:outbox": (6, 0)}


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"{p00}:outbox": [1]}', b'{"{p00}:outbox": "1-0"}'])
def test_half_a_note_is_none(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "outbox.seen"
    path.write_bytes(text)
    assert Watermark(path).read() is None


def test_a_directory_that_cannot_be_written_is_no_disaster(tmp_path: Path) -> None:
    mark = Watermark(tmp_path / "gone" / "outbox.seen")
    mark.note(SEEN)
    assert mark.read() is None
