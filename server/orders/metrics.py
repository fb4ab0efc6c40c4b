"""What the order wing counts. Names begin with `miaodan_orders_`, times are seconds."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from server.ops.tally import Tally

OUTCOMES = Counter(
    "miaodan_orders_outcomes_total", "Answers to orders: placed, replayed, or why refused.", ["outcome"]
)
OUTCOME_TALLY = Tally(OUTCOMES)
LOCAL_ANSWERS = Tally(
    Counter("miaodan_orders_local_total", "Refusals that the store was not asked for, by code.", ["reason"])
)
FULL_QUEUES = Tally(
    Counter(
        "miaodan_orders_queue_full_total",
        "Orders turned away with `rate_limited`: as many wait for their pool, or for the partition, as may.",
        ["reason"],
    )
)
CALLS = Histogram(
    "miaodan_orders_store_seconds",
    "One script call, all its orders, fsync included.",
    ["script"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.08, 0.15, 0.5, 1, 5),
)
BATCH = Histogram(
    "miaodan_orders_batch_size",
    "Orders (or buyers, for `unfinished`) in one script call.",
    ["script"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
WAITING = Gauge(
    "miaodan_orders_waiting", "Orders waiting for their call.", ["script"], multiprocess_mode="livesum"
)
LOST_CALLS = Counter(
    "miaodan_orders_store_failures_total",
    "Script calls without an answer: lost, timeout, refused, error.",
    ["script", "reason"],
)
CALLBACK_ERRORS = Counter("miaodan_orders_callback_errors_total", "Answers whose receiver failed.")
RELEASED = Counter("miaodan_orders_released_total", "Holds given back: expired, cancelled.", ["reason"])
PAYMENTS = Counter(
    "miaodan_orders_payments_total",
    "Payments: paid, late, pending, refused, no_answer, foreign (another order's), unused (to be"
    " returned), returned, refunded.",
    ["result"],
)
CHARGES = Counter(
    "miaodan_orders_charges_total",
    "Charges: opened or joined, looked_at by the poller, and how they ended: paid, declined, unused,"
    " returned (before), foreign, left (nothing was taken); over_cap: not made by one tap.",
    ["what"],
)
CHARGES_OPEN = Gauge(
    "miaodan_orders_charges_open", "Charges that have not ended.", multiprocess_mode="livemax"
)
CHARGES_OLDEST = Gauge(
    "miaodan_orders_charges_oldest_seconds",
    "Age of the oldest open charge that the poller has looked at; 0 when there is none.",
    multiprocess_mode="livemax",
)
REFUNDS = Counter(
    "miaodan_orders_refunds_total",
    "Refunds: begun, approved, approved_by_time, declined, done; attempts at them: refused, no_answer.",
    ["result"],
)
RETURNS = Counter(
    "miaodan_orders_returns_total",
    "Attempts to give back a payment that paid nothing: done, refused, no_answer.",
    ["result"],
)
ACTIONS = Counter(
    "miaodan_orders_control_actions_total",
    "Control commands that were done: written to the audit trail, lost to it.",
    ["result"],
)
PAYING = Gauge(
    "miaodan_orders_paying", "Payments and refunds under way or waiting.", multiprocess_mode="livesum"
)
NOTICES = Counter(
    "miaodan_orders_payment_notices_total", "Notices of the payment provider, by what they did.", ["result"]
)
SWEEPS = Counter("miaodan_orders_sweeper_errors_total", "Passes of a sweeper that failed.", ["sweeper"])
LEDGER_ENTRIES = Counter(
    "miaodan_orders_ledger_entries_total", "Outbox entries: written, claimed, parked.", ["result"]
)
LEDGER_ROWS = Counter("miaodan_orders_ledger_rows_total", "Rows sent to the ledger.", ["table"])
LEDGER_ERRORS = Counter(
    "miaodan_orders_ledger_errors_total",
    "Passes that failed and were tried again: store, database.",
    ["reason"],
)
LEDGER_LAG = Gauge(
    "miaodan_orders_ledger_lag_seconds",
    "Age of the oldest outbox entry that is not in the ledger; 0 when all are.",
    multiprocess_mode="livemax",
)
LEDGER_BACKLOG = Gauge(
    "miaodan_orders_ledger_backlog", "Outbox entries not in the ledger yet.", multiprocess_mode="livemax"
)
LEDGER_PARKED = Gauge(
    "miaodan_orders_ledger_parked",
    "Outbox entries put aside, each for a person (miaodan ledger parked).",
    multiprocess_mode="livemax",
)
FROZEN = Gauge(
    "miaodan_orders_frozen_partitions",
    "Partitions of the store that were not checked against the ledger yet: nothing is sold of them.",
    multiprocess_mode="livemax",
)
REPLAYED = Counter(
    "miaodan_orders_replayed_total", "Written anew from the ledger: partitions, pools, orders.", ["what"]
)
