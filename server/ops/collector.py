"""The garbage collector while a process of ours comes up, and where it would hardly ever run by itself."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Iterator

GC_THRESHOLDS = (100_000, 50, 1_000)


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


def collect_seldom() -> None:
    """What is there now stays; the rest is mostly acyclic. Collecting it all the time costs a tenth of an
    order's way through a process (measured)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def collect_regularly(period: float = 10.0) -> None:
    """Collect every `period` seconds until cancelled.

    For a process with high thresholds and little traffic: a quiet back office makes some fifteen cycles a
    second (exceptions and timeouts of its rounds), which grew by 1 KiB a second for hours (measured) before
    the threshold was met. What was frozen is not looked at: a collection takes less than a millisecond.
    """
    while True:
        await asyncio.sleep(period)
        gc.collect()
