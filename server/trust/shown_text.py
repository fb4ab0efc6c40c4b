"""A line of text as it is shown to others: without what nobody sees. Sans-I/O.

Control characters and those without a shape of their own (Unicode's Default_Ignorable_Code_Point, UAX #44)
are taken out: they cost everybody bytes (JSON writes a control character as six), turn the text of others
around (bidirectional overrides, UAX #9) and make two names look like one. What belongs to a character stays:
one variation selector behind it (emoji and Han variants, UTS #37 and #51), one joiner between two characters
that are not ASCII (emoji sequences, Indic and Persian writing), the tags of a flag. RFC 8266 (nicknames)
forbids both kinds, through RFC 8264; here they go and the rest is said, as a viewer seldom knows of them.
"""

from __future__ import annotations

import re

_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_NOT_SEEN = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_IGNORABLE}]")
_BREAKS = re.compile("[\t-\r\x85\u2028\u2029]+")
"""Tabs and the ends of lines, one space for a run of them."""
_JOINERS = frozenset("\u200c\u200d")
_SELECTORS = frozenset("\u180b\u180c\u180d\u180f") | {
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
_KEYCAPS = frozenset("0123456789#*")
"""The ASCII characters that a variation selector makes an emoji of."""
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
"""A region's flag (UTS #51, emoji tag sequence): black flag, the region's code, the end."""
_BLANKS = frozenset("\u2800")
"""Symbols by category, blank to the eye."""


def shown_text(text: str) -> str:
    """`text` as others see it, in one line; empty where nothing in it shows. Again it changes nothing."""
    if not (text.isascii() and text.isprintable()) and _NOT_SEEN.search(text):
        text = _without_unseen(_BREAKS.sub(" ", text))
    text = text.strip()
    return text if any(_shows(character) for character in text) else ""


def _shows(character: str) -> bool:
    return not (character in _BLANKS or character in _SELECTORS or character.isspace())


def _without_unseen(text: str) -> str:
    kept: list[str] = []
    last, at = " ", 0
    while at < len(text):
        flag = _FLAG.match(text, at)
        piece = flag.group() if flag else text[at]
        at += len(piece)
        if piece in _JOINERS:
            stays = not (last.isascii() or last.isspace() or last in _JOINERS)
        elif piece in _SELECTORS:
            stays = _takes_selector(last)
        else:
            stays = flag is not None or not _NOT_SEEN.match(piece)
            if stays and last in _JOINERS and (piece.isascii() or piece.isspace()):
                kept.pop()
        if stays:
            kept.append(piece)
            last = piece[-1]
    if last in _JOINERS:
        kept.pop()
    return "".join(kept)


def _takes_selector(character: str) -> bool:
    if character.isascii():
        return character in _KEYCAPS
    return not (character.isspace() or character in _JOINERS or character in _SELECTORS)
