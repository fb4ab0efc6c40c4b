"""What a control command makes of a room: the events to log, or a refusal.

Pure: state, command and time in, events out. What only the stock pools can know (the window on the
store's clock, the reason a sale really ended for) comes in as `Facts`, so that a command that
touches a pool is decided twice: before the pool, to refuse early, and after it, for the events.
"""

from __future__ import annotations

from schemas.codes import ErrorCode, RoomStatus
from schemas.commands import (
    DanmakuRecall,
    RoomAnnounce,
    RoomCommand,
    RoomEnd,
    RoomPause,
    RoomStart,
    SaleCancel,
    SaleSchedule,
    ViewerKick,
    ViewerMute,
    ViewerUnmute,
)
from schemas.events import DanmakuRecalled, RoomUpdated, SaleScheduled
from server.rooms.rules import Events, Refused
from server.rooms.sales import Facts, cancel_sale, due_events, new_sale
from server.rooms.shelf import decide_shelf
from server.rooms.state import RoomState

__all__ = ["Events", "Facts", "Refused", "decide"]

_STARTS_FROM: dict[RoomStatus, tuple[RoomStatus, ...]] = {
    RoomStatus.LIVE: (RoomStatus.SCHEDULED, RoomStatus.PAUSED),
    RoomStatus.PAUSED: (RoomStatus.LIVE,),
    RoomStatus.ENDED: (RoomStatus.SCHEDULED, RoomStatus.LIVE, RoomStatus.PAUSED),
}


def decide(
    state: RoomState, command: RoomCommand, *, actor: str, now: int, facts: Facts | None = None
) -> Events:
    """The events `command` by user `actor` puts into the log at `now` (ms, the store's clock).

    Empty where a command makes none (restock, moderation). Raises Refused.
    """
    facts = facts or Facts()
    match command:
        case RoomStart() | RoomPause() | RoomEnd() | RoomAnnounce() | DanmakuRecall():
            return _room(state, command, facts)
        case ViewerMute() | ViewerKick():
            if command.user in state.hosts and command.user != actor:
                raise Refused(ErrorCode.FORBIDDEN, "a host of this room cannot be silenced", "user")
            return []
        case ViewerUnmute():
            return []
        case SaleSchedule():
            return [SaleScheduled(sale=new_sale(state, command, now, facts))]
        case SaleCancel():
            return cancel_sale(state, command, facts)
        case _:
            return decide_shelf(state, command, facts.total)


def _room(
    state: RoomState,
    command: RoomStart | RoomPause | RoomEnd | RoomAnnounce | DanmakuRecall,
    facts: Facts,
) -> Events:
    events: Events = []
    match command:
        case RoomStart():
            events.append(_to_status(state, RoomStatus.LIVE))
        case RoomPause():
            events.append(_to_status(state, RoomStatus.PAUSED))
        case RoomEnd():
            ended = _to_status(state, RoomStatus.ENDED)
            for sale in sorted(state.active_sales(), key=lambda sale: sale.sale):
                events += due_events(sale, "end", facts.reasons.get(sale.sale, "room_ended"))
            events.append(ended)
        case RoomAnnounce(text=text):
            events.append(RoomUpdated(announcement=text))
        case DanmakuRecall(message=message):
            events.append(DanmakuRecalled(message=message))
    return events


def _to_status(state: RoomState, status: RoomStatus) -> RoomUpdated:
    if state.status not in _STARTS_FROM[status]:
        allowed = " or ".join(source.value for source in _STARTS_FROM[status])
        raise Refused(
            ErrorCode.CONFLICT,
            f"a room becomes {status.value} from {allowed}; this one is {state.status.value}",
        )
    return RoomUpdated(status=status)
