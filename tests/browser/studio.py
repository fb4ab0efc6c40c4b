"""Pages in every look, and pictures of them under names that stay."""

from __future__ import annotations

import contextlib
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page
from playwright.sync_api import Error as PlaywrightError

from tests.browser.conftest import DESKTOP, PHONE, Theme

Language = Literal["zh", "en"]
Size = Literal["phone", "desktop"]


@dataclass(frozen=True)
class Look:
    """What a visitor's system says of itself; each of `themes` is a picture."""

    language: Language
    size: Size
    themes: tuple[Theme, ...]


@dataclass(frozen=True)
class Visitor:
    page: Page
    look: Look

    @property
    def phone(self) -> bool:
        return self.look.size == "phone"

    @property
    def user(self) -> str:
        """The id in the token that the demo gave."""
        kept = json.loads(self.page.evaluate("sessionStorage.getItem('miaodan.token.viewer')"))
        claims = kept["token"].split(".")[1]
        return str(json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])


class Studio:
    """`out`: where pictures go, as `SURFACE-STATE-LANGUAGE-THEME-SIZE.png`.

    Without `strict` a state that cannot be reached is kept in `failed`, and the next one follows.
    """

    def __init__(self, browser: Browser, out: Path, *, strict: bool) -> None:
        self._browser = browser
        self._out = out
        self._strict = strict
        self._patience_ms = 15_000 if strict else 60_000
        self._contexts: list[BrowserContext] = []
        self.taken: list[Path] = []
        self.failed: list[str] = []
        out.mkdir(parents=True, exist_ok=True)

    def visit(self, address: str, look: Look, *, script: str | None = None, demo: bool = True) -> Visitor:
        """A new visitor's page; without `demo` nobody hands them a token."""
        context = self._browser.new_context(
            viewport=PHONE if look.size == "phone" else DESKTOP,
            locale="zh-CN" if look.language == "zh" else "en-US",
            color_scheme=look.themes[0],
        )
        context.set_default_timeout(self._patience_ms)
        if script is not None:
            context.add_init_script(script)
        if not demo:
            context.route("**/demo/token*", lambda route: route.fulfill(status=404))
        self._contexts.append(context)
        page = context.new_page()
        page.goto(address)
        return Visitor(page, look)

    def leave(self, visitor: Visitor) -> None:
        visitor.page.context.close()
        self._contexts.remove(visitor.page.context)

    @contextlib.contextmanager
    def state(self, name: str) -> Iterator[None]:
        """The way to a state, and its pictures."""
        try:
            yield
        except (PlaywrightError, AssertionError, IndexError) as error:
            if self._strict:
                raise
            self.failed.append(f"{name}: {str(error).splitlines()[0]}")
            for number, context in enumerate(self._contexts):
                for page in context.pages:
                    with contextlib.suppress(PlaywrightError):
                        page.screenshot(path=self._out / f"failed-{name}-{number}.png", timeout=5_000)

    def shoot(self, name: str, *visitors: Visitor) -> None:
        """A picture of each, in each of its themes."""
        for visitor in visitors:
            for theme in visitor.look.themes:
                visitor.page.emulate_media(color_scheme=theme)
                file = self._out / f"{name}-{visitor.look.language}-{theme}-{visitor.look.size}.png"
                visitor.page.screenshot(path=file, animations="disabled")
                self.taken.append(file)

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        self._contexts.clear()
