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
from torch import Tensor, nn
from tqdm.auto import tqdm

from trm_edu import __version__, parallel
from trm_edu.arc_score import load_arc_sets
from trm_edu.checkpoints import load_model, save_model
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
    """A finished run: the averaged model, its final evaluation, and the log. `path`: its weights, `best`: the best.

    `stopped`: `stop` ended it before its last step. `kept_step`: the optimizer step whose averaged weights these are.
    """

    model: nn.Module
    recipe: Recipe
    evaluation: Evaluation
    log: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    path: Path | None = None
    best: Path | None = None
    stopped: bool = False
    kept_step: int = 0


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
    """The last averaged weights of a run, and the best ones by the evaluations on the way: two files, with a folder.

    remembers: hold the best ones in memory too, on the CPU, so that `put_back` can bring them back.
    """

    def __init__(self, folder: Path | None, trainer: Trainer, facts: dict[str, Any], *, remembers: bool = False):
        self.folder, self.trainer, self.facts, self.remembers = folder, trainer, facts, remembers
        self.best_score, self.best_step = -1.0, 0
        self.best: dict[str, Tensor] | None = None

    def resume(self, folder: Path, best_score: float) -> None:
        """Go on from a state: the best weights so far lie in this folder. In every process."""
        self.best_score = best_score
        if self.remembers and (folder / BEST).exists():
            found = load_model(folder / BEST)
            self.best, self.best_step = found.model.state_dict(), found.metrics["steps"]
        elif self.remembers:
            self.best_score = -1.0  # whatever was best is gone

    def compare(self, seconds: float, score: Evaluation, *, wins_ties: bool = False) -> None:
        """Keep the weights that were just measured if they are the best so far; equal to the best: if `wins_ties`."""
        if score.score > self.best_score or (wins_ties and score.score == self.best_score):
            self.best_score, self.best_step = score.score, self.trainer.steps_done
            if self.remembers:
                state = self.trainer.averaged.state_dict()
                self.best = {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}
            self.save(BEST, seconds, score, self.best_step)

    def put_back(self) -> int:
        """Make the averaged model the best one again, and return the step at which it was that."""
        self.trainer.averaged.load_state_dict(self.best)
        return self.best_step

    def save(self, name: str, seconds: float, score: Evaluation, step: int) -> None:
        """Write the weights that were just measured with everything that a score must be quoted with.

        In the first process only: the others have no folder.
        """
        if self.folder is None:
            return
        recipe, metrics = self.trainer.recipe, self.facts | {"steps": step, "seconds": seconds}
        metrics |= {"exact": score.score, "interval": score.interval, "evaluated_on": score.source}
        about = {"task": recipe.task, "recipe": recipe.as_dict(), "metrics": metrics}
        save_model(self.folder / name, self.trainer.averaged, **about)


def train(
    recipe: Recipe,
    folder: Path | str | None = None,
    *,
    model: nn.Module | None = None,
    sets: tuple[Puzzles, Puzzles] | None = None,
    progress: bool = True,
    on_row: Callable[[dict[str, Any]], None] | None = None,
    tensorboard: bool = False,
    stop: Callable[[], bool] | None = None,
) -> Run:
    """Train a recipe; with a folder, write there `log.jsonl`, `model.safetensors` (last) and `best.safetensors`.

    model: a network of your own to train instead of the recipe's (then give no folder: a file needs a known class).
    sets: training and evaluation puzzles, if they are at hand already. on_row: called with every row of the log.
    The averaged (EMA) weights are evaluated, returned and saved. A run that was stopped in this folder goes on where
    its last state was saved (every `save_every` steps). The best weights are chosen by the part of the evaluation
    puzzles: a score to quote needs others. Raises RecipeError or DataError before the first step if something cannot
    work, Diverged if the loss stops making sense; the last good state and weights stay.

    stop: asked after every step but the last; True ends the run there and keeps the best weights. The averaged weights
    of that step are measured on the part, as at the evaluations on the way. If an earlier one scored higher, its
    weights are put back: they are evaluated on all puzzles, returned, and written as `model.safetensors`, just as they
    stand in `best.safetensors`. The log's last row says `stopped` and `kept_step`. In a folder a state of the stop
    itself is left, so that the same command goes on from there and not from the kept weights. For this the best
    weights are held in memory. Several processes must all give `stop`; the first one's is asked, and only every 20
    steps and at evaluations and saves, where they talk anyway.
    """
    if model is not None and folder is not None:
        model_name(model)
    with parallel.together(recipe.device):
        return run(recipe, None if folder is None else Path(folder), model, sets, progress, on_row, tensorboard, stop)


