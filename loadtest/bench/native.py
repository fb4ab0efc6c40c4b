"""The benchmark's C programs: compiled when needed, driven over stdin and stdout.

Exceptions:

    NoCompiler       this machine has none of `COMPILERS`, and CC names none
    ProgramFailed    a program could not be built, ended, or did not answer
"""

from __future__ import annotations

import os
import selectors
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

SOURCES = Path(__file__).parent
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra")
Answer = dict[str, int]


class NoCompiler(Exception):
    """No C compiler on this machine."""

    def __str__(self) -> str:
        return f"no C compiler ({', '.join(COMPILERS)}, or one named by CC) on this machine"


class ProgramFailed(Exception):
    """`program` did not do what it is for; `reason` says what was seen."""

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(program, reason)
        self.program = program
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.program}: {self.reason}"


def compiler() -> list[str]:
    """The compiler's command line; raises NoCompiler."""
    for name in (os.environ.get("CC", ""), *COMPILERS):
        words = shlex.split(name)
        found = shutil.which(words[0]) if words else None
        if found is not None:
            return [found, *words[1:]]
    raise NoCompiler


def build(name: str, folder: Path) -> Path:
    """Compile `name.c` into `folder`; raises NoCompiler, ProgramFailed."""
    target = folder / name
    command = [*compiler(), *FLAGS, str(SOURCES / f"{name}.c"), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProgramFailed(name, f"could not be compiled:\n{done.stderr.strip()}")
    return target


def descriptors(fds: Iterable[int]) -> str:
    """Descriptors as the programs take them: "3,4,5"."""
    return ",".join(str(fd) for fd in fds)


class Program:
    """One running program: a line asked, a JSON line answered. Use it as a context manager."""

    def __init__(self, command: Sequence[str], fds: Sequence[int], cpus: set[int]) -> None:
        """`fds` are inherited under their numbers; `cpus` is where it runs."""
        self.name = Path(command[0]).name
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, pass_fds=fds
        )
        os.sched_setaffinity(self._process.pid, cpus)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, line: str, timeout: float = 10.0) -> Answer:
        """Raises ProgramFailed when it ended or did not answer within `timeout` seconds."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise ProgramFailed(self.name, "has no pipes")
        with suppress(BrokenPipeError):
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                raise ProgramFailed(self.name, f"no answer to `{line}` within {timeout} s")
        answer = process.stdout.readline()
        if not answer:
            raise ProgramFailed(self.name, self._last_words())
        parsed: Answer = orjson.loads(answer)
        return parsed

    def _last_words(self) -> str:
        code = self._process.wait(5)
        return f"ended with {code}: {self.complaints() or 'without a word'}"

    def complaints(self) -> str:
        """What it wrote to stderr so far."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace").strip()

    def close(self) -> None:
        """End it: its stdin closes, and it is killed where that is not enough."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
