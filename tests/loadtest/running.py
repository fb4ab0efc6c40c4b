"""Locust as a user runs it, in a process of its own: importing it patches the whole interpreter."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

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


def load(server: LiveServer, folder: Path, *arguments: str) -> Run:
    """One load test with limits that a busy machine keeps, unless `arguments` say otherwise."""
    report = folder / "report.html"
    command = [
        *(sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", "--headless", "--only-summary"),
        *("--host", server.url, "--token-key", str(server.data_dir / "token.key")),
        *("--thresholds", str(LENIENT), "--html", str(report), *arguments),
    ]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=110)
    output = done.stdout + done.stderr
    own = folder / "report-verdict.json"
    document = orjson.loads(own.read_bytes()) if own.exists() else {}
    page = own.with_suffix(".html").read_text("utf-8") if document else ""
    return Run(done.returncode, output, document, page)
