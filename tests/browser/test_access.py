"""The pages for everybody: every state scanned for what stands in the way, the keyboard, motion, layout."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import BUILD, DESKTOP, PHONE, OpenPage
from tests.browser.states import ON_AIR, STATES, State, prepare, reach
from tests.browser.wire import say_as
from tests.live_server import LiveServer

AXE = BUILD.parent / "node_modules" / "axe-core" / "axe.min.js"
SCAN = """async () => {
  const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  // Experimental, and takes a badge's number and a letter drawn in a picture for words of a label.
  const rules = { "label-content-name-mismatch": { enabled: false } };
  const found = await axe.run(document, { runOnly, rules, resultTypes: ["violations"] });
  const why = (node) => (node.any[0] ?? node.all[0] ?? node.none[0])?.message;
  return found.violations.map((violation) => ({
    rule: violation.id,
    help: violation.help,
    nodes: violation.nodes.map((node) => `${node.target.join(" ")}: ${why(node)}`),
  }));
}"""
MOVING = """() => {
  const still = ["offset", "computedOffset", "easing", "composite", "opacity", "color"];
  const moves = (animation) => animation.effect.getKeyframes().some((frame) =>
    Object.keys(frame).some((name) => !still.includes(name) && !name.endsWith("Color")));
  return document.getAnimations()
    .filter((animation) => animation.playState === "running" && moves(animation))
    .map((animation) => `${animation.animationName ?? animation.transitionProperty} of .`
      + animation.effect.target.className);
}"""
SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      const who = entry.sources.map((source) => source.node?.className ?? source.node?.nodeName ?? "?");
      window.shifts.push({ value: entry.value, who: who.join(", ") });
    }
  }).observe({ type: "layout-shift", buffered: true });
}"""


@pytest.fixture(scope="module")
def rooms(server: LiveServer) -> None:
    prepare(server)


def scan(page: Page) -> list[str]:
    """One line per rule that a page breaks, and where."""
    found: list[dict[str, Any]] = page.evaluate(SCAN)
    return [f"{one['rule']} ({one['help']})\n    " + "\n    ".join(one["nodes"]) for one in found]


def settle(page: Page) -> None:
    """Until nothing fades or slides: half-faded text has no contrast to measure."""
    page.wait_for_function(
        """() => document.getAnimations().every((animation) => animation.playState !== "running"
          || animation.effect.getComputedTiming().iterations === Infinity)"""
    )


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name.replace(",", "").replace(" ", "-"))
def test_nothing_stands_in_the_way(
    state: State, rooms: None, server: LiveServer, open_page: OpenPage
) -> None:
    """Chinese on a phone, English on a desktop, each in the dark and in the light."""
    source = AXE.read_text(encoding="utf-8")
    broken = []
    for kind, phone, locale in (("phone", True, "zh-CN"), ("desktop", False, "en-US")):
        page = open_page("/nowhere", phone=phone, locale=locale)
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        reach(state, server, page)
        page.evaluate(source)
        for theme in ("dark", "light"):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            settle(page)
            broken += [f"{kind}, {theme}: {line}" for line in scan(page)]
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            broken.append(f"{kind}: {wide} px too wide")
        page.context.close()
    assert not broken, "\n".join(["", *broken])


@pytest.mark.parametrize("path", ["/", f"/live/{ON_AIR}", f"/console/{ON_AIR}"])
def test_who_asks_for_less_motion_sees_none(
    path: str, rooms: None, server: LiveServer, open_page: OpenPage
) -> None:
    page = open_page("/nowhere", phone=True)
    page.emulate_media(reduced_motion="reduce")
    page.goto(server.url + path)
    page.wait_for_selector("h1, h2")
    like = page.get_by_test_id("like")
    if like.count():
        like.click()
    assert page.evaluate(MOVING) == []


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("path", ["/", f"/live/{ON_AIR}", f"/console/{ON_AIR}"])
def test_nothing_jumps_while_a_page_loads(
    path: str, size: Any, rooms: None, server: LiveServer, open_page: OpenPage
) -> None:
    page = open_page("/nowhere")
    page.set_viewport_size(size)
    page.add_init_script(f"({SHIFTS})()")
    page.goto(server.url + path)
    page.wait_for_selector("h1, h2")
    page.wait_for_load_state("networkidle") if path == "/" else page.wait_for_selector(
        ".poster, [data-testid=desk]"
    )
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shifts: list[dict[str, Any]] = page.evaluate("window.shifts")
    assert sum(shift["value"] for shift in shifts) < 0.1, shifts


