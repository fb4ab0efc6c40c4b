"""Where the payment provider's notices arrive: `POST /api/v1/payments/webhook`.

Every notice leaves a row in the ledger that says what it did, and why where it was refused. A repeat of
a recorded notice gets its first answer. Of what the provider did not sign, or not in these minutes, a
gateway records a few a second, each content once; the rest is refused and counted all the same.
"""

from __future__ import annotations

import hashlib
from typing import cast

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from schemas.codecs import split_error
from schemas.codes import ErrorCode, OrderStatus
from schemas.http import PaymentNotice, PaymentRecorded
from server.orders.cashier import unused_reason
from server.orders.changes import Changed, Code
from server.orders.entries import NoticeRow
from server.orders.errors import OrderError
from server.orders.lanes import Unanswered
from server.orders.metrics import NOTICES
from server.orders.pipe import call_script
from server.orders.provider import Payment, Standing
from server.orders.records import StoredOrder
from server.orders.returns import KNOWN, PAYS
from server.orders.scripts import NOTICE
from server.orders.service import OrderService
from server.orders.signatures import Stale, verify
from server.trust.limits import Bucket
from server.valkey import StoreUnavailable, store_errors, store_time

log = structlog.get_logger("miaodan.orders")

RUBBISH_PER_SECOND, RUBBISH_BURST = 1.0, 60.0
"""Rows about what the provider did not sign, per gateway."""
_RUBBISH_MEMORY_MS = 3_600_000
_GIVEN_BACK = frozenset({OrderStatus.REFUNDING, OrderStatus.REFUNDED})


class Remembered(PaymentRecorded):
    """A notice's answer, and what it was given for."""

    digest: str = ""


_decode_notice = msgspec.json.Decoder(PaymentNotice).decode
_decode_remembered = msgspec.json.Decoder(Remembered).decode
_encode = msgspec.json.encode


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
        self._rubbish = Bucket(RUBBISH_PER_SECOND, RUBBISH_BURST)
        if not self._secret:
            raise ValueError("a webhook without a secret would take anybody's word")

    async def notice(self, body: bytes, signature: str, now: int) -> PaymentRecorded:
        """Record one notice at `now` (ms). Raises OrderError, StoreUnavailable (as `unavailable`: send it
        again).

        `result`: paid, already_paid, returned (the money goes back), noted (nothing to do), refused.
        """
        try:
            recorded = await self._take(body, signature, now)
        except OrderError as error:
            NOTICES.labels(error.code.value).inc()
            raise
        NOTICES.labels(recorded.result).inc()
        return recorded

    async def _take(self, body: bytes, signature: str, now: int) -> PaymentRecorded:
        try:
            verify(body, signature, self._secret, now, self._tolerance)
        except OrderError as error:
            kind = "stale" if isinstance(error, Stale) else "unsigned"
            if self._rubbish.take(now):
                NOTICES.labels("not_recorded").inc()
            else:
                await self._refuse(kind, body + b"\n" + signature.encode(), error.message, None)
            raise
        try:
            notice = _decode_notice(body)
        except msgspec.MsgspecError as error:
            message, field = split_error(error)
            await self._refuse("malformed", body, message, None)
            raise OrderError(ErrorCode.INVALID, message, field) from None
        return await self._record(notice)

    async def _record(self, notice: PaymentNotice) -> PaymentRecorded:
        told = _encode(notice)
        digest = _digest(told)
        with store_errors():
            keys = self._service.book.of_text(notice.event)
            known = cast("bytes | None", await self._client.get(keys.notice(notice.event)))
            if known is None:
                answer = await self._carry_out(notice)
                known = await self._remember(notice, answer, digest)
        first = _decode_remembered(known)
        if first.order != notice.order or first.digest not in ("", digest):
            reason = f"event {notice.event} was told before, with other contents"
            await self._refuse("conflict", told, reason, notice)
            raise OrderError(
                ErrorCode.CONFLICT, f"this event was about {first.order}, or told otherwise", "event"
            )
        return PaymentRecorded(
            event=first.event,
            result=first.result,
            order=first.order,
            status=first.status,
            reason=first.reason,
        )

    # ---- what a notice does -----------------------------------------------------------------

    async def _carry_out(self, notice: PaymentNotice) -> PaymentRecorded:
        record = await self._service.stored(notice.order)
        if notice.status == "failed":
            return await self._failed(notice, record)
        if record is None or record.payment != notice.payment:  # else it is known what it pays
            payment = await self._look_up(notice)
            reason = contradiction(notice, payment)
            if payment is None or reason:
                return _recorded(notice, "refused", record, reason)
            if payment.status is not Standing.CAPTURED:
                message = f"the payment is {payment.status.value}, says the provider: send it again"
                raise OrderError(ErrorCode.UNAVAILABLE, message)
            if payment.refunded:
                return _recorded(notice, "returned", record, "it was given back before")
        owner = await self._service.cashier.claims.take(notice.payment, notice.order)
        if owner != notice.order:
            return _recorded(notice, "refused", record, f"the payment belongs to order {owner}")
        reason = _unfit(notice, record)
        if record is None or reason:
            return await self._misfit(notice, record, reason)
        try:
            changed = await self._service.cashier.settle(record, notice.payment)
        except Unanswered as error:
            raise StoreUnavailable(str(error)) from error
        return _settled(notice, changed, record)

    async def _look_up(self, notice: PaymentNotice) -> Payment | None:
        """The payment as the provider's own book has it: a notice alone is nobody's money."""
        try:
            return await self._service.cashier.lookup(notice.payment)
        except Exception as error:
            log.warning("a notice waits for the provider", payment=notice.payment, error=str(error))
            message = "the payment provider does not say whose payment it is: send it again"
            raise OrderError(ErrorCode.UNAVAILABLE, message) from error

    async def _failed(self, notice: PaymentNotice, record: StoredOrder | None) -> PaymentRecorded:
        if record is None:
            return _recorded(notice, "refused", None, "no such order")
        if record.payment == notice.payment:
            reason = "out of order: this payment was captured before"
            return _recorded(notice, "noted", record, reason)
        # The provider's own word about the charge decides, not the order in which notices arrive.
        now = await store_time(self._client)
        await self._service.cashier.charges.look_at(record.order, now)
        return _recorded(notice, "noted", record, "the provider took no money")

    async def _misfit(
        self, notice: PaymentNotice, record: StoredOrder | None, reason: str
    ) -> PaymentRecorded:
        """Money that was taken for no order, or not as an order says: back, unless it pays the order."""
        put = await self._service.cashier.returns.put(
            notice.order, notice.payment, notice.amount, notice.currency, reason, unknown=record is None
        )
        if put == KNOWN:
            raise StoreUnavailable("the order appeared just now: send it again")
        if put == PAYS:
            return _recorded(notice, "refused", record, f"{reason}, and this payment pays it")
        return _recorded(notice, "returned", record, reason)

    # ---- what is remembered of it -----------------------------------------------------------

    async def _remember(self, notice: PaymentNotice, answer: PaymentRecorded, digest: str) -> bytes:
        row = NoticeRow(
            event=notice.event,
            order=notice.order,
            payment=notice.payment,
            status=notice.status,
            amount=notice.amount,
            currency=notice.currency,
            result=answer.result,
            at=await store_time(self._client),
            reason=answer.reason,
        )
        remembered = Remembered(
            event=answer.event,
            result=answer.result,
            order=answer.order,
            status=answer.status,
            reason=answer.reason,
            digest=digest,
        )
        return await self._write(row, remembered, self._memory)

    async def _refuse(self, kind: str, contents: bytes, reason: str, notice: PaymentNotice | None) -> None:
        """A row named by what came, so that repeats make one; without the store there is none."""
        try:
            with store_errors():
                row = NoticeRow(
                    event=f"{kind}:{_digest(contents)}",
                    order=notice.order if notice is not None else "",
                    payment=notice.payment if notice is not None else "",
                    status=notice.status if notice is not None else "",
                    amount=notice.amount if notice is not None else 0,
                    currency=notice.currency if notice is not None else "",
                    result="refused",
                    at=await store_time(self._client),
                    reason=reason,
                )
                answer = Remembered(event=row.event, result=row.result, order=row.order, reason=reason)
                await self._write(row, answer, _RUBBISH_MEMORY_MS)
        except (StoreUnavailable, RedisError) as error:
            NOTICES.labels("not_recorded").inc()
            log.warning("a refused notice was not recorded", reason=reason, error=str(error))

    async def _write(self, row: NoticeRow, answer: Remembered, memory_ms: int) -> bytes:
        keys = self._service.book.of_text(row.event)
        args: list[str | bytes | int] = [_encode(answer), memory_ms, _encode(row), "", ""]
        known = await call_script(
            self._client, NOTICE, [keys.outbox, keys.notice(row.event), keys.returns], args
        )
        return cast("bytes", known)


