"""Score plots: what is counted, which interval is shown, what is refused, and texts that say the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from trm_edu import plots
from trm_edu.errors import DataError
from trm_edu.intervals import difference_interval, mean_interval, t_quantile, wilson_interval
from trm_edu.plots import CostPoint
from trm_edu.plots.comparisons import HEAT, free_place, frontier, heights, short
from trm_edu.plots.scores import calibration_bins, room_for
from trm_edu.plots.style import readable_on


def words(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def legend_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def bars_of(container: ErrorbarContainer) -> list[list[list[float]]]:
    """The ends of an error bar's lines, as [[x, y], [x, y]] each."""
    (lines,) = container.lines[2]
    assert isinstance(lines, LineCollection)
    return [segment.tolist() for segment in lines.get_segments()]


def close(values: Any) -> Any:
    return pytest.approx(values, abs=1e-9)


def ticks_of(ax: Axes, name: str) -> list[str]:
    ax.figure.draw_without_rendering()
    axis = getattr(ax, f"{name}axis")
    low, high = sorted(axis.get_view_interval())
    return [t.label1.get_text() for t in axis.get_major_ticks() if low <= t.get_loc() <= high and t.label1.get_text()]


# --- intervals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (29, 2.0452), (100, 1.9840), (5000, 1.9604)],
)
def test_t_quantiles_are_those_of_the_printed_tables(freedom: int, quantile: float) -> None:
    assert t_quantile(float(freedom)) == pytest.approx(quantile, abs=1e-4)
    assert t_quantile(freedom + 0.5) < t_quantile(float(freedom)), "between whole degrees too"


def test_the_interval_of_a_mean_is_students() -> None:
    assert mean_interval([0.5, 0.6, 0.7]) == pytest.approx((0.6 - 0.248414, 0.6 + 0.248414), abs=1e-5)
    assert mean_interval([0.1, 0.9]) == (0, 1), "a share ends at 0 and 1"


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 0.5], [0.0, 0.0]])
def test_seeds_without_a_spread_have_no_interval(values: list[float]) -> None:
    assert mean_interval(values) is None


def test_the_interval_of_a_difference_is_welchs() -> None:
    equal = difference_interval([0.5, 0.6, 0.7], [0.6, 0.7, 0.8])  # as many, as much spread: 4 degrees of freedom
    assert equal == pytest.approx((0.1 - 2.77645 * 0.0816497, 0.1 + 2.77645 * 0.0816497), abs=1e-5)
    one_sided = difference_interval([0.5, 0.5, 0.5, 0.5], [0.6, 0.7, 0.8])  # all spread in one: its 2 degrees
    assert one_sided == pytest.approx((0.2 - 4.30265 * 0.0577350, 0.2 + 4.30265 * 0.0577350), abs=1e-5)
    assert difference_interval([0.5], [0.6, 0.7]) is None and difference_interval([0.6, 0.7], [0.5]) is None
    assert difference_interval([0.5, 0.5], [0.6, 0.6]) is None


def test_an_axis_of_shares_spans_ten_points_and_stays_near_0_to_1() -> None:
    low, high = room_for(0.5, 0.5)
    assert high - low == pytest.approx(0.116) and (low + high) / 2 == pytest.approx(0.5)
    assert room_for(0.0, 1.0) == (-0.02, 1.02)
    assert room_for(0.2, 0.7) == close((0.16, 0.74))


# --- accuracy against supervision steps -----------------------------------------------------------------------------


def test_accuracy_by_step_starts_at_step_one() -> None:
    ax = plots.accuracy_by_step([0.1, 0.5, 0.9], halting=[0.2, 0.4, 0.8])
    assert [line.get_xydata().tolist() for line in ax.lines] == [
        [[1, 0.1], [2, 0.5], [3, 0.9]], [[1, 0.2], [2, 0.4], [3, 0.8]],
    ]  # fmt: skip
    assert legend_of(ax) == ["exact", "the network's estimate"]
    assert len({(line.get_linestyle(), line.get_marker()) for line in ax.lines}) == 2, "grey must tell them apart"
    assert ax.get_ylabel() == "puzzles solved exactly" and ticks_of(ax, "y")[0] == "0%"


def test_one_line_needs_no_legend_and_takes_an_array_and_axes() -> None:
    given = Figure().subplots()
    ax = plots.accuracy_by_step(np.linspace(0, 1, 40), given)
    assert ax is given and legend_of(ax) == []
    assert ax.get_xticks()[:3].tolist() == [1, 4, 7], "at most sixteen numbers"


def test_seeds_are_thin_and_their_median_is_bold() -> None:
    ax = plots.accuracy_by_step(runs=[[0.1, 0.6], [0.2, 0.5], [0.6, 0.7]])
    *thin, bold = ax.lines
    assert [line.get_ydata().tolist() for line in thin] == [[0.1, 0.6], [0.2, 0.5], [0.6, 0.7]]
    assert bold.get_ydata().tolist() == [0.2, 0.6]
    assert bold.get_linewidth() >= 2 * max(line.get_linewidth() for line in thin)
    assert bold.get_zorder() > max(line.get_zorder() for line in thin)
    assert legend_of(ax) == ["a seed", "median of 3 seeds"]


def test_the_bold_line_can_be_given_beside_the_seeds() -> None:
    *_, bold = plots.accuracy_by_step([0.3, 0.8], runs=[[0.1, 0.6]], label="averaged weights").lines
    assert bold.get_ydata().tolist() == [0.3, 0.8] and bold.get_label() == "averaged weights"


