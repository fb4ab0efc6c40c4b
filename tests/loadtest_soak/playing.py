"""A soak's samples as they could have been read."""

from __future__ import annotations

from collections.abc import Callable

from loadtest.chaos.schedule import Fault, Kind
from loadtest.chaos.targets import Strike
from loadtest.soak.judge import MEGABYTE
from loadtest.soak.samples import ROLES, ProcessReading, Sample

PER_ORDER = 2000


def reading(
    role: str, pid: int, mebibytes: float = 100.0, descriptors: int = 20, unix: int = 4
) -> ProcessReading:
    return ProcessReading(
        role=role,
        pid=pid,
        resident=round(mebibytes * MEGABYTE),
        descriptors=descriptors,
        unix=unix,
        threads=3,
        cpu_s=1.0,
    )


def quiet(seconds: int = 600) -> list[Sample]:
    """Every two seconds; the store keeps what an order needs, nothing else grows."""
    samples = []
    for at in range(0, seconds, 2):
        orders = 60.0 * at
        processes = [
            reading(role, pid, 10 + orders * PER_ORDER / MEGABYTE if role == "store" else 100.0)
            for pid, role in enumerate(ROLES)
        ]
        samples.append(
            Sample(at=float(at), processes=processes, connections=10.0, tasks=16.0, orders=orders, lag_s=0.1)
        )
    return samples


def changed(
    samples: list[Sample], role: str, make: Callable[[float, ProcessReading], ProcessReading]
) -> None:
    """Another reading of one role in every sample, by its second."""
    for sample in samples:
        sample.processes[:] = [make(sample.at, one) if one.role == role else one for one in sample.processes]


def strike(
    number: int, at: float, kind: Kind = Kind.KILL, lasts: float = 1.0, done: str = "process 1"
) -> Strike:
    return Strike(Fault(number, at, "store", kind, lasts, 0), at, done)
