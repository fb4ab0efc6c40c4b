"""A line of text as it is shown to others: without what nobody sees. Sans-I/O.

Control characters and those without a shape of their own (Unicode's Default_Ignorable_Code_Point, UAX #44)
are taken out: they cost everybody bytes (JSON writes a control character as six), turn the text of others
around (bidirectional overrides, UAX #9) and make two names look like one. What belongs to a character stays:
a variation selector behind an emoji, a Han or a Mongolian character (UTS #51 and #37), a joiner within an
emoji sequence or a writing that joins (Arabic, Indic), the tags of a flag. RFC 8266 (nicknames) forbids both
kinds, through RFC 8264; here they go and the rest is said, as a viewer seldom knows of them.
"""

from __future__ import annotations

import re
import unicodedata

_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_NOT_SEEN = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_IGNORABLE}]")
_BREAKS = re.compile("[\t-\r\x85\u2028\u2029]+")
"""Tabs and the ends of lines, one space for a run of them."""
_ZWNJ, _ZWJ, _VOWEL_SEPARATOR = "\u200c\u200d\u180e"
_BETWEEN = frozenset((_ZWNJ, _ZWJ, _VOWEL_SEPARATOR))
"""What stays or goes by the characters on both sides."""
_EMOJI_SELECTORS = frozenset("\ufe0e\ufe0f")
_MONGOLIAN_SELECTORS = frozenset("\u180b\u180c\u180d\u180f")
_HAN_SELECTORS = frozenset(map(chr, range(0xE0100, 0xE01F0)))
_SELECTORS = _EMOJI_SELECTORS | _MONGOLIAN_SELECTORS | _HAN_SELECTORS
_KEYCAPS = frozenset("0123456789#*")
_KEYCAP = "\u20e3"
_EMOJI = re.compile(
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
"""Emoji, their modifiers, and the symbols of their blocks."""
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_MONGOLIAN = re.compile("[\u1820-\u18aa]")
_CURSIVE = (
    "\u0600-\u077f\u07c0-\u07ff\u0840-\u08ff\u1800-\u18af\ua840-\ua87f"
    "\U00010ac0-\U00010aff\U00010d00-\U00010d3f\U0001e900-\U0001e95f"
)
"""Arabic, Syriac, N'Ko, Mandaic; Mongolian, Phags-pa; Manichaean, Rohingya, Adlam."""
_INDIC = (
    "\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\u1a20-\u1aaf\u1b00-\u1bff\u1cd0-\u1cff\ua800-\ua83f"
    "\ua880-\ua8ff\ua980-\ua9ff\uaa60-\uaa7f\uaae0-\uaaff\uabc0-\uabff\U00010a00-\U00010a5f\U00011000-\U00011fff"
)
"""Devanagari to Sinhala, Myanmar, Khmer, and their kin."""
_IN_CURSIVE = re.compile(f"[{_CURSIVE}]")
_IN_JOINING = re.compile(f"[{_CURSIVE}{_INDIC}]")
_VIRAMA = 9
"""Its canonical combining class."""
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
"""A region's flag (UTS #51, emoji tag sequence): black flag, the region's code, the end."""
_BLANKS = frozenset("\u2800\ufffc\U0001d159")
"""Symbols by category, blank to the eye."""
_ENDS = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000\u2800" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""White space and the blank of Braille."""


def shown_text(text: str) -> str:
    """`text` as others see it, in one line; empty where nothing in it shows. Again it changes nothing."""
    if text.isascii() and text.isprintable():
        return text.strip()
    if _NOT_SEEN.search(text):
        text = _without_unseen(_BREAKS.sub(" ", text))
    text = text.strip(_ENDS)
    return text if any(_shows(character) for character in text) else ""


def _shows(character: str) -> bool:
    if character in _BLANKS or character in _SELECTORS or character.isspace():
        return False
    category = unicodedata.category(character)
    # An emoji younger than this Python's Unicode is unassigned here, and shows all the same.
    return category not in ("Cf", "Cn", "Cs") or _EMOJI.match(character) is not None


def _without_unseen(text: str) -> str:
    kept: list[str] = []
    at = 0
    while at < len(text):
        flag = _FLAG.match(text, at)
        piece = flag.group() if flag else text[at]
        at += len(piece)
        last = kept[-1][-1] if kept else " "
        if piece in _BETWEEN:
            stays = last not in _BETWEEN
        elif piece in _SELECTORS:
            stays = _takes_selector(last, piece, text[at : at + 1])
        else:
            stays = flag is not None or not _NOT_SEEN.match(piece)
            if stays:
                _settle(kept, piece[0])
        if stays:
            kept.append(piece)
    _settle(kept, " ")
    return "".join(kept)


def _settle(kept: list[str], following: str) -> None:
    """Takes a joiner at the end of `kept` off, unless it joins what is before it and `following`."""
    if not kept or kept[-1] not in _BETWEEN:
        return
    if len(kept) < 2 or not _joins(kept[-2][-1], kept[-1], following):
        kept.pop()


def _joins(before: str, joiner: str, after: str) -> bool:
    if joiner == _VOWEL_SEPARATOR:
        return _mongolian(before) and _mongolian(after)
    if joiner == _ZWJ and (before == "\ufe0f" or _EMOJI.match(before)):
        return _EMOJI.match(after) is not None
    if not _written(before, _IN_JOINING):
        return False
    if _written(after, _IN_JOINING):
        return True
    # At a word's end a joiner shows in a cursive letter's shape, and behind a virama (a chillu of Malayalam).
    return joiner == _ZWJ and (_written(before, _IN_CURSIVE) or unicodedata.combining(before) == _VIRAMA)


def _written(character: str, script: re.Pattern[str]) -> bool:
    """Whether it is a letter or a mark of `script`."""
    return script.match(character) is not None and unicodedata.category(character)[0] in "LM"


def _mongolian(character: str) -> bool:
    return character in _MONGOLIAN_SELECTORS or _MONGOLIAN.match(character) is not None


def _takes_selector(character: str, selector: str, following: str) -> bool:
    if selector in _EMOJI_SELECTORS:
        if character in _KEYCAPS:
            return following == _KEYCAP
        return _EMOJI.match(character) is not None
    owners = _MONGOLIAN if selector in _MONGOLIAN_SELECTORS else _HAN
    return owners.match(character) is not None
