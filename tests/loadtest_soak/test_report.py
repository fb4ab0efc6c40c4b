"""What a reader is shown, and where it is written."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from loadtest.soak.judge import growths
from loadtest.soak.lag import recoveries
from loadtest.soak.levels import levels
from loadtest.soak.report import BEGIN, END, NoPlace, Report, cpu_shares, markdown, placed, progress, table
from tests.loadtest_soak.playing import quiet, strike

SALES = [{"allocated": 30, "stock": 30, "oversold": 0}, {"allocated": 28, "stock": 30, "oversold": 0}]


def report(broken: Sequence[str] = ()) -> Report:
    samples, strikes = quiet(), [strike(0, 100.0), strike(1, 300.0)]
    return Report(
        machine={"processor": "a processor", "cpus": "2"},
        seed=7,
        seconds=600.0,
        viewers=1000,
        users=200,
        replay="make soak SEED=7",
        started_at="2026-11-28 06:00 UTC",
        took_s=640.0,
        planned=2,
        broken=list(broken),
        growths=growths(samples),
        levels=levels(samples, strikes),
        recoveries=recoveries(samples, strikes),
        strikes=strikes,
        audit={"exit": 0},
        load={
            "orders": {"sales": SALES, "accepted": 2990, "offered": 3100, "paid": 2980, "unanswered": 1},
            "reasons": [],
            "exit_code": 0,
            "verdict": "passed",
            "goals": [
                {"name": "order.p99_ms", "value": 63.2},
                {"name": "errors.rate", "value": 0.00125},
                {"name": "audit.problems", "value": 0.0},
            ],
        },
        load_exit=0,
        samples=samples,
    )


def test_the_section_says_slopes_sales_faults_lag_and_audit() -> None:
    text = markdown(report(), "images/soak.png")
    assert "](images/soak.png)" in text
    assert "| gateway | +0.000 MiB per 10 min |" in text
    assert "| store | +2.00 KB per order |" in text
    assert "| sandbox provider |" in text
    assert "Faults: 2 (store kill 2). All of it held." in text
    assert "2 flash sales, 58 of 60 units sold in them, 0 oversold; 2,990 of 3,100 orders accepted" in text
    assert "`miaodan audit` 0 problems" in text
    assert "order answered p99 63 ms, failed requests 0.125 %" in text
    assert "](" not in markdown(report(), "")


def test_what_is_written_can_be_read_again() -> None:
    one = report(["a promise"])
    assert msgspec.json.decode(msgspec.json.encode(one), type=Report) == one


def test_every_table_row_has_as_many_cells_as_its_heading() -> None:
    cells = 0
    for row in markdown(report(), "").splitlines():
        if row.startswith("|"):
            cells = cells or row.count("|")
            assert row.count("|") == cells
        else:
            cells = 0


def test_broken_promises_and_a_load_without_a_verdict_are_said() -> None:
    one = structs.replace(report(["memory of gateway: 6"]), load={}, audit={"exit": 1})
    text = markdown(one, "")
    assert "1 promises were broken:" in text
    assert "\n- memory of gateway: 6\n" in text
    assert "the load left no verdict" in text
    assert "audit: PROBLEMS" in table(one)


def test_progress_is_one_line_also_where_nothing_could_be_read() -> None:
    sample = quiet()[30]
    assert progress(sample, 1).startswith("     60 s  10 connections, 3,600 orders, ledger lag 0.1 s, 1 ")
    blind = structs.replace(sample, connections=None, orders=None, lag_s=None)
    assert "? connections, ? orders, ledger lag unknown" in progress(blind, 0)


def test_cpu_is_counted_per_life() -> None:
    samples = quiet(100)
    for number, sample in enumerate(samples):
        sample.processes[:] = [
            structs.replace(one, pid=one.pid + 50 * (number >= 25), cpu_s=(number % 25) * 0.2)
            for one in sample.processes
        ]
    assert cpu_shares(samples)["gateway"] == pytest.approx(0.1)


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20).filter(lambda t: END not in t))
def test_only_what_lies_between_the_markers_is_written(before: str, after: str, section: str) -> None:
    once = placed(f"{before}{BEGIN}old{END}{after}", section, "x.md")
    assert once == f"{before}{BEGIN}\n{section}\n{END}{after}"
    assert placed(once, section, "x.md") == once


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}{BEGIN}"])
def test_a_document_without_both_markers_is_refused(text: str) -> None:
    with pytest.raises(NoPlace, match=r"x\.md has no"):
        placed(text, "section", "x.md")
