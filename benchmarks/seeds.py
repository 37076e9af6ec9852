"""Train one recipe with several seeds, one after the other, and write every score: no seed is left out.

    python benchmarks/seeds.py laptop-sudoku6 --seeds 5

The seed decides weights, batches and exploration; the puzzles stay the same. Time is wall-clock time from the first
step to the end of the final evaluation; making the puzzles comes before and is listed by itself. Results go to
benchmarks/results/NAME.json, the log of each seed beside it as NAME-seedK.jsonl. `--set FIELD=VALUE` changes fields of
the recipe for a comparison, `--name` is what its results are called then.
"""

from __future__ import annotations

import argparse
import ast
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from record import RESULTS, header, write

from trm_edu.data import write_whole
from trm_edu.devices import pick_device
from trm_edu.logs import log_file
from trm_edu.recipes import RECIPES, get_recipe
from trm_edu.train import load_sets, train


def changed(text: str) -> tuple[str, Any]:
    """FIELD=VALUE; a value that is no Python literal is text."""
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder for weights and logs")
    parser.add_argument("--set", type=changed, nargs="+", default=[], metavar="FIELD=VALUE", help="for a comparison")
    parser.add_argument("--name", help="of the results (default: the recipe's)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    args = parser.parse_args(argv)
    name = args.name or args.recipe
    if args.set and name == args.recipe:
        parser.error("--set makes another recipe: give its results a --name of their own")
    recipe = get_recipe(args.recipe).replace(**dict(args.set), name=name)
    started = time.perf_counter()
    sets = load_sets(recipe)
    data_seconds = time.perf_counter() - started
    rows = []
    for seed in range(args.seeds):
        folder = args.runs / f"{name}-seed{seed}"
        run = train(recipe.replace(seed=seed), folder, sets=sets)
        write_whole(args.out / f"{name}-seed{seed}.jsonl", log_file(folder).read_bytes())
        score = run.evaluation
        steps = [k for k in (1, 4, 16) if k <= score.n_supervision]
        row = {"seed": seed, "exact": score.score, "interval": score.interval, "seconds": run.seconds}
        row |= {f"exact_{k}": score.exact[k - 1] for k in steps}
        row |= {"scores": score.scores, "steps": run.log[-1]["step"], "train_seconds": run.log[-1]["train_seconds"]}
        rows.append(row)
        print(json.dumps(row), flush=True)
    summary = {
        key: {"median": statistics.median(values), "min": min(values), "max": max(values)}
        for key in ("exact", "seconds")
        if (values := [row[key] for row in rows])
    }
    for score in rows[0]["scores"]:
        values = [row["scores"][score][0] for row in rows]
        summary[score] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    result = header(__file__, sys.argv[1:] if argv is None else argv, pick_device(recipe.device))
    result |= {
        "recipe": recipe.as_dict(),
        "training": sets[0].describe(),
        "held_out": sets[1].describe(),
        "data_seconds": data_seconds,
        "summary": summary,
        "runs": rows,
    }
    path = args.out / f"{name}.json"
    write(path, result)
    print(json.dumps(summary, indent=1))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
