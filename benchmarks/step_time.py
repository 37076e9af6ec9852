"""How long a training step takes, what memory it needs, and what share of the machine's matrix products it reaches.

    python benchmarks/step_time.py                  # on the GPU or CPU at hand, every row eager and compiled
    python benchmarks/step_time.py --quick          # fewer rows, under a minute: to see that it works
    python benchmarks/step_time.py --rows faithful --batch 1 --device cpu --out my.json

The results go to benchmarks/results/step_time.json unless --out says otherwise (--quick writes nothing without --out).

Everything is measured in one process: the rate of square matrix products in each number format, and training steps
(forward, backward, clipping, optimizer, EMA, batches with augmentation) of

- the authors' shapes at small batch (D = 512, L = 97, T = 3, n = 6),
- the recipe `laptop-sudoku6`,
- the same recipe at the authors' shapes: 16-token prefix, SwiGLU widths rounded up to a multiple of 256,
- on CUDA the published step at batch 768 with and without its prefix (L = 97, L = 81), and `sudoku-extreme-fast` at its
  full depth.

Puzzles a second are slots: a puzzle stays in its slot for several steps. Memory: on CUDA the most that torch had
allocated; on a CPU the bytes that autograd keeps for the backward pass (an eager step; by counting, not by measuring)
and the growth of the process's memory above what it was before the model was made, on Linux. A row whose compilation
fails says so and has no time.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import re
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from record import RESULTS, first_line, header, write

from trm_edu.data import load_puzzles
from trm_edu.devices import faster_dtype, matmul_rate, pick_device
from trm_edu.flops import step_flops
from trm_edu.forecast import kept_for_backward
from trm_edu.interface import parameter_count
from trm_edu.recipes import RECIPES, Recipe
from trm_edu.tasks import PuzzleSet
from trm_edu.trainer import Trainer

LAPTOP = RECIPES["laptop-sudoku6"]
FAITHFUL = {"prefix_len": 16, "swiglu_multiple": 256}
AUTHORS = Recipe(
    name="authors-shapes",
    task="sudoku9",
    hidden=512,
    T=3,
    n=6,
    batch_size=16,
    optimizer="adam_atan2",
    loss="stablemax",
    stagger=False,
    **FAITHFUL,
)
FORMATS = ("float32", "bfloat16")
WAYS = ("eager", "compiled")
# The published step and ours, as large as a GPU takes it. The depth of ours grows in training; here it is full.
FULL_SIZE = {
    "faithful step, L=97": RECIPES["sudoku-extreme"],
    "faithful step, L=81": RECIPES["sudoku-extreme"].replace(prefix_len=0),
    "sudoku-extreme-fast": RECIPES["sudoku-extreme-fast"].replace(depths=()),
}
SIZES = {"authors' shapes": AUTHORS, "laptop-sudoku6": LAPTOP}
SIZES |= {"laptop-sudoku6 at the authors' shapes": LAPTOP.replace(**FAITHFUL)}


def cases(wanted: str | None, full_size: bool, formats: Sequence[str] = FORMATS) -> dict[str, Recipe]:
    """What is timed, in this order. wanted: part of the row's name; it also finds rows that are for CUDA otherwise."""
    rows = {f"{name}, {dtype}": recipe.replace(dtype=dtype) for name, recipe in SIZES.items() for dtype in formats}
    if full_size or wanted:
        rows |= {f"{name}, {recipe.dtype}": recipe for name, recipe in FULL_SIZE.items()}
    ways = {
        f"{name}, {way}": recipe.replace(compile=way == "compiled") for name, recipe in rows.items() for way in WAYS
    }
    return {name: recipe for name, recipe in ways.items() if not wanted or wanted in name}


class PeakMemory:
    """Bytes by which the memory in use has grown at most since this was made; None where the system does not tell."""

    def __init__(self, device: torch.device):
        self.device, self.before = device, None
        gc.collect()
        if device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
            self.before = 0
        elif device.type == "cpu":
            with contextlib.suppress(OSError, AttributeError):
                ctypes.CDLL("libc.so.6").malloc_trim(0)  # gives back what earlier rows have freed
                Path("/proc/self/clear_refs").write_text("5")  # sets the kernel's high-water mark anew
                self.before = self.line("VmRSS")

    @staticmethod
    def line(name: str) -> int:
        return 1024 * int(re.search(rf"^{name}:\s+(\d+)", Path("/proc/self/status").read_text(), re.M)[1])

    def bytes(self) -> int | None:
        if self.before is None:
            return None
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return max(0, self.line("VmHWM") - self.before)


@lru_cache
def some_puzzles(task: str) -> PuzzleSet:
    return load_puzzles("generated", task, count=256 if task != "sudoku4" else 16, seed=0)


