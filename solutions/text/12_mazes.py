# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · Exercises: mazes
#
# They belong to [lesson 12](../notebooks/12_mazes.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.
#
# A maze is an array `[rows, columns]` of tokens: 1 wall, 2 open, 3 `S`, 4 `G`, 5 a mark of the path. The names `WALL`,
# `OPEN`, `START`, `GOAL`, `PATH` stand for them. A cell is a place `(row, column)`. A move goes down, left, right or
# up.

# %%
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from trm_edu import plots
from trm_edu.checks import mazes as check
from trm_edu.tasks.maze import GOAL, OPEN, PATH, START, Maze

Cell = tuple[int, int]

# %% [markdown]
# ## Exercise 1: distances
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# How many moves away from the start is each cell?
#
# - `is_open` `[rows, columns]`, bool: False where a wall is. `start`: a place `(row, column)`.
# - A move goes one cell down, left, right or up, to an open cell inside the maze.
# - What comes back is an array `[rows, columns]` of whole numbers: the moves of a shortest way from `start`. A wall,
#   and a cell to which no way leads, has -1.
#
# Expected: in the maze of two rows `..#` and `#..`, with start (0, 0), it is `[[0, 1, -1], [-1, 2, 3]]`.


# %% nbgrader={"grade": false, "grade_id": "distances", "locked": false, "schema_version": 3, "solution": true, "task": false}
def distances(is_open: np.ndarray, start: Cell) -> np.ndarray:
    """Bool [rows, columns] and a place -> moves from there [rows, columns]."""
    # BEGIN SOLUTION
    rows, columns = is_open.shape
    found = np.full(is_open.shape, -1)
    found[start] = 0
    queue = [start]
    for row, column in queue:  # the list grows while we walk along it
        for r, c in ((row + 1, column), (row, column - 1), (row, column + 1), (row - 1, column)):
            if 0 <= r < rows and 0 <= c < columns and is_open[r, c] and found[r, c] < 0:
                found[r, c] = found[row, column] + 1
                queue.append((r, c))
    return found
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_distances", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.distances(distances)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# A wave: 0 at the start. All its open neighbours get 1. All open neighbours of these that have no number yet get 2. A
# queue keeps this order: look at the oldest cell in it, append the new ones.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# all cells -1, the start 0; the queue holds the start
# take the cells of the queue in order, oldest first:
#     for each of its four neighbours:
#         if it is inside, open, and still -1:
#             it gets the cell's number plus 1, and joins the queue
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# If the newest cell comes first, every cell still gets a number, but some numbers are too large: the first way that is
# found is not the shortest. And `row - 1` is -1 in the top row, which Python takes for the last row.
#
# </details>

# %% [markdown]
# ## Exercise 2: how many shortest paths
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# A maze may have many shortest paths. How many?
#
# - `from_start` `[rows, columns]`: the distance of each cell from S, as exercise 1 makes it (-1: a wall, or no way).
# - `start`, `goal`: the places of S and G.
# - One whole number comes back: how many different shortest paths lead from S to G. 0 if none does.
#
# Expected: an open field of 3 rows and 4 columns, from corner to corner, has 10. The numbers of ways into its cells are
# `[[1, 1, 1, 1], [1, 2, 3, 4], [1, 3, 6, 10]]`.


# %% nbgrader={"grade": false, "grade_id": "count_shortest", "locked": false, "schema_version": 3, "solution": true, "task": false}
def count_shortest(from_start: np.ndarray, start: Cell, goal: Cell) -> int:
    """Distances [rows, columns], places of S and G -> number of shortest paths."""
    # BEGIN SOLUTION
    rows, columns = from_start.shape
    ways = np.zeros(from_start.shape, dtype=int)
    ways[start] = 1
    for moves in range(1, from_start.max() + 1):  # wave by wave
        for row, column in np.argwhere(from_start == moves):
            for r, c in ((row + 1, column), (row, column - 1), (row, column + 1), (row - 1, column)):
                if 0 <= r < rows and 0 <= c < columns and from_start[r, c] == moves - 1:
                    ways[row, column] += ways[r, c]
    return int(ways[goal])
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_count_shortest", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.count_shortest(count_shortest)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# From where can a shortest path enter a cell with distance 5? Only from a neighbour with distance 4. If two of them can
# be reached in 2 and in 3 ways, how many ways lead into the cell?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# ways = 0 everywhere, 1 at the start
# for distance 1, 2, 3, ...:
#     for each cell with this distance:
#         ways of the cell = sum of the ways of its neighbours with distance one less
# return the ways of the goal
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The order matters. Row by row, from the top, is wrong as soon as a path goes up or left: a sum is taken before its
# parts are ready.
#
# </details>

