"""How long the long tests are: `make test` draws a few rounds each time, `make test-all` many."""

from __future__ import annotations

import os

THOROUGH = os.environ.get("MIAODAN_TEST_DEPTH") == "full"


def rounds(usual: int, thorough: int) -> int:
    """Repetitions of what is random or raced, and shows itself in any of them."""
    return thorough if THOROUGH else usual
