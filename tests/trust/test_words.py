from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.settings import DanmakuSettings
from server.trust.words import BadWordList, Words

WORDS = Words(["BadWord", "加微信", "发票", "敏感詞", "a.b", "  ", ""])


@pytest.mark.parametrize(
    "text",
    [
        "badword",
        "so BADWORD!",
        "xxbadwordxx",
        "ｂａｄｗｏｒｄ",
        "bad\u200bword",
        "ba\u00add\u2060word",
        "b\u0336a\u0336dword",
        "bad\x00word",
        "bad\ufe0fword",
        "bad\u3164word",
        "𝐛𝐚𝐝𝐰𝐨𝐫𝐝",
        "請加微信",
        "加 微-信",
        "加\u200b微。。信",
        "開發票",
        "敏感词",
        "敏感詞",
        "A.B",
    ],
)
def test_blocked(text: str) -> None:
    assert WORDS.blocked(text)


@pytest.mark.parametrize("text", ["", "hello", "bad word", "好", "加微", "微信加", "ab", "红包", "😀"])
def test_not_blocked(text: str) -> None:
    assert not WORDS.blocked(text)


def test_no_words_block_nothing() -> None:
    for words in (Words([]), Words(["", " ", "\u200b"])):
        assert not words.blocked("anything 什么")


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_word_is_found_in_any_surroundings(before: str, after: str) -> None:
    assert WORDS.blocked(before + " 加微信 " + after)


@given(st.text(max_size=200))
def test_folding_is_settled(text: str) -> None:
    words = Words([text])
    assert words.blocked(text) is bool(words.fold(text).strip())


def test_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("\ufeffone\r\n\n二维码\n", "utf-8")
    words = Words.from_settings(DanmakuSettings(blocked_words=["three"], blocked_words_file=str(file)))
    assert [words.blocked(text) for text in ("one", "二維碼", "three", "two")] == [True, True, True, False]
    assert Words.from_settings(DanmakuSettings(blocked_words=["three"])).blocked("three")


def test_an_unusable_file(tmp_path: Path) -> None:
    with pytest.raises(BadWordList, match=r"none\.txt"):
        Words.from_settings(DanmakuSettings(blocked_words_file=str(tmp_path / "none.txt")))
    (tmp_path / "gbk.txt").write_bytes("发票".encode("gbk"))
    with pytest.raises(BadWordList, match=r"gbk\.txt"):
        Words.from_settings(DanmakuSettings(blocked_words_file=str(tmp_path / "gbk.txt")))
