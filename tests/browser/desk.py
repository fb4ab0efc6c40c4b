"""What the tests do in the host console and on the viewer page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def go_live(console: Page) -> None:
    console.get_by_test_id("start").click()
    console.get_by_test_id("confirm-start").click()
    expect(console.get_by_test_id("desk-status")).to_have_attribute("data-status", "live")
    expect(console.get_by_test_id("start-dialog")).to_have_count(0)


def end_room(console: Page) -> None:
    console.get_by_test_id("end").click()
    console.get_by_test_id("confirm-end").click()
    expect(console.get_by_test_id("desk-status")).to_have_attribute("data-status", "ended")


def open_mount(console: Page) -> Locator:
    """The form for a new product, opened in its drawer."""
    form = console.get_by_test_id("mount-form")
    if form.count() == 0:
        console.get_by_test_id("open-mount").click()
    expect(form).to_be_visible()
    return form


def mount(console: Page, sku: str, title: str, price: str, stock: int, **more: str) -> Locator:
    """Fills the mount form; the product's row on the desk."""
    form = open_mount(console)
    for name, text in {"sku": sku, "title": title, "price": price, "stock": str(stock), **more}.items():
        form.get_by_test_id(f"mount-{name}").fill(text)
    form.get_by_test_id("mount-submit").click()
    row = console.locator(f'[data-testid="desk-item"][data-sku="{sku}"]')
    expect(row).to_be_visible()
    expect(console.get_by_test_id("mount-drawer")).to_have_count(0)
    return row


def open_sale(console: Page) -> Locator:
    """The form for a flash sale, opened in its drawer."""
    form = console.get_by_test_id("sale-form")
    if form.count() == 0:
        console.get_by_test_id("open-sale").click()
    expect(form).to_be_visible()
    return form


def schedule(console: Page, sku: str, price: str, stock: int, starts_in: int, duration: int) -> None:
    """Fills the sale form; returns once the sale is listed."""
    form = open_sale(console)
    form.get_by_test_id("sale-sku").select_option(sku)
    fields = {"price": price, "stock": stock, "starts_in": starts_in, "duration": duration}
    for name, value in fields.items():
        form.get_by_test_id(f"sale-{name}").fill(str(value))
    form.get_by_test_id("sale-submit").click()
    expect(console.get_by_test_id("sale")).to_have_count(1)
    expect(console.get_by_test_id("sale-drawer")).to_have_count(0)


def announce(console: Page, text: str) -> None:
    """Writes the announcement; returns once it is up."""
    console.get_by_test_id("open-announce").click()
    console.get_by_test_id("announce-text").fill(text)
    console.get_by_test_id("announce-submit").click()
    expect(console.get_by_test_id("announce-drawer")).to_have_count(0)


def _until_drawn(viewer: Page) -> None:
    """Whether it is a phone's page or a desktop's is not to be seen before the room is."""
    expect(viewer.get_by_test_id("room")).to_be_visible()


def shelf_item(viewer: Page, sku: str) -> Locator:
    """The product in the viewer's shelf, which a phone opens first."""
    _until_drawn(viewer)
    if viewer.get_by_test_id("open-shelf").is_visible() and not viewer.get_by_test_id("shelf").is_visible():
        viewer.get_by_test_id("open-shelf").click()
    return viewer.locator(f'[data-testid="shelf-item"][data-sku="{sku}"]')


def stock_of(viewer: Page, sku: str) -> Locator:
    return shelf_item(viewer, sku).get_by_test_id("stock")


def say(viewer: Page, text: str) -> None:
    viewer.get_by_test_id("chat-input").fill(text)
    viewer.get_by_test_id("chat-send").click()


def open_orders(viewer: Page) -> None:
    """The buyer's orders; on a phone behind a button, or behind the shelf, which a card sends away."""
    _until_drawn(viewer)
    if viewer.get_by_test_id("card-close").is_visible():
        viewer.get_by_test_id("card-close").click()
    tab = viewer.get_by_test_id("tab-orders")
    (tab if tab.is_visible() else viewer.get_by_test_id("open-orders")).click()
    expect(viewer.get_by_test_id("order").first).to_be_visible()


def close_panel(viewer: Page) -> None:
    """Out of the way of what is behind it, on a phone."""
    if viewer.get_by_test_id("panel-close").is_visible():
        viewer.get_by_test_id("panel-close").click()


def speak(console: Page, text: str) -> None:
    """The host says something in the chat."""
    console.get_by_test_id("desk-chat-input").fill(text)
    console.get_by_test_id("desk-chat-input").press("Enter")
