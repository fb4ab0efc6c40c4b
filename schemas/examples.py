"""One realistic example of everything that travels, for the documents and the tests.

They tell one story: room `tea-evening`, a spring tea and a gaiwan, a flash sale of ten, Ann buying.
"""

from __future__ import annotations

import msgspec

from schemas.codes import ErrorCode, OrderStatus, Role, RoomStatus, SalePhase
from schemas.commands import (
    Command,
    DanmakuRecall,
    DanmakuSend,
    Hello,
    Like,
    OrderCancel,
    OrderDeliver,
    OrderGet,
    OrderPay,
    OrderPlace,
    OrderRefund,
    OrderShip,
    Ping,
    ProductMount,
    ProductPin,
    ProductRestock,
    ProductSort,
    ProductUnmount,
    ProductUnpin,
    ProductUpdate,
    RefundApprove,
    RefundDecline,
    RoomAnnounce,
    RoomEnd,
    RoomPause,
    RoomStart,
    SaleCancel,
    SaleSchedule,
    ViewerKick,
    ViewerMute,
    ViewerUnmute,
)
from schemas.events import (
    Danmaku,
    DanmakuAccepted,
    DanmakuRecalled,
    DanmakuSkipped,
    Dashboard,
    Done,
    Error,
    Event,
    Kicked,
    Muted,
    OrderAccepted,
    OrderUpdated,
    Pong,
    ProductMounted,
    ProductPinned,
    ProductSorted,
    ProductUnmounted,
    ProductUpdated,
    RoomState,
    RoomUpdated,
    SaleEnded,
    SaleScheduled,
    SaleSoldOut,
    SaleStarted,
    Welcome,
)
from schemas.http import (
    Action,
    ActionList,
    ErrorBody,
    ErrorResponse,
    Health,
    OrderList,
    OrderRecord,
    PaymentNotice,
    PaymentRecorded,
    Ready,
    RefundAsk,
    RefundRefusal,
    RoomCreate,
    RoomList,
)
from schemas.models import (
    Countdown,
    Order,
    OrderCounts,
    Product,
    ProductCounts,
    ProductInput,
    Resume,
    RoomSnapshot,
    Sale,
    User,
)

NOW = 1_790_000_000_000
ROOM = "tea-evening"
SALE = "s0199aa3f7c5b7d2e9c41f0a6b8d3e512"
ORDER = "07-0199aa3f81d27b6c8e0d5a94c3f1b260"
REQUEST = "ann-7f3c"
MESSAGE = "m0199aa3f7e117a53b2c6d8e4f0917a35"
EPOCH = "0199aa3f6a0f7c5e9b1d2f4a6c8e0b13"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSIsImF1ZCI6Im1pYW9kYW4ifQ.signature"  # noqa: S105
SIGNATURE = "t=1790000000,v1=" + "5f2b8c0e" * 8

ANN = User(id="u1", name="Ann", role=Role.VIEWER)
TEA = Product(
    sku="tea-01",
    title="Longjing spring tea, 100 g",
    image="/images/tea-01.webp",
    price=12900,
    list_price=16800,
    per_user_limit=5,
    available=490,
    pinned=True,
    position=0,
)
GAIWAN = Product(sku="gaiwan-02", title="Celadon gaiwan", price=8800, available=80, position=1)
FLASH = Sale(
    sale=SALE,
    sku="tea-01",
    price=9900,
    starts_at=NOW + 30_000,
    ends_at=NOW + 90_000,
    phase=SalePhase.SCHEDULED,
    available=10,
    per_user_limit=1,
)
HELD = Order(
    order=ORDER,
    request_id=REQUEST,
    sku="tea-01",
    sale=SALE,
    quantity=1,
    amount=9900,
    currency="CNY",
    status=OrderStatus.RESERVED,
    version=1,
    reserved_at=NOW + 30_012,
    expires_at=NOW + 150_012,
    room=ROOM,
)
PAID = msgspec.structs.replace(HELD, status=OrderStatus.PAID, version=2)
ASKED = msgspec.structs.replace(
    PAID,
    status=OrderStatus.REFUNDING,
    version=5,
    refunded=1500,
    refunding=8400,
    shipped_at=NOW + 3_600_000,
    refund_due_at=NOW + 90_000_000,
    reason="does not fit",
)
SNAPSHOT = RoomSnapshot(
    id=ROOM,
    title="Tea evening",
    status=RoomStatus.LIVE,
    currency="CNY",
    hosts=["h1"],
    announcement="Free shipping tonight",
    products=[TEA, GAIWAN],
    sales=[FLASH],
    online=1842,
    likes=90210,
    stream_url="/streams/tea-evening.m3u8",
    guests=True,
    starts_at=NOW - 600_000,
)

