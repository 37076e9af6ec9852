"""Scores: how many puzzles are solved, after how many steps, and whether the network knows it.

The intervals are Wilson's (`trm_edu.intervals`): what other puzzles could have changed. `<name>_text` beside a picture
makes its alternative text from the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from trm_edu.errors import DataError
from trm_edu.intervals import Interval, Values, mean_interval, wilson_interval
from trm_edu.plots.style import BLACK, BLUE, ORANGE, VERMILION, tidy

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
