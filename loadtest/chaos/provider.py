"""The sandbox provider over its HTTP API: its book, and its moods."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

from client_sim.address import Address
from client_sim.api import Api
from loadtest.chaos.facts import Payment

KEY_FILE = "provider.key"
PAGE = 1_000
ANSWER_S = 30.0
MOOD: dict[str, float] = {
    "latency_ms": 20,
    "delay_ms": 300,
    "duplicate": 0.3,
    "reorder": 0.3,
    "drop": 0.3,
    "fail": 0.3,
    "decline": 0.1,
    "pending": 0.3,
    "pending_ms": 1_500,
}
"""What it is told to do while it is moody."""


def listens_at(pid: int) -> Address | None:
    """Where a process takes connections; None where it does not (yet). Raises psutil.Error."""
    for connection in psutil.Process(pid).net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN:
            return Address(connection.laddr.ip, connection.laddr.port)
    return None


def be_moody(address: Address, data_dir: Path, seed: int) -> None:
    """From now on it misbehaves. Raises ApiError, OSError."""
    with closing(_api(address, data_dir)) as api:
        api.put("/v1/behaviour", {**MOOD, "seed": seed})


def behave(address: Address, data_dir: Path) -> None:
    """From now on it behaves. Raises ApiError, OSError."""
    with closing(_api(address, data_dir)) as api:
        api.delete("/v1/behaviour")


def _api(address: Address, data_dir: Path) -> Api:
    return Api(address, (data_dir / KEY_FILE).read_text().strip(), timeout=ANSWER_S)


def read_book(address: Address, data_dir: Path) -> list[Payment]:
    """Every payment with its refunds. Raises ApiError, OSError, KeyError for what is no book."""
    with closing(_api(address, data_dir)) as api:
        return [payment(entry) for entry in api.pages("/v1/book", "payments", limit=PAGE)]


def read_payments(address: Address, data_dir: Path, orders: Iterable[str]) -> list[Payment]:
    """All payments of some orders, without their refunds' list. Raises ApiError, OSError."""
    with closing(_api(address, data_dir)) as api:
        return [
            payment(entry) for order in orders for entry in api.get("/v1/payments", order=order)["payments"]
        ]


def payment(entry: dict[str, Any]) -> Payment:
    """One entry of an answer. Raises KeyError."""
    return Payment(
        payment=entry["payment"],
        key=entry["key"],
        order=entry["order"],
        amount=entry["amount"],
        currency=entry["currency"],
        status=entry["status"],
        refunded=entry["refunded"],
        refunds={refund["key"]: refund["amount"] for refund in entry.get("refunds", ())},
    )
