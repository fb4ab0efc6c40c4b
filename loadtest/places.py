"""Whether what an option names can be written: asked before minutes of measuring, not after them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def file_can_be(file: Path) -> bool:
    """Whether the file can be written, or made with the folders above it."""
    try:
        if file.exists():
            return not file.is_dir() and os.access(file, os.W_OK)
    except (OSError, ValueError):
        return False
    return folder_can_be(file.absolute().parent)


def folder_can_be(folder: Path) -> bool:
    """Whether files can be made there; the folder too where it is not there yet. A nameless file is made to
    know: to root everything looks writable, /proc among it."""
    try:
        whole = folder.absolute()
        there = next(one for one in (whole, *whole.parents) if _is_there(one))
        with tempfile.TemporaryFile(dir=there):
            return True
    except (OSError, ValueError):
        return False


def _is_there(place: Path) -> bool:
    """A broken link is there too: nothing can be made in its place. Raises OSError where untold."""
    try:
        os.lstat(place)
    except FileNotFoundError:
        return False
    return True
