"""Contact sheets for the documentation, out of the gallery's pictures: few, small, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

LARGEST_BYTES = 1_200_000
QUALITY = 46
GAP = 12
PHONE_WIDTH = 270
DESK_WIDTH = 860
PHONES = ("zh-dark-phone", "zh-light-phone", "en-dark-phone", "en-light-phone")
TWO_PHONES = ("zh-dark-phone", "en-light-phone")
DESK = ("zh-dark-desktop",)
LIGHT_DESK = ("en-light-desktop",)

SHEETS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "viewer-live",
            "viewer-countdown",
            "viewer-product-card",
            "viewer-paid",
            "viewer-sold-out",
            "viewer-reconnecting",
        ),
        PHONES,
    ),
    **dict.fromkeys(
        (
            "viewer-not-started",
            "viewer-shelf",
            "viewer-sale-open",
            "viewer-limit",
            "viewer-orders",
            "viewer-muted",
            "viewer-paused",
            "viewer-network-lost",
            "viewer-sign-in",
            "viewer-guest",
            "viewer-no-room",
            "viewer-ended",
        ),
        TWO_PHONES,
    ),
    "console-live": (*DESK, *LIGHT_DESK),
    "console-sale": LIGHT_DESK,
    "console-mount": DESK,
    "console-moderator": LIGHT_DESK,
    "console-goods": TWO_PHONES,
    "console-orders": TWO_PHONES,
    "console-chat": TWO_PHONES,
    "console-end": TWO_PHONES,
    "landing": TWO_PHONES,
}
DESKTOP_SHEETS = {"viewer-desktop": (("viewer-sale-open", *DESK), ("viewer-countdown", *LIGHT_DESK))}


def make_sheets(gallery: Path, images: Path) -> None:
    """Writes `images/pages/*.webp` and `images/demo.png`. Raises FileNotFoundError for a missing picture,
    ValueError where the set grew too large."""
    pages = images / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    for old in pages.glob("*.webp"):
        old.unlink()
    for state, looks in SHEETS.items():
        _save([gallery / f"{state}-{look}.png" for look in looks], pages / f"{state}.webp")
    for name, pictures in DESKTOP_SHEETS.items():
        _save([gallery / f"{state}-{look}.png" for state, look in pictures], pages / f"{name}.webp")
    _poster(gallery, images / "demo.png")
    total = sum(file.stat().st_size for file in pages.iterdir())
    print(f"{len(list(pages.iterdir()))} sheets in {pages}, {total / 1000:.0f} kB")
    if total > LARGEST_BYTES:
        raise ValueError(f"{total} bytes of pictures are more than {LARGEST_BYTES}")


def _save(files: Iterable[Path], target: Path) -> None:
    _beside([_scaled(file) for file in files]).save(target, quality=QUALITY, method=6)


def _scaled(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        width = PHONE_WIDTH if picture.width < 600 else DESK_WIDTH
        size = (width, round(picture.height * width / picture.width))
        return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _beside(pictures: list[Image.Image]) -> Image.Image:
    """Phones in a row; wider pictures one under the other."""
    across = pictures[0].width < DESK_WIDTH or len({picture.width for picture in pictures}) > 1
    if across:
        size = (
            sum(one.width for one in pictures) + GAP * (len(pictures) - 1),
            max(one.height for one in pictures),
        )
    else:
        size = (pictures[0].width, sum(one.height for one in pictures) + GAP * (len(pictures) - 1))
    sheet = Image.new("RGB", size, "white")
    at = 0
    for one in pictures:
        sheet.paste(one, (at, 0) if across else (0, at))
        at += (one.width if across else one.height) + GAP
    return sheet


def _poster(gallery: Path, target: Path) -> None:
    """The README's picture: a phone before zero, the console beside it."""
    phone = _scaled(gallery / "viewer-sale-open-zh-dark-phone.png")
    with Image.open(gallery / "console-live-en-light-desktop.png") as picture:
        width = round(picture.width * phone.height / picture.height)
        console = picture.convert("RGB").resize((width, phone.height), Image.Resampling.LANCZOS)
    sheet = _beside([phone, console])
    sheet.quantize(192, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG).save(
        target, optimize=True
    )