# %% [markdown]
# ## Exercise 3: the label
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# The answer that training asks for: the maze with *one* shortest path, chosen by a rule.
#
# - `maze` `[rows, columns]`: tokens, with one S and one G.
# - `to_goal` `[rows, columns]`: moves from each cell to G (-1: a wall, or no way). S has a way to G.
# - Stand on S. Step to a neighbour that is one move nearer to G. If there are several: the one below before the left
#   one, before the right one, before the one above. Go on from there until you touch G.
# - What comes back is a copy of the maze in which the cells you stepped on are `PATH`. S and G keep their tokens.
#
# Expected: on the open field below, with S at the top left and G at the bottom right, the path goes down first.

# %%
field = Maze(3, 4, least=2)
question = field.encode("S...\n....\n...G")
both = Figure(figsize=(5.6, 2.1)).subplots(1, 2)
for axes, shown, title in zip(both, (question, field.label(question[None])[0]), ("maze", "label"), strict=True):
    plots.grid(field, shown, axes).set_title(title, fontsize=10)
plots.show(both, "An open field of 3 by 4 cells; its label goes from S down to the bottom row, then right to G.")


# %% nbgrader={"grade": false, "grade_id": "shortest_path_label", "locked": false, "schema_version": 3, "solution": true, "task": false}
def shortest_path_label(maze: np.ndarray, to_goal: np.ndarray) -> np.ndarray:
    """Tokens [rows, columns] and distances to G [rows, columns] -> tokens [rows, columns]."""
    # BEGIN SOLUTION
    rows, columns = maze.shape
    answer = maze.copy()
    row, column = np.argwhere(maze == START)[0]
    while to_goal[row, column] > 1:
        for r, c in ((row + 1, column), (row, column - 1), (row, column + 1), (row - 1, column)):
            if 0 <= r < rows and 0 <= c < columns and to_goal[r, c] == to_goal[row, column] - 1:
                row, column = r, c
                break
        answer[row, column] = PATH
    return answer
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_shortest_path_label", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.shortest_path_label(shortest_path_label)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Distances to G make the walk easy: no search is left, only a look at four neighbours. Write the four in the order of
# the rule and take the first that fits.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# answer = copy of the maze
# cell = place of S
# while the distance of the cell is above 1:
#     for each neighbour, in the order below, left, right, above:
#         if it is inside and its distance is exactly one less: go there, and look no further
#     mark the cell
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Asking for the *smallest* number around leads into a wall: walls have -1. And "up, down, left, right", the order that
# most of us type, gives a shortest path too, but not the label's.
#
# </details>

# %% [markdown]
# ## Exercise 4: what is a path worth?
#
# *Difficulty: 4 of 5 · Importance: 5 of 5 · Time: about 25 minutes*
#
# A checker that needs no search: it looks at what was drawn.
#
# - `maze`, `answer`, `label` `[rows, columns]`: the question, somebody's answer to it, and the answer of the label
#   rule.
# - 2 comes back for a shortest path, *any* shortest path; 1 for a path that is longer; 0 for anything else.
# - Marks may stand on open cells only. Every cell without a mark is as in the question, S and G too.
# - The marks are one line from S to G. So each mark touches exactly two *path cells* (marks, S, G), and S and G touch
#   one each. Cells touch if they share a side. And no mark is left over: a walk from S along the line meets all of
#   them.
#
# Expected: for the maze `S..` `..G` the answer `Soo` `..G` is worth 2, and so is the label `S..` `ooG`. In the maze
# below the answer is worth 1: it takes 9 moves, the label 5.

