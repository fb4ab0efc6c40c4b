"""What the tests do in the host console and on the viewer page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def go_live(console: Page) -> None:
    console.get_by_test_id("start").click()
    expect(console.get_by_test_id("desk-status")).to_have_attribute("data-status", "live")


def mount(console: Page, sku: str, title: str, price: str, stock: int, **more: str) -> Locator:
    """Fills the mount form; the product's row on the desk."""
    form = console.get_by_test_id("mount-form")
    for name, text in {"sku": sku, "title": title, "price": price, "stock": str(stock), **more}.items():
        form.get_by_test_id(f"mount-{name}").fill(text)
    form.get_by_test_id("mount-submit").click()
    row = console.locator(f'[data-testid="desk-item"][data-sku="{sku}"]')
    expect(row).to_be_visible()
    return row


def schedule(console: Page, sku: str, price: str, stock: int, starts_in: int, duration: int) -> None:
    """Fills the sale form; returns once the sale is listed."""
    form = console.get_by_test_id("sale-form")
    form.get_by_test_id("sale-sku").select_option(sku)
    fields = {"price": price, "stock": stock, "starts_in": starts_in, "duration": duration}
    for name, value in fields.items():
        form.get_by_test_id(f"sale-{name}").fill(str(value))
    form.get_by_test_id("sale-submit").click()
    expect(console.get_by_test_id("sale")).to_have_count(1)


def shelf_item(viewer: Page, sku: str) -> Locator:
    """The product in the viewer's shelf, which a phone opens first."""
    if viewer.get_by_test_id("open-shelf").is_visible() and not viewer.get_by_test_id("shelf").is_visible():
        viewer.get_by_test_id("open-shelf").click()
    return viewer.locator(f'[data-testid="shelf-item"][data-sku="{sku}"]')


def stock_of(viewer: Page, sku: str) -> Locator:
    return shelf_item(viewer, sku).get_by_test_id("stock")


def say(viewer: Page, text: str) -> None:
    viewer.get_by_test_id("chat-input").fill(text)
    viewer.get_by_test_id("chat-send").click()
