"""The crowd of a flash sale, in a process of its own: importing Locust patches the whole interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = """
import json
from loadtest.spike import users_at
print(json.dumps([users_at(second, 300, 60.0) for second in range(0, 70, 5)] + [users_at(0, 1, 60.0)]))
"""


def test_a_third_is_early_the_crowd_comes_and_leaves_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    users = json.loads(done.stdout)
    assert users == [100] * 3 + [300] * 6 + [100] * 3 + [None, None] + [1]
