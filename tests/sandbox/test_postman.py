"""Webhooks: signed, posted until they are taken, misbehaving on demand."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.sandbox.behaviour import Behaviour
from server.sandbox.book import Book
from server.sandbox.postman import LONGEST_PAUSE_MS, Postman, now_ms, pause_ms, sign
from server.sandbox.scribe import Scribe
from server.sandbox.wire import PaymentRequest
from tests.sandbox.running import NOTHING, Sandbox, Shop, sandbox, shop, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def taker(anyio_backend: str) -> AsyncIterator[Shop]:
    async with shop() as one:
        yield one


@pytest.fixture
async def psp(tmp_path: Path, taker: Shop) -> AsyncIterator[Sandbox]:
    async with sandbox(tmp_path / "data", "--webhook-url", taker.url) as one:
        yield one


async def told(psp: Sandbox, **counts: int) -> None:
    """Until the book counts its notices so."""

    async def reached() -> bool:
        return await psp.get("/v1/notices") == {**NOTHING, **counts}

    await until(reached)


async def test_a_capture_and_a_refusal_are_told_signed(psp: Sandbox, taker: Shop) -> None:
    payment = await psp.paid("k1")
    await psp.authorise("k2", user="declined-dora", amount=7)
    await taker.until(lambda: len(taker.bodies) == 2)
    declined = (await psp.get("/v1/payments?key=k2"))["payments"][0]
    by_order = {notice.pop("order"): notice for notice in taker.notices}
    events = {order: notice.pop("event") for order, notice in by_order.items()}
    assert by_order == {
        "order-k1": {"payment": payment["payment"], "status": "captured", "amount": 500, "currency": "CNY"},
        "order-k2": {"payment": declined["payment"], "status": "failed", "amount": 7, "currency": "CNY"},
    }
    assert len(set(events.values())) == 2
    taker.check_signatures(psp.data_dir)
    await told(psp, posted=2)
    await psp.authorise("k3")
    await psp.refund(payment["payment"], "r", 1)
    await told(psp, posted=2)


async def test_a_notice_is_posted_until_it_is_taken(psp: Sandbox, taker: Shop) -> None:
    taker.answer = lambda number: (500, 404, 302, 204)[number]
    await psp.paid("k")
    await taker.until(lambda: len(taker.bodies) == 4)
    assert len(set(taker.bodies)) == 1
    taker.check_signatures(psp.data_dir)
    pauses = [later - earlier for earlier, later in zip(taker.times, taker.times[1:], strict=False)]
    assert all(pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.4), strict=True))
    await told(psp, posted=1)


async def test_a_shop_that_is_away_hears_it_when_it_is_back(psp: Sandbox, taker: Shop) -> None:
    await taker.close()
    payments = [await psp.paid(f"k{number}") for number in range(40)]
    await told(psp, waiting=40)
    await taker.open()
    await taker.until(lambda: len(set(taker.events)) == 40)
    assert {notice["payment"] for notice in taker.notices} == {payment["payment"] for payment in payments}


async def test_notices_outlive_a_kill(psp: Sandbox, taker: Shop) -> None:
    await psp.behave(delay_ms=1_000)
    payments = [await psp.paid(f"k{number}") for number in range(20)]
    assert taker.bodies == []
    psp.kill()
    psp.start()
    assert (await psp.get("/v1/behaviour"))["delay_ms"] == 1_000, "it behaves on as it was told"
    await taker.until(lambda: len(set(taker.events)) == 20)
    assert {notice["payment"] for notice in taker.notices} == {payment["payment"] for payment in payments}
    await told(psp, posted=20)


async def test_delayed(psp: Sandbox, taker: Shop) -> None:
    await psp.behave(delay_ms=700)
    before = time.monotonic()
    await psp.paid("k")
    await taker.until(lambda: len(taker.bodies) == 1)
    assert taker.times[0] - before >= 0.7


async def test_duplicated(psp: Sandbox, taker: Shop) -> None:
    await psp.behave(duplicate=1)
    for number in range(10):
        await psp.paid(f"k{number}")
    await taker.until(lambda: len(taker.bodies) == 20)
    assert set(Counter(taker.events).values()) == {2}
    await told(psp, posted=20)


async def test_out_of_order(psp: Sandbox, taker: Shop) -> None:
    await psp.behave(reorder=0.5, seed=11)
    sent = [(await psp.paid(f"k{number}"))["payment"] for number in range(12)]
    await taker.until(lambda: len(taker.bodies) == 12)
    came = [notice["payment"] for notice in taker.notices]
    assert came != sent and sorted(came) == sorted(sent)


async def test_lost_ones_are_found_by_asking(psp: Sandbox, taker: Shop) -> None:
    await psp.behave(drop=1)
    payment = await psp.paid("k1")
    await psp.behave()
    await psp.paid("k2")
    await taker.until(lambda: len(taker.bodies) == 1)
    assert taker.notices[0]["order"] == "order-k2"
    assert await psp.get("/v1/payments?key=k1") == {"payments": [payment]}
    await told(psp, dropped=1, posted=1)


async def test_failing_before_and_after(psp: Sandbox) -> None:
    await psp.behave(fail=1, seed=5)
    for number in range(20):
        status, answer = await psp.authorise(f"k{number}")
        assert (status, answer["error"]["code"]) == (500, "failed")
    done = {entry["key"] for entry in await psp.book()}
    assert 0 < len(done) < 20, "some were carried out, and their answers are lost"
    await psp.behave()
    for number in range(20):
        assert (await psp.authorise(f"k{number}"))[0] == 200
    assert len(await psp.book()) == 20, "asking again with the same key made none twice"


async def test_declining(psp: Sandbox) -> None:
    await psp.behave(decline=0.5, seed=5)
    first = [(await psp.authorise(f"k{number}"))[0] for number in range(30)]
    assert set(first) == {200, 402}
    await psp.behave()
    assert [(await psp.authorise(f"k{number}"))[0] for number in range(30)] == first, "once no, always no"


async def test_a_seed_replays(psp: Sandbox, tmp_path: Path) -> None:
    behaviour = {"decline": 0.3, "pending": 0.3, "fail": 0.3, "pending_ms": 3_600_000, "seed": 42}

    async def play(one: Sandbox) -> list[tuple[int, str]]:
        await one.behave(**behaviour)
        answers = await asyncio.gather(*(one.authorise(f"k{number}") for number in range(60)))
        return [(status, answer.get("status", "")) for status, answer in answers]

    async with sandbox(tmp_path / "another") as other:
        assert await play(psp) == await play(other)


async def test_pending_until_it_is_decided(psp: Sandbox, taker: Shop) -> None:
    await psp.behave(pending=1, pending_ms=400)
    _, wanted = await psp.authorise("k1")
    _, unwanted = await psp.authorise("k2")
    await psp.authorise("k3", user="declined-dora")
    assert wanted["status"] == unwanted["status"] == "pending"
    status, answer = await psp.ask("POST", f"/v1/payments/{wanted['payment']}/capture")
    assert (status, answer["status"]) == (200, "pending")

    async def standings() -> list[str]:
        return [entry["status"] for entry in await psp.book()]

    async def decided() -> bool:
        return await standings() == ["captured", "authorised", "declined"]

    await until(decided)
    await taker.until(lambda: len(taker.bodies) == 2)
    assert {(notice["order"], notice["status"]) for notice in taker.notices} == {
        ("order-k1", "captured"),
        ("order-k3", "failed"),
    }
    assert (await psp.authorise("k3", user="declined-dora"))[0] == 402
    status, answer = await psp.ask("POST", f"/v1/payments/{unwanted['payment']}/capture")
    assert (status, answer["status"]) == (200, "captured")


async def test_a_pending_payment_is_decided_after_a_kill(psp: Sandbox) -> None:
    await psp.behave(pending=1, pending_ms=500)
    _, payment = await psp.authorise("k")
    await psp.ask("POST", f"/v1/payments/{payment['payment']}/capture")
    psp.kill()
    psp.start()

    async def captured() -> bool:
        (entry,) = await psp.book()
        return bool(entry["status"] == "captured")

    await until(captured)


async def test_behaviour_is_put_and_taken_back(psp: Sandbox) -> None:
    await psp.behave(drop=0.25, latency_ms=3)
    assert (await psp.get("/v1/behaviour"))["drop"] == 0.25
    status, behaviour = await psp.ask("DELETE", "/v1/behaviour")
    assert status == 200 and (behaviour["drop"], behaviour["latency_ms"]) == (0, 50)
    assert await psp.get("/v1/behaviour") == behaviour


async def test_nobody_to_tell(tmp_path: Path) -> None:
    async with sandbox(tmp_path / "data") as psp:
        await psp.paid("k")
        await told(psp, dropped=1)


async def test_what_nobody_took_for_too_long_is_given_up(tmp_path: Path, taker: Shop) -> None:
    taker.answer = lambda number: 500
    book = Book(tmp_path / "book.db", Behaviour())
    scribe = Scribe(book)
    postman = Postman(scribe, taker.url, b"secret", max_age_ms=300)
    posting = asyncio.create_task(postman.run())
    asked = PaymentRequest(key="k", order="o", user="ann", amount=5, currency="CNY")
    payment = await scribe.do(lambda book: book.authorise(asked, now_ms()))
    await scribe.do(lambda book: book.capture(payment.payment, now_ms()))
    postman.wake()

    async def given_up() -> bool:
        return (await scribe.do(lambda book: book.counts()))["given_up"] == 1

    await until(given_up)
    assert 2 <= len(taker.bodies) <= 4
    posting.cancel()
    await asyncio.gather(posting, return_exceptions=True)
    await scribe.stop()


def test_pauses_double_and_are_bounded() -> None:
    assert [pause_ms(attempts, 0.0) for attempts in (1, 2, 3, 4)] == [200, 400, 800, 1_600]
    assert pause_ms(10**6, 0.0) == LONGEST_PAUSE_MS
    assert pause_ms(1, 0.999) == 100


def test_the_signature_by_another_hand() -> None:
    """HMAC-SHA256 of `1.{}` under `k`, computed with openssl."""
    digest = "3dd49b2593d0f9a349e9e71c4bde3e2b862c2be4003fe9b4ba81332029310158"
    assert sign(b"{}", b"k", 1) == f"t=1,v1={digest}"
