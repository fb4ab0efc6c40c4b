"""What waits for a lane's next call, and how long that takes. Sans-I/O.

A `Line` is first come, first served. `FairQueue` keeps one line per pool, each bounded, and takes from
all of them alike: where one product is stormed, an order for another one goes with the next call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Generic, Protocol, TypeVar

Job = TypeVar("Job")

_RECENT = 0.8
"""Weight of the past in the measured rate: about five calls back."""
_LEAST_WAIT_MS = 50
_LONGEST_WAIT_MS = 5_000
_UNMEASURED_WAIT_MS = 200


class Full(Enum):
    """Which bound a job met."""

    ALL = "partition"
    """All that may wait for this lane waits."""
    POOL = "pool"
    """All that may wait for the job's own pool waits."""


class Queue(Protocol[Job]):
    """Bounded: `put` says why it did not take a job, None where it did."""

    bound: int

    def __len__(self) -> int: ...

    def put(self, job: Job) -> Full | None: ...

    def take(self, count: int) -> list[Job]:
        """The next ones, `count` at most."""


class Line(Generic[Job]):
    """First come, first served."""

    __slots__ = ("_jobs", "bound")

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._jobs: deque[Job] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, job: Job) -> Full | None:
        if len(self._jobs) >= self.bound:
            return Full.ALL
        self._jobs.append(job)
        return None

    def take(self, count: int) -> list[Job]:
        take = self._jobs.popleft
        return [take() for _ in range(min(count, len(self._jobs)))]


class FairQueue(Generic[Job]):
    """A line for each `pool_of(job)`; `bound` jobs in all, `pool_bound` of one pool."""

    __slots__ = ("_lines", "_pool_bound", "_pool_of", "_waiting", "bound")

    def __init__(self, pool_of: Callable[[Job], str], bound: int, pool_bound: int) -> None:
        self.bound = bound
        self._pool_of = pool_of
        self._pool_bound = pool_bound
        self._lines: dict[str, deque[Job]] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def put(self, job: Job) -> Full | None:
        if self._waiting >= self.bound:
            return Full.ALL
        pool = self._pool_of(job)
        line = self._lines.get(pool)
        if line is None:
            line = self._lines[pool] = deque()
        elif len(line) >= self._pool_bound:
            return Full.POOL
        line.append(job)
        self._waiting += 1
        return None

    def take(self, count: int) -> list[Job]:
        """An equal share of each pool; what some do not need, the others have. Within a pool in order."""
        jobs: list[Job] = []
        lines = self._lines
        while lines and len(jobs) < count:
            share = max(1, (count - len(jobs)) // len(lines))
            for pool in list(lines):
                line = lines.pop(pool)
                take = line.popleft
                jobs += [take() for _ in range(min(share, len(line), count - len(jobs)))]
                if line:
                    lines[pool] = line  # behind those whose turn has not come
                if len(jobs) == count:
                    break
        self._waiting -= len(jobs)
        return jobs


class Pace:
    """How many jobs a lane gets done in a second, measured while it works. Times are seconds."""

    __slots__ = ("_jobs", "_last", "_seconds")

    def __init__(self) -> None:
        self._jobs = 0.0
        self._seconds = 0.0
        self._last = 0.0

    def worked(self, jobs: int, began: float, ended: float) -> None:
        """A call of `jobs`; calls may overlap, and are told in the order of their ends."""
        spent = max(0.0, ended - max(began, self._last))
        self._last = ended
        self._jobs = self._jobs * _RECENT + jobs
        self._seconds = self._seconds * _RECENT + spent

    def wait_ms(self, waiting: int) -> int:
        """When `waiting` jobs will be done, at this pace; never at once, never too far."""
        if not self._seconds:
            return _UNMEASURED_WAIT_MS
        wait = round(waiting * self._seconds / self._jobs * 1000)
        return min(max(wait, _LEAST_WAIT_MS), _LONGEST_WAIT_MS)
