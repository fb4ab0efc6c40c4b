"""The AsyncAPI 3.0 document of the two sockets, made from the types and the examples.

The server is the application it describes: it receives commands and sends events.
"""

from __future__ import annotations

import sys
from typing import Any, get_args

import msgspec

from schemas import codes, examples
from schemas.codecs import CODECS
from schemas.commands import ControlCommand, ViewerCommand
from schemas.components import Schema, Type, components, reference
from schemas.documents import main
from schemas.events import LANES, Dashboard
from schemas.replies import REPLIES

_LIVE_COMMANDS: tuple[Type, ...] = get_args(ViewerCommand)
_CONTROL_COMMANDS: tuple[Type, ...] = get_args(ControlCommand)
_CONTROL_EVENTS: tuple[Type, ...] = tuple(event for lane in LANES.values() for event in lane)
_LIVE_EVENTS = tuple(event for event in _CONTROL_EVENTS if event is not Dashboard)

_LANES = {
    "L0": ("direct", "Replies and what concerns one user. Never dropped, never waits for a tick."),
    "L1": ("sequenced", "Lossless and in order: `seq` has no holes, and a resume fills what was missed."),
    "L2": ("state", "The latest value only: changes between two flushes are merged per key."),
    "L3": ("chat", "Sampled under a budget. What was skipped is counted and told by `danmaku.skipped`."),
}

_WITHOUT_TOKEN = {"hello", "ping"}

_DESCRIPTION = f"""\
A live-shopping room: product cards, danmaku, counters, countdowns and orders.

**Messages.** Every command and event is an object with `type`. Client to server, one WebSocket message is
one command. Server to client, one WebSocket message is one batch: always an array of events, in order.
Each event is described as a message of its own here; on the wire it travels inside a batch.
Unknown fields are ignored by both sides: types only grow.

**Encodings.** Subprotocol `{codes.SUBPROTOCOL_JSON}` carries JSON in text messages, and so does a
connection without a subprotocol. `{codes.SUBPROTOCOL_MSGPACK}` carries the same objects as MessagePack
in binary messages.

**Units.** Times (`..._at`, `server_time`) are integer milliseconds since the Unix epoch on the server's
clock, durations end in `_ms`. Money is integer minor units of the room's `currency`. Ids are strings.

**Opening.** `hello` is the first command, within {codes.HELLO_TIMEOUT_MS} ms. The answer is a batch that
begins with `welcome`. With `recovered: true` all missed events follow in that batch and `room` is absent;
otherwise `room` is the truth. Recovery is never partial.

**Staying.** A client that has nothing else to say sends `ping` every `heartbeat_ms`.

**Errors.** A refused command gets `error` and the socket stays open. A message that is no command gets
`error` with code `invalid` and the path of the field; the {codes.MAX_STRIKES}th closes the socket.
Codes: see `x-error-codes`.

**Closing.** 4000-4499: come back with backoff, jitter and resume. 4500-4999: final. See `x-close-codes`.
An `error` with `retry_after_ms` instead of the welcome, before the close, says after how long: wait at
least that, and your jitter on top.
"""


