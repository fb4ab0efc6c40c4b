"""`python -m client_sim`: fill a room with viewers and buyers, and check what they were told."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import orjson
import uvloop
from rich.console import Console

from client_sim.address import Address
from client_sim.api import Api, ApiError, wait_for
from client_sim.report import report
from client_sim.stream import run as run_streamed
from client_sim.swarm import Plan, Swarm
from client_sim.table import watch
from client_sim.tokens import TokenSource, token_source
from client_sim.wire import Encoding
from schemas.codes import Role


async def _run(swarm: Swarm, console: Console, every: float) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, swarm.stop)
    show = asyncio.create_task(watch(swarm, console, every))
    try:
        await swarm.run()
    finally:
        show.cancel()
        await asyncio.gather(show, return_exceptions=True)


@click.command(context_settings={"max_content_width": 110, "show_default": True})
@click.option("--url", required=True, help="Where the server is, e.g. ws://127.0.0.1:8460.")
@click.option("--room", required=True, help="The room to fill.")
@click.option("--viewers", default=200, type=click.IntRange(1), help="How many people come, buyers included.")
@click.option("--buyers", default=0, type=click.IntRange(0), help="How many of them buy.")
@click.option("--orders-per-buyer", default=1, type=click.IntRange(1), help="Orders per buyer and sale.")
@click.option("--sale", default=None, help="Buy in this sale only; otherwise in every sale that opens.")
@click.option("--pay", is_flag=True, help="Pay at once.")
@click.option("--think-ms", default=0.0, help="Buyers order up to this long after zero.")
@click.option("--danmaku-rate", default=0.0, help="Danmaku a second, all viewers together.")
@click.option("--like-rate", default=0.0, help="Likes a second, all viewers together.")
@click.option("--seconds", default=30.0, help="How long to stay; 0: until interrupted.")
@click.option("--ramp", default=0.0, help="Seconds over which viewers arrive; 0: 500 a second.")
@click.option("--settle", default=20.0, help="Seconds at most to wait for agreement at the end.")
@click.option(
    "--slow-readers", default=0, type=click.IntRange(0), help="Viewers who read in fits and starts."
)
@click.option("--clock-skew-ms", default=2_000.0, help="Each viewer's own clock is wrong by up to this much.")
@click.option("--codec", default="json", type=click.Choice(["json", "msgpack"]))
@click.option("--user-prefix", default="", help="Users are PREFIX-0, PREFIX-1, …; empty: new ones each run.")
@click.option(
    "--token-key", default=None, type=click.Path(exists=True, dir_okay=False), help="Sign tokens with it."
)
@click.option("--token", default=None, help="One token for everybody; without either, GET /demo/token.")
@click.option("--json", "json_file", default=None, help="Write the report here; - is standard output.")
@click.option("--wait", default=15.0, help="Seconds to wait for the server and the room at first.")
@click.option("--every", default=2.0, help="Seconds between log lines where there is no terminal.")
@click.option("--churn-rate", default=0.0, help="Viewers a second who lose their network or leave.")
@click.option(
    "--stream", is_flag=True, help="Increments as JSON lines on standard output; see client_sim.stream."
)
@click.option("--seed", default=None, type=int, help="Make the random choices repeatable.")
def main(
    *,
    url: str,
    room: str,
    viewers: int,
    buyers: int,
    orders_per_buyer: int,
    sale: str | None,
    pay: bool,
    think_ms: float,
    danmaku_rate: float,
    like_rate: float,
    seconds: float,
    ramp: float,
    settle: float,
    slow_readers: int,
    clock_skew_ms: float,
    codec: str,
    user_prefix: str,
    token_key: str | None,
    token: str | None,
    json_file: str | None,
    wait: float,
    every: float,
    churn_rate: float,
    stream: bool,
    seed: int | None,
) -> None:
    """Fill a room with simulated viewers and buyers.

    Exit code 1 when fewer joined than asked or the server broke a promise: a gap, a duplicate or
    an event out of order, viewers who disagree at the end, an order without an answer.
    """
    try:
        address = Address.parse(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    plan = Plan(
        room=room,
        viewers=viewers,
        buyers=min(buyers, viewers),
        orders_per_buyer=orders_per_buyer,
        sale=sale,
        pay=pay,
        think_ms=think_ms,
        danmaku_rate=danmaku_rate,
        like_rate=like_rate,
        seconds=seconds,
        ramp=ramp,
        settle=settle,
        slow_readers=min(slow_readers, viewers),
        churn_rate=churn_rate,
        skew_ms=clock_skew_ms,
        encoding=Encoding(codec),
        prefix=user_prefix,
    )
    console = Console(stderr=True)
    tokens = token_source(Api(address), token_key, token)
    try:
        wait_for(address, "/ready", timeout=wait)
        guest = tokens.token("sim-scout", Role.VIEWER, room)
        wait_for(address, f"/api/v1/rooms/{quote(room, safe='')}", guest, timeout=wait)
        if stream:
            document = uvloop.run(_streamed(plan, address, tokens, seed))
            sys.exit(0 if document["ok"] else 1)
        document = uvloop.run(_session(plan, address, tokens, seed=seed, console=console, every=every))
    except (OSError, ApiError) as error:
        raise click.ClickException(str(error)) from None
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    if json_file == "-" or json_file is None:
        click.echo(text)
    else:
        Path(json_file).write_text(text + "\n")
    for problem in document["problems"]:
        console.print(f"problem: {problem}", highlight=False, soft_wrap=True)
    sys.exit(0 if document["ok"] else 1)


async def _streamed(plan: Plan, address: Address, tokens: TokenSource, seed: int | None) -> dict[str, Any]:
    return await run_streamed(Swarm(plan, address, tokens, seed))


async def _session(
    plan: Plan, address: Address, tokens: TokenSource, *, seed: int | None, console: Console, every: float
) -> dict[str, Any]:
    swarm = Swarm(plan, address, tokens, seed)
    await _run(swarm, console, every)
    return report(swarm)


if __name__ == "__main__":
    main()
