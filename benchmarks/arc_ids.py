"""What do puzzle ids hold? A network under right, blank and wrong ids, and new rows learned for a network that stays.

    python benchmarks/arc_ids.py runs/laptop-arc-seed0 runs/laptop-arc-seed1 runs/laptop-arc-seed2

Each folder holds a finished run of an ARC recipe. `ids`: the same test inputs under the id of their own task, under id
0, which belongs to no task and was never trained, and under an id of the next task; votes are counted for the right
task in each case. `adapted`: the tasks of `--new`, which the network has never seen. Only their rows of the puzzle
embedding are learned, from their demonstrations, for `--steps` steps; every other weight stays (the script checks it).
`before`: the same rows at zero. Results go to benchmarks/results/arc_ids.json unless --out says otherwise.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from record import RESULTS, header, write

from trm_edu.checkpoints import load_model
from trm_edu.devices import pick_device
from trm_edu.evaluate import Evaluation, evaluate
from trm_edu.recipes import Recipe
from trm_edu.train import load_sets, train
from trm_edu.trainer import PUZZLE_TABLE, Trainer
from trm_edu.voting import copying_the_input


def row_of(score: Evaluation) -> dict[str, Any]:
    """The scores of one evaluation."""
    return {"exact": score.exact[-1], "cells": score.cells[-1], "count": score.count, "scores": score.scores}


def under_ids(path: Path) -> dict[str, Any]:
    """One network under right, blank and wrong ids."""
    checkpoint = load_model(path)
    recipe = Recipe.from_dict(checkpoint.recipe)
    _, measure = load_sets(recipe)
    options = {"n_supervision": recipe.eval_supervision}
    return {
        ids: row_of(evaluate(checkpoint.model, replace(measure, ids=ids), **options))
        for ids in ("right", "blank", "wrong")
    }


def adapted(path: Path, new: str, steps: int) -> dict[str, Any]:
    """Rows for the tasks of `new`, learned with the network of `path` as it is."""
    first = load_model(path)
    recipe = Recipe.from_dict(first.recipe).replace(
        start_from=str(path), only_ids=True, eval_data=new, steps=steps, eval_every=steps, save_every=steps
    )
    sets = load_sets(recipe)
    recipe = recipe.replace(puzzle_ids=sets[0].puzzle_ids)
    before = evaluate(Trainer(recipe, sets[0]).average(), sets[1], n_supervision=recipe.eval_supervision)
    with tempfile.TemporaryDirectory() as folder:
        run = train(recipe, folder, sets=sets)
    for name, weight in first.model.state_dict().items():
        assert name == PUZZLE_TABLE or torch.equal(weight.cpu(), run.model.state_dict()[name].cpu()), name
    return {
        "tasks": sets[1].describe(),
        "steps": steps,
        "seconds": run.seconds,
        "copying_the_input": copying_the_input(sets[1].pairs.tasks)._asdict(),
        "before": row_of(before),
        "after": row_of(run.evaluation),
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    parser.add_argument("--new", default="arc-agi-1-evaluation", help="tasks for which rows are learned")
    parser.add_argument("--steps", type=int, default=1000, help="steps in which they are learned")
    parser.add_argument("--out", type=Path, default=RESULTS / "arc_ids.json")
    args = parser.parse_args(argv)
    result = header(__file__, sys.argv[1:] if argv is None else argv, pick_device("auto"))
    result["runs"] = []
    for folder in args.runs:
        path = folder / "model.safetensors"
        row = {"run": folder.name, "ids": under_ids(path), "adapted": adapted(path, args.new, args.steps)}
        result["runs"].append(row)
        print(row, flush=True)
    write(args.out, result)
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()
