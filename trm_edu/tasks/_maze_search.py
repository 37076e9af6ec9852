"""Compiled work on mazes: distances, the path of the label rule, what an answer's marks are worth, random mazes.

Import it only where it is used: it imports numba. Cells are numbered in reading order. `wall` is bool [L].
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from trm_edu.tasks._kernels import below, kernel, run, start_stream, uniform

WALL, OPEN, START, GOAL, PATH = 1, 2, 3, 4, 5
NOT_VALID, DETOUR, SHORTEST = 0, 1, 2  # what `judge_all` says of an answer
LARGE = 256  # cells above which long paths are too rare to wait for
CHAIN = 64  # mazes of a large size that come from one start
MOVES = 3000  # random changes between two of them: then two mazes of a block are as different as any two
PATCH = 6  # side of the square that a change draws anew


@kernel
@no_type_check
def _neighbours(cell, rows, cols, around):
    """Cells below, left, right and above, in the label rule's order; -1 where there is none."""
    around[0] = cell + cols if cell + cols < rows * cols else -1
    around[1] = cell - 1 if cell % cols > 0 else -1
    around[2] = cell + 1 if cell % cols < cols - 1 else -1
    around[3] = cell - cols if cell >= cols else -1


@kernel
@no_type_check
def _distances(wall, rows, cols, goal, until, dist, queue, around):
    """Breadth first: moves from each cell to `goal` in `dist` (-1: none known). Ends early once `until` is reached."""
    dist[:] = -1
    dist[goal] = 0
    queue[0] = goal
    head, size = 0, 1
    while head < size and dist[until] < 0:
        cell = queue[head]
        head += 1
        _neighbours(cell, rows, cols, around)
        for k in range(4):
            other = around[k]
            if other >= 0 and not wall[other] and dist[other] < 0:
                dist[other] = dist[cell] + 1
                queue[size] = other
                size += 1
    return dist[until]


@kernel
@no_type_check
def _label_all(questions, rows, cols, answers, distances):
    """Fill `answers` with the questions and the label rule's path, `distances` [N] with moves from S to G, or -1."""
    length = rows * cols
    wall = np.empty(length, np.bool_)
    dist = np.empty(length, np.int32)
    queue = np.empty(length, np.int32)
    around = np.empty(4, np.int64)
    for n in range(questions.shape[0]):
        start, goal = 0, 0
        for i in range(length):
            token = questions[n, i]
            wall[i] = token == WALL
            if token == START:
                start = i
            elif token == GOAL:
                goal = i
            # marks of a question that shows a part of its answer are walked over and drawn anew
            answers[n, i] = OPEN if token == PATH else token
        distances[n] = _distances(wall, rows, cols, goal, start, dist, queue, around)
        cell = start
        while distances[n] > 0 and dist[cell] > 1:
            _neighbours(cell, rows, cols, around)
            for k in range(4):
                other = around[k]
                # the search ended at S: a cell whose distance is not known is no nearer to G
                if other >= 0 and dist[other] >= 0 and dist[other] == dist[cell] - 1:
                    cell = other
                    break
            answers[n, cell] = PATH


@kernel
@no_type_check
def _judge_all(questions, answers, rows, cols, verdicts):
    """Fill `verdicts` [N]: see `judge_all`."""
    length = rows * cols
    wall = np.empty(length, np.bool_)
    dist = np.empty(length, np.int32)
    queue = np.empty(length, np.int32)
    around = np.empty(4, np.int64)
    for n in range(questions.shape[0]):
        verdicts[n] = NOT_VALID
        start, goal, marks, starts, goals, sound = 0, 0, 0, 0, 0, True
        for i in range(length):
            token, answer = questions[n, i], answers[n, i]
            wall[i] = token == WALL
            if token == START:
                start, starts = i, starts + 1
            elif token == GOAL:
                goal, goals = i, goals + 1
            if answer == PATH:
                marks += 1
                sound = sound and token in (OPEN, PATH)
            elif answer != token and not (token == PATH and answer == OPEN):
                sound = False
        if not sound or starts != 1 or goals != 1:
            continue
        for i in range(length):
            if answers[n, i] == START or answers[n, i] == GOAL or answers[n, i] == PATH:
                _neighbours(i, rows, cols, around)
                touched = 0
                for k in range(4):
                    if around[k] >= 0 and answers[n, around[k]] >= START:
                        touched += 1
                if touched != (2 if answers[n, i] == PATH else 1):
                    sound = False
                    break
        if not sound:
            continue
        # Two ends, and two neighbours everywhere between: a line from S to G, and perhaps rings beside it.
        before, cell, walked = -1, start, 0
        while cell != goal:
            _neighbours(cell, rows, cols, around)
            for k in range(4):
                other = around[k]
                if other >= 0 and other != before and answers[n, other] >= START:
                    before, cell = cell, other
                    break
            walked += 1
        if walked - 1 == marks:
            shortest = _distances(wall, rows, cols, goal, start, dist, queue, around)
            verdicts[n] = SHORTEST if walked == shortest else DETOUR


