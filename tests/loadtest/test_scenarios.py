from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
from typing import Any

import pytest

from client_sim.replica import RoomReplica
from loadtest.mounting import ROWS, BusyHost
from loadtest.options import add, complete
from loadtest.scenarios import BASE, SCENARIOS, crowd, shares, steady, waves
from schemas.commands import ProductMount, ProductSort, ProductUnmount, command_type
from schemas.models import Product


def parsed(*arguments: str) -> Any:
    """As Locust parses: its own -u, -r, -t and --host beside ours."""
    parser = argparse.ArgumentParser()
    for name, kind in (("num_users", int), ("spawn_rate", float), ("run_time", float), ("host", str)):
        parser.add_argument(f"--{name}", type=kind, default=None)
    add(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_each_scenario_says_everything_and_only_what_there_is(name: str) -> None:
    scenario = SCENARIOS[name]
    assert scenario.settings.keys() <= BASE.keys()
    options = parsed("--scenario", name)
    complete(options)
    assert (options.people, options.people_rate, options.seconds) == (
        scenario.users,
        scenario.rate,
        scenario.seconds,
    )
    expected = {**BASE, **scenario.settings}
    assert {key: getattr(options, key) for key in BASE} == expected


def test_the_command_line_goes_before_the_scenario() -> None:
    options = parsed(
        *("--scenario", "spike", "--num_users", "9", "--sale-stock", "3", "--swarm-viewers", "20001", "--pay")
    )
    complete(options)
    assert (options.people, options.sale_stock, options.pay) == (9, 3, "tap")
    assert options.swarms == 3
    assert options.server == "http://127.0.0.1:8460"


def test_without_swarm_viewers_there_is_no_swarm() -> None:
    options = parsed("--swarm-viewers", "0", "--swarms", "4", "--host", "http://there:1")
    complete(options)
    assert (options.swarms, options.server) == (0, "http://there:1")


def test_how_many_are_in_the_room() -> None:
    assert [steady(second, 9, 60.0) for second in (0, 59, 60)] == [9, 9, None]
    assert [crowd(second, 300, 60.0) for second in (0, 9, 10, 49, 50, 60)] == [100, 100, 300, 300, 100, None]
    assert [waves(second, 100, 60.0) for second in (0, 5, 6, 9, 10, 60)] == [100, 100, 10, 10, 100, None]


def test_the_share_of_those_who_buy() -> None:
    assert shares(200, 1 / 3, 2) == {"buyers": 66, "talkers": 132}
    assert shares(500, 1.0, 1) == {"buyers": 499, "talkers": 0}
    assert shares(1, 0.5, 2) == {"buyers": 0, "talkers": 0}


def test_a_busy_host_keeps_a_full_shelf_moving_and_leaves_others_goods_alone() -> None:
    host, room = BusyHost(), RoomReplica()
    room.products = {"LOAD-1": product("LOAD-1")}
    said = set()
    for _ in range(200):
        command = host.next(room)
        said.add(command_type(command))
        if isinstance(command, ProductMount):
            room.products[command.product.sku] = product(command.product.sku)
        elif isinstance(command, ProductUnmount):
            del room.products[command.sku]
        elif isinstance(command, ProductSort):
            assert sorted(command.skus) == sorted(room.products)
        assert "LOAD-1" in room.products
        assert len(room.products) <= ROWS + 1
    assert said == {
        *("product.mount", "product.unmount", "product.update", "product.pin", "product.sort"),
        "room.announce",
    }


_position = itertools.count()


def product(sku: str) -> Product:
    return Product(sku=sku, title=sku, price=1, available=1, position=next(_position))


def test_nobody_has_a_task_beside_their_own() -> None:
    """Locust picks at random among the tasks of a class and its bases. It patches whoever imports it."""
    program = """
from loadtest.locustfile import BuyerUser, HostUser, SwarmUser, ViewerUser
print([len(one.tasks) for one in (BuyerUser, HostUser, SwarmUser, ViewerUser)])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[1, 1, 1, 1]"
