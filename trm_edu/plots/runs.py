"""Training runs: curves from their logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from trm_edu.errors import DataError
from trm_edu.logs import RunLog, seconds_at
from trm_edu.plots.style import STYLES, VERMILION, tidy


def learning_curve(rows: Iterable[Mapping[str, Any]], axes: Sequence[Axes] | np.ndarray | None = None) -> np.ndarray:
    """A run's log (`Run.log`, or the part that exists so far) on two axes: loss, and exact accuracy.

    The accuracy after supervision steps 1, 4 and the last one has a line each. The final measurement, on all the
    evaluation puzzles, ends the lines.
    """
    rows = list(rows)
    if axes is None:
        figure = Figure(figsize=(8.4, 2.9), layout="constrained")
        axes = figure.subplots(1, 2)
    left, right = np.asarray(axes, dtype=object).ravel()
    losses = [(row["step"], row["loss"]) for row in rows if row["kind"] == "step"]
    left.plot(*zip(*losses, strict=True) if losses else ([], []), color=VERMILION, linewidth=1)
    left.set(xlabel="optimizer step", ylabel="loss of a cell", title="training loss")
    left.set_ylim(bottom=0)
    scores = [row for row in rows if row["kind"] in ("eval", "end")]
    total = len(scores[0]["exact"]) if scores else 16
    for (colour, line, marker), step in zip(STYLES, sorted({1, min(4, total), total}), strict=False):
        points = [(row["step"], row["exact"][step - 1]) for row in scores]
        style = {"color": colour, "linestyle": line, "marker": marker, "markersize": 4}
        right.plot(*zip(*points, strict=True) if points else ([], []), label=f"after step {step}", **style)
    right.set(xlabel="optimizer step", ylabel="solved exactly", title="unseen puzzles", ylim=(-0.02, 1.02))
    right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    right.legend(loc="upper left", fontsize=8)
    if rows:
        last = max(rows[-1].get("step", 1), 1)  # a run that is being resumed may stand at step 0
        left.set_xlim(0, last)
        right.set_xlim(0, last * 1.02)
    return tidy(left, right)


def learning_curve_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """The alternative text of `learning_curve`, from the numbers of the rows."""
    rows = list(rows)
    losses = [row["loss"] for row in rows if row["kind"] == "step"]
    scores = [row["exact"] for row in rows if row["kind"] in ("eval", "end")]
    loss = f"from {losses[0]:.2f} to {losses[-1]:.2f}" if losses else "no step yet"
    exact = "not measured yet"
    if scores:
        first, last = scores[0], scores[-1]
        exact = f"from {first[-1]:.1%} to {last[-1]:.1%} after {len(last)} supervision steps"
        exact += f", from {first[0]:.1%} to {last[0]:.1%} after one" if len(last) > 1 else ""
    return (
        f"Two charts against the optimizer step. Left, training loss of a cell: {loss}. Right, share of unseen puzzles "
        f"solved exactly: {exact}."
    )


X = Literal["step", "seconds", "puzzles"]
UNITS = ((3600, "hours"), (60, "minutes"), (1, "seconds"))
# Settings that make no other recipe: its seed, and what does not change the training.
NOT_THE_RECIPE = ("seed", "eval_every", "eval_part", "save_every", "device", "compile")
BOLD_FIRST = (2, 1, 3, 0)  # of STYLES: the line that is easiest to follow comes first


def training_curves(
    runs: RunLog | Sequence[RunLog], axes: Sequence[Axes] | np.ndarray | None = None, x: X = "step"
) -> np.ndarray:
    """Runs side by side on two axes: training loss, and exact accuracy on unseen puzzles with its 95% interval.

    Runs that differ in nothing but their seed share a colour: a thin line for each and a bold one for their median,
    which stands where all of them have a row. The bold loss is a running mean over a twentieth of the rows. The band
    is the median of the runs' intervals: what other puzzles could have changed, not what other seeds could. The last
    point is the final measurement, on all the evaluation puzzles. x: optimizer step, seconds of wall time (evaluations
    on the way included) or puzzles shown, one a slot and step. `curves_text` is the alternative text.
    Raises DataError (a ValueError) for runs of different tasks or evaluation puzzles and for a run without a step.
    """
    groups = recipe_groups(runs)
    runs = [run for _, group in groups for run in group]
    figure = None
    if axes is None:
        figure = Figure(figsize=(8.4, 3.2 + 0.2 * len(groups)), layout="constrained")
        figure.get_layout_engine().set(wspace=0.06)
        axes = figure.subplots(1, 2)
    left, right = np.asarray(axes, dtype=object).ravel()
    label, scale = x_axis(runs, x)
    for i, (name, group) in enumerate(groups):
        style = recipe_style(i)
        thin = {"color": style["color"], "linewidth": 0.8, "alpha": 0.45, "zorder": 2}
        bold = {**style, "linewidth": 2, "zorder": 3}
        for run in group:
            places = [x_of(run, row, x) * scale for row in run.losses]
            left.plot(places, [row["loss"] for row in run.losses], **thin)
            if len(group) > 1:
                places = [x_of(run, row, x) * scale for row in run.scores]
                right.plot(places, [row["exact"][-1] for row in run.scores], **thin)
        places, losses = median_line(group, "losses", x, lambda row: (row["loss"],))
        every = max(1, len(places) // 6)  # markers: a few, and not those of two recipes at one place
        some = ((2 * i + 1) * every // 8 % every, every)
        left.plot(places * scale, running_mean(losses[:, 0]), **bold, markersize=5, markevery=some)
        places, scores = median_line(group, "scores", x, lambda row: (row["exact"][-1], *row["interval"]))
        right.fill_between(places * scale, scores[:, 1], scores[:, 2], color=style["color"], alpha=0.18, linewidth=0)
        right.plot(places * scale, scores[:, 0], **bold, markersize=5, label=f"{name}: {final_score(group)}")
    left.set(xlabel=label, ylabel="loss of a cell", title=loss_title(runs))
    left.set_ylim(bottom=0)
    right.set(xlabel=label, ylabel=f"solved {after_steps(runs)}", title=f"unseen puzzles{puzzles_of(runs)}")
    highest = max((row["interval"][1] for run in runs for row in run.scores), default=1.0)
    top = 1.0 if highest > 0.4 else 1.1 * max(highest, 0.01)  # all of 0 to 100% would press low scores flat
    right.set_ylim(-0.02 * top, 1.02 * top)
    right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    for ax in (left, right):
        ax.title.set_fontsize(11)
        ax.set_xlim(0, max(x_of(run, run.rows[-1], x) for run in runs) * scale * 1.02)
        ax.xaxis.set_major_formatter(EngFormatter(sep="") if x == "puzzles" else lambda value, _: f"{value:,g}")
    if figure is None:
        right.legend(loc="best", fontsize=8)
    else:
        style = {"fontsize": 9, "frameon": False, "handlelength": 3}
        figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", **style)
    return tidy(left, right)


def curves_text(runs: RunLog | Sequence[RunLog], x: X = "step") -> str:
    """The alternative text of `training_curves`, from the numbers of the runs. Raises what that raises."""
    groups = recipe_groups(runs)
    runs = [run for _, group in groups for run in group]
    losses, scores = [], []
    for name, group in groups:
        _, line = median_line(group, "losses", x, lambda row: (row["loss"],))
        smooth = running_mean(line[:, 0])
        losses.append(f"{name}, from {smooth[0]:.2f} to {smooth[-1]:.2f}" if len(line) else f"{name}, no common step")
        _, line = median_line(group, "scores", x, lambda row: (row["step"], row["exact"][-1]))
        first = f", {line[0, 1]:.1%} at step {line[0, 0]:,.0f}, last" if len(line) > 1 else ":"
        scores.append(f"{name}{first} {final_score(group)}")
    lines = " A thin line for each run, a bold one for the median of a recipe." if len(runs) > len(groups) else ""
    regimes = sorted({run.start["training"] for run in runs})
    return (
        f"Two charts against {x_axis(runs, x)[0]}.{lines} Left, {loss_title(runs)}: {'; '.join(losses)}. "
        f"Right, share of unseen puzzles{puzzles_of(runs)} solved exactly {after_steps(runs)}, with a band for the 95% "
        f"interval: {'; '.join(scores)}. Trained on {' or '.join(regimes)}; measured on {runs[0].start['held_out']}."
    )


def loss_title(runs: Sequence[RunLog]) -> str:
    """Training loss, and what a reader must know before reading a trend or a difference out of it."""
    functions = sorted({run.recipe["loss"] for run in runs})
    notes = [f"{' and '.join(functions)}: not comparable"] if len(functions) > 1 else []
    if any(run.recipe["reveal"] for run in runs):
        notes.append("puzzles get harder on the way")
    return f"training loss ({'; '.join(notes)})" if notes else "training loss"


def recipe_groups(runs: RunLog | Sequence[RunLog]) -> list[tuple[str, list[RunLog]]]:
    """The runs by recipe, as (what to call it, its runs), in the order given. Raises what `training_curves` raises."""
    runs = [runs] if isinstance(runs, RunLog) else list(runs)
    if not runs:
        raise DataError("there is no run to draw; give at least one")
    for run in runs:
        if not run.losses:
            raise DataError(f"{called(run)} has no step in its log yet; wait until it has begun to train")
        for what, first, other in (
            ("is a run on", runs[0].recipe["task"], run.recipe["task"]),
            ("was measured on", runs[0].start["held_out"], run.start["held_out"]),
        ):
            if first != other:
                raise DataError(
                    f"{called(runs[0])} {what} {first}, {called(run)} on {other}; draw them apart: scores on different "
                    "puzzles cannot share an axis"
                )
    found: list[tuple[dict[str, Any], list[RunLog]]] = []
    for run in runs:
        settings = {name: value for name, value in run.recipe.items() if name not in NOT_THE_RECIPE}
        group = next((group for known, group in found if known == settings), None)
        if group is None:
            found.append((settings, [run]))
        else:
            group.append(run)
    if len(found) > len(STYLES) ** 2:
        raise DataError(f"{len(found)} recipes cannot be told apart in one picture; draw at most {len(STYLES) ** 2}")
    return [(f"{recipe_label(known, [k for k, _ in found])}, {seeds(group)}", group) for known, group in found]


def recipe_label(settings: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    """A recipe's name, with the settings in which others of that name differ, and its training puzzles if those do."""
    same_name = [other for other in others if other["name"] == settings["name"]]
    differ = [name for name in settings if any(other.get(name) != settings[name] for other in same_name)]
    for name in ("train_data", "train_count", "augment"):
        if name not in differ and any(other[name] != settings[name] for other in others):
            differ.append(name)
    shown = ", ".join(f"{name} {settings[name]}" for name in differ)
    return f"{settings['name']} ({shown})" if shown else settings["name"]


