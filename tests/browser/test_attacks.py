"""Text that tries to be more than text, through every field of every page and everything a server tells."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import jwt
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import open_mount, open_sale
from tests.browser.wire import Step, beside_the_browser, buy_as, direct
from tests.live_server import LiveServer, client, product

PAYLOADS = [
    "<script>hit()</script>",
    "</script><script>hit()</script>",
    "<img src=x onerror=hit()>",
    "<svg onload=hit()><animate onbegin=hit() attributeName=x>",
    '"><iframe srcdoc="<script>parent.hit()</script>">',
    "<a href=javascript:hit()>x</a>",
    "javascript:hit()",
    "data:text/html,<script>parent.hit()</script>",
    "<style>*{display:none}</style><base href=//elsewhere.invalid/>",
    "{{constructor.constructor('hit()')()}} ${hit()} #{hit()}",
    "' onfocus='hit()' autofocus='",
    "&lt;script&gt;hit()&lt;/script&gt;",
    "\u202egnirts sdrawkcab\u202c",
    "zero\u200b\u200d\ufeffwidth",
    "Z" + "\u0341\u035c\u0489" * 60,
    "W" * 190,
]
IMAGES = [
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='hit()'><script>hit()</script></svg>",
    "data:image/png;base64,%3Cscript%3E",
    "//elsewhere.invalid/x.png",
    "/assets/../live/x?<script>",
]
WATCH = """
window.hits = [];
window.hit = () => window.hits.push("ran");
addEventListener("securitypolicyviolation", (event) => {
  window.hits.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""
STRANGERS = """() => [...document.querySelectorAll("body *")].filter((element) =>
  /^(script|iframe|object|embed|base|style|link|animate|foreignobject|marquee)$/i.test(element.tagName)
  || [...element.attributes].some((attribute) => /^on/i.test(attribute.name) || attribute.name === "srcdoc"
    || (/^(href|src|action|formaction|xlink:href)$/.test(attribute.name)
      && /^\\s*(javascript:|data:text)/i.test(attribute.value)))
  ).map((element) => element.outerHTML.slice(0, 200))"""
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
ROOM = "attacked"


def signed(server: LiveServer, user: str, name: str) -> str:
    now = int(time.time())
    claims = {"aud": "miaodan", "sub": user, "name": name, "role": "viewer", "iat": now, "exp": now + 3600}
    return jwt.encode(claims, (server.data_dir / "token.key").read_text().strip(), algorithm="HS256")


@pytest.fixture(scope="module")
def attacked(server: LiveServer) -> None:
    """A room in which everything that is told is an attack."""
    server.create_room(ROOM, title=PAYLOADS[2])
    mounts: list[Step] = [
        ("product.mount", {"product": product(f"p{number}", title=text, image=image)})
        for number, (text, image) in enumerate(
            zip(PAYLOADS, [*IMAGES, *[None] * len(PAYLOADS)], strict=False)
        )
    ]
    sale = {"sku": "p0", "price": 100, "stock": 5, "duration_ms": 3_600_000, "starts_in_ms": 0}
    told: list[Step] = [("room.start", {}), ("room.announce", {"text": PAYLOADS[1]}), ("sale.schedule", sale)]
    direct(server, ROOM, *mounts, *told, ("product.pin", {"sku": "p3"}))
    buy_as(server, ROOM, "a-buyer", sku="p1")


def talk(server: LiveServer) -> None:
    """Everybody's name and words are attacks."""

    async def run() -> None:
        for number, text in enumerate(PAYLOADS):
            async with client(server, ROOM) as one:
                await one.hello(signed(server, f"talker-{number}", text[:60]))
                await one.ask("danmaku.send", text=text)

    beside_the_browser(run())


def watched(page: Page, server: LiveServer, path: str) -> Page:
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.add_init_script(WATCH)
    page.goto(server.url + path)
    return page


def unharmed(page: Page) -> None:
    assert page.evaluate("window.hits") == []
    assert page.evaluate(STRANGERS) == []
    assert page.evaluate(WIDE) <= 0


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_what_the_server_tells_stays_text(
    phone: bool, attacked: None, server: LiveServer, open_page: OpenPage
) -> None:
    rooms = watched(open_page("/nowhere", phone=phone), server, "/")
    expect(rooms.locator(f'[data-room="{ROOM}"]')).to_contain_text(PAYLOADS[2])
    unharmed(rooms)

    viewer = watched(open_page("/nowhere", phone=phone), server, f"/live/{ROOM}")
    expect(viewer.get_by_test_id("room")).to_contain_text(PAYLOADS[2])
    talk(server)
    expect(viewer.get_by_test_id("chat-line").first).to_be_visible()
    if phone:
        viewer.get_by_test_id("open-shelf").click()
    expect(viewer.get_by_test_id("shelf-item")).to_have_count(len(PAYLOADS))
    expect(viewer.get_by_test_id("shelf")).to_contain_text(PAYLOADS[4])
    unharmed(viewer)

    console = watched(open_page("/nowhere", phone=phone), server, f"/console/{ROOM}")
    expect(console.get_by_test_id("desk")).to_contain_text(PAYLOADS[1])
    if phone:
        console.get_by_test_id("desk-tab-goods").click()
    expect(console.get_by_test_id("desk-item").first).to_be_visible()
    unharmed(console)


def test_what_a_viewer_types_stays_text(attacked: None, server: LiveServer, open_page: OpenPage) -> None:
    page = watched(open_page("/nowhere", phone=True), server, f"/live/{ROOM}")
    field = page.get_by_test_id("chat-input")
    for text in PAYLOADS:
        field.fill(text)
        page.get_by_test_id("chat-send").click()
        unharmed(page)


def test_what_a_host_types_stays_text(server: LiveServer, open_page: OpenPage) -> None:
    server.create_room("typed-in", title="Tea house")
    direct(server, "typed-in", ("product.mount", {"product": product("tea")}))
    page = watched(open_page("/nowhere"), server, "/console/typed-in")
    for form in (open_mount, open_sale):
        fields = form(page).locator("input:not([type=checkbox]):not([type=radio]):not([type=file]), textarea")
        for text in PAYLOADS[:8]:
            for field in fields.all():
                if field.get_attribute("type") in (None, "text", "url", "search"):
                    field.fill(text)
            unharmed(page)
        page.keyboard.press("Escape")


@pytest.mark.parametrize("path", ["/", "/live/attacked", "/console/attacked", "/nowhere"])
def test_addresses_and_what_is_stored_stay_text(path: str, server: LiveServer, open_page: OpenPage) -> None:
    page = open_page("/nowhere")
    for text in PAYLOADS[:9]:
        keys = ["miaodan.lang", "miaodan.theme", "miaodan.token.viewer", "miaodan.token.host.attacked"]
        stored = json.dumps({"kind": "token", "token": text})
        page.evaluate(
            """([keys, text, stored]) => keys.forEach((key) => {
              localStorage.setItem(key, text);
              sessionStorage.setItem(key, key.includes("token") ? stored : text);
            })""",
            [keys, text, stored],
        )
        watched(page, server, f"{path}?q={quote(text)}#{quote(text)}")
        page.wait_for_selector("#app > *")
        unharmed(page)


@pytest.mark.parametrize("text", PAYLOADS[:9])
def test_a_room_id_that_is_none_stays_text(text: str, server: LiveServer, open_page: OpenPage) -> None:
    page = watched(open_page("/"), server, f"/live/{quote(text, safe='')}")
    expect(page.get_by_test_id("missing")).to_be_visible()
    unharmed(page)
