"""The provider over HTTP: its answers, its definite no, and everything that is no answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from server.orders.provider import Charge, Payment, PaymentProvider, PaymentRefused, Standing
from server.orders.sandbox_client import NoAnswer, SandboxClient
from tests.sandbox.running import Sandbox, sandbox, shop, until

pytestmark = pytest.mark.anyio


def charge(key: str = "o1-1", **fields: object) -> Charge:
    return Charge(**{"key": key, "order": "o1", "user": "ann", "amount": 500, "currency": "CNY", **fields})  # type: ignore[arg-type]


@pytest.fixture
async def psp(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Sandbox]:
    async with sandbox(tmp_path / "data") as one:
        yield one


@pytest.fixture
async def client(psp: Sandbox) -> AsyncIterator[SandboxClient]:
    client = SandboxClient(psp.url, psp.key, 5_000)
    yield client
    await client.close()


async def test_everything_a_provider_does(client: SandboxClient) -> None:
    provider: PaymentProvider = client
    assert await provider.query("o1-1") is None
    authorised = await provider.authorise(charge())
    assert authorised == Payment(
        authorised.payment, "o1-1", "o1", 500, "CNY", Standing.AUTHORISED, refunded=0, reason=""
    )
    assert await provider.authorise(charge()) == authorised
    captured = await provider.capture(authorised.payment)
    assert captured.status is Standing.CAPTURED
    assert await provider.capture(authorised.payment) == captured == await provider.query("o1-1")
    for _ in range(2):
        refunded = await provider.refund(captured.payment, "o1-r1", 200, "CNY")
        assert (refunded.status, refunded.refunded) == (Standing.CAPTURED, 200)
    assert (await provider.refund(captured.payment, "o1-r2", 300, "CNY")).refunded == 500


async def test_whose_a_payment_is(psp: Sandbox, client: SandboxClient) -> None:
    authorised = await client.authorise(charge())
    assert await client.lookup(authorised.payment) == authorised
    captured = await client.capture(authorised.payment)
    assert await client.lookup(authorised.payment) == captured
    for unknown in ("pay_none", "pay none ?#é", ".."):
        assert await client.lookup(unknown) is None
    with pytest.raises(PaymentRefused, match="no such payment"):
        await client.refund("pay_none", "r", 1, "CNY")
    await psp.behave(fail=1)
    with pytest.raises(NoAnswer, match="500"):
        await client.lookup(authorised.payment)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "<h1>nobody is here</h1>"),
        (404, '{"error": {"code": "gone", "message": "?"}}'),
        (
            200,
            '{"payment": "other", "key": "k", "order": "o", "amount": 1, "currency": "CNY",'
            ' "status": "captured"}',
        ),
    ],
    ids=["a page", "another code", "another payment"],
)
async def test_a_lookup_without_an_answer(status: int, body: str, anyio_backend: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    odd = Odd(answer)
    client = SandboxClient(await odd.open(), "key")
    with pytest.raises(NoAnswer):
        await client.lookup("pay")
    await client.close()
    await odd.close()


async def test_its_definite_no(client: SandboxClient) -> None:
    with pytest.raises(PaymentRefused, match=r"^the card was declined$"):
        await client.authorise(charge(user="declined-dora"))
    declined = await client.query("o1-1")
    assert declined is not None
    assert (declined.status, declined.reason) == (Standing.DECLINED, "the card was declined")
    payment = (await client.authorise(charge("o1-2"))).payment
    with pytest.raises(PaymentRefused, match="the payment is authorised"):
        await client.refund(payment, "r", 1, "CNY")
    await client.capture(payment)
    with pytest.raises(PaymentRefused, match="500 of 500 are left"):
        await client.refund(payment, "r", 501, "CNY")
    with pytest.raises(PaymentRefused, match="in CNY"):
        await client.refund(payment, "r", 500, "USD")
    with pytest.raises(PaymentRefused, match="another amount"):
        await client.authorise(charge("o1-2", amount=501))


async def test_pending(psp: Sandbox, client: SandboxClient) -> None:
    await psp.behave(pending=1, pending_ms=200)
    payment = await client.authorise(charge())
    assert payment.status is Standing.PENDING
    assert (await client.capture(payment.payment)).status is Standing.PENDING

    async def captured() -> bool:
        found = await client.query("o1-1")
        return found is not None and found.status is Standing.CAPTURED

    await until(captured)


async def test_what_is_no_answer(psp: Sandbox, client: SandboxClient) -> None:
    with pytest.raises(NoAnswer, match="404 no such payment"):
        await client.capture("pay_none ?#é")
    with pytest.raises(NoAnswer, match="404"):
        await client.capture("../behaviour")
    with pytest.raises(NoAnswer, match=r"400 .*amount|400 Expected"):
        await client.authorise(charge(amount=0))
    stranger = SandboxClient(psp.url, "wrong")
    with pytest.raises(NoAnswer, match="401 the API key does not fit"):
        await stranger.query("k")
    await stranger.close()
    await psp.behave(fail=1)
    with pytest.raises(NoAnswer, match="500 the sandbox fails on demand"):
        await client.query("k")
    await psp.behave(latency_ms=10_000)
    hasty = SandboxClient(psp.url, psp.key, 200)
    before = time.monotonic()
    with pytest.raises(NoAnswer, match=r"nothing within 0\.2 s"):
        await hasty.authorise(charge())
    assert time.monotonic() - before < 5
    await hasty.close()


async def test_a_provider_that_died_is_asked_again(psp: Sandbox, client: SandboxClient) -> None:
    payment = (await client.authorise(charge())).payment
    psp.kill()
    with pytest.raises(NoAnswer, match="Connect"):
        await client.capture(payment)
    psp.start()
    assert (await client.capture(payment)).status is Standing.CAPTURED, "over a new connection"


async def test_a_lost_notice_is_found_by_a_query(tmp_path: Path, anyio_backend: str) -> None:
    async with shop() as taker, sandbox(tmp_path / "data", "--webhook-url", taker.url) as psp:
        await psp.behave(drop=1)
        client = SandboxClient(psp.url, psp.key)
        payment = await client.authorise(charge())
        await client.capture(payment.payment)

        async def dropped() -> bool:
            return (await psp.get("/v1/notices")) == {"waiting": 0, "posted": 0, "dropped": 1, "given_up": 0}

        await until(dropped)
        assert taker.bodies == []
        found = await client.query("o1-1")
        assert found is not None and (found.payment, found.status) == (payment.payment, Standing.CAPTURED)
        await client.close()


class Odd:
    """A server that answers as a test wants."""

    def __init__(self, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
        self.asked = 0
        self._answer = answer
        self._runner: web.AppRunner | None = None

    async def open(self) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        return await self._answer(request)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"<html>", 200, "an answer that is none"),
        (b'{"payment": "p"}', 200, "an answer that is none"),
        (b"\xff", 500, "500 \N{REPLACEMENT CHARACTER}"),
        (b"", 301, "301"),
        (b"{" + b" " * 70_000, 200, "an answer of more than 65536 bytes"),
    ],
)
async def test_answers_of_no_provider(anyio_backend: str, body: bytes, status: int, said: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers={"Location": "/elsewhere"})

    odd = Odd(answer)
    client = SandboxClient(await odd.open(), "key")
    with pytest.raises(NoAnswer, match=said):
        await client.query("k")
    assert odd.asked == 1
    await client.close()
    await odd.close()


async def test_a_broken_connection_is_tried_three_times(anyio_backend: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    odd = Odd(answer)
    client = SandboxClient(await odd.open(), "key")
    with pytest.raises(NoAnswer, match="Disconnected"):
        await client.capture("pay_1")
    assert odd.asked == 3
    await client.close()
    await odd.close()


async def test_connections_are_bounded(anyio_backend: str) -> None:
    running, most = 0, 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return web.json_response({"payments": []})

    odd = Odd(answer)
    client = SandboxClient(await odd.open(), "key", connections=4)
    assert await asyncio.gather(*(client.query(f"k{number}") for number in range(40))) == [None] * 40
    assert most == 4
    await client.close()
    await odd.close()
