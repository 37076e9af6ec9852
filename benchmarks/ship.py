"""Turn a finished run into a shipped network: measure it, write its weights and its model card into trm_edu/assets/.

    python benchmarks/ship.py runs/sudoku9-cpu sudoku9
    python benchmarks/ship.py runs/laptop-sudoku6-seed0 sudoku6
    python benchmarks/ship.py runs/laptop-maze maze10

The card says what a user must know to quote a score: the data and its regime, the recipe, seed, time and machine, and
exact accuracy with a 95% interval. One pass of 16 steps stands apart from anything that spends more at test time.
Weights are rounded to bfloat16 before they are measured: what is measured is what is shipped.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from trm_edu.checkpoints import load_model, save_model
from trm_edu.data import load_puzzles
from trm_edu.devices import device_name
from trm_edu.evaluate import evaluate, evaluate_halting
from trm_edu.interface import parameter_count
from trm_edu.intervals import wilson_interval
from trm_edu.solve import solve
from trm_edu.tasks import Maze, PuzzleSet, Task, get_task

ASSETS = Path(__file__).parents[1] / "trm_edu" / "assets"
MORE_STEPS, MORE_PUZZLES = 64, 500
# What ends the work on a puzzle before step 16; only Sudoku counts repeats.
HALTING = {"halt logit above 2": {"halt_above": 2.0}}
GIVING_UP = {"or is given up (above 30 repeats, from step 3)": {"halt_above": 2.0, "give_up": 30}}
GIVING_UP_SAID = """The second row also
gives up a puzzle whose answer repeats too many digits in its rows, columns and boxes: the rules of the task, used to
stop early and for nothing else. Both thresholds were chosen for the 9x9 network on the first 1,000 puzzles of \
sx-proxy."""
THRESHOLD_SAID = "The threshold was chosen\nfor the 9x9 Sudoku network, not for this one."
VALID_SAID = "Exact accuracy asks for the label; what else is right, of the same puzzles in one pass of so many steps"
SOLVED = 100  # puzzles for the measurement of `trm-edu solve`, which is slower


def evaluation_sets(task: Task, training: PuzzleSet) -> dict[str, PuzzleSet]:
    """What a network is measured on; none of it is equivalent to a training puzzle."""
    made = {"count": 1000, "seed": 1, "exclude": training}
    kind = f"at least {task.least} moves" if isinstance(task, Maze) else "minimal clues"
    sets = {f"generated, {kind}": load_puzzles("generated", task.name, **made)}
    if task.name == "sudoku9":
        sets["generated, ordinary (32 clues)"] = load_puzzles("generated", task.name, clues=32, **made)
        sets["sx-proxy (dev)"] = load_puzzles("sx-proxy", task.name, exclude=training)
    return sets


def percent(hits: int, total: int) -> str:
    low, high = wilson_interval(hits, total)
    return f"{hits / total:.1%} [{low:.1%}, {high:.1%}] | {total:,}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of the run: model.safetensors and log.jsonl")
    parser.add_argument("task", help="for example sudoku9, sudoku6, maze10")
    args = parser.parse_args()
    checkpoint = load_model(args.run / "model.safetensors")
    model, recipe, task = checkpoint.model, checkpoint.recipe, get_task(args.task)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.copy_(tensor.bfloat16())
    rows = [json.loads(line) for line in (args.run / "log.jsonl").read_text().splitlines()]
    start, end = rows[0], rows[-1]
    draw = {"count": recipe["train_count"], "seed": recipe["data_seed"]}
    training = load_puzzles(recipe["train_data"], args.task, **draw)
    counts_repeats = hasattr(task, "repeats")
    one_pass, more_steps, solved, cheaper, valid = [], [], [], [], []
    for name, puzzles in evaluation_sets(task, training).items():
        score = evaluate(model, puzzles, n_supervision=16, regime=start["training"])
        total = score.count
        at = {k: round(score.exact[k - 1] * total) for k in (1, 4, 16)}
        one_pass.append(f"| {name} | {at[1] / total:.1%} | {at[4] / total:.1%} | {percent(at[16], total)} |")
        part = puzzles.take(slice(MORE_PUZZLES))
        longer = evaluate(model, part, n_supervision=MORE_STEPS)
        more_steps.append(f"| {name} | {percent(round(longer.score * len(part)), len(part))} |")
        print(one_pass[-1], more_steps[-1], flush=True)
        for k in (1, 4, 16) if score.scores else ():  # what the task counts beside exact accuracy
            found = evaluate(model, puzzles, n_supervision=k)
            each = [percent(round(found.exact[-1] * total), total).split(" |")[0]]
            each += [f"{share:.1%} [{low:.1%}, {high:.1%}]" for share, low, high in found.scores.values()]
            valid.append(f"| {name} | {k} | {' | '.join(each)} |")
            print(valid[-1], flush=True)
        for words, rule in (HALTING | (GIVING_UP if counts_repeats else {})).items():
            found = evaluate_halting(model, puzzles, **rule)
            saved = f"{found.steps:.1f} | {1 / found.ratio:.1f} times fewer"
            halting = {"exact": found.exact, "ratio": found.ratio} | rule
            cheaper.append(f"| {name} | {words} | {percent(round(found.exact * total), total)} | {saved} |")
            print(cheaper[-1], flush=True)
        questions = puzzles.questions[:SOLVED]
        hits = sum(solve(model, task, question, checked=True).solved for question in questions)
        solved.append(f"| {name} | {percent(hits, len(questions))} |")
        print(solved[-1], flush=True)
        entry = {"exact_16": at[16] / total, "count": total, "giving_up" if counts_repeats else "halting": halting}
        checkpoint.metrics[name] = entry
    first = f"| started from | {recipe['start_from']} |\n" if recipe.get("start_from") else ""
    file = f"{args.task}.safetensors"
    mixer = recipe["mixer"] + (" (3x3 convolution: ours, not the paper's)" if recipe["mixer"] == "conv" else "")
    rules = GIVING_UP_SAID if counts_repeats else THRESHOLD_SAID
    valid_table = ""
    if valid:
        names = ["puzzles", "step", "exact", *score.scores]
        head = f"| {' | '.join(names)} |\n{'|---' * len(names)}|"
        valid_table = f"## {VALID_SAID}\n\n{chr(10).join([head, *valid])}\n\n"
    symmetries = task.symmetries() if isinstance(task, Maze) else "the symmetries of Sudoku"
    card = f"""# {file}

