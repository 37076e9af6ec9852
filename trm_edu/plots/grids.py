"""Puzzles on their grids: answers step by step, with what changed, what is wrong and how sure it is; maps of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Real
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from trm_edu.errors import DataError
from trm_edu.inside import Unrolled, attention_weights
from trm_edu.plots.style import BLACK, BLUE, ORANGE, PLUM, PURPLE, VERMILION, YELLOW, tidy
from trm_edu.solve import Step
from trm_edu.tasks import Arc, Task
from trm_edu.tasks.arc import crop_sizes
from trm_edu.tasks.base import cells_of, given_cells

SIDE = 2.3  # of one grid in a row, in inches
MARKS = "yellow: changed since the picture before    cross: wrong    short bar: less than 95% sure, longer is surer"
SHADES = LinearSegmentedColormap.from_list("plum", ["#FFFFFF", "#EBCBDD", PURPLE, PLUM, "#45102F"])  # ever darker


def changed_cells(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Bool [L]: which cells differ between two answers [L]."""
    return np.asarray(before) != np.asarray(after)


def grid(task: Task, tokens: np.ndarray, ax: Axes | None = None, **marks: Any) -> Axes:
    """One puzzle or answer [L]. `marks` (given, changed, wrong, confidence) go to the task's own `draw`."""
    if ax is None:
        ax = Figure(figsize=(3, 3)).add_axes((0, 0, 1, 1))
    return task.draw(ax, tokens, **marks)


def shown_steps(count: int) -> list[int]:
    """1, 2, 4 and the last of `count` steps: early steps change most."""
    return sorted({step for step in (1, 2, 4, count) if 1 <= step <= count})


def cells_in_play(task: Task, answer: np.ndarray, solution: np.ndarray | None = None) -> Bool[np.ndarray, " L"]:
    """Which cells of an answer [L] say something: all, unless the task has padding around its answers, as ARC has.

    There only those count that are no padding in the solution; without one, the grid that can be read in the answer
    and its end markers.
    """
    if solution is not None:
        return np.asarray(solution) != 0
    inside = np.ones(task.grid_shape, bool)
    if isinstance(task, Arc):
        rows, columns = crop_sizes(torch.as_tensor(np.asarray(answer, np.int64)), task.side).tolist()
        if rows:  # else there is no grid in it: all of it is shown
            inside[rows + 1 :], inside[:, columns + 1 :] = False, False
            inside[rows:, columns:] = False  # no marker stands at the corner
    return inside.reshape(-1)


def open_cells(task: Task, question: np.ndarray, in_play: Bool[np.ndarray, " L"]) -> Bool[np.ndarray, " L"]:
    """The cells that the network has to fill: those that the question leaves open, or all where it is another grid."""
    if getattr(task, "judged_by", "rules") == "answers" or not hasattr(task, "look"):
        return in_play
    found = in_play & ~given_cells(task, question)
    return found if found.any() else in_play


