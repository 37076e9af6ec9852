# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · Exercises: when to stop
#
# They belong to [lesson 07](../notebooks/07_when_to_stop.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.
#
# Shapes: `B` puzzles, `L` cells, `V` tokens, `K` supervision steps, `N` puzzles of a test.

# %%
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from trm_edu import plots
from trm_edu.checks import when_to_stop as check
from trm_edu.interface import Output
from trm_edu.intervals import wilson_interval

# %% [markdown]
# ## Exercise 1: the halting target
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# What should the halting head have said? One bit for each puzzle: is the whole answer right, now?
#
# - `logits` `[B, L, V]`: for each cell a score for each token. The answer of a cell is its best token.
# - `labels` `[B, L]`: the right tokens. A label of -100 marks a cell that is to be ignored.
# - What comes back is `[B]`: 1 (or True) where every cell that counts is right, else 0 (or False).
#
# Expected: best tokens `[[2, 1, 3], [2, 1, 3], [2, 1, 3]]` and labels `[[2, 1, 3], [2, 1, 0], [2, 1, -100]]` give
# 1, 0, 1.


# %% nbgrader={"grade": false, "grade_id": "halting_target", "locked": false, "schema_version": 3, "solution": true, "task": false}
def halting_target(logits: Tensor, labels: Tensor) -> Tensor:
    """logits [B, L, V], labels [B, L] -> one bit for each puzzle [B]."""
    # BEGIN SOLUTION
    right = (logits.argmax(-1) == labels) | (labels == -100)
    return right.all(-1).float()
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_halting_target", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.halting_target(halting_target)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Do it in three small steps: the answer of each cell, then which cells are fine, then which puzzles are fine. An ignored
# cell is fine whatever stands in it.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# answer = the best token of each cell            [B, L]
# fine   = answer equals label, or label is -100  [B, L]
# target = every cell of the puzzle is fine       [B]
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# People often return the share of right cells. A head trained on that says 0.98 to a grid with one wrong cell, and
# stops.
#
# </details>

# %% [markdown]
# ## Exercise 2: the halting loss
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# The part of TRM's loss that trains the halting head, as it is added to the answer loss.
#
# - `halt_logit` `[B]`: one number for each puzzle. Its sigmoid is the stated probability that the answer is right.
# - `logits` `[B, L, V]` and `labels` `[B, L]` as in exercise 1; make the target of exercise 1 from them.
# - For each puzzle take the binary cross-entropy of the probability and the target. Sum over the puzzles. Multiply by
#   0.5.
# - What comes back is one number, a tensor without axes. A gradient must arrive at `halt_logit`, and none at `logits`.
# - It must also be right for a halt logit of 60.
#
# Expected: for one puzzle with halt logit -5, 0.5 · 5.0067 = 2.5034 if its answer is right, and 0.5 · 0.0067 = 0.0034 if
# not.


# %% nbgrader={"grade": false, "grade_id": "halting_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def halting_loss(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    """halt_logit [B], logits [B, L, V], labels [B, L] -> a number."""
    # BEGIN SOLUTION
    right = ((logits.argmax(-1) == labels) | (labels == -100)).all(-1).float()
    return 0.5 * F.binary_cross_entropy_with_logits(halt_logit, right, reduction="sum")
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_halting_loss", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.halting_loss(halting_loss)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# `torch.nn.functional` has this loss in one function. There are two with nearly the same name. One takes probabilities,
# the other takes logits. What does it do with the batch if you say nothing?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# target = one bit for each puzzle, as a float
# loss   = binary cross-entropy with logits (halt_logit, target), summed
# return half of it
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A sigmoid before a loss "with logits" is the most common mistake: it trains, only badly. And `argmax` has no gradient,
# so the target is safe; a soft target made with `softmax` is not.
#
# </details>