def test_an_interval_of_every_step_is_a_band() -> None:
    ax = plots.accuracy_by_step([0.4, 0.6], interval=([0.3, 0.5], [0.5, 0.75]))
    (band,) = ax.collections
    corners = {tuple(point) for point in band.get_paths()[0].vertices}
    assert corners == {(1, 0.3), (1, 0.5), (2, 0.5), (2, 0.75)}
    assert legend_of(ax) == ["exact", "95% interval"]


def test_the_interval_of_an_evaluation_is_a_bar_at_the_last_step() -> None:
    ax = plots.accuracy_by_step([0.4, 0.6], interval=(0.55, 0.7))
    (bar,) = ax.containers
    assert bars_of(bar) == [[[2, close(0.55)], [2, close(0.7)]]]
    assert plots.accuracy_by_step([0.6], interval=([0.5], [0.7])).containers, "a band of one step would not be seen"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"exact": []}, r"exact has shape \[0\]; give one dimension with at least one share"),
        ({"exact": [[0.5]]}, r"exact has shape \[1, 1\]"),
        ({"exact": [0.5, 1.5]}, r"exact: value 2 is 1.5; a share lies between 0 and 1"),
        ({"exact": [-0.1]}, r"exact: value 1 is -0.1"),
        ({"exact": [0.5, float("nan")]}, "exact: value 2 is nan"),
        ({"exact": ["many"]}, r"exact: \['many'\] is no list of numbers"),
        ({}, "there is nothing to draw; give exact, runs or both"),
        ({"runs": []}, "runs is empty"),
        ({"exact": [0.5], "halting": [0.5, 0.6]}, "halting has 2 values; there must be 1, one for each supervision"),
        ({"runs": [[0.5], [0.5, 0.6]]}, "run 2 has 2 values; there must be 1"),
        ({"exact": [0.5, 0.5], "runs": [[0.5]]}, "run 1 has 1 values; there must be 2"),
        ({"runs": [[0.5], [7.0]]}, "run 2: value 1 is 7"),
        ({"exact": [0.5], "halting": [2.0]}, "halting: value 1 is 2"),
        ({"exact": [0.5], "interval": (0.1, 0.2, 0.3)}, r"interval has 3 parts; give the pair \(low, high\)"),
        ({"exact": [0.5, 0.5], "interval": ([0.4], [0.6])}, "the low end of the interval has 1 values"),
        ({"exact": [0.1, 0.5], "interval": (0.6, 0.7)}, "the interval 60.0% to 70.0% does not hold its value, 50.0%"),
        ({"exact": [0.5, 0.5], "interval": ([0.4, 0.1], [0.6, 0.2])}, "10.0% to 20.0% does .* 50.0% after step 2"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("unchecked_types")
def test_steps_that_make_no_sense_are_refused(arguments: dict[str, Any], said: str) -> None:
    for draw in (plots.accuracy_by_step, plots.accuracy_by_step_text):
        with pytest.raises(DataError, match=said):
            draw(**arguments)


def test_the_text_of_accuracy_by_step_has_its_numbers() -> None:
    assert plots.accuracy_by_step_text([0.1, 0.3, 0.4, 0.5, 0.95, 0.9]) == (
        "Line chart. Share of puzzles solved exactly against the supervision step: 10.0% after step 1, 50.0% after "
        "step 4, 90.0% after step 6; the most, 95.0%, after step 5."
    )
    runs = [[0.1, 0.6], [0.2, 0.5], [0.6, 0.7]]
    assert plots.accuracy_by_step_text(runs=runs, halting=[0.3, 0.4], interval=([0.1, 0.5], [0.3, 0.75])) == (
        "Line chart. Share of puzzles solved exactly against the supervision step (median of 3 seeds): 20.0% after "
        "step 1, 60.0% after step 2. A band shows the 95% interval, after step 2 [50.0, 75.0]. A thin line for each of "
        "3 seeds, after step 2 50.0% to 70.0%. Dashed: the network's own estimate, from 30.0% to 40.0%."
    )
    assert "A bar at the last step shows the 95% interval, after step 2 [50.0, 75.0]." in plots.accuracy_by_step_text(
        [0.2, 0.6], interval=(0.5, 0.75)
    )


# --- what a plain solver finds hard ---------------------------------------------------------------------------------

GUESSES, SOLVED = np.array([0, 0, 2, 3, 9, 10, 70]), np.array([1, 0, 1, 1, 0, 0, 0], bool)


def test_solved_by_guesses_groups_and_counts() -> None:
    ax = plots.solved_by_guesses(GUESSES, SOLVED)
    solved, failed = ax.containers
    assert [int(bar.get_height()) for bar in solved] == [1, 1, 1, 0]
    assert [int(bar.get_height()) for bar in failed] == [1, 0, 1, 2]
    assert failed[0].get_y() == 1, "stacked"
    assert words(ax) == ["1 of 2", "1 of 1", "1 of 2", "0 of 2"]
    assert failed[0].get_hatch() and not solved[0].get_hatch(), "grey must tell them apart"


def test_the_legend_of_solved_by_guesses_covers_no_number() -> None:
    ax = plots.solved_by_guesses(GUESSES, SOLVED)
    ax.figure.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    assert not any(legend.overlaps(text.get_window_extent()) for text in ax.texts)
    assert ticks_of(ax, "y") == ["0", "1", "2"], "whole puzzles"


def test_the_text_of_solved_by_guesses_has_its_numbers() -> None:
    assert plots.solved_by_guesses_text(GUESSES, SOLVED) == (
        "Stacked bars. The network solved 3 of 7 puzzles. By how often a plain solver must guess: none: 1 of 2; "
        "1 to 2: 1 of 1; 3 to 9: 1 of 2; 10 or more: 0 of 2."
    )


@pytest.mark.parametrize(
    ("guesses", "solved", "said"),
    [
        ([1, 2], [True], r"guesses has shape \[2\], solved \[1\]"),
        ([], [], r"guesses has shape \[0\].*at least one puzzle"),
        ([[1]], [[True]], r"guesses has shape \[1, 1\]"),
        ([0, -1], [True, True], "guesses holds -1; a solver makes 0 guesses or more"),
        ([0, np.nan], [True, True], "guesses holds nan"),
    ],
)
def test_guesses_that_make_no_sense_are_refused(guesses: list[Any], solved: list[Any], said: str) -> None:
    for draw in (plots.solved_by_guesses, plots.solved_by_guesses_text):
        with pytest.raises(DataError, match=said):
            draw(np.array(guesses), np.array(solved, bool))


# --- halting calibration --------------------------------------------------------------------------------------------

# Two puzzles near 0, one of them right; four near 1, three of them right; one on an edge.
STATED = np.array([0.0, 0.1, 0.5, 0.9, 0.95, 1.0, 0.95])
RIGHT = np.array([True, False, False, True, True, True, False])


def test_a_marker_stands_at_the_mean_stated_probability_and_the_share_that_is_right() -> None:
    ax = plots.halting_calibration(STATED, RIGHT, bins=4)
    (points,) = [found for found in ax.containers if isinstance(found, ErrorbarContainer)]
    assert points[0].get_xydata().tolist() == close_rows([[0.05, 0.5], [0.5, 0.0], [0.95, 0.75]])
    for (start, end), (hits, count) in zip(bars_of(points), [(1, 2), (0, 1), (3, 4)], strict=True):
        assert (start[1], end[1]) == close(wilson_interval(hits, count))


def close_rows(rows: list[list[float]]) -> list[Any]:
    return [close(row) for row in rows]


def test_below_stands_how_many_puzzles_a_bin_holds_and_empty_bins_are_not_drawn() -> None:
    ax = plots.halting_calibration(STATED, RIGHT, bins=4)
    assert words(ax) == ["2", "1", "4"]
    assert [text.get_position()[0] for text in ax.texts] == [0.125, 0.625, 0.875], "in the middle of its bin"
    assert all(text.get_position()[1] < 0 for text in ax.texts), "below the diagram"
    bars = ax.patches
    assert [bar.get_height() / bars[2].get_height() for bar in bars] == close([0.5, 0.25, 1])
    assert [(bar.get_x() >= low, bar.get_x() + bar.get_width() <= low + 0.25) for bar, low in zip(
        bars, (0.0, 0.5, 0.75), strict=True
    )] == [(True, True)] * 3  # fmt: skip
    assert max(bar.get_y() + bar.get_height() for bar in bars) == close(-0.1), "up to the row of the numbers"
    assert ticks_of(ax, "y") == ["puzzles", "0%", "20%", "40%", "60%", "80%", "100%"]


def test_the_diagonal_says_what_is_so_and_the_error_is_written_on_the_plot() -> None:
    ax = plots.halting_calibration(STATED, RIGHT, bins=4)
    (diagonal,) = [line for line in ax.lines if line.get_label() == "says what is so"]
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]] and diagonal.get_linestyle() == "--"
    # (2 * 0.45 + 1 * 0.5 + 4 * 0.2) / 7
    assert ax.get_title() == "7 puzzles; expected calibration error 31.4 points"
    assert legend_of(ax) == ["says what is so", "share right, 95% interval"]
    assert "share" not in ax.get_xlabel() and "probability" in ax.get_xlabel() and "right" in ax.get_ylabel()


