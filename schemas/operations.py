"""What the operations of the OpenAPI document are put together from."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from schemas import codes, examples
from schemas.codes import ErrorCode
from schemas.components import Schema, reference
from schemas.http import LIST_LIMIT, LIST_LIMIT_MAX, STATUS

STATUSES = (400, 401, 403, 404, 409, 413, 429, 503, 504)
"""What the API answers besides success; the other codes are the sockets' alone."""

NO_TOKEN: list[Schema] = []
TOKEN: list[Schema] = [{"token": []}]
TOKEN_OR_GUEST: list[Schema] = [{}, {"token": []}]


def path(name: str, description: str, example: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
        "example": example,
    }


def query(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def paging() -> list[Schema]:
    limit = {"type": "integer", "minimum": 1, "maximum": LIST_LIMIT_MAX, "default": LIST_LIMIT}
    return [
        query("cursor", {"type": "string"}, "The `cursor` of the page before; none: the first page."),
        query("limit", limit, "How many at most."),
    ]


def json_of(name: str) -> Schema:
    """JSON content of a type, with its example."""
    value = msgspec.to_builtins(examples.BODIES[name])
    return {"application/json": {"schema": reference(name), "examples": {name: {"value": value}}}}


def answer(name: str, description: str) -> Schema:
    return {"description": description, "content": json_of(name)}


def errors(*statuses: int) -> dict[str, Schema]:
    return {str(status): {"$ref": f"#/components/responses/{response_name(status)}"} for status in statuses}


def response_name(status: int) -> str:
    return HTTPStatus(status).name.title().replace("_", "")


def error(status: int) -> Schema:
    """The response of a status: every code that travels under it, and an example of each."""
    found = [code for code in ErrorCode if STATUS[code] == status]
    return {
        "description": "; ".join(f"`{code.value}`: {codes.ERROR_MEANING[code]}" for code in found),
        "content": {
            "application/json": {
                "schema": reference("ErrorResponse"),
                "examples": {
                    code.value: {
                        "value": {"error": {"code": code.value, "message": codes.ERROR_MEANING[code]}}
                    }
                    for code in found
                },
            }
        },
    }
