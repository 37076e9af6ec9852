"""Does a trained recursion come to rest, and does the gradient of one step point where the full gradient points?

    python benchmarks/fixed_point.py

HRM differentiates the last update of each state only (the one-step gradient). The argument for it has two conditions:
the states stand at a fixed point, and the Jacobian J of an update is small there. Three models are trained with three
seeds each, on the puzzles and with the settings of `laptop-sudoku6` but for number format (float32) and steps (1,500):
`hrm` (its two networks, its one-step gradient, the plain halting loss), `one_step_gradient` (TRM with HRM's gradient)
and `trm` (all of the last recursion). Equal optimizer steps are not equal time: a one-step gradient is cheaper.

Measured on the averaged weights, before training and after it, on puzzles that were not trained on:

- residual: |f(z) - z| / |z| at every update of the latent state z (HRM: z_L) and of the answer state y (HRM: z_H)
  along 16 supervision steps. Norms are of one puzzle's whole state; the median over the solved and the unsolved ones.
- held: the same if y is held where it stands after 16 steps and z alone goes on for 64 updates.
- gradients, by batches of 32 puzzles, at supervision steps 1, 4 and 16: cosine of the one-step gradient to that
  through the last recursion ("last") and through the whole supervision step ("all"), and its norm over theirs. Only
  weights of the networks count: the heads have the same gradient in all three. `parts` tells HRM's networks apart.
- carried: |J^T g| / |g|, where g is the gradient of the loss that reaches the last z, and J belongs to the update
  that made this z: what is left of the gradient one update further back. The one-step gradient takes it for 0.

All seeds go to benchmarks/results/fixed_point.json after every run; the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from record import RESULTS, earlier_runs, header, write
from torch import Tensor, nn

from trm_edu.data import as_tensor, labels_of
from trm_edu.devices import pick_device
from trm_edu.inside import unroll
from trm_edu.losses import cell_loss_named, exact_match, supervision_loss
from trm_edu.recipes import Recipe, get_recipe
from trm_edu.train import load_sets, train
from trm_edu.trainer import make_model

MODELS = ("hrm", "one_step_gradient", "trm")
CHANGED = {"dtype": "float32", "name": "fixed_point", "eval_every": 10_000}
OWN_SPAN = {"hrm": "one", "one_step_gradient": "one", "trm": "last"}
STEPS, HELD, BATCHES, BATCH, TESTED = 16, 64, 6, 32, 500
GRADIENT_STEPS = (1, 4, 16)


def networks(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The network that thinks and the one that answers; in TRM both are the same."""
    return (model.f_L, model.f_H) if hasattr(model, "f_L") else (model.network, model.network)


def relative(after: Tensor, before: Tensor) -> Tensor:
    """|after - before| / |before| of each puzzle [B]."""
    return (after - before).flatten(1).norm(dim=1) / before.flatten(1).norm(dim=1)


@torch.no_grad()
def residuals(model: nn.Module, inputs: Tensor, labels: Tensor) -> dict[str, Any]:
    """Medians of the relative change of y and z at every update, and of z alone with y held at the end."""
    state, moved = model.initial_state(len(inputs)), {"y": [], "z": []}
    for _ in range(STEPS):
        step = unroll(model, inputs, state)
        current = dict(step.start)
        for update in step.updates:
            name = "y" if update.state == step.answer else "z"
            moved[name].append(relative(update.value, current[update.state]))
            current[update.state] = update.value
        state = step.state
    solved = exact_match(step.output.logits, labels)
    y, z = state
    think, _ = networks(model)
    held = []
    for _ in range(HELD):
        after = think(z, y + step.x, model.rotary)
        held.append(relative(after, z))
        z = after
    result: dict[str, Any] = {"solved_puzzles": int(solved.sum()), "puzzles": len(inputs)}
    for group, chosen in (("solved", solved), ("unsolved", ~solved)):
        if chosen.any():
            rows = {name: torch.stack(rows)[:, chosen] for name, rows in (moved | {"held": held}).items()}
            result[group] = {name: rounded(row.median(dim=1).values) for name, row in rows.items()}
    return result


def rounded(values: Tensor) -> list[float]:
    return [float(f"{value:.4g}") for value in values.tolist()]


def recursion(model: nn.Module, x: Tensor, state: tuple[Tensor, Tensor], span: str) -> tuple[Tensor, list[Tensor]]:
    """One supervision step: y, and the last two z. span: which evaluations keep a gradient, "one", "last" or "all"."""
    think, answer = networks(model)
    y, z = state
    T, n = model.config.T, model.config.n
    latest = [z]
    for cycle in range(T):
        last = cycle == T - 1
        for i in range(n):
            with torch.set_grad_enabled(span == "all" or (last and (span == "last" or i == n - 1))):
                z = think(z, y + x, model.rotary)
            latest = [latest[-1], z]
        with torch.set_grad_enabled(span == "all" or last):
            y = answer(y, z, model.rotary)
    return y, latest


