# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · Exercises: one pass fails
#
# They belong to [lesson 02](../notebooks/02_one_pass_fails.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.

# %%
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trm_edu.checks import one_pass_fails as check

# %% [markdown]
# ## Exercise 1: the loss, with cells that do not count
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# Cross-entropy of a batch, in two means.
#
# - `logits` are raw numbers [B, L, V]; `labels` are whole numbers [B, L]. A label of -100 means: this cell does not count.
# - The loss of a cell is minus the logarithm of the softmax probability of its label.
# - First the mean over the cells *that count* in each puzzle, then the mean over the B puzzles. Each puzzle has at least
#   one cell that counts.
# - What comes back is a tensor without axes that carries a gradient if the logits do.
# - Logits may be large: `log_softmax` copes with that, the logarithm of a softmax does not.
#
# Expected: for the batch below, 1.4501. One mean over all four cells that count would give 1.1116.

# %%
example_logits = torch.tensor([[[2.0, 0.0], [0.0, 0.0], [9.0, 9.0]], [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]])
example_labels = torch.tensor([[1, -100, -100], [0, 0, 1]])
for puzzle in range(2):
    print(F.cross_entropy(example_logits[puzzle], example_labels[puzzle]))  # torch's, one puzzle at a time


# %% nbgrader={"grade": false, "grade_id": "cell_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cell_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Logits [B, L, V] and labels [B, L] -> mean loss, a tensor without axes."""
    # BEGIN SOLUTION
    counts = labels != -100
    log_probability = logits.log_softmax(-1).gather(-1, labels.clamp_min(0)[..., None])[..., 0]
    per_puzzle = (-log_probability * counts).sum(-1) / counts.sum(-1)
    return per_puzzle.mean()
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_cell_loss", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.cell_loss(cell_loss)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# How many cells of the first puzzle count? That number must stand below its sum. And -100 is no place in a row of V
# logits: what could stand there instead, if you throw its loss away afterwards?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# counts: where the label is not -100
# log-softmax over the tokens
# in each cell pick the number at its label (at token 0 where the cell does not count)
# minus that, times counts, summed over the cells
# divided by how many cells count
# mean over the puzzles
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Often the sum is right and the divisor is not: L instead of the cells that count. Then a puzzle with much padding hardly
# teaches anything. And who gives probabilities to `F.cross_entropy` applies softmax twice: it trains, but slowly.
#
# </details>

# %% [markdown]
# ## Exercise 2: the training step
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# One step of training, in the right order.
#
# - `model(inputs)` gives logits [B, L, V]. `optimizer` belongs to the weights of the model.
# - The loss is cross-entropy over the cells whose label is not -100. Here every puzzle has as many of them, so one mean
#   over all of them is the same as the mean of means. `F.cross_entropy` may be used.
# - Gradients of earlier steps must not be in this one.
# - What comes back is the loss of this batch *before* the weights moved, as a plain number.
#
# Expected: for the tiny network below, two steps on the same batch return 0.6931, then 0.6685.

# %%
tiny = nn.Embedding(3, 2)  # "logits" straight from a table
nn.init.zeros_(tiny.weight)
tiny_optimizer = torch.optim.SGD(tiny.parameters(), lr=0.1)
tiny_batch = torch.tensor([[0, 1, 2], [2, 1, 0]]), torch.tensor([[1, 1, -100], [-100, 1, 1]])


# %% nbgrader={"grade": false, "grade_id": "training_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def training_step(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, labels: Tensor) -> float:
    """Inputs [B, L] and labels [B, L] -> the loss; the weights of the model move once."""
    # BEGIN SOLUTION
    optimizer.zero_grad()
    loss = F.cross_entropy(model(inputs).flatten(0, 1), labels.flatten(), ignore_index=-100)
    loss.backward()
    optimizer.step()
    return loss.item()
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_training_step", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.training_step(training_step)

# %% tags=["needs-answer"]
print([round(training_step(tiny, tiny_optimizer, *tiny_batch), 4) for _ in range(2)])

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Five things happen: forward, loss, backward, step, and one more. `backward` *adds* to what stands in `.grad`.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# clear the gradients
# logits of the inputs
# loss of logits and labels
# gradients of the loss
# let the optimizer move the weights
# give back the loss as a number
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Without `zero_grad` the first step is right, and every later one repeats all earlier ones. That is why the check makes
# two. Clearing between `backward` and `step` is worse: nothing moves, and no error says so.
#
# </details>

# %% [markdown]
# ## Exercise 3: cells, and whole puzzles
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# The two scores of a batch.
#
# - The answer of a cell is the token with the largest logit. `logits` are [B, L, V], `labels` [B, L].
# - *Cells*: right cells of the whole batch, divided by all cells of the batch that count (label not -100).
# - *Exact*: the share of puzzles in which every cell that counts is right.
# - What comes back is the pair (cells, exact), two numbers between 0 and 1.
#
# Expected: answers `[[1, 2, 0], [1, 1, 1]]` and labels `[[1, 2, -100], [1, 0, 1]]` give 4 of 5 cells and 1 of 2 puzzles:
# `(0.8, 0.5)`.


