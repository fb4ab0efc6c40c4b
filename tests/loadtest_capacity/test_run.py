"""The whole command on a real server, in windows too short to say anything."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from loadtest.bench.plan import Plan
from loadtest.bench.prepare import Programs
from loadtest.capacity import fanout, run
from loadtest.capacity.__main__ import Report, main, report
from loadtest.capacity.assumptions import Assumptions
from loadtest.capacity.document import BEGIN, END
from loadtest.capacity.plot import FANOUT
from loadtest.capacity.points import ONE_SKU, RELAY, SCRIPT, FanoutPoint, JoinPoint, Measured
from loadtest.capacity.projection import CASES
from loadtest.places import file_can_be, folder_can_be
from tests.loadtest_capacity.synthetic import measured


@pytest.mark.campaign
def test_every_point_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, page = tmp_path / "capacity.json", tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\n{END}\nafter\n", "utf-8")
    before = os.sched_getaffinity(0)
    told = ["--output", str(output), "--images", str(tmp_path), "--document", str(page)]
    assert main(["--quick", *told]) == 0
    assert os.sched_getaffinity(0) == before
    found = msgspec.json.decode(output.read_bytes(), type=Report)
    printed = capsys.readouterr()
    assert found.measured.failures == [], printed.err
    size = run.QUICK
    grid = [(viewers, rate) for viewers in size.viewers for rate in (0, *size.danmaku, *size.storm)]
    assert [(one.viewers, one.danmaku) for one in found.measured.fanout] == grid
    for one in found.measured.fanout:
        assert one.resident_bytes > 1_000_000
        assert one.gateway_cores > 0
        assert (one.frames_per_second > 0 and one.p50_ms <= one.p99_ms) or not one.danmaku
    assert [one.joins for one in found.measured.joins] == size.viewers
    rates = [one.per_second for one in found.measured.orders]
    assert rates
    assert rates == size.orders[: len(rates)]
    for order in found.measured.orders:
        assert 0 < order.accepted <= order.due == round(order.per_second * size.orders_seconds)
        assert min(order.gateway_cpu_s, order.store_cpu_s, order.backoffice_cpu_s) > 0
    assert {one.name for one in found.measured.ceilings} == {ONE_SKU, SCRIPT, RELAY}
    assert page.read_text("utf-8").startswith(f"before\n{BEGIN}\nMeasured ")
    assert page.read_text("utf-8").endswith(f"{END}\nafter\n")


def test_a_measurement_can_be_taken_again_under_other_assumptions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "capacity.json"
    output.write_bytes(msgspec.json.encode(report(measured(), Assumptions())))
    told = ["--from", str(output), "--output", str(tmp_path / "again.json"), "--images", str(tmp_path)]
    assert main([*told, "--assume", "tls_factor=1.0", "--assume", "gateways_per_node=15"]) == 0
    again = msgspec.json.decode((tmp_path / "again.json").read_bytes(), type=Report)
    assert (again.assumptions.tls_factor, again.assumptions.gateways_per_node) == (1.0, 15)
    assert len(again.needs) == len(CASES)
    assert "`tls_factor` | 1 |" in capsys.readouterr().out


def test_a_measurement_taken_again_is_written_only_where_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / "build" / "capacity.json"
    kept.parent.mkdir()
    kept.write_bytes(before := msgspec.json.encode(report(measured(), Assumptions())))
    assert main(["--from", str(kept), "--assume", "tls_factor=1.0"]) == 0
    assert kept.read_bytes() == before
    assert main(["--from", str(kept), "--assume", "tls_factor=1.0", "--output", str(kept)]) == 0
    assert msgspec.json.decode(kept.read_bytes(), type=Report).assumptions.tls_factor == 1.0


def test_one_size_is_null_in_the_json_and_can_be_read_again(tmp_path: Path) -> None:
    found = measured()
    found.fanout = [one for one in found.fanout if one.viewers == 2_000]
    encoded = msgspec.json.encode(report(found, Assumptions()))
    plain = msgspec.json.decode(encoded)
    (a, *_) = plain["model"]["gateway"]["coefficients"]
    assert (a["value"], a["least"], a["most"]) == (None, None, None)
    assert "too few distinct sizes" in a["why"]
    assert plain["costs"]["gateway"] is None
    assert all(one["case"]["viewers"] == 0 for one in plain["needs"])
    assert msgspec.json.decode(encoded, type=Report).measured == found


def test_what_fails_is_told_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Full:
        def __init__(self, plan: Plan, stack: object) -> None:
            if plan.viewers > 10:
                raise OSError("no more files")
            self.joined = JoinPoint(joins=plan.viewers, seconds=1.0, gateway_cpu_s=0.1)

        def point(self, danmaku: int, turn: int) -> FanoutPoint:
            return msgspec.structs.replace(measured().fanout[0], danmaku=danmaku, turn=turn)

        def calm(self) -> None:
            pass

    monkeypatch.setattr(fanout, "Hall", Full)
    monkeypatch.setattr("loadtest.capacity.orders.measure", lambda *_: None)
    monkeypatch.setattr("loadtest.capacity.run.programs_in", lambda *_: Programs([], [], None, None))
    said: list[str] = []
    found = run.measure(replace(run.QUICK, viewers=[10, 30]), tmp_path, said.append)
    assert [one.danmaku for one in found.fanout] == [0, 5, 20, 40]
    assert found.failures == ["fan-out, 30 viewers: no more files"]
    assert "left out: fan-out, 30 viewers: no more files" in said


def test_nothing_usable_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = Measured(machine={}, options={}, started_at="now", failures=["all of it"])
    monkeypatch.setattr("loadtest.capacity.__main__.measure", lambda *_: empty)
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\nold\n{END}\n", "utf-8")
    assert main(["--output", str(tmp_path / "capacity.json"), "--document", str(page)]) == 1
    assert "old" in page.read_text("utf-8")


@pytest.mark.parametrize(
    "wrong",
    [
        ["--viewers", "many"],
        ["--viewers", "0"],
        ["--seconds", "0"],
        ["--assume", "luck=1"],
        ["--assume", "tls_factor=much"],
        ["--assume", "cores_per_node=0"],
        ["--assume", "replicas=-1"],
        ["--assume", "tls_factor=inf"],
        ["--assume", "gateway_utilisation=50"],
        ["--seconds", "nan"],
        ["--assume", "cores_per_node=2"],
        ["--assume", "gateways_per_node=17"],
        ["--output", "."],
        ["--output", f"{__file__}/x.json"],
        ["--images", f"{__file__}/images"],
        ["--images", __file__],
        ["--images", "/proc/x"],
        ["--images", "n" * 5_000],
        ["--from", "no-such-file.json"],
        ["--document", "no-such-page.md"],
        ["--fast"],
    ],
)
def test_bad_options(
    wrong: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.capacity.__main__.measure", lambda *_: pytest.fail("measured all the same"))
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    assert wrong[0].lstrip("-") in capsys.readouterr().err


@pytest.mark.parametrize("given", ["danmaku_said=1e300", "machine_factor=1e-9", "spare_nodes=1e9"])
def test_an_assumption_far_from_the_usual_is_refused_by_name(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--assume", given])
    assert ended.value.code == 2
    assert f"{given.partition('=')[0]} is " in capsys.readouterr().err


def test_more_gateways_than_cores_are_refused_by_both_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.capacity.__main__.draw", lambda *_: [])
    with pytest.raises(SystemExit):
        main(["--assume", "cores_per_node=2"])
    told = capsys.readouterr().err
    assert "gateways_per_node=12" in told and "cores_per_node=2" in told
    kept = tmp_path / "capacity.json"
    kept.write_bytes(msgspec.json.encode(report(measured(), Assumptions())))
    two = ["--assume", "cores_per_node=2", "--assume", "gateways_per_node=2"]
    assert main(["--from", str(kept), "--images", str(tmp_path), *two]) == 0
    assert "gateway nodes (2 cores)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"measured": "\xff"}', "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"measured": {"machine": {}, "a": ' + b"[" * 100_000, "cannot be read"),
        (b"{}", "cannot be read"),
    ],
)
def test_a_kept_measurement_that_cannot_be_read_is_a_bad_option(
    content: bytes, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "capacity.json"
    kept.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        main(["--from", str(kept), "--images", str(tmp_path)])
    assert ended.value.code == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("elapsed", [0.0, -1.0])
def test_orders_that_took_no_time_are_refused_by_name(
    elapsed: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured()
    found.orders[1].elapsed_s = elapsed
    kept = tmp_path / "capacity.json"
    kept.write_bytes(msgspec.json.encode(report(found, Assumptions())))
    with pytest.raises(SystemExit) as ended:
        main(["--from", str(kept), "--images", str(tmp_path)])
    assert ended.value.code == 2
    assert f"elapsed_s of 1,000 orders/s is {elapsed:g}" in capsys.readouterr().err


def test_what_cannot_be_written_after_all_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "capacity.json"
    kept.write_bytes(msgspec.json.encode(report(measured(), Assumptions())))
    (tmp_path / FANOUT).mkdir()
    assert main(["--from", str(kept), "--images", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert "not everything could be written" in printed.err
    assert "gateway nodes" in printed.out


def test_asking_whether_a_place_can_be_written_leaves_nothing(tmp_path: Path) -> None:
    assert folder_can_be(tmp_path / "a" / "b") and file_can_be(tmp_path / "a" / "x.json")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert not folder_can_be(tmp_path / "nowhere" / "images")
