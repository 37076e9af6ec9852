# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · Exercises: deep supervision
#
# They belong to [lesson 06](../notebooks/06_deep_supervision.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.

# %%
import torch
from torch import Tensor, nn

from trm_edu.checks import deep_supervision as check
from trm_edu.supervision import choose

# %% [markdown]
# ## Exercise 1: the paper's loop
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# Train a network on one batch with deep supervision.
#
# - `network(x, state)` is one supervision step. It returns `(state, answer)`. This network does **not** detach its
#   state: that is your part.
# - Make `n_supervision` steps. At each of them: the loss is the mean of `(answer - target)²`; then backward, optimizer
#   step, gradients to zero.
# - The next step begins with the state that came back, without its graph.
# - What comes back is the list of the losses, one number a step.
#
# Expected: for a network that returns `w * state + x` as both state and answer, with w = 0.5, state 0, x 1, target 2
# and SGD with a rate of 0.1, the losses of three steps are `[1, 0.25, 0.01]`.


# %% nbgrader={"grade": false, "grade_id": "supervision_loop", "locked": false, "schema_version": 3, "solution": true, "task": false}
def supervision_loop(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    state: Tensor,
    target: Tensor,
    n_supervision: int,
) -> list[float]:
    """x, state, target [B] -> the loss of each of n_supervision steps."""
    # BEGIN SOLUTION
    losses = []
    for _ in range(n_supervision):
        state, answer = network(x, state)
        loss = (answer - target).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        state = state.detach()
        losses.append(loss.item())
    return losses
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_supervision_loop", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.supervision_loop(supervision_loop)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Six lines stand in the loop. Five are those of any training loop. Which one is new?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# n_supervision times:
#     state, answer = one supervision step from state
#     loss, backward, optimizer step, gradients to zero
#     state = state without its graph
#     keep the loss as a number
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Often the detach is missing. Then the second `backward()` fails, and `retain_graph=True` looks like a cure. Others put
# `optimizer.step()` behind the loop: then all steps use the same weights.
#
# </details>

# %% [markdown]
# ## Exercise 2: refill
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# Slots that halted take a new puzzle. The others keep everything.
#
# - `halted` is a tensor of truth values, one for each slot.
# - `new` and `old` are dictionaries with the same five keys: `inputs` and `labels` [B, L], `y` and `z` [B, L, D], `age`
#   [B]. `new["age"]` holds zeros, `new["y"]` and `new["z"]` the fresh start.
# - What comes back is a new dictionary with the five keys. Change neither `new` nor `old`.
#
# Expected: with `halted` = [True, False], ages `old` = [4, 2] and `new` = [0, 0] become [0, 2]; slot 0 of all the other
# tensors is from `new`, slot 1 from `old`.


# %% nbgrader={"grade": false, "grade_id": "refill", "locked": false, "schema_version": 3, "solution": true, "task": false}
def refill(halted: Tensor, new: dict[str, Tensor], old: dict[str, Tensor]) -> dict[str, Tensor]:
    """halted [B] -> slots that hold `new` where halted, `old` elsewhere."""
    # BEGIN SOLUTION
    slots = {}
    for key in old:
        mask = halted.view(-1, *[1] * (old[key].dim() - 1))
        slots[key] = torch.where(mask, new[key], old[key])
    return slots
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_refill", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.refill(refill)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# The five tensors have one, two or three axes. The mask has one. On which axis of each tensor must it stand?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# for each of the five keys:
#     mask = halted, with axes of size 1 behind it until it has as many as the tensor
#     slots[key] = new where the mask is true, else old
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Labels or `z` are forgotten: nothing fails, and the network learns nonsense. And `torch.where(halted, ...)` without
# new axes fits the *last* axis. If there are as many cells as slots, nobody complains.
#
# </details>

# %% [markdown]
# ## Exercise 3: one call
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# One supervision step of every slot, in this order: refill, improve, age, halt.
#
# - `slots` has `inputs` [B], `y` [B, D], `age` [B] and `halted` [B]. `new` has `inputs`, `y` and `age` (zeros): what is
#   offered. You may use `choose(mask, new, old)`: slot by slot, whatever the number of axes.
# - `network(inputs, y)` returns the new `y` [B, D] and `halt_logit` [B].
# - A slot halts if its halt logit is above 0 or if it has made `n_supervision` steps.
# - What comes back is a new dictionary with the four keys. Its `y` carries no graph.
#
# Expected: ages [2, 1] with `halted` = [False, True] become [3, 1]. With `n_supervision` = 3, slot 0 has now halted,
# whatever the network says.


# %% nbgrader={"grade": false, "grade_id": "supervision_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def supervision_step(
    network: nn.Module, slots: dict[str, Tensor], new: dict[str, Tensor], n_supervision: int
) -> dict[str, Tensor]:
    """Slots with inputs [B], y [B, D], age [B], halted [B] -> the same after one call."""
    # BEGIN SOLUTION
    inputs, y, age = (choose(slots["halted"], new[key], slots[key]) for key in ("inputs", "y", "age"))
    y, halt_logit = network(inputs, y)
    age = age + 1
    halted = (halt_logit > 0) | (age >= n_supervision)
    return {"inputs": inputs, "y": y.detach(), "age": age, "halted": halted}
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_supervision_step", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.supervision_step(supervision_step)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# `halted` says what happened at the *last* call. So what must be the first thing at this one?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# inputs, y, age: new ones where halted
# y, halt_logit = network(inputs, y)
# age grows by one
# halted = the network says done, or the age is n_supervision
# return inputs, y without its graph, age, halted
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# With `age > n_supervision` every puzzle stays one step too long. With the refill at the end, the loss of this call
# would compare the answer to an old question with the labels of a new one.
#
# </details>

