"""The wire contract as TypeScript: the SDK's `src/sdk/wire/`, made from the same types the server runs on.

`python -m schemas.typescript` writes the modules, `--check` compares them with what the code says. The
text comes out as biome formats it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Sequence
from enum import Enum, IntEnum
from pathlib import Path
from types import ModuleType
from typing import get_args

import msgspec

from schemas import codes, commands, events, http, models
from schemas.replies import REPLIES
from schemas.typescript_text import HEAD, Struct, alias, comment, imports, interface, name_of, tag_of

TARGET = Path(__file__).parent.parent / "server" / "web" / "src" / "sdk" / "wire"

_ENUMS: tuple[type[Enum], ...] = (
    codes.Role,
    codes.RoomStatus,
    codes.SalePhase,
    codes.OrderStatus,
    codes.ErrorCode,
)
_BODIES = (
    http.RoomCreate,
    http.RoomList,
    http.OrderRecord,
    http.OrderList,
    http.RefundAsk,
    http.RefundRefusal,
    http.Action,
    http.ActionList,
    http.ErrorBody,
    http.ErrorResponse,
)
_NEWER: dict[str, frozenset[str]] = {
    "Order": frozenset({"room", "refunded"}),
    "RoomSnapshot": frozenset({"stream_url", "guests", "starts_at"}),
}
"""Fields that version 1 did not begin with: a client may meet a server that does not send them."""


def modules() -> dict[str, str]:
    """Every file's name and text; the same at every call."""
    return {
        "codes.ts": _codes(),
        "models.ts": _module(
            "The nouns of the wire: users, products, sales, orders, rooms.", _structs_of(models), said=True
        ),
        "commands.ts": _commands(),
        "events.ts": _events(),
        "http.ts": _module("Bodies of the HTTP API.", _BODIES, said=True),
        "index.ts": _index(),
    }


def _structs_of(module: ModuleType) -> tuple[Struct, ...]:
    """Those a module defines, in its order."""
    return tuple(
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, msgspec.Struct)
        and value.__module__ == module.__name__
        and value is not models.Wire
    )


_READ = frozenset({"ProductInput", "Resume", "RoomCreate", "RefundAsk", "RefundRefusal"})
"""Among nouns and bodies, what the server reads: a field with a default may be left out."""


def _interfaces(structs: Iterable[Struct], said: bool) -> list[str]:
    found = []
    for struct in structs:
        heard = said and struct.__name__ not in _READ
        found.append(interface(struct, said=heard, newer=_NEWER.get(struct.__name__, frozenset())))
    return found


def _module(about: str, structs: Sequence[Struct], *, said: bool) -> str:
    body = _interfaces(structs, said)
    return "\n".join(
        [
            HEAD.format(about=about.replace("\n", "\n * ").replace("* \n", "*\n")),
            *imports(structs, body),
            *body,
        ]
    )


def _enum(kind: type[Enum]) -> str:
    words = [f'"{member.value}"' for member in kind]
    if kind is not codes.ErrorCode:
        return alias(kind.__name__, words, _doc(kind))
    lines = [*comment(_doc(kind)), f"export type {kind.__name__} ="]
    for code in codes.ErrorCode:
        lines += [*comment(codes.ERROR_MEANING[code], "  "), f'  | "{code.value}"']
    return "\n".join(lines) + ";\n"


def _doc(kind: type[Enum]) -> str:
    """Its own docstring; an enum without one has its base's, which says nothing."""
    text = inspect.cleandoc(kind.__doc__ or "")
    return "" if kind.__doc__ in (Enum.__doc__, str.__doc__, IntEnum.__doc__) else text


def _codes() -> str:
    closes = [
        line
        for code in codes.CloseCode
        for line in (*comment(codes.CLOSE_MEANING[code], "  "), f"  {code.name}: {code.value},")
    ]
    finals = [code for code in codes.CloseCode if not code.retryable and code < 4000]
    numbers = (
        ("SUBPROTOCOL_JSON", f'"{codes.SUBPROTOCOL_JSON}"', "The WebSocket subprotocol of JSON."),
        (
            "SUBPROTOCOL_MSGPACK",
            f'"{codes.SUBPROTOCOL_MSGPACK}"',
            "The WebSocket subprotocol of MessagePack.",
        ),
        ("MAX_VIEWER_MESSAGE", _grouped(codes.MAX_VIEWER_MESSAGE), "Bytes of a command on the live socket."),
        (
            "MAX_CONTROL_MESSAGE",
            _grouped(codes.MAX_CONTROL_MESSAGE),
            "Bytes of a command on the control socket.",
        ),
    )
    return "\n".join(
        [
            HEAD.format(about="The closed vocabularies of the wire: roles, statuses, error and close codes."),
            *(
                line
                for name, text, doc in numbers
                for line in (*comment(doc), f"export const {name} = {text};", "")
            ),
            *[_enum(kind) for kind in _ENUMS],
            *comment("Why a socket was closed."),
            "export const CloseCode = {",
            *closes,
            "} as const;",
            "",
            *comment("One of `CloseCode`'s numbers."),
            "export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];",
            "",
            *comment(
                "Whether a close with this code ends the session for good: 4500-4999, or too large a message."
            ),
            "export function isFinalClose(code: number): boolean {",
            f"  return {' || '.join(f'code === CloseCode.{code.name}' for code in finals)}"
            " || (code >= 4500 && code <= 4999);",
            "}",
            "",
        ]
    )


