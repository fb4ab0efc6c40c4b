"""Every type of the wire, values of any type, and what a message is without msgspec's encoders."""

from __future__ import annotations

import enum
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st
from msgspec import NODEFAULT, UNSET
from msgspec.inspect import (
    BoolType,
    DictType,
    EnumType,
    Field,
    FloatType,
    IntType,
    ListType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    type_info,
)

from schemas.commands import ControlCommand, HostCommand, ViewerCommand
from schemas.events import LANES, Event

VIEWER_COMMANDS: tuple[type[msgspec.Struct], ...] = get_args(ViewerCommand)
HOST_COMMANDS: tuple[type[msgspec.Struct], ...] = get_args(HostCommand)
COMMANDS: tuple[type[msgspec.Struct], ...] = get_args(ControlCommand)
EVENTS: tuple[type[msgspec.Struct], ...] = get_args(Event)

SAFE = 2**53 - 1


def tag(cls: type[msgspec.Struct]) -> str:
    return str(cls.__struct_config__.tag)


def values(cls: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any value of a wire type, within the bounds that the type states."""
    return _strategy(type_info(cls))


def _strategy(node: Type) -> st.SearchStrategy[Any]:
    match node:
        case Metadata(type=inner):
            return _strategy(inner)
        case StructType(cls=cls, fields=fields):
            contents = {field.name: _content(field) for field in fields}
            if cls in LANES["L1"]:
                contents["seq"] = st.integers(1, SAFE)
            return st.builds(cls, **contents)
        case UnionType(types=members):
            return st.one_of([_strategy(member) for member in members])
        case StrType(pattern=str(pattern)):
            return st.from_regex(pattern, fullmatch=False).filter(lambda text: "\n" not in text)
        case StrType(min_length=least, max_length=most):
            return st.text(min_size=least or 0, max_size=most if most is None else min(most, 40))
        case IntType(ge=least, le=most):
            return st.integers(-SAFE if least is None else least, SAFE if most is None else most)
        case ListType(item_type=item):
            return st.lists(_strategy(item), max_size=3)
        case DictType(value_type=value):
            return st.dictionaries(st.text(max_size=10), _strategy(value), max_size=3)
        case EnumType(cls=cls):
            return st.sampled_from(list(cls))
        case LiteralType(values=words):
            return st.sampled_from(words)
        case BoolType():
            return st.booleans()
        case FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case NoneType():
            return st.none()
    raise LookupError(f"the wire has a type that the tests do not know: {node}")


def _content(field: Field) -> st.SearchStrategy[Any]:
    content = _strategy(field.type)
    # `inspect` says of a field that may be UNSET only that it is neither required nor has a default.
    unset = not field.required and field.default is NODEFAULT and field.default_factory is NODEFAULT
    return st.just(UNSET) | content if unset else content


def plain(value: Any) -> Any:
    """What a message must decode to in any other library: read off the struct's fields, one by one."""
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        said = {} if config.tag is None else {str(config.tag_field): config.tag}
        for field in msgspec.structs.fields(value):
            content = getattr(value, field.name)
            left_out = content is UNSET or (config.omit_defaults and _is_default(field, content))
            if not left_out:
                said[field.encode_name] = plain(content)
        return said
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def _is_default(field: Any, content: Any) -> bool:
    return (
        field.default is not NODEFAULT and type(content) is type(field.default) and content == field.default
    )