# %% [markdown]
# ## Exercise 4: how old are the slots?
#
# *Difficulty: 2 of 5 · Importance: 3 of 5 · Time: about 10 minutes*
#
# No network here, only time.
#
# - `halt_steps[slot]` lists, for the puzzles that come into this slot one after the other, after how many steps the
#   network says "done". There are always enough of them.
# - At age `n_supervision` a slot halts in any case.
# - Before the first call all slots count as halted.
# - What comes back is a list of `n_calls` lists: the age of every slot *after* each call.
#
# Expected: `simulate_ages([[2, 1, 1], [9, 9, 9]], n_calls=4, n_supervision=3)` is `[[1, 1], [2, 2], [1, 3], [1, 1]]`.


# %% nbgrader={"grade": false, "grade_id": "simulate_ages", "locked": false, "schema_version": 3, "solution": true, "task": false}
def simulate_ages(halt_steps: list[list[int]], n_calls: int, n_supervision: int) -> list[list[int]]:
    """[B] lists of steps -> [n_calls][B] ages."""
    # BEGIN SOLUTION
    count = len(halt_steps)
    ages, puzzle, halted, rows = [0] * count, [-1] * count, [True] * count, []
    for _ in range(n_calls):
        for slot in range(count):
            if halted[slot]:
                puzzle[slot], ages[slot] = puzzle[slot] + 1, 0
            ages[slot] += 1
            halted[slot] = ages[slot] >= min(halt_steps[slot][puzzle[slot]], n_supervision)
        rows.append(list(ages))
    return rows
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_simulate_ages", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.simulate_ages(simulate_ages)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Keep three things for each slot: which of its puzzles it holds, its age, and whether it has halted. Slots never look
# at each other.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# all slots: age 0, halted, before their first puzzle
# for each call:
#     for each slot:
#         if halted: next puzzle, age 0
#         age grows by one
#         halted = the age is that puzzle's number of steps, or n_supervision
#     keep a copy of the ages
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Often the age is set to 0 in the call in which the slot halts. After that call the carry still holds the finished
# puzzle: the loss needs its labels.
#
# </details>

# %% [markdown]
# ## Exercise 5: how many optimizer steps?
#
# *Difficulty: 1 of 5 · Importance: 4 of 5 · Time: about 5 minutes*
#
# The published code counts *epochs*: how often each puzzle is offered.
#
# - At every call one batch is offered, and every call ends with an optimizer step.
# - Puzzles run on from epoch to epoch. At the very end, what does not fill a batch is left out.
# - What comes back is a whole number.
#
# Expected: `optimizer_steps(7, 100, 32)` is 21.


# %% nbgrader={"grade": false, "grade_id": "optimizer_steps", "locked": false, "schema_version": 3, "solution": true, "task": false}
def optimizer_steps(epochs: int, puzzles: int, batch: int) -> int:
    """Optimizer steps of a whole run."""
    # BEGIN SOLUTION
    return epochs * puzzles // batch
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_optimizer_steps", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.optimizer_steps(optimizer_steps)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Is there a 16 in the question?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# offered = epochs times puzzles
# steps = how often a whole batch fits into that
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# People multiply by `N_sup`. But the training loop *is* the `N_sup` loop: one call, one supervision step, one optimizer
# step.
#
# </details>

# %% [markdown]
# ## Exercise 6: how far back does the gradient reach?
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# A puzzle is at its supervision step `k` (1 is the first). Its loss sends a gradient back. Through how many evaluations
# of the network does it pass?
#
# - One recursion is `n` updates of `z` and one of `y`. A supervision step makes `T` recursions, all but the last one
#   without gradient.
# - `detached` says whether the state is detached between two supervision steps. Think of the weights as constant.
# - What comes back is a whole number.
#
# Expected: with T = 3, n = 6, detached, it is 7 at every step k.


# %% nbgrader={"grade": false, "grade_id": "reach_of_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def reach_of_gradient(k: int, T: int, n: int, detached: bool) -> int:
    """Evaluations of the network that the gradient of the loss of step k passes through."""
    # BEGIN SOLUTION
    if T > 1 or detached:
        return n + 1
    return k * (n + 1)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_reach_of_gradient", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.reach_of_gradient(reach_of_gradient)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Walk back from the loss. Two things can stop you: a `detach`, and a recursion without gradient.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# the last recursion of this step always counts
# before it: another recursion of this step (no gradient: stop), or, if T is 1, the step before
# is the way into the step before cut?
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Many say that `detach` always matters. With T of 2 or more it changes no gradient: the first recursion of a step runs
# without gradient, and nothing passes it.
#
# </details>
