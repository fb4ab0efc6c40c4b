"""Memory: what a gateway keeps for a viewer who does nothing, as the slope over thousands of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from loadtest.bench.crowd import Crowd, settle
from loadtest.bench.joins import WINDOW
from loadtest.bench.plan import Plan
from loadtest.bench.results import Ratio, Section
from loadtest.bench.stage import OPEN_DOORS, furnished
from loadtest.bench.target import Server

MOST_PER_VIEWER = 16 * 1024
STEPS = (0.0, 0.1, 0.5, 1.0)
"""Of the viewers asked for. The slope is taken from the second step on: the first viewers also pay for
what a process needs once. Both are told."""
OFFERS = {"JSON": False, "JSON, permessage-deflate offered": True}


class Footprint(NamedTuple):
    """Bytes of a process (proc(5), smaps_rollup): resident, its share of it, its own alone."""

    rss: int
    pss: int
    uss: int


def footprint(pid: int) -> Footprint:
    """Raises OSError when the process is gone."""
    kilobytes: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        kilobytes[name] = int(rest.split()[0])
    uss = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return Footprint(kilobytes["Rss"] * 1024, kilobytes["Pss"] * 1024, uss * 1024)


class Filling(NamedTuple):
    """One room filled step by step: (viewers, footprint), and how many got an extension."""

    steps: list[tuple[int, Footprint]]
    deflated: int

    def per_viewer(self, part: int, first: int = 1) -> float:
        """Bytes per viewer from the step `first` to the last; `part`: of a `Footprint`."""
        (few, small), (many, large) = self.steps[first], self.steps[-1]
        return (large[part] - small[part]) / (many - few)


def _fill(plan: Plan, deflate: bool) -> Filling:
    with ExitStack() as stack:
        server = stack.enter_context(Server(plan.placement, OPEN_DOORS, plan.folder))
        stack.enter_context(furnished(server))
        crowd = stack.enter_context(Crowd(plan, server, plan.viewers, deflate=deflate))
        steps, there = [], 0
        for share in STEPS:
            wanted = round(share * plan.viewers)
            if wanted > there:
                crowd.come("join", WINDOW, there, wanted - there)
            there = wanted
            settle([server.gateway])
            steps.append((there, footprint(server.gateway)))
            plan.say(f"memory: {there} viewers, {steps[-1][1].rss / 2**20:.1f} MiB")
        return Filling(steps, crowd.ask("snap")["deflated"])


def measure(plan: Plan) -> Section:
    """A server for each kind of viewer, filled step by step."""
    plan.say(f"memory: starting servers, {plan.viewers} viewers come to each")
    fillings = {name: _fill(plan, deflate) for name, deflate in OFFERS.items()}
    plain = fillings["JSON"].per_viewer(0)
    ratio = Ratio("16 KiB / resident bytes per idle viewer", MOST_PER_VIEWER / max(1.0, plain), 1.0)
    facts: dict[str, float | int | str] = {}
    for name, filling in fillings.items():
        facts[f"bytes per viewer, {name}"] = round(filling.per_viewer(0))
        facts[f"from the first on, {name}"] = round(filling.per_viewer(0, first=0))
    grid = [row for name, filling in fillings.items() for row in _rows(name, filling.steps)]
    heading = ["memory: viewers", "kind", "RSS MiB", "PSS MiB", "USS MiB"]
    deflated = fillings["JSON, permessage-deflate offered"].deflated
    notes = [f"permessage-deflate was agreed on with {deflated:,} of {plan.viewers:,} that offered it."]
    return Section("memory", "bytes", [], [ratio], facts, notes, [heading, *grid])


def _rows(name: str, steps: Sequence[tuple[int, Footprint]]) -> list[list[str]]:
    return [[f"{count:,}", name, *(f"{part / 2**20:.1f}" for part in found)] for count, found in steps]