def run(
    recipe: Recipe,
    folder: Path | None,
    model: nn.Module | None,
    sets: tuple[Puzzles, Puzzles] | None,
    progress: bool,
    on_row: Callable[[dict[str, Any]], None] | None,
    tensorboard: bool,
    stop: Callable[[], bool] | None,
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
    writes = folder if parallel.is_first() else None
    weights = Weights(writes, trainer, {"trained_on": regime, "device": device}, remembers=stop is not None)
    if saved is not None and folder is not None:
        weights.resume(folder, saved.facts["best"])
    if not parallel.is_first():
        folder, on_row, progress, tensorboard = None, None, False, False
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

    def measure(model: nn.Module, puzzles: Puzzles) -> Evaluation:
        return evaluate(model, puzzles, n_supervision=recipe.eval_supervision, regime=regime)

    def asked_to_stop(talks: bool) -> bool:
        if stop is None or not (talks or parallel.world_size() == 1):
            return False
        return bool(parallel.agreed(parallel.is_first() and stop(), trainer.device))

    def seconds() -> float:
        return parallel.agreed(time.perf_counter() - begun, trainer.device)

    stopped, shown = False, {}
    look = {"desc": recipe.name, "unit": "step", "disable": not progress, "mininterval": 0.5}
    with log, tqdm(total=recipe.steps, initial=first, **look) as bar:
        for step in range(first + 1, recipe.steps + 1):
            loss = trainer.step()
            is_last = step == recipe.steps
            evaluates = step % recipe.eval_every == 0 and not is_last
            saves = step % recipe.save_every == 0 and not is_last
            talks = evaluates or saves or step % REPORT_EVERY == 0 or is_last
            enough = stopped = not is_last and asked_to_stop(talks)
            late = False
            if talks or stopped:  # no weights are saved unseen
                try:
                    numbers = trainer.check(loss)
                except Diverged as error:
                    raise Diverged(f"{error}{way_back(folder, recipe)}") from None
                shown |= {"loss": f"{numbers['loss']:.3f}"}
                bar.update(step - bar.n)
                bar.set_postfix(shown)
                now = seconds()
                log.write("step", step=step, seconds=now, **numbers)
                late = recipe.max_seconds is not None and now > recipe.max_seconds
                enough |= late
            if evaluates or stopped:
                score = measure(trainer.average(), part)
                shown |= {"exact": f"{score.score:.1%}"}
                bar.set_postfix(shown)
                now = seconds()
                log.write("eval", step=step, seconds=now, **score.as_dict())
                weights.save(LAST, now, score, step)
                weights.compare(now, score, wins_ties=stopped)
                enough |= recipe.stop_at is not None and score.score >= recipe.stop_at
            if saves or ((late or stopped) and not is_last):  # with more time, the same command goes on
                now, state = seconds(), trainer.state()
                if folder is not None:
                    facts = {"step": step, "seconds": now, "best": weights.best_score, "recipe": recipe.as_dict()}
                    write_state(folder, state, facts)
            if enough:
                break
        train_seconds = seconds()
        averaged, kept_step = trainer.average(), trainer.steps_done
        if stopped:
            kept_step = weights.put_back()
        final = measure(averaged, held_out)
        total, told = seconds(), {"stopped": True, "kept_step": kept_step} if stopped else {}
        log.write("end", step=trainer.steps_done, train_seconds=train_seconds, seconds=total, **told, **final.as_dict())
        weights.save(LAST, train_seconds, final, kept_step)
    if folder is not None and trainer.steps_done == recipe.steps:
        remove_states(folder)
    paths = [folder / name if folder and (folder / name).exists() else None for name in (LAST, BEST)]
    return Run(averaged, recipe, final, log.rows, total, *paths, stopped=stopped, kept_step=kept_step)


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
