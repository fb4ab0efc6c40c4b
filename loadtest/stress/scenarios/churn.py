"""A fifth of the viewers leave each second and others come, some where another one stopped."""

from __future__ import annotations

import asyncio

from loadtest.stress import checks
from loadtest.stress.crowd import Watcher, pace
from loadtest.stress.stage import Scenario, Stage
from loadtest.stress.verdict import Figures
from schemas.models import Resume

SHARE = 0.2
EVENT_RATE, DANMAKU_RATE = 20.0, 40.0


async def play(stage: Stage) -> Figures:
    """`stage.viewers` at any time; the speakers stay."""
    speakers = await stage.fill(max(2, stage.viewers // 20), "speaker")
    present = await stage.fill(stage.viewers - len(speakers), stays_away=True)
    everybody = [*speakers, *present]
    resumed: list[Watcher] = []

    async def churn() -> None:
        async for number in pace(SHARE * stage.viewers, stage.seconds):
            place = stage.random.randrange(len(present))
            leaver = present[place]
            _leave(leaver, number)
            resume = None
            if number % 2 and leaver.session.epoch is not None:
                resume = Resume(epoch=leaver.session.epoch, seq=leaver.session.seq)
            present[place] = stage.crowd.make("v", stays_away=True, resume=resume)
            everybody.append(present[place])
            if resume is not None:
                resumed.append(present[place])
            present[place].viewer.start()

    await asyncio.gather(
        churn(),
        stage.host.events(EVENT_RATE, stage.seconds),
        stage.talk(speakers, DANMAKU_RATE, stage.seconds),
    )
    staying = [*speakers, *present]
    await stage.until(lambda: all(watcher.live for watcher in staying), "those who came last in the room")
    spoken = await stage.settle_chat(speakers, speakers)
    await stage.settle_log(staying)
    await stage.settle_values(staying)
    stage.check_log(staying)
    # Who left before the welcome was told nothing.
    gone = [one for one in everybody if one not in set(staying) and one.history.stints]
    stage.check_log(gone, arrived=False)
    stage.hold(checks.agreed([one.history for one in everybody]))
    stage.check_chat(speakers, spoken)
    for watcher in (*gone, *present):
        stage.hold(checks.chat_once(watcher.history, spoken))
    lost = [one.name for one in resumed if one.history.stints and not one.history.stints[0].recovered]
    if lost:
        stage.hold([f"{len(lost)} resumes led to a snapshot, first {lost[0]}"])
    return {
        "stints": sum(len(one.history.stints) for one in everybody),
        "left": len(gone),
        "resumed": len(resumed),
        "host_events": len(stage.host.truth.events),
        "danmaku": len(spoken),
    }


def _leave(watcher: Watcher, number: int) -> None:
    """A goodbye, a closed tab, a cut line: in turn."""
    if number % 3 == 0:
        watcher.goodbye()
    elif number % 3 == 1:
        watcher.vanish()
    else:
        watcher.reset()


SCENARIO = Scenario(
    name="churn",
    promise="20 % of the viewers a second: every stint has its snapshot or resume and all that follows, once",
    play=play,
    viewers=300,
    seconds=10.0,
)
