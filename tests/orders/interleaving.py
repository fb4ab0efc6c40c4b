"""Every order in which a few programs can get at the store, the provider and the ledger; no sleeps, no luck.

An `Actor` is one process of ours (a gateway, a back office) with doors of its own: a client of the
store, the payment provider, the ledger. A door holds each call at a named point, just before it is
made: a script's name (`reserve`, `pay`), a store command (`MGET`), a provider's method (`capture`),
`commit` of the ledger. Between two doors an actor only computes, so a program is a sequence of steps,
and what can happen to several of them at once is the set of all merges of their sequences.

`every_order(play)` runs `play` once per merge, depth first. In it, `Run.through` starts the programs
and lets one step at a time go: it waits until everybody stands at a point (or has ended), picks one,
waits again. A merge that only swaps neighbours who cannot notice each other (two reads; the provider and
the store; scripts without a key in common) is the same run twice and is left out (sleep sets: Godefroid,
"Partial-order methods for the verification of concurrent systems", 1996).

A `Fault` is a program of one step, possible wherever its victim stands: before every single call, in
every order with everybody else's. So `Kill(gateway)` tries a kill -9 before and after each of its steps.

The product knows nothing of this: the doors are the connection class of a client's pool and the objects
an `OrderService` or a `LedgerConsumer` is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from msgspec import Struct, field

PATIENCE = 20.0
"""Seconds in which an actor comes to its next point. Only a bug is slower."""
MOST = 3_000
"""Runs of one `every_order`."""
_AGAIN = 5
"""Runs of one `every_order` that may have to be made again."""

Program = Coroutine[Any, Any, Any]


class Place(Enum):
    """Where a step takes effect; what happens in two places goes unnoticed in the other."""

    STORE = "store"
    PROVIDER = "provider"
    LEDGER = "ledger"
    NOWHERE = "nowhere"
    """Only its victim notices a fault that comes before the call."""


class Step(Struct, frozen=True):
    """What an actor is about to do."""

    actor: str
    point: str
    place: Place
    writes: bool
    keys: frozenset[str] = frozenset()
    """What it touches there; everything when empty."""
    repeatable: bool = False
    """Two of the same point and keys leave the same and answer the same, whichever comes first."""
    victim: str = ""
    """Of a fault: whose step it meets."""

    def unnoticed_by(self, other: Step) -> bool:
        """Whether the two may be swapped without anybody telling the difference."""
        if self.victim == other.actor or other.victim == self.actor:
            return False
        if self.place is not other.place or not (self.writes or other.writes):
            return True
        if self.keys and other.keys and not self.keys & other.keys:
            return True
        return self.repeatable and (self.point, self.keys) == (other.point, other.keys)

    def __str__(self) -> str:
        return f"{self.actor}:{self.point}"


class Verdict(Enum):
    """What becomes of a step that is let go."""

    DONE = "done"
    REQUEST_LOST = "request lost"
    """It never reached the other side; the caller sees a cut line."""
    REPLY_LOST = "reply lost"
    """It was carried out; the caller sees a cut line."""


class Cut(ConnectionError):
    """The line was cut, or its owner is dead."""


class Actor:
    """One process. Its doors are open, except during `Run.through`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.standing: Step | None = None
        """Where it is held now."""
        self.dead = False
        self._closed = False
        self._program: asyncio.Task[Any] | None = None
        self._go: asyncio.Future[Verdict] | None = None
        self._arrived = asyncio.Event()

    async def hold(
        self,
        point: str,
        place: Place,
        *,
        writes: bool,
        keys: Iterable[str] = (),
        repeatable: bool = False,
    ) -> Verdict:
        """Wait at a point until let go. Raises Cut once the actor is dead."""
        if self.dead:
            raise Cut(f"{self.name} is dead")
        if not self._closed:
            return Verdict.DONE
        if self.standing is not None:
            raise AssertionError(f"{self.name} does two things at once: {self.standing} and {point}")
        step = self.standing = Step(self.name, point, place, writes, frozenset(keys), repeatable)
        self._go = asyncio.get_running_loop().create_future()
        self._arrived.set()
        try:
            verdict = await self._go
        finally:
            if self.standing is step:  # not the next run's, where this one is taken away late
                self.standing = None
        if verdict is Verdict.REQUEST_LOST:
            raise Cut(f"cut before {point}")
        return verdict

    def begin(self, program: Program) -> None:
        self.dead, self._closed, self._arrived = False, True, asyncio.Event()
        self._program = asyncio.create_task(program, name=self.name)
        self._program.add_done_callback(lambda _: self._arrived.set())

    async def settled(self) -> None:
        """Until it stands at a point, or has ended."""
        while self.standing is None and not self.ended:
            self._arrived.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._arrived.wait()
            except TimeoutError:
                raise AssertionError(f"{self.name} neither came to a point nor to an end") from None

    @property
    def ended(self) -> bool:
        return self.dead or self._program is None or self._program.done()

    def go(self, verdict: Verdict = Verdict.DONE) -> None:
        assert self._go is not None and self.standing is not None
        self.standing = None
        self._go.set_result(verdict)

    def kill(self) -> None:
        """It does nothing any more: what it was about to do is not done, what it tries fails."""
        self.dead = True
        self.standing = None

    async def finish(self) -> Any:
        """Open the doors; the program's result or error, None of a dead one (to be buried)."""
        self._closed = False
        if self.dead or self._program is None:
            return None
        return (await asyncio.gather(self._program, return_exceptions=True))[0]

    async def bury(self) -> None:
        """Take away what a dead actor's program left waiting."""
        if self._program is not None:
            self._program.cancel()
            await asyncio.gather(self._program, return_exceptions=True)
        self._program = None