def answer_row(
    task: Task,
    question: np.ndarray,
    answers: Sequence[np.ndarray],
    steps: Sequence[int] | None = None,
    *,
    solution: np.ndarray | None = None,
    titles: Sequence[str] | None = None,
    confidences: Sequence[np.ndarray | None] | None = None,
    axes: Sequence[Axes] | np.ndarray | None = None,
) -> np.ndarray:
    """The question and the answers after chosen supervision steps, side by side; returns the axes.

    answers: the answer [L] after every step, from step 1 on. steps: which to draw (default 1, 2, 4 and the last).
    Yellow: changed since the picture before; the first answer marks nothing, because there every open cell is new.
    Vermilion with a cross: not the digit of `solution` [L], if that is given; its padding (token 0) does not count.
    confidences: of every step, the probability of each chosen token [L], or None; see `Task.draw`.
    Raises ValueError for a step that does not exist, and for another number of confidences, titles or axes.
    """
    chosen = shown_steps(len(answers)) if steps is None else list(steps)
    if bad := [step for step in chosen if not 1 <= step <= len(answers)]:
        raise ValueError(f"there is no answer after step {bad[0]}; there are steps 1 to {len(answers)}")
    if confidences is not None and len(confidences) != len(answers):
        raise ValueError(f"there are {len(answers)} answers, but {len(confidences)} confidences; give one for each")
    if titles is not None and len(titles) != len(chosen):
        raise ValueError(f"{len(chosen)} answers are shown, but there are {len(titles)} titles; give one for each")
    if axes is None:
        figure = Figure(figsize=(SIDE * (len(chosen) + 1), 2.5))
        axes = figure.subplots(1, len(chosen) + 1)
        figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.88, wspace=0.1)
    axes = np.asarray(axes, dtype=object).ravel()
    if len(axes) < len(chosen) + 1:
        raise ValueError(f"the question and {len(chosen)} answers need {len(chosen) + 1} axes, got {len(axes)}")
    grid(task, question, axes[0]).set_title("question", fontsize=10)
    previous = None
    for i, step in enumerate(chosen):
        answer = np.asarray(answers[step - 1])
        in_play = cells_in_play(task, answer, solution)
        changed = None if previous is None else changed_cells(previous, answer) & in_play
        wrong = None if solution is None else changed_cells(solution, answer) & in_play
        marks = {"given": question, "changed": changed, "wrong": wrong}
        if confidences is not None and confidences[step - 1] is not None:
            marks["confidence"] = np.where(in_play, confidences[step - 1], 1.0)
        grid(task, np.where(in_play | cells_in_play(task, answer), answer, 0), axes[i + 1], **marks)
        axes[i + 1].set_title(f"after step {step}" if titles is None else titles[i], fontsize=10)
        previous = answer
    return axes


# --- what the network thought ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Thoughts:
    """What `thinking` draws, for K steps. NaN where a number does not exist, None where it does for no step.

    fresh: cells changed since the answer shown before, for each shown step (0 for the first).
    changed: cells since the step before (NaN at step 1). wrong: cells unlike the solution. broken: rules. halting:
    probability. sure, least: confidence of the open cells, their mean and the least.
    """

    shown: list[int]
    fresh: list[int]
    changed: Float[np.ndarray, " K"]
    wrong: Float[np.ndarray, " K"] | None
    broken: Float[np.ndarray, " K"] | None
    halting: Float[np.ndarray, " K"]
    sure: Float[np.ndarray, " K"] | None
    least: Float[np.ndarray, " K"] | None
    first_broken: str = ""

    @property
    def mistakes(self) -> tuple[str, Float[np.ndarray, " K"]] | None:
        """What the second chart counts beside the changes: cells wrong if a solution is known, else rules broken."""
        if self.wrong is not None:
            return "cells wrong", self.wrong
        return None if self.broken is None else ("rules broken", self.broken)


def thoughts_of(
    task: Task,
    question: np.ndarray,
    steps: Sequence[Step],
    solution: np.ndarray | None = None,
    shown: Sequence[int] | None = None,
) -> Thoughts:
    """The numbers of `thinking` and `thinking_text`. Raises what these raise."""
    question = cells_of(task, question)
    solution = None if solution is None else cells_of(task, solution)
    if not steps:
        raise DataError("there is no step to show; give the steps of an attempt, from the first on")
    for place, step in enumerate(steps, start=1):
        if step.number != place:
            raise DataError(f"step {step.number} stands at place {place}; give all steps, from the first on")
    count = len(steps)
    shown = shown_steps(count) if shown is None else list(shown)
    if not shown:
        raise ValueError("shown is empty; choose at least one step")
    if bad := [step for step in shown if not 1 <= step <= count]:
        raise ValueError(f"there is no answer after step {bad[0]}; there are steps 1 to {count}")
    if shown != sorted(set(shown)):
        raise ValueError(f"shown is {shown}; give each step once, in rising order")

    def change(before: int, after: int) -> int:
        """How many cells differ between the answers after two steps."""
        answers = steps[before - 1].answer, steps[after - 1].answer
        return int((changed_cells(*answers) & cells_in_play(task, answers[1], solution)).sum())

    changed, wrong, sure, least = np.full((4, count), np.nan)
    for i, step in enumerate(steps):
        in_play = cells_in_play(task, cells_of(task, step.answer), solution)
        if i:
            changed[i] = change(i, i + 1)
        if solution is not None:
            wrong[i] = (changed_cells(solution, step.answer) & in_play).sum()
        if step.confidence is not None:
            found = cells_of(task, step.confidence)[open_cells(task, question, in_play)]
            sure[i], least[i] = found.mean(), found.min()
    broken, first = None, ""
    if getattr(task, "judged_by", "rules") != "answers":
        lines = [task.violations(question, step.answer) for step in steps]
        broken, first = np.array([len(line) for line in lines], float), next(iter(lines[-1]), "")
    fresh = [0, *(change(before, after) for before, after in zip(shown, shown[1:], strict=False))]
    halting = np.array([step.halt_probability for step in steps], float)
    some = bool(np.isfinite(sure).any())
    wrong = None if solution is None else wrong
    confidence = (sure, least) if some else (None, None)
    return Thoughts(shown, fresh, changed, wrong, broken, halting, *confidence, first)


