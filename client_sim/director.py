"""`python -m client_sim.director`: a host who runs a show in a room until told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable
from functools import partial

import click
import uvloop

from client_sim.address import Address
from client_sim.api import Api, ApiError
from client_sim.notices import Joined, Lost, Moved, Notice, Reply, Told, Violation
from client_sim.session import ClientSession, Phase
from client_sim.show import Show, Tempo
from client_sim.tokens import TokenSource, token_source
from client_sim.viewer import Viewer
from client_sim.wire import Encoding
from schemas.codes import CloseCode, Role
from schemas.commands import Ping, command_type
from schemas.events import Error, SaleScheduled, SaleStarted

log = logging.getLogger("director")
HOST_USER = "director"
BEAT_S = 0.25
RETRY_S = 1.0
_GONE = (CloseCode.NO_SUCH_ROOM,)
_FINAL_STATUS = (401, 403, 409)


class Refused(Exception):
    """The server will not let this host run the room; coming back would not help."""


class Director:
    """Creates the room when it is missing, then directs a `Show` in it; survives server restarts."""

    def __init__(self, address: Address, room: str, title: str, tokens: TokenSource, tempo: Tempo) -> None:
        self._address = address
        self._room = room
        self._title = title
        self._tokens = tokens
        self._show = Show(tempo)
        self._stop = asyncio.Event()
        self._gone = asyncio.Event()
        self._tls = ssl.create_default_context() if address.secure else None

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Direct until `stop`; raises Refused."""
        while not self._stop.is_set():
            token = await self._until_it_answers(self._token)
            if token is not None and await self._until_it_answers(partial(self._create, token)):
                await self._direct(token)

    async def _until_it_answers(self, call: Callable[[], str]) -> str | None:
        """Run a blocking call in a thread until the server answers; None when told to stop."""
        while not self._stop.is_set():
            try:
                return await asyncio.to_thread(call)
            except (OSError, ApiError) as error:
                if isinstance(error, ApiError) and error.status in _FINAL_STATUS:
                    raise Refused(f"room {self._room}: {error}") from None
                log.warning("the server does not answer yet: %s", error)
            await self._sleep(RETRY_S)
        return None

    def _token(self) -> str:
        return self._tokens.token(HOST_USER, Role.HOST, self._room, "主播小秒")

    def _create(self, token: str) -> str:
        document = Api(self._address, token).post(
            "/api/v1/rooms", {"id": self._room, "title": self._title, "currency": "CNY"}
        )
        return str(document["id"])

    async def _direct(self, token: str) -> None:
        """One session, across any number of sockets, until stopped or the room is gone."""
        self._gone.clear()
        session = ClientSession(encoding=Encoding.JSON, token=token)
        host = Viewer(session, self._address, self._address.control(self._room), self._told, tls=self._tls)
        host.start()
        try:
            while not self._stop.is_set() and session.phase is not Phase.FINAL:
                await self._sleep(BEAT_S)
                if host.live and session.clock.samples:
                    for command in self._show.steps(session.replica, session.clock.to_server(host.now())):
                        host.command(command)
        finally:
            await host.stop()
        if session.phase is Phase.FINAL and not self._gone.is_set():
            raise Refused(f"room {self._room}: the server closed the host's socket for good")

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            pass

    def _told(self, viewer: Viewer, notices: list[Notice]) -> None:
        for notice in notices:
            match notice:
                case Joined():
                    log.info("the host is in room %s", self._room)
                case Moved(event=SaleScheduled(sale=sale)):
                    seconds = (sale.starts_at - viewer.session.clock.to_server(viewer.now())) / 1000
                    log.info("%s: %d units at %d in %.0f s", sale.sku, sale.available, sale.price, seconds)
                case Moved(event=SaleStarted(sale=sale_id)):
                    log.info("sale %s is open", sale_id)
                case Reply(event=Error() as error, command=command) if not isinstance(command, Ping):
                    log.warning("%s: %s: %s", command_type(command), error.code.value, error.message)
                case Told(event=Error() as error):
                    log.warning("%s: %s", error.code.value, error.message)
                case Violation():
                    log.error("%s: %s", notice.fault.value, notice.detail)
                case Lost(code=code, reason=reason, retry_at=retry_at):
                    log.warning("lost the room: %s %s", code or "", reason)
                    if retry_at is None and code in _GONE:
                        self._gone.set()
                case _:
                    pass


@click.command(context_settings={"max_content_width": 110, "show_default": True})
@click.option("--url", required=True, help="Where the server is, e.g. ws://127.0.0.1:8460.")
@click.option("--room", required=True, help="The room to run; created when there is none.")
@click.option("--title", default="秒单直播间 · Miaodan Live", help="The title of a new room.")
@click.option("--token-key", default=None, type=click.Path(exists=True, dir_okay=False), help="Sign tokens.")
@click.option("--token", default=None, help="A host's token; without either, GET /demo/token.")
@click.option("--sale-every", default=45.0, help="Seconds between flash sales.")
@click.option("--starts-in", default=15.0, help="Seconds a flash sale counts down.")
@click.option("--lasts", default=20.0, help="Seconds a flash sale stays open.")
def main(
    *,
    url: str,
    room: str,
    title: str,
    token_key: str | None,
    token: str | None,
    sale_every: float,
    starts_in: float,
    lasts: float,
) -> None:
    """Run a show in a room: products, pins, announcements, flash sales. Ends on SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", datefmt="%H:%M:%S")
    try:
        address = Address.parse(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    tempo = Tempo(
        sale_every_ms=round(sale_every * 1000),
        starts_in_ms=round(starts_in * 1000),
        lasts_ms=round(lasts * 1000),
    )

    async def run() -> None:
        director = Director(address, room, title, token_source(Api(address), token_key, token), tempo)
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, director.stop)
        await director.run()

    try:
        uvloop.run(run())
    except Refused as refused:
        raise click.ClickException(str(refused)) from None


if __name__ == "__main__":
    main()
