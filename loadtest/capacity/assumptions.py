"""What the projection takes for granted, each with its unit and why. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, get_type_hints

from msgspec import Meta, Struct


def _meta(unit: str, why: str) -> Meta:
    return Meta(description=why, extra={"unit": unit})


class Assumptions(Struct, frozen=True, kw_only=True):
    """Everything the projection takes for granted; `listed` says each with its unit and why."""

    gateway_utilisation: Annotated[
        float, _meta("of a core", "room for joins, a lost node and an uneven balancer")
    ] = 0.6
    store_utilisation: Annotated[
        float, _meta("of the store's one thread", "it waits for fsync, and waiting grows fast beyond this")
    ] = 0.6
    backoffice_utilisation: Annotated[
        float, _meta("of a core", "it may be late by a second, so it may be fuller than a gateway")
    ] = 0.7
    nic_utilisation: Annotated[float, _meta("of the network card", "traffic comes in bursts of a tick")] = 0.6
    machine_factor: Annotated[
        float, _meta("bought core / measured core", "set it when the cores you buy are faster or slower")
    ] = 1.0
    tls_factor: Annotated[
        float,
        _meta(
            "x CPU of frames, viewers, joins, orders",
            "TLS in the gateway; not measured here (1.0 with TLS before it)",
        ),
    ] = 1.4
    p99_ms: Annotated[float, _meta("ms", "the promise: publish to receive, 99 of 100")] = 80.0
    tick_ms: Annotated[float, _meta("ms", "`fanout.tick_ms`; what waits for the next tick waits so long")] = (
        50.0
    )
    frames_per_viewer: Annotated[float, _meta("frames/s", "a lively room flushes on every tick")] = 20.0
    danmaku_said: Annotated[
        float, _meta("danmaku/s per viewer", "each viewer says something every eight minutes")
    ] = 0.002
    danmaku_shown: Annotated[
        float, _meta("danmaku/s", "one a tick, more nobody reads: `fanout.chat_budget = 1`")
    ] = 20.0
    distant_share: Annotated[
        float,
        _meta(
            "of d", "of a danmaku's cost, what it costs gateways it was not said at; one gateway was measured"
        ),
    ] = 0.5
    publish_ms: Annotated[float, _meta("ms", "a gateway bundles a room's danmaku for so long")] = 10.0
    presence_s: Annotated[
        float, _meta("s", "`rooms.presence_ms`: so often each gateway tells each room who watches")
    ] = 1.0
    packet_bytes: Annotated[
        float, _meta("bytes per frame", "Ethernet, IP, TCP and TLS record; loopback has none of it")
    ] = 95.0
    cores_per_node: Annotated[
        int, _meta("cores", "a common size; what gateways leave of it is for kernel and network")
    ] = 16
    gateways_per_node: Annotated[int, _meta("processes", "one core each, so no more than cores")] = 12
    nic_gbit: Annotated[float, _meta("Gbit/s per node", "a common size")] = 10.0
    spare_nodes: Annotated[int, _meta("nodes per cell", "one may die or be drained")] = 1
    replicas: Annotated[int, _meta("copies of each store", "a machine to go on with; it takes no load")] = 1


def listed(assumptions: Assumptions) -> Iterator[tuple[str, float, str, str]]:
    """Name, value, unit, why."""
    for name, hint in get_type_hints(Assumptions, include_extras=True).items():
        (meta,) = hint.__metadata__
        yield name, getattr(assumptions, name), meta.extra["unit"], meta.description
