"""Which event answers which command. Every command that is answered may get `error` instead."""

from __future__ import annotations

from typing import get_args

import msgspec

from schemas.commands import (
    DanmakuSend,
    Hello,
    HostCommand,
    OrderCancel,
    OrderGet,
    OrderPay,
    OrderPlace,
    OrderRefund,
    Ping,
)
from schemas.events import DanmakuAccepted, Done, OrderAccepted, Pong, Welcome

REPLIES: dict[type[msgspec.Struct], type[msgspec.Struct]] = {
    Hello: Welcome,
    Ping: Pong,
    DanmakuSend: DanmakuAccepted,
    OrderPlace: OrderAccepted,
    OrderPay: OrderAccepted,
    OrderCancel: OrderAccepted,
    OrderRefund: OrderAccepted,
    OrderGet: OrderAccepted,
    **dict.fromkeys(get_args(HostCommand), Done),
}
"""By class. A command that is not here (`like`) gets no reply."""
