"""How the latent states move from supervision step to supervision step: their paths, and how large their steps are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from trm_edu.errors import DataError
from trm_edu.inside import principal_components
from trm_edu.plots.style import GREEN, STYLES, VERMILION, tidy

FEW = 12  # paths that can be told apart; more of them become thin lines without labels
NAME = {  # a name beside a point
    "textcoords": "offset points",
    "fontsize": 8.5,
    "zorder": 6,
    "path_effects": [withStroke(linewidth=2.5, foreground="white")],
}
MEANING = {"y": "y, the answer", "z": "z, the latent reasoning"}
GROUPS = (("solved", True, GREEN, "-", "o"), ("not solved", False, VERMILION, "--", "X"))

Paths = Mapping[str, Float[np.ndarray, "steps B *F"]]
Solved = Sequence[bool] | np.ndarray


def checked(
    paths: Paths, solved: Solved | None, labels: Sequence[str] | None = None
) -> tuple[dict[str, Float[np.ndarray, "steps B F"]], Bool[np.ndarray, " B"] | None]:
    """The paths, each point flattened to one vector, and which are solved. DataError if they do not fit together."""
    if not paths:
        raise DataError("there is no path to draw; give at least one state, as inside.latent_path does")
    found: dict[str, np.ndarray] = {}
    for name, path in paths.items():
        path = np.asarray(path)
        if path.ndim < 3:
            raise DataError(f"the path of {name} has shape {list(path.shape)}; it needs [steps + 1, B, F]")
        if len(path) < 2 or not path.shape[1]:
            raise DataError(
                f"the path of {name} has {len(path)} points of {path.shape[1]} puzzles; it needs the start and at "
                "least one step, of at least one puzzle"
            )
        if not np.isfinite(path).all():
            raise DataError(f"the path of {name} holds numbers that are not finite; the network has diverged")
        found[name] = path.reshape(*path.shape[:2], -1).astype(np.float64)
    shapes = {name: path.shape[:2] for name, path in found.items()}
    if len(set(shapes.values())) > 1:
        counts = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise DataError(f"all states need the same steps and puzzles [steps + 1, B], got {counts}")
    puzzles = next(iter(shapes.values()))[1]
    for what, column in (("solved", solved), ("labels", labels)):
        if column is not None and len(column) != puzzles:
            raise DataError(f"{what} has {len(column)} entries, but there are {puzzles} puzzles")
    return found, None if solved is None else np.asarray(solved, bool)


def plane_of(name: str, path: Float[np.ndarray, "steps B F"]) -> tuple[np.ndarray, np.ndarray]:
    """A path's points in the two directions in which they vary most, and the share of each; DataError without any."""
    if path.shape[0] * path.shape[1] < 3:
        raise DataError(
            f"the path of {name} has {path.shape[0] * path.shape[1]} points; two directions need at least 3: give more "
            "steps or puzzles"
        )
    try:
        return principal_components(path)
    except ValueError as error:
        raise DataError(f"the path of {name} cannot be drawn: {error}") from None


