from __future__ import annotations

from pathlib import Path
from statistics import StatisticsError

import pytest

from loadtest.bench.curve import section
from loadtest.bench.plot import draw
from loadtest.bench.points import Curves, Point, fit, tick_line
from loadtest.bench.results import Sample


def point(viewers: int, rooms: int, tick_us: float, idle_share: float = 0.1) -> Point:
    """100 ticks in a second of wall time, each delivered to all viewers of a room."""
    cpu_ns = round(tick_us * 1000 * 100 + idle_share * 1e9)
    frames = 100 * viewers // rooms
    sample = Sample(count=frames, cpu_ns=cpu_ns, wall_ns=1_000_000_000, extra={"danmaku": 100.0})
    return Point(viewers, rooms, 100, idle_share, [sample] * 3)


def curves(per_room: float = 0.0) -> Curves:
    """Ticks of 100 us and 5 us per viewer of the room, and `per_room` us for every room there is."""
    return Curves(
        [point(viewers, 1, 100 + 5 * viewers) for viewers in (100, 1_000, 3_000)],
        [point(10 * rooms, rooms, 150 + per_room * rooms) for rooms in (1, 10, 100)],
        [point(1_000, rooms, 100 + 5_000 / rooms) for rooms in (1, 10, 100)],
    )


def test_idle_time_is_taken_off() -> None:
    one = point(1_000, 10, 600.0)
    assert one.tick_us == pytest.approx(600.0)
    assert one.frame_us == pytest.approx(6.0)


def test_a_line_and_how_well_it_fits() -> None:
    line = fit([1, 2, 3], [12, 14, 16])
    assert (line.slope, line.intercept, line.r_squared) == pytest.approx((2, 10, 1))
    assert fit([1, 2, 3, 4], [1, 9, 2, 8]).r_squared < 0.5
    with pytest.raises(StatisticsError):
        fit([1, 1], [1, 2])


def test_a_tick_that_is_a_line_over_viewers_and_flat_over_rooms() -> None:
    line = tick_line(curves())
    assert (line.slope, line.intercept, line.r_squared) == pytest.approx((5, 100, 1))
    linear, flat, thin = section(curves()).ratios
    assert (linear.met, flat.met, thin.met) == (True, True, True)
    assert flat.value == pytest.approx(2.0)
    assert thin.value == pytest.approx((150 / 10) / (5_100 / 1_000))


def test_a_tick_that_looks_at_every_room_is_seen() -> None:
    _, flat, _ = section(curves(per_room=2.0)).ratios
    assert not flat.met


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "new" / "cost.png"
    draw(curves(), path)
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    assert width > height > 400
