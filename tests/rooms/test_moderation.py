"""Mutes and kicks on the store's clock."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from schemas.codes import ErrorCode
from server.rooms import moderation as module
from server.rooms.decide import Refused
from server.rooms.moderation import FOREVER, Moderation, Standing
from server.valkey import store_time
from tests.rooms.listening import Listener

pytestmark = pytest.mark.anyio


@pytest.fixture
def moderation(store: Redis) -> Moderation:
    return Moderation(store)


async def test_a_mute_stands_until_its_deadline_and_is_told(
    moderation: Moderation, store: Redis, listener: Listener
) -> None:
    assert await moderation.standing("r", "u") == Standing(None, None)
    before = await store_time(store)
    until = await moderation.mute("r", "u", 60_000, 'he said "no"\n')
    assert before + 60_000 <= until <= await store_time(store) + 60_000
    assert await moderation.standing("r", "u") == Standing(until, None, 'he said "no"\n')
    assert await listener.next() == (
        "D",
        {"kind": "mute", "user": "u", "reason": 'he said "no"\n', "until": until},
    )
    assert await moderation.standing("r", "v") == Standing(None, None)
    assert await moderation.standing("other", "u") == Standing(None, None)


async def test_without_a_duration_it_lasts_until_it_is_lifted(
    moderation: Moderation, listener: Listener
) -> None:
    assert await moderation.mute("r", "u") == FOREVER
    assert (await listener.next())[1]["until"] is None
    assert (await moderation.standing("r", "u")).muted == FOREVER
    await moderation.unmute("r", "u")
    assert await listener.next() == ("D", {"kind": "unmute", "user": "u", "reason": "", "until": 0})
    assert await moderation.standing("r", "u") == Standing(None, None)


async def test_a_kick_is_apart_from_a_mute_and_gives_the_reason(
    moderation: Moderation, listener: Listener
) -> None:
    await moderation.mute("r", "u", 60_000, "loud")
    until = await moderation.kick("r", "u", 120_000, "spam")
    standing = await moderation.standing("r", "u")
    assert (standing.kicked, standing.reason) == (until, "spam")
    assert standing.muted is not None
    await moderation.unmute("r", "u")
    assert await moderation.standing("r", "u") == Standing(None, until, "spam")
    assert [(await listener.next())[1]["kind"] for _ in range(3)] == ["mute", "kick", "unmute"]


async def test_who_was_silenced_lately_is_known_after_it_has_ended(
    moderation: Moderation, store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await store_time(store)
    await moderation.mute("r", "u")
    await moderation.unmute("r", "u")
    until = await moderation.kick("r", "v", 60_000, "spam")
    after = await store_time(store)
    found = await moderation.silenced("r", before)
    assert (found.muted, found.kicked) == ({}, {"v": (until, "spam")})
    assert found.lately.keys() == {"u", "v"}
    assert all(before <= at <= after for at in found.lately.values())
    assert (await moderation.silenced("r", after + 1)).lately == {}
    monkeypatch.setattr(module, "MAX_SILENCED", 2)
    await moderation.mute("r", "w", 60_000)
    assert (await moderation.silenced("r", before)).lately.keys() == {"v", "w"}


async def test_who_was_silenced_is_kept_for_a_day(moderation: Moderation, store: Redis) -> None:
    day, key = 86_400_000, "{room:r}:silenced"
    now = await store_time(store)
    await store.zadd(key, {"old": now - day - 1, "young": now - day + 60_000})
    await moderation.kick("r", "u", 1)
    assert await store.zrange(key, 0, -1) == [b"young", b"u"]
    assert day - 60_000 < await store.pttl(key) <= day


async def test_a_later_mute_replaces_an_earlier_one(moderation: Moderation) -> None:
    await moderation.mute("r", "u")
    until = await moderation.mute("r", "u", 60_000, "less")
    assert await moderation.standing("r", "u") == Standing(until, None, "less")


async def test_a_deadline_passes_by_itself_and_is_cleared_away(moderation: Moderation, store: Redis) -> None:
    await moderation.mute("r", "u", 1, "short")
    async with asyncio.timeout(5):
        while (await moderation.standing("r", "u")).muted is not None:
            await asyncio.sleep(0)
    assert await moderation.standing("r", "u") == Standing(None, None)
    await moderation.mute("r", "v", 60_000)
    assert await store.zrange("{room:r}:muted", 0, -1) == [b"v"]
    assert await store.hkeys("{room:r}:muted:reasons") == [b"v"]


async def test_the_list_is_bounded_and_says_so(
    moderation: Moderation, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SILENCED", 2)
    await moderation.kick("r", "a")
    await moderation.kick("r", "b")
    with pytest.raises(Refused) as refused:
        await moderation.kick("r", "c")
    assert (refused.value.code, refused.value.field) == (ErrorCode.CONFLICT, "user")
    assert await moderation.standing("r", "c") == Standing(None, None)
    assert await moderation.kick("r", "a", 60_000) < FOREVER, "who is on it can be changed"
    assert [(await listener.next())[1]["user"] for _ in range(3)] == ["a", "b", "a"]
