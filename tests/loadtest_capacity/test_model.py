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
    assert all((one.r_squared or 0) > 0.999 for one in fitted.fits)


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


def test_one_size_tells_no_viewer_from_the_process() -> None:
    found = measured()
    found.fanout = [one for one in found.fanout if one.viewers == 2_000]
    for one, noise in zip(found.fanout, (0.3, -0.2, 0.1, 0.4), strict=True):
        one.frames_per_second += noise
    fitted = model(found)
    assert fitted.gateway and fitted.resident and fitted.traffic
    told = {one.name: one for fit in fitted.fits for one in fit.coefficients}
    for name, partner in (("a", "b"), ("b", "a"), ("m0", "m1"), ("m1", "m0")):
        assert (told[name].value, told[name].least, told[name].most) == (None, None, None)
        assert told[name].why == f"cannot be told from `{partner}`: too few distinct sizes or rates"
    for name, value in (("c", FRAME), ("d", DANMAKU)):
        assert told[name].value == pytest.approx(value, rel=0.01)
        assert (told[name].least, told[name].most) == (None, None)
        assert told[name].why == "not known: too few distinct sizes or rates"
    assert not fitted.gateway.whole and not fitted.resident.whole and fitted.traffic.whole
    with pytest.raises(ValueError, match="cannot be told"):
        fitted.gateway["a"]


def test_windows_of_one_rate_are_one_setting_whatever_their_noise() -> None:
    found = measured()
    found.fanout = [
        fanout_point(
            2_000, rate, frames_per_second=2_000.0 * (rate + 1) + noise, gateway_cores=0.1 + noise / 1e4
        )
        for rate in (0, 5)
        for noise in (0.0, 7.0, 13.0)
    ]
    fitted = model(found)
    assert fitted.gateway is not None
    assert [one.value for one in fitted.gateway.coefficients] == [None] * 4


def test_two_sizes_tell_the_coefficients_and_not_how_far_they_may_be_off() -> None:
    found = measured()
    found.fanout = [one for one in found.fanout if one.viewers != 2_000]
    fitted = model(found)
    assert fitted.gateway is not None
    a, b, c, d = fitted.gateway.coefficients
    assert [one.value for one in (a, b, c, d)] == pytest.approx([REST, VIEWER, FRAME, DANMAKU])
    assert (a.least, b.most) == (None, None) and a.why == "not known: too few distinct sizes or rates"
    assert c.least is not None and d.most is not None


def test_too_few_points_give_no_fit() -> None:
    found = measured()
    found.fanout, found.orders = found.fanout[:2], found.orders[:2]
    assert model(found).fits == []
