"""Deep supervision: the carry, one supervision step, halting and refill, and the paper's loop beside it.

The paper draws a loop: for each batch, up to N_sup times, improve the answer, compute the loss, take an optimizer step.
The published code has no such loop. A batch is a set of SLOTS. One call improves every slot once; a slot that has
halted takes a new puzzle at the next call, the others keep theirs, with their y and z. So a batch holds puzzles of
different ages and no slot ever waits. `supervision_step` is that call; `deep_supervision` is the loop. Where no slot
halts early, they compute the same numbers (tests/test_supervision.py).

Shapes: B slots, L cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from trm_edu.interface import Output


class Batch(NamedTuple):
    """Puzzles: questions, answers (-100 where a cell does not count), and the id of each puzzle's embedding."""

    inputs: Int[Tensor, "B L"]
    labels: Int[Tensor, "B L"]
    puzzle_ids: Int[Tensor, " B"]


class Carry(NamedTuple):
    """What the slots hold between two supervision steps."""

    state: tuple[Tensor, ...]
    steps: Int[Tensor, " B"]
    halted: Bool[Tensor, " B"]
    batch: Batch


def initial_carry(model: nn.Module, batch: Batch) -> Carry:
    """All slots count as halted, so that the first step fills every one of them."""
    count, device = len(batch.inputs), batch.inputs.device
    return Carry(
        model.initial_state(count),
        torch.zeros(count, dtype=torch.int32, device=device),
        torch.ones(count, dtype=torch.bool, device=device),
        batch,
    )


def map_tensors(function: Callable[..., Tensor], *values: Any) -> Any:
    """Apply a function to every tensor of a carry, batch or state (of several: to the tensors at the same place)."""
    if isinstance(values[0], Tensor):
        return function(*values)
    return type(values[0])(*(map_tensors(function, *inner) for inner in zip(*values, strict=True)))


def choose(mask: Bool[Tensor, " B"], new: Tensor, old: Tensor) -> Tensor:
    """Slot by slot: `new` where the mask is true, `old` elsewhere."""
    return torch.where(mask.view(-1, *[1] * (old.dim() - 1)), new, old)


def refill(model: nn.Module, carry: Carry, batch: Batch, fresh: tuple[Tensor, ...] | None = None) -> Carry:
    """Slots that halted take the puzzle that `batch` offers at their place, and start again: fresh state, step 0.

    Everything that belongs to a puzzle must change together: question, answer, id, y, z and age.
    fresh: the state to start from, if it is not the model's own.
    """
    fresh = model.initial_state(len(carry.halted)) if fresh is None else fresh
    state = type(carry.state)(*(choose(carry.halted, new, old) for new, old in zip(fresh, carry.state, strict=True)))
    puzzles = Batch(*(choose(carry.halted, new, old) for new, old in zip(batch, carry.batch, strict=True)))
    return Carry(state, carry.steps.masked_fill(carry.halted, 0), torch.zeros_like(carry.halted), puzzles)


def exploration_ages(
    count: int,
    n_supervision: int,
    exploration: float,
    generator: torch.Generator | None = None,
    device: torch.device | None = None,
) -> Int[Tensor, " B"]:
    """The age that each of `count` slots must reach before it may halt: mostly 0, a random 2..n_supervision for a few.

    A slot explores with probability `exploration`, so that the network also sees what happens after it believed to be
    done. Drawn anew at every step, as in the published code.
    """
    draw = {"device": device, "generator": generator}
    explores = torch.rand(count, **draw) < exploration
    return explores * torch.randint(2, n_supervision + 1, (count,), **draw)


def halting(
    output: Output,
    steps: Int[Tensor, " B"],
    *,
    n_supervision: int,
    exploration: float = 0.1,
    q_learning: bool = False,
    generator: torch.Generator | None = None,
    at_least: Int[Tensor, " B"] | None = None,
) -> Bool[Tensor, " B"]:
    """Which slots stop after this step, in training.

    A slot stops at step `n_supervision`, or when the network says that it is done: halt logit above 0 (HRM's
    Q-learning: above the continue logit), and it is old enough (`exploration_ages`; `at_least`: ages drawn already).
    """
    threshold = output.continue_logit if q_learning else 0.0
    done = output.halt_logit > threshold
    if exploration > 0:
        if at_least is None:
            at_least = exploration_ages(len(steps), n_supervision, exploration, generator, steps.device)
        done = done & (steps >= at_least)
    return done | (steps >= n_supervision)


@torch.no_grad()
def q_continue_target(model: nn.Module, carry: Carry, n_supervision: int) -> Float[Tensor, " B"]:
    """HRM's target for the continue logit: how good will it be to go on? It costs a second forward pass.

    sigmoid(max(halt, continue)) of the step after this one; at the last step only halting is possible.
    """
    _, ahead = model(carry.batch.inputs, carry.state, carry.batch.puzzle_ids)
    best = torch.maximum(ahead.halt_logit, ahead.continue_logit)
    return torch.where(carry.steps >= n_supervision, ahead.halt_logit, best).sigmoid()


def supervision_step(
    model: nn.Module,
    carry: Carry,
    batch: Batch,
    *,
    n_supervision: int = 16,
    exploration: float = 0.1,
    q_learning: bool = False,
    generator: torch.Generator | None = None,
    at_least: Int[Tensor, " B"] | None = None,
    fresh: tuple[Tensor, ...] | None = None,
) -> tuple[Carry, Output]:
    """One training call: refill the halted slots from `batch`, improve every slot once, decide which slots halt.

    Compute the loss from the output and `carry.batch.labels` of the carry that comes back. `at_least` and `fresh` are
    for a caller that has drawn them already, for more slots than these: see `halting` and `refill`.
    """
    carry = refill(model, carry, batch, fresh)
    state, output = model(carry.batch.inputs, carry.state, carry.batch.puzzle_ids)
    steps = carry.steps + 1
    if n_supervision == 1:  # nothing to decide, and no age between 2 and 1 to explore
        halted = torch.ones_like(carry.halted)
    else:
        with torch.no_grad():
            rule = {"exploration": exploration, "q_learning": q_learning, "generator": generator}
            rule["at_least"] = at_least
            halted = halting(output, steps, n_supervision=n_supervision, **rule)
    return Carry(state, steps, halted, carry.batch), output


def deep_supervision(model: nn.Module, batch: Batch, n_supervision: int = 16) -> Iterator[Output]:
    """The paper's loop: improve the same batch `n_supervision` times, from a fresh start, one Output a step.

    Take the loss of each Output and step the optimizer before asking for the next one; the state in between carries
    no gradient. It is also how a network is evaluated: without gradient, always all the steps.
    """
    state = model.initial_state(len(batch.inputs))
    for _ in range(n_supervision):
        state, output = model(batch.inputs, state, batch.puzzle_ids)
        yield output
