"""Turn a finished ARC run into the shipped network: measure it, write its weights and its model card.

    python benchmarks/ship_arc.py runs/laptop-arc-seed0

Weights are rounded to bfloat16 before they are measured: what is measured is what is shipped. It is measured as in
training (the task and its augmentations vote) and under blank and wrong ids. The log goes to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
from record import RESULTS
from ship import ASSETS

from trm_edu.checkpoints import load_model, save_model
from trm_edu.devices import device_name
from trm_edu.evaluate import Evaluation, evaluate
from trm_edu.interface import parameter_count
from trm_edu.recipes import Recipe
from trm_edu.train import load_sets
from trm_edu.trainer import PUZZLE_TABLE
from trm_edu.voting import copying_the_input

NAME = "arc7"
IDS = {"right": "of the task itself", "blank": "id 0, never trained", "wrong": "of the next task"}


def row(ids: str, score: Evaluation) -> str:
    """One line of the table: cells and pairs of single answers, then the votes."""
    votes = " | ".join(f"{share:.1%} [{low:.1%}, {high:.1%}]" for share, low, high in score.scores.values())
    return f"| {ids} ({IDS[ids]}) | {score.cells[-1]:.1%} | {score.exact[-1]:.1%} | {votes} |"


def other_runs() -> str:
    """What the runs of `seeds.py laptop-arc` reached."""
    found = json.loads((RESULTS / "laptop-arc.json").read_text())
    scores = ", ".join(f"{run['scores']['pass@2'][0]:.1%} (seed {run['seed']})" for run in found["runs"])
    return (
        f"Other runs of this recipe, on {found['device']}, reached a pass@2 of {scores}: `laptop-arc.json`. One seed "
        "does not fix a run: with another number of threads sums are rounded in another way."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of the run: model.safetensors and log.jsonl")
    args = parser.parse_args()
    checkpoint = load_model(args.run / "model.safetensors")
    model, recipe = checkpoint.model, Recipe.from_dict(checkpoint.recipe)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.copy_(tensor.bfloat16())
    log = (args.run / "log.jsonl").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    start, end = lines[0], lines[-1]
    _, measure = load_sets(recipe)
    scores = {
        ids: evaluate(model, replace(measure, ids=ids), n_supervision=recipe.eval_supervision, regime=start["training"])
        for ids in IDS
    }
    for ids, score in scores.items():
        print(row(ids, score), flush=True)
    copying = copying_the_input(measure.pairs.tasks)
    rows, width = model.state_dict()[PUZZLE_TABLE].shape
    tasks, tests = len(measure.pairs.tasks), len(measure.pairs)
    card = f"""# {NAME}.safetensors

A Tiny Recursive Model of {parameter_count(model):,} weights and a table of {rows} x {width} numbers, one row for each \
augmented task, trained with `trm_edu` on grids of ARC-AGI-1 that fit into 7 x 7.

| | |
|---|---|
| tasks | every ARC-AGI-1 *training* task whose grids all fit into 7 x 7: {tasks} tasks with {tests} test inputs. They \
are among the smallest of the set; scores are comparable with no published ones |
| trained on | {start["training"]}. The test pairs were not trained on |
| transductive | the network knows these tasks and their augmentations by their ids, and no other task |
| ours, not the paper's | 3x3 convolution to mix positions (paper: attention); the row of the id is added to every \
cell (paper: 16 positions before the cells); 7 augmentations (paper: 1,000) |
| recipe | {recipe.name}: D={recipe.hidden}, {recipe.n_layers} layers, {recipe.mixer}, T={recipe.T}, n={recipe.n}, \
N_sup={recipe.n_supervision}, batch {recipe.batch_size}, {recipe.optimizer}, {recipe.loss}, EMA {recipe.ema} |
| seed | {recipe.seed} |
| steps, time | {end["step"]:,} steps in {end["train_seconds"] / 60:.1f} minutes |
| machine | {start["device"]}, {start["dtype"]}, torch {start["versions"]["torch"]}; shared with other work |
| log | `benchmarks/results/{NAME}.jsonl` (one seed; three: `laptop-arc.json`) |

Measured by `benchmarks/ship_arc.py` on {device_name(torch.device("cpu"))}, {recipe.eval_supervision} steps for each \
answer. A test input is answered under the id of its task and of up to {recipe.eval_augmentations} augmentations; the \
answers are turned back and vote. Cells and pairs: of the {scores["right"].count} single answers, before they vote. \
The brackets hold 95% intervals (Wilson) for {tasks} tasks. Copying the input: {copying.pass_at_1:.1%} of the tasks, \
{copying.cell_accuracy:.1%} of the cells.

| shown under the id | cells | pairs | pass@1 | pass@2 |
|---|---|---|---|---|
{chr(10).join(row(ids, score) for ids, score in scores.items())}

{other_runs()}
"""
    metrics = checkpoint.metrics | {
        ids: {"exact": score.exact[-1], "cells": score.cells[-1], "count": score.count, "scores": score.scores}
        for ids, score in scores.items()
    }
    target = ASSETS / f"{NAME}.safetensors"
    save_model(target, model, task=NAME, recipe=checkpoint.recipe, metrics=metrics, dtype=torch.bfloat16)
    target.with_suffix(".md").write_text(card)
    (RESULTS / f"{NAME}.jsonl").write_text(log)
    print(f"{target} ({target.stat().st_size / 1e6:.1f} MB) and its card", file=sys.stderr)


if __name__ == "__main__":
    main()
