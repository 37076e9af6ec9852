"""Players show what the network did, and wrong input is told in a line of text."""

from __future__ import annotations

import gc
import html
import time
from typing import Any

import ipywidgets
import numpy as np
import pytest
from stand_ins import ANSWER, OPEN, QUESTION, TASK, Oracle, answer_with_wrong, steps_of

from trm_edu import TRM, ModelConfig, get_task, plots, widgets
from trm_edu.solve import Step
from trm_edu.widgets import Frames, Player, frames

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
    monkeypatch.setattr(frames, "verdict", lambda *_: (False, "cell <3> is open"))
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
    assert "The last answer keeps every rule." in bundle["text/plain"]


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
