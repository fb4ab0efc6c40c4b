"""How many people are in the room at each second, for Locust: the shape of the scenario."""

from __future__ import annotations

from typing import Any

from locust import LoadTestShape

from loadtest.scenarios import SCENARIOS


class ScenarioShape(LoadTestShape):
    """`-u` people at the peak, coming `-r` a second, for `-t` seconds."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        shape: Any = self
        options = shape.runner.environment.parsed_options
        scenario = SCENARIOS[options.scenario]
        peak = options.people
        users = scenario.shape(shape.get_run_time(), peak, options.seconds)
        fixed = 1 + options.swarms
        return None if users is None else (max(users, fixed), options.people_rate)
