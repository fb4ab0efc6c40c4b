"""The command line: what it says by itself, and what is refused with 2 before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.bench.target import COMMON
from loadtest.soak.__main__ import main, options_of
from loadtest.soak.load import LIMITS
from loadtest.soak.run import usual_settings
from loadtest.thresholds import load


def test_twenty_minutes_by_itself() -> None:
    given = options_of([])
    assert (given.seconds, given.viewers, given.users, given.faults) == (1200, 1000, 200, None)
    assert given.output == Path("build/soak.json")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seconds", "5"], "--seconds from 20"),
        (["--faults", "0"], "--viewers and --faults from 1"),
        (["--users", "1"], "--users from 4"),
        (["--seconds", "40", "--every", "3"], "a twentieth of --seconds"),
        (["--memory-bound", "0"], "--memory-bound and --count-bound above 0"),
        (["--count-bound", "-1"], "--memory-bound and --count-bound above 0"),
        (["--document", "nowhere.md"], "--document: "),
        (["--seconds", "inf"], "finite"),
        (["--memory-bound", "nan"], "finite"),
        (["--output", "/etc/passwd/no/soak.json"], "cannot be written"),
        (["--plot", "."], "cannot be written"),
        (["--output", "x.png", "--plot", "x.png"], "files of their own"),
        (["--from", "x.json", "--plot", "x.json"], "files of their own"),
        (["--seconds", "many"], "invalid float value"),
    ],
)
def test_wrong_options_end_with_2_and_say_why(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_document_without_markers_is_refused_before_the_run(tmp_path: Path) -> None:
    document = tmp_path / "capacity.md"
    document.write_text("# Capacity\n")
    with pytest.raises(SystemExit) as ended:
        main(["--document", str(document)])
    assert ended.value.code == 2


def test_faults_relax_only_what_is_told_not_what_is_promised() -> None:
    usual, soak = load(), load(str(LIMITS))
    for section in ("loss", "sales", "audit"):
        assert getattr(soak, section) == getattr(usual, section)
    assert 0 < soak.errors.rate < 0.1
    assert soak.order.p99_ms < float("inf")


def test_the_server_is_as_it_comes() -> None:
    settings = usual_settings()
    assert set(settings) == set(COMMON)
    assert settings["MIAODAN_GATEWAY__HEARTBEAT_MS"] == "25000"
    assert "MIAODAN_SERVER__WORKERS" not in settings