def test_an_edge_belongs_to_the_bin_above_and_one_to_the_last() -> None:
    found = calibration_bins(np.array([0.0, 0.5, 1.0]), np.array([True, True, False]), 2)
    assert [(b.low, b.high, b.count) for b in found] == [(0, 0.5, 1), (0.5, 1, 2)]
    assert len(calibration_bins(np.array([0.0, 1.0]), np.array([True, True]), 1)) == 1


@pytest.mark.parametrize(
    ("count", "bins", "upright"), [(40, 10, False), (20_000, 10, False), (200_000, 10, True), (200_000, 30, True)]
)
def test_numbers_of_a_narrow_bin_stand_upright_and_touch_no_neighbour(count: int, bins: int, upright: bool) -> None:
    stated = np.linspace(0, 1, count)
    ax = plots.halting_calibration(stated, stated > 0.5, bins=bins)
    assert {text.get_rotation() for text in ax.texts} == {90.0 if upright else 0.0}
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:], strict=False))
    zero = ax.transData.transform((0, 0))[1]
    tops = [ax.transData.transform((0, bar.get_y() + bar.get_height()))[1] for bar in ax.patches]
    assert all(max(tops) <= box.y0 + 1 and box.y1 <= zero for box in boxes), "between the diagram and the bars"


def test_calibration_takes_axes() -> None:
    given = Figure().subplots()
    assert plots.halting_calibration(STATED, RIGHT, given) is given


