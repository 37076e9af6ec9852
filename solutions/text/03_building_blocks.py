# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · Exercises: building blocks
#
# They belong to [lesson 03](../notebooks/03_building_blocks.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.

# %%
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from trm_edu.checks import building_blocks as check

# %% [markdown]
# ## Exercise 1: RMSNorm
#
# *Difficulty: 1 of 5 · Importance: 5 of 5 · Time: about 5 minutes*
#
# Divide each vector by its root mean square.
#
# - `x` has any number of axes, at least one. The vectors lie along the last axis.
# - `eps` is added to the mean square, inside the root. It is not always small here.
# - No mean is subtracted. What comes back is a new tensor of the same shape.
#
# Expected: `rms_norm(torch.tensor([1.0, -7.0]), 0.0)` is `[0.2, -1.4]`. With `eps` 11 it is about `[0.1667, -1.1667]`.


# %% nbgrader={"grade": false, "grade_id": "rms_norm", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rms_norm(x: torch.Tensor, eps: float) -> torch.Tensor:
    """x [..., D] -> [..., D], each vector divided by its root mean square."""
    # BEGIN SOLUTION
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_rms_norm", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.rms_norm(rms_norm)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Read the name from right to left: square, mean, root. Where does epsilon come in between?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# size = mean of the squares over the last axis, which is kept with length 1
# divide x by the root of (size + eps)
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Often epsilon is added after the root. At size 1 the two agree to five digits, so most tests let it pass.
#
# </details>

# %% [markdown]
# ## Exercise 2: SwiGLU
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 5 minutes*
#
# - `gate_up` has shape [2F, D]. Its first F rows make the gate, the other F rows make up.
# - `silu` bends the gate. Gate and up are multiplied. `down` [D, F] brings the result back to D numbers.
# - All matrices are stored as `nn.Linear` stores them: `F.linear(x, matrix)`. There are no biases.
# - `x` has any number of axes; the channels are the last one.
#
# Expected: with x = (1, 2), `gate_up` = ((1, 0.5), (3, -1)) and `down` = ((1), (2)) the result is about (1.7616, 3.5232).
# This is what `silu` does to -2, -1, 0, 1 and 2:

# %%
F.silu(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]))


