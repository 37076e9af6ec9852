"""Futoshiki: fill a square so that every row and column holds each digit once and every sign between two cells is true.

    2 < 3 - .        The puzzle is written on 2n - 1 rows of 2n - 1 characters: digits (or `.`, open) in every second
    - - v - -        cell, and between them `<`, `>`, `^` (the upper one is smaller), `v` (the lower one is smaller) or
    . - . - .        `-` for no sign. The answer repeats the signs, so that both have one shape.

A complete example of a puzzle in one file: rules, symmetries, generator, picture. Use it without installing anything:

    TRM_EDU_TASKS=examples/futoshiki.py trm-edu data generated --task futoshiki4 --count 3 --show 3
"""

from __future__ import annotations

import numpy as np

from trm_edu.errors import PuzzleError
from trm_edu.tasks import GridTask, Line, Look, group_of, register_task

SIGNS = "<>^v"


class Futoshiki(GridTask):
    """Futoshiki with digits 1 to `side` (3 to 9)."""

    def __init__(self, side: int):
        self.side = side
        self.digits = "123456789"[:side]  # first among the characters: so digit d is token d
        shape = (2 * side - 1, 2 * side - 1)
        super().__init__(f"futoshiki{side}", shape, self.digits + "." + SIGNS + "-", blanks=".")
        self.blank, self.less, self.more, self.up, self.down, self.none = map(self.token, ".<>^v-")

    def parts(self, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The digits [n, n], the signs within rows [n, n - 1] and the signs within columns [n - 1, n]."""
        grid = tokens.reshape(self.grid_shape)
        return grid[::2, ::2], grid[::2, 1::2], grid[1::2, ::2]

    # --- the rules: a line for each one that is broken; clues and open cells are watched by GridTask -------------

    def rules(self, question: np.ndarray, answer: np.ndarray) -> list[str]:
        digits, across, down = self.parts(answer)
        broken = []
        for kind, lines in (("row", digits), ("column", digits.T)):
            for number, line in enumerate(lines, start=1):
                broken += [f"{kind} {number} holds no {d}" for d in range(1, self.side + 1) if d not in line]
        checks = (
            ("row", across, self.less, self.more, digits[:, :-1], digits[:, 1:]),
            ("column", down, self.up, self.down, digits[:-1], digits[1:]),
        )
        for kind, signs, less, more, first, second in checks:
            wrong = (signs == less) & (first >= second) | (signs == more) & (first <= second)
            for row, column in np.argwhere(wrong).tolist():
                number = (row if kind == "row" else column) + 1
                broken.append(f"{kind} {number} breaks a sign: {first[row, column]} and {second[row, column]}")
        return broken

    # --- what no question may hold; a field for a puzzle of one's own crosses the cells that the error names ---------

    def check_question(self, tokens: np.ndarray) -> None:
        super().check_question(tokens)
        tokens, (places, across, down) = np.asarray(tokens), self.parts(self.cells())
        foreign = [cell for cell in self.cells().flat if (tokens[cell] > self.blank) == (cell in places)]
        foreign = [cell for cell in foreign if tokens[cell] != self.blank]
        if foreign:
            raise PuzzleError(
                f"{self.name}: a digit or a sign is in the other's place {self.at(foreign[0])}.", cells=foreign
            )
        found = []
        for line in (*places, *places.T):
            pairs = [(a, b) for i, a in enumerate(line) for b in line[i + 1 :]]
            found += [(a, b, "are equal") for a, b in pairs if tokens[a] == tokens[b] <= self.side]
        for signs, less, more, first, second in (
            (across, self.less, self.more, places[:, :-1], places[:, 1:]),
            (down, self.up, self.down, places[:-1], places[1:]),
        ):
            for sign, a, b in zip(tokens[signs].flat, first.flat, second.flat, strict=True):
                wrong = sign == less and tokens[a] > tokens[b] or sign == more and tokens[a] < tokens[b]
                if wrong and max(tokens[a], tokens[b]) <= self.side:
                    found.append((a, b, "break the sign between them"))
        if found:
            a, b, how = found[0]
            cells = {cell for pair in found for cell in pair[:2]}
            raise PuzzleError(f"{self.name}: the digits {self.at(a)} and {self.at(b)} {how}.", cells=sorted(cells))

    # --- the symmetries: a mirror, a transposition and d -> n + 1 - d make all 16 --------------------------------

    def all_symmetries(self):
        swap_across, swap_down = {"<": ">", ">": "<"}, {"^": "v", "v": "^"}
        cells, complement = self.cells(), dict(zip(self.digits, reversed(self.digits), strict=True))
        mirror = self.symmetry(cells[:, ::-1], swap_across)
        transpose = self.symmetry(cells.T, {"<": "^", "^": "<", ">": "v", "v": ">"})
        return group_of([mirror, transpose, self.symmetry(swap=complement | swap_across | swap_down)])

    # --- the generator: a random square with random signs; then take away all that the solution does not need -----

    def make(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        n, answer = self.side, np.full(self.grid_shape, self.none)
        square = (np.arange(n)[:, None] + np.arange(n))[rng.permutation(n)][:, rng.permutation(n)] % n
        digits, across, down = self.parts(answer)  # views: what is written there stands in `answer`
        digits[:] = rng.permutation(n)[square] + 1
        across[:] = np.where(digits[:, :-1] < digits[:, 1:], self.less, self.more)
        down[:] = np.where(digits[:-1] < digits[1:], self.up, self.down)
        for signs in (across, down):
            signs[rng.random(signs.shape) < 0.5] = self.none
        question, answer = answer.reshape(-1), answer.reshape(-1)
        filled = rng.permutation(np.flatnonzero(question != self.none)).tolist()
        for cell in sorted(filled, key=lambda cell: answer.flat[cell] > n):  # digits first, so that signs matter
            thinner = question.copy()
            thinner[cell] = self.blank if question[cell] <= n else self.none
            if self.solution_count(thinner) == 1:
                question = thinner
        signs = answer > self.blank  # the answer repeats the signs that are left
        return question, np.where(signs, question, answer)

    def solution_count(self, question: np.ndarray, limit: int = 2) -> int:
        """How many solutions there are, counted up to `limit`: cell by cell, back where no digit fits."""
        n = self.side
        digits, across, down = (part.tolist() for part in self.parts(question))
        in_row = [{d for d in row if d <= n} for row in digits]
        in_column = [{d for d in column if d <= n} for column in zip(*digits, strict=True)]
        grid = [row[:] for row in digits]

        def count(cell: int, left: int) -> int:
            if cell == n * n:
                return 1
            (r, c), found = divmod(cell, n), 0
            clue = digits[r][c] <= n
            before = across[r][c - 1] if c else self.none
            above = down[r - 1][c] if r else self.none
            for d in (digits[r][c],) if clue else range(1, n + 1):
                if not clue and (d in in_row[r] or d in in_column[c]):
                    continue
                if before == self.less and grid[r][c - 1] >= d or before == self.more and grid[r][c - 1] <= d:
                    continue
                if above == self.up and grid[r - 1][c] >= d or above == self.down and grid[r - 1][c] <= d:
                    continue
                grid[r][c] = d
                if not clue:
                    in_row[r].add(d), in_column[c].add(d)
                found += count(cell + 1, left - found)
                if not clue:
                    in_row[r].remove(d), in_column[c].remove(d)
                if found >= left:
                    break
            return found

        return count(0, limit)

    # --- the picture: a box around each digit, signs between the boxes --------------------------------------------

    def look(self, token: int) -> Look:
        return Look(" ") if token == self.none else super().look(token)  # invisible, but no open cell

    def lines(self) -> list[Line]:
        starts = [(2 * r, 2 * c) for r in range(self.side) for c in range(self.side)]
        sides = ((0, 0, 0, 1), (1, 0, 1, 1), (0, 0, 1, 0), (0, 1, 1, 1))
        return [Line(r + a, c + b, r + x, c + y) for r, c in starts for a, b, x, y in sides]


register_task(Futoshiki(4))
