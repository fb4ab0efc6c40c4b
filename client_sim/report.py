"""What a run ends with: one JSON document, and the problems that make it fail."""

from __future__ import annotations

from typing import Any

from client_sim.swarm import Swarm


def problems(swarm: Swarm) -> list[str]:
    """Everything that makes the run fail, one sentence each; empty when all is well."""
    tally, plan = swarm.tally, swarm.plan
    found = []
    joined = swarm.joined_count()
    if joined < plan.viewers:
        found.append(f"{joined} of {plan.viewers} viewers joined")
    absent = joined - swarm.live_at_end
    if absent > 0:
        found.append(f"{absent} viewers were not in the room at the end")
    found += [f"{count} × {fault}" for fault, count in sorted(tally.violations.items())]
    if swarm.agreement is not None:
        found += swarm.agreement.problems
    if swarm.unanswered():
        found.append(f"{swarm.unanswered()} orders were never answered")
    return found


def report(swarm: Swarm) -> dict[str, Any]:
    """The whole run as a JSON document; times in milliseconds."""
    tally, plan = swarm.tally, swarm.plan
    frames = sum(viewer.frames for viewer in swarm.viewers)
    found = problems(swarm)
    return {
        "ok": not found,
        "problems": found,
        "room": plan.room,
        "codec": plan.encoding.value,
        "seconds": round(tally.elapsed(), 3),
        "viewers": {
            "asked": plan.viewers,
            "joined": swarm.joined_count(),
            "in_room_at_end": swarm.live_at_end,
            "joins": tally.joins,
            "reconnects": tally.reconnects,
            "recovered": tally.recovered,
            "never_welcomed_losses": tally.connect_failures,
            "closes": dict(tally.closes),
            "join_ms": tally.join_ms.summary(),
        },
        "delivery": {
            "danmaku_sent": tally.danmaku_sent,
            "danmaku_refused": dict(tally.danmaku_refused),
            "danmaku": tally.danmaku_delivered,
            "danmaku_skipped": tally.danmaku_skipped,
            "messages": frames,
            "bytes": sum(viewer.bytes for viewer in swarm.viewers),
            "publish_to_receive_ms": tally.delivery_ms.summary(),
        },
        "orders": {
            "buyers": plan.buyers,
            "outcomes": dict(tally.orders),
            "asked_again": tally.orders_asked_again,
            "replayed": tally.orders_replayed,
            "unanswered": swarm.unanswered(),
            "accepted_units": dict(tally.units),
            "latency_ms": tally.order_ms.summary(),
        },
        "countdown_skew_ms": tally.skew_ms.summary(),
        "consistency": swarm.agreement.document() if swarm.agreement is not None else None,
        "violations": dict(tally.violations),
        "violation_details": tally.details,
    }


def summary_line(swarm: Swarm, danmaku_per_second: float) -> str:
    """The state of a run in one log line."""
    tally = swarm.tally
    orders = " ".join(f"{name}={count}" for name, count in sorted(tally.orders.items())) or "none"
    return (
        f"{tally.elapsed():6.1f}s {swarm.phase} in_room={swarm.live_count()}/{swarm.plan.viewers} "
        f"danmaku/s={danmaku_per_second:.0f} p50={tally.delivery_ms.percentile(50):.1f}ms "
        f"p99={tally.delivery_ms.percentile(99):.1f}ms orders: {orders} "
        f"skew_p99={tally.skew_ms.percentile(99):.1f}ms reconnects={tally.reconnects} "
        f"violations={sum(tally.violations.values())}"
    )
