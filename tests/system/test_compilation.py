"""The compiler is found and not demanded, keeps what it compiled in a folder, and is asked where that saves time."""

import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from deepbelief.errors import CompileWarning
from deepbelief.system.compilation import Compiler, choose_compiler, cpp_compiler

CPU = torch.device("cpu")
LONG, SHORT = 1e14, 1e6  # values of units
CACHE = "TORCHINDUCTOR_CACHE_DIR"

needs_compiler = pytest.mark.skipif(not cpp_compiler(), reason="no C++ compiler here")


def compile_and_try(factor: float) -> None:
    """Another factor is other work, which is not in memory yet."""

    def multiply(values: Tensor, out: Tensor) -> Sequence[Tensor]:
        out.copy_(factor * values + 1)
        return []

    compiled = Compiler()(multiply, [torch.zeros(9), torch.zeros(9)])
    assert compiled is not None
    values, out = torch.arange(9.0), torch.zeros(9)
    with torch.no_grad():
        compiled(values, out)
    assert torch.equal(out, factor * values + 1)


def test_auto_compiles_what_is_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepbelief.system.compilation.cpp_compiler", lambda: "g++")
    chosen = {
        (name, computed): choose_compiler(name, CPU, computed) is not None
        for name in ("auto", "on", "off")
        for computed in (SHORT, LONG)
    }
    assert [pair for pair, compiles in chosen.items() if compiles] == [("auto", LONG), ("on", SHORT), ("on", LONG)]
    assert choose_compiler("on", torch.device("cuda"), LONG) is None


@pytest.mark.parametrize(("name", "computed"), [("on", SHORT), ("auto", LONG)])
def test_without_a_compiler_a_sentence_says_so(name: str, computed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.warns(CompileWarning, match="there is no C\\+\\+ compiler"):
        assert choose_compiler(name, CPU, computed) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose_compiler("auto", CPU, SHORT) is None  # it would not have been asked
        assert choose_compiler("off", CPU, LONG) is None


@needs_compiler
def test_what_is_compiled_is_kept_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path / "kept"))
    compile_and_try(2.0)
    assert any(path.suffix == ".so" for path in (tmp_path / "kept").rglob("*"))
    assert os.environ[CACHE] == str(tmp_path / "kept")


@needs_compiler
@pytest.mark.parametrize("pytorchs", [None, str(Path(tempfile.gettempdir()) / "torchinductor_somebody")])
def test_else_it_is_kept_in_the_users_cache(
    pytorchs: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CACHE, raising=False)
    if pytorchs is not None:  # what it writes into the variable by itself
        monkeypatch.setenv(CACHE, pytorchs)
    monkeypatch.setattr("deepbelief.system.compilation.pooch.os_cache", lambda name: tmp_path / name)
    compile_and_try(3.0 if pytorchs is None else 5.0)
    assert any(path.suffix == ".so" for path in (tmp_path / "deepbelief" / "compiled").rglob("*"))
    assert os.environ.get(CACHE) == pytorchs


@needs_compiler
def test_a_cache_that_cannot_be_written_to_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE, str(tmp_path / "file" / "folder"))
    with pytest.warns(
        CompileWarning, match=r"cannot be kept in .*folder, so that the next process compiles them again"
    ):
        compile_and_try(4.0)
    assert os.environ[CACHE] == str(tmp_path / "file" / "folder")
