"""`miaodan audit` over real books: alone, beside a running store, and with a unit that vanished."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis.asyncio import Redis

from schemas.commands import OrderPlace
from server.cli import main
from server.orders.consumer import LedgerConsumer
from server.orders.ledger import Ledger
from server.orders.service import OrderService, Outcome
from server.orders.verified import mark_verified
from server.processes.lock import DataDirLock
from server.settings import OrderSettings
from server.valkey import EmbeddedValkey, connect, partition_of, partition_tag
from tests.orders.instant import InstantProvider

SETTINGS = OrderSettings()
POOL = f"{partition_tag(partition_of('r1', SETTINGS.partitions))}:pool:r1/sku/tea"


def audit(data_dir: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["audit", "--data-dir", str(data_dir), *options])


def on_store(url: str, work: Callable[[Redis], Awaitable[None]]) -> None:
    async def run() -> None:
        client = connect(url, name="test")
        await work(client)
        await client.aclose()

    asyncio.run(run())


async def sell_some(client: Redis) -> None:
    """Ten units of tea; one held, two sold."""
    service = OrderService(client, SETTINGS, InstantProvider(0))
    await mark_verified(client, SETTINGS.partitions)
    await service.start()
    await service.mount("r1", "tea", price=100, currency="CNY", stock=10, per_user_limit=None)
    answers: asyncio.Queue[Outcome] = asyncio.Queue()
    for number, (quantity, pay) in enumerate([(1, False), (2, True)]):
        request = OrderPlace(request_id=f"q{number}", sku="tea", quantity=quantity, pay=pay)
        service.place("r1", "u1", request, "CNY", answers.put_nowait)
    for _ in range(2):
        async with asyncio.timeout(10):
            assert (await answers.get()).code is None
    await service.stop()


async def make_ledger(url: str) -> None:
    """As a server's start does."""
    ledger = Ledger(url)
    await ledger.start()
    await ledger.stop()


async def lose_one(client: Redis) -> None:
    await client.hincrby(POOL, "available", -1)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    valkey = EmbeddedValkey(tmp_path)
    valkey.start()
    on_store(valkey.url, sell_some)
    asyncio.run(make_ledger(f"sqlite:///{tmp_path}/ledger.db"))
    yield valkey
    valkey.stop()


def test_alone_the_outbox_goes_to_the_ledger_first(embedded: EmbeddedValkey) -> None:
    embedded.stop()
    for _ in range(2):
        result = audit(embedded.data_dir)
        assert (result.exit_code, result.stderr) == (0, "")
        report = json.loads(result.stdout)
        assert report["ok"] is True
        assert report["behind"] == 0
        assert {name: report[name] for name in ("total", "available", "held", "sold")} == {
            "total": 10,
            "available": 7,
            "held": 1,
            "sold": 2,
        }
    with DataDirLock(embedded.data_dir) as lock:
        assert not lock.unclean
    assert not (embedded.data_dir / "valkey.sock").exists()


def test_beside_a_running_server(embedded: EmbeddedValkey) -> None:
    with DataDirLock(embedded.data_dir):
        result = audit(embedded.data_dir)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["ok"] is True
    assert embedded.alive()
    remote = audit(embedded.data_dir, "--redis-url", embedded.url)
    assert remote.exit_code == 0


@pytest.mark.parametrize("running", [True, False])
def test_a_unit_that_vanished_names_the_pool(embedded: EmbeddedValkey, running: bool) -> None:
    on_store(embedded.url, lose_one)
    if not running:
        embedded.stop()
        result = audit(embedded.data_dir)
    else:
        with DataDirLock(embedded.data_dir):
            result = audit(embedded.data_dir)
    assert result.exit_code == 1
    assert "pool r1/sku/tea: allocated 10, but 6 available + 1 held + 2 sold = 9" in result.stderr
    assert json.loads(result.stdout)["problems"][0]["pool"] == "r1/sku/tea"


