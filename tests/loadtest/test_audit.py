from __future__ import annotations

from typing import Any

import pytest

from client_sim.api import ApiError
from client_sim.notices import Fault, OrderSettled, Violation
from loadtest.audit import SHOWN, await_ledger, judge, sale_sums
from loadtest.told import KEPT_REFUSALS, Told
from schemas.codes import ErrorCode
from schemas.commands import OrderPlace
from tests.client_sim.room_model import sale
from tests.client_sim.test_orders import order

Record = dict[str, Any]


def ours(user: str) -> bool:
    return user.startswith("load-")


def record(name: str = "o1", request: str = "r1", user: str = "load-1", **changes: Any) -> Record:
    """An order as the ledger has it."""
    return {
        "order": name,
        "request_id": request,
        "user": user,
        "sku": "a",
        "sale": "s1",
        "quantity": 1,
        "amount": 50,
        "status": "reserved",
    } | changes


def settled(name: str | None = "o1", request: str = "r1", code: ErrorCode | None = None) -> OrderSettled:
    return OrderSettled(
        request=OrderPlace(request_id=request, sale="s1"),
        code=code,
        message="",
        order=order(name, request) if name else None,
        replayed=False,
        asked_again=False,
        after_ms=5.0,
    )


def told_one() -> Told:
    """One accepted order in a sale of 5 units, at most 2 each."""
    told = Told()
    told.saw_sale(sale("s1", "a", available=5, per_user_limit=2))
    told.settled("load-1", settled())
    return told


def test_a_ledger_that_has_what_was_told_has_no_problem() -> None:
    assert judge(told_one(), [record(status="paid")], ours) == []


@pytest.mark.parametrize(
    ("ledger", "said"),
    [
        ([], "order o1 of load-1 was accepted and is not in the ledger"),
        ([record(), record()], "order o1 is in the ledger 2 times"),
        ([record(quantity=2, amount=100)], "order o1: quantity was told as 1, the ledger has 2"),
        ([record(user="load-2")], "order o1: user was told as 'load-1', the ledger has 'load-2'"),
        ([record(), record("o2", "r1")], "request load-1/r1 made 2 orders"),
        ([record(), record("o2", "r2")], "order o2 of load-1 was told to nobody"),
        ([record(), record("o2", "r2", "ann", quantity=5, amount=250)], "sale s1 sold 6 units and had 5"),
        ([record(), record("o2", "r2", "ann", quantity=3, amount=150)], "user ann holds 3 units of sale s1"),
        ([record(), record("o2", "r2", "ann", amount=49)], "order o2 costs 49, not 50 each"),
    ],
)
def test_each_difference_is_one_problem_that_names_it(ledger: list[Record], said: str) -> None:
    assert [problem for problem in judge(told_one(), ledger, ours) if said in problem]


def test_units_of_released_orders_do_not_count_as_sold() -> None:
    told = told_one()
    released = [record(f"x{n}", f"q{n}", "ann", status=s) for n, s in enumerate(("expired", "cancelled"))]
    sold = [record(f"y{n}", f"p{n}", f"b{n}") for n in range(4)]
    assert judge(told, [record(), *released, *sold], ours) == []


def sold_out(quantity: int) -> OrderSettled:
    return OrderSettled(
        request=OrderPlace(request_id=f"so{quantity}", sale="s1", quantity=quantity),
        code=ErrorCode.SOLD_OUT,
        message="",
        order=None,
        replayed=False,
        asked_again=False,
        after_ms=5.0,
    )


@pytest.mark.parametrize(
    ("refused", "sold", "unsold"), [((), 3, 0), ((1,), 4, 0), ((1,), 3, 1), ((2,), 3, 0), ((2,), 2, 1)]
)
def test_who_is_told_sold_out_while_units_are_left_was_told_wrong(
    refused: tuple[int, ...], sold: int, unsold: int
) -> None:
    told = told_one()
    for quantity in refused:
        told.settled("load-3", sold_out(quantity))
    expired = record("x0", "q0", "ann", status="expired")
    ledger = [record(), expired, *(record(f"y{n}", f"p{n}", f"b{n}") for n in range(sold - 1))]
    (one,) = sale_sums(told, ledger)
    assert (one.allocated, one.held, one.oversold, one.unsold) == (sold + 1, sold, 0, unsold)
    said = f"{unsold} of its 5 units were never sold"
    assert any(said in problem for problem in judge(told, ledger, ours)) is bool(unsold)