def recipe_style(i: int) -> dict[str, Any]:
    """The look of recipe `i` of 16. No two share colour and line, nor line and marker: grey tells them apart.

    Every second one has hollow markers, for lines that run over each other.
    """
    again, k = divmod(i, len(STYLES))
    colour, _, marker = STYLES[BOLD_FIRST[k]]
    line, filling = STYLES[BOLD_FIRST[(k + again) % len(STYLES)]][1], "white" if k % 2 else colour
    return {"color": colour, "linestyle": line, "marker": marker, "markerfacecolor": filling}


def final_score(group: Sequence[RunLog]) -> str:
    """The last score of one run with its interval, or the median of several and their range."""
    done = [run for run in group if run.finished]
    if len(group) > 1 and done:
        values = sorted(run.scores[-1]["exact"][-1] for run in done)
        rest = f", {len(group) - len(done)} not finished" if len(done) < len(group) else ""
        return f"median {np.median(values):.1%} ({values[0]:.1%} to {values[-1]:.1%}{rest})"
    if not any(run.scores for run in group):
        return "not measured yet"
    if len(group) > 1:
        values = sorted(run.scores[-1]["exact"][-1] for run in group if run.scores)
        return f"none finished, so far {values[0]:.1%} to {values[-1]:.1%}"
    row = group[0].scores[-1]
    low, high = row["interval"]
    so_far = "" if done else f" so far, at step {row['step']:,} of {group[0].recipe['steps']:,}"
    return f"{row['exact'][-1]:.1%} [{low:.1%}, {high:.1%}]{so_far}"


