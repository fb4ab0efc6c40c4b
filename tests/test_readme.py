"""Both READMEs lead to the same places, by the same steps."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENGLISH, CHINESE = (ROOT / name for name in ("README.md", "README.zh-CN.md"))


def parts(text: str) -> list[tuple[list[str], int, int]]:
    """Of each section: where its links lead, and how many code fences and table rows it has."""
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    return [
        (
            [link for link in re.findall(r"\]\(([^)]+)\)", section) if not link.startswith("README")],
            section.count("```"),
            len(re.findall(r"^\|", section, flags=re.MULTILINE)),
        )
        for section in sections
    ]


def test_the_same_sections_links_and_commands_in_both_languages() -> None:
    english, chinese = ENGLISH.read_text("utf-8"), CHINESE.read_text("utf-8")
    assert parts(english) == parts(chinese)
    commands = [line for line in english.splitlines() if line.startswith(".venv/bin/")]
    assert commands == [line for line in chinese.splitlines() if line.startswith(".venv/bin/")] != []


def test_every_link_leads_to_a_file() -> None:
    for readme in (ENGLISH, CHINESE):
        for link in re.findall(r"\]\(([^)]+)\)", readme.read_text("utf-8")):
            assert (ROOT / link).exists(), link
