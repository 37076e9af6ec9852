"""Winner-take-all over several latent starts (arXiv 2601.19085).

Each puzzle is worked on from K starts at once: the model's own, and K - 1 with noise on z. At every supervision step
only the start with the lowest loss, the winner, is learned from; all of them keep their states and go on. So the
network learns several ways to a solution instead of an average of them. At test time one start is enough.

The K starts of a puzzle are K neighbouring slots of the carry: slots k, K + k, 2K + k, ... hold start k.
The published experiments differ in details; here a puzzle makes room as soon as one of its starts halts.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from trm_edu.interface import Output
from trm_edu.losses import IGNORE, CellLoss
from trm_edu.supervision import Batch, map_tensors


def spread(batch: Batch, starts: int) -> Batch:
    """Every puzzle `starts` times in a row: [B, ...] -> [B * K, ...]."""
    return map_tensors(lambda tensor: tensor.repeat_interleave(starts, dim=0), batch) if starts > 1 else batch


def noisy_starts(state: tuple[Tensor, ...], starts: int, noise: float, generator: torch.Generator) -> tuple:
    """A fresh state [B * K, S, D] with noise of this standard deviation on its last part (z); start 0 gets none."""
    z = state[-1]
    draw = noise * torch.randn(z.shape, generator=generator, device=z.device)
    draw.view(-1, starts, *z.shape[1:])[:, 0] = 0
    return type(state)(*state[:-1], z + draw.to(z.dtype))


def share_halting(halted: Bool[Tensor, " slots"], starts: int) -> Bool[Tensor, " slots"]:
    """A puzzle halts in all its slots as soon as one of them does."""
    return halted.view(-1, starts).any(1).repeat_interleave(starts)


@torch.no_grad()
def winners(output: Output, labels: Int[Tensor, "slots L"], starts: int, cell_loss: CellLoss) -> Int[Tensor, " B"]:
    """The slot of each puzzle whose answer has the lowest loss."""
    counted = (labels != IGNORE).sum(-1).clamp_min(1)
    loss = (cell_loss(output.logits, labels).sum(-1) / counted).view(-1, starts)
    return loss.argmin(1) + starts * torch.arange(len(loss), device=loss.device)
