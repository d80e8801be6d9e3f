"""Chooses the device to compute on, and describes the machine for records."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

import psutil
import torch

from deepbelief.errors import SettingsError
from deepbelief.system.processes import here, own_device


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA where there is a GPU, else the CPU; `SettingsError` if the device is unknown or missing.

    Of processes that work together each has a GPU of its own.
    """
    if here().count > 1 and (name == "cuda" or (name == "auto" and torch.cuda.is_available())):
        return own_device()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # fails on the device "meta", which holds no values
    except (RuntimeError, AssertionError, ImportError):
        raise SettingsError(f"the device {name!r} is not there: give --device cpu, or leave --device out.") from None
    return device


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Processor, cores, threads, memory and device, for records."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def peak_memory(device: torch.device | str = "cpu") -> int:
    """Bytes: the largest resident size of this process, and on a GPU what PyTorch took there."""
    device = torch.device(device)
    return _peak_resident() + (torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0)


def _peak_resident() -> int:
    """The largest resident size so far, in the way of this operating system."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):  # not Linux; there this counts the parent's memory in, so it is the second choice
        import resource  # here, because Windows has no such module

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def processor_maker() -> str:
    """Who made the processor, as it says itself, such as `AuthenticAMD`; empty where that cannot be read."""
    return _cpu_information("vendor_id") or ""


def _processor() -> str:
    """The processor's name; Python's own `platform.processor` is empty on Linux."""
    return _cpu_information("model name") or platform.processor() or "unknown"


def _cpu_information(name: str) -> str | None:
    """What Linux tells of the first core under a name; None elsewhere, or where it tells nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
