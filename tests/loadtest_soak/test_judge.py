"""What holds and what does not: memory, counts that come back, faults that were missed."""

from __future__ import annotations

from random import Random

import pytest
from msgspec import structs

from loadtest.soak.judge import MEGABYTE, ORDER_BOUND, Growth, growths
from loadtest.soak.levels import levels
from loadtest.soak.samples import Sample, lives, named, series, warm_from
from loadtest.soak.seen import missed
from tests.loadtest_soak.playing import PER_ORDER, changed, quiet, reading, strike


def growth(samples: list[Sample], role: str) -> Growth:
    return next(one for one in growths(samples) if one.role == role)


def broken_levels(samples: list[Sample]) -> list[str]:
    return [one.broken for one in levels(samples) if one.broken]


def test_a_quiet_run_is_flat_and_its_store_as_designed() -> None:
    samples = quiet()
    assert [one.broken for one in growths(samples)] == [""] * 5
    assert growth(samples, "gateway").word == "flat: 0 in the interval"
    store = growth(samples, "store")
    assert store.word == "as designed"
    assert store.trend is not None
    assert store.trend.slope == pytest.approx(PER_ORDER, rel=0.01)
    assert broken_levels(samples) == []


@pytest.mark.parametrize("role", ["gateway", "backoffice", "supervisor", "psp"])
def test_a_leak_of_any_role_is_named_with_its_slope(role: str) -> None:
    samples = quiet()
    changed(samples, role, lambda at, one: reading(role, one.pid, 100 + at / 100))
    one = growth(samples, role)
    assert one.word == "GROWS"
    assert one.broken.startswith(f"memory of {named(role)}: 6 MiB/10 min")
    assert [other.role for other in growths(samples) if other.broken] == [role]


def test_growth_below_the_bound_is_told_apart_from_none() -> None:
    samples = quiet()
    changed(samples, "gateway", lambda at, one: reading("gateway", one.pid, 100 + at / 1200))
    assert growth(samples, "gateway").word == "flat: below the bound"


def test_a_step_at_a_fault_is_no_slope_and_many_of_them_are_a_leak() -> None:
    strikes = [strike(number, 200.0 + 80 * number) for number in range(5)]

    def judged(step: float) -> Growth:
        samples = quiet()
        changed(
            samples,
            "gateway",
            lambda at, one: reading(
                "gateway", one.pid, 100 + step * sum(fault.at <= at for fault in strikes)
            ),
        )
        return next(one for one in growths(samples, strikes) if one.role == "gateway")

    once = judged(0.5)
    assert once.word == "flat: 0 in the interval"
    assert once.rise == pytest.approx(2.5, abs=0.01)
    again = judged(2.0)
    assert again.trend is not None
    assert again.trend.none
    assert again.broken.startswith("memory of gateway: a life rose by 10 MiB after its warm-up, 4.7")


def test_the_warm_up_of_each_life_is_left_out() -> None:
    samples = quiet()

    def two_lives(at: float, one: object) -> object:
        pid, age = (1, at) if at < 300 else (99, at - 300)
        return reading("gateway", pid, min(50.0, age) + 50)

    changed(samples, "gateway", two_lives)  # type: ignore[arg-type]
    one = growth(samples, "gateway")
    assert one.trend is not None
    assert one.trend.stretches == 2
    assert one.broken == ""
    gateway = next(life for life in lives(samples) if life.pid == 1)
    kept = series(samples, "gateway", lambda r: r.resident / MEGABYTE, lambda s: s.at)[0]
    assert kept[0].at >= warm_from(gateway, samples, 1) > 0


def test_a_store_that_keeps_more_than_an_order_needs_grows() -> None:
    samples = quiet()
    changed(
        samples,
        "store",
        lambda at, one: reading("store", one.pid, 10 + 60 * at * (ORDER_BOUND + 500) / MEGABYTE),
    )
    assert growth(samples, "store").word == "GROWS"


def test_a_role_that_was_hardly_there_cannot_be_judged() -> None:
    samples = quiet()
    for sample in samples[2:]:
        sample.processes[:] = [one for one in sample.processes if one.role != "psp"]
    assert growth(samples, "psp").broken == "memory of sandbox provider: no life was long enough to judge"