_COMMANDS: tuple[Command, ...] = (
    Hello(token=TOKEN, resume=Resume(epoch=EPOCH, seq=41)),
    Ping(id=1, client_time=NOW - 37),
    DanmakuSend(id=2, text="这款茶今年新到的吗？"),
    Like(id=3, count=7),
    OrderPlace(id=4, request_id=REQUEST, sale=SALE, quantity=1, pay=False),
    OrderPay(id=5, order=ORDER),
    OrderCancel(id=6, order=ORDER),
    OrderRefund(id=7, order=ORDER, reason="one cup is chipped", amount=1500, request_id="ann-9b21"),
    OrderGet(id=8, request_id=REQUEST),
    RoomStart(id=20),
    RoomPause(id=21),
    RoomEnd(id=22),
    RoomAnnounce(id=23, text="Free shipping tonight"),
    ProductMount(
        id=24,
        product=ProductInput(
            sku="tea-01",
            title="Longjing spring tea, 100 g",
            image="/images/tea-01.webp",
            price=12900,
            list_price=16800,
            stock=500,
            per_user_limit=5,
        ),
    ),
    ProductUpdate(id=25, sku="tea-01", price=11900, list_price=None),
    ProductPin(id=26, sku="tea-01"),
    ProductUnpin(id=27, sku="tea-01"),
    ProductUnmount(id=28, sku="gaiwan-02"),
    ProductSort(id=29, skus=["gaiwan-02", "tea-01"]),
    ProductRestock(id=30, sku="tea-01", delta=-20),
    SaleSchedule(
        id=31,
        sku="tea-01",
        price=9900,
        stock=10,
        starts_in_ms=30_000,
        duration_ms=60_000,
        per_user_limit=1,
        hold_ms=120_000,
    ),
    SaleCancel(id=32, sale=SALE),
    ViewerMute(id=33, user="u9", duration_ms=600_000, reason="spam"),
    ViewerUnmute(id=34, user="u9"),
    ViewerKick(id=35, user="u9", duration_ms=86_400_000, reason="spam"),
    DanmakuRecall(id=36, message=MESSAGE),
    OrderShip(id=37, order=ORDER),
    OrderDeliver(id=38, order=ORDER),
    RefundApprove(id=39, order=ORDER),
    RefundDecline(id=40, order=ORDER, reason="the photograph shows another product"),
)

