"""A room as a gateway holds it, fed with channel messages; the log behind it is played by a stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec
import orjson
import pytest

from schemas.codecs import JSON, MSGPACK
from schemas.codes import CloseCode, Role, RoomStatus, SalePhase
from schemas.events import (
    Danmaku,
    DanmakuRecalled,
    ProductMounted,
    ProductUpdated,
    RoomUpdated,
    SaleEnded,
    SaleScheduled,
    SaleSoldOut,
    SaleStarted,
    SequencedEvent,
)
from schemas.models import Order, Product, Sale, User
from server.fanout.broadcast import Broadcast
from server.fanout.member import Member
from server.fanout.outbox import Outbox
from server.rooms.live import LiveRoom
from server.rooms.log import RoomLog
from server.rooms.moderation import FOREVER, Moderation, Silence, Silences, Standing
from server.rooms.notices import StockNotice, encode_chat
from server.rooms.state import RoomState
from server.settings import FanoutSettings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_blocks_the_loop")]

NOW = 1_790_000_000_000


class Log:
    """The room's log in memory; `trimmed` forgets everything before the present."""

    def __init__(self) -> None:
        self.events: list[SequencedEvent] = []
        self.trimmed = False
        self.reads = 0
        self.fresh: RoomState | None = None

    async def since(self, room: str, epoch: str, seq: int) -> list[tuple[int, SequencedEvent]] | None:
        self.reads += 1
        if self.trimmed:
            return None
        return [(number, event) for number, event in enumerate(self.events, 1) if number > seq]

    async def load(self, room: str) -> RoomState | None:
        return self.fresh


class Orders:
    levels: dict[str, int] = {}  # noqa: RUF012 - replaced, never changed
    totals: dict[str, int] = {}  # noqa: RUF012 - replaced, never changed

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, int], list[str]]] = []
        self.lost: list[str] = []

    async def stock(self, room: str) -> StockNotice:
        return StockNotice(stock=self.levels, total=self.totals)

    def heard_stock(self, room: str, stock: dict[str, int], buyers: list[str]) -> None:
        self.heard.append((room, stock, buyers))

    def lost_stock(self, room: str) -> None:
        self.lost.append(room)

    def decode_order(self, record: bytes) -> Order:
        return msgspec.json.decode(record, type=Order)


class Lists:
    """Who is silenced, as the store has it."""

    def __init__(self) -> None:
        self.muted: dict[str, Silence] = {}
        self.kicked: dict[str, Silence] = {}
        self.lately: dict[str, int] = {}
        self.asked = 0

    async def silenced(self, room: str, since: int) -> Silences:
        lately = {user: at for user, at in self.lately.items() if at >= since}
        return Silences(self.muted, self.kicked, lately)

    async def standing(self, room: str, user: str) -> Standing:
        self.asked += 1
        muted, kicked = self.muted.get(user), self.kicked.get(user)
        return Standing(muted and muted.until, kicked and kicked.until)


