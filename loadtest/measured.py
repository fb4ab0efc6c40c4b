"""What one process measured, second by second, in a form that adds up across processes.

Durations are counted in the buckets of `client_sim.histogram` (an error under one percent), so that
recording is one increment, and thousands a second do not make the generator the bottleneck. Nothing
is lost to sampling.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from client_sim.histogram import Histogram, bucket_of
from client_sim.wire import Batch

Buckets = Counter[int]
KEPT_ERRORS = 200
"""Different errors that are told apart."""


def key_of(kind: str, name: str) -> str:
    """`ORDER`, `order accepted` -> `ORDER|order accepted`."""
    return f"{kind}|{name}"


@dataclass
class Bin:
    """One slice of the run. `gauges`: by name, by process, the latest value."""

    times: dict[str, Buckets] = field(default_factory=lambda: defaultdict(Counter))
    counts: Counter[str] = field(default_factory=Counter)
    gauges: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, other: Bin) -> None:
        for key, buckets in other.times.items():
            self.times[key].update(buckets)
        self.counts.update(other.counts)
        for name, values in other.gauges.items():
            self.gauges[name].update(values)


class Measured:
    """Bins by `second // width`. `fresh` is what was not folded yet, `bins` all that came together here."""

    def __init__(self, width_s: int = 1) -> None:
        self.width_s = max(width_s, 1)
        self.bins: dict[int, Bin] = {}
        self.errors: Counter[str] = Counter()
        self.problems: list[str] = []
        self.swarms: list[dict[str, Any]] = []
        """The last word of each swarm."""
        self._fresh: dict[int, Bin] = {}

    # ---- recording ----------------------------------------------------------------------------

    def record(self, kind: str, name: str, ms: float, now_ms: float, times: int = 1) -> None:
        """`times` durations of `ms` milliseconds that ended at `now_ms` (wall clock)."""
        self._bin(now_ms).times[key_of(kind, name)][bucket_of(ms)] += times

    def pour(self, kind: str, name: str, buckets: Mapping[int, int], now_ms: float) -> None:
        """Durations another process counted, by bucket."""
        self._bin(now_ms).times[key_of(kind, name)].update(buckets)

    def count(self, name: str, now_ms: float, times: int = 1) -> None:
        self._bin(now_ms).counts[name] += times

    def gauge(self, name: str, process: str, value: float, now_ms: float) -> None:
        """A level at `now_ms`; levels of several processes add up."""
        self._bin(now_ms).gauges[name][process] = value

    def failed(self, kind: str, name: str, error: str, now_ms: float, times: int = 1) -> None:
        """Requests that went wrong."""
        self._bin(now_ms).counts[f"failed {kind}"] += times
        line = f"{name}: {error}"[:300]
        if line not in self.errors and len(self.errors) >= KEPT_ERRORS:
            line = "others"
        self.errors[line] += times

    def delivered(self, batch: Batch, now_ms: float) -> None:
        """Danmaku of one batch, for everybody of this process who noted its arrival."""
        ages = Counter(message.at for message in batch.chat)
        for arrival, viewers in batch.arrivals.items():
            for at, messages in ages.items():
                self.record("DELIVERY", "publish->receive", arrival - at, now_ms, viewers * messages)

    def _bin(self, now_ms: float) -> Bin:
        number = int(now_ms / 1000) // self.width_s
        found = self._fresh.get(number)
        if found is None:
            found = self._fresh[number] = Bin()
        return found

    # ---- coming together ------------------------------------------------------------------------

    def fold(self) -> dict[str, Buckets]:
        """Move what is fresh to the bins and return its durations by key, for Locust's statistics."""
        grown: dict[str, Buckets] = defaultdict(Counter)
        for number, fresh in self._fresh.items():
            for key, buckets in fresh.times.items():
                grown[key].update(buckets)
            self.bins.setdefault(number, Bin()).add(fresh)
        self._fresh = {}
        return grown

    def take(self) -> dict[str, Any]:
        """Everything folded since the last `take`, as plain data; these bins start again from nothing."""
        document = {
            "bins": {
                str(number): {
                    "times": {
                        key: {str(bucket): count for bucket, count in buckets.items()}
                        for key, buckets in one.times.items()
                    },
                    "counts": dict(one.counts),
                    "gauges": {name: dict(values) for name, values in one.gauges.items()},
                }
                for number, one in self.bins.items()
            },
            "errors": dict(self.errors),
            "problems": self.problems,
            "swarms": self.swarms,
        }
        self.bins, self.errors, self.problems, self.swarms = {}, Counter(), [], []
        return document

    def add(self, document: Mapping[str, Any]) -> None:
        """Add what another process took."""
        for number, one in document["bins"].items():
            other = Bin(counts=Counter(one["counts"]))
            for key, buckets in one["times"].items():
                other.times[key] = Counter({int(bucket): count for bucket, count in buckets.items()})
            for name, values in one["gauges"].items():
                other.gauges[name] = dict(values)
            self.bins.setdefault(int(number), Bin()).add(other)
        self.errors.update(document["errors"])
        self.problems.extend(document["problems"])
        self.swarms.extend(document["swarms"])

    # ---- reading ----------------------------------------------------------------------------------

    def keys(self) -> list[str]:
        return sorted({key for one in self.bins.values() for key in one.times})

    def histogram(self, *prefixes: str) -> Histogram:
        """All durations of the keys that begin with one of `prefixes`."""
        found = Histogram()
        for one in self.bins.values():
            for key, buckets in one.times.items():
                if key.startswith(prefixes):
                    found.pour(buckets)
        return found

    def total(self, name: str) -> int:
        return sum(one.counts[name] for one in self.bins.values())

    def counts(self) -> Counter[str]:
        together: Counter[str] = Counter()
        for one in self.bins.values():
            together.update(one.counts)
        return together

    def levels(self, name: str) -> Iterator[dict[str, float]]:
        """A gauge's values by process, bin after bin."""
        for number in sorted(self.bins):
            yield dict(self.bins[number].gauges.get(name, {}))
