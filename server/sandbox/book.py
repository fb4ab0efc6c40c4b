"""The sandbox's book: payments, refunds and the notices still to be posted, in one SQLite file.

Synchronous, and for one thread. Whoever calls a method has a transaction open (see `scribe`): every
check comes before the first write, and what a method did is true once that transaction is on the disk.
The clock comes in as `now`, milliseconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct

from schemas.http import PaymentNotice
from server.sandbox.behaviour import Behaviour
from server.sandbox.wire import (
    BookEntry,
    BookPage,
    Payment,
    PaymentRequest,
    Refund,
    RefundRequest,
    Refused,
    Standing,
)

_TABLES = """
CREATE TABLE IF NOT EXISTS payments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    payment TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL UNIQUE,
    "order" TEXT NOT NULL,
    user TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'authorised', 'captured', 'declined')),
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount),
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    decided_at INTEGER,
    wanted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS payments_order ON payments ("order");
CREATE INDEX IF NOT EXISTS payments_pending ON payments (decided_at) WHERE status = 'pending';
CREATE TABLE IF NOT EXISTS refunds (
    key TEXT PRIMARY KEY,
    payment TEXT NOT NULL REFERENCES payments (payment),
    amount INTEGER NOT NULL CHECK (amount > 0),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_payment ON refunds (payment);
CREATE TABLE IF NOT EXISTS notices (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    body BLOB NOT NULL,
    born INTEGER NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'posted', 'dropped', 'given_up')),
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS notices_due ON notices (due) WHERE state = 'waiting';
CREATE TABLE IF NOT EXISTS behaviour (one INTEGER PRIMARY KEY CHECK (one = 1), json BLOB NOT NULL) STRICT;
"""
_PAYMENT = 'payment, key, "order", user, amount, currency, status, refunded, reason, at'
_DECLINED = "the card was declined"

_encode = msgspec.json.encode


class BookUnusable(Exception):
    """`path` and the sentence why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"the sandbox's book {self.path} cannot be used: {self.reason}"


class DueNotice(Struct, frozen=True):
    """One to be posted now. `attempts`: how often that was tried."""

    number: int
    event: str
    body: bytes
    born: int
    attempts: int


