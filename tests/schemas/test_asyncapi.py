"""The AsyncAPI document: valid by the official schema, complete, and true of the types."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from schemas import codes, examples
from schemas.asyncapi import document
from schemas.codecs import JSON, BadCommand
from schemas.events import LANES
from tests.schemas.validation import meta_schema, references, resolve, validator
from tests.schemas.wire import COMMANDS, EVENTS, HOST_COMMANDS, VIEWER_COMMANDS, plain, tag, values

DOCUMENT = document()
MESSAGES = DOCUMENT["components"]["messages"]
SCHEMAS = DOCUMENT["components"]["schemas"]
NAMES = {tag(cls): cls.__name__ for cls in (*COMMANDS, *EVENTS)}
VALIDATORS = {kind: validator(DOCUMENT, name) for kind, name in NAMES.items()}


def test_the_official_schema_takes_it() -> None:
    errors = Draft7Validator(meta_schema("asyncapi-3.0.0.json")).iter_errors(DOCUMENT)
    assert [f"{error.json_path}: {error.message[:200]}" for error in errors] == []


def test_the_official_schema_can_refuse() -> None:
    broken = {**DOCUMENT, "channels": {"live": {"adress": "/ws"}}}
    assert not Draft7Validator(meta_schema("asyncapi-3.0.0.json")).is_valid(broken)


def test_every_reference_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert len(found) > 200
    for reference in found:
        assert resolve(DOCUMENT, reference)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    Draft7Validator.check_schema(SCHEMAS[name])


def test_every_command_and_event_is_a_message_with_summary_and_example() -> None:
    assert set(MESSAGES) == set(NAMES) | {"batch.live", "batch.control"}
    for message in MESSAGES.values():
        assert len(message["summary"]) > 10
        assert message["examples"]


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_every_example_fits_its_schema(kind: str) -> None:
    message = MESSAGES[kind]
    name = message["payload"]["$ref"].rpartition("/")[2]
    for shown in message["examples"]:
        errors = validator(DOCUMENT, name).iter_errors(shown["payload"])
        assert [error.message for error in errors] == []


@pytest.mark.parametrize("kind", sorted(examples.COMMANDS))
def test_a_documented_command_is_taken_as_it_stands(kind: str) -> None:
    payload = MESSAGES[kind]["examples"][0]["payload"]
    assert payload == plain(examples.COMMANDS[kind])
    assert JSON.decode_control(JSON.encode(payload)) == examples.COMMANDS[kind]


def test_the_examples_tell_them_apart() -> None:
    """An example of one message fits the schema of no other."""
    for kind, schema in VALIDATORS.items():
        for other, message in MESSAGES.items():
            fits = schema.is_valid(message["examples"][0]["payload"])
            assert fits == (kind == other), (kind, other)


def test_channels_carry_what_their_socket_takes_and_says() -> None:
    live, control = DOCUMENT["channels"]["live"], DOCUMENT["channels"]["control"]
    assert (live["address"], control["address"]) == ("/ws/live/{room}", "/ws/control/{room}")
    everything = {tag(cls) for cls in (*VIEWER_COMMANDS, *EVENTS)}
    assert set(live["messages"]) == everything - {"dashboard"} | {"batch.live"}
    assert set(control["messages"]) == everything | {tag(cls) for cls in HOST_COMMANDS} | {"batch.control"}
    for channel in (live, control):
        protocols = channel["bindings"]["ws"]["headers"]["properties"]["Sec-WebSocket-Protocol"]["enum"]
        assert protocols == [codes.SUBPROTOCOL_JSON, codes.SUBPROTOCOL_MSGPACK]


def test_a_batch_is_an_array_of_events() -> None:
    live, control = validator(DOCUMENT, "LiveBatch"), validator(DOCUMENT, "ControlBatch")
    batch = [plain(event) for event in examples.EVENTS.values()]
    assert control.is_valid(batch)
    assert not live.is_valid(batch), "the dashboard is for the control socket"
    assert live.is_valid([event for event in batch if event["type"] != "dashboard"])
    assert not control.is_valid(batch[0]), "one event is no batch"
    assert not control.is_valid([]), "an empty batch is never sent"
    assert not control.is_valid([plain(examples.COMMANDS["ping"])]), "a command is no event"


def test_operations_pair_commands_with_replies_and_lanes_with_events() -> None:
    operations = DOCUMENT["operations"]
    taken = {name for name, operation in operations.items() if operation["action"] == "receive"}
    assert taken == {f"live.{tag(cls)}" for cls in VIEWER_COMMANDS} | {
        f"control.{tag(cls)}" for cls in COMMANDS
    }
    assert "reply" not in operations["live.like"]
    replies = operations["control.product.mount"]["reply"]["messages"]
    assert [reply["$ref"].rpartition("/")[2] for reply in replies] == ["done", "error"]
    assert {name.partition(".")[2] for name in set(operations) - taken} == {
        "direct",
        "sequenced",
        "state",
        "chat",
    }
    assert "security" not in operations["live.hello"]
    assert operations["live.order.place"]["security"]


def test_lanes_codes_and_closes_are_all_there() -> None:
    lanes = DOCUMENT["x-lanes"]
    assert {lane: lanes[lane]["events"] for lane in lanes} == {
        lane: [tag(cls) for cls in members] for lane, members in LANES.items()
    }
    assert sum(len(lane["events"]) for lane in lanes.values()) == len(EVENTS)
    assert set(DOCUMENT["x-error-codes"]) == {code.value for code in codes.ErrorCode}
    closes = DOCUMENT["x-close-codes"]
    assert set(closes) == {str(code.value) for code in codes.CloseCode}
    assert {code for code in closes if closes[code]["retryable"]} == {"4000", "4001", "4002", "4003"}


def test_sequenced_events_always_have_their_number() -> None:
    for cls in LANES["L1"]:
        assert "seq" in SCHEMAS[cls.__name__]["required"]


def test_what_the_server_says_is_required_and_what_it_reads_is_not() -> None:
    sometimes = {"refunding", "refund_due_at", "shipped_at", "delivered_at", "reason"}
    assert set(SCHEMAS["Order"]["required"]) == set(SCHEMAS["Order"]["properties"]) - sometimes
    welcome = SCHEMAS["Welcome"]
    assert set(welcome["properties"]) - set(welcome["required"]) == {"room", "recent"}
    assert set(SCHEMAS["RoomState"]["required"]) == {"type", "server_time"}
    assert set(SCHEMAS["ProductInput"]["required"]) == {"sku", "title", "price", "stock"}
    assert set(SCHEMAS["Like"]["required"]) == {"type"}


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("order.place", {"sku": "tea-01"}, {"sale": "s1"}),
        ("order.get", {"order": "07-a"}, {"request_id": "r"}),
        ("product.restock", {"sku": "tea-01"}, {"sale": "s1"}),
        ("sale.schedule", {"starts_at": 1}, {"starts_in_ms": 0}),
    ],
)
def test_exactly_one_of_two_fields(kind: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    both = one.keys() | other.keys()
    rest = {key: value for key, value in plain(examples.COMMANDS[kind]).items() if key not in both}
    if kind == "order.place":
        rest["request_id"] = "r"
    schema = VALIDATORS[kind]
    assert schema.is_valid({**rest, **one})
    assert schema.is_valid({**rest, **other, **dict.fromkeys(one)})
    assert not schema.is_valid({**rest, **one, **other})
    assert not schema.is_valid(rest)
    assert not schema.is_valid({**rest, **dict.fromkeys(both)})


@settings(max_examples=200, deadline=None)
@given(event=st.one_of([values(cls) for cls in EVENTS]))
def test_any_event_fits_its_schema(event: Any) -> None:
    VALIDATORS[tag(type(event))].validate(plain(event))


_EDGES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1, 101, 10_001, 2**53, 1.5, "", "a", "a b", "x" * 3_001, [], {}, ["a"]]
)


@settings(max_examples=600, deadline=None)
@given(kind=st.sampled_from(sorted(examples.COMMANDS)), data=st.data())
def test_schema_and_decoder_agree(kind: str, data: st.DataObject) -> None:
    """A command with one field changed is refused by both or, one-of-two rules aside, by neither."""
    message = plain(examples.COMMANDS[kind])
    field = data.draw(st.sampled_from(sorted(SCHEMAS[NAMES[kind]]["properties"])))
    message[field] = data.draw(_EDGES)
    try:
        JSON.decode_control(JSON.encode(message))
        taken = True
    except BadCommand:
        taken = False
    errors = [error for error in VALIDATORS[kind].iter_errors(message) if error.validator != "oneOf"]
    assert taken == (not errors), (message, [error.message for error in errors])
