# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Exercises: train for real
#
# They belong to [lesson 11](../notebooks/11_train_for_real.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.
#
# FLOP: a multiplication or an addition. A rate is in FLOP/s.

# %%
import copy
import inspect
import math
import statistics

import torch
from matplotlib.figure import Figure
from torch import Tensor

from trm_edu import optim, plots
from trm_edu.checks import train_for_real as check

# %% [markdown]
# ## Exercise 1: the learning rate over time
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# First a warm-up, then a cosine.
#
# - While `step` is below `warmup`, the rate grows in a straight line: 0 at step 0, `base` at step `warmup`.
# - From there to step `total` it falls along half a turn of a cosine: flat at both ends, half way down in the middle.
# - At step `total`, and at every later step, it is `min_ratio * base`.
# - `warmup` may be 0: then it begins with the cosine. `total` is larger than `warmup`.
# - What comes back is a number.
#
# Expected, for base 1, 10 steps of warm-up, 50 in all and min_ratio 0.2: 0.5 at step 5, 0.6 at step 30, 0.2 at step 50.
# The whole curve, drawn with the library:

# %%
steps = range(61)
expected = [optim.learning_rate(step, base=1.0, warmup=10, total=50, min_ratio=0.2) for step in steps]
ax = Figure(figsize=(5.6, 2.4), layout="constrained").subplots()
ax.plot(steps, expected, color=plots.BLUE)
ax.set(xlabel="step", ylabel="learning rate", ylim=(0, 1.05))
plots.show(ax, "The rate rises to 1 at step 10, falls along a cosine to 0.2 at step 50, and stays there.")


# %% nbgrader={"grade": false, "grade_id": "learning_rate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def learning_rate(step: int, base: float, warmup: int, total: int, min_ratio: float) -> float:
    """The rate at this step."""
    # BEGIN SOLUTION
    if step < warmup:
        return base * step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    falling = (1 + math.cos(math.pi * progress)) / 2
    return base * (min_ratio + (1 - min_ratio) * falling)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_learning_rate", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.learning_rate(learning_rate)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Three pieces: rising, falling, beyond the end. For the second make a number `progress` that is 0 at the end of the
# warm-up and 1 at `total`. What is the cosine of 0, and of pi?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# if step is below warmup: base * step / warmup
# progress = how far from warmup to total, at most 1
# falling  = (1 + cos(pi * progress)) / 2          1 at first, 0 at the end
# rate     = base * (min_ratio + what is left of 1 * falling)
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# People measure the progress from step 0. Then the rate jumps at the end of the warm-up. And without the `min`, the
# cosine comes up again after the last step.
#
# </details>

# %% [markdown]
# ## Exercise 2: what a training step costs
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 20 minutes*
#
# The FLOPs of one training step of a TRM with token mixers. Count matrix products only, and neither embedding nor
# heads.
#
# - `B` puzzles, `S` positions (prefix included), `D` channels.
# - Each of the `layers` layers holds two SwiGLUs. One works on the positions, for each of the D channels: size S, inner
#   width `W_cells`. The other works on the channels, for each of the S positions: size D, inner width `W`.
# - A SwiGLU of size s and inner width w has three matrices: two of s x w and one of w x s.
# - A step makes `T` recursions. Each evaluates the network `n` times for z and once for y. The last recursion runs with
#   gradient, the others without.
# - The backward pass of an evaluation costs twice its forward pass.
# - What comes back is a whole number (a float of that value will do).
#
# Expected: with B 1, S 2, D 3, W_cells 4, W 5, one layer, T 1 and n 1 it is 1,944. With the sizes of the paper's Sudoku
# run (B 768, S 97, D 512, W_cells 512, W 1536, 2 layers, T 3, n 6) it is 32,808,181,432,320.


# %% nbgrader={"grade": false, "grade_id": "training_step_flops", "locked": false, "schema_version": 3, "solution": true, "task": false}
def training_step_flops(B: int, S: int, D: int, W_cells: int, W: int, layers: int, T: int, n: int) -> int:
    """FLOPs of one training step of the whole batch."""
    # BEGIN SOLUTION
    mixer = 3 * 2 * S * W_cells * D
    channels = 3 * 2 * D * W * S
    evaluation = layers * (mixer + channels)
    without, with_gradient = (T - 1) * (n + 1), n + 1
    return B * evaluation * (without + 3 * with_gradient)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_training_step_flops", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.training_step_flops(training_step_flops)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Go from the inside out, and give each thing a name: one SwiGLU for one vector, one layer, one evaluation of the
