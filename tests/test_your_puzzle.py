"""A puzzle of one's own: checked while it is typed, solved at a press, and every mistake told in a line."""

from __future__ import annotations

import gc
import html
import threading
import time
from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np
import pytest
from stand_ins import ANSWER, OPEN, QUESTION, TASK, Oracle

from trm_edu import TRM, ModelConfig, get_task
from trm_edu.checkpoints import shipped_model
from trm_edu.errors import PuzzleError
from trm_edu.widgets import Player, YourPuzzle


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


def test_your_puzzle_without_a_front_end_shows_a_picture_and_the_line(
    shown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    YourPuzzle(Oracle(2), TASK, TASK.decode(QUESTION), live=False)._ipython_display_()
    assert len(shown) == 1 and shown[0]["text/html"].startswith("<img alt=")
    assert "every rule" in shown[0]["text/plain"]
    assert "solved and verified (start 1 of 1" in capsys.readouterr().out


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


# --- the grid and the text in step ----------------------------------------------------------------------------------


def send(widget: ipywidgets.Widget, **state: Any) -> None:
    """What a page's `save_changes` makes the kernel do."""
    data = {"method": "update", "state": state, "buffer_paths": []}
    widget._handle_msg({"content": {"data": data}, "buffers": []})


def with_cell(tokens: np.ndarray, cell: int, token: int) -> list[int]:
    changed = tokens.tolist()
    changed[cell] = token
    return changed


@pytest.fixture
def yours() -> YourPuzzle:
    return YourPuzzle(Oracle(2), TASK, TASK.decode(QUESTION), live=True)


def test_the_grid_shows_the_puzzle_and_typing_in_it_rewrites_the_text(yours: YourPuzzle) -> None:
    assert yours.grid.cells == QUESTION.tolist()
    cells = with_cell(QUESTION, int(OPEN[0]), int(ANSWER[OPEN[0]]))
    send(yours.grid, cells=cells)
    assert yours.field.value == TASK.format_grid(np.array(cells, np.uint8))
    assert yours.said == "a puzzle without contradictions" and not yours.button.disabled


def test_text_fills_the_grid_and_stays_as_it_was_typed(yours: YourPuzzle) -> None:
    text = "1" + "." * 34 + "2"
    send(yours.field, value=text)
    assert yours.grid.cells == [2, *[1] * 34, 3]
    assert yours.field.value == text


def test_text_that_is_no_puzzle_leaves_the_grid_and_says_why(yours: YourPuzzle) -> None:
    send(yours.field, value="12345")
    assert yours.grid.cells == QUESTION.tolist()
    assert "found 5 cells" in yours.said and yours.button.disabled
    send(yours.grid, cells=with_cell(QUESTION, int(OPEN[0]), int(ANSWER[OPEN[0]])))
    assert "without contradictions" in yours.said and yours.field.value.startswith("+---")


def test_contradicting_cells_are_crossed_until_they_agree(yours: YourPuzzle) -> None:
    send(yours.grid, cells=[2, 2, *[1] * 34])
    assert yours.grid.bad == [0, 1] and "row 1 holds 1 twice" in yours.said and yours.button.disabled
    send(yours.field, value="12" + "." * 33)
    assert yours.grid.bad == [] and "found 35 cells" in yours.said
    send(yours.field, value="1" + "." * 34 + "1")
    assert yours.grid.bad == []
    send(yours.field, value="3" + "." * 29 + "3.....")
    assert yours.grid.bad == [0, 30] and yours.grid.cells[30] == 4
    send(yours.grid, cells=[1] * 36)
    assert yours.grid.bad == [] and not yours.button.disabled


def test_nothing_given_opens_an_empty_grid_with_its_text() -> None:
    yours = YourPuzzle(Oracle(2), TASK, live=True)
    assert yours.grid.cells == [1] * 36
    assert yours.field.value == TASK.format_grid(np.ones(36, np.uint8))
    assert yours.said == "a puzzle without contradictions"


def test_text_that_is_no_puzzle_stands_there_as_it_was_given() -> None:
    yours = YourPuzzle(Oracle(2), TASK, "half a puzzle", live=True)
    assert yours.field.value == "half a puzzle" and yours.grid.cells == [1] * 36
    assert "is no cell" in yours.said and yours.button.disabled
    yours.clear_button.click()
    assert yours.field.value == TASK.format_grid(np.ones(36, np.uint8)) and not yours.button.disabled


def test_clear_blanks_all_cells_and_start_again_brings_the_first_puzzle(yours: YourPuzzle) -> None:
    first = yours.field.value
    yours.clear_button.click()
    assert yours.grid.cells == [1] * 36 and TASK.encode(yours.field.value).tolist() == [1] * 36
    send(yours.grid, cells=[2, 2, *[1] * 34])
    yours.again_button.click()
    assert yours.field.value == first and yours.grid.cells == QUESTION.tolist() and yours.grid.bad == []
    assert not yours.button.disabled


def test_an_edit_of_a_large_maze_takes_a_few_milliseconds() -> None:
    task = get_task("maze30")
    text = task.decode(task.generate(1, seed=0).questions[0])
    YourPuzzle(Oracle(2), task, text, live=True)
    started = time.perf_counter()
    yours = YourPuzzle(Oracle(2), task, text, live=True)
    opened = time.perf_counter()
    for cell in range(20):
        send(yours.grid, cells=[*yours.grid.cells[:cell], 2, *yours.grid.cells[cell + 1 :]])
    assert opened - started < 0.5
    assert (time.perf_counter() - opened) / 20 < 0.05
    assert set(task.encode(yours.field.value)[:20].tolist()) == {2}


def test_a_task_without_single_characters_has_the_text_alone() -> None:
    yours = YourPuzzle(Oracle(2), get_task("arc7"), "012/345", live=True)
    assert yours.grid is None and yours.field.value == "012\n345"
    assert "no rules by which an answer could be checked" in yours.said and yours.button.disabled
    yours.clear_button.click()
    assert yours.field.value == ""
    yours.again_button.click()
    assert yours.field.value == "012\n345"


# --- what goes wrong becomes a line ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("press", "said"),
    [
        (lambda yours: yours.clear_button.click(), "more than one solution"),
        (lambda yours: send(yours.grid, cells=[2, *[1] * 35]), "more than one solution"),
        (lambda yours: send(yours.grid, cells=[2, 3, 4, 1, 1, 1, 1, 1, 1, 5, *[1] * 26]), "solution"),
        (lambda yours: send(yours.grid, cells=[2, 3, 4, 5, 6, 1, *[1] * 5, 7, *[1] * 24]), "no solution"),
        (lambda yours: send(yours.grid, cells=[2, 2, *[1] * 34]), "row 1 holds 1 twice"),
        (lambda yours: send(yours.field, value="a b c"), "is no cell"),
        (lambda yours: send(yours.grid, cells=[0] * 36), "solved and verified"),
    ],
)
def test_solving_what_cannot_be_solved_is_a_line(yours: YourPuzzle, press: Any, said: str) -> None:
    press(yours)
    yours.button.click()
    assert said in yours.said and html.escape(said) in yours.status.value
    assert yours.error is None
    assert yours.button.description == "Solve"