def test_where_there_is_nothing_to_audit(tmp_path: Path) -> None:
    result = audit(tmp_path / "none")
    assert result.exit_code == 2
    assert "holds no store" in result.stderr
    assert not (tmp_path / "none").exists()


def test_a_server_whose_store_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.processes.auditing._PATIENCE", 0.2)
    (tmp_path / "store").mkdir()
    with DataDirLock(tmp_path):
        result = audit(tmp_path)
    assert result.exit_code == 2
    assert "whose store does not answer" in result.stderr


@pytest.mark.parametrize("running", [True, False])
def test_repair_mends_what_the_audit_named(embedded: EmbeddedValkey, running: bool) -> None:
    assert audit(embedded.data_dir, "--redis-url", embedded.url).exit_code == 0
    on_store(embedded.url, lose_one)
    if not running:
        embedded.stop()
    with DataDirLock(embedded.data_dir) if running else contextlib.nullcontext():
        result = audit(embedded.data_dir, "--repair")
    assert (result.exit_code, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert report["ok"] is True and report["audit"]["available"] == 7
    assert {(one["pool"], one["kind"]) for one in report["mended"]} >= {("r1/sku/tea", "sum")}
    again = audit(embedded.data_dir) if not running else audit(embedded.data_dir, "--redis-url", embedded.url)
    assert again.exit_code == 0


def test_repair_waits_for_parked_entries(embedded: EmbeddedValkey) -> None:
    async def poison(client: Redis) -> None:
        await client.xadd(f"{partition_tag(partition_of('r1', SETTINGS.partitions))}:outbox", {"o": "[{}]"})

    on_store(embedded.url, poison)
    embedded.stop()
    result = audit(embedded.data_dir, "--repair")
    assert result.exit_code == 2
    assert "no repair: 1 outbox entries are parked" in result.stderr


@pytest.mark.parametrize("options", [(), ("--repair",)])
@pytest.mark.parametrize("running", [True, False])
def test_no_ledger_is_made(embedded: EmbeddedValkey, running: bool, options: tuple[str, ...]) -> None:
    for file in embedded.data_dir.glob("ledger.db*"):
        file.unlink()
    if not running:
        embedded.stop()
    with DataDirLock(embedded.data_dir) if running else contextlib.nullcontext():
        result = audit(embedded.data_dir, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no ledger in" in result.stderr and "--database-url" in result.stderr
    assert not list(embedded.data_dir.glob("ledger.db*"))


def test_a_database_without_a_ledger_gets_none(embedded: EmbeddedValkey, tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()
    result = audit(embedded.data_dir, "--redis-url", embedded.url, "--database-url", f"sqlite:///{empty}")
    assert result.exit_code == 2 and "there is no ledger in" in result.stderr
    assert empty.stat().st_size == 0


@pytest.mark.parametrize("running", [True, False])
def test_another_ledger_is_no_proof(embedded: EmbeddedValkey, tmp_path: Path, running: bool) -> None:
    """The server wrote its own; the audit is given an empty one."""
    other = f"sqlite:///{tmp_path}/other.db"

    async def write(client: Redis) -> None:
        ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
        await LedgerConsumer(client, ledger, SETTINGS, claim_idle_ms=0).drain()
        await ledger.stop()
        await make_ledger(other)

    on_store(embedded.url, write)
    if not running:
        embedded.stop()
    for _ in range(2):  # and it is none the next time either
        with DataDirLock(embedded.data_dir) if running else contextlib.nullcontext():
            repaired = audit(embedded.data_dir, "--repair", "--database-url", other)
            found = audit(embedded.data_dir, "--database-url", other)
        assert repaired.exit_code == 2 and "no repair:" in repaired.stderr
        assert "it is another database" in repaired.stderr
        assert found.exit_code == 1
        assert "wrong_ledger" in {problem["kind"] for problem in json.loads(found.stdout)["problems"]}
    with DataDirLock(embedded.data_dir) if running else contextlib.nullcontext():
        assert audit(embedded.data_dir).exit_code == 0
