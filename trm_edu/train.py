"""A training run: steps, a look at the loss now and then, evaluations, log, weights, and states to go on from.

The step itself is `trm_edu.trainer.Trainer.step`. Under torchrun every process runs this same loop; the first one alone
writes files and talks.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm

from trm_edu import __version__, parallel
from trm_edu.arc_score import load_arc_sets
from trm_edu.checkpoints import save_model
from trm_edu.data import load_puzzles
from trm_edu.devices import device_name
from trm_edu.errors import CheckpointError
from trm_edu.evaluate import Evaluation, evaluate
from trm_edu.interface import parameter_count
from trm_edu.logs import Log, read_log
from trm_edu.recipes import Recipe
from trm_edu.resume import earlier_state, remove_states, write_state
from trm_edu.tasks import get_task
from trm_edu.trainer import Diverged, Puzzles, Trainer
from trm_edu.variants import model_name

REPORT_EVERY = 20  # steps between looks at the loss: each one makes the processor wait
LAST, BEST = "model.safetensors", "best.safetensors"


@dataclass
class Run:
    """A finished run: the averaged model, its final evaluation, and the log. `path`: its weights, `best`: the best."""

    model: nn.Module
    recipe: Recipe
    evaluation: Evaluation
    log: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    path: Path | None = None
    best: Path | None = None


def load_sets(recipe: Recipe) -> tuple[Puzzles, Puzzles]:
    """Training and evaluation puzzles. No symmetry turns one of the latter into one of the former.

    For ARC an ArcSet and an ArcMeasure; there no task of the former is one of the latter.
    """
    task = get_task(recipe.task)
    if getattr(task, "judged_by", "rules") == "answers":
        counts = {"train_count": recipe.train_count, "eval_count": recipe.eval_count, "seed": recipe.data_seed}
        counts |= {"augmentations": recipe.augmentations, "eval_augmentations": recipe.eval_augmentations}
        counts |= {"allow": recipe.allow_leak}
        return load_arc_sets(recipe.train_data, recipe.eval_data, side=task.grid_shape[0], **counts)
    training = load_puzzles(recipe.train_data, recipe.task, count=recipe.train_count, seed=recipe.data_seed)
    count, seed = recipe.eval_count, recipe.data_seed + 1
    return training, load_puzzles(recipe.eval_data, recipe.task, count=count, seed=seed, exclude=training)


class Weights:
    """The two weights files of a run: the last averaged weights, and the best ones by the evaluations on the way."""

    def __init__(self, folder: Path | None, trainer: Trainer, facts: dict[str, Any]):
        self.folder, self.trainer, self.facts, self.best_score = folder, trainer, facts, -1.0

    def save(self, seconds: float, score: Evaluation | None = None, *, may_be_best: bool = False) -> None:
        """Write the averaged weights with everything that a score must be quoted with. In the first process only."""
        if self.folder is None:
            return
        recipe, metrics = self.trainer.recipe, self.facts | {"steps": self.trainer.steps_done, "seconds": seconds}
        if score is not None:
            metrics |= {"exact": score.score, "interval": score.interval, "evaluated_on": score.source}
        about = {"task": recipe.task, "recipe": recipe.as_dict(), "metrics": metrics}
        save_model(self.folder / LAST, self.trainer.average(), **about)
        if may_be_best and score is not None and score.score > self.best_score:
            self.best_score = score.score
            save_model(self.folder / BEST, self.trainer.averaged, **about)


def train(
    recipe: Recipe,
    folder: Path | str | None = None,
    *,
    model: nn.Module | None = None,
    sets: tuple[Puzzles, Puzzles] | None = None,
    progress: bool = True,
    on_row: Callable[[dict[str, Any]], None] | None = None,
    tensorboard: bool = False,
) -> Run:
    """Train a recipe; with a folder, write there `log.jsonl`, `model.safetensors` (last) and `best.safetensors`.

    model: a network of your own to train instead of the recipe's (then give no folder: a file needs a known class).
    sets: training and evaluation puzzles, if they are at hand already. on_row: called with every row of the log.
    The averaged (EMA) weights are evaluated, returned and saved. A run that was stopped in this folder goes on where
    its last state was saved (every `save_every` steps). The best weights are chosen by the part of the evaluation
    puzzles: a score to quote needs others. Raises RecipeError or DataError before the first step if something cannot
    work, Diverged if the loss stops making sense; the last good state and weights stay.
    """
    if model is not None and folder is not None:
        model_name(model)
    with parallel.together(recipe.device):
        return run(recipe, None if folder is None else Path(folder), model, sets, progress, on_row, tensorboard)


def run(
    recipe: Recipe,
    folder: Path | None,
    model: nn.Module | None,
    sets: tuple[Puzzles, Puzzles] | None,
    progress: bool,
    on_row: Callable[[dict[str, Any]], None] | None,
    tensorboard: bool,
) -> Run:
    """`train` in one of the processes of a run."""
    training, held_out = sets or load_sets(recipe)
    trainer = Trainer(recipe, training, model)
    part = held_out.take(slice(recipe.eval_part))
    saved = earlier_state(folder, recipe)
    if saved is not None:
        trainer.load_state(saved)
    if not parallel.all_equal(trainer.steps_done, trainer.device):
        raise CheckpointError(f"the processes find different states in {folder}; all machines must see one folder")
    first = trainer.steps_done
    begun = time.perf_counter() - (saved.facts["seconds"] if saved else 0.0)
    device, regime = device_name(trainer.device), training.describe()
    if not parallel.is_first():
        folder, on_row, progress, tensorboard = None, None, False, False
    weights = Weights(folder, trainer, {"trained_on": regime, "device": device})
    weights.best_score = saved.facts["best"] if saved else -1.0
    log = Log(folder, on_row, None if saved is None else first, tensorboard)
    log.write(
        "start" if saved is None else "resume",
        step=first,
        recipe=recipe.as_dict(),
        training=regime,
        held_out=held_out.describe(),
        parameters=parameter_count(trainer.model),
        dtype=trainer.model.config.dtype,
        device=device,
        processes=parallel.world_size(),
        versions={"trm_edu": __version__, "torch": torch.__version__, "python": sys.version.split()[0]},
    )

    def measure(puzzles: Puzzles) -> Evaluation:
        return evaluate(trainer.average(), puzzles, n_supervision=recipe.eval_supervision, regime=regime)

    def seconds() -> float:
        return parallel.agreed(time.perf_counter() - begun, trainer.device)

    shown: dict[str, str] = {}
    look = {"desc": recipe.name, "unit": "step", "disable": not progress, "mininterval": 0.5}
    with log, tqdm(total=recipe.steps, initial=first, **look) as bar:
        for step in range(first + 1, recipe.steps + 1):
            loss = trainer.step()
            evaluates = step % recipe.eval_every == 0 and step < recipe.steps
            saves = step % recipe.save_every == 0 and step < recipe.steps
            enough = late = False
            if evaluates or saves or step % REPORT_EVERY == 0 or step == recipe.steps:  # no weights are saved unseen
                try:
                    numbers = trainer.check(loss)
                except Diverged as error:
                    raise Diverged(f"{error}{way_back(folder, recipe)}") from None
                shown |= {"loss": f"{numbers['loss']:.3f}"}
                bar.update(step - bar.n)
                bar.set_postfix(shown)
                now = seconds()
                log.write("step", step=step, seconds=now, **numbers)
                enough = late = recipe.max_seconds is not None and now > recipe.max_seconds
            if evaluates:
                score = measure(part)
                shown |= {"exact": f"{score.score:.1%}"}
                bar.set_postfix(shown)
                now = seconds()
                log.write("eval", step=step, seconds=now, **score.as_dict())
                weights.save(now, score, may_be_best=True)
                enough |= recipe.stop_at is not None and score.score >= recipe.stop_at
            if saves or (late and step < recipe.steps):  # with more time, the same command goes on
                now, state = seconds(), trainer.state()
                if folder is not None:
                    facts = {"step": step, "seconds": now, "best": weights.best_score, "recipe": recipe.as_dict()}
                    write_state(folder, state, facts)
            if enough:
                break
        train_seconds = seconds()
        final = measure(held_out)
        total = seconds()
        log.write("end", step=trainer.steps_done, train_seconds=train_seconds, seconds=total, **final.as_dict())
        weights.save(train_seconds, final)
    if folder is not None and trainer.steps_done == recipe.steps:
        remove_states(folder)
    paths = [folder / name if folder and (folder / name).exists() else None for name in (LAST, BEST)]
    return Run(trainer.averaged, recipe, final, log.rows, total, *paths)


def finished_run(folder: Path) -> str:
    """What a run that ended in this folder reached, in words; "" if none did. A state file means: not yet."""
    if not (folder / "log.jsonl").exists() or any(folder.glob("state-*.safetensors")):
        return ""
    last = read_log(folder)[-1]
    return f"{last['exact'][-1]:.1%} exact after {last['step']:,} steps" if last["kind"] == "end" else ""


def way_back(folder: Path | None, recipe: Recipe) -> str:
    """Where a diverged run's last good weights are and how to go on from them."""
    if folder is None or not (folder / LAST).exists():
        return ""
    return f", from the last good weights: --start-from {folder / LAST} --lr {recipe.lr / 2:g} and another --out"
