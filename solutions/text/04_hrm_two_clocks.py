# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · Exercises: two clocks
#
# They belong to [lesson 04](../notebooks/04_hrm_two_clocks.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.
#
# As in the lesson, a network is called as `f(state, injected)`: its own state first, then the sum of all else that it
# reads. No exercise needs the answer of another one.

# %%
from collections.abc import Callable

from torch import Tensor, nn

from trm_edu.checks import hrm_two_clocks as check

# %% [markdown]
# ## Exercise 1: the schedule
#
# *Difficulty: 1 of 5 · Importance: 5 of 5 · Time: about 5 minutes*
#
# Write down which network fires when, in one supervision step.
#
# - `n` low ticks, then one high tick: that is a cycle. There are `T` cycles.
# - What comes back is a list of texts, `"L"` or `"H"`, in order of time.
#
# Expected: `schedule(T=2, n=3)` is `["L", "L", "L", "H", "L", "L", "L", "H"]`.


# %% nbgrader={"grade": false, "grade_id": "schedule", "locked": false, "schema_version": 3, "solution": true, "task": false}
def schedule(T: int, n: int) -> list[str]:
    """T cycles of n low ticks and one high tick -> T(n + 1) names of networks."""
    # BEGIN SOLUTION
    ticks = []
    for _ in range(T):
        for _ in range(n):
            ticks.append("L")
        ticks.append("H")
    return ticks
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_schedule", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.schedule(schedule)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Draw the lesson's timeline for T = 2 and n = 3, and read it from left to right.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# start with an empty list
# T times:
#     n times: add an L
#     add one H
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The two loops are nested, and the H stands in the outer one: one step of indentation too much, and H fires at every
# tick; one too little, and it fires once at the end.
#
# </details>

# %% [markdown]
# ## Exercise 2: a low tick
#
# *Difficulty: 1 of 5 · Importance: 5 of 5 · Time: about 5 minutes*
#
# Renew the low state once.
#
# - `f_L` reads three things: the low state, the high state and the question `x`.
# - Call it as `f_L(state, injected)`: the state that is renewed comes first. All else is added up and comes second.
# - What comes back is the new low state.
#
# Expected, with `f_L = lambda a, b: 2 * a + b`, x = 1, z_H = 10 and z_L = 100: 211.


# %% nbgrader={"grade": false, "grade_id": "low_tick", "locked": false, "schema_version": 3, "solution": true, "task": false}
def low_tick(f_L: Callable, x: Tensor, z_H: Tensor, z_L: Tensor) -> Tensor:
    """x, z_H, z_L [B, S, D] -> new z_L [B, S, D]."""
    # BEGIN SOLUTION
    return f_L(z_L, z_H + x)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_low_tick", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.low_tick(low_tick)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Which of the three is renewed? It comes first, and only once. What remains?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# injected = the high state plus the question
# give f_L the low state and injected
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Without `x` here, no network ever sees the question: the answer is the same for all puzzles.
#
# </details>

# %% [markdown]
# ## Exercise 3: a high tick
#
# *Difficulty: 1 of 5 · Importance: 5 of 5 · Time: about 5 minutes*
#
# Renew the high state once. You are given the same things as before. Think which of them you need.
#
# - Call the network as `f_H(state, injected)`, the state that is renewed first.
# - What comes back is the new high state.
#
# Expected, with `f_H = lambda a, b: 2 * a + b`, x = 1, z_H = 10 and z_L = 100: 120.


# %% nbgrader={"grade": false, "grade_id": "high_tick", "locked": false, "schema_version": 3, "solution": true, "task": false}
def high_tick(f_H: Callable, x: Tensor, z_H: Tensor, z_L: Tensor) -> Tensor:
    """x, z_H, z_L [B, S, D] -> new z_H [B, S, D]."""
    # BEGIN SOLUTION
    return f_H(z_H, z_L)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_high_tick", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.high_tick(high_tick)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Look at the table in section 1 of the lesson: what does the high network read?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# give f_H the high state and the low state; leave the question out
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# People add `x` out of habit. It trains all the same, but it is another model: in HRM the high state hears of the
# question only through the low one.
#
# </details>

# %% [markdown]
# ## Exercise 4: all the cycles
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# Write the recursion of one supervision step, for any two networks (gradients are lesson 05; leave them alone).
#
# - `T` cycles; in each, `n` low ticks, then one high tick.
# - Every tick uses the newest states. Nothing is set back between cycles.
# - Call the networks as before: `f_L(z_L, z_H + x)` and `f_H(z_H, z_L)`. No evaluation is wasted: T·n of `f_L`, T of
#   `f_H`.
# - What comes back is the pair `(z_H, z_L)`, high state first.
#
# Expected, with the mean as both networks, x = 8, both states 0, T = 2 and n = 2: `(6.375, 9.75)`.


