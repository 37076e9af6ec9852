"""Losses of one supervision step: how wrong the answer is, and how wrong the network is about being right.

Shapes: B batch, L cells, V vocabulary. A label of -100 marks a cell that does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trm_edu.errors import RecipeError
from trm_edu.interface import Output

IGNORE = -100
HALT_WEIGHT = 0.5  # published code, `losses.py`; the paper's pseudocode gives the halting loss weight 1


def log_stablemax(logits: Float[Tensor, "*shape V"]) -> Float[Tensor, "*shape V"]:
    """log(s / sum s) with s = x + 1 for x >= 0 and 1 / (1 - x) below (Prieto et al., arXiv 2501.04697).

    It grows linearly instead of exponentially, so that a confident network does not drive its logits to infinity.
    The clamps keep each branch finite where the other one is taken: a NaN there would reach the gradient.
    """
    s = torch.where(logits < 0, 1 / (1 - logits.clamp_max(0)), 1 + logits.clamp_min(0))
    return s.log() - s.sum(-1, keepdim=True).log()


def stablemax_cross_entropy(
    logits: Float[Tensor, "B L V"], labels: Int[Tensor, "B L"], dtype: torch.dtype = torch.float64
) -> Float[Tensor, "B L"]:
    """Loss of each cell, 0 where the label is ignored. The published code computes it in float64."""
    picked = log_stablemax(logits.to(dtype)).gather(-1, labels.clamp_min(0).unsqueeze(-1)).squeeze(-1)
    return torch.where(labels != IGNORE, -picked, 0.0)


def softmax_cross_entropy(
    logits: Float[Tensor, "B L V"], labels: Int[Tensor, "B L"], label_smoothing: float = 0.0
) -> Float[Tensor, "B L"]:
    """Ordinary cross-entropy of each cell in fp32, 0 where the label is ignored."""
    options = {"ignore_index": IGNORE, "label_smoothing": label_smoothing, "reduction": "none"}
    return F.cross_entropy(logits.float().transpose(1, 2), labels.long(), **options)


CellLoss = Callable[[Tensor, Tensor], Tensor]
CELL_LOSSES: dict[str, CellLoss] = {
    "stablemax": stablemax_cross_entropy,
    "stablemax32": partial(stablemax_cross_entropy, dtype=torch.float32),
    "softmax": softmax_cross_entropy,
    "softmax_smooth": partial(softmax_cross_entropy, label_smoothing=0.2),
}


def cell_loss_named(name: str) -> CellLoss:
    """Look a cell loss up; RecipeError for a name that does not exist."""
    if name not in CELL_LOSSES:
        raise RecipeError(f"loss {name!r} does not exist; choose one of {', '.join(CELL_LOSSES)}")
    return CELL_LOSSES[name]


def exact_match(logits: Float[Tensor, "B L V"], labels: Int[Tensor, "B L"]) -> Bool[Tensor, " B"]:
    """True where every cell that counts holds the right token. This is the score of the papers."""
    return ((logits.argmax(-1) == labels) | (labels == IGNORE)).all(-1)


@dataclass
class Loss:
    """Sums over the batch. `total` = answer + 0.5 * (halt + continue_); divide by the batch size before backward()."""

    total: Tensor
    answer: Tensor
    halt: Tensor
    continue_: Tensor
    correct: Bool[Tensor, " B"]

    @staticmethod
    def sum(parts: list[Loss]) -> Loss:
        """The loss of a batch that was worked on in parts."""
        sums = (sum(getattr(part, name) for part in parts) for name in ("total", "answer", "halt", "continue_"))
        return Loss(*sums, torch.cat([part.correct for part in parts]))


def supervision_loss(
    output: Output,
    labels: Int[Tensor, "B L"],
    *,
    cell_loss: CellLoss = stablemax_cross_entropy,
    halt_weight: float = HALT_WEIGHT,
    continue_target: Float[Tensor, " B"] | None = None,
) -> Loss:
    """The loss of one supervision step, as the published code computes it.

    Answer: mean over the cells of a puzzle, summed over puzzles. Halting: binary cross-entropy against "the whole
    answer is right now". With `continue_target` (HRM's Q-learning, see `supervision.q_continue_target`) the second
    output of the halting head is trained towards it.
    """
    counted = (labels != IGNORE).sum(-1).clamp_min(1)
    answer = (cell_loss(output.logits, labels).sum(-1) / counted).sum()
    correct = exact_match(output.logits.detach(), labels)
    halt = F.binary_cross_entropy_with_logits(output.halt_logit, correct.float(), reduction="sum")
    continue_ = torch.zeros_like(halt)
    if continue_target is not None:
        continue_ = F.binary_cross_entropy_with_logits(output.continue_logit, continue_target, reduction="sum")
    return Loss(answer + halt_weight * (halt + continue_), answer, halt, continue_, correct)
