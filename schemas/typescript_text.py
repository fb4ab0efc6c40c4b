"""Pieces of TypeScript: interfaces, aliases, comments, imports, as biome formats them at 130 columns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec
from msgspec import UNSET
from msgspec import inspect as shapes

from schemas import codes, events, models

WIDTH = 130
HEAD = """\
/**
 * {about}
 *
 * Made by `python -m schemas.typescript`; the source is `schemas/*.py`. Not to be edited here.
 */
"""
_UNITS = {"Units.": "Units of stock."}

Struct = type[msgspec.Struct]


def name_of(struct: Struct) -> str:
    """Its name in TypeScript, where `Error` is taken."""
    return "ErrorEvent" if struct is events.Error else struct.__name__


def tag_of(struct: Struct) -> str:
    return str(struct.__struct_config__.tag)


def comment(text: str, indent: str = "") -> list[str]:
    """A doc comment's lines; none where there is nothing to say."""
    lines = text.replace("*/", "* /").split("\n")
    if not text:
        return []
    if len(lines) == 1:
        return [f"{indent}/** {lines[0]} */"]
    return [f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"]


def alias(name: str, members: Iterable[str], about: str) -> str:
    """`export type NAME = A | B;`, on one line where it fits."""
    words = list(members)
    line = f"export type {name} = {' | '.join(words)};"
    if len(line) > WIDTH:
        line = "\n".join([f"export type {name} =", *(f"  | {word}" for word in words)]) + ";"
    return "\n".join([*comment(about), line]) + "\n"


def interface(struct: Struct, *, said: bool, newer: frozenset[str]) -> str:
    """One struct. `said`: the server says it, so a field is there but where the type leaves it out."""
    config = struct.__struct_config__
    base = struct.__bases__[0]
    parent = f" extends {name_of(base)}" if base not in (msgspec.Struct, models.Wire) else ""
    inherited = {field.name for field in msgspec.structs.fields(base)} if parent else set()
    defaults = {field.name: field for field in msgspec.structs.fields(struct)}
    lines = [
        *comment(inspect.cleandoc(struct.__doc__ or "")),
        f"export interface {name_of(struct)}{parent} {{",
    ]
    if config.tag is not None:
        lines.append(f'  {config.tag_field}: "{config.tag}";')
    for field in shapes.type_info(struct).fields:  # type: ignore[attr-defined]
        if field.name in inherited:
            continue
        default = defaults[field.name]
        unset = default.default is UNSET
        numbered = said and field.name == "seq" and struct in events.LANES["L1"]
        omitted = config.omit_defaults and not field.required
        optional = (unset or omitted or field.name in newer if said else not field.required) and not numbered
        text = _type(field.type)
        if said and omitted and default.default is None:
            text = text.removesuffix(" | null")  # left out rather than null
        lines += comment(_about(field.type), "  ")
        lines.append(f"  {field.encode_name}{'?' if optional else ''}: {text};")
    if lines[-1].endswith(" {"):
        return "\n".join([*lines[:-1], lines[-1] + "}"]) + "\n"
    return "\n".join([*lines, "}"]) + "\n"


_NAMES: tuple[tuple[type[shapes.Type], str], ...] = (
    (shapes.StrType, "string"),
    (shapes.IntType, "number"),
    (shapes.FloatType, "number"),
    (shapes.BoolType, "boolean"),
    (shapes.NoneType, "null"),
    (shapes.AnyType, "unknown"),
)


def _type(node: shapes.Type) -> str:  # noqa: PLR0911
    match node:
        case shapes.Metadata(type=inner):
            return _type(inner)
        case shapes.EnumType(cls=kind):
            return kind.__name__
        case shapes.StructType(cls=struct):
            return name_of(struct)
        case shapes.ListType(item_type=item):
            return f"{_type(item)}[]"
        case shapes.DictType(value_type=value):
            return f"Record<string, {_type(value)}>"
        case shapes.UnionType(types=members):
            return " | ".join(map(_type, members))
    for shape, name in _NAMES:
        if isinstance(node, shape):
            return name
    raise TypeError(f"{node} has no TypeScript here")


def _about(node: shapes.Type) -> str:
    """What a field's type says besides its name: its description and its bounds."""
    match node:
        case shapes.Metadata(type=inner, extra_json_schema=extra):
            text = str((extra or {}).get("description", ""))
            return " ".join(filter(None, (_UNITS.get(text, text), _about(inner))))
        case shapes.UnionType(types=members):
            return " ".join(filter(None, map(_about, members)))
        case shapes.StrType(min_length=low, max_length=high):
            return _bounds(low, high, " characters")
        case shapes.IntType(ge=low, le=high):
            return "" if high == models.MAX_SAFE_INTEGER else _bounds(low, high, "")
        case shapes.ListType(max_length=high):
            return "" if high is None else f"At most {_number(high)}."
    return ""


def _bounds(low: int | None, high: int | None, unit: str) -> str:
    if high is None:
        return ""
    return f"At most {_number(high)}{unit}." if not low else f"{_number(low)} to {_number(high)}{unit}."


def _number(value: int) -> str:
    return f"{value:,}"


def imports(
    structs: Sequence[Struct], body: Sequence[str], more: Mapping[str, list[str]] = MappingProxyType({})
) -> list[str]:
    """The import lines that interfaces of these structs need, and an empty line. `more`: names by module."""
    own = {name_of(struct) for struct in structs}
    text = re.sub(r"(?s)/\*\*.*?\*/|\"[^\"]*\"", "", "\n".join(body))
    used = set(re.findall(r"\b[A-Z]\w+\b", text)) - own
    needed = dict(more)
    for source in (codes, models):
        held = {
            name
            for name, value in vars(source).items()
            if getattr(value, "__module__", "") == source.__name__
        }
        found = sorted(used & held)
        if found:
            needed[source.__name__.rpartition(".")[2]] = found
    lines = []
    for module, names in sorted(needed.items()):
        line = f'import type {{ {", ".join(names)} }} from "./{module}.js";'
        if len(line) > WIDTH:
            line = "\n".join(
                ["import type {", *(f"  {name}," for name in names), f'}} from "./{module}.js";']
            )
        lines.append(line)
    return [*lines, ""] if lines else lines