FIRST_DRAWN = """() => new MutationObserver((_, observer) => {
  if (document.querySelector("[data-testid=flash-buy]") === null) return;
  observer.disconnect();
  window.firstDrawn = document.querySelectorAll("[data-testid=chat-line]").length;
}).observe(document, { childList: true, subtree: true })"""


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_room_comes_with_its_chat_in_place(
    size: Any, rooms: None, server: LiveServer, open_page: OpenPage
) -> None:
    """What was said before is drawn with the cards and their buttons, not pushed in afterwards."""
    for user in ("ann", "bob", "eve"):
        say_as(server, ON_AIR, f"{user}-{size['width']}", "how much is it")
    page = open_page("/nowhere")
    page.set_viewport_size(size)
    for script in (SHIFTS, FIRST_DRAWN):
        page.add_init_script(f"({script})()")
    page.goto(f"{server.url}/live/{ON_AIR}")
    expect(page.get_by_test_id("chat-line").nth(2)).to_be_visible()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("window.firstDrawn") >= 3
    assert page.evaluate("window.shifts") == []


FOCUSED = """() => {
  const one = document.activeElement;
  if (one === null || one === document.body) return null;
  const style = getComputedStyle(one);
  const holder = one.closest("form, .chat-input, .sheet, dialog");
  const outlined = (style) => parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== "none";
  const seen = [one, holder].some((element) => element !== null && outlined(getComputedStyle(element)));
  const box = one.getBoundingClientRect();
  return { seen, name: one.dataset.testid ?? one.className, wide: box.width > 0 && box.height > 0,
    hidden: style.visibility === "hidden" };
}"""


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
@pytest.mark.parametrize("path", ["/", f"/live/{ON_AIR}", f"/console/{ON_AIR}"])
def test_the_keyboard_reaches_everything_and_is_never_lost(
    path: str, phone: bool, rooms: None, server: LiveServer, open_page: OpenPage
) -> None:
    page = open_page(path, phone=phone)
    page.wait_for_selector("[data-testid=room-card], [data-testid=room], [data-testid=desk]")
    walked: list[str] = []
    for _ in range(150):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            break  # the page's end: no trap
        assert focused["seen"], f"the focus on {focused['name']} is not seen"
        assert focused["wide"] and not focused["hidden"], f"{focused['name']} has the focus and is not there"
        walked.append(focused["name"])
    else:
        raise AssertionError(f"the keyboard does not get out: {walked[-10:]}")
    for wanted in {"/": ["theme"], f"/live/{ON_AIR}": ["chat-input", "flash-buy", "like"]}.get(path, ["end"]):
        assert wanted in walked, walked


@pytest.mark.parametrize(
    ("path", "opener", "box"),
    [
        (f"/live/{ON_AIR}", "flash-open", "order-sheet"),
        (f"/console/{ON_AIR}", "end", "end-dialog"),
        (f"/console/{ON_AIR}", "open-announce", "announce-form"),
    ],
)
def test_escape_closes_what_was_opened_and_the_focus_goes_back(
    path: str, opener: str, box: str, rooms: None, open_page: OpenPage
) -> None:
    page = open_page(path)
    page.get_by_test_id(opener).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id(box)).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        inside = "box => document.activeElement === document.body || box.contains(document.activeElement)"
        assert page.locator("dialog[open], [role=dialog]").last.evaluate(inside)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id(box)).to_have_count(0)
    expect(page.get_by_test_id(opener)).to_be_focused()


def test_the_chosen_theme_and_language_are_there_before_the_page_is(
    server: LiveServer, open_page: OpenPage
) -> None:
    page = open_page("/nowhere")
    page.emulate_media(color_scheme="light")
    page.get_by_test_id("theme").click()
    page.get_by_test_id("language").click()
    # Without the page's own program: only what runs before the first paint.
    page.route("**/assets/*", _first_alone)
    page.goto(server.url + "/", wait_until="commit")
    page.wait_for_selector("#app", state="attached")
    seen = page.evaluate(
        """() => [
          document.documentElement.dataset.theme,
          document.documentElement.lang,
          document.querySelector('meta[name="theme-color"][data-theme="dark"]').media,
          document.querySelector('#app').childElementCount,
        ]"""
    )
    assert seen == ["dark", "zh-CN", "all", 0]


def _first_alone(route: Route) -> None:
    if "first-paint" in route.request.url or route.request.url.endswith(".css"):
        route.continue_()
    else:
        route.abort()
