"""Sudoku of any box size: 4x4 (boxes 2x2), 6x6 (2 rows x 3 columns), 9x9 (3x3), and others such as 2x4 or 4x4.

Tokens as in the authors' data: 0 padding (never in a puzzle), 1 blank, digit d is token d + 1, so V = side + 2.
Cells are numbered in reading order; rows, columns and boxes in messages count from 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import factorial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Int64, Integer, UInt8, UInt64
from torch import Tensor

from trm_edu.errors import DataError, PuzzleError
from trm_edu.tasks._sudoku_fingerprint import refine
from trm_edu.tasks.base import Line, Look, PuzzleSet, Tokens, as_numpy, cells_of, grid_lines

if TYPE_CHECKING:
    import matplotlib.axes

BLANK = 1
DIGITS = "123456789ABCDEFGHIJKLMNOP"  # sides above 9 go on with letters
FRAME = "|+-"  # box lines of a pretty-printed grid; no cell is written like this
SEARCH_BUDGET = 2_000_000  # guesses before a search gives up: about two seconds on one core


@dataclass(frozen=True)
class Symmetry:
    """One symmetry of the Sudoku rules, counted from 0.

    The grid is transposed first if `transpose`. Then row r of the result is row rows[r], column c is column
    columns[c], and digit d becomes digit digits[d - 1]. Blank and padding stay what they are.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    digits: tuple[int, ...]
    transpose: bool = False

    def inverse(self) -> Symmetry:
        """The symmetry that undoes this one."""
        rows, columns = (tuple(np.argsort(order).tolist()) for order in (self.rows, self.columns))
        digits = tuple((np.argsort(self.digits) + 1).tolist())
        # undoing "transpose, then move" moves back after the transposition: rows and columns trade places
        return Symmetry(columns, rows, digits, True) if self.transpose else Symmetry(rows, columns, digits)


def _join(words: Iterable[object]) -> str:
    """'2', '2 and 7', '2, 5 and 7'."""
    *most, last = map(str, words)
    return f"{', '.join(most)} and {last}" if most else last


