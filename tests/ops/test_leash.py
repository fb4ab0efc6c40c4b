from __future__ import annotations

import os
import signal
import subprocess
import sys

from server.ops.leash import leashed
from tests.platform.watch import running, wait_until

PARENT = """
import subprocess, sys, time, signal
from server.ops.leash import leashed
child = subprocess.Popen(leashed(["/bin/sleep", "60"], on_parent_death=signal.SIGKILL))
print(child.pid, flush=True)
time.sleep(60)
"""


def test_it_becomes_the_command_itself() -> None:
    said = subprocess.run(
        leashed([sys.executable, "-c", "import os, sys; print(os.getpid(), sys.argv[1])", "a b"]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split(maxsplit=1)[1] == "a b\n"


def test_the_child_of_a_killed_parent_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert running(child)
        parent.kill()
    wait_until(lambda: not running(child))


def test_a_child_whose_parent_is_gone_already_does_not_start() -> None:
    command = leashed([sys.executable, "-c", "print('started')"])
    command[command.index(str(os.getpid()))] = "999999999"
    said = subprocess.run(command, capture_output=True, check=False)
    assert (said.returncode, said.stdout) == (1, b"")


def test_signals_reach_the_command() -> None:
    with subprocess.Popen(leashed(["/bin/sleep", "60"])) as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == -signal.SIGTERM
