"""Scores: how many puzzles are solved, after how many steps, with which settings, and whether the network knows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trm_edu.plots.style import BLUE, ORANGE, VERMILION, tidy


def accuracy_by_step(
    exact: Sequence[float], ax: Axes | None = None, *, halting: Sequence[float] | None = None, label: str = "exact"
) -> Axes:
    """Share of puzzles solved exactly after each supervision step (`Evaluation.exact`).

    halting: the network's own mean estimate of that share (`Evaluation.halting`), drawn beside it.
    """
    if ax is None:
        ax = Figure(figsize=(5.2, 2.9), layout="constrained").subplots()
    steps = np.arange(1, len(exact) + 1)
    ax.plot(steps, exact, color=BLUE, marker="D", markersize=4, label=label)
    if halting is not None:
        ax.plot(steps, halting, color=ORANGE, linestyle="--", marker="o", markersize=4, label="the network's estimate")
        ax.legend(loc="best", fontsize=8)
    ax.set(
        xlabel="supervision step", ylabel="solved exactly", ylim=(-0.02, 1.02), xticks=steps[:: -(-len(steps) // 16)]
    )
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return tidy(ax)[0]


def solved_by_guesses(guesses: np.ndarray, solved: np.ndarray, ax: Axes | None = None) -> Axes:
    """How many puzzles [N] a network solved (bool [N]), grouped by how often a plain solver must guess."""
    if ax is None:
        ax = Figure(figsize=(5.2, 2.9), layout="constrained").subplots()
    guesses, solved = np.asarray(guesses), np.asarray(solved, bool)
    names = ("none", "1 to 2", "3 to 9", "10 or more")
    group = np.digitize(guesses, (1, 3, 10))
    counts = [[int((chosen & (group == i)).sum()) for i in range(len(names))] for chosen in (solved, ~solved)]
    ax.bar(names, counts[0], color=BLUE, width=0.6, label="solved")
    style = {"color": "white", "edgecolor": VERMILION, "hatch": "///"}
    bars = ax.bar(names, counts[1], bottom=counts[0], width=0.6, label="not solved", **style)
    ax.bar_label(bars, [f"{good} of {good + bad}" for good, bad in zip(*counts, strict=True)], padding=2)
    ax.set(xlabel="guesses of a plain solver", ylabel="puzzles")
    ax.margins(y=0.15)
    ax.legend(loc="upper right", fontsize=8)
    return tidy(ax)[0]
