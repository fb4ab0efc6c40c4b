"""Fan-out: socket writes per second and core, beside the floor and beside other servers.

One danmaku is under way at a time: the next is sent when the first viewer saw it, so that a flush
carries one event, its frame has the size the floor and the others send, and the next danmaku travels
while the server still writes.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from loadtest.bench.machine import maps
from loadtest.bench.node import NotInstalled
from loadtest.bench.peer import PEERS, Peer, PeerServer
from loadtest.bench.plan import Plan
from loadtest.bench.results import (
    COALESCED_TARGET,
    FANOUT_STRETCH,
    FANOUT_TARGET,
    PEER_TARGET,
    Ratio,
    Sample,
    Section,
    Side,
    Spread,
    paired,
    side,
    spread,
    usable,
)
from loadtest.bench.sides import PACE, Floor, Relay
from loadtest.bench.target import Server, ServerFailed, known_settings

TEXT_BYTES = 20
COALESCED = 64
"""Danmaku under way in a coalesced window; the default chat budget of a flush is 100."""
COALESCED_TEXT_BYTES = 100
PEER_UNDER_WAY = 8
"""A peer writes one frame per message whatever is under way."""
TURN = {"MIAODAN_FANOUT__TICK_MS": "1"}
"""The shortest tick there is: a flush as soon as the last one is done."""
SENDER, DEFLATE = "MIAODAN_FANOUT__SENDER", "MIAODAN_FANOUT__DEFLATE"
WORDS = (
    "好看 想要 主播 这个 多少钱 已拍 下单了 还有吗 颜色 尺码 真的 好便宜 快点 上链接 抢到了 没抢到 "
    "发货 什么时候 喜欢 支持 哈哈哈 666 老铁 包邮 吗 质量 怎么样 同款 黑色 白色 第一次 来 了 大家 点赞 加油 "
    "再来 一单 want this one how much ordered thanks nice blue size please again hello from wow so cheap"
)
"""Texts of coalesced windows: what a compressor sees must not be one letter."""

FLOOR, SAME_RATE = "floor", "floor at its rate"
"""The second writes no faster than the server did: a receiver that falls behind takes several frames
at a time and acknowledges them together, which makes a faster sender's writes cheaper."""
OURS, PYTHON, PORTABLE = "Miaodan", "Miaodan, Python sender", "Miaodan, ASGI send"
MANY, PACKED = "Miaodan, coalesced", "Miaodan, compressed"
COLUMNS = {
    "messages": "messages/s per core",
    "megabytes": "MB/s per core",
    "cpu_us": f"CPU µs per frame at {PACE}/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "viewer_bytes": "bytes per viewer",
}


class CompressedServer(Server):
    """Its viewers negotiate compression, all but the first, which paces the senders."""

    def join(
        self, count: int, name: str, *, compressed: bool = False, room: str | None = None
    ) -> list[socket.socket]:
        if name != "viewer" or compressed:
            return super().join(count, name, compressed=compressed, room=room)
        return super().join(1, name) + super().join(count - 1, "compressed", compressed=True)


