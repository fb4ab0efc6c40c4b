from __future__ import annotations

import itertools
from typing import get_args

import pytest

from schemas import commands
from schemas.codes import Role
from server.trust.roles import PERMITTED, may_control, may_create, permitted
from server.trust.tokens import Identity

VIEWER = {command.__struct_config__.tag for command in get_args(commands.ViewerCommand)}
CONTROL = {command.__struct_config__.tag for command in get_args(commands.ControlCommand)}


def test_every_command_has_somebody_and_nothing_else_is_listed() -> None:
    assert set(PERMITTED) == set(Role)
    assert PERMITTED[Role.OPERATOR] == PERMITTED[Role.HOST] == CONTROL
    assert PERMITTED[Role.VIEWER] == VIEWER
    assert PERMITTED[Role.GUEST] == {"hello", "ping"}
    assert PERMITTED[Role.MODERATOR] - VIEWER == {
        "viewer.mute",
        "viewer.unmute",
        "viewer.kick",
        "danmaku.recall",
    }


def test_each_role_may_what_the_one_below_may() -> None:
    ladder = [Role.GUEST, Role.VIEWER, Role.MODERATOR, Role.HOST, Role.OPERATOR]
    for below, above in itertools.pairwise(ladder):
        assert PERMITTED[below] <= PERMITTED[above]


@pytest.mark.parametrize(
    ("role", "command", "answer"),
    [
        (Role.GUEST, "danmaku.send", False),
        (Role.GUEST, "order.place", False),
        (Role.VIEWER, "order.place", True),
        (Role.VIEWER, "product.mount", False),
        (Role.MODERATOR, "viewer.kick", True),
        (Role.MODERATOR, "sale.cancel", False),
        (Role.HOST, "sale.cancel", True),
        (Role.OPERATOR, "no.such", False),
    ],
)
def test_permitted(role: Role, command: str, answer: bool) -> None:
    assert permitted(role, command) is answer


def who(role: Role, room: str | None = None) -> Identity:
    return Identity("u1", "Ann", role, room)


@pytest.mark.parametrize(
    ("identity", "hosts", "answer"),
    [
        (who(Role.OPERATOR), [], True),
        (who(Role.OPERATOR, "other"), [], False),
        (who(Role.HOST, "r1"), [], True),
        (who(Role.HOST), ["u1"], True),
        (who(Role.HOST), ["u2"], False),
        (who(Role.HOST, "other"), ["u1"], False),
        (who(Role.MODERATOR), [], True),
        (who(Role.MODERATOR, "r1"), [], True),
        (who(Role.MODERATOR, "other"), [], False),
        (who(Role.VIEWER, "r1"), ["u1"], False),
        (who(Role.GUEST), ["u1"], False),
    ],
)
def test_control(identity: Identity, hosts: list[str], answer: bool) -> None:
    assert may_control(identity, "r1", hosts) is answer


def test_create() -> None:
    assert may_create(who(Role.HOST), None)
    assert may_create(who(Role.OPERATOR), "r1")
    assert may_create(who(Role.HOST, "r1"), "r1")
    assert not may_create(who(Role.HOST, "r1"), "r2")
    assert not may_create(who(Role.HOST, "r1"), None)
    assert not may_create(who(Role.MODERATOR), "r1")
    assert not may_create(who(Role.VIEWER), None)
