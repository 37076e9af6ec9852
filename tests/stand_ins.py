"""Stand-ins for what pictures and widgets show: a puzzle, answers with mistakes, a network, the rows of a run's log."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from trm_edu import ModelConfig, get_task
from trm_edu.interface import Output
from trm_edu.solve import Step

TASK = get_task("sudoku6")
PUZZLE = TASK.generate(1, seed=3)
QUESTION, ANSWER = PUZZLE.questions[0], PUZZLE.answers[0]
OPEN = np.flatnonzero(QUESTION == 1)


def answer_with_wrong(*cells: int) -> np.ndarray:
    """The right answer with another digit in some cells."""
    answer = ANSWER.copy()
    answer[list(cells)] = (answer[list(cells)] - 1) % 6 + 2
    return answer


def steps_of(*answers: np.ndarray, halt: float = 0.25) -> list[Step]:
    sure = np.full(36, 0.5, np.float32)
    return [Step(i, answer, sure, halt) for i, answer in enumerate(answers, start=1)]


class Oracle(nn.Module):
    """A network that makes one mistake less at every supervision step, and says that it is done when it is right."""

    config = ModelConfig(vocab_size=8, seq_len=36, hidden=8)

    def __init__(self, mistakes: int):
        super().__init__()
        self.mistakes = mistakes
        self.weight = nn.Parameter(torch.zeros(1))

    def initial_state(self, batch_size: int) -> tuple[torch.Tensor]:
        return (torch.tensor(self.mistakes),)

    def forward(self, inputs: torch.Tensor, state: tuple[torch.Tensor], puzzle_ids: torch.Tensor) -> Any:
        solution = TASK.solve_by_search(inputs[0].numpy())
        solution[OPEN[: int(state[0])]] = (solution[OPEN[: int(state[0])]] - 1) % 6 + 2
        logits = nn.functional.one_hot(torch.from_numpy(solution).long(), 8).float()[None]
        halt = torch.full((1,), 3.0 if state[0] == 0 else -3.0)
        return (torch.clamp(state[0] - 1, min=0),), Output(logits, halt, halt)


def log_rows(n_supervision: int = 16) -> list[dict[str, Any]]:
    exact = np.linspace(0.1, 0.9, n_supervision).tolist()
    return [
        {"kind": "start"},
        {"kind": "step", "step": 20, "seconds": 1.0, "loss": 1.5},
        {"kind": "eval", "step": 20, "seconds": 1.2, "exact": exact},
        {"kind": "step", "step": 40, "seconds": 2.0, "loss": 0.5},
        {"kind": "end", "step": 40, "seconds": 3.0, "train_seconds": 2.0, "exact": exact, "count": 1000},
    ]