# %%
task = Maze(5, 4, least=2)
shown = {"label": "Sooo\n.#.o\n.#.G\n.#..\n....", "answer, worth 1": "S...\no#..\no#.G\no#.o\noooo"}
pair = Figure(figsize=(4.2, 2.6)).subplots(1, 2)
for axes, (title, text) in zip(pair, shown.items(), strict=True):
    plots.grid(task, task.encode(text), axes).set_title(title, fontsize=10)
plots.show(pair, "A maze of 5 by 4 cells twice. The label goes right and down, the longer answer around the bottom.")


# %% nbgrader={"grade": false, "grade_id": "judge_path", "locked": false, "schema_version": 3, "solution": true, "task": false}
def judge_path(maze: np.ndarray, answer: np.ndarray, label: np.ndarray) -> int:
    """Tokens, each [rows, columns] -> 2 (a shortest path), 1 (a longer one) or 0."""
    # BEGIN SOLUTION
    marked = answer == PATH
    if (maze[marked] != OPEN).any() or (answer[~marked] != maze[~marked]).any():
        return 0
    on_path = np.pad(answer >= START, 1).astype(int)  # S, G and marks; a border saves questions about it
    touched = on_path[2:, 1:-1] + on_path[:-2, 1:-1] + on_path[1:-1, 2:] + on_path[1:-1, :-2]
    if (touched[marked] != 2).any() or (touched[(answer == START) | (answer == GOAL)] != 1).any():
        return 0
    before, cell, walked = None, tuple(np.argwhere(np.pad(answer, 1) == START)[0]), 0
    while np.pad(answer, 1)[cell] != GOAL:
        row, column = cell
        sides = ((row + 1, column), (row, column - 1), (row, column + 1), (row - 1, column))
        before, cell = cell, next(other for other in sides if on_path[other] and other != before)
        walked += 1
    if walked - 1 != marked.sum():  # a ring beside the path
        return 0
    return 2 if marked.sum() == (label == PATH).sum() else 1
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_judge_path", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.judge_path(judge_path)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Three questions, one after the other. Was the maze left as it was? Does every path cell touch as many others as it
# must? Does a walk from S meet all marks? Only then count the marks.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# if a mark stands where the maze is not open, or any other cell differs from the maze: 0
# for each path cell: count the path cells that touch it
#     a mark needs 2, S and G need 1; else: 0
# walk from S: always to the touching path cell that you do not come from, until G
# if you met fewer marks than there are: 0
# 2 if there are as many marks as in the label, else 1
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Everybody forgets one of: marks in a ring beside the path (each touches two), a path that runs along itself, a wall
# that became a mark, and the other shortest paths.
#
# </details>

# %% [markdown]
# ## Exercise 5: turn a maze
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# One training pair, turned. The trap of the lesson is here.
#
# - `maze`, `label` `[rows, columns]`: the question and its answer.
# - If `mirrored`, left and right change places first. Then the maze makes `quarter_turns` (0 to 3) quarter turns to the
#   *left* (counter-clockwise).
# - `relabel(maze)` gives the label rule's answer to any maze.
# - A pair comes back: the new maze, and the answer that the label rule gives to it.
#
# Expected: the maze `S..` `..G`, not mirrored and turned twice, becomes `G..` `..S`, and its answer is `G..` `ooS`.
# (The label of the old maze is `S..` `ooG`. Turned along, it would be `Goo` `..S`.)