def test_an_order_of_a_buyer_who_was_refused_is_a_problem() -> None:
    told = Told()
    told.settled("load-1", settled(None, "r1", ErrorCode.SOLD_OUT))
    (problem,) = judge(told, [record()], ours)
    assert problem == "order o1 of load-1 is in the ledger, but the buyer was told sold_out"


@pytest.mark.parametrize("code", [ErrorCode.PAYMENT_FAILED, ErrorCode.UNKNOWN_OUTCOME])
def test_after_these_answers_the_hold_may_stand(code: ErrorCode) -> None:
    told = Told()
    told.settled("load-1", settled(None, "r1", code))
    assert judge(told, [record()], ours) == []
    assert judge(told, [], ours) == []


def test_a_repeat_that_was_refused_does_not_unsay_the_acceptance() -> None:
    told = told_one()
    told.settled("load-1", settled(None, "r1", ErrorCode.RATE_LIMITED))
    assert judge(told, [record()], ours) == []


def test_nobody_can_say_what_those_who_left_were_told() -> None:
    told = Told()
    told.gave_up("load-1", "r1", 1)
    assert judge(told, [record()], ours) == []


def test_one_order_told_to_two_buyers_is_a_problem() -> None:
    told = told_one()
    told.settled("load-2", settled())
    assert "order o1 was told to load-1/r1 and to load-2/r1" in judge(told, [record()], ours)


def test_many_problems_of_a_kind_are_cut() -> None:
    told = Told()
    for index in range(SHOWN + 7):
        told.settled("load-1", settled(f"o{index}", f"r{index}"))
    problems = judge(told, [], ours)
    assert len(problems) == SHOWN + 1
    assert problems[-1] == "… and 7 more like these"


def test_what_workers_took_adds_up_to_what_one_process_would_have() -> None:
    together, master = Told(), Told()
    for worker_number in range(3):
        worker = Told()
        for told in (together, worker):
            told.saw_sale(sale("s1", "a"))
            told.settled(f"load-{worker_number}", settled(f"o{worker_number}"))
            told.settled("load-9", settled(None, f"x{worker_number}", ErrorCode.SOLD_OUT))
            told.gave_up("load-8", f"y{worker_number}", 1)
            told.saw_zero("s1", "here", 100.0 + worker_number)
            told.violated("load-7", Violation(Fault.GAP, str(worker_number)))
        master.add(worker.take())
        assert worker.take() == Told().take()
    assert master.take() == together.take()


def test_refusals_are_remembered_in_bounds_and_all_are_counted() -> None:
    told = Told()
    told.refused = {f"u/{index}": "sold_out" for index in range(KEPT_REFUSALS)}
    told.settled("load-1", settled(None, "one more", ErrorCode.SOLD_OUT))
    assert (len(told.refused), told.refusals_forgotten) == (KEPT_REFUSALS, 1)
    assert judge(told, [record("o9", "one more")], ours) == []
    other = Told()
    other.add(told.take())
    other.add({**Told().take(), "refused": {"u/x": "sold_out"}})
    assert (len(other.refused), other.refusals_forgotten) == (KEPT_REFUSALS, 2)


class LateLedger:
    """An API whose ledger gets its orders one page fetch at a time."""

    def __init__(self, answers: list[list[Record] | Exception]) -> None:
        self.answers = answers
        self.asked = 0

    def pages(self, path: str, name: str, **query: object) -> list[Record]:
        assert (path, name, query["room"]) == ("/api/v1/orders", "orders", "r1")
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_ledger_that_lags_is_awaited() -> None:
    api = LateLedger([[], ApiError(503, "unavailable", "draining"), [record()]])
    assert await_ledger(told_one(), api, "r1", 10.0) == [record()]  # type: ignore[arg-type]
    assert api.asked == 3


def test_waiting_for_the_ledger_ends() -> None:
    assert await_ledger(told_one(), LateLedger([[]]), "r1", 0.0) == []  # type: ignore[arg-type]
    with pytest.raises(ApiError):
        await_ledger(told_one(), LateLedger([ApiError(403, "forbidden", "no")]), "r1", 0.0)  # type: ignore[arg-type]
