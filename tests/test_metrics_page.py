"""`docs/metrics.md` has every metric the sources name, and its alerts are about metrics there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.metrics_alerts import NOW, SOON
from server.metrics_page import PAGE, labels, main, metrics, name, page

ROOT = Path(__file__).parent.parent


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make documents`"


def test_every_metric_named_in_the_sources_has_one_row() -> None:
    sources = (file.read_text("utf-8") for file in (ROOT / "server").rglob("*.py"))
    named = {
        found for text in sources for found in re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(\w+)"', text)
    }
    rows = re.findall(r"^\| `(miaodan_[a-z_]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(named)
    assert len(rows) > 40


def test_alerts_name_metrics_and_labels_that_are_there() -> None:
    known = {name(metric): set(labels(metric)) for metric in metrics()}
    for alert in (*NOW, *SOON):
        for found, chosen in re.findall(r"(miaodan_[a-z_]+)(?:\{([^}]*)\})?", alert.when + alert.look):
            metric = found.removesuffix("_bucket")
            assert metric in known, alert
            assert set(re.findall(r"(\w+)=", chosen)) <= known[metric], alert


def test_every_metric_that_a_document_names_is_there() -> None:
    known = {name(metric) for metric in metrics()}
    for file in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        text = re.sub(r"_bucket\b", "", file.read_text("utf-8"))
        assert set(re.findall(r"`(miaodan_[a-z_]+)`", text)) <= known, file.name


def test_check_tells_of_drift_and_how_to_mend_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "metrics.md"
    assert main(["--check"], file) == 1, "no file yet"
    assert "python -m server.metrics_page" in capsys.readouterr().err
    assert main([], file) == 0
    assert main(["--check"], file) == 0
    file.write_text(page() + "one more\n", "utf-8")
    assert main(["--check"], file) == 1
    assert main(["--chek"], file) == 2
