"""Curves of training runs: which runs may share an axis, and what is written on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from stand_ins import log_rows

from trm_edu import plots
from trm_edu.errors import DataError
from trm_edu.logs import RunLog
from trm_edu.plots.runs import recipe_style, running_mean
from trm_edu.plots.style import STYLES
from trm_edu.recipes import Recipe


def test_learning_curve_draws_the_rows_of_a_log() -> None:
    loss, score = plots.learning_curve(log_rows())
    assert loss.lines[0].get_xydata().tolist() == [[20, 1.5], [40, 0.5]]
    assert [line.get_label() for line in score.lines] == ["after step 1", "after step 4", "after step 16"]
    assert score.lines[2].get_xydata()[-1].tolist() == [40, pytest.approx(0.9)]
    assert len({(line.get_linestyle(), line.get_marker()) for line in score.lines}) == 3, "grey must tell them apart"


@pytest.mark.parametrize("rows", [[], [{"kind": "start"}], log_rows(1), log_rows(4)])
def test_learning_curve_of_a_run_that_has_hardly_begun_or_has_few_steps(rows: list[dict[str, Any]]) -> None:
    plots.figure_of(plots.learning_curve(rows)).canvas.draw()


def test_the_text_of_a_learning_curve_has_its_numbers() -> None:
    assert plots.learning_curve_text(log_rows()) == (
        "Two charts against the optimizer step. Left, training loss of a cell: from 1.50 to 0.50. Right, share of "
        "unseen puzzles solved exactly: from 90.0% to 90.0% after 16 supervision steps, from 10.0% to 10.0% after one."
    )
    assert plots.learning_curve_text([]).endswith(
        "a cell: no step yet. Right, share of unseen puzzles solved exactly: not measured yet."
    )
    assert "after one" not in plots.learning_curve_text(log_rows(1))


@pytest.mark.filterwarnings("error")
def test_a_run_at_step_zero_is_drawn() -> None:
    assert plots.learning_curve([{"kind": "resume", "step": 0}])[0].get_xlim() == (0, 1)


def run_of(
    seed: int = 0, *, losses: tuple[float, ...] = (1.5, 0.5), scores: tuple[float, ...] = (0.25, 0.75), **recipe: Any
) -> RunLog:
    """Rows at steps 20, 40, ...; a second a step; each is evaluated on 100 puzzles, the last on 1,000."""
    settings = Recipe(name="try", task="sudoku4", batch_size=8, steps=20 * len(losses)).as_dict()
    settings |= {"seed": seed, **recipe}
    rows: list[dict[str, Any]] = [
        {"kind": "start", "step": 0, "recipe": settings, "training": "some", "held_out": "others", "device": "this"}
    ]
    for i, loss in enumerate(losses):
        time_and_place = {"step": 20 * (i + 1), "seconds": 20.0 * (i + 1) + seed}
        rows.append({"kind": "step", **time_and_place, "loss": loss})
        if i < len(scores):
            end = i == len(losses) - 1
            score = {"exact": [0.0, scores[i]], "interval": [scores[i] - 0.125, scores[i] + 0.125]}
            rows.append({"kind": "end" if end else "eval", **time_and_place, **score, "count": 1000 if end else 100})
    return RunLog.of(rows)


def changed(run: RunLog, **start: Any) -> RunLog:
    return RunLog.of([run.rows[0] | start, *run.rows[1:]])


def legend(axes: np.ndarray) -> list[str]:
    (legend,) = plots.figure_of(axes).legends
    return [text.get_text() for text in legend.get_texts()]


def test_training_curves_of_one_run() -> None:
    loss, score = axes = plots.training_curves(run_of())
    assert [line.get_xydata().tolist() for line in loss.lines] == [[[20, 1.5], [40, 0.5]]] * 2
    assert [line.get_xydata().tolist() for line in score.lines] == [[[20, 0.25], [40, 0.75]]]
    (band,) = score.collections
    assert {tuple(point) for point in band.get_paths()[0].vertices} == {
        (20, 0.125), (20, 0.375), (40, 0.625), (40, 0.875),
    }  # fmt: skip
    assert legend(axes) == ["try, 1 seed: 75.0% [62.5%, 87.5%]"]
    assert score.get_title() == "unseen puzzles (100, at the end 1,000)"
    assert score.get_ylabel() == "solved after 2 supervision steps" and loss.get_title() == "training loss"


def test_seeds_of_a_recipe_share_a_colour_and_have_a_bold_median() -> None:
    ends = ((1.0, 0.5), (2.0, 0.6), (5.0, 0.9))
    runs = [run_of(seed, losses=(2.0, loss), scores=(0.25, score)) for seed, (loss, score) in enumerate(ends)]
    loss, score = axes = plots.training_curves(runs)
    *thin, bold = score.lines
    assert [line.get_ydata().tolist() for line in thin] == [[0.25, 0.5], [0.25, 0.6], [0.25, 0.9]]
    assert bold.get_ydata().tolist() == [0.25, 0.6] and loss.lines[-1].get_ydata().tolist() == [2.0, 2.0]
    assert {line.get_color() for line in score.lines} == {bold.get_color()}
    assert bold.get_linewidth() >= 2 * max(line.get_linewidth() for line in thin)
    assert legend(axes) == ["try, 3 seeds: median 60.0% (50.0% to 90.0%)"]


def test_the_median_stands_where_all_seeds_have_a_row() -> None:
    short = RunLog.of(run_of(1, losses=(2.0, 1.0, 1.0), scores=(0.5,)).rows[:4])
    loss, score = axes = plots.training_curves([run_of(0, losses=(2.0, 1.0, 1.0), scores=(0.3, 0.4, 0.6)), short])
    assert loss.lines[-1].get_xdata().tolist() == [20, 40]
    assert score.lines[-1].get_xydata().tolist() == [[20, pytest.approx(0.4)]]
    assert legend(axes) == ["try, 2 seeds: median 60.0% (60.0% to 60.0%, 1 not finished)"]


def test_a_seed_that_ran_twice_counts_once() -> None:
    assert legend(plots.training_curves([run_of(0), run_of(0), run_of(1)]))[0].startswith("try, 3 runs of 2 seeds: ")


def test_recipes_are_told_apart_in_colour_in_grey_and_in_words() -> None:
    runs = [
        run_of(0, lr=1e-3),
        run_of(0, lr=1e-2),
        run_of(0, name="other", train_count=7),
        run_of(1, lr=1e-3, device="cpu"),
    ]
    _, score = axes = plots.training_curves(runs)
    assert [entry.split(":")[0] for entry in legend(axes)] == [
        "try (lr 0.001, train_count 3000), 2 seeds", "try (lr 0.01, train_count 3000), 1 seed",
        "other (train_count 7), 1 seed",
    ]  # fmt: skip
    bold = [line for line in score.lines if not line.get_label().startswith("_")]
    assert len(bold) == 3 and len({line.get_color() for line in bold}) == 3
    assert len({(line.get_linestyle(), line.get_marker()) for line in bold}) == 3


def test_sixteen_looks_differ_in_grey() -> None:
    looks = [recipe_style(i) for i in range(16)]
    assert len({(look["linestyle"], look["marker"]) for look in looks}) == 16
    assert len({(look["color"], look["linestyle"]) for look in looks}) == 16
    assert {(look["color"], look["marker"]) for look in looks} == {(colour, marker) for colour, _, marker in STYLES}
    with pytest.raises(DataError, match="17 recipes cannot be told apart in one picture; draw at most 16"):
        plots.training_curves([run_of(name=str(i)) for i in range(17)])


@pytest.mark.parametrize(
    ("x", "places", "label"),
    [
        ("step", [20, 40], "optimizer step"),
        ("seconds", [23, 43], "seconds of wall time"),
        ("puzzles", [160, 320], "puzzles shown (steps × batch size)"),
    ],
)
def test_the_axis_can_be_chosen(x: Any, places: list[int], label: str) -> None:
    for ax in plots.training_curves(run_of(3), x=x):
        assert [line.get_xdata().tolist() for line in ax.lines] == [places] * len(ax.lines)
        assert ax.get_xlabel() == label and ax.get_xlim()[1] >= places[-1]


@pytest.mark.parametrize(
    ("seconds", "unit", "place"),
    [(179, "seconds", 179), (180, "minutes", 3), (10799, "minutes", 179.98), (10800, "hours", 3)],
)
def test_long_runs_have_longer_units(seconds: float, unit: str, place: float) -> None:
    run = run_of(scores=())
    run.rows[-1]["seconds"] = seconds
    loss, _ = plots.training_curves(run, x="seconds")
    assert loss.get_xlabel() == f"{unit} of wall time"
    assert loss.lines[0].get_xdata()[-1] == pytest.approx(place, abs=0.01)


def test_the_time_of_a_resumed_run_goes_on() -> None:
    first, second = run_of(losses=(1.5, 1.0)).rows, run_of(losses=(1.5, 1.0, 0.5), scores=()).rows
    again = second[3] | {"seconds": 20.0}  # the clock began anew
    resume = {"kind": "resume", "step": 40, "recipe": first[0]["recipe"]}
    run = RunLog.of([*first, resume, again])
    loss, score = plots.training_curves(run, x="seconds")
    assert loss.lines[0].get_xdata().tolist() == [20, 40, 60]
    assert score.lines[0].get_xdata().tolist() == [20], "the end of the first part is not the end"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (run_of(1, task="sudoku6"), r"try \(seed 0\) is a run on sudoku4, try \(seed 1\) on sudoku6; draw them apart"),
        (changed(run_of(1), held_out="foreign"), r"try \(seed 0\) was measured on others, try \(seed 1\) on foreign"),
        (RunLog.of(run_of(1).rows[:1]), r"try \(seed 1\) has no step in its log yet"),
    ],
)
def test_what_cannot_share_an_axis_is_refused(other: RunLog, said: str) -> None:
    for draw in (plots.training_curves, plots.curves_text):
        with pytest.raises(ValueError, match=said):
            draw([run_of(), other])


def test_no_run_and_no_such_axis_are_refused() -> None:
    with pytest.raises(DataError, match="there is no run to draw"):
        plots.training_curves([])


@pytest.mark.usefixtures("unchecked_types")
def test_an_axis_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="x is 'epochs'; choose step, seconds or puzzles"):
        plots.training_curves(run_of(), x="epochs")


def test_what_makes_curves_incomparable_is_written_on_them() -> None:
    loss, _ = plots.training_curves([run_of(), run_of(loss="softmax", reveal=1.0)])
    assert loss.get_title() == "training loss (softmax and stablemax32: not comparable; puzzles get harder on the way)"
    elsewhere = changed(run_of(1), device="that")
    assert plots.training_curves([run_of(), elsewhere], x="seconds")[0].get_xlabel() == (
        "seconds of wall time, 2 different devices: not comparable"
    )


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([run_of(scores=())], "try, 1 seed: not measured yet"),
        ([run_of(scores=(0.5,))], "try, 1 seed: 50.0% [37.5%, 62.5%] so far, at step 20 of 40"),
        ([run_of(0, scores=(0.5,)), run_of(1, scores=(0.25,))], "try, 2 seeds: none finished, so far 25.0% to 50.0%"),
    ],
)
def test_runs_that_are_not_finished_say_so(runs: list[RunLog], said: str) -> None:
    axes = plots.training_curves(runs)
    axes[0].figure.canvas.draw()
    assert legend(axes) == [said] and said.removeprefix("try, ").split(": ")[1] in plots.curves_text(runs)


def test_low_scores_are_not_pressed_flat() -> None:
    tops = [plots.training_curves(run_of(scores=(0.15, last)))[1].get_ylim()[1] for last in (0.25, 0.5)]
    assert 0.375 < tops[0] < 0.45 and tops[1] == pytest.approx(1.02)


def test_a_running_mean_begins_with_the_first_value() -> None:
    values = np.arange(80.0) ** 2
    smooth = running_mean(values)
    assert smooth[0] == 0 and smooth[1] == values[:3].mean() and smooth[40] == values[38:43].mean()
    assert smooth[-1] == values[-3:].mean() and running_mean(values[:3]).tolist() == [0, 1, 4]


def test_training_curves_take_axes_and_put_the_legend_into_them() -> None:
    given = Figure().subplots(1, 2)
    axes = plots.training_curves([run_of()], given)
    assert axes.tolist() == given.tolist() and given[0].figure.legends == []
    assert given[1].get_legend().get_texts()[0].get_text() == "try, 1 seed: 75.0% [62.5%, 87.5%]"


def test_the_text_of_training_curves_has_their_numbers() -> None:
    runs = [run_of(seed, scores=(0.25, 0.5 + seed / 10)) for seed in range(3)]
    assert plots.curves_text(runs, "puzzles") == (
        "Two charts against puzzles shown (steps × batch size). A thin line for each run, a bold one for the median of "
        "a recipe. Left, training loss: try, 3 seeds, from 1.50 to 0.50. Right, share of unseen puzzles (100, at the "
        "end 1,000) solved exactly after 2 supervision steps, with a band for the 95% interval: try, 3 seeds, 25.0% at "
        "step 20, last median 60.0% (50.0% to 70.0%). Trained on some; measured on others."
    )
    assert "A thin line" not in plots.curves_text(runs[0])
