"""Puzzles and answers on their grids, step by step: what changed, what is wrong, and how sure the network is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trm_edu.errors import DataError
from trm_edu.plots.style import BLACK, BLUE, ORANGE, VERMILION, YELLOW, tidy
from trm_edu.solve import Step
from trm_edu.tasks import Arc, Task
from trm_edu.tasks.arc import crop_sizes
from trm_edu.tasks.base import cells_of, given_cells

SIDE = 2.3  # of one grid in a row, in inches
MARKS = "yellow: changed since the picture before    cross: wrong    short bar: less than 95% sure, longer is surer"


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
