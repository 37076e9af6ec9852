"""What is it worth to let a network improve its answer several times in training? N_sup 1, 2, 4 and 16.

    python benchmarks/n_supervision.py

One supervision step is one optimizer step, whatever N_sup is: runs with equal steps cost equally much. The puzzles are
those of `laptop-sudoku6`, and so is everything else but the length of the run (4,000 optimizer steps), the number
format (float32) and the recursion, of which there are two: the smallest possible (T=1, n=1), and the recipe's own (T=2,
n=2). The smallest was chosen by a criterion: one supervision step must not be enough, or there is nothing for the
others to add. A prototype had met it (9% after one step, 95% after sixteen); two pilot runs of half the length, N_sup 1
and 16, were seen before the runs of the file were started.

Every run is tested with sixteen supervision steps, on the same 1,000 unseen puzzles; the score after each is kept. All
seeds are written to benchmarks/results/n_supervision.json after every run; the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from record import RESULTS, earlier_runs, header, write

from trm_edu.devices import pick_device
from trm_edu.recipes import get_recipe
from trm_edu.train import load_sets, train

N_SUPERVISION = (1, 2, 4, 16)
RECURSIONS = ((1, 1), (2, 2))  # T and n
CHANGED = {"steps": 4000, "eval_every": 500, "eval_part": 200, "dtype": "float32", "name": "n_supervision"}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=CHANGED["steps"], help="optimizer steps of every run")
    parser.add_argument("--out", type=Path, default=RESULTS / "n_supervision.json")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)  # the smallest network gains nothing from a second core
    base = get_recipe("laptop-sudoku6").replace(**CHANGED | {"steps": args.steps})
    sets = load_sets(base)
    result = header(__file__, sys.argv[1:] if argv is None else argv, pick_device(base.device))
    result |= {"recipe": base.as_dict(), "training": sets[0].describe(), "held_out": sets[1].describe()}
    result["runs"] = earlier_runs(args.out, result)
    done = {(row["T"], row["n"], row["n_supervision"], row["seed"]) for row in result["runs"]}
    for T, n in RECURSIONS:
        for seed in range(args.seeds):
            for n_supervision in N_SUPERVISION:
                key = {"T": T, "n": n, "n_supervision": n_supervision, "seed": seed}
                if tuple(key.values()) in done:
                    continue
                run = train(base.replace(**key), sets=sets, progress=False)
                curve = [[row["step"], row["exact"][-1]] for row in run.log if row["kind"] == "eval"]
                result["runs"].append(key | {"exact": run.evaluation.exact, "curve": curve})
                write(args.out, result)
                print(json.dumps(key | {"exact": [run.evaluation.exact[step - 1] for step in (1, 4, 16)]}), flush=True)


if __name__ == "__main__":
    main()
