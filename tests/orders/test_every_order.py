"""The driver of the interleavings itself: it leaves nothing out, and it finds a planted race."""

from __future__ import annotations

import asyncio
from math import comb

import pytest

from tests.orders.doors import call_of
from tests.orders.interleaving import (
    Actor,
    Place,
    Program,
    Run,
    Step,
    Verdict,
    cut_after,
    cut_before,
    every_order,
    kill,
)

pytestmark = pytest.mark.anyio

ONE, TWO, THREE = Actor("one"), Actor("two"), Actor("three")


async def steps(actor: Actor, count: int, said: list[str], *, place: Place = Place.STORE) -> None:
    for number in range(count):
        await actor.hold(f"step{number}", place, writes=True)
        said.append(f"{actor.name}{number}")


async def test_every_merge_of_two_programs_once() -> None:
    seen = set[tuple[str, ...]]()

    async def play(run: Run) -> None:
        said: list[str] = []
        await run.through({ONE: steps(ONE, 3, said), TWO: steps(TWO, 4, said)})
        assert tuple(said) not in seen
        seen.add(tuple(said))

    tried = await every_order(play)
    assert (tried.orders, tried.repeats) == (comb(7, 3), 0) == (len(seen), 0)


async def test_three_programs_of_unequal_length() -> None:
    async def play(run: Run) -> None:
        said: list[str] = []
        await run.through({ONE: steps(ONE, 1, said), TWO: steps(TWO, 2, said), THREE: steps(THREE, 3, said)})
        assert len(said) == 6

    assert (await every_order(play)).orders == 60


async def test_what_cannot_be_noticed_is_not_tried_again() -> None:
    """Two places: one order stands for all of the twenty."""

    async def play(run: Run) -> None:
        said: list[str] = []
        await run.through(
            {ONE: steps(ONE, 3, said), TWO: steps(TWO, 3, said, place=Place.PROVIDER)},
        )

    assert (await every_order(play)).orders == 1


class Account:
    """Reads, then writes: an update gets lost where two do so at once."""

    def __init__(self) -> None:
        self.units = 2

    async def take(self, actor: Actor) -> None:
        await actor.hold("read", Place.STORE, writes=False)
        found = self.units
        await actor.hold("write", Place.STORE, writes=True)
        self.units = found - 1


async def test_a_lost_update_is_found_and_can_be_replayed() -> None:
    ends: list[int] = []

    async def play(run: Run) -> None:
        account = Account()
        await run.through({ONE: account.take(ONE), TWO: account.take(TWO)})
        ends.append(account.units)
        assert account.units == 0

    with pytest.raises(AssertionError) as caught:
        await every_order(play)
    (note,) = caught.value.__notes__
    assert note == "in the order: one:read two:read one:write two:write"
    ends.clear()
    with pytest.raises(AssertionError):
        await every_order(play, replay=note.removeprefix("in the order: "))
    assert ends == [1]
    await every_order(play, replay="one one two two")


async def test_swaps_left_out_change_no_outcome() -> None:
    """The outcomes with reads told apart from writes are those of every single merge."""

    async def outcomes(*, reads: bool) -> tuple[set[tuple[int, ...]], int]:
        found = set[tuple[int, ...]]()

        async def program(actor: Actor, cells: list[int], mine: int) -> None:
            await actor.hold("read", Place.STORE, writes=not reads)
            sum_of_all = sum(cells)
            await actor.hold("ask", Place.PROVIDER if reads else Place.STORE, writes=not reads)
            await actor.hold("write", Place.STORE, writes=True)
            cells[mine] += sum_of_all

        async def play(run: Run) -> None:
            cells = [1, 2, 3]
            actors = (ONE, TWO, THREE)
            await run.through({actor: program(actor, cells, n) for n, actor in enumerate(actors)})
            found.add(tuple(cells))

        return found, (await every_order(play)).orders

    plain, every = await outcomes(reads=False)
    fewer, some = await outcomes(reads=True)
    assert fewer == plain and every == 1_680 and some < every / 20


async def test_a_kill_comes_before_each_step_and_never() -> None:
    lengths: list[int] = []

    async def play(run: Run) -> None:
        said: list[str] = []
        await run.through({ONE: steps(ONE, 3, said)}, kill(ONE))
        lengths.append(len(said))
        assert ONE.dead is (len(said) < 3)
        await ONE.bury()

    await every_order(play)
    assert sorted(lengths) == [0, 1, 2, 3]


async def test_a_line_is_cut_on_either_side_of_a_step() -> None:
    ends: list[str] = []

    async def call(done: list[str]) -> str:
        try:
            verdict = await ONE.hold("call", Place.STORE, writes=True)
        except ConnectionError:
            return "lost before"
        done.append("done")
        return "lost after" if verdict is Verdict.REPLY_LOST else "told"

    async def play(run: Run) -> None:
        done: list[str] = []
        (end,) = await run.through({ONE: call(done)}, cut_before(ONE, "call"), cut_after(ONE, "call"))
        assert (end == "lost before") is not bool(done)
        ends.append(end)

    await every_order(play)
    assert sorted(ends) == ["lost after", "lost before", "told"]


async def test_a_programs_error_is_told_with_its_order() -> None:
    async def fail() -> None:
        await ONE.hold("call", Place.STORE, writes=True)
        raise ValueError("no")

    async def play(run: Run) -> None:
        await run.through({ONE: fail()})

    with pytest.raises(ValueError, match="no") as caught:
        await every_order(play)
    assert caught.value.__notes__ == ["in the order: one:call"]


async def test_an_actor_does_one_thing_at_a_time() -> None:
    async def both() -> None:
        await asyncio.gather(*(ONE.hold(name, Place.STORE, writes=True) for name in "ab"))

    async def play(run: Run) -> None:
        programs: dict[Actor, Program] = {ONE: both()}
        await run.through(programs)

    with pytest.raises(AssertionError, match="two things at once"):
        await every_order(play)


async def test_too_many_orders_are_an_error() -> None:
    async def play(run: Run) -> None:
        said: list[str] = []
        await run.through({ONE: steps(ONE, 5, said), TWO: steps(TWO, 5, said)})

    with pytest.raises(AssertionError, match="more than 50 orders"):
        await every_order(play, most=50)


def test_points_are_named_by_what_is_sent() -> None:
    assert call_of([b"*1\r\n$4\r\n", b"ping\r\n"]) == ("PING", [])
    assert call_of("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n") == ("GET", ["k"])
    script = b"*6\r\n$7\r\nEVALSHA\r\n$2\r\nxx\r\n$1\r\n2\r\n$1\r\nk\r\n$4\r\nmark\r\n$1\r\na\r\n"
    assert call_of(script) == ("script", ["k"])
    assert call_of(script + script) == ("EVALSHA", [])


def test_what_may_be_swapped() -> None:
    def step(point: str, *keys: str, writes: bool = True, repeatable: bool = False) -> Step:
        return Step("x", point, Place.STORE, writes, frozenset(keys), repeatable)

    assert step("a", "k", writes=False).unnoticed_by(step("b", "k", writes=False))
    assert not step("a", "k", writes=False).unnoticed_by(step("b", "k"))
    assert step("a", "k").unnoticed_by(step("b", "other"))
    assert not step("a", "k").unnoticed_by(step("b")), "no keys: it may touch everything"
    assert step("a", "k", repeatable=True).unnoticed_by(step("a", "k", repeatable=True))
    assert not step("a", "k", repeatable=True).unnoticed_by(step("b", "k", repeatable=True))
