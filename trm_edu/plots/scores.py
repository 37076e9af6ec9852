"""Scores: how many puzzles are solved, after how many steps, with which settings, and whether the network knows it.

Two kinds of interval stand here, both of 95%. Wilson's says what other puzzles could have changed; it belongs to a
share of puzzles. Student's says what other seeds could have changed; it belongs to a mean over seeds. A picture says
which one it shows. `<name>_text` beside a picture makes its alternative text from the same numbers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from trm_edu.errors import DataError
from trm_edu.evaluate import wilson_interval
from trm_edu.plots.style import BLACK, BLUE, ORANGE, VERMILION, tidy

Values = Sequence[float] | np.ndarray
Interval = tuple[float, float]
GREY, SMALL = "#595959", 8  # for what is said beside the point; font size in points
WHAT = "puzzles solved exactly"


# --- what is drawn and said -----------------------------------------------------------------------------------------


def checked_shares(values: Any, what: str, steps: int | None = None) -> np.ndarray:
    """Shares as float64 [K]. Raises DataError if there is none or not one a step, and for what lies outside 0..1."""
    try:
        found = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{what}: {values!r} is no list of numbers; give shares between 0 and 1") from None
    if found.ndim != 1 or not found.size:
        raise DataError(f"{what} has shape {list(found.shape)}; give one dimension with at least one share")
    if steps is not None and len(found) != steps:
        raise DataError(f"{what} has {len(found)} values; there must be {steps}, one for each supervision step")
    if bad := np.flatnonzero(~((found >= 0) & (found <= 1))).tolist():  # this way round it finds NaN too
        raise DataError(
            f"{what}: value {bad[0] + 1} is {found[bad[0]]:g}; a share lies between 0 and 1 (81.2% is 0.812)"
        )
    return found


@lru_cache
def t_quantile(freedom: float) -> float:
    """How many standard errors a two-sided 95% interval reaches, with `freedom` >= 1 degrees of freedom (Student 1908).

    With t = sqrt(freedom) * tan(angle) the density becomes cos(angle) ** (freedom - 1), on a finite range: a sum over a
    fine grid is right to five digits.
    """
    angle = np.linspace(0, np.pi / 2, 100_001)
    density = np.clip(np.cos(angle), 0, 1) ** (freedom - 1)
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(np.sqrt(freedom) * np.tan(np.interp(0.95 * mass[-1], mass, angle)))


def mean_interval(values: Values) -> Interval | None:
    """95% interval of a mean over seeds (Student's t), cut at 0 and 1; None where the seeds tell no spread.

    That is with one seed, and with seeds that are all alike: the formula would call them certain.
    """
    found = np.asarray(values, np.float64)
    if len(found) < 2 or np.ptp(found) == 0:
        return None
    half = t_quantile(len(found) - 1.0) * float(found.std(ddof=1)) / len(found) ** 0.5
    return max(0.0, float(found.mean()) - half), min(1.0, float(found.mean()) + half)


def difference_interval(before: Values, after: Values) -> Interval | None:
    """95% interval of mean(after) - mean(before), of unequal spread (Welch 1947); None as `mean_interval`."""
    groups = [np.asarray(values, np.float64) for values in (before, after)]
    if min(map(len, groups)) < 2 or all(np.ptp(group) == 0 for group in groups):
        return None
    parts = [float(group.var(ddof=1)) / len(group) for group in groups]
    freedom = sum(parts) ** 2 / sum(part**2 / (len(group) - 1) for part, group in zip(parts, groups, strict=True))
    middle, half = float(groups[1].mean() - groups[0].mean()), t_quantile(freedom) * sum(parts) ** 0.5
    return middle - half, middle + half


def seeds_said(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"


def puzzles_said(count: int) -> str:
    return f"{count:,} puzzle{'s' if count != 1 else ''}"


def inside(interval: Interval) -> str:
    """An interval in percent, to stand behind a value with its sign: [78.0, 84.4]."""
    return f"[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def points_said(difference: float) -> str:
    """A difference of shares in points, with a sign that is read out: a hyphen is not."""
    return f"{round(100 * difference, 1) + 0.0:+.1f}".replace("-", "−")


def mean_said(values: np.ndarray) -> str:
    """Mean over seeds, its 95% interval and how many seeds; or why there is no interval."""
    interval, mean = mean_interval(values), f"{values.mean():.1%}"
    if interval is not None:
        return f"{mean} {inside(interval)}, {seeds_said(len(values))}"
    return f"{mean}, 1 seed: no spread known" if len(values) == 1 else f"{mean}, {len(values)} seeds alike: no interval"


def percent(share: float, _: int | None = None) -> str:
    """The name of a tick. Ticks may stand at 82.5%, which no tick may call 82%; above 100% there is nothing to name."""
    if not -1e-9 <= share <= 1 + 1e-9:
        return ""
    return f"{round(100 * share, 1) + 0.0:g}%"


def room_for(low: float, high: float) -> tuple[float, float]:
    """Limits of an axis of shares: a little more than the values take, at least ten points, and never far from 0..1."""
    missing = max(0.0, 0.1 - (high - low)) / 2
    low, high = low - missing, high + missing
    spare = 0.08 * (high - low)
    return max(-0.02, low - spare), min(1.02, high + spare)


# --- accuracy against supervision steps -----------------------------------------------------------------------------


class StepScores(NamedTuple):
    """What `accuracy_by_step` draws: the bold line [K], the thin ones, the estimate [K], ends of the interval."""

    exact: np.ndarray
    runs: list[np.ndarray]
    halting: np.ndarray | None
    low: np.ndarray | None  # [K], or [1]: of the last step alone
    high: np.ndarray | None
    label: str


def step_scores(exact: Any, halting: Any, label: str | None, interval: Any, runs: Any) -> StepScores:
    """The input of `accuracy_by_step`, checked. Raises DataError."""
    lines = [] if runs is None else [checked_shares(run, f"run {i}") for i, run in enumerate(runs, start=1)]
    if runs is not None and not lines:
        raise DataError("runs is empty; give the shares of at least one run, or leave it out")
    if exact is None and not lines:
        raise DataError("there is nothing to draw; give exact, runs or both")
    bold = checked_shares(exact, "exact") if exact is not None else None
    steps = len(lines[0]) if bold is None else len(bold)
    for i, line in enumerate(lines, start=1):
        checked_shares(line, f"run {i}", steps)
    if bold is None:
        bold, label = np.median(lines, axis=0), label or f"median of {seeds_said(len(lines))}"
    if halting is not None:
        halting = checked_shares(halting, "halting", steps)
    low = high = None
    if interval is not None:
        if len(interval) != 2:
            raise DataError(f"interval has {len(interval)} parts; give the pair (low, high)")
        count = 1 if all(np.ndim(end) == 0 for end in interval) else steps
        low, high = (
            checked_shares(np.atleast_1d(end), f"the {name} end of the interval", count)
            for name, end in zip(("low", "high"), interval, strict=True)
        )
        middle = bold[-count:]
        outside = np.flatnonzero((low > middle + 1e-9) | (high < middle - 1e-9)).tolist()
        if outside:
            k = outside[0]
            raise DataError(
                f"the interval {low[k]:.1%} to {high[k]:.1%} does not hold its value, {middle[k]:.1%} after step "
                f"{steps - count + k + 1}; give the pair (low, high) of the same scores"
            )
    return StepScores(bold, lines, halting, low, high, label or "exact")


def accuracy_by_step(
    exact: Values | None = None,
    ax: Axes | None = None,
    *,
    halting: Values | None = None,
    label: str | None = None,
    interval: Sequence[Any] | np.ndarray | None = None,
    runs: Sequence[Values] | np.ndarray | None = None,
) -> Axes:
    """Share of puzzles solved exactly after each of K supervision steps (`Evaluation.exact`, [K]): one bold line.

    halting: the network's own mean estimate of that share (`Evaluation.halting`, [K]), drawn beside it.
    runs: one series [K] a seed, thin lines; without `exact` the bold line is their median at each step.
    interval: (low, high), the 95% interval of the bold line. Two series [K] become a band; two numbers
    (`Evaluation.interval`) a bar at the last step. label: what the legend calls the bold line.
    `accuracy_by_step_text` is the alternative text. Raises DataError for series of different length, shares outside
    0..1, an interval that does not hold its value, and no series at all.
    """
    scores = step_scores(exact, halting, label, interval, runs)
    if ax is None:
        ax = Figure(figsize=(5.2, 2.9), layout="constrained").subplots()
    steps = np.arange(1, len(scores.exact) + 1)
    for i, run in enumerate(scores.runs):
        ax.plot(steps, run, color=BLUE, linewidth=0.8, alpha=0.5, zorder=2, label="_" if i else "a seed")
    style: dict[str, Any] = {"color": BLUE, "marker": "D", "markersize": 4, "linewidth": 2, "zorder": 3}
    ax.plot(steps, scores.exact, label=scores.label, **style)
    if scores.low is not None and len(scores.low) == len(steps) > 1:
        ax.fill_between(steps, scores.low, scores.high, color=BLUE, alpha=0.18, linewidth=0, label="95% interval")
    elif scores.low is not None:
        ends = [scores.exact[-1:] - scores.low, scores.high - scores.exact[-1:]]
        bar = {"fmt": "none", "ecolor": BLUE, "elinewidth": 1.5, "capsize": 4}
        ax.errorbar(steps[-1:], scores.exact[-1:], np.clip(ends, 0, None), label="95% interval", **bar)
    if scores.halting is not None:
        style = {"color": ORANGE, "linestyle": "--", "marker": "o", "markersize": 4, "markerfacecolor": "white"}
        ax.plot(steps, scores.halting, label="the network's estimate", zorder=3, **style)
    if scores.halting is not None or scores.runs or scores.low is not None:
        ax.legend(loc="best", fontsize=SMALL)
    ax.set(xlabel="supervision step", ylabel=WHAT, ylim=(-0.02, 1.02), xticks=steps[:: -(-len(steps) // 16)])
    ax.yaxis.set_major_formatter(percent)
    return tidy(ax)[0]


def accuracy_by_step_text(
    exact: Values | None = None,
    *,
    halting: Values | None = None,
    label: str | None = None,
    interval: Sequence[Any] | np.ndarray | None = None,
    runs: Sequence[Values] | np.ndarray | None = None,
) -> str:
    """The alternative text of `accuracy_by_step`, from its numbers. Raises what that raises."""
    scores = step_scores(exact, halting, label, interval, runs)
    last, best = len(scores.exact), int(scores.exact.argmax()) + 1
    shown = [f"{scores.exact[k - 1]:.1%} after step {k}" for k in sorted({1, min(4, last), last})]
    name = "" if scores.label == "exact" else f" ({scores.label})"
    text = f"Line chart. Share of {WHAT} against the supervision step{name}: {', '.join(shown)}"
    if best not in (1, min(4, last), last):
        text += f"; the most, {scores.exact[best - 1]:.1%}, after step {best}"
    if scores.low is not None and scores.high is not None:
        what = "A band shows" if len(scores.low) > 1 else "A bar at the last step shows"
        text += f". {what} the 95% interval, after step {last} {inside((scores.low[-1], scores.high[-1]))}"
    if scores.runs:
        ends = sorted(run[-1] for run in scores.runs)
        text += f". A thin line for each of {seeds_said(len(ends))}, after step {last} {ends[0]:.1%} to {ends[-1]:.1%}"
    if scores.halting is not None:
        text += f". Dashed: the network's own estimate, from {scores.halting[0]:.1%} to {scores.halting[-1]:.1%}"
    return f"{text}."


# --- what a plain solver finds hard ---------------------------------------------------------------------------------

GUESSES = ("none", "1 to 2", "3 to 9", "10 or more")


def counts_by_guesses(guesses: np.ndarray, solved: np.ndarray) -> list[tuple[int, int]]:
    """For each group of `GUESSES`: how many puzzles are solved, and how many not. Raises DataError."""
    guesses, solved = np.asarray(guesses), np.asarray(solved)
    if guesses.ndim != 1 or guesses.shape != solved.shape or not guesses.size:
        shapes = f"guesses has shape {list(guesses.shape)}, solved {list(solved.shape)}"
        raise DataError(f"{shapes}; give one number and one truth value a puzzle, and at least one puzzle")
    if not (guesses >= 0).all():
        raise DataError(f"guesses holds {guesses[~(guesses >= 0)][0]:g}; a solver makes 0 guesses or more")
    group, solved = np.digitize(guesses, (1, 3, 10)), solved.astype(bool)
    return [(int((solved & (group == i)).sum()), int((~solved & (group == i)).sum())) for i in range(len(GUESSES))]


def solved_by_guesses(guesses: np.ndarray, solved: np.ndarray, ax: Axes | None = None) -> Axes:
    """How many puzzles [N] a network solved (bool [N]), grouped by how often a plain solver must guess.

    `solved_by_guesses_text` is the alternative text. Raises DataError for shapes that differ, no puzzle, and a number
    of guesses below 0.
    """
    counts = counts_by_guesses(guesses, solved)
    if ax is None:
        ax = Figure(figsize=(5.2, 2.9), layout="constrained").subplots()
    good, bad = zip(*counts, strict=True)
    ax.bar(GUESSES, good, color=BLUE, width=0.6, label="solved")
    style = {"color": "white", "edgecolor": VERMILION, "hatch": "///"}
    bars = ax.bar(GUESSES, bad, bottom=good, width=0.6, label="not solved", **style)
    ax.bar_label(bars, [f"{solved} of {solved + missed}" for solved, missed in counts], padding=2)
    ax.set(xlabel="guesses of a plain solver", ylabel="puzzles")
    ax.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    ax.margins(y=0.15)
    # Above the axes: inside, it would cover a bar and its number.
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderpad=0.2, frameon=False, fontsize=SMALL)
    return tidy(ax)[0]


def solved_by_guesses_text(guesses: np.ndarray, solved: np.ndarray) -> str:
    """The alternative text of `solved_by_guesses`, from its numbers. Raises what that raises."""
    counts = counts_by_guesses(guesses, solved)
    good, total = sum(good for good, _ in counts), sum(map(sum, counts))
    groups = [f"{name}: {good} of {good + bad}" for name, (good, bad) in zip(GUESSES, counts, strict=True)]
    return (
        f"Stacked bars. The network solved {good:,} of {total:,} puzzles. "
        f"By how often a plain solver must guess: {'; '.join(groups)}."
    )


# --- does the network know when it is right? ------------------------------------------------------------------------


class Bin(NamedTuple):
    """Puzzles whose stated probability lies in one piece of 0..1."""

    low: float
    high: float
    count: int
    stated: float  # mean probability
    right: float  # share that is right
    interval: Interval  # of that share (Wilson)


def calibration_bins(probability: Any, right: Any, bins: int) -> list[Bin]:
    """The bins that hold a puzzle, from 0 to 1. A probability on an edge belongs to the bin above. Raises DataError."""
    stated, truth = checked_shares(probability, "probability"), np.asarray(right)
    if truth.dtype != bool or truth.shape != stated.shape:
        raise DataError(
            f"right is {truth.dtype} with shape {list(truth.shape)}; give bool with shape {list(stated.shape)}, one "
            "for each probability"
        )
    if not 1 <= bins <= 30:
        raise DataError(f"bins is {bins}; give 1 to 30, or their numbers cannot be read")
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], stated, side="right")
    found = []
    for i in np.unique(place).tolist():
        members = place == i
        hits, count = int(truth[members].sum()), int(members.sum())
        interval = wilson_interval(hits, count)
        found.append(Bin(edges[i], edges[i + 1], count, float(stated[members].mean()), hits / count, interval))
    return found


def calibration_error(found: Sequence[Bin]) -> float:
    """Expected calibration error (Guo et al., arXiv 1706.04599): mean distance of share right and mean probability.

    Each bin weighs as many as the puzzles it holds.
    """
    return sum(b.count * abs(b.right - b.stated) for b in found) / sum(b.count for b in found)


def halting_calibration(
    probability: Float[np.ndarray, " N"], right: Bool[np.ndarray, " N"], ax: Axes | None = None, *, bins: int = 10
) -> Axes:
    """Reliability diagram of the halting score: of the puzzles that the network calls p% sure, how many are right?

    probability: the network's own probability that its whole answer is right (sigmoid of halt_logit). right: whether it
    was. One marker a bin of equal width: mean stated probability across, share right with its 95% interval (Wilson) up.
    Below stands how many puzzles a bin holds; one that holds none is not drawn. On the dashed line a network says what
    is so; below it, it is surer than it should be. `halting_calibration_text` is the alternative text.
    Raises DataError for shapes that differ, another type than bool, values outside 0..1, and no puzzle.
    """
    found = calibration_bins(probability, right, bins)
    if ax is None:
        ax = Figure(figsize=(5.2, 4.2), layout="constrained").subplots()
    total = sum(b.count for b in found)
    room = ax.get_window_extent().width / ax.figure.dpi * 72 / (1.06 * bins)  # points across a bin
    upright = max(len(f"{b.count:,}") for b in found) * 0.64 * SMALL > room
    numbers, depth = (0.19, 0.36) if upright else (0.1, 0.27)
    tallest = max(b.count for b in found)
    for b in found:
        height = (depth - numbers) * b.count / tallest
        style = {"facecolor": "#9A9A9A", "edgecolor": BLACK, "linewidth": 0.6}
        ax.add_patch(Rectangle((b.low + 0.1 / bins, -depth), 0.8 / bins, height, **style))
        place = {"ha": "center", "va": "center", "rotation": 90 if upright else 0}
        ax.text((b.low + b.high) / 2, -numbers / 2 - 0.01, f"{b.count:,}", fontsize=SMALL, **place)
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.plot([0, 1], [0, 1], color=BLACK, linestyle="--", linewidth=1.2, label="says what is so")
    stated, share = [b.stated for b in found], np.array([b.right for b in found])
    ends = np.clip(np.array([[b.right - b.interval[0], b.interval[1] - b.right] for b in found]).T, 0, None)
    bar = {"color": BLUE, "marker": "D", "markersize": 6, "linestyle": "none", "elinewidth": 1.5, "capsize": 4}
    ax.errorbar(stated, share, ends, label="share right, 95% interval", zorder=3, **bar)
    ax.set(xlim=(-0.03, 1.03), ylim=(-depth - 0.02, 1.03), xticks=np.linspace(0, 1, 6))
    ax.set_yticks([-numbers / 2 - 0.01, *np.linspace(0, 1, 6)], ["puzzles", *(f"{k / 5:.0%}" for k in range(6))])
    ax.set_xlabel("stated probability of being right")
    ax.set_ylabel("answers that are right")
    ax.set_title(
        f"{puzzles_said(total)}; expected calibration error {100 * calibration_error(found):.1f} points", fontsize=10
    )
    ax.xaxis.set_major_formatter(percent)
    ax.legend(loc="best", fontsize=SMALL)
    return tidy(ax)[0]


def halting_calibration_text(
    probability: Float[np.ndarray, " N"], right: Bool[np.ndarray, " N"], *, bins: int = 10
) -> str:
    """The alternative text of `halting_calibration`, from its numbers. Raises what that raises."""
    found = calibration_bins(probability, right, bins)
    total = sum(b.count for b in found)
    stated = sum(b.count * b.stated for b in found) / total
    share = sum(b.count * b.right for b in found) / total
    rows = [
        f"{b.low:.0%} to {b.high:.0%}: {puzzles_said(b.count)}, stated {b.stated:.1%}, right {b.right:.1%} "
        f"{inside(b.interval)}"
        for b in found
    ]
    return (
        f"Reliability diagram of {puzzles_said(total)} in {bins} bins of stated probability, {len(found)} of them not "
        f"empty, with a dashed diagonal on which the network says what is so. {'; '.join(rows)}. On average it states "
        f"{stated:.1%}, and {share:.1%} are right; expected calibration error "
        f"{100 * calibration_error(found):.1f} points."
    )


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


def text_colour(colour: Sequence[float]) -> str:
    """Black or white, whichever stands out more from a colour (red, green, blue in 0..1)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]  # WCAG 2, relative luminance
    return BLACK if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#FFFFFF"


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
                style: dict[str, Any] = {"color": text_colour(colours(image.norm(means[i, j])))}
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
