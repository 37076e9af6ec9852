"""Checks of lesson 01: how a puzzle becomes a sequence of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from trm_edu.checks.teacher import Mistake, judge, judge_verdicts, passed, refuse, run
from trm_edu.losses import IGNORE
from trm_edu.tasks import get_task
from trm_edu.tasks.arc import grid_tokens

__all__ = [
    "encode_sudoku",
    "decode_sudoku",
    "shuffle_bands",
    "is_symmetry",
    "transform_pair",
    "exact_accuracy",
    "encode_arc",
]


def encode_sudoku(answer: Callable[[str], np.ndarray]) -> None:
    """Text to tokens: blanks 1, digit d is d + 1."""
    for text in ("5.01", "53..7....", "0" * 6):
        digits = np.array([0 if character == "." else int(character) for character in text])
        expected = digits + 1
        judge(
            run(answer, text),
            expected,
            given=f"encode_sudoku({text!r})",
            mistakes=[
                Mistake(
                    "blank-is-padding",
                    np.where(digits == 0, 0, expected),
                    "A blank became 0, and 0 is padding.",
                    "Padding is no cell at all. The blank is a cell whose digit is asked for: its token is 1.",
                ),
                Mistake(
                    "digits-as-they-are",
                    np.where(digits == 0, 1, digits),
                    "A digit kept its own number, so that digit 1 and the blank have the same token.",
                    "Blank takes 1, so every digit moves up by one.",
                ),
                Mistake(
                    "zero-is-no-blank",
                    np.array([1 if character == "." else int(character) for character in text]) + 1 - (expected == 1),
                    "`.` and `0` got different tokens.",
                    "Both are ways to write a blank.",
                ),
            ],
            where="Write the tokens of `5.01` down by hand: 6, 1, 1, 2.",
        )
    passed("encode_sudoku", "3 texts, with dots, zeros and digits")


def decode_sudoku(answer: Callable[[np.ndarray], str]) -> None:
    """Tokens to text: 1 is a dot, d + 1 is digit d, and padding is refused."""
    for tokens in ([6, 1, 4, 2], [1, 10, 9, 1, 2, 3], [1, 1, 1, 1]):
        characters = ["." if token == 1 else str(token - 1) for token in tokens]
        judge(
            run(answer, np.array(tokens)),
            "".join(characters),
            given=f"decode_sudoku(np.array({tokens}))",
            mistakes=[
                Mistake(
                    "not-moved-back",
                    "".join("." if token == 1 else str(token) for token in tokens),
                    "A token was written down as if it were the digit.",
                    "Digit d has token d + 1. Which digit has token 6?",
                ),
                Mistake(
                    "blank-as-zero",
                    "".join(str(token - 1) for token in tokens),
                    "A blank was written as `0`.",
                    "`0` can be read too, but here `.` is asked for: it cannot be taken for a digit.",
                ),
                Mistake(
                    "list-of-characters",
                    characters,
                    "The characters are right, but they came as a list.",
                    "One text is asked for: `''.join(...)` makes one of many characters.",
                ),
                Mistake(
                    "lines-or-spaces",
                    " ".join(characters),
                    "There is something between the characters.",
                    "A text of L cells has exactly L characters.",
                ),
            ],
            where="Go back the way that the encoder came: 1 is a blank, 2 is digit 1.",
        )
    padded = np.array([6, 0, 2])
    try:
        text = run(answer, padded)
    except ValueError:
        passed("decode_sudoku", "3 rows of tokens came back as text, and padding was refused")
        return
    refuse(
        "padding-accepted",
        "Token 0 is padding, no cell, and your function made a character of it.",
        "Look for token 0 first and raise ValueError. Note that `characters[-1]` is the last one, no error.",
        given="decode_sudoku(np.array([6, 0, 2]))",
        yours=text,
        expected="a ValueError",
    )


Orders = Sequence[Sequence[int]]


def shuffle_bands(answer: Callable[[np.ndarray, Sequence[int], Orders], np.ndarray]) -> None:
    """Bands in a new order, and the rows in each."""
    solved = get_task("sudoku9").generate(1, seed=1).answers[0].reshape(9, 9).astype(int)
    numbered = np.arange(9)[:, None] * 10 + np.arange(9)
    cases = [
        (numbered, "with grid[r, c] = 10 * r + c", (1, 2, 0), ((0, 2, 1), (2, 0, 1), (1, 0, 2))),
        (numbered, "with grid[r, c] = 10 * r + c", (0, 2, 1), ((2, 1, 0), (1, 2, 0), (0, 1, 2))),
        (solved, "with a solved Sudoku", (2, 0, 1), ((1, 2, 0), (0, 2, 1), (2, 0, 1))),
    ]
    for grid, name, bands, rows in cases:
        order = np.array([3 * bands[b] + rows[b][i] for b in range(3) for i in range(3)])
        back = np.argsort(order)
        judge(
            run(answer, grid, bands, rows),
            grid[order],
            given=f"shuffle_bands(grid, {bands}, {rows}), {name}",
            mistakes=[
                Mistake(
                    "rows-across-bands",
                    grid[[3 * rows[b][i] + bands[b] for b in range(3) for i in range(3)]],
                    "Rows left their band: three rows of one band no longer stand together.",
                    "Band b is made of the rows 3 * b, 3 * b + 1 and 3 * b + 2.",
                ),
                Mistake(
                    "columns-instead",
                    grid[:, order],
                    "You moved columns; rows were asked for.",
                    "The first axis of a grid counts rows: grid[order] takes rows, grid[:, order] columns.",
                ),
                Mistake(
                    "inverse-order",
                    grid[back],
                    "You sent old row i to the new place; that is the way back.",
                    "bands[b] says where band b of the RESULT comes from, not where band b goes.",
                ),
                Mistake(
                    "rows-of-the-old-band",
                    grid[[3 * bands[b] + rows[bands[b]][i] for b in range(3) for i in range(3)]],
                    "The bands are right, but inside them the rows follow the order meant for another band.",
                    "rows[b] belongs to band b of the result, wherever its rows come from.",
                ),
                Mistake(
                    "bands-left",
                    grid[[3 * b + rows[b][i] for b in range(3) for i in range(3)]],
                    "Rows moved inside their bands, but the bands stayed where they were.",
                    "Both `bands` and `rows` have a say in each row of the result.",
                ),
                Mistake(
                    "rows-left",
                    grid[[3 * bands[b] + i for b in range(3) for i in range(3)]],
                    "The bands moved, but inside a band the rows kept their order.",
                    "Now let rows[b][i] choose the row inside the band.",
                ),
            ],
            where="First write the order down: for each of the nine new rows, the number of the old one.",
        )
    passed("shuffle_bands", "three orders, on numbered cells and on a solved Sudoku")


IN_ORDER = (0, 1, 2, 3, 4, 5)
MOVES_OF_6X6 = [  # rows, columns, transposed or not
    (IN_ORDER, IN_ORDER, False),
    (IN_ORDER, IN_ORDER, True),
    (IN_ORDER, (0, 1, 3, 2, 4, 5), False),
    ((0, 2, 1, 3, 4, 5), IN_ORDER, False),
    ((0, 0, 2, 3, 4, 5), IN_ORDER, False),
    ((2, 3, 0, 1, 5, 4), IN_ORDER, False),
    (IN_ORDER, (5, 3, 4, 0, 1, 2), False),
    ((3, 4, 5, 0, 1, 2), IN_ORDER, False),
    (IN_ORDER, (2, 3, 0, 1, 4, 5), False),
    (IN_ORDER, (2, 0, 1, 3, 3, 5), False),
    ((5, 4, 3, 2, 1, 0), (5, 4, 3, 2, 1, 0), False),
    ((4, 5, 0, 1, 2, 3), (1, 0, 2, 4, 5, 3), True),
]


def is_symmetry(answer: Callable[[Sequence[int], Sequence[int], bool], bool]) -> None:
    """Which moves keep the rules of a 6x6 with boxes of 2 rows and 3 columns."""

    def together(order: Sequence[int], size: int) -> bool:
        return all(len({old // size for old in order[i : i + size]}) == 1 for i in range(0, 6, size))

    def once(order: Sequence[int]) -> bool:
        return sorted(order) == list(range(6))

    def in_place(order: Sequence[int], size: int) -> bool:
        return all(old // size == i // size for i, old in enumerate(order))

    def right(rows: Sequence[int], columns: Sequence[int], transpose: bool) -> bool:
        return once(rows) and once(columns) and together(rows, 2) and together(columns, 3) and not transpose

    what_if = {
        "transposition-allowed": (
            lambda rows, columns, transpose: right(rows, columns, False),
            "You let a transposed 6x6 pass.",
            "Its boxes have 2 rows and 3 columns. What shape have they after a transposition?",
        ),
        "boxes-turned": (
            lambda r, c, t: once(r) and once(c) and together(r, 3) and together(c, 2) and not t,
            "You keep three rows together, and two columns; the boxes have 2 rows and 3 columns.",
            "A band is as high as a box, a stack as wide as a box.",
        ),
        "thirds-everywhere": (
            lambda r, c, t: once(r) and once(c) and together(r, 3) and together(c, 3) and not t,
            "You keep three rows together; that is the rule of the 9x9.",
            "How many rows does one box of a 6x6 touch?",
        ),
        "columns-forgotten": (
            lambda rows, columns, transpose: right(rows, IN_ORDER, transpose),
            "The columns did not matter to your function.",
            "A box is broken by a column that leaves it, just as by a row.",
        ),
        "bands-must-stay": (
            lambda r, c, t: right(r, c, t) and in_place(r, 2) and in_place(c, 3),
            "You refused a move that takes a whole band, or a whole stack, to another place.",
            "Rows that stand in one box must stay together. They need not stay where they were.",
        ),
        "repeats-allowed": (
            lambda rows, columns, transpose: together(rows, 2) and together(columns, 3) and not transpose,
            "You let an order pass that shows one row or column twice.",
            "Then another one is lost. Does each number from 0 to 5 stand there once?",
        ),
        "any-order": (
            lambda rows, columns, transpose: once(rows) and once(columns) and not transpose,
            "You let rows or columns go anywhere; rows and columns survive that, but boxes do not.",
            "Look at the rows two at a time, and at the columns three at a time.",
        ),
    }
    kept = judge_verdicts(
        answer,
        MOVES_OF_6X6,
        right,
        what_if,
        given="is_symmetry(rows={}, columns={}, transpose={})".format,
        what=lambda keeps: (
            f"This move {'keeps the rules' if keeps else 'breaks a rule'}; your function says otherwise."
        ),
        where="Draw a 6x6 with its boxes, and follow the six cells of one box.",
    )
    passed("is_symmetry", f"{len(MOVES_OF_6X6)} moves, {kept} of them symmetries")


Pair = tuple[np.ndarray, np.ndarray]


def transform_pair(answer: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], Pair]) -> None:
    """Question and answer moved and renamed alike; a blank stays a blank."""
    rng = np.random.default_rng(8)
    for name, digits in (("sudoku4", (3, 1, 4, 2)), ("sudoku6", (2, 4, 1, 6, 3, 5)), ("sudoku9", None)):
        task = get_task(name)
        side = task.grid_shape[0]
        puzzles = task.generate(1, seed=2)
        question, solution = puzzles.questions[0].astype(int), puzzles.answers[0].astype(int)
        move = task.random_symmetry(rng)
        move = replace(move, digits=digits or move.digits)
        digits = np.array(move.digits)
        cells = np.arange(side * side).reshape(side, side)
        cells = (cells.T if move.transpose else cells)[np.ix_(move.rows, move.columns)].reshape(-1)
        renamed = np.array([0, 1, *(digits + 1)])
        renamed_back = np.argsort(renamed)
        back = np.argsort(cells)
        expected = (task.apply(move, question), task.apply(move, solution))
        moved = expected[0]

        def one_after_the_other(tokens: np.ndarray, digits: np.ndarray = digits) -> np.ndarray:
            tokens = tokens.copy()
            for digit, new in enumerate(digits.tolist(), start=1):
                tokens[tokens == digit + 1] = new + 1
            return tokens

        judge(
            run(answer, question, solution, cells, digits),
            expected,
            given=f"a {side}x{side} question and its answer, cells {cells.tolist()}, digits {digits.tolist()}",
            mistakes=[
                Mistake(
                    "answer-left",
                    (moved, solution),
                    "The question was transformed, but the answer stayed as it was.",
                    "An answer belongs to its question: what happens to one must happen to the other.",
                ),
                Mistake(
                    "answer-not-moved",
                    (moved, renamed[solution]),
                    "The answer's digits were renamed, but its cells did not move with those of the question.",
                    "Take the same `cells` of both.",
                ),
                Mistake(
                    "answer-not-renamed",
                    (moved, solution[cells]),
                    "The answer's cells moved, but its digits kept their old names.",
                    "Where a clue became a 3, the answer must have a 3 too.",
                ),
                Mistake(
                    "moved-differently",
                    (moved, renamed[solution[back]]),
                    "Question and answer moved in different ways: one there, the other back.",
                    "Use the very same line of code for both, for example in a small function.",
                ),
                Mistake(
                    "blank-relabelled",
                    (np.where(moved == 1, digits[-1] + 1, moved), expected[1]),
                    "A blank was renamed like a digit, and so became a clue.",
                    "Token 1 is no digit. `digits[token - 2]` at token 1 is `digits[-1]`, the last one.",
                ),
                Mistake(
                    "inverse-cells",
                    (renamed[question[back]], renamed[solution[back]]),
                    "Both moved alike, but the way back.",
                    "cells[i] says where cell i of the RESULT comes from: result[i] is old[cells[i]].",
                ),
                Mistake(
                    "inverse-digits",
                    (renamed_back[question[cells]], renamed_back[solution[cells]]),
                    "The digits were renamed the wrong way round.",
                    "digits[0] is the new name of digit 1; it is not the digit that becomes 1.",
                ),
                Mistake(
                    "renamed-twice",
                    (one_after_the_other(question[cells]), one_after_the_other(solution[cells])),
                    "Some cells were renamed more than once: 1 became 3, and then this 3 was renamed again.",
                    "Look the new names up in the OLD tokens, all at once.",
                ),
            ],
            where="Move first: take `cells` of both. Then rename with a table that has a place for every token.",
        )
    passed("transform_pair", "a 4x4, a 6x6 and a 9x9, question and answer still belong together")


def exact_accuracy(answer: Callable[[torch.Tensor, torch.Tensor], float]) -> None:
    """The share of grids that are right in every cell that counts."""
    by_hand = (
        [[2, 3, 4, 5], [2, 3, 9, 9], [5, 4, 3, 9], [3, 3, 2, 7], [2, 8, 8, 8]],
        [[2, 3, 4, 5], [2, 3, IGNORE, IGNORE], [5, 4, 3, 2], [3, 3, 2, IGNORE], [3, 2, IGNORE, 8]],
    )
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randint(1, 4, (7, 9), generator=generator)
    some = torch.where(torch.rand(7, 9, generator=generator) < 0.1, 1, wanted)
    wanted[torch.rand(7, 9, generator=generator) < 0.3] = IGNORE
    for predicted, labels in (tuple(map(torch.tensor, by_hand)), (some, wanted), (wanted.abs(), wanted)):
        numbers = f"predicted {predicted.tolist()}, labels {labels.tolist()}"
        right, counts = predicted == labels, labels != IGNORE
        by_grid = (right & counts).sum(1) / counts.sum(1)
        fine = right | ~counts
        judge(
            run(answer, predicted, labels),
            sum(all(row) for row in fine.tolist()) / len(labels),
            given=numbers if labels.numel() <= 20 else "7 grids of 9 cells, some of which do not count",
            mistakes=[
                Mistake(
                    "cell-accuracy",
                    right[counts].float().mean(),
                    "That is cell accuracy: the share of cells that are right.",
                    "First say of each grid whether ALL its cells are right; then take the share of grids.",
                ),
                Mistake(
                    "ignored-as-wrong",
                    right.all(1).float().mean(),
                    "Cells with label -100 were counted as wrong.",
                    "No token equals -100. A cell is fine if it is right, or if it does not count.",
                ),
                Mistake(
                    "ignored-as-right-cells",
                    fine.float().mean(),
                    "You took the mean over cells, with the ignored ones as right.",
                    "`fine.all(dim=1)` gives one yes or no for each grid.",
                ),
                Mistake(
                    "mean-then-threshold",
                    (by_grid > 0.5).float().mean(),
                    "A grid passed with most of its cells right.",
                    "Exact means every cell that counts: one wrong cell, and the grid does not count.",
                ),
                Mistake(
                    "mean-of-the-grids",
                    by_grid.mean(),
                    "You averaged the share of right cells of each grid.",
                    "A grid gives 1 or 0 to the mean, nothing between.",
                ),
                Mistake(
                    "wrong-axis",
                    fine.all(0).float().mean(),
                    "You asked of each POSITION whether it is right in all grids.",
                    "Axis 0 counts grids, axis 1 the cells of a grid. Which one shall disappear?",
                ),
                Mistake(
                    "one-answer-for-all",
                    fine.all().float(),
                    "One wrong grid spoiled the whole batch.",
                    "`.all()` without an axis goes over grids too. Give it the axis of the cells.",
                ),
                Mistake(
                    "count-not-share",
                    float(fine.all(1).sum()),
                    "You counted the grids; the share was asked for.",
                    "Divide by the number of grids, or take the mean.",
                ),
            ],
            where="Mark each cell as fine or not, then each grid, then take the mean over grids.",
        )
    passed("exact_accuracy", "three batches, with cells that do not count")


def encode_arc(answer: Callable[[np.ndarray, int], np.ndarray]) -> None:
    """A grid of colours to tokens, with end markers where there is room."""
    rng = np.random.default_rng(0)
    cases = [([[0, 3, 3], [7, 0, 1]], 5), ([[4, 0], [0, 9], [2, 5]], 3), ([[1, 2, 0], [0, 8, 6]], 3)]
    cases += [(rng.integers(0, 10, (4, 4)).tolist(), 4), (rng.integers(0, 10, (7, 12)).tolist(), 30)]
    for rows, side in cases:
        grid = np.array(rows)
        expected = grid_tokens(grid, side)
        square = expected.reshape(side, side)
        height, width = grid.shape
        inside = square >= 2
        corner = square.copy()
        corner[height : height + 1, width : width + 1] = 1
        judge(
            run(answer, grid, side),
            expected,
            given=f"encode_arc({f'np.array({rows})' if side < 30 else 'a grid of 7 x 12 cells'}, side={side})",
            mistakes=[
                Mistake(
                    "colour-0-is-padding",
                    np.where(inside, square - 2, square).reshape(-1).astype(int),
                    "Each colour became its own number, so that colour 0 is padding and colour 1 the end marker.",
                    "0 and 1 are taken: the first colour has token 2.",
                ),
                Mistake(
                    "colour-0-is-the-marker",
                    np.where(inside, square - 1, square).reshape(-1).astype(int),
                    "Colour 0 got token 1, which is the end marker.",
                    "Two tokens come before the colours: padding and marker. So a colour moves up by how many?",
                ),
                Mistake(
                    "column-by-column",
                    square.T.reshape(-1),
                    "The square was read column by column.",
                    "A grid is read like a page: the first row, then the second.",
                ),
                Mistake(
                    "no-markers",
                    np.where(inside, square, 0).reshape(-1),
                    "There are no end markers.",
                    "Without them nobody can tell how large a grid is: write 1 below it and to its right.",
                ),
                Mistake(
                    "corner-marked",
                    corner.reshape(-1),
                    "There is a marker at the corner, below and to the right of the grid.",
                    "The row of markers is as wide as the grid, the column as high. Neither reaches the corner.",
                ),
                Mistake(
                    "markers-everywhere",
                    np.where(inside, square, 1).reshape(-1),
                    "Everything outside the grid became an end marker.",
                    "One row of markers and one column of them; the rest is padding, 0.",
                ),
                Mistake(
                    "not-flattened",
                    square,
                    "The tokens are right, but they still lie on a square.",
                    "The network takes a sequence: one axis of side * side tokens.",
                ),
            ],
            where="Put the grid plus 2 at the top left of a square of zeros, then one row and one column of ones.",
        )
    passed("encode_arc", f"{len(cases)} grids, with room for markers and without")
