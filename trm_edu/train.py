"""The training loop: refill, improve, compare, step.

`Trainer.step` is one optimizer step, `train` the loop around it with evaluations, log and weights. The rest prepares.
"""

from __future__ import annotations

import copy
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm

from trm_edu import __version__
from trm_edu.checkpoints import load_model, save_model
from trm_edu.data import BatchStream, load_puzzles, write_whole
from trm_edu.devices import cpp_compiler, device_name, faster_dtype, pick_device
from trm_edu.errors import CheckpointError, RecipeError, TrmEduError
from trm_edu.evaluate import Evaluation, evaluate
from trm_edu.interface import parameter_count
from trm_edu.losses import Loss, cell_loss_named, supervision_loss
from trm_edu.optim import EMA, learning_rate, make_optimizers
from trm_edu.recipes import Recipe
from trm_edu.resume import Saved, newest_state, remove_states, restore, write_state
from trm_edu.supervision import Carry, initial_carry, q_continue_target, supervision_step
from trm_edu.tasks import PuzzleSet
from trm_edu.variants import build_model, model_name

# What may differ between the run that was stopped and the one that goes on: it does not change the training.
FREE_TO_CHANGE = ("max_seconds", "eval_every", "eval_part", "save_every")
REPORT_EVERY = 20  # steps between looks at the loss: each one makes the processor wait


class Diverged(TrmEduError):
    """The loss stopped being a number."""


@dataclass
class Run:
    """A finished run: the averaged model, its final evaluation, and the log."""

    model: nn.Module
    recipe: Recipe
    evaluation: Evaluation
    log: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    path: Path | None = None


def load_sets(recipe: Recipe) -> tuple[PuzzleSet, PuzzleSet]:
    """Training and evaluation puzzles. No symmetry turns one of the latter into one of the former."""
    training = load_puzzles(recipe.train_data, recipe.task, count=recipe.train_count, seed=recipe.data_seed)
    count, seed = recipe.eval_count, recipe.data_seed + 1
    return training, load_puzzles(recipe.eval_data, recipe.task, count=count, seed=seed, exclude=training)


def make_model(recipe: Recipe, device: torch.device) -> nn.Module:
    """A freshly initialised model (the recipe's seed decides its weights), or the weights that it starts from."""
    dtype = faster_dtype(device) if recipe.dtype == "auto" else recipe.dtype
    torch.manual_seed(recipe.seed)
    model = build_model(recipe.model, recipe.model_config(dtype))
    if recipe.start_from:
        first = load_model(recipe.start_from).model
        if model_name(first) != recipe.model or replace(first.config, T=1, n=1, dtype=dtype) != replace(
            model.config, T=1, n=1
        ):
            raise RecipeError(f"{recipe.start_from} holds {first.config}; the recipe asks for {model.config}")
        model.load_state_dict(first.state_dict())
    return model.to(device)


class Log:
    """Rows as JSON lines in `folder`/log.jsonl, if there is a folder, and in memory.

    keep_to: go on with the file that is there, without the rows after this step: they will be written again.
    """

    def __init__(
        self, folder: Path | None, on_row: Callable[[dict[str, Any]], None] | None, keep_to: int | None = None
    ):
        self.rows: list[dict[str, Any]] = []
        self.on_row = on_row
        self.file = None
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "log.jsonl"
        if keep_to is not None and path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            whole = [json.loads(line) for line in lines if line.endswith("}\n")]  # a kill may leave half a line
            self.rows = [row for row in whole if row.get("step", 0) <= keep_to]
        write_whole(path, "".join(json.dumps(row) + "\n" for row in self.rows).encode())
        self.file = path.open("a", encoding="utf-8")

    def write(self, kind: str, **row: Any) -> None:
        row = {"kind": kind, **row}
        self.rows.append(row)
        if self.file:
            self.file.write(json.dumps(row) + "\n")
            self.file.flush()
        if self.on_row:
            self.on_row(row)


def earlier_state(folder: Path | None, recipe: Recipe) -> Saved | None:
    """The state from which a run in this folder goes on. RecipeError if it was made by another recipe."""
    if folder is None:
        return None
    saved, complaints = newest_state(folder)
    for complaint in complaints:
        tqdm.write(f"{complaint}; the state before it is used" if saved else complaint, file=sys.stderr)
    if saved is None:
        return None
    before, now = (
        {k: v for k, v in each.items() if k not in FREE_TO_CHANGE} for each in (saved.facts["recipe"], recipe.as_dict())
    )
    if before != now:
        changed = ", ".join(f"{k} {before.get(k)} -> {now[k]}" for k in now if before.get(k) != now[k])
        raise RecipeError(
            f"{folder} holds an unfinished run of another recipe ({changed}); choose another --out, or delete its "
            "state-*.safetensors files to begin anew"
        )
    return saved


