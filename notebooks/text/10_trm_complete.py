# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · TRM complete
#
# **Question: can you write all of TRM?**
#
# *You will be able to* write the whole Tiny Recursive Model in plain PyTorch, prove that it computes what the published
# code computes, and train it here, on your own processor.
#
# *You need* PyTorch: tensors, `nn.Module`, autograd. No other lesson is needed; the reasons behind the choices are in
# lessons 01 to 09.
#
# *Time*: it runs in about 2 minutes on two CPU cores. Reading it takes about an hour.
#
# *The course*: 00 start · 01-03 puzzles and parts · 04-07 HRM's ideas · 08-09 what made it better · **10 TRM complete**
# · 11-13 full size · 14-15 beyond

# %%
import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

import trm_edu
from trm_edu import plots
from trm_edu.interface import ModelConfig

# %% [markdown]
# ## The idea on a whiteboard
#
# One small network plays two parts. It **thinks**: it renews a scratch pad `z`. It **answers**: it renews the answer
# `y`. Both are tensors with one vector for each cell. The question `x` never changes. Three loops stand around that.
# Look for them in the picture.

# %%
plots.show(plots.recursion_diagram(), plots.RECURSION_TEXT)

# %% [markdown]
# Names are the paper's (Jolicoeur-Martineau, arXiv 2510.04871): `n` updates of `z`, `T` latent recursions, up to
# `N_sup` = 16 supervision steps. Shapes: `B` puzzles, `S` positions, `D` channels, `V` tokens.
#
# ## 1. Parts
#
# **The norm.** RMSNorm divides a vector by its root mean square. First by hand.

# %%
# NBVAL_CHECK_OUTPUT
rms = math.sqrt((3**2 + 4**2) / 2)
[round(3 / rms, 4), round(4 / rms, 4)]


# %% [markdown]
# Then for any tensor, over its last axis. The small number inside the root guards against division by zero.


# %%
def rms_norm(x, eps=1e-5):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)


# %%
v = torch.tensor([3.0, 4.0])
assert_close(rms_norm(v), v / rms)  # ours = by hand
assert_close(rms_norm(v), F.rms_norm(v, (2,), eps=1e-5))  # ours = torch's


# %% [markdown]
# **Matrices.** A layer starts from random numbers with spread 1 / sqrt(inputs), so that its output is about as large as
# its input. Numbers beyond two standard deviations are drawn again. That narrows the spread to 0.8796 of what it was,
# so we widen it first.


# %%
def start_(weight, std):
    return nn.init.trunc_normal_(weight, std=std / 0.8796, a=-2 * std / 0.8796, b=2 * std / 0.8796)


def linear(inputs, outputs):
    layer = nn.Linear(inputs, outputs, bias=False)
    start_(layer.weight, inputs**-0.5)
    return layer


# %% [markdown]
# **SwiGLU.** Two products, one of them squashed by `silu`, are multiplied. By hand, with one number in and out:
# input 2, gate weight 1, up weight 3, down weight 1.

# %%
# NBVAL_CHECK_OUTPUT
gate, up = 1 * 2, 3 * 2
silu = gate / (1 + math.exp(-gate))
round(1 * (silu * up), 4)


# %% [markdown]
# The published code keeps gate and up in one matrix. The inner width is 2/3 of 4 times the outer one, rounded up to a
# multiple. `c` is a record of sizes.


# %%
class SwiGLU(nn.Module):
    """[..., dim] -> [..., dim], on the last axis."""

    def __init__(self, dim, c):
        super().__init__()
        width = math.ceil(round(c.expansion * dim * 2 / 3) / c.swiglu_multiple) * c.swiglu_multiple
        self.gate_up = linear(dim, 2 * width)
        self.down = linear(width, dim)

    def forward(self, x):
        gate, up = self.gate_up.weight.chunk(2)
        return self.down(F.silu(F.linear(x, gate)) * F.linear(x, up))


# %% [markdown]
# **Mixing positions.** A digit depends on its row, column and box, so cells must hear of each other. The small variant
# of TRM uses no attention for this. It turns the tensor on its side. Three positions, two channels:

