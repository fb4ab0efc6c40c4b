"""The fake provider of the units, and the bound on what runs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from server.orders.errands import Errands
from server.orders.provider import Charge, PaymentRefused, Standing
from tests.orders.instant import InstantProvider

pytestmark = pytest.mark.anyio


async def test_a_charge_is_made_once(anyio_backend: str) -> None:
    sandbox = InstantProvider(0)
    charge = Charge("k", "o", "ann", 5, "CNY")
    assert await sandbox.query("k") is None
    payment = await sandbox.authorise(charge)
    assert payment.status is Standing.AUTHORISED
    captured = await sandbox.capture(payment.payment)
    assert captured.status is Standing.CAPTURED
    assert await sandbox.authorise(charge) == await sandbox.query("k") == captured
    assert await InstantProvider(0).authorise(charge) == payment, "whichever process asks"
    refunded = await sandbox.refund(payment.payment, "r", 5, "CNY")
    assert refunded.refunded == 5
    assert await sandbox.refund(payment.payment, "r", 5, "CNY") == refunded
    again = await sandbox.authorise(charge)
    assert again.payment != payment.payment, "what went back is not taken for paid"
    assert await sandbox.authorise(charge) == again


async def test_no_more_goes_back_than_came(anyio_backend: str) -> None:
    sandbox = InstantProvider(0)
    payment = (await sandbox.authorise(Charge("k", "o", "ann", 5, "CNY"))).payment
    await sandbox.capture(payment)
    for _ in range(2):
        assert (await sandbox.refund(payment, "r1", 3, "CNY")).refunded == 3
    with pytest.raises(PaymentRefused, match="only 2"):
        await sandbox.refund(payment, "r2", 3, "CNY")
    assert (await sandbox.refund(payment, "r3", 2, "CNY")).refunded == 5


async def test_who_is_declined(anyio_backend: str) -> None:
    with pytest.raises(PaymentRefused, match="declined"):
        await InstantProvider(0).authorise(Charge("k", "o", "declined-dora", 5, "CNY"))


class Work:
    """Errands that wait to be let go."""

    def __init__(self) -> None:
        self.began: list[int] = []
        self.ended: list[int] = []
        self.go = asyncio.Event()

    def __call__(self, number: int) -> Callable[[], Coroutine[None, None, None]]:
        async def errand() -> None:
            self.began.append(number)
            try:
                await self.go.wait()
            finally:
                self.ended.append(number)

        return errand


async def test_errands_run_wait_and_are_refused(anyio_backend: str) -> None:
    errands, work = Errands(running=2, waiting=3), Work()
    assert [errands.start(work(number)) for number in range(6)] == [True] * 5 + [False]
    assert errands.statistics() == {"running": 2, "waiting": 3, "bound": 3}
    await asyncio.sleep(0)
    assert work.began == [0, 1]
    work.go.set()
    await errands.stop(5)
    assert work.ended == [0, 1, 2, 3, 4]
    assert not errands.start(work(9))


async def test_stopping_cancels_what_takes_too_long_and_lets_each_say_so(anyio_backend: str) -> None:
    errands, work = Errands(running=2, waiting=3), Work()
    for number in range(5):
        errands.start(work(number))
    await errands.stop(0.01)
    assert sorted(work.ended) == [0, 1, 2, 3, 4]
