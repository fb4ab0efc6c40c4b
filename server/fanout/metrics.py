"""What fan-out counts. Every drop and every close has a reason."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from server.ops.tally import Tally

FRAMES = Tally(Counter("miaodan_fanout_frames_total", "Shared frames built, by kind.", ["kind"]))
WRITES = Tally(Counter("miaodan_fanout_writes_total", "Frames handed to a viewer's transport."))
BYTES = Tally(Counter("miaodan_fanout_bytes_total", "Bytes handed to viewers' transports."))
DEFLATED = Tally(
    Counter(
        "miaodan_fanout_deflate_bytes_total",
        "Payload bytes of shared frames that were compressed, before and after it.",
        ["stage"],
    )
)
DEFLATE_SECONDS = Counter("miaodan_fanout_deflate_seconds_total", "Time spent compressing shared frames.")
HURRIED = Counter(
    "miaodan_fanout_hurried_total",
    "Deliveries finished in one turn, as too many were under way.",
)
FLUSH_SECONDS = Histogram(
    "miaodan_fanout_flush_seconds",
    "Time from a delivery's begin until its last socket was written.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
CHAT_SKIPPED = Counter(
    "miaodan_fanout_chat_skipped_total",
    "Danmaku not shown, by reason: budget and overflow per section of a room, slow per viewer.",
    ["reason"],
)
STATE_MERGED = Counter("miaodan_fanout_state_merged_total", "State updates merged away for slow viewers.")
SLOW = Gauge("miaodan_fanout_slow_viewers", "Viewers above the soft mark.", multiprocess_mode="livesum")
CLOSED = Counter("miaodan_fanout_closed_total", "Sockets closed by the server, by code.", ["code"])