# network. Then count evaluations without and with gradient.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# mixer      = 3 matrices * 2 * S * W_cells, for D channels
# channels   = 3 matrices * 2 * D * W, for S positions
# evaluation = layers * (mixer + channels)
# without    = (T - 1) recursions of n + 1 evaluations
# with       = one recursion of n + 1 evaluations, each worth 3
# step       = B * evaluation * (without + 3 * with)
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The two most common slips: three times for all T recursions, although only the last one has a backward pass; and n
# evaluations instead of n + 1, because the answer update is easy to forget.
#
# </details>

# %% [markdown]
# ## Exercise 3: steps from epochs
#
# *Difficulty: 1 of 5 · Importance: 3 of 5 · Time: about 5 minutes*
#
# The papers count epochs; the optimizer counts steps.
#
# - In an epoch, each of the `puzzles` is offered once. A step is offered `batch` puzzles.
# - The puzzles of all epochs stand in one long row. What is left over at the end of an epoch goes into the first batch
#   of the next one. What is left over at the very end makes no step.
# - `batch` may be larger than `puzzles`.
# - What comes back is a whole number.
#
# Expected: 50,000 epochs of 1,000 puzzles at batch 768 are 65,104 steps; 100 epochs are 130.


# %% nbgrader={"grade": false, "grade_id": "optimizer_steps", "locked": false, "schema_version": 3, "solution": true, "task": false}
def optimizer_steps(epochs: int, puzzles: int, batch: int) -> int:
    """How many whole batches the epochs hold."""
    # BEGIN SOLUTION
    return epochs * puzzles // batch
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_optimizer_steps", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.optimizer_steps(optimizer_steps)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# How long is the row of all epochs? The number of supervision steps is not needed.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# all = epochs * puzzles
# steps = how often batch fits wholly into all
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `epochs * (puzzles // batch)` throws the rest of every epoch away: with batch 768 that is a quarter of the puzzles.
#
# </details>

# %% [markdown]
# ## Exercise 4: the share of the peak
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# You measured the steps of a run. How much of the machine do you use?
#
# - `flops`: FLOPs of one step. `seconds`: the time of each step, in order, a list. `peak`: FLOP/s that the machine
#   could do at best.
# - Leave out the first step, whatever it took: it sets things up.
# - Of the others take the median. (The check gives you an odd number of them.)
# - What comes back is the share of the peak that is reached: a number from 0 to 1.
#
# Expected: 2e12 FLOP, times `[60.0, 0.01, 0.02, 0.04]` and a peak of 1e15 give 0.1.


# %% nbgrader={"grade": false, "grade_id": "share_of_peak", "locked": false, "schema_version": 3, "solution": true, "task": false}
def share_of_peak(flops: float, seconds: list[float], peak: float) -> float:
    """The rate that is reached, divided by the peak rate."""
    # BEGIN SOLUTION
    usual = statistics.median(seconds[1:])
    return flops / usual / peak
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_share_of_peak", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.share_of_peak(share_of_peak)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Write the units: FLOP, seconds, FLOP/s. Which two of them give a rate? Python's `statistics` module knows the median.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# usual = median of all times but the first
# rate  = flops by usual
# share = rate by peak
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The mean of all times looks like the safe choice. One compilation of a minute among steps of milliseconds makes it
# meaningless.
#
# </details>

# %% [markdown]
# ## Exercise 5: hours to train
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# Before you rent a machine: how long will it take?
#
# - `flops`: FLOPs of one training step, backward pass included. `steps`: optimizer steps. `peak`: FLOP/s of the machine
#   at best. `share`: what part of the peak the program reaches.
# - What comes back is the time in hours.
#
# Expected: 36e12 FLOP a step, 50,000 steps, a peak of 1e15 and a share of 0.5 take 1 hour.


