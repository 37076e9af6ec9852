"""A puzzle in, a verified answer out.

The network proposes, the rules decide: an answer counts as solved only if the rule checker finds nothing wrong with it.
If the first start fails, the same puzzle is shown again, turned by random symmetries of the task: to the network each
is another puzzle, and 89% of TRM's failures are solved from another start (arXiv 2601.19085).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from trm_edu.data import as_tensor
from trm_edu.errors import CheckpointError, PuzzleError
from trm_edu.inference import noisy_state
from trm_edu.interface import Output
from trm_edu.tasks import Task


@dataclass
class Step:
    """The answer after one supervision step, and how sure the network is that it is right.

    `confidence` is the probability of each chosen token, `before` the network's state before the step, from which the
    step can be unrolled (`trm_edu.inside`). Both are None where the puzzle was turned: cells have moved.
    """

    number: int
    answer: UInt8[np.ndarray, " L"]
    confidence: Float[np.ndarray, " L"] | None
    halt_probability: float
    before: tuple[Tensor, ...] | None = None


@dataclass
class Attempt:
    """One start: its steps up to the one at which the network said that it is done (or the last allowed one)."""

    start: int
    steps: list[Step]
    violations: list[str]

    @property
    def answer(self) -> UInt8[np.ndarray, " L"]:
        return self.steps[-1].answer

    @property
    def said_done(self) -> bool:
        return self.steps[-1].halt_probability > 0.5


@dataclass
class Solution:
    """What came of a puzzle: every attempt, and the first one that the rules accept."""

    question: UInt8[np.ndarray, " L"]
    attempts: list[Attempt] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def solved(self) -> bool:
        return any(not attempt.violations for attempt in self.attempts)

    @property
    def best(self) -> Attempt:
        """The verified attempt, or else the one that breaks the fewest rules."""
        return min(self.attempts, key=lambda attempt: len(attempt.violations))

    @property
    def steps_used(self) -> int:
        """Supervision steps spent on all attempts together."""
        return sum(len(attempt.steps) for attempt in self.attempts)


def check_input(task: Task, question: UInt8[np.ndarray, " L"]) -> None:
    """Refuse a puzzle that breaks its own rules, or has no solution, or several, if the task can count them."""
    task.check_question(question)
    count = getattr(task, "solution_count", None)
    if count is None:
        return
    solutions = count(question, 2)
    if solutions == 0:
        raise PuzzleError("this puzzle has no solution, although no two clues contradict each other directly")
    if solutions > 1:
        raise PuzzleError("this puzzle has more than one solution; a proper puzzle has exactly one, so add clues")


def check_fits(model: nn.Module, task: Task) -> None:
    """CheckpointError if the model was made for puzzles of another size."""
    ours, theirs = (task.seq_len, task.vocab_size), (model.config.seq_len, model.config.vocab_size)
    if ours != theirs:
        raise CheckpointError(
            f"this network takes {theirs[0]} cells and {theirs[1]} tokens; {task.name} has {ours[0]} and {ours[1]}"
        )


def read_output(
    output: Output,
) -> tuple[UInt8[np.ndarray, "N L"], Float[np.ndarray, "N L"], Float[np.ndarray, " N"]]:
    """What the heads say: answers [N, L], probability of each chosen token [N, L], halting probability [N]."""
    confidence, answer = output.logits.float().softmax(-1)[..., 1:].max(-1)
    answer = answer + 1  # token 0 is padding: no answer holds it, and no grid could show it
    return answer.byte().cpu().numpy(), confidence.cpu().numpy(), output.halt_logit.sigmoid().cpu().numpy()


@torch.no_grad()
def recursion_trace(
    model: nn.Module,
    questions: UInt8[np.ndarray, "N L"],
    n_supervision: int,
    *,
    state: tuple[Tensor, ...] | None = None,
    befores: list[tuple[Tensor, ...]] | None = None,
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each supervision step: answers [N, L], probability of each chosen token [N, L], halting probability [N].

    Stops early once every puzzle's halting probability has passed one half. Unlike `run_to_halt` it keeps what is done
    in the batch and every step in the trace: it is there to be looked at. state: another start than the model's own.
    befores: a list that gets the state before each step.
    """
    device = next(model.parameters()).device
    inputs = as_tensor(questions, device)
    ids = torch.zeros(len(inputs), dtype=torch.long, device=device)
    trace, done = [], torch.zeros(len(inputs), dtype=torch.bool, device=device)
    state = model.initial_state(len(inputs)) if state is None else state
    for _ in range(n_supervision):
        if befores is not None:
            befores.append(state)
        state, output = model(inputs, state, ids)
        trace.append(read_output(output))
        done |= output.halt_logit > 0
        if done.all():
            break
    return trace


def solve(
    model: nn.Module,
    task: Task,
    question: UInt8[np.ndarray, " L"],
    *,
    n_supervision: int = 32,
    starts: int = 16,
    noise: float = 0.0,
    seed: int = 0,
    checked: bool = False,
    on_step: Callable[[Step], Any] | None = None,
) -> Solution:
    """Solve one puzzle within a budget of `starts` starts of at most `n_supervision` steps each.

    The first start is the puzzle as it is; `on_step` sees its steps. The further ones are turned puzzles, with noise of
    standard deviation `noise` on their latent z, and run together as a batch. Each ends when the network says that it
    is done. More than one start, or more than 16 steps, is test-time compute. Raises PuzzleError for an improper puzzle
    (unless `checked`) and CheckpointError for a network of another task.
    """
    started = time.perf_counter()
    check_fits(model, task)
    if not checked:
        check_input(task, question)
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    solution = Solution(question)

    def attempts(symmetries: list[Any], first: int, noise: float = 0.0) -> None:
        turned = np.stack([question if s is None else task.apply(s, question) for s in symmetries])
        state = noisy_state(model, len(turned), noise, generator)
        befores: list[tuple[Tensor, ...]] | None = [] if symmetries == [None] else None
        trace = recursion_trace(model, turned, n_supervision, state=state, befores=befores)
        for i, symmetry in enumerate(symmetries):
            steps = []
            for number, (answers, confidences, halts) in enumerate(trace, start=1):
                answer, confidence = answers[i], confidences[i]
                if symmetry is not None:
                    answer = task.apply(task.invert(symmetry), answer)
                    confidence = None
                before = None if befores is None else befores[number - 1]
                steps.append(Step(number, answer, confidence, float(halts[i]), before))
                if halts[i] > 0.5:
                    break
            attempt = Attempt(first + i, steps, task.violations(question, steps[-1].answer))
            solution.attempts.append(attempt)

    attempts([None], first=1)
    if on_step:
        for step in solution.attempts[0].steps:
            on_step(step)
    if not solution.solved and starts > 1:
        attempts([task.random_symmetry(rng) for _ in range(starts - 1)], first=2, noise=noise)
    solution.seconds = time.perf_counter() - started
    return solution
