# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · Exercises: from HRM to TRM
#
# They belong to [lesson 08](../notebooks/08_from_hrm_to_trm.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.
#
# Shares are numbers from 0 to 1, one for each seed. Shapes: `B` puzzles, `L` cells, `S` positions, `D` channels, `V`
# tokens.

# %%
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trm_edu import plots
from trm_edu.checks import from_hrm_to_trm as check
from trm_edu.intervals import difference_interval, t_quantile

# %% [markdown]
# ## Exercise 1: some seeds, one line
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# Mean, spread and interval of a rung.
#
# - `values`: the accuracies of k seeds, a list of shares, k at least 2.
# - *Mean*: as always.
# - *Spread*: the root of the summed squared distances to the mean, divided by k - 1.
# - *Interval* of the mean: from mean - half to mean + half. Half is the spread, over the root of k, times
#   `t_quantile(k - 1)` (imported above: Student's reach for 95%). Do not cut it at 0 or 1.
# - What comes back is `(mean, spread, low, high)`, all of them shares.
#
# Expected: `[0.7, 0.8, 0.84]` gives mean 0.78, spread 0.0721, interval 0.6009 to 0.9591.


# %% nbgrader={"grade": false, "grade_id": "seed_summary", "locked": false, "schema_version": 3, "solution": true, "task": false}
def seed_summary(values: list[float]) -> tuple[float, float, float, float]:
    """Shares of k seeds [k] -> (mean, spread, low end, high end)."""
    # BEGIN SOLUTION
    k = len(values)
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    half = t_quantile(k - 1) * spread / k**0.5
    return mean, spread, mean - half, mean + half
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_seed_summary", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.seed_summary(seed_summary)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# NumPy's `std` divides by k unless it is told otherwise. And the *spread* of the seeds is not the *error* of their
# mean: with four times as many seeds, only one of the two gets smaller.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# k      = how many values
# mean   = sum / k
# spread = root of (sum of squared distances / (k - 1))
# half   = t_quantile(k - 1) * spread / root of k
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# 1.96 belongs to many seeds. For three seeds it would make the interval less than half as wide as it has to be.
#
# </details>

# %% [markdown]
# ## Exercise 2: a step of the ladder
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 20 minutes*
#
# Is one rung better than the one before, as far as the seeds tell?
#
# - `before`, `after`: shares of the seeds of two rungs, as lists. They may have different lengths (each at least 2), and
#   seed 0 of one has nothing to do with seed 0 of the other.
# - *Middle*: mean of `after` minus mean of `before`.
# - Each rung has a *part*: its squared spread (divided by k - 1) over its number of seeds. The *error* of the difference
#   is the root of the sum of both parts.
# - *Freedom*: (sum of the parts)², divided by the sum of part² / (k - 1).
# - *Interval*: middle minus and plus `t_quantile(freedom)` times the error.
# - *Separated*: True if the interval leaves out 0.
# - What comes back is `(middle, low, high, separated)`.
#
# Expected: `[0.6, 0.62, 0.66]` and `[0.7, 0.72, 0.76]` give middle 0.1, interval 0.0307 to 0.1693, separated.


# %% nbgrader={"grade": false, "grade_id": "rung_difference", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rung_difference(before: list[float], after: list[float]) -> tuple[float, float, float, bool]:
    """Shares of the seeds of two rungs -> (middle, low end, high end, separated)."""
    # BEGIN SOLUTION
    middle = float(np.mean(after) - np.mean(before))
    parts = [np.var(values, ddof=1) / len(values) for values in (before, after)]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (len(before) - 1) + parts[1] ** 2 / (len(after) - 1))
    half = float(t_quantile(freedom) * sum(parts) ** 0.5)
    low, high = middle - half, middle + half
    return middle, low, high, low > 0 or high < 0
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_rung_difference", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.rung_difference(rung_difference)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Do not compare two intervals with each other: build *one* interval, that of the difference. Squared errors add up,
# errors do not.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# part    = squared spread / k, for each rung
# error   = root of (part of before + part of after)
# freedom = (sum of parts)^2 / sum of (part^2 / (k - 1))
# low, high = middle -+ t_quantile(freedom) * error
# separated = low above 0, or high below 0
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Many people look whether the two intervals overlap. Two intervals may overlap and the step is separated all the same:
# the lesson shows such a pair.
#
# </details>

