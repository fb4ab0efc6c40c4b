"""The wing's Lua scripts, loaded once."""

from __future__ import annotations

from importlib.resources import files

from server.valkey import Script


def _source(name: str) -> str:
    return files("server.orders").joinpath(f"lua/{name}.lua").read_text("utf-8")


def _with_common(name: str) -> Script:
    return Script(_source("common") + _source(name))


RESERVE = Script(_source("reserve"))
NOTICE = Script(_source("notice"))
ACTION = Script(_source("action"))
UNFINISHED_OF = Script(_source("unfinished"))
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
ADOPT = _with_common("adopt")