class Fault(Struct, frozen=True):
    """Something that happens to `victim` once, or never: every possibility is tried."""

    name: str
    victim: Actor
    strike: Callable[[], None]
    carried_out: bool = False
    """Whether the victim's step takes effect all the same."""
    points: frozenset[str] = frozenset()
    """Where it may happen; everywhere when empty."""

    def step(self) -> Step | None:
        """What it would do now, if it can."""
        met = self.victim.standing
        if met is None or (self.points and met.point not in self.points):
            return None
        place, writes = (met.place, met.writes) if self.carried_out else (Place.NOWHERE, False)
        return Step(self.name, f"at-{met.point}", place, writes, met.keys, victim=self.victim.name)


def kill(victim: Actor) -> Fault:
    """kill -9."""
    return Fault(f"kill-{victim.name}", victim, victim.kill)


def cut_before(victim: Actor, *points: str) -> Fault:
    """The line is cut and the request lost with it."""
    name = f"cut-before-{victim.name}"
    return Fault(name, victim, lambda: victim.go(Verdict.REQUEST_LOST), points=frozenset(points))


def cut_after(victim: Actor, *points: str) -> Fault:
    """It is carried out, and nobody is told."""
    name = f"cut-after-{victim.name}"
    return Fault(name, victim, lambda: victim.go(Verdict.REPLY_LOST), True, frozenset(points))


class _Node(Struct):
    """One choice on the way: who could go, who is left out, who was tried."""

    candidates: list[Step]
    asleep: list[Step]
    at: int = 0

    @property
    def chosen(self) -> Step:
        return self.candidates[self.at]

    def meet(self, possible: list[Step]) -> None:
        """Come here again: the same steps, with the keys of this run's orders. Raises Diverged."""
        now = {str(step): step for step in possible}
        try:
            self.candidates = [now[str(step)] for step in self.candidates]
            self.asleep = [now[str(step)] for step in self.asleep]
        except KeyError as error:
            raise Diverged(f"{error} was possible here the last time, now {[*now]}") from None

    def asleep_after(self) -> list[Step]:
        """Who need not go next, as that order was tried from here already."""
        return [s for s in (*self.asleep, *self.candidates[: self.at]) if s.unnoticed_by(self.chosen)]


