"""The generated TypeScript: up to date, and every example of the contract is of its type."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from schemas import codes, examples, typescript
from schemas.typescript_text import comment, name_of
from tests.schemas.wire import COMMANDS, EVENTS, tag
from tests.sdk.node import tsc

SETTINGS = {
    "compilerOptions": {
        "target": "ES2022",
        "module": "ESNext",
        "moduleResolution": "bundler",
        "strict": True,
        "exactOptionalPropertyTypes": True,
        "noEmit": True,
        "types": [],
    }
}


def test_the_files_are_what_the_contract_says() -> None:
    assert typescript.main(["--check"]) == 0


def test_a_file_that_is_changed_or_too_many_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typescript.main(["--check"], tmp_path) == 1
    assert typescript.main([], tmp_path) == 0
    assert typescript.main(["--check"], tmp_path) == 0
    (tmp_path / "codes.ts").write_text("export {};\n")
    (tmp_path / "old.ts").write_text("export {};\n")
    capsys.readouterr()
    assert typescript.main(["--check"], tmp_path) == 1
    assert "codes.ts, old.ts in" in capsys.readouterr().err
    assert typescript.main([], tmp_path) == 0
    assert not (tmp_path / "old.ts").exists()
    assert typescript.main(["--wrong"], tmp_path) == 2


def project(folder: Path, lines: list[str]) -> Path:
    """A TypeScript project of the wire's modules and one file that uses them."""
    folder.mkdir(exist_ok=True)
    assert typescript.main([], folder / "wire") == 0
    head = 'import type * as wire from "./wire/index.js";'
    (folder / "use.ts").write_text("\n".join([head, *lines, "export {};"]))
    (folder / "tsconfig.json").write_text(json.dumps(SETTINGS))
    return folder


def typed(number: int, name: str, value: object) -> str:
    return f"const v{number}: wire.{name} = {json.dumps(msgspec.to_builtins(value))};\nvoid v{number};"


def test_every_example_is_of_its_type(tmp_path: Path, built: None) -> None:
    said = {tag(cls): cls for cls in (*COMMANDS, *EVENTS)}
    found = [(name_of(said[kind]), value) for kind, value in {**examples.COMMANDS, **examples.EVENTS}.items()]
    found += [("Command", value) for value in examples.COMMANDS.values()]
    found += [("Event", value) for value in examples.EVENTS.values()]
    assert len(found) > 80
    done = tsc(project(tmp_path / "good", [typed(n, *one) for n, one in enumerate(found)]))
    assert done.returncode == 0, done.stdout


def test_a_wrong_value_is_not_of_its_type(tmp_path: Path, built: None) -> None:
    lines = [
        typed(1, "OrderPlace", {"type": "order.place", "sku": "tea"}),
        typed(2, "Event", {"type": "room.update", "seq": 1}),
        typed(3, "Order", {"order": "o", "status": "paid"}),
        "const closed: 4502 = 4501 satisfies wire.CloseCode; void closed;",
        "const reply: wire.ReplyTo<wire.Ping> = {} as wire.Done; void reply;",
        'const silent: wire.Asking = { type: "like" }; void silent;',
    ]
    done = tsc(project(tmp_path / "bad", lines))
    wrong = {
        line.partition("(")[2].partition(",")[0] for line in done.stdout.splitlines() if "error TS" in line
    }
    assert len(wrong) == len(lines), done.stdout


def test_every_word_of_the_vocabularies_is_there() -> None:
    text = typescript.modules()["codes.ts"]
    for code in codes.CloseCode:
        assert f"  {code.name}: {code.value},\n" in text
    for word in (*codes.ErrorCode, *codes.OrderStatus, *codes.Role, *codes.SalePhase, *codes.RoomStatus):
        assert f'"{word.value}"' in text


def test_what_ends_a_comment_cannot_end_one_of_ours() -> None:
    assert comment("a */ b") == ["/** a * / b */"]