@dataclass
class Cast:
    """All that is measured, started; `notes` say what was left out."""

    plan: Plan
    stack: ExitStack
    relays: dict[str, Relay] = field(default_factory=dict)
    compressed: Relay | None = None
    floor: Floor | None = None
    frame_bytes: int = 0
    compiled_sender: bool = False
    peers: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def assemble(self) -> Self:
        """Miaodan's sides, the floor, the peers, in that order."""
        plan, known = self.plan, known_settings()
        self.relays[OURS] = self._miaodan({})
        if SENDER in known:
            self.relays[PYTHON] = self._miaodan({SENDER: "python"})
        else:
            self.notes.append("Without a side that sends in Python: this version has no other.")
        self.relays[PORTABLE] = self._miaodan({"MIAODAN_GATEWAY__PREFRAMED": "false"})
        if DEFLATE in known and plan.floor is not None:
            self.compressed = self._miaodan({DEFLATE: "true"}, CompressedServer)
            self.compressed.tell(f"words {WORDS}")
        else:
            self.notes.append("Without compressed frames: this version, or the receiver in Python, has none.")
        self.frame_bytes = round(self.relays[OURS].saturated().extra["frame_bytes"])
        if plan.floor is not None:
            self.floor = Floor(plan, plan.floor, self.stack)
        else:
            self.notes.append("The floor is left out: it is a C program, and there is no compiler here.")
        for name in plan.peers:
            self._invite(PEERS[name])
        return self

    def _miaodan(self, settings: Mapping[str, str], kind: type[Server] = Server) -> Relay:
        plan = self.plan
        server = self.stack.enter_context(kind(plan.placement, {**TURN, **settings}, plan.folder))
        server.open_room()
        self.compiled_sender = self.compiled_sender or maps(server.gateway, "sender.so")
        return Relay(plan, server, self.stack, text_bytes=TEXT_BYTES, under_way=1)

    def _invite(self, peer: Peer) -> None:
        plan = self.plan
        try:
            server = PeerServer(peer, plan.placement, plan.folder, plan.viewers)
            self.stack.enter_context(server)
        except (NotInstalled, ServerFailed) as error:
            self.notes.append(f"{peer.name} is left out: {error}.")
            return
        payload = self.frame_bytes - (2 if self.frame_bytes < 128 else 4)
        text_bytes = max(TEXT_BYTES, payload - len(peer.speech.replace("$text", "")))
        relay = Relay(plan, server, self.stack, text_bytes=text_bytes, under_way=PEER_UNDER_WAY)
        relay.tell(f"speech {peer.speech}", "accepted")
        self.relays[peer.name] = relay
        self.peers.append(peer.name)
        self.versions.append(server.version)


@dataclass
class Taken:
    """Samples by side, in the order of the table."""

    saturated: dict[str, list[Sample]] = field(default_factory=dict)
    paced: dict[str, list[Sample]] = field(default_factory=dict)

    def turn(self, cast: Cast) -> None:
        """One window of each kind of each side."""
        floor, frame_bytes = cast.floor, cast.frame_bytes
        if floor is not None:
            self._add(FLOOR, floor.saturated(frame_bytes), floor.paced(frame_bytes))
        for name, relay in cast.relays.items():
            ours = relay.saturated()
            if name == OURS and floor is not None:
                self._add(SAME_RATE, floor.saturated(frame_bytes, ours.count * 1e9 / ours.wall_ns))
            self._add(name, ours, relay.paced())
            if name == OURS:
                relay.tell(f"words {WORDS}")
                self._add(MANY, relay.saturated(COALESCED_TEXT_BYTES, COALESCED))
                relay.tell("words")
        if cast.compressed is not None:
            self._add(PACKED, cast.compressed.saturated(COALESCED_TEXT_BYTES, COALESCED))

    def _add(self, name: str, saturated: Sample, paced: Sample | None = None) -> None:
        self.saturated.setdefault(name, []).append(saturated)
        if paced is not None:
            self.paced.setdefault(name, []).append(paced)


def measure(plan: Plan) -> Section:
    """All sides in turn, again and again, so that a noisy minute falls on all of them."""
    with ExitStack() as stack:
        plan.say(f"fan-out: starting the servers, joining {plan.viewers} viewers to each")
        cast = Cast(plan, stack).assemble()
        taken = Taken()
        for turn in range(plan.repeat):
            plan.say(f"fan-out: {turn + 1} of {plan.repeat}")
            taken.turn(cast)
    return _section(cast, taken)


def _side(name: str, cast: Cast, taken: Taken) -> Side:
    found = side(name, taken.saturated[name])
    saturated, paced = usable(taken.saturated[name]), usable(taken.paced.get(name, []))
    found.figures["messages"] = spread([one.extra["messages"] * 1e9 / one.cpu_ns for one in saturated])
    found.figures["megabytes"] = spread([one.extra["bytes"] * 1e3 / one.cpu_ns for one in saturated])
    if paced:
        found.figures["cpu_us"] = spread([one.cpu_ns / 1e3 / one.count for one in paced])
    for figure in ("p50_ms", "p99_ms"):
        if paced and figure in paced[0].extra:
            found.figures[figure] = spread([one.extra[figure] for one in paced])
    relay = cast.relays.get(name)
    if relay is not None:
        found.figures["viewer_bytes"] = Spread(*[relay.bytes_per_viewer] * 3)
    return found


