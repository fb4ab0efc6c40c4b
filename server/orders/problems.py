"""What an audit finds."""

from __future__ import annotations

from msgspec import Struct


class Problem(Struct, frozen=True):
    """One thing that does not add up.

    `pool` is `room/sku/SKU` or `room/sale/SALE`, or a partition's tag where it is of no pool.
    """

    pool: str
    kind: str
    expected: int | str
    found: int | str
    message: str
    order: str = ""
    """Where it is about one order."""
