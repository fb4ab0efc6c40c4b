"""The official meta-schemas, and validators of what a document's components say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

_DATA = Path(__file__).parent / "data"
_HERE = "urn:document"


def meta_schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_DATA / name).read_bytes())
    return found


def validator(document: dict[str, Any], name: str) -> Validator:
    """Checks values against one of the document's components."""
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(_HERE, resource)
    return Draft202012Validator({"$ref": f"{_HERE}#/components/schemas/{name}"}, registry=registry)


def references(node: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document: dict[str, Any], reference: str) -> Any:
    """What a `$ref` points to, through any further `$ref`; KeyError where it points nowhere."""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return resolve(document, found["$ref"]) if set(found) == {"$ref"} else found