def stagger(carry: Carry, n_supervision: int, generator: torch.Generator) -> Carry:
    """Give the first puzzles random ages, so that the slots do not all take new puzzles at the same step.

    Without it every slot halts at step 16, 32, 48, ...: until the network learns to halt, 16 optimizer steps in a
    row see the very same puzzles.
    """
    ages = torch.randint(n_supervision, carry.steps.shape, generator=generator, device=carry.steps.device)
    return carry._replace(steps=ages.to(carry.steps.dtype), halted=torch.zeros_like(carry.halted))


def set_rates(optimizers: list[torch.optim.Optimizer], factor: float) -> None:
    """Every group's learning rate is its own peak times the schedule's factor."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor


class Trainer:
    """A model in training: weights, optimizers, moving average, data stream and carry.

    model: a network of your own that is called like `TRM`; default: the one that the recipe describes.
    """

    def __init__(self, recipe: Recipe, puzzles: PuzzleSet, model: nn.Module | None = None):
        self.recipe, self.device = recipe, pick_device(recipe.device)
        self.model = (model or make_model(recipe, self.device)).to(self.device).train()
        self.averaged = copy.deepcopy(self.model).eval()
        self.ema = EMA(self.model, recipe.ema)
        self.compiled = self.model
        if recipe.compile and self.device.type == "cpu" and cpp_compiler() is None:
            tqdm.write("no C++ compiler found: the run goes on without torch.compile, more slowly", file=sys.stderr)
        elif recipe.compile:
            self.compiled = torch.compile(self.model)
        rates = {"lr": recipe.lr, "muon_lr": recipe.muon_lr, "weight_decay": recipe.weight_decay}
        self.optimizers = make_optimizers(self.model, recipe.optimizer, **rates)
        self.cell_loss = cell_loss_named(recipe.loss)
        self.stream = BatchStream(
            puzzles, recipe.batch_size, seed=recipe.seed, device=self.device, augment=recipe.augment
        )
        self.exploration = torch.Generator(self.device).manual_seed(recipe.seed + 1)
        self.carry = initial_carry(self.model, next(self.stream))
        if recipe.stagger:
            self.carry = stagger(self.carry, recipe.n_supervision, self.exploration)
        self.steps_done = 0

    def step(self) -> Loss:
        """One supervision step of every slot and one optimizer step. Waits for nothing on the device."""
        recipe = self.recipe
        self.steps_done += 1
        schedule = {"warmup": recipe.warmup, "total": recipe.steps, "min_ratio": recipe.min_lr_ratio}
        set_rates(self.optimizers, learning_rate(self.steps_done, base=1.0, **schedule))
        self.stream.reveal = recipe.reveal * (1 - self.steps_done / recipe.steps)
        self.carry, output = supervision_step(
            self.compiled,
            self.carry,
            next(self.stream),
            n_supervision=recipe.n_supervision,
            exploration=recipe.exploration,
            q_learning=recipe.q_learning,
            generator=self.exploration,
        )
        target = q_continue_target(self.compiled, self.carry, recipe.n_supervision) if recipe.q_learning else None
        labels = self.carry.batch.labels
        options = {"cell_loss": self.cell_loss, "halt_weight": recipe.halt_weight, "continue_target": target}
        loss = supervision_loss(output, labels, **options)
        (loss.total / recipe.batch_size).backward()
        if recipe.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip, foreach=True)
        for optimizer in self.optimizers:
            optimizer.step()
        self.model.zero_grad()
        self.ema.update()
        return loss

    def state(self) -> dict[str, Any]:
        """Every tensor that the next step depends on, nested by where it belongs."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizers": [optimizer.state_dict()["state"] for optimizer in self.optimizers],
            "carry": self.carry,
            "generators": {"stream": self.stream.generator.get_state(), "exploration": self.exploration.get_state()},
        }

    def load_state(self, saved: Saved) -> None:
        """Go on from a state file. CheckpointError if it belongs to another model or optimizer."""
        self.step()  # optimizers make their moments at their first step; all of it is replaced below
        try:
            state = restore(self.state(), saved.tensors)
        except KeyError as error:
            raise CheckpointError(f"{saved.path} belongs to another run: it lacks {error.args[0]}") from None
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        for optimizer, moments in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
        self.carry = state["carry"]
        self.stream.generator.set_state(state["generators"]["stream"].cpu())
        self.exploration.set_state(state["generators"]["exploration"].cpu())
        self.steps_done = saved.facts["step"]

    def average(self) -> nn.Module:
        """The model with the averaged weights, in evaluation mode. The same object each time."""
        self.ema.copy_to(self.averaged)
        self.averaged.load_state_dict(dict(self.model.named_buffers()), strict=False)
        return self.averaged


