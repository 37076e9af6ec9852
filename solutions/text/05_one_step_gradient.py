# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · Exercises: the one-step gradient
#
# They belong to [lesson 05](../notebooks/05_one_step_gradient.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.
#
# The exercises do not need each other. Names as in the lesson: `x` question, `y` answer, `z` scratch pad; `n` updates of
# `z` in a recursion, `T` recursions in a supervision step.

# %%
from collections.abc import Callable

import torch
from torch import Tensor

from trm_edu.checks import one_step_gradient as check

# %% [markdown]
# ## Exercise 1: is it at rest?
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# A fixed point is a `z` that an update leaves where it is. Measure how far a batch of puzzles is from it.
#
# - `f(z, x)` gives the updated `z`. Both `z` and `x` have the shape [B, S, D]: puzzles, positions, channels.
# - The residual of a puzzle is the length of the change, `f(z, x) - z`, divided by the length of the old `z`. The length
#   is taken over all S x D numbers of the puzzle.
# - What comes back has the shape [B]: one residual for each puzzle. `z` itself must not change.
#
# Expected: with two puzzles of two positions and one channel, `z` = [[[3], [4]], [[6], [8]]] and an `f` that returns
# `z + x` with `x` = [[[0], [1]], [[0], [1]]], the residuals are [0.2, 0.1].


# %% nbgrader={"grade": false, "grade_id": "residual", "locked": false, "schema_version": 3, "solution": true, "task": false}
def residual(f: Callable[[Tensor, Tensor], Tensor], z: Tensor, x: Tensor) -> Tensor:
    """z, x [B, S, D] -> the relative residual of each puzzle [B]."""
    # BEGIN SOLUTION
    change = f(z, x) - z
    return change.flatten(1).norm(dim=1) / z.flatten(1).norm(dim=1)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_residual", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.residual(residual)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Take the first puzzle alone, as one long vector of S x D numbers. How long is it? How long is its change?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# change = what f makes of z, minus z
# flatten both tensors, all axes but the first
# length = root of the sum of squares, along the flattened axis
# divide the length of the change by the length of z
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Often the norm is taken over the whole batch. Then one puzzle that moves hides ten that rest. Or over the last axis
# only: then every position has a residual of its own.
#
# </details>

# %% [markdown]
# ## Exercise 2: the exact gradient at a fixed point
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# A linear recursion `z <- A z + b` has come to rest at z\*, so z\* = A z\* + b. The loss is the dot product of `c` with
# z\*. What is the exact gradient of the loss with respect to `b`?
#
# - `A` has the shape [D, D], `c` has the shape [D], and so has what comes back.
# - `A` need not be symmetric. All its eigenvalues lie inside the unit circle.
# - Exact means: as if the gradient had passed through infinitely many updates.
#
# Expected: with one number, `A` = [[0.5]] and `c` = [3] give [6]. With `A` = [[0, 1], [0, 0]] and `c` = [1, 0] the
# gradient is [1, 1].


# %% nbgrader={"grade": false, "grade_id": "exact_gradient_at_fixed_point", "locked": false, "schema_version": 3, "solution": true, "task": false}
def exact_gradient_at_fixed_point(A: Tensor, c: Tensor) -> Tensor:
    """A [D, D], c [D] -> gradient of c . z* with respect to b, [D], where z* = A z* + b."""
    # BEGIN SOLUTION
    return torch.linalg.solve(torch.eye(len(A)) - A.T, c)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_exact_gradient_at_fixed_point", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.exact_gradient_at_fixed_point(exact_gradient_at_fixed_point)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# With one number, z\* = a z\* + b. Solve it for z\*. How does z\* change when b grows by 1? For a matrix, remember which
# way a gradient walks through a matrix product.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# z* = (I - A)^-1 b
# loss = c . (I - A)^-1 b
# gradient = the matrix in front of b, transposed, times c
# so solve: (I - A transposed) g = c
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# With a symmetric A, a forgotten transpose would go unnoticed. `solve` is better than `inv`: it is faster and more
# exact. A loop that adds up c, A.T c, A.T A.T c, ... is right as well.
#
# </details>

# %% [markdown]
# ## Exercise 3: do two gradients point the same way?
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# A gradient comes as a list: one tensor for each weight matrix. Compute the cosine of the angle between two of them.
#
# - `a` and `b` are lists of equally many tensors; `a[i]` and `b[i]` have the same shape. No list is all zeros.
# - Take each list as **one** long vector: the dot product of the two, divided by the product of their lengths.
# - What comes back is one number, a float or a tensor without axes, from -1 to 1.
#
# Expected: [[3], [4]] against [[3], [-4]] (two tensors of one number each) gives (9 - 16) / (5 x 5) = -0.28.


# %% nbgrader={"grade": false, "grade_id": "cosine", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cosine(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Two gradients, each a list of tensors -> the cosine between them, a number."""
    # BEGIN SOLUTION
    u, v = (torch.cat([tensor.flatten() for tensor in tensors]) for tensors in (a, b))
    return u @ v / (u.norm() * v.norm())
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_cosine", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.cosine(cosine)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# How long is the vector that begins with the numbers of the first tensor and goes on with those of the second? Its
# square is easier to say.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# join the flattened tensors of a to one vector u
# do the same with b: v
# the dot product of u and v, divided by the length of u and by the length of v
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The mean of the cosines of the single tensors is another number: there a tiny bias counts as much as a large matrix. An
# absolute value would hide the case that matters most: a gradient that points the wrong way.
#
# </details>