def latent_trajectories(
    paths: Paths,
    axes: Sequence[Axes] | np.ndarray | None = None,
    *,
    solved: Solved | None = None,
    labels: Sequence[str] | None = None,
) -> np.ndarray:
    """Where the latent states go, step by step, each state on axes of its own; returns them.

    paths: state name -> [steps + 1, B, F] or [steps + 1, B, S, D], as `inside.latent_path` gives (0: the start). A
    point is a whole state; it is shown in the two directions in which all points of that state together vary most
    (principal components), and the axes say how much of the variance that is. A line for each puzzle: from a hollow
    circle over growing dots to a large mark at its end. solved: bool [B]; solved ones end in a green circle, the
    others in a vermilion cross with dashed lines. labels: a name for each puzzle. Of more than 12, the lines are thin
    and bear no dots and no names. `latent_trajectories_text` is the alternative text.
    Raises DataError (a ValueError) for shapes that do not fit, fewer than 3 points, and points all in one place.
    """
    found, is_solved = checked(paths, solved, labels)
    planes = {name: plane_of(name, path) for name, path in found.items()}
    if axes is None:
        figure = Figure(figsize=(4.3 * len(found), 4.3), layout="constrained")
        axes = figure.subplots(1, len(found), squeeze=False)
    axes = np.asarray(axes, dtype=object).ravel()
    if len(axes) != len(found):
        raise ValueError(f"the states {', '.join(found)} need {len(found)} axes, got {len(axes)}")
    for ax, (name, (points, shares)) in zip(axes, planes.items(), strict=True):
        few = points.shape[1] <= FEW
        for puzzle in range(points.shape[1]):
            style = path_style(puzzle, is_solved)
            draw_path(ax, points[:, puzzle], **style, few=few)
            if few and labels is not None:
                inward = -1 if points[-1, puzzle, 0] > (points[..., 0].min() + points[..., 0].max()) / 2 else 1
                side = {"xytext": (7 * inward, 4), "ha": "left" if inward > 0 else "right"}
                ax.annotate(labels[puzzle], points[-1, puzzle], **side, **NAME)
        if points.shape[1] == 1:  # one path has room for the number of each step
            number_steps(ax, points[:, 0])
        for which, place in (("first", 0), ("second", 1)):
            text = f"{which} direction, {shares[place]:.0%} of the variance"
            ax.set_xlabel(text) if place == 0 else ax.set_ylabel(text)
        ax.set_title(f"state {MEANING.get(name, name)}", fontsize=11)
        ax.margins(0.16)
        ax.set_aspect("equal", adjustable="datalim")  # a distance is as long in both directions
        ax.legend(handles=legend_of(is_solved, len(points) - 1), fontsize=8.5, loc="best")
    return tidy(*axes)


def path_style(puzzle: int, solved: Bool[np.ndarray, " B"] | None) -> dict[str, str]:
    """Colour, line and end mark of one path."""
    if solved is None:
        colour, line, marker = STYLES[(puzzle + 2) % len(STYLES)]
        return {"color": colour, "linestyle": line, "marker": marker}
    _, _, colour, line, marker = GROUPS[0] if solved[puzzle] else GROUPS[1]
    return {"color": colour, "linestyle": line, "marker": marker}


def draw_path(
    ax: Axes, points: Float[np.ndarray, "steps 2"], color: str, linestyle: str, marker: str, few: bool
) -> None:
    """One path: hollow start, growing dots (if there are few paths), a large mark at the end."""
    width, count = (1.3, len(points)) if few else (0.6, 2)
    ax.plot(*points.T, color=color, linestyle=linestyle, linewidth=width, alpha=0.9 if few else 0.6, zorder=2)
    if few:
        sizes = 8 + 34 * np.arange(1, count - 1) / count
        ax.scatter(*points[1:-1].T, s=sizes, color=color, linewidths=0, zorder=3)
    ax.scatter(*points[0], s=60, facecolor="white", edgecolor="black", linewidths=1.2, zorder=4)
    end = {"s": 75 if few else 32, "edgecolor": "black", "linewidths": 0.7, "zorder": 5}
    ax.scatter(*points[-1], color=color, marker=marker, **end)


def number_steps(ax: Axes, points: Float[np.ndarray, "steps 2"]) -> None:
    """Write the number of each step beside its point, but for those that would stand on each other."""
    reach = np.ptp(points, axis=0).max()
    last = len(points) - 1
    written: list[np.ndarray] = []
    for step in [0, last, *range(1, last)]:
        if all(np.abs(points[step] - other).max() > 0.05 * reach for other in written):
            around = points[[max(0, step - 1), min(last, step + 1)]].mean(0)
            away = points[step] - around  # to the outside of the bend, not onto the line
            length = np.linalg.norm(away)
            away = away / length if length > 0 else np.array([0.7, 0.7])
            ax.annotate(str(step), points[step], xytext=10 * away, ha="center", va="center", **NAME)
            written.append(points[step])


