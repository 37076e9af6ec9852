"""The grid of cells on Python's side: what it knows of a task, and what it makes of messages from the page."""

from __future__ import annotations

import importlib.util
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import traitlets
from stand_ins import QUESTION, TASK

from trm_edu import tasks
from trm_edu.errors import DataError, PuzzleError
from trm_edu.tasks import GridTask, Maze, Sudoku, get_task
from trm_edu.widgets.grid_field import GridField, cell_characters, in_words, typed_characters


def send(field: GridField, **state: Any) -> None:
    """What a page's `save_changes` makes the kernel do."""
    data = {"method": "update", "state": state, "buffer_paths": []}
    field._handle_msg({"content": {"data": data}, "buffers": []})


@pytest.fixture
def futoshiki(repository: Path) -> Iterator[GridTask]:
    known = dict(tasks._TASKS)
    spec = importlib.util.spec_from_file_location("futoshiki_of_this_test", repository / "examples" / "futoshiki.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield tasks.get_task("futoshiki4")
    tasks._TASKS.clear()
    tasks._TASKS.update(known)


# --- what it knows of a task ----------------------------------------------------------------------------------------


def test_a_sudoku_takes_its_digits_and_several_signs_for_a_blank() -> None:
    field = GridField(TASK)
    assert field.typed == {".": 1, "0": 1, " ": 1, "1": 2, "2": 3, "3": 4, "4": 5, "5": 6, "6": 7}
    assert field.palette == [2, 3, 4, 5, 6, 7, 1] and field.blank == 1
    assert field.accepts == "type 1 to 6, or . for a blank"
    assert (field.rows, field.columns, field.cells) == (6, 6, [1] * 36)
    assert field.looks["7"] == {
        "text": "6",
        "fill": "",
        "ink": "#000000",
        "bold": True,
        "name": "6",
        "key": "6",
    }
    assert field.looks["1"]["name"] == "blank" and field.looks["1"]["text"] == ""


def test_the_lines_of_a_sudoku_mark_its_boxes() -> None:
    thick = [line[:4] for line in GridField(TASK).lines if line[4]]
    assert sorted(thick) == sorted([[row, 0, row, 6] for row in (0, 2, 4, 6)] + [[0, c, 6, c] for c in (0, 3, 6)])


def test_a_large_sudoku_takes_letters_in_both_cases() -> None:
    field = GridField(Sudoku(4, 4))
    assert field.typed["G"] == field.typed["g"] == 17 and "H" not in field.typed
    assert field.accepts == "type 1 to 9, A to G, or . for a blank"


def test_a_maze_takes_what_a_question_holds_and_no_path() -> None:
    field = GridField(get_task("maze10"))
    assert field.typed == {"#": 1, " ": 2, ".": 2, "0": 2, "S": 3, "s": 3, "G": 4, "g": 4}
    assert field.palette == [1, 3, 4, 2] and field.blank == 2
    assert field.accepts == "type # for wall, S for start, G for goal, or . for open"
    assert [field.looks[token]["name"] for token in "1234"] == ["wall", "open", "start", "goal"]
    assert field.looks["1"]["ink"] == "#FFFFFF" and field.looks["1"]["fill"] == "#444444"
    assert field.looks["5"]["text"] == "●", "text may hold a path, so the grid can show it"


def test_rows_and_columns_are_not_mixed_up() -> None:
    field = GridField(Maze(3, 5))
    assert (field.rows, field.columns, len(field.cells)) == (3, 5, 15)
    assert field.label == "maze3x5: 3 rows of 5 cells"


def test_a_puzzle_of_a_file_of_ones_own_takes_its_characters(futoshiki: GridTask) -> None:
    field = GridField(futoshiki)
    assert {c: field.typed[c] for c in "14<v-. 0"} == {"1": 1, "4": 4, "<": 6, "v": 9, "-": 10, ".": 5, " ": 5, "0": 5}
    assert field.palette[-1] == field.blank == 5
    assert field.accepts == "type 1 to 4, <, >, ^, v, -, or . for a blank"
    assert len(field.lines) == 64


class Letters(GridTask):
    def rules(self, question: np.ndarray, answer: np.ndarray) -> list[str]:
        return []


def test_characters_that_a_task_means_otherwise_keep_their_meaning() -> None:
    field = GridField(Letters("letters", (2, 2), "aA0 _", blanks="_"))
    assert field.typed == {"a": 1, "A": 2, "0": 3, " ": 4, "_": 5, ".": 5}
    assert field.looks["4"]["name"] == "space" and field.looks["4"]["key"] == " "
    assert field.accepts == "type a, A, 0, a space for space, or _ for a blank"


def test_a_task_without_a_blank_has_none() -> None:
    field = GridField(Letters("letters", (2, 2), "xy"))
    assert field.blank == 0 and field.cells == [1] * 4 and "." not in field.typed
    assert field.empty.tolist() == [1] * 4


def test_a_task_whose_text_is_not_one_character_a_cell_has_no_grid() -> None:
    arc = get_task("arc7")
    assert cell_characters(arc) == {}
    with pytest.raises(DataError, match="arc7: cells cannot be typed one by one"):
        GridField(arc)


class Words(Letters):
    """A task of somebody else that writes a word for each cell."""

    def __init__(self, *written: str):
        super().__init__("words", (2, 2), "xy")
        self.written = written

    def decode(self, tokens: np.ndarray) -> str:
        return "".join(self.written[token - 1] for token in tokens)


def test_a_task_with_words_in_its_cells_has_no_grid() -> None:
    assert cell_characters(Words("ab", "cd")) == {}
    assert cell_characters(Words("aa", "cc")) == {}
    assert cell_characters(Words("a", "c")) == {1: "a", 2: "c"}


def test_a_task_whose_characters_depend_on_the_cell_has_no_grid() -> None:
    class Chess(Letters):
        def decode(self, tokens: np.ndarray) -> str:
            return "xyxy"

    assert cell_characters(Chess("chess", (2, 2), "xy")) == {}


def test_a_task_without_a_look_has_no_grid() -> None:
    members = {name: getattr(Letters("plain", (2, 2), "xy"), name) for name in tasks.protocol_members()}
    with pytest.raises(DataError, match="plain: cells"):
        GridField(type("Plain", (), members)())


@pytest.mark.parametrize("error", [ValueError, KeyError, IndexError])
def test_a_task_that_cannot_write_one_token_everywhere_has_no_grid(error: type[Exception]) -> None:
    class Particular(Words):
        def decode(self, tokens: np.ndarray) -> str:
            raise error("not all cells alike")

    assert cell_characters(Particular("a", "c")) == {}


def test_what_encode_skips_cannot_be_typed() -> None:
    typed = typed_characters(TASK, cell_characters(TASK))
    assert not {"|", "+", "-", "7", "x", "\n"} & set(typed)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([("1", "1"), ("2", "2"), (".", "blank")], "type 1, 2, or . for a blank"),
        ([("1", "1"), ("2", "2"), ("3", "3"), ("7", "7")], "type 1 to 3, or 7"),
        ([("9", "9"), (":", ":"), ("#", "wall")], "type 9, :, or # for wall"),
        ([("a", "a")], "type a"),
    ],
)
def test_what_may_be_typed_is_said_in_a_line(cells: list[tuple[str, str]], said: str) -> None:
    assert in_words(cells) == said


