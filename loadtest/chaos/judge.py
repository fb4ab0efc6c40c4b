"""All promises of a run, held against what was told and what the books say. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.chaos import checks, money
from loadtest.chaos.facts import Books
from loadtest.chaos.report import Promise, promise
from loadtest.chaos.told import Told

NO_BOOK = "this server's provider keeps no book that can be asked for"


def judge(told: Told, books: Books, stuck: Sequence[str], violations: Sequence[str]) -> list[Promise]:
    """`stuck`: what did not end in time; `violations`: of the wire, as client sessions saw them."""
    orders, history, moves, store = books.orders, books.history, books.moves, books.store
    pools = store.pools
    return [
        promise("continued", "after the faults everything goes on and comes to its end", stuck),
        promise("answered", "every unknown outcome became a known one", checks.answered(told)),
        promise(
            "acknowledged",
            "every acknowledged order is in the ledger as it was told",
            checks.acknowledged(told, orders, history),
        ),
        promise("forward", "no order is told an older version than before", told.contradictions),
        promise("one order", "one order per request", checks.one_order(told, orders)),
        promise("life", "every step of every order is allowed", checks.histories(orders, history)),
        promise(
            "oversold", "at no moment more units than were given", checks.oversold(orders, history, moves)
        ),
        promise("given", "what hosts gave is in the ledger, once", checks.given(told, moves)),
        promise(
            "moved",
            "no unit comes or goes between a room's pools",
            checks.moved(orders, history, moves),
        ),
        promise("stranded", "no unit is held or missing at the end", checks.stranded(store, orders, moves)),
        promise("same", "store and ledger tell the same of each order", checks.stored(told, store, orders)),
        promise("shown", "shown stock is sellable stock", checks.shown_stock(books.shown, pools)),
        *_money(books),
        promise("parked", "the ledger could write everything", checks.nothing_parked(books.parked)),
        promise("audit", "`miaodan audit` agrees", checks.audited(books.audit)),
        promise("wire", "no broken promise of the wire", violations),
    ]


def _money(books: Books) -> list[Promise]:
    book = books.book
    skipped = NO_BOOK if book is None else ""
    entries = book or []
    return [
        promise(
            "charged once",
            "one payment kept for each paid order, none for others",
            [] if book is None else money.charged_once(entries, books.orders),
            skipped,
        ),
        promise("refunds", "no refund above its capture", money.refunds_below_capture(entries), skipped),
        promise("unused", "no unused payment is kept", money.none_unused(entries, books.orders), skipped),
        promise(
            "settled",
            "every charge that took money has ended",
            money.settled(entries, books.store.charges),
            skipped,
        ),
        promise(
            "book",
            "the ledger knows of all money taken and given back",
            money.in_ledger(entries, books.payments, books.refunds),
            skipped,
        ),
    ]