# %%
# NBVAL_CHECK_OUTPUT
h = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
weight = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])  # position i looks at i + 1
mixed = torch.empty_like(h)
for channel in range(2):
    mixed[:, channel] = weight @ h[:, channel]
assert_close(F.linear(h.T, weight).T, mixed)
mixed

# %% [markdown]
# Every channel was mixed by the same weights. The loop and the transposed product agree. So a *token mixer* is a SwiGLU
# on the transposed tensor.
#
# **Attention** is the other variant. Queries and keys are turned by an angle that grows with the position (*rotary*);
# lesson 03 takes that apart.


# %%
def rotate(x, base=10000.0):
    """Turn the channel pairs (i, i + d/2) of x [B, heads, S, d]."""
    S, d = x.shape[-2:]
    frequency = base ** (-torch.arange(0, d, 2) / d)
    angle = torch.outer(torch.arange(S).float(), frequency).repeat(1, 2)
    first, second = x.chunk(2, dim=-1)
    return x * angle.cos() + torch.cat((-second, first), dim=-1) * angle.sin()


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c.heads
        self.qkv = linear(c.hidden, 3 * c.hidden)
        self.out = linear(c.hidden, c.hidden)

    def forward(self, h):
        q, k, v = self.qkv(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(rotate(q), rotate(k), v)
        return self.out(mixed.transpose(1, 2).flatten(2))


# %% [markdown]
# **The block**: mix positions, add, normalise; mix channels, add, normalise. The norm comes *after* the sum.
# **The network** is two blocks; it takes two tensors and adds them first.
#
# **Predict:** the first norm of the mixer variant acts on the transposed tensor. Over which axis does it normalise?


# %%
class Block(nn.Module):
    """[B, S, D] -> [B, S, D]."""

    def __init__(self, c):
        super().__init__()
        self.attention = Attention(c) if c.mixer == "attention" else None
        self.token_mixer = SwiGLU(c.n_positions, c) if c.mixer == "mlp" else None
        self.mlp = SwiGLU(c.hidden, c)

    def forward(self, h):
        if self.token_mixer is None:
            h = rms_norm(h + self.attention(h))
        else:
            columns = h.transpose(1, 2)
            h = rms_norm(columns + self.token_mixer(columns)).transpose(1, 2)
        return rms_norm(h + self.mlp(h))


class Network(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.n_layers))

    def forward(self, state, injected):
        h = state + injected
        for block in self.blocks:
            h = block(h)
        return h


# %% [markdown]
# Over the positions: each channel is scaled by its own size across the whole puzzle. The published code does this, so
# we do too. The second norm is the usual one, over channels. Whatever goes in, vectors of size 1 come out:

# %%
# NBVAL_CHECK_OUTPUT
tiny = ModelConfig(vocab_size=6, seq_len=16, hidden=8, heads=2, swiglu_multiple=8)
out = Block(tiny)(1000 * torch.randn(5, 16, 8))
print(tuple(out.shape), "root mean square of each vector:", round(out.square().mean(-1).sqrt().mean().item(), 3))


# %% [markdown]
# ## 2. The recursion
#
# Replace the network by something that can be followed in the head: the mean of its two inputs. Let x = 8, y = 0,
# z = 0, n = 2.
#
# - think: z = mean(0, 0 + 8) = 4
# - think: z = mean(4, 0 + 8) = 6
# - answer: y = mean(0, 6) = 3


# %%
def latent_recursion(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y + x)
    y = net(y, z)
    return y, z


# %%
# NBVAL_CHECK_OUTPUT
def mean(a, b):
    return (a + b) / 2


latent_recursion(mean, x=8, y=0, z=0, n=2)


# %% [markdown]
# Note what is *not* there: the answer update does not see `x`. How can one network know which part it plays? By its
# input: `x` is in it, or it is not.
#
# A supervision step does this `T` times. Only the last time keeps what is needed for a gradient.


# %%
def deep_recursion(net, x, y, z, n, T):
    with torch.no_grad():
        for _ in range(T - 1):
            y, z = latent_recursion(net, x, y, z, n)
    return latent_recursion(net, x, y, z, n)


# %% [markdown]
# **Predict:** the paper uses n = 6 and T = 3. How often is the network evaluated? How many of these evaluations take
# part in the gradient?

