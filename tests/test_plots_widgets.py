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
