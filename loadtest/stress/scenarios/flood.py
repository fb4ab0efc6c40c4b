"""Danmaku far above the budget: a fair sample for everybody, and an honest count of the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from loadtest.stress import checks
from loadtest.stress.crowd import Watcher
from loadtest.stress.stage import Scenario, Stage
from loadtest.stress.verdict import Figures

BUDGET = 10
LOUD, LOUD_RATE = 5, 1_000.0
QUIET, QUIET_RATE = 5, 10.0
"""The quiet together say a hundredth of what the loud do; each flush has room for everybody's first."""
EVENT_RATE = 10.0


async def play(stage: Stage) -> Figures:
    """`stage.viewers`, of whom some shout and some speak."""
    watchers = await stage.fill(max(stage.viewers, LOUD + QUIET + 2))
    loud, quiet = watchers[:LOUD], watchers[LOUD : LOUD + QUIET]
    await asyncio.gather(
        stage.host.events(EVENT_RATE, stage.seconds),
        stage.talk(loud, LOUD_RATE, stage.seconds, "loud"),
        stage.talk(quiet, QUIET_RATE, stage.seconds, "quiet"),
    )
    spoken = await stage.settle_chat(watchers, [*loud, *quiet])
    await stage.settle_log(watchers)
    stage.check_log(watchers)
    seen = stage.check_chat(watchers, spoken)
    heard_quiet, heard_loud = _share(quiet, seen), _share(loud, seen)
    stage.hold(checks.fair(heard_quiet, heard_loud))
    if len(seen) == len(spoken):
        stage.hold([f"all {len(spoken)} danmaku were shown: this was no flood"])
    for watcher in watchers:
        stage.hold(checks.stayed(watcher.history))
    return {
        "danmaku": len(spoken),
        "shown": len(seen),
        "told_skipped": max(watcher.history.skipped for watcher in watchers),
        "quiet_shown": f"{heard_quiet[0]} of {heard_quiet[1]}",
        "loud_shown": f"{heard_loud[0]} of {heard_loud[1]}",
        "refused": sum(sum(watcher.history.refused.values()) for watcher in (*loud, *quiet)),
        "host_events": len(stage.host.truth.events),
    }


def _share(speakers: Sequence[Watcher], seen: frozenset[str]) -> tuple[int, int]:
    """(shown to others, accepted)."""
    accepted = [message for speaker in speakers for message in speaker.history.accepted]
    return sum(message in seen for message in accepted), len(accepted)


SCENARIO = Scenario(
    name="flood",
    promise="received + skipped = accepted; the quiet are heard; one's own is always seen; host events go on",
    play=play,
    viewers=300,
    seconds=8.0,
    settings={"MIAODAN_FANOUT__CHAT_BUDGET": str(BUDGET)},
)
