"""The benchmark's programs, compiled once; as C and as their Python stand-ins."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.bench.native import NoCompiler, Program, build, compiler

Launch = Callable[..., Program]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """C programs by name. Where the continuous integration runs, a compiler has to be there."""
    try:
        compiler()
    except NoCompiler as error:
        if os.environ.get("MIAODAN_CI"):
            raise
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("programs")
    return {name: build(name, folder) for name in ("floor", "receiver", "buyers", "joiners")}


@pytest.fixture
def running() -> Iterator[list[Program]]:
    """Programs to end after the test."""
    programs: list[Program] = []
    yield programs
    for program in programs:
        program.close()


@pytest.fixture(params=["c", "python"])
def launch(request: pytest.FixtureRequest, running: list[Program]) -> Launch:
    """Start a program by name, with arguments and descriptors: each test runs on both kinds."""

    def start(name: str, *arguments: str, fds: list[int]) -> Program:
        if request.param == "c":
            command = [str(request.getfixturevalue("compiled")[name])]
        else:
            command = [sys.executable, "-m", f"loadtest.bench.{name}"]
        program = Program([*command, *arguments], fds, os.sched_getaffinity(0))
        running.append(program)
        return program

    return start