def _grouped(number: int) -> str:
    return f"{number:_}" if number >= 10_000 else str(number)


def _commands() -> str:
    structs = _structs_of(commands)
    body = _interfaces(structs, said=False)
    groups = {
        "ViewerCommand": (commands.ViewerCommand, "What viewers may send."),
        "RoomCommand": (commands.RoomCommand, "What hosts and moderators do to a room."),
        "ShopCommand": (commands.ShopCommand, "What hosts do to orders."),
    }
    answered_by_order = [kind for kind, reply in REPLIES.items() if reply is events.OrderAccepted]
    body += [alias(name, map(name_of, get_args(kinds)), doc) for name, (kinds, doc) in groups.items()]
    body += [
        alias("OrderCommand", map(name_of, answered_by_order), "What is answered with an order."),
        alias("HostCommand", ["RoomCommand", "ShopCommand"], "What the control socket takes besides."),
        alias("Command", ["ViewerCommand", "HostCommand"], "Everything a client may say."),
        alias("CommandType", ['Command["type"]'], ""),
    ]
    head = HEAD.format(about="What a client may say. One WebSocket message is one command.")
    return "\n".join([head, *imports(structs, body), *body])


def _events() -> str:
    structs = _structs_of(events)
    body = _interfaces(structs, said=True)
    replies = sorted({*REPLIES.values()} - {events.Welcome}, key=structs.index)
    body += [
        alias("Reply", map(name_of, replies), "What answers a command that was not refused."),
        alias("DirectEvent", map(name_of, events.LANES["L0"]), "Lane L0: for one user, never dropped."),
        alias(
            "SequencedEvent", map(name_of, events.LANES["L1"]), "Lane L1: in order of `seq`, without holes."
        ),
        alias("StateEvent", map(name_of, events.LANES["L2"]), "Lane L2: the latest value of what changed."),
        alias(
            "ChatEvent", map(name_of, events.LANES["L3"]), "Lane L3: sampled, and what was skipped is told."
        ),
        alias(
            "Event",
            ["DirectEvent", "SequencedEvent", "StateEvent", "ChatEvent"],
            "Everything the server says.",
        ),
        alias("EventType", ['Event["type"]'], ""),
        "export type EventOf<T extends EventType> = Extract<Event, { type: T }>;\n",
        "\n".join(
            [
                *comment("The types of the events that have a place in the room's log."),
                'export const SEQUENCED_TYPES: readonly SequencedEvent["type"][] = [',
                *(f'  "{tag_of(event)}",' for event in events.LANES["L1"]),
                "];\n",
            ]
        ),
        "\n".join(
            [
                *comment("What answers each command, by its type. A type that is not here gets no reply."),
                "export interface Replies {",
                *(f"  {_key(tag_of(command))}: {name_of(reply)};" for command, reply in REPLIES.items()),
                "}\n",
            ]
        ),
        "\n".join(
            [
                *comment("Commands that a client asks on an open session; each gets one reply."),
                "export type Asking = "
                'Exclude<Extract<Command, { type: keyof Replies }>, { type: "hello" }>;\n',
            ]
        ),
        "\n".join(
            [
                *comment("The reply to a command."),
                'export type ReplyTo<C extends Asking> = Replies[C["type"]];\n',
            ]
        ),
    ]
    head = HEAD.format(about="What the server says. One WebSocket message is one batch: an array of these.")
    return "\n".join([head, *imports(structs, body, {"commands": ["Command"]}), *body])


def _key(tag: str) -> str:
    return tag if tag.isidentifier() else f'"{tag}"'


def _index() -> str:
    about = """\
The wire contract, version 1.

Times (`..._at`, `server_time`) are integer milliseconds since the Unix epoch on the server's clock,
durations end in `_ms`, money is integer minor units of the room's currency."""
    names = ("codes", "commands", "events", "http", "models")
    return "\n".join(
        [
            HEAD.format(about=about.replace("\n", "\n * ").replace("* \n", "*\n")),
            *(f'export * from "./{name}.js";' for name in names),
            "",
        ]
    )


def main(arguments: Sequence[str], directory: Path = TARGET) -> int:
    """Write the modules, or with `--check` exit 1 where one is not what it would be."""
    if list(arguments) not in ([], ["--check"]):
        sys.stderr.write("usage: python -m schemas.typescript [--check]\n")
        return 2
    wanted = modules()
    present = {file.name: file.read_text("utf-8") for file in directory.glob("*.ts")}
    if arguments:
        if present == wanted:
            return 0
        wrong = sorted(name for name in {*wanted, *present} if wanted.get(name) != present.get(name))
        message = (
            f"{', '.join(wrong)} in {directory}: run `python -m schemas.typescript` and commit the files\n"
        )
        sys.stderr.write(message)
        return 1
    directory.mkdir(parents=True, exist_ok=True)
    for name in present.keys() - wanted.keys():
        (directory / name).unlink()
    for name, text in wanted.items():
        (directory / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