def test_descriptors_and_tasks_that_stay_behind_are_named() -> None:
    samples = quiet()
    changed(
        samples, "backoffice", lambda at, one: reading("backoffice", one.pid, descriptors=20 + int(at) // 20)
    )
    samples = [structs.replace(sample, tasks=16 + sample.at // 10) for sample in samples]
    assert [line.partition(" (")[0] for line in broken_levels(samples)] == [
        "descriptors of back office: 30 per 10 min",
        "asyncio tasks of the gateway: 71 at the end of a life, 32 after its warm-up, 16 more are allowed",
    ]


def test_a_kill_near_the_end_takes_no_leak_with_it() -> None:
    samples = quiet()

    def two_lives(at: float, one: object) -> object:
        return reading("store", 2, descriptors=20 + int(at) // 10) if at < 540 else reading("store", 99)

    changed(samples, "store", two_lives)  # type: ignore[arg-type]
    (line,) = broken_levels(samples)
    assert line.startswith("descriptors of store: 69 at the end of a life, 34 after its warm-up")


def test_a_pool_that_a_fault_filled_is_a_step_and_no_leak() -> None:
    samples, strikes = quiet(), [strike(0, 300.0)]
    changed(
        samples, "gateway", lambda at, one: reading("gateway", one.pid, descriptors=20 + 100 * (at > 300))
    )
    assert [one.broken for one in levels(samples, strikes) if one.broken] == []


def test_viewers_sockets_are_not_the_gateways_own_descriptors() -> None:
    samples = [structs.replace(sample, connections=500.0 + sample.at % 20) for sample in quiet()]
    changed(samples, "gateway", lambda at, one: reading("gateway", one.pid, descriptors=520 + int(at % 20)))
    assert broken_levels(samples) == []


def test_viewers_who_are_never_let_go_are_named() -> None:
    samples = [structs.replace(sample, connections=500 + sample.at) for sample in quiet()]
    changed(samples, "gateway", lambda at, one: reading("gateway", one.pid, descriptors=520 + int(at)))
    (line,) = broken_levels(samples)
    assert line.startswith("open sockets of viewers: ")


def test_lag_that_creeps_up_is_named() -> None:
    samples = [structs.replace(sample, lag_s=0.1 + 1.5 * sample.at / 600) for sample in quiet()]
    (line,) = broken_levels(samples)
    assert line.startswith("seconds of the ledger's lag: ")


def test_a_life_too_short_for_its_warm_up_may_not_stand_above_the_others() -> None:
    samples = quiet()

    def late(at: float, one: object) -> object:
        return reading("gateway", 1) if at < 540 else reading("gateway", 99, 100 + (at - 540) / 4)

    changed(samples, "gateway", late)  # type: ignore[arg-type]
    one = growth(samples, "gateway")
    assert one.short == 1
    assert one.broken.startswith("memory of gateway: a life too short to judge stood ")


def test_few_readings_hide_no_step() -> None:
    samples = quiet(300)[::5]
    changed(samples, "gateway", lambda at, one: reading("gateway", one.pid, 100 + 500 * (at > 218)))
    one = next(one for one in growths(samples, [strike(0, 216.0)]) if one.role == "gateway")
    assert one.rise > 400
    assert one.broken


def test_what_could_not_be_read_is_no_pass() -> None:
    samples = [structs.replace(one, tasks=None) for one in quiet()]
    assert broken_levels(samples) == [
        "asyncio tasks of the gateway: no life was long enough, or read often enough, to judge"
    ]


def test_an_interval_that_is_only_wide_is_no_pass() -> None:
    samples, noise = quiet(), Random(7)
    changed(
        samples,
        "gateway",
        lambda at, one: reading("gateway", one.pid, 100 + noise.gauss(0, 8), round(60 + noise.gauss(0, 40))),
    )
    one = growth(samples, "gateway")
    assert one.trend is not None
    assert one.trend.none
    assert one.word == "CANNOT TELL"
    assert one.broken.endswith(f"a leak of as much as {one.trend.high:.3g} would not have been seen")
    assert levels(samples)[0].word == "CANNOT TELL"
    assert levels(samples)[0].broken.startswith("descriptors of gateway, viewers' sockets left out: ")


def test_missed_faults_are_named() -> None:
    strikes = [strike(0, 10.0), strike(1, 20.0, done="missed: process 7 was gone")]
    assert missed(strikes) == ["fault 1 (store kill): missed: process 7 was gone"]