# %% [markdown]
# ## Exercise 3: equal compute
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# How many optimizer steps fit into a budget of floating-point operations?
#
# - `budget`: operations to spend. `evaluation`: operations of one evaluation of the network on *one* puzzle, forward.
#   `batch`: puzzles in a step.
# - A training step makes T · (n + 1) evaluations. `graded` of them have a gradient; each of those costs two more, for
#   the backward pass.
# - With `q_learning` there is a second pass: T · (n + 1) evaluations more, without gradient.
# - What comes back is the number of *whole* steps that fit, an int.
#
# Expected: for a budget of 2,887,778,304,000 and HRM's 15,777,792 an evaluation, batch 32, T = 2, n = 2, `graded` = 2:
# 357 steps with Q-learning, 571 without.


# %% nbgrader={"grade": false, "grade_id": "steps_in_budget", "locked": false, "schema_version": 3, "solution": true, "task": false}
def steps_in_budget(budget: int, evaluation: int, batch: int, T: int, n: int, graded: int, q_learning: bool) -> int:
    """Operations, and what a step is made of -> whole optimizer steps within the budget."""
    # BEGIN SOLUTION
    evaluations = T * (n + 1)
    equivalents = evaluations + 2 * graded + (evaluations if q_learning else 0)
    return budget // (equivalents * evaluation * batch)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_steps_in_budget", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.steps_in_budget(steps_in_budget)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# First count one step in *forward equivalents*: an evaluation with gradient counts 3, one without counts 1. The second
# pass of Q-learning is a whole supervision step.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# evaluations = T * (n + 1)
# equivalents = evaluations + 2 * graded (+ evaluations with Q-learning)
# step        = equivalents * evaluation * batch
# return whole division of budget by step
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A rounded-up step does not fit: it would spend more than the others had.
#
# </details>

# %% [markdown]
# ## Exercise 4: write a rung: the full gradient
#
# *Difficulty: 4 of 5 · Importance: 5 of 5 · Time: about 20 minutes*
#
# HRM's recursion with the gradient of the *whole* last recursion.
#
# - One recursion: n times `z_L = f_L(z_L, z_H + x)`, then once `z_H = f_H(z_H, z_L)`.
# - There are `T` recursions. The first T - 1 run without gradient; all n + 1 evaluations of the last one take part in
#   it.
# - What comes back is `(z_H, z_L)` after the last recursion.
# - Do not change what you are given.
#
# Expected: with the mean of two numbers as both networks, x = 8, z_H = z_L = 0, n = 2 and T = 2: (6.375, 9.75). Three of
# the six evaluations run with gradient.


# %% nbgrader={"grade": false, "grade_id": "full_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def full_gradient(
    f_L: Callable, f_H: Callable, x: Tensor, z_H: Tensor, z_L: Tensor, n: int, T: int
) -> tuple[Tensor, Tensor]:
    """x, z_H, z_L: each [B, S, D] -> (z_H, z_L)."""

    # BEGIN SOLUTION
    def recursion(z_H: Tensor, z_L: Tensor) -> tuple[Tensor, Tensor]:
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
        return f_H(z_H, z_L), z_L

    with torch.no_grad():
        for _ in range(T - 1):
            z_H, z_L = recursion(z_H, z_L)
    return recursion(z_H, z_L)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_full_gradient", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.full_gradient(full_gradient)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Write one recursion as a function of its own. Then `torch.no_grad()` stands around some calls of it, and not around
