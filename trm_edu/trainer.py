"""One training step: refill, improve, compare, step the optimizers. `trm_edu.train` is the loop around it.

One process or many (`trm_edu.parallel`): every process draws the same batch and works on its own slots.
"""

from __future__ import annotations

import contextlib
import copy
import math
import sys
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from trm_edu import parallel, winner
from trm_edu.checkpoints import load_model
from trm_edu.data import stream_of
from trm_edu.devices import cpp_compiler, faster_dtype, sum_type
from trm_edu.errors import CheckpointError, RecipeError, TrmEduError
from trm_edu.losses import Loss, cell_loss_named, supervision_loss
from trm_edu.optim import EMA, SparseSignSGD, learning_rate, make_optimizers
from trm_edu.recipes import Recipe
from trm_edu.resume import Saved, restore
from trm_edu.supervision import (
    Batch,
    Carry,
    exploration_ages,
    initial_carry,
    map_tensors,
    q_continue_target,
    supervision_step,
)
from trm_edu.variants import build_model, model_name

PUZZLE_TABLE = "embed.puzzle.weight"
ID_SETTINGS = ("task", "train_data", "train_count", "eval_data", "eval_count", "augmentations", "data_seed")
Puzzles = Any  # a PuzzleSet, or a set that makes its own stream, as trm_edu.arc.ArcSet does
EXPLODED = 5.0  # a loss so many times larger than that of guessing never comes back


class Diverged(TrmEduError):
    """The loss or a weight stopped being a number, or the loss exploded."""


def make_model(recipe: Recipe, device: torch.device) -> nn.Module:
    """A freshly initialised model (the recipe's seed decides its weights), or the weights that it starts from.

    The rows of a puzzle embedding are taken over only if they stand for the same puzzles; else they start at zero, as
    all do.
    """
    dtype = faster_dtype(device) if recipe.dtype == "auto" else recipe.dtype
    torch.manual_seed(recipe.seed)
    model = build_model(recipe.model, recipe.model_config(dtype))
    if recipe.start_from:
        checkpoint = load_model(recipe.start_from)
        first = checkpoint.model
        same = {"T": 1, "n": 1, "dtype": dtype}
        same |= {"puzzle_ids": 1} if recipe.has_ids else {}
        if model_name(first) != recipe.model or replace(first.config, **same) != replace(model.config, **same):
            raise RecipeError(f"{recipe.start_from} holds {first.config}; the recipe asks for {model.config}")
        weights = first.state_dict()
        if recipe.has_ids and not same_ids(checkpoint.recipe, recipe):
            weights[PUZZLE_TABLE] = model.state_dict()[PUZZLE_TABLE]
        model.load_state_dict(weights)
    return model.to(device)


def same_ids(before: dict[str, Any], recipe: Recipe) -> bool:
    """Whether an id means the same as in an earlier recipe (`Recipe.as_dict`): one id means all puzzles, many tasks."""
    settings = recipe.as_dict()
    named = [name for name in ID_SETTINGS if before.get(name) != settings[name]]
    return recipe.puzzle_ids == before.get("puzzle_ids", 1) and (recipe.puzzle_ids == 1 or not named)


def check_ids(recipe: Recipe, puzzles: Puzzles) -> None:
    """RecipeError if the puzzle embedding has fewer rows than the puzzles have ids."""
    needed = getattr(puzzles, "puzzle_ids", 1)
    if recipe.has_ids and recipe.puzzle_ids < needed:
        raise RecipeError(
            f"puzzle_ids is {recipe.puzzle_ids:,}, but these puzzles have {needed:,} ids; give --puzzle-ids {needed}"
        )


def compiled(model: nn.Module, recipe: Recipe, device: torch.device) -> nn.Module:
    """The model with its whole recursion in one compiled graph, if the recipe asks for it and a compiler is there."""
    if not recipe.compile:
        return model
    if device.type == "cpu" and cpp_compiler() is None:
        if parallel.is_first():
            tqdm.write("no C++ compiler found: the run goes on without torch.compile, more slowly", file=sys.stderr)
        return model
    auto = "reduce-overhead" if device.type == "cuda" else "default"  # CUDA graphs: no launch waits for Python
    return torch.compile(model, mode=auto if recipe.compile_mode == "auto" else recipe.compile_mode)