def legend_of(solved: Bool[np.ndarray, " B"] | None, steps: int) -> list[Line2D]:
    """What the marks of a path mean."""
    dark = {"markeredgecolor": "black", "linestyle": ""}
    start = Line2D([], [], **dark, marker="o", markersize=7, markerfacecolor="white", label="start")
    if solved is None:
        end = {"marker": "o", "markersize": 7, "markerfacecolor": "#666666", "label": f"filled: {after(steps)}"}
        return [start, Line2D([], [], **dark, **end)]
    ends = []
    for name, is_so, colour, line, marker in GROUPS:
        if count := int((solved == is_so).sum()):
            style = {"color": colour, "linestyle": line, "marker": marker, "markeredgecolor": "black", "markersize": 7}
            ends.append(Line2D([], [], **style, label=f"{after(steps)}: {name} ({count})"))
    return [start, *ends]


def after(steps: int) -> str:
    """After how many steps."""
    return f"after {steps} step{'' if steps == 1 else 's'}"


def latent_trajectories_text(
    paths: Paths,
    *,
    solved: Solved | None = None,
    labels: Sequence[str] | None = None,
) -> str:
    """The alternative text of `latent_trajectories`, from its numbers. Raises what that raises."""
    found, is_solved = checked(paths, solved, labels)
    said = []
    for name, path in found.items():
        _, shares = plane_of(name, path)
        parts = [f"state {name}, two directions that hold {shares[0]:.0%} and {shares[1]:.0%} of the variance"]
        for group, chosen in groups_of(is_solved, path.shape[1]):
            moves = np.linalg.norm(np.diff(path[:, chosen], axis=0), axis=-1)
            way = moves.sum(0)
            first = np.median(moves[0] / np.where(way > 0, way, 1.0))
            note = f"the first step is {first:.0%} of a path's length"
            if len(moves) > 1:
                last = np.median(moves[-1] / np.where(way > 0, way, 1.0))
                note += f", the last one {last:.1%}"
            parts.append(f"{group}{note}")
        said.append("; ".join(parts))
    puzzles, steps = found[next(iter(found))].shape[1], len(found[next(iter(found))]) - 1
    names = f": {', '.join(labels)}" if labels is not None and puzzles <= FEW else ""
    how = "" if is_solved is None else f", {int(is_solved.sum())} of them solved"
    return (
        f"Paths of {puzzles} puzzle{'' if puzzles == 1 else 's'}{names}{how}, from a hollow circle at the start to a "
        f"filled mark {after(steps)}, lengths in the whole space, median over puzzles. {'. '.join(said)}."
    )


def groups_of(solved: Bool[np.ndarray, " B"] | None, puzzles: int) -> list[tuple[str, np.ndarray]]:
    """The puzzles as (words that begin a sentence about them, bool [B]): solved and not, or all; none that is empty."""
    if solved is None:
        return [("", np.ones(puzzles, bool))]
    return [(f"{name}: ", solved == is_so) for name, is_so, *_ in GROUPS if (solved == is_so).any()]


# --- does it settle? ------------------------------------------------------------------------------------------------