def median_line(
    group: Sequence[RunLog], rows: Literal["losses", "scores"], x: X, values: Callable[[dict[str, Any]], tuple]
) -> tuple[np.ndarray, np.ndarray]:
    """Medians over the runs at the K steps that all of them have: places [K] on the x axis, values [K, V]."""
    tables = [{row["step"]: row for row in getattr(run, rows)} for run in group]
    steps = sorted(set.intersection(*(set(table) for table in tables)))
    if not steps:
        return np.zeros(0), np.zeros((0, 3))
    places = [[x_of(run, table[step], x) for run, table in zip(group, tables, strict=True)] for step in steps]
    found = np.array([[values(table[step]) for table in tables] for step in steps], float)
    return np.median(np.array(places, float), axis=1), np.median(found, axis=1)


def running_mean(values: np.ndarray) -> np.ndarray:
    """Mean of each value [K] and its neighbours, a twentieth of all; fewer at the ends.

    At the beginning, where a loss falls steeply, no more of them behind than before: the first value stays itself.
    """
    half = len(values) // 40
    return np.array([values[max(0, i - half) : i + min(i, half) + 1].mean() for i in range(len(values))])


def x_of(run: RunLog, row: Mapping[str, Any], x: X) -> float:
    """Where a row stands: its step, its second, or the puzzles shown until then."""
    if x == "seconds":
        return seconds_at(row) if "seconds" in row else run.seconds
    return row["step"] * (run.recipe["batch_size"] if x == "puzzles" else 1)


