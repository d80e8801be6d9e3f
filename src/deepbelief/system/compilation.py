"""The compiler of PyTorch: found or not, the cache of what it compiled, and whether a training is worth it."""

import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, get_args

import pooch
import torch
from torch import Tensor

from deepbelief.errors import CompileWarning, check_name, one_line

CompileName = Literal["auto", "on", "off"]

Compiled = Callable[..., Sequence[Tensor]]
"""A compiled function of tensors."""

_CACHE: Final = "TORCHINDUCTOR_CACHE_DIR"  # where PyTorch keeps what it compiled
_OPTIONS: Final = {"compile_threads": 1, "fx_graph_cache": True}  # no processes beside this one; keep what is compiled
_LOCK: Final = threading.Lock()
_SECONDS: Final = 20.0  # to compile a step, with nothing in the cache, and to load the compiler
_SAVED: Final = 2.5e-9  # seconds for each value of a unit, on one core; from benchmarks/speed.py


class Compiler:
    """Compiles the element-wise work of a training, each piece into one pass over memory.

    PyTorch's own compiler (TorchInductor) does it, which on a CPU calls a C++ compiler. What it compiled is kept in the
    user's cache, where the next process finds it: in the folder that the variable TORCHINDUCTOR_CACHE_DIR names, if
    there is one, else among the caches of this program. Where that folder cannot be written to, or the compiler fails,
    that is said once, by a `CompileWarning`, and the work is done uncompiled; results are equal up to rounding.

    >>> compiler = Compiler()
    >>> compiler.works
    True
    """

    def __init__(self) -> None:
        self.works = True
        """Whether it has not failed so far."""

    def __call__(self, work: Callable[..., Sequence[Tensor]], examples: Sequence[Tensor]) -> Compiled | None:
        """A function of tensors like the examples that does what `work` does; None where it cannot be compiled.

        What `work` does is recorded once, on the examples, which it may overwrite.
        """
        if not self.works:
            return None
        try:
            with _LOCK, _cache(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the compiler about itself
                # Of PyTorch's ways to compile the one with the least to do in each call. It is not promised to stay;
                # without it, steps are not compiled.
                from torch._inductor import compile as compile_graph
                from torch.fx.experimental.proxy_tensor import make_fx

                graph = make_fx(work)(*examples)
                compiled: Compiled = compile_graph(graph, list(examples), options=_OPTIONS)
            return compiled
        except Exception as error:  # whatever can go wrong in a compiler
            self.works = False
            _warn(f"the steps of this training could not be compiled ({one_line(str(error))}), so that they are slower")
            return None


def choose_compiler(name: CompileName, device: torch.device, computed: float) -> Compiler | None:
    """The compiler for a training, or None where its steps are not to be compiled.

    `on` compiles where there is a C++ compiler, `auto` if also the time that is saved is at least that to compile.
    Where only a C++ compiler is missing, a `CompileWarning` says so.

    Args:
        name: what is wanted.
        device: where the training is; `auto` and `on` compile on CPUs alone.
        computed: how many values of units the whole training computes, such as `RBMSettings.values_computed` tells.
    """
    check_name("compile_steps", name, get_args(CompileName))
    if name == "off" or device.type != "cpu":
        return None
    if name == "auto" and computed * _SAVED / torch.get_num_threads() < _SECONDS:
        return None
    if not cpp_compiler():
        _warn("the steps of this training are not compiled, as there is no C++ compiler (g++, or what CXX names)")
        return None
    return Compiler()


def cpp_compiler() -> str | None:
    """Where the C++ compiler is that PyTorch would call; None where there is none."""
    return shutil.which(os.environ.get("CXX") or "g++")


@contextmanager
def _cache() -> Iterator[None]:
    """Within, PyTorch keeps what it compiles in the user's cache; the variable is as it was afterwards."""
    before = os.environ.get(_CACHE)
    own = pooch.os_cache("deepbelief") / "compiled"
    # PyTorch writes its own choice, a temporary folder, into the variable: that is nobody's wish.
    pytorchs = str(Path(tempfile.gettempdir()) / "torchinductor_")
    folder = own if before is None or before.startswith(pytorchs) else Path(before)
    with tempfile.TemporaryDirectory() as temporary:
        if not _is_writable(folder):
            _warn(f"compiled steps cannot be kept in {folder}, so that the next process compiles them again")
            folder = Path(temporary)
        os.environ[_CACHE] = str(folder)
        try:
            yield
        finally:
            if before is None:
                del os.environ[_CACHE]
            else:
                os.environ[_CACHE] = before


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _warn(message: str) -> None:
    warnings.warn(f"{message}.", CompileWarning, stacklevel=3)
