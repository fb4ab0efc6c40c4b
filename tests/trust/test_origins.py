from __future__ import annotations

import pytest

from server.trust.origins import Origins


@pytest.mark.parametrize(
    ("origin", "host", "answer"),
    [
        (None, "localhost:8460", True),
        ("http://localhost:8460", "localhost:8460", True),
        ("http://LOCALHOST:8460", "localhost:8460", True),
        ("https://shop.example", "shop.example", True),
        ("https://shop.example", "shop.example:443", True),
        ("http://shop.example:80", "shop.example", True),
        ("http://[::1]:8460", "[::1]:8460", True),
        ("http://localhost:3000", "localhost:8460", False),
        ("http://shop.example", "shop.example:8460", False),
        ("https://evil.example", "shop.example", False),
        ("https://shop.example.evil.example", "shop.example", False),
        ("https://shop.example@evil.example", "shop.example", False),
        ("https://evil.example/shop.example", "shop.example", False),
        ("null", "shop.example", False),
        ("", "shop.example", False),
        ("https://", "", False),
        ("https://x:99999", "x:99999", False),
        ("https://shop.example", None, False),
        ("https://partner.example", "shop.example", True),
        ("https://partner.example:443", "shop.example", True),
        ("http://partner.example", "shop.example", False),
        ("https://partner.example:8443", "shop.example", False),
    ],
)
def test_origins(origin: str | None, host: str | None, answer: bool) -> None:
    assert Origins(["https://partner.example"]).admits(origin, host) is answer


def test_all() -> None:
    assert Origins(["*"]).admits("https://evil.example", "shop.example")
    assert Origins(["*"]).admits("null", None)


def test_null_only_where_listed() -> None:
    assert Origins(["null"]).admits("null", "shop.example")
    assert not Origins(["null"]).admits("https://evil.example", "shop.example")


@pytest.mark.parametrize("entry", ["shop.example", "", "https://a/b", "https://*:x"])
def test_what_is_no_origin_is_said(entry: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        Origins([entry])
