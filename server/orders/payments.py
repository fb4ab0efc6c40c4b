"""Where the payment provider's notices arrive: `POST /api/v1/payments/webhook`.

A notice is signed: `Miaodan-Signature: t=<seconds>,v1=<hex>` with HMAC-SHA256 over
`<seconds>.<body>`, as Stripe and others do it. A repeat of a recorded notice gets its first answer.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import cast

import msgspec
from redis.asyncio import Redis

from schemas.codecs import split_error
from schemas.codes import ErrorCode
from schemas.http import PaymentNotice, PaymentRecorded
from server.orders.changes import Code
from server.orders.entries import NoticeRow
from server.orders.errors import OrderError
from server.orders.keys import PartitionKeys
from server.orders.lanes import Unanswered
from server.orders.metrics import NOTICES
from server.orders.pipe import call_script
from server.orders.records import StoredOrder
from server.orders.scripts import NOTICE
from server.orders.service import OrderService
from server.valkey import StoreUnavailable, store_errors, store_time

_RESULTS = {Code.DONE: "paid", Code.ALREADY: "already_paid"}
_decode_notice = msgspec.json.Decoder(PaymentNotice).decode
_decode_recorded = msgspec.json.Decoder(PaymentRecorded).decode
_encode = msgspec.json.encode


def sign(body: bytes, secret: bytes, at: int | None = None) -> str:
    """The header for `body` at `at` (seconds; now when None), as the provider makes it."""
    seconds = int(time.time()) if at is None else at
    return f"t={seconds},v1={_digest(body, secret, str(seconds))}"


def _digest(body: bytes, secret: bytes, seconds: str) -> str:
    return hmac.new(secret, seconds.encode() + b"." + body, hashlib.sha256).hexdigest()


def verify(body: bytes, header: str, secret: bytes, now: int, tolerance_ms: int) -> None:
    """Raises OrderError `unauthorized` for a notice that is not the provider's, or not of these minutes."""
    seconds, digests = "", []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            seconds = value
        elif name == "v1":
            digests.append(value)
    wanted = _digest(body, secret, seconds).encode()
    # Every digest is compared, in constant time: how many there are is no secret.
    good = [hmac.compare_digest(wanted, digest.encode("utf-8", "replace")) for digest in digests]
    if not any(good) or not seconds.isascii() or not seconds.isdigit() or len(seconds) > 12:
        raise OrderError(ErrorCode.UNAUTHORIZED, "the signature does not fit", "Miaodan-Signature")
    if abs(now - int(seconds) * 1000) > tolerance_ms:
        raise OrderError(ErrorCode.UNAUTHORIZED, "signed too long ago", "Miaodan-Signature")


class PaymentDesk:
    """Takes notices in. `memory_ms`: how long one is known as a repeat."""

    def __init__(
        self,
        service: OrderService,
        client: Redis,
        secret: str | bytes,
        *,
        tolerance_ms: int = 300_000,
        memory_ms: int = 7 * 86_400_000,
    ) -> None:
        self._service = service
        self._client = client
        self._secret = secret.encode() if isinstance(secret, str) else secret
        self._tolerance = tolerance_ms
        self._memory = memory_ms
        if not self._secret:
            raise ValueError("a webhook without a secret would take anybody's word")

    async def notice(self, body: bytes, signature: str, now: int) -> PaymentRecorded:
        """Record one notice at `now` (ms). Raises OrderError, StoreUnavailable (send it again).

        `result`: paid, already_paid, returned (the money goes back: nothing to pay), noted (a failure).
        """
        try:
            recorded = await self._record(body, signature, now)
        except OrderError as error:
            NOTICES.labels(error.code.value).inc()
            raise
        NOTICES.labels(recorded.result).inc()
        return recorded

    async def _record(self, body: bytes, signature: str, now: int) -> PaymentRecorded:
        verify(body, signature, self._secret, now, self._tolerance)
        notice = self._decode(body)
        partition = self._service.book.of_order(notice.order)
        if partition is None:
            raise OrderError(ErrorCode.NOT_FOUND, "no such order", "order")
        with store_errors():
            known = cast("bytes | None", await self._client.get(partition.notice(notice.event)))
            if known is not None:
                told = _decode_recorded(known)
                if told.order != notice.order:
                    raise OrderError(ErrorCode.CONFLICT, f"this event was about {told.order}", "event")
                return told
            recorded = await self._carry_out(notice)
            return await self._remember(partition, notice, recorded)

    @staticmethod
    def _decode(body: bytes) -> PaymentNotice:
        try:
            return _decode_notice(body)
        except msgspec.MsgspecError as error:
            message, field = split_error(error)
            raise OrderError(ErrorCode.INVALID, message, field) from None

    async def _carry_out(self, notice: PaymentNotice) -> PaymentRecorded:
        record = await self._service.stored(notice.order)
        if record is None:
            raise OrderError(ErrorCode.NOT_FOUND, "no such order", "order")
        if notice.status == "failed":
            return _recorded(notice, "noted", record)
        if notice.currency != record.currency:
            raise OrderError(ErrorCode.INVALID, f"the order is in {record.currency}", "currency")
        if notice.amount != record.amount:
            raise OrderError(ErrorCode.INVALID, f"the order comes to {record.amount}", "amount")
        try:
            changed = await self._service.cashier.settle(record, notice.payment)
        except Unanswered as error:
            raise StoreUnavailable(str(error)) from error
        return _recorded(notice, _RESULTS.get(changed.code, "returned"), changed.record or record)

    async def _remember(
        self, partition: PartitionKeys, notice: PaymentNotice, recorded: PaymentRecorded
    ) -> PaymentRecorded:
        row = NoticeRow(
            event=notice.event,
            order=notice.order,
            payment=notice.payment,
            status=notice.status,
            amount=notice.amount,
            currency=notice.currency,
            result=recorded.result,
            at=await store_time(self._client),
        )
        keys = [partition.outbox, partition.notice(notice.event), partition.returns]
        args: list[str | bytes | int] = [_encode(recorded), self._memory, _encode(row), ""]
        return _decode_recorded(await call_script(self._client, NOTICE, keys, args))


def _recorded(notice: PaymentNotice, result: str, record: StoredOrder) -> PaymentRecorded:
    return PaymentRecorded(event=notice.event, result=result, order=record.order, status=record.status)