@pytest.mark.parametrize(
    ("stated", "right", "bins", "said"),
    [
        ([0.5, 0.6], [True], 10, r"right is bool with shape \[1\]; give bool with shape \[2\]"),
        ([0.5], [1.0], 10, r"right is float64"),
        ([], [], 10, r"probability has shape \[0\]"),
        ([0.5, 1.2], [True, True], 10, "probability: value 2 is 1.2"),
        ([np.nan], [True], 10, "probability: value 1 is nan"),
        ([0.5], [True], 0, "bins is 0; give 1 to 30"),
        ([0.5], [True], 31, "bins is 31; give 1 to 30"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_calibrations_that_make_no_sense_are_refused(stated: Any, right: Any, bins: int, said: str) -> None:
    for draw in (plots.halting_calibration, plots.halting_calibration_text):
        with pytest.raises(DataError, match=said):
            draw(np.array(stated, float), np.array(right), bins=bins)


def test_the_text_of_a_calibration_has_its_numbers() -> None:
    assert plots.halting_calibration_text(STATED, RIGHT, bins=4) == (
        "Reliability diagram of 7 puzzles in 4 bins of stated probability, 3 of them not empty, with a dashed diagonal "
        "on which the network says what is so. 0% to 25%: 2 puzzles, stated 5.0%, right 50.0% [9.5, 90.5]; 50% to 75%: "
        "1 puzzle, stated 50.0%, right 0.0% [0.0, 79.3]; 75% to 100%: 4 puzzles, stated 95.0%, right 75.0% "
        "[30.1, 95.4]. On average it states 62.9%, and 57.1% are right; expected calibration error 31.4 points."
    )


# --- T against n ----------------------------------------------------------------------------------------------------

RESULTS = {(1, 2): [0.2, 0.3, 0.4], (1, 6): [0.5], (3, 2): [0.875, 0.875], (3, 4): [0.8, 0.9]}


def cell_texts(ax: Axes) -> dict[tuple[int, int], list[str]]:
    """What stands in each cell, by row and column, as lines."""
    found: dict[tuple[int, int], list[str]] = {}
    for text in ax.texts:
        column, row = text.xy
        found.setdefault((row, column), []).extend(text.get_text().split("\n"))
    return found


def test_rows_are_T_and_columns_are_n_in_order() -> None:
    ax = plots.depth_map(RESULTS)
    (image,) = [found for found in ax.get_children() if isinstance(found, AxesImage)]
    assert image.get_array().filled(-1).tolist() == close_rows([[0.3, -1, 0.5], [0.875, 0.85, -1]])
    assert ticks_of(ax, "x") == ["2", "4", "6"] and ticks_of(ax, "y") == ["1", "3"]
    assert ax.get_xlabel().startswith("n,") and ax.get_ylabel().startswith("T,")
    assert ax.yaxis_inverted(), "the first row on top"


def test_a_cell_says_mean_interval_and_seeds() -> None:
    assert cell_texts(plots.depth_map(RESULTS)) == {
        (0, 0): ["30.0%", "[5.2, 54.8]", "3 seeds"],
        (0, 1): ["not run"],
        (0, 2): ["50.0%", "1 seed"],
        (1, 0): ["87.5%", "2 seeds alike"],
        (1, 1): ["85.0%", "[21.5, 100.0]", "2 seeds"],
        (1, 2): ["not run"],
    }


def test_a_cell_that_was_not_run_is_hatched() -> None:
    hatched = [patch for patch in plots.depth_map({**RESULTS, (1, 4): []}).patches if isinstance(patch, Rectangle)]
    assert sorted((patch.get_x(), patch.get_y()) for patch in hatched) == [(0.5, -0.5), (1.5, 0.5)]
    assert all(patch.get_hatch() for patch in hatched)


def test_the_cost_of_a_cell_stands_in_it_even_if_it_was_not_run() -> None:
    cost = {(T, n): T * (n + 1) * 1e9 for T in (1, 3) for n in (2, 6)}
    cells = cell_texts(plots.depth_map(RESULTS, cost=cost, cost_unit="FLOPs"))
    assert cells[0, 0] == ["30.0%", "[5.2, 54.8]", "3 seeds", "3 billion FLOPs"]
    assert cells[1, 2] == ["not run", "21 billion FLOPs"]
    assert cells[1, 1] == ["85.0%", "[21.5, 100.0]", "2 seeds"], "no cost given"
    assert cell_texts(plots.depth_map({(1, 2): [0.5]}, cost={(1, 2): 3}))[0, 0][-1] == "3 evaluations"


def test_the_colours_hold_all_means_and_can_be_fixed() -> None:
    def ends(ax: Axes) -> tuple[float, float]:
        return next(found for found in ax.get_children() if isinstance(found, AxesImage)).get_clim()

    assert ends(plots.depth_map({(1, 1): [0.42], (1, 2): [0.58]})) == close((0.4, 0.6)), "rounded outward"
    assert ends(plots.depth_map(RESULTS, limits=(0.0, 1.0))) == (0, 1)
    assert ends(plots.depth_map({(1, 1): [0.0]})) == close((0, 0.1))
    assert ends(plots.depth_map({(1, 1): [1.0]})) == close((0.9, 1))
    for limits in ((0.4, 1.0), (0.0, 0.8), (1.0, 0.0), (-0.1, 1.0), (0.0, 1.1)):
        with pytest.raises(DataError, match="limits is .*that hold all means"):
            plots.depth_map(RESULTS, limits=limits)


def test_the_colour_bar_is_in_percent() -> None:
    figure = plots.depth_map({(1, 1): [0.8], (1, 2): [0.9]}).figure
    bar = figure.axes[1]
    assert "puzzles solved exactly" in bar.get_ylabel() and "mean of the seeds" in bar.get_ylabel()
    assert [ticks_of(bar, "y")[0], ticks_of(bar, "y")[-1]] == ["80%", "90%"]


def contrast(one: Any, other: Any) -> float:
    """Contrast of two colours as WCAG 2 defines it, 1 to 21."""
    lights = []
    for colour in (one, other):
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ (0.2126, 0.7152, 0.0722)) + 0.05)
    return max(lights) / min(lights)


def test_the_map_gets_lighter_all_the_way_and_its_text_can_be_read_everywhere() -> None:
    colours = colormaps[HEAT](np.linspace(0, 1, 256))[:, :3]
    grey = colours @ (0.299, 0.587, 0.114)
    assert (np.diff(grey) > -1e-3).all() and grey[-1] - grey[0] > 0.6
    assert min(contrast(colour, readable_on(colour.tolist())) for colour in colours) >= 4.5


def test_the_text_of_a_cell_stands_out_from_its_colour() -> None:
    ax = plots.depth_map({(1, 1): [0.1], (1, 2): [0.9]}, limits=(0.0, 1.0))
    colour = {text.get_text(): to_hex(text.get_color()) for text in ax.texts}
    assert colour["10.0%"] == "#ffffff" and colour["90.0%"] == "#000000"


def test_depth_map_takes_axes() -> None:
    given = Figure().subplots()
    assert plots.depth_map(RESULTS, given) is given


@pytest.mark.parametrize(
    ("results", "cost", "said"),
    [
        ({}, None, "results is empty"),
        ({(1, 1): []}, None, r"no \(T, n\) of results has an accuracy"),
        ({(1, 1): [0.5, 81.2]}, None, "T = 1, n = 1: value 2 is 81.2; a share lies between 0 and 1"),
        ({(1, 1): [float("nan")]}, None, "T = 1, n = 1: value 1 is nan"),
        ({(0, 1): [0.5]}, None, r"the key \(0, 1\); give \(T, n\), whole numbers with T >= 1 and n >= 0"),
        ({(1, -1): [0.5]}, None, r"the key \(1, -1\)"),
        ({(1, 1.5): [0.5]}, None, r"the key \(1, 1.5\)"),
        ({(1, 1, 1): [0.5]}, None, r"the key \(1, 1, 1\)"),
        ({3: [0.5]}, None, "the key 3"),
        ({(1, 1): [0.5]}, {(1, 1): 0}, r"the cost of \(1, 1\) is 0; give a positive number"),
        ({(1, 1): [0.5]}, {(1, 1): float("inf")}, r"the cost of \(1, 1\) is inf"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_depths_that_make_no_sense_are_refused(results: Any, cost: Any, said: str) -> None:
    for draw in (plots.depth_map, plots.depth_map_text):
        with pytest.raises(DataError, match=said):
            draw(results, cost=cost)


def test_the_text_of_a_depth_map_has_its_numbers() -> None:
    assert plots.depth_map_text(RESULTS, cost={(1, 2): 3}) == (
        "Heat map over T and n. Share of puzzles solved exactly, mean of the seeds with its 95% interval; 4 of 6 cells "
        "were run. Best T = 3, n = 2: 87.5%, 2 seeds alike: no interval. Worst T = 1, n = 2: 30.0% [5.2, 54.8], "
        "3 seeds, 3 evaluations. By row, T = 1: n = 2 30.0%, n = 4 not run, n = 6 50.0%; T = 3: n = 2 87.5%, n = 4 "
        "85.0%, n = 6 not run."
    )
    assert "Only T = 3, n = 6: 50.0%, 1 seed: no spread known." in plots.depth_map_text({(3, 6): [0.5]})


@pytest.mark.parametrize(
    ("value", "said"),
    [(7, "7"), (42.5, "42.5"), (1512.4, "1,512"), (999_999, "999,999"), (3.14e6, "3.14 million"), (2e9, "2 billion"),
     (3e12, "3 × 10^12"), (4.5e18, "4.5 × 10^18")],
)  # fmt: skip
def test_a_cost_has_few_letters(value: float, said: str) -> None:
    assert short(value) == said


# --- the ladder of changes ------------------------------------------------------------------------------------------

RUNGS = {
    "HRM": [0.5, 0.52, 0.54],
    "y and z": [0.51, 0.52, 0.56],
    "one network": [0.7, 0.72],
    "two layers": [0.8],
    "EMA": [0.75, 0.75],
    "halting": [0.6, 0.6, 0.6],
    "less": [0.3, 0.31, 0.32],
}


def test_a_rung_is_a_row_from_top_to_bottom_with_all_its_seeds() -> None:
    ax = plots.ladder(RUNGS)
    assert ticks_of(ax, "y") == list(RUNGS) and ax.yaxis_inverted()
    seeds = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xdata().tolist() for line in seeds] == list(RUNGS.values())
    assert all(line.get_markerfacecolor() == "none" and line.get_linestyle() == "None" for line in seeds)
    assert all(row < y < row + 0.5 for row, line in enumerate(seeds) for y in line.get_ydata())


def test_the_mean_of_a_rung_is_filled_and_has_its_interval() -> None:
    ax = plots.ladder(list(RUNGS.items()))
    means = [line for line in ax.lines if line.get_marker() == "D"]
    assert [line.get_xydata().tolist() for line in means] == close_pairs(
        [(np.mean(seeds), row) for row, seeds in enumerate(RUNGS.values())]
    )
    assert all(to_hex(line.get_markerfacecolor()) == plots.BLUE.lower() for line in means)
    bars = [segment for found in ax.containers for segment in bars_of(found)]
    rows = [0, 1, 2, 6]  # the others have no spread
    assert [[start[1], end[1]] for start, end in bars] == [[row, row] for row in rows]
    values = list(RUNGS.values())
    assert [(start[0], end[0]) for start, end in bars] == [close(mean_interval(values[row])) for row in rows]
    assert legend_of(ax) == ["a seed", "mean of the seeds, 95% interval"]


def close_pairs(pairs: list[tuple[float, float]]) -> list[Any]:
    return [[close(pair)] for pair in pairs]


def test_figures_and_differences_stand_at_the_right() -> None:
    assert words(plots.ladder(RUNGS)) == [
        "52.0% [47.0, 57.0], 3 seeds",
        "53.0% [46.4, 59.6], 3 seeds", "○ +1.0 points [−4.5, +6.5]: not separated",
        "71.0% [58.3, 83.7], 2 seeds", "▲ +18.0 points [+12.2, +23.8]",
        "80.0%, 1 seed: no spread known", "○ +9.0 points: no interval (1 seed)",
        "75.0%, 2 seeds alike: no interval", "○ −5.0 points: no interval (1 seed)",
        "60.0%, 3 seeds alike: no interval", "○ −15.0 points: no interval (seeds alike)",
        "31.0% [28.5, 33.5], 3 seeds", "▼ −29.0 points [−31.5, −26.5]",
        "mean [95% interval over seeds]\ndifference to the row above [95%, Welch]",
    ]  # fmt: skip


def test_what_stands_at_the_right_is_in_the_picture_and_beside_its_row() -> None:
    ax = plots.ladder(RUNGS)
    figure = ax.figure
    figure.draw_without_rendering()
    width, height = figure.canvas.get_width_height()
    for text in ax.texts:
        box = text.get_window_extent()
        assert ax.get_window_extent().x1 < box.x0 and box.x1 <= width and box.y1 <= height, text.get_text()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    rows = [round(text.get_position()[1]) for text in ax.texts[:-1]]
    assert rows == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]


def test_every_interval_and_seed_of_a_ladder_is_within_the_axes() -> None:
    low, high = plots.ladder({"a": [0.4, 0.5], "b": [0.9]}).get_xlim()
    assert low <= 0 and high >= 1, "two seeds say little"
    low, high = plots.ladder({"a": [0.9]}).get_xlim()
    assert 0.8 < low < 0.9 < high < 1


def test_dots_of_equal_seeds_do_not_hide_each_other() -> None:
    assert heights(np.array([0.5, 0.9, 0.5, 0.505, 0.52]), 0.01) == close([0, 0, 0.1, 0.2, 0])
    crowd = heights(np.full(11, 0.5), 0.01)
    assert crowd[-1] == close(0.2) and len(set(crowd.tolist())) == 11
    dots = [line for line in plots.ladder({"a": [0.5, 0.5]}).lines if line.get_marker() == "o"][0]
    assert len(set(dots.get_ydata().tolist())) == 2


def test_a_ladder_of_one_rung_claims_no_difference() -> None:
    ax = plots.ladder({"TRM": [0.8, 0.82]}, Figure().subplots())
    assert words(ax) == ["81.0% [68.3, 93.7], 2 seeds", "mean [95% interval over seeds]"]
    assert plots.ladder_text({"TRM": [0.8, 0.82]}) == (
        "Ladder of 1 rung, share of puzzles solved exactly: a dot for each seed, their mean with its 95% interval, and "
        "the difference to the rung above. TRM: 81.0% [68.3, 93.7], 2 seeds."
    )


@pytest.mark.parametrize(
    ("rungs", "said"),
    [
        ({}, r"rungs is empty; give at least one \(name, accuracies of its seeds\)"),
        ({"a": []}, r"rung 'a' has shape \[0\]"),
        ({"a": [0.5, 1.5]}, "rung 'a': value 2 is 1.5"),
        ({"a": [float("nan")]}, "rung 'a': value 1 is nan"),
        ([("a", [0.5]), ("a", [0.6])], "a rung is called 'a'; give each a name of its own"),
        ([(" ", [0.5])], "a rung is called ' '"),
    ],
)
def test_ladders_that_make_no_sense_are_refused(rungs: Any, said: str) -> None:
    for draw in (plots.ladder, plots.ladder_text):
        with pytest.raises(DataError, match=said):
            draw(rungs)


def test_the_text_of_a_ladder_has_its_numbers() -> None:
    assert plots.ladder_text(dict(list(RUNGS.items())[:4])) == (
        "Ladder of 4 rungs, share of puzzles solved exactly: a dot for each seed, their mean with its 95% interval, "
        "and the difference to the rung above. HRM: 52.0% [47.0, 57.0], 3 seeds. y and z: 53.0% [46.4, 59.6], 3 seeds; "
        "+1.0 points [−4.5, +6.5]: not separated. one network: 71.0% [58.3, 83.7], 2 seeds; +18.0 points "
        "[+12.2, +23.8]. two layers: 80.0%, 1 seed: no spread known; +9.0 points: no interval (1 seed). 1 of 3 steps "
        "are separated: the 95% interval of the difference (Welch) leaves out 0."
    )


# --- accuracy against cost ------------------------------------------------------------------------------------------


def point(label: str, exact: float, cost: float, spread: float = 0.05) -> CostPoint:
    return CostPoint(label, exact, max(0.0, exact - spread), min(1.0, exact + spread), cost)


POINTS = [point("dear", 0.8, 40), point("cheap", 0.4, 10), point("bad", 0.3, 20), point("mid", 0.6, 20),
          point("waste", 0.8, 80), point("dearest", 0.9, 160)]  # fmt: skip


def test_the_frontier_is_the_best_at_or_below_each_cost() -> None:
    assert [POINTS[i].label for i in frontier(POINTS)] == ["cheap", "mid", "dear", "dearest"]
    twins = [point("a", 0.5, 10), point("b", 0.5, 10), point("c", 0.5, 5)]
    assert frontier(twins) == [2] and frontier(twins[:2]) == [0], "of equals the cheapest, then the first"
    assert frontier([point("worse", 0.3, 10), point("better", 0.5, 10)]) == [1], "at the same cost"


def test_the_frontier_is_a_step_line_to_the_edge() -> None:
    ax = plots.accuracy_against_cost(POINTS)
    (line,) = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    assert line.get_ydata().tolist() == [0.4, 0.6, 0.8, 0.9, 0.9]
    assert line.get_xdata().tolist() == [10, 20, 40, 160, ax.get_xlim()[1]]
    assert ax.get_xscale() == "log" and ax.get_xlim()[0] < 10 and ax.get_xlim()[1] > 160


def test_points_have_intervals_and_those_on_the_frontier_another_look() -> None:
    ax = plots.accuracy_against_cost(POINTS)
    best, rest = ax.containers
    assert best[0].get_xydata().tolist() == [[10, 0.4], [20, 0.6], [40, 0.8], [160, 0.9]]
    assert rest[0].get_xydata().tolist() == [[20, 0.3], [80, 0.8]]
    assert [(start[1], end[1]) for start, end in bars_of(rest)] == [close((0.25, 0.35)), close((0.75, 0.85))]
    assert best[0].get_marker() != rest[0].get_marker() and to_hex(rest[0].get_markerfacecolor()) == "#ffffff"
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "best at or below its cost; 95% interval", "a cheaper one is as good; 95% interval",
    ]  # fmt: skip


def test_the_chosen_point_has_a_ring_and_a_label_with_its_figures() -> None:
    ax = plots.accuracy_against_cost(POINTS, chosen=2)
    (ring,) = [line for line in ax.lines if line.get_label() == "chosen"]
    assert ring.get_xydata().tolist() == [[20, 0.3]] and ring.get_markersize() > 10
    assert words(ax) == ["bad\n30.0% [25.0, 35.0]", "dearest", "dear", "mid", "cheap"], "of the others the frontier's"
    assert [text.get_weight() for text in ax.texts] == ["bold", *["normal"] * 4]
    assert [text.xy for text in ax.texts][:2] == [(20, 0.3), (160, 0.9)]
    (legend,) = ax.figure.legends
    assert legend.get_texts()[0].get_text() == "chosen" and legend.legend_handles[0].get_markersize() < 10
    assert not [line for line in plots.accuracy_against_cost(POINTS).lines if line.get_label() == "chosen"]


def test_a_chosen_point_on_the_frontier_has_one_label() -> None:
    assert words(plots.accuracy_against_cost(POINTS, chosen=0)) == [
        "dear\n80.0% [75.0, 85.0]", "dearest", "mid", "cheap",
    ]  # fmt: skip


def twelve(kind: str) -> list[CostPoint]:
    if kind == "even":
        return [point(f"T={i}, n=6, 16 steps", 0.5 + 0.03 * i, 100 * 1.15**i, 0.03) for i in range(12)]
    if kind == "crowded above":
        shares = (0.2, 0.3, 0.5, 0.6, 0.9, 0.97, 0.985, 0.99, 0.992, 0.995, 0.997, 0.999)
        costs = (10, 19, 50, 70, 200, 210, 250, 260, 270, 300, 310, 336)
        return [point(f"T={i}, n=6, 16 steps", share, cost) for i, (share, cost) in enumerate(zip(shares, costs))]  # noqa: B905
    random = np.random.default_rng(int(kind))
    return [
        point(f"setting {i}", float(random.uniform(0.1, 0.9)), float(10 ** random.uniform(0, 3))) for i in range(12)
    ]


@pytest.mark.parametrize("kind", ["even", "crowded above", "0", "1", "2", "3"])
@pytest.mark.parametrize("chosen", [None, 0, 6, 11])
def test_labels_of_twelve_points_do_not_cover_each_other_and_stay_in_the_axes(kind: str, chosen: int | None) -> None:
    ax = plots.accuracy_against_cost(twelve(kind), chosen=chosen)
    ax.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in ax.texts]  # an annotation's own would hold its line too
    whole = ax.get_window_extent()
    for i, box in enumerate(boxes):
        assert whole.x0 <= box.x0 + 2 and box.x1 <= whole.x1 + 2 and whole.y0 <= box.y0 + 2 and box.y1 <= whole.y1 + 2
        for other in boxes[i + 1 :]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            down = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert across <= 0 or down <= 2, "spaces around letters may touch, letters may not"


