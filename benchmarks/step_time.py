"""How long a training step takes, and what share of the machine's matrix-product rate it reaches.

    python benchmarks/step_time.py                  # on the GPU or CPU at hand
    python benchmarks/step_time.py --device cpu --seconds 10 --out my.json

The results go to benchmarks/results/step_time.json unless --out says otherwise.

Everything is measured in one process: first the rate of square matrix products in each number format, then training
steps (forward, backward, clipping, optimizer, EMA, batches with augmentation) of

- the authors' shapes at small batch (D = 512, L = 97, T = 3, n = 6),
- the recipe `laptop-sudoku6`,
- the same recipe at the authors' shapes: 16-token prefix, SwiGLU widths rounded up to a multiple of 256.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import torch

from trm_edu.data import load_puzzles
from trm_edu.devices import device_name, matmul_rate, pick_device
from trm_edu.flops import step_flops
from trm_edu.interface import parameter_count
from trm_edu.recipes import RECIPES, Recipe
from trm_edu.train import Trainer

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


def cases() -> list[tuple[str, Recipe]]:
    """What is timed, in this order."""
    rows = [(f"authors' shapes, {dtype}", AUTHORS.replace(dtype=dtype)) for dtype in ("float32", "bfloat16")]
    for dtype in ("float32", "bfloat16"):
        rows.append((f"laptop-sudoku6, {dtype}", LAPTOP.replace(dtype=dtype)))
        rows.append((f"laptop-sudoku6 at the authors' shapes, {dtype}", LAPTOP.replace(dtype=dtype, **FAITHFUL)))
    return rows


def time_steps(recipe: Recipe, device: torch.device, seconds: float) -> dict[str, float]:
    """Median and spread of the step time over at least `seconds`."""
    puzzles = load_puzzles("generated", recipe.task, count=256, seed=0)
    trainer = Trainer(recipe.replace(device=str(device)), puzzles)
    wait = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    for _ in range(3):
        trainer.step()
    times, started = [], time.perf_counter()
    while time.perf_counter() - started < seconds or len(times) < 5:
        before = time.perf_counter()
        trainer.step()
        wait()
        times.append(time.perf_counter() - before)
    times.sort()
    flops = step_flops(recipe.model, trainer.model.config, recipe.batch_size)
    rate = matmul_rate(device, trainer.model.config.torch_dtype, size=2048, seconds=1.0)
    median = times[len(times) // 2]
    return {
        "ms": median * 1e3,
        "ms_10": times[len(times) // 10] * 1e3,
        "ms_90": times[len(times) * 9 // 10] * 1e3,
        "steps": len(times),
        "batch": recipe.batch_size,
        "parameters": parameter_count(trainer.model),
        "gflop_per_step": flops / 1e9,
        "gflops": flops / median / 1e9,
        "matmul_gflops": rate / 1e9,
        "share_of_matmul": flops / median / rate,
        "puzzles_per_second": recipe.batch_size / median,
        "tokens_per_second": recipe.batch_size * trainer.model.config.n_positions / median,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=15.0, help="time spent on each row")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "step_time.json")
    args = parser.parse_args()
    device = pick_device(args.device)
    rows = {}
    for name, recipe in cases():
        rows[name] = row = time_steps(recipe, device, args.seconds)
        share = f"{row['gflops']:7.0f} GFLOP/s = {row['share_of_matmul']:4.0%} of {row['matmul_gflops']:.0f}"
        print(f"{name:55s} {row['ms']:8.1f} ms  {share}", flush=True)
    speedups = {
        dtype: rows[f"laptop-sudoku6 at the authors' shapes, {dtype}"]["ms"] / rows[f"laptop-sudoku6, {dtype}"]["ms"]
        for dtype in ("float32", "bfloat16")
    }
    print("recipe against the authors' shapes: " + ", ".join(f"{k} {v:.2f}x" for k, v in speedups.items()))
    result = {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "device": device_name(device),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "rows": rows,
        "speedup_over_authors_shapes": speedups,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()
