"""A puzzle of one's own: checked while it is typed, solved at a press, and every mistake told in a line."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets
import pytest
from stand_ins import QUESTION, TASK, Oracle

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
