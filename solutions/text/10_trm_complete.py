# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · Exercises: TRM complete
#
# They belong to [lesson 10](../notebooks/10_trm_complete.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.
#
# This is the core of the course: TRM piece by piece, without the lesson open. Shapes: `B` puzzles, `L` cells, `S`
# positions (prefix and cells), `D` channels, `V` tokens. Names: `x` question, `y` answer, `z` scratch pad.

# %%
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trm_edu.checks import trm_complete as check
from trm_edu.interface import ModelConfig, make_network
from trm_edu.layers import truncated_normal_ as start_
from trm_edu.supervision import choose

# %% [markdown]
# ## Exercise 1: think, then answer
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 5 minutes*
#
# Write one latent recursion.
#
# - `net(a, b)` is the network. It adds its two inputs before anything else, so that it does not matter which of the
#   summands stand in `a` and which in `b`.
# - Think: renew `z` from `z`, `y` and `x`, `n` times. Answer: renew `y` from `y` and `z`, once.
# - What comes back is the pair (y, z).
#
# Expected: with the mean of its two inputs as network, x = 8, y = 0, z = 0 and n = 2, the first recursion gives
# `(3, 6)`, and a second one from there `(6.375, 9.75)`.


# %% nbgrader={"grade": false, "grade_id": "latent_recursion", "locked": false, "schema_version": 3, "solution": true, "task": false}
def latent_recursion(
    net: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, z: Tensor, n: int
) -> tuple[Tensor, Tensor]:
    """x, y, z [B, S, D] -> the new (y, z)."""
    # BEGIN SOLUTION
    for _ in range(n):
        z = net(z, y + x)
    y = net(y, z)
    return y, z
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_latent_recursion", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.latent_recursion(latent_recursion)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Two lines call the network. Three things go into one of them, two into the other.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# n times:
#     z = network of z + y + x
# y = network of y + z
# return y and z
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `x` in the answer line is the classic. It trains, and it is another model: the network can no longer tell from its input
# which part it plays. The other classic is `net(z, x)`: then the answer never comes back to be improved.
#
# </details>

# %% [markdown]
# ## Exercise 2: T recursions, one gradient
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# Put the recursion of exercise 1 into its outer loop. Write all of it, inner loop included.
#
# - Make `T` latent recursions, each from the states of the one before. `T` is at least 1.
# - The gradient of what comes back passes through the *whole last* recursion, and through no other.
# - What comes back is the pair (y, z), with its graph: nothing is detached here.
# - After your function, torch computes gradients as before. Where the caller has switched them off, they stay off.
#
# Expected: with the mean as network, x = 8, y = 0, z = 0, n = 2 and T = 2, the result is `(6.375, 9.75)`. The network is
# evaluated 6 times, the last 3 times with gradient.