def _section(cast: Cast, taken: Taken) -> Section:
    plan = cast.plan
    order = [FLOOR, SAME_RATE, OURS, PYTHON, PORTABLE, MANY, PACKED, *cast.peers]
    sides = {name: _side(name, cast, taken) for name in order if name in taken.saturated}
    if not plan.placement.apart:
        cast.notes.append("Only one CPU: server and receiver shared it.")
    if noisy := sum(one.noisy for one in sides.values()):
        cast.notes.append(
            f"{noisy} of {len(sides)} sides are noisy: measure again when nothing else runs here."
        )
    paced = usable(taken.paced[OURS])
    facts: dict[str, float | int | str] = {
        "viewers": plan.viewers,
        "frame_bytes": cast.frame_bytes,
        "events_per_frame": round(max(one.extra["events_per_frame"] for one in taken.saturated[OURS]), 3),
        "coalesced_events_per_frame": round(_median(taken.saturated[MANY], "events_per_frame"), 1),
        "coalesced_messages_per_core": round(sides[MANY].figures["messages"].median),
        "store_and_back_office_cpu_us_per_frame": round(
            spread([one.extra["beside_cpu_ns"] / 1e3 / one.count for one in paced]).median, 2
        ),
        "compiled_sender": "yes" if cast.compiled_sender else "no",
        "peers": ", ".join(cast.versions) or "none",
    }
    return Section(
        "fan-out",
        "socket writes",
        list(sides.values()),
        _ratios(sides, cast),
        facts | _compression(taken),
        cast.notes,
        columns=COLUMNS,
    )


def _ratios(sides: Mapping[str, Side], cast: Cast) -> list[Ratio]:
    judged: dict[str, tuple[float, float | None]] = {
        PEERS[name].name: (PEER_TARGET, None) for name in ("ws", "socketio", "nchan")
    }
    judged[FLOOR] = FANOUT_TARGET, FANOUT_STRETCH
    ratios = []
    for name in (FLOOR, SAME_RATE, PYTHON, PORTABLE, *cast.peers):
        if name in sides:
            over = paired(sides[OURS].samples, sides[name].samples)
            target, stretch = judged.get(name, (None, None))
            short = name.removeprefix(f"{OURS}, ")
            ratios.append(Ratio(f"{OURS} / {short}", over.median, target, stretch, over))
    coalesced = sides[MANY].figures["messages"].median / 1e6
    ratios.append(Ratio("million coalesced messages per core and second", coalesced, COALESCED_TARGET))
    return ratios


def _compression(taken: Taken) -> dict[str, float | int | str]:
    """What a compressed frame saves and costs beside the same events in a plain one."""
    if PACKED not in taken.saturated:
        return {}
    plain, packed = usable(taken.saturated[MANY]), usable(taken.saturated[PACKED])

    def per_event(samples: list[Sample]) -> float:
        return spread([one.extra["bytes"] / one.extra["messages"] for one in samples]).median

    def cpu_us(samples: list[Sample]) -> float:
        return spread([one.cpu_ns / 1e3 / one.count for one in samples]).median

    return {
        "plain_bytes_per_message": round(per_event(plain), 1),
        "compressed_bytes_per_message": round(per_event(packed), 1),
        "plain_cpu_us_per_coalesced_frame": round(cpu_us(plain), 2),
        "compressed_cpu_us_per_coalesced_frame": round(cpu_us(packed), 2),
        "compressed_events_per_frame": round(_median(packed, "events_per_frame"), 1),
    }


def _median(samples: list[Sample], name: str) -> float:
    return spread([one.extra[name] for one in samples]).median
