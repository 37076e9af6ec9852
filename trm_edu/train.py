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
from trm_edu.data import BatchStream, load_puzzles
from trm_edu.devices import device_name, faster_dtype, pick_device
from trm_edu.errors import RecipeError, TrmEduError
from trm_edu.evaluate import Evaluation, evaluate
from trm_edu.interface import parameter_count
from trm_edu.losses import Loss, cell_loss_named, supervision_loss
from trm_edu.optim import EMA, learning_rate, make_optimizers
from trm_edu.recipes import Recipe
from trm_edu.supervision import Carry, initial_carry, q_continue_target, supervision_step
from trm_edu.tasks import PuzzleSet
from trm_edu.variants import build_model, model_name

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
    """Rows as JSON lines in `folder`/log.jsonl, if there is a folder, and in memory."""

    def __init__(self, folder: Path | None, on_row: Callable[[dict[str, Any]], None] | None):
        self.rows: list[dict[str, Any]] = []
        self.on_row = on_row
        self.file = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self.file = (folder / "log.jsonl").open("w", encoding="utf-8")

    def write(self, kind: str, **row: Any) -> None:
        row = {"kind": kind, **row}
        self.rows.append(row)
        if self.file:
            self.file.write(json.dumps(row) + "\n")
            self.file.flush()
        if self.on_row:
            self.on_row(row)


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
        self.compiled = torch.compile(self.model) if recipe.compile else self.model
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
    The averaged (EMA) weights are evaluated, returned and saved. Raises RecipeError or DataError before the first step
    if something cannot work, Diverged if the loss becomes NaN or infinite.
    """
    if model is not None and folder is not None:
        model_name(model)
    training, held_out = sets or load_sets(recipe)
    trainer = Trainer(recipe, training, model)
    part = held_out.take(slice(recipe.eval_part))
    folder = None if folder is None else Path(folder)
    log = Log(folder, on_row)
    log.write(
        "start",
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

    started, shown = time.perf_counter(), {}
    with tqdm(total=recipe.steps, desc=recipe.name, unit="step", disable=not progress, mininterval=0.5) as bar:
        for step in range(1, recipe.steps + 1):
            loss = trainer.step()
            evaluates = step % recipe.eval_every == 0 and step < recipe.steps
            if evaluates or step % REPORT_EVERY == 0 or step == recipe.steps:  # no weights are saved unseen
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

    train_seconds = time.perf_counter() - started
    final = measure(held_out)
    seconds = time.perf_counter() - started
    log.write("end", step=trainer.steps_done, train_seconds=train_seconds, seconds=seconds, **final.as_dict())
    path = save(final, train_seconds)
    return Run(trainer.averaged, recipe, final, log.rows, seconds, path)
