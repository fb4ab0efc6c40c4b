"""Builds the pages into a wheel, and the compiled sender where there is a C compiler; without one Miaodan
is pure Python.

A hatch build hook: it runs for a wheel and for an editable installation alike.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("server/fanout/native")
LIBRARY = FOLDER / "sender.so"
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-shared", "-fPIC")


class NativeHook(BuildHookInterface[Any]):
    """Adds `sender.so` to the distribution, and says which platform it is for."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version != "editable":
            build_pages(root)
        if not compiled(root / FOLDER / "sender.c", root / LIBRARY):
            (root / LIBRARY).unlink(missing_ok=True)
            self.app.display_warning("No C compiler: frames will be sent by the pure Python sender.")
            return
        if version != "editable":
            build_data["artifacts"].append(f"/{LIBRARY}")
            build_data["pure_python"] = False
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["tag"] = f"py3-none-{platform}"


def build_pages(root: Path) -> None:
    """`server/web/dist`, unless it is up to date. Raises RuntimeError: a wheel without pages is none."""
    command = [sys.executable, str(root / "server" / "web" / "build.py"), "--no-install-node"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"no wheel without the pages. {done.stdout}{done.stderr}")


def compiled(source: Path, target: Path) -> bool:
    """Compile `source` into `target`; False when there is no compiler or it failed."""
    if not sys.platform.startswith("linux"):
        return False
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        words = shlex.split(name)
        if words and shutil.which(words[0]):
            draft = target.with_suffix(f".{os.getpid()}")
            done = subprocess.run([*words, *FLAGS, str(source), "-o", str(draft)], check=False)
            if done.returncode == 0:
                draft.replace(target)  # a running server keeps the one it has mapped
                return True
            draft.unlink(missing_ok=True)
    return False
