"""The protocol under every room, asked by an independent reading of RFC 6455 and RFC 7692: Autobahn's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.suite import CannotRun, Run, Verdict, echo_server, find_python2, install

pytestmark = [pytest.mark.conformance, pytest.mark.slow, pytest.mark.campaign, pytest.mark.timeout(300)]

FRAMING = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
LIMITS = [
    *(f"9.{kind}.{size}" for kind in (1, 2) for size in (1, 2, 3, 4, 5)),
    *("9.3.1", "9.3.5", "9.4.5", "9.5.1", "9.5.6", "9.7.1", "9.7.6", "9.8.1", "9.8.6"),
]
"""Messages to 8 MiB, in pieces and in chopped reads; `make conformance` has them all."""
COMPRESSION = [
    *(f"12.1.{size}" for size in (1, 2, 3, 4, 5, 11)),
    *(f"12.{data}.{size}" for data in (2, 3, 4, 5) for size in (3, 11)),
    *(f"13.{offer}.{size}" for offer in range(1, 8) for size in (2, 5)),
    "13.7.11",
]
"""12: kinds of data and sizes, with the plain offer; 13: offers. 1,000 messages each; 11 is in pieces."""

OK = Verdict("OK", "OK")
OPEN: dict[str, str] = {
    **dict.fromkeys(
        ("3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15"),
        "a whole message in front of a broken frame, read in one piece, is not answered any more",
    ),
    **dict.fromkeys(
        ("6.4.1", "6.4.2", "6.4.3", "6.4.4"),
        "broken UTF-8 fails the connection at the end of the message, not in its midst",
    ),
}
"""Where RFC 6455 lets either be (the suite says NON-STRICT), and what is done here."""
LIBRARY: dict[str, tuple[Verdict, str]] = {
    "7.1.5": (
        Verdict("FAILED", "WRONG CODE"),
        "websockets answers a Close in the midst of a fragmented message with 1002, not with its code",
    ),
}
DECLINED = ("13.3.", "13.5.")
"""Offers of a 512-byte window alone: frames for everybody need 4 KiB, so there is no compression then."""
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}
"""The suite does not judge these."""


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    try:
        find_python2()
    except CannotRun as reason:
        pytest.skip(str(reason))
    try:
        install()
    except CannotRun as reason:
        if os.environ.get("MIAODAN_CI"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    with echo_server() as url:
        yield url


def unexpected(verdicts: dict[str, Verdict]) -> dict[str, Verdict]:
    """What is not as it was classified above."""
    found = {}
    for case, verdict in verdicts.items():
        allowed = [OK]
        if case in OPEN:
            allowed.append(Verdict("NON-STRICT", "OK"))
        elif case in LIBRARY:
            allowed = [LIBRARY[case][0]]
        elif case.startswith(DECLINED):
            allowed = [Verdict("UNIMPLEMENTED", "OK")]
        elif case in INFORMATIONAL:
            allowed = [Verdict("INFORMATIONAL", "INFORMATIONAL")]
        if verdict not in allowed:
            found[case] = verdict
    return found


def test_every_case_is_ok_or_accounted_for(echo: str, tmp_path: Path) -> None:
    """Both ways out, and compression; the runs go side by side, since many cases wait."""
    runs = {
        "preframed": Run(f"{echo}/preframed", [*FRAMING, *LIMITS], tmp_path / "preframed"),
        "asgi": Run(f"{echo}/asgi", [*FRAMING, "12.1.5", "13.7.2"], tmp_path / "asgi"),
        "compressed": Run(f"{echo}/preframed", COMPRESSION, tmp_path / "compressed"),
    }
    try:
        verdicts = {name: run.verdicts() for name, run in runs.items()}
    finally:
        for run in runs.values():
            run.end()
    assert {name: unexpected(told) for name, told in verdicts.items()} == {name: {} for name in runs}
    assert (len(verdicts["preframed"]), len(verdicts["asgi"])) == (266, 249), "each pattern named some"
    assert set(verdicts["compressed"]) == set(COMPRESSION)
