"""Lesson 12: for each exercise, how to compute what its text says is expected."""

from __future__ import annotations

import numpy as np

from trm_edu.tasks.maze import Maze


def maze_of(text: str) -> np.ndarray:
    """Rows of a maze, as the exercises of lesson 12 write them, to tokens."""
    return np.array([["#.SGo".index(cell) + 1 for cell in row] for row in text.split()])


def relabelled(maze: np.ndarray) -> np.ndarray:
    return Maze(*maze.shape, least=2).label(maze.reshape(1, -1).astype(np.uint8))[0].reshape(maze.shape)


FIELD = maze_of("S... .... ...G")
FROM_START = np.array([[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]])
DETOUR = [maze_of(t) for t in ("S... .#.. .#.G .#.. ....", "S... o#.. o#.G o#.o oooo", "Sooo .#.o .#.G .#.. ....")]


EXPECTED = {
    ("12", "distances"): [
        (lambda f: f(maze_of("..# #..") != 1, (0, 0)), np.array([[0, 1, -1], [-1, 2, 3]]), "`[[0, 1, -1], [-1, 2, 3]]`")
    ],
    ("12", "count_shortest"): [(lambda f: f(FROM_START, (0, 0), (2, 3)), 10, "has 10.")],
    ("12", "shortest_path_label"): [
        (lambda f: f(FIELD, FROM_START[::-1, ::-1].copy()), maze_of("S... o... oooG"), "the path goes down first")
    ],
    ("12", "judge_path"): [
        (lambda f: f(*map(maze_of, ("S.. ..G", "Soo ..G", "S.. ooG"))), 2, "`Soo` `..G` is worth 2"),
        (lambda f: f(*map(maze_of, ("S.. ..G", "S.. ooG", "S.. ooG"))), 2, "so is the label `S..` `ooG`"),
        (lambda f: f(*DETOUR), 1, "worth 1: it takes 9 moves, the label 5"),
    ],
    ("12", "augment"): [
        (
            lambda f: f(maze_of("S.. ..G"), maze_of("S.. ooG"), 2, False, relabelled),
            [maze_of("G.. ..S"), maze_of("G.. ooS")],
            "becomes `G..` `..S`, and its answer is `G..` `ooS`",
        )
    ],
    ("12", "scores"): [
        (
            lambda f: f(np.array([[5, 2], [2, 5], [5, 5]]), np.array([[5, 2]] * 3), np.array([2, 2, 1])),
            [0.3333, 0.6667, 1, 0.3333],
            "give 0.3333, 0.6667, 1, 0.3333",
        )
    ],
    ("12", "steps_needed"): [
        (
            lambda f: [f(d, T=2, n=4, layers=2, kernel=3) for d in (20, 21)],
            [1, 2],
            "1 for a distance of 20, and 2 for 21",
        )
    ],
}
