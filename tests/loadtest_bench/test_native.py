from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.bench import native


def test_without_a_compiler_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(native.NoCompiler) as caught:
        native.compiler()
    assert "cc, gcc, clang" in str(caught.value)


def test_cc_goes_first_and_may_have_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "env -u NOTHING cc")
    assert native.compiler()[1:] == ["-u", "NOTHING", "cc"]


def test_what_cannot_be_compiled_is_shown(
    compiled: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert compiled
    (tmp_path / "broken.c").write_text("int main(void) { return nowhere; }")
    monkeypatch.setattr(native, "SOURCES", tmp_path)
    with pytest.raises(native.ProgramFailed, match="nowhere"):
        native.build("broken", tmp_path)
