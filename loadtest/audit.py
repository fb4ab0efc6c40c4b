"""What every client was told, held against the server's ledger.

`judge` is pure: it takes both sides and returns one sentence per problem. `read_ledger` and
`await_ledger` fetch the server's side over the HTTP API; the ledger may lag, so reading is repeated
until every accepted order is in it or the time is up.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from client_sim.api import Api, ApiError
from loadtest.told import Told

PAGE = 200
SHOWN = 20
"""Problems of one kind that are spelled out."""
HOLDING = frozenset({"reserved", "paid", "shipped", "delivered", "refunding"})
"""Statuses in which an order keeps its units."""
COMPARED = ("user", "request_id", "sku", "sale", "quantity", "amount")

Record = dict[str, Any]


@dataclass(frozen=True)
class SaleSum:
    """What a sale had and what became of it, in units. `allocated`: ever given to somebody; `held`: still."""

    sale: str
    stock: int
    allocated: int
    held: int
    called_sold_out: int | None
    """The smallest quantity that was refused as sold out."""

    @property
    def oversold(self) -> int:
        return max(0, self.held - self.stock)

    @property
    def unsold(self) -> int:
        """Units nobody ever got though somebody was told that there were none: lost by the server."""
        if self.called_sold_out is None:
            return 0
        return max(0, self.stock - (self.called_sold_out - 1) - self.allocated)


def sale_sums(told: Told, ledger: Sequence[Record]) -> list[SaleSum]:
    """Each sale that was seen before its start, held against the ledger."""
    allocated: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for record in ledger:
        if record.get("sale") is not None:
            allocated[record["sale"]] += record["quantity"]
            held[record["sale"]] += record["quantity"] if record["status"] in HOLDING else 0
    return [
        SaleSum(sale, known["stock"], allocated[sale], held[sale], told.sold_out.get(sale))
        for sale, known in told.sales.items()
    ]


def judge(told: Told, ledger: Sequence[Record], users: Callable[[str], bool]) -> list[str]:
    """One sentence per problem; empty when the ledger is what the clients were told.

    `users` says whether a user id belongs to this run: other people's orders in the room count for
    a sale's stock, but nobody here can say what they were told.
    """
    by_id: dict[str, list[Record]] = defaultdict(list)
    for record in ledger:
        by_id[record["order"]].append(record)
    return [
        *_cut(_accepted_problems(told, by_id)),
        *_cut(_unexpected_problems(told, ledger, users)),
        *_cut(_sale_problems(told, by_id)),
    ]


def _cut(problems: list[str]) -> list[str]:
    if len(problems) <= SHOWN:
        return problems
    return [*problems[:SHOWN], f"… and {len(problems) - SHOWN} more like these"]


def _accepted_problems(told: Told, by_id: dict[str, list[Record]]) -> list[str]:
    problems = []
    owners: dict[str, str] = {}
    for name, order in told.accepted.items():
        identifier = order["order"]
        owner = owners.setdefault(identifier, name)
        if owner != name:
            problems.append(f"order {identifier} was told to {owner} and to {name}")
        records = by_id.get(identifier, [])
        if not records:
            problems.append(f"order {identifier} of {order['user']} was accepted and is not in the ledger")
        elif len(records) > 1:
            problems.append(f"order {identifier} is in the ledger {len(records)} times")
        else:
            kept = records[0]
            problems += [
                f"order {identifier}: {key} was told as {order[key]!r}, the ledger has {kept.get(key)!r}"
                for key in COMPARED
                if kept.get(key) != order[key]
            ]
    return problems


def _unexpected_problems(told: Told, ledger: Sequence[Record], users: Callable[[str], bool]) -> list[str]:
    problems = []
    requests: Counter[str] = Counter()
    for record in ledger:
        name = f"{record['user']}/{record['request_id']}"
        requests[name] += 1
        if name in told.accepted or name in told.unanswered:
            continue
        if name in told.refused:
            problems.append(
                f"order {record['order']} of {record['user']} is in the ledger, "
                f"but the buyer was told {told.refused[name]}"
            )
        elif users(record["user"]) and not told.refusals_forgotten:
            problems.append(f"order {record['order']} of {record['user']} was told to nobody")
    problems += [f"request {name} made {count} orders" for name, count in requests.items() if count > 1]
    return problems


def _sale_problems(told: Told, by_id: dict[str, list[Record]]) -> list[str]:
    by_user: Counter[tuple[str, str]] = Counter()
    problems = []
    for records in by_id.values():
        record = records[0]
        sale = record.get("sale")
        if sale is None or record["status"] not in HOLDING:
            continue
        by_user[sale, record["user"]] += record["quantity"]
        known = told.sales.get(sale)
        if known is not None and record["amount"] != known["price"] * record["quantity"]:
            problems.append(f"order {record['order']} costs {record['amount']}, not {known['price']} each")
    for one in sale_sums(told, [record for records in by_id.values() for record in records[:1]]):
        if one.oversold:
            problems.append(f"sale {one.sale} sold {one.held} units and had {one.stock}")
        if one.unsold:
            problems.append(
                f"sale {one.sale} was called sold out, {one.unsold} of its {one.stock} units were never sold"
            )
    for (sale, user), units in by_user.items():
        limit = told.sales.get(sale, {}).get("limit")
        if limit is not None and units > limit:
            problems.append(f"user {user} holds {units} units of sale {sale}, the limit is {limit}")
    return problems


def read_ledger(api: Api, room: str) -> list[Record]:
    """Every order of the room in the ledger, page after page; raises ApiError, OSError."""
    return list(api.pages("/api/v1/orders", "orders", room=room, limit=PAGE))


def await_ledger(told: Told, api: Api, room: str, wait_s: float) -> list[Record]:
    """The ledger once it holds every accepted order, or as it is after `wait_s` seconds.

    An API that does not answer is asked again within the same time; raises what it said last.
    """
    until = time.monotonic() + wait_s
    wanted = {order["order"] for order in told.accepted.values()}
    while True:
        late = time.monotonic() >= until
        try:
            ledger = read_ledger(api, room)
        except (OSError, ApiError):
            if late:
                raise
        else:
            if late or wanted <= {record["order"] for record in ledger}:
                return ledger
        time.sleep(0.25)