class Link:
    framed = deflate = False
    descriptor = -1

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.code = 0

    @property
    def write(self) -> Callable[[bytes], object]:
        return self.written.append

    def is_open(self) -> bool:
        return not self.code

    def buffered(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        self.code = code

    def events(self) -> list[dict[str, Any]]:
        return [event for message in self.written for event in orjson.loads(message)]


class House:
    """A live room with one watching member, and its log."""

    def __init__(self) -> None:
        self.log = Log()
        self.orders = Orders()
        state = RoomState(id="r", epoch="e", title="r", currency="CNY", hosts=["h"], status=RoomStatus.LIVE)
        loop = asyncio.get_running_loop()
        self.broadcast = Broadcast(FanoutSettings(tick_ms=0), lambda: NOW, loop)
        self.published = 0
        self.lists = Lists()
        room_log, moderation = cast(RoomLog, self.log), cast(Moderation, self.lists)
        self.room = LiveRoom(state, self.broadcast, room_log, moderation, self.orders, 4, 2, self._publish)
        self.link = Link()
        member = Member(self.link, JSON, Outbox(1_000, 1_000), "ann", control=False)
        self.broadcast.join(member)

    def _publish(self) -> None:
        self.published += 1

    def logged(self, event: SequencedEvent, *, heard: bool = True) -> None:
        """Into the log, and onto the channel unless the message got lost."""
        self.log.events.append(event)
        if heard:
            body = {"epoch": "e", "seq": len(self.log.events), "event": msgspec.to_builtins(event)}
            self.room.heard(b"L", msgspec.json.encode(body))

    def told(self) -> list[dict[str, Any]]:
        self.broadcast.flush()
        return self.link.events()

    async def mended(self) -> None:
        task = self.room._mending
        assert task is not None
        await task


def product(available: int = 5) -> Product:
    return Product(sku="A", title="A", price=1, available=available)


async def test_events_are_applied_once_and_in_order() -> None:
    house = House()
    house.logged(ProductMounted(product=product()))
    house.room.heard(b"L", msgspec.json.encode({"epoch": "e", "seq": 1, "event": {"type": "room.updated"}}))
    assert [event["type"] for event in house.told()] == ["product.mounted"]
    assert house.room.state.seq == 1


async def test_a_lost_message_is_read_from_the_log() -> None:
    house = House()
    house.logged(RoomUpdated(announcement="one"), heard=False)
    house.logged(RoomUpdated(announcement="two"))
    await house.mended()
    assert [event["announcement"] for event in house.told()] == ["one", "two"]


async def test_a_renewed_subscription_reads_log_and_stock() -> None:
    house = House()
    house.logged(ProductMounted(product=product()))
    house.told()
    house.logged(RoomUpdated(announcement="missed"), heard=False)
    house.orders.levels, house.orders.totals = {"A": 2}, {"A": 9}
    house.room.heard(b"R", b"")
    await house.mended()
    assert house.room.ready.is_set()
    *_, event, numbers = house.told()
    assert event["announcement"] == "missed" and numbers["stock"] == {"A": 2}
    assert numbers["total"] == {"A": 9}


async def test_a_log_that_cannot_be_followed_sends_everybody_round_again() -> None:
    house = House()
    house.log.trimmed = True
    fresh = RoomState(id="r", epoch="new", seq=9, title="r", currency="CNY", hosts=["h"])
    house.log.fresh = fresh
    house.room.heard(b"R", b"")
    await house.mended()
    assert house.link.code == CloseCode.DRAINING and house.room.state is fresh


async def test_missed_is_whole_or_nothing() -> None:
    house = House()
    for number in range(6):  # the ring keeps four
        house.logged(RoomUpdated(announcement=str(number)))
    room = house.room
    recent = await room.missed(JSON, "e", 2)
    assert recent is not None and len(recent) == 4 and house.log.reads == 0
    older = await room.missed(JSON, "e", 0)
    assert older is not None and [orjson.loads(e)["announcement"] for e in older] == list("012345")
    assert await room.missed(JSON, "e", 6) == []
    assert await room.missed(JSON, "other", 5) is None
    assert await room.missed(JSON, "e", 7) is None
    house.log.trimmed = True
    assert await room.missed(JSON, "e", 0) is None


async def test_stock_is_told_when_it_changed_and_an_older_number_does_not_win() -> None:
    house = House()
    house.logged(ProductMounted(product=product(5)))
    house.room.heard(b"S", b'{"stock":{"A":3,"unknown":7}}')
    house.logged(ProductUpdated(product=product(5)))  # decided before the three was known
    mounted, updated, numbers = house.told()
    assert (mounted["product"]["available"], updated["product"]["available"]) == (5, 3)
    assert numbers["stock"] == {"A": 3}
    assert house.room.snapshot().products[0].available == 3


async def test_what_there_is_in_all_is_told_when_it_changed_and_forgotten_with_the_sale() -> None:
    house = House()
    sale = Sale(
        sale="s", sku="A", price=1, starts_at=NOW, ends_at=NOW + 9, phase=SalePhase.OPEN, available=2, total=2
    )
    house.logged(ProductMounted(product=Product(sku="A", title="A", price=1, available=5, total=5)))
    house.logged(SaleScheduled(sale=sale))
    house.room.heard(b"S", b'{"stock":{"A":3},"total":{"A":4,"s":2,"unknown":7}}')
    house.logged(ProductUpdated(product=Product(sku="A", title="B", price=1, available=5, total=5)))
    *_, updated, numbers = house.told()
    assert (updated["product"]["available"], updated["product"]["total"]) == (3, 4)
    assert (numbers["stock"], numbers["total"]) == ({"A": 3}, {"A": 4})
    assert house.room.numbers(NOW).total == {"A": 4, "s": 2}
    house.room.heard(b"S", b'{"stock":{"s":0,"A":5},"total":{"s":0,"A":6}}')
    house.logged(SaleEnded(sale="s", reason="time"))
    *_, _ended, numbers = house.told()
    assert (numbers["stock"], numbers["total"]) == ({"A": 5}, {"A": 6})
    assert house.room.numbers(NOW).total == {"A": 6}
    assert house.room.snapshot().sales[0].total == 0


async def test_a_unit_that_came_back_outlives_the_sold_out_event() -> None:
    house = House()
    sale = Sale(
        sale="s", sku="A", price=1, starts_at=NOW, ends_at=NOW + 9, phase=SalePhase.SCHEDULED, available=1
    )
    house.logged(ProductMounted(product=product()))
    house.logged(SaleScheduled(sale=sale))
    house.logged(SaleStarted(sale="s"))
    house.told()
    for available in (0, 1):
        house.room.heard(b"S", msgspec.json.encode({"stock": {"s": available}}))
        house.told()
    house.logged(SaleSoldOut(sale="s"))
    *_, sold_out, numbers = house.told()
    assert sold_out["type"] == "sale.sold_out" and numbers["stock"] == {"s": 1}
    assert house.room.snapshot().sales[0].available == 1


async def test_newcomers_are_told_what_was_last_said_without_what_was_taken_back() -> None:
    house = House()
    house.room.heard(b"R", b"")
    await house.mended()
    ann, bob = (User(id=name, name=name, role=Role.VIEWER) for name in ("ann", "bob"))
    lines = [Danmaku(message=f"m{number}", user=ann, text="hi", at=NOW) for number in range(3)]
    house.room.heard(b"C", encode_chat([*lines, Danmaku(message="m3", user=bob, text="hi", at=NOW)]))
    house.logged(DanmakuRecalled(message="m1"))

    def recent() -> list[str]:
        encoded = house.room.recent.encoded(JSON)
        return [line["message"] for line in orjson.loads(encoded)] if encoded else []

    assert recent() == ["m0", "m2", "m3"]
    notice = {"kind": "mute", "user": "bob", "until": NOW + 100, "reason": ""}
    house.room.heard(b"D", msgspec.json.encode(notice))
    house.room.heard(b"D", msgspec.json.encode({**notice, "kind": "unmute", "user": "ann", "until": 0}))
    assert recent() == ["m0", "m2"]
    # What bob had said before the mute comes after it: it waited for the next publish.
    house.room.heard(b"C", encode_chat([Danmaku(message="m4", user=bob, text="late", at=NOW)]))
    assert recent() == ["m0", "m2"]
    house.lists.kicked["ann"] = Silence(FOREVER, "heard by nobody")
    house.room.heard(b"R", b"")
    await house.mended()
    assert recent() == []


async def test_a_reload_forgets_what_was_said() -> None:
    house = House()
    user = User(id="ann", name="ann", role=Role.VIEWER)
    house.room.heard(b"C", encode_chat([Danmaku(message="m", user=user, text="hi", at=NOW)]))
    assert house.room.recent.encoded(JSON)
    house.log.trimmed = True
    house.log.fresh = RoomState(id="r", epoch="f", title="r", currency="CNY", hosts=["h"])
    house.room.mend()
    await house.mended()
    assert not house.room.recent.encoded(JSON)


async def test_mutes_are_kept_told_and_lifted() -> None:
    house = House()
    notice = {"kind": "mute", "user": "ann", "until": NOW + 100, "reason": "loud"}
    house.room.heard(b"D", msgspec.json.encode(notice))
    assert house.room.muted_until("ann", NOW) == 100
    assert house.room.muted_until("ann", NOW + 100) is None
    house.room.heard(b"D", msgspec.json.encode({**notice, "until": None}))
    assert house.room.muted_until("ann", NOW) == -1
    house.room.heard(b"D", msgspec.json.encode({**notice, "kind": "unmute", "until": 0}))
    assert house.room.muted_until("ann", NOW) is None
    assert [event["until"] for event in house.told()] == [NOW + 100, None, 0]


async def test_an_orders_news_go_to_its_buyer_alone() -> None:
    """And where its payment came to nothing, so does why."""
    house = House()
    order = {
        "order": "o1", "request_id": "r1", "sku": "A", "sale": None, "quantity": 1, "amount": 1,
        "currency": "CNY", "status": "expired", "version": 2, "reserved_at": NOW, "expires_at": NOW,
    }  # fmt: skip
    wrong = {"code": "sold_out", "message": "the payment goes back"}
    house.room.heard(
        b"O",
        msgspec.json.encode(
            [
                {"user": "bob", "order": order, "error": wrong},
                {"user": "ann", "order": order},
                {"user": "ann", "order": order, "error": wrong},
            ]
        ),
    )
    first, second, error = house.told()
    assert first == second and first["type"] == "order.updated" and first["order"]["order"] == "o1"
    assert error == {"type": "error", **wrong, "order": "o1"}


async def test_a_kick_closes_that_users_sockets() -> None:
    house = House()
    house.room.heard(b"D", b'{"kind":"kick","user":"bob","reason":""}')
    assert house.link.code == 0
    house.room.heard(b"D", b'{"kind":"kick","user":"ann","reason":"spam"}')
    assert house.link.code == CloseCode.KICKED and house.link.events() == [
        {"type": "kicked", "reason": "spam"}
    ]


async def test_chat_out_is_bounded_and_published() -> None:
    house = House()
    message = Danmaku(message="m", user=User(id="u", name="u", role=Role.VIEWER), text="hi", at=NOW)
    assert [house.room.say(message) for _ in range(3)] == [True, True, False]
    assert house.published == 2
    assert house.room.take_chat() == [message, message] and house.room.take_chat() == []
    house.room.heard(b"C", encode_chat([message]))
    assert house.told()[0]["text"] == "hi"


async def test_a_snapshot_is_encoded_once_until_something_changes() -> None:
    house = House()
    house.logged(ProductMounted(product=product(5)))
    changes: list[Callable[[], None]] = [
        lambda: house.logged(RoomUpdated(announcement="hello")),
        lambda: house.room.heard(b"S", b'{"stock":{"A":3}}'),
        lambda: house.room.heard(b"N", b'{"online":2,"peak":2,"likes":9}'),
    ]
    for change in changes:
        before = {codec: house.room.encoded_snapshot(codec) for codec in (JSON, MSGPACK)}
        assert all(house.room.encoded_snapshot(codec) is then for codec, then in before.items())
        change()
        for codec, then in before.items():
            now = house.room.encoded_snapshot(codec)
            assert now != then and now == codec.encode(house.room.snapshot())


async def test_who_is_silenced_is_known_here_once_it_was_read() -> None:
    house = House()
    house.lists.kicked["bob"] = Silence(NOW + 100, "spam")
    assert (await house.room.standing("bob", NOW)).kicked and house.lists.asked == 1
    house.room.heard(b"R", b"")
    await house.mended()
    assert await house.room.standing("bob", NOW) == Standing(None, NOW + 100, "spam")
    assert await house.room.standing("bob", NOW + 100) == Standing(None, None)
    house.room.heard(b"D", b'{"kind":"kick","user":"eve","until":null,"reason":"r"}')
    assert await house.room.standing("eve", NOW) == Standing(None, FOREVER, "r")
    assert house.lists.asked == 1
    house.room.heard(b"X", b"")
    assert (await house.room.standing("bob", NOW)).kicked and house.lists.asked == 2


async def test_a_kick_nobody_heard_of_holds_once_the_lists_are_read() -> None:
    house = House()
    house.room.heard(b"R", b"")
    await house.mended()
    moderations = house.room.moderations
    house.room.heard(b"X", b"")
    house.lists.kicked["ann"] = Silence(FOREVER, "spam")
    house.room.heard(b"R", b"")
    await house.mended()
    assert house.link.code == CloseCode.KICKED and house.room.moderations > moderations
    assert house.link.events()[-1] == {"type": "kicked", "reason": "spam"}


async def test_a_mute_nobody_heard_of_is_told_and_so_is_its_end() -> None:
    house = House()
    house.room.heard(b"R", b"")
    await house.mended()
    for muted in ({"ann": Silence(NOW + 100, "loud")}, {}):
        house.room.heard(b"X", b"")
        house.lists.muted = muted
        house.room.heard(b"R", b"")
        await house.mended()
    assert house.room.muted_until("ann", NOW) is None
    house.room.heard(b"R", b"")
    await house.mended()  # nothing changed, nothing is told
    told = [event for event in house.told() if event["type"] == "muted"]
    assert [event["until"] for event in told] == [NOW + 100, 0]


async def test_what_was_said_before_a_mute_that_came_and_went_unheard_is_not_shown_to_newcomers() -> None:
    house = House()
    ann, bob = (User(id=name, name=name, role=Role.VIEWER) for name in ("ann", "bob"))
    before = [Danmaku(message=f"{user.id}1", user=user, text="hi", at=NOW) for user in (ann, bob)]
    house.room.heard(b"C", encode_chat(before))
    house.room.heard(b"X", b"")
    house.lists.lately = {"ann": NOW + 1_000, "eve": NOW + 1_000}
    house.room.heard(b"R", b"")
    house.room.heard(b"C", encode_chat([Danmaku(message="ann2", user=ann, text="sorry", at=NOW + 9_000)]))
    await house.mended()
    shown = [line["message"] for line in orjson.loads(house.room.recent.encoded(JSON))]
    assert shown == ["bob1", "ann2"]


async def test_nothing_is_known_while_the_channel_is_lost_whatever_is_read() -> None:
    house = House()
    answer, reads, silenced = asyncio.Event(), 0, house.lists.silenced

    async def slow(room: str, since: int) -> Silences:
        nonlocal reads
        reads += 1
        await answer.wait()
        return await silenced(room, since)

    house.lists.silenced = slow  # type: ignore[method-assign]
    house.room.heard(b"R", b"")
    while not reads:
        await asyncio.sleep(0)
    house.room.heard(b"X", b"")
    answer.set()
    await house.mended()
    assert reads == 1 and not house.room.standings.known and house.room.ready.is_set()
    house.lists.kicked["eve"] = Silence(FOREVER, "spam")  # not heard of
    assert (await house.room.standing("eve", NOW)).kicked and house.lists.asked == 1
    house.room.heard(b"R", b"")
    await house.mended()
    assert house.room.standings.known and (await house.room.standing("eve", NOW)).kicked
    assert house.lists.asked == 1 and reads == 2


def said(message: str, user: str, at: int) -> bytes:
    speaker = User(id=user, name=user, role=Role.VIEWER)
    return encode_chat([Danmaku(message=message, user=speaker, text="hi", at=at)])


async def test_what_is_said_after_an_unmute_nobody_heard_of_is_shown_to_newcomers() -> None:
    house = House()
    house.room.heard(b"R", b"")
    await house.mended()
    for user in ("ann", "bob"):
        house.room.heard(b"D", b'{"kind":"mute","user":"%s","until":null,"reason":""}' % user.encode())
    house.lists.muted = {"bob": Silence(FOREVER, "")}
    house.room.heard(b"X", b"")
    house.room.heard(b"R", b"")
    house.room.heard(b"C", said("ann1", "ann", NOW))
    house.room.heard(b"C", said("bob1", "bob", NOW))  # waited for its process's publish when he was muted
    await house.mended()
    assert [line["message"] for line in orjson.loads(house.room.recent.encoded(JSON))] == ["ann1"]


async def test_changes_heard_during_a_reading_decide_what_newcomers_are_shown() -> None:
    house = House()
    silenced = house.lists.silenced

    async def crossed(room: str, since: int) -> Silences:
        found = await silenced(room, since)
        house.room.heard(b"D", b'{"kind":"unmute","user":"ann","until":0,"reason":""}')
        house.room.heard(b"D", b'{"kind":"mute","user":"bob","until":null,"reason":""}')
        for user in ("ann", "bob"):
            house.room.heard(b"C", said(f"{user}1", user, NOW))
        return found

    house.lists.silenced = crossed  # type: ignore[method-assign]
    house.lists.muted = {"ann": Silence(FOREVER, "")}
    house.room.heard(b"R", b"")
    await house.mended()
    assert [line["message"] for line in orjson.loads(house.room.recent.encoded(JSON))] == ["ann1"]


async def test_stock_messages_are_passed_on_and_so_is_the_doubt_about_them() -> None:
    house = House()
    house.room.heard(b"S", b'{"stock":{"A":3},"buyers":["ann","bob"]}')
    house.room.heard(b"S", b'{"stock":{"A":4}}')
    assert house.orders.heard == [("r", {"A": 3}, ["ann", "bob"]), ("r", {"A": 4}, [])]
    assert house.orders.lost == []
    house.room.heard(b"X", b"")
    house.room.heard(b"R", b"")
    assert house.orders.lost == ["r", "r"]
    await house.mended()
