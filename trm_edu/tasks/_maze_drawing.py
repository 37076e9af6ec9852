"""Mazes on matplotlib axes. Import it only to draw: it imports matplotlib."""

from __future__ import annotations

import matplotlib.axes
import numpy as np
from jaxtyping import Integer, Shaped
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from trm_edu.tasks._drawing import draw_doubts

BLUE, VERMILION, YELLOW, DARK = "#0072B2", "#D55E00", "#F0E442", "#444444"  # Okabe and Ito: told apart by all eyes
WALL, START, GOAL, PATH = 1, 3, 4, 5


def draw_maze(
    ax: matplotlib.axes.Axes,
    grid: Integer[np.ndarray, "rows cols"],
    changed: Shaped[np.ndarray, " L"] | None,
    wrong: Shaped[np.ndarray, " L"] | None,
    confidence: Shaped[np.ndarray, " L"] | None,
) -> matplotlib.axes.Axes:
    """See `Maze.draw`."""
    rows, cols = grid.shape
    points = min(ax.get_window_extent().size) / max(rows, cols) * 72 / ax.figure.dpi  # side of a cell
    ax.clear()
    ax.set(xlim=(0, cols), ylim=(rows, 0), aspect="equal", xticks=[], yticks=[])
    ax.imshow(grid == WALL, cmap="Greys", vmin=0, vmax=1.35, extent=(0, cols, rows, 0), zorder=0)
    on_path = grid >= START
    right = [(r, c, r, c + 1) for r, c in np.argwhere(on_path[:, :-1] & on_path[:, 1:])]
    below = [(r, c, r + 1, c) for r, c in np.argwhere(on_path[:-1] & on_path[1:])]
    lines = [[(a + 0.5, r + 0.5), (b + 0.5, s + 0.5)] for r, a, s, b in right + below]
    ax.add_collection(LineCollection(lines, colors=BLUE, linewidths=points * 0.22, capstyle="round", zorder=2))
    for cell, token in enumerate(grid.reshape(-1).tolist()):
        row, column = divmod(cell, cols)
        if changed is not None and changed[cell]:
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor=YELLOW, alpha=0.6, linewidth=0, zorder=1))
        if token == PATH:  # a mark is a dot: a single one is seen too
            dot = {"color": BLUE, "markersize": points * 0.36, "zorder": 3}
            ax.plot(column + 0.5, row + 0.5, "o", markeredgewidth=0, **dot)
        elif token in (START, GOAL):
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor="white", edgecolor="black", linewidth=1, zorder=3))
            letter = {"fontsize": points * 0.6, "weight": "bold", "zorder": 4}
            ax.text(column + 0.5, row + 0.5, "SG"[token - START], ha="center", va="center_baseline", **letter)
        elif token == 0 or token > PATH:
            ax.text(column + 0.5, row + 0.5, "?", ha="center", va="center_baseline", fontsize=points * 0.5)
        if wrong is not None and wrong[cell]:  # colour alone would be lost on some readers: the cross says it too
            size = {"markersize": points * 0.45, "markeredgewidth": points * 0.1}
            ax.plot(column + 0.5, row + 0.5, "x", color=VERMILION, zorder=5, **size)
    if confidence is not None:  # walls, S and G are given; the path lies on the bars, they would cut it
        sure = confidence.reshape(grid.shape)
        places = np.argwhere(~np.isin(grid, (WALL, START, GOAL))).tolist()
        draw_doubts(ax, [(row, column, sure[row, column]) for row, column in places], points, zorder=1.5)
    for spine in ax.spines.values():
        spine.set(visible=True, color=DARK, linewidth=1.5)
    return ax
