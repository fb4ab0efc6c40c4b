"""The load of a soak: Locust's scenario `soak` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import psutil

from loadtest.bench.machine import end

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Path(__file__).with_name("thresholds.toml")
STOP_S = 40.0
"""Told to end, it still settles and judges."""


class Load:
    """Use it as a context manager: at its end nothing of it is left."""

    def __init__(self, arguments: list[str], report: Path, log: Path) -> None:
        """`arguments`: beyond scenario, limits and report. `report`: its HTML, with the JSON beside it."""
        self.report = report
        self._log_path = log
        self._document = report.with_suffix(".json")
        self._command = [
            *(sys.executable, "-m", "locust", "-f", str(ROOT / "loadtest" / "locustfile.py")),
            *("--headless", "--only-summary", "--loglevel", "WARNING", "--scenario", "soak"),
            *("--thresholds", str(LIMITS), "--report", str(report), *arguments),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._document.unlink(missing_ok=True)  # an older run's is no verdict on this one
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for us, and we end it
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        family = _family(process.pid)
        end(process, STOP_S)
        for one in family:  # a swarm whose Locust was killed
            with suppress(psutil.Error):
                if one.is_running():
                    one.send_signal(signal.SIGKILL)

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self._process is None else self._process.poll()

    def verdict(self) -> dict[str, Any] | None:
        """Its document, see `loadtest.closing`; None where it left none."""
        try:
            document: dict[str, Any] = orjson.loads(self._document.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        return document

    def last_words(self) -> str:
        """The end of what it printed."""
        lines = self._log_path.read_text(errors="replace").strip().splitlines()
        return os.linesep.join(lines[-5:])


def _family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return list(psutil.Process(pid).children(recursive=True))
    return []