def gradients(model: nn.Module, recipe: Recipe, inputs: Tensor, labels: Tensor, state: Any, span: str) -> dict:
    """The gradient of the batch's loss for every weight, by name, and `carried`."""
    y, (before, z) = recursion(model, model.embed(inputs), tuple(state), span)
    loss = supervision_loss(model.heads(y), labels, cell_loss=cell_loss_named(recipe.loss)).total / len(inputs)
    names, weights = zip(*model.named_parameters(), strict=True)
    found = dict(zip(names, torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True), strict=True))
    if span == "last":
        reached, further = torch.autograd.grad(loss, (z, before))
        found["carried"] = further.norm() / reached.norm()
    return found


def compare(one: dict, other: dict, part: tuple[str, ...]) -> tuple[float, float]:
    """Cosine of two gradients and norm of the first over that of the second, over the weights of a part."""
    names = [name for name in one if name.startswith(part)]
    a, b = (torch.cat([grads[name].flatten() for name in names]) for grads in (one, other))
    return F.cosine_similarity(a, b, dim=0).item(), (a.norm() / b.norm()).item()


def gradient_rows(model: nn.Module, recipe: Recipe, inputs: Tensor, labels: Tensor) -> list[dict[str, Any]]:
    """Cosines, ratios of norms and `carried` of every batch, at each of GRADIENT_STEPS."""
    parts = {"networks": ("f_L.", "f_H.", "network.")}
    if hasattr(model, "f_L"):
        parts |= {"f_L": ("f_L.",), "f_H": ("f_H.",)}
    rows: list[dict[str, Any]] = []
    states = [model.initial_state(BATCH)] * BATCHES
    for step in range(1, STEPS + 1):
        row: dict[str, Any] = {"step": step, "carried": []}
        for i, (questions, answers) in enumerate(zip(inputs.split(BATCH), labels.split(BATCH), strict=True)):
            if step in GRADIENT_STEPS:
                found = {s: gradients(model, recipe, questions, answers, states[i], s) for s in ("one", "last", "all")}
                if i == 0:
                    own_gradient(model, recipe, questions, answers, states[i], found[OWN_SPAN[recipe.model]])
                row["carried"].append(float(f"{found['last'].pop('carried').item():.4g}"))
                for span in ("last", "all"):
                    for part, prefix in parts.items():
                        cosine, ratio = compare(found["one"], found[span], prefix)
                        place = row.setdefault(span, {}).setdefault(part, {"cosine": [], "ratio": []})
                        place["cosine"].append(round(cosine, 4))
                        place["ratio"].append(round(ratio, 4))
            with torch.no_grad():
                states[i] = model(questions, states[i])[0]
        if step in GRADIENT_STEPS:
            rows.append(row)
    return rows


def own_gradient(model: nn.Module, recipe: Recipe, inputs: Tensor, labels: Tensor, state: Any, found: dict) -> None:
    """AssertionError unless the gradient found here is the one that the model itself computes in training."""
    output = model(inputs, state)[1]
    loss = supervision_loss(output, labels, cell_loss=cell_loss_named(recipe.loss)).total / len(inputs)
    names, weights = zip(*model.named_parameters(), strict=True)
    for name, gradient in zip(names, torch.autograd.grad(loss, weights), strict=True):
        torch.testing.assert_close(found[name], gradient)


def measure(model: nn.Module, recipe: Recipe, inputs: Tensor, labels: Tensor) -> dict[str, Any]:
    return {
        "residuals": residuals(model, inputs, labels),
        "gradients": gradient_rows(model, recipe, inputs, labels),
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1500, help="optimizer steps of every run")
    parser.add_argument("--out", type=Path, default=RESULTS / "fixed_point.json")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)  # networks of this size gain nothing from a second core
    base = get_recipe("laptop-sudoku6").replace(**CHANGED | {"steps": args.steps, "device": "cpu"})
    training, held_out = load_sets(base)
    sets = (training, held_out.take(slice(TESTED)))
    result = header(__file__, sys.argv[1:] if argv is None else argv, pick_device(base.device))
    result |= {"recipe": base.as_dict(), "training": sets[0].describe(), "held_out": sets[1].describe()}
    result["runs"] = earlier_runs(args.out, result)
    done = {(row["model"], row["seed"]) for row in result["runs"]}
    puzzles = sets[1].take(slice(BATCHES * BATCH))
    cpu = torch.device("cpu")
    inputs, labels = as_tensor(puzzles.questions, cpu), labels_of(as_tensor(puzzles.answers, cpu))
    for seed in range(args.seeds):
        for name in MODELS:
            if (name, seed) in done:
                continue
            recipe = base.replace(model=name, seed=seed)
            before = measure(make_model(recipe, cpu), recipe, inputs, labels)
            run = train(recipe, sets=sets, progress=False)
            row = {"model": name, "seed": seed, "exact": run.evaluation.exact, "before": before}
            result["runs"].append(row | {"after": measure(run.model, recipe, inputs, labels)})
            write(args.out, result)
            print(json.dumps({"model": name, "seed": seed, "exact": run.evaluation.exact[-1]}), flush=True)


if __name__ == "__main__":
    main()
