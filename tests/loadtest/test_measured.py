from __future__ import annotations

import random

import orjson

from client_sim.health import BEAT_S, Pulse
from client_sim.histogram import Histogram, bucket_of, middle_of
from client_sim.wire import Batch
from loadtest.measured import KEPT_ERRORS, Measured
from loadtest.result import figures, processes, timeline
from loadtest.told import Told
from schemas.codes import Role
from schemas.events import Danmaku
from schemas.models import User

NOW = 1_790_000_000_000.0


def test_what_processes_took_adds_up_to_what_one_would_have_measured() -> None:
    source = random.Random(3)
    together, master = Measured(), Measured()
    exact = Histogram()
    for worker_number in range(3):
        worker = Measured()
        for _ in range(500):
            ms, now = source.expovariate(1 / 40), NOW + source.uniform(0, 9_000)
            exact.record(ms)
            for measured in (together, worker):
                measured.record("ORDER", "order accepted", ms, now)
                measured.count("accepted", now)
        for measured in (together, worker):
            measured.gauge("people", f"p{worker_number}", 10.0, NOW)
            measured.failed("ORDER", "order", "unavailable", NOW)
            measured.fold()
        document = orjson.loads(orjson.dumps(worker.take()))
        master.add(document)
        assert worker.take() == Measured().take()
    together.fold()
    for measured in (together, master):
        found = measured.histogram("ORDER|")
        assert found.count == 1_500
        for percent in (50, 99):
            assert abs(found.percentile(percent) / exact.percentile(percent) - 1) < 0.01
        assert measured.total("accepted") == 1_500
        assert sum(next(iter(measured.levels("people"))).values()) == 30.0
        assert measured.errors == {"order: unavailable": 3}
    assert together.take() == master.take()


def test_locust_gets_each_duration_once() -> None:
    measured = Measured()
    measured.record("PAID", "tap->paid", 12.0, NOW, times=3)
    assert measured.fold() == {"PAID|tap->paid": {bucket_of(12.0): 3}}
    assert measured.fold() == {}
    assert abs(middle_of(bucket_of(12.0)) - 12.0) < 0.12


def test_deliveries_of_a_batch_are_counted_for_everybody_who_got_it() -> None:
    user = User(id="u", name="u", role=Role.VIEWER)
    chat = tuple(Danmaku(message=f"m{n}", user=user, text="hi", at=int(NOW) - 10 * n) for n in (1, 2))
    batch = Batch(chat, 100, 0)
    batch.arrivals.update({int(NOW): 5, int(NOW) + 20: 1})
    measured = Measured()
    measured.delivered(batch, NOW)
    measured.fold()
    found = measured.histogram("DELIVERY|")
    assert found.count == 12
    assert abs(found.highest - 40.0) < 0.4


def test_errors_that_are_all_different_stay_bounded() -> None:
    measured = Measured()
    for number in range(KEPT_ERRORS + 50):
        measured.failed("CONNECT", "connect", f"error {number}", NOW)
    assert len(measured.errors) == KEPT_ERRORS + 1
    assert measured.errors["others"] == 50


def test_failed_requests_are_counted_against_all_requests_and_not_against_deliveries() -> None:
    measured = Measured()
    measured.record("ORDER", "order accepted", 5.0, NOW, times=999)
    measured.record("DELIVERY", "publish->receive", 5.0, NOW, times=1_000_000)
    measured.failed("ORDER", "order", "unavailable", NOW)
    measured.fold()
    found = figures(Told(), measured, Histogram(), [], None)
    assert found["errors.rate"] == 0.001
    assert found["paid.p99_ms"] is None
    assert found["audit.problems"] is None


def test_curves_have_gaps_where_nothing_was_measured_and_levels_stand() -> None:
    measured = Measured(width_s=2)
    for second, people in ((0, 10.0), (6, 20.0)):
        now = NOW + second * 1000
        measured.gauge("people", "a", people, now)
        measured.gauge("cpu", "a", people / 100, now)
        measured.count("offered", now, 8)
        measured.record("ORDER", "order sold_out", 3.0, now)
    measured.gauge("viewers", "swarm", 1_000.0, NOW)
    measured.fold()
    line = timeline(measured)
    assert line["at"] == [0, 2, 4, 6]
    assert line["in_room"] == [1_010.0, 1_010.0, 1_010.0, 1_020.0]
    assert line["offered"] == [4.0, 0.0, 0.0, 4.0]
    assert line["order"][1] is None
    assert abs(line["order"][0] - 3.0) < 0.03
    assert processes(measured) == [{"name": "a", "mean": 0.15, "p90": 0.2, "max": 0.2}]
    assert timeline(Measured())["at"] == []


def test_a_loop_that_wakes_late_and_works_hard_is_seen() -> None:
    pulse = Pulse(100.0, 5.0)
    pulse.beat(100.0 + BEAT_S)
    pulse.beat(100.0 + 2 * BEAT_S + 0.25)
    lag, cpu = pulse.take(101.0, 5.5)
    assert lag == {bucket_of(0.0): 1, bucket_of(250.0): 1}
    assert cpu == 0.5
    assert pulse.take(102.0, 5.5) == ({}, 0.0)
