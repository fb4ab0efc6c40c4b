from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadtest.capacity.__main__ import report
from loadtest.capacity.assumptions import Assumptions
from loadtest.capacity.document import BEGIN, END, NoMarkers, digits, figures, replaced
from loadtest.capacity.plot import FANOUT, ORDERS, draw
from loadtest.capacity.points import Measured
from loadtest.capacity.projection import CASES
from tests.loadtest_capacity.synthetic import fanout_point, measured, orders_point

ROOT = Path(__file__).parents[2]


def text(found: Measured) -> str:
    made = report(found, Assumptions())
    return figures(made.measured, made.model, made.costs, made.assumptions, made.needs)


def test_only_what_is_between_the_markers_changes() -> None:
    page = f"# Title\n\n{BEGIN}\nold\n{END}\n\n## Soak\n"
    assert replaced(page, "new\n") == f"# Title\n\n{BEGIN}\nnew\n{END}\n\n## Soak\n"
    assert replaced(replaced(page, "new"), "new") == replaced(page, "new")


@pytest.mark.parametrize(
    "page", ["", BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}\n{END}\n{BEGIN}\n{END}", f"{BEGIN}{BEGIN}{END}"]
)
def test_a_page_without_one_pair_of_markers_is_refused(page: str) -> None:
    with pytest.raises(NoMarkers, match="one line"):
        replaced(page, "new")


def test_what_to_buy_comes_first_and_every_case_is_in_it() -> None:
    said = text(measured())
    first = said.partition("### Measured")[0]
    for case in CASES:
        assert f"| **{case.name}** |" in first
    assert "The hard limit of one hot SKU: **13,296 orders/s**" in first


def test_every_point_coefficient_and_assumption_is_told() -> None:
    said = text(measured())
    assert len(re.findall(r"^\| (?:500|2,000|10,000) \| (?:0|5|20|50) \|", said, re.MULTILINE)) == 12
    for part in (
        "| gateway | `c` | µs of CPU per frame | 4.00 |",
        "`tls_factor`",
        "4,000 of",
        "KiB per viewer",
    ):
        assert part in said.replace("32,000 of", "4,000 of")
    assert f"(images/{FANOUT})" in said
    assert f"(images/{ORDERS})" in said


def test_tables_are_whole() -> None:
    for table in re.findall(r"(?:^\|.*\n?)+", text(measured()), re.MULTILINE):
        assert len({row.count("|") for row in table.strip().splitlines()}) == 1, table


def test_what_cannot_be_trusted_and_what_failed_is_said() -> None:
    found = measured()
    found.fanout.append(fanout_point(5_000, 5, missing=7))
    found.fanout.append(fanout_point(5_000, 20, foreign=0.5))
    found.orders.append(orders_point(8_000, ledger_lag_s=9.0))
    found.failures.append("fan-out, 20,000 viewers: no\nmore files")
    said = text(found)
    assert "incomplete: 7 of" in said
    assert "| disturbed |" in said
    assert "beyond: ledger 9.0 s behind" in said
    assert "**left out**: fan-out, 20,000 viewers: no more files" in said


def test_what_one_size_cannot_tell_is_said_and_not_projected() -> None:
    found = measured()
    found.fanout = [one for one in found.fanout if one.viewers == 2_000]
    said = text(found)
    why = "too few distinct sizes or rates"
    assert f"| gateway | `b` | millionths of a core per viewer | - | cannot be told from `a`: {why} |" in said
    assert f"| gateway | `c` | µs of CPU per frame | 4.00 | not known: {why} |" in said
    assert said.count("**not projected**, see below") == sum(case.viewers > 0 for case in CASES)
    assert "**Nothing with viewers is projected**: `a` cannot be told from `b`" in said
    assert "The hard limit of one hot SKU: **13,296 orders/s**" in said
    for table in re.findall(r"(?:^\|.*\n?)+", said, re.MULTILINE):
        assert len({row.count("|") for row in table.strip().splitlines()}) == 1, table
    for least, most in re.findall(r"\| ([\d.,]+) to ([\d.,]+) \|$", said, re.MULTILINE):
        assert least != most or float(least.replace(",", "")) > 0


def test_two_sizes_are_projected_and_what_is_taken_is_named() -> None:
    found = measured()
    found.fanout = [one for one in found.fanout if one.viewers != 2_000]
    said = text(found)
    assert "not projected" not in said
    assert (
        "- Taken as they came out, though nothing says how far they may be off: `a` (range not known" in said
    )


def test_a_measurement_of_nothing_is_still_a_page() -> None:
    said = text(Measured(machine={}, options={}, started_at="now"))
    assert "Too little could be measured" in said
    assert "Too few points for a fit" in said


def test_points_disturbed_by_others_count_only_where_most_are() -> None:
    found = measured()
    found.fanout[0].foreign = 0.5
    assert len(found.trusted) == len(found.fanout) - 1
    for one in found.fanout:
        one.foreign = 0.5
    assert len(found.trusted) == len(found.fanout)


def test_digits_that_count() -> None:
    told = [digits(value) for value in (0, 1234.5, 12.345, 0.012345, -3.0)]
    assert told == ["0", "1,234", "12.3", "0.0123", "-3.00"]


def test_the_pictures_are_small_pngs(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = measured()
    found.fanout.append(fanout_point(10_000, 50, missing=7))
    found.orders.append(orders_point(8_000, ledger_lag_s=9.0))
    made = report(found, Assumptions())
    paths = draw(found, made.model, tmp_path / "new")
    assert [path.name for path in paths] == [FANOUT, ORDERS]
    for path in paths:
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert len(data) <= 150_000
    few = measured()
    few.fanout = [one for one in few.fanout if one.viewers == 2_000]
    assert len(draw(few, report(few, Assumptions()).model, tmp_path / "few")) == 2
    assert draw(Measured(machine={}, options={}, started_at="now"), made.model, tmp_path) == []


def test_the_committed_page_can_be_rewritten() -> None:
    page = (ROOT / "docs" / "capacity.md").read_text("utf-8")
    assert replaced(page, "figures").count("figures") >= 1
    assert page.count("<!-- soak:begin -->") == page.count("<!-- soak:end -->") == 1