# %% nbgrader={"grade": false, "grade_id": "cell_and_exact", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cell_and_exact(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Logits [B, L, V] and labels [B, L] -> (share of cells right, share of puzzles right)."""
    # BEGIN SOLUTION
    counts = labels != -100
    right = logits.argmax(-1) == labels
    exact = (right | ~counts).all(-1)
    return (right.sum() / counts.sum()).item(), exact.float().mean().item()
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_cell_and_exact", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.cell_and_exact(cell_and_exact)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# A cell that does not count is never equal to its label. That suits one of the two scores and spoils the other.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# counts: label is not -100
# right: largest logit is at the label
# cells = number of right / number of counts
# a puzzle is exact if each of its cells is right or does not count
# exact = share of exact puzzles
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Two opposite mistakes: ignored cells taken for wrong ones (then no padded puzzle is ever exact), and ignored cells taken
# for right ones (then padding lifts the cell score).
#
# </details>

# %% [markdown]
# ## Exercise 4: how deep?
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# A recursion renews z n times and then y once; each renewal is one evaluation of a network with `n_layers` layers. A
# supervision step makes T recursions, only the last of them with gradient. There are `n_supervision` steps; each goes on
# from the detached y and z of the one before.
#
# - First number: through how many layers has the last answer come?
# - Second number: how many of these layers does the gradient of the last loss reach?
# - Both come back as a pair of whole numbers.
#
# Expected: `effective_depth(3, 6, 2, 1)` is `(42, 14)`.


# %% nbgrader={"grade": false, "grade_id": "effective_depth", "locked": false, "schema_version": 3, "solution": true, "task": false}
def effective_depth(T: int, n: int, n_layers: int, n_supervision: int) -> tuple[int, int]:
    """Settings -> (all layers before the last answer, those that carry its gradient)."""
    # BEGIN SOLUTION
    one_recursion = (n + 1) * n_layers
    return T * one_recursion * n_supervision, one_recursion
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_effective_depth", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.effective_depth(effective_depth)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# For T = 2 and n = 1 the sequence of a supervision step is z y, z y. Write it down for your case and count letters.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# layers of one recursion: (updates of z, and one of y) times layers
# all: that, times recursions in a step, times steps
# with gradient: one recursion only
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The update of y is easily forgotten: T x n instead of T(n + 1). And the paper's 42 is the depth of *one* step; sixteen
# of them follow each other.
#
# </details>

# %% [markdown]
# ## Exercise 5: how many weights?
#
# *Difficulty: 3 of 5 · Importance: 3 of 5 · Time: about 15 minutes*
#
# Count the weights of the blocks of a recursive network, without building it.
#
# - A SwiGLU on vectors of size d with inner width w has three matrices of d x w. Nothing here has a bias.
# - Each block has a SwiGLU on the channels (size `dim`, inner width `width`), and a part that mixes cells:
#   - mixer `"mlp"`: a SwiGLU on the cells (size `cells`, inner width `cell_width`), the same for all channels;
#   - mixer `"attention"`: matrices for query, key, value and output, each `dim` x `dim`.
# - The network has `n_layers` blocks, and is run with T and n as in lesson 02.
# - Embedding and heads are not counted. What comes back is a whole number.
#
# Expected: with `dim=512, width=1536, cells=81, cell_width=256, n_layers=2, T=3, n=6`, the mixer has 4,843,008 and
# attention 6,815,744 weights.


# %% nbgrader={"grade": false, "grade_id": "count_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def count_parameters(
    mixer: str, dim: int, width: int, cells: int, cell_width: int, n_layers: int, T: int, n: int
) -> int:
    """Sizes of the blocks -> number of their weights. `mixer` is "mlp" or "attention"."""
    # BEGIN SOLUTION
    mixing = 3 * cells * cell_width if mixer == "mlp" else 4 * dim * dim
    return n_layers * (mixing + 3 * dim * width)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_count_parameters", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.count_parameters(count_parameters)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Some of what you are given is not needed. Which settings change how often a matrix is used, and which change its size?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# mixing = three matrices cells x cell_width, or four matrices dim x dim
# channels = three matrices dim x width
# blocks times (mixing + channels)
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Gate and up are stored as one tensor in the published code, so people count two matrices. T and n do not appear at all:
# that is the point.
#
# </details>

# %% [markdown]
# ## Exercise 6: what does a training step cost?
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# One evaluation of the network on one puzzle takes `multiply_adds` multiply-adds, forward. Count the floating-point
# operations of one training step (one supervision step, one puzzle).
#
# - A multiply-add is two operations.
# - T recursions of n + 1 evaluations; all but the last recursion run without gradient.
# - An evaluation with gradient also has a backward pass, which costs as much as two forward passes.
# - What comes back is a whole number.
#
# Expected: `training_flops(1000, 3, 6)` is 70,000, that is 35 forward equivalents of 2,000 operations each.


# %% nbgrader={"grade": false, "grade_id": "training_flops", "locked": false, "schema_version": 3, "solution": true, "task": false}
def training_flops(multiply_adds: int, T: int, n: int) -> int:
    """Multiply-adds of one evaluation -> operations of one training step of one puzzle."""
    # BEGIN SOLUTION
    without_gradient = (T - 1) * (n + 1)
    with_gradient = n + 1
    return 2 * multiply_adds * (without_gradient + 3 * with_gradient)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_training_flops", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.training_flops(training_flops)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Two kinds of evaluations, two prices. How many are there of each kind?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# without = (all recursions but one) times evaluations of a recursion, price 1
# with = evaluations of one recursion, price 3
# both prices together, times the operations of one forward evaluation
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# If all 21 evaluations of T = 3, n = 6 had a backward pass, it would be 63 instead of 35. The last recursion is not
# counted twice: its forward pass is one of the three.
#
# </details>
