"""Pictures have alternative texts, players show what the network did, and wrong input is told in a line of text."""

from __future__ import annotations

import gc
import html
import time
from html.parser import HTMLParser
from typing import Any

import ipywidgets
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output
from torch import nn

from trm_edu import TRM, ModelConfig, get_task, plots, widgets
from trm_edu.errors import DataError
from trm_edu.logs import RunLog
from trm_edu.recipes import Recipe
from trm_edu.solve import Step
from trm_edu.widgets import Frames, LiveTraining, Player, YourPuzzle

TASK = get_task("sudoku6")
PUZZLE = TASK.generate(1, seed=3)
QUESTION, ANSWER = PUZZLE.questions[0], PUZZLE.answers[0]
OPEN = np.flatnonzero(QUESTION == 1)


def answer_with_wrong(*cells: int) -> np.ndarray:
    """The right answer with another digit in some cells."""
    answer = ANSWER.copy()
    answer[list(cells)] = (answer[list(cells)] - 1) % 6 + 2
    return answer


def steps_of(*answers: np.ndarray, halt: float = 0.25) -> list[Step]:
    sure = np.full(36, 0.5, np.float32)
    return [Step(i, answer, sure, halt) for i, answer in enumerate(answers, start=1)]


class Oracle(nn.Module):
    """A network that makes one mistake less at every supervision step, and says that it is done when it is right."""

    config = ModelConfig(vocab_size=8, seq_len=36, hidden=8)

    def __init__(self, mistakes: int):
        super().__init__()
        self.mistakes = mistakes
        self.weight = nn.Parameter(torch.zeros(1))

    def initial_state(self, batch_size: int) -> tuple[torch.Tensor]:
        return (torch.tensor(self.mistakes),)

    def forward(self, inputs: torch.Tensor, state: tuple[torch.Tensor], puzzle_ids: torch.Tensor) -> Any:
        from trm_edu.interface import Output

        solution = TASK.solve_by_search(inputs[0].numpy())
        solution[OPEN[: int(state[0])]] = (solution[OPEN[: int(state[0])]] - 1) % 6 + 2
        logits = nn.functional.one_hot(torch.from_numpy(solution).long(), 8).float()[None]
        halt = torch.full((1,), 3.0 if state[0] == 0 else -3.0)
        return (torch.clamp(state[0] - 1, min=0),), Output(logits, halt, halt)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is handed to IPython's display."""
    caught: list[Any] = []
    monkeypatch.setattr("IPython.display.display", lambda *objects, **_: caught.extend(objects))
    return caught


def alternative_texts(page: str) -> list[str | None]:
    """The `alt` of every image, as a browser reads it."""
    found: list[str | None] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if tag == "img":
                found.append(dict(attributes).get("alt"))

    Reader().feed(page)
    return found


# --- pictures -------------------------------------------------------------------------------------------------------


def test_the_alternative_text_reaches_the_page_and_nbconvert(shown: list[Any]) -> None:
    plots.show(plots.grid(TASK, QUESTION), 'A grid, "hard",\n  with <few> clues')
    (bundle,) = shown
    assert bundle["text/plain"] == 'A grid, "hard", with <few> clues'
    cell = new_code_cell("show", outputs=[new_output("display_data", bundle)])
    page, _ = HTMLExporter().from_notebook_node(new_notebook(cells=[cell]))
    assert alternative_texts(page) == ['A grid, "hard", with <few> clues']
    assert 'src="data:image/png;base64,iVBOR' in page


def test_an_empty_alternative_text_is_refused() -> None:
    with pytest.raises(ValueError, match="alt_text is empty"):
        plots.show(plots.grid(TASK, QUESTION), "  ")


def test_a_shown_pyplot_figure_is_closed(shown: list[Any]) -> None:
    from matplotlib import pyplot

    figure, ax = pyplot.subplots()
    plots.show(ax, "empty axes")
    assert not pyplot.fignum_exists(figure.number)


def test_changed_cells() -> None:
    after = answer_with_wrong(OPEN[0], OPEN[3])
    assert np.flatnonzero(plots.changed_cells(ANSWER, after)).tolist() == [OPEN[0], OPEN[3]]


