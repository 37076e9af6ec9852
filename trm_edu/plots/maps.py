"""Values on the grid of a puzzle: confidence, influence, attention, or whatever each cell has a number of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Real
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from trm_edu.errors import DataError
from trm_edu.inside import Unrolled, attention_weights
from trm_edu.plots.grids import SIDE, cells
from trm_edu.plots.style import BLACK, ORANGE, PLUM, PURPLE, readable_on
from trm_edu.tasks import Task
from trm_edu.tasks.base import cells_of

SHADES = LinearSegmentedColormap.from_list("plum", ["#FFFFFF", "#EBCBDD", PURPLE, PLUM, "#45102F"])  # ever darker


def grid_map(
    task: Task,
    values: Real[np.ndarray, " L"],
    ax: Axes | None = None,
    *,
    question: np.ndarray | None = None,
    answer: np.ndarray | None = None,
    cell: int | None = None,
    label: str = "value",
    highest: float | None = None,
    bar: bool = True,
) -> Axes:
    """Values [L] of any unit, 0 for none, as a map on the puzzle's grid; returns the axes.

    Where cells hold text, the darker a cell the larger its value, with the digits of `answer` (else of `question`) on
    top, clues bold, and a colour bar. Where cells have colours (mazes, ARC), a dot in each: its area is the value.
    cell: number of the one to frame, such as the one that looks. highest: the value of the darkest colour and the
    largest dot (default: the largest value); give one to all maps that are to be compared. bar: False for no colour
    bar. `grid_map_text` is the alternative text. Raises ValueError for values that are negative or not finite, for a
    `highest` below the largest value and for a cell that does not exist; PuzzleError for another number of cells.
    """
    values = map_values(task, values, cell)
    highest = float(values.max()) if highest is None else float(highest)
    if not np.isfinite(highest) or highest < values.max():
        raise ValueError(f"highest is {highest:g}; it must be at least the largest value, {values.max():g}")
    highest = highest or 1.0  # a map of nothing has a scale too
    if ax is None:
        ax = Figure(figsize=(3.7, 3.3), layout="constrained").subplots()
    tokens = answer if answer is not None else question
    rows, columns = task.grid_shape
    place = {"xlim": (0, columns), "ylim": (rows, 0), "aspect": "equal", "xticks": [], "yticks": []}
    if has_fills(task):
        ax.clear()
        ax.set(**place)
        if tokens is None:
            ax.hlines([0, rows], 0, columns, color=BLACK, linewidth=0.6, clip_on=False)
            ax.vlines([0, columns], 0, rows, color=BLACK, linewidth=0.6, clip_on=False)
            ax.set_frame_on(False)
        else:
            task.draw(ax, tokens, given=question)
        draw_dots(ax, values / highest, columns)
        ax.set_xlabel(
            f"area of a dot: {label}\nthe largest is {values.max():.3g}{outside(task, ax, values)}", fontsize=9
        )
    else:
        scale = ScalarMappable(Normalize(0, highest), SHADES)
        if bar:  # before the drawing, which fits its letters into the room that is left
            ax.figure.colorbar(scale, ax=ax, fraction=0.046, pad=0.04, label=label)
        drawn = np.zeros(task.seq_len, np.uint8) if tokens is None else tokens
        task.draw(ax, drawn, given=drawn if question is None else question)
        shades = scale.to_rgba(values.reshape(task.grid_shape))
        ax.imshow(shades, extent=(0, columns, rows, 0), interpolation="nearest", zorder=-1)
        for text in ax.texts:
            column, row = (int(place) for place in text.get_position())
            text.set_color(readable_on(shades[min(row, rows - 1), min(column, columns - 1)]))
        ax.set(**place)
    if cell is not None:
        row, column = divmod(cell, columns)
        for colour, width in ((BLACK, 4.5), (ORANGE, 2.4)):
            frame = {"edgecolor": colour, "linewidth": width, "zorder": 6, "fill": False, "clip_on": False}
            ax.add_patch(Rectangle((column, row), 1, 1, **frame))
    return ax


def draw_dots(ax: Axes, shares: Float[np.ndarray, " L"], columns: int) -> None:
    """A dot in each cell, its area a share of the largest one's, and letters on top. Below 0.2% there is no dot."""
    some = np.flatnonzero(shares >= 0.002)
    sizes = 0.8 * np.sqrt(shares[some])  # the diameter: so the area is the value
    at = np.stack([some % columns + 0.5, some // columns + 0.5], axis=1)
    for wide, colour in (
        (sizes + np.minimum(0.12, 0.5 * sizes), "white"),
        (sizes, PLUM),
    ):  # the rim shows on any colour
        dots = {"units": "xy", "offsets": at, "offset_transform": ax.transData, "facecolors": colour, "zorder": 3.5}
        ax.add_collection(EllipseCollection(wide, wide, np.zeros(len(some)), linewidths=0, **dots))
    for text in ax.texts:
        text.set(color=BLACK, zorder=4, path_effects=[withStroke(linewidth=2, foreground="white")])


def grid_map_text(
    task: Task,
    values: Real[np.ndarray, " L"],
    *,
    question: np.ndarray | None = None,
    answer: np.ndarray | None = None,
    cell: int | None = None,
    label: str = "value",
) -> str:
    """The alternative text of `grid_map`, from its numbers. Raises what that raises."""
    values, (rows, columns) = map_values(task, values, cell), task.grid_shape
    tokens = answer if answer is not None else question
    tokens = None if tokens is None else cells_of(task, tokens)
    framed = "" if cell is None else f" Framed: {place_of(task, cell, tokens)}, with {values[cell]:.3g}."
    on = f"Map of {label} on a grid of {rows} rows and {columns} columns"
    if not values.any():
        return f"{on}: 0 in every cell.{framed}"
    return f"{on}: {distribution(task, values, tokens, cell)}.{framed}"


def distribution(
    task: Task,
    values: Float[np.ndarray, " L"],
    tokens: np.ndarray | None,
    cell: int | None,
    number: str = ".3g",
) -> str:
    """Where values lie, in words: the largest, the smallest, and the share in the framed cell's row and column."""
    columns, total = task.grid_shape[1], values.sum()
    parts = [largest(task, values, tokens, 3, number)]
    if cell is not None:
        at = np.arange(task.seq_len)
        for name, line in (("row", at // columns == cell // columns), ("column", at % columns == cell % columns)):
            share = f"{values[line].sum() / total:.0%} lies in the framed cell's {name}"
            parts.append(f"{share} (evenly spread: {line.mean():.0%})")
    parts.append(f"median {np.median(values):{number}}")
    if zeros := int((values == 0).sum()):
        parts.append(f"0 in {cells(zeros)}")
    else:
        parts.append(f"smallest {values.min():{number}} at {place_of(task, int(values.argmin()), tokens)}")
    return "; ".join(parts)


def largest(
    task: Task, values: Float[np.ndarray, " L"], tokens: np.ndarray | None, count: int, number: str = ".3g"
) -> str:
    """At most `count` of the largest values and where they stand; beside the first none below 1% of the sum."""
    top = [int(place) for place in np.argsort(-values, kind="stable")[:count]]
    top = [place for i, place in enumerate(top) if not i or values[place] >= 0.01 * values.sum()]
    said = ", ".join(f"{values[place]:{number}} at {place_of(task, place, tokens)}" for place in top)
    together = f", together {values[top].sum() / values.sum():.0%} of the sum" if len(top) > 1 else ""
    return f"largest {said}{together}"


def map_values(task: Task, values: Any, cell: int | None) -> Float[np.ndarray, " L"]:
    """Values and cell of a map, checked."""
    values = cells_of(task, values).astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"the value of cell {np.flatnonzero(~np.isfinite(values))[0]} is not finite")
    if (values < 0).any():
        place = int(np.flatnonzero(values < 0)[0])
        raise ValueError(f"the value of cell {place} is {values[place]:g}; a map shows amounts, from 0 up")
    if cell is not None and not 0 <= cell < task.seq_len:
        raise ValueError(f"there is no cell {cell}; the cells are 0 to {task.seq_len - 1}")
    return values


def has_fills(task: Task) -> bool:
    """Whether cells may have colours of their own, which a shade would hide. Unknown without the task's `look`: yes."""
    return not hasattr(task, "look") or any(task.look(token).fill for token in range(task.vocab_size))


def outside(task: Task, ax: Axes, values: Float[np.ndarray, " L"]) -> str:
    """What lies beyond the part of the square that is drawn: an ARC grid is smaller than its square."""
    wide, high = round(ax.get_xlim()[1]), round(ax.get_ylim()[0])
    share = 1 - values.reshape(task.grid_shape)[:high, :wide].sum() / (values.sum() or 1.0)
    return f"; {share:.0%} lies outside the grid" if values.any() and share > 1e-9 else ""


def place_of(task: Task, cell: int, tokens: np.ndarray | None) -> str:
    """A cell in words, counted from 1, with what stands in it."""
    row, column = divmod(int(cell), task.grid_shape[1])
    text = ""
    if tokens is not None and hasattr(task, "look"):
        text = task.look(int(tokens[cell])).text.strip()
    return f"row {row + 1}, column {column + 1}{f' ({text})' if text else ''}"


def attention_on_grid(
    task: Task,
    unrolled: Unrolled,
    update: int,
    cell: int,
    axes: Sequence[Axes] | np.ndarray | None = None,
    *,
    question: np.ndarray,
    answer: np.ndarray | None = None,
    layer: int | None = None,
    puzzle: int = 0,
) -> np.ndarray:
    """Where one cell looks in one update: a map for the mean over the heads, and one for each head; returns the axes.

    update: 1 to T(n + 1), see `trm_edu.inside.unroll`. cell: the one that looks, framed; the values say how much of its
    attention goes to each cell. layer: 1 to n_layers (default: the last). puzzle: row of the batch that was unrolled.
    Positions of a prefix are no cells: what goes to them is written above each map. All maps share one scale.
    `attention_on_grid_text` is the alternative text. Raises ValueError for an update, layer, cell or puzzle that does
    not exist and for another number of axes; RecipeError for a network without attention.
    """
    weights, prefix, where = attention_of(task, unrolled, update, cell, layer, puzzle)
    names = map_names(len(weights) - 1)
    if axes is None:
        across = min(5, len(names))
        down = -(-len(names) // across)
        figure = Figure(figsize=(SIDE * across + 1.0, (SIDE + 0.3) * down + 0.4), layout="constrained")
        places = figure.subplots(down, across, squeeze=False).ravel()
        for ax in places[len(names) :]:
            ax.remove()
        axes = places[: len(names)]
        figure.suptitle(where, fontsize=10)
    axes = np.asarray(axes, dtype=object).ravel()
    if len(axes) != len(names):
        raise ValueError(f"{len(names) - 1} heads and their mean need {len(names)} axes, got {len(axes)}")
    shared = {"question": question, "answer": answer, "cell": cell, "highest": float(weights.max()), "bar": False}
    for ax, name, row, share in zip(axes, names, weights, prefix, strict=True):
        grid_map(task, row, ax, **shared, label="attention")
        note = f"\n{share:.0%} go to the prefix" if has_prefix(unrolled) else ""
        ax.set_title(f"{name}{note}", fontsize=9)
    if not has_fills(task):
        scale = ScalarMappable(Normalize(0, float(weights.max())), SHADES)
        axes[0].figure.colorbar(scale, ax=list(axes), fraction=0.046, pad=0.02, label="share of the attention")
    return axes


def attention_on_grid_text(
    task: Task,
    unrolled: Unrolled,
    update: int,
    cell: int,
    *,
    question: np.ndarray,
    answer: np.ndarray | None = None,
    layer: int | None = None,
    puzzle: int = 0,
) -> str:
    """The alternative text of `attention_on_grid`, from its numbers. Raises what that raises."""
    weights, prefix, where = attention_of(task, unrolled, update, cell, layer, puzzle)
    tokens = cells_of(task, question if answer is None else answer)
    said = []
    for i, (name, row, share) in enumerate(zip(map_names(len(weights) - 1), weights, prefix, strict=True)):
        note = f"{share:.0%} go to the prefix; " if has_prefix(unrolled) else ""
        rest = largest(task, row, tokens, 2, ".0%") if i else distribution(task, row, tokens, cell, ".1%")
        said.append(f"{name}: {note}{rest}")
    maps = "A map" if len(weights) == 1 else f"{len(weights)} maps"
    return f"{maps} of the attention of one cell, framed: {place_of(task, cell, tokens)}. {where}. {'. '.join(said)}."


def map_names(heads: int) -> list[str]:
    """What each map of attention shows; the mean comes first."""
    return ["the only head"] if heads == 0 else ["mean of the heads", *(f"head {i}" for i in range(1, heads + 1))]


def has_prefix(unrolled: Unrolled) -> bool:
    """Whether positions stand before the cells."""
    return unrolled.model.config.prefix_len > 0


def attention_of(
    task: Task, unrolled: Unrolled, update: int, cell: int, layer: int | None, puzzle: int
) -> tuple[Float[np.ndarray, "maps L"], Float[np.ndarray, " maps"], str]:
    """For the mean and each head: one cell's attention to the cells, and the share of the prefix; and which update."""
    weights = attention_weights(unrolled, update).cpu().numpy().astype(np.float64)
    layers, batch, _, positions, _ = weights.shape
    layer = layers if layer is None else layer
    if not 1 <= layer <= layers:
        raise ValueError(f"there is no layer {layer}; there are 1 to {layers}")
    if not 0 <= puzzle < batch:
        raise ValueError(f"there is no puzzle {puzzle}; 0 to {batch - 1} were unrolled")
    if not 0 <= cell < task.seq_len:
        raise ValueError(f"there is no cell {cell}; the cells are 0 to {task.seq_len - 1}")
    before = positions - task.seq_len
    if before != unrolled.model.config.prefix_len:
        raise DataError(f"{task.name} has {task.seq_len} cells, the network {unrolled.model.config.seq_len}")
    rows = weights[layer - 1, puzzle, :, before + cell]
    rows = np.concatenate([rows.mean(0, keepdims=True), rows]) if len(rows) > 1 else rows
    chosen = unrolled.updates[update - 1]
    of = sum(other.recursion == chosen.recursion for other in unrolled.updates)
    where = (
        f"Layer {layer} of {layers}, recursion {chosen.recursion} of {unrolled.updates[-1].recursion}, update "
        f"{chosen.number} of {of}: {chosen.network} renews {chosen.state} from {' + '.join(chosen.reads)}"
    )
    return rows[:, before:], rows[:, :before].sum(1), where
