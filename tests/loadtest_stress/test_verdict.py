"""A verdict names what broke, one line for each, and the run's exit code says so."""

from __future__ import annotations

from pathlib import Path

import msgspec
import orjson
import pytest

from loadtest.bench.target import ServerFailed
from loadtest.stress import __main__ as command
from loadtest.stress.process import Metrics
from loadtest.stress.suite import SCENARIOS
from loadtest.stress.verdict import SHOWN, Report, Verdict, table


def verdict(*breaches: str) -> Verdict:
    return Verdict(
        name="exact",
        promise="p",
        viewers=1_000,
        figures={"host_events": 1_200, "spread": "1 to 2"},
        breaches=list(breaches),
        took_s=3.21,
    )


def report(*breaches: str) -> Report:
    return Report(machine={"cpus": "2"}, seed=7, verdicts=[verdict(*breaches)], started_at="now", took_s=3.2)


def test_the_table_of_a_good_run() -> None:
    text = table(report())
    assert "seed 7" in text and "exact" in text and "held" in text
    assert "host events 1,200, spread 1 to 2" in text
    assert report().broken == []


def test_one_line_for_each_broken_promise_and_a_count_of_the_rest() -> None:
    many = report(*(f"breach {n}" for n in range(SHOWN + 3)))
    assert "BROKEN (8)" in table(many)
    assert many.broken[0] == "exact: breach 0"
    assert many.broken[-1] == "exact: and 3 more" and len(many.broken) == SHOWN + 1


@pytest.mark.parametrize("breaches,code", [([], 0), (["a hole"], 1)])
def test_exit_codes(
    breaches: list[str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = []

    def play(scenario: object, folder: Path, seed: int, **options: object) -> Verdict:
        asked.append((scenario, seed, options["viewers"], options["seconds"], options["settings"]))
        return verdict(*breaches)

    monkeypatch.setattr(command, "play", play)
    output = tmp_path / "deep" / "stress.json"
    arguments = [
        "--only",
        "exact",
        "--viewers",
        "12",
        "--seconds",
        "2",
        "--seed",
        "7",
        "--output",
        str(output),
    ]
    arguments += ["--set", "fanout.sender=python"]
    assert command.main(arguments) == code
    assert asked == [(SCENARIOS["exact"], 7, 12, 2.0, {"MIAODAN_FANOUT__SENDER": "python"})]
    written = msgspec.convert(orjson.loads(output.read_bytes()), Report)
    assert written.seed == 7 and written.verdicts[0].breaches == breaches
    assert ("BROKEN exact: a hole" in capsys.readouterr().err) is bool(breaches)


def test_a_run_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def play(*_: object, **__: object) -> Verdict:
        raise ServerFailed("no server")

    monkeypatch.setattr(command, "play", play)
    assert command.main(["--output", str(tmp_path / "stress.json")]) == 2
    assert "no server" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["fanout.sender", "sender=python", ".x=1", "fanout.=1"])
def test_a_setting_without_a_name(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--set", text])
    assert "expected SECTION.KEY=VALUE" in capsys.readouterr().err


def test_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(SCENARIOS)


def test_metrics_by_name_and_label() -> None:
    text = "# TYPE closed counter\nclosed_total{code='4001'} 3.0\nclosed_total{code='4002'} 1.0\n"
    metrics = Metrics(text.replace("'", '"'))
    assert metrics.value("closed_total", code="4001") == 3
    assert metrics.value("closed_total", code="4003") == 0
    assert metrics.total("closed_total") == 4
    with pytest.raises(KeyError, match="no tasks"):
        metrics.total("tasks")