# %% nbgrader={"grade": false, "grade_id": "swiglu", "locked": false, "schema_version": 3, "solution": true, "task": false}
def swiglu(x: torch.Tensor, gate_up: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """x [..., D], gate_up [2F, D], down [D, F] -> [..., D]."""
    # BEGIN SOLUTION
    gate, up = F.linear(x, gate_up).chunk(2, dim=-1)
    return F.linear(F.silu(gate) * up, down)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_swiglu", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.swiglu(swiglu)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# One product with `gate_up` gives 2F numbers. Which of them are the gate?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# both = x times gate_up
# gate = first half of both, up = second half
# inner = silu(gate) times up
# the result is inner times down
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Swapped halves train just as well from scratch. You notice only when you load somebody else's weights.
#
# </details>

# %% [markdown]
# ## Exercise 3: rotary positions
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# Turn the channel pairs of `x` [B, heads, S, d] by their position.
#
# - d is even. Channel i and channel i + d/2 are a pair, for i from 0 to d/2 - 1.
# - Positions count from 0 to S - 1 along the axis before the last.
# - The angle of pair i at position p is p x base^(-i / (d/2)).
# - A pair (a, b) becomes (a cos - b sin, a sin + b cos).
#
# Expected: the pair (1, 0) at positions 0, 1, 2, with d = 2, becomes (1, 0), (0.5403, 0.8415), (-0.4161, 0.9093).


# %% nbgrader={"grade": false, "grade_id": "rotate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rotate(x: torch.Tensor, base: float) -> torch.Tensor:
    """x [B, heads, S, d] -> [B, heads, S, d], each pair (i, i + d/2) turned by position times its frequency."""
    # BEGIN SOLUTION
    places, half = x.shape[-2], x.shape[-1] // 2
    frequency = base ** (-torch.arange(half) / half)
    angle = torch.outer(torch.arange(places).float(), frequency)  # [S, d/2]
    first, second = x.chunk(2, dim=-1)
    turned = (first * angle.cos() - second * angle.sin(), first * angle.sin() + second * angle.cos())
    return torch.cat(turned, dim=-1)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_rotate", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.rotate(rotate)

# %% [markdown]
# The arrows that your function makes of (1, 0). They should look like those of the lesson: the first row turns fast, the
# last hardly at all.

# %% tags=["needs-answer"]
import matplotlib.pyplot as plt

from trm_edu import plots

arrows = rotate(torch.cat((torch.ones(1, 1, 12, 4), torch.zeros(1, 1, 12, 4)), dim=-1), 10000.0)[0, 0]
fig, ax = plt.subplots(figsize=(6, 2))
ax.quiver(range(12), range(4), arrows[:, :4].T, arrows[:, 4:].T, pivot="mid", scale=20, width=0.005)
ax.set(xlabel="position", ylabel="channel pair", yticks=range(4), ylim=(3.6, -0.6))
plots.show(ax, "Arrows for four channel pairs at twelve positions. The first pair turns by 1 radian a step.")

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# First make the table of angles, [S, d/2]: one row for each position, one column for each pair. Print it for S = 3, d = 4.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# frequency = base to the power of -(0, 1, ..., d/2 - 1) / (d/2)
# angle[p, i] = p times frequency[i]
# a = first half of the channels, b = second half
# new first half  = a cos(angle) - b sin(angle)
# new second half = a sin(angle) + b cos(angle)
# join the halves along the channels
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Much published code pairs neighbours, (0, 1) and (2, 3). Both ways work, but not with each other's weights.
#
# </details>

# %% [markdown]
# ## Exercise 4: attention
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# - `q`, `k`, `v` have shape [B, heads, S, d]. `rotate(t)` turns such a tensor. Queries and keys are turned, values not.
# - Score of query i and key j: their product, divided by sqrt(d). Weights: the softmax over the keys.
# - `mask` [S, S] is boolean: True where query i may look at key j. A ruled-out key has weight 0, and the weights of a
#   query still add up to 1. Every query may look at one key at least.
# - Heads do not hear of each other. What comes back: [B, heads, S, d].
#
# Expected: if all queries are zero, each result is the plain mean of the values that the query may look at.


# %% nbgrader={"grade": false, "grade_id": "attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
def attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor,
    rotate: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """q, k, v [B, heads, S, d], mask [S, S] of bool -> [B, heads, S, d]."""
    # BEGIN SOLUTION
    scores = rotate(q) @ rotate(k).transpose(-1, -2) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1) @ v
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_attention", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.attention(attention)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# The table of scores is [B, heads, S, S]: queries in rows, keys in columns. Which score becomes weight 0 in a softmax?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# turn q and k
# scores = q times k with its last two axes exchanged, divided by sqrt(d)
# where the mask is False, the score becomes minus infinity
# weights = softmax along each row
# the result is weights times v
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A mask after the softmax makes the weights of a row add up to less than 1. `F.scaled_dot_product_attention` does it
# right, and is a valid answer too.
#
# </details>

# %% [markdown]
# ## Exercise 5: the token mixer
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 5 minutes*
#
# Mix the positions of a table.
#
# - `h` has shape [B, S, D].
# - `mix` is a part such as SwiGLU that acts on the last axis of what it is given: [..., S] -> [..., S].
# - Each channel of each puzzle is mixed by itself, and all with the same `mix`.
# - Nothing is added, nothing normalised. What comes back: [B, S, D].
#
# Expected: if `mix` reverses the last axis, the result is `h` with its positions in reverse order.


