"""The step that builds the pages: which Node.js it takes, and when it has nothing to do."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.browser.conftest import BUILD


@pytest.fixture
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("miaodan_build_pages", BUILD)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        ("v20.19.0", True),
        ("v20.18.3", False),
        ("v21.7.0", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.1.0\n", True),
        ("18.0.0", False),
        ("", False),
    ],
)
def test_the_node_that_vite_runs_on_is_taken(build: ModuleType, version: str, taken: bool) -> None:
    assert build.fits(build.parse_version(version)) is taken


def test_the_digest_follows_names_and_contents(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "WEB", tmp_path)
    first, second = tmp_path / "a.ts", tmp_path / "b.ts"
    first.write_text("1")
    second.write_text("2")
    before = build.digest([first, second])
    assert build.digest([second, first]) == before
    second.write_text("3")
    changed = build.digest([first, second])
    assert changed != before
    assert build.digest([first, second.rename(tmp_path / "c.ts")]) != changed


def test_a_failing_tool_is_named(build: ModuleType) -> None:
    with pytest.raises(build.BuildError, match="it broke"):
        build.run([sys.executable, "-c", "raise SystemExit(3)"], "it broke")


def test_a_second_build_has_nothing_to_do(built_pages: None) -> None:
    done = subprocess.run([sys.executable, str(BUILD)], capture_output=True, text=True, check=True)
    assert "up to date" in done.stdout


def test_built_pages_run_nothing_inline_and_load_nothing_from_elsewhere(built_pages: None) -> None:
    pages = sorted((BUILD.parent / "dist").glob("*.html"))
    assert [page.name for page in pages] == ["console.html", "index.html", "live.html", "missing.html"]
    for page in pages:
        html = page.read_text()
        assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", html)
        assert all(address.startswith("/") for address in re.findall(r'(?:src|href)="([^"]+)"', html))


def test_the_lock_file_names_no_addresses() -> None:
    assert '"resolved"' not in (BUILD.parent / "package-lock.json").read_text()
