"""What the rooms count. Names begin with `miaodan_`, times are seconds."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from server.ops.tally import Tally

EVENTS = Counter("miaodan_room_events_total", "Events this process put into room logs.", ["type"])
CONFLICTS = Counter(
    "miaodan_room_log_conflicts_total", "Appends tried again because the room had moved on meanwhile."
)
COMMANDS = Counter(
    "miaodan_room_commands_total", "Control commands by outcome: done, or why refused.", ["type", "outcome"]
)
BUS_MESSAGES = Tally(
    Counter("miaodan_room_bus_messages_total", "Messages from the room bus by kind.", ["kind"])
)
BUS_RECONNECTS = Counter("miaodan_room_bus_reconnects_total", "Times the room bus lost its connection.")
BUS_ERRORS = Counter("miaodan_room_bus_errors_total", "Messages whose handler failed.")
CLOCK_EVENTS = Counter(
    "miaodan_sale_clock_settled_total", "Due sales settled by this process: start, sold_out, end.", ["what"]
)
CLOCK_ERRORS = Counter("miaodan_sale_clock_errors_total", "Passes or sales the clock has to try again.")
CLOCK_LAG = Histogram(
    "miaodan_sale_clock_lag_seconds",
    "From a sale's start or end to its event in the room's log.",
    ["what"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)

OPEN_ROOMS = Gauge("miaodan_open_rooms", "Rooms this process holds open.", multiprocess_mode="livesum")
RELOADS = Counter("miaodan_room_reloads_total", "Rooms read anew because their log could not be followed.")
RESUME_READS = Counter(
    "miaodan_resume_log_reads_total", "Reads of a room's log for viewers who missed more than the ring holds."
)
CHAT_LOST = Counter("miaodan_danmaku_lost_total", "Accepted danmaku the store took no publish of.")
