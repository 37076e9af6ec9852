"""Optimizers, averages and schedules.

AdamW and Muon come from torch. AdamATan2 (Everett et al., arXiv 2407.05872) is what the published code uses; the sparse
sign-SGD moves the rows of the puzzle embedding that a batch touched, and no others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from trm_edu.errors import RecipeError
from trm_edu.interface import PuzzleEmbedding
from trm_edu.parallel import gathered


class AdamATan2(torch.optim.Optimizer):
    """Adam whose step is atan2(m, sqrt(v)) instead of m / (sqrt(v) + eps): no epsilon to choose, and a bounded step.

    Decoupled weight decay, bias-corrected moments, no scale factors: the update rule of the `adam-atan2` package.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.95),
        weight_decay: float = 0.01,
    ):
        if lr < 0 or not all(0 <= b < 1 for b in betas) or weight_decay < 0:
            raise RecipeError(
                f"AdamATan2 got lr {lr}, betas {betas}, weight_decay {weight_decay}; lr and weight_decay must not be "
                "negative, betas must lie in [0, 1)"
            )
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None) -> float | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            for p in params:
                if not self.state[p]:
                    self.state[p] = {"step": torch.tensor(0.0), "m": torch.zeros_like(p), "v": torch.zeros_like(p)}
            grads = [p.grad for p in params]
            m = [self.state[p]["m"] for p in params]
            v = [self.state[p]["v"] for p in params]
            for p in params:
                self.state[p]["step"] += 1
            count = self.state[params[0]]["step"].item()
            beta1, beta2 = group["betas"]
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_lerp_(m, grads, 1 - beta1)
            torch._foreach_mul_(v, beta2)
            torch._foreach_addcmul_(v, grads, grads, 1 - beta2)
            for p, m_i, v_i in zip(params, m, v, strict=True):
                # The correction of m stands outside the arc tangent: that is what the package does.
                p.sub_(torch.atan2(m_i, (v_i / (1 - beta2**count)).sqrt()), alpha=group["lr"] / (1 - beta1**count))
        return loss


class SparseSignSGD(torch.optim.Optimizer):
    """Sign-SGD with decoupled weight decay on the rows that the last training call used (published code).

    Gradients of an id that stands several times in a batch are added before the sign is taken. A row whose gradient is
    zero still decays. Rows that were not used stay as they are. With several processes, all make the update of all.
    """

    def __init__(self, embedding: PuzzleEmbedding, lr: float = 1e-2, weight_decay: float = 0.1):
        self.embedding = embedding
        self.collected: list[tuple[Tensor, Tensor]] = []
        super().__init__([embedding.weight], {"lr": lr, "weight_decay": weight_decay})

    def collect(self) -> None:
        """Take the gradient of the last backward pass. Call it after each one if several make up a step."""
        if self.embedding.taken is not None and self.embedding.taken[1].grad is not None:
            ids, rows = self.embedding.taken
            self.collected.append((ids, rows.grad))
            self.embedding.taken = None

    @torch.no_grad()
    def step(self, closure=None) -> None:
        self.collect()
        if not self.collected:
            return
        ids, grads = (gathered(torch.cat(parts)) for parts in zip(*self.collected, strict=True))
        self.collected = []
        # For each entry the sum over all entries of its id. A product instead of `unique`: that would have to wait for
        # the device to know how many ids there are. Entries of one id all write the same row.
        totals = (ids[:, None] == ids).to(grads.dtype) @ grads
        (group,) = self.param_groups
        table = self.embedding.weight
        table[ids] = table[ids] * (1 - group["lr"] * group["weight_decay"]) - group["lr"] * totals.sign()


class EMA:
    """An exponential moving average of a model's weights: average <- rate * average + (1 - rate) * weight.

    `copy_to(other)` writes the average into a model of the same class for evaluation or saving.
    """

    def __init__(self, model: nn.Module, rate: float = 0.999):
        if not 0 <= rate < 1:
            raise RecipeError(f"EMA rate is {rate}; it must lie in [0, 1)")
        self.rate = rate
        self.names = [name for name, _ in model.named_parameters()]
        self.weights = [p for _, p in model.named_parameters()]
        self.average = [p.detach().clone() for p in self.weights]

    @torch.no_grad()
    def update(self) -> None:
        torch._foreach_lerp_(self.average, self.weights, 1 - self.rate)

    @torch.no_grad()
    def copy_to(self, other: nn.Module) -> None:
        """Write the averaged weights into `other`; its buffers (starts, puzzle table) are left alone."""
        targets = dict(other.named_parameters())
        for name, average in zip(self.names, self.average, strict=True):
            targets[name].copy_(average)

    def state_dict(self) -> dict[str, Tensor]:
        return dict(zip(self.names, self.average, strict=True))

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name, average in zip(self.names, self.average, strict=True):
            average.copy_(state[name])


def learning_rate(step: int, *, base: float, warmup: int, total: int, min_ratio: float = 1.0) -> float:
    """Linear warm-up from 0 over `warmup` steps, then a cosine from `base` down to `min_ratio * base` at `total`.

    With min_ratio 1.0, the published setting, the rate stays constant after the warm-up.
    """
    if step < warmup:
        return base * step / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return base * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizers(
    model: nn.Module,
    name: str,
    *,
    lr: float,
    weight_decay: float,
    betas: tuple[float, float] = (0.9, 0.95),
    muon_lr: float = 0.02,
    puzzle_lr: float = 1e-2,
    puzzle_weight_decay: float = 0.1,
) -> list[torch.optim.Optimizer]:
    """The optimizers of a run: one for the weights that learn, one more for a puzzle embedding if the model has one.

    `name` is "adamw", "adam_atan2" or "muon" (torch's Muon for the matrices inside the blocks, AdamW for embeddings,
    heads and biases). Every group remembers its own `base_lr`, which schedules multiply.
    """
    weights = [p for p in model.parameters() if p.requires_grad]
    if not weights:  # nothing learns but the puzzle embedding
        optimizers = []
    elif name == "adamw":
        optimizers = [torch.optim.AdamW(weights, lr=lr, betas=betas, weight_decay=weight_decay, fused=True)]
    elif name == "adam_atan2":
        optimizers = [AdamATan2(weights, lr=lr, betas=betas, weight_decay=weight_decay)]
    elif name == "muon":
        inner = {id(p) for n, p in model.named_parameters() if ".blocks." in n and p.dim() == 2}
        matrices = [p for p in weights if id(p) in inner]
        rest = [p for p in weights if id(p) not in inner]
        optimizers = [
            torch.optim.Muon(matrices, lr=muon_lr, weight_decay=weight_decay),
            torch.optim.AdamW(rest, lr=lr, betas=betas, weight_decay=weight_decay, fused=True),
        ]
    else:
        raise RecipeError(f"optimizer {name!r} does not exist; choose one of adamw, adam_atan2, muon")
    embedding = getattr(model.embed, "puzzle", None)
    if embedding is not None:
        optimizers.append(SparseSignSGD(embedding, lr=puzzle_lr, weight_decay=puzzle_weight_decay))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    return optimizers
