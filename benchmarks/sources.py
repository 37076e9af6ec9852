"""How fast do puzzles come, and what do they hold in memory? Generators of mazes, and ARC's augmentations on the fly.

    taskset -c 0 python benchmarks/sources.py
    python benchmarks/sources.py --seconds 1 --out my.json

The results go to benchmarks/results/sources.json unless --out says otherwise. One thread, so one core.

`mazes`: mazes a second, fingerprints and labels included, after the compilation of the first call. `labels`: the
label rule on the real Maze-Hard mazes (TRM_EDU_DATA), how many it reproduces and how many a second. `arc`: for each
recipe the seconds to load and build its sets with all augmentations, the memory of the whole process afterwards
(maximum resident set, of a process of its own), and pairs a second of the stream of batches.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from record import RESULTS, header, write

from trm_edu.data import load_puzzles
from trm_edu.errors import DataError
from trm_edu.recipes import get_recipe
from trm_edu.tasks import get_task
from trm_edu.train import load_sets

MAZES = {"maze7": 2000, "maze10": 2000, "maze30": 256}  # how many at a time
REAL = ("maze-hard-train", "maze-hard-test-a")
ARC = ("arc-agi-1", "arc-agi-2")


def maze_rows(seconds: float) -> list[dict[str, Any]]:
    rows = []
    for name, count in MAZES.items():
        task, made, seed = get_task(name), 0, 0
        task.generate(1, seed=10**6)  # compiles
        started = time.perf_counter()
        while (spent := time.perf_counter() - started) < seconds:
            seed += 1
            made += len(task.generate(count, seed=seed))
        rows.append({"task": name, "distance": task.least, "mazes": made, "per_second": made / spent})
        print(rows[-1], flush=True)
    return rows


def label_rows() -> list[dict[str, Any]]:
    rows, task = [], get_task("maze30")
    for name in REAL:
        try:
            puzzles = load_puzzles(name, task)
        except DataError as error:
            print(f"left out: {error}")
            continue
        started = time.perf_counter()
        same = int((task.label(puzzles.questions) == puzzles.answers).all(1).sum())
        spent = time.perf_counter() - started
        rows.append({"data": name, "mazes": len(puzzles), "reproduced": same, "per_second": len(puzzles) / spent})
        print(rows[-1], flush=True)
    return rows


def arc_row(name: str, seconds: float, batch: int = 768) -> dict[str, Any]:
    """In this very process: call it in a fresh one, so that the memory is its own."""
    recipe = get_recipe(name)
    started = time.perf_counter()
    training, measure = load_sets(recipe)
    build, pairs, batches = time.perf_counter() - started, 0, 0
    stream = training.stream(batch, seed=0, device="cpu")
    started = time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds or batches < 2:
        pairs += len(next(stream).inputs)
        batches += 1
    rows, started = 0, time.perf_counter()
    for piece in measure:
        rows += len(piece)
        if (took := time.perf_counter() - started) > seconds:
            break
    return {
        "recipe": name,
        "training": training.describe(),
        "evaluation": measure.describe(),
        "build_seconds": build,
        "batch": batch,
        "batches": batches,
        "pairs_per_second": pairs / spent,
        "evaluation_rows_per_second": rows / took,
        "memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="time spent on each row")
    parser.add_argument("--out", type=Path, default=RESULTS / "sources.json")
    parser.add_argument("--arc-row", choices=ARC, help=argparse.SUPPRESS)  # what the fresh processes are called with
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    if args.arc_row:
        print(json.dumps(arc_row(args.arc_row, args.seconds)))
        return
    result = header(__file__, sys.argv[1:] if argv is None else argv, torch.device("cpu"))
    result |= {"threads": 1, "mazes": maze_rows(args.seconds), "labels": label_rows(), "arc": []}
    for name in ARC:
        command = [sys.executable, __file__, "--arc-row", name, "--seconds", str(args.seconds)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"left out: {name}: {done.stderr.strip().splitlines()[-1]}")
            continue
        result["arc"].append(json.loads(done.stdout.splitlines()[-1]))
        print(result["arc"][-1], flush=True)
    write(args.out, result)
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()
