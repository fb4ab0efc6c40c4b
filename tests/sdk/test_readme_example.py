"""The five lines in both READMEs do in Node.js what they say, against a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.demo import ROOM
from tests.live_server import LiveServer, running
from tests.sdk.node import WEB, run

ROOT = Path(__file__).parents[2]
WRITTEN = "http://127.0.0.1:8460"
"""The server that the lines name; the test puts its own in its place."""
BEFORE = """
import { joinRoom as asHost } from "CLIENT";
const { server, hosting, token } = JSON.parse(process.argv[2]);
const host = asHost(server, "ROOM", { token: hosting, control: true });
await host.request({ type: "room.start" });
const product = { sku: "TEA-100", title: "Tea", price: 990, stock: 5 };
await host.request({ type: "product.mount", product });
"""
AFTER = """
const heard = room.next("danmaku");
await host.request({ type: "danmaku.send", text: "hello all" });
await heard;
console.log(JSON.stringify(order));
room.close();
host.close();
"""


def example(readme: str) -> str:
    (found,) = re.findall(r"^```js\n(.*?)^```", (ROOT / readme).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines: str = found
    return lines


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("readme")) as live:
        live.create_room(ROOM, title="Tea house 茶馆")
        yield live


def test_both_readmes_have_the_same_five_lines() -> None:
    english = example("README.md")
    assert len(english.splitlines()) == 5
    assert english == example("README.zh-CN.md")


def test_the_five_lines_listen_and_buy(server: LiveServer, tmp_path: Path) -> None:
    client = (WEB / "dist" / "sdk" / "miaodan-client.js").as_uri()
    lines = example("README.md").replace(f"{WRITTEN}/sdk/miaodan-client.js", client)
    assert lines.count(WRITTEN) == 1
    script = tmp_path / "example.mjs"
    before = BEFORE.replace("CLIENT", client).replace("ROOM", ROOM)
    script.write_text(before + lines.replace(WRITTEN, server.url) + AFTER, "utf-8")
    given = {"server": server.url, "hosting": server.token("host", "host"), "token": server.token("ann")}
    done = run([str(script), json.dumps(given)], WEB)
    assert done.returncode == 0, done.stderr
    said, order = done.stdout.splitlines()
    assert said == "host hello all"
    assert json.loads(order)["status"] == "paid"