# %% nbgrader={"grade": false, "grade_id": "augment", "locked": false, "schema_version": 3, "solution": true, "task": false}
def augment(
    maze: np.ndarray, label: np.ndarray, quarter_turns: int, mirrored: bool, relabel: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens [rows, columns] twice, a move, the label rule -> tokens twice, turned."""
    # BEGIN SOLUTION
    turned = np.rot90(np.fliplr(maze) if mirrored else maze, quarter_turns)
    return turned, relabel(turned)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_augment", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.augment(augment)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# NumPy has functions for both moves. Which way does its turn go? Try it on a maze of two cells. And which of the
# arguments do you not need?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# turned = the maze with left and right exchanged, if mirrored
# turned = turned, so many quarter turns to the left
# return turned, and the label rule's answer to it
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# To turn the label along is right for Sudoku and wrong here: what comes out is a shortest path, but often not the one
# that the rule prefers. The network would have to guess how its maze was turned.
#
# </details>

# %% [markdown]
# ## Exercise 6: four scores
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# How good is a network? Four shares, each of *all* mazes.
#
# - `answers`, `labels` `[N, L]`: tokens. `verdicts` `[N]`: what the rules say of each answer: 2 a shortest path, 1 a
#   longer path, 0 none.
# - Four numbers from 0 to 1 come back, in this order: *exact*: every cell equals the label; *valid shortest path*:
#   verdict 2; *valid path*: a path from S to G, of whatever length; *tied*: a shortest path, but not the label's.
#
# Expected: `answers` `[[5, 2], [2, 5], [5, 5]]`, all labels `[5, 2]`, `verdicts` `[2, 2, 1]` give 0.3333, 0.6667, 1,
# 0.3333.


# %% nbgrader={"grade": false, "grade_id": "scores", "locked": false, "schema_version": 3, "solution": true, "task": false}
def scores(answers: np.ndarray, labels: np.ndarray, verdicts: np.ndarray) -> tuple[float, float, float, float]:
    """Tokens [N, L] and [N, L], verdicts [N] -> exact, valid shortest path, valid path, tied."""
    # BEGIN SOLUTION
    exact, shortest = (answers == labels).all(1), verdicts == 2
    return exact.mean(), shortest.mean(), (verdicts >= 1).mean(), (shortest & ~exact).mean()
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_scores", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.scores(scores)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# First make a bit for each maze and each question. A share is the mean of bits.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# exact    = all cells of the maze equal its label
# shortest = verdict is 2
# valid    = verdict is 1 or 2
# tied     = shortest, and not exact
# return their four means
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `verdicts == 1` alone forgets that a shortest path is a path. And exact + tied must give valid shortest path; if it
# does not, one of them was divided by something else.
#
# </details>

# %% [markdown]
# ## Exercise 7: reach
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# After how many supervision steps *can* a cell have heard of another one?
#
# - `distance`: how many cells apart they are; diagonal cells are one apart. At least 1.
# - Each layer has one convolution with a kernel of `kernel` x `kernel` cells (an odd number). One evaluation of the
#   network is `layers` layers. A supervision step is `T` latent recursions: each is `n` evaluations for z and one for
#   y.
# - y and z go on to the next step, so that a step begins where the one before ended.
# - What comes back is the smallest number of supervision steps whose reach is at least the distance.
#
# Expected: with `T=2, n=4, layers=2, kernel=3` it is 1 for a distance of 20, and 2 for 21.


# %% nbgrader={"grade": false, "grade_id": "steps_needed", "locked": false, "schema_version": 3, "solution": true, "task": false}
def steps_needed(distance: int, T: int, n: int, layers: int, kernel: int) -> int:
    """Cells apart, and the sizes of a network -> supervision steps."""
    # BEGIN SOLUTION
    reach = T * (n + 1) * layers * (kernel // 2)
    return -(-distance // reach)  # rounded up
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_steps_needed", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.steps_needed(steps_needed)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# How far does one layer hear, in one direction? A kernel of 3 has the cell itself in the middle.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# one layer:            half of the kernel, without the middle
# one evaluation:       so many layers
# one supervision step: T recursions of n + 1 evaluations
# steps:                distance divided by that, rounded up
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The recursions without gradient count as well: information does not need a gradient to move. And this is a limit, not
# a promise: a network *may* use what it has heard.
#
# </details>
