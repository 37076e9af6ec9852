"""Checks of lesson 12: distances, ties, the label rule, what a path is worth, turning a maze, scores, and reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import torch

from trm_edu.checks.teacher import NOTHING, Mistake, judge, passed, run
from trm_edu.tasks.maze import GOAL, OPEN, PATH, START, WALL, Maze

__all__ = [
    "augment",
    "count_shortest",
    "distances",
    "judge_path",
    "scores",
    "shortest_path_label",
    "steps_needed",
]

Cell = tuple[int, int]
SIDES = ((1, 0), (0, -1), (0, 1), (-1, 0))  # down, left, right, up: the label rule's order
CORNERS = ((1, 1), (1, -1), (-1, 1), (-1, -1))

# Two ways around a thick block, a dead end, a cell that is cut off, and a wall that no open cell touches.
FORK = """
S....##
.###.##
.###...
.....#G
###....
.#####.
"""
# Both borders are open in one row: whoever walks off the left side comes in at the right.
BORDERS = """
.#..
S#.G
.#.#
....
##.#
"""
SEVEN = """
#S..#..
..#....
.#..##.
....#..
#.#...G
....#..
"""


def grid_of(text: str) -> np.ndarray:
    """Tokens [rows, columns] of a picture: # wall, . open, S, G, o path."""
    lines = text.strip().splitlines()
    return np.array([["#.SGo".index(character) + 1 for character in line] for line in lines])


def picture(tokens: np.ndarray) -> str:
    return " / ".join("".join("?#.SGo"[token] if 0 <= token <= PATH else "?" for token in row) for row in tokens)


def place_of(tokens: np.ndarray, token: int) -> Cell:
    row, column = np.argwhere(tokens == token)[0].tolist()
    return row, column


def around(cell: Cell, shape: tuple[int, ...], moves: Sequence[Cell] = SIDES, *, wrap: bool = False) -> Iterator[Cell]:
    """The cells that `moves` lead to, without those outside. wrap: a place of -1 is the last one, as Python has it."""
    for down, across in moves:
        row, column = cell[0] + down, cell[1] + across
        if row < shape[0] and column < shape[1] and (wrap or min(row, column) >= 0):
            yield row % shape[0], column % shape[1]


def waves(
    is_open: np.ndarray, start: Cell, moves: Sequence[Cell] = SIDES, *, wrap: bool = False, last: bool = False
) -> np.ndarray:
    """Moves from the start to each cell, -1 where none lead. last: go on from the newest cell instead of the oldest."""
    found = np.full(is_open.shape, -1)
    found[start] = 0
    waiting = [start]
    while waiting:
        cell = waiting.pop(-1 if last else 0)
        for other in around(cell, is_open.shape, moves, wrap=wrap):
            if is_open[other] and found[other] < 0:
                found[other] = found[cell] + 1
                waiting.append(other)
    return found


def deep(is_open: np.ndarray, start: Cell, moves: Sequence[Cell]) -> np.ndarray:
    """What a function that calls itself for the next cell finds: the first way into a cell, not the shortest."""
    found = np.full(is_open.shape, -1)

    def visit(cell: Cell, steps: int) -> None:
        found[cell] = steps
        for other in around(cell, is_open.shape, moves):
            if is_open[other] and found[other] < 0:
                visit(other, steps + 1)

    visit(start, 0)
    return found


# --- distances -------------------------------------------------------------------------------------------------------