# %% nbgrader={"grade": false, "grade_id": "token_mixer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def token_mixer(h: torch.Tensor, mix: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """h [B, S, D] -> [B, S, D], mixed along S by `mix`, which acts on the last axis."""
    # BEGIN SOLUTION
    return mix(h.transpose(1, 2)).transpose(1, 2)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_token_mixer", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.token_mixer(token_mixer)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# `mix` acts on the last axis. Which axis must stand there when you call it?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# exchange positions and channels: [B, D, S]
# mix
# exchange them back
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `reshape(B, D, S)` gives the right shape and the wrong numbers: it does not exchange axes.
#
# </details>

# %% [markdown]
# ## Exercise 6: the post-norm block
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# One block with a token mixer. The parts are given; you put them together as the published code does.
#
# - `mix`, `mlp` and `norm` act on the last axis of what they are given.
# - First half: with the table on its side, [B, D, S], add to the input what `mix` makes of it. Normalise that sum while
#   it is still on its side: so this norm runs over the positions. Turn it back.
# - Second half: add to its input what `mlp` makes of it, and normalise the sum, now over the channels.
#
# Expected: whatever `h` is, each vector of the result has root mean square 1 (if `norm` is RMSNorm).


# %% nbgrader={"grade": false, "grade_id": "post_norm_block", "locked": false, "schema_version": 3, "solution": true, "task": false}
def post_norm_block(
    h: torch.Tensor,
    mix: Callable[[torch.Tensor], torch.Tensor],
    mlp: Callable[[torch.Tensor], torch.Tensor],
    norm: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """h [B, S, D] -> [B, S, D]."""
    # BEGIN SOLUTION
    columns = h.transpose(1, 2)
    h = norm(columns + mix(columns)).transpose(1, 2)
    return norm(h + mlp(h))
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_post_norm_block", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.post_norm_block(post_norm_block)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Two sums, two norms. Say for each sum what its two terms are, and how the table lies at that moment.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# turn h on its side
# add what mix makes of it, normalise the sum
# turn back: this is the new h
# add what mlp makes of the new h, normalise the sum
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Who has read language models writes `h + mlp(norm(h))`. That is pre-norm: the sizes grow from layer to layer.
#
# </details>

# %% [markdown]
# ## Exercise 7: how weights start
#
# *Difficulty: 3 of 5 · Importance: 3 of 5 · Time: about 15 minutes*
#
# Draw the weights of a layer as the published code does.
#
# - The matrix has one row for each output: [fan_out, fan_in]. Its spread (standard deviation) is 1 / sqrt(fan_in).
# - Draw from a normal with mean 0. A number beyond two standard deviations *of that normal* is drawn again, until none is
#   left.
# - That narrows the spread to the factor `SHRUNK` of what it was (the cell below): draw from a normal that is wider by
#   as much.
# - Every draw comes from `generator`.
#
# Expected, with fan_in = 400: the spread is about 0.05, and no weight is larger than 0.1137.

# %%
SHRUNK = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))
print(f"{SHRUNK:.4f}")


# %% nbgrader={"grade": false, "grade_id": "start", "locked": false, "schema_version": 3, "solution": true, "task": false}
def start(fan_in: int, fan_out: int, generator: torch.Generator) -> torch.Tensor:
    """Weights [fan_out, fan_in] from a normal cut at two deviations; their spread is 1 / sqrt(fan_in)."""
    # BEGIN SOLUTION
    wide = fan_in**-0.5 / SHRUNK
    weight = torch.empty(fan_out, fan_in)
    return torch.nn.init.trunc_normal_(weight, std=wide, a=-2 * wide, b=2 * wide, generator=generator)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_start", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.start(start)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Begin with spread 1: draw, redraw what is beyond 2, look at the spread that is left. By which factor must all numbers be
# multiplied at the end?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# draw fan_out x fan_in numbers from a normal with spread 1
# while some are beyond 2 or -2: draw those again
# divide all by SHRUNK (now the spread is 1) and by sqrt(fan_in)
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `nn.init.trunc_normal_` has a trap: its cuts `a` and `b` are numbers, -2 and 2 if you say nothing. With a spread of 0.05
# they cut nothing.
#
# </details>
