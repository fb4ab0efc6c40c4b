"""The host console's part of the gallery."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.browser.desk import open_mount, open_sale
from tests.browser.studio import Look, Studio, Visitor
from tests.live_server import LiveServer

TABS = ("goods", "orders", "chat", "figures")


class Console:
    """`room`'s console in every look."""

    def __init__(self, studio: Studio, server: LiveServer, room: str, looks: tuple[Look, ...]) -> None:
        self._studio = studio
        self._server = server
        self._room = room
        self._looks = looks

    def _open(self, role: str = "host") -> list[Visitor]:
        user = "host" if role == "host" else "小管 Mo"
        entry = {"kind": "token", "token": self._server.token(user, role, self._room)}
        kept = json.dumps(json.dumps(entry))
        script = f"sessionStorage.setItem('miaodan.token.host.{self._room}', {kept});"
        address = f"{self._server.url}/console/{self._room}"
        return [self._studio.visit(address, look, script=script) for look in self._looks]

    def _shoot(self, state: str, desks: list[Visitor]) -> None:
        self._studio.shoot(f"console-{state}", *desks)

    def _part(self, desks: list[Visitor], part: str) -> None:
        for desk in desks:
            if desk.phone:
                desk.page.get_by_test_id(f"desk-tab-{part}").click()

    def _close(self, desks: list[Visitor]) -> None:
        for desk in desks:
            if desk.page.get_by_test_id("dialog-close").is_visible():
                desk.page.get_by_test_id("dialog-close").click()

    def _leave(self, desks: list[Visitor]) -> None:
        for desk in desks:
            self._studio.leave(desk)

    def before(self) -> None:
        desks = self._open()
        with self._studio.state("console-start"):
            for desk in desks:
                desk.page.get_by_test_id("start").click()
                expect(desk.page.get_by_test_id("confirm-start")).to_be_visible()
            self._shoot("start", desks)
        self._leave(desks)

    def live(self) -> None:
        """While a flash sale is on."""
        desks = self._open()
        with self._studio.state("console-live"):
            for desk in desks:
                expect(desk.page.get_by_test_id("desk-status")).to_have_attribute("data-status", "live")
                expect(desk.page.get_by_test_id("desk-line").nth(3)).to_be_attached(timeout=20_000)
            self._shoot("live", desks)
        phones = [desk for desk in desks if desk.phone]
        for tab in TABS if phones else ():
            with self._studio.state(f"console-{tab}"):
                self._part(phones, tab)
                self._shoot(tab, phones)
        self._part(desks, "goods")
        self._forms(desks)
        self._leave(desks)
        moderators = self._open("moderator")
        with self._studio.state("console-moderator"):
            for desk in moderators:
                expect(desk.page.get_by_test_id("desk")).to_be_visible()
            self._part(moderators, "chat")
            for desk in moderators:
                expect(desk.page.get_by_test_id("desk-line").nth(3)).to_be_attached(timeout=20_000)
            self._shoot("moderator", moderators)
        self._leave(moderators)

    def _forms(self, desks: list[Visitor]) -> None:
        with self._studio.state("console-mount"):
            for desk in desks:
                form = open_mount(desk.page)
                for name, text in {"title": "碧螺春 · Green snail tea", "price": "58", "stock": "x"}.items():
                    form.get_by_test_id(f"mount-{name}").fill(text)
                form.get_by_test_id("mount-submit").click()
            self._shoot("mount", desks)
        self._close(desks)
        with self._studio.state("console-sale"):
            for desk in desks:
                form = open_sale(desk.page)
                for name, text in {"price": "9.90", "stock": "20", "starts_in": "30"}.items():
                    form.get_by_test_id(f"sale-{name}").fill(text)
            self._shoot("sale", desks)
        self._close(desks)
        with self._studio.state("console-keys"):
            for desk in desks:
                if not desk.phone:
                    desk.page.get_by_test_id("open-keys").click()
            self._shoot("keys", [desk for desk in desks if not desk.phone])

    def ending(self) -> None:
        """The host ends the room."""
        desks = self._open()
        with self._studio.state("console-end"):
            self._part(desks, "show")
            for desk in desks:
                desk.page.get_by_test_id("end").click()
                expect(desk.page.get_by_test_id("confirm-end")).to_be_visible()
            self._shoot("end", desks)
        with self._studio.state("console-ended"):
            desks[0].page.get_by_test_id("confirm-end").click()
            for desk in desks:
                expect(desk.page.get_by_test_id("desk-status")).to_have_attribute("data-status", "ended")
            for desk in desks[1:]:
                desk.page.reload()
                expect(desk.page.get_by_test_id("desk")).to_be_visible()
            self._shoot("ended", desks)
        self._leave(desks)
