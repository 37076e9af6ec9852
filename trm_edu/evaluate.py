"""How many puzzles a network solves after each supervision step, with an interval and the source of the puzzles."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from trm_edu.data import as_tensor
from trm_edu.losses import exact_match
from trm_edu.supervision import Batch, deep_supervision
from trm_edu.tasks import PuzzleSet


def wilson_interval(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """95% interval of a proportion (Wilson 1927). Unlike hits +- z * error it stays inside 0..1 near the ends."""
    if total < 1:
        raise ValueError(f"an interval needs at least one trial, got {total}")
    share, shrink = hits / total, 1 + z * z / total
    middle = (share + z * z / (2 * total)) / shrink
    half = z / shrink * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    # At the very ends the formula gives exactly 0 and 1; rounding would miss them by a hair.
    return 0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == total else min(1.0, middle + half)


@dataclass
class Evaluation:
    """Scores of one network on one puzzle set.

    `exact[k]` is the share of puzzles with every cell right after supervision step k + 1, `cells[k]` the share of right
    cells. `halting[k]`: mean predicted probability of being right, to hold against `exact[k]`.
    """

    task: str
    source: str
    regime: str
    count: int
    n_supervision: int
    exact: list[float]
    cells: list[float]
    halting: list[float]
    interval: tuple[float, float]
    evaluation_seconds: float

    @property
    def score(self) -> float:
        """Exact accuracy after the last step: the papers' score."""
        return self.exact[-1]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def describe(self) -> str:
        """One line with everything that a score must be quoted with."""
        low, high = self.interval
        return (
            f"exact {self.score:.1%} [{low:.1%}, {high:.1%}] of {self.count:,} puzzles after "
            f"{self.n_supervision} steps; {self.source}; trained on {self.regime}"
        )


@torch.no_grad()
def evaluate(
    model: nn.Module,
    puzzles: PuzzleSet,
    *,
    n_supervision: int = 16,
    batch_size: int = 256,
    regime: str = "unknown puzzles",
) -> Evaluation:
    """Run every puzzle for `n_supervision` steps from a fresh start. A model in training mode is put back into it."""
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    started = time.perf_counter()
    exact, cells, halting = (np.zeros(n_supervision) for _ in range(3))
    for start in range(0, len(puzzles), batch_size):
        rows = slice(start, start + batch_size)
        inputs, labels = as_tensor(puzzles.questions[rows], device), as_tensor(puzzles.answers[rows], device)
        batch = Batch(inputs, labels, torch.zeros(len(inputs), dtype=torch.long, device=device))
        for step, output in enumerate(deep_supervision(model, batch, n_supervision)):
            exact[step] += exact_match(output.logits, labels).sum().item()
            cells[step] += (output.logits.argmax(-1) == labels).sum().item()
            halting[step] += output.halt_logit.sigmoid().sum().item()
    model.train(was_training)
    count = len(puzzles)
    return Evaluation(
        task=puzzles.task,
        source=puzzles.describe(),
        regime=regime,
        count=count,
        n_supervision=n_supervision,
        exact=(exact / count).tolist(),
        cells=(cells / puzzles.questions.size).tolist(),
        halting=(halting / count).tolist(),
        interval=wilson_interval(int(exact[-1]), count),
        evaluation_seconds=time.perf_counter() - started,
    )
