"""A measurement that follows from known coefficients."""

from __future__ import annotations

from loadtest.capacity.points import RELAY, Ceiling, FanoutPoint, JoinPoint, Measured, OrdersPoint

REST, VIEWER, FRAME, DANMAKU = 0.01, 2e-6, 4e-6, 1e-4
PROCESS, PER_VIEWER = 90 * 2.0**20, 9_000.0
GATEWAY, STORE, OFFICE = 60e-6, 40e-6, 90e-6


def fanout_point(viewers: int, danmaku: int, **changes: float) -> FanoutPoint:
    frames = viewers * float(min(20, danmaku + 1))
    values = {
        "seconds": 4.0,
        "gateway_cores": REST + VIEWER * viewers + FRAME * frames + DANMAKU * danmaku,
        "store_cores": 0.02,
        "backoffice_cores": 0.01,
        "resident_bytes": round(PROCESS + PER_VIEWER * viewers),
        "frames_per_second": frames,
        "bytes_per_second": 100.0 * frames + 130.0 * viewers * danmaku,
        "p50_ms": 5.0,
        "p99_ms": 20.0 + viewers / 200,
        "expected": 4 * danmaku * viewers,
    }
    return FanoutPoint(viewers=viewers, danmaku=danmaku, turn=0, **(values | changes))  # type: ignore[arg-type]


def orders_point(per_second: int, **changes: float) -> OrdersPoint:
    due = per_second * 8
    values = {
        "seconds": 8.0,
        "elapsed_s": 8.2,
        "due": due,
        "accepted": due,
        "p50_ms": 2.0,
        "p99_ms": 9.0,
        "ledger_lag_s": 0.1,
        "gateway_cpu_s": 0.05 * 8.2 + GATEWAY * due,
        "store_cpu_s": 0.02 * 8.2 + STORE * due,
        "backoffice_cpu_s": 0.03 * 8.2 + OFFICE * due,
    }
    return OrdersPoint(per_second=per_second, **(values | changes))  # type: ignore[arg-type]


def measured() -> Measured:
    return Measured(
        machine={"processor": "a test"},
        options={"viewers": "500, 2,000, 10,000"},
        started_at="2026-01-02 03:04 UTC",
        took_s=301.0,
        fanout=[fanout_point(viewers, rate) for viewers in (500, 2_000, 10_000) for rate in (0, 5, 20, 50)],
        orders=[orders_point(rate) for rate in (500, 1_000, 4_000)],
        joins=[JoinPoint(joins=count, seconds=2.0, gateway_cpu_s=count * 2e-4) for count in (500, 10_000)],
        ceilings=[Ceiling(name=RELAY, per_second=200_000.0, store_us=2.0)],
    )
