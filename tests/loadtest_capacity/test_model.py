from __future__ import annotations

import pytest

from loadtest.capacity.model import model
from loadtest.capacity.points import Measured
from tests.loadtest_capacity.synthetic import (
    DANMAKU,
    FRAME,
    GATEWAY,
    OFFICE,
    PER_VIEWER,
    REST,
    STORE,
    VIEWER,
    fanout_point,
    measured,
    orders_point,
)


def check(found: Measured) -> None:
    fitted = model(found)
    assert fitted.gateway and fitted.resident and fitted.orders_gateway
    assert fitted.orders_store and fitted.orders_backoffice
    assert [one.value for one in fitted.gateway.coefficients] == pytest.approx([REST, VIEWER, FRAME, DANMAKU])
    assert fitted.resident["m1"] == pytest.approx(PER_VIEWER, rel=1e-3)
    assert fitted.orders_gateway["order"] == pytest.approx(GATEWAY)
    assert fitted.orders_store["order"] == pytest.approx(STORE)
    assert fitted.orders_backoffice["order"] == pytest.approx(OFFICE)
    assert all(one.r_squared > 0.999 for one in fitted.fits)


def test_the_coefficients_come_out_again() -> None:
    check(measured())


def test_marked_points_and_rates_that_were_not_held_do_not_count() -> None:
    found = measured()
    found.fanout += [
        fanout_point(10_000, 50, gateway_cores=9.0, missing=3),
        fanout_point(10_000, 50, gateway_cores=9.0, late_ms=500.0),
    ]
    found.orders.append(orders_point(8_000, accepted=100, store_cpu_s=99.0))
    check(found)
    assert [one.marks for one in found.fanout[-2:]] == [
        ["incomplete: 3 of 2,000,000 not delivered"],
        ["generator 500 ms late"],
    ]
    assert found.orders[-1].beyond == "100 of 64,000 accepted"


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"p99_ms": 1_500.0}, "p99 1,500 ms"), ({"ledger_lag_s": 3.0}, "ledger 3.0 s behind")],
)
def test_why_a_rate_was_not_held(changes: dict[str, float], said: str) -> None:
    assert orders_point(1_000).beyond == ""
    assert orders_point(1_000, **changes).beyond == said


def test_too_few_points_give_no_fit() -> None:
    found = measured()
    found.fanout, found.orders = found.fanout[:2], found.orders[:2]
    assert model(found).fits == []
