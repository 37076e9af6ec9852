"""Any grid task on matplotlib axes. Import it only to draw: it imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.axes
from matplotlib.patches import Rectangle

from trm_edu.tasks.base import cells_of, given_cells, lines_of, text_on

if TYPE_CHECKING:
    from trm_edu.tasks.base import Task

BLUE, VERMILION, YELLOW = "#0072B2", "#D55E00", "#F0E442"  # Okabe and Ito: told apart by all eyes


def draw_grid(
    ax: matplotlib.axes.Axes, task: Task, tokens: Any, given: Any, changed: Any, wrong: Any, confidence: Any
) -> matplotlib.axes.Axes:
    """`Task.draw` for a task that has `look`: clears the axes, draws one grid [L] on them and returns them.

    given: the question's tokens [L], or bool [L]; these cells are bold black, the others blue. Default: all.
    changed: bool [L], tinted yellow (a filled cell: framed). wrong: bool [L], vermilion with a cross in the corner.
    confidence: [L] in 0 .. 1; pales the text of an open cell and draws a bar of that length under it.
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
        weight, colour, alpha = ("bold", "black", 1.0) if given[cell] or look.bold else ("normal", BLUE, 1.0)
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
        if confidence is not None and not given[cell]:
            sure = min(max(float(confidence[cell]), 0.0), 1.0)
            alpha = 0.3 + 0.7 * sure
            bar = [column + 0.15, column + 0.15 + 0.7 * sure]
            ax.plot(bar, [row + 0.91] * 2, color=BLUE, linewidth=points * 0.06, solid_capstyle="butt", zorder=2)
        if look.text:
            style = {"fontsize": points * 0.55, "weight": weight, "color": colour, "alpha": alpha}
            ax.text(column + 0.5, row + 0.5, look.text, ha="center", va="center_baseline", **style)
    for line in lines_of(task):
        ends = [line.column, line.to_column], [line.row, line.to_row]
        ax.plot(*ends, color="black", linewidth=2.4 if line.thick else 0.6, clip_on=False, zorder=3)
    ax.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xticks=[], yticks=[])
    ax.set_frame_on(False)
    return ax
