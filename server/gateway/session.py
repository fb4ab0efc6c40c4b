"""A socket's conversation as a state machine: hello -> live -> closing. No sockets, no clock.

Messages and times come in; what the shell has to do comes out as `Action`s. Strikes, timeouts,
who may say what, and every close the conversation itself can lead to are decided here.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from schemas.codecs import BadCommand, Codec
from schemas.codes import MAX_STRIKES, CloseCode, ErrorCode, Role
from schemas.commands import HOST_COMMANDS, Command, Hello, Ping, command_type
from schemas.events import Error, Pong
from server.settings import GatewaySettings
from server.trust.limits import Bucket
from server.trust.roles import permitted

MAX_EXCESS = 500
"""Pings, pongs, and commands over the limit, between two ticks; with one more the socket is closed."""


class Phase(Enum):
    HELLO = "hello"
    ADMITTING = "admitting"
    LIVE = "live"
    CLOSING = "closing"


class Admit(Struct, frozen=True, gc=False):
    """Check the hello and answer with `Session.admitted` or a close."""

    hello: Hello


class Execute(Struct, frozen=True, gc=False):
    """Carry the command out and reply."""

    command: Command


class Reply(Struct, frozen=True, gc=False):
    event: Struct


class Close(Struct, frozen=True, gc=False):
    code: CloseCode
    reason: str = ""


Action = Admit | Execute | Reply | Close


class Session:
    """Times are milliseconds of the server's clock."""

    __slots__ = (
        "_codec",
        "_commands",
        "_excess",
        "_expires",
        "_heard",
        "_opened",
        "_settings",
        "_strikes",
        "control",
        "phase",
        "role",
    )

    def __init__(
        self, codec: Codec, control: bool, settings: GatewaySettings, commands: Bucket, now: int
    ) -> None:
        self._codec = codec
        self._settings = settings
        self._commands = commands
        self._opened = now
        self._heard = now
        self._strikes = 0
        self._excess = 0
        self._expires = 0
        self.control = control
        self.phase = Phase.HELLO
        self.role = Role.GUEST

    def received(self, data: bytes | str, now: int) -> list[Action]:
        """One WebSocket message."""
        if self.phase is Phase.CLOSING:
            return []
        self._heard = now
        try:
            command = self._codec.decode_control(data)
        except BadCommand as bad:
            return self._strike(
                Error(id=bad.id, code=ErrorCode.INVALID, message=bad.message, field=bad.field)
            )
        if self.phase is not Phase.LIVE:
            return self._opening(command)
        return self._speaking(command, now)

    def _opening(self, command: Command) -> list[Action]:
        if self.phase is Phase.HELLO and isinstance(command, Hello):
            self.phase = Phase.ADMITTING
            return [Admit(command)]
        expected = "hello first" if self.phase is Phase.HELLO else "wait for welcome"
        return self._strike(_error(command, ErrorCode.INVALID, f"expected {expected}", "type"))

    def _speaking(self, command: Command, now: int) -> list[Action]:
        if isinstance(command, Ping):
            self._excess += 1
            return [Reply(Pong(id=command.id, client_time=command.client_time, server_time=now))]
        if isinstance(command, Hello):
            return self._strike(_error(command, ErrorCode.INVALID, "hello was said already", "type"))
        wait = self._commands.take(now)
        if wait:
            self._excess += 1
            return [Reply(_error(command, ErrorCode.RATE_LIMITED, "too many commands", retry_after_ms=wait))]
        if not self.control and type(command) in HOST_COMMANDS:
            message = f"{command_type(command)} belongs on the control socket"
            return [Reply(_error(command, ErrorCode.FORBIDDEN, message))]
        if not permitted(self.role, command_type(command)):
            message = f"a {self.role.value} may not send {command_type(command)}"
            code = ErrorCode.UNAUTHORIZED if self.role is Role.GUEST else ErrorCode.FORBIDDEN
            return [Reply(_error(command, code, message))]
        return [Execute(command)]

    def _strike(self, error: Error) -> list[Action]:
        self._strikes += 1
        if self._strikes < MAX_STRIKES:
            return [Reply(error)]
        self.phase = Phase.CLOSING
        return [Reply(error), Close(CloseCode.PROTOCOL_ERROR)]

    def admitted(self, role: Role, now: int, expires_at: int = 0) -> None:
        """The hello was good: commands are taken from now on, until the token expires (0: never)."""
        if self.phase is Phase.ADMITTING:
            self.phase = Phase.LIVE
            self.role = role
            self._expires = expires_at
            self._heard = now

    def poked(self) -> None:
        """A ping or pong frame came. As with `ping`, no limit refuses it, but so many are a flood."""
        self._excess += 1

    def closing(self) -> None:
        """A close was sent or received; nothing is taken any more."""
        self.phase = Phase.CLOSING

    def tick(self, now: int) -> Close | None:
        """Called about twice a second: a flood, no hello in time, no heartbeat, a token past its time."""
        settings = self._settings
        excess, self._excess = self._excess, 0
        if excess > MAX_EXCESS and self.phase is not Phase.CLOSING:
            self.phase = Phase.CLOSING
            return Close(CloseCode.PROTOCOL_ERROR, "too many messages")
        if self.phase is Phase.HELLO and now - self._opened >= settings.hello_timeout_ms:
            self.phase = Phase.CLOSING
            return Close(CloseCode.NO_HELLO)
        if self.phase is Phase.LIVE and 0 < self._expires <= now:
            self.phase = Phase.CLOSING
            return Close(CloseCode.BAD_TOKEN, "the token has expired")
        silence = now - self._heard
        if self.phase is Phase.LIVE and silence >= settings.heartbeat_ms + settings.heartbeat_grace_ms:
            self.phase = Phase.CLOSING
            return Close(CloseCode.NO_HEARTBEAT)
        return None


def _error(
    command: Command,
    code: ErrorCode,
    message: str,
    field: str | None = None,
    retry_after_ms: int | None = None,
) -> Error:
    identifier = getattr(command, "id", None)
    return Error(id=identifier, code=code, message=message, field=field, retry_after_ms=retry_after_ms)