def test_a_label_far_from_its_point_has_a_line_to_it() -> None:
    ax = plots.accuracy_against_cost(twelve("crowded above"))
    assert any(text.arrow_patch is not None for text in ax.texts), "somewhere there is no room"
    assert all(text.arrow_patch is None for text in plots.accuracy_against_cost(POINTS).texts)


def test_a_label_goes_where_it_covers_least() -> None:
    over_it, right_of_it = [50.0, 104.0, 95.0, 116.0], [104.0, 104.0, 150.0, 116.0]

    def place(boxes: list[Any], bars: list[Any], anchor: Any = (100.0, 100.0), room: Any = (200.0, 200.0)) -> Any:
        size, found = np.array([40.0, 10.0]), [np.array(some).reshape(-1, 4) for some in (boxes, bars)]
        return free_place(np.array(anchor), size, np.array(room), *found).tolist()

    assert place([], []) == [53, 104], "upper left"
    assert place([over_it], []) == [107, 104], "upper right"
    assert place([], [over_it]) == [107, 104], "a line counts too"
    assert place([over_it], [right_of_it]) == [53, 86], "lower left"
    everywhere = [0.0, 0.0, 200.0, 200.0]
    assert place([over_it], [everywhere]) == [107, 104], "a label counts more than a line"
    assert place([], [[0.0, 40.0, 200.0, 170.0]]) == [53, 104], "rather over one line than far away"
    assert place([], [], room=(200.0, 110.0)) == [53, 86], "not above the edge"
    assert place([], [], anchor=(20.0, 100.0)) == [27, 104], "nor left of it"
    assert place([everywhere], [], anchor=(20.0, 100.0)) == [27, 104], "an edge counts more than a label"


