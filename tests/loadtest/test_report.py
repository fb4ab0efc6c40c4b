from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html import escape
from html.parser import HTMLParser
from typing import Any

import pytest

from client_sim.histogram import Histogram
from loadtest.audit import SaleSum
from loadtest.closing import report_path, summary
from loadtest.measured import Measured
from loadtest.report.page import render
from loadtest.report.plots import Curve, ceiling, plot
from loadtest.result import lost, machines, orders, outcomes, processes, timeline
from loadtest.thresholds import load
from loadtest.told import Told
from loadtest.verdict import decide

NOW = 1_790_000_000_000.0
NASTY = "<script>alert('x')</script>"


def a_run(busy: float = 0.5, **figures: float) -> dict[str, Any]:
    """The document of a small run, with `figures` under the names of the limits, `_` for the dot."""
    told, measured = Told(), Measured()
    for second in range(5):
        now = NOW + second * 1000
        measured.count("offered", now, 20)
        measured.count("accepted", now, 4)
        measured.count("refused sold_out", now, 16)
        measured.record("ORDER", "order accepted", 9.0 + second, now, 4)
        measured.record("GENERATOR", "lateness", 1.0, now, 20)
        measured.gauge("people", "here/1", 100.0, now)
        measured.gauge("cpu", "here/1", 0.4, now)
        measured.gauge("machine", "here", busy, now)
    measured.failed("ORDER", "order", NASTY, NOW)
    measured.fold()
    counts, skew = measured.counts(), Histogram()
    sales = [SaleSum(sale="s1", stock=20, allocated=20, held=20, called_sold_out=1)]
    given: dict[str, float | None] = {"audit.problems": 0.0, "order.p99_ms": 13.0}
    given |= {name.replace("__", "."): value for name, value in figures.items()}
    verdict = decide(load(None, ["skew.p99_ms=inf"]), given)
    names = ("name", "what", "value", "limit", "unit", "held")
    goals = [{name: getattr(goal, name) for name in names} for goal in verdict.goals]
    for goal in goals:
        goal["limit"] = None if goal["limit"] == float("inf") else goal["limit"]
    return {
        "verdict": verdict.status.value,
        "exit_code": verdict.exit_code,
        "reasons": verdict.reasons,
        "generator_limits": verdict.limits,
        "goals": goals,
        "scenario": {"name": "spike", "what": "a flash sale"},
        "room": NASTY,
        "host": "http://127.0.0.1:1",
        "command": f"locust --room {NASTY}",
        "ended_at": "2026-09-21T12:00:00+00:00",
        "seconds": 60.0,
        "people": {"users": 500, "swarm_viewers": 10_000},
        "orders": orders(told, counts, sales),
        "lost": lost(told, measured, counts),
        "errors": dict(measured.errors),
        "outcomes": outcomes(measured, skew),
        "timeline": timeline(measured),
        "generator": {"processes": processes(measured), "machines": machines(measured)},
        "machine": dict.fromkeys(("processor", "cpus", "memory", "system", "python", "locust"), "x & y"),
    }