class Recorder:
    """Stands in for a task and remembers what it is asked to draw."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(TASK, name)

    def draw(self, ax: Any, tokens: Any, **marks: Any) -> Any:
        self.calls.append(marks)
        return TASK.draw(ax, tokens, **marks)


def test_answer_row_marks_what_changed_since_the_picture_before_and_what_is_wrong() -> None:
    answers = [answer_with_wrong(*OPEN[:3]), answer_with_wrong(*OPEN[:2]), answer_with_wrong(OPEN[0]), ANSWER]
    recorder = Recorder()
    axes = plots.answer_row(recorder, QUESTION, answers, [1, 3, 4], solution=ANSWER)
    assert [ax.get_title() for ax in axes] == ["question", "after step 1", "after step 3", "after step 4"]
    _, *drawn = recorder.calls
    assert drawn[0]["changed"] is None
    assert [np.flatnonzero(call["changed"]).tolist() for call in drawn[1:]] == [OPEN[1:3].tolist(), [OPEN[0]]]
    assert [int(call["wrong"].sum()) for call in drawn] == [3, 1, 0]


def test_answer_row_takes_axes_and_refuses_a_step_that_does_not_exist() -> None:
    axes = Figure().subplots(1, 2)
    assert plots.answer_row(TASK, QUESTION, [ANSWER], axes=axes)[1] is axes[1]
    with pytest.raises(ValueError, match="no answer after step 2; there are steps 1 to 1"):
        plots.answer_row(TASK, QUESTION, [ANSWER], [2])


@pytest.mark.parametrize(("count", "chosen"), [(1, [1]), (3, [1, 2, 3]), (16, [1, 2, 4, 16])])
def test_shown_steps(count: int, chosen: list[int]) -> None:
    assert plots.shown_steps(count) == chosen


def log_rows(n_supervision: int = 16) -> list[dict[str, Any]]:
    exact = np.linspace(0.1, 0.9, n_supervision).tolist()
    return [
        {"kind": "start"},
        {"kind": "step", "step": 20, "seconds": 1.0, "loss": 1.5},
        {"kind": "eval", "step": 20, "seconds": 1.2, "exact": exact},
        {"kind": "step", "step": 40, "seconds": 2.0, "loss": 0.5},
        {"kind": "end", "step": 40, "seconds": 3.0, "train_seconds": 2.0, "exact": exact, "count": 1000},
    ]


def test_learning_curve_draws_the_rows_of_a_log() -> None:
    loss, score = plots.learning_curve(log_rows())
    assert loss.lines[0].get_xydata().tolist() == [[20, 1.5], [40, 0.5]]
    assert [line.get_label() for line in score.lines] == ["after step 1", "after step 4", "after step 16"]
    assert score.lines[2].get_xydata()[-1].tolist() == [40, pytest.approx(0.9)]
    assert len({(line.get_linestyle(), line.get_marker()) for line in score.lines}) == 3, "grey must tell them apart"


@pytest.mark.parametrize("rows", [[], [{"kind": "start"}], log_rows(1), log_rows(4)])
def test_learning_curve_of_a_run_that_has_hardly_begun_or_has_few_steps(rows: list[dict[str, Any]]) -> None:
    plots.figure_of(plots.learning_curve(rows)).canvas.draw()


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
    looks = [plots.recipe_style(i) for i in range(16)]
    assert len({(look["linestyle"], look["marker"]) for look in looks}) == 16
    assert len({(look["color"], look["linestyle"]) for look in looks}) == 16
    assert {(look["color"], look["marker"]) for look in looks} == {
        (colour, marker) for colour, _, marker in plots.STYLES
    }
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
    smooth = plots.running_mean(values)
    assert smooth[0] == 0 and smooth[1] == values[:3].mean() and smooth[40] == values[38:43].mean()
    assert smooth[-1] == values[-3:].mean() and plots.running_mean(values[:3]).tolist() == [0, 1, 4]


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


def test_accuracy_by_step_starts_at_step_one() -> None:
    ax = plots.accuracy_by_step([0.1, 0.5, 0.9], halting=[0.2, 0.4, 0.8])
    assert ax.lines[0].get_xydata().tolist() == [[1, 0.1], [2, 0.5], [3, 0.9]]
    assert len(ax.lines) == 2


def test_solved_by_guesses_groups_and_counts() -> None:
    ax = plots.solved_by_guesses(np.array([0, 0, 2, 3, 9, 10, 70]), np.array([1, 0, 1, 1, 0, 0, 0], bool))
    solved, failed = ax.containers
    assert [int(bar.get_height()) for bar in solved] == [1, 1, 1, 0]
    assert [int(bar.get_height()) for bar in failed] == [1, 0, 1, 2]
    assert failed[0].get_y() == 1, "stacked"
    assert [text.get_text() for text in ax.texts] == ["1 of 2", "1 of 1", "1 of 2", "0 of 2"]


# --- frames ---------------------------------------------------------------------------------------------------------


def test_frames_say_what_changed_what_is_wrong_and_what_the_rules_say() -> None:
    frames = Frames(TASK, QUESTION, steps_of(answer_with_wrong(*OPEN[:2]), answer_with_wrong(OPEN[0]), ANSWER), ANSWER)
    assert len(frames) == 4
    assert [int(frames.changed(i).sum()) for i in range(4)] == [0, 0, 1, 1]
    question, first, second, last = (frames.html(i) for i in range(4))
    assert "the question" in question and "rules" not in question
    assert "the first answer" in first and "2 cells wrong" in first
    assert "1 cells changed" in second and "rules broken, first: " in second
    assert "0 cells wrong" in last and "solved: every rule holds" in last and "probability 0.25" in last


def test_a_frame_has_one_text_for_each_digit_and_a_label() -> None:
    picture = widgets.grid_svg(TASK, ANSWER, given=QUESTION, changed=None, wrong=answer_with_wrong(OPEN[0]) != ANSWER)
    assert picture.count("<text") == 36
    assert picture.count('font-weight="bold"') == 36 - len(OPEN)
    assert picture.count(f'stroke="{plots.VERMILION}"') == 1
    assert 'role="img" aria-label="grid; 0 cells changed, 1 wrong"' in picture


def test_an_unfinished_answer_is_drawn_and_judged() -> None:
    frames = Frames(TASK, QUESTION, steps_of(np.zeros(36, np.uint8), QUESTION))
    assert "which is no digit" in frames.html(1) or "changed" in frames.html(1)
    assert "is empty" in frames.html(2)


def test_what_a_task_says_is_text_and_not_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widgets, "verdict", lambda *_: (False, "cell <3> is open"))
    assert "cell &lt;3&gt; is open" in Frames(TASK, QUESTION, steps_of(ANSWER)).html(1)


def test_a_frame_is_made_fast_enough_for_ten_a_second() -> None:
    task = get_task("sudoku9")
    puzzle = task.generate(1, seed=0)
    sure = np.ones(81, np.float32)
    steps = [Step(i, puzzle.answers[0], sure, 0.5) for i in range(1, 17)]
    frames = Frames(task, puzzle.questions[0], steps, puzzle.answers[0])
    frames.html(1)
    started = time.perf_counter()
    for i in range(16):
        frames.html(i)
    assert (time.perf_counter() - started) / 16 < 0.03


# --- players --------------------------------------------------------------------------------------------------------


def test_the_player_shows_every_step_until_the_network_is_done() -> None:
    player = Player(Oracle(3), TASK, QUESTION, live=True)
    assert player.slider.max == player.play.max == 4
    assert "the question" in player.picture.value
    player.slider.value = 4
    assert "step 4" in player.picture.value and "solved: every rule holds" in player.picture.value
    player.slider.value = 2
    assert "step 2</b> of 4" in player.picture.value and "rule" in player.picture.value


def test_the_player_without_a_front_end_shows_a_picture_with_the_verdict(
    shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(widgets.LIVE_VARIABLE, "0")
    Player(Oracle(3), TASK, QUESTION, solution=ANSWER)._ipython_display_()
    (bundle,) = shown
    assert bundle["text/html"].startswith("<img alt=")
    assert "after steps 1, 2, 4. Last: solved: every rule holds." in bundle["text/plain"]


def test_the_player_with_a_front_end_shows_its_controls(shown: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(widgets.LIVE_VARIABLE, raising=False)
    monkeypatch.setenv("JPY_SESSION_NAME", "lesson.ipynb")
    player = Player(Oracle(1), TASK, QUESTION)
    player._ipython_display_()
    assert shown == [player.box]


@pytest.mark.parametrize("names", [("JPY_SESSION_NAME",), ("VSCODE_PID",), ()])
def test_a_front_end_is_recognised(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (widgets.LIVE_VARIABLE, "JPY_SESSION_NAME", "VSCODE_PID"):
        monkeypatch.delenv(name, raising=False)
    for name in names:
        monkeypatch.setenv(name, "1")
    assert widgets.live_front_end() == bool(names)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("123", "found 3 cells, need 36"),
        ("x" * 36, "is no cell"),
        ("11" + "." * 34, "row 1 holds 1 twice"),
        (np.ones(35, np.uint8), "one puzzle has shape [36]"),
    ],
)
def test_wrong_questions_become_a_line_of_text(
    question: Any, said: str, shown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    player = Player(Oracle(1), TASK, question, live=False)
    player._ipython_display_()
    assert shown == [] and said in capsys.readouterr().out
    assert html.escape(said) in Player(Oracle(1), TASK, question, live=True).picture.value


def test_a_network_of_another_task_becomes_a_line_of_text() -> None:
    player = Player(TRM(ModelConfig(vocab_size=6, seq_len=16, hidden=8)), TASK, QUESTION, live=True)
    assert "this network takes 16 cells" in player.problem


def test_a_player_does_not_grow() -> None:
    """200 steps and 20 new puzzles: no widget more, and frames are not kept."""
    player = Player(Oracle(3), TASK, QUESTION, live=True)
    before = len(ipywidgets.widgets.widget._instances)
    gc.collect()
    objects = len(gc.get_objects())
    for i in range(200):
        player.slider.value = i % 4
        if i % 10 == 0:
            player.run(QUESTION, ANSWER)
    gc.collect()
    assert len(ipywidgets.widgets.widget._instances) == before
    assert len(gc.get_objects()) - objects < 500


# --- your puzzle ----------------------------------------------------------------------------------------------------


def test_your_puzzle_checks_while_you_type_and_solves() -> None:
    yours = YourPuzzle(Oracle(2), TASK, TASK.decode(QUESTION), live=True)
    assert "a puzzle without contradictions" in yours.status.value
    assert yours.field.value.splitlines()[0] == "+-------+-------+"
    yours.button.click()
    assert "solved and verified (start 1 of 1" in yours.status.value
    assert yours.answer.layout.display is None
    assert "solved: every rule holds" in yours.player.picture.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found 0 cells, need 36"),
        ("12345", "found 5 cells"),
        ("?" * 36, "is no cell"),
        ("11" + "." * 34, "row 1 holds 1 twice"),
    ],
)
def test_your_puzzle_says_what_is_wrong_and_offers_no_button(text: str, said: str) -> None:
    yours = YourPuzzle(Oracle(2), TASK, TASK.decode(QUESTION), live=True)
    yours.field.value = text
    assert html.escape(said) in yours.status.value
    assert yours.button.disabled
    yours.field.value = TASK.decode(QUESTION)
    assert not yours.button.disabled


@pytest.mark.parametrize(
    ("text", "said"), [("1" + "." * 35, "more than one solution"), ("123...4....." + "." * 24, "solution")]
)
def test_your_puzzle_refuses_an_improper_puzzle_in_a_line(text: str, said: str) -> None:
    yours = YourPuzzle(Oracle(2), TASK, text, live=True)
    yours.button.click()
    assert said in yours.status.value
    assert yours.player.frames is None


def test_your_puzzle_says_honestly_that_it_did_not_solve_it() -> None:
    yours = YourPuzzle(Oracle(36), TASK, TASK.decode(QUESTION), starts=1, live=True)
    yours.button.click()
    assert "not solved" in yours.status.value


def test_your_puzzle_without_a_front_end_shows_a_picture(shown: list[Any]) -> None:
    YourPuzzle(Oracle(2), TASK, TASK.decode(QUESTION), live=False)._ipython_display_()
    assert len(shown) == 1 and "solved: every rule holds" in shown[0]["text/plain"]


def test_without_a_front_end_no_widget_is_made() -> None:
    """nbclient would store it in the notebook, and JupyterLab would look for it in vain."""
    before = len(ipywidgets.widgets.widget._instances)
    Player(Oracle(2), TASK, QUESTION, live=False)
    YourPuzzle(Oracle(2), TASK, TASK.decode(QUESTION), live=False).solve()
    assert len(ipywidgets.widgets.widget._instances) == before


def test_your_puzzle_without_a_front_end_says_what_is_wrong(
    shown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    YourPuzzle(Oracle(2), TASK, "12", live=False)._ipython_display_()
    assert shown == [] and "found 2 cells, need 36" in capsys.readouterr().out


def test_your_puzzle_does_not_grow() -> None:
    yours = YourPuzzle(Oracle(2), TASK, TASK.decode(QUESTION), live=True)
    before = len(ipywidgets.widgets.widget._instances)
    for _ in range(20):
        yours.button.click()
        yours.field.value = "12"
        yours.field.value = TASK.decode(QUESTION)
    assert len(ipywidgets.widgets.widget._instances) == before


# --- live training --------------------------------------------------------------------------------------------------


def test_live_training_writes_over_one_output(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handle:
        pages: list[str] = []

        def update(self, bundle: dict[str, str], **_: Any) -> None:
            self.pages.append(bundle["text/html"])

    monkeypatch.setattr("IPython.display.display", lambda *_, **options: Handle() if options["display_id"] else None)
    live = LiveTraining(Recipe(name="try", steps=40), every=0.0)
    for row in log_rows():
        live(row)
    assert len(Handle.pages) == 4
    assert "try: step 20 of 40, about 1 s left" in Handle.pages[0]
    assert "40 steps in 2 s, exact 90.0% of 1,000 unseen puzzles" in Handle.pages[-1]
    assert all('<img alt="Two curves' in page for page in Handle.pages)


def test_live_training_draws_no_more_often_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[Any] = []
    handle = type("Handle", (), {"update": lambda _, page, **__: pages.append(page)})()
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: handle)
    live = LiveTraining(Recipe(name="try", steps=40), every=1000.0)
    for row in log_rows():
        live(row)
    assert len(pages) == 2, "the first row and the last"