# %% nbgrader={"grade": false, "grade_id": "hours_to_train", "locked": false, "schema_version": 3, "solution": true, "task": false}
def hours_to_train(flops: float, steps: int, peak: float, share: float) -> float:
    """Hours of the whole run."""
    # BEGIN SOLUTION
    rate = share * peak
    return flops * steps / rate / 3600
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_hours_to_train", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.hours_to_train(hours_to_train)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Time is work divided by rate. Should the time grow or shrink when the share grows?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# work  = flops of all steps
# rate  = share of the peak
# hours = work by rate, from seconds to hours
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Many estimates in blogs are made at the full peak. Then the run takes three times as long, and nobody knows why.
#
# </details>

# %% [markdown]
# ## A loop to stop and resume
#
# The next exercise uses this tiny training loop. Read it: everything that a step depends on is one of its attributes.
# Two loops from the same seed make the same steps.

# %%
print(inspect.getsource(check.Loop))

# %% [markdown]
# ## Exercise 6: go on as if nothing had happened
#
# *Difficulty: 4 of 5 · Importance: 5 of 5 · Time: about 25 minutes*
#
# Hand a run over from an old loop to a new one.
#
# - `old` is a `check.Loop` that has made some steps. `new` is a `check.Loop` made from another seed, without a step.
# - Afterwards `new` must go on exactly as `old` would have: equal to the last bit.
# - Change only `new`. Make no step. Nothing comes back.
# - Both live on, so `new` must share no memory with `old`: where you hand over a tensor, hand over a copy. Beware: an
#   optimizer's `load_state_dict` keeps the very tensors that it is given.
# - The learning rate needs no care of its own: each step sets it from `steps_done`.
#
# Expected: if `old = check.Loop(0)` has made ten steps, the next three losses of `new` are 1.8753, 1.2025 and 2.1364.


# %% nbgrader={"grade": false, "grade_id": "hand_over", "locked": false, "schema_version": 3, "solution": true, "task": false}
def hand_over(old: check.Loop, new: check.Loop) -> None:
    """Give `new` copies of all that the next step of `old` depends on."""
    # BEGIN SOLUTION
    new.model.load_state_dict(old.model.state_dict())
    new.optimizer.load_state_dict(copy.deepcopy(old.optimizer.state_dict()))
    new.average = old.average.clone()
    new.carry = old.carry.clone()
    new.generator.set_state(old.generator.get_state())
    new.steps_done = old.steps_done
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_hand_over", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.hand_over(hand_over)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Go through `__init__` line by line. For each attribute ask: does a step change it? Network, optimizer and generator
# have methods to get their state and to set it.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# network:   load a state dict
# optimizer: load a deep copy of a state dict
# average, carry: clone
# generator: set the state
# number of steps: assign
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Each piece that is forgotten does its own harm: without moments the first steps are wild, without the count the
# schedule begins anew, without the generator the same puzzles come again. None of it raises an error.
#
# </details>

# %% [markdown]
# ## Exercise 7: the gradient of many processes
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# Several processes share a batch. They have parts of different sizes.
#
# - `gradients`: a list with one tensor for each process, all of one shape: the gradient of the MEAN loss over this
#   process's own puzzles.
# - `counts`: how many puzzles each process has.
# - What comes back is one tensor of that same shape: the gradient of the mean loss over all puzzles.
#
# Expected: gradients `[1, 2]` (of 3 puzzles) and `[5, 4]` (of 1 puzzle) give `[2, 2.5]`.


# %% nbgrader={"grade": false, "grade_id": "average_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def average_gradient(gradients: list[Tensor], counts: list[int]) -> Tensor:
    """Gradients of one shape, one for each process -> the gradient over all puzzles, of that shape."""
    # BEGIN SOLUTION
    total = torch.zeros_like(gradients[0])
    for gradient, count in zip(gradients, counts, strict=True):
        total += count * gradient
    return total / sum(counts)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_average_gradient", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.average_gradient(average_gradient)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Undo each process's mean first. What do you get if you multiply a mean by its count?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# total = sum over the processes of count * gradient
# return total by the number of puzzles in all
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The plain mean is right for equal parts, and that is what `DistributedDataParallel` takes. So give every process
# equally many puzzles.
#
# </details>