# %% [markdown]
# ## Exercise 3: the halting rule
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# Which slots stop after this step, in training?
#
# - `halt_logit` `[B]`. `steps` `[B]`: how many steps the slot has made for its puzzle, this one included.
# - A slot is *done* if its halt logit is above 0.
# - `u` `[B]`: a uniform random number from 0 to 1. A slot *explores* if u is below 0.1.
# - `at_least` `[B]`: a random number of steps, from 2 to `n_supervision`. A slot that explores and has made fewer steps
#   than this goes on, even if it is done. For the other slots `at_least` means nothing.
# - A slot that has made `n_supervision` steps stops in any case.
# - What comes back is `[B]`, bool: True where the slot stops.
#
# Expected, with a limit of 16:
#
# | halt logit | steps | u | at_least | stops |
# |---|---|---|---|---|
# | 2 | 3 | 0.50 | 9 | yes: done |
# | 2 | 3 | 0.05 | 9 | no: explores, too young |
# | -2 | 9 | 0.05 | 9 | no: not done |
# | -2 | 16 | 0.50 | 2 | yes: the limit |


# %% nbgrader={"grade": false, "grade_id": "halting_rule", "locked": false, "schema_version": 3, "solution": true, "task": false}
def halting_rule(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    """halt_logit, steps, u, at_least: each [B] -> bool [B]."""
    # BEGIN SOLUTION
    explores = u < 0.1
    done = (halt_logit > 0) & (~explores | (steps >= at_least))
    return done | (steps >= n_supervision)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_halting_rule", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.halting_rule(halting_rule)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Name the parts first: `explores`, `old_enough`, `done`, `last`. Exploring can only take a stop away. The limit can only
# add one. Which of the two comes last?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# explores   = u below 0.1
# old_enough = not explores, or steps reach at_least
# done       = halt_logit above 0, and old_enough
# stop       = done, or steps reach n_supervision
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `sigmoid(halt_logit) > 0` is true of every number: all slots would stop at once. And `at_least` forbids; it never
# makes a slot stop.
#
# </details>

# %% [markdown]
# ## Exercise 4: HRM's target for "continue"
#
# *Difficulty: 4 of 5 · Importance: 3 of 5 · Time: about 20 minutes*
#
# HRM's head has two logits, halt and continue. What should "continue" have said? That needs a look ahead.
#
# - `model(inputs, state)` makes one supervision step. It gives back `(new_state, output)`; `output` has the fields
#   `halt_logit` and `continue_logit`, each `[B]`.
# - A step was just made: `output` is what it said, `state` is the state *after* it, `steps` `[B]` counts the steps made.
# - The target is the sigmoid of the larger one of the *next* step's two logits.
# - Where `n_supervision` steps were made already: the sigmoid of the next step's halt logit alone.
# - What comes back is `[B]`, without gradient. Call the model once.
#
# Expected: if the next step says halt -1 and continue 2, the target is 0.8808; at the last step 0.2689.


# %% nbgrader={"grade": false, "grade_id": "q_continue_target", "locked": false, "schema_version": 3, "solution": true, "task": false}
def q_continue_target(
    model: Callable, inputs: Tensor, state: Tensor, output: Output, steps: Tensor, n_supervision: int
) -> Tensor:
    """inputs [B, L], state of any shape, steps [B] -> probabilities [B]."""
    # BEGIN SOLUTION
    with torch.no_grad():
        _, ahead = model(inputs, state)
    best = torch.maximum(ahead.halt_logit, ahead.continue_logit)
    return torch.where(steps >= n_supervision, ahead.halt_logit, best).sigmoid()
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_q_continue_target", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.q_continue_target(q_continue_target)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# One of the arguments is there to mislead you. A target is a number, not something to be trained: which context of torch
# computes without a graph?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# without gradient:
#     ahead = output of one more step from state
# best   = larger one of ahead's two logits
# choose = ahead's halt logit where steps reached the limit, else best
# return sigmoid(choose)
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# People take the logits of the step that was just made. That saves the second pass, but says nothing about going on.
#
# </details>

# %% [markdown]
# ## Exercise 5: calibration
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# Is a stated probability worth believing? Sort the puzzles into bins of equal width from 0 to 1, and compare.
#
# - `probability` `[N]`: what was stated, NumPy. `right` `[N]`: bool, what was so. `bins`: how many bins.
# - A bin holds its lower edge. The last bin holds 1.0 too.
# - What comes back is a list of rows, from the lowest bin to the highest: `(count, stated, share)`. That is: how many
#   puzzles the bin holds, the *mean* of their probabilities, and what share of them is right.
# - A bin without a puzzle has no row.
#
# Expected: 0.1, 0.3, 0.9, 1.0 with wrong, right, right, right and 2 bins give `[(2, 0.2, 0.5), (2, 0.95, 1.0)]`.
#
# What these rows look like as a picture (made up: a network that is too sure):

# %%
rng = np.random.default_rng(0)
stated = rng.random(400)
lucky = rng.random(400) < stated**2
plots.show(plots.halting_calibration(stated, lucky, bins=5), plots.halting_calibration_text(stated, lucky, bins=5))


# %% nbgrader={"grade": false, "grade_id": "calibration", "locked": false, "schema_version": 3, "solution": true, "task": false}
def calibration(probability: np.ndarray, right: np.ndarray, bins: int) -> list[tuple[int, float, float]]:
    """probability [N], right bool [N] -> rows (count, mean stated probability, share right)."""
    # BEGIN SOLUTION
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probability, side="right")
    rows = []
    for i in np.unique(place):
        members = place == i
        rows.append((int(members.sum()), probability[members].mean(), right[members].mean()))
    return rows
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_calibration", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.calibration(calibration)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# First find the number of the bin of each puzzle. Only the inner edges matter for that: with 2 bins there is one, at 0.5.
# Then go through the bins that occur.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# place = number of inner edges that are not above the probability, for each puzzle
# for each bin number that occurs, in order:
#     members = puzzles at this place
#     row: how many, mean of their probabilities, mean of their right
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Two things are forgotten: a probability of exactly 1, and bins that nobody is in. And the middle of a bin is not what
# was stated.
#
# </details>

