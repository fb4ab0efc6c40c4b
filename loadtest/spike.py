"""A crowd that arrives just before the sale; add it to the locustfile's `-f` list.

    locust -f loadtest/locustfile.py,loadtest/spike.py --headless -u 500 -r 100 -t 60s …

`-u` is the crowd at the peak, `-r` the rate at which it comes, `-t` how long all of it lasts.
"""

from __future__ import annotations

from typing import Any

from locust import LoadTestShape

DEFAULT_USERS = 200
DEFAULT_RATE = 50.0
DEFAULT_SECONDS = 60.0


def users_at(second: float, peak: int, seconds: float) -> int | None:
    """How many are in the room at `second` of `seconds`; None when it is over.

    A third is there early; the rest comes within the second quarter, when word of the sale is out;
    after three quarters those who came for the sale leave again.
    """
    early = max(1, peak // 3)
    if second >= seconds:
        return None
    if second < seconds / 4:
        return early
    if second < seconds * 3 / 4:
        return peak
    return early


def given(value: float | None, default: float) -> Any:
    """What the command line said; Locust's own default of 1 stands for nothing said."""
    return default if value is None or value <= 1 else value


class FlashSaleSpike(LoadTestShape):
    """`users_at`, with Locust's own `-u`, `-r` and `-t`."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        shape: Any = self
        options = shape.runner.environment.parsed_options
        seconds = float(options.run_time or DEFAULT_SECONDS)
        users = users_at(shape.get_run_time(), given(options.num_users, DEFAULT_USERS), seconds)
        return None if users is None else (users, float(given(options.spawn_rate, DEFAULT_RATE)))
