"""`python -m tests.browser.gallery`: every state of viewer page and console, as pictures.

A real server, a real browser and a small crowd; each state is reached as it is in earnest: by the host's
commands, by what buyers do, by a network that breaks. Pictures go to `build/gallery`; with `--docs` the
sheets in `docs/images/pages` and `docs/images/demo.png` are made from them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from playwright.sync_api import Browser, expect, sync_playwright

from client_sim.posters import CATALOGUE
from tests.browser.cable import Cable, plugged
from tests.browser.conftest import BUILD, CHROMIUM_ARGUMENTS, CHROMIUM_NAMES, ROOT
from tests.browser.desk import close_panel, open_orders, shelf_item
from tests.browser.gallery_console import Console
from tests.browser.sheets import make_sheets
from tests.browser.studio import Look, Studio, Visitor
from tests.browser.wire import beside_the_browser, buy_as, direct
from tests.live_server import LiveServer, running, viewer

OUT = ROOT / "build" / "gallery"
ROOM = "gallery"
ALL_LOOKS = (
    Look("zh", "phone", ("dark", "light")),
    Look("en", "phone", ("dark", "light")),
    Look("zh", "desktop", ("dark",)),
    Look("en", "desktop", ("light",)),
)
SHORT_LOOKS = (Look("zh", "phone", ("dark",)), Look("en", "desktop", ("light",)))
OTHERS = 6
SLOW_MS = 20_000


class Gallery:
    """One evening in one room, with a stop for the photographer at each state."""

    def __init__(self, studio: Studio, server: LiveServer, cable: Cable, looks: tuple[Look, ...]) -> None:
        self._studio = studio
        self._server = server
        self._cable = cable
        self._looks = looks
        self._visitors: list[Visitor] = []
        self._console = Console(studio, server, ROOM, looks)
        self._goods = [msgspec.to_builtins(goods.mount()) for goods in CATALOGUE]

    def run(self) -> None:
        self._before()
        with crowd(self._server):
            self._live()
            self._sale()
            self._after_the_sale()
            self._network()
        self._strangers()
        self._end()

    def _direct(self, command: str, **fields: object) -> None:
        direct(self._server, ROOM, (command, fields))

    def _shoot(self, state: str) -> None:
        self._studio.shoot(f"viewer-{state}", *self._visitors)

    def _reload(self) -> None:
        for visitor in self._visitors:
            visitor.page.reload()
            expect(visitor.page.get_by_test_id("room")).to_be_visible()

    def _before(self) -> None:
        self._server.create_room(ROOM, title="春茶节专场 · Spring tea live", guests=True)
        direct(self._server, ROOM, *[("product.mount", {"product": goods}) for goods in self._goods])
        self._visitors = [self._studio.visit(f"{self._cable.url}/live/{ROOM}", look) for look in self._looks]
        with self._studio.state("not-started"):
            for one in self._visitors:
                expect(one.page.get_by_test_id("room")).to_have_attribute("data-status", "scheduled")
            self._shoot("not-started")
        self._console.before()

    def _live(self) -> None:
        self._direct("room.start")
        self._direct("product.pin", sku=self._goods[1]["sku"])
        self._direct("room.announce", text="今日下单全场包邮 · Free shipping today")
        with self._studio.state("live"):
            for one in self._visitors:
                expect(one.page.get_by_test_id("pinned")).to_be_visible()
                expect(one.page.get_by_test_id("chat-line").nth(4)).to_be_attached(timeout=SLOW_MS)
            self._shoot("live")
        with self._studio.state("shelf"):
            for one in self._visitors:
                expect(shelf_item(one.page, self._goods[0]["sku"])).to_be_visible()
            self._shoot("shelf")
        with self._studio.state("product-card"):
            for one in self._visitors:
                shelf_item(one.page, self._goods[2]["sku"]).get_by_test_id("buy").click()
                expect(one.page.get_by_test_id("pay-now")).to_be_visible()
            self._shoot("product-card")
        self._reload()

    def _schedule(self, number: int, stock: int, starts_in_ms: int) -> str:
        """A flash sale of one unit each; its id."""
        goods = self._goods[number]
        sale = {"sku": goods["sku"], "price": goods["price"] // 4, "stock": stock, "per_user_limit": 1}
        before = self._sale_ids()
        self._direct("sale.schedule", **sale, starts_in_ms=starts_in_ms, duration_ms=600_000)
        (new,) = self._sale_ids() - before
        return new

    def _sale_ids(self) -> set[str]:
        return {sale["sale"] for sale in self._server.get(f"/api/v1/rooms/{ROOM}")[1]["sales"]}

    def _sale(self) -> None:
        with self._studio.state("countdown"):
            sale = self._schedule(0, 30, 60_000)
            for one in self._visitors:
                expect(one.page.get_by_test_id("flash-countdown")).to_be_visible()
            self._shoot("countdown")
            self._direct("sale.cancel", sale=sale)
        with self._studio.state("sale-open"):
            sale = self._schedule(0, OTHERS + len(self._looks) + 2, 0)
            self._others_buy(sale)
            for one in self._visitors:
                expect(one.page.get_by_test_id("flash-buy")).to_be_enabled()
            self._shoot("sale-open")
        self._console.live()
        with self._studio.state("paid"):
            for one in self._visitors:
                one.page.get_by_test_id("flash-buy").click()
                expect(one.page.locator('[data-testid="outcome"][data-status="paid"]').first).to_be_visible()
            self._shoot("paid")
        with self._studio.state("limit"):
            self._reload()
            for one in self._visitors:
                expect(one.page.get_by_test_id("flash")).to_be_visible()
            self._shoot("limit")
            self._direct("sale.cancel", sale=sale)
        with self._studio.state("sold-out"):
            sale = self._schedule(3, 1, 0)
            buy_as(self._server, ROOM, "quick", sale=sale)
            for one in self._visitors:
                expect(one.page.get_by_test_id("flash")).to_have_attribute("data-window", "sold_out")
            self._shoot("sold-out")

    def _others_buy(self, sale: str) -> None:
        async def one(number: int) -> None:
            async with viewer(self._server, ROOM, f"other{number}") as buyer:
                await buyer.ask("order.place", request_id="r", sale=sale, pay=True)

        async def all_of_them() -> None:
            await asyncio.gather(*[one(number) for number in range(OTHERS)])

        beside_the_browser(all_of_them())

    def _after_the_sale(self) -> None:
        with self._studio.state("orders"):
            mine = {one.user for one in self._visitors}
            self._server.wait_until(
                lambda: len(self._paid_by(mine)) == len(mine), "the ledger has the orders"
            )
            for order in self._paid_by(mine):
                self._direct("order.ship", order=order)
            for one in self._visitors:
                shelf_item(one.page, self._goods[2]["sku"]).get_by_test_id("buy").click()
                one.page.get_by_test_id("hold").click()
                expect(
                    one.page.locator('[data-testid="outcome"][data-status="reserved"]').first
                ).to_be_attached()
            self._reload()
            for one in self._visitors:
                open_orders(one.page)
                expect(one.page.get_by_test_id("order")).to_have_count(2)
            self._shoot("orders")
            for one in self._visitors:
                close_panel(one.page)
        with self._studio.state("muted"):
            for one in self._visitors:
                self._direct("viewer.mute", user=one.user, duration_ms=600_000)
                expect(one.page.get_by_test_id("chat-input")).to_be_disabled()
            self._shoot("muted")
        with self._studio.state("paused"):
            self._direct("room.pause")
            for one in self._visitors:
                expect(one.page.get_by_test_id("room")).to_have_attribute("data-status", "paused")
            self._shoot("paused")
        self._direct("room.start")
        self._reload()
        for one in self._visitors:
            expect(one.page.get_by_test_id("room")).to_have_attribute("data-status", "live")

    def _paid_by(self, users: set[str]) -> list[str]:
        orders = self._server.ledger_orders(ROOM)
        return [order["order"] for order in orders if order["user"] in users and order["status"] == "paid"]

    def _network(self) -> None:
        with self._studio.state("reconnecting"):
            self._cable.stall()
            self._cable.drop()
            for one in self._visitors:
                expect(one.page.get_by_test_id("link-banner")).to_be_visible()
            self._shoot("reconnecting")
        with self._studio.state("network-lost"):
            self._cable.cut()
            for one in self._visitors:
                one.page.context.set_offline(True)
                expect(one.page.get_by_test_id("link-banner")).to_have_attribute("data-state", "lost")
            self._shoot("network-lost")
        self._cable.mend()
        for one in self._visitors:
            one.page.context.set_offline(False)
        self._reload()

    def _strangers(self) -> None:
        """Pages that are not in the room as a buyer."""
        for state, path, demo in (
            ("sign-in", f"/live/{ROOM}", False),
            ("no-room", "/live/nowhere", True),
            ("landing", "/", True),
        ):
            with self._studio.state(state):
                some = [self._studio.visit(self._server.url + path, look, demo=demo) for look in self._looks]
                for one in some:
                    shown = {"sign-in": "as-guest", "no-room": "gone"}.get(state)
                    expect(
                        one.page.get_by_test_id(shown) if shown else one.page.locator(f'[data-room="{ROOM}"]')
                    ).to_be_visible()
                self._studio.shoot("landing" if state == "landing" else f"viewer-{state}", *some)
                if state == "sign-in":
                    for one in some:
                        one.page.get_by_test_id("as-guest").click()
                        expect(one.page.get_by_test_id("room")).to_be_visible()
                    self._studio.shoot("viewer-guest", *some)
                for one in some:
                    self._studio.leave(one)

    def _end(self) -> None:
        with self._studio.state("kicked"):
            last = self._studio.visit(f"{self._server.url}/live/{ROOM}", self._looks[0])
            expect(last.page.get_by_test_id("chat-input")).to_be_visible()
            self._direct("viewer.kick", user=last.user, reason="advertising")
            expect(last.page.get_by_test_id("gone")).to_be_visible()
            self._studio.shoot("viewer-kicked", last)
            self._studio.leave(last)
        self._console.ending()
        with self._studio.state("ended"):
            for one in self._visitors:
                expect(one.page.get_by_test_id("room")).to_have_attribute("data-status", "ended")
            self._shoot("ended")


@contextlib.contextmanager
def crowd(server: LiveServer) -> Iterator[None]:
    """Viewers who talk and like."""
    command = ["-m", "client_sim", "--url", server.url, "--room", ROOM, "--seconds", "0"]
    command += ["--token-key", str(server.data_dir / "token.key"), "--viewers", "30", "--buyers", "0"]
    command += ["--danmaku-rate", "2", "--like-rate", "4"]
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def make_gallery(
    browser: Browser, server: LiveServer, out: Path, looks: tuple[Look, ...], *, strict: bool
) -> Studio:
    """All the pictures, in `out`; what was taken and what failed."""
    studio = Studio(browser, out, strict=strict)
    expect.set_options(timeout=SLOW_MS)
    try:
        with plugged(server.port) as cable:
            Gallery(studio, server, cable, looks).run()
    finally:
        expect.set_options(timeout=5_000)
        studio.close()
    return studio


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--docs", action="store_true", help="make the sheets in docs/images anew")
    docs = parser.parse_args().docs
    subprocess.run([sys.executable, str(BUILD)], check=True)
    executable = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    shutil.rmtree(OUT, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix="miaodan-gallery-") as directory,
        running(Path(directory), server__demo=True) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        studio = make_gallery(browser, server, OUT, ALL_LOOKS, strict=False)
        browser.close()
    print(f"{len(studio.taken)} pictures in {OUT}")
    for failure in studio.failed:
        print(f"not reached: {failure}")
    if docs:
        make_sheets(OUT, ROOT / "docs" / "images")
    return 1 if studio.failed else 0


if __name__ == "__main__":
    sys.exit(main())
