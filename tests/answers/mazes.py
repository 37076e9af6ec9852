"""Lesson 12: what people hand in."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from answers import Answers

WALL, OPEN, START, GOAL, PATH = 1, 2, 3, 4, 5

# --- distances --------------------------------------------------------------------------------------------------------


def distances_in_waves(is_open: np.ndarray, start: tuple[int, int]) -> np.ndarray:
    """All cells at once: a cell joins the wave if it is open, new, and beside a cell of the last wave."""
    found = np.where(is_open, -1, -1)
    wave, moves = np.zeros_like(is_open), 0
    wave[start] = True
    while wave.any():
        found[wave] = moves
        border = np.pad(wave, 1)
        wave = border[2:, 1:-1] | border[:-2, 1:-1] | border[1:-1, 2:] | border[1:-1, :-2]
        wave, moves = wave & is_open & (found < 0), moves + 1
    return found


def distances_by_relaxing(is_open: np.ndarray, start: tuple[int, int]) -> torch.Tensor:
    """Again and again one more than the smallest neighbour, until nothing changes; in torch."""
    far = torch.full(is_open.shape, math.inf)
    far[start] = 0
    while True:
        around = torch.nn.functional.pad(far, (1, 1, 1, 1), value=math.inf)
        best = torch.stack([around[2:, 1:-1], around[:-2, 1:-1], around[1:-1, 2:], around[1:-1, :-2]]).amin(0) + 1
        new = torch.where(torch.from_numpy(is_open), torch.minimum(far, best), far)
        if torch.equal(new, far):
            return torch.where(far.isinf(), -1, far).long()
        far = new


def bfs(is_open, start, moves, *, allowed=lambda is_open, r, c: is_open[r, c], first=0, pop=0, inside=True):
    rows, columns = is_open.shape
    found = -np.ones(is_open.shape, dtype=int)
    found[start] = first
    queue = deque([start])
    while queue:
        row, column = queue.popleft() if pop == 0 else queue.pop()
        for dr, dc in moves:
            r, c = row + dr, column + dc
            if inside and not (0 <= r < rows and 0 <= c < columns):
                continue
            if not inside and (r >= rows or c >= columns):
                continue
            if allowed(is_open, r, c) and found[r, c] == -1:
                found[r, c] = found[row, column] + 1
                queue.append((r, c))
    return found


UDLR = [(-1, 0), (1, 0), (0, -1), (0, 1)]
EIGHT = [(dr, dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1) if dr or dc]


def distances_through_walls(is_open, start):
    return bfs(is_open, start, UDLR, allowed=lambda *_: True)


def distances_manhattan(is_open, start):
    rows, columns = np.indices(is_open.shape)
    return np.where(is_open, abs(rows - start[0]) + abs(columns - start[1]), -1)


def distances_diagonal(is_open, start):
    return bfs(is_open, start, EIGHT)


def distances_depth_first(is_open, start):
    found = -np.ones(is_open.shape, dtype=int)

    def visit(r, c, d):
        if not (0 <= r < is_open.shape[0] and 0 <= c < is_open.shape[1]) or not is_open[r, c] or found[r, c] >= 0:
            return
        found[r, c] = d
        for dr, dc in UDLR:
            visit(r + dr, c + dc, d + 1)

    visit(*start, 0)
    return found


def distances_start_one(is_open, start):
    return bfs(is_open, start, UDLR, first=1)


def distances_wrap(is_open, start):
    found = -np.ones(is_open.shape, dtype=int)
    found[start] = 0
    queue = [start]
    while queue:
        row, column = queue.pop(0)
        for dr, dc in UDLR:
            try:
                if is_open[row + dr, column + dc] and found[row + dr, column + dc] == -1:
                    found[row + dr, column + dc] = found[row, column] + 1
                    r, c = row + dr, column + dc
                    queue.append((r % is_open.shape[0], c % is_open.shape[1]))
            except IndexError:
                pass
    return found


def distances_unreached_zero(is_open, start):
    found = bfs(is_open, start, UDLR)
    return np.where(found == -1, 0, found)


def distances_wall_gets_number(is_open, start):
    rows, columns = is_open.shape
    found = np.full(is_open.shape, -1)
    found[start] = 0
    queue = [start]
    while queue:
        row, column = queue.pop(0)
        for dr, dc in UDLR:
            r, c = row + dr, column + dc
            if 0 <= r < rows and 0 <= c < columns and found[r, c] < 0:
                found[r, c] = found[row, column] + 1
                if is_open[r, c]:
                    queue.append((r, c))
    return found


# --- count_shortest ---------------------------------------------------------------------------------------------------


def count_from_the_goal(from_start, start, goal):
    """A function that calls itself, and remembers."""

    @cache
    def ways(row, column):
        here = from_start[row, column]
        if here == 0:
            return 1
        total = 0
        for dr, dc in UDLR:
            r, c = row + dr, column + dc
            if 0 <= r < from_start.shape[0] and 0 <= c < from_start.shape[1] and from_start[r, c] == here - 1 >= 0:
                total += ways(r, c)
        return total

    return ways(*goal)


def count_with_arrays(from_start, start, goal):
    """All cells of a wave at once."""
    ways = (from_start == 0).astype(np.int64)
    for moves in range(1, from_start.max() + 1):
        before = np.pad(np.where(from_start == moves - 1, ways, 0), 1)
        total = before[2:, 1:-1] + before[:-2, 1:-1] + before[1:-1, 2:] + before[1:-1, :-2]
        ways = np.where(from_start == moves, total, ways)
    return torch.tensor(ways[goal])


def nearer(from_start, cell, moves=None):
    for dr, dc in moves or UDLR:
        r, c = cell[0] + dr, cell[1] + dc
        inside = 0 <= r < from_start.shape[0] and 0 <= c < from_start.shape[1]
        if inside and from_start[r, c] >= 0 and from_start[r, c] == from_start[cell] - 1:
            yield r, c


def count_overwritten(from_start, start, goal):
    ways = np.zeros(from_start.shape, int)
    ways[start] = 1
    for place in np.argsort(from_start, axis=None):
        cell = tuple(int(i) for i in np.unravel_index(place, from_start.shape))
        for other in nearer(from_start, cell):
            ways[cell] = ways[other]
    return ways[goal]


def count_last_choice(from_start, start, goal):
    return len(list(nearer(from_start, goal)))


def on_paths(from_start, goal):
    cells, todo = set(), [goal]
    while todo:
        cell = todo.pop()
        if cell not in cells:
            cells.add(cell)
            todo += nearer(from_start, cell)
    return cells


def count_multiplied(from_start, start, goal):
    product = 1
    for cell in on_paths(from_start, goal):
        product *= max(1, len(list(nearer(from_start, cell))))
    return product


def count_added(from_start, start, goal):
    return 1 + sum(max(0, len(list(nearer(from_start, cell))) - 1) for cell in on_paths(from_start, goal))


def count_moves(from_start, start, goal):
    return from_start[goal]


def count_cells(from_start, start, goal):
    return len(on_paths(from_start, goal))


def count_no_way_is_one(from_start, start, goal):
    @cache
    def ways(row, column):
        return sum(ways(*other) for other in nearer(from_start, (row, column))) or 1

    return ways(*goal)


def count_in_reading_order(from_start, start, goal):
    ways = np.zeros(from_start.shape, int)
    ways[start] = 1
    for row in range(from_start.shape[0]):
        for column in range(from_start.shape[1]):
            for other in nearer(from_start, (row, column)):
                ways[row, column] += ways[other]
    return ways[goal]


# --- shortest_path_label ----------------------------------------------------------------------------------------------


def label_by_slices(maze, to_goal):
    """With a border of -1, and without a test for the border."""
    far, answer = np.pad(to_goal, 1, constant_values=-1), np.pad(maze, 1)
    row, column = (int(i) for i in np.argwhere(answer == START)[0])
    for left in range(far[row, column] - 1, 0, -1):
        options = [(row + 1, column), (row, column - 1), (row, column + 1), (row - 1, column)]
        row, column = next(cell for cell in options if far[cell] == left)
        answer[row, column] = PATH
    return answer[1:-1, 1:-1]


def label_calling_itself(maze, to_goal):
    answer = torch.from_numpy(maze.copy())

    def go(r, c):
        if to_goal[r, c] == 1:
            return
        for dr, dc in ((1, 0), (0, -1), (0, 1), (-1, 0)):
            a, b = r + dr, c + dc
            if 0 <= a < maze.shape[0] and 0 <= b < maze.shape[1] and to_goal[a, b] == to_goal[r, c] - 1:
                answer[a, b] = PATH
                return go(a, b)

    go(*np.argwhere(maze == START)[0])
    return answer


def walk(maze, to_goal, moves, until=1):
    answer = maze.copy()
    row, column = np.argwhere(maze == START)[0]
    while to_goal[row, column] > until:
        for dr, dc in moves:
            r, c = row + dr, column + dc
            if 0 <= r < len(maze) and 0 <= c < len(maze[0]) and to_goal[r, c] == to_goal[row, column] - 1:
                row, column = r, c
                break
        answer[row, column] = PATH
    return answer


RULE = [(1, 0), (0, -1), (0, 1), (-1, 0)]


def label_up_first(maze, to_goal):
    return walk(maze, to_goal, UDLR)


def label_goal_overwritten(maze, to_goal):
    return walk(maze, to_goal, RULE, until=0)


def label_start_overwritten(maze, to_goal):
    answer = walk(maze, to_goal, RULE)
    answer[maze == START] = PATH
    return answer


def label_into_walls(maze, to_goal):
    answer = maze.copy()
    row, column = np.argwhere(maze == START)[0]
    for _ in range(maze.size):
        if to_goal[row, column] <= 1:
            break
        cells = [(row + dr, column + dc) for dr, dc in RULE]
        cells = [(r, c) for r, c in cells if 0 <= r < maze.shape[0] and 0 <= c < maze.shape[1]]
        row, column = min(cells, key=lambda cell: to_goal[cell])
        answer[row, column] = PATH
    return answer


def label_all_paths(maze, to_goal):
    answer, todo = maze.copy(), [tuple(np.argwhere(maze == START)[0])]
    while todo:
        row, column = todo.pop()
        for dr, dc in RULE:
            r, c = row + dr, column + dc
            if 0 <= r < maze.shape[0] and 0 <= c < maze.shape[1] and 0 < to_goal[r, c] == to_goal[row, column] - 1:
                answer[r, c] = PATH
                todo.append((r, c))
    return answer


def label_stops_early(maze, to_goal):
    return walk(maze, to_goal, RULE, until=2)


def label_path_only(maze, to_goal):
    return np.where(walk(maze, to_goal, RULE) == PATH, PATH, 0)


# --- judge_path -------------------------------------------------------------------------------------------------------


def honest(maze, answer):
    """Marks on open cells, everything else as it was."""
    marked = answer == PATH
    return bool((maze[marked] == OPEN).all() and (answer[~marked] == maze[~marked]).all())


def moves_on_marks(answer, moves=UDLR, start=None):
    """Moves from S to G on marks alone, or None."""
    start = tuple(np.argwhere(answer == START)[0]) if start is None else start
    far, queue = {start: 0}, [start]
    for cell in queue:
        if answer[cell] == GOAL:
            return far[cell]
        for dr, dc in moves:
            other = cell[0] + dr, cell[1] + dc
            inside = 0 <= other[0] < answer.shape[0] and 0 <= other[1] < answer.shape[1]
            if inside and answer[other] in (GOAL, PATH) and other not in far:
                far[other] = far[cell] + 1
                queue.append(other)
    return None


def worth(answer, label):
    return 2 if (answer == PATH).sum() == (label == PATH).sum() else 1


def judge_by_search(maze, answer, label):
    """If the shortest way on the marks uses all of them, they are one line that does not run along itself."""
    if not honest(maze, answer):
        return 0
    moves = moves_on_marks(answer)
    if moves is None or moves - 1 != (answer == PATH).sum():
        return 0
    return worth(answer, label)


def judge_by_touching(maze, answer, label):
    """Two neighbours for a mark, one for the ends; then follow the line."""
    if not honest(maze, answer):
        return 0
    path = {tuple(cell) for cell in np.argwhere(answer >= START).tolist()}
    near = {(r, c): [(r + a, c + b) for a, b in UDLR if (r + a, c + b) in path] for r, c in path}
    if any(len(others) != (2 if answer[cell] == PATH else 1) for cell, others in near.items()):
        return 0
    line = [tuple(np.argwhere(answer == START)[0].tolist())]
    while answer[line[-1]] != GOAL:
        line.append(next(cell for cell in near[line[-1]] if cell not in line))
    return worth(answer, label) if len(line) == len(path) else 0


def judge_no_start_counted(maze, answer, label):
    right = judge_by_search(maze, answer, label)
    return 0 if right == 2 and (answer == label).all() else right


def judge_label_only(maze, answer, label):
    return (
        2
        if (answer == label).all()
        else min(1, judge_by_search(maze, answer, label)) * ((answer == PATH).sum() > (label == PATH).sum())
    )


def judge_any_path(maze, answer, label):
    return 2 if judge_by_search(maze, answer, label) else 0


def judge_marks_on_open(maze, answer, label):
    return worth(answer, label) if honest(maze, answer) else 0


def judge_by_counting(maze, answer, label):
    if not honest(maze, answer) or (answer == PATH).sum() < (label == PATH).sum():
        return 0
    return worth(answer, label)


def judge_diagonal(maze, answer, label):
    if not honest(maze, answer) or moves_on_marks(answer, EIGHT) is None:
        return 0
    return worth(answer, label)


def judge_question_not_asked(maze, answer, label):
    moves = moves_on_marks(answer)
    return 0 if moves is None or moves - 1 != (answer == PATH).sum() else worth(answer, label)


def judge_extra_marks(maze, answer, label):
    if not honest(maze, answer) or moves_on_marks(answer) is None:
        return 0
    return 2 if moves_on_marks(answer) - 1 == (label == PATH).sum() else 1


def judge_touching_alone(maze, answer, label):
    if not honest(maze, answer):
        return 0
    path = np.pad(answer >= START, 1).astype(int)
    touched = path[2:, 1:-1] + path[:-2, 1:-1] + path[1:-1, 2:] + path[1:-1, :-2]
    need = np.where(answer == PATH, 2, 1)
    fine = (touched == need)[answer >= START].all()
    # as many as in the label, or more: a ring makes it "longer"
    return worth(answer, label) if fine else 0


def judge_by_walking(maze, answer, label):
    """Looks for any line that uses all marks."""
    if not honest(maze, answer):
        return 0
    marks = {tuple(cell) for cell in np.argwhere(answer == PATH).tolist()}

    def go(cell, left):
        near = [(cell[0] + a, cell[1] + b) for a, b in UDLR]
        inside = [(r, c) for r, c in near if 0 <= r < maze.shape[0] and 0 <= c < maze.shape[1]]
        if not left:
            return any(answer[other] == GOAL for other in inside)
        return any(go(other, left - {other}) for other in inside if other in left)

    return worth(answer, label) if go(tuple(np.argwhere(answer == START)[0].tolist()), marks) else 0


def judge_start_of_the_question(maze, answer, label):
    marked = answer == PATH
    start = tuple(np.argwhere(maze == START)[0])
    if (maze[marked] == WALL).any() or (answer[~marked] != maze[~marked]).any():
        return 0
    moves = moves_on_marks(answer, start=start)
    return (
        0
        if moves is None or moves - 1 != (marked & (maze != START)).sum()
        else (2 if moves == (label == PATH).sum() + 1 else 1)
    )


def judge_maze_may_change(maze, answer, label):
    if (maze[answer == PATH] != OPEN).any() or (answer == START).sum() != 1:
        return 0
    moves = moves_on_marks(answer)
    return 0 if moves is None or moves - 1 != (answer == PATH).sum() else worth(answer, label)


def judge_needs_a_mark(maze, answer, label):
    return judge_by_search(maze, answer, label) if (answer == PATH).any() else 0


# --- augment ----------------------------------------------------------------------------------------------------------


def augment_by_hand(maze, label, quarter_turns, mirrored, relabel):
    rows = maze.tolist()
    if mirrored:
        rows = [row[::-1] for row in rows]
    for _ in range(quarter_turns):
        rows = [list(column) for column in zip(*rows, strict=True)][::-1]
    return np.array(rows), relabel(np.array(rows))


def augment_in_torch(maze, label, quarter_turns, mirrored, relabel):
    turned = torch.from_numpy(maze)
    turned = turned.flip(1) if mirrored else turned
    turned = torch.rot90(turned, quarter_turns, (0, 1))
    return [turned, torch.from_numpy(relabel(turned.numpy()))]


def both(move):
    return lambda maze, label, turns, mirrored, relabel: (
        move(maze, turns, mirrored),
        relabel(move(maze, turns, mirrored)),
    )


def right_move(maze, turns, mirrored):
    return np.rot90(maze[:, ::-1] if mirrored else maze, turns)


def augment_label_turned(maze, label, quarter_turns, mirrored, relabel):
    return right_move(maze, quarter_turns, mirrored), right_move(label, quarter_turns, mirrored)


def augment_label_kept(maze, label, quarter_turns, mirrored, relabel):
    return right_move(maze, quarter_turns, mirrored), label


def augment_maze_kept(maze, label, quarter_turns, mirrored, relabel):
    return maze, relabel(right_move(maze, quarter_turns, mirrored))


def augment_swapped(maze, label, quarter_turns, mirrored, relabel):
    turned = right_move(maze, quarter_turns, mirrored)
    return relabel(turned), turned


# --- scores -----------------------------------------------------------------------------------------------------------


def scores_in_a_loop(answers, labels, verdicts):
    rows = []
    for answer, label, verdict in zip(answers.tolist(), labels.tolist(), verdicts.tolist(), strict=True):
        rows.append([answer == label, verdict == 2, verdict > 0, verdict == 2 and answer != label])
    return np.array(rows).mean(0)


def four(answers, labels, verdicts, *, exact=None, valid=None, tied=None):
    exact = (answers == labels).all(1) if exact is None else exact
    shortest = verdicts == 2
    valid = verdicts > 0 if valid is None else valid
    tied = (shortest & ~exact).mean() if tied is None else tied
    return [exact.mean(), shortest.mean(), valid.mean(), tied]


def scores_of_cells(answers, labels, verdicts):
    tied = ((verdicts == 2) & ~(answers == labels).all(1)).mean()
    return four(answers, labels, verdicts, exact=answers == labels, tied=tied)


def scores_of_marks(answers, labels, verdicts):
    return four(answers, labels, verdicts, exact=((answers == labels) | (labels != PATH)).all(1))


def scores_by_rules(answers, labels, verdicts):
    return four(answers, labels, verdicts, exact=verdicts == 2)


def scores_longer_only(answers, labels, verdicts):
    return four(answers, labels, verdicts, valid=verdicts == 1)


def scores_verdict_mean(answers, labels, verdicts):
    return four(answers, labels, verdicts, valid=verdicts)


def scores_tied_of_wrong(answers, labels, verdicts):
    wrong = ~(answers == labels).all(1)
    return four(answers, labels, verdicts, tied=(verdicts[wrong] == 2).mean())


def scores_tied_all_wrong(answers, labels, verdicts):
    return four(answers, labels, verdicts, tied=(answers != labels).any(1).mean())


def scores_tied_of_shortest(answers, labels, verdicts):
    shortest = verdicts == 2
    return four(answers, labels, verdicts, tied=(answers != labels).any(1)[shortest].mean())


def scores_as_counts(answers, labels, verdicts):
    return [len(answers) * share for share in four(answers, labels, verdicts)]


def scores_as_percent(answers, labels, verdicts):
    return [100 * share for share in four(answers, labels, verdicts)]


# --- steps_needed -----------------------------------------------------------------------------------------------------


def steps_one_by_one(distance, T, n, layers, kernel):
    heard = steps = 0
    while heard < distance:
        steps += 1
        for _ in range(T):
            for _ in range(n + 1):
                heard += layers * (kernel - 1) // 2
    return steps


def ceil_of(reach: Callable[..., float]) -> Callable[..., int]:
    return lambda distance, T, n, layers, kernel: math.ceil(distance / reach(T, n, layers, kernel))


ANSWERS = {
    "distances": Answers(
        right=[distances_in_waves, distances_by_relaxing],
        wrong={
            "walls-crossed": distances_through_walls,
            "diagonal-moves": distances_diagonal,
            "not-in-order": distances_depth_first,
            "start-is-one": distances_start_one,
            "walks-off-the-border": distances_wrap,
            "unreached-not-minus-one": distances_unreached_zero,
            "walls-numbered": distances_wall_gets_number,
        },
    ),
    "count_shortest": Answers(
        right=[count_from_the_goal, count_with_arrays],
        wrong={
            "one-path-only": count_overwritten,
            "only-the-last-choice": count_last_choice,
            "choices-multiplied": count_multiplied,
            "choices-added": count_added,
            "moves-counted": count_moves,
            "cells-counted": count_cells,
            "in-reading-order": count_in_reading_order,
            "no-way-counted": count_no_way_is_one,
        },
    ),
    "shortest_path_label": Answers(
        right=[label_by_slices, label_calling_itself],
        wrong={
            "other-preference": label_up_first,
            "end-overwritten": label_goal_overwritten,
            "into-the-wall": label_into_walls,
            "all-shortest-paths": label_all_paths,
            "one-mark-missing": label_stops_early,
            "maze-lost": label_path_only,
        },
    ),
    "judge_path": Answers(
        right=[judge_by_search, judge_by_touching],
        wrong={
            "label-refused": judge_no_start_counted,
            "label-only": judge_label_only,
            "any-path": judge_any_path,
            "broken-path": judge_marks_on_open,
            "marks-counted": judge_by_counting,
            "diagonal-moves": judge_diagonal,
            "through-the-wall": judge_question_not_asked,
            "extra-marks": judge_extra_marks,
            "ring": judge_touching_alone,
            "runs-along-itself": judge_by_walking,
            "end-overwritten": judge_start_of_the_question,
            "maze-changed": judge_maze_may_change,
            "neighbours-refused": judge_needs_a_mark,
        },
    ),
    "augment": Answers(
        right=[augment_by_hand, augment_in_torch],
        wrong={
            "label-transformed": augment_label_turned,
            "label-left-alone": augment_label_kept,
            "question-left-alone": augment_maze_kept,
            "mirror-after-the-turn": both(
                lambda maze, k, mirrored: np.fliplr(np.rot90(maze, k)) if mirrored else np.rot90(maze, k)
            ),
            "clockwise": both(lambda maze, k, mirrored: np.rot90(np.fliplr(maze) if mirrored else maze, k, (1, 0))),
            "mirror-forgotten": both(lambda maze, k, mirrored: np.rot90(maze, k)),
            "turned-once": both(lambda maze, k, mirrored: np.rot90(np.fliplr(maze) if mirrored else maze)),
            "upside-down": both(lambda maze, k, mirrored: np.rot90(maze[::-1] if mirrored else maze, k)),
            "not-turned": both(lambda maze, k, mirrored: maze[:, ::-1] if mirrored else maze),
            "swapped": augment_swapped,
        },
    ),
    "scores": Answers(
        right=[scores_in_a_loop],
        wrong={
            "cell-accuracy": scores_of_cells,
            "marks-alone": scores_of_marks,
            "exact-by-the-rules": scores_by_rules,
            "longer-ones-alone": scores_longer_only,
            "all-kinds-added": scores_verdict_mean,
            "of-the-wrong-ones": scores_tied_of_wrong,
            "every-wrong-answer": scores_tied_all_wrong,
            "of-the-shortest": scores_tied_of_shortest,
            "counts": scores_as_counts,
            "percent": scores_as_percent,
        },
    ),
    "steps_needed": Answers(
        right=[steps_one_by_one],
        wrong={
            "rounded-down": lambda distance, T, n, layers, kernel: distance // (T * (n + 1) * layers * (kernel // 2)),
            "one-too-many": lambda distance, T, n, layers, kernel: (
                distance // (T * (n + 1) * layers * (kernel // 2)) + 1
            ),
            "answer-update-forgotten": ceil_of(lambda T, n, layers, kernel: T * n * layers * (kernel // 2)),
            "recursions-forgotten": ceil_of(lambda T, n, layers, kernel: (n + 1) * layers * (kernel // 2)),
            "without-gradient-forgotten": ceil_of(
                lambda T, n, layers, kernel: max(T - 1, 1) * (n + 1) * layers * (kernel // 2)
            ),
            "layers-forgotten": ceil_of(lambda T, n, layers, kernel: T * (n + 1) * (kernel // 2)),
            "parentheses-forgotten": ceil_of(lambda T, n, layers, kernel: (T * n + 1) * layers * (kernel // 2)),
            "kernel-width": ceil_of(lambda T, n, layers, kernel: T * (n + 1) * layers * kernel),
            "kernel-forgotten": ceil_of(lambda T, n, layers, kernel: T * (n + 1) * layers),
            "both-sides": ceil_of(lambda T, n, layers, kernel: T * (n + 1) * layers * (kernel - 1)),
        },
    ),
}