def test_the_largest_maze_is_ready_at_once() -> None:
    task = get_task("maze30")
    cells = task.generate(1, seed=0).questions[0].tolist()
    started = time.perf_counter()
    field = GridField(task)
    field.cells = cells
    assert time.perf_counter() - started < 0.3
    assert len(field.cells) == 900


# --- messages -------------------------------------------------------------------------------------------------------


def test_a_message_from_the_page_sets_the_cells() -> None:
    field, seen = GridField(TASK), []
    field.observe(lambda change: seen.append(change["new"]), names="cells")
    send(field, cells=QUESTION.tolist())
    assert field.cells == QUESTION.tolist() and seen == [QUESTION.tolist()]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([1] * 35, "sudoku6: got 35 cells, need 36"),
        ([1] * 35 + [8], "sudoku6: token 8 is no cell; type 1 to 6, or . for a blank"),
        ([1] * 35 + [0], "sudoku6: token 0 is no cell"),
        ([1] * 35 + ["5"], "'cells' trait"),
        ("12", "'cells' trait"),
    ],
)
def test_a_message_that_is_no_puzzle_is_refused_in_a_line(
    cells: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    field, sent = GridField(TASK), []
    field.cells = QUESTION.tolist()
    monkeypatch.setattr(field, "send_state", lambda key=None: sent.append(key))
    send(field, cells=cells)
    assert field.cells == QUESTION.tolist()
    assert said in field.refused
    assert sent == ["cells", "refused"], "the page shows what it sent, so it must get back what is true"


def test_a_program_that_sets_wrong_cells_hears_of_it() -> None:
    with pytest.raises(traitlets.TraitError, match="got 3 cells, need 36"):
        GridField(TASK).cells = [1, 2, 3]


def test_an_edit_sends_the_cells_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    field, sent = GridField(get_task("maze30")), []
    monkeypatch.setattr(field, "_send", lambda message, buffers=None: sent.append(message))
    send(field, cells=[1, *field.cells[1:]])
    assert [list(message["state"]) for message in sent] == [["cells"]], "the echo for other pages"


# --- which cells are to blame ---------------------------------------------------------------------------------------


def blamed(task: Any, text: str) -> tuple[int, ...]:
    with pytest.raises(PuzzleError) as caught:
        task.check_question(task.encode(text))
    return caught.value.cells


def test_an_error_knows_no_cells_unless_it_is_told() -> None:
    assert PuzzleError("no puzzle").cells == ()
    error = pickle.loads(pickle.dumps(PuzzleError("two", cells=np.array([3, 4]))))
    assert (str(error), error.cells) == ("two", (3, 4)) and type(error.cells[0]) is int


def test_a_sudoku_blames_every_repeated_digit_once() -> None:
    assert blamed(TASK, "11" + "." * 34) == (0, 1)
    assert blamed(TASK, "1....." + "." * 24 + "1....3") == (0, 30)
    assert blamed(TASK, "1.1..." + "3....." + "..1..." + "." * 17 + "3") == (0, 2, 14)
    with pytest.raises(PuzzleError) as caught:
        TASK.check_question(np.array([9, *[1] * 34, 0], np.uint8))
    assert caught.value.cells == (0, 35)


def test_a_maze_blames_the_ends_that_are_twice_or_cut_off() -> None:
    task = Maze(2, 3, least=2)
    assert blamed(task, "S.S..G") == (0, 2)
    assert blamed(task, "S.G.G.") == (2, 4)
    assert blamed(task, "......") == ()
    assert blamed(task, ".#GS#.") == (3, 2)
    with pytest.raises(PuzzleError) as caught:
        task.check_question(np.array([3, 0, 4, 2, 2, 9], np.uint8))
    assert caught.value.cells == (1, 5)


def test_futoshiki_blames_equal_digits_broken_signs_and_misplaced_characters(futoshiki: GridTask) -> None:
    def puzzle(**cells: str) -> str:
        grid = [["." if row % 2 == column % 2 == 0 else "-" for column in range(7)] for row in range(7)]
        for name, character in cells.items():
            grid[int(name[1])][int(name[2])] = character
        return "".join(map("".join, grid))

    futoshiki.check_question(futoshiki.encode(puzzle(c00="1", c01="<", c02="2", c10="^", c20="3")))
    futoshiki.check_question(futoshiki.encode(puzzle(c00="3", c01=">", c10="v", c11=".", c06="2")))
    assert blamed(futoshiki, puzzle(c00="1", c04="1")) == (0, 4)
    assert blamed(futoshiki, puzzle(c02="4", c62="4")) == (2, 44)
    assert blamed(futoshiki, puzzle(c00="3", c01="<", c02="2")) == (0, 2)
    assert blamed(futoshiki, puzzle(c00="1", c01=">", c02="2")) == (0, 2)
    assert blamed(futoshiki, puzzle(c22="2", c32="^", c42="1")) == (16, 30)
    assert blamed(futoshiki, puzzle(c22="1", c32="v", c42="2")) == (16, 30)
    assert blamed(futoshiki, puzzle(c00="<", c01="4", c66="-")) == (0, 1, 48)
    with pytest.raises(PuzzleError, match="digits at row 1 column 1 and at row 1 column 5 are equal"):
        futoshiki.check_question(futoshiki.encode(puzzle(c00="1", c04="1")))


def test_the_questions_that_futoshiki_makes_pass_its_check(futoshiki: GridTask) -> None:
    for question in futoshiki.generate(20, seed=1).questions:
        futoshiki.check_question(question)
