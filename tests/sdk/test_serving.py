"""What the server gives pages of other origins: the built client, and the API where it is admitted."""

from __future__ import annotations

import json
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import LiveServer, running
from tests.sdk.node import WEB

SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("sdk"), server__demo=True, server__allowed_origins=SHOP) as live:
        yield live


def ask(
    server: LiveServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(server.url + path, method=method)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return (
                answer.status,
                {name.lower(): value for name, value in answer.headers.items()},
                answer.read(),
            )
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


@pytest.mark.parametrize(
    ("name", "kind", "begins"),
    [
        ("miaodan-client.js", "text/javascript; charset=utf-8", b"/*! @miaodan/client"),
        ("miaodan-client-msgpack.js", "text/javascript; charset=utf-8", b"/*! @miaodan/client"),
        ("miaodan-client.js.map", "application/json", b"{"),
        ("miaodan-client.d.ts", "text/plain; charset=utf-8", b"export * from"),
        ("types/wire/events.d.ts", "text/plain; charset=utf-8", b"/**"),
        ("package.json", "application/json", b"{"),
        ("LICENSE", "text/plain; charset=utf-8", b""),
        ("miaodan-client.tgz", "application/gzip", b"\x1f\x8b"),
    ],
)
def test_every_page_may_load_the_client(server: LiveServer, name: str, kind: str, begins: bytes) -> None:
    status, headers, body = ask(server, f"/sdk/{name}", Origin="https://anybody.example")
    assert status == 200
    assert headers["content-type"] == kind
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["cache-control"].startswith("public, max-age=300")
    assert body.startswith(begins)


def test_what_did_not_change_is_not_sent_again(server: LiveServer) -> None:
    _, first, _ = ask(server, "/sdk/miaodan-client.js")
    status, headers, body = ask(server, "/sdk/miaodan-client.js", If_None_Match=first["etag"])
    assert (status, body) == (304, b"")
    assert headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/sdk/", "/sdk/nothing.js", "/sdk/../index.html", "/sdk/%2e%2e/index.html"])
def test_nothing_else_is_there(server: LiveServer, path: str) -> None:
    assert ask(server, path)[0] == 404


def test_the_package_has_the_version_of_the_server(built: None) -> None:
    project = tomllib.loads((WEB.parents[1] / "pyproject.toml").read_text())["project"]
    manifest = json.loads((WEB / "dist" / "sdk" / "package.json").read_text())
    assert manifest["version"] == project["version"]
    assert manifest["license"] == project["license"]
    assert "dependencies" not in manifest


def test_an_admitted_origin_reads_the_api(server: LiveServer) -> None:
    preflight = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "authorization"}
    status, headers, _ = ask(server, "/api/v1/orders", "OPTIONS", Origin=SHOP, **preflight)
    assert status == 204
    assert headers["access-control-allow-origin"] == SHOP
    assert "Authorization" in headers["access-control-allow-headers"]
    for path, expected in (("/api/v1/rooms", 200), ("/api/v1/orders", 401), ("/demo/token", 200)):
        status, headers, _ = ask(server, path, Origin=SHOP)
        assert status == expected
        assert headers["access-control-allow-origin"] == SHOP
        assert headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in headers


def test_another_origin_does_not_and_metrics_are_nobodys(server: LiveServer) -> None:
    other = "https://elsewhere.example"
    for origin, path in (
        (other, "/api/v1/rooms"),
        (other, "/demo/token"),
        (SHOP, "/metrics"),
        (SHOP, "/ready"),
    ):
        status, headers, _ = ask(server, path, Origin=origin)
        assert status == 200
        assert "access-control-allow-origin" not in headers
    preflight = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "authorization"}
    _, headers, _ = ask(server, "/api/v1/orders", "OPTIONS", Origin=other, **preflight)
    assert "access-control-allow-origin" not in headers


def test_without_an_origin_nothing_is_said_of_it(server: LiveServer) -> None:
    _, headers, _ = ask(server, "/api/v1/rooms")
    assert "access-control-allow-origin" not in headers
    assert "vary" not in headers


def test_the_built_package_is_not_committed() -> None:
    ignored = (Path(WEB.parents[1]) / ".gitignore").read_text()
    assert "dist" in ignored