def x_axis(runs: Sequence[RunLog], x: X) -> tuple[str, float]:
    """Label of the axis and what to multiply its values by. Raises ValueError for an axis that does not exist."""
    if x == "step":
        return "optimizer step", 1.0
    if x == "puzzles":
        return "puzzles shown (steps × batch size)", 1.0
    if x != "seconds":
        raise ValueError(f"x is {x!r}; choose step, seconds or puzzles")
    longest = max(run.seconds for run in runs)
    size, unit = next((size, unit) for size, unit in UNITS if longest >= 3 * size or size == 1)
    devices = {run.start.get("device") for run in runs}
    apart = f", {len(devices)} different devices: not comparable" if len(devices) > 1 else ""
    return f"{unit} of wall time{apart}", 1 / size


def after_steps(runs: Sequence[RunLog]) -> str:
    """After how many supervision steps the scores were taken."""
    counts = sorted({len(row["exact"]) for run in runs for row in run.scores})
    return f"after {' or '.join(map(str, counts))} supervision steps" if counts else "not measured yet"


def puzzles_of(runs: Sequence[RunLog]) -> str:
    """How many puzzles the scores rest on, in brackets: fewer on the way than at the end."""
    rows = [row for run in runs for row in run.scores]
    found = [sorted({row["count"] for row in rows if row["kind"] == kind}) for kind in ("eval", "end")]
    counts = [" or ".join(f"{count:,}" for count in some) for some in found if some]
    return f" ({', at the end '.join(counts)})" if counts else ""


def seeds(group: Sequence[RunLog]) -> str:
    """How many seeds; a seed that ran twice counts once, and that is said."""
    count = len({run.seed for run in group})
    word = f"{count} seed{'s' if count > 1 else ''}"
    return word if count == len(group) else f"{len(group)} runs of {word}"


def called(run: RunLog) -> str:
    """The run in an error: where it lies, or what it is called."""
    return str(run.path) if run.path else f"{run.name} (seed {run.seed})"
