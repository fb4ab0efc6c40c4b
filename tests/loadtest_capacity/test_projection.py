from __future__ import annotations

from math import ceil
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.capacity.assumptions import Assumptions, listed
from loadtest.capacity.costs import Costs, GatewayCosts, costs
from loadtest.capacity.model import model
from loadtest.capacity.projection import CASES, MILLION_A_MINUTE, Case, needs, projected, sku_limit
from tests.depth import rounds
from tests.loadtest_capacity.synthetic import STORE, measured

USUAL = Assumptions()


def known(**changes: Any) -> Costs:
    found = measured()
    taken = costs(found, model(found), USUAL)
    assert taken is not None and taken.gateway is not None
    own = {name: value for name, value in changes.items() if name in GatewayCosts.__struct_fields__}
    rest = {name: value for name, value in changes.items() if name not in own}
    gateway = msgspec.structs.replace(taken.gateway, **own)
    return msgspec.structs.replace(taken, gateway=gateway, **rest)


def assume(**changes: float) -> Assumptions:
    return msgspec.structs.replace(USUAL, **changes)


def test_every_assumption_has_a_unit_and_a_reason() -> None:
    told = list(listed(USUAL))
    assert [name for name, *_ in told] == list(Assumptions.__struct_fields__)
    assert all(unit and why for _, _, unit, why in told)


def test_the_largest_room_counts_only_within_the_promise() -> None:
    assert known().most_viewers == 10_000
    found = measured()
    taken = costs(found, model(found), assume(p99_ms=40.0))
    assert taken is not None
    assert taken.most_viewers == 2_000


def test_a_room_at_rest_or_in_a_storm_says_nothing_of_the_promise() -> None:
    found = measured()
    for one in found.fanout:
        if 0 < one.danmaku <= USUAL.danmaku_shown:
            one.p99_ms = 500.0
    taken = costs(found, model(found), USUAL)
    assert taken is not None
    assert (taken.most_viewers, taken.promise_kept) == (10_000, False)


def test_a_part_that_was_not_measured_leaves_no_projection() -> None:
    for part in ("fanout", "orders", "joins", "ceilings"):
        found = measured()
        setattr(found, part, [])
        assert costs(found, model(found), USUAL) is None


def test_of_one_size_of_room_only_what_has_no_viewers_is_projected() -> None:
    found = measured()
    found.fanout = [one for one in found.fanout if one.viewers == 2_000]
    taken = costs(found, model(found), USUAL)
    assert taken is not None and taken.gateway is None
    assert [text.partition(":")[0] for text in taken.untold] == [
        "`a` cannot be told from `b`",
        "`b` cannot be told from `a`",
        "`m0` cannot be told from `m1`",
        "`m1` cannot be told from `m0`",
    ]
    assert [projected(case, taken) for case in CASES] == [case.viewers == 0 for case in CASES]
    one = needs(Case(name="t", rooms=100, orders_per_second=MILLION_A_MINUTE), taken, USUAL)
    same = needs(Case(name="t", rooms=100, orders_per_second=MILLION_A_MINUTE), known(), USUAL)
    assert (one.gateways, one.stores, one.backoffices) == (same.gateways, same.stores, same.backoffices)
    assert (one.gateway_bytes, one.node_bytes) == (None, None)
    with pytest.raises(ValueError, match="cannot be told"):
        needs(Case(name="t", viewers=1), taken, USUAL)


def test_what_is_taken_without_a_range_is_named() -> None:
    found = measured()
    found.fanout = [one for one in found.fanout if one.viewers != 2_000]
    taken = costs(found, model(found), USUAL)
    assert taken is not None and taken.gateway is not None and taken.untold == []
    assert [text.partition(" ")[0] for text in taken.taken] == ["`a`", "`b`", "`m0`", "`m1`"]
    assert known().taken == []


def test_a_gateway_is_never_thought_larger_than_measured() -> None:
    cheap = known(frame=1e-9, viewer=0.0, danmaku=0.0, most_viewers=3_000)
    found = needs(Case(name="t", viewers=30_000), cheap, USUAL)
    assert (found.viewers_per_gateway, found.gateways) == (3_000, 10)
    assert found.bound_by == "most measured in one process"