# %% nbgrader={"grade": false, "grade_id": "hrm_cycles", "locked": false, "schema_version": 3, "solution": true, "task": false}
def hrm_cycles(
    f_L: Callable, f_H: Callable, x: Tensor, z_H: Tensor, z_L: Tensor, T: int, n: int
) -> tuple[Tensor, Tensor]:
    """x, z_H, z_L [B, S, D] -> (z_H, z_L) after T cycles, each [B, S, D]."""
    # BEGIN SOLUTION
    for _ in range(T):
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
        z_H = f_H(z_H, z_L)
    return z_H, z_L
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_hrm_cycles", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.hrm_cycles(hrm_cycles)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Two nested loops. Which line belongs to the inner one, which to the outer one? Do the expected numbers by hand: 4, 6,
# 3, and so on.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# T times:
#     n times:
#         low state  <- f_L of the low state, with high state plus question
#     high state <- f_H of the high state, with the low state
# give back the high state and the low state
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# If you keep the first `z_H` under another name and go on using it, the two clocks never talk: the low network works on
# the same problem in every cycle.
#
# </details>

# %% [markdown]
# ## Exercise 5: supervision steps
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# Run a finished HRM for several supervision steps on the same puzzles.
#
# - The model has the library's form. `model.initial_state(B)` is the start for B puzzles. One supervision step is
#   `state, output = model(inputs, state)`, and `output.logits` is the answer, [B, L, V].
# - Each step begins with the states that the last one left.
# - What comes back is `(state, logits)`: the state after the last step, and a list of the logits of each step.
#
# Expected: 3 steps give a list of 3 tensors, no two of them equal.


# %% nbgrader={"grade": false, "grade_id": "run_supervision_steps", "locked": false, "schema_version": 3, "solution": true, "task": false}
def run_supervision_steps(model: nn.Module, inputs: Tensor, steps: int) -> tuple[tuple[Tensor, Tensor], list[Tensor]]:
    """Tokens [B, L] -> (state after the last step, one [B, L, V] for each step)."""
    # BEGIN SOLUTION
    state = model.initial_state(len(inputs))
    logits = []
    for _ in range(steps):
        state, output = model(inputs, state)
        logits.append(output.logits)
    return state, logits
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_run_supervision_steps", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.run_supervision_steps(run_supervision_steps)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Where does the line with `initial_state` stand: before the loop or inside it?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# state = the start for as many puzzles as there are
# steps times:
#     run the model on inputs and state; keep what it gives as the new state
#     add the logits to the list
# give back state and list
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# If the states are set back inside the loop, nothing crashes: all steps give the same answer. If the new state gets
# another name than the old one, the same happens.
#
# </details>

# %% [markdown]
# ## Exercise 6: effective depth
#
# *Difficulty: 1 of 5 · Importance: 3 of 5 · Time: about 5 minutes*
#
# How many layers does a supervision step pass one after another?
#
# - The low network has `layers_L` layers, the high one `layers_H`. They need not be equal.
# - Count a layer as often as it is passed. What comes back is a whole number.
#
# Expected: HRM's Sudoku setting, T = 2, n = 2 and 4 layers each, gives 24.


# %% nbgrader={"grade": false, "grade_id": "effective_depth", "locked": false, "schema_version": 3, "solution": true, "task": false}
def effective_depth(T: int, n: int, layers_L: int, layers_H: int) -> int:
    """T cycles of n low ticks and one high tick -> layers passed."""
    # BEGIN SOLUTION
    return T * (n * layers_L + layers_H)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_effective_depth", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.effective_depth(effective_depth)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Count one cycle first. How many low ticks has it, how many high ones?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# layers of a cycle = n times the low layers, plus once the high layers
# T times that
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# T(n + 1) · layers is right only if both networks have the same number of layers. In TRM they do: they are the same
# network.
#
# </details>

# %% [markdown]
# ## Exercise 7: how many weights?
#
# *Difficulty: 2 of 5 · Importance: 3 of 5 · Time: about 10 minutes*
#
# Count the weights of an HRM with attention, as in the lesson. D is the width, V the number of tokens, F the inner width
# of a SwiGLU.
#
# | part | weights |
# |---|---|
# | attention, in each layer | 4 matrices D x D |
# | SwiGLU, in each layer | 3 matrices D x F |
# | token table, and answer head | V x D each |
# | halting head | 2 rows of D weights, and 2 biases |
#
# - Both networks have `layers` layers. T and n are given too; think whether you need them.
# - What comes back is a whole number.
#
# Expected: D = 512, F = 1536, V = 11, 4 layers, T = 2 and n = 2 give 27,275,266.


# %% nbgrader={"grade": false, "grade_id": "hrm_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def hrm_parameters(D: int, F: int, V: int, layers: int, T: int, n: int) -> int:
    """Sizes -> number of trained weights (no puzzle embedding, no fixed starts)."""
    # BEGIN SOLUTION
    layer = 4 * D * D + 3 * D * F
    ends = V * D + V * D + 2 * D + 2
    return 2 * layers * layer + ends
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_hrm_parameters", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.hrm_parameters(hrm_parameters)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Does a network get heavier if it is used twice?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# layer = 4 times D times D, plus 3 times D times F
# ends  = token table + answer head + halting head with its biases
# two networks, each with its layers, plus the ends once
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Recursion repeats the evaluation, not the weights: T and n do not occur. What doubles the weights is that HRM has two
# networks.
#
# </details>
