"""The garbage collector while a process of ours comes up."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Off for these imports, and what they left is never looked at again.

    Imports make some hundred thousand objects that all stay: to look for garbage among them again and again
    is a fifth of the time it takes to start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
