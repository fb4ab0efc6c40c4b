"""Locust as a user runs it, in a process of its own: importing it patches the whole interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from tests.live_server import LiveServer

ROOT = Path(__file__).resolve().parent.parent.parent
LENIENT = Path(__file__).with_name("lenient.toml")


@dataclass(frozen=True)
class Run:
    """`document`: the JSON beside the report; empty where the run came to none."""

    code: int
    output: str
    document: dict[str, Any]
    page: str

    def problems(self) -> list[str]:
        """The reasons it printed, a line each."""
        lines = self.output.splitlines()
        return [line.removeprefix("problem: ") for line in lines if line.startswith("problem: ")]


def load(
    server: LiveServer,
    folder: Path,
    *arguments: str,
    meanwhile: Callable[[psutil.Process], None] | None = None,
) -> Run:
    """One load test with limits that a busy machine keeps, unless `arguments` say otherwise.

    `meanwhile` is called with Locust's process once that has started.
    """
    report = folder / "report.html"
    command = [
        *(sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", "--headless", "--only-summary"),
        *("--host", server.url, "--token-key", str(server.data_dir / "token.key")),
        *("--thresholds", str(LENIENT), "--html", str(report), *arguments),
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            if meanwhile is not None:
                meanwhile(psutil.Process(process.pid))
            output, _ = process.communicate(timeout=110)
        finally:
            process.kill()
    own = folder / "report-verdict.json"
    document = orjson.loads(own.read_bytes()) if own.exists() else {}
    page = own.with_suffix(".html").read_text("utf-8") if document else ""
    return Run(process.returncode, output, document, page)
