"""Every state the pages can be in, one line each: where it is, and what brings it about."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from playwright.sync_api import Page, Route, expect

from tests.browser.wire import Step, buy_as, direct, say_as
from tests.live_server import LiveServer, product

HOUR = 3_600_000
ON_AIR, SOLD_OUT, TO_COME, OVER = "on-air", "all-gone", "to-come", "over-now"
GUEST, BUYER, MUTED = "a-guest", "a-buyer", "a-muted-one"


class State(NamedTuple):
    """`path` is opened as `user` (a demo's visitor where None), then `act` is done on the page."""

    name: str
    path: str
    act: Callable[[Page], None]
    user: str | None = None
    role: str = "viewer"
    demo: bool = True


def see(*test_ids: str) -> Callable[[Page], None]:
    """Waits for each, and is done."""

    def act(page: Page) -> None:
        for test_id in test_ids:
            expect(page.get_by_test_id(test_id).first).to_be_visible()

    return act


def tap(*steps: str) -> Callable[[Page], None]:
    """Taps one after the other; the last one named is only waited for."""

    def act(page: Page) -> None:
        expect(page.get_by_test_id("room").or_(page.get_by_test_id("desk")).first).to_be_visible()
        for test_id in steps[:-1]:
            found = page.get_by_test_id(test_id).first
            # What a phone has behind a button, a desktop shows all the time.
            if test_id.startswith(("open-shelf", "desk-tab-")) and not found.is_visible():
                continue
            found.click()
        expect(page.get_by_test_id(steps[-1]).first).to_be_visible()

    return act


def offline(page: Page) -> None:
    expect(page.get_by_test_id("room")).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_test_id("link-banner")).to_be_visible()


def orders(page: Page) -> None:
    expect(page.get_by_test_id("room")).to_be_visible()
    if page.get_by_test_id("open-orders").is_visible():
        page.get_by_test_id("open-orders").click()
    else:
        page.get_by_test_id("tab-orders").click()
    expect(page.get_by_test_id("order").first).to_be_visible()


def refund(page: Page) -> None:
    orders(page)
    page.get_by_test_id("order-refund").first.click()


def keys(page: Page) -> None:
    expect(page.get_by_test_id("desk")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_test_id("keys-dialog")).to_be_visible()


def talking(page: Page) -> None:
    expect(page.get_by_test_id("flash-buy")).to_be_visible()
    page.get_by_test_id("chat-input").fill("Hello from the first row 好喝吗")
    page.get_by_test_id("chat-send").click()
    expect(page.get_by_test_id("chat-line").first).to_be_visible()


def gone(page: Page) -> None:
    expect(page.locator(".gone")).to_be_visible()


STATES = [
    State("rooms", "/", see("room-card")),
    State("dead end", "/nowhere", see("missing")),
    State(
        "viewer, no such room",
        "/live/no-such-room",
        gone,
    ),
    State("viewer, token form", f"/live/{ON_AIR}", see("token-form"), demo=False),
    State("viewer, live", f"/live/{ON_AIR}", talking),
    State("viewer, bag", f"/live/{ON_AIR}", tap("open-shelf", "shelf-item")),
    State("viewer, product card", f"/live/{ON_AIR}", tap("open-shelf", "buy", "order-sheet")),
    State("viewer, orders", f"/live/{ON_AIR}", orders, user=BUYER),
    State("viewer, refund", f"/live/{ON_AIR}", refund, user=BUYER),
    State("viewer, muted", f"/live/{ON_AIR}", see("room", "flash"), user=MUTED),
    State("viewer, offline", f"/live/{ON_AIR}", offline),
    State("viewer, before the sale", f"/live/{TO_COME}", see("flash-countdown")),
    State("viewer, sold out", f"/live/{SOLD_OUT}", see("flash")),
    State("viewer, over", f"/live/{OVER}", see("room")),
    State("console, token form", f"/console/{ON_AIR}", see("token-form"), demo=False),
    State("console, new room", "/console/not-there-yet", see("create-room")),
    State("console, live", f"/console/{ON_AIR}", see("desk")),
    State("console, over", f"/console/{OVER}", see("desk-status")),
    State("console, new product", f"/console/{ON_AIR}", tap("desk-tab-goods", "open-mount", "mount-form")),
    State("console, new sale", f"/console/{ON_AIR}", tap("desk-tab-goods", "open-sale", "sale-form")),
    State("console, announcement", f"/console/{ON_AIR}", tap("open-announce", "announce-form")),
    State("console, start", f"/console/{TO_COME}", tap("start", "start-dialog")),
    State("console, end", f"/console/{ON_AIR}", tap("end", "end-dialog")),
    State("console, keys", f"/console/{ON_AIR}", keys),
    State("console, moderator", f"/console/{ON_AIR}", see("desk"), user="a-moderator", role="moderator"),
]