class Book:
    """Opened by one process at a time, which holds SQLite's lock while it lives. Raises BookUnusable."""

    def __init__(self, path: Path, behaviour: Behaviour, *, posts: bool = True) -> None:
        """`behaviour`: until another is put; `posts`: whether there is anybody to post notices to."""
        self._default = behaviour
        self._posts = posts
        self.behaviour = behaviour
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2)
            try:
                # Before the first access: no shared memory beside the file, and nobody else opens it.
                self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                self.connection.execute("PRAGMA journal_mode = WAL")
                self.connection.execute("PRAGMA synchronous = FULL")
                self.connection.execute("PRAGMA foreign_keys = ON")
                self.connection.executescript(_TABLES)
                found = self.connection.execute("SELECT json FROM behaviour").fetchone()
            except BaseException:
                self.connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise BookUnusable(path, str(error)) from error
        if found is not None:
            self.behaviour = msgspec.json.decode(found[0], type=Behaviour)

    def close(self) -> None:
        self.connection.close()

    # ---- payments ---------------------------------------------------------------------------

    def authorise(self, request: PaymentRequest, now: int) -> Payment:
        """The payment of this key, made when there is none: authorised, pending or declined."""
        known = self._find("key", request.key)
        if known is not None:
            for field in ("order", "user", "amount", "currency"):
                if getattr(known, field) != getattr(request, field):
                    raise Refused(409, "conflict", f"this key paid for another {field}", field)
            return known
        declined = self.behaviour.declines(request.key, request.user)
        waits = self.behaviour.keeps_waiting(request.key)
        status = Standing.PENDING if waits else Standing.DECLINED if declined else Standing.AUTHORISED
        payment = Payment(
            payment=f"pay_{blake2b(request.key.encode(), digest_size=16).hexdigest()}",
            key=request.key,
            order=request.order,
            user=request.user,
            amount=request.amount,
            currency=request.currency,
            status=status,
            reason=_DECLINED if status is Standing.DECLINED else "",
            at=now,
        )
        self.connection.execute(
            f"INSERT INTO payments ({_PAYMENT}, decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",  # noqa: S608
            (
                *(payment.payment, payment.key, payment.order, payment.user, payment.amount),
                *(payment.currency, status.value, payment.reason, now),
                now + self.behaviour.pending_ms if waits else None,
            ),
        )
        if status is Standing.DECLINED:
            self._tell(payment, now)
        return payment

    def capture(self, id: str, now: int) -> Payment:
        """Take the money; of a pending payment, as soon as it is authorised."""
        payment = self.payment(id)
        if payment.status is Standing.DECLINED:
            raise Refused(409, "conflict", payment.reason)
        if payment.status is Standing.PENDING:
            self.connection.execute("UPDATE payments SET wanted = 1 WHERE payment = ?", (id,))
        elif payment.status is Standing.AUTHORISED:
            self._settle(payment, Standing.CAPTURED, now)
        return payment

    def refund(self, id: str, request: RefundRequest, now: int) -> Payment:
        """Give some of a captured payment back, once per key, never more than came."""
        payment = self.payment(id)
        if request.currency is not None and request.currency != payment.currency:
            raise Refused(409, "conflict", f"the payment is in {payment.currency}", "currency")
        known = self.connection.execute(
            "SELECT payment, amount FROM refunds WHERE key = ?", (request.key,)
        ).fetchone()
        if known is not None:
            if known != (id, request.amount):
                field = "amount" if known[0] == id else "payment"
                raise Refused(409, "conflict", f"this key gave another {field} back", field)
            return payment
        if payment.status is not Standing.CAPTURED:
            raise Refused(409, "conflict", f"the payment is {payment.status.value}, nothing can go back")
        left = payment.amount - payment.refunded
        if request.amount > left:
            raise Refused(409, "conflict", f"{left} of {payment.amount} are left to go back", "amount")
        self.connection.execute(
            "INSERT INTO refunds (key, payment, amount, at) VALUES (?, ?, ?, ?)",
            (request.key, id, request.amount, now),
        )
        payment.refunded += request.amount
        self.connection.execute("UPDATE payments SET refunded = ? WHERE payment = ?", (payment.refunded, id))
        return payment

    def payment(self, id: str) -> Payment:
        found = self._find("payment", id)
        if found is None:
            raise Refused(404, "not_found", "no such payment")
        return found

    def by(self, column: str, value: str) -> list[Payment]:
        """Payments by `key` or by `order`, oldest first; of an order the first hundred."""
        rows = self.connection.execute(
            f'SELECT {_PAYMENT} FROM payments WHERE "{column}" = ? ORDER BY number LIMIT 100',  # noqa: S608
            (value,),
        )
        return [_payment(row) for row in rows]

    def page(self, after: int, limit: int) -> BookPage:
        """Payments in the order they were made, behind number `after`."""
        rows = self.connection.execute(
            f"SELECT number, {_PAYMENT} FROM payments WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608
            (after, limit + 1),
        ).fetchall()
        entries = [BookEntry(**msgspec.structs.asdict(_payment(row[1:]))) for row in rows[:limit]]
        by_id = {entry.payment: entry for entry in entries}
        marks = ", ".join("?" * len(by_id))
        found = self.connection.execute(
            f"SELECT payment, key, amount, at FROM refunds WHERE payment IN ({marks}) ORDER BY rowid",  # noqa: S608
            list(by_id),
        )
        for id, key, amount, at in found:
            by_id[id].refunds = [*by_id[id].refunds, Refund(key, amount, at)]
        return BookPage(entries, str(rows[limit - 1][0]) if len(rows) > limit else None)

    def _find(self, column: str, value: str) -> Payment | None:
        found = self.by(column, value)
        return found[0] if found else None

    def _settle(self, payment: Payment, status: Standing, now: int, reason: str = "") -> None:
        payment.status, payment.reason = status, reason
        self.connection.execute(
            "UPDATE payments SET status = ?, reason = ?, decided_at = NULL WHERE payment = ?",
            (status.value, reason, payment.payment),
        )
        if status is not Standing.AUTHORISED:
            self._tell(payment, now)

    # ---- notices ----------------------------------------------------------------------------

    def _tell(self, payment: Payment, now: int) -> None:
        """Put the notice of a captured or declined payment into the outbox, as the behaviour has it."""
        status = "captured" if payment.status is Standing.CAPTURED else "failed"
        event = f"evt_{payment.payment.removeprefix('pay_')}_{status}"
        notice = PaymentNotice(
            event=event,
            order=payment.order,
            payment=payment.payment,
            status="captured" if status == "captured" else "failed",
            amount=payment.amount,
            currency=payment.currency,
        )
        state, reason = "waiting", ""
        if not self._posts:
            state, reason = "dropped", "no webhook URL"
        elif self.behaviour.loses(event):
            state, reason = "dropped", "behaviour.drop"
        for after in self.behaviour.posts_after(event):
            self.connection.execute(
                "INSERT INTO notices (event, body, born, due, state, reason) VALUES (?, ?, ?, ?, ?, ?)",
                (event, _encode(notice), now, now + after, state, reason),
            )

    def decide(self, now: int, limit: int = 256) -> None:
        """Decide the pending payments whose time has come."""
        rows = self.connection.execute(
            f"SELECT wanted, {_PAYMENT} FROM payments WHERE status = 'pending' AND decided_at <= ?"  # noqa: S608
            " ORDER BY decided_at LIMIT ?",
            (now, limit),
        ).fetchall()
        for wanted, *row in rows:
            payment = _payment(row)
            if self.behaviour.declines(payment.key, payment.user):
                self._settle(payment, Standing.DECLINED, now, _DECLINED)
            else:
                self._settle(payment, Standing.CAPTURED if wanted else Standing.AUTHORISED, now)

    def due(self, now: int, limit: int) -> tuple[list[DueNotice], int | None]:
        """Notices to be posted now, and when there is something to do next (None: nothing)."""
        rows = self.connection.execute(
            "SELECT number, event, body, born, attempts FROM notices WHERE state = 'waiting' AND due <= ?"
            " ORDER BY due, number LIMIT ?",
            (now, limit),
        )
        notices = [DueNotice(*row) for row in rows]
        (following,) = self.connection.execute(
            "SELECT min(at) FROM (SELECT min(due) AS at FROM notices WHERE state = 'waiting' AND due > ?"
            " UNION ALL SELECT min(decided_at) FROM payments WHERE status = 'pending')",
            (now,),
        ).fetchone()
        return notices, following

    def posted(self, number: int) -> None:
        self.connection.execute("UPDATE notices SET state = 'posted' WHERE number = ?", (number,))

    def put_off(self, number: int, due: int, reason: str) -> None:
        """It was not taken: once more at `due`."""
        self.connection.execute(
            "UPDATE notices SET due = ?, attempts = attempts + 1, reason = ? WHERE number = ?",
            (due, reason, number),
        )

    def give_up(self, number: int, reason: str) -> None:
        self.connection.execute(
            "UPDATE notices SET state = 'given_up', attempts = attempts + 1, reason = ? WHERE number = ?",
            (reason, number),
        )

    def counts(self) -> dict[str, int]:
        """How many notices are waiting, posted, dropped and given up."""
        found = self.connection.execute("SELECT state, count(*) FROM notices GROUP BY state")
        return {"waiting": 0, "posted": 0, "dropped": 0, "given_up": 0, **dict(found.fetchall())}

    # ---- behaviour --------------------------------------------------------------------------

    def behave(self, behaviour: Behaviour | None) -> None:
        """From now on, also after a restart; None: as it was started."""
        if behaviour is None:
            self.connection.execute("DELETE FROM behaviour")
        else:
            self.connection.execute("INSERT OR REPLACE INTO behaviour VALUES (1, ?)", (_encode(behaviour),))
        self.behaviour = behaviour if behaviour is not None else self._default


def _payment(row: Sequence[object]) -> Payment:
    return msgspec.convert(dict(zip(Payment.__struct_fields__, row, strict=True)), Payment)
