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
    """One product of the demo. Prices are minor units of CNY; `colours` are hex digits without #."""

    sku: str
    chinese: str
    english: str
    symbol: str
    colours: tuple[str, str]
    price: int
    list_price: int
    stock: int

    def mount(self) -> ProductInput:
        """As a host mounts it."""
        return ProductInput(
            sku=self.sku,
            title=f"{self.chinese} · {self.english}",
            price=self.price,
            list_price=self.list_price,
            stock=self.stock,
            image=poster(self),
        )


def poster(goods: Goods) -> str:
    """A square poster: two colours, one large symbol, the name in both languages."""
    light, dark = goods.colours
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 400 400'>"
        "<defs><linearGradient id='g' x2='1' y2='1'>"
        f"<stop stop-color='#{light}'/><stop offset='1' stop-color='#{dark}'/></linearGradient></defs>"
        "<rect width='400' height='400' fill='url(#g)'/>"
        "<circle cx='200' cy='168' r='112' fill='#fff' opacity='.22'/>"
        "<g text-anchor='middle' font-family='sans-serif' fill='#fff'>"
        f"<text x='200' y='212' font-size='120'>{goods.symbol}</text>"
        f"<text x='200' y='330' font-size='34' font-weight='700'>{escape(goods.chinese)}</text>"
        f"<text x='200' y='366' font-size='20'>{escape(goods.english)}</text></g></svg>"
    )
    return "data:image/svg+xml," + quote(svg, safe=" ='/:;,.()!*@")


CATALOGUE = (
    Goods("SERUM-30", "山茶花焕亮精华", "Camellia Serum", "🌺", ("f9a8c9", "c2185b"), 16_900, 25_900, 400),
    Goods("RUNNER-01", "云感跑鞋", "Cloud Runner", "👟", ("7dd3fc", "1d4ed8"), 39_900, 59_900, 300),
    Goods("TEA-100", "明前龙井", "First-Flush Longjing", "🍵", ("bef264", "3f6212"), 12_800, 19_800, 500),
    Goods("SCARF-02", "桑蚕丝方巾", "Mulberry Silk Scarf", "🧣", ("fdba74", "b91c1c"), 26_800, 42_800, 250),
    Goods("BUDS-PRO", "降噪耳机", "Quiet Earbuds", "🎧", ("a5b4fc", "312e81"), 32_900, 49_900, 300),
    Goods("LAMP-05", "琉璃香薰灯", "Aroma Night Lamp", "🕯️", ("fde68a", "92400e"), 9_900, 15_900, 600),
)
