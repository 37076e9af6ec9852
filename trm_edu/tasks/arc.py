"""ARC-AGI: coloured grids of up to 30 x 30 cells on a square of `side` x `side` tokens, as in the published code.

Tokens: 0 padding, 1 end marker, colour c is token c + 2, so V = 12. A grid stands at the top left of the square; a row
of end markers below it and a column of them to its right (where there is room) say where it ends, and so how large an
answer is. A grid of plain colours is numpy uint8 [rows, columns] with values 0 to 9; 0 is black, mostly the background.

Letters in shapes: B rows of a batch, N puzzles, S side, L = S * S tokens.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Int64, Integer, UInt8, UInt64
from torch import Tensor

from trm_edu.errors import DataError, PuzzleError
from trm_edu.tasks.base import Look, PuzzleSet, Tokens, as_numpy, cells_of

if TYPE_CHECKING:
    import matplotlib.axes

END = 1
FIRST_COLOUR = 2  # token of colour 0
COLOURS = 10
MAX_SIDE = 30  # no grid of ARC is larger
SEPARATOR = "|||"  # between the parts of an augmented task's name
PALETTE = (  # Okabe and Ito's colours and wine, each near the colour that ARC's own site shows
    *("#000000", "#0072B2", "#D55E00", "#009E73", "#F0E442"),
    *("#999999", "#CC79A7", "#E69F00", "#56B4E9", "#661033"),
)
FAULTS_SHOWN = 20  # of a wild prediction nearly every cell is wrong: nobody reads 900 lines

# The eight transforms in the published order: keep, three turns to the left, mirror left-right, mirror top-bottom,
# transpose, transpose at the other diagonal. Each is: reverse the rows or not, then the columns or not, then transpose
# or not.
MOVES = ((0, 0, 0), (0, 1, 1), (1, 1, 0), (1, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, 1), (1, 1, 1))
INVERSE = (0, 3, 2, 1, 4, 5, 6, 7)  # the transform that undoes each


# --- one grid -------------------------------------------------------------------------------------------------------


def check_grid(grid: Any, where: str, side: int = MAX_SIDE) -> UInt8[np.ndarray, "rows columns"]:
    """A grid (list of rows, or numpy [rows, columns]) as uint8, if it is one: 1 to `side` rows and columns of 0 to 9.

    Raises DataError that begins with `where`, for example "task 007bbfb7, train pair 2, input", and names place and
    value. Numbers that are not integers are refused even if they are whole.
    """
    if isinstance(grid, np.ndarray):
        if grid.ndim != 2 or not np.issubdtype(grid.dtype, np.integer):
            raise DataError(f"{where}: a grid is integers [rows, columns], got {grid.dtype} {list(grid.shape)}")
        rows, columns = grid.shape
    else:
        if not isinstance(grid, (list, tuple)) or not all(isinstance(row, (list, tuple)) for row in grid):
            raise DataError(f"{where}: a grid is a list of rows, each a list of colours 0 to 9, got {_short(grid)}")
        rows, columns = len(grid), len(grid[0]) if len(grid) else 0
        for r, row in enumerate(grid, start=1):
            if len(row) != columns:
                raise DataError(f"{where}: row {r} has {len(row)} cells, row 1 has {columns}; all rows need as many")
            for c, value in enumerate(row, start=1):
                if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                    raise DataError(
                        f"{where}, row {r}, column {c}: {_short(value)} is {type(value).__name__}, "
                        "colours are integers 0 to 9"
                    )
                if not 0 <= value < COLOURS:  # here too: numpy could not hold any large number
                    raise DataError(f"{where}, row {r}, column {c}: {_short(value)} is no colour (0 to 9)")
    if not rows or not columns:
        raise DataError(f"{where}: the grid is empty ({rows} rows, {columns} columns); it needs at least one cell")
    if max(rows, columns) > side:
        raise DataError(f"{where}: {rows} x {columns} cells, at most {side} x {side} are allowed")
    array = np.asarray(grid)
    wrong = np.argwhere((array < 0) | (array >= COLOURS))
    if len(wrong):
        r, c = wrong[0].tolist()
        raise DataError(f"{where}, row {r + 1}, column {c + 1}: {array[r, c]} is no colour (0 to 9)")
    return array.astype(np.uint8)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def dihedral(grid: np.ndarray, k: int) -> np.ndarray:
    """The k-th of the eight transforms of a grid [rows, columns], in the published order; `INVERSE[k]` undoes it.

    0 keeps it, 1 to 3 turn it left by 90, 180, 270 degrees, 4 mirrors left-right, 5 top-bottom, 6 transposes, 7
    transposes at the diagonal from bottom left to top right.
    """
    if k not in range(8):
        raise DataError(f"dihedral transform {k!r} does not exist; they are 0 to 7")
    reverse_rows, reverse_columns, transpose = MOVES[k]
    turned = grid[:: -1 if reverse_rows else 1, :: -1 if reverse_columns else 1]
    return turned.T if transpose else turned


def grid_tokens(
    grid: UInt8[np.ndarray, "rows columns"], side: int, offset: tuple[int, int] = (0, 0)
) -> UInt8[np.ndarray, " L"]:
    """Tokens [side * side] of a grid whose top left cell stands at row and column `offset`.

    Raises DataError if it does not fit there.
    """
    (rows, columns), (top, left) = grid.shape, offset
    bottom, right = top + rows, left + columns
    if min(top, left) < 0 or max(bottom, right) > side:
        raise DataError(f"a grid of {rows} x {columns} cells at offset {offset} does not fit into {side} x {side}")
    square = np.zeros((side, side), np.uint8)
    square[top:bottom, left:right] = grid + FIRST_COLOUR
    if bottom < side:
        square[bottom, left:right] = END
    if right < side:
        square[top:bottom, right] = END
    return square.reshape(-1)


def crop_sizes(tokens: Integer[Tensor, "*batch L"], side: int) -> Int64[Tensor, "*batch 2"]:
    """Rows and columns of the largest rectangle of colour tokens at the top left; 0, 0 if the first is no colour.

    The published rule for reading a prediction. Among rectangles of one area it takes the one with the fewest rows.
    """
    square = tokens.unflatten(-1, (side, side))
    colour = (square >= FIRST_COLOUR) & (square < FIRST_COLOUR + COLOURS)
    # the first h rows are as wide as the narrowest of them
    widths = colour.long().cumprod(-1).sum(-1).cummin(-1).values
    best = (widths * torch.arange(1, side + 1, device=tokens.device)).argmax(-1, keepdim=True)  # the first maximum
    columns = widths.gather(-1, best)
    return torch.cat([(best + 1) * (columns > 0), columns], -1)


def crop(tokens: Tokens, side: int) -> UInt8[np.ndarray, "rows columns"]:
    """The grid in tokens [L] that may be imperfect: see `crop_sizes`. Empty [0, 0] if there is none."""
    square = as_numpy(tokens).astype(np.int64)
    rows, columns = crop_sizes(torch.from_numpy(square), side).tolist()
    return (square.reshape(side, side)[:rows, :columns] - FIRST_COLOUR).astype(np.uint8)


# --- many grids at once ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _moves(device: torch.device) -> Bool[Tensor, "8 3"]:
    """`MOVES` on a device. Kept, because a copy to a GPU would wait for it at every batch."""
    return torch.tensor(MOVES, dtype=torch.bool, device=device)


def turned_sizes(sizes: Integer[Tensor, "B 2"], dihedral: Integer[Tensor, " B"]) -> Integer[Tensor, "B 2"]:
    """Rows and columns after each transform."""
    transpose = _moves(sizes.device)[dihedral.long(), 2:]
    return torch.where(transpose, sizes.flip(-1), sizes)


def place(
    grids: Integer[Tensor, "B S S"],
    sizes: Integer[Tensor, "B 2"],
    dihedral: Integer[Tensor, " B"],
    colours: Integer[Tensor, "B 10"],
    offset: Integer[Tensor, "B 2"],
) -> Int64[Tensor, "B L"]:
    """Tokens of grids, each transformed in its own way: `dihedral`, then colour c to colours[c], then moved.

    grids: colours 0 to 9; what lies outside the first `sizes` rows and columns does not matter, but must be 0 to 9.
    offset: row and column of the top left cell; the caller sees to it that the grid fits. A grid of size 0, 0 leaves
    padding alone.

    The source of every output cell is computed, not searched: all on the device of the tensors, without waiting.
    """
    side, device = grids.shape[-1], grids.device
    reverse_rows, reverse_columns, transpose = _moves(device)[dihedral.long()].unbind(-1)
    rows, columns = sizes.long().unbind(-1)
    # output cell (r, c) of the grid itself shows the source cell  start + down * r + right * c
    row_step, column_step = (torch.where(reverse_rows, -side, side), torch.where(reverse_columns, -1, 1))
    start = reverse_rows * (rows - 1) * side + reverse_columns * (columns - 1)
    down, right = torch.where(transpose, column_step, row_step), torch.where(transpose, row_step, column_step)
    height, width = (size[:, None] for size in turned_sizes(sizes.long(), dihedral).unbind(-1))
    line = torch.arange(side, device=device)
    r, c = (line - offset[:, axis, None].long() for axis in (0, 1))
    source = (start[:, None] + down[:, None] * r)[:, :, None] + (right[:, None] * c)[:, None, :]
    in_rows, in_columns = (r >= 0) & (r < height), (c >= 0) & (c < width)
    inside = in_rows[:, :, None] & in_columns[:, None, :]
    end = ((r == height)[:, :, None] & in_columns[:, None, :]) | (in_rows[:, :, None] & (c == width)[:, None, :])
    source = source.clamp(0, side * side - 1).flatten(1)  # outside the grid anything may be read: it is not shown
    values = grids.flatten(1).gather(1, source).long()
    tokens = (colours.long() + FIRST_COLOUR).gather(1, values)
    return torch.where(inside.flatten(1), tokens, end.flatten(1).long())


def below(limits: Integer[Tensor, "*shape"], generator: torch.Generator) -> Int64[Tensor, "*shape"]:
    """A random integer from 0 to limit - 1 for each limit, uniform to one part in a million, without waiting."""
    draw = {"generator": generator, "device": limits.device}
    return torch.randint(2**31 - 1, limits.shape, **draw) % limits


def _grids(tokens: Integer[Tensor, "B L"], side: int) -> tuple[Int64[Tensor, "B S S"], Int64[Tensor, "B 2"]]:
    """Colours and sizes of untranslated tokens."""
    colours = (tokens.long() - FIRST_COLOUR).clamp(0, COLOURS - 1)
    return colours.unflatten(-1, (side, side)), crop_sizes(tokens, side)


def mix(values: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): every bit of the result depends on every bit given."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(31))


# --- symmetries -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ArcSymmetry:
    """A transform 0 to 7 (`dihedral`) and a permutation of the colours: colour c becomes colours[c]; 0 stays 0.

    Raises DataError if it is none.
    """

    dihedral: int = 0
    colours: tuple[int, ...] = tuple(range(COLOURS))

    def __post_init__(self) -> None:
        if self.dihedral not in range(8):
            raise DataError(f"dihedral transform {self.dihedral!r} does not exist; they are 0 to 7")
        if sorted(self.colours) != list(range(COLOURS)) or self.colours[0] != 0:
            raise DataError(f"colours {self.colours}: they need to be a permutation of 0 to 9 that begins with 0")

    def inverse(self) -> ArcSymmetry:
        """The symmetry that undoes this one. Transform and colours do not disturb each other."""
        return ArcSymmetry(INVERSE[self.dihedral], tuple(np.argsort(self.colours).tolist()))

    def name(self, task_id: str) -> str:
        """The published name of a task under this symmetry: "007bbfb7|||t3|||0134526789"; the identity has none.

        Raises DataError if the task's own name holds the separator.
        """
        if SEPARATOR in task_id:
            raise DataError(f"task {task_id!r}: a name must not hold {SEPARATOR!r}")
        if self == ArcSymmetry():
            return task_id
        return SEPARATOR.join([task_id, f"t{self.dihedral}", "".join(map(str, self.colours))])


def parse_name(name: str) -> tuple[str, ArcSymmetry]:
    """Task and symmetry of a published name: the inverse of `ArcSymmetry.name`. Raises DataError for any other text."""
    task_id, *parts = name.split(SEPARATOR)
    if not parts:
        return task_id, ArcSymmetry()
    if len(parts) == 2:
        turn, colours = parts
        digits = "0123456789"
        if len(turn) == 2 and turn[0] == "t" and turn[1] in digits and all(colour in digits for colour in colours):
            try:
                return task_id, ArcSymmetry(int(turn[1]), tuple(map(int, colours)))
            except DataError as error:
                raise DataError(f"name {name!r}: {error}") from None
    raise DataError(f'name {name!r}: expected a task, or "task|||t3|||0134526789" (transform 0 to 7, ten colours)')


# --- the task -------------------------------------------------------------------------------------------------------


def _word(token: int) -> str:
    if FIRST_COLOUR <= token < FIRST_COLOUR + COLOURS:
        return f"colour {token - FIRST_COLOUR}"
    return {0: "padding", END: "an end marker"}.get(token, f"token {token}, which does not exist")


class Arc:
    """The grids of ARC-AGI on a square of `side` x `side` tokens (1 to 30). ARC's own tasks need 30.

    A puzzle is one test input; which task it belongs to, the network learns from the id of the puzzle's embedding.
    """

    # ARC has no rules that a program could check: only the stored answer tells whether an answer is right. `is_solved`
    # says no more than that the answer is a grid. Other tasks are judged by "rules".
    judged_by = "answers"

    def __init__(self, side: int = MAX_SIDE) -> None:
        if side not in range(1, MAX_SIDE + 1):
            raise DataError(f"side {side!r}: it needs to be 1 to {MAX_SIDE}")
        self.side = side
        self.name = f"arc{side}"
        self.vocab_size = FIRST_COLOUR + COLOURS
        self.seq_len = side * side
        self.grid_shape = (side, side)

    def __repr__(self) -> str:
        return f"Arc({self.side})"

    # --- text ---

    def encode(self, text: str) -> UInt8[np.ndarray, " L"]:
        """Rows of digits to tokens; rows are separated by line ends or by "/": "012/300" has two rows.

        Raises PuzzleError for foreign characters, rows of unequal length, no row at all, or more than `side`.
        """
        if not isinstance(text, str):
            raise PuzzleError(f"{self.name}: a grid is text, rows of digits, got {type(text).__name__}.")
        lines = [line.strip() for line in text.strip().replace("/", "\n").splitlines()]
        for r, line in enumerate(lines, start=1):
            for c, character in enumerate(line, start=1):
                if character not in "0123456789":
                    raise PuzzleError(f"{self.name}: character {character!r} at row {r} column {c} is no digit 0 to 9.")
        try:
            return grid_tokens(check_grid([[int(d) for d in line] for line in lines], self.name, self.side), self.side)
        except DataError as error:
            raise PuzzleError(f"{error}.") from None

    def encode_answer(self, text: str) -> UInt8[np.ndarray, " L"]:
        """Like `encode`: an answer is a grid too."""
        return self.encode(text)

    def _rows(self, tokens: Tokens) -> list[str]:
        tokens = cells_of(self, tokens)
        grid = crop(tokens, self.side)
        if not grid.size:
            raise PuzzleError(
                f"{self.name}: no grid to read: row 1 column 1 holds {_word(int(tokens[0]))}, a grid begins with a "
                f"colour (token {FIRST_COLOUR} to {self.vocab_size - 1})."
            )
        return ["".join(map(str, row)) for row in grid.tolist()]

    def decode(self, tokens: Tokens) -> str:
        """Tokens to rows of digits separated by "/". Of imperfect tokens it reads what `crop` leaves.

        Raises PuzzleError if that is nothing.
        """
        return "/".join(self._rows(tokens))

    def format_grid(self, tokens: Tokens) -> str:
        """Tokens to lines of digits; of imperfect tokens what `crop` leaves. Raises PuzzleError if that is nothing."""
        return "\n".join(self._rows(tokens))

    # --- what can be checked ---

    def _faults(self, tokens: np.ndarray) -> list[str]:
        """Where tokens differ from those of the grid that `crop` reads in them."""
        grid = crop(tokens, self.side)
        if not grid.size:
            return [f"row 1 column 1 holds {_word(int(tokens[0]))}, a grid begins with a colour"]
        right = grid_tokens(grid, self.side)
        cells = np.flatnonzero(right != tokens).tolist()
        rows, columns = grid.shape
        lines = [
            f"row {cell // self.side + 1} column {cell % self.side + 1} holds {_word(int(tokens[cell]))}, a grid of "
            f"{rows} x {columns} cells has {_word(int(right[cell]))} there"
            for cell in cells[:FAULTS_SHOWN]
        ]
        rest = len(cells) - len(lines)
        return [*lines, f"and {rest} further cells"] if rest else lines

    def check_question(self, tokens: Tokens) -> None:
        """Raise PuzzleError, naming row, column and value, if tokens are no grid at the top left. Else do nothing."""
        faults = self._faults(cells_of(self, tokens))
        if faults:
            raise PuzzleError(f"{self.name}: the question is no grid: {faults[0]}.")

    def violations(self, question: Tokens, answer: Tokens) -> list[str]:
        """One line for each cell of the answer that is not as in a grid at the top left, at most 21; empty: a grid.

        No rule tells whether the answer is right (`judged_by`); the question is only checked for its shape.
        """
        cells_of(self, question)
        return self._faults(cells_of(self, answer))

    def is_solved(self, question: Tokens, answer: Tokens) -> bool:
        """Whether the answer is a grid at all. Only the stored answer tells whether it is right (`judged_by`)."""
        return not self.violations(question, answer)

    def is_solved_batch(
        self, questions: Integer[np.ndarray, "N L"], answers: Integer[np.ndarray, "N L"]
    ) -> Bool[np.ndarray, " N"]:
        """`is_solved` for many."""
        questions, answers = self._set(questions), self._set(answers)
        if questions.shape != answers.shape:
            raise PuzzleError(f"{self.name}: {len(questions)} questions, but {len(answers)} answers.")
        answers = answers.astype(np.int64)
        some = answers[:, 0] >= FIRST_COLOUR if len(answers) else np.zeros(0, bool)
        return some & (self.apply(ArcSymmetry(), answers) == answers).all(1)

    def _set(self, tokens: Any) -> np.ndarray:
        tokens = as_numpy(tokens)
        if tokens.ndim != 2 or tokens.shape[1] != self.seq_len:
            raise PuzzleError(f"{self.name}: a set of puzzles has shape [N, {self.seq_len}], got {list(tokens.shape)}.")
        return tokens

    # --- symmetries ---

    def symmetries(self) -> str:
        """What the symmetries are and how many."""
        return (
            "8 turns and mirrors x 362,880 permutations of the colours 1 to 9 (0 stays) = 2,903,040; in training the "
            "grids of a pair are also moved together inside the square"
        )

    def random_symmetry(self, rng: np.random.Generator) -> ArcSymmetry:
        """A symmetry drawn uniformly. A translation is none: tokens that were moved are not read back."""
        return ArcSymmetry(int(rng.integers(8)), (0, *(rng.permutation(COLOURS - 1) + 1).tolist()))

    def invert(self, symmetry: ArcSymmetry) -> ArcSymmetry:
        """The symmetry that undoes `symmetry`."""
        return symmetry.inverse()

    def apply(self, symmetry: ArcSymmetry, tokens: Any) -> Any:
        """The image of tokens [..., L] of an untranslated grid; numpy or torch as they came, type and device kept.

        The grid is read by `crop`, transformed and encoded again. So imperfect tokens (a prediction) come back as the
        grid that was read in them, and as padding alone if there was none.
        """
        if tokens.shape[-1] != self.seq_len:
            raise PuzzleError(f"{self.name}: the last axis needs {self.seq_len} cells, got {list(tokens.shape)}.")
        if isinstance(tokens, Tensor):
            flat = tokens.reshape(-1, self.seq_len)
            grids, sizes = _grids(flat, self.side)
            count, device = len(flat), tokens.device
            turn = torch.full((count,), symmetry.dihedral, device=device)
            colours = torch.tensor(symmetry.colours, device=device).expand(count, -1)
            image = place(grids, sizes, turn, colours, torch.zeros_like(sizes))
            return image.to(tokens.dtype).reshape(tokens.shape)
        return self.apply(symmetry, torch.from_numpy(tokens.astype(np.int64))).numpy().astype(tokens.dtype)

    def augment(
        self, questions: Integer[Tensor, "B L"], answers: Integer[Tensor, "B L"], generator: torch.Generator
    ) -> tuple[Integer[Tensor, "B L"], Integer[Tensor, "B L"]]:
        """One random symmetry and one random place in the square for each row, common to its question and answer.

        Uniform over transforms, permutations of the colours 1 to 9, and offsets at which both grids fit. The rows must
        not have been moved before. Runs on the device of the tensors, where `generator` lives, without waiting.
        """
        batch, device = len(questions), questions.device
        turn = torch.randint(8, (batch,), generator=generator, device=device)
        shuffled = torch.rand(batch, COLOURS - 1, generator=generator, device=device).argsort(1) + 1
        colours = torch.cat([torch.zeros_like(shuffled[:, :1]), shuffled], 1)
        pair = [_grids(tokens, self.side) for tokens in (questions, answers)]
        offset = self.random_offset([sizes for _, sizes in pair], turn, generator)
        question, answer = (place(grids, sizes, turn, colours, offset) for grids, sizes in pair)
        return question.to(questions.dtype), answer.to(answers.dtype)

    def random_offset(
        self, sizes: list[Integer[Tensor, "B 2"]], dihedral: Integer[Tensor, " B"], generator: torch.Generator
    ) -> Int64[Tensor, "B 2"]:
        """Row and column at which all grids of a row fit once they are transformed, uniformly drawn."""
        needed = torch.stack([turned_sizes(size.long(), dihedral) for size in sizes]).amax(0)
        return below(self.side - needed + 1, generator)

    def fingerprint(self, questions: Integer[np.ndarray, "N L"]) -> UInt64[np.ndarray, " N"]:
        """Equal for any two grids that a symmetry turns into each other; different for others (but for chance, 2**-64).

        For each of the eight transforms the colours 1 to 9 are numbered in the order in which they appear; the smallest
        of the eight hashes counts.
        """
        questions = self._set(questions)
        rng = np.random.default_rng(20510)  # any fixed numbers do
        weights = torch.from_numpy(rng.integers(-(2**63), 2**63, (self.seq_len, self.vocab_size)))
        found = [np.zeros(0, np.uint64)]
        for rows in np.array_split(questions.astype(np.int64), 1 + len(questions) // 256):
            grids, sizes = _grids(torch.from_numpy(rows), self.side)
            same = torch.arange(COLOURS).expand(len(rows), -1)
            images = [place(grids, sizes, torch.full((len(rows),), k), same, torch.zeros_like(sizes)) for k in range(8)]
            hashes = [_canonical_hash(image, weights) for image in images]
            found.append(np.minimum.reduce(hashes))
        return np.concatenate(found)

    def generate(
        self, count: int, seed: int, *, exclude: Collection[int] | UInt64[np.ndarray, " M"] | None = None
    ) -> PuzzleSet:
        """There is none: people make the tasks of ARC. Raises DataError that says where they are."""
        raise DataError(
            f"{self.name}: tasks of ARC are made by people and cannot be generated; load them with "
            'trm_edu.arc_tasks.load_tasks("arc-agi-1-training"), "arc-agi-2-training", "conceptarc" or a path'
        )

    # --- pictures ---

    def look(self, token: int) -> Look:
        """The digit on its colour; end markers are light grey, padding looks like nothing."""
        if FIRST_COLOUR <= token < self.vocab_size:
            return Look(str(token - FIRST_COLOUR), PALETTE[token - FIRST_COLOUR])
        return Look("", "#DDDDDD") if token == END else Look("?" if token else "")

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
        """Draw tokens [L] as they are on matplotlib axes, which are cleared first; returns them.

        Colours are told apart by all eyes and bear their digit where a cell is large enough; end markers are hatched.
        Only the rows and columns up to the last token that is no padding are shown. given: not used, since question and
        answer are two grids. changed: bool [L], framed yellow. wrong: bool [L], a vermilion cross. confidence: [L] in
        0 .. 1; a cell that is less than 95% sure bears a bar of that length.
        """
        from trm_edu.tasks._arc_drawing import draw_arc  # imports matplotlib

        return draw_arc(ax, self, tokens, changed, wrong, confidence)


def _canonical_hash(tokens: Int64[Tensor, "N L"], weights: Int64[Tensor, "L V"]) -> UInt64[np.ndarray, " N"]:
    """A hash that does not depend on which of the colours 1 to 9 is which. weights: random."""
    count, length = tokens.shape
    where = torch.arange(length).expand(count, -1)
    first = torch.full((count, weights.shape[1]), length).scatter_reduce(1, tokens, where, "amin")
    number = first[:, FIRST_COLOUR + 1 :].argsort(1).argsort(1)
    fixed = torch.arange(FIRST_COLOUR + 1).expand(count, -1)
    renamed = torch.cat([fixed, number + FIRST_COLOUR + 1], 1).gather(1, tokens)
    return mix(weights[where, renamed].sum(1).numpy().view(np.uint64))
