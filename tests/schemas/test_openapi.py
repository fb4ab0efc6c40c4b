"""The OpenAPI document: valid by the official schema, complete, and true of the types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from schemas import examples
from schemas.codes import ErrorCode
from schemas.http import STATUS, ErrorResponse, PaymentNotice, RoomCreate
from schemas.openapi import document
from tests.schemas.validation import meta_schema, references, resolve, validator
from tests.schemas.wire import plain

DOCUMENT = document()
SCHEMAS = DOCUMENT["components"]["schemas"]

CALLS = {
    ("get", "/api/v1/rooms"): {"200", "400", "401", "503"},
    ("post", "/api/v1/rooms"): {"201", "400", "401", "403", "409", "413", "503"},
    ("get", "/api/v1/rooms/{room}"): {"200", "400", "401", "403", "404", "503"},
    ("get", "/api/v1/orders"): {"200", "400", "401", "403", "503"},
    ("get", "/api/v1/orders/{order}"): {"200", "400", "401", "403", "404", "503"},
    **{
        ("post", f"/api/v1/orders/{{order}}/{what}"): {
            *("200", "400", "401", "403", "404", "409", "413", "429", "503", "504")
        }
        for what in ("ship", "deliver", "refund", "refund/approve", "refund/decline")
    },
    ("get", "/api/v1/rooms/{room}/actions"): {"200", "400", "401", "403", "503"},
    ("post", "/api/v1/payments/webhook"): {"200", "400", "401", "409", "413", "503"},
    ("get", "/api/openapi.json"): {"200"},
    ("get", "/api/asyncapi.json"): {"200"},
    ("get", "/health"): {"200"},
    ("get", "/ready"): {"200", "503"},
    ("get", "/metrics"): {"200"},
}


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body of the document with its examples: (where, content)."""
    for path, item in DOCUMENT["paths"].items():
        for method, call in item.items():
            bodies = [call["requestBody"]] if "requestBody" in call else []
            bodies += [body for body in call["responses"].values() if "content" in body]
            for body in bodies:
                yield f"{method} {path}", body["content"]
    for name, response in DOCUMENT["components"]["responses"].items():
        yield name, response["content"]


def test_the_official_schema_takes_it() -> None:
    errors = Draft202012Validator(meta_schema("openapi-3.1.json")).iter_errors(DOCUMENT)
    assert [f"{error.json_path}: {error.message[:200]}" for error in errors] == []


def test_the_official_schema_can_refuse() -> None:
    broken = {**DOCUMENT, "paths": {"/health": {"get": {"responses": {"200": {}}}}}}
    assert not Draft202012Validator(meta_schema("openapi-3.1.json")).is_valid(broken)


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        assert resolve(DOCUMENT, reference)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_call_and_every_status_is_there() -> None:
    found = {
        (method, path): set(call["responses"])
        for path, item in DOCUMENT["paths"].items()
        for method, call in item.items()
    }
    assert found == CALLS


def test_every_parameter_of_a_path_is_described_and_no_operation_shares_its_id() -> None:
    calls = [(path, call) for path, item in DOCUMENT["paths"].items() for call in item.values()]
    assert len({call["operationId"] for _, call in calls}) == len(calls)
    for path, call in calls:
        named = {one["name"] for one in call.get("parameters", ()) if one["in"] == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_every_example_fits_its_schema() -> None:
    seen = 0
    for where, content in contents():
        for media in content.values():
            if "$ref" not in media["schema"]:
                continue
            name = media["schema"]["$ref"].rpartition("/")[2]
            assert media["examples"], where
            for shown in media["examples"].values():
                errors = validator(DOCUMENT, name).iter_errors(shown["value"])
                assert [error.message for error in errors] == [], where
                seen += 1
    assert seen >= 20


@pytest.mark.parametrize("name", sorted(examples.BODIES))
def test_every_body_reads_back(name: str) -> None:
    body = examples.BODIES[name]
    assert msgspec.to_builtins(body) == plain(body)
    assert msgspec.json.decode(msgspec.json.encode(plain(body)), type=type(body)) == body
    assert validator(DOCUMENT, name).is_valid(plain(body))


def test_every_error_code_has_a_status_and_every_error_response_shows_its_codes() -> None:
    assert set(STATUS) == set(ErrorCode)
    for code, status in STATUS.items():
        assert 400 <= status < 600
        for call in DOCUMENT["paths"].values():
            for method in call.values():
                response = method["responses"].get(str(status), {})
                if "$ref" in response:
                    shown = resolve(DOCUMENT, response["$ref"])["content"]["application/json"]["examples"]
                    body = msgspec.convert(shown[code.value]["value"], ErrorResponse)
                    assert body.error.code is code


def test_who_may_call_is_said() -> None:
    paths = DOCUMENT["paths"]
    assert paths["/api/v1/rooms"]["post"]["security"] == [{"token": []}]
    assert {} in paths["/api/v1/rooms/{room}"]["get"]["security"], "guests may look"
    assert paths["/api/v1/payments/webhook"]["post"]["security"] == [{"signature": []}]
    assert paths["/health"]["get"]["security"] == []


def test_the_webhooks_signature_header() -> None:
    [header] = DOCUMENT["paths"]["/api/v1/payments/webhook"]["post"]["parameters"]
    assert (header["name"], header["in"], header["required"]) == ("Miaodan-Signature", "header", True)
    schema = Draft202012Validator(header["schema"])
    assert schema.is_valid(header["example"])
    assert not schema.is_valid("v1=" + "0" * 64)
    assert not schema.is_valid("t=1790000000,v1=xyz")


def test_lists_are_asked_on_by_cursor() -> None:
    for path in ("/api/v1/rooms", "/api/v1/orders"):
        call = DOCUMENT["paths"][path]["get"]
        parameters = {one["name"]: one["schema"] for one in call["parameters"]}
        assert parameters["cursor"] == {"type": "string"}
        assert (parameters["limit"]["minimum"], parameters["limit"]["maximum"]) == (1, 200)
        listed = resolve(DOCUMENT, call["responses"]["200"]["content"]["application/json"]["schema"]["$ref"])
        assert "cursor" in listed["required"]
        assert listed["properties"]["cursor"]["anyOf"] == [{"type": "string"}, {"type": "null"}]


@pytest.mark.parametrize(
    ("cls", "change"),
    [
        (RoomCreate, {"title": ""}),
        (RoomCreate, {"currency": "cny"}),
        (RoomCreate, {"currency": "CNY\n"}),
        (RoomCreate, {"id": "tea evening"}),
        (RoomCreate, {"starts_at": -1}),
        (PaymentNotice, {"status": "refused"}),
        (PaymentNotice, {"amount": -1}),
        (PaymentNotice, {"event": ""}),
    ],
)
def test_schema_and_decoder_refuse_the_same(cls: type[msgspec.Struct], change: dict[str, Any]) -> None:
    body = {**plain(examples.BODIES[cls.__name__]), **change}
    assert not validator(DOCUMENT, cls.__name__).is_valid(body)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(body), type=cls)
