"""What both Sudoku test files need: the three sizes, a puzzle, generated sets, and the units from their definition."""

from __future__ import annotations

import itertools
from functools import lru_cache

from trm_edu.tasks.base import PuzzleSet
from trm_edu.tasks.sudoku import Sudoku

S4, S6, S9 = Sudoku(2, 2), Sudoku(2, 3), Sudoku(3, 3)
PUZZLE9 = "...7..5...5.4.......7.1...2...8...7.....6..931....96..2.8..6...6..1.38.9........."


@lru_cache
def made(task: Sudoku, count: int = 300, seed: int = 11) -> PuzzleSet:
    return task.generate(count, seed)


def units_of(task: Sudoku) -> list[set[int]]:
    """Rows, columns and boxes from the definition, cell by cell."""
    groups: dict[tuple, set[int]] = {}
    for r, c in itertools.product(range(task.side), repeat=2):
        for key in (("row", r), ("column", c), ("box", r // task.box_rows, c // task.box_cols)):
            groups.setdefault(key, set()).add(r * task.side + c)
    return list(groups.values())
