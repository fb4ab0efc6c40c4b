"""JSON Schemas of the wire types, as both documents carry them under `components/schemas`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET

from schemas import events

REFERENCE = "#/components/schemas/{name}"

_EXACTLY_ONE = {
    "OrderPlace": ("sku", "sale"),
    "OrderGet": ("order", "request_id"),
    "ProductRestock": ("sku", "sale"),
    "SaleSchedule": ("starts_at", "starts_in_ms"),
}
"""Pairs of optional fields of which one must be there: no type says that, a schema can."""

_PLACE_IN_LOG = {"description": "The event's place in the room's log.", "type": "integer", "minimum": 1}

Schema = dict[str, Any]
Type = type[msgspec.Struct]


def reference(name: str) -> Schema:
    """`{"$ref": ...}` to a component."""
    return {"$ref": REFERENCE.format(name=name)}


def components(read: Iterable[Type], said: Iterable[Type]) -> dict[str, Schema]:
    """Schemas by name, sorted, of what the server reads and of what it says, and all they hold.

    What the server reads may leave out every field that has a default. What it says has every
    field, but for those the type leaves out on purpose: a reader may count on the others.
    """
    spoken = list(said)
    _, schemas = msgspec.json.schema_components(list(read), ref_template=REFERENCE)
    _, answers = msgspec.json.schema_components(spoken, ref_template=REFERENCE)
    classes = _classes(spoken)
    for name, schema in answers.items():
        if name in classes:
            schema["required"] = _always_there(classes[name])
            if classes[name] in events.LANES["L1"]:
                schema["properties"]["seq"] = _PLACE_IN_LOG
    schemas.update(answers)
    for name, schema in schemas.items():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
        if name in _EXACTLY_ONE:
            schema["oneOf"] = [_present(schema, field) for field in _EXACTLY_ONE[name]]
    return dict(sorted(schemas.items()))


def _classes(types: list[Type]) -> dict[str, Type]:
    """Every struct among the types and in them, by name."""
    found: dict[str, Type] = {}

    def visit(node: msgspec.inspect.Type) -> None:
        match node:
            case msgspec.inspect.StructType(cls=cls, fields=fields):
                if cls.__name__ not in found:
                    found[cls.__name__] = cls
                    for field in fields:
                        visit(field.type)
            case msgspec.inspect.UnionType(types=members):
                for member in members:
                    visit(member)
            case msgspec.inspect.ListType(item_type=item):
                visit(item)
            case msgspec.inspect.DictType(value_type=value):
                visit(value)
            case msgspec.inspect.Metadata(type=inner):
                visit(inner)

    for node in msgspec.inspect.multi_type_info(types):
        visit(node)
    return found


def _always_there(cls: Type) -> list[str]:
    config = cls.__struct_config__
    names = [] if config.tag is None else [str(config.tag_field)]
    for field in msgspec.structs.fields(cls):
        has_default = field.default is not NODEFAULT or field.default_factory is not NODEFAULT
        # The room's log numbers from 1: on the wire `seq` never has its default.
        numbered = field.name == "seq" and cls in events.LANES["L1"]
        omitted = field.default is UNSET or (config.omit_defaults and has_default)
        if numbered or not omitted:
            names.append(field.encode_name)
    return names


def _present(schema: Schema, field: str) -> Schema:
    """A schema that holds where `field` is there and not null."""
    return {"required": [field], "properties": {field: {"not": {"type": "null"}}}}
