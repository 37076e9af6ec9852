"""Puzzles and answers on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trm_edu.tasks import Task


def changed_cells(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Bool [L]: which cells differ between two answers [L]."""
    return np.asarray(before) != np.asarray(after)


def grid(task: Task, tokens: np.ndarray, ax: Axes | None = None, **marks: Any) -> Axes:
    """One puzzle or answer [L]. `marks` (given, changed, wrong, confidence) go to the task's own `draw`."""
    if ax is None:
        ax = Figure(figsize=(3, 3)).add_axes((0, 0, 1, 1))
    return task.draw(ax, tokens, **marks)


def answer_row(
    task: Task,
    question: np.ndarray,
    answers: Sequence[np.ndarray],
    steps: Sequence[int] | None = None,
    *,
    solution: np.ndarray | None = None,
    titles: Sequence[str] | None = None,
    axes: Sequence[Axes] | np.ndarray | None = None,
) -> np.ndarray:
    """The question and the answers after chosen supervision steps, side by side; returns the axes.

    answers: the answer [L] after every step, from step 1 on. steps: which to draw (default 1, 2, 4 and the last).
    Yellow: changed since the picture before; the first answer marks nothing, because there every open cell is new.
    Vermilion with a cross: not the digit of `solution` [L], if that is given.
    Raises ValueError for a step that does not exist.
    """
    chosen = shown_steps(len(answers)) if steps is None else list(steps)
    if bad := [step for step in chosen if not 1 <= step <= len(answers)]:
        raise ValueError(f"there is no answer after step {bad[0]}; there are steps 1 to {len(answers)}")
    if axes is None:
        figure = Figure(figsize=(2.3 * (len(chosen) + 1), 2.5))
        axes = figure.subplots(1, len(chosen) + 1)
        figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.88, wspace=0.1)
    axes = np.asarray(axes, dtype=object).ravel()
    grid(task, question, axes[0]).set_title("question", fontsize=10)
    previous = None
    for i, step in enumerate(chosen):
        answer = answers[step - 1]
        changed = None if previous is None else changed_cells(previous, answer)
        wrong = None if solution is None else changed_cells(solution, answer)
        grid(task, answer, axes[i + 1], given=question, changed=changed, wrong=wrong)
        axes[i + 1].set_title(f"after step {step}" if titles is None else titles[i], fontsize=10)
        previous = answer
    return axes


def shown_steps(count: int) -> list[int]:
    """1, 2, 4 and the last of `count` steps: early steps change most."""
    return sorted({step for step in (1, 2, 4, count) if 1 <= step <= count})
