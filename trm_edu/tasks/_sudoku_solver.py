"""Compiled Sudoku search: count solutions, count guesses, make puzzles with one solution and minimal clues.

Import this module only where it is used: it imports numba, and its first call compiles (a few seconds, then kept
on disk where numba finds a folder that it may write to).

A cell is a bit mask of the digits that it may still hold: bit d-1 stands for digit d, so a solved cell is a power of
two. `peers` [L, P] lists the cells that share a row, column or box with each cell; `units` [3 * side, side] lists
the cells of every row, column and box. Both are int32 and come from `tables`. Kernels carry no type hints: numba
finds the types itself. `no_type_check` keeps the tests' run-time checker away, whose wrapper numba cannot compile.
"""

from __future__ import annotations

from functools import lru_cache
from typing import no_type_check

import numpy as np

from trm_edu.tasks._kernels import below, kernel, run, start_stream


@kernel
@no_type_check
def _propagate(cand, queue, size, peers, units):
    """Naked singles, then hidden singles, to a fixpoint. False: a cell without a digit or a digit without a place.

    `queue[:size]` holds the solved cells whose peers do not know it yet. No cell enters the queue twice, so L
    places are enough.
    """
    side = units.shape[1]
    full = (1 << side) - 1
    head = 0
    while True:
        while head < size:
            cell = queue[head]
            head += 1
            bit = cand[cell]
            for k in range(peers.shape[1]):
                peer = peers[cell, k]
                mask = cand[peer]
                if mask & bit:
                    mask ^= bit
                    if mask == 0:
                        return False
                    cand[peer] = mask
                    if mask & (mask - 1) == 0:
                        queue[size] = peer
                        size += 1
        for u in range(units.shape[0]):
            once = 0
            twice = 0
            for k in range(side):
                mask = cand[units[u, k]]
                twice |= once & mask
                once |= mask
            if once != full:
                return False
            lone = once & ~twice
            if lone == 0:
                continue
            for k in range(side):
                cell = units[u, k]
                mask = cand[cell]
                hit = mask & lone
                if hit != 0 and mask & (mask - 1) != 0:
                    if hit & (hit - 1) != 0:  # two digits have this cell as their only place
                        return False
                    cand[cell] = hit
                    queue[size] = cell
                    size += 1
        if head == size:
            return True


@kernel
@no_type_check
def _search(stack, cells, left, queue, peers, units, limit, budget, shuffle, state, solution):
    """Depth-first search from the fixpoint in `stack[0]` until `limit` solutions or `budget` guesses.

    Branches on the unsolved cell with the fewest candidates, the first in reading order. Digits ascend, or come in
    random order if `shuffle`. A digit that is tried while others of its cell are still untried is one guess.
    Returns (solutions found, guesses until the first solution, whether the budget ran out).
    `solution` receives the first one.
    """
    length = stack.shape[1]
    level = 0
    found = 0
    guesses = 0
    until_first = 0
    arrived = True
    while True:
        if arrived:
            best = 99
            cell = -1
            for i in range(length):
                mask = stack[level, i]
                if mask & (mask - 1) != 0:
                    options = 0
                    while mask != 0:
                        mask &= mask - 1
                        options += 1
                    if options < best:
                        best = options
                        cell = i
                        if options == 2:
                            break
            left[level] = 0
            if cell >= 0:
                cells[level] = cell
                left[level] = stack[level, cell]
            else:
                found += 1
                if found == 1:
                    until_first = guesses
                    for i in range(length):
                        solution[i] = stack[level, i]
                if found == limit:
                    return found, until_first, False
        while level >= 0 and left[level] == 0:
            level -= 1
        if level < 0:
            return found, (until_first if found > 0 else guesses), False
        mask = left[level]
        bit = mask & -mask
        if shuffle:
            options = 0
            while mask != 0:
                mask &= mask - 1
                options += 1
            mask = left[level]
            for _ in range(below(state, options)):
                mask &= mask - 1
            bit = mask & -mask
        left[level] ^= bit
        if left[level] != 0:
            guesses += 1
            if guesses > budget:
                return found, (until_first if found > 0 else guesses), True
        for i in range(length):
            stack[level + 1, i] = stack[level, i]
        stack[level + 1, cells[level]] = bit
        queue[0] = cells[level]
        arrived = _propagate(stack[level + 1], queue, 1, peers, units)
        if arrived:
            level += 1


@kernel
@no_type_check
def _load(clues, cand, queue, full):
    """Candidates of a puzzle given as masks (0 blank). Returns how many solved cells stand in `queue`."""
    size = 0
    for i in range(clues.shape[0]):
        if clues[i] == 0:
            cand[i] = full
        else:
            cand[i] = clues[i]
            queue[size] = i
            size += 1
    return size