# %% [markdown]
# ## Exercise 6: stop early
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# All steps of a test were run and written down. When would each puzzle have stopped, and would it have been solved?
#
# - `halt_logit` `[K, N]`: of each step and puzzle. `right` `[K, N]`, bool: whether the answer of that step was right.
# - A puzzle stops after the first step whose halt logit is above `threshold`. If there is none, it stops after step K.
# - What comes back is two tensors `[N]`: the number of steps used (1 to K), and whether the answer at the stop was right.
#
# Expected, for a threshold of 0: a puzzle with logits -3, 1, 2 that is wrong, wrong, right stops at step 2, not solved.
# One with logits -3, -2, -1 stops at step 3.


# %% nbgrader={"grade": false, "grade_id": "early_stop", "locked": false, "schema_version": 3, "solution": true, "task": false}
def early_stop(halt_logit: Tensor, right: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """halt_logit [K, N], right bool [K, N] -> steps used [N], solved [N]."""
    # BEGIN SOLUTION
    over = halt_logit > threshold
    over[-1] = True  # at the end every puzzle stops
    first = over.int().argmax(0)
    return first + 1, right[first, torch.arange(right.shape[1])]
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_early_stop", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.early_stop(early_stop)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# `argmax` of numbers 0 and 1 gives the first 1. What does it give if there is none? Make sure that there is one.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# over   = halt_logit above threshold   [K, N]
# over at the last step = True
# first  = index of the first True in each column
# steps  = first + 1
# solved = right at (first, column)
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A puzzle that is never sure must cost K steps, not one. With `argmax` alone the hardest puzzles look the cheapest.
#
# </details>

# %% [markdown]
# Your function on 500 made-up puzzles, each of which is right from some step on. A low threshold is cheap and often
# wrong; a high one waits.

# %% tags=["needs-answer"]
step, moment = torch.arange(1, 17)[:, None], torch.from_numpy(rng.integers(1, 17, 500))
right = step >= moment
noise = torch.from_numpy(rng.normal(0, 1, (16, 500)))
logit = (step - moment + 1.0) + noise
points = []
for threshold in (-1.0, 0.0, 1.0, 2.0, 4.0):
    used, solved = early_stop(logit, right, threshold)
    share, cost = (torch.as_tensor(values).double().mean().item() for values in (solved, used))
    interval = wilson_interval(round(500 * share), 500)
    points.append(plots.CostPoint(f"above {threshold:g}", share, *interval, cost))
plots.show(
    plots.accuracy_against_cost(points, cost_label="mean steps"),
    plots.accuracy_against_cost_text(points, cost_label="mean steps"),
)
