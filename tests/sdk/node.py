"""Node.js and the tools under `server/web/node_modules`, as the build of the pages finds them."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

WEB = Path(__file__).parents[2] / "server" / "web"


def build_script() -> ModuleType:
    """`server/web/build.py` as a module."""
    spec = importlib.util.spec_from_file_location("miaodan_build_pages", WEB / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(arguments: list[str], cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Runs Node.js on a script; its output is kept and its exit code left to the caller."""
    node = build_script().find_node()
    # Before 22 a WebSocket is there when it is asked for.
    version = subprocess.run([node.node, "--version"], capture_output=True, text=True, check=True).stdout
    flags = ["--experimental-websocket"] if version.startswith("v20.") else []
    command = [str(node.node), *flags, *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        env=node.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        **more,
    )


def tsc(project: Path) -> subprocess.CompletedProcess[str]:
    """The type check of a folder with a `tsconfig.json`."""
    return run([str(WEB / "node_modules" / "typescript" / "bin" / "tsc"), "--project", str(project)], project)
