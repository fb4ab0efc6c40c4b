"""Orders and stock, held against what was told. Pure: each check returns one sentence per broken promise."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from loadtest.chaos.facts import LedgerOrder, Move, Pool, Shown, Step, Store
from loadtest.chaos.told import STANDING, Told

HELD = frozenset({"reserved"})
SOLD = frozenset({"paid", "shipped", "delivered", "refunding"})
"""Units stay sold until the money is back."""
BY_HOST = frozenset({"mount", "restock", "unmount"})
"""Reasons of stock movements that a host asked for."""
LEFT = "refunded_shipped"
"""The reason of those that take out what was refunded and will not come back to the shelf."""
FOLLOWS: dict[str, frozenset[str]] = {
    "reserved": frozenset({"paid", "cancelled", "expired"}),
    "paid": frozenset({"shipped", "refunding"}),
    "shipped": frozenset({"delivered", "refunding"}),
    "delivered": frozenset({"refunding"}),
    # Back to where it was: the refund was partial or declined. `refunding`: the host approved it.
    "refunding": frozenset({"refunded", "refunding", "paid", "shipped", "delivered"}),
    "expired": frozenset({"paid"}),
    "cancelled": frozenset(),
    "refunded": frozenset(),
}


def acknowledged(
    told: Told, orders: Mapping[str, LedgerOrder], history: Mapping[str, Sequence[Step]]
) -> list[str]:
    """No acknowledged order is lost: each is in the ledger as it was told, and went on from there."""
    found = []
    for order, known in told.orders.items():
        kept = orders.get(order)
        if kept is None:
            found.append(f"order {order} of {known.user} was acknowledged and is not in the ledger")
            continue
        for name in ("user", "request", "room", "pool", "quantity", "amount", "currency"):
            if getattr(known, name) != getattr(kept, name):
                found.append(
                    f"order {order}: {name} was told as {getattr(known, name)!r},"
                    f" the ledger has {getattr(kept, name)!r}"
                )
        if kept.version < known.top:
            found.append(f"order {order}: version {known.top} was told, the ledger stands at {kept.version}")
        steps = {step.version: step.status for step in history.get(order, ())}
        for version, status in known.versions.items():
            if steps.get(version) != status:
                found.append(
                    f"order {order}: version {version} was told as {status},"
                    f" its history has {steps.get(version)}"
                )
    return found


def histories(orders: Mapping[str, LedgerOrder], history: Mapping[str, Sequence[Step]]) -> list[str]:
    """Every order began reserved, went on by allowed steps, skipped no version, and stands at its last."""
    found = []
    for order, kept in orders.items():
        steps = sorted(history.get(order, ()), key=lambda step: step.version)
        if [step.version for step in steps] != list(range(1, kept.version + 1)):
            versions = [step.version for step in steps]
            found.append(f"order {order}: stands at version {kept.version}, its history has {versions}")
            continue
        if steps[0].status != "reserved":
            found.append(f"order {order}: began as {steps[0].status}")
        for before, after in pairwise(steps):
            if after.status not in FOLLOWS[before.status]:
                found.append(
                    f"order {order}: went from {before.status} to {after.status} at version {after.version}"
                )
        if steps[-1].status != kept.status:
            found.append(f"order {order}: is {kept.status}, its last step was {steps[-1].status}")
    return found


def one_order(told: Told, orders: Mapping[str, LedgerOrder]) -> list[str]:
    """One request, one order; and none where the only answer was a refusal."""
    made: dict[tuple[str, str], set[str]] = defaultdict(set)
    for kept in orders.values():
        made[kept.user, kept.request].add(kept.order)
    found = []
    for name, request in told.requests.items():
        everything = request.orders | made.get(name, set())
        if len(everything) > 1:
            found.append(f"request {'/'.join(name)} made {len(everything)} orders: {sorted(everything)}")
        refused = request.codes and not request.doubtful and not request.orders
        if refused and everything and not STANDING & set(request.codes):
            found.append(
                f"request {'/'.join(name)} was refused ({request.codes[-1]}) and made order {min(everything)}"
            )
    for name, names in made.items():
        if name not in told.requests:
            found.append(f"order {min(names)} stands for request {'/'.join(name)}, which nobody sent")
    return found


def answered(told: Told) -> list[str]:
    """Every unknown outcome became a known one."""
    return [f"nobody said what became of {'/'.join(name)}" for name in told.unanswered]


def oversold(
    orders: Mapping[str, LedgerOrder], history: Mapping[str, Sequence[Step]], moves: Iterable[Move]
) -> list[str]:
    """At no moment did a pool's orders have more units than the pool was given."""
    changes: dict[str, Counter[int]] = defaultdict(Counter)
    for move in moves:
        changes[f"{move.room}/{move.pool}"][move.at] += move.delta
    for order, kept in orders.items():
        has = False
        for step in sorted(history.get(order, ()), key=lambda step: step.version):
            takes = step.status in HELD or step.status in SOLD
            if takes != has:
                changes[f"{kept.room}/{kept.pool}"][step.at] += -kept.quantity if takes else kept.quantity
                has = takes
    found = []
    for pool, deltas in sorted(changes.items()):
        left = least = at = 0
        for moment, delta in sorted(deltas.items()):
            left += delta
            if left < least:
                least, at = left, moment
        if least < 0:
            found.append(f"pool {pool} was oversold by {-least} units at {at}; {left} are left at the end")
    return found


