"""`GridTask`: what a puzzle of one's own gets for nothing, and how it is told what is wrong with it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from trm_edu import plots, widgets
from trm_edu.errors import DataError, PuzzleError
from trm_edu.tasks import GridSymmetry, GridTask, Line, Look, Sudoku, group_of
from trm_edu.tasks.conformance import CHECKS, check_task


class Rows(GridTask):
    """Each row of three holds A, B and C once. Rows and columns may be reversed, letters exchanged: 24 symmetries."""

    def __init__(self, name: str = "rows", **options: Any):
        super().__init__(name, (2, 3), "ABC.", blanks=".", **options)

    def rules(self, question: np.ndarray, answer: np.ndarray) -> list[str]:
        lines = enumerate(answer.reshape(2, 3).tolist(), start=1)
        return [f"row {number} repeats a letter" for number, row in lines if len(set(row)) < 3]

    def all_symmetries(self) -> list[GridSymmetry]:
        cells = self.cells()
        letters = [self.symmetry(swap={"A": "B", "B": "A"}), self.symmetry(swap={"A": "B", "B": "C", "C": "A"})]
        return group_of([self.symmetry(cells[:, ::-1]), self.symmetry(cells[::-1]), *letters])

    def make(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        answer = np.stack([rng.permutation(3) + 1 for _ in range(2)])
        return np.where(rng.random((2, 3)) < 0.5, 4, answer), answer


class Spaced(GridTask):
    """A space is a character; the verdict is vectorised, and there is no line for what is broken."""

    def __init__(self) -> None:
        super().__init__("spaced", (2, 2), " x?", blanks="?")

    def is_solved_batch(self, questions: np.ndarray, answers: np.ndarray) -> np.ndarray:
        return self.is_complete(questions, answers) & ((answers == 2).sum(1) == 2)

    def make(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        answer = rng.permutation([1, 1, 2, 2])
        return np.where(np.arange(4) == rng.integers(4), 3, answer), answer


class Free(Rows):
    """So many symmetries that they are drawn and not listed."""

    all_symmetries = GridTask.all_symmetries

    def random_symmetry(self, rng: np.random.Generator) -> GridSymmetry:
        return self.symmetry(np.stack([rng.permutation(row) for row in rng.permutation(self.cells())]))

    def fingerprint(self, questions: np.ndarray) -> np.ndarray:
        rows = np.sort(questions.reshape(-1, 2, 3), axis=2) @ np.array([25, 5, 1])
        return (np.sort(rows, axis=1) @ np.array([125, 1])).astype(np.uint64)


ROWS = Rows()


# --- whole tasks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [Rows(), Free()], ids=repr)
def test_a_small_task_keeps_every_promise(task: GridTask) -> None:
    assert check_task(task, count=8) == list(CHECKS)


def test_a_task_with_spaces_and_vectorised_rules() -> None:
    task = Spaced()
    assert task.encode("x  x").tolist() == [2, 1, 1, 2] == task.encode("x \n x").tolist()
    assert task.violations(task.encode("x ?x"), task.encode("xxxx")) == [
        "clue at row 1 column 2 changed from ' ' to 'x'"
    ]
    assert task.violations(task.encode("x ??"), task.encode("x xx")) == ["the answer does not keep the rules"]
    assert check_task(task, count=5) == list(CHECKS)


# --- definitions that cannot work -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", (2, 2), "ab"), "name is ''; it must be a text"),
        (("t", (2, 0), "ab"), r"grid_shape is \(2, 0\); it must be two numbers from 1 up"),
        (("t", (2, 2, 2), "ab"), "grid_shape is"),
        (("t", (2, 2), ""), "0 characters; there must be 1 to 255"),
        (("t", (2, 2), "abca"), "character 'a' stands twice"),
        (("t", (2, 2), "a\tb"), r"'\\t' in characters cannot be typed or seen"),
        (("t", (2, 2), "ab", "."), "blank '.' is not among the characters 'ab'; add it there"),
        (("t", (2, 2), "ab", "ba"), "every character is a blank"),
    ],
)
def test_a_definition_that_cannot_work_says_what_to_mend(arguments: tuple[Any, ...], message: str) -> None:
    class Any_(GridTask):
        def rules(self, question: np.ndarray, answer: np.ndarray) -> list[str]:
            return []

    name, shape, characters, *blanks = arguments
    with pytest.raises(DataError, match=message):
        Any_(name, shape, characters, blanks="".join(blanks))


def test_a_class_without_rules_is_refused() -> None:
    with pytest.raises(DataError, match=r"GridTask has no rules: write rules\(question, answer\)"):
        GridTask("t", (2, 2), "ab")


def test_drawn_symmetries_need_a_fingerprint() -> None:
    class Half(Rows):
        random_symmetry = Free.random_symmetry

    with pytest.raises(DataError, match="Half has a random_symmetry, but no fingerprint of its own"):
        Half()


# --- text and rules -------------------------------------------------------------------------------------------------


def test_text_in_every_form() -> None:
    tokens = ROWS.encode("AB.\nC..")
    assert tokens.tolist() == [1, 2, 4, 3, 4, 4] and tokens.dtype == np.uint8
    assert ROWS.decode(tokens) == "AB.C.." and ROWS.format_grid(tokens) == "AB.\nC.."
    assert ROWS.token("C") == 3 and ROWS.hint == "2 rows of 3 cells: ABC. ('.' is open)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ROWS.encode("AB"), "rows: found 2 cells, need 6: 2 rows of 3"),
        (lambda: ROWS.encode("ABxCAB"), "character 'x' at position 3 is no cell (cells are 'ABC.'). Found 5 cells"),
        (lambda: ROWS.encode(7), "a puzzle is text of 6 cells, got int"),
        (lambda: ROWS.encode_answer("ABCAB."), "this has 1, first at row 2 column 3"),
        (lambda: ROWS.decode(np.array([1, 2, 3, 1, 9, 2])), "token 9 at row 2 column 2 is no cell"),
        (lambda: ROWS.decode(np.ones(5, int)), "one puzzle has shape [6], got [5]"),
        (lambda: ROWS.is_solved_batch(np.ones((2, 5)), np.ones((2, 5))), "a set of puzzles has shape [N, 6]"),
        (lambda: ROWS.is_solved_batch(np.ones((2, 6)), np.ones((3, 6))), "2 questions, but 3 answers"),
        (lambda: ROWS.token("x"), "'x' is none of the characters 'ABC.'"),
        (lambda: ROWS.apply(ROWS.symmetry(), np.ones((2, 5))), "the last axis needs 6 cells, got [2, 5]"),
    ],
)
def test_what_is_no_puzzle_is_refused(call: Any, message: str) -> None:
    with pytest.raises(PuzzleError, match=re.escape(message)):
        call()


def test_violations_name_clues_open_cells_and_foreign_tokens_then_the_rules() -> None:
    question = ROWS.encode("A..B..")
    assert ROWS.violations(question, ROWS.encode("ABCBCA")) == []
    assert ROWS.violations(question, ROWS.encode("CCABC.")) == [
        "clue at row 1 column 1 changed from 'A' to 'C'",
        "cell at row 2 column 3 is open",
        "row 1 repeats a letter",
    ]
    strange = np.array([1, 2, 2, 0, 7, 1])  # the rules are not asked: they need not know such tokens
    assert ROWS.violations(question, strange) == [
        "cell at row 2 column 1 holds token 0, which is no character",
        "cell at row 2 column 2 holds token 7, which is no character",
    ]
    assert not ROWS.is_solved(question, strange)


# --- symmetries -----------------------------------------------------------------------------------------------------


def test_a_group_is_closed_and_begins_with_the_identity() -> None:
    group = ROWS.all_symmetries()
    assert len(group) == len(set(group)) == 24 and group[0] == ROWS.symmetry()
    assert {one.then(two) for one in group for two in group} == set(group) == {one.inverse() for one in group}
    assert ROWS.symmetries() == "24 moves of cells and exchanges of characters"
    assert Spaced().symmetries() == "none but the identity" and "not counted" in Free().symmetries()


def test_then_is_one_after_the_other() -> None:
    rng = np.random.default_rng(0)
    cells, swaps = [rng.permutation(6) for _ in range(2)], [{"A": "B", "B": "A"}, {"B": "C", "C": "B"}]
    one, two = map(ROWS.symmetry, cells, swaps)
    tokens = ROWS.encode("AB.CA.")
    assert np.array_equal(ROWS.apply(one.then(two), tokens), ROWS.apply(two, ROWS.apply(one, tokens)))


def test_a_group_that_is_too_large_or_empty_is_refused() -> None:
    with pytest.raises(DataError, match="more than 20 together"):
        group_of(ROWS.all_symmetries(), at_most=20)
    with pytest.raises(DataError, match="at least one symmetry"):
        group_of([])


@pytest.mark.parametrize(
    ("symmetry", "message"),
    [
        (GridSymmetry((0, 1, 2, 3, 4, 4), (0, 1, 2, 3, 4)), "cells of a symmetry must be a permutation of 0 to 5"),
        (ROWS.symmetry(swap={"A": "B"}), "Does every exchange of characters have its way back"),
        (GridSymmetry(tuple(range(6)), (1, 0, 2, 3, 4)), "with 0 (padding) first"),
        (ROWS.symmetry(swap={"A": ".", ".": "A"}), "turns a blank into another character"),
    ],
)
def test_what_is_no_symmetry_is_refused(symmetry: GridSymmetry, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        ROWS.apply(symmetry, np.ones(6, np.uint8))


@pytest.mark.parametrize("task", [Rows(), Free()], ids=repr)
def test_augment_draws_uniformly_and_takes_an_empty_batch(task: GridTask) -> None:
    pair = torch.tensor([[1, 2, 3, 2, 3, 1]]).repeat(3000, 1)
    images, counts = task.augment(pair, pair, torch.Generator().manual_seed(0))[0].unique(dim=0, return_counts=True)
    possible = {tuple(task.apply(task.random_symmetry(np.random.default_rng(i)), pair[0]).tolist()) for i in range(400)}
    assert {tuple(row) for row in images.tolist()} == possible
    assert counts.min() > 0.6 * 3000 / len(images)
    assert task.augment(pair[:0], pair[:0], torch.Generator())[0].shape == (0, 6)


def test_fingerprints_tell_all_orbits_apart() -> None:
    questions = np.array(np.meshgrid(*[range(1, 5)] * 6)).reshape(6, -1).T.astype(np.uint8)
    orbits = {min(ROWS.apply(s, row).tobytes() for s in ROWS.all_symmetries()) for row in questions}
    assert len(np.unique(ROWS.fingerprint(questions))) == len(orbits)


# --- generation -----------------------------------------------------------------------------------------------------


def test_generation_ends_when_nothing_new_comes() -> None:
    with pytest.raises(DataError, match=r"found \d+ different puzzles of the 5000 asked for \(0 excluded\); 2,"):
        ROWS.generate(5000, 0)
    assert len(ROWS.generate(0, 0)) == 0
    with pytest.raises(DataError, match="count -1 and seed 0 must not be negative"):
        ROWS.generate(-1, 0)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: [1, 2], r"make returned list; it must return \(question, answer\)"),
        (lambda: (np.ones(5, int), np.ones(6, int)), r"a question of int64 \[5\]; it must be whole numbers \[6\] or"),
        (lambda: (np.ones(6, int), np.ones(6)), r"an? answer of float64 \[6\]"),
        (lambda: (np.arange(6), np.ones(6, int)), "a question with token 0 at row 1 column 1"),
        (
            lambda: (np.full(6, 4), np.array([1, 2, 3, 1, 1, 2])),
            "does not solve its question: row 2 repeats a letter. Question '......'",
        ),
    ],
)
def test_a_maker_that_errs_is_told_so(made: Any, message: str) -> None:
    class Wrong(Rows):
        def make(self, rng: np.random.Generator) -> Any:
            return made()

    with pytest.raises(DataError, match=message):
        Wrong().generate(1, 0)


def test_without_a_maker_there_is_no_generating() -> None:
    class Only(Rows):
        make = GridTask.make

    with pytest.raises(DataError, match=r"rows makes no puzzles: write make\(rng\) in Only, or read puzzles"):
        Only().generate(1, 0)


# --- pictures -------------------------------------------------------------------------------------------------------


class Coloured(Rows):
    """A on black, B on white, C an invisible part of the question; one thick line and no other."""

    def look(self, token: int) -> Look:
        return {1: Look("<", "#101010"), 2: Look("B", bold=True), 3: Look(" ")}.get(token, Look())

    def lines(self) -> list[Line]:
        return [Line(1, 0, 1, 3, thick=True)]


def test_the_default_look_is_the_character() -> None:
    assert [ROWS.look(token) for token in range(6)] == [Look(), Look("A"), Look("B"), Look("C"), Look(), Look("?")]


def test_the_frame_of_a_widget_shows_fill_text_marks_and_lines() -> None:
    question, answer = ROWS.encode("A.C..."), ROWS.encode("ABCBAC")
    marks = {"changed": np.arange(6) == 0, "wrong": np.arange(6) == 4}
    picture = widgets.grid_svg(Coloured(), answer, given=question, **marks)
    assert picture.count('fill="#101010"') == 2
    assert picture.count('fill="#FFFFFF"') == 2 and picture.count("&lt;") == 2, "white on black, and no markup"
    assert picture.count("<text") == 4, "what is invisible has no text"
    assert picture.count('font-weight="bold"') == 3, "the clue A, and B wherever it stands"
    assert picture.count(f'fill="none" stroke="{plots.YELLOW}"') == 1, "a filled cell is framed, not tinted"
    assert picture.count(f'stroke="{plots.VERMILION}"') == 1
    assert picture.count("<path") == 2 and 'd="M0 34L102 34" stroke="#000" stroke-width="2.6"' in picture
    tinted = widgets.grid_svg(ROWS, answer, given=question, **marks)
    assert tinted.count(f'fill="{plots.YELLOW}" opacity="0.6"') == 1
    assert tinted.count('stroke-width="0.7"') == 1 and tinted.count("M") >= 7


def test_large_grids_are_drawn_in_small_cells() -> None:
    class Wide(Rows):
        def __init__(self) -> None:
            GridTask.__init__(self, "wide", (20, 40), "ABC.", blanks=".")

    tokens = np.full(800, 4, np.uint8)
    assert 'width="406" height="206"' in widgets.grid_svg(Wide(), tokens, given=tokens, changed=None, wrong=None)


def test_a_task_without_look_is_drawn_by_its_own_draw() -> None:
    class Plain:
        def __getattr__(self, name: str) -> Any:
            if name in ("look", "lines"):
                raise AttributeError(name)
            return getattr(ROWS, name)

    answer = ROWS.encode("ABCBCA")
    picture = widgets.grid_svg(Plain(), answer, given=answer, changed=None, wrong=None)
    assert picture.startswith('<img alt="grid; 0 cells changed, 0 wrong"')


def texts(ax: Any) -> list[tuple[str, Any, Any]]:
    return [(text.get_text(), text.get_weight(), text.get_color()) for text in ax.texts]


def test_draw_shows_what_the_frame_shows() -> None:
    ax = plots.grid(Coloured(), ROWS.encode("ABCBAC"), given=ROWS.encode("A....."), changed=np.arange(6) == 0)
    assert texts(ax) == [
        ("<", "bold", "#FFFFFF"),
        ("B", "bold", "black"),
        (" ", "normal", "#0072B2"),
        ("B", "bold", "black"),
        ("<", "normal", "#FFFFFF"),
        (" ", "normal", "#0072B2"),
    ]
    fills = [patch for patch in ax.patches if patch.get_fill()]
    frames = [patch for patch in ax.patches if not patch.get_fill()]
    assert len(fills) == 2 and len(frames) == 1
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[0, 1], [3, 1]]]


def test_draw_takes_a_grid_that_is_not_square_and_refuses_marks_of_another_shape() -> None:
    ax = ROWS.draw(Figure(figsize=(6.4, 6.4)).add_subplot(), ROWS.encode("AB.C.."))
    assert ax.texts[0].get_fontsize() == pytest.approx(0.55 * 0.775 * 6.4 * 72 / 3), "the columns leave less room"
    assert ax.get_xlim() == (0, 3) and ax.get_ylim() == (2, 0)
    assert [text for text, _, _ in texts(ax)] == ["A", "B", "C"]
    with pytest.raises(PuzzleError, match=r"one puzzle has shape \[6\], got \[5\]"):
        ROWS.draw(ax, ROWS.encode("AB.C.."), changed=np.zeros(5, bool))


def test_sudoku_has_thick_lines_around_its_boxes() -> None:
    ax = plots.grid(Sudoku(2, 3), np.ones(36, np.uint8))
    thick = {tuple(line.get_xydata()[0]) for line in ax.lines if line.get_linewidth() > 2}
    assert thick == {(0, 0), (0, 2), (0, 4), (0, 6), (3, 0), (6, 0)} and len(ax.lines) == 14
