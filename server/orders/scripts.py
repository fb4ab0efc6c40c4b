"""The wing's Lua scripts, loaded once.

Before each of them stands `gate.lua`: it looks for the partition's mark, which is the last of the KEYS.
"""

from __future__ import annotations

from importlib.resources import files

from server.valkey import Script


def _source(name: str) -> str:
    return files("server.orders").joinpath(f"lua/{name}.lua").read_text("utf-8")


def _gated(name: str) -> Script:
    return Script(_source("gate") + _source(name))


def _with_common(name: str) -> Script:
    return Script(_source("gate") + _source("common") + _source(name))


RESERVE = _gated("reserve")
NOTICE = _gated("notice")
ACTION = _gated("action")
UNFINISHED_OF = _gated("unfinished")
PAY = _with_common("pay")
CHARGE = _with_common("charge")
CLOSE_CHARGE = _with_common("close_charge")
PUT_BACK = _with_common("put_back")
RELEASE = _with_common("release")
AMEND = _with_common("amend")
MOUNT = _with_common("mount")
UPDATE = _with_common("update")
UNMOUNT = _with_common("unmount")
RESTOCK = _with_common("restock")
SCHEDULE = _with_common("schedule")
CLOSE_SALE = _with_common("close_sale")
ADOPT = Script(_source("common") + _source("adopt"))
"""Before the mark is set, so without the gate."""
