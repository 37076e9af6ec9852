"""Lesson 15: for each exercise, how to compute what its text says is expected."""

from __future__ import annotations

from typing import Any

import numpy as np

LATIN = [np.array([[1, 0, 0], [0, 3, 0], [0, 0, 0]])], [np.array([[1, 2, 3], [2, 3, 1], [3, 1, 2]])]


def solves_latin(question: Any, answer: Any) -> bool:
    lines = [*answer.tolist(), *answer.T.tolist()]
    return bool((question * (question != answer) == 0).all()) and all(sorted(line) == [1, 2, 3] for line in lines)


def shares(*tenths: int) -> Any:
    return np.arange(10) < np.array(tenths)[:, None]


def new_puzzle(new_puzzles: Any) -> Any:
    """Three test puzzles; mirrored, the first is the training puzzle and the third is the second."""
    test = np.array([[3, 2, 1], [1, 3, 2], [2, 3, 1]])
    return new_puzzles(np.array([[1, 2, 3]]), test, lambda question: np.stack([question, question[::-1]]))


EXPECTED = {
    ("15", "is_solved"): [
        (lambda f: f(np.array([[1, 0], [0, 0]]), np.array([[1, 2], [2, 1]])), True, "`[[1, 2], [2, 1]]`: True"),
        (lambda f: f(np.array([[1, 0], [0, 0]]), np.array([[2, 1], [1, 2]])), False, "changes the clue: False"),
    ],
    ("15", "codec"): [
        (lambda f: f("1234.")[0]("4.\n.1").tolist(), [4, 5, 5, 1], "`[4, 5, 5, 1]`"),
        (lambda f: f("1234.")[1](np.array([4, 5, 5, 1])), "4..1", '`decode` of that is `"4..1"`'),
    ],
    ("15", "keeps_rules"): [
        (lambda f: f(np.fliplr, solves_latin, *LATIN), True, "a mirror gives True"),
        (lambda f: f(lambda g: g % len(g) + 1, solves_latin, *LATIN), False, "gives False"),
    ],
    ("15", "solution_count"): [
        (lambda f: f(np.zeros((3, 3), int), 100), 12, "has 12 solutions"),
        (lambda f: f(np.zeros((3, 3), int), 2), 2, "with `limit=2` the result is 2"),
        (lambda f: f(np.array([[1, 1], [0, 0]]), 5), 0, "`[[1, 1], [0, 0]]` has 0"),
    ],
    ("15", "new_puzzles"): [(new_puzzle, [1], "give `[1]`")],
    ("15", "claim"): [
        (lambda f: f(shares(5, 6, 7), shares(6, 8, 8)), (-0.0101, 0.2768, "not separated"), "`(-0.0101, 0.2768,")
    ],
    ("15", "LatinSquare"): [
        (
            lambda f: f(4).generate(3, seed=0).describe()[20:],
            "3 puzzles of latin4, 3 distinct under its symmetries",
            "3 puzzles, 3 distinct",
        )
    ],
}
