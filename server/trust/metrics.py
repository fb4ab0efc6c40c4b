"""What trust counts."""

from __future__ import annotations

from prometheus_client import Counter

from server.ops.tally import Tally

TOKENS = Tally(
    Counter("miaodan_tokens_total", "Tokens looked at: verified, remembered from before, refused.", ["how"])
)
