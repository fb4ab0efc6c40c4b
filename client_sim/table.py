"""A run on the terminal: a live table where there is one, log lines where there is none."""

from __future__ import annotations

import asyncio
import time

from rich.console import Console
from rich.live import Live
from rich.table import Table

from client_sim.histogram import Histogram
from client_sim.report import summary_line
from client_sim.swarm import Swarm


class Rate:
    """Events per second between two looks at a counter."""

    def __init__(self) -> None:
        self._count = 0
        self._at = time.monotonic()
        self._rate = 0.0

    def look(self, count: int) -> float:
        now = time.monotonic()
        if now - self._at > 0.2:
            self._rate = (count - self._count) / (now - self._at)
            self._count, self._at = count, now
        return self._rate


def _percentiles(histogram: Histogram) -> str:
    return f"{histogram.percentile(50):.1f} / {histogram.percentile(99):.1f} ms"


def draw(swarm: Swarm, danmaku_per_second: float, messages_per_second: float) -> Table:
    """The run as a table of two columns."""
    tally, plan = swarm.tally, swarm.plan
    skew = tally.skew_ms
    table = Table(title=f"room {plan.room}, {swarm.phase}, {tally.elapsed():.0f} s", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right", min_width=44)
    table.add_row(
        "in the room", f"{swarm.live_count():,} of {plan.viewers:,} (joined {swarm.joined_count():,})"
    )
    table.add_row(
        "join p50 / p99", f"{tally.join_ms.percentile(50):.1f} / {tally.join_ms.percentile(99):.1f} ms"
    )
    table.add_row("danmaku delivered", f"{tally.danmaku_delivered:,}  ({danmaku_per_second:,.0f}/s)")
    table.add_row("messages received", f"{messages_per_second:,.0f}/s")
    table.add_row("sampled away", f"{tally.danmaku_skipped:,}")
    table.add_row("publish → receive p50 / p99", _percentiles(tally.delivery_ms))
    for outcome, count in tally.orders.most_common():
        table.add_row(f"orders {outcome}", f"{count:,}")
    table.add_row("order p50 / p99", _percentiles(tally.order_ms))
    table.add_row("countdown skew p99 / max", f"{skew.percentile(99):.1f} / {skew.highest:.1f} ms")
    table.add_row("reconnects (recovered)", f"{tally.reconnects:,} ({tally.recovered:,})")
    faults = sum(tally.violations.values())
    table.add_row("violations", f"[red]{faults}[/red]" if faults else "[green]0[/green]")
    return table


async def watch(swarm: Swarm, console: Console, every: float) -> None:
    """Show the run until cancelled: a table on a terminal, else a line each `every` seconds."""
    danmaku, messages = Rate(), Rate()
    if not console.is_terminal:
        while True:
            await asyncio.sleep(every)
            line = summary_line(swarm, danmaku.look(swarm.tally.danmaku_delivered))
            console.print(line, highlight=False, soft_wrap=True)
    with Live(console=console, auto_refresh=False) as live:
        try:
            while True:
                frames = sum(viewer.frames for viewer in swarm.viewers)
                live.update(draw(swarm, danmaku.look(swarm.tally.danmaku_delivered), messages.look(frames)))
                live.refresh()
                await asyncio.sleep(0.5)
        finally:
            live.update(draw(swarm, danmaku.look(swarm.tally.danmaku_delivered), 0.0), refresh=True)
