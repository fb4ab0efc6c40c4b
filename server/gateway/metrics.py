"""What the door counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from server.ops.tally import Tally

CONNECTIONS = Gauge(
    "miaodan_gateway_connections", "Open WebSockets, by kind.", ["kind"], multiprocess_mode="livesum"
)
OPENED = Tally(Counter("miaodan_gateway_opened_total", "WebSockets accepted, by kind.", ["kind"]))
REFUSED = Counter(
    "miaodan_gateway_refused_total",
    "Turned away: origin, draining, connections, address, joins, busy, store, failed, or a close's name.",
    ["reason"],
)
JOINED = Tally(Counter("miaodan_gateway_joined_total", "Members who entered a room, by how.", ["how"]))
COMMANDS = Tally(Counter("miaodan_gateway_commands_total", "Commands taken, by type.", ["type"]))
ERRORS = Tally(Counter("miaodan_gateway_errors_total", "Error replies, by code.", ["code"]))
MALFORMED = Counter("miaodan_gateway_malformed_total", "Times something came that is no HTTP request.")