A Tiny Recursive Model of {parameter_count(model):,} weights for {args.task}, trained with `trm_edu`.

| | |
|---|---|
| trained on | {start["training"]} |
{first}| recipe | {recipe["name"]}: D={recipe["hidden"]}, {recipe["n_layers"]} layers, {mixer}, \
T={recipe["T"]}, n={recipe["n"]}, N_sup={recipe["n_supervision"]}, batch {recipe["batch_size"]}, \
{recipe["optimizer"]}, {recipe["loss"]}, EMA {recipe["ema"]} |
| seed | {recipe["seed"]} |
| steps, time | {end["step"]:,} steps in {end["train_seconds"] / 60:.1f} minutes |
| machine | {start["device"]}, {start["dtype"]}, torch {start["versions"]["torch"]} |
| log | `benchmarks/results/{args.task}.jsonl` (one seed) |

Measured by `benchmarks/ship.py` on {device_name(torch.device("cpu"))}. The brackets hold 95% intervals (Wilson).
No puzzle below is equivalent to a training puzzle under {symmetries}.

## One pass: exact accuracy after supervision step 1, 4 and 16

| puzzles | 1 | 4 | 16 | count |
|---|---|---|---|---|
{chr(10).join(one_pass)}

{valid_table}## Real halting: a puzzle leaves the batch as soon as the network says that it is done

Steps are network evaluations a puzzle; fixed, they are 16. `trm-edu evaluate --halt` measures it. {rules}

| puzzles | | exact | count | steps | against 16 fixed |
|---|---|---|---|---|---|
{chr(10).join(cheaper)}

## More steps with the same weights: {MORE_STEPS} instead of 16

| puzzles | exact | count |
|---|---|---|
{chr(10).join(more_steps)}

## `trm-edu solve`: at most 16 starts of at most 32 steps, answers checked by the rules

| puzzles | solved and verified | count |
|---|---|---|
{chr(10).join(solved)}
"""
    if args.task == "sudoku9":
        card += """
sx-proxy is a stand-in for the Sudoku-Extreme test split, probably somewhat harder. Its scores are not comparable with
published scores on Sudoku-Extreme.
"""
    ASSETS.mkdir(exist_ok=True)
    target = ASSETS / file
    save_model(target, model, task=args.task, recipe=recipe, metrics=checkpoint.metrics, dtype=torch.bfloat16)
    target.with_suffix(".md").write_text(card)
    log = Path(__file__).parent / "results" / f"{args.task}.jsonl"
    log.write_text((args.run / "log.jsonl").read_text())
    print(f"{target} ({target.stat().st_size / 1e6:.1f} MB) and its card", file=sys.stderr)


if __name__ == "__main__":
    main()