def contradiction(notice: PaymentNotice, payment: Payment | None) -> str:
    """Why a notice of captured money is not true, by the provider's own book; empty: it is, or will be.

    `payment`: what that book has under the notice's payment.
    """
    if payment is None:
        return "the provider knows no such payment"
    if payment.order != notice.order:
        return f"the payment belongs to order {payment.order}"
    if payment.status is Standing.DECLINED:
        return "the payment was declined, says the provider"
    if (payment.amount, payment.currency) != (notice.amount, notice.currency):
        told = f"{notice.amount} {notice.currency}"
        return f"wrong amount {told}: the provider took {payment.amount} {payment.currency}"
    return ""


def _unfit(notice: PaymentNotice, record: StoredOrder | None) -> str:
    """Why this payment cannot pay the order; empty: it can."""
    if record is None:
        return "no such order"
    if notice.currency != record.currency:
        return f"wrong currency {notice.currency}: the order is in {record.currency}"
    if notice.amount != record.amount:
        return f"wrong amount {notice.amount}: the order comes to {record.amount}"
    return ""


def _digest(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()[:32]


def _recorded(
    notice: PaymentNotice, result: str, record: StoredOrder | None, reason: str = ""
) -> PaymentRecorded:
    status = record.status if record is not None else None
    return PaymentRecorded(
        event=notice.event, result=result, order=notice.order, status=status, reason=reason
    )


def _settled(notice: PaymentNotice, changed: Changed, before: StoredOrder) -> PaymentRecorded:
    record = changed.record or before
    if changed.code is Code.DONE:
        late = (
            "late: the hold had run out, and stock was there" if before.status is OrderStatus.EXPIRED else ""
        )
        return _recorded(notice, "paid", record, late)
    if changed.code is Code.ALREADY:
        given_back = record.status in _GIVEN_BACK or record.refunded
        reason = "out of order: the order is refunded since" if given_back else ""
        return _recorded(notice, "already_paid", record, reason)
    if changed.code is Code.FOREIGN:
        return _recorded(notice, "refused", record, "the payment belongs to another order")
    return _recorded(notice, "returned", record, unused_reason(changed)[1])