def test_costs_and_shares_have_readable_axes() -> None:
    ax = plots.accuracy_against_cost(POINTS, cost_label="FLOPs a puzzle")
    assert ax.get_xlabel() == "FLOPs a puzzle" and ax.get_ylabel() == "puzzles solved exactly"
    assert ticks_of(ax, "x") == ["10", "20", "50", "100", "200"]
    assert {"40%", "80%"} <= set(ticks_of(ax, "y"))
    assert plots.accuracy_against_cost(POINTS).get_xlabel() == "network evaluations a puzzle"
    near = plots.accuracy_against_cost([point("a", 0.5, 100), point("b", 0.6, 150)])
    assert ticks_of(near, "x") == ["80", "90", "100"] or len(ticks_of(near, "x")) >= 2
    for found in POINTS:
        assert ax.get_ylim()[0] < found.low and found.high < ax.get_ylim()[1]


def test_accuracy_against_cost_takes_axes_and_puts_the_legend_into_them() -> None:
    given = Figure().subplots()
    assert plots.accuracy_against_cost(POINTS, given, chosen=1) is given
    assert given.figure.legends == [] and "chosen" in legend_of(given)


@pytest.mark.parametrize(
    ("points", "chosen", "said"),
    [
        ([], None, r"points is empty; give at least one CostPoint\(label, exact, low, high, cost\)"),
        ([CostPoint("a", 1.2, 0.1, 0.9, 5)], None, "a: exact, low, high: value 1 is 1.2"),
        ([CostPoint("a", 0.5, 0.1, float("nan"), 5)], None, "a: exact, low, high: value 3 is nan"),
        ([CostPoint("a", 0.5, 0.6, 0.9, 5)], None, "a: 50.0% lies outside its interval 60.0% to 90.0%"),
        ([CostPoint("a", 0.5, 0.3, 0.4, 5)], None, "a: 50.0% lies outside its interval 30.0% to 40.0%"),
        ([CostPoint("a", 0.5, 0.4, 0.6, 0)], None, "a: its cost is 0; give a positive number"),
        ([CostPoint("a", 0.5, 0.4, 0.6, float("inf"))], None, "a: its cost is inf"),
        ([CostPoint("a", 0.5, 0.4, 0.6, 5)], 1, "chosen is 1; there are points 0 to 0"),
        ([CostPoint("a", 0.5, 0.4, 0.6, 5)], -1, "chosen is -1"),
    ],
)
def test_points_that_make_no_sense_are_refused(points: list[CostPoint], chosen: int | None, said: str) -> None:
    for draw in (plots.accuracy_against_cost, plots.accuracy_against_cost_text):
        with pytest.raises(DataError, match=said):
            draw(points, chosen=chosen)


