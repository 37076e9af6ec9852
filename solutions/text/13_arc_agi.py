# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 13 · Exercises: ARC-AGI
#
# They belong to [lesson 13](../notebooks/13_arc_agi.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.
#
# A *grid* is a NumPy array of colours 0 to 9, `[rows, columns]`. Tokens: padding 0, end marker 1, colour c is c + 2.

# %%
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from trm_edu import get_task, plots
from trm_edu.checks import arc_agi as check
from trm_edu.tasks.arc import grid_tokens


def draw(grids: list[np.ndarray], titles: list[str], text: str) -> None:
    """Grids of colours side by side."""
    task, figure = get_task("arc7"), Figure(figsize=(1.6 * len(grids), 1.8))
    for ax, grid, title in zip(figure.subplots(1, len(grids)), grids, titles, strict=True):
        tokens = grid_tokens(np.array(grid, dtype=np.uint8), 7)
        task.draw(ax, np.where(tokens == 1, 0, tokens)).set_title(title, fontsize=9)
    plots.show(figure, text)


# %% [markdown]
# ## Exercise 1: read an answer
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# A prediction may have flaws. Find the grid in it.
#
# - `tokens` `[side * side]`, row after row: what the network said. Values 0 to 11. The first is always a colour.
# - Take the largest rectangle at the top left that holds nothing but colour tokens. Black is a colour.
# - Two rectangles equally large: the one with fewer rows.
# - What comes back are its *colours*, `[rows, columns]`.
#
# Expected: the square `[[3, 2, 1], [4, 1, 1], [5, 6, 0]]` gives `[[1], [2], [3]]`: 3 cells in one column; two columns
# would hold only 2.


# %% nbgrader={"grade": false, "grade_id": "read_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def read_answer(tokens: np.ndarray, side: int) -> np.ndarray:
    """Tokens [side * side] -> colours [rows, columns]."""
    # BEGIN SOLUTION
    square = tokens.reshape(side, side)
    widths = np.minimum.accumulate((square >= 2).cumprod(1).sum(1))
    rows = (widths * np.arange(1, side + 1)).argmax() + 1
    return square[:rows, : widths[rows - 1]] - 2
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_read_answer", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.read_answer(read_answer)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Decide how many rows you take. How wide can the rectangle be then? One short row makes all of it narrow.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# best = nothing; width = side
# for each row, from the top:
#     width = the smaller of width and the number of colours at the start of this row
#     if (rows so far) x width is larger than best: remember rows and width
# return this part of the square, minus 2
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Who looks only at the first row and the first column keeps the flaws inside. Who cuts at the first 0 keeps the end
# markers: they are 1.
#
# </details>

# %% [markdown]
# ## Exercise 2: augment a task
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# Make a copy of a task in which everything is turned and recoloured, and the rule still holds.
#
# - `pairs`: a list of pairs (input grid, output grid). Grids have different sizes.
# - First, if `mirror` is True, mirror left-right. Then make `turns` quarter turns *to the left* (0 to 3).
# - Then exchange the colours. `colours` has **nine** entries: `colours[0]` is what colour 1 becomes, `colours[8]` what
#   colour 9 becomes. Colour 0, black, stays black.
# - What comes back is the list of new pairs. Do not change the grids that you were given.
#
# Expected: `[[1, 0, 2]]` with no mirror, 1 turn and `colours = [2, 3, 4, 5, 6, 7, 8, 9, 1]` becomes
# `[[3], [0], [2]]`. As a picture:

# %%
before, after = np.array([[1, 0, 2]]), np.array([[3], [0], [2]])
draw([before, after], ["before", "after"], "A row blue, black, vermilion becomes a column green, black, vermilion.")


