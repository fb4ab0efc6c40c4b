"""What many viewers and many orders need, from the fitted model and named assumptions. No I/O.

The shape of a deployment: every gateway process that has viewers of a room hears all that happens in it, by
PUBLISH of the one store; the stock of a room lies in one partition of that store, which one thread works on.
Several stores are several deployments ("cells") with rooms of their own: a server speaks to one store.
"""

from __future__ import annotations

from math import ceil, floor, inf

from msgspec import Struct

from loadtest.capacity.assumptions import Assumptions
from loadtest.capacity.costs import Costs, GatewayCosts

_FLUSH = "a flush"


class Case(Struct, frozen=True, kw_only=True):
    """What is asked for. Viewers and orders are spread evenly over `rooms`, each with one hot SKU."""

    name: str
    viewers: int = 0
    rooms: int = 1
    orders_per_second: float = 0.0


MILLION_A_MINUTE = 1_000_000 / 60
CASES = (
    Case(name="100,000 viewers in one room", viewers=100_000),
    Case(name="1,000,000 viewers in one room", viewers=1_000_000),
    Case(name="1,000,000 viewers in 100 rooms", viewers=1_000_000, rooms=100),
    Case(name="a million orders a minute, one SKU, orders alone", orders_per_second=MILLION_A_MINUTE),
    Case(
        name="a million orders a minute, 100 rooms, orders alone",
        orders_per_second=MILLION_A_MINUTE,
        rooms=100,
    ),
    Case(
        name="both: 1,000,000 viewers and a million orders a minute, 100 rooms",
        viewers=1_000_000,
        orders_per_second=MILLION_A_MINUTE,
        rooms=100,
    ),
)


class Needs(Struct, kw_only=True):
    """What a case takes. `bound_by` says what keeps a gateway from having more viewers; `obstacles` what
    cannot be bought away: empty when the case can be had. Loads are of one store, in shares of its thread."""

    case: Case
    cells: int
    gateways: int
    gateway_nodes: int
    viewers_per_gateway: int
    bound_by: str
    gateway_bytes: float | None
    node_bytes: float | None
    """None where what a process takes by itself could not be told."""
    gbit: float
    stores: int
    store_load: float
    relay_load: float
    backoffices: int
    ledger: str
    return_s: float
    """CPU seconds of letting everybody in again, over all gateways at once."""
    obstacles: list[str]


def sku_limit(known: Costs, given: Assumptions) -> float:
    """Orders a second of one SKU: one partition, one thread of one store."""
    per_order = known.order_store / given.machine_factor
    return given.store_utilisation / per_order if per_order else inf


def _room_for(one: GatewayCosts, known: Costs, given: Assumptions, heard: float) -> tuple[int, str]:
    """Viewers of one gateway that hears `heard` danmaku a second, and what bounds them."""
    faster = given.machine_factor
    frame = given.tls_factor * one.frame / faster
    distant = given.distant_share * one.danmaku / faster
    own = given.danmaku_said * (one.danmaku / faster - distant)
    each = given.tls_factor * one.viewer / faster + frame * given.frames_per_viewer + own
    left = given.gateway_utilisation - one.rest / faster - distant * heard
    bounds = {
        f"CPU at {given.gateway_utilisation:.0%}": left / each if each else inf,
        f"{_FLUSH} within p99 {given.p99_ms:g} ms": max(0.0, given.p99_ms - given.tick_ms) / 1000 / frame
        if frame
        else inf,
        "most measured in one process": float(known.most_viewers),
    }
    name = min(bounds, key=lambda bound: bounds[bound])
    return max(0, floor(bounds[name])), name


def projected(case: Case, known: Costs) -> bool:
    """Whether all that it hangs on could be told."""
    return known.gateway is not None or not case.viewers


def needs(case: Case, known: Costs, given: Assumptions) -> Needs:
    """In as few cells as the stores allow; a room is never divided between cells. Raises ValueError for one
    that is not `projected`."""
    if not projected(case, known):
        raise ValueError("; ".join(known.untold))
    found = _in_cells(case, 1, known, given)
    cells = 1
    while (found.store_load > given.store_utilisation or found.obstacles) and cells < case.rooms:
        cells += 1
        found = _in_cells(case, cells, known, given)
    if found.store_load > given.store_utilisation:
        found.obstacles.append(_overload(case, found, known, given))
    return found


def _overload(case: Case, found: Needs, known: Costs, given: Assumptions) -> str:
    planned = f"{given.store_utilisation:.0%} is planned for"
    said = f"the store would be at {found.store_load:.0%} of its one thread, {planned}"
    if case.orders_per_second and found.relay_load < found.store_load / 2:
        return f"{said}: one SKU is one partition on one thread, at most {sku_limit(known, given):,.0f}/s"
    return f"{said}: what is said in the room is published to each of {found.gateways:,} gateways"


def _in_cells(case: Case, cells: int, known: Costs, given: Assumptions) -> Needs:
    rooms = ceil(case.rooms / cells)  # of the fullest cell
    share = rooms / case.rooms
    viewers, orders = case.viewers * share, case.orders_per_second * share
    faster, obstacles = given.machine_factor, []
    heard = given.danmaku_said * viewers
    gateway = known.gateway
    room_for, bound = (1, "orders") if gateway is None else _room_for(gateway, known, given, heard)
    if not room_for and case.viewers:
        full = f"{heard:,.0f} danmaku/s alone fill a gateway, whatever it has of viewers"
        late = f"a tick of {given.tick_ms:g} ms leaves no time for {bound}"
        obstacles.append(late if bound.startswith(_FLUSH) else full)
        room_for = known.most_viewers  # for the rest of the row
    by_viewers = viewers / max(1, room_for)
    by_orders = orders * known.order_gateway * given.tls_factor / faster / given.gateway_utilisation
    gateways = max(1, ceil(by_viewers + by_orders))
    seen = min(given.danmaku_shown, heard / rooms)
    each = viewers / gateways
    bytes_out, gateway_bytes = 0.0, None
    if gateway is not None:
        frame_bytes = gateway.frame_bytes + given.packet_bytes
        bytes_out = viewers * (frame_bytes * given.frames_per_viewer + gateway.danmaku_bytes * seen)
        gateway_bytes = gateway.process_bytes + gateway.viewer_bytes * each
    gbit = bytes_out * 8 / 1e9
    nodes = ceil(max(gateways / given.gateways_per_node, gbit / (given.nic_gbit * given.nic_utilisation)))
    publishes = rooms * min(heard / rooms, gateways * 1000 / given.publish_ms)
    publishes += rooms * gateways / given.presence_s if viewers else 0.0
    relay = publishes * gateways * known.delivery / faster
    offices = max(1, ceil(orders * known.order_backoffice / faster / given.backoffice_utilisation))
    all_nodes = cells * (nodes + given.spare_nodes)
    return Needs(
        case=case,
        cells=cells,
        gateways=cells * gateways,
        gateway_nodes=all_nodes,
        viewers_per_gateway=round(each),
        bound_by=bound if case.viewers else "orders",
        gateway_bytes=gateway_bytes,
        node_bytes=gateway_bytes and gateway_bytes * min(gateways, given.gateways_per_node),
        gbit=gbit * cells,
        stores=cells * (1 + given.replicas),
        store_load=relay + orders * known.order_store / faster,
        relay_load=relay,
        backoffices=cells * offices,
        ledger=f"PostgreSQL, {case.orders_per_second / cells:,.0f} orders/s each"
        if case.orders_per_second
        else "PostgreSQL",
        return_s=viewers * known.join * given.tls_factor / faster / gateways,
        obstacles=obstacles,
    )