def test_the_text_of_accuracy_against_cost_has_its_numbers() -> None:
    assert plots.accuracy_against_cost_text(POINTS[1:4], chosen=1) == (
        "Share of puzzles solved exactly against network evaluations a puzzle, on a logarithmic axis, 3 points with "
        "95% intervals. Best at or below its cost, from cheap to dear: cheap, cost 10: 40.0% [35.0, 45.0]; mid, "
        "cost 20: 60.0% [55.0, 65.0]. Chosen: bad, cost 20: 30.0% [25.0, 35.0], none of these."
    )
    text = plots.accuracy_against_cost_text(POINTS[:1], chosen=0, cost_label="FLOPs")
    assert "against FLOPs, on a logarithmic axis, 1 point with" in text and text.endswith(", one of these.")


# --- all of them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.accuracy_by_step(runs=[[0.1, 0.6], [0.2, 0.5]], halting=[0.3, 0.4], interval=(0.5, 0.6)),
        lambda: plots.solved_by_guesses(GUESSES, SOLVED),
        lambda: plots.halting_calibration(STATED, RIGHT),
        lambda: plots.depth_map(RESULTS, cost={(1, 2): 3}),
        lambda: plots.ladder(RUNGS),
        lambda: plots.accuracy_against_cost(POINTS, chosen=2),
    ],
)
def test_nothing_is_written_smaller_than_eight_points_nor_cut_off(draw: Callable[[], Axes]) -> None:
    figure = plots.figure_of(draw())
    figure.draw_without_rendering()
    width, height = figure.canvas.get_width_height()
    texts = [text for text in figure.findobj(lambda found: hasattr(found, "get_fontsize")) if text.get_visible()]
    shown = [text for text in texts if text.get_text().strip()]
    assert len(shown) > 5 and min(text.get_fontsize() for text in shown) >= 8
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1


def test_a_tick_between_whole_percents_says_so() -> None:
    ax = plots.accuracy_by_step([0.5])
    assert [ax.yaxis.get_major_formatter()(value, 0) for value in (0.825, 0.07, -1e-17, 1, 1.02, -0.02)] == [
        "82.5%", "7%", "0%", "100%", "", "",
    ]  # fmt: skip
