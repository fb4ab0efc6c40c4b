"""What an operator of the server is to be woken for, as `docs/metrics.md` has it."""

from __future__ import annotations

from msgspec import Struct


class Alert(Struct, frozen=True):
    """`when`: a PromQL expression that holds. `means`, `look`: what it says, where to look."""

    when: str
    means: str
    look: str


NOW = (
    Alert(
        "max_over_time(miaodan_orders_frozen_partitions[1m]) > 0",
        "nothing is sold of these partitions, `/ready` is 503: the store is being checked or rebuilt",
        "the log of the back office; where it waits for the database, that. [stock.md](stock.md)",
    ),
    Alert(
        "miaodan_orders_ledger_parked > 0",
        "these outbox entries could not be written to the ledger and are put aside",
        "`miaodan ledger parked list`, then `retry` or `drop`",
    ),
    Alert(
        "miaodan_orders_ledger_lag_seconds > 30",
        "the ledger is behind, `/ready` says `degraded`: sales go on, order lists are old",
        "the database; `miaodan_orders_ledger_errors_total` says whether it or the store fails",
    ),
    Alert(
        "miaodan_orders_charges_oldest_seconds > 600",
        "for ten minutes the payment provider has not said what became of a charge",
        'the provider; `miaodan_orders_payments_total{result="no_answer"}`',
    ),
    Alert(
        'increase(miaodan_orders_refunds_total{result="refused"}[15m]) > 0',
        "the provider refuses to give money back; the order stays `refunding`, it is tried again",
        "the log names the order, the provider says why",
    ),
    Alert(
        "increase(miaodan_orders_store_failures_total[5m]) > 0",
        "script calls without an answer: buyers heard `unknown_outcome` or `unavailable`",
        "the store: is it there, is its disk slow or full",
    ),
    Alert(
        'increase(miaodan_orders_control_actions_total{result="lost"}[1h]) > 0',
        "a control command was done and left no row in the audit trail",
        "the log has who, where and what",
    ),
    Alert(
        "increase(miaodan_orders_callback_errors_total[1h])"
        " + increase(miaodan_room_bus_errors_total[1h]) > 0",
        "a defect: something in Miaodan could not take an answer or a message",
        "the log has the traceback",
    ),
)

SOON = (
    Alert(
        "deriv(miaodan_orders_ledger_backlog[10m]) > 0",
        "for ten minutes more was sold than the ledger could write",
        "the database's speed; the store's memory, where the backlog lies",
    ),
    Alert(
        "deriv(miaodan_orders_charges_open[10m]) > 0",
        "charges begin faster than they end",
        "the provider's latency, and whether its notices come: `miaodan_orders_payment_notices_total`",
    ),
    Alert(
        "rate(miaodan_orders_queue_full_total[1m]) > 0",
        "more orders come than the store takes; the rest hear `rate_limited` with a time to come back",
        "`miaodan_orders_store_seconds`; a flash sale may do this for some seconds",
    ),
    Alert(
        "histogram_quantile(0.99, sum by (le) (rate(miaodan_orders_store_seconds_bucket[5m]))) > 0.08",
        "a call of the store takes long; it ends with an fsync",
        "the disk under the store",
    ),
    Alert(
        'increase(miaodan_orders_payment_notices_total{result="unauthorized"}[15m]) > 0',
        "notices with a wrong or old signature: forged, or a secret or clock that differs",
        "`payment_notices` in the ledger; `payments.webhook_secret`",
    ),
    Alert(
        "increase(miaodan_orders_sweeper_errors_total[5m]) > 3",
        "holds, refunds, returns or charges are not looked after; they are tried again",
        "the label `sweeper`, and the log",
    ),
    Alert(
        "histogram_quantile(0.99, sum by (le) (rate(miaodan_sale_clock_lag_seconds_bucket[5m]))) > 1",
        "sales open or end late on the screens",
        "the load of the back office and the store; `miaodan_sale_clock_errors_total`",
    ),
    Alert(
        'sum(increase(miaodan_fanout_closed_total{code="4001"}[5m]))'
        " > 0.02 * sum(miaodan_gateway_connections)",
        "slow viewers were closed: more than one of fifty in five minutes",
        "the network; `miaodan_fanout_slow_viewers`, `miaodan_fanout_flush_seconds`",
    ),
    Alert(
        'increase(miaodan_gateway_refused_total{reason="connections"}[5m]) > 0',
        "a worker is full: `gateway.max_connections`",
        "more workers or machines",
    ),
    Alert(
        "increase(miaodan_danmaku_lost_total[5m]) + increase(miaodan_room_bus_reconnects_total[5m]) > 0",
        "danmaku were lost, or the gateways lost the store for a moment",
        "the store, the line to it",
    ),
)
