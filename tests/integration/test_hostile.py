"""Malformed, oversized, unauthorised, out-of-order and unknown input: a typed answer each, no dead worker."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from tests.integration.test_main_job import live_room
from tests.live_server import LiveServer, client, host, product, viewer

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def nothing_died(server: LiveServer) -> Any:
    """The same workers serve before and after, and no traceback was logged."""
    before = {process.pid for process in server.children("gateway")}
    logged = len(server.log)
    yield
    assert {process.pid for process in server.children("gateway")} == before != set()
    assert not [line for line in server.log[logged:] if "Traceback" in line]


@pytest.mark.parametrize("kind", ["live", "control"])
@pytest.mark.parametrize(
    "message,field",
    [
        ("{", None),
        ("[]", None),
        ("null", None),
        ("", None),
        ('{"type": 5}', "type"),
        ('{"id": 1}', "type"),
        ('{"type": "nonsense", "id": 3}', "type"),
        ('{"type": "order.place", "id": 3}', "request_id"),
        ('{"type": "order.place", "id": 3, "request_id": "x", "quantity": 0}', "quantity"),
        ('{"type": "order.place", "id": 3, "request_id": "x", "quantity": 1e400}', "quantity"),
        (
            '{"type": "product.mount", "product": {"sku": "a", "title": "t", "price": -1, "stock": 1}}',
            "product.price",
        ),
        (b"\xff\xfe", None),
        ("[" * 3000, None),
    ],
)
async def test_malformed_commands_name_the_field(
    server: LiveServer, room: str, kind: str, message: str | bytes, field: str | None
) -> None:
    async with client(server, room, control=kind == "control") as opened:
        await opened.hello(server.token("host", "host"))
        await opened.socket.send(message)
        error = await opened.wait_for("error")
        assert error["code"] == "invalid" and error.get("field") == field, error
        assert (await opened.ask("ping", client_time=1))["type"] == "pong"


async def test_the_fifth_strike_closes_with_4503(server: LiveServer, room: str) -> None:
    async with viewer(server, room, "ann") as ann:
        for _ in range(5):
            await ann.socket.send("{")
        assert await ann.closed() == 4503
        assert [event["code"] for event in ann.events if event["type"] == "error"] == ["invalid"] * 5


@pytest.mark.parametrize(
    "kind,size,code",
    [("live", 4096, None), ("live", 4097, 1009), ("control", 65536, None), ("control", 65537, 1009)],
)
async def test_oversized_messages(
    server: LiveServer, room: str, kind: str, size: int, code: int | None
) -> None:
    async with client(server, room, control=kind == "control") as opened:
        await opened.hello(server.token("host", "host"))
        await opened.socket.send(b"x" * size)
        if code is None:
            assert (await opened.wait_for("error"))["code"] == "invalid"
        else:
            assert await opened.closed() == code


@pytest.mark.parametrize(
    "token,kind,code",
    [
        ("", "live", 4500),
        ("not.a.token", "live", 4500),
        ("expired", "live", 4500),
        ("other room", "live", 4501),
        (None, "control", 4500),
        ("viewer", "control", 4501),
        ("strange host", "control", 4501),
    ],
)
async def test_bad_hellos_close(
    server: LiveServer, room: str, token: str | None, kind: str, code: int
) -> None:
    made = {
        "expired": lambda: server.token("ann", ttl=-10),
        "other room": lambda: server.token("ann", room="elsewhere"),
        "viewer": lambda: server.token("ann"),
        "strange host": lambda: server.token("stranger", "host"),
    }
    text = made[token]() if token in made else token
    async with client(server, room, control=kind == "control") as opened:
        await opened.send({"type": "hello", **({} if text is None else {"token": text})})
        assert await opened.closed() == code


async def test_no_such_room_no_hello_and_commands_before_hello(server: LiveServer, room: str) -> None:
    async with client(server, "nowhere") as lost:
        await lost.send({"type": "hello"})
        assert await lost.closed() == 4504
    async with client(server, room) as silent:
        assert await silent.closed() == 4506
    async with client(server, room) as hasty:
        await hasty.send({"type": "order.place", "id": 1, "request_id": "x", "sku": "A1"})
        assert (await hasty.wait_for("error"))["field"] == "type"
        assert (await hasty.hello(server.token("ann")))["type"] == "welcome"
        await hasty.send({"type": "hello"})
        assert (await hasty.wait_for("error"))["code"] == "invalid"


async def test_a_room_without_guests(server: LiveServer) -> None:
    server.create_room("members", guests=False)
    async with client(server, "members") as guest:
        await guest.send({"type": "hello"})
        assert await guest.closed() == 4500
    assert server.get("/api/v1/rooms/members")[0] == 401
    async with viewer(server, "members", "ann") as ann:
        assert (await ann.ask("ping"))["type"] == "pong"


async def test_foreign_origins_are_turned_away(server: LiveServer, room: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with client(server, room, origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    async with client(server, room, origin=server.url) as own:
        assert (await own.hello())["type"] == "welcome"


@pytest.mark.parametrize(
    "role,type,fields",
    [
        ("viewer", "room.start", {}),
        ("moderator", "product.pin", {"sku": "A1"}),
        ("moderator", "room.end", {}),
    ],
)
async def test_roles_are_enforced_per_command(
    server: LiveServer, room: str, role: str, type: str, fields: dict[str, str]
) -> None:
    async with client(server, room, control=role == "moderator") as opened:
        await opened.hello(server.token("someone", role))
        assert (await opened.ask(type, **fields))["code"] == "forbidden"


async def test_the_oldest_of_too_many_sockets_is_replaced(server: LiveServer, room: str) -> None:
    async with viewer(server, room, "ann") as oldest:
        others = [viewer(server, room, "ann") for _ in range(8)]
        for other in others:
            await other.__aenter__()
        try:
            assert await oldest.closed() == 4505
        finally:
            for other in others:
                await other.__aexit__(None, None, None)


CONTROL_REFUSALS: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("product.mount", {"product": product("A1")}, "conflict", None),
    ("product.pin", {"sku": "nope"}, "not_found", "sku"),
    ("product.update", {"sku": "A1"}, "invalid", None),
    ("product.sort", {"skus": []}, "invalid", "skus"),
    ("product.restock", {"sku": "A1", "delta": -6}, "invalid", "delta"),
    ("product.restock", {"delta": 1}, "invalid", "sku"),
    (
        "sale.schedule",
        {"sku": "A1", "price": 1, "stock": 6, "starts_in_ms": 0, "duration_ms": 5},
        "conflict",
        "stock",
    ),
    (
        "sale.schedule",
        {"sku": "A1", "price": 1, "stock": 1, "duration_ms": 5},
        "invalid",
        "starts_at",
    ),
    (
        "sale.schedule",
        {"sku": "A1", "price": 1, "stock": 1, "duration_ms": 5, "starts_at": 1},
        "invalid",
        "starts_at",
    ),
    ("sale.cancel", {"sale": "nope"}, "not_found", "sale"),
    ("room.start", {}, "conflict", None),
]


async def test_control_refusals_name_the_field(server: LiveServer, room: str) -> None:
    async with host(server, room) as control:
        await live_room(control, product("A1", stock=5))
        for type, fields, code, field in CONTROL_REFUSALS:
            error = await control.ask(type, **fields)
            assert error["type"] == "error" and error["code"] == code, (type, error)
            if field is not None:
                assert error.get("field") == field, (type, error)


@pytest.mark.parametrize(
    "method,path,body,status,field",
    [
        ("POST", "/api/v1/rooms", b"{", 400, None),
        ("POST", "/api/v1/rooms", b"\xff", 400, None),
        ("POST", "/api/v1/rooms", {"title": ""}, 400, "title"),
        ("POST", "/api/v1/rooms", {"title": "t", "id": "../etc"}, 400, "id"),
        ("POST", "/api/v1/rooms", {"title": "t", "currency": "yuan"}, 400, "currency"),
        ("POST", "/api/v1/rooms", b"x" * 70_000, 413, None),
        ("GET", "/api/v1/rooms?limit=0", None, 400, "limit"),
        ("GET", "/api/v1/rooms?limit=-1", None, 400, "limit"),
        ("GET", "/api/v1/rooms/nowhere", None, 404, None),
        ("GET", "/api/v1/rooms/%00", None, 404, None),
        ("GET", "/api/v1/orders?status=lost", None, 400, "status"),
        ("GET", "/api/v1/orders?cursor=%F0%9F%92%A9", None, 400, "cursor"),
        ("GET", "/api/v1/orders/nothing", None, 404, None),
        ("DELETE", "/api/v1/rooms", None, 405, None),
        ("GET", "/api/v2/anything", None, 404, None),
    ],
)
def test_http_errors_are_typed(
    server: LiveServer, method: str, path: str, body: Any, status: int, field: str | None
) -> None:
    got, answer = server.request(method, path, body, server.token("op", "operator"))
    assert got == status, answer
    assert set(answer) == {"error"} and answer["error"].get("field") == field, answer


def test_http_tokens(server: LiveServer, room: str) -> None:
    body = {"title": "t"}
    assert server.request("POST", "/api/v1/rooms", body)[0] == 401
    assert server.request("POST", "/api/v1/rooms", body, "nonsense")[0] == 401
    assert server.request("POST", "/api/v1/rooms", body, server.token("ann"))[0] == 403
    assert server.request("POST", "/api/v1/rooms", body, Authorization="Basic eDp5")[0] == 401
    status, answer = server.request(
        "POST", "/api/v1/rooms", {"title": "t", "id": room}, server.token("other", "host")
    )
    assert (status, answer["error"]["code"]) == (409, "conflict")


def test_an_unsigned_payment_notice_is_refused(server: LiveServer) -> None:
    notice = {
        "event": "e",
        "order": "o",
        "payment": "p",
        "status": "captured",
        "amount": 1,
        "currency": "CNY",
    }
    for signature in ("", "t=1,v1=00", "nonsense"):
        status, answer = server.request(
            "POST", "/api/v1/payments/webhook", notice, Miaodan_Signature=signature
        )
        assert status == 401 and answer["error"]["code"] == "unauthorized"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=300))
def test_raw_bytes_on_the_port_never_kill_it(server: LiveServer, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=5) as raw:
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
    assert server.get("/health")[0] == 200


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x05hello",
        b"\xf1\x80\x00\x00\x00\x00",
        b"\x83\x80\x00\x00\x00\x00",
        b"\x88\x81\x00\x00\x00\x00\x01",
        os.urandom(64),
    ],
    ids=["unmasked", "reserved bits", "unknown opcode", "bad close", "noise"],
)
async def test_malformed_frames_close_only_their_own_socket(
    server: LiveServer, room: str, frame: bytes
) -> None:
    async with viewer(server, room, "ann") as ann, client(server, room) as hostile:
        await hostile.hello()
        hostile.socket.transport.write(frame)
        hostile.socket.transport.write_eof()
        assert await hostile.closed() in (1002, 1006, 1007, 1000, 1005)
        assert (await ann.ask("ping"))["type"] == "pong"


async def test_health_metrics_and_documents(server: LiveServer) -> None:
    assert server.get("/health") == (200, {"status": "ok"})
    assert server.get("/ready")[1]["ready"] is True
    status, text = server.get("/metrics")
    assert status == 200 and "miaodan_gateway_opened_total" in text and "miaodan_fanout_writes_total" in text
    assert server.get("/api/openapi.json")[1]["openapi"].startswith("3.1")
    assert server.get("/api/asyncapi.json")[1]["asyncapi"].startswith("3.")
    assert server.get("/demo/token")[0] == 404, "serve never hands out tokens"
    await asyncio.sleep(0)
