"""The SDK as it is built, and tools to run it with."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.sdk.node import WEB


@pytest.fixture(scope="session")
def built() -> None:
    """`server/web/dist` and `node_modules`, from the present sources."""
    done = subprocess.run(
        [sys.executable, str(WEB / "build.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