def train(
    recipe: Recipe,
    folder: Path | str | None = None,
    *,
    model: nn.Module | None = None,
    sets: tuple[PuzzleSet, PuzzleSet] | None = None,
    progress: bool = True,
    on_row: Callable[[dict[str, Any]], None] | None = None,
) -> Run:
    """Train a recipe; save `log.jsonl` and `model.safetensors` if a folder is given.

    model: a network of your own to train instead of the recipe's (then give no folder: a file needs a known class).
    sets: training and evaluation puzzles, if they are at hand already. on_row: called with every row of the log.
    The averaged (EMA) weights are evaluated, returned and saved. A run that was stopped in this folder goes on where
    its last state was saved (every `save_every` steps). Raises RecipeError or DataError before the first step if
    something cannot work, Diverged if the loss becomes NaN or infinite.
    """
    if model is not None and folder is not None:
        model_name(model)
    training, held_out = sets or load_sets(recipe)
    trainer = Trainer(recipe, training, model)
    part = held_out.take(slice(recipe.eval_part))
    folder = None if folder is None else Path(folder)
    saved = earlier_state(folder, recipe)
    if saved is not None:
        trainer.load_state(saved)
    log = Log(folder, on_row, keep_to=None if saved is None else trainer.steps_done)
    log.write(
        "start" if saved is None else "resume",
        step=trainer.steps_done,
        recipe=recipe.as_dict(),
        training=training.describe(),
        held_out=held_out.describe(),
        parameters=parameter_count(trainer.model),
        dtype=trainer.model.config.dtype,
        device=device_name(trainer.device),
        versions={"trm_edu": __version__, "torch": torch.__version__, "python": sys.version.split()[0]},
    )

    def measure(puzzles: PuzzleSet) -> Evaluation:
        return evaluate(trainer.average(), puzzles, n_supervision=recipe.eval_supervision, regime=training.describe())

    def save(score: Evaluation, seconds: float) -> Path | None:
        """The averaged weights with everything that a score must be quoted with."""
        if folder is None:
            return None
        metrics = {
            "trained_on": training.describe(),
            "exact": score.score,
            "interval": score.interval,
            "evaluated_on": score.source,
            "steps": trainer.steps_done,
            "seconds": seconds,
            "device": device_name(trainer.device),
        }
        path = folder / "model.safetensors"
        return save_model(path, trainer.averaged, task=recipe.task, recipe=recipe.as_dict(), metrics=metrics)

    first, shown = trainer.steps_done, {}
    started = time.perf_counter() - (saved.facts["seconds"] if saved else 0.0)
    look = {"desc": recipe.name, "unit": "step", "disable": not progress, "mininterval": 0.5}
    with tqdm(total=recipe.steps, initial=first, **look) as bar:
        for step in range(first + 1, recipe.steps + 1):
            loss = trainer.step()
            evaluates = step % recipe.eval_every == 0 and step < recipe.steps
            saves = folder is not None and step % recipe.save_every == 0 and step < recipe.steps
            if evaluates or saves or step % REPORT_EVERY == 0 or step == recipe.steps:  # no weights are saved unseen
                value = loss.answer.item() / recipe.batch_size
                if not math.isfinite(value):
                    hint = f"try a smaller lr (now {recipe.lr}) or a clip of 1 (now {recipe.clip})"
                    raise Diverged(f"the loss is {value} at step {step}; {hint}")
                shown |= {"loss": f"{value:.3f}"}
                bar.update(step - bar.n)
                bar.set_postfix(shown)
                seconds = time.perf_counter() - started
                log.write("step", step=step, seconds=seconds, loss=value, halt=loss.halt.item() / recipe.batch_size)
                if recipe.max_seconds and seconds > recipe.max_seconds:
                    break
            if evaluates:
                score = measure(part)
                shown |= {"exact": f"{score.score:.1%}"}
                bar.set_postfix(shown)
                log.write("eval", step=step, seconds=time.perf_counter() - started, **score.as_dict())
                save(score, time.perf_counter() - started)
            if saves:
                facts = {"step": step, "seconds": time.perf_counter() - started, "recipe": recipe.as_dict()}
                write_state(folder, trainer.state(), facts)

    train_seconds = time.perf_counter() - started
    final = measure(held_out)
    seconds = time.perf_counter() - started
    log.write("end", step=trainer.steps_done, train_seconds=train_seconds, seconds=seconds, **final.as_dict())
    path = save(final, train_seconds)
    if folder is not None and trainer.steps_done == recipe.steps:
        remove_states(folder)
    return Run(trainer.averaged, recipe, final, log.rows, seconds, path)
