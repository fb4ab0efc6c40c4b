"""What others see of a text: nothing unseen costs them anything, and nothing seen is lost."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.trust.shown_text import shown_text

SEEN = [
    "hello, 今年新到的吗？",
    "a  b\u3000c\u00a0d",
    "👨‍👩‍👧‍👦 family",
    "🏳️‍🌈🏴‍☠️❤️‍🔥",
    "👍🏽👩🏿‍🚀",
    "1️⃣#️⃣*️⃣ ☎︎ ❤️",
    "🏴󠁧󠁢󠁳󠁣󠁴󠁿 🇨🇳",
    "می‌خواهم",
    "क्‍ष ශ්‍රී",
    "葛\U000e0100飾",
    "അവന്\u200d ഞാന്\u200d",
    "ه\u200d.ق",
    "ᠬᠠᠷ\u180eᠠ ᠠ\u180b",
    "র\u200d্য 🙂\u200d↔\ufe0f",
    "\U0001faff",
    "e\u0301 กำ",
    "עברית العربية",
]
UNSEEN = [
    *map(chr, (*range(0x20), *range(0x7F, 0xA0))),
    *"\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028\u2029\u3164\ufeff\uffa0\ufff9",
    *map(chr, (*range(0x202A, 0x202F), *range(0x2060, 0x2070))),
    *"\U0001d173\U000e0001\U000e0041\U000e007f\U000e0200",
]
CONTEXT = ["\u200c", "\u200d", "\ufe0e", "\ufe0f", "\U000e0100", "\u180b", "🏴", "\U000e0067", "\U000e007f"]
OWNERS = "aé1#\u20e3主❤♀🏽क\u094dهᠠ\u180e\u180b\u200c\u200d\ufe0f\u2800 "
PIECES = st.one_of(
    st.sampled_from(OWNERS),
    st.sampled_from(UNSEEN),
    st.sampled_from(CONTEXT),
    st.sampled_from(SEEN),
    st.text(max_size=3),
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@pytest.mark.parametrize("text", SEEN)
def test_what_is_seen_stays(text: str) -> None:
    assert shown_text(text) == text


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_what_is_not_seen_goes(unseen: str) -> None:
    assert shown_text(f"甲{unseen}乙").replace(" ", "") == "甲乙"
    assert shown_text(unseen * 200) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" one\r\n\ttwo\u2028three\n", "one two three"),
        ("admin\u200d", "admin"),
        ("ad\u200dm\u200cin", "admin"),
        ("好\u200d\u200d\u200c吗\u200d ", "好吗"),
        ("主\u200d播", "主播"),
        ("主\u200c播", "主播"),
        ("主\ufe0f播", "主播"),
        ("主\ufe00播", "主播"),
        ("主\u180b播", "主播"),
        ("é\ufe0f", "é"),
        ("e\U000e0100", "e"),
        ("admin1\ufe0f", "admin1"),
        ("1\ufe0f\ufe0f\u20e3", "1\ufe0f\u20e3"),
        ("\u2800 admin \u2800", "admin"),
        ("❤\ufe0f\u200d", "❤\ufe0f"),
        ("❤\u200c❤", "❤❤"),
        ("می\u200c", "می"),
        ("അവന\u200d", "അവന"),
        ("ᠷ\u180e", "ᠷ"),
        ("\U0001d159", ""),
        ("\U00013430\U00013431", ""),
        ("\ufffc\U000e0fff\u0378", ""),
        ("a\ufe0f❤\ufe0f\ufe0f\ufe0e", "a❤\ufe0f"),
        ("\ufe0f\u200d❤", "❤"),
        ("🏴\U000e0067\U000e0062", "🏴"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("\u2800 \u2800\u200b", ""),
        (" \u3000\n", ""),
    ],
)
def test_in_its_place(text: str, shown: str) -> None:
    assert shown_text(text) == shown


@given(TEXTS)
def test_the_same_again_changes_nothing(text: str) -> None:
    once = shown_text(text)
    assert shown_text(once) == once
    assert len(once) <= len(text)


@given(TEXTS)
def test_no_control_is_left_and_json_costs_no_more_than_the_characters(text: str) -> None:
    once = shown_text(text)
    assert not [one for one in once if unicodedata.category(one) in ("Cc", "Zl", "Zp")]
    quoted = once.count('"') + once.count("\\")
    assert len(msgspec.json.encode(once)) == len(once.encode()) + quoted + 2


@given(TEXTS)
def test_every_character_that_shows_is_kept_in_order(text: str) -> None:
    def shows(one: str) -> bool:
        return one not in UNSEEN and one not in CONTEXT[:-3] and unicodedata.category(one) not in ("Cf", "Cc")

    def visible(line: str) -> str:
        return "".join(
            one
            for one in line
            if shows(one) and not one.isspace() and one not in IGNORABLE and one != "\u2800"
        )

    once = shown_text(text)
    blank = all(one in "\ufffc\U0001d159" or unicodedata.category(one) == "Cn" for one in visible(text))
    assert visible(once) == visible(text) or (not once and blank)


IGNORABLE = {chr(code) for code in (0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10))} | {
    chr(code) for code in (*range(0xFFF0, 0xFFFC), *range(0x1BCA0, 0x1BCA4), *range(0xE0000, 0xE1000))
}


@given(TEXTS)
def test_joiners_stand_between_and_selectors_behind_what_they_belong_to(text: str) -> None:
    padded = f" {shown_text(text)} "
    for before, one, after in zip(padded, padded[1:], padded[2:], strict=False):
        if one in "\u200c\u200d":
            assert unicodedata.category(before) in ("So", "Sk", "Sm", "Po", "Lo", "Lm", "Mn", "Mc", "Cn")
            assert not before.isascii() and before not in "\u200c\u200d\u2800"
            assert one == "\u200d" or not after.isascii()
        if one in "\ufe0e\ufe0f":
            assert after == "\u20e3" if before.isascii() else not before.isalpha() or before == "ℹ"
        if one in "\ufe0e\ufe0f\U000e0100\u180b":
            assert not before.isspace() and before not in "\ufe0e\ufe0f\U000e0100\u180b\u200c\u200d"
