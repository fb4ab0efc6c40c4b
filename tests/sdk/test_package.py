"""The packed client, installed without a network into an empty project: typed, and it works."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import LiveServer, running
from tests.sdk.node import WEB, build_script, run, tsc

GUIDE = WEB.parents[1] / "docs" / "sdk.md"
FIVE_LINES = """\
import { joinRoom } from "@miaodan/client";
const live = joinRoom(SERVER, "shop", { token: TOKEN });
live.on("danmaku", ({ user, text }) => console.log(`${user.name}: ${text}`));
await Promise.all([live.next("danmaku"), live.say("hello")]);
await live.order({ sku: "tea", pay: true }).then(({ order }) => console.log(order.status));
"""
STRICT = {
    "target": "ES2022",
    "module": "NodeNext",
    "moduleResolution": "NodeNext",
    "lib": ["ES2022", "DOM"],
    "strict": True,
    "exactOptionalPropertyTypes": True,
    "skipLibCheck": False,
    "noEmit": True,
    "types": [],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, built: None) -> Path:
    """A project that has the package and nothing else."""
    folder = tmp_path_factory.mktemp("consumer")
    (folder / "package.json").write_text('{"name": "consumer", "private": true, "type": "module"}')
    node = build_script().find_node()
    package = WEB / "dist" / "sdk" / "miaodan-client.tgz"
    command = [*node.npm, "install", "--offline", "--no-audit", "--no-fund", str(package)]
    done = subprocess.run(
        command, cwd=folder, env=node.environment(), capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert [entry.name for entry in (folder / "node_modules").iterdir() if entry.name[0] != "."] == [
        "@miaodan"
    ]
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("package")) as live:
        yield live


def test_five_lines_are_typed(project: Path) -> None:
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": STRICT, "include": ["*.ts"]}))
    declared = "declare const SERVER: string; declare const TOKEN: string;\n"
    more = """\
import { msgpackCodec } from "@miaodan/client/msgpack";
joinRoom(SERVER, "shop", { codec: msgpackCodec, WebSocket });
// @ts-expect-error a type that is none
live.on("danmakku", () => undefined);
// @ts-expect-error a command without what it needs
void live.request({ type: "order.pay" });
const seq: Promise<number> = live.request({ type: "room.start" }).then((done) => done.seq);
void seq;
"""
    (project / "use.ts").write_text(declared + FIVE_LINES + more)
    done = tsc(project)
    assert done.returncode == 0, done.stdout


def test_five_lines_speak_and_buy(project: Path, server: LiveServer) -> None:
    host = "import { joinRoom } from '@miaodan/client';\n" + (
        "const desk = joinRoom(SERVER, 'shop', { token: TOKEN, control: true });\n"
        "await desk.request({ type: 'room.start' });\n"
        "const product = { sku: 'tea', title: 'Tea', price: 990, stock: 1 };\n"
        "await desk.request({ type: 'product.mount', product });\n"
        "desk.close();\n"
    )
    server.create_room("shop")
    for name, script, token in (
        ("host.mjs", host, server.token("host", "host")),
        ("five.mjs", FIVE_LINES, server.token("ann")),
    ):
        given = f"{script}live.close();\n" if name == "five.mjs" else script
        given = given.replace("SERVER", json.dumps(server.url)).replace("TOKEN", json.dumps(token))
        (project / name).write_text(given)
        done = run([name], project)
        assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["ann: hello", "paid"]


def test_the_guide_names_everything_that_is_exported(project: Path) -> None:
    list_them = "import * as sdk from '@miaodan/client'; console.log(JSON.stringify(Object.keys(sdk)))"
    (project / "names.mjs").write_text(list_them)
    done = run(["names.mjs"], project)
    values = json.loads(done.stdout)
    index = (WEB / "src" / "sdk" / "index.ts").read_text("utf-8")
    types = re.findall(r"\btype (\w+)", index) + re.findall(r"export type \{ ([^}]*) \}", index)
    names = {*values, *(name for group in types for name in group.split(", "))}
    assert len(names) > 40
    guide = GUIDE.read_text("utf-8")
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", guide)] == []