def measure(recipe: Recipe, device: torch.device, seconds: float, least: int = 5) -> dict[str, Any]:
    """Median and spread of the step time over at least `seconds` and `least` steps, with memory and rates."""
    puzzles = some_puzzles(recipe.task)
    wait = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    torch.compiler.reset()
    memory, begun = PeakMemory(device), time.perf_counter()
    trainer = Trainer(recipe.replace(device=str(device)), puzzles)
    if recipe.compile and trainer.compiled is trainer.model:
        raise RuntimeError("there is no C++ compiler")
    trainer.step()
    wait()
    first = time.perf_counter() - begun
    for _ in range(2):
        trainer.step()
    wait()
    times, started = [], time.perf_counter()
    while time.perf_counter() - started < seconds or len(times) < least:
        before = time.perf_counter()
        trainer.step()
        wait()
        times.append(time.perf_counter() - before)
    times.sort()
    peak, config, slots = memory.bytes(), trainer.model.config, recipe.batch_size * recipe.starts
    flops, median = step_flops(recipe.model, config, slots), times[len(times) // 2]
    size = 8192 if device.type == "cuda" else 2048  # a GPU needs a large product to be busy
    rate = matmul_rate(device, config.torch_dtype, size=size, seconds=1.0)
    row = {
        "ms": median * 1e3,
        "ms_10": times[len(times) // 10] * 1e3,
        "ms_90": times[len(times) * 9 // 10] * 1e3,
        "steps": len(times),
        "first_step_seconds": first,
        "batch": recipe.batch_size,
        "positions": config.n_positions,
        "parameters": parameter_count(trainer.model),
        "gflop_per_step": flops / 1e9,
        "gflops": flops / median / 1e9,
        "matmul_gflops": rate / 1e9,
        "share_of_matmul": flops / median / rate,
        "puzzles_per_second": slots / median,
        "tokens_per_second": slots * config.n_positions / median,
        "peak_memory_bytes": peak,
    }
    if not recipe.compile:
        row["kept_for_backward_bytes"] = kept_for_backward(recipe.model, config, slots // recipe.accumulate)
    return row


def attempt(recipe: Recipe, device: torch.device, seconds: float, least: int = 5) -> dict[str, Any]:
    """`measure`, or a row that says why there is no time: a compiler's errors are of every class."""
    try:
        return measure(recipe, device, seconds, least)
    except Exception as error:
        return {"failed": first_line(error), "batch": recipe.batch_size}


def line(name: str, row: dict[str, Any]) -> str:
    """A row for a person."""
    if "failed" in row:
        return f"{name:58s} {row['failed']}"
    share = f"{row['gflops']:8.0f} GFLOP/s = {row['share_of_matmul']:4.0%} of {row['matmul_gflops']:.0f}"
    memory = "" if row["peak_memory_bytes"] is None else f", {row['peak_memory_bytes'] / 1e6:6.0f} MB"
    return f"{name:58s} {row['ms']:8.1f} ms {share}, {row['puzzles_per_second']:7.0f} puzzles/s{memory}"


def ratios(rows: dict[str, dict[str, Any]], slow: str, fast: str) -> dict[str, float]:
    """How many times faster `fast` is than `slow`, for every format and way in which both have a time and one batch."""
    found = {}
    for name, row in rows.items():
        other, rest = rows.get(fast + name.removeprefix(slow), {}), name.removeprefix(f"{slow}, ")
        if name.startswith(f"{slow}, ") and "ms" in row and "ms" in other and row["batch"] == other["batch"]:
            found[rest] = row["ms"] / other["ms"]
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=15.0, help="time spent on each row")
    parser.add_argument("--rows", help="only rows with this in their name")
    parser.add_argument("--batch", type=int, help="of the rows at full size, for a smaller GPU (default 768)")
    parser.add_argument("--quick", action="store_true", help="one number format, small batches, little is compiled")
    parser.add_argument("--out", type=Path, help="default benchmarks/results/step_time.json")
    args = parser.parse_args(argv)
    device, quick = pick_device(args.device), args.quick
    wanted = cases(args.rows, device.type == "cuda", (faster_dtype(device),) if quick else FORMATS)
    out = args.out or (None if quick else RESULTS / "step_time.json")
    result = header(__file__, sys.argv[1:] if argv is None else argv, device) | {"rows": {}}
    rows = result["rows"]
    for name, recipe in wanted.items():
        if args.batch and any(name.startswith(big) for big in FULL_SIZE):
            recipe = recipe.replace(batch_size=args.batch)
        if quick and recipe.compile:  # compiling takes long: of one row, and of that the shortest recursion
            if not name.startswith("laptop-sudoku6, "):
                continue
            name, recipe = f"{name}, T=1 n=1", recipe.replace(T=1, n=1)
        if quick and recipe.hidden >= 512:
            recipe = recipe.replace(batch_size=1)
        rows[name] = attempt(recipe, device, *((0.5, 3) if quick else (args.seconds, 5)))
        print(line(name, rows[name]), flush=True)
        result["speedup_over_authors_shapes"] = ratios(rows, "laptop-sudoku6 at the authors' shapes", "laptop-sudoku6")
        result["speedup_over_faithful_step"] = ratios(rows, "faithful step, L=97", "sudoku-extreme-fast")
        if out:
            write(out, result)  # after every row: what was measured stays if the next one never ends
    for what in ("speedup_over_authors_shapes", "speedup_over_faithful_step"):
        if result.get(what) and not quick:  # three steps are no measurement
            print(f"{what}: " + ", ".join(f"{name} {value:.2f}x" for name, value in result[what].items()))
    if out:
        print(f"written to {out}")


if __name__ == "__main__":
    main()
