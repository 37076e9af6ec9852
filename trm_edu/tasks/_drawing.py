"""Any grid task on matplotlib axes. Import it only to draw: it imports matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from trm_edu.tasks.base import cells_of, given_cells, lines_of, text_on

if TYPE_CHECKING:
    from trm_edu.tasks.base import Task

BLUE, VERMILION, YELLOW = "#0072B2", "#D55E00", "#F0E442"  # Okabe and Ito: told apart by all eyes
SURE = 0.95  # a cell that is at least as sure bears no mark: of a trained network most do, and the doubts would drown


def draw_grid(
    ax: matplotlib.axes.Axes, task: Task, tokens: Any, given: Any, changed: Any, wrong: Any, confidence: Any
) -> matplotlib.axes.Axes:
    """`Task.draw` for a task that has `look`: clears the axes, draws one grid [L] on them and returns them.

    given: the question's tokens [L], or bool [L]; these cells are bold black, the others blue. Default: all.
    changed: bool [L], tinted yellow (a filled cell: framed). wrong: bool [L], vermilion with a cross in the corner.
    confidence: [L] in 0 .. 1; an open cell that is less than 95% sure bears a bar of that length, see `draw_doubts`.
    Raises PuzzleError if one of them has another shape.
    """
    tokens = cells_of(task, tokens)
    given = given_cells(task, tokens if given is None else given)
    changed, wrong, confidence = (
        None if mark is None else cells_of(task, mark) for mark in (changed, wrong, confidence)
    )
    rows, columns = task.grid_shape
    width, height = ax.get_window_extent().size
    points = min(width / columns, height / rows) * 72 / ax.figure.dpi  # side of a cell
    ax.clear()
    for cell, token in enumerate(tokens.tolist()):
        row, column = divmod(cell, columns)
        look = task.look(token)
        is_wrong = wrong is not None and bool(wrong[cell])
        weight, colour = ("bold", "black") if given[cell] or look.bold else ("normal", BLUE)
        if look.fill:
            colour = text_on(look.fill)
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor=look.fill, linewidth=0, zorder=0))
        if changed is not None and changed[cell] and look.fill:  # a tint would hide the colour
            frame = {"edgecolor": YELLOW, "linewidth": points * 0.1}
            ax.add_patch(Rectangle((column + 0.1, row + 0.1), 0.8, 0.8, fill=False, zorder=1, **frame))
        elif changed is not None and changed[cell]:
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor=YELLOW, alpha=0.6, linewidth=0, zorder=0))
        if is_wrong:  # colour alone would be lost on some readers: the cross says it too
            colour = VERMILION
            cross = {"color": VERMILION, "markersize": points * 0.16, "markeredgewidth": points * 0.05}
            ax.plot(column + 0.83, row + 0.19, "x", zorder=2, **cross)
        if look.text:
            style = {"fontsize": points * 0.55, "weight": weight, "color": colour}
            ax.text(column + 0.5, row + 0.5, look.text, ha="center", va="center_baseline", **style)
    if confidence is not None:
        draw_doubts(
            ax, [(*divmod(cell, columns), confidence[cell]) for cell in range(len(tokens)) if not given[cell]], points
        )
    for line in lines_of(task):
        ends = [line.column, line.to_column], [line.row, line.to_row]
        ax.plot(*ends, color="black", linewidth=2.4 if line.thick else 0.6, clip_on=False, zorder=3)
    ax.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xticks=[], yticks=[])
    ax.set_frame_on(False)
    return ax


def draw_doubts(
    ax: matplotlib.axes.Axes, cells: Sequence[tuple[int, int, Any]], points: float, zorder: float = 4
) -> None:
    """A bar at the bottom of each cell (row, column, confidence) that is less than 95% sure.

    A thin line is as long as full certainty, the bar on it as long as the confidence, so the symbol itself keeps its
    full contrast; white around them lets them be seen on every colour. points: side of a cell.
    """
    unsure = [(row, column, min(max(float(sure), 0.0), 1.0)) for row, column, sure in cells if sure < SURE]
    thick = max(1.2, 0.1 * points)
    for colour, width, full in (("white", thick + 1.2, True), ("#666666", 0.5, True), (BLUE, thick, False)):
        bars = [
            [(column + 0.1, row + 0.88), (column + 0.1 + 0.8 * (1.0 if full else sure), row + 0.88)]
            for row, column, sure in unsure
        ]
        ax.add_collection(LineCollection(bars, colors=colour, linewidths=width, capstyle="butt", zorder=zorder))
