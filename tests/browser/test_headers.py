"""What a browser is told with every answer, how pages and assets are cached and compressed, and dead ends."""

from __future__ import annotations

import gzip
import re
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest
from playwright.sync_api import expect
from starlette.requests import Request

from server.gateway.assets import accepted
from server.gateway.pages import DEMO_MODE, MODE, Pages
from tests.browser.conftest import BUILD, OpenPage
from tests.live_server import LiveServer

BROWSER = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"


def ask(server: LiveServer, path: str, **headers: str) -> tuple[int, Message, bytes]:
    request = urllib.request.Request(server.url + path)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def directives(headers: Message) -> dict[str, str]:
    policy = headers["Content-Security-Policy"]
    return dict(part.strip().partition(" ")[::2] for part in policy.split(";"))


@pytest.mark.parametrize("path", ["/", "/live/a-room", "/console/a-room", "/nowhere", "/live/not%20a%20room"])
def test_pages_let_nothing_run_but_their_own_files(server: LiveServer, path: str) -> None:
    _, headers, _ = ask(server, path, accept=BROWSER)
    policy = directives(headers)
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["default-src"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert not re.search(r"unsafe|\*", headers["Content-Security-Policy"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/api/v1/rooms", "/api/v1/orders", "/nowhere", "/health", "/assets/none.js"]
)
def test_what_is_no_page_shows_and_runs_nothing(server: LiveServer, path: str) -> None:
    _, headers, _ = ask(server, path)
    assert directives(headers)["default-src"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/nowhere", "/live/a/b", "/console/%3Cscript%3E", "/live/" + "x" * 65])
def test_a_dead_end_is_a_page_for_who_browses(server: LiveServer, open_page: OpenPage, path: str) -> None:
    status, headers, _ = ask(server, path, accept=BROWSER)
    assert (status, headers.get_content_type()) == (404, "text/html")
    page = open_page(path)
    expect(page.get_by_test_id("missing")).to_contain_text("There is nothing here")
    page.get_by_role("link", name="All live rooms").click()
    page.wait_for_url(server.url + "/")


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/nothing", "/assets/none.js"])
def test_a_dead_end_is_an_error_for_who_calls(server: LiveServer, path: str) -> None:
    accept = "application/json" if path == "/nowhere" else BROWSER
    status, headers, body = ask(server, path, accept=accept)
    assert (status, headers.get_content_type()) == (404, "application/json")
    assert b'"not_found"' in body


def test_a_page_is_asked_for_again_and_sent_only_when_it_changed(server: LiveServer) -> None:
    status, headers, body = ask(server, "/live/a-room", accept_encoding="gzip")
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert b'<div id="app">' in gzip.decompress(body)
    status, again, body = ask(
        server, "/live/a-room", accept_encoding="gzip", if_none_match=str(headers["ETag"])
    )
    assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])
    _, plain, _ = ask(server, "/live/a-room")
    assert plain["Content-Encoding"] is None
    assert plain["ETag"] != headers["ETag"]


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_assets_are_kept_for_ever_and_sent_compressed(server: LiveServer, coding: str) -> None:
    assets = BUILD.parent / "dist" / "assets"
    files = [*assets.glob("*.js"), *assets.glob("*.css")]
    for file in files:
        path = f"/assets/{file.name}"
        status, headers, body = ask(server, path, accept_encoding=coding)
        assert (status, headers["Content-Encoding"]) == (200, coding)
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers.get_content_type() == ("text/css" if file.suffix == ".css" else "text/javascript")
        if coding == "gzip":
            assert gzip.decompress(body) == file.read_bytes()
        assert ask(server, path, accept_encoding=coding, if_none_match=str(headers["ETag"]))[0] == 304
        _, plain, whole = ask(server, path)
        assert plain["Content-Encoding"] is None
        assert whole == file.read_bytes()
    assert files


@pytest.mark.parametrize(
    ("header", "codings"),
    [
        ("", set()),
        ("gzip", {"gzip"}),
        ("GZIP , br;q=0.5", {"gzip", "br"}),
        ("gzip;q=0, identity", {"identity"}),
        ("br; q=0.0", set()),
    ],
)
def test_a_coding_that_a_client_refuses_is_not_taken(header: str, codings: set[str]) -> None:
    assert accepted(header) == codings


def test_a_page_says_whether_the_server_hands_out_tokens(server: LiveServer) -> None:
    _, _, body = ask(server, "/console/a-room")
    assert DEMO_MODE.encode() in body
    built = (BUILD.parent / "dist" / "live.html").read_text()
    assert MODE in built


def test_pages_that_are_not_built_are_said_to_be_missing(tmp_path: Path) -> None:
    pages = Pages(demo=False, dist=tmp_path)
    headers = [(b"accept", BROWSER.encode())]
    request = Request({"type": "http", "method": "GET", "path": "/nowhere", "headers": headers})
    answer = pages.missing(request)
    assert answer is not None
    assert (answer.status_code, b"make pages" in answer.body) == (503, True)
