"""What the sandbox promises, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.http import MAX_BODY
from tests.sandbox.running import Sandbox, request, sandbox

pytestmark = pytest.mark.anyio


@pytest.fixture
async def psp(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Sandbox]:
    async with sandbox(tmp_path / "data") as one:
        yield one


async def test_authorise_capture_refund_and_ask(psp: Sandbox) -> None:
    status, payment = await psp.authorise("o1-1")
    expected = {**request("o1-1"), "payment": payment["payment"], "status": "authorised"}
    assert status == 200
    assert payment == {**expected, "refunded": 0, "reason": "", "at": payment["at"]}
    path = f"/v1/payments/{payment['payment']}"
    for _ in range(2):
        status, captured = await psp.ask("POST", f"{path}/capture")
        assert (status, captured) == (200, {**payment, "status": "captured"})
    assert await psp.authorise("o1-1") == (200, captured)
    for key, amount, refunded in (("r1", 200, 200), ("r1", 200, 200), ("r2", 300, 500)):
        status, answer = await psp.refund(payment["payment"], key, amount)
        assert (status, answer) == (200, {**captured, "refunded": refunded})
    assert await psp.get(path) == answer
    assert await psp.get("/v1/payments?key=o1-1") == {"payments": [answer]}
    assert await psp.get("/v1/payments?key=o1-2") == {"payments": []}
    await psp.authorise("o1-2", order="order-o1-1")
    found = await psp.get("/v1/payments?order=order-o1-1")
    assert [payment["key"] for payment in found["payments"]] == ["o1-1", "o1-2"]


async def test_the_book_page_by_page(psp: Sandbox) -> None:
    payments = [await psp.paid(f"k{number}") for number in range(5)]
    await psp.refund(payments[3]["payment"], "r1", 100)
    await psp.refund(payments[3]["payment"], "r2", 50)
    assert await psp.authorise("kd", user="declined-dora") == (
        402,
        {"error": {"code": "declined", "message": "the card was declined"}},
    )
    first = await psp.get("/v1/book?limit=4")
    second = await psp.get(f"/v1/book?limit=4&cursor={first['cursor']}")
    assert second["cursor"] is None
    entries = first["payments"] + second["payments"]
    assert [entry["key"] for entry in entries] == ["k0", "k1", "k2", "k3", "k4", "kd"]
    assert [entry["refunded"] for entry in entries] == [0, 0, 0, 150, 0, 0]
    assert [(refund["key"], refund["amount"]) for refund in entries[3]["refunds"]] == [
        ("r1", 100),
        ("r2", 50),
    ]
    assert (entries[5]["status"], entries[5]["reason"]) == ("declined", "the card was declined")
    assert (await psp.get("/v1/book?limit=6"))["cursor"] is None, "no page that is empty"


async def test_the_same_key_many_times_at_once_is_one_payment(psp: Sandbox) -> None:
    answers = await asyncio.gather(*(psp.authorise("k") for _ in range(50)))
    assert {status for status, _ in answers} == {200}
    assert len({json.dumps(answer) for _, answer in answers}) == 1
    path = f"/v1/payments/{answers[0][1]['payment']}/capture"
    captured = await asyncio.gather(*(psp.ask("POST", path) for _ in range(50)))
    assert {(status, answer["status"]) for status, answer in captured} == {(200, "captured")}
    assert len(await psp.book()) == 1
    counts = await psp.get("/v1/notices")
    assert sum(counts.values()) == 1, "captured once, told once"


async def test_refunds_at_once_never_exceed_the_capture(psp: Sandbox) -> None:
    payment = (await psp.paid("k"))["payment"]
    answers = await asyncio.gather(*(psp.refund(payment, f"r{number % 25}", 70) for number in range(75)))
    assert Counter(status for status, _ in answers)[200] == 3 * 7, "seven of 25 fit, each asked thrice"
    (entry,) = await psp.book()
    assert entry["refunded"] == 490
    assert len({refund["key"] for refund in entry["refunds"]}) == len(entry["refunds"]) == 7
    status, answer = await psp.refund(payment, "more", 11)
    assert (status, answer["error"]) == (
        409,
        {"code": "conflict", "message": "10 of 500 are left to go back", "field": "amount"},
    )


async def test_what_contradicts_what_was_done_is_refused(psp: Sandbox) -> None:
    one, two = [(await psp.paid(key))["payment"] for key in ("k1", "k2")]
    for field, value in (("order", "o"), ("user", "bob"), ("amount", 501), ("currency", "USD")):
        status, answer = await psp.authorise("k1", **{field: value})
        assert (status, answer["error"]["field"]) == (409, field)
    assert (await psp.refund(one, "r", 100))[0] == 200
    for payment, amount, field in ((one, 101, "amount"), (two, 100, "payment")):
        status, answer = await psp.refund(payment, "r", amount)
        assert (status, answer["error"]["field"]) == (409, field)
    status, answer = await psp.refund(one, "other", 100, currency="USD")
    assert (status, answer["error"]["field"]) == (409, "currency")
    _, authorised = await psp.authorise("k3")
    status, answer = await psp.refund(authorised["payment"], "r3", 1)
    assert (status, answer["error"]["message"]) == (409, "the payment is authorised, nothing can go back")
    assert (await psp.authorise("kd", user="declined-dora"))[0] == 402
    declined = (await psp.get("/v1/payments?key=kd"))["payments"][0]["payment"]
    assert (await psp.ask("POST", f"/v1/payments/{declined}/capture"))[0] == 409
    assert [entry["refunded"] for entry in await psp.book()] == [100, 0, 0, 0]


BAD = [
    (request("k", amount="500"), "amount", "Expected `int`, got `str`"),
    (request("k", amount=0), "amount", "Expected `int` >= 1"),
    (request("k", amount=-1), "amount", "Expected `int` >= 1"),
    (request("k", amount=5.5), "amount", "Expected `int`"),
    (request("k", amount=10**13 + 1), "amount", "Expected `int` <= "),
    (request("k", amount=True), "amount", "Expected `int`"),
    (request("k", currency="cny"), "currency", "Expected `str` matching regex"),
    (request("k", currency=None), "currency", "Expected `str`"),
    (request(""), "key", "Expected `str` matching regex"),
    (request("a b"), "key", "Expected `str` matching regex"),
    (request("k\n"), "key", "Expected `str` matching regex"),
    (request("k" * 129), "key", "Expected `str` matching regex"),
    (request("k", order=""), "order", "Expected `str` of length >= 1"),
    (request("k", user="u" * 129), "user", "Expected `str` of length <= 128"),
    (request("k", tip=1), None, "Object contains unknown field `tip`"),
    ({"key": "k"}, "order", "Object missing required field `order`"),
    ([], None, "Expected `object`, got `array`"),
]


async def test_bad_input_names_the_field(psp: Sandbox) -> None:
    for body, field, said in BAD:
        status, answer = await psp.ask("POST", "/v1/payments", body)
        assert (status, answer["error"]["code"]) == (400, "invalid"), body
        assert (answer["error"].get("field"), said in answer["error"]["message"]) == (field, True), answer
    for raw in (b"", b"{", b'{"key": "\xff"}', b'"\\ud800"', b"[" * 5_000):
        status, answer = await psp.ask("POST", "/v1/payments", raw=raw)
        assert (status, answer["error"]["code"]) == (400, "invalid"), raw[:20]
    status, answer = await psp.ask("POST", "/v1/payments", raw=b" " * (MAX_BODY + 1))
    assert (status, answer["error"]["code"]) == (413, "too_large")
    for path, field in (
        ("/v1/payments", "key"),
        ("/v1/payments?key=k&order=o", "key"),
        ("/v1/payments?key=", "key"),
        ("/v1/payments?order=" + "o" * 129, "order"),
        ("/v1/payments?key=a&key=b", "key"),
        ("/v1/payments?user=ann", "user"),
        ("/v1/book?limit=0", "limit"),
        ("/v1/book?limit=1001", "limit"),
        ("/v1/book?cursor=-1", "cursor"),
        ("/v1/book?cursor=%D9%A1", "cursor"),
    ):
        status, answer = await psp.ask("GET", path)
        assert (status, answer["error"]["field"]) == (400, field), path
    for body, field in (
        ({"fail": 1.1}, "fail"),
        ({"drop": -0.1}, "drop"),
        ({"latency_ms": "5"}, "latency_ms"),
        ({"seed": 2**53}, "seed"),
    ):
        status, answer = await psp.ask("PUT", "/v1/behaviour", body)
        assert (status, answer["error"]["field"]) == (400, field), body
    assert await psp.book() == []
    payment = (await psp.paid("k"))["payment"]
    for body, field in (
        ({"key": "r"}, "amount"),
        ({"key": "r", "amount": 1.5}, "amount"),
        ({"amount": 1}, "key"),
    ):
        status, answer = await psp.ask("POST", f"/v1/payments/{payment}/refunds", body)
        assert (status, answer["error"]["field"]) == (400, field), body


async def test_who_may_ask_and_what_there_is(psp: Sandbox) -> None:
    for key in ("", "wrong", psp.key + "x", psp.key[:-1], "é"):
        status, answer = await psp.ask("GET", "/v1/book", key=key)
        assert (status, answer["error"]["code"]) == (401, "unauthorized")
    assert (await psp.ask("POST", "/v1/payments", request("k"), key="wrong"))[0] == 401
    assert (await psp.ask("GET", "/health", key="wrong")) == (200, {"status": "ok"})
    status, answer = await psp.ask("GET", "/v1/payments/pay_none")
    assert (status, answer["error"]) == (404, {"code": "not_found", "message": "no such payment"})
    assert (await psp.ask("POST", "/v1/payments/pay_none/capture"))[0] == 404
    assert (await psp.refund("pay_none", "r", 1))[0] == 404
    assert (await psp.ask("GET", "/v2"))[0] == 404
    assert (await psp.ask("DELETE", "/v1/book"))[0] == 405


async def test_a_user_of_any_script(psp: Sandbox) -> None:
    payment = await psp.paid("k", user="安娜 \x00 \U0001f36c", order="订单")
    assert (await psp.get("/v1/payments?key=k"))["payments"] == [payment]