def stagger(carry: Carry, n_supervision: int, generator: torch.Generator, starts: int = 1) -> Carry:
    """Give the first puzzles random ages, so that the slots do not all take new puzzles at the same step.

    Without it every slot halts at step 16, 32, 48, ...: until the network learns to halt, 16 optimizer steps in a
    row see the very same puzzles. The `starts` of one puzzle share its age.
    """
    count = len(carry.steps) // starts
    ages = torch.randint(n_supervision, (count,), generator=generator, device=carry.steps.device)
    ages = ages.repeat_interleave(starts)
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

    def __init__(self, recipe: Recipe, puzzles: Puzzles, model: nn.Module | None = None):
        self.recipe, self.device = recipe, parallel.my_device(recipe.device)
        check_ids(recipe, puzzles)
        self.model = (model or make_model(recipe, self.device)).to(self.device).train()
        self.model.requires_grad_(not recipe.only_ids)  # the rows of the puzzle embedding are no parameters
        self.compiled = compiled(self.model, recipe, self.device)
        self.network = parallel.wrap(self.compiled)  # from here on all processes have the first one's weights
        self.averaged = copy.deepcopy(self.model).eval()
        self.ema = EMA(self.model, recipe.ema)
        rates = {"lr": recipe.lr, "muon_lr": recipe.muon_lr, "weight_decay": recipe.weight_decay}
        rates |= {"puzzle_lr": recipe.puzzle_lr, "puzzle_weight_decay": recipe.puzzle_weight_decay}
        self.optimizers = make_optimizers(self.model, recipe.optimizer, **rates)
        self.cell_loss = cell_loss_named(recipe.loss)
        stream = {"seed": recipe.seed, "device": self.device, "augment": recipe.augment}
        self.stream = stream_of(puzzles, recipe.batch_size, **stream)
        self.exploration = torch.Generator(self.device).manual_seed(recipe.seed + 1)
        carry = initial_carry(self.model, winner.spread(next(self.stream), recipe.starts))
        if recipe.starts > 1:
            carry = carry._replace(state=self.fresh_state())
        if recipe.stagger:
            carry = stagger(carry, recipe.n_supervision, self.exploration, recipe.starts)
        puzzle_slots = parallel.my_slots(recipe.batch_size, recipe.accumulate)
        self.parts = [slice(s.start * recipe.starts, s.stop * recipe.starts) for s in puzzle_slots]
        self.carries = [self.part_of(carry, part) for part in self.parts]
        self.steps_done = 0
        self.gradient_norm: Tensor | None = None

    @staticmethod
    def part_of(whole: Any, part: slice) -> Any:
        """Some slots of a carry, batch or state."""
        return map_tensors(lambda tensor: tensor[part], whole)

    def set_schedules(self) -> None:
        """Learning rates, share of revealed cells, and depth of the recursion at the coming step."""
        recipe, step = self.recipe, self.steps_done
        schedule = {"warmup": recipe.warmup, "total": recipe.steps, "min_ratio": recipe.min_lr_ratio}
        set_rates(self.optimizers, learning_rate(step, base=1.0, **schedule))
        shown_until = recipe.reveal_until * recipe.steps
        self.stream.reveal = recipe.reveal * max(0.0, 1 - step / shown_until) if shown_until else 0.0
        if recipe.depths and recipe.depth(step) != (self.model.config.T, self.model.config.n):
            T, n = recipe.depth(step)
            self.model.config = replace(self.model.config, T=T, n=n)

    def fresh_state(self) -> tuple[Tensor, ...]:
        """Starts for all slots of all processes, with noise on z in all but the first start of each puzzle."""
        start = self.model.initial_state(self.recipe.batch_size * self.recipe.starts)
        return winner.noisy_starts(start, self.recipe.starts, self.recipe.start_noise, self.exploration)

    def step(self) -> Loss:
        """One supervision step of every slot and one optimizer step. Waits for nothing on the device.

        The loss that comes back is that of this process's slots.
        """
        recipe = self.recipe
        self.steps_done += 1
        self.set_schedules()
        offered = winner.spread(next(self.stream), recipe.starts)
        # Whatever is random is drawn for all slots of all processes, so that it does not depend on how they are split.
        ages, fresh = None, None if recipe.starts == 1 else self.fresh_state()
        if recipe.exploration > 0 and recipe.n_supervision > 1:
            rule = (recipe.n_supervision, recipe.exploration, self.exploration, self.device)
            ages = exploration_ages(recipe.batch_size, *rule).repeat_interleave(recipe.starts)
        losses = []
        for i, part in enumerate(self.parts):
            waits = isinstance(self.network, parallel.Parallel) and i + 1 < len(self.parts)
            with self.network.no_sync() if waits else contextlib.nullcontext():
                mine = (None if each is None else self.part_of(each, part) for each in (offered, ages, fresh))
                losses.append(self.improve(i, *mine))
        if recipe.clip and not recipe.only_ids:
            self.gradient_norm = nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip, foreach=True)
        for optimizer in self.optimizers:
            optimizer.step()
        self.model.zero_grad()
        self.ema.update()
        return losses[0] if len(losses) == 1 else Loss.sum(losses)

    def improve(self, i: int, offered: Batch, ages: Tensor | None, fresh: tuple[Tensor, ...] | None) -> Loss:
        """One supervision step of part i of the slots; its gradient is added to what is there already."""
        recipe = self.recipe
        graphs = self.device.type == "cuda" and self.compiled is not self.model
        if graphs:
            torch.compiler.cudagraph_mark_step_begin()
        rule = {"exploration": recipe.exploration, "q_learning": recipe.q_learning, "at_least": ages, "fresh": fresh}
        rule |= {"n_supervision": recipe.n_supervision, "generator": self.exploration}
        carry, output = supervision_step(self.network, self.carries[i], offered, **rule)
        if graphs:  # the next replay of the graph writes into the very memory of these states
            carry = carry._replace(state=map_tensors(torch.clone, carry.state))
        target = q_continue_target(self.network, carry, recipe.n_supervision) if recipe.q_learning else None
        labels = carry.batch.labels
        if recipe.starts > 1:
            carry = carry._replace(halted=winner.share_halting(carry.halted, recipe.starts))
            best = winner.winners(output, labels, recipe.starts, self.cell_loss)
            output, labels = map_tensors(lambda tensor: tensor[best], output), labels[best]
        options = {"cell_loss": self.cell_loss, "halt_weight": recipe.halt_weight, "continue_target": target}
        loss = supervision_loss(output, labels, **options)
        # DistributedDataParallel takes the mean over the processes: with this factor it is the mean over the batch.
        (loss.total * parallel.world_size() / recipe.batch_size).backward()
        for optimizer in self.optimizers:
            if isinstance(optimizer, SparseSignSGD):
                optimizer.collect()
        self.carries[i] = carry
        return loss

    @property
    def carry(self) -> Carry:
        """All slots of all processes, which must all ask for it."""
        mine = map_tensors(lambda *parts: torch.cat(parts), *self.carries)
        return map_tensors(parallel.gathered, mine)

    def state(self) -> dict[str, Any]:
        """Every tensor that the next step depends on, nested by where it belongs. All processes must call it."""
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
        self.carries = [self.part_of(state["carry"], part) for part in self.parts]
        self.stream.generator.set_state(state["generators"]["stream"].cpu())
        self.exploration.set_state(state["generators"]["exploration"].cpu())
        self.steps_done = saved.facts["step"]

    def average(self) -> nn.Module:
        """The model with the averaged weights, in evaluation mode. The same object each time."""
        self.ema.copy_to(self.averaged)
        self.averaged.load_state_dict(dict(self.model.named_buffers()), strict=False)
        return self.averaged

    def check(self, loss: Loss) -> dict[str, float]:
        """Loss, halting loss and gradient norm of this step, a puzzle. Diverged if they say that all is lost."""
        sums = parallel.summed(torch.stack((loss.answer.detach(), loss.halt.detach())).to(sum_type(self.device)))
        answer, halt = (sums / self.recipe.batch_size).tolist()
        found = {"loss": answer, "halt": halt}
        if self.gradient_norm is not None:
            found["grad_norm"] = self.gradient_norm.item()
        sound = torch.stack([p.isfinite().all() for p in self.model.parameters()]).all().item()
        guessing = math.log(self.model.config.vocab_size)
        if not math.isfinite(answer) or not sound or answer > EXPLODED * max(guessing, 1.0):
            what = (
                f"the loss is {answer:.4g}" if sound or not math.isfinite(answer) else "a weight is no number any more"
            )
            hint = f"try a smaller lr (now {self.recipe.lr}) or a clip of 1 (now {self.recipe.clip})"
            raise Diverged(f"{what} at step {self.steps_done}; {hint}")
        return found