class Broken(Oracle):
    """A network with a programming error in it."""

    def __init__(self, error: BaseException):
        super().__init__(2)
        self.failure = error

    def forward(self, *_: Any) -> Any:
        raise self.failure


def test_an_error_that_nobody_expected_is_a_line_and_is_kept() -> None:
    yours = YourPuzzle(Broken(ZeroDivisionError("by <nothing>")), TASK, TASK.decode(QUESTION), live=True)
    yours.button.click()
    assert yours.said == "ZeroDivisionError: by <nothing>" and "by &lt;nothing&gt;" in yours.status.value
    assert isinstance(yours.error, ZeroDivisionError)
    assert yours.button.description == "Solve" and not yours.button.disabled
    yours.field.value = "." * 36
    assert yours.error is None and "without contradictions" in yours.said


def test_a_program_that_calls_the_method_hears_of_the_error() -> None:
    for live in (True, False):
        yours = YourPuzzle(Broken(ZeroDivisionError()), TASK, TASK.decode(QUESTION), live=live)
        with pytest.raises(ZeroDivisionError):
            yours.solve()
        assert yours.said == "stopped before there was an answer"


def test_an_interrupted_solve_says_so_and_can_be_begun_again() -> None:
    yours = YourPuzzle(Broken(KeyboardInterrupt()), TASK, TASK.decode(QUESTION), live=True)
    yours.button.click()
    assert yours.said == "interrupted" and not yours.button.disabled
    yours.model = Oracle(2)
    yours.solve()
    assert "solved and verified" in yours.said


