"""ARC grids on matplotlib axes. Import it only to draw: it imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.axes
import numpy as np
from matplotlib.patches import Rectangle

from trm_edu.tasks._drawing import draw_doubts
from trm_edu.tasks.base import cells_of, text_on

if TYPE_CHECKING:
    from trm_edu.tasks.arc import Arc

END = 1  # token of an end marker


def draw_arc(
    ax: matplotlib.axes.Axes, task: Arc, tokens: Any, changed: Any, wrong: Any, confidence: Any
) -> matplotlib.axes.Axes:
    """See `Arc.draw`."""
    cells = cells_of(task, tokens).reshape(task.grid_shape)
    marks = [changed, wrong, confidence]
    changed, wrong, confidence = (
        None if mark is None else cells_of(task, mark).reshape(task.grid_shape) for mark in marks
    )
    rows, columns = (int(np.flatnonzero((cells != 0).any(axis)).max(initial=0)) + 1 for axis in (1, 0))
    width, height = ax.get_window_extent().size
    points = min(width / columns, height / rows) * 72 / ax.figure.dpi  # side of a cell
    ax.clear()
    for (r, c), token in np.ndenumerate(cells[:rows, :columns]):
        look = task.look(int(token))
        fill = look.fill or "#FFFFFF"
        style = {"facecolor": fill, "edgecolor": "#808080", "linewidth": min(0.6, points * 0.03)}
        ax.add_patch(Rectangle((c, r), 1, 1, hatch="///" if token == END else None, zorder=0, **style))
        if look.text and points >= 6:
            style = {"fontsize": points * 0.5, "color": text_on(fill)}
            ax.text(c + 0.5, r + 0.5, look.text, ha="center", va="center_baseline", zorder=1, **style)
        if changed is not None and changed[r, c]:  # black beside yellow: the frame shows on every colour
            for margin, colour, share in ((0.1, "black", 0.14), (0.1, "#F0E442", 0.08)):
                frame = {"edgecolor": colour, "linewidth": points * share, "fill": False, "zorder": 2}
                ax.add_patch(Rectangle((c + margin, r + margin), 1 - 2 * margin, 1 - 2 * margin, **frame))
        if wrong is not None and wrong[r, c]:
            for colour, share in (("white", 0.12), ("#D55E00", 0.07)):  # white around it: it shows on vermilion
                cross = {"color": colour, "markersize": points * 0.35, "markeredgewidth": points * share}
                ax.plot(c + 0.75, r + 0.25, "x", zorder=3, **cross)
    if confidence is not None:
        draw_doubts(ax, [(r, c, confidence[r, c]) for r, c in np.argwhere(cells != 0).tolist()], points)
    ax.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xticks=[], yticks=[])
    ax.set_frame_on(False)
    return ax
