"""A calm room: everybody is told everything, once, in order, and the same numbers in the end."""

from __future__ import annotations

import asyncio

from loadtest.stress.stage import SKU, STOCK, Scenario, Stage
from loadtest.stress.verdict import Figures

DANMAKU_RATE = 60.0
EVENT_RATE = 20.0
RESTOCK_EVERY_S = 0.2


async def play(stage: Stage) -> Figures:
    """Every viewer of `stage.viewers`, a tenth of them speaking."""
    watchers = await stage.fill(stage.viewers)
    speakers = watchers[: max(1, len(watchers) // 10)]
    await asyncio.gather(
        stage.host.events(EVENT_RATE, stage.seconds),
        stage.talk(speakers, DANMAKU_RATE, stage.seconds),
        _restock(stage),
    )
    spoken = await stage.settle_chat(watchers, speakers)
    await stage.settle_log(watchers)
    await stage.settle_values(watchers)
    stage.check_log(watchers)
    seen = stage.check_chat(watchers, spoken)
    for watcher in watchers:
        if watcher.history.losses:
            stage.hold([f"{watcher.name}: lost the socket: {watcher.history.losses[0]}"])
    await _check_room(stage, watchers[-1].session.replica.online)
    return {
        "host_events": len(stage.host.truth.events),
        "danmaku": len(spoken),
        "shown": len(seen),
        "skipped_most": max(watcher.history.skipped for watcher in watchers),
        "stock": stage.host.truth.stock[SKU],
        "likes": stage.likes,
    }


async def _restock(stage: Stage) -> None:
    """Units come and go; never below nothing."""
    left = STOCK
    for _ in range(int(stage.seconds / RESTOCK_EVERY_S)):
        delta = stage.random.randint(-left, 100)
        await stage.host.restock(delta or 1)
        left += delta or 1
        await asyncio.sleep(RESTOCK_EVERY_S)


async def _check_room(stage: Stage, told_online: int) -> None:
    """The room over HTTP holds the same numbers as its viewers."""
    room = await stage.room_now()
    (product,) = room["products"]
    true = stage.host.truth.stock[SKU]
    if product["available"] != true:
        stage.hold([f"the room's snapshot has {product['available']} units, the host left {true}"])
    if room["online"] != told_online:
        stage.hold([f"the room's snapshot has {room['online']} online, viewers were told {told_online}"])


SCENARIO = Scenario(
    name="exact",
    promise="every host event once, in order; every danmaku once or told as skipped; the last value for all",
    play=play,
    viewers=500,
    seconds=10.0,
    settings={"MIAODAN_FANOUT__CHAT_BUDGET": "1000"},
)
