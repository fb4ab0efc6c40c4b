from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from server.ops.tally import Tally, flush_all


def test_a_tally_hands_on_exactly_what_was_counted() -> None:
    registry = CollectorRegistry()
    tally = Tally(Counter("seen", "Seen.", ["kind"], registry=registry))
    tally.add("a")
    tally.add("a", 2)
    tally.add("b")
    assert registry.get_sample_value("seen_total", {"kind": "a"}) is None
    flush_all()
    tally.add("a")
    flush_all()
    flush_all()
    assert registry.get_sample_value("seen_total", {"kind": "a"}) == 4
    assert registry.get_sample_value("seen_total", {"kind": "b"}) == 1