# %%
# NBVAL_CHECK_OUTPUT
calls = Counter()


def counted(a, b):
    calls["with gradient" if torch.is_grad_enabled() else "without"] += 1
    return mean(a, b)


deep_recursion(counted, x=8, y=0, z=0, n=6, T=3)
dict(calls)

# %% [markdown]
# T(n + 1) = 21 evaluations of 2 blocks: 42 layers deep, with the weights of 2. Memory is needed for 7 evaluations only.
#
# ## 3. The whole model on one screen
#
# Two small parts are missing. **In:** each token becomes a vector, times sqrt(D). A learned prefix may stand before the
# cells; the published Sudoku model has 16 such positions. **Out:** a digit for each cell, and from position 0 whether
# the answer is right. That second head starts at -5: "surely not". It has two outputs, a relic of HRM; the second
# is unused.


# %%
class Embed(nn.Module):
    """Tokens [B, L] -> x [B, S, D], with S = prefix + L."""

    def __init__(self, c):
        super().__init__()
        self.shape = (c.prefix_len, c.hidden)
        self.tokens = nn.Embedding(c.vocab_size, c.hidden)
        start_(self.tokens.weight, c.hidden**-0.5)
        self.puzzle = None
        if c.prefix_len:
            self.puzzle = nn.Embedding(c.puzzle_ids, c.puzzle_dim)
            nn.init.zeros_(self.puzzle.weight)

    def forward(self, inputs, puzzle_ids=None):
        x = self.tokens(inputs)
        if self.puzzle is not None:
            rows = self.puzzle(puzzle_ids)
            rows = F.pad(rows, (0, math.prod(self.shape) - rows.shape[1]))
            x = torch.cat((rows.unflatten(1, self.shape), x), dim=1)
        return x * self.shape[1] ** 0.5


class Output(NamedTuple):
    logits: torch.Tensor  # [B, L, V]
    halt_logit: torch.Tensor  # [B]


