"""The pages' policy follows the setting, and nothing in the setting can weaken the rest of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.gateway.page_headers import content_security_policy
from server.settings import PageSettings, SettingsError, load


def directives(policy: str) -> dict[str, list[str]]:
    parts = [part.split() for part in policy.split(";")]
    return {name: sources for name, *sources in parts}


def accepted(*sources: str) -> list[str]:
    text = ", ".join(sources)
    return load(environ={"MIAODAN_PAGES__MEDIA_SOURCES": text}).pages.media_sources


def test_streams_come_from_any_https_address_unless_it_is_narrowed() -> None:
    wide = directives(content_security_policy(PageSettings().media_sources))
    assert wide["connect-src"] == ["'self'", "ws:", "wss:", "https:"]
    assert wide["media-src"] == ["'self'", "blob:", "https:"]
    narrow = directives(content_security_policy(["https://live.example.com"]))
    assert narrow["connect-src"] == ["'self'", "ws:", "wss:", "https://live.example.com"]
    assert narrow["media-src"] == ["'self'", "blob:", "https://live.example.com"]
    assert directives(content_security_policy([]))["media-src"] == ["'self'", "blob:"]


def test_nothing_inline_no_worker_and_no_frame() -> None:
    policy = directives(content_security_policy(["https:"]))
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert policy["style-src"] == ["'self'"]
    assert policy["worker-src"] == policy["object-src"] == policy["frame-ancestors"] == ["'none'"]
    assert not {"'unsafe-inline'", "'unsafe-eval'"} & {source for all_ in policy.values() for source in all_}


@pytest.mark.parametrize(
    "source",
    [
        "https:",
        "http:",
        "https://live.example.com",
        "https://*.example.com",
        "http://127.0.0.1:8080",
        "https://cdn.example.com:*/live/",
        "http://[::1]:9000",
    ],
)
def test_sources_that_are_taken(source: str) -> None:
    assert accepted(source) == [source]


@pytest.mark.parametrize(
    "source",
    [
        "*",
        "data:",
        "'unsafe-inline'",
        "live.example.com",
        "https://live.example.com; script-src *",
        "https://a b",
        "https://",
        "https://live.example.com?x",
        "https:\n",
    ],
)
def test_sources_that_are_refused(source: str) -> None:
    with pytest.raises(SettingsError, match=r"pages\.media_sources"):
        load(flags={"pages.media_sources": [source]})


@given(st.text(max_size=40))
def test_a_taken_source_never_ends_its_directive(source: str) -> None:
    try:
        taken = load(flags={"pages.media_sources": [source]}).pages.media_sources
    except SettingsError:
        return
    policy = directives(content_security_policy(taken))
    assert set(policy) == set(directives(content_security_policy([])))
    assert policy["media-src"] == ["'self'", "blob:", source]