def thinking(
    task: Task,
    question: np.ndarray,
    steps: Sequence[Step],
    axes: Sequence[Axes] | np.ndarray | None = None,
    *,
    solution: np.ndarray | None = None,
    shown: Sequence[int] | None = None,
) -> np.ndarray:
    """What the network thought, step by step: grids above, two charts below; returns the axes of all of them.

    steps: the Step of every supervision step, from the first on (`Attempt.steps`). shown: the steps whose answers are
    drawn (default 1, 2, 4 and the last). Above: the question, and each answer with what changed since the picture
    before (yellow), what is unlike the `solution` [L], if that is given (crossed), and the cells of which the network
    is less than 95% sure (a short bar). Below, over ALL steps: the halting probability and the confidence of the open
    cells, then the cells that changed and those that are wrong; without a solution, the rules that are broken instead,
    if the task has any. axes: one for the question, one for each answer shown, two for the charts.
    `thinking_text` is the alternative text. Raises DataError for no step or one that is missing; ValueError for a
    shown step that does not exist and for another number of axes; PuzzleError for another number of cells.
    """
    facts = thoughts_of(task, question, steps, solution, shown)
    count = len(facts.shown) + 3
    if axes is None:
        axes = thinking_axes(len(facts.shown) + 1)
    axes = np.asarray(axes, dtype=object).ravel()
    if len(axes) != count:
        raise ValueError(f"the question, {count - 3} answers and two charts need {count} axes, got {len(axes)}")
    answers, confidences = [step.answer for step in steps], [step.confidence for step in steps]
    row = axes[: count - 2]
    answer_row(
        task,
        question,
        answers,
        facts.shown,
        solution=solution,
        titles=titles_of(facts),
        confidences=confidences,
        axes=row,
    )
    for ax in row:
        ax.title.set(fontsize=9, linespacing=1.15)
    left, bottom = row[0].get_position(original=True).min  # a grid may be smaller than its place
    row[0].figure.text(left, bottom - 0.02, marks_of(facts), fontsize=9, va="top", ha="left")
    draw_beliefs(axes[-2], facts)
    draw_counts(axes[-1], facts)
    for ax in axes[-2:]:
        ax.set(xlabel="supervision step (dotted: shown above)", xlim=(0.4, len(steps) + 0.6))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        for step in facts.shown:
            ax.axvline(step, color="#999999", linestyle=":", linewidth=0.8, zorder=1)
        style = {"fontsize": 8.5, "frameon": False, "columnspacing": 1.2, "handlelength": 2.2}
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=3, **style)
    return axes


def thinking_axes(grids: int) -> list[Axes]:
    """A figure for `thinking`: a row of square places for grids, two charts below, sizes in inches."""
    width = max(SIDE * grids, 3.6 * SIDE)
    height, gap = 5.4, 0.12
    figure = Figure(figsize=(width, height))

    def place(left: float, bottom: float, wide: float, high: float) -> Axes:
        return figure.add_axes((left / width, bottom / height, wide / width, high / height))

    row = [place(SIDE * i + gap / 2, 2.7, SIDE - gap, SIDE - gap) for i in range(grids)]
    chart = width / 2 - 0.75
    return [*row, place(0.6, 0.75, chart, 1.35), place(width / 2 + 0.6, 0.75, chart, 1.35)]