def test_an_error_in_a_task_of_ones_own_is_a_line_too(yours: YourPuzzle, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(tokens: np.ndarray) -> None:
        raise IndexError(f"row {tokens[0]}")

    monkeypatch.setattr(TASK, "check_question", faulty)
    send(yours.grid, cells=[2, *[1] * 35])
    assert yours.said == "IndexError: row 2" and yours.button.disabled
    assert isinstance(yours.error, IndexError)
    send(yours.field, value="3" + "." * 35)
    assert yours.said == "IndexError: row 4" and yours.grid.cells == [4, *[1] * 35]
    monkeypatch.undo()
    send(yours.field, value="." * 36)
    assert "without contradictions" in yours.said and yours.grid.cells == [1] * 36


def test_what_a_task_itself_refuses_is_no_programming_error(yours: YourPuzzle, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_: Any) -> str:
        raise PuzzleError("this one cannot be written")

    monkeypatch.setattr(TASK, "format_grid", refuses)
    send(yours.grid, cells=[2, *[1] * 35])
    assert yours.said == "this one cannot be written" and yours.error is None


def test_no_network_and_one_of_another_task_are_a_line() -> None:
    nothing = YourPuzzle(None, TASK, TASK.decode(QUESTION), live=True)
    nothing.button.click()
    assert "no network" in nothing.said and nothing.error is None
    other = YourPuzzle(TRM(ModelConfig(vocab_size=6, seq_len=16, hidden=8)), TASK, TASK.decode(QUESTION), live=True)
    other.button.click()
    assert "this network takes 16 cells" in other.said


# --- one solve at a time --------------------------------------------------------------------------------------------


class Slow(Oracle):
    """A network that waits until it is let go, and counts its starts."""

    def __init__(self) -> None:
        super().__init__(0)
        self.began, self.go_on, self.starts = threading.Event(), threading.Event(), 0

    def initial_state(self, batch_size: int) -> Any:
        self.starts += 1
        self.began.set()
        assert self.go_on.wait(20)
        return super().initial_state(batch_size)


@pytest.fixture
def busy() -> Iterator[tuple[YourPuzzle, Slow, threading.Thread]]:
    """A puzzle that another thread is solving, as JupyterLab's subshells do it."""
    model = Slow()
    yours = YourPuzzle(model, TASK, TASK.decode(QUESTION), live=True)
    thread = threading.Thread(target=yours.button.click)
    thread.start()
    assert model.began.wait(20)
    yield yours, model, thread
    model.go_on.set()
    thread.join(20)


def test_the_button_says_that_it_works_and_a_second_press_does_nothing(busy: Any) -> None:
    yours, model, thread = busy
    assert yours.button.description == "Solving ..." and yours.button.disabled
    assert yours.said == "working ..."
    started = time.perf_counter()
    yours.button.click()
    yours.solve()
    assert yours.said == "working ..." and model.starts == 1
    assert time.perf_counter() - started < 2, "it does not wait for its turn either"
    model.go_on.set()
    thread.join(20)
    assert "solved and verified" in yours.said and model.starts == 1
    assert yours.button.description == "Solve" and not yours.button.disabled


def test_an_edit_while_it_works_frees_no_button_and_is_told_of_at_the_end(busy: Any) -> None:
    yours, model, thread = busy
    send(yours.grid, cells=[2, *[1] * 35])
    assert yours.button.description == "Solving ..." and yours.button.disabled
    send(yours.grid, cells=[2, 2, *[1] * 34])
    model.go_on.set()
    thread.join(20)
    assert yours.said.endswith("; the puzzle above has been changed since") and "solved and verified" in yours.said
    assert yours.player.frames.question.tolist() == QUESTION.tolist()
    assert yours.button.description == "Solve" and yours.button.disabled and yours.grid.bad == [0, 1]


def test_a_press_that_waited_in_the_kernel_does_not_solve_again() -> None:
    model = Slow()
    model.go_on.set()
    yours = YourPuzzle(model, TASK, TASK.decode(QUESTION), live=True)
    yours.button.click()
    yours.button.click()  # a double click on a busy kernel: handled right after the first
    assert model.starts == 1
    yours._last = (yours.field.value, time.monotonic() - 1)
    yours.button.click()
    assert model.starts == 2
    send(yours.field, value=TASK.decode(QUESTION))
    yours.button.click()
    assert model.starts == 3, "another text is another puzzle"


# --- memory ---------------------------------------------------------------------------------------------------------


def test_two_hundred_edits_and_fifty_solves_leave_nothing_behind(yours: YourPuzzle) -> None:
    def work(times: int) -> None:
        for i in range(times):
            send(yours.grid, cells=with_cell(QUESTION, int(OPEN[i % len(OPEN)]), 2))
            send(yours.field, value=TASK.decode(QUESTION))
            if i % 2 == 0:
                yours.solve()

    work(4)
    widgets = len(ipywidgets.widgets.widget._instances)
    gc.collect()
    objects = len(gc.get_objects())
    work(100)
    gc.collect()
    assert "solved and verified" in yours.said or "without contradictions" in yours.said
    assert len(ipywidgets.widgets.widget._instances) == widgets
    assert len(gc.get_objects()) - objects < 500


def test_without_a_front_end_there_is_no_grid_and_nothing_to_press() -> None:
    yours = YourPuzzle(Oracle(2), TASK, TASK.decode(QUESTION), live=False)
    assert yours.grid is None and not hasattr(yours, "field")
    yours.solve()
    assert "solved and verified" in yours.said


class Stubborn(Oracle):
    """It fails on the puzzle as it is and solves it turned."""

    def forward(self, inputs: Any, state: Any, puzzle_ids: Any) -> Any:
        same = np.array_equal(inputs[0].numpy(), QUESTION)
        return super().forward(inputs, (state[0] * 0 + (3 if same else 0),), puzzle_ids)


def test_one_can_look_inside_an_answer_to_the_puzzle_as_it_is_and_not_to_a_turned_one() -> None:
    task, model = get_task("sudoku6"), shipped_model("sudoku6").model
    yours = YourPuzzle(model, task, task.decode(task.generate(1, seed=7).questions[0]), live=True)
    yours.solve()
    assert "start 1 of 1" in yours.said and not yours.player.unfold.disabled
    yours.player.unfold.value = True
    assert "recursion" in yours.player.picture.value

    turned = YourPuzzle(Stubborn(3), TASK, TASK.decode(QUESTION), starts=2, live=True)
    turned.solve()
    assert "start 2" in turned.said and turned.player.unfold.disabled
