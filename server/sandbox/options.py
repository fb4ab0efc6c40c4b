"""What a sandbox runs with."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

BOOK_FILE = "sandbox.db"


class SandboxOptions(Struct, kw_only=True, frozen=True):
    """What a sandbox runs with."""

    book: Path
    api_key: str
    webhook_secret: str
    webhook_url: str = ""
    """Empty: nobody is told."""
    webhook_certificate: str = ""
    """The one certificate (PEM) that an https webhook may show; empty: the system's authorities decide."""
    latency_ms: int = 50