_EVENTS: tuple[Event, ...] = (
    Welcome(
        session="6f1c2b9e4d3a4f58b7e0c9a1d2e3f405",
        user=ANN,
        epoch=EPOCH,
        seq=44,
        server_time=NOW,
        room=SNAPSHOT,
        orders=[HELD],
        recent=[Danmaku(message=MESSAGE, user=ANN, text="这款茶今年新到的吗？", at=NOW - 4_000)],
    ),
    Pong(id=1, client_time=NOW - 37, server_time=NOW),
    DanmakuAccepted(id=2, message=MESSAGE),
    OrderAccepted(id=4, order=HELD),
    OrderUpdated(order=ASKED),
    Done(id=24, seq=45),
    Muted(until=NOW + 600_000, reason="spam"),
    Kicked(reason="spam"),
    Error(id=4, code=ErrorCode.INVALID, message="Expected `int` >= 1", field="quantity"),
    RoomUpdated(seq=45, status=RoomStatus.LIVE),
    ProductMounted(seq=46, product=GAIWAN),
    ProductUpdated(seq=47, product=TEA),
    ProductPinned(seq=48, sku="tea-01"),
    ProductUnmounted(seq=49, sku="gaiwan-02"),
    ProductSorted(seq=50, skus=["gaiwan-02", "tea-01"]),
    SaleScheduled(seq=51, sale=FLASH),
    SaleStarted(seq=52, sale=SALE),
    SaleSoldOut(seq=53, sale=SALE),
    SaleEnded(seq=54, sale=SALE, reason="time"),
    DanmakuRecalled(seq=55, message=MESSAGE),
    RoomState(
        server_time=NOW + 35_000,
        online=1843,
        likes=90217,
        stock={"tea-01": 490, SALE: 3},
        countdown={SALE: Countdown(phase=SalePhase.OPEN, remaining_ms=55_000)},
        total={"tea-01": 470},
    ),
    Dashboard(
        online=1843,
        peak_online=1901,
        danmaku_rate=12.5,
        orders=OrderCounts(reserved=2, paid=5, refunded=1),
        revenue=49500,
        products={"tea-01": ProductCounts(sold=5, held=2, available=493)},
    ),
    Danmaku(message=MESSAGE, user=ANN, text="这款茶今年新到的吗？", at=NOW + 1_200),
    DanmakuSkipped(count=38),
)

COMMANDS: dict[str, Command] = {str(one.__struct_config__.tag): one for one in _COMMANDS}
"""By `type`."""

EVENTS: dict[str, Event] = {str(one.__struct_config__.tag): one for one in _EVENTS}
"""By `type`."""

RECOVERED: tuple[Event, ...] = (
    Welcome(
        session="6f1c2b9e4d3a4f58b7e0c9a1d2e3f405",
        user=ANN,
        epoch=EPOCH,
        seq=43,
        server_time=NOW,
        recovered=True,
    ),
    ProductPinned(seq=42, sku="tea-01"),
    SaleStarted(seq=43, sale=SALE),
)
"""The first batch after a resume from `seq` 41."""

_LEDGER_ORDER = msgspec.convert(
    {**msgspec.to_builtins(PAID), "user": "u1", "updated_at": NOW + 31_450}, OrderRecord
)

BODIES: dict[str, msgspec.Struct] = {
    "RoomCreate": RoomCreate(id=ROOM, title="Tea evening", currency="CNY", starts_at=NOW),
    "RoomSnapshot": SNAPSHOT,
    "RoomList": RoomList(rooms=[SNAPSHOT], cursor=None),
    "OrderRecord": _LEDGER_ORDER,
    "OrderList": OrderList(orders=[_LEDGER_ORDER], cursor="MTc5MDAwMDAzMTQ1MA"),
    "Order": ASKED,
    "RefundAsk": RefundAsk(amount=1500, request_id="ann-9b21", reason="one cup is chipped"),
    "RefundRefusal": RefundRefusal(reason="the photograph shows another product"),
    "ActionList": ActionList(
        actions=[
            Action(
                id="0199aa3f9c1d7d2e9c41f0a6b8d3e777",
                room=ROOM,
                actor="h1",
                role=Role.HOST,
                action="order.ship",
                details={"type": "order.ship", "order": ORDER},
                at=NOW + 3_600_000,
            )
        ],
        cursor=None,
    ),
    "PaymentNotice": PaymentNotice(
        event="evt_51Qx",
        order=ORDER,
        payment="pay_51Qw",
        status="captured",
        amount=9900,
        currency="CNY",
    ),
    "PaymentRecorded": PaymentRecorded(event="evt_51Qx", result="paid", order=ORDER, status=OrderStatus.PAID),
    "ErrorResponse": ErrorResponse(
        error=ErrorBody(code=ErrorCode.INVALID, message="Expected `str` of length >= 1", field="title")
    ),
    "Health": Health(status="ok"),
    "Ready": Ready(ready=True, store=True, ledger=True, draining=False),
}
"""Bodies of the HTTP API, by type."""
