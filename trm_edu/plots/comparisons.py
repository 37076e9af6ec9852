"""Settings beside settings: T against n, the ladder of changes, accuracy against cost.

The intervals of a mean over seeds are Student's (`trm_edu.intervals`): what other seeds could have changed. A picture
says which interval it shows. `<name>_text` beside it makes its alternative text from the same numbers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath
from matplotlib.ticker import LogLocator, NullLocator

from trm_edu.errors import DataError
from trm_edu.intervals import Interval, Values, difference_interval, mean_interval
from trm_edu.plots.scores import (
    GREY,
    SMALL,
    WHAT,
    checked_shares,
    inside,
    mean_said,
    percent,
    points_said,
    room_for,
    seeds_said,
)
from trm_edu.plots.style import BLACK, BLUE, VERMILION, readable_on, tidy

# --- T against n ----------------------------------------------------------------------------------------------------

Depths = Mapping[tuple[int, int], Values]
HEAT = "cividis"  # lightness rises evenly, and all eyes see it alike


def depth_cells(results: Depths, cost: Mapping[tuple[int, int], float] | None) -> dict[tuple[int, int], np.ndarray]:
    """Seeds of each (T, n), row by row, the empty cells of the rectangle too. Raises DataError."""
    if not results:
        raise DataError("results is empty; give the accuracies of at least one (T, n)")
    for key in results:
        whole = isinstance(key, tuple) and len(key) == 2 and all(isinstance(k, (int, np.integer)) for k in key)
        if not whole or key[0] < 1 or key[1] < 0:
            raise DataError(f"results has the key {key!r}; give (T, n), whole numbers with T >= 1 and n >= 0")
    found = {}
    for T in sorted({T for T, _ in results}):
        for n in sorted({n for _, n in results}):
            seeds = results.get((T, n), ())
            found[T, n] = checked_shares(seeds, f"T = {T}, n = {n}") if len(seeds) else np.zeros(0)
    if not any(len(seeds) for seeds in found.values()):
        raise DataError("no (T, n) of results has an accuracy; give at least one")
    for key, value in (cost or {}).items():
        if not 0 < value < np.inf:
            raise DataError(f"the cost of {key} is {value:g}; give a positive number")
    return found


def short(value: float) -> str:
    """A cost in few letters: 42, 1,512, 3.1 million."""
    for size, name in ((1e18, "10^18"), (1e15, "10^15"), (1e12, "10^12"), (1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:.3g}{' × ' if name[0] == '1' else ' '}{name}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def depth_map(
    results: Depths,
    ax: Axes | None = None,
    *,
    cost: Mapping[tuple[int, int], float] | None = None,
    cost_unit: str = "evaluations",
    limits: Interval | None = None,
) -> Axes:
    """Heat map over T (rows) and n (columns): mean exact accuracy of the seeds, as colour and in words.

    results: for each (T, n) the accuracies of its seeds. The 95% interval of their mean (Student's t) and their number
    stand in the cell. A cell of the rectangle that is missing, or has no seed, is hatched and says "not run".
    cost: what a cell costs, in `cost_unit`, for example T * (n + 1) evaluations a supervision step. limits: shares at
    the ends of the colours; default: the means, rounded outward to ten points, so that noise looks like no trend.
    `depth_map_text` is the alternative text. Raises DataError for no accuracy at all, shares outside 0..1, keys that
    are no (T, n), costs that are not positive, and limits that do not hold the means.
    """
    cells = depth_cells(results, cost)
    rows, columns = sorted({T for T, _ in cells}), sorted({n for _, n in cells})
    means = np.array([[cells[T, n].mean() if len(cells[T, n]) else np.nan for n in columns] for T in rows])
    if limits is None:
        low, high = np.floor(np.nanmin(means) * 10) / 10, np.ceil(np.nanmax(means) * 10) / 10
        limits = (low, high) if high > low else (max(0.0, high - 0.1), max(0.1, high))
    elif not 0 <= limits[0] < limits[1] <= 1 or np.nanmin(means) < limits[0] or np.nanmax(means) > limits[1]:
        raise DataError(f"limits is {limits}; give (low, high) within 0..1 that hold all means")
    if ax is None:
        size = (1.3 * len(columns) + 2.0, max(2.3, (1.0 if cost else 0.85) * len(rows) + 0.8))
        ax = Figure(figsize=size, layout="constrained").subplots()
    colours = colormaps[HEAT].with_extremes(bad="white")
    image = ax.imshow(np.ma.masked_invalid(means), cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto")
    for i, T in enumerate(rows):
        for j, n in enumerate(columns):
            seeds, spent = cells[T, n], (cost or {}).get((T, n))
            lines = [] if spent is None else [f"{short(spent)} {cost_unit}"]
            if len(seeds):
                interval, count = mean_interval(seeds), seeds_said(len(seeds))
                alike = f"{count} alike" if len(seeds) > 1 else count
                lines = [
                    *([] if interval is None else [inside(interval)]),
                    alike if interval is None else count,
                    *lines,
                ]
                style: dict[str, Any] = {"color": readable_on(colours(image.norm(means[i, j])))}
            else:
                style = {"color": BLACK, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.5}}
                hatched = {"facecolor": "white", "edgecolor": "#8A8A8A", "hatch": "///", "linewidth": 0}
                ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, **hatched))
            head = f"{means[i, j]:.1%}" if len(seeds) else "not run"
            middle = 6.2 * len(lines)  # half the height of the small lines, in points
            offset = {"textcoords": "offset points", "ha": "center", "va": "center"}
            ax.annotate(head, (j, i), (0, middle if lines else 0), fontsize=11, weight="bold", **offset, **style)
            if lines:
                ax.annotate(
                    "\n".join(lines), (j, i), (0, middle - 9), fontsize=SMALL, **offset | {"va": "top"}, **style
                )
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(xlabel="n, updates of z a recursion", ylabel="T, recursions\na supervision step")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    for edge in range(1, len(columns)):
        ax.axvline(edge - 0.5, color="white", linewidth=2)
    for edge in range(1, len(rows)):
        ax.axhline(edge - 0.5, color="white", linewidth=2)
    bar = ax.figure.colorbar(image, ax=ax, label=f"{WHAT},\nmean of the seeds", format=percent)
    bar.outline.set_visible(False)
    return ax


def depth_map_text(
    results: Depths, *, cost: Mapping[tuple[int, int], float] | None = None, cost_unit: str = "evaluations"
) -> str:
    """The alternative text of `depth_map`, from its numbers: the best and the worst cell, then row by row.

    Raises what that raises.
    """
    cells = depth_cells(results, cost)
    run = {key: seeds for key, seeds in cells.items() if len(seeds)}
    best, worst = max(run, key=lambda key: run[key].mean()), min(run, key=lambda key: run[key].mean())

    def said(key: tuple[int, int]) -> str:
        spent = f", {short(cost[key])} {cost_unit}" if cost and key in cost else ""
        return f"T = {key[0]}, n = {key[1]}: {mean_said(run[key])}{spent}"

    rows = []
    for row in sorted({T for T, _ in cells}):
        line = [
            f"n = {n} {seeds.mean():.1%}" if len(seeds) else f"n = {n} not run"
            for (depth, n), seeds in cells.items()
            if depth == row
        ]
        rows.append(f"T = {row}: {', '.join(line)}")
    extremes = f"Only {said(best)}" if len(run) == 1 else f"Best {said(best)}. Worst {said(worst)}"
    return (
        f"Heat map over T and n. Share of {WHAT}, mean of the seeds with its 95% interval; {len(run)} of {len(cells)} "
        f"cells were run. {extremes}. By row, {'; '.join(rows)}."
    )


# --- the ladder of changes ------------------------------------------------------------------------------------------


class Rung(NamedTuple):
    """One row of the ladder: seeds [K], and in words the difference to the row above. separated: None for the first."""

    name: str
    seeds: np.ndarray
    difference: str
    separated: bool | None


Rungs = Mapping[str, Values] | Sequence[tuple[str, Values]]


def ladder_rungs(rungs: Rungs) -> list[Rung]:
    """The rows of the ladder with what can be said of each step. Raises DataError."""
    pairs = list(rungs.items() if isinstance(rungs, Mapping) else rungs)
    if not pairs:
        raise DataError("rungs is empty; give at least one (name, accuracies of its seeds)")
    found: list[Rung] = []
    for name, values in pairs:
        if not name.strip() or name in [rung.name for rung in found]:
            raise DataError(f"a rung is called {name!r}; give each a name of its own")
        seeds, difference, separated = checked_shares(values, f"rung {name!r}"), "", None
        if found:
            above = found[-1].seeds
            step, interval = seeds.mean() - above.mean(), difference_interval(above, seeds)
            difference, separated = f"{points_said(step)} points", False
            if interval is None:
                why = "1 seed" if min(len(above), len(seeds)) == 1 else "seeds alike"
                difference += f": no interval ({why})"
            else:
                separated = interval[0] > 0 or interval[1] < 0
                difference += f" [{', '.join(map(points_said, interval))}]{'' if separated else ': not separated'}"
        found.append(Rung(name, seeds, difference, separated))
    return found


def ladder(rungs: Rungs, ax: Axes | None = None) -> Axes:
    """The ladder of changes: one row a rung, from top to bottom, with the spread of its seeds.

    rungs: name and accuracies of the seeds, in order. Hollow dots: seeds. Filled: their mean with its 95% interval
    (Student's t). At the right the same in figures, and under it the difference to the row above. A triangle says that
    the 95% interval of that difference (Welch) leaves out 0; a circle says that it covers 0, or that there is none:
    then the data do not separate the two. Intervals are of one step at a time: of twenty steps that change nothing, one
    is expected to look separated. `ladder_text` is the alternative text.
    Axes that are given must leave a third of their width free at the right.
    Raises DataError for no rung, a rung without a seed, a name twice, and shares outside 0..1.
    """
    found = ladder_rungs(rungs)
    if ax is None:
        ax = Figure(figsize=(8.6, 0.62 * len(found) + 1.2), layout="constrained").subplots()
    across = ax.get_yaxis_transform()
    ends = [end for rung in found for end in (*(mean_interval(rung.seeds) or ()), rung.seeds.min(), rung.seeds.max())]
    limits = room_for(min(ends), max(ends))
    near = 0.012 * (limits[1] - limits[0])  # the width of a dot
    dot = {"color": BLACK, "markerfacecolor": "none", "markersize": 5, "label": "a seed"}
    for row, rung in enumerate(found):
        ax.plot(rung.seeds, row + 0.24 + heights(rung.seeds, near), "o", **dot)
        mean, interval = rung.seeds.mean(), mean_interval(rung.seeds)
        if interval is not None:
            bar = {"fmt": "none", "ecolor": BLUE, "elinewidth": 2.5, "capsize": 5, "zorder": 2}
            ax.errorbar([mean], [row], xerr=[[mean - interval[0]], [interval[1] - mean]], **bar)
        ax.plot([mean], [row], "D", color=BLUE, markersize=8, zorder=3, label="mean of the seeds, 95% interval")
        side = {"transform": across, "ha": "left", "va": "center", "fontsize": 9}
        ax.text(1.02, row - (0.17 if row else 0), mean_said(rung.seeds), **side)
        if row:
            mark = "○" if not rung.separated else "▲" if mean > found[row - 1].seeds.mean() else "▼"
            ax.text(1.02, row + 0.2, f"{mark} {rung.difference}", color=BLACK if rung.separated else GREY, **side)
    ax.set_yticks(range(len(found)), [textwrap.fill(rung.name, 26) for rung in found])
    ax.set(xlabel=WHAT, xlim=limits, ylim=(len(found) - 0.45, -0.55))
    ax.xaxis.set_major_formatter(percent)
    header = "mean [95% interval over seeds]"
    if len(found) > 1:
        header += "\ndifference to the row above [95%, Welch]"
    ax.text(1.02, -0.62, header, transform=across, ha="left", va="bottom", fontsize=SMALL, color=GREY)
    handles, labels = ax.get_legend_handles_labels()
    place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 1.0), "ncols": 2, "frameon": False, "borderpad": 0}
    ax.legend(handles[:2], labels[:2], fontsize=SMALL, **place)
    return tidy(ax)[0]


def heights(values: np.ndarray, near: float) -> np.ndarray:
    """How far down each dot [K] goes, at most 0.2, so that no two closer than `near` stand at the same height."""
    levels: list[int] = []
    for i, value in enumerate(values):
        taken = {level for level, other in zip(levels, values[:i], strict=True) if abs(value - other) < near}
        levels.append(min(set(range(i + 1)) - taken))
    return np.array(levels) * min(0.1, 0.2 / max(1, *levels))


def ladder_text(rungs: Rungs) -> str:
    """The alternative text of `ladder`, from its numbers. Raises what that raises."""
    found = ladder_rungs(rungs)
    rows = [
        f"{rung.name}: {mean_said(rung.seeds)}{f'; {rung.difference}' if rung.difference else ''}" for rung in found
    ]
    steps = [rung.separated for rung in found[1:]]
    said = (
        f" {sum(map(bool, steps))} of {len(steps)} steps are separated: the 95% interval of the difference (Welch) "
        "leaves out 0."
    )
    return (
        f"Ladder of {len(found)} rung{'s' if len(found) > 1 else ''}, share of {WHAT}: a dot for each seed, their mean "
        f"with its 95% interval, and the difference to the rung above. {'. '.join(rows)}.{said if steps else ''}"
    )


# --- accuracy against cost ------------------------------------------------------------------------------------------


class CostPoint(NamedTuple):
    """One way to answer: its accuracy with the ends of its interval, in 0..1, and its cost (more than 0)."""

    label: str
    exact: float
    low: float
    high: float
    cost: float


def checked_points(points: Sequence[CostPoint], chosen: int | None) -> list[CostPoint]:
    """The points as they came. Raises DataError for what `accuracy_against_cost` cannot draw."""
    if not len(points):
        raise DataError("points is empty; give at least one CostPoint(label, exact, low, high, cost)")
    for point in points:
        checked_shares(point[1:4], f"{point.label}: exact, low, high")
        if not point.low - 1e-9 <= point.exact <= point.high + 1e-9:
            raise DataError(
                f"{point.label}: {point.exact:.1%} lies outside its interval {point.low:.1%} to {point.high:.1%}; give "
                "low <= exact <= high"
            )
        if not 0 < point.cost < np.inf:
            raise DataError(f"{point.label}: its cost is {point.cost:g}; give a positive number")
    if chosen is not None and not 0 <= chosen < len(points):
        raise DataError(f"chosen is {chosen}; there are points 0 to {len(points) - 1}")
    return list(points)


def frontier(points: Sequence[CostPoint]) -> list[int]:
    """Which points are better than all that cost as much or less, from cheap to dear. Of equals, the first."""
    best: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: (points[i].cost, -points[i].exact, i)):
        if not best or points[i].exact > points[best[-1]].exact:
            best.append(i)
    return best


def accuracy_against_cost(
    points: Sequence[CostPoint],
    ax: Axes | None = None,
    *,
    chosen: int | None = None,
    cost_label: str = "network evaluations a puzzle",
) -> Axes:
    """Accuracy against what it costs (logarithmic axis), with intervals and the frontier as a step line.

    The frontier is the best accuracy at or below each cost, by the values and not by their intervals: of two points
    whose intervals overlap, the other may be the better one. Filled: on the frontier. chosen: which point to ring.
    Only that one and those on the frontier have their label, placed for the size that the axes have now.
    `accuracy_against_cost_text` is the alternative text.
    Raises DataError for no point, shares outside 0..1, an interval that does not hold its value, a cost that is not
    positive, and a chosen point that does not exist.
    """
    points, best = checked_points(points, chosen), frontier(points)
    own = ax is None
    if ax is None:
        ax = Figure(figsize=(6.4, 4.0)).add_axes((0.11, 0.2, 0.86, 0.77))
    ax.set_xscale("log")
    costs = [point.cost for point in points]
    wide = max(1.25, (max(costs) / min(costs)) ** 0.08)
    ax.set_xlim(min(costs) / wide, max(costs) * wide)
    low, high = room_for(min(point.low for point in points), max(point.high for point in points))
    ax.set_ylim(low, min(1.02, high + 0.05 * (high - low)))  # some more at the top, for the label of the best
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(costs) > 10 * min(costs) else range(1, 10)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(lambda value, _: short(value))
    edge = [*(points[i].cost for i in best), ax.get_xlim()[1]]
    line = {"color": BLUE, "linewidth": 1.4, "drawstyle": "steps-post", "zorder": 2}
    ax.plot(edge, [*(points[i].exact for i in best), points[best[-1]].exact], **line)
    rest = [i for i in range(len(points)) if i not in best]
    looks = (
        ("best at or below its cost", best, BLUE, "D", BLUE),
        ("a cheaper one is as good", rest, GREY, "o", "white"),
    )
    for name, members, colour, marker, face in looks:
        if members:
            values = np.array([points[i][1:] for i in members], np.float64).T
            ends = np.clip([values[0] - values[1], values[2] - values[0]], 0, None)
            style: dict[str, Any] = {"markerfacecolor": face, "markersize": 6, "elinewidth": 1, "capsize": 3}
            style |= {"color": colour, "marker": marker, "linestyle": "none", "zorder": 3}
            ax.errorbar(values[3], values[0], ends, label=f"{name}; 95% interval", **style)
    if chosen is not None:
        ring = {"markersize": 15, "markerfacecolor": "none", "markeredgewidth": 2, "linestyle": "none", "zorder": 4}
        ax.plot(points[chosen].cost, points[chosen].exact, "o", color=VERMILION, label="chosen", **ring)
    ax.set(xlabel=cost_label, ylabel=WHAT)
    ax.yaxis.set_major_formatter(percent)
    label_points(ax, points, best, chosen)
    if own:
        style = {"loc": "lower center", "ncols": 3, "frameon": False, "columnspacing": 1.2, "handletextpad": 0.4}
        legend = ax.figure.legend(*ax.get_legend_handles_labels(), fontsize=SMALL, **style)
    else:
        legend = ax.legend(loc="best", fontsize=SMALL)
    if chosen is not None:
        legend.legend_handles[0].set_markersize(9)  # the ring, whose own size would touch its neighbours
    return tidy(ax)[0]


def label_points(ax: Axes, points: Sequence[CostPoint], best: Sequence[int], chosen: int | None) -> None:
    """Write the labels of the frontier and of the chosen point where they cover least."""
    to_points = 72 / ax.figure.dpi
    window = ax.get_window_extent()
    ends = [ax.transData.transform([(p.cost, p.low), (p.cost, p.exact), (p.cost, p.high)]) for p in points]
    low, places, high = (np.array(ends) - window.min).transpose(1, 0, 2) * to_points  # each [K, 2]
    room = np.array(window.size) * to_points
    boxes = [np.concatenate([place - 5, place + 5]) for place in places]
    if chosen is not None:
        boxes.append(np.concatenate([places[chosen] - 9, places[chosen] + 9]))
    edges = [*(places[i, 0] for i in best[1:]), room[0]]  # where the steps of the frontier end
    steps = [(*places[i] - (0, 1), edge, places[i, 1] + 1) for i, edge in zip(best, edges, strict=True)]
    bars = np.concatenate([np.hstack([low - (1, 0), high + (1, 0)]), steps])
    for i in [*([] if chosen is None else [chosen]), *(i for i in reversed(best) if i != chosen)]:
        point, weight, lines = points[i], "normal", [points[i].label]
        if i == chosen:
            weight, lines = "bold", [point.label, f"{point.exact:.1%} {inside((point.low, point.high))}"]
        font = {"size": SMALL, "prop": {"weight": weight}}
        width = max(TextPath((0, 0), line, **font).get_extents().x1 for line in lines) + 2
        size = np.array([width, 1.25 * SMALL * len(lines)])
        corner = free_place(places[i], size, room, np.array(boxes), bars)
        boxes.append(np.concatenate([corner, corner + size]))
        offset = corner - places[i]
        nearest = np.clip(-offset / size, 0, 1)  # of the label to its point, as a share of its size
        far = {}
        if np.hypot(*(offset + nearest * size)) > 14:
            far = {"arrowprops": {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "relpos": tuple(nearest)}}
        style = {"fontsize": SMALL, "weight": weight, "ha": "left", "va": "bottom", "zorder": 5, **far}
        at = (point.cost, point.exact)
        text = ax.annotate("\n".join(lines), at, tuple(offset), textcoords="offset points", **style)
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def free_place(
    anchor: np.ndarray, size: np.ndarray, room: np.ndarray, boxes: np.ndarray, bars: np.ndarray
) -> np.ndarray:
    """Left lower corner [2] of a label near its anchor [2] that covers least, in points.

    It leaves no room [2], then covers no box [K, 4] (labels, markers; left, bottom, right, top), then no bar [J, 4]
    (lines). Tried first: upper left, where a frontier has no points, then the other corners and the sides, then farther
    away.
    """
    (x, y), (wide, high) = anchor, size
    candidates, away = [], []
    for far in range(0, 170, 10):
        for aside in (0, 30, 60, 90):
            left, right = x - wide - 7 - aside, x + 7 + aside
            above, below = y + 4 + far, y - 4 - far - high
            places = [(left, above), (right, above), (left, below), (right, below)]
            places += [] if far else [(left - 4, y - high / 2), (right + 4, y - high / 2)]
            candidates += places
            away += [(far + aside) / 20] * len(places)
    corners = np.array(candidates)

    def covered(others: np.ndarray) -> np.ndarray:
        low = corners[:, None]
        return ((low < others[:, 2:]) & (others[:, :2] < low + size)).all(-1).sum(1)

    off = ((corners < 0) | (corners + size > room)).any(1)
    return corners[int(np.argmin(100 * off + 30 * covered(boxes) + covered(bars) + np.array(away)))]


def accuracy_against_cost_text(
    points: Sequence[CostPoint], *, chosen: int | None = None, cost_label: str = "network evaluations a puzzle"
) -> str:
    """The alternative text of `accuracy_against_cost`, from its numbers. Raises what that raises."""
    points, best = checked_points(points, chosen), frontier(points)

    def said(i: int) -> str:
        point = points[i]
        return f"{point.label}, cost {short(point.cost)}: {point.exact:.1%} {inside((point.low, point.high))}"

    text = (
        f"Share of {WHAT} against {cost_label}, on a logarithmic axis, {len(points)} "
        f"point{'s' if len(points) > 1 else ''} with 95% intervals. Best at or below its cost, from cheap to dear: "
        f"{'; '.join(map(said, best))}."
    )
    if chosen is not None:
        text += f" Chosen: {said(chosen)}, {'one' if chosen in best else 'none'} of these."
    return text