def distances(answer: Callable[[np.ndarray, Cell], np.ndarray]) -> None:
    """Moves from the start to every cell, -1 for walls and for cells that nobody reaches."""
    cases = [(grid_of(FORK), (0, 0)), (grid_of(BORDERS), (1, 0)), (grid_of(SEVEN), (0, 1)), (grid_of(SEVEN), (5, 6))]
    for tokens, start in cases:
        is_open = tokens != WALL
        expected = waves(is_open, start)
        orders = ((0, 1, 2, 3), (3, 0, 1, 2), (2, 0, 1, 3), (3, 2, 1, 0), (3, 2, 0, 1), (3, 0, 2, 1), (3, 1, 0, 2))
        first_found = [deep(is_open, start, [SIDES[i] for i in order]) for order in orders]
        newest_first = [waves(is_open, start, [SIDES[i] for i in order], last=True) for order in orders]
        cut_off = is_open & (expected < 0)
        crow = np.abs(np.indices(is_open.shape) - np.array(start)[:, None, None])
        lost = ("A wall or a cell that nobody reaches has another number than -1.", "No move leads there: write -1.")
        order_said = (
            "Some distances are too long: the cells were not visited in the order of their distance.",
            "Take the cell that has waited longest (the first of the queue), not the one that was found last.",
        )
        judge(
            as_table(run(answer, is_open, start)),
            expected,
            given=f"a maze {picture(np.where(is_open, OPEN, WALL))} and start {start}",
            mistakes=[
                Mistake(
                    "walls-crossed",
                    waves(np.ones_like(is_open), start),
                    "Your way leads through walls.",
                    "Before a cell gets a number, ask whether it is open.",
                ),
                Mistake(
                    "walls-crossed",
                    np.where(is_open, crow.sum(0), -1),
                    "Your way leads through walls.",
                    "Before a cell gets a number, ask whether it is open.",
                ),
                Mistake(
                    "diagonal-moves",
                    waves(is_open, start, (*SIDES, *CORNERS)),
                    "You moved diagonally.",
                    "A move goes up, down, left or right: one of the two numbers of a place changes, by 1.",
                ),
                *(Mistake("not-in-order", value, *order_said) for value in (*first_found, *newest_first)),
                Mistake(
                    "start-is-one",
                    np.where(expected < 0, -1, expected + 1),
                    "Every distance is one too large.",
                    "How many moves does it take to be where you are already?",
                ),
                Mistake(
                    "walks-off-the-border",
                    waves(is_open, start, wrap=True),
                    "Your way leaves the maze on one side and comes in on the other.",
                    "In Python, row -1 is the last row. Ask first whether the place is inside.",
                ),
                *(
                    Mistake("unreached-not-minus-one", np.where(expected < 0, value, expected), *lost)
                    for value in (0, np.inf, is_open.size, 999)
                ),
                *(Mistake("unreached-not-minus-one", np.where(cut_off, v, expected), *lost) for v in (0, np.inf)),
                Mistake(
                    "walls-numbered",
                    walls_numbered(is_open, expected),
                    "A wall beside the way has a distance.",
                    "The wave reaches a wall, but it cannot step into it: a wall stays -1.",
                ),
            ],
            where="Write the wave by hand: 0 at the start, 1 on its open neighbours, 2 on theirs.",
        )
    passed("distances", "4 starts in 3 mazes: two ways around, cells cut off, an open border")


