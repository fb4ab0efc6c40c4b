"""`miaodan audit` of a server of ours, as its operator would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import orjson

AUDIT_S = 300.0


def audited(data_dir: Path, settings: Mapping[str, str]) -> tuple[int, dict[str, object] | None, str]:
    """Its exit code, what it says, and all it printed; None where that is no JSON object.

    Nothing of the environment's own settings comes with it. Raises subprocess.TimeoutExpired.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MIAODAN_")}
    done = subprocess.run(
        [sys.executable, "-m", "server", "audit", "--data-dir", str(data_dir)],
        check=False,
        capture_output=True,
        text=True,
        timeout=AUDIT_S,
        env={**environment, **settings},
    )
    printed = done.stdout + done.stderr
    try:
        return done.returncode, msgspec.convert(orjson.loads(done.stdout), dict[str, object]), printed
    except (orjson.JSONDecodeError, msgspec.ValidationError):
        return done.returncode, None, printed
