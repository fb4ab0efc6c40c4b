"""How a payment provider signs its notices: `Miaodan-Signature: t=<seconds>,v1=<hex>`.

HMAC-SHA256 over `<seconds>.<body>`, as Stripe and others do it. No I/O; time comes in.
"""

from __future__ import annotations

import hashlib
import hmac
import time

from schemas.codes import ErrorCode
from server.orders.errors import OrderError

HEADER = "Miaodan-Signature"


class Stale(OrderError):
    """The provider's, but not of these minutes."""


def sign(body: bytes, secret: bytes, at: int | None = None) -> str:
    """The header for `body` at `at` (seconds; now when None), as the provider makes it."""
    seconds = int(time.time()) if at is None else at
    return f"t={seconds},v1={_digest(body, secret, str(seconds))}"


def verify(body: bytes, header: str, secret: bytes, now: int, tolerance_ms: int) -> None:
    """Raises OrderError `unauthorized`: not the provider's, or (Stale) not of these minutes."""
    seconds, digests = "", []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            seconds = value
        elif name == "v1":
            digests.append(value)
    wanted = _digest(body, secret, seconds).encode()
    # Every digest is compared, in constant time: how many there are is no secret.
    good = [hmac.compare_digest(wanted, digest.encode("utf-8", "replace")) for digest in digests]
    if not any(good) or not seconds.isascii() or not seconds.isdigit() or len(seconds) > 12:
        raise OrderError(ErrorCode.UNAUTHORIZED, "the signature does not fit", HEADER)
    ahead = int(seconds) * 1000 - now
    if ahead > tolerance_ms:
        raise Stale(ErrorCode.UNAUTHORIZED, "signed for a time to come", HEADER)
    if -ahead > tolerance_ms:
        raise Stale(ErrorCode.UNAUTHORIZED, "signed too long ago", HEADER)


def _digest(body: bytes, secret: bytes, seconds: str) -> str:
    return hmac.new(secret, seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
