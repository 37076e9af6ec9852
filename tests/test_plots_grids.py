"""Answers step by step with what changed, what is wrong and how sure it is; maps of values; attention on the grid."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from stand_ins import ANSWER, OPEN, QUESTION, TASK, answer_with_wrong, steps_of

from trm_edu import TRM, ModelConfig, get_task, inside, plots
from trm_edu.errors import DataError, PuzzleError, RecipeError
from trm_edu.plots import grids, maps, style
from trm_edu.solve import Step

ARC = get_task("arc10")
ARC_QUESTION, ARC_ANSWER = ARC.encode("0120/3450/6789"), ARC.encode("012/345")
MAZE = get_task("maze10").generate(1, seed=1)
TEXTS = get_task("sudoku4").generate(1, seed=0)


def bars_of(ax: Any) -> list[tuple[int, int, float]]:
    """The bars of doubt in a grid, as (row, column, length as a share of full certainty)."""
    found = [c for c in ax.collections if len(c.get_segments()) and to_hex(c.get_color()[0]) == "#0072b2"]
    segments = [segment for c in found for segment in c.get_segments() if np.allclose(segment[:, 1] % 1, 0.88)]
    return [(int(a[1]), int(a[0]), round(float(b[0] - a[0]) / 0.8, 4)) for a, b in segments]


def crosses_of(ax: Any) -> list[int]:
    """The cells that bear a cross."""
    lines = [line for line in ax.lines if line.get_marker() == "x"]
    return [int(line.get_ydata()[0]) * 6 + int(line.get_xdata()[0]) for line in lines]


def thought(sure: float | None = 0.5) -> list[Step]:
    """Four steps with 3, 2, 1 and no mistakes; the last two think that they are done."""
    wrong = [OPEN[:3], OPEN[:2], OPEN[:1], OPEN[:0]]
    confidence = None if sure is None else np.where(np.arange(36) == OPEN[1], sure, 1.0).astype(np.float32)
    halting = (0.1, 0.2, 0.6, 0.9)
    return [Step(i + 1, answer_with_wrong(*wrong[i]), confidence, halting[i]) for i in range(4)]


def lines_of(ax: Any) -> dict[str, list[float]]:
    """The values of the named lines of a chart."""
    return {line.get_label(): list(line.get_ydata()) for line in ax.lines if not line.get_label().startswith("_")}


def heights(ax: Any) -> list[float]:
    return [bar.get_height() for bar in ax.patches]


# --- how sure -------------------------------------------------------------------------------------------------------


def test_open_cells_that_are_unsure_bear_a_bar_as_long_as_the_confidence() -> None:
    sure = np.ones(36)
    sure[OPEN[:4]] = 0.0, 0.5, 0.94, 0.96
    sure[QUESTION > 1] = 0.1
    ax = plots.grid(TASK, ANSWER, given=QUESTION, confidence=sure)
    assert bars_of(ax) == [
        (*divmod(int(cell), 6), share) for cell, share in zip(OPEN[:3], (0.0, 0.5, 0.94), strict=True)
    ]
    assert {text.get_alpha() for text in ax.texts} <= {None, 1.0}, "the symbol keeps its contrast"
    rails = [c for c in ax.collections if to_hex(c.get_color()[0]) == "#666666"]
    assert np.allclose([s[1, 0] - s[0, 0] for s in rails[0].get_segments()], 0.8), "full certainty is seen beside it"


def test_bars_stay_visible_in_small_cells() -> None:
    small = Figure(figsize=(0.5, 0.5)).add_axes((0, 0, 1, 1))
    plots.grid(TASK, ANSWER, small, given=QUESTION, confidence=np.full(36, 0.5))
    widths = [c.get_linewidth()[0] for c in small.collections if to_hex(c.get_color()[0]) == "#0072b2"]
    assert widths == [1.2]


def test_a_maze_keeps_its_path_and_bars_stand_where_cells_are_open() -> None:
    task, answer = get_task("maze10"), MAZE.answers[0]
    ax = plots.grid(task, answer, given=MAZE.questions[0], confidence=np.full(100, 0.5))
    cells = [row * 10 + column for row, column, _ in bars_of(ax)]
    assert cells == np.flatnonzero(np.isin(answer, (2, 5))).tolist()
    path = [c for c in ax.collections if c.get_zorder() == 2][0]
    assert to_hex(path.get_color()[0], keep_alpha=True) == "#0072b2ff"
    assert {line.get_alpha() for line in ax.lines} == {None}
    assert max(c.get_zorder() for c in ax.collections if c is not path) < path.get_zorder(), "bars do not cut the path"


def test_colours_of_arc_stay_themselves_when_they_are_unsure() -> None:
    ax = plots.grid(ARC, ARC_ANSWER, confidence=np.full(100, 0.2))
    fills = [to_hex(patch.get_facecolor()) for patch in ax.patches]
    assert fills[1] == "#0072b2" and fills[2] == "#d55e00"
    assert len(bars_of(ax)) == 6 + 3 + 2, "colours and end markers, but no padding"


# --- answer_row -----------------------------------------------------------------------------------------------------


def test_answer_row_shows_the_confidence_of_the_step_that_is_drawn() -> None:
    answers = [answer_with_wrong(OPEN[0]), ANSWER]
    first, second = np.ones(36), np.ones(36)
    first[OPEN[2]], second[OPEN[5]] = 0.3, 0.6
    axes = plots.answer_row(TASK, QUESTION, answers, confidences=[first, second])
    assert [bars_of(ax) for ax in axes] == [[], [(*divmod(int(OPEN[2]), 6), 0.3)], [(*divmod(int(OPEN[5]), 6), 0.6)]]
    axes = plots.answer_row(TASK, QUESTION, answers, [2], confidences=[first, None])
    assert bars_of(axes[1]) == []


def test_answer_row_refuses_lists_of_another_length() -> None:
    with pytest.raises(ValueError, match="there are 2 answers, but 1 confidences"):
        plots.answer_row(TASK, QUESTION, [ANSWER, ANSWER], confidences=[None])
    with pytest.raises(ValueError, match="2 answers are shown, but there are 1 titles"):
        plots.answer_row(TASK, QUESTION, [ANSWER, ANSWER], titles=["one"])
    with pytest.raises(ValueError, match="the question and 2 answers need 3 axes, got 2"):
        plots.answer_row(TASK, QUESTION, [ANSWER, ANSWER], axes=Figure().subplots(1, 2))


def test_what_an_arc_network_says_beyond_the_grid_is_neither_shown_nor_wrong() -> None:
    noise = np.where(ARC_ANSWER == 0, 7, ARC_ANSWER).astype(np.uint8)  # a network never says padding
    noise[1] = 9
    noise[5] = 4  # beyond
    other = noise.copy()
    other[[23, 99]], other[0] = 5, 3  # 23: the corner of the end markers, padding as well
    ax = plots.answer_row(ARC, ARC_QUESTION, [noise, other], solution=ARC_ANSWER, confidences=[np.full(100, 0.1)] * 2)
    assert (ax[1].get_xlim(), ax[1].get_ylim()) == ((0, 4), (3, 0))
    marks = [{(int(line.get_xdata()[0]), int(line.get_ydata()[0])) for line in a.lines} for a in ax]
    assert marks == [set(), {(1, 0)}, {(1, 0), (0, 0)}]
    assert len(bars_of(ax[1])) == 11
    assert len([p for p in ax[2].patches if not p.get_fill()]) == 2, "one cell changed: a black and a yellow frame"


def test_an_arc_answer_that_is_too_large_is_shown_whole_but_judged_where_the_solution_is() -> None:
    larger = ARC.encode("0121/3451/0000")
    (_, ax) = plots.answer_row(ARC, ARC_QUESTION, [larger], solution=ARC_ANSWER, confidences=[np.full(100, 0.1)])
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 5), (4, 0))
    assert len(bars_of(ax)) == 11
    assert len({tuple(line.get_xydata()[0]) for line in ax.lines}) == 5, "where its end markers should be"


def test_without_a_solution_an_arc_answer_is_cut_where_its_grid_ends() -> None:
    noise = np.where(ARC_ANSWER == 0, 7, ARC_ANSWER).astype(np.uint8)
    expected = (ARC_ANSWER != 0).reshape(10, 10)
    assert np.array_equal(grids.cells_in_play(ARC, noise).reshape(10, 10), expected)
    assert grids.cells_in_play(ARC, np.ones(100, np.uint8)).all(), "no grid in it: nothing is hidden"
    ax = plots.answer_row(ARC, ARC_QUESTION, [noise])
    assert (ax[1].get_xlim(), ax[1].get_ylim()) == ((0, 4), (3, 0))


# --- thinking -------------------------------------------------------------------------------------------------------


def test_thinking_draws_the_chosen_answers_above_and_all_steps_below() -> None:
    axes = plots.thinking(TASK, QUESTION, thought(), solution=ANSWER, shown=[1, 4])
    assert len(axes) == 5
    assert [ax.get_title() for ax in axes[:3]] == [
        "question",
        "after step 1, done: 10%\nthe first answer\n3 wrong, 98% sure",
        "after step 4, done: 90%\n3 changed since step 1\n0 wrong, 98% sure",
    ]
    assert [sorted(crosses_of(ax)) for ax in axes[:3]] == [[], OPEN[:3].tolist(), []]
    assert bars_of(axes[2]) == [(*divmod(int(OPEN[1]), 6), 0.5)]
    lines = lines_of(axes[3])
    assert lines["done"] == [0.1, 0.2, 0.6, 0.9]
    drawn = [line for ax in axes[3:] for line in ax.lines if not line.get_label().startswith("_")]
    assert [list(line.get_xdata()) for line in drawn] == [[1, 2, 3, 4]] * 4, "the line begins at step 1"
    assert [bar.get_x() + bar.get_width() / 2 for bar in axes[4].patches] == pytest.approx([1, 2, 3, 4])
    assert lines["sure, mean of open cells"] == pytest.approx([1 - 0.5 / len(OPEN)] * 4)
    assert lines["least sure cell"] == [0.5] * 4
    assert lines_of(axes[4]) == {"cells wrong": [3, 2, 1, 0]}
    assert heights(axes[4]) == [0, 1, 1, 1], "nothing can have changed in the first step"
    for ax in axes[3:]:
        dotted = [
            line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":" and line.get_color() == "#999999"
        ]
        assert dotted == [1, 4]
        assert ax.get_xlabel() == "supervision step (dotted: shown above)" and ax.get_ylabel()


def test_thinking_shows_steps_1_2_4_and_the_last_by_default() -> None:
    steps = [Step(i, ANSWER, None, 0.1) for i in range(1, 10)]
    axes = plots.thinking(TASK, QUESTION, steps)
    news = [ax.get_title().split("\n")[1] for ax in axes[1:-2]]
    assert news == ["the first answer", *(f"0 changed since step {i}" for i in (1, 2, 4))]
    assert [ax.get_title().split(",")[0] for ax in axes[1:-2]] == [f"after step {i}" for i in (1, 2, 4, 9)]


def test_without_a_solution_the_broken_rules_are_counted() -> None:
    axes = plots.thinking(TASK, QUESTION, thought(None))
    broken = [len(TASK.violations(QUESTION, step.answer)) for step in thought()]
    assert lines_of(axes[-1]) == {"rules broken": broken} and broken[0] > 0
    assert axes[1].get_title().endswith(f"\n{broken[0]} rules broken")
    assert list(lines_of(axes[-2])) == ["done"], "no confidence, no line"
    assert not any(crosses_of(ax) for ax in axes[:-2])


def test_a_task_that_is_judged_by_answers_has_no_rules_to_count() -> None:
    steps = [Step(1, ARC_ANSWER, None, 0.2), Step(2, ARC_ANSWER, None, 0.8)]
    axes = plots.thinking(ARC, ARC_QUESTION, steps)
    assert lines_of(axes[-1]) == {} and axes[1].get_title() == "after step 1, done: 20%\nthe first answer\n"
    text = plots.thinking_text(ARC, ARC_QUESTION, steps)
    assert "rules broken" not in text and text.endswith("No rule can judge the last answer, and no solution is given.")
    assert "whose answer is another grid" in text
    text = plots.thinking_text(ARC, ARC_QUESTION, steps, solution=ARC_ANSWER)
    assert text.endswith("The last answer equals the solution.") and "0 cells wrong" in text
    other = ARC_ANSWER.copy()
    other[0] = 5
    text = plots.thinking_text(ARC, ARC_QUESTION, steps, solution=other)
    assert text.endswith("The last answer differs from the solution in 1 cell.")


def test_padding_counts_in_no_number_of_an_arc_answer() -> None:
    noise = [np.where(ARC_ANSWER == 0, token, ARC_ANSWER).astype(np.uint8) for token in (7, 8)]
    sure = np.where(ARC_ANSWER == 0, 0.1, 0.9).astype(np.float32)
    steps = [Step(i, answer, sure, 0.5) for i, answer in enumerate(noise, start=1)]
    axes = plots.thinking(ARC, ARC_QUESTION, steps, solution=ARC_ANSWER)
    assert lines_of(axes[-1]) == {"cells wrong": [0, 0]} and heights(axes[-1]) == [0, 0]
    assert lines_of(axes[-2])["sure, mean of open cells"] == pytest.approx([0.9, 0.9])


def test_steps_without_confidence_leave_a_gap() -> None:
    steps = thought()
    steps[1].confidence = None
    axes = plots.thinking(TASK, QUESTION, steps, shown=[2])
    assert np.isnan(lines_of(axes[-2])["least sure cell"]).tolist() == [False, True, False, False]
    assert "sure" not in axes[1].get_title() and "after step 2, 2" not in axes[1].get_title()
    text = plots.thinking_text(TASK, QUESTION, steps, shown=[2])
    assert "confidence, from 98% to 98% on average" in text and "in the least sure cell" not in text


def test_a_question_without_an_open_cell_has_a_confidence_too() -> None:
    axes = plots.thinking(TASK, ANSWER, [Step(1, ANSWER, np.full(36, 0.75, np.float32), 0.5)])
    assert lines_of(axes[-2])["sure, mean of open cells"] == [0.75]


@pytest.mark.parametrize("count", [1, 3, 64])
def test_thinking_takes_any_number_of_steps(count: int) -> None:
    steps = [Step(i, answer_with_wrong(OPEN[i % 5]), np.full(36, 0.9), i / 100) for i in range(1, count + 1)]
    axes = plots.thinking(TASK, QUESTION, steps, solution=ANSWER)
    plots.figure_of(axes).canvas.draw()
    assert len(axes) == len(plots.shown_steps(count)) + 3
    assert [len(values) for values in lines_of(axes[-2]).values()] == [count] * 3
    assert all(float(tick).is_integer() for tick in axes[-2].get_xticks())
    low, high = axes[-2].get_xlim()
    assert 0 < low < 1 and count < high < count + 1
    assert ("the only step" in plots.thinking_text(TASK, QUESTION, steps)) == (count == 1)


def futoshiki() -> ModuleType:
    path = Path(__file__).resolve().parent.parent / "examples" / "futoshiki.py"
    spec = importlib.util.spec_from_file_location("futoshiki_for_plots", path)
    module = importlib.util.module_from_spec(spec)
    source = path.read_text(encoding="utf-8").replace("register_task(Futoshiki(4))", "")
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("name", ["sudoku4", "sudoku9", "maze10", "maze30", "futoshiki4"])
def test_thinking_works_for_every_kind_of_grid(name: str) -> None:
    task = futoshiki().Futoshiki(4) if name == "futoshiki4" else get_task(name)
    puzzle = task.generate(1, seed=2)
    question, answer = puzzle.questions[0], puzzle.answers[0]
    differs = np.flatnonzero(question != answer)
    worse = answer.copy()
    worse[differs[0]] = answer[differs[1]] if answer[differs[1]] != answer[differs[0]] else question[differs[0]]
    sure = np.full(task.seq_len, 0.7, np.float32)
    steps = [Step(1, worse, sure, 0.1), Step(2, answer, sure, 0.9)]
    axes = plots.thinking(task, question, steps, solution=answer)
    plots.figure_of(axes).canvas.draw()
    assert lines_of(axes[-1])["cells wrong"] == [1, 0] and heights(axes[-1]) == [0, 1]
    assert sum(line.get_marker() == "x" for line in axes[1].lines) == 1
    text = plots.thinking_text(task, question, steps, solution=answer)
    assert "1 cell wrong, 70% sure" in text and text.endswith("The last answer keeps every rule.")


def test_thinking_takes_axes_and_refuses_another_number() -> None:
    given = Figure().subplots(1, 4)
    assert plots.thinking(TASK, QUESTION, steps_of(ANSWER), given).tolist() == given.tolist()
    with pytest.raises(ValueError, match="the question, 1 answers and two charts need 4 axes, got 3"):
        plots.thinking(TASK, QUESTION, steps_of(ANSWER), given[:3])


def test_thinking_names_only_the_marks_that_can_occur() -> None:
    def legend(axes: Any) -> str:
        (text,) = plots.figure_of(axes).texts
        return text.get_text()

    everything = legend(plots.thinking(TASK, QUESTION, thought(), solution=ANSWER))
    assert all(word in everything for word in ("yellow", "cross", "less than 95% sure"))
    few = legend(plots.thinking(TASK, QUESTION, thought(None)[:1]))
    assert few == ""


def test_thinking_refuses_what_makes_no_sense() -> None:
    steps = steps_of(ANSWER, ANSWER)
    with pytest.raises(DataError, match="there is no step to show"):
        plots.thinking(TASK, QUESTION, [])
    with pytest.raises(DataError, match="step 2 stands at place 1; give all steps"):
        plots.thinking(TASK, QUESTION, steps[1:])
    with pytest.raises(ValueError, match="no answer after step 3; there are steps 1 to 2"):
        plots.thinking_text(TASK, QUESTION, steps, shown=[3])
    with pytest.raises(ValueError, match=r"shown is \[2, 1\]; give each step once, in rising order"):
        plots.thinking(TASK, QUESTION, steps, shown=[2, 1])
    with pytest.raises(ValueError, match=r"shown is \[1, 1\]; give each step once"):
        plots.thinking(TASK, QUESTION, steps, shown=[1, 1])
    with pytest.raises(ValueError, match="shown is empty"):
        plots.thinking(TASK, QUESTION, steps, shown=[])
    with pytest.raises(PuzzleError, match=r"shape \[36\], got \[35\]"):
        plots.thinking(TASK, QUESTION[:-1], steps)
    with pytest.raises(PuzzleError, match=r"shape \[36\], got \[35\]"):
        plots.thinking(TASK, QUESTION, [Step(1, ANSWER[:-1], None, 0.5)])


def test_thinking_text_says_what_the_numbers_say() -> None:
    text = plots.thinking_text(TASK, QUESTION, thought(), solution=ANSWER, shown=[1, 4])
    assert f"a puzzle of sudoku6, {len(OPEN)} cells of 36 open" in text
    assert (
        "after step 1, 3 cells wrong, 98% sure on average, 50% in the least sure cell, done with probability 10%"
        in text
    )
    assert "after step 4, 3 cells changed since step 1, 0 cells wrong" in text
    assert "from 10% to 90%, first above one half after step 3" in text
    assert "cells changed, 1 in step 2, 1 in step 4, and cells wrong, 3 after step 1, 0 after step 4." in text
    assert text.endswith("The last answer keeps every rule.")


def test_thinking_text_of_a_network_that_errs() -> None:
    steps = steps_of(answer_with_wrong(OPEN[0]), ANSWER, answer_with_wrong(*OPEN[:2]), answer_with_wrong(*OPEN[:2]))
    text = plots.thinking_text(TASK, QUESTION, steps, solution=ANSWER)
    broken = TASK.violations(QUESTION, steps[-1].answer)
    assert text.endswith(f"The last answer: {len(broken)} rules broken, first: {broken[0]}.")
    assert "never above one half" in text
    assert "1 in step 2, 0 in step 4, none after step 3, and cells wrong, 1 after step 1, 2 after step 4" in text
    assert "fewest 0 after step 2" in text
    assert "cells changed: none" in plots.thinking_text(TASK, QUESTION, steps_of(ANSWER, ANSWER))


def test_almost_certain_is_not_said_to_be_certain() -> None:
    assert [grids.percent(share) for share in (0.994, 0.995, 0.9994, 1.0, 0.0)] == [
        "99%",
        "over 99%",
        "over 99%",
        "100%",
        "0%",
    ]


# --- maps -----------------------------------------------------------------------------------------------------------


def image_of(ax: Any) -> np.ndarray:
    (image,) = [image for image in ax.images if np.asarray(image.get_array()).ndim == 3]
    return np.asarray(image.get_array())


def test_the_colours_of_a_map_get_darker_all_the_way() -> None:
    light = [style.luminance(colour) for colour in maps.SHADES(np.linspace(0, 1, 64))]
    assert (np.diff(light) < 0).all() and light[0] == pytest.approx(1.0) and light[-1] < 0.03


def test_letters_have_contrast_on_every_shade() -> None:
    for shade in maps.SHADES(np.linspace(0, 1, 64)):
        low, high = sorted((style.luminance(shade[:3]), style.luminance(style.readable_on(shade))))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_a_map_shades_each_cell_by_its_value_and_keeps_the_digits() -> None:
    values = np.arange(5.0, 41.0)
    ax = plots.grid_map(TASK, values, question=QUESTION, answer=ANSWER, cell=8, label="interest")
    assert np.allclose(image_of(ax), maps.SHADES(values / 40).reshape(6, 6, 4))
    assert [text.get_text() for text in ax.texts] == list(TASK.decode(ANSWER))
    assert [text.get_weight() == "bold" for text in ax.texts] == (QUESTION > 1).tolist()
    assert [to_hex(ax.texts[i].get_color()) for i in (0, 35)] == ["#000000", "#ffffff"]
    (bar,) = [other for other in ax.figure.axes if other is not ax]
    assert bar.get_ylabel() == "interest" and bar.get_ylim() == (0, 40)
    assert {patch.get_xy() for patch in ax.patches} == {(2, 1)}, "the framed cell"


def test_a_map_shows_the_question_if_there_is_no_answer_and_nothing_if_there_is_neither() -> None:
    ax = plots.grid_map(TASK, np.ones(36), question=QUESTION)
    assert len(ax.texts) == (QUESTION > 1).sum()
    assert not ax.patches and not plots.grid_map(TASK, np.ones(36)).texts


def test_maps_can_share_a_scale_and_do_without_a_bar() -> None:
    values = np.zeros(36)
    values[3] = 2
    ax = plots.grid_map(TASK, values, highest=4.0, bar=False)
    assert np.allclose(image_of(ax)[0, 3], maps.SHADES(0.5)) and np.allclose(image_of(ax)[0, 0], 1)
    assert ax.figure.axes == [ax]
    assert np.allclose(image_of(plots.grid_map(TASK, np.zeros(36))), 1), "nothing anywhere is white everywhere"


def test_where_cells_have_colours_the_area_of_a_dot_is_the_value() -> None:
    task, values = get_task("maze10"), np.zeros(100)
    values[[12, 57, 99]] = 4.0, 1.0, 0.001
    ax = plots.grid_map(task, values, question=MAZE.questions[0], cell=12, label="attention")
    rim, dots = [c for c in ax.collections if c.get_zorder() == 3.5]
    assert dots.get_offsets().tolist() == [[2.5, 1.5], [7.5, 5.5]], "what is too small to see is left out"
    wide = 2 * dots._widths  # matplotlib keeps half of them
    assert wide == pytest.approx([0.8, 0.4])
    assert (rim._widths > dots._widths).all() and to_hex(rim.get_facecolor()[0]) == "#ffffff"
    assert ax.get_xlabel() == "area of a dot: attention\nthe largest is 4"
    assert [text.get_text() for text in ax.texts] == ["S", "G"] and all(text.get_zorder() > 3.5 for text in ax.texts)
    assert ax.images, "the walls are still there"
    assert ax.figure.axes == [ax]


def test_a_map_on_an_arc_grid_says_what_lies_outside() -> None:
    values = np.zeros(100)
    values[[3, 99]] = 3.0, 1.0  # the end marker to the right of the first row is drawn
    ax = plots.grid_map(ARC, values, question=ARC_ANSWER)
    assert ax.get_xlabel().endswith("the largest is 3; 25% lies outside the grid")
    values[99] = 0
    assert plots.grid_map(ARC, values, question=ARC_ANSWER).get_xlabel().endswith("the largest is 3")


def test_a_map_refuses_what_is_no_amount() -> None:
    values = np.full(36, 0.25)
    values[7] = 1
    with pytest.raises(ValueError, match="there is no cell 36; the cells are 0 to 35"):
        plots.grid_map(TASK, values, cell=36)
    with pytest.raises(ValueError, match="there is no cell -1"):
        plots.grid_map_text(TASK, values, cell=-1)
    with pytest.raises(ValueError, match="highest is 0.5; it must be at least the largest value, 1"):
        plots.grid_map(TASK, values, highest=0.5)
    values[4] = np.nan
    with pytest.raises(ValueError, match="value of cell 4 is not finite"):
        plots.grid_map(TASK, values)
    values[4] = -2
    with pytest.raises(ValueError, match="value of cell 4 is -2; a map shows amounts"):
        plots.grid_map_text(TASK, values)
    with pytest.raises(PuzzleError, match=r"shape \[36\], got \[35\]"):
        plots.grid_map(TASK, values[:-1])


def test_grid_map_text_says_where_values_lie() -> None:
    values = np.zeros(36)
    values[[8, 9, 14, 35]] = 1.0, 5.0, 3.0, 1.0
    text = plots.grid_map_text(TASK, values, question=QUESTION, answer=ANSWER, cell=8, label="interest")
    digit = [str(int(token) - 1) for token in ANSWER]
    assert text.startswith("Map of interest on a grid of 6 rows and 6 columns: ")
    top = f"5 at row 2, column 4 ({digit[9]}), 3 at row 3, column 3 ({digit[14]}), 1 at row 2, column 3 ({digit[8]})"
    assert f"largest {top}, together 90% of the sum" in text
    assert "60% lies in the framed cell's row (evenly spread: 17%)" in text
    assert "40% lies in the framed cell's column (evenly spread: 17%)" in text
    assert "median 0; 0 in 32 cells" in text
    assert text.endswith(f"Framed: row 2, column 3 ({digit[8]}), with 1.")
    assert plots.grid_map_text(TASK, np.zeros(36)).endswith(": 0 in every cell.")
    values[[8, 14, 35]] = 0.04
    assert "largest 5 at row 2, column 4; median" in plots.grid_map_text(TASK, values), "1% is where naming ends"
    assert "smallest 1 at row 1, column 1" in plots.grid_map_text(TASK, values + 1)


# --- attention ------------------------------------------------------------------------------------------------------


def unrolled_step(prefix: int = 0, heads: int = 4, task: Any = TASK) -> inside.Unrolled:
    extra = {"prefix_len": prefix, "puzzle_ids": 1, "puzzle_dim": 16} if prefix else {}
    size = {"vocab_size": task.vocab_size, "seq_len": task.seq_len, "hidden": 16, "n_layers": 2, "T": 2, "n": 2}
    model = TRM(ModelConfig(**size, mixer="attention", heads=heads, positions="rotary", **extra))
    questions = np.stack([QUESTION, ANSWER]) if task is TASK else MAZE.questions
    return inside.unroll(model, torch.from_numpy(questions).long())


def shares_of(ax: Any, highest: float) -> np.ndarray:
    """The values of a map, read from its colours."""
    table = maps.SHADES(np.linspace(0, 1, 256))
    pixels = image_of(ax).reshape(-1, 1, 4)
    return np.linspace(0, 1, 256)[np.abs(pixels - table).sum(-1).argmin(1)] * highest


@pytest.mark.parametrize("prefix", [0, 3])
def test_attention_is_that_of_the_chosen_cell_layer_head_and_update(prefix: int) -> None:
    unrolled = unrolled_step(prefix)
    weights = inside.attention_weights(unrolled, 5)[0, 1, :, prefix + 8].numpy()
    axes = plots.attention_on_grid(TASK, unrolled, 5, 8, question=QUESTION, layer=1, puzzle=1)
    maps = [weights.mean(0), *weights]
    highest = float(max(row[prefix:].max() for row in maps))
    assert len(axes) == 5
    for ax, row in zip(axes, maps, strict=True):
        assert shares_of(ax, highest) == pytest.approx(row[prefix:], abs=highest / 200)
        assert {patch.get_xy() for patch in ax.patches} == {(2, 1)}
    names = ["mean of the heads", "head 1", "head 2", "head 3", "head 4"]
    notes = [f"\n{row[:prefix].sum():.0%} go to the prefix" if prefix else "" for row in maps]
    assert [ax.get_title() for ax in axes] == [name + note for name, note in zip(names, notes, strict=True)]
    where = "Layer 1 of 2, recursion 2 of 2, update 2 of 3: network renews z from z + y + x"
    assert axes[0].figure.get_suptitle() == where
    text = plots.attention_on_grid_text(TASK, unrolled, 5, 8, question=QUESTION, layer=1, puzzle=1)
    assert text.startswith("5 maps of the attention of one cell, framed: row 2, column 3") and where in text
    assert (f"head 2: {weights[1, :prefix].sum():.0%} go to the prefix; largest" in text) == bool(prefix)
    best = int(weights[3, prefix:].argmax())
    assert f"largest {weights[3, prefix + best]:.0%} at row {best // 6 + 1}, column {best % 6 + 1}" in text


def test_attention_shows_the_last_layer_unless_told_and_a_renewed_answer_too() -> None:
    unrolled = unrolled_step()
    kw = {"question": QUESTION}
    last = plots.attention_on_grid_text(TASK, unrolled, 3, 0, **kw)
    assert last == plots.attention_on_grid_text(TASK, unrolled, 3, 0, **kw, layer=2)
    assert last != plots.attention_on_grid_text(TASK, unrolled, 3, 0, **kw, layer=1)
    assert "recursion 1 of 2, update 3 of 3: network renews y from y + z" in last


def test_one_head_has_one_map_and_a_maze_has_dots() -> None:
    (ax,) = plots.attention_on_grid(TASK, unrolled_step(heads=1), 1, 0, question=QUESTION)
    assert ax.get_title() == "the only head"
    task = get_task("maze10")
    axes = plots.attention_on_grid(task, unrolled_step(heads=2, task=task), 1, 0, question=MAZE.questions[0])
    assert len(axes) == 3 and len(axes[0].figure.axes) == 3, "no colour bar"
    assert all("area of a dot: attention" in ax.get_xlabel() for ax in axes)


def test_attention_takes_axes_and_refuses_what_does_not_exist() -> None:
    unrolled, kw = unrolled_step(), {"question": QUESTION}
    given = Figure().subplots(1, 5)
    assert plots.attention_on_grid(TASK, unrolled, 1, 0, given, **kw).tolist() == given.tolist()
    assert given[0].figure.get_suptitle() == ""
    for call, words in (
        ({"update": 7, "cell": 0}, "there is no update 7; this supervision step has 1 to 6"),
        ({"update": 1, "cell": 36}, "there is no cell 36; the cells are 0 to 35"),
        ({"update": 1, "cell": 0, "layer": 3}, "there is no layer 3; there are 1 to 2"),
        ({"update": 1, "cell": 0, "layer": 0}, "there is no layer 0"),
        ({"update": 1, "cell": 0, "puzzle": 2}, "there is no puzzle 2; 0 to 1 were unrolled"),
        ({"update": 1, "cell": 0, "axes": given[:2]}, "4 heads and their mean need 5 axes, got 2"),
    ):
        with pytest.raises(ValueError, match=words):
            plots.attention_on_grid(TASK, unrolled, **call, **kw)
    with pytest.raises(DataError, match="sudoku4 has 16 cells, the network 36"):
        plots.attention_on_grid(get_task("sudoku4"), unrolled, 1, 0, question=TEXTS.questions[0])
    mixer = TRM(ModelConfig(vocab_size=8, seq_len=36, hidden=16))
    with pytest.raises(RecipeError, match="no attention, its mixer is mlp"):
        plots.attention_on_grid(TASK, inside.unroll(mixer, torch.from_numpy(QUESTION[None]).long()), 1, 0, **kw)