# others. Around which?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# recursion: n times z_L, then z_H
# without gradient: T - 1 times recursion
# return one more recursion
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# HRM keeps `no_grad` around the first n - 1 updates of the last recursion too. If you copied that, the values are
# right and the gradient is HRM's: no shape and no score will tell you.
#
# </details>

# %% [markdown]
# ## Exercise 5: write a rung: one network
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 20 minutes*
#
# Two networks become one.
#
# - `OneNetwork(network, n)` keeps the given `network` (a module, called as `network(state, injected)`) and the number n.
# - `model(x, y, z)` makes one recursion: n times *think*, `z = network(z, y + x)`; then *answer* once,
#   `y = network(y, z)`. It gives back `(y, z)`.
# - `model.size()` gives the number of trained numbers in the model, an int. (`p.numel()` is that of one tensor.)
# - It is *the same* network for both parts: whoever trains the given one trains both.
#
# Expected: for a network with weights of 3 x 4 and 4 numbers, `size()` is 16. With the mean of two numbers as network,
# x = 8, y = z = 0 and n = 2: y = 3, z = 6.


# %% nbgrader={"grade": false, "grade_id": "OneNetwork", "locked": false, "schema_version": 3, "solution": true, "task": false}
class OneNetwork(nn.Module):
    """One network that thinks and answers. x, y, z: each [B, S, D]."""

    def __init__(self, network: nn.Module, n: int):
        # BEGIN SOLUTION
        super().__init__()
        self.network, self.n = network, n
        # END SOLUTION

    def forward(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        # BEGIN SOLUTION
        for _ in range(self.n):
            z = self.network(z, y + x)
        y = self.network(y, z)
        return y, z
        # END SOLUTION

    def size(self) -> int:
        # BEGIN SOLUTION
        return sum(p.numel() for p in self.parameters())
        # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_OneNetwork", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.OneNetwork(OneNetwork)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# A module may be called as often as you like. Two names for one module are fine too: `parameters()` names each weight
# once. What does `copy.deepcopy` make?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# init: call super().__init__(); keep network and n
# forward: n times z from (z, y + x), then y from (y, z)
# size: sum of numel over the model's parameters
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A deep copy has the same numbers on the first day. From the first optimizer step on the two part, and you are back at
# two networks.
#
# </details>

# %% [markdown]
# HRM's way, for the next exercise. `model(inputs, state)` makes one supervision step and gives back
# `(new_state, output)`.


# %%
def q_learning(
    model: Callable, inputs: Tensor, labels: Tensor, state: Tensor, steps: Tensor, limit: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The halting part of HRM's loss, the new state, and which slots stop."""
    state, out = model(inputs, state)
    with torch.no_grad():
        _, ahead = model(inputs, state)
        best = torch.maximum(ahead.halt_logit, ahead.continue_logit)
        target = torch.where(steps >= limit, ahead.halt_logit, best).sigmoid()
    right = (out.logits.argmax(-1) == labels).all(-1).float()
    loss = F.binary_cross_entropy_with_logits(out.halt_logit, right, reduction="sum")
    loss = loss + F.binary_cross_entropy_with_logits(out.continue_logit, target, reduction="sum")
    return 0.5 * loss, state, (out.halt_logit > out.continue_logit) | (steps >= limit)


# %% [markdown]
# ## Exercise 6: write a rung: plain halting
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 20 minutes*
#
# Take from `q_learning` above what TRM does not need.
#
# - `output` has `logits` `[B, L, V]`, `halt_logit` `[B]` and `continue_logit` `[B]`. `labels` `[B, L]`; here every cell
#   counts. `steps` `[B]`: steps made, this one included.
# - Target: one bit for each puzzle, whether its whole answer is right now.
# - Loss: binary cross-entropy of halt logit and target, summed over the puzzles, times 0.5. Nothing else.
# - A slot stops if its halt logit is above 0, or at step `limit`.
# - What comes back is `(loss, new_state, stop)`; `stop` `[B]` is bool. The continue logit is not used, and the model is
#   called once.
#
# Expected: for one puzzle with halt logit -5 and a right answer the loss is 2.5034, and the slot goes on.


# %% nbgrader={"grade": false, "grade_id": "plain_halting", "locked": false, "schema_version": 3, "solution": true, "task": false}
def plain_halting(
    model: Callable, inputs: Tensor, labels: Tensor, state: Tensor, steps: Tensor, limit: int
) -> tuple[Tensor, Tensor, Tensor]:
    """inputs, labels [B, L], state of any shape, steps [B] -> (loss, new state, stop [B])."""
    # BEGIN SOLUTION
    state, out = model(inputs, state)
    right = (out.logits.argmax(-1) == labels).all(-1).float()
    loss = 0.5 * F.binary_cross_entropy_with_logits(out.halt_logit, right, reduction="sum")
    return loss, state, (out.halt_logit > 0) | (steps >= limit)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_plain_halting", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.plain_halting(plain_halting)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Go through `q_learning` line by line and ask of each: is it there because of "continue"? In the last line one name
# becomes a number.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# state, out = one step of the model
# target     = every cell of the puzzle is right
# loss       = half of the summed cross-entropy of halt logit and target
# stop       = halt logit above 0, or steps reach the limit
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The second pass is easily left in: nothing breaks, each training step is only dearer by a whole forward pass.
#
# </details>

# %% [markdown]
# ## Exercise 7: read a ladder
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# Say which steps are separated, and say nothing of the others.
#
# - `rungs`: a list of `(name, values)` from the first rung to the last; `values` are the shares of its seeds.
# - For each rung but the first: `difference_interval(values of the rung just before, its values)` (imported above) gives
#   `(low, high)`. It gives `None` where the seeds tell no spread, for example with one seed.
# - A step is separated if there is an interval and it leaves out 0.
# - What comes back is a dictionary: the name of the rung that the step leads to -> "up" or "down". Steps that are not
#   separated are not in it.
#
# Expected: for the ladder below, `{"b": "up", "d": "down"}`. In its picture a triangle is a separated step, a circle is
# one of which nothing is said.

# %%
shown = [
    ("a", [0.40, 0.44, 0.42, 0.46]),
    ("b", [0.60, 0.66, 0.63, 0.61]),
    ("c", [0.64, 0.70, 0.58, 0.66]),
    ("d", [0.50, 0.47, 0.52, 0.49]),
    ("e", [0.72]),
]
plots.show(plots.ladder(shown), plots.ladder_text(shown))


# %% nbgrader={"grade": false, "grade_id": "read_ladder", "locked": false, "schema_version": 3, "solution": true, "task": false}
def read_ladder(rungs: list[tuple[str, list[float]]]) -> dict[str, str]:
    """Names and shares of the seeds, in order -> {name: "up" or "down"}, the separated steps alone."""
    # BEGIN SOLUTION
    found = {}
    for (_, before), (name, after) in zip(rungs[:-1], rungs[1:], strict=True):
        interval = difference_interval(before, after)
        if interval is not None and (interval[0] > 0 or interval[1] < 0):
            found[name] = "up" if interval[0] > 0 else "down"
    return found
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_read_ladder", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.read_ladder(read_ladder)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Walk up in pairs: a rung and the one just before it. Three things can come out of a pair, and only two of them are
# worth a word.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# for each pair of neighbours:
#     interval = difference_interval(before, after)
#     no interval: nothing to say
#     both ends above 0: up
#     both ends below 0: down
#     else: nothing to say
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# One seed may stand ten points above the rung before it and still say nothing. And "not separated" is not "equal":
# that is why such a step gets no word at all.
#
# </details>

# %% tags=["needs-answer"]
print(read_ladder(shown))