@kernel
@no_type_check
def _solve_all(clues, limit, budget, peers, units, solutions, counts, guesses):
    """Search every row of `clues` [N, L] masks; fill `solutions` [N, L] masks, `counts` [N] (-1: budget ran out)."""
    length = clues.shape[1]
    full = (1 << units.shape[1]) - 1
    stack = np.empty((length + 1, length), np.int32)
    cells = np.empty(length + 1, np.int32)
    left = np.empty(length + 1, np.int32)
    queue = np.empty(length, np.int32)
    state = np.zeros(1, np.uint64)
    for n in range(clues.shape[0]):
        size = _load(clues[n], stack[0], queue, full)
        counts[n] = 0
        guesses[n] = 0
        if _propagate(stack[0], queue, size, peers, units):
            found, tried, spent = _search(
                stack, cells, left, queue, peers, units, limit, budget, False, state, solutions[n]
            )
            counts[n] = -1 if spent else found
            guesses[n] = tried


@kernel
@no_type_check
def _generate_all(seed, start, target, peers, units, clues, solutions):
    """Fill `clues` and `solutions` [N, L] with puzzles number start, start + 1, ... of the stream `seed`.

    A random complete grid loses its clues in random order; a clue goes if no solution has another digit in its
    cell. One pass is enough: with fewer clues around it, a clue that had to stay then has to stay now.
    Removal stops at `target` clues (0: minimal).
    """
    length = clues.shape[1]
    side = units.shape[1]
    full = (1 << side) - 1
    stack = np.empty((length + 1, length), np.int32)
    cells = np.empty(length + 1, np.int32)
    left = np.empty(length + 1, np.int32)
    queue = np.empty(length, np.int32)
    order = np.empty(length, np.int32)
    other = np.empty(length, np.int32)
    state = np.zeros(1, np.uint64)
    endless = np.int64(1) << np.int64(62)
    for n in range(clues.shape[0]):
        start_stream(state, seed, start + n)
        puzzle = clues[n]
        for i in range(length):
            stack[0, i] = full
            order[i] = i
        _search(stack, cells, left, queue, peers, units, 1, endless, True, state, solutions[n])
        for i in range(length):
            puzzle[i] = solutions[n, i]
        for i in range(length - 1, 0, -1):
            j = below(state, i + 1)
            order[i], order[j] = order[j], order[i]
        kept = length
        for k in range(length):
            if kept <= target:
                break
            cell = order[k]
            digit = puzzle[cell]
            puzzle[cell] = 0
            size = _load(puzzle, stack[0], queue, full)
            stack[0, cell] = full ^ digit
            found = 0
            if _propagate(stack[0], queue, size, peers, units):
                found, _, _ = _search(stack, cells, left, queue, peers, units, 1, endless, False, state, other)
            if found == 0:
                kept -= 1
            else:
                puzzle[cell] = digit


@lru_cache
def tables(box_rows: int, box_cols: int) -> tuple[np.ndarray, np.ndarray]:
    """`peers` int32 [L, P] and `units` int32 [3 * side, side] (rows, columns, boxes) of a grid."""
    side = box_rows * box_cols
    row, column = np.divmod(np.arange(side * side), side)
    box = row // box_rows * box_rows + column // box_cols
    units = np.concatenate([np.argsort(group, kind="stable").reshape(side, side) for group in (row, column, box)])
    together = (row[:, None] == row) | (column[:, None] == column) | (box[:, None] == box)
    np.fill_diagonal(together, False)
    peers = np.nonzero(together)[1].reshape(side * side, -1)
    return np.ascontiguousarray(peers, np.int32), np.ascontiguousarray(units, np.int32)


def _masks(tokens: np.ndarray) -> np.ndarray:
    """Tokens (1 blank, digit d is d + 1) to masks (0 blank)."""
    tokens = tokens.astype(np.int32)
    return np.where(tokens > 1, 1 << np.maximum(tokens - 2, 0), 0).astype(np.int32)


def _tokens(masks: np.ndarray) -> np.ndarray:
    """Masks (0 blank, else one bit) to tokens."""
    return np.where(masks > 0, np.log2(np.maximum(masks, 1)).astype(np.uint8) + 2, 1).astype(np.uint8)


def solve_all(
    questions: np.ndarray, box_rows: int, box_cols: int, limit: int, budget: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Search every puzzle of uint8 [N, L].

    Returns `counts` int64 [N] (solutions found, at most `limit`; -1 where `budget` guesses did not decide),
    `guesses` int64 [N] (until the first solution) and the first solutions uint8 [N, L] (blank where there is none).
    """
    peers, units = tables(box_rows, box_cols)
    clues = np.ascontiguousarray(_masks(questions))
    solutions = np.zeros_like(clues)
    counts, guesses = np.zeros(len(clues), np.int64), np.zeros(len(clues), np.int64)
    run(_solve_all, clues, limit, budget, peers, units, solutions, counts, guesses)
    return counts, guesses, _tokens(solutions)


def generate_all(
    count: int, seed: int, start: int, box_rows: int, box_cols: int, target: int
) -> tuple[np.ndarray, np.ndarray]:
    """Puzzles number start .. start + count - 1 of the stream `seed`: questions and answers, both uint8 [count, L].

    `target` 0 removes clues until the puzzle is minimal; above 0, removal stops at that many clues.
    """
    peers, units = tables(box_rows, box_cols)
    clues = np.zeros((count, peers.shape[0]), np.int32)
    solutions = np.zeros_like(clues)
    run(_generate_all, np.uint64(seed), start, target, peers, units, clues, solutions)
    return _tokens(clues), _tokens(solutions)