def titles_of(facts: Thoughts) -> list[str]:
    """Three lines above each answer: which step, what changed since the picture before, how good and sure it is."""
    titles = []
    for i, step in enumerate(facts.shown):
        news = "the first answer" if step == 1 else ""
        if i:
            news = f"{facts.fresh[i]} changed since step {facts.shown[i - 1]}"
        parts = []
        if facts.mistakes is not None:
            what, numbers = facts.mistakes
            parts.append(f"{numbers[step - 1]:.0f} {what.removeprefix('cells ')}")
        if facts.sure is not None and np.isfinite(facts.sure[step - 1]):
            parts.append(f"{percent(facts.sure[step - 1])} sure")
        titles.append(f"after step {step}, done: {percent(facts.halting[step - 1])}\n{news}\n{', '.join(parts)}")
    return titles


def marks_of(facts: Thoughts) -> str:
    """What the marks in the grids mean: only those that can occur."""
    yellow, cross, bar = MARKS.split("    ")
    kept = [yellow] if len(facts.shown) > 1 else []
    kept += [cross] if facts.wrong is not None else []
    kept += [bar] if facts.sure is not None else []
    return "    ".join(kept)


def draw_beliefs(ax: Axes, facts: Thoughts) -> None:
    """The left chart of `thinking`: what the network says of itself."""
    places = np.arange(1, len(facts.halting) + 1)
    every = max(1, len(places) // 16)  # of 64 markers, one in four
    ax.axhline(0.5, color="#999999", linewidth=0.8, zorder=1)
    style = {"color": ORANGE, "marker": "o", "markersize": 4, "markevery": every, "zorder": 3}
    ax.plot(places, facts.halting, **style, label="done")
    if facts.sure is not None:
        style = {"color": BLUE, "linestyle": "--", "marker": "s", "markersize": 3.5, "markevery": every}
        ax.plot(places, facts.sure, **style, label="sure, mean of open cells")
        style = {"color": BLUE, "linestyle": ":", "marker": "v", "markersize": 3.5, "markevery": every}
        ax.plot(places, facts.least, **style, linewidth=1, label="least sure cell")
    ax.set(ylim=(-0.04, 1.04), yticks=(0, 0.5, 1), ylabel="probability", title="what it says of itself")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.title.set_fontsize(10)
    tidy(ax)


def draw_counts(ax: Axes, facts: Thoughts) -> None:
    """The right chart of `thinking`: cells changed as bars, mistakes as a line."""
    places = np.arange(1, len(facts.halting) + 1)
    bars = {"color": YELLOW, "edgecolor": BLACK, "linewidth": 0.6, "width": 0.7}
    ax.bar(places, np.nan_to_num(facts.changed), **bars, zorder=2, label="cells changed")
    title = "what changes"
    if facts.mistakes is not None:
        name, numbers = facts.mistakes
        style = {"color": VERMILION, "marker": "x", "markersize": 5, "markevery": max(1, len(places) // 16)}
        ax.plot(places, numbers, **style, zorder=3, label=name)
        title = f"what changes, and what is {'wrong' if facts.wrong is not None else 'against the rules'}"
    highest = max(1.0, float(np.nan_to_num(facts.changed).max()), *(() if facts.mistakes is None else numbers))
    ax.set(ylim=(0, 1.08 * highest), ylabel="how many", title=title)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4, min_n_ticks=1))
    ax.title.set_fontsize(10)
    tidy(ax)


def thinking_text(
    task: Task,
    question: np.ndarray,
    steps: Sequence[Step],
    *,
    solution: np.ndarray | None = None,
    shown: Sequence[int] | None = None,
) -> str:
    """The alternative text of `thinking`, from the numbers of the steps. Raises what that raises."""
    facts, count = thoughts_of(task, question, steps, solution, shown), len(steps)
    said = []
    for i, step in enumerate(facts.shown):
        parts = []
        if i:
            parts.append(f"{cells(facts.fresh[i])} changed since step {facts.shown[i - 1]}")
        if facts.mistakes is not None:
            what, numbers = facts.mistakes
            parts.append(counted(numbers[step - 1], what))
        if facts.sure is not None and np.isfinite(facts.sure[step - 1]):
            mean, least = percent(facts.sure[step - 1]), percent(facts.least[step - 1])
            parts.append(f"{mean} sure on average, {least} in the least sure cell")
        parts.append(f"done with probability {percent(facts.halting[step - 1])}")
        said.append(f"after step {step}, {', '.join(parts)}")
    over = f"over all {count} steps" if count > 1 else "for the only step"
    done = np.flatnonzero(facts.halting > 0.5)
    halts = f"first above one half after step {done[0] + 1}" if len(done) else "never above one half"
    confidence = "" if facts.sure is None else f", and confidence, {course(facts.sure)} on average"
    moved = np.flatnonzero(np.nan_to_num(facts.changed)) + 1
    changes = "cells changed: none"
    if count > 1 and len(moved):
        rest = f", none after step {moved[-1]}" if moved[-1] < count else ""
        changes = f"cells changed, {facts.changed[1]:.0f} in step 2, {facts.changed[-1]:.0f} in step {count}{rest}"
    mistakes = ""
    if facts.mistakes is not None:
        what, numbers = facts.mistakes
        trend = f"{numbers[0]:.0f} after step 1"
        if count > 1:
            trend += f", {numbers[-1]:.0f} after step {count}"
        if numbers.min() < numbers[-1]:
            trend += f", fewest {numbers.min():.0f} after step {numbers.argmin() + 1}"
        mistakes = f", and {what}, {trend}"
    return (
        f"Above, a puzzle of {task.name}, {given_of(task, question)}, and the network's answers: {'; '.join(said)}. "
        f"Below, two charts {over}. Left, the probability of being done, {course(facts.halting)}, {halts}{confidence}. "
        f"Right, {changes}{mistakes}. {verdict_of(facts)}"
    )


def cells(number: float) -> str:
    """1 cell, 2 cells."""
    return f"{number:.0f} cell{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """A share in percent. One that is not quite whole does not become 100%."""
    return "over 99%" if 0.995 <= share < 0.9995 else f"{share:.0%}"


def counted(number: float, what: str) -> str:
    """1 cell wrong, 2 cells wrong, 1 rule broken, 2 rules broken."""
    noun, _, rest = what.partition(" ")
    return f"{number:.0f} {noun.removesuffix('s') if number == 1 else noun} {rest}"


def course(values: Float[np.ndarray, " K"]) -> str:
    """A line of shares in words: where it begins and ends."""
    values = values[np.isfinite(values)]
    return percent(values[0]) if len(values) == 1 else f"from {percent(values[0])} to {percent(values[-1])}"


def given_of(task: Task, question: np.ndarray) -> str:
    """How much of the answer the question holds."""
    inside = np.ones(task.seq_len, bool)
    if getattr(task, "judged_by", "rules") == "answers":
        return "whose answer is another grid"
    if not hasattr(task, "look"):
        return f"{cells(task.seq_len)} in all"
    return f"{cells(int(open_cells(task, question, inside).sum()))} of {task.seq_len} open"


def verdict_of(facts: Thoughts) -> str:
    """What is known of the last answer: by the rules, or else by the solution."""
    if facts.broken is not None:
        if not facts.broken[-1]:
            return "The last answer keeps every rule."
        return f"The last answer: {counted(facts.broken[-1], 'rules broken')}, first: {facts.first_broken}."
    if facts.wrong is None:
        return "No rule can judge the last answer, and no solution is given."
    if not facts.wrong[-1]:
        return "The last answer equals the solution."
    return f"The last answer differs from the solution in {cells(facts.wrong[-1])}."


# --- maps -----------------------------------------------------------------------------------------------------------


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


def luminance(colour: Any) -> float:
    """Relative luminance, 0 black to 1 white, as defined for contrast ratios by WCAG 2."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def readable_on(shade: Any) -> str:
    """Black or white: what has more contrast, which is 4.5 to 1 or better on every colour."""
    return BLACK if luminance(shade[:3]) > 0.179 else "#FFFFFF"


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