class Page(HTMLParser):
    """Every tag, and the text of the first screen's parts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asked: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [name for name, _ in attrs if name in ("src", "href", "srcset", "data", "action")]


@pytest.mark.parametrize(
    ("figures", "heading", "line"),
    [
        ({}, "Passed", "Every limit was kept"),
        ({"order__p99_ms": 250.0}, "Failed", "order tapped to answered, p99 is 250 ms, the limit is 80 ms"),
        ({"generator__cpu_p90": 0.99}, "Generator limited", "CPU p90 is 0.99, the limit is 0.95"),
    ],
)
def test_the_first_screen_says_how_it_went(figures: dict[str, float], heading: str, line: str) -> None:
    page = render(a_run(**figures))
    assert f"<h1>{heading}</h1>" in page
    assert line in page
    for text in ("orders offered", "accepted (", "paid", "refused: 80 sold out", "lost: events"):
        assert text in page
    assert page.index("orders offered") < page.index("Over time") < page.index("Every outcome")


def test_the_page_asks_nobody_for_anything_and_runs_nothing() -> None:
    page = render(a_run())
    seen = Page(page)
    assert not {"script", "link", "img", "iframe", "object"} & set(seen.tags)
    assert seen.asked == []
    assert "url(" not in page
    assert "@import" not in page
    assert "light-dark(" in page
    assert NASTY not in page
    assert page.count("&lt;script&gt;") == 3  # the error, the room, the command


def test_without_an_audit_no_page_says_that_the_ledger_agrees() -> None:
    document = a_run()
    for goal in document["goals"]:
        if goal["name"] == "audit.problems":
            goal["value"] = None
    page = render(document)
    assert "The ledger was not compared" in page
    assert "the ledger holds what" not in page
    assert summary(document)[-1] == "verdict: passed"


def test_a_machine_without_anything_left_is_said_where_a_run_did_not_pass() -> None:
    said = (
        "the generator's machine here was full at times: 99% of all its CPUs were busy on average, "
        "99% and more in a tenth of the run; the generator's processes used 40% of one"
    )
    full = a_run(busy=0.99, order__p99_ms=200.0)
    assert [line for line in summary(full) if line.startswith("note: ")] == [
        f"note: {said}, server and whatever else ran there took the rest"
    ]
    assert escape(said[0].upper() + said[1:]) in render(full)
    for other in (a_run(busy=0.99), a_run(busy=0.9, order__p99_ms=200.0)):
        assert not [line for line in summary(other) if line.startswith("note: ")]
        assert "full at times" not in render(other)


def test_shares_are_percentages_in_the_table_of_figures() -> None:
    page = render(a_run(errors__rate=0.00002, generator__cpu_p90=0.4))
    assert "<td>0.002 %</td><td>0.001 %</td>" in page
    assert "<td>40 %</td><td>95 %</td>" in page
    assert "<td>13 ms</td><td>80 ms</td>" in page


def test_the_summary_ends_with_reasons_and_verdict() -> None:
    lines = summary(a_run(order__p99_ms=250.0))
    assert lines[0].startswith("orders offered 100, accepted 0 (0 units), refused 80, ")
    assert lines[-2:] == [
        "problem: order.p99_ms: order tapped to answered, p99 is 250 ms, the limit is 80 ms",
        "verdict: failed",
    ]


def test_a_plot_is_a_picture_of_its_values() -> None:
    figure = plot("Orders & more", "/s", [0, 1, 2, 3, 4], [Curve("a<b", [0, 10, None, 5, None], 1)], 8.0)
    svg = ET.fromstring(re.search(r"<svg.*</svg>", figure, re.DOTALL)[0])  # type: ignore[index]
    (line,) = svg.findall("polyline")
    first, second = (tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split())
    assert first[0] < second[0]
    assert first[1] > second[1]  # ten is higher up than none
    assert len(svg.findall("circle")) == 1
    assert len([one for one in svg.findall("line") if one.attrib["class"] == "goal"]) == 1
    assert "Orders &amp; more" in figure
    assert "a&lt;b" in figure


def test_a_goal_far_above_the_curve_does_not_flatten_it() -> None:
    assert 'class="goal"' not in plot("x", "ms", [0, 1], [Curve("a", [1.0, 2.0], 1)], 80.0)
    assert "Nothing was measured" in plot("x", "ms", [0, 1], [Curve("a", [None, None], 1)], 80.0)


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.07, 0.1), (1, 1), (1.2, 2), (21, 25), (260, 500), (9_999, 10_000)]
)
def test_axes_end_at_round_numbers(value: float, top: float) -> None:
    assert ceiling(value) == pytest.approx(top)


def test_the_report_lies_beside_locusts_own() -> None:
    assert str(report_path(None, "out/load.html")) == "out/load-verdict.html"
    assert str(report_path("mine.html", "out/load.html")) == "mine.html"
    assert report_path(None, None) is None