def step_sizes(paths: Paths, ax: Axes | None = None, *, solved: Solved | None = None) -> Axes:
    """How far each state moves in each supervision step, on a logarithmic axis; returns the axes.

    paths: as in `latent_trajectories`. A step's size is the length of the difference over the length of the state
    after it: 1 means that it moved as far as it is long. A line is the median over the puzzles, a band the middle half
    of them. solved: bool [B]; solved and other puzzles get lines of their own. A median of exactly 0, at rest, has no
    place on such an axis: a triangle stands at its foot. `step_sizes_text` is the alternative text.
    Raises DataError (a ValueError) for shapes that do not fit, for a state of length 0 and if nothing ever moves.
    """
    found, is_solved = checked(paths, solved)
    lines = size_lines(found, is_solved)
    low = min(values[values > 0].min() for *_, values in lines if (values > 0).any())
    if ax is None:
        ax = Figure(figsize=(5.6, 3.3), layout="constrained").subplots()
    foot = low / 2
    for name, kind, state, values in lines:
        quarter, median, three = np.where(values > 0, values, np.nan)
        steps = np.arange(1, len(median) + 1)
        colour, _, marker = STYLES[(state + 2) % len(STYLES)]
        style = {"color": colour, "marker": marker, "markersize": 4.5, "linestyle": ("-", "--")[kind]}
        every = max(1, len(steps) // 16)
        ax.plot(steps, median, **style, markerfacecolor=(colour, "white")[kind], markevery=every, label=name, zorder=3)
        band = np.where(np.isnan(quarter), foot, quarter), np.where(np.isnan(three), foot, three)
        ax.fill_between(steps, *band, color=colour, alpha=0.18, linewidth=0, hatch=(None, "///")[kind], zorder=2)
        rest = steps[values[1] == 0]
        foot_mark = {"linestyle": "", "marker": "v", "color": colour, "markersize": 6, "zorder": 4, "clip_on": False}
        if len(rest):
            ax.plot(rest, np.full(len(rest), foot), **foot_mark, label=f"{name}: at rest")
    ax.set_yscale("log")
    ax.set(xlabel="supervision step", ylabel="size of the step\n(1: as far as the state is long)", ylim=(foot, None))
    ax.set_xlim(0.5, len(steps) + 0.5)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.legend(fontsize=8.5, loc="best")
    return tidy(ax)[0]


def size_lines(
    paths: dict[str, Float[np.ndarray, "steps B F"]], solved: Bool[np.ndarray, " B"] | None
) -> list[tuple[str, int, int, Float[np.ndarray, "3 moves"]]]:
    """For each state and group: its name, group (1: not solved), number of the state, quartiles of its step sizes."""
    lines = []
    for state, (name, path) in enumerate(paths.items()):
        lengths = np.linalg.norm(path[1:], axis=-1)
        if not lengths.all():
            step, puzzle = np.argwhere(lengths == 0)[0]
            raise DataError(f"state {name} of puzzle {puzzle} is all 0 after step {step + 1}; its step has no size")
        sizes = np.linalg.norm(np.diff(path, axis=0), axis=-1) / lengths
        for group, chosen in groups_of(solved, path.shape[1]):
            words = f"{name}, {group.removesuffix(': ')} ({int(chosen.sum())})" if group else name
            lines.append(
                (words, int(group.startswith("not")), state, np.quantile(sizes[:, chosen], (0.25, 0.5, 0.75), axis=1))
            )
    if not any(values.any() for *_, values in lines):
        raise DataError("no state ever moves: all points of a path are the same")
    return lines


def step_sizes_text(paths: Paths, *, solved: Solved | None = None) -> str:
    """The alternative text of `step_sizes`, from its numbers. Raises what that raises."""
    found, is_solved = checked(paths, solved)
    said = []
    for name, _, _, (quarter, median, three) in size_lines(found, is_solved):
        last = len(median)
        text = f"{name}: {median[0]:.2g} in step 1"
        if last > 1:
            text += f", {median[-1]:.2g} in step {last} (middle half {quarter[-1]:.2g} to {three[-1]:.2g})"
            text += f", smallest {median.min():.2g} in step {median.argmin() + 1}"
        said.append(text)
    count = found[next(iter(found))].shape[1]
    return (
        "Chart of how far each state moves in each supervision step, as a share of its own length, on a logarithmic "
        f"axis: median over {count} puzzle{'' if count == 1 else 's'}. {'; '.join(said)}."
    )
