"""What may be said: a list of blocked words that small disguises do not get past.

Text and words are folded the same way before they are compared: compatibility forms (NFKC, so
full-width letters are plain ones), invisible and combining characters dropped, case folded,
traditional Chinese written in simplified (OpenCC t2s). A word is found anywhere in the text, also
inside a longer word; one with Chinese characters also where spaces or punctuation pull it apart.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ahocorasick
import opencc

from server.settings import DanmakuSettings

_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Hangul fillers and the empty braille pattern: letters and symbols by category, blanks to the eye."""


class BadWordList(Exception):
    """The file of blocked words cannot be used: `path`, `reason`."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Words:
    """The blocked words. Asking costs the length of the text, however many words there are."""

    def __init__(self, words: Iterable[str]) -> None:
        """Blank words are ignored."""
        self._simplify: opencc.OpenCC | None = None
        listed = [word for word in words if word.strip()]
        if listed:
            self._simplify = opencc.OpenCC("t2s")
        folded = {self.fold(word).strip() for word in listed} - {""}
        self._anywhere = _automaton(folded)
        self._pulled_apart = _automaton({_squeeze(word) for word in folded if _has_han(word)} - {""})

    @classmethod
    def from_settings(cls, settings: DanmakuSettings) -> Words:
        """The listed words and those of the file. Raises BadWordList."""
        if not settings.blocked_words_file:
            return cls(settings.blocked_words)
        file = Path(settings.blocked_words_file)
        try:
            lines = file.read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadWordList(file, str(error)) from error
        return cls([*settings.blocked_words, *lines])

    def fold(self, text: str) -> str:
        """The text as it is compared."""
        text = unicodedata.normalize("NFKC", text)
        if not (text.isascii() and text.isprintable()):
            text = "".join(character for character in text if not _is_unseen(character))
            if self._simplify is not None:
                text = self._simplify.convert(text)
        return unicodedata.normalize("NFKC", text.casefold())

    def blocked(self, text: str) -> bool:
        """Whether the text holds a blocked word."""
        if self._anywhere is None:
            return False
        folded = self.fold(text)
        if next(self._anywhere.iter(folded), None) is not None:
            return True
        if self._pulled_apart is None:
            return False
        return next(self._pulled_apart.iter(_squeeze(folded)), None) is not None


def _automaton(words: set[str]) -> Any:
    if not words:
        return None
    automaton = ahocorasick.Automaton(ahocorasick.STORE_LENGTH)
    for word in words:
        automaton.add_word(word)
    automaton.make_automaton()
    return automaton


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Cc", "Mn", "Me") or character in _INVISIBLE_LETTERS


def _squeeze(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _has_han(word: str) -> bool:
    return any("\u3400" <= character <= "\u9fff" or character >= "\U00020000" for character in word)
