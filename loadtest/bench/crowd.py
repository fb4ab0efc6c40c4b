"""Viewers who come, stay, are cut off and come back: `joiners.c`, which checks what each is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from loadtest.bench.machine import cpu_ns
from loadtest.bench.native import Answer, NoCompiler, Program, ProgramFailed
from loadtest.bench.plan import Plan
from loadtest.bench.target import Server
from schemas.codes import Role

PATIENCE_S = 90.0
QUIET_S = 0.25
QUIET_SHARE = 0.05
"""A gateway that uses less of its CPU than that for `QUIET_S` has nothing left to do."""
SETTLE_S = 60.0


class Crowd:
    """`count` viewers of the server's room, all of them away at first. Use it as a context manager."""

    def __init__(
        self, plan: Plan, server: Server, count: int, *, name: str = "viewer", deflate: bool = False
    ) -> None:
        """Users are called NAME0, NAME1, ...; `deflate`: they offer permessage-deflate.

        Raises ProgramFailed where there is no compiler.
        """
        if plan.joiners is None:
            raise ProgramFailed("joiners", f"{NoCompiler()}, and it has no stand-in")
        self._server = server
        self.count = count
        people = _people(server, count, name, plan.folder)
        address = [server.address.host, str(server.address.port)]
        command = [*plan.joiners, *address, str(people), str(plan.seed), "1" if deflate else "0"]
        self._program = Program(command, [], plan.placement.others)

    def ask(self, line: str) -> Answer:
        """The counters after a command; raises ProgramFailed when somebody was refused or thrown out."""
        answer = self._program.ask(line, PATIENCE_S)
        if answer["errors"] or answer["closed"]:
            raise ProgramFailed("joiners", f"{answer}; {self.complaints()}; {self._server.said()}")
        return answer

    def complaints(self) -> str:
        return self._program.complaints()

    def come(self, how: str, window: int, start: int = 0, count: int | None = None) -> Answer:
        """`how` is open, hello, join or resume. Raises ProgramFailed unless all of them got there."""
        wanted = self.count if count is None else count
        answer = self.ask(f"{how} {start} {wanted} {window}")
        there = answer["opened"] if how == "open" else answer["live"]
        if there < start + wanted:
            raise ProgramFailed("joiners", f"{there} of {start + wanted} got in: {answer}")
        return answer

    def cut(self) -> None:
        """Close every socket at once."""
        self.ask(f"cut 0 {self.count}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.close()


def _people(server: Server, count: int, name: str, folder: Path) -> Path:
    """Who they are, for the program: "PATH TOKEN" a line. Tokens are signed before anything is measured."""
    lines = [
        f"/ws/live/{server.room} {server.token(f'{name}{number}', Role.VIEWER)}\n" for number in range(count)
    ]
    path = folder / f"people-{server.room}-{name}"
    path.write_text("".join(lines))
    return path


def settle(processes: Sequence[int]) -> None:
    """Wait until these processes have next to nothing to do; `SETTLE_S` at most."""
    give_up = time.monotonic() + SETTLE_S
    while time.monotonic() < give_up:
        before, start = [cpu_ns(pid) for pid in processes], time.monotonic_ns()
        time.sleep(QUIET_S)
        passed = time.monotonic_ns() - start
        used = max(cpu_ns(pid) - cpu for pid, cpu in zip(processes, before, strict=True))
        if used < QUIET_SHARE * passed:
            return
