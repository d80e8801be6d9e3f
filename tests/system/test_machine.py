"""Devices, and figures of the machine on every system."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from deepbelief.errors import SettingsError
from deepbelief.system.machine import choose_device, peak_memory


def test_devices() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in ("cpu", "cuda")
    for name in ("gpu", "cuda:99", "xpu"):
        with pytest.raises(SettingsError, match=f"the device {name!r} is not there"):
            choose_device(name)


def test_peak_memory_is_at_least_what_is_held_now() -> None:
    held = psutil.Process().memory_info().rss
    assert held / 2 < peak_memory() < 1e12  # half: pages may have been given back since


def test_peak_memory_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no /proc, such as macOS, getrusage knows it: no less, as it counts parents in."""
    expected = peak_memory()

    def no_file(path: Path, encoding: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", no_file)
    assert expected / 2 < peak_memory() < 1e12


def test_peak_memory_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=1234)))
    assert peak_memory() == 1234


# What a system other than POSIX lacks: modules, and functions of `os` and `signal`.
WITHOUT_POSIX = """
import importlib, os, pkgutil, signal, sys

class Refuses:
    MISSING = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}

    def find_spec(self, name, path=None, target=None):
        if name in self.MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

# What the libraries that we use import of these is theirs to guard.
import filelock, jinja2, lazy_loader, matplotlib.style, numpy, PIL.Image, pooch, psutil, pydantic, requests, rich.live
import safetensors.torch, scipy.optimize, sklearn.metrics, threadpoolctl, torch, typer.testing
for name in Refuses.MISSING:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Refuses())
for name in ("getuid", "geteuid", "getpgid", "fork", "killpg", "sched_getaffinity", "sysconf", "uname", "statvfs"):
    vars(os).pop(name, None)
for name in ("SIGKILL", "SIGHUP", "SIGALRM", "alarm", "setitimer"):
    vars(signal).pop(name, None)

import deepbelief
for module in pkgutil.walk_packages(deepbelief.__path__, "deepbelief."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def test_every_module_is_imported_where_there_is_no_posix(tmp_path: Path) -> None:
    """And the machine is described, a file written."""
    works = f"""
from pathlib import Path
from deepbelief.system.atomic import write_atomically
from deepbelief.system.machine import choose_device, describe_machine, peak_memory
from deepbelief.system.memory import keep_freed_memory
assert describe_machine(choose_device("cpu"))["memory_bytes"] > 0
assert peak_memory() > 0
keep_freed_memory()
write_atomically(Path({str(tmp_path)!r}) / "file", b"content")
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WITHOUT_POSIX + works]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file").read_bytes() == b"content"
