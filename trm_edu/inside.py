"""What happens inside one supervision step: every evaluation of a network, which state it renewed, and what it read.

No recursion is written here a second time: hooks watch the networks while the model itself runs. So what is seen is
what was computed, for TRM, HRM, the variants, and for a model of one's own that calls its networks as
`network(state, injected, ...)` and sums up what it injects (its parts named as in `TRM`: embed, heads).

Shapes: B batch, L cells, S positions, D width, U = T(n + 1) updates in a supervision step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from trm_edu.errors import RecipeError
from trm_edu.interface import Output
from trm_edu.layers import Attention

NO_NETWORK = ("embed", "rotary", "heads")  # children of a model that renew no state
CLOSE = 0.05  # how far a measured share of a summand may lie from 0 or 1: bfloat16 rounds sums


@dataclass(frozen=True)
class Update:
    """One evaluation of a network.

    recursion: 1 to T. number: 1 to n + 1 within it. network: its name in the model. state: the state that it renewed.
    reads: what was summed up as its input, the old state first; `x` is the embedded question. value: the renewed state.
    gradient: whether a gradient of the answer reaches it; None if that was not asked for. further: what else the
    network was given, such as rotary tables.
    """

    recursion: int
    number: int
    network: str
    state: str
    reads: tuple[str, ...]
    value: Float[Tensor, "B S D"]
    gradient: bool | None = None
    further: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Unrolled:
    """One supervision step, unrolled. `start`: each state by name before it, `state` and `output`: what came of it.

    answer: the name of the state that the heads read.
    """

    model: nn.Module
    x: Float[Tensor, "B S D"]
    start: dict[str, Tensor]
    updates: list[Update]
    answer: str
    state: tuple[Tensor, ...]
    output: Output

    def __len__(self) -> int:
        return len(self.updates)

    def states(self, count: int) -> dict[str, Tensor]:
        """Every state by name after the first `count` updates (0: as they came in)."""
        if not 0 <= count <= len(self):
            raise ValueError(f"there is no update {count}; this supervision step has 0 to {len(self)}")
        return self.start | {update.state: update.value for update in self.updates[:count]}

    @torch.no_grad()
    def read(self, count: int) -> Output:
        """What the heads say if they read the answer state after `count` updates."""
        return self.model.heads(self.states(count)[self.answer])

    @torch.no_grad()
    def answer_now(self, count: int) -> Output:
        """What the heads would say if after `count` updates the answer were renewed at once.

        The answer itself is renewed once in a recursion only. In between this shows what z is good for.
        """
        last = self.updates[-1]  # the one that renews the answer
        return self.model.heads(self.evaluate(last, self.states(count)))

    def evaluate(self, update: Update, states: dict[str, Tensor]) -> Float[Tensor, "B S D"]:
        """The network of an update on the same sum, of these states: what it would make of them."""
        first, *others = (self.x if name == "x" else states[name] for name in update.reads)
        injected = sum(others, torch.zeros_like(first))
        return getattr(self.model, update.network)(first, injected, *update.further)


def unroll(
    model: nn.Module,
    inputs: Int[Tensor, "B L"],
    state: tuple[Tensor, ...] | None = None,
    puzzle_ids: Int[Tensor, " B"] | None = None,
    *,
    gradient: bool = False,
) -> Unrolled:
    """Run ONE supervision step of the model and keep everything that happens in it.

    state: where it begins (default: the model's own start). gradient: also find out, by a backward pass from the
    answer, which updates a gradient reaches; the weights' own gradients are left alone.
    Raises RecipeError for a model without recursion, and for one whose updates cannot be told: see the module.
    """
    state, puzzle_ids = beginning(model, inputs, state, puzzle_ids)
    networks = {name: child for name, child in model.named_children() if name not in NO_NETWORK}
    embedded: list[Tensor] = []
    calls: list[tuple[str, tuple[Any, ...], Tensor]] = []

    def watch(name: str) -> Any:
        def hook(module: nn.Module, arguments: tuple[Any, ...], value: Tensor) -> None:
            if len(arguments) > 1:  # a norm or a dropout of a model of one's own has one input
                calls.append((name, arguments, value))

        return hook

    hooks = [network.register_forward_hook(watch(name)) for name, network in networks.items()]
    hooks.append(model.embed.register_forward_hook(lambda module, arguments, value: embedded.append(value.detach())))
    try:
        with torch.set_grad_enabled(gradient):
            after, output = model(inputs, state, puzzle_ids)
    finally:
        for hook in hooks:
            hook.remove()
    if not calls or not state:
        raise RecipeError(f"{type(model).__name__} has no recursion to unroll: it renews no state")
    reached = [reaches(output.logits, value) if gradient else None for *_, value in calls]
    start = named(state, embedded[0].shape[-1])
    current, updates = dict(start), []
    per_recursion = len(calls) // model.config.T
    for i, (network, (old, injected, *further), value) in enumerate(calls):
        name = renewed(current, old, network)
        others = {key: tensor for key, tensor in current.items() if key != name} | {"x": embedded[0]}
        place = (i // per_recursion + 1, i % per_recursion + 1)
        reads = (name, *summands(injected.detach(), others, network))
        current[name] = value.detach()
        updates.append(Update(*place, network, name, reads, value.detach(), reached[i], tuple(further)))
    output = Output(*(part.detach() for part in output))
    return Unrolled(model, embedded[0], start, updates, next(iter(start)), after, output)


def beginning(
    model: nn.Module, inputs: Int[Tensor, "B L"], state: tuple[Tensor, ...] | None, ids: Int[Tensor, " B"] | None
) -> tuple[tuple[Tensor, ...], Int[Tensor, " B"]]:
    """The state and the puzzle ids to begin with: by default the model's own start, and id 0 as in training."""
    state = model.initial_state(len(inputs)) if state is None else state
    return state, torch.zeros(len(inputs), dtype=torch.long, device=inputs.device) if ids is None else ids


def named(state: tuple[Tensor, ...], width: int) -> dict[str, Tensor]:
    """Each state by its name. One that holds several side by side (`pads` of MultiScaleZ) is cut: pads1, pads2, ..."""
    names = getattr(state, "_fields", [f"state{i}" for i in range(1, len(state) + 1)])
    found = {}
    for name, tensor in zip(names, state, strict=True):
        parts = tensor.detach().split(width, dim=-1)
        found |= {f"{name}{i}" if len(parts) > 1 else name: part for i, part in enumerate(parts, start=1)}
    return found


def reaches(logits: Tensor, value: Tensor) -> bool:
    """Whether a gradient of the logits gets to this tensor."""
    if not value.requires_grad:
        return False
    return torch.autograd.grad(logits.sum(), value, retain_graph=True, allow_unused=True)[0] is not None


def renewed(current: dict[str, Tensor], old: Tensor, network: str) -> str:
    """The name of the state that a network was given to renew."""
    for name, tensor in current.items():
        if tensor.shape == old.shape and torch.equal(tensor, old):
            return name
    raise RecipeError(f"{network} was called with something that is none of the states {', '.join(current)}")


def summands(injected: Tensor, others: dict[str, Tensor], network: str) -> list[str]:
    """Which of the others were summed up to `injected`: its shares in a least-squares fit are 0 or 1."""
    table = np.stack([tensor[0].double().flatten().cpu().numpy() for tensor in others.values()], axis=1)
    target = injected[0].double().flatten().cpu().numpy()  # one puzzle is enough to tell
    shares, *_ = np.linalg.lstsq(table, target, rcond=None)
    off = np.abs(shares - shares.round()).max()
    error = np.abs(table @ shares - target).max()
    if off > CLOSE or error > CLOSE * max(np.abs(target).max(), 1.0) or not set(shares.round()) <= {0.0, 1.0}:
        raise RecipeError(f"what was injected into {network} is no plain sum of {', '.join(others)}")
    return [name for name, share in zip(others, shares.round(), strict=True) if share == 1]


# --- where it looks -------------------------------------------------------------------------------------------------


@torch.no_grad()
def attention_weights(unrolled: Unrolled, update: int) -> Float[Tensor, "layers B heads S S"]:
    """How much each position (row) attends to each other (column) in one update, 1 to U; rows sum to 1.

    Computed from the queries and keys of the same evaluation, run once more. Raises RecipeError if the network has no
    attention: a mixer's weights are the same for every puzzle, see `influence`.
    """
    if not 1 <= update <= len(unrolled):
        raise ValueError(f"there is no update {update}; this supervision step has 1 to {len(unrolled)}")
    chosen = unrolled.updates[update - 1]
    network = getattr(unrolled.model, chosen.network)
    found: list[Tensor] = []

    def weigh(module: Attention, arguments: tuple[Any, ...]) -> None:
        h, rotary = arguments
        q, k, _ = module.qkv(h).unflatten(-1, (3, module.heads, -1)).permute(2, 0, 3, 1, 4)
        if rotary is not None:
            q, k = rotary(q), rotary(k)
        found.append((q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).float().softmax(-1))

    hooks = [part.register_forward_pre_hook(weigh) for part in network.modules() if isinstance(part, Attention)]
    if not hooks:
        mixer = unrolled.model.config.mixer
        raise RecipeError(f"this network has no attention, its mixer is {mixer}; use influence to see where it looks")
    try:
        unrolled.evaluate(chosen, unrolled.states(update - 1))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(found)


def influence(
    model: nn.Module,
    inputs: Int[Tensor, "1 L"],
    cell: int,
    state: tuple[Tensor, ...] | None = None,
    puzzle_ids: Int[Tensor, " 1"] | None = None,
) -> Float[np.ndarray, " L"]:
    """How strongly each cell of the question moves the answer in `cell`, for any mixer, in one supervision step.

    The norm of the gradient of the chosen token's logit with respect to x at each cell, over the recursion that has
    gradients. Only ratios mean something. state: where the step begins (default: the model's own start).
    """
    count = inputs.shape[1]
    if not 0 <= cell < count:
        raise ValueError(f"there is no cell {cell}; the cells are 0 to {count - 1}")
    state, puzzle_ids = beginning(model, inputs, state, puzzle_ids)
    embedded: list[Tensor] = []
    hook = model.embed.register_forward_hook(lambda module, arguments, value: embedded.append(value))
    try:
        with torch.enable_grad():
            _, output = model(inputs, state, puzzle_ids)
    finally:
        hook.remove()
    (x,) = embedded
    (slope,) = torch.autograd.grad(output.logits[0, cell].max(), x)
    return slope[0, -count:].float().norm(dim=-1).cpu().numpy()


# --- how it moves ---------------------------------------------------------------------------------------------------


@torch.no_grad()
def latent_path(
    model: nn.Module,
    inputs: Int[Tensor, "B L"],
    n_supervision: int,
    *,
    state: tuple[Tensor, ...] | None = None,
    puzzle_ids: Int[Tensor, " B"] | None = None,
) -> tuple[dict[str, np.ndarray], Int[np.ndarray, "steps B L"], Float[np.ndarray, "steps B"]]:
    """The states by name, float32 [steps + 1, B, S, D] (0: the start), answers, and halting probabilities.

    Every puzzle runs all its steps: whether a state that is done stays where it is, is the question.
    """
    if n_supervision < 1:
        raise ValueError(f"n_supervision is {n_supervision}; it must be at least 1")
    state, puzzle_ids = beginning(model, inputs, state, puzzle_ids)
    width = model.config.hidden
    path = [named(state, width)]
    answers, halting = [], []
    for _ in range(n_supervision):
        state, output = model(inputs, state, puzzle_ids)
        path.append(named(state, width))
        answers.append(output.logits.argmax(-1).cpu().numpy())
        halting.append(output.halt_logit.float().sigmoid().cpu().numpy())
    if not path[0]:
        raise RecipeError(f"{type(model).__name__} has no recursion: it keeps no state")
    states = {name: np.stack([place[name].float().cpu().numpy() for place in path]) for name in path[0]}
    return states, np.stack(answers), np.stack(halting)


def principal_components(
    points: Float[np.ndarray, "*K F"], count: int = 2
) -> tuple[Float[np.ndarray, "*K count"], Float[np.ndarray, " count"]]:
    """Points in the `count` directions in which they vary most, and the share of all variance in each direction.

    The sign of a direction is arbitrary; here its largest entry is positive, so that every machine draws the same.
    Raises ValueError for fewer points or features than directions, and for points that all lie in one place.
    """
    flat = points.reshape(-1, points.shape[-1]).astype(np.float64)
    if min(flat.shape) < count:
        raise ValueError(f"{len(flat)} points of {flat.shape[1]} numbers have no {count} directions; give more")
    centred = flat - flat.mean(0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    total = (sizes**2).sum()
    if total == 0:
        raise ValueError("all points lie in one place; there is no direction in which they vary")
    directions = directions[:count]
    largest = np.abs(directions).argmax(1)
    directions *= np.sign(directions[np.arange(count), largest])[:, None]
    return (centred @ directions.T).reshape(*points.shape[:-1], count), sizes[:count] ** 2 / total
