"""Names of everything the order wing keeps in the store.

A room's pools, orders and request records live in one partition, so one Lua call decides over all
of them. `{p07}` is the partition's hash tag: all its keys share a slot of a cluster.

    {p07}:outbox              stream: what happened, for the ledger
    {p07}:holds               zset: order id by deadline
    {p07}:due                 zset: what the sale clock has to tell, by time
    {p07}:returns             zset: "order payment" whose money goes back, by next attempt
    {p07}:refunds             zset: refund under way, by when it is taken up
    {p07}:rooms               set: rooms that have pools here
    {p07}:verified            string: the store process under which this was checked against the ledger
    {p07}:rebuild             string: who may rebuild the partition now
    {p07}:pools:ROOM          set: references of the room's pools
    {p07}:pool:ROOM/REF       hash: one pool's counters and rules
    {p07}:units:ROOM/REF      hash: user -> units held or paid
    {p07}:user:ROOM/USER      hash: request_id -> "order contents"
    {p07}:order:ID            string: the order's record (JSON)
    {p07}:notice:EVENT        string: what a payment notice did
    {p07}:charges             zset: order id of an open charge, by when it is looked at next
    {p07}:charge:ORDER        hash: the order's last charge (see `charges`)
    {p07}:unused:PAYMENT      string: a payment that goes back; it pays nothing any more

A pool's reference is `sku/SKU` or `sale/SALE`; neither a room nor a reference's kind contains `/`.
"""

from __future__ import annotations

from uuid_utils import uuid7

from server.valkey import partition_of, partition_tag, room_channel

ORDER_ID_LENGTH = 35
"""Two hexadecimal digits of the partition, `-`, 32 of a UUIDv7; the scripts cut by it."""
MAX_PARTITIONS = 256
_CACHED = 4_096


def new_order_id(partition: int) -> str:
    return f"{partition:02x}-{uuid7().hex}"


def charge_key(order: str, number: int) -> str:
    """What the provider knows an order's charge by: its idempotency key."""
    return f"{order}-{number}"


def new_operation_id() -> str:
    """Names one change of a pool in the ledger."""
    return uuid7().hex


class PartitionKeys:
    """The keys of one partition."""

    __slots__ = (
        "charges",
        "due",
        "holds",
        "number",
        "order_prefix",
        "outbox",
        "rebuild",
        "refunds",
        "returns",
        "rooms",
        "tag",
        "verified",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.tag = tag = partition_tag(number)
        self.outbox = f"{tag}:outbox"
        self.holds = f"{tag}:holds"
        self.due = f"{tag}:due"
        self.returns = f"{tag}:returns"
        self.charges = f"{tag}:charges"
        self.refunds = f"{tag}:refunds"
        self.rooms = f"{tag}:rooms"
        self.verified = f"{tag}:verified"
        self.rebuild = f"{tag}:rebuild"
        self.order_prefix = f"{tag}:order:"

    def order(self, order_id: str) -> str:
        return self.order_prefix + order_id

    def notice(self, event: str) -> str:
        return f"{self.tag}:notice:{event}"

    def charge(self, order_id: str) -> str:
        return f"{self.tag}:charge:{order_id}"

    def unused(self, payment: str) -> str:
        return f"{self.tag}:unused:{payment}"


class PoolKeys:
    """The keys of one stock pool. `name` is what the wire calls it: a sku or a sale's id."""

    __slots__ = ("channel", "due_member", "is_sale", "name", "pool", "ref", "units")

    def __init__(self, tag: str, room: str, kind: str, name: str) -> None:
        self.name = name
        self.is_sale = kind == "sale"
        self.ref = f"{kind}/{name}"
        self.pool = f"{tag}:pool:{room}/{self.ref}"
        self.units = f"{tag}:units:{room}/{self.ref}"
        self.channel = room_channel(room)
        self.due_member = f"{room}/{name}" if self.is_sale else ""


class RoomKeys:
    """The keys of one room, with those of its pools made once."""

    __slots__ = ("_pool_prefix", "_pools", "_user_prefix", "channel", "partition", "pools", "room")

    def __init__(self, partition: PartitionKeys, room: str) -> None:
        self.room = room
        self.partition = partition
        self.channel = room_channel(room)
        self.pools = f"{partition.tag}:pools:{room}"
        self._user_prefix = f"{partition.tag}:user:{room}/"
        self._pool_prefix = f"{partition.tag}:pool:{room}/"
        self._pools: dict[str, PoolKeys] = {}

    def user(self, user: str) -> str:
        return self._user_prefix + user

    def product_pool(self, sku: str) -> str:
        """`product(sku).pool` alone."""
        return f"{self._pool_prefix}sku/{sku}"

    def sale_pool(self, sale: str) -> str:
        """`sale(sale).pool` alone."""
        return f"{self._pool_prefix}sale/{sale}"

    def product(self, sku: str) -> PoolKeys:
        return self._pools.get("sku/" + sku) or self._keep("sku", sku)

    def sale(self, sale: str) -> PoolKeys:
        return self._pools.get("sale/" + sale) or self._keep("sale", sale)

    def at(self, ref: str) -> PoolKeys:
        """The pool of a reference that `PoolKeys.ref` made."""
        kind, _, name = ref.partition("/")
        return self._pools.get(ref) or self._keep(kind, name)

    def _keep(self, kind: str, name: str) -> PoolKeys:
        if len(self._pools) >= _CACHED:  # names come from clients: a cache, never a leak
            self._pools.clear()
        keys = self._pools[f"{kind}/{name}"] = PoolKeys(self.partition.tag, self.room, kind, name)
        return keys


class KeyBook:
    """All keys, for a number of partitions."""

    def __init__(self, partitions: int) -> None:
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise ValueError(f"partitions: 1 to {MAX_PARTITIONS}, not {partitions}")
        self.partitions = [PartitionKeys(number) for number in range(partitions)]
        self._rooms: dict[str, RoomKeys] = {}

    def room(self, room: str) -> RoomKeys:
        keys = self._rooms.get(room)
        if keys is None:
            if len(self._rooms) >= _CACHED:
                self._rooms.clear()
            number = partition_of(room, len(self.partitions))
            keys = self._rooms[room] = RoomKeys(self.partitions[number], room)
        return keys

    def of_text(self, text: str) -> PartitionKeys:
        """A partition for what belongs to no order."""
        return self.partitions[partition_of(text, len(self.partitions))]

    def of_order(self, order_id: str) -> PartitionKeys | None:
        """The partition an order's id names, or None when it is no order's id."""
        digits = order_id[:2]
        if len(order_id) != ORDER_ID_LENGTH or order_id[2] != "-" or not order_id.isascii():
            return None
        try:
            number = int(digits, 16)
        except ValueError:
            return None
        return self.partitions[number] if number < len(self.partitions) else None
