"""Mazes of any size, as in Maze-Hard (30x30): walls, open cells, a start S, a goal G, and the path to draw with `o`.

Tokens as in the authors' data: 0 padding (never in a maze), 1 wall `#`, 2 open (a space), 3 `S`, 4 `G`, 5 `o`.
A move goes down, left, right or up. Rows and columns in messages count from 1.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Int64, Integer, UInt8, UInt64
from torch import Tensor

from trm_edu.errors import DataError, PuzzleError
from trm_edu.tasks.base import Look, PuzzleSet, Tokens, cells_of
from trm_edu.tasks.grid import GridSymmetry, GridTask

if TYPE_CHECKING:
    import matplotlib.axes

CHARACTERS = "# SGo"  # of tokens 1 to 5
WALL, OPEN, START, GOAL, PATH = range(1, 6)
WALL_SHARE = (0.3, 0.5)  # the wall probability of a maze is uniform between these: measured on Maze-Hard
# The least distance from S to G of the sizes in use. 109 is that of Maze-Hard; 7x7 and 10x10 are as long for their size
# as two cores can learn in minutes.
LEAST = {7: 9, 10: 16, 30: 109}


class Maze(GridTask):
    """Mazes of `rows` x `cols` cells whose shortest path takes at least `least` moves.

    The answer marks one shortest path: from S, always step to a cell one move nearer to G; of several, prefer the one
    below, then left, right, above. That rule gives all labels of Maze-Hard. Any other shortest path is as good a
    solution; `scores` counts it.
    """

    judged_by = "rules"
    patience = 200
    cell_names = {"#": "wall", " ": "open", "S": "start", "G": "goal"}  # of a question: a path mark is none of them

    def __init__(self, rows: int, cols: int | None = None, *, least: int | None = None) -> None:
        cols = rows if cols is None else cols
        if rows < 2 or cols < 2 or rows * cols > 2500:
            raise DataError(f"A maze of {rows}x{cols} cells: both sizes need at least 2, their product at most 2500.")
        least = LEAST.get(rows, rows + cols - 4) if least is None else least
        if not 2 <= least < rows * cols:
            raise DataError(f"A maze of {rows}x{cols} cells with distance {least}: it needs 2 to {rows * cols - 1}.")
        self.rows, self.cols, self.least = rows, cols, least
        super().__init__(f"maze{rows}" if rows == cols else f"maze{rows}x{cols}", (rows, cols), CHARACTERS)
        self.hint = f"{rows} lines of {cols} cells: # wall, . open, S, G"

    def __repr__(self) -> str:
        return f"Maze({self.rows}, {self.cols}, least={self.least})"

    # --- text -------------------------------------------------------------------------------------------------------

    def encode(self, text: str) -> UInt8[np.ndarray, " L"]:
        """Text to tokens uint8 [L]: `#` wall, space or `.` open, `S`, `G`, and `o` for a marked cell.

        All cells on one line, or one line for each row. Spaces are cells: nothing is stripped but ends of lines.
        Raises PuzzleError for a wrong number of cells or a foreign character. Does not look for a path.
        """
        if not isinstance(text, str):
            raise PuzzleError(f"{self.name}: a maze is text of {self.seq_len} cells, got {type(text).__name__}.")
        token = {character: i for i, character in enumerate(CHARACTERS, start=1)} | {".": OPEN}
        lines = text.replace("\r\n", "\n").strip("\n").split("\n")
        for number, line in enumerate(lines, start=1):
            for place, character in enumerate(line, start=1):
                if character not in token:
                    raise PuzzleError(
                        f"{self.name}: character {character!r} at line {number} column {place} is no cell; cells are "
                        "# (wall), space or . (open), S, G and o (path)."
                    )
        if len(lines) > 1:
            for number, line in enumerate(lines, start=1):
                if len(line) != self.cols:
                    short = "; a space at the end of a line is a cell too: write . if it got lost"
                    raise PuzzleError(
                        f"{self.name}: line {number} has {len(line)} cells, need {self.cols}"
                        f"{short if len(line) < self.cols else ''}."
                    )
        cells = "".join(lines)
        if len(cells) != self.seq_len:
            raise PuzzleError(f"{self.name}: found {len(cells)} cells, need {self.seq_len} ({self.rows}x{self.cols}).")
        return np.array([token[character] for character in cells], np.uint8)

    def encode_answer(self, text: str) -> UInt8[np.ndarray, " L"]:
        """Like `encode`, but raises PuzzleError if no path is marked although S and G do not touch."""
        tokens = self.encode(text)
        if PATH not in tokens:
            ends = [np.argwhere(tokens.reshape(self.grid_shape) == end) for end in (START, GOAL)]
            if any(len(end) != 1 for end in ends) or np.abs(ends[0] - ends[1]).sum() > 1:
                raise PuzzleError(f"{self.name}: an answer marks its path with o, this has no mark.")
        return tokens

    def encode_batch(self, texts: Sequence[str], *, complete: bool = False) -> UInt8[np.ndarray, "N L"]:
        """`encode` for many, or `encode_answer` if `complete`. Raises the PuzzleError of the first that is no maze."""
        if all(len(text) == self.seq_len for text in texts):
            table = np.zeros(256, np.uint8)
            table[[ord(character) for character in CHARACTERS]] = np.arange(1, self.vocab_size)
            table[ord(".")] = OPEN
            characters = "".join(texts).encode("latin-1", "replace")  # one byte a character: foreign ones become "?"
            tokens = table[np.frombuffer(characters, np.uint8)].reshape(-1, self.seq_len)
            if tokens.all() and (not complete or (tokens == PATH).any(1).all()):
                return tokens
        encode = self.encode_answer if complete else self.encode
        return np.array([encode(text) for text in texts], np.uint8).reshape(-1, self.seq_len)

    def format_grid(self, tokens: Tokens) -> str:
        """Tokens to one line for each row, `.` for an open cell, so that no space gets lost; `encode` reads it back."""
        return super().format_grid(tokens).replace(" ", ".")

    # --- rules ------------------------------------------------------------------------------------------------------

    def distances(self, questions: Integer[np.ndarray, "N L"]) -> Int64[np.ndarray, " N"]:
        """Moves of the shortest path from S to G, -1 if there is none. Each question must have one S and one G."""
        from trm_edu.tasks import _maze_search  # imports numba

        return _maze_search.label_all(self._set(questions), *self.grid_shape)[1].astype(np.int64)

    def label(self, questions: Integer[np.ndarray, "N L"]) -> UInt8[np.ndarray, "N L"]:
        """The answers that the label rule gives (see the class). A question without a path comes back as it is."""
        from trm_edu.tasks import _maze_search  # imports numba

        return _maze_search.label_all(self._set(questions), *self.grid_shape)[0]

    def check_question(self, tokens: Tokens) -> None:
        """Raise PuzzleError, naming where, if S or G is missing or there twice, or no path leads from S to G."""
        tokens = cells_of(self, tokens)
        self.decode(tokens)  # refuses tokens that are no cells
        for token in (START, GOAL):
            found = np.flatnonzero(tokens == token)
            if len(found) != 1:
                where = f": {', '.join(self.at(cell) for cell in found[:4])}" if len(found) else ""
                name = CHARACTERS[token - 1]
                raise PuzzleError(f"{self.name}: a maze has one {name}, this has {len(found)}{where}.", cells=found)
        if self.distances(tokens[None])[0] < 0:
            cells = [int(np.flatnonzero(tokens == token)[0]) for token in (START, GOAL)]
            ends = ", ".join(f"{name} {self.at(cell)}" for name, cell in zip("SG", cells, strict=True))
            raise PuzzleError(f"{self.name}: no path leads from S to G ({ends}).", cells=cells)

    def violations(self, question: Tokens, answer: Tokens) -> list[str]:
        """A line for each cell that changed, mark that is on no line from S to G, and for a path that is too long."""
        question, answer = cells_of(self, question), cells_of(self, answer)
        self.check_question(question)
        names = ("padding", "a wall", "an open cell", "S", "G", "a path mark")
        lines = []
        for cell, (before, after) in enumerate(zip(question.tolist(), answer.tolist(), strict=True)):
            if after != before and not (before in (OPEN, PATH) and after in (OPEN, PATH)):
                now = names[after] if 0 <= after <= PATH else f"token {after}"
                lines.append(f"cell {self.at(cell)} changed from {names[before]} to {now}")
        if lines:
            return lines
        grid = np.pad(answer.reshape(self.grid_shape) >= START, 1).astype(int)
        touched = (grid[2:, 1:-1] + grid[:-2, 1:-1] + grid[1:-1, 2:] + grid[1:-1, :-2]).reshape(-1)
        for cell in np.flatnonzero(answer >= START):
            need = 2 if answer[cell] == PATH else 1
            if touched[cell] != need:
                name = "the mark" if need == 2 else CHARACTERS[answer[cell] - 1]
                cells = "cell" if touched[cell] == 1 else "cells"
                lines.append(f"{name} {self.at(cell)} touches {touched[cell]} {cells} of the path, it needs {need}")
        if lines:
            return lines
        marks, shortest = int((answer == PATH).sum()), int(self.distances(question[None])[0])
        verdict = self._verdicts(question[None], answer[None])[0]
        if verdict == 0:
            return ["beside the path from S to G there are marks in a ring"]
        return [] if verdict == 2 else [f"the path takes {marks + 1} moves, the shortest takes {shortest}"]

    def _verdicts(self, questions: np.ndarray, answers: np.ndarray) -> UInt8[np.ndarray, " N"]:
        """2: a shortest path, 1: a longer one, 0: none."""
        from trm_edu.tasks import _maze_search  # imports numba

        questions, answers = self._set(questions), self._set(answers)
        if questions.shape != answers.shape:
            raise PuzzleError(f"{self.name}: {len(questions)} questions, but {len(answers)} answers.")
        # a token that does not fit into a byte is no cell: 255 is none either
        answers = np.where((answers < 0) | (answers > PATH), 255, answers)
        return _maze_search.judge_all(questions, answers, *self.grid_shape)

    def is_solved_batch(
        self, questions: Integer[np.ndarray, "N L"], answers: Integer[np.ndarray, "N L"]
    ) -> Bool[np.ndarray, " N"]:
        """`is_solved` for many: bool [N]."""
        return self._verdicts(questions, answers) == 2

    def scores(
        self, questions: Integer[np.ndarray, "N L"], answers: Integer[np.ndarray, "N L"]
    ) -> dict[str, Bool[np.ndarray, " N"]]:
        """What counts beside `exact`, which also asks for the label rule's choice among shortest paths.

        valid shortest path: any shortest path. valid path: also a longer one, as long as it does not run along itself.
        """
        verdicts = self._verdicts(questions, answers)
        return {"valid shortest path": verdicts == 2, "valid path": verdicts >= 1}

    # --- symmetries -------------------------------------------------------------------------------------------------

    def all_symmetries(self) -> list[GridSymmetry]:
        """The eight turns of a square, or the four reversals of another rectangle; the identity first.

        A turned label is a shortest path, but mostly not the label rule's: `label` of the turned question is.
        """
        steps, cells = (1, -1), self.cells()
        grids = [cells, cells.T] if self.rows == self.cols else [cells]
        return [self.symmetry(grid[::down, ::across]) for grid in grids for down in steps for across in steps]

    def symmetries(self) -> str:
        """What the symmetries are and how many."""
        what = "the 8 turns and reflections of a square" if self.rows == self.cols else "4: rows and columns reversed"
        return f"{what}; they keep shortest paths, but not the label rule's choice"

    def augment(
        self, questions: Integer[Tensor, "B L"], answers: Integer[Tensor, "B L"], generator: torch.Generator
    ) -> tuple[Integer[Tensor, "B L"], Integer[Tensor, "B L"]]:
        """One random turn for each row, and the label rule's answer to the turned question.

        Six of the eight turns break the rule's preference (down, left, right, up): a turned label would ask the
        network for a choice that depends on a turn that it cannot see. The search runs on the CPU, wherever the
        tensors are: for 768 mazes of 30x30 about 10 ms.
        """
        cells = torch.from_numpy(self._tables[0]).to(questions.device)
        turns = torch.randint(len(cells), (len(questions),), generator=generator, device=questions.device)
        turned = questions.gather(1, cells[turns])
        labels = torch.from_numpy(self.label(turned.cpu().numpy()))
        return turned, labels.to(answers.device, answers.dtype)

    # --- generation -------------------------------------------------------------------------------------------------

    def generate(
        self,
        count: int,
        seed: int,
        *,
        exclude: Collection[int] | UInt64[np.ndarray, " M"] | None = None,
    ) -> PuzzleSet:
        """`count` mazes with distance at least `least` and pairwise different fingerprints, none in `exclude`.

        As measured on Maze-Hard: the wall probability is uniform in 0.3 .. 0.5, cells are independent, S and G
        uniform, and what is nearer than `least` is thrown away. `extra` holds `distance`. The same arguments give the
        same mazes, and a larger count begins with those of a smaller one. Raises DataError if nothing new is found.
        """
        from trm_edu.tasks import _maze_search  # imports numba

        if count < 0 or not 0 <= seed < 2**63:
            raise DataError(f"{self.name}: count {count} and seed {seed} must not be negative (seed below 2**63).")
        known = set() if exclude is None else {int(value) for value in exclude}
        questions, block, since_new = [], 0, 0
        while len(questions) < count:
            chain = _maze_search.CHAIN if self.seq_len > _maze_search.LARGE else 1
            blocks = min(4096, -(-(count - len(questions)) // chain))
            made = _maze_search.generate_blocks(seed, block, blocks, *self.grid_shape, self.least, WALL_SHARE)
            block += blocks
            for question, value in zip(made, self.fingerprint(made).tolist(), strict=True):
                since_new += 1
                if value not in known and len(questions) < count:
                    known.add(value)
                    questions.append(question)
                    since_new = 0
            if since_new >= max(self.patience, len(made)) and len(questions) < count:
                raise DataError(
                    f"{self.name}: found {len(questions)} different mazes of the {count} asked for "
                    f"({0 if exclude is None else len(exclude)} excluded); {since_new:,} more brought nothing new."
                )
        question_array = np.array(questions, np.uint8).reshape(count, self.seq_len)
        answers, distances = _maze_search.label_all(question_array, *self.grid_shape)
        source = f"generated (seed {seed}, distance at least {self.least})"
        return PuzzleSet(self.name, question_array, answers, source, count, {"distance": distances})

    # --- pictures ---------------------------------------------------------------------------------------------------

    def look(self, token: int) -> Look:
        """Walls dark, S and G bold, a dot for a mark."""
        return (Look(), Look(fill="#444444"), Look(), Look("S", bold=True), Look("G", bold=True), Look("●"))[
            token if token <= PATH else 0
        ]

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
        """Draw one maze [L] on matplotlib axes, which are cleared first; returns them.

        Marked cells that touch are joined by a line, so that the path is seen to grow from answer to answer. changed:
        bool [L], tinted yellow. wrong: bool [L], with a cross. confidence: [L] in 0 .. 1, a bar below 95%. given: not
        used, because everything but the marks is given.
        """
        from trm_edu.tasks._maze_drawing import draw_maze  # imports matplotlib

        tokens = cells_of(self, tokens)
        marks = (None if mark is None else cells_of(self, mark) for mark in (changed, wrong, confidence))
        return draw_maze(ax, tokens.reshape(self.grid_shape), *marks)
