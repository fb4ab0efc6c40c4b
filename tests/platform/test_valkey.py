"""The embedded store and the connections to it, against the real server."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from server.valkey import (
    EmbeddedValkey,
    Script,
    StoreInUse,
    StoreNotFound,
    StoreTooOld,
    StoreUnavailable,
    answers,
    check_version,
    connect,
    embedded_url,
    partition_of,
    partition_tag,
    room_channel,
    store_time,
)
from server.valkey import embedded as embedded_store
from tests.platform.watch import running, wait_until

pytestmark = pytest.mark.anyio


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "data")
    yield server
    server.stop()


async def test_what_was_acknowledged_survives_kill_9(embedded: EmbeddedValkey) -> None:
    embedded.start()
    client = connect(embedded.url, name="test")
    for number in range(50):
        await client.set(f"k{number}", number)
    embedded.kill()
    assert not embedded.alive()
    embedded.start()
    await client.aclose()
    assert await client.dbsize() == 50
    assert await client.get("k49") == b"49"
    assert (await client.config_get("appendfsync"))["appendfsync"] == "always"
    assert (await client.config_get("save"))["save"] == ""
    await client.aclose()


async def test_a_torn_last_write_is_cut_off(embedded: EmbeddedValkey) -> None:
    embedded.start()
    client = connect(embedded.url, name="test")
    await client.set("whole", "1")
    embedded.kill()
    (log,) = (embedded.data_dir / "store" / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nto")
    embedded.start()
    await client.aclose()
    assert await client.get("whole") == b"1"
    assert await client.dbsize() == 1
    await client.aclose()


async def test_a_very_long_data_directory_serves_too(tmp_path: Path) -> None:
    long = tmp_path / ("d" * 120) / "秒 单"
    server = EmbeddedValkey(long)
    server.start()
    client = connect(embedded_url(long), name="test")
    await client.set("k", "v")
    place = (long / "valkey.sock").readlink().parent
    assert place.stat().st_mode & 0o777 == 0o700
    server.kill()
    again = EmbeddedValkey(long)  # another supervisor, after the first was killed
    again.start()
    try:
        assert not place.exists()
        fresh = connect(embedded_url(long), name="test")
        assert await fresh.get("k") == b"v"
        await fresh.aclose()
    finally:
        again.stop()
        await client.aclose()
    assert not (long / "valkey.sock").is_symlink()


def test_one_directory_has_one_store(embedded: EmbeddedValkey) -> None:
    embedded.start()
    second = EmbeddedValkey(embedded.data_dir)
    with pytest.raises(StoreInUse, match="another store still runs"):
        second.start(timeout=0.1)
    assert answers(embedded.url)


def test_start_waits_for_a_store_that_goes_down(embedded: EmbeddedValkey) -> None:
    embedded.start()
    embedded.terminate()
    second = EmbeddedValkey(embedded.data_dir)
    second.start()
    try:
        assert answers(second.url)
        assert not embedded.alive()
    finally:
        second.stop()


def test_the_store_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time; from server.valkey import EmbeddedValkey\n"
        "v = EmbeddedValkey(sys.argv[1]); v.start(); print(v.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    store = int(parent.stdout.readline())
    assert running(store)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not running(store))


def test_a_store_that_dies_at_once_says_where_to_look(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path, extra=("--no-such-option", "1"))
    with pytest.raises(StoreUnavailable, match=r"exited with code 1; see .*store\.log"):
        server.start(timeout=10)
    assert "no-such-option" in server.log_file.read_text()


def _fake_server(directory: Path, version: str) -> None:
    program = directory / "redis-server"
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0 bits=64'\n")
    program.chmod(0o755)


def test_an_old_server_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_store, "_bundled_program", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreNotFound, match="--redis-url"):
        embedded_store.store_program()
    _fake_server(tmp_path, "6.2.14")
    with pytest.raises(StoreTooOld, match=r"6\.2\.14 is too old"):
        embedded_store.store_program()
    _fake_server(tmp_path, "7.0.15")
    assert embedded_store.store_program() == str(tmp_path / "redis-server")


def test_socket_is_private(embedded: EmbeddedValkey) -> None:
    embedded.start()
    assert (embedded.data_dir / "valkey.sock").stat().st_mode & 0o077 == 0


async def test_connections(store: Redis, store_url: str) -> None:
    assert await store.client_getname() == "test"
    assert (await check_version(store)).startswith(("valkey 9", "redis 7"))
    assert abs(await store_time(store) - time.time() * 1000) < 5_000
    with pytest.raises(RedisError):
        await connect("unix:///nowhere/valkey.sock", name="test").ping()


async def test_no_command_is_sent_twice(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def mute_after_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            heard.append(data)
            if b"INCR" not in data:
                writer.write(b"+OK\r\n" * data.count(b"*"))
        writer.close()

    server = await asyncio.start_unix_server(mute_after_handshake, tmp_path / "s")
    async with server:
        impatient = connect(f"unix://{tmp_path / 's'}", name="impatient", timeout_ms=50)
        with pytest.raises(RedisTimeout):
            await impatient.incr("once")
        await impatient.aclose()
    assert b"".join(heard).count(b"INCR") == 1


async def test_a_cancellation_that_meets_the_end_of_a_send_is_kept(store: Redis) -> None:
    """The sender is cancelled at every point of a command; each time it ends as cancelled."""

    async def talk() -> None:
        while True:
            await store.ping()

    for turns in range(60):
        task = asyncio.create_task(talk())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done, f"cancelled after {turns} turns it lives on"
        assert task.cancelled()
    assert await store.ping()


async def test_a_cancelled_task_may_still_clean_up(store: Redis) -> None:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await store.set("cleaned", "up")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert await store.get("cleaned") == b"up"


async def test_scripts_are_loaded_where_they_are_missing(store: Redis) -> None:
    script = Script("return {KEYS[1], ARGV[1], ARGV[2]}")
    await store.script_flush()
    assert await script.run(store, ["k"], [7, b"x"]) == [b"k", b"7", b"x"]
    assert (await store.script_exists(script.digest)) == [True]
    assert await script.run(store, ["k"], [7, b"x"]) == [b"k", b"7", b"x"]


def test_scripts_come_from_files_and_packages(tmp_path: Path) -> None:
    file = tmp_path / "one.lua"
    file.write_text("return 1")
    assert Script(file).digest == Script("return 1").digest
    assert Script.from_package("server.valkey", "names.py").source.startswith('"""Names in')


def test_names() -> None:
    assert room_channel("r1") == "miaodan:room:r1"
    assert partition_tag(7) == "{p07}"
    assert {partition_of(f"r{number}", 16) for number in range(500)} == set(range(16))
    assert partition_of("r1", 16) == partition_of("r1", 16)
