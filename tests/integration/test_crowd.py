"""Two thousand viewers, three hundred buyers, five hundred units: exactly five hundred, and one truth."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.integration.test_main_job import live_room
from tests.live_server import LiveServer, host, product, running

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.campaign, pytest.mark.timeout(240)]

VIEWERS, BUYERS, UNITS = 2_000, 300, 500


def online(server: LiveServer) -> int:
    answer = server.get("/api/v1/rooms/r")
    return int(answer[1]["online"]) if answer[0] == 200 else 0


async def test_a_sale_in_a_full_room(tmp_path: Path) -> None:
    report_file = tmp_path / "report.json"
    with running(tmp_path / "data") as server:
        server.create_room("r")
        async with host(server, "r") as control:
            await live_room(control, product("A1", stock=2 * UNITS))
            command = [sys.executable, "-m", "client_sim", "--url", server.url, "--room", "r", "--pay"]
            command += ["--viewers", str(VIEWERS), "--buyers", str(BUYERS), "--orders-per-buyer", "2"]
            command += ["--ramp", "8", "--seconds", "0", "--settle", "30", "--danmaku-rate", "2"]
            command += ["--token-key", str(server.data_dir / "token.key"), "--json", str(report_file)]
            crowd = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            try:
                server.wait_until(lambda: online(server) > VIEWERS, "the crowd did not come", 90)
                scheduled = await control.ask(
                    "sale.schedule", sku="A1", price=100, stock=UNITS, starts_in_ms=1_500, duration_ms=120_000
                )
                assert scheduled["type"] == "done", scheduled
                sale = (await control.wait_for("sale.scheduled"))["sale"]["sale"]
                await control.wait_for("sale.sold_out", sale=sale, seconds=60)
                paid = 0
                while paid < UNITS:
                    paid = (await control.wait_for("dashboard", seconds=60))["orders"]["paid"]
            finally:
                crowd.terminate()
                code = crowd.wait(90)
        report = orjson.loads(report_file.read_bytes())
        assert code == 0, report["problems"]
        assert report["orders"]["outcomes"] == {"accepted": UNITS, "sold_out": 2 * BUYERS - UNITS}
        assert report["viewers"]["in_room_at_end"] == VIEWERS
        assert [place["viewers"] for place in report["consistency"]["positions"]] == [VIEWERS]
        assert [digest["viewers"] for digest in report["consistency"]["digests"]] == [VIEWERS]
        assert server.audit()[0] == 0
