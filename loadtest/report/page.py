"""The page: first what a manager asks, then what an engineer asks. From the run's document alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from loadtest.report.plots import Curve, plot
from loadtest.result import full_machines

STYLE = Path(__file__).with_name("style.css").read_text("utf-8")
POLICY = "default-src 'none'; style-src 'unsafe-inline'"

SAID = {
    "passed": ("Passed", "Every limit was kept, and the ledger holds what the clients were told."),
    "failed": ("Failed", "The server broke at least one limit or promise:"),
    "generator_limited": (
        "Generator limited",
        "No verdict on the server: the load generator could not keep up, so the figures are its own.",
    ),
}
SHOWN_REASONS = 12
SHARES = frozenset({"errors.rate", "generator.cpu_p90"})
"""Figures that are read as percentages."""
NOT_AUDITED = "Every limit was kept. The ledger was not compared with what clients were told."
LOST = {
    "sequenced_events": "events of the room lost, doubled or out of order",
    "swarm_viewers": "swarm viewers missing at the end",
    "orders_without_an_answer": "orders without an answer",
    "resumes_with_all_that_was_missed": "reconnects that got all they had missed",
    "resumes_with_a_whole_snapshot": "reconnects that got a whole snapshot instead",
    "danmaku_skipped_and_told": "danmaku sampled away under the budget, and counted to the viewer",
}
MACHINE = ("processor", "cpus", "memory", "system", "python", "locust")


def render(document: Mapping[str, Any]) -> str:
    """A whole HTML page. Everything that came from outside is escaped; no script, no request."""
    title = f"{SAID[document['verdict']][0]}: {document['scenario']['name']}, {document['ended_at']}"
    sections = (
        _first_screen(document),
        _curves(document),
        _sales(document["orders"]["sales"]),
        _outcomes(document["outcomes"]),
        _errors(document["errors"]),
        _generator(document),
        _how(document),
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"{''.join(sections)}</main></body></html>\n"
    )


def _first_screen(document: Mapping[str, Any]) -> str:
    verdict = document["verdict"]
    heading, sentence = SAID[verdict]
    unaudited = any(goal["name"] == "audit.problems" and goal["value"] is None for goal in document["goals"])
    if verdict == "passed" and unaudited:
        sentence = NOT_AUDITED
    reasons = [*document["reasons"], *document["generator_limits"]]
    shown = "".join(f"<li>{escape(reason)}</li>" for reason in reasons[:SHOWN_REASONS])
    if len(reasons) > SHOWN_REASONS:
        shown += f"<li>and {len(reasons) - SHOWN_REASONS} more, in the JSON beside this page</li>"
    notes = "".join(f"<p>{escape(line[0].upper() + line[1:])}.</p>" for line in full_machines(document))
    people = document["people"]
    scenario = document["scenario"]
    return (
        f'<header class="{verdict}"><h1>{heading}</h1><p>{escape(sentence)}</p>'
        f"{f'<ul class=reasons>{shown}</ul>' if shown else ''}{notes}"
        f'<p class="quiet">Scenario {escape(scenario["name"])}: {escape(scenario["what"])}. '
        f"{people['users']:,} active users and {people['swarm_viewers']:,} swarm viewers for "
        f"{document['seconds']:.0f} s, {escape(document['ended_at'])}.</p></header>"
        f"{_tiles(document)}{_goals(document['goals'])}"
    )


def _tiles(document: Mapping[str, Any]) -> str:
    orders = document["orders"]
    refused = orders["refused"]
    named = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in refused.items())
    tiles = [
        (f"{orders['offered']:,}", "orders offered"),
        (f"{orders['accepted']:,}", f"accepted ({orders['accepted_units']:,} units)"),
        (f"{orders['paid']:,}", "paid"),
        (f"{sum(refused.values()):,}", f"refused{f': {named}' if named else ''}"),
        (f"{sum(document['errors'].values()):,}", "errors"),
    ]
    lost = document["lost"]
    gone = lost["sequenced_events"] + lost["swarm_viewers"] + lost["orders_without_an_answer"]
    tiles.append((f"{gone:,}", "lost: events, viewers, answers"))
    cells = "".join(
        f'<div class="tile"><b>{value}</b><span>{escape(what)}</span></div>' for value, what in tiles
    )
    return f'<div class="tiles">{cells}</div>'


def _goals(goals: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for goal in goals:
        value, limit, unit = goal["value"], goal["limit"], goal["unit"]
        mark = "not measured" if value is None else "held" if goal["held"] else "broken"
        shown, most = (_figure(goal["name"], number, unit) for number in (value, limit))
        rows.append(
            f'<tr><td class="text">{escape(goal["what"])}</td><td>{shown or "–"}</td>'
            f"<td>{most or 'off'}</td>"
            f'<td class="{mark.split(maxsplit=1)[0]}">{mark}</td></tr>'
        )
    return _table(("figure", "measured", "limit", ""), rows)


def _figure(name: str, value: float | None, unit: str) -> str:
    """Empty for None."""
    if value is None:
        return ""
    return f"{value * 100:.3g} %" if name in SHARES else f"{_number(value)} {unit}".strip()


def _curves(document: Mapping[str, Any]) -> str:
    line = document["timeline"]
    at = line["at"]
    if not at:
        return ""
    limit = {goal["name"]: goal["limit"] for goal in document["goals"]}
    plots = (
        plot(
            "Orders a second",
            "/s",
            at,
            [
                Curve("offered", line["offered"], 1),
                Curve("accepted", line["accepted"], 2),
                Curve("paid", line["paid"], 3),
            ],
        ),
        plot(
            "Order answered and paid, p99",
            "ms",
            at,
            [Curve("answered", line["order"], 1), Curve("paid", line["paid_p99"], 3)],
            limit["order.p99_ms"],
        ),
        plot(
            "Published to received, p99",
            "ms",
            at,
            [Curve("danmaku", line["delivery"], 1)],
            limit["delivery.p99_ms"],
        ),
        plot("Danmaku delivered a second", "/s", at, [Curve("deliveries", line["deliveries"], 2)]),
        plot("People in the room", "", at, [Curve("users and swarm", line["in_room"], 4)]),
        plot(
            "Generator: arrivals sent late, loop woken late, p99",
            "ms",
            at,
            [Curve("arrivals", line["lateness"], 3), Curve("loop", line["lag"], 4)],
            limit["generator.lateness_p99_ms"],
        ),
        plot(
            "CPU, share",
            "",
            at,
            [Curve("busiest generator process", line["cpu"], 3), Curve("whole machine", line["machine"], 1)],
            limit["generator.cpu_p90"],
        ),
    )
    return f'<h2>Over time</h2><div class="plots">{"".join(plots)}</div>'


def _sales(sales: Sequence[Mapping[str, Any]]) -> str:
    if not sales:
        return ""
    rows = [
        f"<tr><td>{escape(sale['sale'])}</td><td>{sale['stock']:,}</td><td>{sale['allocated']:,}</td>"
        f"<td>{sale['held']:,}</td><td>{'yes' if sale['sold_out'] else 'no'}</td>"
        f"<td>{sale['oversold']:,}</td><td>{sale['unsold']:,}</td></tr>"
        for sale in sales
    ]
    heads = (
        "sale",
        "units it had",
        "sold at some time",
        "still held",
        "called sold out",
        "oversold",
        "unsold",
    )
    return f"<h2>Flash sales, by the ledger</h2>{_table(heads, rows)}"


def _outcomes(outcomes: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        f"<tr><td>{escape(row['kind'])}</td><td class=left>{escape(row['name'])}</td>"
        f"<td>{row['count']:,}</td>"
        + "".join(f"<td>{_number(row[name])}</td>" for name in ("mean", "p50", "p90", "p99", "p999", "max"))
        + "</tr>"
        for row in outcomes
    ]
    heads = ("kind", "outcome", "count", "mean ms", "p50", "p90", "p99", "p99.9", "highest")
    return f"<h2>Every outcome</h2>{_table(heads, rows, left=2)}"


def _errors(errors: Mapping[str, int]) -> str:
    if not errors:
        return ""
    rows = [
        f'<tr><td class="text">{escape(text)}</td><td>{count:,}</td></tr>' for text, count in errors.items()
    ]
    return f"<h2>Errors</h2>{_table(('what', 'how often'), rows)}"


def _generator(document: Mapping[str, Any]) -> str:
    lost = [
        f'<tr><td class="text">{escape(LOST[name])}</td><td>{count:,}</td></tr>'
        for name, count in document["lost"].items()
    ]
    rows = _busy(document["generator"]["processes"])
    whole = _busy(document["generator"]["machines"])
    heads = ("process of the generator", "share of one CPU, mean", "p90", "highest")
    every = ("its machine, with all that ran there", "share of all CPUs, mean", "p90", "highest")
    return (
        f"<h2>Lost, resumed, left out</h2>{_table(('what', 'how many'), lost)}"
        f"<h2>Generator</h2>{_table(heads, rows)}<br>{_table(every, whole)}"
    )


def _busy(shares: Iterable[Mapping[str, Any]]) -> list[str]:
    return [
        f"<tr><td>{escape(one['name'])}</td><td>{one['mean']:.0%}</td><td>{one['p90']:.0%}</td>"
        f"<td>{one['max']:.0%}</td></tr>"
        for one in shares
    ]


def _how(document: Mapping[str, Any]) -> str:
    machine = document["machine"]
    rows = [f"<tr><td>{name}</td><td class=text>{escape(machine[name])}</td></tr>" for name in MACHINE]
    rows.append(f"<tr><td>server</td><td class=text>{escape(document['host'] or '')}</td></tr>")
    rows.append(f"<tr><td>room</td><td class=text>{escape(document['room'])}</td></tr>")
    return (
        f"<h2>The generator's machine</h2>{_table(('', ''), rows)}"
        f"<h2>To repeat it</h2><pre>{escape(document['command'])}</pre>"
    )


def _table(heads: Iterable[str], rows: Sequence[str], left: int = 1) -> str:
    """`left`: so many of the first columns are text."""
    head = "".join(
        f"<th{' class=left' if index < left else ''}>{escape(name)}</th>" for index, name in enumerate(heads)
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _number(value: float) -> str:
    if value and abs(value) < 0.01:
        return f"{value:.2g}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