@kernel
@no_type_check
def _far_enough(wall, rows, cols, start, goal, least, dist, queue, around):
    """Whether the way from S to G takes at least `least` moves. Walls under S and G do not count."""
    if start == goal:
        return False
    under_start, under_goal = wall[start], wall[goal]
    wall[start] = wall[goal] = False
    found = _distances(wall, rows, cols, goal, start, dist, queue, around)
    wall[start], wall[goal] = under_start, under_goal
    return found >= least


@kernel
@no_type_check
def _generate_all(seed, block, chain, moves, rows, cols, least, low, high, questions):
    """Fill `questions` [N, L] with the mazes of blocks `block`, `block` + 1, ...; a block has `chain` of them.

    The first maze of a block is drawn by rejection: wall probability, walls, S and G, all anew until the distance is
    at least `least`. Each further one is `moves` random changes away from the one before (Metropolis): a change that
    brings S and G too near is undone. Every change is as likely as the one that undoes it, weighed by the very
    distribution that rejection draws from, so that all mazes of a block have that distribution.
    """
    length = rows * cols
    wall = np.empty(length, np.bool_)
    old = np.empty(PATCH * PATCH, np.bool_)
    dist = np.empty(length, np.int32)
    queue = np.empty(length, np.int32)
    around = np.empty(4, np.int64)
    state = np.zeros(1, np.uint64)
    share, start, goal = 0.0, 0, 0
    for n in range(questions.shape[0]):
        if n % chain == 0:
            start_stream(state, seed, block + n // chain)
            while True:
                share = low + (high - low) * uniform(state)
                for i in range(length):
                    wall[i] = uniform(state) < share
                start, goal = below(state, length), below(state, length)
                if _far_enough(wall, rows, cols, start, goal, least, dist, queue, around):
                    break
        else:
            for move in range(moves):
                if move % 4 == 0:  # the wall probability, given the walls
                    other = low + (high - low) * uniform(state)
                    walls = wall.sum()
                    gain = walls * np.log(other / share) + (length - walls) * np.log((1 - other) / (1 - share))
                    if np.log(uniform(state)) < gain:
                        share = other
                if move % 2 == 0:  # one of the two ends walks a little
                    if below(state, 2) == 1:
                        start, goal = goal, start
                    row = start // cols + below(state, 7) - 3
                    column = start % cols + below(state, 7) - 3
                    if 0 <= row < rows and 0 <= column < cols:
                        there = row * cols + column
                        if _far_enough(wall, rows, cols, there, goal, least, dist, queue, around):
                            start = there
                    continue
                side = 1 + below(state, PATCH)  # a square of cells drawn anew
                top, left = below(state, rows + side - 1) - side + 1, below(state, cols + side - 1) - side + 1
                top, bottom, left, right = max(top, 0), min(top + side, rows), max(left, 0), min(left + side, cols)
                kept = 0
                for row in range(top, bottom):
                    for column in range(left, right):
                        old[kept] = wall[row * cols + column]
                        wall[row * cols + column] = uniform(state) < share
                        kept += 1
                if not _far_enough(wall, rows, cols, start, goal, least, dist, queue, around):
                    kept = 0
                    for row in range(top, bottom):
                        for column in range(left, right):
                            wall[row * cols + column] = old[kept]
                            kept += 1
        for i in range(length):
            questions[n, i] = WALL if wall[i] else OPEN
        questions[n, start], questions[n, goal] = START, GOAL


def label_all(questions: np.ndarray, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """The label rule's answers uint8 [N, L] to questions uint8 [N, L], and the distances int32 [N] (-1: no path).

    From S, step to a cell one move nearer to G; of several, prefer the one below, then left, right, above.
    """
    questions = np.ascontiguousarray(questions, np.uint8)
    answers, distances = np.empty_like(questions), np.empty(len(questions), np.int32)
    run(_label_all, questions, rows, cols, answers, distances)
    return answers, distances


def judge_all(questions: np.ndarray, answers: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """For each answer uint8 [N, L]: SHORTEST, DETOUR (a path, not the shortest) or NOT_VALID, as uint8 [N].

    A path keeps every wall and S and G, and its marks are one line from S to G without a branch, a ring or a stray
    mark: S and G touch one marked cell (or each other), every mark touches two. So a path may not run along itself:
    from marks alone nobody could tell in which order it is walked, and it could be cut short there.
    """
    questions, answers = (np.ascontiguousarray(tokens, np.uint8) for tokens in (questions, answers))
    verdicts = np.empty(len(questions), np.uint8)
    run(_judge_all, questions, answers, rows, cols, verdicts)
    return verdicts


def generate_blocks(
    seed: int, block: int, blocks: int, rows: int, cols: int, least: int, walls: tuple[float, float]
) -> np.ndarray:
    """Mazes uint8 [N, L] of so many blocks of the stream `seed`: one maze each, CHAIN of them where mazes are LARGE."""
    chain = CHAIN if rows * cols > LARGE else 1
    questions = np.empty((blocks * chain, rows * cols), np.uint8)
    run(_generate_all, np.uint64(seed), block, chain, MOVES, rows, cols, least, *walls, questions)
    return questions
