"""Joins, memory, the large room and the cost curve, with a few viewers: real servers, never timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from loadtest.bench import curve
from loadtest.bench.__main__ import main


def run(tmp_path: Path, name: str, viewers: int, *arguments: str) -> tuple[int, dict[str, Any]]:
    output = tmp_path / "bench.json"
    short = ["--seconds", "0.5", "--repeat", "1", "--viewers", str(viewers), "--seed", "7"]
    code = main([*short, "--only", name, "--output", str(output), "--json", *arguments])
    report = orjson.loads(output.read_bytes())
    (section,) = report["sections"]
    assert section["name"] == name
    missed = [ratio for ratio in section["ratios"] if ratio["target"] and ratio["value"] < ratio["target"]]
    assert code == bool(missed)
    return code, section


@pytest.mark.campaign
def test_joins_and_a_storm(compiled: dict[str, Path], tmp_path: Path) -> None:
    assert compiled
    _, section = run(tmp_path, "joins", 40)
    assert [side["name"] for side in section["sides"]] == [
        "hello to welcome",
        "hello to welcome, token seen before",
        "connect to welcome",
        "resume storm",
    ]
    for side in section["sides"]:
        assert [sample["count"] for sample in side["samples"]] == [40]
        assert side["samples"][0]["cpu_ns"] > 0
    facts = section["facts"]
    assert (facts["resumed"], facts["missing_or_twice"]) == (40, 0)
    assert facts["log_reads"] <= 1


@pytest.mark.campaign
def test_memory_of_both_kinds_of_viewers(compiled: dict[str, Path], tmp_path: Path) -> None:
    assert compiled
    _, section = run(tmp_path, "memory", 40)
    heading, *rows = section["grid"]
    assert heading[0] == "memory: viewers"
    assert [row[0] for row in rows] == ["0", "4", "20", "40"] * 2
    for row in rows:
        rss, pss, uss = (float(cell) for cell in row[2:])
        assert 10 < uss <= pss <= rss


@pytest.mark.campaign
def test_a_large_room_in_small(compiled: dict[str, Path], tmp_path: Path) -> None:
    assert compiled
    _, section = run(tmp_path, "room", 30)
    evening, floor = section["sides"]
    (sample,), (bare,) = evening["samples"], floor["samples"]
    assert sample["count"] > 0
    assert bare["extra"]["frame_bytes"] == round(sample["extra"]["frame_bytes"])
    assert section["facts"]["ms_of_a_bare_round"] > 0
    extra = sample["extra"]
    assert 0 < extra["p50_ms"] <= extra["p99_ms"] <= extra["max_ms"]
    assert 0 < extra["order_p50_ms"] <= extra["order_p99_ms"]
    assert extra["orders"] > 0
    assert extra["not_delivered"] == 0


@pytest.mark.campaign
def test_a_short_curve_and_its_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(curve, "VIEWERS", (0.1, 1.0))
    monkeypatch.setattr(curve, "ROOMS", (2,))
    picture = tmp_path / "cost.png"
    _, section = run(tmp_path, "curve", 20, "--plot", str(picture))
    _, *rows = section["grid"]
    assert [row[:2] for row in rows] == [["2", "1"], ["20", "1"], ["20", "2"], ["2", "2"]]
    for side in section["sides"]:
        (sample,) = side["samples"]
        assert sample["count"] > sample["extra"]["danmaku"] > 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_a_compiler_there_are_no_joiners(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CC", raising=False)
    short = ["--seconds", "0.5", "--repeat", "1", "--viewers", "4"]
    assert main([*short, "--only", "joins", "--output", str(tmp_path / "bench.json")]) == 2
    assert "joiners: no C compiler" in capsys.readouterr().err