def prepare(server: LiveServer) -> None:
    """The rooms that the states are in."""
    for room in (ON_AIR, SOLD_OUT, TO_COME, OVER):
        server.create_room(room, title="Tea house 茶馆")
    tea = product("tea", title="Spring tea 春茶", stock=50, list_price=19900)
    cup = product("cup", title="Celadon cup 青瓷杯", stock=0, per_user_limit=2)
    mounts: list[Step] = [("product.mount", {"product": tea}), ("product.mount", {"product": cup})]
    sale = {"sku": "tea", "price": 5900, "duration_ms": HOUR, "per_user_limit": 2}
    start: Step = ("room.start", {})
    direct(
        server,
        ON_AIR,
        *mounts,
        start,
        ("product.pin", {"sku": "tea"}),
        ("room.announce", {"text": "Everything ships today 今天全部发货"}),
        ("sale.schedule", {**sale, "stock": 20, "starts_in_ms": 0}),
    )
    direct(server, TO_COME, *mounts, ("sale.schedule", {**sale, "stock": 20, "starts_in_ms": HOUR}))
    direct(server, SOLD_OUT, *mounts, start, ("sale.schedule", {**sale, "stock": 1, "starts_in_ms": 0}))
    direct(server, OVER, *mounts, start, ("room.end", {}))
    say_as(server, ON_AIR, MUTED, "I say too much")
    buy_as(server, ON_AIR, BUYER, sku="tea")
    buy_as(server, SOLD_OUT, GUEST, sale=_sale_of(server, SOLD_OUT))
    direct(server, ON_AIR, ("viewer.mute", {"user": MUTED, "duration_ms": HOUR}))


def _sale_of(server: LiveServer, room: str) -> str:
    """The room's sale, once it is open."""

    def is_open() -> bool:
        return bool(server.get(f"/api/v1/rooms/{room}")[1]["sales"][0]["phase"] == "open")

    server.wait_until(is_open, "the sale did not open")
    return str(server.get(f"/api/v1/rooms/{room}")[1]["sales"][0]["sale"])


def reach(state: State, server: LiveServer, page: Page) -> None:
    """Brings a page into a state."""
    if not state.demo:
        page.route("**/live/*", _not_a_demo)
        page.route("**/console/*", _not_a_demo)
    if state.user is not None:
        token = server.token(state.user, state.role)
        room = state.path.rsplit("/", 1)[1]
        key = f"miaodan.token.host.{room}" if "/console/" in state.path else "miaodan.token.viewer"
        entry = f'{{"kind": "token", "token": "{token}"}}'
        page.evaluate("([key, entry]) => sessionStorage.setItem(key, entry)", [key, entry])
    page.goto(server.url + state.path)
    state.act(page)


def _not_a_demo(route: Route) -> None:
    answer = route.fetch()
    body = answer.text().replace('name="miaodan-mode" content="demo"', 'name="miaodan-mode" content="live"')
    route.fulfill(response=answer, body=body)
