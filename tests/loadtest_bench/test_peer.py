"""Every peer that is installed here passes a message on to all viewers, unchanged."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.bench import node, peer
from loadtest.bench.machine import place, resident_bytes
from loadtest.bench.node import NotInstalled
from loadtest.bench.peer import PEERS, PeerServer
from loadtest.bench.target import ServerFailed
from loadtest.bench.viewers import read_payload, send_payload


@pytest.fixture(params=PEERS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PeerServer]:
    before = os.sched_getaffinity(0)
    try:
        with PeerServer(PEERS[request.param], place(), tmp_path, 10) as server:
            assert os.sched_getaffinity(0) == before
            yield server
    except NotInstalled as error:
        pytest.skip(str(error))


def test_a_message_reaches_every_viewer_as_it_was_sent(running: PeerServer) -> None:
    viewers, (first, second) = running.join(5, "viewer"), running.join(2, "sender")
    said = [running.peer.speech.replace("$text", text).encode() for text in ("好看" * 40, "x", "y" * 300)]
    send_payload(first, said[0])
    assert {read_payload(viewer) for viewer in viewers} == {said[0]}
    send_payload(second, said[1])
    send_payload(second, said[2])
    assert {(read_payload(viewer), read_payload(viewer)) for viewer in viewers} == {(said[1], said[2])}
    for link in (*viewers, first, second):
        link.close()


def test_all_its_processes_are_known_and_on_one_cpu(running: PeerServer) -> None:
    links = running.join(1, "viewer")
    pids = running.measured
    assert {frozenset(os.sched_getaffinity(pid)) for pid in pids} == {frozenset(place().server)}
    assert resident_bytes(pids) > 1_000_000
    assert running.version
    running.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    for link in links:
        link.close()


def test_a_peer_that_does_not_start_shows_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "PYTHONHOME", "/nonexistent")
    with (
        pytest.raises(ServerFailed, match=r"websockets\.broadcast did not say where it listens"),
        PeerServer(PEERS["websockets"], place(), tmp_path, 10),
    ):
        pass


@pytest.mark.parametrize("name", ["ws", "nchan"])
def test_what_is_missing_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(peer, "SBIN", "/nonexistent")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match=r"no (Node\.js|nginx); it needs (Node\.js|nginx) with"):
        PEERS[name].start(tmp_path, 10)


def test_an_npm_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, body in (("node", "exit 0"), ("npm", "exit 3")):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(node, "INSTALLED", tmp_path / "peers")
    assert shutil.which("npm") == str(tmp_path / "npm")
    with pytest.raises(NotInstalled, match=r"npm could not install ws .*exit status 3"):
        node.program("ws", "ws")


def test_an_nginx_without_the_module_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "nginx"
    script.write_text(f"#!/bin/sh\necho 'nginx version: nginx/1.0 --modules-path={tmp_path}' >&2\n")
    script.chmod(0o755)
    assert subprocess.run([script], check=True).returncode == 0
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(NotInstalled, match=r"no ngx_nchan_module\.so where nginx has its modules"):
        PEERS["nchan"].start(tmp_path, 10)