def test_what_bounds_a_gateway_is_named() -> None:
    dear = needs(Case(name="t", viewers=10_000), known(frame=2e-5), USUAL)
    assert dear.bound_by.startswith("CPU")
    slow = needs(
        Case(name="t", viewers=10_000), known(frame=2e-5), assume(frames_per_viewer=1.0, p99_ms=55.0)
    )
    assert slow.bound_by.startswith("a flush")
    assert slow.viewers_per_gateway <= 0.005 / (USUAL.tls_factor * 2e-5)


def test_bandwidth_is_frames_and_danmaku_of_every_viewer() -> None:
    found = needs(Case(name="t", viewers=100_000), known(), USUAL)
    each = (100 + USUAL.packet_bytes) * 20 + 130 * 20
    assert found.gbit == pytest.approx(100_000 * each * 8 / 1e9, rel=1e-3)
    assert found.gateway_nodes >= found.gbit / (USUAL.nic_gbit * USUAL.nic_utilisation) + USUAL.spare_nodes


def test_one_sku_stays_on_one_store_and_says_its_limit() -> None:
    limit = sku_limit(known(), USUAL)
    assert limit == pytest.approx(USUAL.store_utilisation / (STORE + 0.02 * 8.2 / 32_000))
    held = needs(Case(name="t", orders_per_second=limit * 0.99), known(), USUAL)
    assert (held.cells, held.obstacles) == (1, [])
    over = needs(Case(name="t", orders_per_second=limit * 1.1), known(), USUAL)
    assert over.cells == 1
    assert f"at most {limit:,.0f}/s" in over.obstacles[0]


def test_orders_over_rooms_are_divided_between_stores() -> None:
    found = needs(Case(name="t", rooms=100, orders_per_second=MILLION_A_MINUTE), known(), USUAL)
    assert found.obstacles == []
    assert found.cells >= ceil(MILLION_A_MINUTE * STORE / USUAL.store_utilisation)
    assert found.store_load <= USUAL.store_utilisation
    assert found.stores == found.cells * 2


def test_one_room_of_many_gateways_is_bound_by_what_is_published() -> None:
    found = needs(Case(name="t", viewers=5_000_000), known(), USUAL)
    assert found.cells == 1
    assert any("published to each" in text for text in found.obstacles)
    many = needs(Case(name="t", viewers=5_000_000, rooms=500), known(), USUAL)
    assert many.cells > 1
    assert many.obstacles == []


def test_danmaku_that_fill_a_gateway_by_themselves_are_an_obstacle() -> None:
    found = needs(Case(name="t", viewers=1_000_000), known(), assume(danmaku_said=0.1))
    assert any("fill a gateway" in text for text in found.obstacles)


@settings(max_examples=rounds(60, 600), deadline=None)
@given(
    st.integers(0, 3_000_000),
    st.floats(0, 100_000),
    st.integers(1, 200),
    st.floats(1.0, 3.0),
    st.floats(0.2, 0.9),
)
def test_more_never_needs_less(
    viewers: int, orders: float, rooms: int, tls: float, utilisation: float
) -> None:
    given = assume(tls_factor=tls, gateway_utilisation=utilisation)
    small = needs(Case(name="t", viewers=viewers, orders_per_second=orders), known(), given)
    large = needs(Case(name="t", viewers=2 * viewers, orders_per_second=2 * orders), known(), given)
    # What cannot be had is not sized.
    sized = () if large.obstacles else ("gateways", "gateway_nodes", "store_load")
    for name in ("gbit", "backoffices", *sized):
        assert getattr(large, name) >= getattr(small, name)
    assert large.obstacles or not small.obstacles
    spread = needs(Case(name="t", viewers=viewers, orders_per_second=orders, rooms=rooms), known(), given)
    assert 1 <= spread.cells <= rooms
    assert spread.store_load <= USUAL.store_utilisation or spread.obstacles


def test_the_cases_of_the_report() -> None:
    found = [needs(case, known(), USUAL) for case in CASES]
    assert [one.case.viewers for one in found][:3] == [100_000, 1_000_000, 1_000_000]
    assert all(one.gateways >= 1 and one.gateway_nodes > USUAL.spare_nodes for one in found)