class Tried(Struct):
    """What `every_order` did."""

    orders: int = 0
    """Complete runs, no two of them alike."""
    repeats: int = 0
    """Runs that turned out to be one of those again, and were not judged."""
    diverged: int = 0
    """Runs that had to be made again, as something took its time."""
    points: set[str] = field(default_factory=set)
    """Every point anybody was held at."""


class Run:
    """One order of steps."""

    def __init__(self, path: list[_Node], tried: Tried, replay: Sequence[str] | None) -> None:
        self._path = path
        self._tried = tried
        self._replay = replay
        self.number = tried.orders
        self.taken: list[Step] = []
        self.repeat = False
        """It is an earlier run again; `through` raised Repeated."""

    def __str__(self) -> str:
        return " ".join(str(step) for step in self.taken)

    async def through(self, programs: Mapping[Actor, Program], *faults: Fault) -> list[Any]:
        """Start the programs, let one step at a time go until all have ended; their results in order.

        Raises what a program raises, and Repeated where this order is one that was judged before.
        """
        left = list(faults)
        for actor, program in programs.items():
            actor.begin(program)
        try:
            while True:
                for actor in programs:
                    await actor.settled()
                possible = {actor.name: actor.standing for actor in programs if actor.standing is not None}
                possible |= {fault.name: step for fault in left if (step := fault.step()) is not None}
                if not possible:
                    break
                step = self._choose(list(possible.values()))
                if step is None:
                    break
                self.taken.append(step)
                self._tried.points.add(step.point)
                self._let_go(step, programs, left)
        finally:
            results = await self._finish(programs)
        if self.repeat:
            raise Repeated
        return results

    @staticmethod
    def _let_go(step: Step, programs: Mapping[Actor, Program], left: list[Fault]) -> None:
        for actor in programs:
            if actor.name == step.actor:
                actor.go()
                return
        (fault,) = (fault for fault in left if fault.name == step.actor)
        left.remove(fault)
        fault.strike()

    async def _finish(self, programs: Mapping[Actor, Program]) -> list[Any]:
        for actor in programs:  # in a run that is given up
            if not actor.ended:
                actor.kill()
        ends = [await actor.finish() for actor in programs]
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return ends

    def _choose(self, possible: list[Step]) -> Step | None:
        depth = len(self.taken)
        if self._replay is not None:
            wanted = self._replay[depth] if depth < len(self._replay) else possible[0].actor
            return next(step for step in possible if step.actor == wanted)
        if depth < len(self._path):
            self._path[depth].meet(possible)
            return self._path[depth].chosen
        asleep = self._path[-1].asleep_after() if self._path else []
        names = {step.actor for step in asleep}
        awake = [step for step in possible if step.actor not in names]
        if not awake:
            self.repeat = True
            return None
        self._path.append(_Node(awake, asleep))
        return awake[0]


class Repeated(Exception):
    """This order was run before."""


class Diverged(Exception):
    """The same steps led to something else: a program looks at the clock."""


async def every_order(
    play: Callable[[Run], Awaitable[None]], *, most: int = MOST, replay: str | None = None
) -> Tried:
    """Call `play` once for every order of the steps its one `Run.through` makes.

    An error has the order in its notes; `replay` (those words: `actor:point` or `actor`, in a row) runs
    that order alone. Raises AssertionError beyond `most` runs.
    """
    path: list[_Node] = []
    tried = Tried()
    words = [word.partition(":")[0] for word in replay.split()] if replay is not None else None
    while True:
        run = Run(path, tried, words)
        try:
            await play(run)
        except Repeated:
            tried.repeats += 1
        except Diverged:
            tried.diverged += 1
            assert tried.diverged <= _AGAIN, "the programs are not the same every time"
            continue
        except BaseException as error:
            error.add_note(f"in the order: {run}")
            raise
        else:
            tried.orders += 1
        if words is not None:
            return tried
        assert tried.orders + tried.repeats < most, f"more than {most} orders: make the programs shorter"
        while path and path[-1].at + 1 == len(path[-1].candidates):
            path.pop()
        if not path:
            return tried
        path[-1].at += 1
