"""The whole benchmark, end to end, in windows too short to say anything: never a timed test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from loadtest.bench import peer
from loadtest.bench.__main__ import main
from loadtest.bench.fanout import DEFLATE, SENDER
from loadtest.bench.target import known_settings


def run(output: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    short = [
        "--seconds",
        "0.5",
        "--paced",
        "2",
        "--repeat",
        "1",
        "--viewers",
        "12",
        "--seed",
        "7",
        "--peers",
        "none",
    ]
    before = os.sched_getaffinity(0)
    code = main([*short, "--output", str(output), *arguments])
    assert os.sched_getaffinity(0) == before
    return code, orjson.loads(output.read_bytes())


def check_sides(section: dict[str, Any], names: set[str]) -> None:
    assert {side["name"] for side in section["sides"]} == names
    for side in section["sides"]:
        assert side["per_core"]["least"] <= side["per_core"]["median"] <= side["per_core"]["most"]
        for sample in side["samples"]:
            assert sample["count"] > 0
            assert 0 < sample["cpu_ns"] <= sample["wall_ns"] * 1.5


MIAODAN = {"Miaodan", "Miaodan, ASGI send", "Miaodan, coalesced"}
ORDERS = {
    *("raw batched Lua", "raw, an EVALSHA per order", "sold-out answers"),
    *("holds, one SKU", "holds, 16 SKUs", "holds at 5,800 a second"),
}
FLOORS = {"floor", "floor at its rate"}


def test_fan_out_beside_its_floor(
    compiled: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compiled
    known = known_settings()
    optional = {"Miaodan, Python sender"} if SENDER in known else set()
    optional |= {"Miaodan, compressed"} if DEFLATE in known else set()
    code, report = run(tmp_path / "bench.json", "--only", "fanout", "--peers", "websockets")
    assert code in (0, 1)
    (section,) = report["sections"]
    check_sides(section, FLOORS | MIAODAN | optional | {"websockets.broadcast"})
    sides = {side["name"]: side["figures"] for side in section["sides"]}
    ours = sides["Miaodan"]
    assert 0 < ours["p50_ms"]["median"] <= ours["p99_ms"]["median"] < 10_000
    assert ours["cpu_us"]["median"] > 0
    assert ours["viewer_bytes"]["median"] > 0
    assert set(sides["floor"]) == {"messages", "megabytes", "cpu_us"}
    assert set(sides["websockets.broadcast"]) == set(section["columns"]) == set(ours)
    facts = section["facts"]
    assert facts["viewers"] == 12
    assert 100 <= facts["frame_bytes"] <= 250
    assert 1.0 <= facts["events_per_frame"] < 3
    assert facts["coalesced_events_per_frame"] > 1.5
    for sample in section["sides"][-1]["samples"]:
        assert sample["extra"]["frame_bytes"] == facts["frame_bytes"]
    if DEFLATE in known:
        assert facts["compressed_bytes_per_message"] < facts["plain_bytes_per_message"]
    missed = [ratio for ratio in section["ratios"] if ratio["target"] and ratio["value"] < ratio["target"]]
    assert code == bool(missed)
    printed = capsys.readouterr()
    assert "Miaodan / floor" in printed.out
    assert ("under its target" in printed.err) is bool(missed)


def test_orders_beside_the_raw_script(
    compiled: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compiled
    code, report = run(tmp_path / "bench.json", "--only", "orders", "--json")
    assert code in (0, 1)
    (section,) = report["sections"]
    check_sides(section, ORDERS)
    assert section["facts"]["acknowledged"] > 0
    assert section["facts"]["refusals_that_asked_the_store"] >= 0
    assert 0 < section["facts"]["open_loop_p50_ms"] <= section["facts"]["open_loop_p99_ms"]
    (open_loop,) = (side for side in section["sides"] if side["name"] == "holds at 5,800 a second")
    assert 0 < open_loop["samples"][0]["count"] <= section["facts"]["open_loop_due"] == 5_800 * 2
    assert section["facts"]["store"].split()[0] in ("valkey", "redis")
    assert 0 < section["facts"]["p50_ms"] <= section["facts"]["p99_ms"]
    assert orjson.loads(capsys.readouterr().out) == report


def test_without_a_compiler_the_floor_is_left_out_and_said_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(peer, "SBIN", "/nonexistent")
    code, report = run(tmp_path / "bench.json", "--markdown", "--peers", "nchan")
    assert code in (0, 1)
    spread, orders = report["sections"]
    optional = {"Miaodan, Python sender"} if SENDER in known_settings() else set()
    check_sides(spread, MIAODAN | optional)
    check_sides(orders, ORDERS)
    assert "Miaodan / ASGI send" in [ratio["name"] for ratio in spread["ratios"]]
    assert "no compiler" in " ".join(spread["notes"])
    assert "nchan is left out: no nginx; it needs nginx with its module nchan" in " ".join(spread["notes"])
    printed = capsys.readouterr()
    assert "no C compiler" in printed.err
    assert "| Miaodan |" in printed.out


def test_a_run_that_cannot_be_made_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--viewers", "100000000", "--output", str(tmp_path / "bench.json")]) == 2
    assert "open files" in capsys.readouterr().err


def test_a_peer_that_is_not_known_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--peers", "nchan,carrier-pigeon", "--output", str(tmp_path / "bench.json")])
    assert "not carrier-pigeon" in capsys.readouterr().err