class Heads(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.prefix_len = c.prefix_len
        self.answer = linear(c.hidden, c.vocab_size)
        self.halt = nn.Linear(c.hidden, 2)
        nn.init.zeros_(self.halt.weight)
        nn.init.constant_(self.halt.bias, -5.0)

    def forward(self, y):
        return Output(self.answer(y)[:, self.prefix_len :], self.halt(y[:, 0])[:, 0])


# %% [markdown]
# And here is all of TRM. Find the three things that people get wrong: `x` is only in the *think* line; `y` goes back in;
# what is returned is detached.


# %%
class State(NamedTuple):
    y: torch.Tensor  # [B, S, D]
    z: torch.Tensor  # [B, S, D]


class MyTRM(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.embed = Embed(c)
        self.network = Network(c)
        self.heads = Heads(c)
        # Fixed random starts: the same vector at every position, never trained.
        self.register_buffer("y_init", start_(torch.empty(c.hidden), 1.0))
        self.register_buffer("z_init", start_(torch.empty(c.hidden), 1.0))

    def initial_state(self, batch_size):
        shape = (batch_size, self.config.n_positions, self.config.hidden)
        return State(self.y_init.expand(shape), self.z_init.expand(shape))

    def latent_recursion(self, x, y, z):
        for _ in range(self.config.n):
            z = self.network(z, y + x)  # think
        y = self.network(y, z)  # answer
        return y, z

    def deep_recursion(self, x, y, z):
        with torch.no_grad():
            for _ in range(self.config.T - 1):
                y, z = self.latent_recursion(x, y, z)
        return self.latent_recursion(x, y, z)

    def forward(self, inputs, state, puzzle_ids=None):
        """One supervision step."""
        x = self.embed(inputs, puzzle_ids)
        y, z = self.deep_recursion(x, *state)
        return State(y.detach(), z.detach()), self.heads(y)


# %% [markdown]
# ## 4. Is it the published model?
#
# **First proof: count.** A SwiGLU has three matrices, attention four. **Predict** from the formula below which variant
# is larger.

# %%
# NBVAL_CHECK_OUTPUT
D, V, S = 512, 11, 16 + 81
channels, positions, attention = 3 * D * 1536, 3 * S * 512, 4 * D * D
ends = V * D + V * D + 2 * D + 2  # token table, answer head, halting head
print(f"mixer     2 x ({positions:,} + {channels:,}) + {ends:,} = {2 * (positions + channels) + ends:,}")
print(f"attention 2 x ({attention:,} + {channels:,}) + {ends:,} = {2 * (attention + channels) + ends:,}")

# %%
# NBVAL_CHECK_OUTPUT
sizes = dict(vocab_size=11, seq_len=81, prefix_len=16, puzzle_ids=1, puzzle_dim=512)
paper = {mixer: ModelConfig(mixer=mixer, positions="rotary", **sizes) for mixer in ("mlp", "attention")}
for mixer, c in paper.items():
    weights = dict(MyTRM(c).named_parameters())
    print(mixer, f"{sum(w.numel() for name, w in weights.items() if 'puzzle' not in name):,}")

# %% [markdown]
# 5,028,866 and 6,828,034: the "5M" and "7M" of the paper's Sudoku table, and exactly what the published code holds. As
# in the paper, the puzzle table is not counted. Attention needs more weights than mixing 97 positions.
#
# **Second proof: the library.** Same names, same shapes, so the weights can be copied. Outputs, states and gradients
# must then agree.


# %%
def compare_with_library(c):
    mine, theirs = MyTRM(c), trm_edu.TRM(c)
    mine.load_state_dict(theirs.state_dict())
    inputs, ids = torch.randint(1, c.vocab_size, (4, c.seq_len)), torch.zeros(4, dtype=torch.long)
    results = [model(inputs, model.initial_state(4), ids) for model in (mine, theirs)]
    (state, output), (their_state, their_output) = results
    for ours, other in zip((*state, *output), (*their_state, *their_output[:2]), strict=True):
        assert_close(ours, other)
    for _, out in results:
        (out.logits.square().mean() + out.halt_logit.mean()).backward()
    for name, weight in theirs.named_parameters():
        assert_close(mine.get_parameter(name).grad, weight.grad)


# %%
# NBVAL_CHECK_OUTPUT
torch.manual_seed(0)
for mixer in ("mlp", "attention"):
    small = ModelConfig(6, 16, hidden=32, heads=4, T=2, n=2, mixer=mixer, positions="rotary")
    compare_with_library(small)
    print(f"{mixer}: outputs, states and gradients of MyTRM equal those of trm_edu.TRM")

# %% [markdown]
# **Third proof: numbers from the authors' own code.** The repository keeps vectors that were recorded from it. Their
# names differ from the paper's: `z_H` is `y`, `z_L` is `z`, `H_cycles` is `T`, `L_cycles` is `n`. Two processors round
# differently, and a recursion amplifies it: we allow 0.0001. A wrong line of code would be off by a thousand times more.
#
# The gradients are compared too: that shows that they flow through the last recursion and no further. The loss is
# the library's; lesson 07 builds it.

# %%
golden = Path("../tests/golden/trm_mlp_t.npz")
if golden.exists():
    recorded = {name: torch.from_numpy(a) for name, a in np.load(golden).items() if a.dtype.kind in "fi"}
    print(len(recorded), "arrays recorded")
else:
    recorded = None
    print(f"{golden} is missing: this lesson was opened alone.")
    print("For the third proof, clone the whole repository and open the lesson there.")

OUR_NAMES = {
    "H_init": "y_init",
    "L_init": "z_init",
    "L_level.layers": "network.blocks",
    "mlp_t": "token_mixer",
    "_proj": "",
    "embed_tokens.embedding_weight": "embed.tokens.weight",
    "puzzle_emb.weights": "embed.puzzle.weight",
    "lm_head": "heads.answer",
    "q_head": "heads.halt",
}


def our_name(name):
    for theirs, ours in OUR_NAMES.items():
        name = name.replace(theirs, ours)
    return name


# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.losses import supervision_loss

if recorded:
    prefix = dict(prefix_len=2, puzzle_ids=5, puzzle_dim=16)
    mine = MyTRM(ModelConfig(vocab_size=7, seq_len=16, hidden=16, T=2, n=3, **prefix))
    mine.load_state_dict({our_name(k[2:]): w for k, w in recorded.items() if k.startswith("w/")})
    inputs, ids = recorded["call0/in/inputs"].long(), recorded["call0/in/puzzle_identifiers"].long()
    state, output = mine(inputs, mine.initial_state(len(inputs)), ids)
    results = {"logits": output.logits, "q_halt_logits": output.halt_logit, "carry/z_H": state.y, "carry/z_L": state.z}
    for name, ours in results.items():
        assert_close(ours, recorded[f"call0/{name}"], atol=1e-4, rtol=0)
        print("equal to the published code:", name)
    (supervision_loss(output, recorded["call0/in/labels"].long()).total / len(inputs)).backward()
    for key in recorded:
        if key.startswith("call0/grad/") and "puzzle" not in key:
            ours, theirs = mine.get_parameter(our_name(key[11:])).grad, recorded[key]
            assert_close(ours, theirs, atol=1e-3 * theirs.abs().max().item(), rtol=0)
    print("equal to the published code: the gradient of every weight")

# %% [markdown]
# ## 5. Deep supervision
#
# The paper shows a loop: improve the same puzzle up to 16 times, with a loss and an optimizer step each time. The
# published code has no such loop. A batch is a row of *slots*. One call improves each slot once. A slot whose network
# says "done", or that is 16 steps old, takes a new puzzle at the next call.


# %%
class Slots(NamedTuple):
    inputs: torch.Tensor  # [B, L]
    state: State
    steps: torch.Tensor  # [B] age
    halted: torch.Tensor  # [B]


def refill(model, slots, new_inputs):
    fresh = model.initial_state(len(new_inputs))
    empty = slots.halted[:, None]
    state = State(*(torch.where(empty[..., None], a, b) for a, b in zip(fresh, slots.state, strict=True)))
    inputs = torch.where(empty, new_inputs, slots.inputs)
    return Slots(inputs, state, slots.steps.masked_fill(slots.halted, 0), slots.halted)


def training_call(model, slots, new_inputs, n_supervision):
    slots = refill(model, slots, new_inputs)
    state, output = model(slots.inputs, slots.state)
    steps = slots.steps + 1
    halted = (output.halt_logit > 0) | (steps >= n_supervision)
    return Slots(slots.inputs, state, steps, halted), output


# %% [markdown]
# Question, `y`, `z` and age change together, or not at all. (Labels too; they are left out here.)
#
# The library's `supervision_step` does the same, with labels and one addition: with probability 0.1 a slot must go on
# for a random number of steps, so that the network also sees what comes after it felt done. Here that is off.
#
# **Predict:** six slots start together and may live four steps. Do they still have the same age after seven calls?

# %%
torch.manual_seed(1)
model = MyTRM(tiny)
nn.init.normal_(model.heads.halt.weight, std=2.0)  # an undecided halting head instead of "surely not"
nn.init.zeros_(model.heads.halt.bias)
slots = Slots(torch.ones(6, 16).long(), model.initial_state(6), torch.zeros(6).int(), torch.ones(6).bool())

# %%
from trm_edu.supervision import Batch, initial_carry, supervision_step

carry = initial_carry(model, Batch(slots.inputs, slots.inputs, torch.zeros(6).long()))
for call in range(7):
    new = Batch(torch.randint(1, 6, (6, 16)), torch.randint(1, 6, (6, 16)), torch.zeros(6).long())
    carry, theirs = supervision_step(model, carry, new, n_supervision=4, exploration=0.0)
    slots, ours = training_call(model, slots, new.inputs, n_supervision=4)
    assert_close((ours.logits, slots.steps, slots.halted), (theirs.logits, carry.steps, carry.halted))
    print(f"call {call + 1}: ages {slots.steps.tolist()}, halted {slots.halted.int().tolist()}, equal to the library's")

# %% [markdown]
# The ages drift apart, and no slot ever waits for another.
#
# ## 6. Train it, here
#
# The puzzles: 6x6 Sudoku with as few clues as possible, made by the library's generator. No test puzzle is a training
# puzzle turned, permuted or relabelled. `train` is one plain loop around `supervision_step`; it also keeps a moving
# average of the weights, which is what gets tested. **The network is your class.**
#
# The recipe is smaller than the paper's in every way: the network, the number of recursions, and the number of steps
# that a puzzle may stay in its slot. `TrainingMonitor` calls `train` and shows how far it has come. Its *Stop* button
# ends the run early and keeps the best weights so far.

# %%
from trm_edu.recipes import RECIPES
from trm_edu.train import load_sets

recipe = RECIPES["laptop-sudoku6"]
training, unseen = load_sets(recipe)
print("train on", training.describe())
print("test on ", unseen.describe())

# %%
task = trm_edu.get_task("sudoku6")
plots.show(plots.grid(task, unseen.questions[0]), "A 6 by 6 Sudoku; its boxes are 2 rows by 3 columns.")
print(f"{task.vocab_size} tokens (padding, blank, six digits), {task.seq_len} cells")

# %% [markdown]
# **Predict:** the goal is 95% of 1,000 unseen puzzles, every cell right. How many will be right after *one* supervision
# step of the trained network, and how many after the last?

# %%
from trm_edu.widgets import TrainingMonitor

print(f"D={recipe.hidden}, n={recipe.n}, T={recipe.T}; up to {recipe.n_supervision} steps a puzzle in training")
torch.manual_seed(recipe.seed)
mine = MyTRM(recipe.model_config("float32"))
run = TrainingMonitor(recipe).train(model=mine, sets=(training, unseen))

# %% [markdown]
# The loss falls from the first step on. Exact accuracy waits: a grid counts only when all its cells are right. Then the
# lines part. The distance between them is what the recursion adds.

# %%
exact = run.evaluation.exact
print(f"{sum(p.numel() for p in mine.parameters()):,} weights")
for step in (1, 4, len(exact)):
    print(f"after step {step:>2}: {exact[step - 1]:.1%} of {run.evaluation.count:,} unseen puzzles solved exactly")
low, high = run.evaluation.interval
print(f"the last with its 95% interval: {low:.1%} to {high:.1%}")

# %%
halting = run.evaluation.halting
plots.show(plots.accuracy_by_step(exact, halting=halting), plots.accuracy_by_step_text(exact, halting=halting))

# %% [markdown]
# The weights are the same at every step; only the number of steps differs. The dashed line is the halting head: what
# share of its answers the network believes to be right.
#
# ## 7. Watch it think
#
# The unseen puzzle that costs a plain solver the most guesses. Press play, or drag the slider. Yellow cells changed in
# this step; crossed cells are wrong. (Without a live page you see a picture of some steps.)

# %%
from trm_edu.widgets import Player

hardest = unseen.extra["guesses"].argmax()
print(f"a plain solver guesses {unseen.extra['guesses'][hardest]} times")
Player(run.model, task, unseen.questions[hardest], solution=unseen.answers[hardest])

# %% [markdown]
# ## What we now know
#
# - TRM is one network of two blocks, two states and three loops. It fits on a screen.
# - Ours has the published number of weights and computes the published outputs and gradients.
# - Trained here, the same weights solve many more puzzles after many steps than after one.
#
# What we do *not* know from this run: which part deserves the credit. One run with one seed compares nothing. Lessons
# 08 and 09 will do that, with seeds and spread.
#
# **Check yourself**
#
# 1. With T = 1, would `detach` change a gradient? And with T = 3?
# 2. You write `y = net(y + x, z)`. The shapes fit and it trains. How would you notice?
# 3. A batch of 64 slots, `N_sup` = 16. How many optimizer steps does a puzzle see, at least and at most?
#
# <details><summary>Answers</summary>
#
# 1. T = 1: yes, the graph would reach back into earlier supervision steps. T = 3: no, the recursions without gradient
#    have cut it already.
# 2. The proofs of section 4 fail. Accuracy alone might not tell you.
# 3. One, if the network says "done" at once and need not explore. Sixteen at most.
#
# </details>

# %% [markdown]
# **Read on.** The paper's figure 3 beside [`trm_edu/trm.py`](../trm_edu/trm.py); the loop in
# [`trm_edu/train.py`](../trm_edu/train.py). Lesson 11 will train at full size.