def walls_numbered(is_open: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Distances if a wall gets a number as well, from its nearest neighbour, but no way leads on from it."""
    found = expected.copy()
    for cell in map(tuple, np.argwhere(~is_open).tolist()):
        near = [expected[other] for other in around(cell, is_open.shape) if expected[other] >= 0]
        found[cell] = min(near) + 1 if near else -1
    return found


def as_table(yours: Any) -> Any:
    """A tensor or a list of rows as an array."""
    if isinstance(yours, torch.Tensor):
        return yours.detach().numpy()
    if isinstance(yours, list) and yours and isinstance(yours[0], list):
        return np.array(yours)
    return yours


# --- how many shortest paths -----------------------------------------------------------------------------------------

OPEN_FIELD = """
S...
....
...G
"""
UPHILL = """
.##...
......
.....#
S.#...
#.#.G.
"""


def count_shortest(answer: Callable[[np.ndarray, Cell, Cell], int]) -> None:
    """How many shortest paths lead from S to G: ways to a cell are the ways to its nearer neighbours, added up."""
    for text in (UPHILL, OPEN_FIELD, FORK, SEVEN, "S#.\n.#G", "S."):
        tokens = grid_of(text)
        if text == "S.":
            tokens = grid_of("SG")
        start, goal = place_of(tokens, START), place_of(tokens, GOAL)
        found = waves(tokens != WALL, start)
        far = int(found[goal])
        ways = ways_to(found, np.argsort(found, axis=None, kind="stable"))
        nearer = [other for other in around(goal, found.shape) if far > 0 and found[other] == far - 1]
        back = waves(tokens != WALL, goal)
        on_one = (found >= 0) & (found + back == far)
        choices = {c: [o for o in around(c, found.shape) if 0 <= found[o] == found[c] - 1] for c in cells(on_one)}
        product = math.prod(max(1, len(found_)) for found_ in choices.values())
        extra = 1 + sum(max(0, len(found_) - 1) for found_ in choices.values())
        judge(
            run(answer, found, start, goal),
            int(ways[goal]) if far >= 0 else 0,
            given=f"the distances from S in the maze {picture(tokens)}, S at {start}, G at {goal}",
            mistakes=[
                Mistake(
                    "no-way-counted",
                    1 if far < 0 else NOTHING,
                    "G cannot be reached, and you found a path.",
                    "A cell without a nearer neighbour has no way in, unless it is S.",
                ),
                Mistake(
                    "one-path-only",
                    1,
                    "You found one path; there are more.",
                    "A cell can be entered from several nearer neighbours. Add up what all of them hold.",
                ),
                Mistake(
                    "only-the-last-choice",
                    len(nearer),
                    "You counted the neighbours from which G is entered, not the paths that lead there.",
                    "Each of these neighbours can be reached in several ways itself.",
                ),
                Mistake(
                    "choices-multiplied",
                    product,
                    "You multiplied the choices of all cells.",
                    "One path does not pass all cells: ways that meet in a cell are added.",
                ),
                Mistake(
                    "choices-added",
                    extra,
                    "You added one path for each cell that has a choice.",
                    "A choice doubles all the ways that come after it. Write the number of ways into each cell.",
                ),
                Mistake(
                    "moves-counted",
                    far,
                    "You returned the number of moves.",
                    "The distance says how long a shortest path is. How many of them are there?",
                ),
                Mistake(
                    "cells-counted",
                    int(on_one.sum()),
                    "You counted the cells that lie on shortest paths.",
                    "Paths share cells. Count the ways into each cell, starting with 1 at S.",
                ),
                Mistake(
                    "in-reading-order",
                    int(ways_to(found, np.arange(found.size))[goal]),
                    "Some cells were counted before their nearer neighbours were ready.",
                    "A way may go up or left. In which order must the cells be done, so that nothing comes too late?",
                ),
            ],
            where="Write the number of ways into each cell by hand, wave by wave: 1 at S, then sums.",
        )
    passed("count_shortest", "6 mazes: an open field, ways up and down, one path, none, S beside G")


def cells(mask: np.ndarray) -> list[Cell]:
    return [(row, column) for row, column in np.argwhere(mask).tolist()]


def ways_to(found: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Shortest ways into each cell, the cells done in this order (places in the flat array)."""
    ways = (found == 0).astype(np.int64)
    for place in order.tolist():
        cell = (place // found.shape[1], place % found.shape[1])
        if found[cell] > 0:
            ways[cell] = sum(ways[o] for o in around(cell, found.shape) if found[o] == found[cell] - 1)
    return ways


# --- the label -------------------------------------------------------------------------------------------------------

# At S all of down, left and right lead nearer or further; later right and up, left and up, down and right do.
CROSSING = """
...#....
.#...##.
.S.#..#.
...#.#..
.#...#.#
...#...G
"""
RISING = """
G...
....
.#..
...S
"""


def shortest_path_label(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """From S always to a neighbour one move nearer to G; of several the one below, then left, right, above."""
    for text in (RISING, OPEN_FIELD, CROSSING, SEVEN, FORK, "SG\n.."):
        tokens = grid_of(text)
        to_goal = waves(tokens != WALL, place_of(tokens, GOAL))
        expected = Maze(*tokens.shape, least=2).label(tokens.reshape(1, -1))[0].astype(int).reshape(tokens.shape)
        marked = expected == PATH
        path = walked(tokens, to_goal)
        others = [o for o in permutations(range(4)) if o != (0, 1, 2, 3)]
        other_paths = [drawn(tokens, walked(tokens, to_goal, [SIDES[i] for i in order])) for order in others]
        all_best = tokens.copy()
        back = waves(tokens != WALL, place_of(tokens, START))
        all_best[(back >= 0) & (back + to_goal == to_goal[place_of(tokens, START)]) & (tokens == OPEN)] = PATH
        alone = np.where(marked, PATH, 0)
        judge(
            as_table(run(answer, tokens, to_goal)),
            expected,
            given=f"the maze {picture(tokens)} and the distances to G",
            mistakes=[
                *(
                    Mistake(
                        "end-overwritten",
                        np.where(at, PATH, expected),
                        "S or G has become a mark.",
                        "Only open cells are marked: the walk begins and ends beside the marks.",
                    )
                    for at in (tokens == START, tokens == GOAL, (tokens == START) | (tokens == GOAL))
                ),
                *(
                    Mistake(
                        "other-preference",
                        value,
                        "Your path is a shortest one, but not the label's.",
                        "Where several neighbours are nearer to G, the order is: below, left, right, above.",
                    )
                    for value in other_paths
                ),
                *(
                    Mistake(
                        "into-the-wall",
                        value,
                        "Your path walks into a wall.",
                        "A wall has distance -1, and -1 is the smallest number of all. Ask for exactly one less.",
                    )
                    for value in into_walls(tokens, to_goal)
                ),
                Mistake(
                    "all-shortest-paths",
                    all_best,
                    "You marked every cell that lies on some shortest path.",
                    "The label is one path: at each cell one neighbour is chosen.",
                ),
                *(
                    Mistake(
                        "one-mark-missing",
                        drawn(tokens, part),
                        "One end of the path is not marked.",
                        "The last mark touches G and the first one touches S: at which distance does the walk end?",
                    )
                    for part in (path[:-1], path[1:])
                ),
                Mistake(
                    "maze-lost",
                    alone,
                    "Your answer holds the path alone.",
                    "The answer is the whole maze again, walls, S and G too, with the path drawn into it.",
                ),
            ],
            where="Stand on S. Which neighbours have a distance one smaller? Take the first in the order of the rule.",
        )
    passed("shortest_path_label", "6 mazes: ties in all directions, a path upwards, S beside G")


def walked(tokens: np.ndarray, to_goal: np.ndarray, moves: Sequence[Cell] = SIDES) -> list[Cell]:
    """The cells between S and G, each time the first move that leads one nearer."""
    cell, path = place_of(tokens, START), []
    while to_goal[cell] > 1:
        cell = next(other for other in around(cell, tokens.shape, moves) if to_goal[other] == to_goal[cell] - 1)
        path.append(cell)
    return path


def drawn(tokens: np.ndarray, path: Sequence[Cell]) -> np.ndarray:
    """The maze with these cells as path."""
    answer = tokens.copy()
    for cell in path:
        answer[cell] = PATH
    return answer


def into_walls(tokens: np.ndarray, to_goal: np.ndarray) -> list[np.ndarray]:
    """Answers of a walk that always takes the smallest number around it, and stops at a wall or after L moves."""
    found = []
    for order in permutations(range(4)):
        cell, path = place_of(tokens, START), []
        for _ in range(tokens.size):
            if to_goal[cell] <= 1:
                break
            near = list(around(cell, tokens.shape, [SIDES[i] for i in order]))
            cell = min(near, key=lambda other: to_goal[other])
            path.append(cell)
        found.append(drawn(tokens, path))
    return found


# --- what a path is worth --------------------------------------------------------------------------------------------


class Drawn(NamedTuple):
    """A maze, an answer to it, what it is worth, and what to say to somebody who says something else."""

    question: str
    answer: str
    worth: int
    mistake: str
    what: str
    where: str


HALL = "S...#. .##.#. .##... .....# ###.G#"
LINE = "Follow the line from S: each mark must lead to the next one, until G."
JUDGED = (
    Drawn(HALL, "S...#. o##.#. o##... oooo.# ###oG#", 2, "label-refused", "The label itself was refused.", LINE),
    Drawn(
        HALL,
        "Sooo#. .##o#. .##o.. ...oo# ###.G#",
        2,
        "label-only",
        "Another shortest path was refused.",
        "The label is one of several shortest paths. Ask how long a path is, not whether it is the label.",
    ),
    Drawn(
        "S... .#.. .#.G .#.. ....",
        "S... o#.. o#.G o#.o oooo",
        1,
        "any-path",
        "A longer path has the wrong worth.",
        "How many marks has a shortest path? The label tells you. A longer path is worth 1.",
    ),
    Drawn(
        HALL,
        "S...#. o##.#. o##... o.oo.# ###oG#",
        0,
        "broken-path",
        "A path with a gap was accepted.",
        "One mark is missing. Can you walk from S to G on the marks alone?",
    ),
    Drawn(
        HALL,
        "S.o.#. o##.#. o##... o.oo.# ###oG#",
        0,
        "marks-counted",
        "As many marks as in the label, but they are no path: one stands elsewhere.",
        "Counting marks says nothing about how they hang together.",
    ),
    Drawn(
        "S.... ..... ....G",
        "S.... o..oo .oo.G",
        0,
        "diagonal-moves",
        "A path with diagonal moves was accepted.",
        "Two cells touch if they share a side; a corner is not enough.",
    ),
    Drawn(
        "S#.. .#.. ...G",
        "Soo. .#o. ..oG",
        0,
        "through-the-wall",
        "A path through a wall was accepted.",
        "Compare with the question: may a mark stand in this place?",
    ),
    Drawn(
        "S.. #.. #.G",
        "Soo #o. #oG",
        0,
        "extra-marks",
        "A path with a mark beside it was accepted.",
        "Every mark must be part of the one line from S to G.",
    ),
    Drawn(
        "S..G .... .... ....",
        "SooG .... oo.. oo..",
        0,
        "ring",
        "Marks in a ring beside the path were accepted.",
        "Each mark of a ring touches two others, as in a path. But nobody comes there from S.",
    ),
    Drawn(
        "S.. ..G ...",
        "S.. ooG oo.",
        0,
        "runs-along-itself",
        "A path that runs along itself was accepted.",
        "Count the path cells that each cell touches: two for a mark, one for S and for G.",
    ),
    Drawn(
        "S..G ....",
        "oooG ....",
        0,
        "end-overwritten",
        "An answer without its S was accepted.",
        "S and G must stand where they stood.",
    ),
    Drawn(
        "S..G .#..",
        "SooG ....",
        0,
        "maze-changed",
        "An answer that changed the maze was accepted.",
        "Every cell without a mark must be as in the question.",
    ),
    Drawn(
        "SG ..",
        "SG ..",
        2,
        "neighbours-refused",
        "S and G touch each other, so nothing is to be marked; you refused that.",
        "A path may have no mark at all. What does your walk do when G is the first cell it meets?",
    ),
)


def judge_path(answer: Callable[[np.ndarray, np.ndarray, np.ndarray], int]) -> None:
    """2 for a shortest path, 1 for a longer one, 0 for anything else."""
    for case in JUDGED:
        question, given = (grid_of(text.replace(" ", "\n")) for text in (case.question, case.answer))
        task = Maze(*question.shape, least=2)
        label = task.label(question.reshape(1, -1))[0].astype(int).reshape(question.shape)
        scored = task.scores(question.reshape(1, -1), given.reshape(1, -1))
        expected = int(scored["valid path"][0]) + int(scored["valid shortest path"][0])
        yours = run(answer, question, given, label)
        said = f"question {picture(question)}, answer {picture(given)}"
        other = [value for value in (0, 1, 2) if value != expected]
        named = [Mistake(case.mistake, value, case.what, case.where) for value in other]
        judge(yours, expected, given=said, mistakes=named, where=LINE)
    passed("judge_path", f"{len(JUDGED)} answers: shortest paths, a longer one, and nine that are no path")


# --- turning ---------------------------------------------------------------------------------------------------------

TIED = grid_of("S..... .##... ...#.. ....#G".replace(" ", "\n"))
Relabel = Callable[[np.ndarray], np.ndarray]


def augment(answer: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    """The maze turned, and the label rule's answer to the turned maze."""

    def relabel(question: np.ndarray) -> np.ndarray:
        asked.append(question)
        tokens = np.asarray(question).astype(np.uint8)
        return Maze(*tokens.shape, least=2).label(tokens.reshape(1, -1))[0].astype(int).reshape(tokens.shape)

    asked: list[Any] = []
    for tokens, turns, mirrored in (
        (TIED, 1, False),
        (TIED, 0, True),
        (TIED, 3, True),
        (grid_of(OPEN_FIELD), 2, False),
    ):
        label = relabel(tokens)
        moved = turned(tokens, turns, mirrored)
        expected = [moved, relabel(moved)]
        late = np.rot90(tokens, turns)
        wrong = {
            "mirror-after-the-turn": np.fliplr(late) if mirrored else late,
            "clockwise": turned(tokens, -turns, mirrored),
            "mirror-forgotten": late,
            "turned-once": turned(tokens, 1, mirrored),
            "upside-down": np.rot90(np.flipud(tokens) if mirrored else tokens, turns),
            "not-turned": np.fliplr(tokens) if mirrored else tokens,
        }
        said = {
            "mirror-after-the-turn": (
                "You turned first and mirrored then.",
                "The order matters: mirror the maze, then turn what has come out.",
            ),
            "clockwise": ("You turned clockwise.", "A quarter turn to the left: the right column becomes the top row."),
            "mirror-forgotten": (
                "The maze was turned, but not mirrored.",
                "Turns alone give four of the eight images. What does `mirrored` ask for?",
            ),
            "turned-once": (
                "You made one quarter turn, whatever `quarter_turns` says.",
                "It says how many quarter turns to make: none, one, two or three.",
            ),
            "upside-down": (
                "You mirrored top and bottom.",
                "Left and right change places: each row is read backwards.",
            ),
            "not-turned": (
                "The maze was not turned.",
                "`quarter_turns` says how often; 1 is a turn to the left by 90°.",
            ),
        }
        asked.clear()
        yours = as_pair(run(answer, tokens, label, turns, mirrored, relabel))
        judge(
            yours,
            expected,
            given=f"the maze {picture(tokens)}, quarter_turns {turns}, mirrored {mirrored}",
            mistakes=[
                *(
                    Mistake(
                        "label-transformed",
                        [moved, early],
                        "The label was turned along. It is a shortest path, but not the one that the rule chooses.",
                        "Of several shortest paths the rule prefers one: below, left, right, above. Ask it last.",
                    )
                    for early in (turned(label, turns, mirrored), np.rot90(relabel(turned(tokens, 0, mirrored)), turns))
                ),
                Mistake(
                    "label-left-alone",
                    [moved, label],
                    "The maze was turned; its answer still belongs to the old one.",
                    "Where is S in your new maze, and where in your new answer?",
                ),
                Mistake(
                    "question-left-alone",
                    [tokens, expected[1]],
                    "The answer belongs to the turned maze, but the question was not turned.",
                    "Both come back in their new position.",
                ),
                Mistake(
                    "question-left-alone",
                    [tokens, turned(label, turns, mirrored)],
                    "The answer belongs to the turned maze, but the question was not turned.",
                    "Both come back in their new position.",
                ),
                *(
                    Mistake(name, [maze, paths], *said[name])
                    for name, maze in wrong.items()
                    for paths in (relabel(maze), moved_alike(name, label, turns, mirrored))
                ),
                Mistake(
                    "swapped",
                    expected[::-1],
                    "Question and answer are exchanged.",
                    "The order is: the turned question, then its answer.",
                ),
            ],
            where="Draw a maze of two rows with its S in a corner. Where is S after the mirror, and after the turn?",
        )
    passed("augment", "4 moves of mazes of 4x6 and 3x4: turned, mirrored, both")


def turned(tokens: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    """Left and right exchanged first, if so; then quarter turns to the left."""
    return np.rot90(np.fliplr(tokens) if mirrored else tokens, turns)


def moved_alike(name: str, label: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    """A label that went through the same wrong move as its maze."""
    late = np.rot90(label, turns)
    return {
        "mirror-after-the-turn": np.fliplr(late) if mirrored else late,
        "clockwise": turned(label, -turns, mirrored),
        "mirror-forgotten": late,
        "turned-once": turned(label, 1, mirrored),
        "upside-down": np.rot90(np.flipud(label) if mirrored else label, turns),
        "not-turned": np.fliplr(label) if mirrored else label,
    }[name]


def as_pair(yours: Any) -> Any:
    """Both parts as arrays, whether they came as arrays, tensors or lists of rows."""
    return [as_table(part) for part in yours] if isinstance(yours, list | tuple) and len(yours) == 2 else yours


# --- scores ----------------------------------------------------------------------------------------------------------


def scores(answer: Callable[..., Any]) -> None:
    """Shares of all mazes: exact, a valid shortest path, a valid path, and a shortest path that is not the label."""
    rng = np.random.default_rng(12)
    for count, cell_count, kinds in ((11, 7, "eeeeettdnwx"), (8, 12, "eettttdw"), (5, 9, "eedwn")):
        labels = rng.integers(1, 6, (count, cell_count))
        labels[:, 0], labels[:, 1] = PATH, OPEN
        answers, verdicts = labels.copy(), np.zeros(count, dtype=int)
        for i, sort in enumerate(kinds):
            # e exact; t another shortest path; d a longer path; w, n no path; x: only a mark too many
            verdicts[i] = {"e": 2, "t": 2, "d": 1}.get(sort, 0)
            if sort in "td":
                answers[i, :2] = OPEN, PATH
            elif sort == "w":
                answers[i] = labels[i] % 5 + 1
            elif sort == "n":
                answers[i, 0] = OPEN
            elif sort == "x":
                answers[i, 1] = PATH
        order = rng.permutation(count)
        answers, labels, verdicts = answers[order], labels[order], verdicts[order]
        hit = answers == labels
        exact, shortest, valid = hit.all(1), verdicts == 2, verdicts >= 1
        tied = shortest & ~exact
        expected = [exact.mean(), shortest.mean(), valid.mean(), tied.mean()]
        marks = labels == PATH
        on_marks = (hit | ~marks).all(1)
        wrong = max(1, (~exact).sum())

        def changed(place: int, *values: float, numbers: list[float] = expected) -> list[list[float]]:
            return [[*numbers[:place], value, *numbers[place + 1 :]] for value in values]

        variants = {
            "cell-accuracy": changed(0, hit.mean(), hit[marks].mean()),
            "marks-alone": [
                *changed(0, on_marks.mean()),
                [on_marks.mean(), *expected[1:3], (shortest & ~on_marks).mean()],
            ],
            "exact-by-the-rules": changed(0, shortest.mean()) + [[shortest.mean(), shortest.mean(), valid.mean(), 0.0]],
            "longer-ones-alone": changed(2, (verdicts == 1).mean()),
            "all-kinds-added": changed(2, shortest.mean() + valid.mean(), verdicts.mean()),
            "of-the-wrong-ones": changed(3, tied.sum() / wrong),
            "every-wrong-answer": changed(3, (~exact).mean()),
            "of-the-shortest": changed(3, tied.sum() / max(1, shortest.sum())),
            "counts": [[float(count * value) for value in expected]],
            "percent": [[100 * value for value in expected]],
        }
        judge(
            numbers_of(run(answer, answers, labels, verdicts)),
            expected,
            given=f"{count} mazes: {int(exact.sum())} exact; verdicts {verdicts.tolist()}",
            mistakes=[Mistake(name, value, *SAID[name]) for name, values in variants.items() for value in values],
            where="Write three bits for each maze: equal to its label? verdict 2? verdict 1 or 2? Then take means.",
        )
    passed("scores", "3 sets of 11, 8 and 5 mazes: labels, ties, longer paths, a mark too few, a mark too many")


SAID = {
    "cell-accuracy": (
        "Your first number is a share of cells.",
        "A maze is exact if every cell is right: one bit for each maze, then the mean.",
    ),
    "marks-alone": (
        "A maze with a mark too many counted as exact.",
        "Compare all cells with the label: also those that should be empty.",
    ),
    "exact-by-the-rules": (
        "A shortest path that is not the label counted as exact.",
        "Exact asks for the label, cell by cell, whatever the rules say.",
    ),
    "longer-ones-alone": (
        "Shortest paths are missing among the valid paths.",
        "A shortest path is a valid path too: verdict 1 or 2.",
    ),
    "all-kinds-added": (
        "Shortest paths were counted twice among the valid paths.",
        "One bit for each maze: is its verdict at least 1?",
    ),
    "of-the-wrong-ones": (
        "The last number was divided by the mazes that are not exact.",
        "All four are shares of all mazes. Only then may they be added and subtracted.",
    ),
    "every-wrong-answer": (
        "The last number holds every answer that is not exact.",
        "Among them are longer paths and answers that are no path. Which are shortest paths?",
    ),
    "of-the-shortest": (
        "The last number was divided by the shortest paths.",
        "All four numbers are shares of all mazes, whatever their verdict.",
    ),
    "counts": ("You returned numbers of mazes.", "Divide by how many mazes there are."),
    "percent": ("Your numbers are a hundred times too large.", "A share lies between 0 and 1."),
}


def numbers_of(yours: Any) -> Any:
    """Four plain numbers, whether they came as a tuple, an array or a tensor."""
    if isinstance(yours, np.ndarray | torch.Tensor) and yours.ndim == 1:
        return yours.tolist()
    return yours


# --- reach -----------------------------------------------------------------------------------------------------------


def steps_needed(answer: Callable[..., int]) -> None:
    """After how many supervision steps a cell can have heard of one that is `distance` cells away."""
    for distance, T, n, layers, kernel in (
        (1441, 3, 5, 2, 9),
        (20, 2, 4, 2, 3),
        (21, 2, 4, 2, 3),
        (1, 1, 1, 1, 3),
        (300, 1, 6, 4, 5),
    ):
        half = kernel // 2

        def steps(reach: int, far: int = distance) -> int:
            return math.ceil(far / reach)

        reach = T * (n + 1) * layers * half
        said = {
            "rounded-down": (
                "Your number of steps is too small: it ends before the last cells are crossed.",
                "After k steps the reach is k times that of one step. Which is the smallest k that suffices?",
            ),
            "one-too-many": (
                "The distance is a whole number of steps' reaches, and you took one step more.",
                "With a reach of 20, a cell 20 away is heard of after one step.",
            ),
            "answer-update-forgotten": (
                "A recursion has one evaluation more than you counted.",
                "n updates of z, and then y: n + 1.",
            ),
            "recursions-forgotten": (
                "You counted one latent recursion.",
                "A supervision step makes T of them, and the states go on from one to the next.",
            ),
            "without-gradient-forgotten": (
                "You left out one of the T recursions.",
                "The recursions without gradient compute as well: information does not need a gradient.",
            ),
            "layers-forgotten": (
                "You counted one layer in each evaluation.",
                "Each block has a convolution, and one evaluation passes through all of them.",
            ),
            "parentheses-forgotten": (
                "The answer was updated once only in your count.",
                "y is renewed in every recursion: T times n + 1 evaluations.",
            ),
            "kernel-width": (
                "You took the whole width of the kernel as its reach.",
                "A 3x3 kernel is three cells wide, but hears only one cell away.",
            ),
            "kernel-forgotten": (
                "You took every kernel for one of 3x3.",
                "A 5x5 kernel hears two cells away, a 7x7 kernel three.",
            ),
            "both-sides": (
                "You counted both sides of the kernel.",
                "It hears half of its width away in each direction: information comes from one of them.",
            ),
        }
        values = {
            "rounded-down": [distance // reach, round(distance / reach)],
            "one-too-many": [distance // reach + 1],
            "answer-update-forgotten": [steps(T * n * layers * half)],
            "recursions-forgotten": [steps((n + 1) * layers * half)],
            "without-gradient-forgotten": [steps(max(1, T - 1) * (n + 1) * layers * half)],
            "layers-forgotten": [steps(T * (n + 1) * half)],
            "parentheses-forgotten": [steps((T * n + 1) * layers * half)],
            "kernel-width": [steps(T * (n + 1) * layers * kernel)],
            "kernel-forgotten": [steps(T * (n + 1) * layers)],
            "both-sides": [steps(T * (n + 1) * layers * (kernel - 1))],
        }
        judge(
            run(answer, distance, T, n, layers, kernel),
            steps(reach),
            given=f"distance {distance}, T {T}, n {n}, layers {layers}, kernel {kernel}",
            mistakes=[Mistake(name, value, *said[name]) for name, group in values.items() for value in group],
            where="How far does one layer hear? One evaluation? One supervision step? Then divide, and round up.",
        )
    passed("steps_needed", "5 networks and distances, two of them at the very edge")
