"""Goods for the demo room, each with a poster drawn as a small SVG in a data: URI."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from schemas.models import ProductInput

MAX_URI = 2_048
"""Characters an image address may have on the wire (`schemas.models.Url`)."""


@dataclass(frozen=True)
class Goods:
    """One product of the demo. Prices are minor units of CNY; `colours` are hex digits without #.

    `outline`: an SVG path of the thing in the 400 by 400 square; a font's pictures may be missing.
    """

    sku: str
    chinese: str
    english: str
    outline: str
    colours: tuple[str, str]
    price: int
    list_price: int
    stock: int

    def mount(self) -> ProductInput:
        """As a host mounts it."""
        return ProductInput(
            sku=self.sku,
            title=f"{self.chinese} {self.english}",
            price=self.price,
            list_price=self.list_price,
            stock=self.stock,
            image=poster(self),
        )


def poster(goods: Goods) -> str:
    """A square poster: two colours, one large outline, the name in both languages."""
    light, dark = goods.colours
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 400 400'>"
        "<defs><linearGradient id='g' x2='1' y2='1'>"
        f"<stop stop-color='#{light}'/><stop offset='1' stop-color='#{dark}'/></linearGradient></defs>"
        "<rect width='400' height='400' fill='url(#g)'/>"
        "<circle cx='200' cy='168' r='112' fill='#fff' opacity='.22'/>"
        "<g text-anchor='middle' font-family='sans-serif' fill='#fff'>"
        f"<path d='{goods.outline}'/>"
        f"<text x='200' y='330' font-size='34' font-weight='700'>{escape(goods.chinese)}</text>"
        f"<text x='200' y='366' font-size='20'>{escape(goods.english)}</text></g></svg>"
    )
    return "data:image/svg+xml," + quote(svg, safe=" ='/:;,.()!*@")


_DROP = "M200 92c36 52 56 80 56 108a56 56 0 0 1-112 0c0-28 20-56 56-108z"
_SHOE = "M108 196l52-66 34 24 20-10 22 30 52 14q16 6 16 28v6H108z"
_CUP = (
    "M136 128h104v54a40 40 0 0 1-40 40h-24a40 40 0 0 1-40-40zM240 144h16a26 26 0 0 1 0 52h-16v-"
    "18h14a8 8 0 0 0 0-16h-14zM124 232h128v12H124z"
)
_SCARF = "M124 112l76 36 76-36-22 62 22 66-76-28-76 28 22-66z"
_HEADPHONES = (
    "M120 186v-12a80 80 0 0 1 160 0v12h-20v-12a60 60 0 0 0-120 0v12zM112 186h36v58h-18a18 18 0 "
    "0 1-18-18zM252 186h36v40a18 18 0 0 1-18 18h-18z"
)
_LAMP = "M162 100h76l32 88H130zM192 188h16v38h-16zM152 226h96v14h-96z"

CATALOGUE = (
    Goods("SERUM-30", "山茶花精华", "Camellia", _DROP, ("f9a8c9", "c2185b"), 16_900, 25_900, 400),
    Goods("RUNNER-01", "云感跑鞋", "Runner", _SHOE, ("7dd3fc", "1d4ed8"), 39_900, 59_900, 300),
    Goods("TEA-100", "明前龙井", "Longjing", _CUP, ("bef264", "3f6212"), 12_800, 19_800, 500),
    Goods("SCARF-02", "真丝方巾", "Silk Scarf", _SCARF, ("fdba74", "b91c1c"), 26_800, 42_800, 250),
    Goods("BUDS-PRO", "降噪耳机", "Earbuds", _HEADPHONES, ("a5b4fc", "312e81"), 32_900, 49_900, 300),
    Goods("LAMP-05", "香薰夜灯", "Aroma Lamp", _LAMP, ("fde68a", "92400e"), 9_900, 15_900, 600),
)
