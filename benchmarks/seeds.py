"""Train one recipe with several seeds, one after the other, and write every score: no seed is left out.

    python benchmarks/seeds.py laptop-sudoku6 --seeds 5

The seed decides weights, batches and exploration; the puzzles stay the same. Time is wall-clock time from the first
step to the end of the final evaluation; making the puzzles comes before and is listed by itself. Results go to
benchmarks/results/NAME.json, the logs beside it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import torch

from trm_edu.devices import device_name, pick_device
from trm_edu.recipes import RECIPES, get_recipe
from trm_edu.train import load_sets, train

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder for weights and logs")
    args = parser.parse_args()
    recipe = get_recipe(args.recipe)
    started = time.perf_counter()
    sets = load_sets(recipe)
    data_seconds = time.perf_counter() - started
    rows = []
    for seed in range(args.seeds):
        run = train(recipe.replace(seed=seed), args.runs / f"{recipe.name}-seed{seed}", sets=sets)
        score = run.evaluation
        steps = [k for k in (1, 4, 16) if k <= score.n_supervision]
        row = {"seed": seed, "exact": score.score, "interval": score.interval, "seconds": run.seconds}
        row |= {f"exact_{k}": score.exact[k - 1] for k in steps}
        row["train_seconds"] = run.log[-1]["train_seconds"]
        rows.append(row)
        print(json.dumps(row), flush=True)
    summary = {
        key: {"median": statistics.median(values), "min": min(values), "max": max(values)}
        for key in ("exact", "seconds")
        if (values := [row[key] for row in rows])
    }
    result = {
        "command": f"python benchmarks/seeds.py {args.recipe} --seeds {args.seeds}",
        "recipe": recipe.as_dict(),
        "training": sets[0].describe(),
        "held_out": sets[1].describe(),
        "data_seconds": data_seconds,
        "device": device_name(pick_device(recipe.device)),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "summary": summary,
        "runs": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{recipe.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(summary, indent=1))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
