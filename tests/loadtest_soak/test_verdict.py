"""A recorded run, judged: every kind of breach is a line, and a run can be judged again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from loadtest.soak.__main__ import main
from loadtest.soak.report import BEGIN, END, Bounds, Report
from loadtest.soak.verdict import judged
from tests.loadtest_soak.playing import changed, quiet, reading, strike
from tests.loadtest_soak.test_report import report


def broken(**changes: Any) -> list[str]:
    return judged(structs.replace(report(), **changes), Bounds()).broken


def test_a_run_in_which_all_held() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"planned": 3}, "2 of 3 faults were carried out"),
        (
            {"strikes": [strike(0, 10.0), strike(1, 90.0, done="missed: gone")]},
            "fault 1 (store kill): missed: gone",
        ),
        ({"audit": {"exit": 1, "problems": 4}}, 'miaodan audit: {"exit":1,"problems":4}'),
        ({"audit": {}}, "miaodan audit: {}"),
        ({"tracebacks": ["a traceback (1 times): oh"]}, "a traceback (1 times): oh"),
        (
            {"load": {}, "load_exit": 3, "load_said": "no room"},
            "the load ended with 3 and no verdict: no room",
        ),
        (
            {"load": report().load | {"reasons": ["loss.events: 1"], "exit_code": 1}},
            "load: loss.events: 1",
        ),
        (
            {"load": report().load | {"verdict": "generator_limited", "exit_code": 1}},
            "load: generator_limited",
        ),
        (
            {"load": report().load | {"orders": report().load["orders"] | {"sales": []}}},
            "load: nothing was sold, or no flash sale took place",
        ),
    ],
)
def test_every_breach_is_one_line(changes: dict[str, Any], said: str) -> None:
    assert broken(**changes) == [said]


def test_a_process_that_is_gone_at_the_end_is_named() -> None:
    samples = quiet()
    samples[-1].processes[:] = [one for one in samples[-1].processes if one.role != "store"]
    assert broken(samples=samples) == ["no store runs at the end"]


def leaking(tmp_path: Path) -> Path:
    samples = quiet()
    changed(samples, "gateway", lambda at, one: reading("gateway", one.pid, 100 + at / 300))
    path = tmp_path / "soak.json"
    path.write_bytes(msgspec.json.encode(structs.replace(report(), samples=samples)))
    return path


def test_a_recorded_run_is_judged_again_by_other_bounds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, document = leaking(tmp_path), tmp_path / "x.md"
    recorded = path.read_bytes()
    document.write_text(f"{BEGIN}{END}")
    assert main(["--from", str(path), "--document", str(document)]) == 1
    assert "BROKEN memory of gateway: 2 MiB/10 min" in capsys.readouterr().err
    assert "1 promises were broken:" in document.read_text()
    assert main(["--from", str(path), "--memory-bound", "3", "--output", str(tmp_path / "again.json")]) == 0
    again = msgspec.json.decode((tmp_path / "again.json").read_bytes(), type=Report)
    assert again.bounds.memory == 3
    assert path.read_bytes() == recorded


@pytest.mark.parametrize(
    "content", [b'{"seed": 1}', b'{"machine":{"a":"\xff"}}', b"[" * 100_000, b"", None], ids=range(5)
)
def test_what_is_no_recorded_run_is_refused(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    assert main(["--from", str(path)]) == 2
    assert f"--from {path}: " in capsys.readouterr().err


def test_a_load_that_is_not_locusts_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(msgspec.json.encode(structs.replace(report(), load={"verdict": "passed"})))
    assert main(["--from", str(path)]) == 2
    assert "its `load` is not a document of Locust's run" in capsys.readouterr().err
