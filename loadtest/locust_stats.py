"""Durations counted elsewhere, folded into Locust's own statistics: they come out in its tables and plots."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from locust.stats import StatsEntry, bucket_response_time

from client_sim.histogram import middle_of

APART = frozenset({"DELIVERY", "GENERATOR"})
"""Kinds that are no requests: Locust's totals are without them."""


def fold(stats: Any, grown: Mapping[str, Mapping[int, int]]) -> None:
    """Add `{"KIND|name": {bucket: count}}` to `environment.stats`, as if each had been fired by itself."""
    now = time.time()
    for key, buckets in grown.items():
        kind, _, name = key.partition("|")
        more: Any = StatsEntry(stats, name, kind, use_response_times_cache=False)
        more.last_request_timestamp = now
        for bucket, count in buckets.items():
            value = middle_of(bucket)
            more.num_requests += count
            more.total_response_time += value * count
            more.max_response_time = max(more.max_response_time, value)
            known = more.min_response_time
            more.min_response_time = value if known is None else min(known, value)
            rounded = bucket_response_time(value)
            more.response_times[rounded] = more.response_times.get(rounded, 0) + count
        more.num_reqs_per_sec[int(now)] = more.num_requests
        stats.get(name, kind).extend(more)
        if kind not in APART:
            stats.total.extend(more)
