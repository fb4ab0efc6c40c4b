"""`docs/protocol.md` against the types: every table row and every example is true."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from schemas import codes, examples
from schemas.codecs import JSON
from schemas.events import LANES
from schemas.http import STATUS, PaymentNotice
from schemas.openapi import document
from tests.schemas.wire import COMMANDS, EVENTS, HOST_COMMANDS, VIEWER_COMMANDS, tag

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text("utf-8")
FIELDS = {tag(cls): set(cls.__struct_fields__) for cls in (*COMMANDS, *EVENTS)}


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(title: str, columns: str) -> list[list[str]]:
    """The cells of the table in a section that begins with these columns."""
    lines = section(title).splitlines()
    start = lines.index(columns) + 2
    table = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def quoted(text: str) -> list[str]:
    """What stands in backticks, code blocks aside."""
    return re.findall(r"`([^`]+)`", re.sub(r"(?ms)^```.*?^```", "", text))


@pytest.mark.parametrize(
    ("title", "columns", "commands"),
    [
        ("Viewer commands", "| type | fields | reply |", VIEWER_COMMANDS),
        ("Control commands", "| type | fields | effect |", HOST_COMMANDS),
    ],
)
def test_every_command_has_its_row(
    title: str, columns: str, commands: tuple[type[msgspec.Struct], ...]
) -> None:
    table = rows(title, columns)
    assert [quoted(kind) for kind, _, _ in table] == [[tag(cls)] for cls in commands]
    for kind, fields, outcome in table:
        [name] = quoted(kind)
        assert set(quoted(fields)) == FIELDS[name] - {"id"}, name
        for word in quoted(outcome)[:1]:
            assert word in examples.EVENTS, name


def test_every_event_has_its_row_lane_and_fields() -> None:
    table = rows("Events", "| type | lane | fields |")
    assert [(quoted(kind), lane) for kind, lane, _ in table] == [
        ([tag(cls)], lane) for lane, members in LANES.items() for cls in members
    ]
    for kind, _, fields in table:
        [name] = quoted(kind)
        assert FIELDS[name] <= set(quoted(fields)), name


def test_every_error_code_has_its_row() -> None:
    assert rows("Errors", "| code | HTTP | meaning |") == [
        [f"`{code.value}`", str(STATUS[code]), codes.ERROR_MEANING[code]] for code in codes.ErrorCode
    ]


def test_every_close_code_has_its_row() -> None:
    assert rows("Closes", "| code | reason | come back | meaning |") == [
        [
            str(code.value),
            codes.CLOSE_REASONS[code],
            "yes" if code.retryable else "no",
            codes.CLOSE_MEANING[code],
        ]
        for code in codes.CloseCode
    ]


def test_every_role_has_its_row() -> None:
    assert [quoted(role) for role, _ in rows("Control commands", "| role | may send |")] == [
        [role.value] for role in codes.Role
    ]


def test_every_http_call_has_its_row() -> None:
    calls = {f"{method.upper()} {path}" for path, item in document()["paths"].items() for method in item}
    table = rows("HTTP", "| call | who | answer |")
    assert {call for cell, _, _ in table for call in quoted(cell)} == calls
    assert len(table) == len(calls)


def test_every_example_is_a_command_or_a_batch() -> None:
    shown: list[Any] = [json.loads(text) for text in fences("json")]
    assert len(shown) == 9
    for message in shown:
        if "actions" in message:
            assert message == msgspec.to_builtins(examples.BODIES["ActionList"])
        elif isinstance(message, list):
            assert len(JSON.decode_batch(json.dumps(message))) == len(message)
        else:
            assert message["type"] in examples.COMMANDS
            assert JSON.decode_control(json.dumps(message))


def test_the_numbers_are_the_codes_numbers() -> None:
    assert f"{codes.MAX_VIEWER_MESSAGE // 1024} KiB on the live socket" in PAGE
    assert f"{codes.MAX_CONTROL_MESSAGE // 1024} KiB on the control socket" in PAGE
    assert f"within {codes.HELLO_TIMEOUT_MS // 1000} seconds" in PAGE
    assert codes.MAX_STRIKES == 5
    assert "the fifth of those closes the socket" in PAGE


def test_the_fields_and_statuses_of_the_nouns_are_all_named() -> None:
    orders = section("Orders")
    assert set(type(examples.HELD).__struct_fields__) <= set(quoted(orders))
    life = "reserved" + orders.split("```\nreserved", 1)[1].split("```", 1)[0]
    assert set(re.findall(r"[a-z]+", life)) == {status.value for status in codes.OrderStatus}
    opening = set(quoted(section("Opening")))
    for noun in (examples.SNAPSHOT, examples.TEA, examples.FLASH):
        assert set(type(noun).__struct_fields__) <= opening


def test_the_webhooks_notice_and_signing_code() -> None:
    [notice] = [line for line in section("Payment webhook").splitlines() if line.startswith('{"event"')]
    assert msgspec.json.decode(notice, type=PaymentNotice) == examples.BODIES["PaymentNotice"]
    names: dict[str, Any] = {}
    exec(fences("python")[0], names)  # the page's own code, run as a reader would
    body = notice.encode()
    made = cast(str, names["signature"](b"secret", 1790000000, body))
    expected = hmac.new(b"secret", b"1790000000." + body, hashlib.sha256).hexdigest()
    assert made == f"t=1790000000,v1={expected}"
    header = document()["paths"]["/api/v1/payments/webhook"]["post"]["parameters"][0]
    assert re.search(header["schema"]["pattern"], made)
