"""What a page showed and when, written down in the page itself: a look from outside comes too late."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

# The machine's clock as every page on it sees it, whatever a test does to the page's own.
TRUE_CLOCK = "window.trueNow = (() => { const now = Date.now; return () => now.call(Date); })();"

SHIFTED_CLOCK = (
    TRUE_CLOCK
    + """
(() => {
  const shift = %d;
  const now = Date.now, origin = performance.timeOrigin;
  Date.now = () => now.call(Date) + shift;
  Object.defineProperty(performance, "timeOrigin", { get: () => origin + shift });
})();"""
)
"""For `add_init_script`: the visitor's clock is off by so many milliseconds."""

RECORD_COUNTDOWN = """() => {
  const seen = { turns: {}, opened: null, early: null };
  window.countdown = seen;
  const look = () => {
    const now = window.trueNow();
    const text = document.querySelector('[data-testid="flash-countdown"]')?.textContent;
    const before = document.querySelector('[data-testid="flash"]')?.dataset.window === 'before';
    const button = document.querySelector('[data-testid="flash-buy"]');
    if (before && text) seen.turns[text] ??= now;
    if (button && button.ariaDisabled !== "true") {
      seen.opened ??= now;
      if (before) seen.early = now;
    }
  };
  look();
  new MutationObserver(look).observe(
    document.body, { subtree: true, childList: true, characterData: true, attributes: true });
}"""
"""First sight of each step before the sale (`turns`) and of a Buy button that works (`opened`)."""

BUY_AT_ZERO = """() => {
  const told = { clicked: null, shown: null, status: null, took: null };
  window.purchase = told;
  const look = () => {
    if (told.shown !== null) return;
    const now = performance.now();
    const card = document.querySelector('[data-testid="flash"]');
    const button = document.querySelector('[data-testid="flash-buy"]');
    const outcome = document.querySelector('[data-testid="outcome"]');
    if (told.clicked === null && button && button.ariaDisabled !== "true") {
      told.clicked = now;
      button.click();
      return;
    }
    const late = told.clicked === null && card?.dataset.window === 'sold_out';
    const status = late ? 'sold_out' : outcome?.dataset.status;
    if (!status || status === 'placing' || status === 'paying' || status === 'reserved') return;
    told.shown = now;
    told.status = status;
    told.took = told.clicked === null ? null : now - told.clicked;
    document.documentElement.dataset.purchase = status;
  };
  new MutationObserver(look).observe(
    document.body, { subtree: true, childList: true, characterData: true, attributes: true });
}"""
"""A finger on the button: presses it as soon as it works; what the page said, and after how many ms."""


def record_countdown(page: Page) -> None:
    page.evaluate(RECORD_COUNTDOWN)


def countdown_of(page: Page) -> dict[str, Any]:
    seen: dict[str, Any] = page.evaluate("window.countdown")
    return seen


def buy_at_zero(page: Page) -> None:
    page.evaluate(BUY_AT_ZERO)


def purchase_of(page: Page) -> dict[str, Any]:
    told: dict[str, Any] = page.evaluate("window.purchase")
    return told
