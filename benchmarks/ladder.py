"""From HRM to TRM, one change at a time: which of the changes can be seen at a laptop's scale?

    python benchmarks/ladder.py                           # all groups: hours; the same command goes on
    python benchmarks/ladder.py rungs map                 # some of them
    python benchmarks/ladder.py --out runs/evidence       # from scratch (`make evidence`), held against ours at the end

Groups, each a file in benchmarks/results/ladder/:

- task: how long a run is. Decided before any rung was run, by the top rung alone (the criterion stands at CRITERION).
- attention: the ladder as it was planned, with the papers' attention and rotary positions. After its first seed, all
  seven networks stood at 0 of 300 puzzles: a floor that separates nothing, and it was stopped there (it ran under the
  name "rungs"). The ladder below mixes positions with TRM's token mixer instead; attention is one of its side rungs.
- rungs: HRM (with the token mixer, else as published), then one change a rung, five seeds each. Before they were run,
  one pilot run of HRM was looked at (seed 100): it is no floor.
- left_out: the top rung with one thing put back, five seeds each (the way of the paper's table 1).
- map: T and n, three seeds each.
- n_supervision: 1, 2, 4, 8 and 16 supervision steps in training, three seeds each.
- overfitting: few puzzles, no symmetries; two layers and four, three seeds each: training and unseen puzzles.
- rates: HRM, one network of four layers and the top rung at a third and at twice the rate, two seeds each: is this a
  ladder of learning rates? (The rate was chosen for the top rung, by the recipe.)
- seconds: what a step of every network takes. Only true on an idle machine, so it is a group of its own.

Every run is read twice: after EQUAL STEPS (as many optimizer steps as all the others) and at EQUAL COMPUTE (when it has
done as many floating-point operations as the top rung in those steps; matrix products, as `trm_edu.flops` counts them).
The rate is constant after the warm-up, so that a run can be read at any step. At each reading both kinds of weights are
tested, those in training ("raw") and their moving average ("ema"), with 16 supervision steps on the same unseen
puzzles: EMA changes nothing in training, so its rung needs no runs of its own.

A run that stops making sense (`Diverged`) is recorded as such and counts as 0 solved.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from record import RESULTS, earlier_runs, header, write
from torch import nn
from tqdm.auto import tqdm

from trm_edu.devices import pick_device
from trm_edu.evaluate import evaluate
from trm_edu.flops import step_flops
from trm_edu.interface import parameter_count
from trm_edu.recipes import Recipe, get_recipe
from trm_edu.tasks import PuzzleSet
from trm_edu.train import load_sets
from trm_edu.trainer import Diverged, Trainer

COMMITTED = RESULTS / "ladder"
CRITERION = """6x6 Sudoku (4x4 has 288 grids, so its test set leaks; 9x9 takes hours), 1,000 generated training puzzles
(the paper's number) and their symmetries, the rate, width and batch of the recipe laptop-sudoku6. Open are N_sup (16 as
published, or the recipe's 4) and the number of optimizer steps. Take the fewest steps (500, 750, 1000, 1250) and N_sup
at which the averaged weights of the top rung solve between 75% and 90% of 300 unseen puzzles with each of two pilot
seeds: enough to be learned, and room above. Direct prediction must then solve less than 5%. The pilot seeds are used
nowhere else."""
STEPS, N_SUPERVISION = 1000, 4
BASE = {"name": "ladder", "dtype": "float32", "device": "cpu", "train_count": 1000, "min_lr_ratio": 1.0}
BASE |= {"steps": STEPS, "n_supervision": N_SUPERVISION}
PILOT = {"seeds": (100, 101), "steps": 1250, "every": 250, "from": 500, "puzzles": 300, "low": 0.75, "high": 0.9}
TESTED = 300  # unseen puzzles at a reading
LOOKS = 10  # times that a run of the group overfitting is looked at on the way, on so many puzzles of each kind:
LOOKED_AT = 100
FEW = {"train_count": 200, "augment": False}  # what the group overfitting trains on
HRM = {"model": "hrm", "n_layers": 4}
ATTENTION = {"mixer": "attention", "positions": "rotary"}
# Name: what differs from BASE, whose model is the paper's own: one network of two layers, token mixer, T = 2, n = 2.
NETWORKS: dict[str, dict[str, dict[str, Any]]] = {
    "rungs": {
        "hrm": HRM | {"q_learning": True},
        "plain_halting": HRM,
        "full_gradient": HRM | {"model": "separate_networks"},
        "one_network": {"n_layers": 4},
        "single_z": {"n_layers": 4, "model": "single_z"},
        "multi_scale_z": {"n_layers": 4, "model": "multi_scale_z"},
        "two_layers": {},
        "two_layers_n5": {"n": 5},
        "attention": ATTENTION,
    },
    "left_out": {
        "q_learning": {"q_learning": True},
        "one_step_gradient": {"model": "one_step_gradient"},
        "separate_networks": {"model": "separate_networks"},
        "single_z": {"model": "single_z"},
        "multi_scale_z": {"model": "multi_scale_z"},
        "four_layers_n1": {"n_layers": 4, "n": 1},
        "direct": {"model": "direct", "n_supervision": 1},
    },
    "attention": {
        "hrm": HRM | ATTENTION | {"q_learning": True},
        "plain_halting": HRM | ATTENTION,
        "full_gradient": HRM | ATTENTION | {"model": "separate_networks"},
        "one_network": ATTENTION | {"n_layers": 4},
        "single_z": ATTENTION | {"n_layers": 4, "model": "single_z"},
        "multi_scale_z": ATTENTION | {"n_layers": 4, "model": "multi_scale_z"},
        "two_layers": ATTENTION,
    },
    "map": {f"T{T}_n{n}": {"T": T, "n": n} for T in (1, 2, 3) for n in (1, 2, 4, 6)},
    "n_supervision": {f"N{count}": {"n_supervision": count} for count in (1, 2, 4, 8, 16)},
    "overfitting": {f"{layers}_layers": {"n_layers": layers} for layers in (2, 4)},
    "rates": {
        f"{name}_{rate:g}": changes | {"lr": rate}
        for name, changes in (("hrm", HRM | {"q_learning": True}), ("one_network", {"n_layers": 4}), ("two_layers", {}))
        for rate in (1e-3, 6e-3)
    },
}
SEEDS = {"rungs": 5, "left_out": 5, "attention": 1, "map": 3, "n_supervision": 3, "overfitting": 3, "rates": 2}


def readings(recipe: Recipe, budget: int, flops: int) -> dict[str, int]:
    """The optimizer step of each reading: equal steps, and the last one within the equal compute."""
    return {"equal_steps": recipe.steps, "equal_compute": max(1, budget // flops)}


def exact(model: nn.Module, puzzles: PuzzleSet) -> list[float]:
    """Exact accuracy after each of 16 supervision steps."""
    on_cpu = next(model.parameters()).device.type == "cpu"
    size = 32 if on_cpu else 256  # pieces of 32 stay in a core's cache: nearly twice as fast there
    return [round(share, 4) for share in evaluate(model, puzzles, n_supervision=16, batch_size=size).exact]


def run(recipe: Recipe, sets: tuple[PuzzleSet, PuzzleSet], budget: int, looks: int = 0) -> dict[str, Any]:
    """Train one network and read it. looks: so many times on the way, with unseen puzzles and with training puzzles."""
    training, held_out = sets
    trainer = Trainer(recipe, training)
    config = trainer.model.config
    flops = step_flops(recipe.model, config, recipe.batch_size, q_learning=recipe.q_learning)
    at = readings(recipe, budget, flops)
    found: dict[str, Any] = {"parameters": parameter_count(trainer.model), "flops": flops, "at": at, "looks": []}
    last, part = max(at.values()), held_out.take(slice(LOOKED_AT))
    look_at = {round(i * recipe.steps / looks) for i in range(1, looks + 1)}
    try:
        for step in tqdm(range(1, last + 1), desc=f"{recipe.name} seed {recipe.seed}", leave=False, disable=None):
            loss = trainer.step()
            if step % 20 == 0 or step == last:
                trainer.check(loss)
            if step in look_at:
                model, seen = trainer.average(), training.take(slice(LOOKED_AT))
                found["looks"].append({"step": step, "unseen": exact(model, part)[-1], "seen": exact(model, seen)[-1]})
            if step in at.values():
                tested = held_out.take(slice(TESTED))
                scores = {"raw": exact(trainer.model, tested), "ema": exact(trainer.average(), tested)}
                found |= {reading: scores for reading, end in at.items() if end == step}
    except Diverged as error:
        found["diverged"] = str(error)
        found |= {name: {"raw": [0.0] * 16, "ema": [0.0] * 16} for name in at if name not in found}
    return found


def base_recipe(steps: int = STEPS, name: str = "laptop-sudoku6") -> Recipe:
    """What all networks share. Of another recipe everything but the length of the run and the schedule is its own."""
    if name != "laptop-sudoku6":
        return get_recipe(name).replace(name="ladder", steps=steps, min_lr_ratio=1.0)
    return get_recipe(name).replace(**BASE | {"steps": steps})


def run_group(group: str, folder: Path, seeds: int, base: Recipe, argv: Sequence[str]) -> None:
    """All runs of a group, seed by seed, written after every run."""
    if group == "overfitting":
        base = base.replace(**FEW)
    sets = load_sets(base)
    result = header(__file__, argv, pick_device(base.device)) | {"recipe": base.as_dict()}
    result |= {"training": sets[0].describe(), "held_out": sets[1].describe()}
    path = folder / f"{group}.json"
    result["runs"] = [row for row in earlier_runs(path, result) if row["changes"] == NETWORKS[group].get(row["name"])]
    done = {(row["name"], row["seed"]) for row in result["runs"]}
    budget = base.steps * step_flops(base.model, base.model_config("float32"), base.batch_size)
    for seed in range(seeds):
        for name, changes in NETWORKS[group].items():
            if (name, seed) in done:
                continue
            recipe = base.replace(**changes, seed=seed)
            found = run(recipe, sets, budget, LOOKS if group == "overfitting" else 0)
            result["runs"].append({"name": name, "seed": seed, "changes": changes} | found)
            write(path, result)
            shown = {reading: [found[reading][kind][-1] for kind in ("raw", "ema")] for reading in found["at"]}
            print(json.dumps({"group": group, "name": name, "seed": seed} | shown), flush=True)


def choose_task(folder: Path, argv: Sequence[str]) -> None:
    """The pilot: how far the top rung and direct prediction come, with the pilot seeds."""
    base = base_recipe(PILOT["steps"])
    sets = load_sets(base)
    result = header(__file__, argv, pick_device(base.device)) | {"recipe": base.as_dict()}
    result |= {"training": sets[0].describe(), "held_out": sets[1].describe(), "criterion": CRITERION}
    path = folder / "task.json"
    result["runs"] = earlier_runs(path, result)
    done = {(row["model"], row["n_supervision"], row["seed"]) for row in result["runs"]}
    part = sets[1].take(slice(PILOT["puzzles"]))
    for seed in PILOT["seeds"]:
        for model, n_supervision in (("trm", 4), ("trm", 16), ("direct", 1)):
            if (model, n_supervision, seed) in done:
                continue
            trainer = Trainer(base.replace(model=model, n_supervision=n_supervision, seed=seed), sets[0])
            curve = []
            for step in range(1, PILOT["steps"] + 1):
                trainer.step()
                if step >= PILOT["from"] and step % PILOT["every"] == 0:
                    curve.append([step, exact(trainer.average(), part)[-1]])
            result["runs"].append({"model": model, "n_supervision": n_supervision, "seed": seed, "curve": curve})
            write(path, result)
            print(json.dumps(result["runs"][-1]), flush=True)


def chosen(runs: Sequence[dict[str, Any]]) -> tuple[int, int] | None:
    """Steps and N_sup by the criterion; None if nothing meets it."""

    def curves(model: str, n_supervision: int) -> list[dict[int, float]]:
        rows = [row for row in runs if row["model"] == model and row["n_supervision"] == n_supervision]
        return [dict(map(tuple, row["curve"])) for row in rows]

    for step in range(PILOT["from"], PILOT["steps"] + 1, PILOT["every"]):
        for n_supervision in (16, 4):
            met = all(PILOT["low"] <= curve[step] <= PILOT["high"] for curve in curves("trm", n_supervision))
            if met and all(curve[step] < 0.05 for curve in curves("direct", 1)):
                return step, n_supervision
    return None


def time_steps(folder: Path, argv: Sequence[str], count: int) -> None:
    """Milliseconds of a training step: median of `count` steps, one thread, every network of every group."""
    base = base_recipe()
    training = load_sets(base)[0]
    result = header(__file__, argv, pick_device(base.device)) | {"recipe": base.as_dict(), "steps": count, "ms": {}}
    for group, networks in NETWORKS.items():
        for name, changes in networks.items():
            trainer = Trainer(base.replace(**changes), training)
            times = []
            for _ in range(count + 3):
                begun = time.perf_counter()
                trainer.step()
                times.append(1e3 * (time.perf_counter() - begun))
            result["ms"][f"{group}/{name}"] = round(statistics.median(times[3:]), 1)
            print(group, name, result["ms"][f"{group}/{name}"], flush=True)
    write(folder / "seconds.json", result)


def compare(folder: Path) -> None:
    """Print the means of this folder's runs beside the committed ones. Other processors round otherwise."""
    for group in NETWORKS:
        committed, own = COMMITTED / f"{group}.json", folder / f"{group}.json"
        if not (committed.exists() and own.exists()):
            continue
        print(f"{group}: averaged weights, equal steps; committed mean (seeds), here")
        found = [json.loads(path.read_text(encoding="utf-8"))["runs"] for path in (committed, own)]
        for name in NETWORKS[group]:
            scores = [[row["equal_steps"]["ema"][-1] for row in runs if row["name"] == name] for runs in found]
            said = [f"{statistics.mean(each):.1%} ({len(each)})" if each else "none" for each in scores]
            print(f"  {name:18} {said[0]:>12} {said[1]:>12}")


def main(argv: Sequence[str] | None = None) -> None:
    choices = ("task", *NETWORKS, "seconds")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(choices)} (default: all of them)")
    parser.add_argument("--out", type=Path, default=COMMITTED, help="folder of the results")
    parser.add_argument("--steps", type=int, default=STEPS, help="optimizer steps of a run (fewer: only a rehearsal)")
    parser.add_argument("--recipe", default="laptop-sudoku6", help="what the networks share; not this one: give --out")
    parser.add_argument("--seeds", type=int, help="seeds of each network (default: as listed above)")
    args = parser.parse_args(argv)
    if unknown := sorted(set(args.groups) - set(choices)):
        parser.error(f"no group {', '.join(unknown)}; choose from {', '.join(choices)}")
    if args.recipe != "laptop-sudoku6" and args.out.resolve() == COMMITTED.resolve():
        parser.error(f"the committed results are of laptop-sudoku6; give --out for {args.recipe}")
    torch.set_num_threads(1)  # networks of this size gain nothing from a second core
    args.out.mkdir(parents=True, exist_ok=True)
    told = sys.argv[1:] if argv is None else list(argv)
    for group in args.groups or choices:
        if group == "task":
            choose_task(args.out, told)
        elif group == "seconds":
            time_steps(args.out, told, count=20)
        else:
            run_group(group, args.out, args.seeds or SEEDS[group], base_recipe(args.steps, args.recipe), told)
    if args.out.resolve() != COMMITTED.resolve():
        compare(args.out)


if __name__ == "__main__":
    main()
