"""The generated files: up to date, the same at every run, served from wherever the package lies."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas import asyncapi, documents, openapi

ROOT = Path(__file__).parents[2]
EACH = pytest.mark.parametrize(
    ("name", "document"), [("asyncapi", asyncapi.document), ("openapi", openapi.document)]
)


@EACH
def test_the_file_is_what_the_code_says(name: str, document: Callable[[], dict[str, Any]]) -> None:
    assert documents.load(name) == documents.render(document()), f"run `python -m schemas.{name}`"


@EACH
def test_a_document_is_json_and_nothing_but(name: str, document: Callable[[], dict[str, Any]]) -> None:
    content = documents.load(name)
    assert content.endswith(b"}\n")
    assert json.loads(content) == document()
    assert list(json.loads(content)["components"]["schemas"]) == list(document()["components"]["schemas"])


@EACH
def test_components_are_in_order(name: str, document: Callable[[], dict[str, Any]]) -> None:
    names = [found for found in document()["components"]["schemas"] if not found.endswith("Batch")]
    assert names == sorted(names)


def test_no_other_document() -> None:
    with pytest.raises(LookupError, match="asyncapi, openapi"):
        documents.load("../codes.py")


@EACH
def test_check_tells_of_drift_and_how_to_mend_it(
    name: str,
    document: Callable[[], dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert documents.main(name, document(), ["--check"], tmp_path) == 1, "no file yet"
    assert documents.main(name, document(), [], tmp_path) == 0
    assert documents.main(name, document(), ["--check"], tmp_path) == 0
    assert capsys.readouterr().err.count(f"run `python -m schemas.{name}`") == 1
    changed = {**document(), "x-new": 1}
    assert documents.main(name, changed, ["--check"], tmp_path) == 1
    assert f"run `python -m schemas.{name}`" in capsys.readouterr().err
    assert (tmp_path / f"{name}.json").read_bytes() == documents.load(name), "a check writes nothing"
    assert documents.main(name, changed, ["--chek"], tmp_path) == 2


@pytest.mark.parametrize("name", documents.NAMES)
def test_the_command_line(name: str) -> None:
    command = [sys.executable, "-m", f"schemas.{name}", "--check"]
    checked = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_load_needs_no_file_system(tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    package = Path(documents.__file__).parent
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(package.parent / "__init__.py", "schemas/__init__.py")
        for file in package.iterdir():
            if file.is_file():
                packed.write(file, f"schemas/documents/{file.name}")
    program = "import schemas.documents as d; assert '.zip' in d.__file__; print(len(d.load('openapi')))"
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(archive)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == str(len(documents.load("openapi"))), run.stderr