def stranded(store: Store, orders: Mapping[str, LedgerOrder], moves: Iterable[Move]) -> list[str]:
    """After reconciliation every unit is accounted for, none is held, and store and ledger say the same."""
    given: Counter[str] = Counter()
    for move in moves:
        given[f"{move.room}/{move.pool}"] += move.delta
    held: Counter[str] = Counter()
    sold: Counter[str] = Counter()
    for kept in orders.values():
        name = f"{kept.room}/{kept.pool}"
        held[name] += kept.quantity if kept.status in HELD else 0
        sold[name] += kept.quantity if kept.status in SOLD else 0
    found = []
    for pool in store.pools:
        found += _pool(pool, given[pool.name], held[pool.name], sold[pool.name])
    known = {pool.name for pool in store.pools}
    found += [
        f"pool {name}: {units} units were given to it, the store does not know it"
        for name, units in sorted(given.items())
        if units and name not in known
    ]
    if store.holds:
        found.append(f"{store.holds} holds are left, {store.overdue} of them past their deadline")
    if store.returns:
        found.append(f"{store.returns} payments or refunds are still on their way back")
    if store.behind:
        found.append(f"the ledger lacks {store.behind} entries of the outbox")
    return found


def _pool(pool: Pool, given: int, held: int, sold: int) -> list[str]:
    found = []
    accounted = pool.available + pool.held + pool.sold
    if accounted != given:
        found.append(
            f"pool {pool.name}: {given} units were given, {pool.available} available + {pool.held} held"
            f" + {pool.sold} sold = {accounted}"
        )
    if min(pool.available, pool.held, pool.sold) < 0:
        found.append(f"pool {pool.name}: a number is below zero: {pool}")
    if (pool.held, pool.sold) != (held, sold):
        found.append(
            f"pool {pool.name}: the store has {pool.held} held and {pool.sold} sold,"
            f" the ledger's orders {held} and {sold}"
        )
    return found


def stored(told: Told, store: Store, orders: Mapping[str, LedgerOrder]) -> list[str]:
    """Where the store still has an acknowledged order, it says the same as the ledger."""
    found = []
    for order in told.orders:
        record, kept = store.orders.get(order), orders.get(order)
        if record is not None and kept is not None and record != (kept.version, kept.status):
            found.append(
                f"order {order}: the store has {record[1]} at version {record[0]},"
                f" the ledger {kept.status} at version {kept.version}"
            )
    return found


def given(told: Told, moves: Iterable[Move]) -> list[str]:
    """What hosts were told they put in or took out is what the ledger has, once."""
    moved: Counter[str] = Counter()
    for move in moves:
        if move.reason in BY_HOST:
            moved[move.room] += move.delta
    found = []
    for room in sorted(moved.keys() | told.given.keys()):
        below, above = told.perhaps.get(room, (0, 0))
        low, high = told.given[room] + below, told.given[room] + above
        if not low <= moved[room] <= high:
            span = f"{low}" if low == high else f"{low} to {high}"
            found.append(f"room {room}: the host gave {span} units, the ledger has {moved[room]}")
    return found


def moved(
    orders: Mapping[str, LedgerOrder], history: Mapping[str, Sequence[Step]], moves: Iterable[Move]
) -> list[str]:
    """Between a room's pools no unit comes or goes; what was shipped and refunded has left the shop, once."""
    between: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for move in moves:
        if move.reason == LEFT:
            left[move.room] -= move.delta
        elif move.reason not in BY_HOST:
            between[move.room] += move.delta
    gone: Counter[str] = Counter()
    for order, kept in orders.items():
        shipped = any(step.status == "shipped" for step in history.get(order, ()))
        gone[kept.room] += kept.quantity if shipped and kept.status == "refunded" else 0
    found = [
        f"room {room}: {units:+d} units came about between its pools"
        for room, units in sorted(between.items())
        if units
    ]
    found += [
        f"room {room}: {gone[room]} units were shipped and refunded, the ledger took {left[room]} out"
        for room in sorted(gone.keys() | left.keys())
        if gone[room] != left[room]
    ]
    return found


def shown_stock(shown: Iterable[Shown], pools: Iterable[Pool]) -> list[str]:
    """What viewers were shown last is what can be bought."""
    sellable: dict[str, dict[str, int]] = defaultdict(dict)
    for pool in pools:
        if pool.state == "open":
            sellable[pool.room][pool.pool.partition("/")[2]] = pool.available
    return [
        f"{viewer.viewer} is shown {viewer.units.get(name)} of {viewer.room}/{name}, {units} can be bought"
        for viewer in shown
        for name, units in sellable[viewer.room].items()
        if viewer.units.get(name) != units
    ]


def audited(report: Mapping[str, object]) -> list[str]:
    """`miaodan audit` finds nothing either."""
    if report.get("ok") is True:
        return []
    problems = report.get("problems")
    if not isinstance(problems, list) or not problems:
        return [f"the audit gave no result: {report}"]
    return [f"audit: {problem.get('pool')}: {problem.get('message')}" for problem in problems]


def nothing_parked(parked: int) -> list[str]:
    """The ledger could write everything."""
    return [f"{parked} outbox entries were put aside"] if parked else []
