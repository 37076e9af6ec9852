"""Sudoku on matplotlib axes. Import it only to draw: it imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.axes
import numpy as np
from jaxtyping import Bool, Integer, Shaped
from matplotlib.patches import Rectangle

if TYPE_CHECKING:
    from trm_edu.tasks.sudoku import Sudoku

BLUE, VERMILION, YELLOW = "#0072B2", "#D55E00", "#F0E442"  # Okabe and Ito: told apart by all eyes
FIRST_DIGIT = 2  # token of digit 1


def draw_grid(
    ax: matplotlib.axes.Axes,
    task: Sudoku,
    tokens: Integer[np.ndarray, " L"],
    given: Bool[np.ndarray, " L"],
    changed: Shaped[np.ndarray, " L"] | None,
    wrong: Shaped[np.ndarray, " L"] | None,
    confidence: Shaped[np.ndarray, " L"] | None,
) -> matplotlib.axes.Axes:
    """See `Sudoku.draw`."""
    side = task.side
    points = min(ax.get_window_extent().size) / side * 72 / ax.figure.dpi  # side of a cell
    ax.clear()
    for cell, token in enumerate(tokens.tolist()):
        row, column = divmod(cell, side)
        is_wrong = wrong is not None and bool(wrong[cell])
        weight, colour, alpha = ("bold", "black", 1.0) if given[cell] else ("normal", BLUE, 1.0)
        if changed is not None and changed[cell]:
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor=YELLOW, alpha=0.6, linewidth=0, zorder=0))
        if is_wrong:  # colour alone would be lost on some readers: the cross says it too
            colour = VERMILION
            cross = {"color": VERMILION, "markersize": points * 0.16, "markeredgewidth": points * 0.05}
            ax.plot(column + 0.83, row + 0.19, "x", zorder=2, **cross)
        if confidence is not None and not given[cell]:
            sure = min(max(float(confidence[cell]), 0.0), 1.0)
            alpha = 0.3 + 0.7 * sure
            bar = [column + 0.15, column + 0.15 + 0.7 * sure]
            ax.plot(bar, [row + 0.91] * 2, color=BLUE, linewidth=points * 0.06, solid_capstyle="butt", zorder=2)
        if token >= FIRST_DIGIT:
            style = {"fontsize": points * 0.55, "weight": weight, "color": colour, "alpha": alpha}
            label = task.digits[token - FIRST_DIGIT] if token < task.vocab_size else "?"
            ax.text(column + 0.5, row + 0.5, label, ha="center", va="center_baseline", **style)
    for i in range(side + 1):
        for line, step in ((ax.axhline, task.box_rows), (ax.axvline, task.box_cols)):
            line(i, color="black", linewidth=2.4 if i % step == 0 else 0.6, clip_on=False, zorder=3)
    ax.set(xlim=(0, side), ylim=(side, 0), aspect="equal", xticks=[], yticks=[])
    ax.set_frame_on(False)
    return ax