# %% [markdown]
# ## Exercise 4: a recursion with a one-step gradient
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# Write TRM's latent recursion, but give it HRM's gradient.
#
# - `z` is renewed `n` times by `net(z, y + x)`. Then `y` is renewed once by `net(y, z)`.
# - A gradient may pass through the **last** update of `z` and through the update of `y`. No other update leaves a graph.
# - The new `y` and the new `z` come back, in this order, both with the graph of their last update. `n` is at least 1.
#
# Expected: with a `net` that takes the mean of its two inputs, x = 8, y = 0, z = 0 and n = 2 give y = 3 and z = 6. Of the
# three evaluations two have a gradient.


# %% nbgrader={"grade": false, "grade_id": "one_step_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def one_step_gradient(
    net: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, z: Tensor, n: int
) -> tuple[Tensor, Tensor]:
    """x, y, z [..., D] -> the new y and the new z, of the same shape."""
    # BEGIN SOLUTION
    with torch.no_grad():
        for _ in range(n - 1):
            z = net(z, y + x)
    z = net(z, y + x)
    y = net(y, z)
    return y, z
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_one_step_gradient", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.one_step_gradient(one_step_gradient)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# First write the recursion with its full gradient. Which of its evaluations must not be remembered?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# without gradient:
#     n - 1 times: renew z
# with gradient:
#     renew z once more
#     renew y from the new z
# return y and z
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# If `z` is detached after its last update, only the update of `y` is trained. If everything stands inside of `no_grad`,
# nothing is. Neither raises an error by itself as long as the heads behind it still learn: only the gradients tell.
#
# </details>

# %% [markdown]
# ## Exercise 5: a supervision step
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# Write the recursion around the recursion, as TRM has it.
#
# - `recursion(x, y, z)` is given. It returns the new pair (y, z). Call it `T` times, each time with the latest states.
# - Only the last call may have a gradient, and all of it has one.
# - Two things come back: the carry, a pair (y, z) that is detached, for the next supervision step; and the answer, the
#   same y with its graph, for the heads. `T` is at least 1.
#
# Expected: with a recursion that returns (y + x, z + 1) and x = 2, y = 0, z = 0, T = 3, the carry is (6, 3) and the answer 6.


# %% nbgrader={"grade": false, "grade_id": "deep_recursion", "locked": false, "schema_version": 3, "solution": true, "task": false}
def deep_recursion(
    recursion: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]], x: Tensor, y: Tensor, z: Tensor, T: int
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """x, y, z [..., D] -> the carry (y, z), detached, and the answer y with its graph."""
    # BEGIN SOLUTION
    with torch.no_grad():
        for _ in range(T - 1):
            y, z = recursion(x, y, z)
    y, z = recursion(x, y, z)
    return (y.detach(), z.detach()), y
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_deep_recursion", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.deep_recursion(deep_recursion)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Three things are asked of one y: it goes on to the next supervision step, it goes to the heads, and only one of the two
# ways may carry a gradient back.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# without gradient:
#     T - 1 times: renew y and z by the recursion
# with gradient:
#     once more
# return the pair of detached y and z, and y as it is
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Some write `y, z = y.detach(), z.detach()` and then give y to the heads: then nothing is learned. Some forget to detach:
# with T = 3 nobody notices, because the recursions without gradient cut the graph anyway; with T = 1 the gradient runs
# back through all earlier supervision steps.
#
# </details>

# %% [markdown]
# ## Exercise 6: what is kept for the backward pass?
#
# *Difficulty: 2 of 5 · Importance: 3 of 5 · Time: about 5 minutes*
#
# A supervision step has `T` recursions of `n` updates of `z` and one of `y`. Each update is one evaluation of the network.
# An evaluation that has a gradient keeps its intermediate results in memory. How many do?
#
# - `gradient` is a text: `"last"` is TRM's gradient, through the whole last recursion. `"one"` is the one-step gradient,
#   through the last update of `z` and the last update of `y`. `"all"` goes through all T recursions.
# - What comes back is a whole number.
#
# Expected: for T = 2 and n = 1 the numbers are 2 (`"last"`), 2 (`"one"`) and 4 (`"all"`).


# %% nbgrader={"grade": false, "grade_id": "saved_evaluations", "locked": false, "schema_version": 3, "solution": true, "task": false}
def saved_evaluations(T: int, n: int, gradient: str) -> int:
    """Recursions T, updates n, and "last", "one" or "all" -> evaluations that are kept for the backward pass."""
    # BEGIN SOLUTION
    return {"last": n + 1, "one": 2, "all": T * (n + 1)}[gradient]
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_saved_evaluations", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.saved_evaluations(saved_evaluations)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Draw one recursion: n circles for the updates of z, and a square for the update of y. Draw it T times. Which shapes have
# a gradient?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# "all":  every circle and every square
# "last": the circles and the square of one recursion
# "one":  one circle and one square
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Many forget the update of y. And "one step" means one update of each state, so two evaluations.
#
# </details>