def document() -> dict[str, Any]:
    """The whole document, JSON types only; the same at every call."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Miaodan live room",
            "version": f"{codes.API_VERSION}.0.0",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "{host}",
                "protocol": "ws",
                "description": "Where `miaodan serve` listens; behind a TLS proxy the protocol is wss.",
                "variables": {"host": {"default": "127.0.0.1:8460", "description": "Host and port."}},
            }
        },
        "channels": {
            "live": _channel(
                "live",
                "Viewers. Guests watch where the room admits them; a token is needed to speak and to buy.",
                _LIVE_COMMANDS + _LIVE_EVENTS,
            ),
            "control": _channel(
                "control",
                "Hosts, moderators and operators of the room. Takes every command, by role.",
                _CONTROL_COMMANDS + _CONTROL_EVENTS,
            ),
        },
        "operations": {
            **_operations("live", _LIVE_COMMANDS, _LIVE_EVENTS),
            **_operations("control", _CONTROL_COMMANDS, _CONTROL_EVENTS),
        },
        "components": {
            "messages": _messages(),
            "schemas": {
                **components(read=_CONTROL_COMMANDS, said=_CONTROL_EVENTS),
                "LiveBatch": _batch_schema(_LIVE_EVENTS),
                "ControlBatch": _batch_schema(_CONTROL_EVENTS),
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "HS256; claims `sub`, `name`, `role`, `room`, `iat`, `exp`, `aud`. "
                    "It travels as `token` of the `hello` command, never in the address or a header.",
                }
            },
        },
        "x-lanes": {
            lane: {"name": name, "promise": promise, "events": [_tag(event) for event in LANES[lane]]}
            for lane, (name, promise) in _LANES.items()
        },
        "x-error-codes": {code.value: codes.ERROR_MEANING[code] for code in codes.ErrorCode},
        "x-close-codes": {
            str(code.value): {
                "reason": codes.CLOSE_REASONS[code],
                "meaning": codes.CLOSE_MEANING[code],
                "retryable": code.retryable,
            }
            for code in codes.CloseCode
        },
        "x-limits": {
            "hello_timeout_ms": codes.HELLO_TIMEOUT_MS,
            "heartbeat_ms": codes.HEARTBEAT_MS,
            "live_message_bytes": codes.MAX_VIEWER_MESSAGE,
            "control_message_bytes": codes.MAX_CONTROL_MESSAGE,
            "malformed_commands": codes.MAX_STRIKES,
        },
    }


def _tag(cls: Type) -> str:
    return str(cls.__struct_config__.tag)


def _channel(name: str, description: str, messages: tuple[Type, ...]) -> Schema:
    tags = [*map(_tag, messages), f"batch.{name}"]
    return {
        "address": f"/ws/{name}/{{room}}",
        "title": f"The {name} socket of a room",
        "description": description,
        "parameters": {"room": {"description": "The room's id.", "examples": [examples.ROOM]}},
        "messages": {tag: {"$ref": f"#/components/messages/{tag}"} for tag in tags},
        "bindings": {
            "ws": {
                "method": "GET",
                "headers": {
                    "type": "object",
                    "properties": {
                        "Sec-WebSocket-Protocol": {
                            "type": "string",
                            "enum": list(CODECS),
                            "description": "The first one offered that is known is chosen; none means JSON.",
                        }
                    },
                },
                "bindingVersion": "0.1.0",
            }
        },
    }


def _operations(channel: str, commands: tuple[Type, ...], said: tuple[Type, ...]) -> dict[str, Schema]:
    """One operation per command, with its reply, and one per lane."""

    def messages(*tags: str) -> list[Schema]:
        return [{"$ref": f"#/channels/{channel}/messages/{tag}"} for tag in tags]

    where = {"$ref": f"#/channels/{channel}"}
    operations: dict[str, Schema] = {}
    for command in commands:
        tag = _tag(command)
        operation: Schema = {
            "action": "receive",
            "channel": where,
            "summary": _summary(command),
            "messages": messages(tag),
        }
        if tag not in _WITHOUT_TOKEN:
            operation["security"] = [{"$ref": "#/components/securitySchemes/token"}]
        if command in REPLIES:
            operation["reply"] = {
                "channel": where,
                "messages": messages(_tag(REPLIES[command]), "error"),
            }
        operations[f"{channel}.{tag}"] = operation
    for lane, (name, promise) in _LANES.items():
        tags = [_tag(event) for event in LANES[lane] if event in said]
        operations[f"{channel}.{name}"] = {
            "action": "send",
            "channel": where,
            "summary": f"Lane {lane}, {name}.",
            "description": promise,
            "messages": messages(*tags),
        }
    return operations


def _messages() -> dict[str, Schema]:
    lanes = {event: lane for lane, members in LANES.items() for event in members}
    messages: dict[str, Schema] = {}
    for cls in _CONTROL_COMMANDS + _CONTROL_EVENTS:
        tag = _tag(cls)
        example = examples.COMMANDS.get(tag) or examples.EVENTS[tag]
        messages[tag] = {
            "name": tag,
            "title": cls.__name__,
            "summary": _summary(cls),
            "tags": [{"name": lanes.get(cls, "command")}],
            "payload": reference(cls.__name__),
            "examples": [{"name": tag, "payload": msgspec.to_builtins(example)}],
        }
        if cls in lanes:
            messages[tag]["x-lane"] = lanes[cls]
            messages[tag]["x-inside"] = "batch"
    for channel in ("live", "control"):
        messages[f"batch.{channel}"] = {
            "name": f"batch.{channel}",
            "title": f"A batch of the {channel} socket",
            "summary": "What one WebSocket message from the server is: an array of events, in order.",
            "tags": [{"name": "batch"}],
            "payload": reference(f"{channel.title()}Batch"),
            "examples": [{"name": "resumed", "payload": msgspec.to_builtins(list(examples.RECOVERED))}],
        }
    return dict(sorted(messages.items()))


def _batch_schema(said: tuple[Type, ...]) -> Schema:
    return {
        "title": "Batch",
        "type": "array",
        "minItems": 1,
        "items": {"oneOf": [reference(event.__name__) for event in said]},
    }


def _summary(cls: Type) -> str:
    """The first paragraph of a type's docstring, on one line."""
    return " ".join((cls.__doc__ or "").partition("\n\n")[0].split())


if __name__ == "__main__":
    sys.exit(main("asyncapi", document(), sys.argv[1:]))