# %% nbgrader={"grade": false, "grade_id": "augment_task", "locked": false, "schema_version": 3, "solution": true, "task": false}
def augment_task(
    pairs: list[tuple[np.ndarray, np.ndarray]], mirror: bool, turns: int, colours: list[int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of grids [rows, columns] -> the pairs of the augmented task."""
    # BEGIN SOLUTION
    table = np.array([0, *colours])

    def changed(grid: np.ndarray) -> np.ndarray:
        return table[np.rot90(np.fliplr(grid) if mirror else grid, turns)]

    return [(changed(question), changed(answer)) for question, answer in pairs]
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_augment_task", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.augment_task(augment_task)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Write one function for one grid, and use it for every grid of every pair. For the colours make a table with ten
# entries: an array used as an index looks up all cells at once.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# table = 0, then the nine colours
# for a grid:
#     if mirror: read each row backwards
#     turn to the left, turns times          (numpy: rot90)
#     new grid = table[grid]
# do this to both grids of each pair
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `colours[grid - 1]` looks right, and turns black into `colours[-1]`. And if only the inputs are changed, there is no
# rule left to learn.
#
# </details>

# %% [markdown]
# ## Exercise 3: undo it
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# The network answered an augmented question. Turn its answer back.
#
# - `grid`: the answer, after `mirror`, `turns` and `colours` as in exercise 2 (mirror first, then turns, then colours).
# - What comes back is the grid as it was before all that.
#
# Expected: `[[3], [0], [2]]` with no mirror, 1 turn and `colours = [2, 3, 4, 5, 6, 7, 8, 9, 1]` becomes `[[1, 0, 2]]`.


# %% nbgrader={"grade": false, "grade_id": "undo_augmentation", "locked": false, "schema_version": 3, "solution": true, "task": false}
def undo_augmentation(grid: np.ndarray, mirror: bool, turns: int, colours: list[int]) -> np.ndarray:
    """An augmented grid [rows, columns] -> the grid before."""
    # BEGIN SOLUTION
    grid = np.rot90(np.argsort([0, *colours])[grid], -turns)
    return np.fliplr(grid) if mirror else grid
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_undo_augmentation", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.undo_augmentation(undo_augmentation)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Undo the last change first. Of the colours you know what each became; you need the table in the other direction. What
# does `np.argsort` of a permutation give?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# back = for each colour: which colour became this one (0 stays 0)
# grid = back[grid]
# turn to the right, turns times
# if mirror: read each row backwards
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A half turn undoes itself, and so does exchanging two colours. Test with one quarter turn and a cycle of colours, or
# you will not see the mistake.
#
# </details>

# %% [markdown]
# ## Exercise 4: the vote
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 20 minutes*
#
# One test input was answered under many augmentations. Rank the answers.
#
# - `predictions`: a list of grids, as the network gave them (already cropped). `augmentations`: for each, how it was
#   augmented. `probabilities`: for each, the halting probability.
# - `undo(grid, augmentation)` gives the grid turned back. What an augmentation is, you need not know.
# - Equal grids are one answer. Grids of different size are never equal.
# - What comes back is a list of `(grid, votes, mean probability)`, best first: most votes first; where votes are equal,
#   the higher *mean* probability.
#
# Expected: grids a, b, a, b, c with probabilities 0.6, 0.9, 0.2, 0.8, 0.99 (and nothing to undo) give b with 2 votes
# and mean 0.85, then a with 2 and 0.4, then c with 1 and 0.99.


# %% nbgrader={"grade": false, "grade_id": "vote", "locked": false, "schema_version": 3, "solution": true, "task": false}
def vote(
    predictions: list[np.ndarray],
    augmentations: list[Any],
    probabilities: list[float],
    undo: Callable[[np.ndarray, Any], np.ndarray],
) -> list[tuple[np.ndarray, int, float]]:
    """-> (grid, votes, mean probability), best first."""
    # BEGIN SOLUTION
    piles = defaultdict(list)
    for prediction, augmentation, probability in zip(predictions, augmentations, probabilities, strict=True):
        grid = undo(prediction, augmentation)
        piles[grid.shape, tuple(grid.reshape(-1).tolist())].append(probability)
    answers = [(np.reshape(cells, shape), len(ps), sum(ps) / len(ps)) for (shape, cells), ps in piles.items()]
    return sorted(answers, key=lambda answer: answer[1:], reverse=True)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_vote", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.vote(vote)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# A NumPy array cannot be the key of a dictionary. A tuple can. What must be in it, so that 2 x 3 and 3 x 2 cells do not
# look alike?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# for each prediction:
#     grid = undo(prediction, its augmentation)
#     put its probability on the pile of (shape, cells)
# for each pile: (grid, number of probabilities, their mean)
# sort by (votes, mean), the largest first
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Counted before they are undone, eight right answers look like eight different ones. And a `sorted` that looks at
# the votes alone leaves ties in the order in which they came.
#
# </details>

# %% [markdown]
# ## Exercise 5: pass@2
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# The score of ARC.
#
# - `ranked`: for each task name a list with one entry for each test input. The entry is a list of grids, best first. It
#   can be empty.
# - `answers`: for each task name a list of the right grids, one for each test input.
# - A test input is solved if one of the *first two* grids is right: in size and in every cell.
# - A task counts the share of its test inputs that are solved. The score is the mean over tasks, from 0 to 1.
#
# Expected: task P with two test inputs, one of them solved, and task Q with one, solved, give 0.75.


# %% nbgrader={"grade": false, "grade_id": "pass_at_2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pass_at_2(ranked: dict[str, list[list[np.ndarray]]], answers: dict[str, list[np.ndarray]]) -> float:
    """{task: [grids, best first, for each test input]}, {task: [right grid for each]} -> score."""
    # BEGIN SOLUTION
    shares = []
    for task, right in answers.items():
        hits = [any(np.array_equal(g, r) for g in grids[:2]) for grids, r in zip(ranked[task], right, strict=True)]
        shares.append(sum(hits) / len(hits))
    return sum(shares) / len(shares)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_pass_at_2", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.pass_at_2(pass_at_2)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Three questions, from the inside out: is this test input solved? Which share of the task? Which mean over the tasks?
# For "size and every cell" NumPy has one function.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# for each task:
#     for each test input: hit = is any of its first two grids equal to the right one?
#     share = mean of the hits
# score = mean of the shares
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `(a == b).all()` is true for a single red cell and a whole red grid: NumPy stretches the small one. `np.array_equal`
# asks for the size as well.
#
# </details>

# %% [markdown]
# ## Exercise 6: sparse sign-SGD
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# One step of the optimizer for the rows of puzzle ids.
#
# - `table` `[R, D]`, one row for each id. `ids` `[B]`: the id of each puzzle of the batch; one can occur several times.
# - `gradient` `[B, D]`: the gradient of the row that each puzzle used.
# - Add the gradients of one id. Take the sign of the sum (the sign of 0 is 0).
# - A row in use becomes: row x (1 - `lr` x `decay`) - `lr` x sign. The other rows stay.
# - What comes back is the new table `[R, D]`. Do not change the old one.
#
# Expected: rows `[1, 1]`, `[2, 2]`, `[3, 3]`, ids `[2, 0, 2]`, gradients `[4, -1]`, `[0, 5]`, `[-1, -2]`, `lr` 0.1 and
# `decay` 1 give `[0.9, 0.8]`, `[2, 2]`, `[2.6, 2.8]`.


# %% nbgrader={"grade": false, "grade_id": "sparse_sign_sgd", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sparse_sign_sgd(table: Tensor, ids: Tensor, gradient: Tensor, lr: float, decay: float) -> Tensor:
    """table [R, D], ids [B], gradient [B, D] -> the new table [R, D]."""
    # BEGIN SOLUTION
    used, place = ids.unique(return_inverse=True)
    total = torch.zeros(len(used), table.shape[1]).index_add(0, place, gradient)
    new = table.clone()
    new[used] = table[used] * (1 - lr * decay) - lr * total.sign()
    return new
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_sparse_sign_sgd", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.sparse_sign_sgd(sparse_sign_sgd)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Begin with a loop over the different ids. For each: which rows of `gradient` belong to it? Leave the other rows of the
# table alone.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# new = copy of table
# for each different id:
#     total   = sum of the gradients that belong to it
#     new[id] = table[id] x (1 - lr x decay) - lr x sign(total)
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `table[ids] = ...` with an id twice writes one row twice, and the last writer wins. That is why the sum comes first.
#
# </details>

# %% [markdown]
# ## Exercise 7: find the leak
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# Which training tasks must be left out, because they are measured?
#
# - `training`, `evaluation`: for each task name a list of all its pairs (input grid, output grid).
# - A training task leaks if an evaluation task has the same name, **or** the same pairs, all of them, in any order.
# - Two grids are the same if size and cells are the same.
# - What comes back: the names of the training tasks that leak, as a list or a set, in any order.
#
# Expected: with evaluation tasks p and q, a training task p with other pairs leaks, a training task r with the pairs of
# q leaks, and s with only one of two pairs of q does not. That is `["p", "r"]`.


# %% nbgrader={"grade": false, "grade_id": "find_leak", "locked": false, "schema_version": 3, "solution": true, "task": false}
def find_leak(
    training: dict[str, list[tuple[np.ndarray, np.ndarray]]], evaluation: dict[str, list[tuple[np.ndarray, np.ndarray]]]
) -> list[str]:
    """{name: pairs}, {name: pairs} -> names of the training tasks that leak."""

    # BEGIN SOLUTION
    def content(pairs: list[tuple[np.ndarray, np.ndarray]]) -> frozenset:
        return frozenset((q.shape, q.tobytes(), a.shape, a.tobytes()) for q, a in pairs)

    measured = {content(pairs) for pairs in evaluation.values()}
    return [name for name, pairs in training.items() if name in evaluation or content(pairs) in measured]
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_find_leak", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.find_leak(find_leak)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# There are two ways to be the same; one is enough. For "in any order" Python has sets. A set in a set must be frozen.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# content(task) = frozen set of (size and cells of the input, size and cells of the output), over its pairs
# measured      = set of the contents of the evaluation tasks
# leak          = training tasks whose name is an evaluation name, or whose content is measured
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# By name alone you miss the task that ARC-AGI-1 holds twice under two names. By content alone you miss the one that was
# edited between ARC-AGI-1 and ARC-AGI-2.
#
# </details>
#
# Your function on the real sets (this takes some seconds):

# %% tags=["needs-answer"]
from trm_edu.arc_tasks import load_tasks

sets = {name: load_tasks(name) for name in ("arc-agi-1-training", "arc-agi-1-evaluation", "arc-agi-2-training")}
pairs = {name: {task.id: list(task.pairs) for task in tasks} for name, tasks in sets.items()}
for name in ("arc-agi-1-training", "arc-agi-2-training"):
    print(len(find_leak(pairs[name], pairs["arc-agi-1-evaluation"])), "tasks of", name, "are evaluation tasks")
