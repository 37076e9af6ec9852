"""Test-time compute: when a puzzle may leave, how to start it more than once, and which of its answers to believe.

A published score is ONE PASS: each puzzle once, from the model's own start, for 16 steps. Real halting makes that pass
cheaper. Whatever spends more than it (several starts, votes, more than 16 steps) is another regime, TEST-TIME COMPUTE,
and a score must say so. Costs are counted in evaluations: one puzzle, one supervision step.

An answer is the plain argmax, as in `trm_edu.losses.exact_match`: a cell whose best token is padding counts as wrong
here and there, so that all scores agree.

Shapes: N puzzles, K starts of each, L cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from trm_edu.data import as_tensor
from trm_edu.errors import RecipeError
from trm_edu.tasks import Task

ONE_PASS = 16  # supervision steps that the papers spend on a puzzle
EACH = ("tokens", "halt_logit", "halted", "given_up", "steps")  # what Answers holds of each answer

# inputs [N, L], answers [N, L], steps taken [N] -> bool [N]: of which puzzles no more is to be expected
Hopeless = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Answers:
    """The answer of each puzzle [N], or of each start of each puzzle [K, N], at the step at which it left.

    `steps`: supervision steps that it took. `halted`: the network said that it was done. `given_up`: it was sent away
    before that, as settled or hopeless. Neither: the steps ran out. `evaluations`: puzzles times steps that were run
    for all of this, answers that were not picked included.
    """

    tokens: Int[Tensor, "*K N L"]
    halt_logit: Float[Tensor, "*K N"]
    halted: Bool[Tensor, "*K N"]
    given_up: Bool[Tensor, "*K N"]
    steps: Int[Tensor, "*K N"]
    evaluations: int

    @property
    def ratio(self) -> float:
        """Cost in passes: evaluations over those of 16 fixed steps for each of the N puzzles."""
        return self.evaluations / (ONE_PASS * self.steps.shape[-1])

    def grouped(self, starts: int) -> Answers:
        """[K * N] to [K, N]."""
        return replace(self, **{name: getattr(self, name).unflatten(0, (starts, -1)) for name in EACH})

    def pick(self, start: Int[Tensor, " N"]) -> Answers:
        """[K, N] to [N]: of each puzzle the answer of one start. What the others cost stays counted."""
        puzzle = torch.arange(len(start), device=start.device)
        return replace(self, **{name: getattr(self, name)[start, puzzle] for name in EACH})


# --- one start ----------------------------------------------------------------------------------------------------


@torch.no_grad()
def run_to_halt(
    model: nn.Module,
    inputs: Int[Tensor, "N L"],
    n_supervision: int = 16,
    *,
    state: tuple[Tensor, ...] | None = None,
    puzzle_ids: Int[Tensor, " N"] | None = None,
    halt_above: float = 0.0,
    patience: int | None = None,
    hopeless: Hopeless | None = None,
    batch_size: int = 256,
) -> Answers:
    """Answer each puzzle and let it go as soon as it is done; its slot goes to the next one, so the batch stays full.

    A puzzle leaves when its halt logit is above `halt_above` or at step `n_supervision`. It is given up when, with
    `patience`, its answer has stayed the same for that many steps (it has settled, rightly or not), or when `hopeless`,
    which is asked after every step, says so of it: see `hopeless_above`. Puzzles that stay do not notice. Infinite
    `halt_above` means fixed steps, the same numbers as `deep_supervision`. At most 16 steps are one pass, more are
    test-time compute.

    state: a start for each puzzle, held whole in memory (default: the model's own). puzzle_ids: default 0, as in
    training. Only the last, no longer full batches change size, which matters to a compiled model. Raises RecipeError
    for a count below 1, a state of another length, a `halt_above` that is no number, or a `hopeless` that does not give
    one bool for each puzzle.
    """
    for name, value in {"n_supervision": n_supervision, "patience": patience, "batch_size": batch_size}.items():
        if value is not None and value < 1:
            raise RecipeError(f"{name} is {value}; it must be at least 1")
    if math.isnan(halt_above):
        raise RecipeError("halt_above is nan; it must be a number, or infinite for fixed steps")
    count, device = len(inputs), inputs.device
    starts = model.initial_state(count) if state is None else state
    if any(len(part) != count for part in starts):
        raise RecipeError(f"state has {len(starts[0])} starts for {count} puzzles; each puzzle needs one")
    if puzzle_ids is None:
        puzzle_ids = torch.zeros(count, dtype=torch.long, device=device)

    tokens, halt_logit = torch.zeros_like(inputs), torch.zeros(count, device=device)
    halted, given_up = (torch.zeros(count, dtype=torch.bool, device=device) for _ in range(2))
    steps, settled = (torch.zeros(count, dtype=torch.long, device=device) for _ in range(2))
    slots = torch.zeros(0, dtype=torch.long, device=device)  # the puzzle in each slot
    held = type(starts)(*(part[:0] for part in starts))  # the state of each slot
    waiting = evaluations = 0  # the first puzzle that had no slot yet
    while True:
        enter = torch.arange(waiting, min(count, waiting + batch_size - len(slots)), device=device)
        if len(enter):
            waiting += len(enter)
            slots = torch.cat((slots, enter))
            held = type(starts)(*(torch.cat((old, new[enter])) for old, new in zip(held, starts, strict=True)))
        if not len(slots):
            return Answers(tokens, halt_logit, halted, given_up, steps, evaluations)
        held, output = model(inputs[slots], held, puzzle_ids[slots])
        evaluations += len(slots)
        answer, done = output.logits.argmax(-1), output.halt_logit > halt_above
        same = (answer == tokens[slots]).all(-1) & (steps[slots] > 0)  # at step 1 there is nothing to compare with
        settled[slots] = torch.where(same, settled[slots] + 1, 0)
        steps[slots] += 1
        tokens[slots], halt_logit[slots], halted[slots] = answer, output.halt_logit, done
        leaves, lost = done | (steps[slots] >= n_supervision), torch.zeros_like(done)
        if patience is not None:
            lost |= settled[slots] >= patience
        if hopeless is not None:
            said = hopeless(inputs[slots], answer, steps[slots])
            if said.dtype != torch.bool or said.shape != done.shape:
                got = f"{str(said.dtype).removeprefix('torch.')} {list(said.shape)}"
                raise RecipeError(f"hopeless gave {got}; it must give bool {list(done.shape)}, one for each puzzle")
            lost |= said
        given_up[slots] = lost & ~leaves
        stay = (leaves | lost).logical_not().nonzero().squeeze(1)
        if len(stay) < len(slots):
            slots, held = slots[stay], type(held)(*(part[stay] for part in held))


def hopeless_above(task: Task, repeats: int, from_step: int = 3) -> Hopeless:
    """A `hopeless` for `run_to_halt`: after step `from_step` or later, more than `repeats` digits stand repeated.

    The rules judge the answer, no stored solution does. A network that gets a puzzle right at all soon breaks few
    rules; before `from_step` nearly every answer breaks many. Raises RecipeError for a task that does not count
    repeats, for `repeats` below 0 and for `from_step` below 1.
    """
    count = getattr(task, "repeats", None)
    if count is None:
        raise RecipeError(f"{task.name} does not count repeats; give up by rules needs a task that does, like sudoku9")
    for name, value, least in (("repeats", repeats, 0), ("from_step", from_step, 1)):
        if value < least:
            raise RecipeError(f"{name} is {value}; it must be at least {least}")

    def hopeless(
        inputs: Int[Tensor, "N L"], tokens: Int[Tensor, "N L"], steps: Int[Tensor, " N"]
    ) -> Bool[Tensor, " N"]:
        return (steps >= from_step) & (count(tokens) > repeats)

    return hopeless


# --- several starts -----------------------------------------------------------------------------------------------


def noisy_state(
    model: nn.Module, count: int, noise: float, generator: torch.Generator | None = None
) -> tuple[Tensor, ...]:
    """`count` starts, Gaussian noise of standard deviation `noise` on the latent z (the state's last tensor) only.

    The model's own z_init has standard deviation 1. Noise is drawn in float32 on the generator's device, so that a CPU
    generator gives the same noise on every machine, and comes back in z's dtype. Raises RecipeError for negative noise
    and for a model without a latent state.
    """
    if noise < 0:
        raise RecipeError(f"noise is {noise}; it must be at least 0")
    state = model.initial_state(count)
    if noise == 0:
        return state
    if not state:
        raise RecipeError(f"{type(model).__name__} has no latent state that noise could go to; use noise 0")
    *others, z = state
    device = z.device if generator is None else generator.device
    shift = noise * torch.randn(z.shape, generator=generator, device=device).to(z.device)
    return type(state)(*others, (z + shift).to(z.dtype))


def starting_states(
    model: nn.Module, count: int, starts: int, noise: float, generator: torch.Generator | None
) -> tuple[Tensor, ...]:
    """The model's own start `count` times, then `starts` - 1 times `count` noisy ones."""
    own, noisy = model.initial_state(count), noisy_state(model, (starts - 1) * count, noise, generator)
    return type(own)(*(torch.cat(parts) for parts in zip(own, noisy, strict=True)))


def several_starts(
    model: nn.Module,
    inputs: Int[Tensor, "N L"],
    starts: int,
    *,
    noise: float = 1.0,
    generator: torch.Generator | None = None,
    puzzle_ids: Int[Tensor, " N"] | None = None,
    **run: Any,
) -> Answers:
    """Answers [K, N] from `starts` starts: the model's own first, the others with noise on z. Test-time compute.

    All K * N starts are held in memory. run: further arguments of `run_to_halt`. Raises RecipeError for fewer than one
    start and for several without noise, which would all be the same.
    """
    if starts < 1 or (starts > 1 and noise <= 0):
        raise RecipeError(f"starts is {starts} with noise {noise}; starts must be at least 1, and several need noise")
    ids = None if puzzle_ids is None else puzzle_ids.repeat(starts)
    state = starting_states(model, len(inputs), starts, noise, generator)
    return run_to_halt(model, inputs.repeat(starts, 1), state=state, puzzle_ids=ids, **run).grouped(starts)


def turned_starts(
    model: nn.Module,
    task: Task,
    questions: UInt8[np.ndarray, "N L"],
    count: int,
    rng: np.random.Generator,
    *,
    noise: float = 0.0,
    generator: torch.Generator | None = None,
    **run: Any,
) -> Answers:
    """Answers [K, N] to `count` images of each puzzle, turned back. Test-time compute.

    The first image is the puzzle itself. The others are random symmetries, one for all N puzzles: a random turn makes
    a random image of each. With `noise` they start from a noisy z too. run: further arguments of `run_to_halt`.
    """
    if count < 1:
        raise RecipeError(f"count is {count}; a puzzle needs at least 1 image")
    device = next(model.parameters()).device
    turns = [task.random_symmetry(rng) for _ in range(count - 1)]
    turned = np.concatenate([questions, *(task.apply(turn, questions) for turn in turns)])
    state = starting_states(model, len(questions), count, noise, generator)
    answers = run_to_halt(model, as_tensor(turned, device), state=state, **run).grouped(count)
    back = [task.apply(task.invert(turn), tokens) for turn, tokens in zip(turns, answers.tokens[1:], strict=True)]
    return replace(answers, tokens=torch.stack((answers.tokens[0], *back)))


# --- which answer to believe --------------------------------------------------------------------------------------


def surest(answers: Answers, among: Bool[Tensor, "K N"]) -> Answers:
    """Of each puzzle's starts in `among` the one with the highest halt logit, the first of them if several have it."""
    return answers.pick(answers.halt_logit.masked_fill(~among, -torch.inf).argmax(0))


def best_by_halting(answers: Answers) -> Answers:
    """[K, N] to [N]: the answer of which the network is surest."""
    return surest(answers, torch.ones_like(answers.halted))


def best_by_rules(task: Task, questions: UInt8[np.ndarray, "N L"], answers: Answers) -> Answers:
    """[K, N] to [N]: an answer that the task's rules accept, the surest if there are several or none.

    It needs the rules and no stored solution.
    """
    solved = [task.is_solved_batch(questions, tokens.cpu().numpy()) for tokens in answers.tokens]
    right = torch.from_numpy(np.stack(solved)).to(answers.halted.device)
    return surest(answers, right | ~right.any(0))


def first_to_halt(answers: Answers) -> Answers:
    """[K, N] to [N]: the start that halted after the fewest steps (arXiv 2601.19085), the surest if none halted.

    Starts that ran beside each other could all stop there; `evaluations` counts what was run, so it is not less.
    """
    steps = answers.steps.masked_fill(~answers.halted, torch.iinfo(torch.long).max)
    return surest(answers, steps == steps.amin(0))


def majority(answers: Answers) -> Answers:
    """[K, N] to [N]: the whole answer that most starts gave; of several, the one with the higher mean halt logit.

    Cell by cell a vote could mix answers into one that nobody gave and that breaks the rules.
    """
    same = (answers.tokens[:, None] == answers.tokens).all(-1)  # [K, K, N]
    votes = same.sum(1)
    mean = (same * answers.halt_logit).sum(1) / votes
    mean = mean.masked_fill(votes < votes.amax(0), -torch.inf)
    return surest(answers, mean == mean.amax(0))


def vote_over_symmetries(
    model: nn.Module, task: Task, questions: UInt8[np.ndarray, "N L"], count: int, rng: np.random.Generator, **run: Any
) -> Answers:
    """The majority of the answers to `count` images of each puzzle: see `turned_starts`. Test-time compute."""
    return majority(turned_starts(model, task, questions, count, rng, **run))