# %% nbgrader={"grade": false, "grade_id": "deep_recursion", "locked": false, "schema_version": 3, "solution": true, "task": false}
def deep_recursion(
    net: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, z: Tensor, n: int, T: int
) -> tuple[Tensor, Tensor]:
    """x, y, z [B, S, D] -> (y, z) after T recursions of n updates of z and one of y."""

    # BEGIN SOLUTION
    def recursion(y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        for _ in range(n):
            z = net(z, y + x)
        return net(y, z), z

    with torch.no_grad():
        for _ in range(T - 1):
            y, z = recursion(y, z)
    return recursion(y, z)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_deep_recursion", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.deep_recursion(deep_recursion)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Which recursion is different from the others, and in what? Either treat it apart, after the loop, or decide inside the
# loop.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# without gradient:
#     T - 1 times: n updates of z, one of y
# with gradient:
#     once more: n updates of z, one of y
# return y and z
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `range(T)` in the block without gradient, and one more after it, are T + 1 recursions. If the whole function stands
# under `no_grad`, the heads still learn, the loss still falls, and the network stays as it was. And
# `torch.set_grad_enabled(True)` for the last recursion would keep a graph even when a trained model is only used.
#
# </details>

# %% [markdown]
# ## Exercise 3: the way out
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# Read the answer and the halt logit from what the recursion left.
#
# - `y` and `z` are `[B, S, D]`. The first `prefix` positions belong to no cell; `prefix` may be 0.
# - `answer` `[V, D]` is the weight of the answer head, which has no bias.
# - `halt` `[2, D]` and `bias` `[2]` are those of the halting head. TRM uses its first output, at position 0.
# - What comes back: logits `[B, L, V]`, with L = S - prefix, and the halt logit `[B]`.
#
# Expected: for y = `[[[1, 0], [0, 2]]]`, z = 0, answer = `[[1, 1], [3, 0]]`, halt = `[[2, 0], [0, 0]]`, bias = `[-5, 0]`
# and prefix 1, the logits are `[[[2, 0]]]` and the halt logit is `[-3]`.


# %% nbgrader={"grade": false, "grade_id": "output_heads", "locked": false, "schema_version": 3, "solution": true, "task": false}
def output_heads(
    y: Tensor, z: Tensor, answer: Tensor, halt: Tensor, bias: Tensor, prefix: int
) -> tuple[Tensor, Tensor]:
    """y, z [B, S, D] -> logits [B, L, V], halt logit [B]."""
    # BEGIN SOLUTION
    logits = F.linear(y[:, prefix:], answer)
    halt_logit = F.linear(y[:, 0], halt, bias)[:, 0]
    return logits, halt_logit
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_output_heads", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.output_heads(output_heads)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# One of the two states is not needed. `F.linear(x, weight, bias)` multiplies the last axis of x by the weight.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# logits     = answer head of y, at all positions from `prefix` on
# both       = halting head of y, at position 0      [B, 2]
# halt_logit = first column of both                  [B]
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A mean over all positions looks more sensible for halting. It is not what the published model does, and with copied
# weights it says something else. With a prefix, position 0 is a prefix position, not the first cell.
#
# </details>

# %% [markdown]
# ## Exercise 4: one supervision step, with its loss
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# Put a supervision step together.
#
# - `model` has three parts: `model.embed(inputs)` gives x; `model.deep_recursion(x, y, z)` gives the new (y, z), with
#   graph; `model.heads(y)` gives an output with `logits` `[B, L, V]` and `halt_logit` `[B]`.
# - `inputs` and `labels` are tokens `[B, L]`; every cell counts. `state` is the pair (y, z).
# - The loss of a puzzle: the mean over its cells of the cross-entropy (`F.cross_entropy`, softmax), plus 0.5 times the
#   binary cross-entropy of the halt logit and the target "every cell is right". The loss is the mean over the puzzles.
# - What comes back is `(state, loss)`: the new pair (y, z), which carries no graph, and the loss, which does. Do not call
#   `backward`.
#
# Expected: a model whose new y gives the logits `[[[0, 0]]]` and the halt logit `[0]` has, for the label `[[0]]`, the loss
# 0.6931 + 0.5 · 0.6931 = 1.0397.


# %% nbgrader={"grade": false, "grade_id": "supervision_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def supervision_step(
    model: Any, inputs: Tensor, labels: Tensor, state: tuple[Tensor, Tensor]
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """inputs, labels [B, L], state (y, z) -> ((y, z) detached, loss: a number with its graph)."""
    # BEGIN SOLUTION
    y, z = model.deep_recursion(model.embed(inputs), *state)
    output = model.heads(y)
    cells = F.cross_entropy(output.logits.flatten(0, 1), labels.flatten())
    right = (output.logits.argmax(-1) == labels).all(-1)
    halt = F.binary_cross_entropy_with_logits(output.halt_logit, right.to(output.halt_logit))
    return (y.detach(), z.detach()), cells + 0.5 * halt
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_supervision_step", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.supervision_step(supervision_step)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# The same y goes two ways: to the heads, and on to the next step. Only one of the two ways loses its graph.
# `F.cross_entropy` wants the tokens on axis 1, or everything flat: `[B * L, V]` and `[B * L]`.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# x     = embedded inputs
# y, z  = deep recursion of x and the state
# out   = heads of y
# cells = mean cross-entropy of out's logits and the labels
# right = one bit for each puzzle, as a float
# halt  = mean binary cross-entropy with logits of out's halt logit and right
# return (y and z without graph), cells + half of halt
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `y, z = y.detach(), z.detach()` one line too early, and the heads read a y without a graph: the loss falls a little,
# because the heads learn, and the network never does.
#
# </details>

# %% [markdown]
# ## Exercise 5: the whole model
#
# *Difficulty: 4 of 5 · Importance: 5 of 5 · Time: about 40 minutes*
#
# Now all of it, as a class of your own. Given: `make_network(c)` makes the network of lesson 03, called as
# `network(a, b)`; `start_(tensor, std)` fills a tensor with TRM's random start.
#
# - `c` has `vocab_size`, `seq_len`, `prefix_len`, `n_positions` (S), `hidden` (D), `n` and `T`.
# - The parts have these names: `tokens`, an `nn.Embedding`; `network`; `answer`, a linear layer to the V tokens without
#   bias; `halt`, a linear layer to 2 numbers with bias.
# - `tokens` and `answer` start with `start_` and spread 1 / sqrt(D). The weights of `halt` start at 0, its biases at -5.
# - `y_init` and `z_init` `[D]` are drawn with `start_` and spread 1. They are saved with the model, but never trained.
#   `initial_state(B)` is a pair (y, z), each `[B, S, D]`: these vectors at every position.
# - The call is one supervision step: `state, logits, halt_logit = model(inputs, state)`.
# - In: token vectors behind `prefix_len` positions of zeros; all times sqrt(D). (The published prefix is learned, and
#   starts at zero. Ours stays there.)
# - Then T recursions, the last one with gradient. The heads read y; the state that comes back is detached.
#
# Expected: with the paper's sizes (D = 512, 16 + 81 positions, 11 tokens) it has 5,028,866 weights.


# %% nbgrader={"grade": false, "grade_id": "MyTRM", "locked": false, "schema_version": 3, "solution": true, "task": false}
class MyTRM(nn.Module):
    """tokens [B, L], state (y, z) each [B, S, D] -> new state, logits [B, L, V], halt logit [B]."""

    def __init__(self, c: ModelConfig):
        super().__init__()
        # BEGIN SOLUTION
        self.c = c
        self.tokens = nn.Embedding(c.vocab_size, c.hidden)
        self.network = make_network(c)
        self.answer = nn.Linear(c.hidden, c.vocab_size, bias=False)
        self.halt = nn.Linear(c.hidden, 2)
        for part in (self.tokens, self.answer):
            start_(part.weight.data, c.hidden**-0.5)
        nn.init.zeros_(self.halt.weight)
        nn.init.constant_(self.halt.bias, -5.0)
        self.register_buffer("y_init", start_(torch.empty(c.hidden), 1.0))
        self.register_buffer("z_init", start_(torch.empty(c.hidden), 1.0))
        # END SOLUTION

    def initial_state(self, batch_size: int) -> tuple[Tensor, Tensor]:
        # BEGIN SOLUTION
        shape = (batch_size, self.c.n_positions, self.c.hidden)
        return self.y_init.expand(shape), self.z_init.expand(shape)
        # END SOLUTION

    def forward(self, inputs: Tensor, state: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, Tensor], Tensor, Tensor]:
        # BEGIN SOLUTION
        x = self.tokens(inputs)
        prefix = x.new_zeros(len(x), self.c.prefix_len, self.c.hidden)
        x = torch.cat((prefix, x), dim=1) * self.c.hidden**0.5

        def recursion(y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
            for _ in range(self.c.n):
                z = self.network(z, y + x)
            return self.network(y, z), z

        with torch.no_grad():
            for _ in range(self.c.T - 1):
                state = recursion(*state)
        y, z = recursion(*state)
        logits, halt_logit = self.answer(y[:, self.c.prefix_len :]), self.halt(y[:, 0])[:, 0]
        return (y.detach(), z.detach()), logits, halt_logit
        # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_MyTRM", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.MyTRM(MyTRM)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Begin with `__init__` and let the check count: it says which part has too many weights or too few. Then
# `initial_state`. Then `forward`, from exercises 2 and 3. `register_buffer(name, tensor)` keeps a tensor with the model
# without training it.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# make:    token table, network, answer head without bias, halting head
#          start table and answer head; halting head to 0 and -5
#          two buffers of D numbers
# start:   the two buffers, expanded to B, S, D
# forward: x = (zeros for the prefix, then token vectors) times sqrt(D)
#          T recursions, the last one with gradient
#          logits from y behind the prefix, halt logit from y at position 0
#          y and z detached come back, and what the heads said
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Without sqrt(D) the question is 22 times too small at D = 512, and the model still runs. `nn.Parameter` for the starts
# makes 1,024 weights too many. PyTorch's layers have a bias unless told otherwise.
#
# </details>

# %% [markdown]
# ## Exercise 6: sixteen steps
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# Measure a trained model after each supervision step.
#
# - `model.initial_state(B)` is the start. `state, output = model(inputs, state)` is one step; `output.logits` is
#   `[B, L, V]`.
# - `inputs` and `labels` are `[B, L]`; every cell counts. Make `steps` steps, whatever the halting head says.
# - What comes back has `steps` numbers: the share of puzzles with *every* cell right after each step. A tensor or a list.
# - Meanwhile the model is in evaluation mode and no gradient is kept. Afterwards the model is in the mode in which it
#   came, whichever that was.
#
# Expected: two puzzles, the first right from step 1 on, the second from step 3 on, give `[0.5, 0.5, 1, 1]` for 4 steps.


# %% nbgrader={"grade": false, "grade_id": "exact_by_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def exact_by_step(model: nn.Module, inputs: Tensor, labels: Tensor, steps: int) -> Tensor:
    """inputs, labels [B, L] -> exact accuracy after each step [steps]."""
    # BEGIN SOLUTION
    before = model.training
    model.eval()
    state, exact = model.initial_state(len(inputs)), []
    with torch.no_grad():
        for _ in range(steps):
            state, output = model(inputs, state)
            right = (output.logits.argmax(-1) == labels).all(-1)
            exact.append(right.double().mean())
    model.train(before)
    return torch.stack(exact)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_exact_by_step", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.exact_by_step(exact_by_step)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# What stands before the loop, what in it, what behind it? `model.training` says in which mode a model is.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# remember the mode; evaluation mode
# state = the start
# without gradient, `steps` times:
#     state, output = one step from state
#     tokens  = best token of each cell
#     right   = all cells of a puzzle equal the labels
#     keep the share of right puzzles
# put the mode back
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `model.train()` at the end is right only if the model came from training. And a model that is left in evaluation mode
# in the midst of a run trains on without its dropout, and nobody notices.
#
# </details>

# %% [markdown]
# ## Exercise 7: one call of training
#
# *Difficulty: 4 of 5 · Importance: 5 of 5 · Time: about 20 minutes*
#
# Everything that happens in one call, in the right order: refill, improve, learn, average.
#
# - `slots` has `inputs`, `labels`, `y`, `age` and `halted`, each `[B]`. `new` offers `inputs`, `labels`, `y` and `age`
#   (zeros). Slots that halted at the last call take all four. `choose(mask, new, old)` is given.
# - `network(inputs, y)` returns the new `y` `[B]`, with graph, and `halt_logit` `[B]`. The loss is the mean over the slots
#   of `(y - labels)²`. (The halting loss is left out here.)
# - Every call makes one step of `optimizer`, which holds the weights of `network`. No gradient of an earlier call may be
#   in it.
# - `average` is a network of the same kind. After the optimizer, each of its weights becomes rate · itself + (1 - rate) ·
#   the network's weight. No graph.
# - A slot's age grows by one. It has halted if its halt logit is above 0 or its age is `n_supervision`.
# - What comes back is a dictionary with the five keys of `slots`. Its `y` carries no graph.
#
# Expected: with one slot that had halted, new inputs 1, labels 1, y 0, a network y ← w y + b inputs with w = b = 0.5, SGD
# with rate 0.1, and `rate` = 0.9: the new y is 0.5, b becomes 0.6, and the average's b goes from 0.5 to 0.51.


# %% nbgrader={"grade": false, "grade_id": "training_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def training_step(
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    slots: dict[str, Tensor],
    new: dict[str, Tensor],
    n_supervision: int,
    rate: float,
) -> dict[str, Tensor]:
    """slots with inputs, labels, y, age, halted [B] -> the same after one call."""
    # BEGIN SOLUTION
    held = {key: choose(slots["halted"], new[key], slots[key]) for key in ("inputs", "labels", "y", "age")}
    y, halt_logit = network(held["inputs"], held["y"])
    loss = (y - held["labels"]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for slow, weight in zip(average.parameters(), network.parameters(), strict=True):
            slow.mul_(rate).add_(weight, alpha=1 - rate)
    age = held["age"] + 1
    halted = (halt_logit > 0) | (age >= n_supervision)
    return held | {"y": y.detach(), "age": age, "halted": halted}
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_training_step", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.training_step(training_step)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Write the order down first, in words: there are six things to do. What must be known before the loss can be computed?
# What must be done before the average moves?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# held = new where halted, else slots      (inputs, labels, y, age)
# y, halt_logit = network of held inputs and y
# loss against the held labels; gradients to zero; backward; optimizer step
# without gradient, each weight of the average: rate times itself + (1 - rate) times the network's
# age grows; halted = done or old
# return inputs and labels as held, y without graph, age, halted
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Labels from `new` instead of from the slots: most slots then learn the solution of a puzzle that they do not hold. And
# `slow = rate * slow + ...` gives a new tensor a name and leaves the average as it was: change it in place.
#
# </details>

# %% [markdown]
# ## Exercise 8: count without building
#
# *Difficulty: 3 of 5 · Importance: 3 of 5 · Time: about 15 minutes*
#
# The number of trained weights of a whole TRM, from its sizes.
#
# - A SwiGLU on d numbers has three matrices of d x w. The inner width w is 2/3 · expansion · d, rounded to a whole number,
#   then rounded *up* to a multiple of `multiple`.
# - Each of `n_layers` layers has a SwiGLU on the D channels, and a part that mixes positions: for `"mlp"` a SwiGLU on all
#   positions, for `"attention"` four matrices D x D.
# - There are `prefix` + L positions. The prefix's own vectors are not counted, nor are the fixed starts.
# - Token table and answer head: V x D each. Halting head: 2 outputs, each with D weights and a bias.
# - What comes back is a whole number.
#
# Expected: D = 512, V = 11, L = 81, prefix 16, 2 layers, expansion 4 and multiple 256 give 5,028,866 for `"mlp"` and
# 6,828,034 for `"attention"`; without a prefix, `"mlp"` has 4,855,298.


# %% nbgrader={"grade": false, "grade_id": "trm_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def trm_parameters(
    mixer: str, D: int, V: int, L: int, prefix: int, n_layers: int, expansion: float, multiple: int
) -> int:
    """Sizes -> number of trained weights. `mixer` is "mlp" or "attention"."""

    # BEGIN SOLUTION
    def swiglu(d: int) -> int:
        width = math.ceil(round(expansion * d * 2 / 3) / multiple) * multiple
        return 3 * d * width

    mixing = swiglu(prefix + L) if mixer == "mlp" else 4 * D * D
    ends = 2 * V * D + 2 * D + 2
    return n_layers * (mixing + swiglu(D)) + ends
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_trm_parameters", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.trm_parameters(trm_parameters)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# A small function for the SwiGLU pays: it is needed for two different sizes, and each size has its own inner width.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# swiglu of d: width = 2/3 expansion d, rounded, then up to the multiple; 3 times d times width
# mixing = swiglu of all positions, or 4 D D
# ends   = table + answer head + halting head with its biases
# layers times (mixing + swiglu of D), plus ends
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The prefix has no weight of its own here, and yet it costs: 97 positions need an inner width of 512, 81 positions
# one of 256.
#
# </details>
