"""`docs/metrics.md`: every metric of the server, read from the metrics themselves, and what to alert on.

`python -m server.metrics_page` writes the page, `--check` compares it with what the code says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from prometheus_client import REGISTRY, Gauge
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from server import app  # noqa: F401 - all that a gateway and a back office count
from server.metrics_alerts import NOW, SOON

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"

_HEAD = """\
# Metrics

`GET /metrics` of a gateway is Prometheus text, for all processes of its `miaodan serve` together. Counters
and histograms are sums over them; how a gauge adds up stands with its type. A process that is started again
goes on from what the last one counted. Times are in seconds. A back office on its own (`--role backoffice`)
has no HTTP and so shows no metrics: what it alone counts (ledger, charges, frozen partitions) is there where
it runs beside gateways (`--role all`, the default).

This page is made from the code: `make documents` writes it, `make check` compares it.

## What to alert on

The first group means that something was lost or stands still, the second that it soon may. Figures are to
begin with. A labelled series is there from its first count on.

"""

_WINGS = (
    ("miaodan_orders_", "Orders, payments, ledger"),
    ("miaodan_fanout_", "Fan-out"),
    ("miaodan_gateway_", "Gateway"),
    ("miaodan_", "Rooms, sales, tokens, process"),
)
_GAUGES = {"livesum": "gauge, sum", "livemax": "gauge, highest"}


def metrics() -> list[MetricWrapperBase]:
    """Every metric of the server, by name; without those of Python and of the process."""
    # The registry has no public way to a metric that was never counted, nor to its labels.
    collectors: list[Collector] = list(REGISTRY._collector_to_names)
    found = [one for one in collectors if isinstance(one, MetricWrapperBase)]
    return sorted((one for one in found if one._name.startswith("miaodan_")), key=name)


def name(metric: MetricWrapperBase) -> str:
    """The name that is scraped; a histogram's is followed by `_bucket`, `_sum` and `_count`."""
    return f"{metric._name}_total" if metric._type == "counter" else str(metric._name)


def labels(metric: MetricWrapperBase) -> tuple[str, ...]:
    return tuple(metric._labelnames)


def page() -> str:
    """The page as its file holds it."""
    return _HEAD + "\n".join([*_alert_tables(), *_tables()]) + "\n"


def _alert_tables() -> Iterator[str]:
    for title, alerts in (("### Look now", NOW), ("### Look soon", SOON)):
        yield from (title, "", "| when | it means | look at |", "| --- | --- | --- |")
        yield from (f"| `{alert.when}` | {alert.means} | {alert.look} |" for alert in alerts)
        yield ""


def _tables() -> Iterator[str]:
    left = metrics()
    for prefix, title in _WINGS:
        yield from (f"## {title}", "", "| name | type | labels | what it says |", "| --- | --- | --- | --- |")
        yield from (_row(one) for one in left if name(one).startswith(prefix))
        left = [one for one in left if not name(one).startswith(prefix)]
        if left:
            yield ""


def _row(metric: MetricWrapperBase) -> str:
    kind = _GAUGES[metric._multiprocess_mode] if isinstance(metric, Gauge) else metric._type
    told = ", ".join(f"`{label}`" for label in labels(metric))
    return f"| `{name(metric)}` | {kind} | {told} | {metric._documentation} |"


def main(arguments: Sequence[str], path: Path = PAGE) -> int:
    """Write the page, or with `--check` exit 1 where it is not what it would be."""
    if list(arguments) == ["--check"]:
        if path.exists() and path.read_text("utf-8") == page():
            return 0
        sys.stderr.write(f"{path} is out of date: run `python -m server.metrics_page` and commit the file\n")
        return 1
    if arguments:
        sys.stderr.write("usage: python -m server.metrics_page [--check]\n")
        return 2
    path.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
