"""Which device and which number format to compute in: by measurement, not by table."""

from __future__ import annotations

import os
import platform
import shutil
import time
from functools import lru_cache
from pathlib import Path

import torch

from trm_edu.errors import RecipeError


def pick_device(name: str = "auto") -> torch.device:
    """ "auto": CUDA, then Apple's MPS, then the CPU. RecipeError if the named device is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise RecipeError(
            f"device {name!r} cannot be used here ({str(error).splitlines()[0]}); try auto or cpu"
        ) from None
    return device


def sum_type(device: torch.device) -> torch.dtype:
    """In which number format to add up: float64, which counts the cells of any set exactly; Apple's MPS has none."""
    return torch.float32 if device.type == "mps" else torch.float64


@lru_cache
def matmul_rate(device: torch.device, dtype: torch.dtype, size: int | None = None, seconds: float = 0.1) -> float:
    """Measured rate of a square matrix product, in FLOP a second.

    size: 512 on a CPU; 4096 elsewhere, where a small product takes less time than its launch.
    """
    size = size or (512 if device.type == "cpu" else 4096)
    a = torch.randn(size, size, device=device).to(dtype)
    synchronise = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    for _ in range(3):
        a @ a
    synchronise()
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        a @ a
        synchronise()
        count += 1
    return 2 * size**3 * count / (time.perf_counter() - started)


def faster_dtype(device: torch.device) -> str:
    """ "bfloat16" where its matrix products are at least 1.5 times as fast as those of float32, else "float32"."""
    faster = matmul_rate(device, torch.bfloat16) > 1.5 * matmul_rate(device, torch.float32)
    return "bfloat16" if faster else "float32"


def cpp_compiler() -> str | None:
    """The C++ compiler that torch.compile would use on a CPU, or None."""
    names = (os.environ.get("CXX", ""), "c++", "g++", "clang++")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def device_name(device: torch.device) -> str:
    """The processor's name, for logs and model cards."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {torch.get_num_threads()} threads"
