"""The sandbox provider's book, read over its HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil

from client_sim.address import Address
from client_sim.api import Api
from loadtest.chaos.facts import Payment

KEY_FILE = "provider.key"
PAGE = 1_000


def listens_at(pid: int) -> Address | None:
    """Where a process takes connections; None where it does not (yet). Raises psutil.Error."""
    for connection in psutil.Process(pid).net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN:
            return Address(connection.laddr.ip, connection.laddr.port)
    return None


def read_book(address: Address, data_dir: Path) -> list[Payment]:
    """Every payment with its refunds. Raises ApiError, OSError, KeyError for what is no book."""
    api = Api(address, (data_dir / KEY_FILE).read_text().strip(), timeout=30.0)
    try:
        return [payment(entry) for entry in api.pages("/v1/book", "payments", limit=PAGE)]
    finally:
        api.close()


def payment(entry: dict[str, Any]) -> Payment:
    """One entry of the book. Raises KeyError."""
    return Payment(
        payment=entry["payment"],
        key=entry["key"],
        order=entry["order"],
        amount=entry["amount"],
        currency=entry["currency"],
        status=entry["status"],
        refunded=entry["refunded"],
        refunds={refund["key"]: refund["amount"] for refund in entry["refunds"]},
    )
