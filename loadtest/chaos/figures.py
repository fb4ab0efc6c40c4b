"""What a chaos run was made of, in numbers."""

from __future__ import annotations

from collections import Counter

from loadtest.chaos.facts import Books
from loadtest.chaos.people import People
from loadtest.chaos.report import Figures
from loadtest.chaos.told import Told


def figures(told: Told, books: Books, people: People, answers: int, began_ms: float) -> Figures:
    """What the run was made of. `answers` under fire; `began_ms`: when the faults began."""
    pulse = people.pulse
    by_status = Counter(order.status for order in books.orders.values())
    codes = ", ".join(f"{code} {count:,}" for code, count in told.codes.most_common())
    done = {
        name: sum(host.done[name] for host in people.hosts) for host in people.hosts for name in host.done
    }
    return {
        "requests_sent": len(told.requests),
        "orders_acknowledged": len(told.orders),
        "orders_at_the_end": ", ".join(f"{name} {count:,}" for name, count in sorted(by_status.items())),
        "answers_under_fire": answers,
        "refusals": codes or "none",
        "turned_away": pulse.turned_away,
        "unknown_outcomes": told.doubts,
        "unknown_outcomes_resolved": told.resolved,
        "longest_outage_ms": round(pulse.outage_ms),
        "longest_outage_began_at_s": round((pulse.outage_at - began_ms) / 1000, 1),
        "longest_wait_for_an_order_ms": round(pulse.wait_ms),
        "units_given": sum(told.given.values()),
        "host_commands": ", ".join(f"{name} {count:,}" for name, count in sorted(done.items())),
        "payments_in_the_book": "no book" if books.book is None else len(books.book),
    }