class Sudoku:
    """Sudoku with boxes of `box_rows` rows and `box_cols` columns; the side is their product (4 to 25)."""

    def __init__(self, box_rows: int, box_cols: int) -> None:
        if min(box_rows, box_cols) < 2 or box_rows * box_cols > len(DIGITS):
            raise DataError(f"Boxes of {box_rows}x{box_cols}: both sizes need at least 2, their product at most 25.")
        self.box_rows, self.box_cols = box_rows, box_cols
        self.side = box_rows * box_cols
        usual = (box_rows, box_cols) in ((2, 2), (2, 3), (3, 3))
        self.name = f"sudoku{self.side}" if usual else f"sudoku{box_rows}x{box_cols}"
        self.vocab_size = self.side + 2
        self.seq_len = self.side * self.side
        self.grid_shape = (self.side, self.side)
        self.square_boxes = box_rows == box_cols
        self.digits = DIGITS[: self.side]
        self.hint = "digits, and . or 0 for a blank"

    def __repr__(self) -> str:
        return f"Sudoku({self.box_rows}, {self.box_cols})"

    def encode(self, text: str) -> UInt8[np.ndarray, " L"]:
        """Text to tokens uint8 [L]. Blanks are `.` or `0`; white space and the box lines `|`, `+`, `-` are skipped.

        Raises PuzzleError for a wrong number of cells or a foreign character. Does not check the rules.
        """
        if not isinstance(text, str):
            raise PuzzleError(f"{self.name}: a puzzle is text of {self.seq_len} cells, got {type(text).__name__}.")
        token = {".": BLANK, "0": BLANK} | {digit: d + 2 for d, digit in enumerate(self.digits)}
        token |= {digit.lower(): d for digit, d in token.items()}
        cells = [(i, c) for i, c in enumerate(text) if not c.isspace() and c not in FRAME]
        foreign = [(i, c) for i, c in cells if c not in token]
        found = len(cells) - len(foreign)
        rule = f"digits are {self.digits[0]} to {self.digits[-1]}, blanks are . or 0"
        if foreign:
            at, character = foreign[0]
            raise PuzzleError(
                f"{self.name}: character {character!r} at position {at + 1} is no cell ({rule}). "
                f"Found {found} cells, need {self.seq_len}."
            )
        if found != self.seq_len:
            dashes = " A '-' is read as a box line, not as a blank." if "-" in text else ""
            raise PuzzleError(f"{self.name}: found {found} cells, need {self.seq_len} ({rule}).{dashes}")
        return np.array([token[c] for _, c in cells], np.uint8)

    def encode_answer(self, text: str) -> UInt8[np.ndarray, " L"]:
        """Like `encode`, but raises PuzzleError if a cell is blank."""
        tokens = self.encode(text)
        blank = np.flatnonzero(tokens == BLANK)
        if len(blank):
            raise PuzzleError(
                f"{self.name}: an answer has no blanks, this has {len(blank)}, first {self._at(blank[0])}."
            )
        return tokens

    @cached_property
    def _token_of_byte(self) -> UInt8[np.ndarray, " 256"]:
        """The token of each character that `encode` reads, 0 for any other."""
        table = np.zeros(256, np.uint8)
        table[[ord("."), ord("0")]] = BLANK
        for token, digit in enumerate(self.digits, start=2):
            table[[ord(digit), ord(digit.lower())]] = token
        return table

    def encode_batch(self, texts: Sequence[str], *, complete: bool = False) -> UInt8[np.ndarray, "N L"]:
        """`encode` for many, or `encode_answer` if `complete`: at once where every text is L bare cells.

        Raises the PuzzleError of the first text that is no puzzle.
        """
        if all(len(text) == self.seq_len for text in texts):
            characters = "".join(texts).encode("latin-1", "replace")  # one byte a character: foreign ones become "?"
            tokens = self._token_of_byte[np.frombuffer(characters, np.uint8)].reshape(-1, self.seq_len)
            if tokens.size and tokens.min() > (BLANK if complete else 0):
                return tokens
        encode = self.encode_answer if complete else self.encode
        return np.array([encode(text) for text in texts], np.uint8).reshape(-1, self.seq_len)

    def decode(self, tokens: Tokens) -> str:
        """Tokens to L characters, `.` for a blank. Raises PuzzleError for padding or tokens out of range."""
        return "".join(("." + self.digits)[token - 1] for token in self._puzzle(tokens))

    def format_grid(self, tokens: Tokens) -> str:
        """Tokens to a grid with box lines for a terminal; `encode` reads it back."""
        text = self.decode(tokens)
        line = "+" + ("-" * (2 * self.box_cols + 1) + "+") * self.box_rows
        lines = []
        for r in range(self.side):
            if r % self.box_rows == 0:
                lines.append(line)
            row = text[r * self.side : (r + 1) * self.side]
            boxes = [" ".join(row[c : c + self.box_cols]) for c in range(0, self.side, self.box_cols)]
            lines.append("| " + " | ".join(boxes) + " |")
        return "\n".join([*lines, line])

    # --- rules ------------------------------------------------------------------------------------------------

    @cached_property
    def _units(self) -> Int64[np.ndarray, "units side"]:
        """Cells of every row, then column, then box."""
        cells = np.arange(self.seq_len)
        grid = cells.reshape(self.side, self.side)
        boxes = cells.reshape(self.box_cols, self.box_rows, self.box_rows, self.box_cols).transpose(0, 2, 1, 3)
        return np.concatenate([grid, grid.T, boxes.reshape(self.side, self.side)])

    def _at(self, cell: int | np.integer) -> str:
        return f"at row {cell // self.side + 1} column {cell % self.side + 1}"

    def _puzzle(self, tokens: Any) -> UInt8[np.ndarray, " L"]:
        """One puzzle as uint8 [L]; raises PuzzleError for a wrong shape or a token that is no blank and no digit."""
        tokens = cells_of(self, tokens)
        bad = np.flatnonzero((tokens < BLANK) | (tokens >= self.vocab_size))
        if len(bad):
            raise PuzzleError(
                f"{self.name}: token {tokens[bad[0]]} {self._at(bad[0])} is no cell; "
                f"blank is {BLANK}, digits are 2 to {self.vocab_size - 1}.",
                cells=bad,
            )
        return tokens.astype(np.uint8)

    def _repeats(self, tokens: np.ndarray) -> list[tuple[str, list[int]]]:
        """A line, and the cells, for each digit that stands more than once in a row, column or box."""
        repeats = []
        for u, unit in enumerate(self._units):
            kind, number = ("row", "column", "box")[u // self.side], u % self.side + 1
            for d, digit in enumerate(self.digits):
                cells = unit[tokens[unit] == d + 2]
                if len(cells) < 2:
                    continue
                times = "twice" if len(cells) == 2 else f"{len(cells)} times"
                rows, columns = cells // self.side + 1, cells % self.side + 1
                box_cells = _join(self._at(cell) for cell in cells)
                where = {"row": f"at columns {_join(columns)}", "column": f"at rows {_join(rows)}", "box": box_cells}
                repeats.append((f"{kind} {number} holds {digit} {times} {where[kind]}", cells.tolist()))
        return repeats

    def check_question(self, tokens: Tokens) -> None:
        """Raise PuzzleError, naming where, if a digit stands twice in a row, column or box. Else do nothing.

        A question that passes may still have no solution, or several: see `solution_count`.
        """
        repeats = self._repeats(self._puzzle(tokens))
        if repeats:
            lines = "; ".join(line for line, _ in repeats)
            cells = sorted({cell for _, found in repeats for cell in found})
            raise PuzzleError(f"{self.name}: the clues contradict each other: {lines}.", cells=cells)

    def violations(
        self,
        question: Tokens,
        answer: Tokens,
    ) -> list[str]:
        """A line for each clue that changed, cell that is empty or foreign, and digit that repeats in a unit."""
        question, answer = self._puzzle(question), cells_of(self, answer)
        lines = []
        for cell, (clue, token) in enumerate(zip(question.tolist(), answer.tolist(), strict=True)):
            is_digit = BLANK < token < self.vocab_size
            if clue != BLANK and clue != token:
                now = f"to {self.digits[token - 2]}" if is_digit else "to an empty cell" if token == BLANK else "away"
                lines.append(f"clue {self._at(cell)} changed from {self.digits[clue - 2]} {now}")
            if token == BLANK:
                lines.append(f"cell {self._at(cell)} is empty")
            elif not is_digit:
                lines.append(f"cell {self._at(cell)} holds token {token}, which is no digit")
        return lines + [line for line, _ in self._repeats(answer)]

    def is_solved(
        self,
        question: Tokens,
        answer: Tokens,
    ) -> bool:
        """Whether `answer` keeps every clue and every unit holds every digit."""
        return bool(self.is_solved_batch(self._puzzle(question)[None], cells_of(self, answer)[None])[0])

    def is_solved_batch(
        self, questions: Integer[np.ndarray, "N L"], answers: Integer[np.ndarray, "N L"]
    ) -> Bool[np.ndarray, " N"]:
        """`is_solved` for many: bool [N]."""
        questions, answers = self._set(questions), self._set(answers)
        if questions.shape != answers.shape:
            raise PuzzleError(f"{self.name}: {len(questions)} questions, but {len(answers)} answers.")
        legal = ((answers > BLANK) & (answers < self.vocab_size)).all(1)
        kept = ((questions == BLANK) | (questions == answers)).all(1)
        bits = np.int32(1) << np.clip(answers.astype(np.int32) - 2, 0, self.side - 1)
        # `side` digits in `side` cells: all are there exactly if none repeats
        full = np.bitwise_or.reduce(bits[:, self._units], axis=2) == (1 << self.side) - 1
        return legal & kept & full.all(1)

    def repeats(self, tokens: Integer[Tensor, "N L"]) -> Int64[Tensor, " N"]:
        """How many digits stand a second, third, ... time: the cells less the distinct digits, over all 3 * side units.

        0 exactly if every unit holds every digit. A cell without a digit counts too, as a digit is missing there.
        Clues are not looked at. Runs on the device of the tokens; raises PuzzleError for another shape.
        """
        self._check_set(tokens)
        units = torch.from_numpy(self._units).to(tokens.device)
        digits = torch.where((tokens > BLANK) & (tokens < self.vocab_size), tokens, 0).long()[:, units]
        held = digits.new_zeros(*digits.shape[:2], self.vocab_size).scatter_(2, digits, 1)
        return units.numel() - held[..., 1:].sum((1, 2))

    def _check_set(self, tokens: np.ndarray | Tensor) -> None:
        if tokens.ndim != 2 or tokens.shape[1] != self.seq_len:
            raise PuzzleError(f"{self.name}: a set of puzzles has shape [N, {self.seq_len}], got {list(tokens.shape)}.")

    def _set(self, tokens: Any) -> np.ndarray:
        tokens = as_numpy(tokens)
        self._check_set(tokens)
        return tokens

    # --- symmetries -------------------------------------------------------------------------------------------

    def symmetries(self) -> str:
        """What the symmetries are and how many."""
        rows = factorial(self.box_cols) * factorial(self.box_rows) ** self.box_cols
        columns = factorial(self.box_rows) * factorial(self.box_cols) ** self.box_rows
        positions = rows * columns * (2 if self.square_boxes else 1)
        last = "transposition" if self.square_boxes else "no transposition, because the boxes are not square"
        return (
            f"digits relabelled, bands and stacks permuted, rows in a band and columns in a stack permuted, {last}: "
            f"{factorial(self.side):,} relabellings x {positions:,} moves = {factorial(self.side) * positions:,}"
        )

    def random_symmetry(self, rng: np.random.Generator) -> Symmetry:
        """A symmetry drawn uniformly."""

        def order(groups: int, size: int) -> tuple[int, ...]:
            return tuple(int(g) * size + int(i) for g in rng.permutation(groups) for i in rng.permutation(size))

        rows, columns = order(self.box_cols, self.box_rows), order(self.box_rows, self.box_cols)
        digits = tuple((rng.permutation(self.side) + 1).tolist())
        return Symmetry(rows, columns, digits, self.square_boxes and bool(rng.integers(2)))

    @lru_cache(maxsize=256)  # noqa: B019 - tasks live as long as the program
    def _maps(self, symmetry: Symmetry) -> tuple[np.ndarray, np.ndarray]:
        """Source cell of each cell [L] and image of each token [V]; raises DataError if the rules would break."""
        for name, order, size in (("row", symmetry.rows, self.box_rows), ("column", symmetry.columns, self.box_cols)):
            if sorted(order) != list(range(self.side)):
                raise DataError(f"{self.name}: {name}s {order} are no permutation of 0 to {self.side - 1}.")
            for start in range(0, self.side, size):
                group = order[start : start + size]
                if len({i // size for i in group}) > 1:
                    kind = "band" if name == "row" else "stack"
                    raise DataError(
                        f"{self.name}: {name}s {_join(group)} come from several {kind}s; boxes would break."
                    )
        if sorted(symmetry.digits) != list(range(1, self.side + 1)):
            raise DataError(f"{self.name}: digits {symmetry.digits} are no permutation of 1 to {self.side}.")
        if symmetry.transpose and not self.square_boxes:
            raise DataError(f"{self.name}: boxes of {self.box_rows}x{self.box_cols} do not survive a transposition.")
        cells = np.arange(self.seq_len).reshape(self.side, self.side)
        cells = (cells.T if symmetry.transpose else cells)[np.ix_(symmetry.rows, symmetry.columns)].reshape(-1)
        return cells, np.array([0, BLANK, *(d + 1 for d in symmetry.digits)])

    def apply(self, symmetry: Symmetry, tokens: Any) -> Any:
        """The image of tokens [..., L]; numpy or torch as they came, with their type and device.

        Raises DataError if `symmetry` is none of this grid (rows out of their band, a transposed 2x3 grid).
        """
        if tokens.shape[-1] != self.seq_len:
            raise PuzzleError(f"{self.name}: the last axis needs {self.seq_len} cells, got {list(tokens.shape)}.")
        cells, image = self._maps(symmetry)
        if isinstance(tokens, Tensor):
            moved = tokens[..., torch.from_numpy(cells).to(tokens.device)]
            return torch.from_numpy(image).to(tokens.device)[moved.long()].to(tokens.dtype)
        return image[tokens[..., cells]].astype(tokens.dtype)

    def invert(self, symmetry: Symmetry) -> Symmetry:
        """The symmetry that undoes `symmetry`."""
        return symmetry.inverse()

    def augment(
        self, questions: Integer[Tensor, "B L"], answers: Integer[Tensor, "B L"], generator: torch.Generator
    ) -> tuple[Integer[Tensor, "B L"], Integer[Tensor, "B L"]]:
        """One uniformly random symmetry for each row, the same for its question and its answer.

        Tokens 0 .. V - 1 on any device; `generator` lives on that device. Blanks stay blank, types stay.
        """
        batch, device, side = len(questions), questions.device, self.side

        def shuffled(*shape: int) -> Integer[Tensor, "*shape"]:
            return torch.rand(batch, *shape, generator=generator, device=device).argsort(-1)

        def order(groups: int, size: int) -> Integer[Tensor, "B side"]:
            return (shuffled(groups)[:, :, None] * size + shuffled(groups, size)).reshape(batch, side)

        rows, columns = order(self.box_cols, self.box_rows)[:, :, None], order(self.box_rows, self.box_cols)[:, None]
        cells = rows * side + columns
        if self.square_boxes:
            flip = torch.rand(batch, 1, 1, generator=generator, device=device) < 0.5
            cells = torch.where(flip, columns * side + rows, cells)
        cells = cells.reshape(batch, -1)
        fixed = torch.arange(2, device=device).expand(batch, 2)
        image = torch.cat([fixed, shuffled(side) + 2], dim=1)
        question, answer = (
            image.gather(1, tokens.gather(1, cells).long()).to(tokens.dtype) for tokens in (questions, answers)
        )
        return question, answer

    def fingerprint(self, questions: Integer[np.ndarray, "N L"]) -> UInt64[np.ndarray, " N"]:
        """Equal for any two puzzles that a symmetry turns into each other, different for nearly all others.

        Colour refinement sees only what blanks leave unequal: all complete grids share one fingerprint. Use it for
        questions, not for answers.
        """
        return refine(self._set(questions), self.box_rows, self.box_cols)

    # --- search and generation --------------------------------------------------------------------------------

    def _search(self, questions: np.ndarray, limit: int, budget: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from trm_edu.tasks import _sudoku_solver  # imports numba

        if limit < 1 or budget < 1:
            raise DataError(f"{self.name}: a search needs limit and budget of at least 1, got {limit} and {budget}.")
        counts, guesses, solutions = _sudoku_solver.solve_all(questions, self.box_rows, self.box_cols, limit, budget)
        if (counts < 0).any():
            raise PuzzleError(
                f"{self.name}: the search did not finish within {budget:,} guesses; "
                "few clues that contradict each other do this. Give more clues or a larger budget."
            )
        return counts, guesses, solutions

    def solution_count(self, tokens: Any, limit: int = 2, *, budget: int = SEARCH_BUDGET) -> int:
        """How many solutions a question [L] has, counted up to `limit`: 0 none, 1 one, 2 several.

        Raises PuzzleError if `budget` guesses do not decide it.
        """
        return int(self._search(self._puzzle(tokens)[None], limit, budget)[0][0])

    def solve_by_search(self, tokens: Any, *, budget: int = SEARCH_BUDGET) -> UInt8[np.ndarray, " L"] | None:
        """A solution of a question [L], or None if it has none. Raises PuzzleError if `budget` guesses run out."""
        counts, _, solutions = self._search(self._puzzle(tokens)[None], 1, budget)
        return solutions[0] if counts[0] else None

    def guesses(self, questions: Integer[np.ndarray, "N L"]) -> Int64[np.ndarray, " N"]:
        """How often a plain solver must guess before its first solution: int64 [N], 0 if singles alone solve it.

        The solver sets naked singles, then hidden singles, to a fixpoint; then it branches on the unsolved cell with
        the fewest candidates (the first in reading order), digits ascending. A digit that is tried while others
        of its cell are untried is a guess; the last one is none.
        """
        questions = np.stack([self._puzzle(row) for row in self._set(questions)])
        return self._search(questions, 1, 2**62)[1]

    def generate(
        self,
        count: int,
        seed: int,
        *,
        exclude: Collection[int] | UInt64[np.ndarray, " M"] | None = None,
        clues: int | None = None,
    ) -> PuzzleSet:
        """`count` puzzles with exactly one solution and pairwise different fingerprints, none of them in `exclude`.

        Clues are minimal: without any one of them there are several solutions. With `clues`, removal stops at that
        many (a puzzle that is minimal before keeps more). `extra` holds `clues` and `guesses`. The same arguments
        give the same puzzles, and a larger count begins with those of a smaller one. Complete grids come from a
        randomised search, so not all are equally likely.

        Raises DataError if 5,000 puzzles in a row bring nothing new: there are only 36 minimal 4x4 puzzles.
        """
        from trm_edu.tasks import _sudoku_solver  # imports numba

        if count < 0 or not 0 <= seed < 2**63:
            raise DataError(f"{self.name}: count {count} and seed {seed} must not be negative (seed below 2**63).")
        if clues is not None and not 1 <= clues <= self.seq_len:
            raise DataError(
                f"{self.name}: clues is {clues}; it needs 1 to {self.seq_len}, or None for minimal puzzles."
            )
        known = set() if exclude is None else {int(value) for value in exclude}
        patience, start, since_new = 5_000, 0, 0
        questions, answers = [], []
        while len(questions) < count:
            size = min(max(count - len(questions), since_new), 4096)  # larger steps once new puzzles get rare
            made = _sudoku_solver.generate_all(size, seed, start, self.box_rows, self.box_cols, clues or 0)
            start += size
            for question, answer, value in zip(*made, self.fingerprint(made[0]).tolist(), strict=True):
                since_new += 1
                if value not in known and len(questions) < count:
                    known.add(value)
                    questions.append(question)
                    answers.append(answer)
                    since_new = 0
            if since_new >= patience:
                raise DataError(
                    f"{self.name}: found {len(questions)} different puzzles of the {count} asked for "
                    f"({0 if exclude is None else len(exclude)} excluded); {since_new:,} more brought nothing new."
                )
        shape = (count, self.seq_len)
        question_array, answer_array = (np.array(rows, np.uint8).reshape(shape) for rows in (questions, answers))
        kind = "minimal clues" if clues is None else f"down to {clues} clues"
        extra = {"clues": (question_array > BLANK).sum(1)}
        extra["guesses"] = self.guesses(question_array) if count else np.zeros(0, np.int64)
        source = f"generated (seed {seed}, {kind})"
        return PuzzleSet(self.name, question_array, answer_array, source, count, extra)

    def look(self, token: int) -> Look:
        """The digit; a blank and padding look like nothing."""
        return Look(self.digits[token - 2] if token < self.vocab_size else "?") if token > BLANK else Look()

    def lines(self) -> list[Line]:
        """Thick lines around the boxes, thin ones around the cells."""
        return grid_lines(self.side, self.side, thick_rows=self.box_rows, thick_columns=self.box_cols)

    def draw(
        self,
        ax: matplotlib.axes.Axes,
        tokens: Any,
        *,
        given: Any = None,
        changed: Any = None,
        wrong: Any = None,
        confidence: Any = None,
    ) -> matplotlib.axes.Axes:
        """Draw one grid [L] on matplotlib axes, which are cleared first; returns them.

        given: the question's tokens [L], or bool [L]; these cells are bold black, the others blue. Default: all.
        changed: bool [L], tinted yellow. wrong: bool [L], vermilion with a cross in the corner.
        confidence: [L] in 0 .. 1; a filled digit that is less than 95% sure bears a bar of that length.
        """
        from trm_edu.tasks._drawing import draw_grid  # imports matplotlib

        return draw_grid(ax, self, tokens, given, changed, wrong, confidence)
