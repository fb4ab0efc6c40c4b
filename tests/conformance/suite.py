"""The Autobahn test suite: where it runs, how it is installed, one run of it.

It is Python 2.7 and stays as its authors wrote it. It goes into `build/autobahn/`, a directory of
its own that nothing else imports. `python -m tests.conformance.suite` installs it where there is a
Python 2.7 and says so where there is none; `--all` then runs every case (or those that are named, as in
`12.1.*`) and prints what was not OK.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements-python2.txt")
TARGET = ROOT / "build" / "autobahn"
RUN_SECONDS = 3_600.0
EVERY = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*", "12.*", "13.*")
START = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"
"""`site` reads the .pth files, without which Python 2 does not find the namespace package `zope`."""


class Verdict(NamedTuple):
    """Of one case: on what was exchanged, and on how the connection ended."""

    behavior: str
    close: str


class CannotRun(Exception):
    """The suite cannot be had here; the message says why."""


def find_python2() -> str:
    """A Python 2.7 that runs: on PATH, or among pyenv's. Raises CannotRun."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = ["python2.7", *(str(path) for path in sorted(pyenv.glob("versions/2.7*/bin/python2.7")))]
    for candidate in candidates:
        with contextlib.suppress(OSError):
            told = subprocess.run([candidate, "-m", "pip", "--version"], capture_output=True, check=False)
            if told.returncode == 0:
                return candidate
    raise CannotRun("the Autobahn test suite needs a Python 2.7 with pip, on PATH or from pyenv")


def is_installed() -> bool:
    """Whether these very requirements are in place."""
    stamp = TARGET / ".stamp"
    return stamp.is_file() and stamp.read_text() == _digest()


def install() -> None:
    """Into `build/autobahn/`, unless it is there. Raises CannotRun."""
    if is_installed():
        return
    command = [find_python2(), "-W", "ignore", "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
    command += ["--disable-pip-version-check", "--target", str(TARGET), "--requirement", str(REQUIREMENTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun(f"the Autobahn test suite could not be installed: {done.stderr.strip()[-500:]}")
    (TARGET / ".stamp").write_text(_digest())


def _digest() -> str:
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()


class Run:
    """The fuzzing client under way against one URL."""

    def __init__(self, url: str, cases: Sequence[str], directory: Path) -> None:
        """`cases` as the suite names them: `9.*`, `12.1.3`. Reports are left in `directory`."""
        directory.mkdir(parents=True)
        self._index = directory / "index.json"
        spec = directory / "spec.json"
        servers = [{"agent": "miaodan", "url": url}]
        excluded: dict[str, object] = {"exclude-cases": [], "exclude-agent-cases": {}}
        spec.write_text(
            json.dumps({"outdir": str(directory), "servers": servers, "cases": list(cases), **excluded})
        )
        self._log = (directory / "log.txt").open("w+")
        command = [find_python2(), "-W", "ignore", "-c", START, str(TARGET)]
        self._process = subprocess.Popen(
            [*command, "-m", "fuzzingclient", "-s", str(spec)], stdout=self._log, stderr=subprocess.STDOUT
        )

    def verdicts(self) -> dict[str, Verdict]:
        """Of every case, once it has ended. Raises AssertionError with its output where it failed."""
        code = self._process.wait(RUN_SECONDS)
        self._log.seek(0)
        output = self._log.read()
        assert code == 0 and self._index.is_file(), output[-2000:]
        found = json.loads(self._index.read_text())["miaodan"]
        return {case: Verdict(told["behavior"], told["behaviorClose"]) for case, told in found.items()}

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()


@contextlib.contextmanager
def echo_server() -> Iterator[str]:
    """`ws://…` of `tests.conformance.echo` in a process of its own."""
    command = [sys.executable, "-m", "tests.conformance.echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, "the echo server did not start"
            yield url
        finally:
            process.terminate()
            process.wait(30)


def run_all(cases: Sequence[str]) -> int:
    """Every named group in a client of its own, as many at once as there are processors; how many cases."""
    with echo_server() as url, tempfile.TemporaryDirectory() as directory:

        def ask(group: str) -> dict[str, Verdict]:
            run = Run(f"{url}/preframed", [group], Path(directory) / group)
            try:
                return run.verdicts()
            finally:
                run.end()

        count = 0
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for group, verdicts in zip(cases, pool.map(ask, cases), strict=True):
                count += len(verdicts)
                print(f"{group}: {len(verdicts)} cases", flush=True)
                for case, verdict in verdicts.items():
                    if verdict != Verdict("OK", "OK"):
                        print(f"  {case}: {verdict.behavior}, {verdict.close}")
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--all", action="store_true", help="run every case (a quarter of an hour)")
    parser.add_argument("cases", nargs="*", help="these instead")
    options = parser.parse_args()
    try:
        install()
    except CannotRun as reason:
        print(f"conformance: {reason}", file=sys.stderr)
        return 1 if options.all else 0
    if options.all:
        print(f"{run_all(options.cases or EVERY)} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
