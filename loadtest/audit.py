"""What every client was told, held against the server's ledger.

`judge` is pure: it takes both sides and returns one sentence per problem. `read_ledger` and
`await_ledger` fetch the server's side over the HTTP API; the ledger may lag, so reading is repeated
until every accepted order is in it or the time is up.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
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
    held: Counter[str] = Counter()
    by_user: Counter[tuple[str, str]] = Counter()
    problems = []
    for records in by_id.values():
        record = records[0]
        sale = record.get("sale")
        if sale is None or record["status"] not in HOLDING:
            continue
        held[sale] += record["quantity"]
        by_user[sale, record["user"]] += record["quantity"]
        known = told.sales.get(sale)
        if known is not None and record["amount"] != known["price"] * record["quantity"]:
            problems.append(f"order {record['order']} costs {record['amount']}, not {known['price']} each")
    for sale, known in told.sales.items():
        if held[sale] > known["stock"]:
            problems.append(f"sale {sale} sold {held[sale]} units and had {known['stock']}")
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
