"""What does more computing at test time buy? One network, one set of puzzles, many ways to spend.

    python benchmarks/inference_cost.py --count 500
    python benchmarks/inference_cost.py --weights runs/my-run/model.safetensors --data generated --count 200 --starts 4

Without --weights the shipped network of --task (sudoku9) is measured; without --data sx-proxy where TRM_EDU_DATA is set
and the task is sudoku9, else generated puzzles of another seed than the training's. No puzzle is equivalent to a
training puzzle, if those are at hand; the result says so. Results go to benchmarks/results/inference_cost.json unless
--out says otherwise.

Scores of different regimes never stand in one table:

- A: trained on at most 1,000 Sudoku-Extreme puzzles, one pass of at most 16 steps (with or without halting),
- B: the same network, with more steps, several starts, votes, or the rules to choose by,
- C: trained on more of Sudoku-Extreme,
- D: symmetry or constraint solving built into network or state,
- own: trained on other puzzles. C, D and own have a table for one pass and one for test-time compute.

An evaluation is one puzzle for one supervision step. The starts of a puzzle are run once, and every way to pick among
their answers reads the same answers: its cost is that of all of them. `any_start`: share of puzzles of which at least
one start has the right answer; no strategy, since it needs the solution.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import RESULTS, header, write

from trm_edu.checkpoints import Checkpoint, load_model, shipped_model
from trm_edu.cli import training_puzzles
from trm_edu.data import DATA_VARIABLE, as_tensor, load_puzzles
from trm_edu.devices import pick_device
from trm_edu.evaluate import PICKS
from trm_edu.inference import (
    ONE_PASS,
    Answers,
    best_by_halting,
    best_by_rules,
    first_to_halt,
    hopeless_above,
    majority,
    run_to_halt,
    several_starts,
    turned_starts,
)
from trm_edu.intervals import wilson_interval
from trm_edu.solve import check_fits
from trm_edu.tasks import PuzzleSet, get_task
from trm_edu.variants import model_name

Run = Callable[[PuzzleSet], Answers]
REGIME_A = 1000  # training puzzles
GIVE_UP = 30  # repeated digits from step 3 on; chosen for the shipped 9x9 network on the first 1,000 of sx-proxy


def regime(model: str, recipe: dict[str, Any], one_pass: bool) -> str:
    """The table in which a score belongs."""
    spent = "one pass" if one_pass else "test-time compute"
    data, count = recipe.get("train_data", ""), recipe.get("train_count")
    if model == "symmetric":
        return f"D, {spent}"
    if not data.startswith("sudoku-extreme"):
        return f"own, {spent}"
    if data == "sudoku-extreme-1k" or (count is not None and count <= REGIME_A):
        return "A" if one_pass else "B"
    return f"C, {spent}"


def pick(answers: Answers, way: str, piece: PuzzleSet) -> Answers:
    """One answer of each puzzle."""
    if way == "rules":
        return best_by_rules(get_task(piece.task), piece.questions, answers)
    return {"halting": best_by_halting, "first": first_to_halt, "vote": majority}[way](answers)


@torch.no_grad()
def spend(puzzles: PuzzleSet, run: Run, picks: Sequence[str], size: int, device: torch.device) -> list[dict[str, Any]]:
    """A row for each pick, or one without a pick. `run` gives [N, L] without picks and [K, N, L] with."""
    ways, any_start, evaluations, started = list(picks) or [None], 0, 0, time.perf_counter()
    hits = dict.fromkeys(ways, 0)
    for start in range(0, len(puzzles), size):
        piece = puzzles.take(slice(start, start + size))
        right = as_tensor(piece.answers, device)
        answers = run(piece)
        evaluations += answers.evaluations
        any_start += int((answers.tokens == right).all(-1).view(-1, len(piece)).any(0).sum())
        for way in ways:
            chosen = answers if way is None else pick(answers, way, piece)
            hits[way] += int((chosen.tokens == right).all(-1).sum())
    seconds, total = time.perf_counter() - started, len(puzzles)
    shared = {"count": total, "evaluations_per_puzzle": evaluations / total, "seconds": seconds}
    shared |= {"passes": evaluations / total / ONE_PASS}
    rows = []
    for way in ways:
        row = {"pick": way, "exact": hits[way] / total, "interval": wilson_interval(hits[way], total)} | shared
        rows.append(row if way is None else row | {"any_start": any_start / total})
    return rows


def strategies(
    model: torch.nn.Module, task: Any, starts: int, symmetries: int, steps: int, noise: float, seed: int, batch: int
) -> list[tuple[str, bool, Run, Sequence[str], int]]:
    """Name, whether it is one pass, how to run a piece, picks, and how many puzzles a piece may hold."""
    device = next(model.parameters()).device
    many = {"n_supervision": ONE_PASS, "batch_size": batch}

    def once(limit: int, halt_above: float) -> Run:
        options = {"halt_above": halt_above, "batch_size": batch}
        return lambda piece: run_to_halt(model, as_tensor(piece.questions, device), limit, **options)

    def given_up(piece: PuzzleSet) -> Answers:
        rule = {"halt_above": 2.0, "hopeless": hopeless_above(task, GIVE_UP), "batch_size": batch}
        return run_to_halt(model, as_tensor(piece.questions, device), ONE_PASS, **rule)

    def noisy(piece: PuzzleSet) -> Answers:
        return several_starts(
            model, as_tensor(piece.questions, device), starts, noise=noise, generator=generator, **many
        )

    def turned(piece: PuzzleSet) -> Answers:
        return turned_starts(model, task, piece.questions, symmetries, rng, **many)

    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    found = [
        (f"{ONE_PASS} fixed steps", True, once(ONE_PASS, math.inf), (), 32 * batch),
        (f"halting, at most {ONE_PASS} steps", True, once(ONE_PASS, 0.0), (), 32 * batch),
        (f"halting above 2, at most {ONE_PASS} steps", True, once(ONE_PASS, 2.0), (), 32 * batch),
        (f"halting above 2, given up above {GIVE_UP} repeats", True, given_up, (), 32 * batch),
        (f"{steps} fixed steps", False, once(steps, math.inf), (), 32 * batch),
        (f"halting, at most {steps} steps", False, once(steps, 0.0), (), 32 * batch),
    ]
    if starts > 1:
        name = f"{starts} starts with noise {noise:g}, halting"
        found.append((name, False, noisy, PICKS, max(1, 4 * batch // starts)))
    if symmetries > 1:
        found.append((f"{symmetries} symmetries, halting", False, turned, PICKS, max(1, 4 * batch // symmetries)))
    return found


def measure(
    checkpoint: Checkpoint,
    puzzles: PuzzleSet,
    *,
    starts: int = 16,
    symmetries: int = 8,
    steps: int = 64,
    noise: float = 1.0,
    seed: int = 0,
    batch: int = 256,
    done: Callable[[dict[str, list[dict[str, Any]]]], None] = lambda tables: None,
) -> dict[str, list[dict[str, Any]]]:
    """Regime -> rows. `done` sees the tables after every strategy."""
    model, task = checkpoint.model.eval(), get_task(puzzles.task)
    check_fits(model, task)
    device, tables = next(model.parameters()).device, {}
    for name, one_pass, run, picks, size in strategies(model, task, starts, symmetries, steps, noise, seed, batch):
        table = regime(model_name(model), checkpoint.recipe, one_pass)
        for row in spend(puzzles, run, picks, size, device):
            row = {"regime": table, "strategy": name} | row
            tables.setdefault(table, []).append(row)
            low, high = row["interval"]
            way = f", picked by {row['pick']}" if row["pick"] else ""
            print(
                f"[{table}] {name + way:52s} {row['exact']:6.1%} [{low:.1%}, {high:.1%}] of {row['count']:,}; "
                f"{row['evaluations_per_puzzle']:.1f} evaluations a puzzle, {row['seconds']:.1f} s",
                flush=True,
            )
        done(tables)
    return tables


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="a .safetensors file (default: the shipped network)")
    parser.add_argument("--task", default="sudoku9", help="of the shipped network")
    parser.add_argument("--data", help="a data set, a CSV file, or generated")
    parser.add_argument("--count", type=int, default=500, help="puzzles (default 500)")
    parser.add_argument("--starts", type=int, default=16, help="noisy starts of a puzzle (default 16)")
    parser.add_argument("--symmetries", type=int, default=8, help="turned images of a puzzle (default 8)")
    parser.add_argument("--steps", type=int, default=64, help="supervision steps beyond those of training (default 64)")
    parser.add_argument("--noise", type=float, default=1.0, help="on z of the further starts (default 1)")
    parser.add_argument("--batch", type=int, default=256, help="puzzles side by side (default 256)")
    parser.add_argument("--seed", type=int, default=1, help="of the drawn or generated puzzles, starts and symmetries")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=RESULTS / "inference_cost.json")
    args = parser.parse_args(argv)
    device = pick_device(args.device)
    load = {"device": device}
    checkpoint = load_model(args.weights, **load) if args.weights else shipped_model(args.task, **load)
    real = checkpoint.task == "sudoku9" and os.environ.get(DATA_VARIABLE)
    training, overlap = training_puzzles(checkpoint, get_task(checkpoint.task))
    data = args.data or ("sx-proxy" if real else "generated")
    puzzles = load_puzzles(data, checkpoint.task, count=args.count, seed=args.seed, exclude=training)
    result = header(__file__, sys.argv[1:] if argv is None else argv, device)
    result |= {"trained_on": checkpoint.regime, "evaluated_on": puzzles.describe(), "overlap": overlap, "tables": {}}
    print(f"trained on {checkpoint.regime}\nmeasured on {puzzles.describe()}; {overlap}")

    def keep(tables: dict[str, list[dict[str, Any]]]) -> None:
        write(args.out, result | {"tables": tables})

    names = ("starts", "symmetries", "steps", "noise", "seed", "batch")
    measure(checkpoint, puzzles, **{name: getattr(args, name) for name in names}, done=keep)
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()
