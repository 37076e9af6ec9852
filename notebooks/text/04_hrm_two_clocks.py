# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · HRM: two clocks
#
# **Question: what did HRM propose?**
#
# *You will be able to* write the Hierarchical Reasoning Model: two networks, two states, two clocks. You can prove that
# yours computes what the published code computes, and say which part of its story has evidence.
#
# *You need* PyTorch, and the blocks of lesson 03. Here they are used, not explained.
#
# *Time*: it runs in about half a minute on two CPU cores. Reading takes about half an hour.
#
# *The course*: 00 start · 01-03 puzzles and parts · **04**-07 HRM's ideas · 08-09 what made it better · 10 TRM complete
# · 11-13 full size · 14-15 beyond

# %%
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.testing import assert_close

import trm_edu
from trm_edu import plots
from trm_edu.interface import InputEmbedding, ModelConfig, OutputHeads, parameter_count
from trm_edu.layers import Block, Network, Rotary, truncated_normal_

# %% [markdown]
# ## 1. The proposal
#
# One pass through a network was not enough (lesson 02). The Hierarchical Reasoning Model (HRM, Wang et al., arXiv
# 2506.21734) makes many passes and keeps two states. Each state is one vector for each cell.
#
# | network | clock | reads | renews |
# |---|---|---|---|
# | `f_L`, low | fast: every tick | `z_L`, `z_H` and the question `x` | `z_L` |
# | `f_H`, high | slow: once after `n` low ticks | `z_H` and `z_L`, **not** `x` | `z_H` |
#
# `n` low ticks and one high tick are a **cycle**. `T` cycles are one supervision step. Then the heads read the answer
# from `z_H`. The story behind it: parts of the brain work at different speeds. A slow part plans, a fast part works out
# the details. We build it first, and ask about the story at the end.
#
# ## 2. In the head
#
# We replace both networks by the mean of their two inputs. Let x = 8, and both states 0. What `f_L` gets besides its
# own state is the sum `z_H + x`.

# %%
# NBVAL_CHECK_OUTPUT
z_L = (0 + (0 + 8)) / 2  # low tick: the mean of z_L and z_H + x
z_L = (z_L + (0 + 8)) / 2  # low tick
z_H = (0 + z_L) / 2  # high tick: the mean of z_H and z_L
z_L, z_H


# %% [markdown]
# 4, then 6, then 3. That was one cycle with n = 2. Now each tick as a function, for any two networks.


# %%
def low_tick(f_L, x, z_H, z_L):
    return f_L(z_L, z_H + x)


def high_tick(f_H, z_H, z_L):
    return f_H(z_H, z_L)


# %% [markdown]
# A network is called as `f(state, injected)`: its own state first, then all that is added to it. A cycle is a loop and
# one line more:


# %%
def cycle(f_L, f_H, x, z_H, z_L, n):
    for _ in range(n):
        z_L = low_tick(f_L, x, z_H, z_L)
    z_H = high_tick(f_H, z_H, z_L)
    return z_H, z_L


# %%
def mean(a, b):
    return (a + b) / 2


assert cycle(mean, mean, 8, 0, 0, n=2) == (z_H, z_L)  # loop = by hand

# %% [markdown]
# The second cycle goes on from there. The low network now works with another `z_H`.
#
# **Predict:** in the first cycle z_L moved towards 8. Towards which number does it move in the second?

# %%
# NBVAL_CHECK_OUTPUT
moved = []
for _ in range(6):
    z_L, old = low_tick(mean, 8, z_H, z_L), z_L
    moved.append(z_L - old)
print("z_L after six low ticks:", round(z_L, 2), "- it moved by", [round(m, 2) for m in moved])

# %% [markdown]
# Towards `z_H + x` = 11: each tick halves the distance. As long as `z_H` stands still, `z_L` settles. A high tick moves
# the goal, and `z_L` starts again. The HRM paper calls this *hierarchical convergence*. Remember that our "network"
# is a mean, and has learned nothing.
#
# **Predict:** two tempting mistakes. Which numbers come out of one cycle from zero if `f_H` ticks at every tick? And if
# `f_H` sees `x` too?

# %%
# NBVAL_CHECK_OUTPUT
z_H, z_L = 0, 0
for _ in range(2):
    z_L = low_tick(mean, 8, z_H, z_L)
    z_H = high_tick(mean, z_H, z_L)  # mistake: inside the loop
print("right:              z_H, z_L =", cycle(mean, mean, 8, 0, 0, n=2))
print("H at every tick:    z_H, z_L =", (z_H, z_L))
print("x in the high tick: z_H, z_L =", cycle(mean, lambda a, b: mean(a, b + 8), 8, 0, 0, n=2))

# %% [markdown]
# Nothing crashes, in none of them. On real tensors the shapes fit as well. That is why we will need proofs.
#
# ## 3. The timeline
#
# Written out, a supervision step is a list of ticks.


# %%
# NBVAL_CHECK_OUTPUT
def schedule(T, n):
    return (["L"] * n + ["H"]) * T


print(*schedule(T=2, n=2))


# %% [markdown]
# The two kinds of loop, over cycles and over this list, must do the same. So here is a supervision step written in
# both ways.


# %%
def run_ticks(ticks, f_L, f_H, x, z_H, z_L):
    for tick in ticks:
        z_L = low_tick(f_L, x, z_H, z_L) if tick == "L" else z_L
        z_H = high_tick(f_H, z_H, z_L) if tick == "H" else z_H
    return z_H, z_L


# %%
# NBVAL_CHECK_OUTPUT
z_H, z_L = 0, 0
for _ in range(2):
    z_H, z_L = cycle(mean, mean, 8, z_H, z_L, n=2)
assert run_ticks(schedule(2, 2), mean, mean, 8, 0, 0) == (z_H, z_L)
z_H, z_L

# %% [markdown]
# Note the second loop: `z_H` and `z_L` are **not** set back to zero between cycles.
#
# Now the picture. Look for: who fires when, what goes up, what comes down, and where `x` enters.


# %%
def draw_timeline(T, n):
    ax = Figure(figsize=(8.5, 3.3)).add_axes((0, 0, 1, 1))
    ticks = schedule(T, n)
    look = {"L": (0, "o", plots.ORANGE), "H": (1.2, "s", plots.BLUE)}
    arrow = {"arrowstyle": "-|>", "facecolor": "black", "shrinkA": 15, "shrinkB": 15}
    for i, name in enumerate(ticks):
        height, marker, colour = look[name]
        edge = {"markeredgecolor": "black", "markeredgewidth": 3 if i >= len(ticks) - 2 else 0.6}
        ax.plot(i, height, marker, color=colour, markersize=24, **edge)
        ax.text(i, height, name, ha="center", va="center", fontsize=12, color="white" if name == "H" else "black")
        if name == "L":
            ax.annotate("x", (i, 0), (i, -0.7), ha="center", va="center", arrowprops=arrow | {"shrinkA": 6})
        elif i + 1 < len(ticks):
            ax.annotate("", (i + 1, 0), (i, height), arrowprops=arrow)
        if i and (name == "H" or ticks[i - 1] == "L"):
            ax.annotate("", (i, height), (i - 1, 0), arrowprops=arrow)
    for c in range(T):
        ax.text(c * (n + 1) + n / 2, 1.95, f"cycle {c + 1}", ha="center", fontsize=11)
        ax.axvline(c * (n + 1) - 0.5, color="grey", linestyle=":", ymin=0.1, ymax=0.95)
    ax.text(-0.7, 1.2, "high, slow\nrenews z_H", ha="right", va="center")
    ax.text(-0.7, 0, "low, fast\nrenews z_L", ha="right", va="center")
    ax.text(len(ticks) - 0.6, 1.2, "heads read z_H", va="center")
    ax.text(len(ticks) / 2 - 0.5, -1.1, "time, in ticks  →          (thick border: with gradient)", ha="center")
    ax.set(xlim=(-2.3, len(ticks) + 1.1), ylim=(-1.25, 2.25))
    ax.set_axis_off()
    return ax


# %%
T, n = 2, 3
text = f"Timeline, {T} cycles. In each, {n} round marks L in the lower row, then one square mark H in the upper row. "
text += "Each L gets x from below. Arrows: L to L, the last L of a cycle up to H, H down to the next cycle's first L. "
text += "The last L and the last H have thick borders: with gradient. After the last H the heads read z_H."
plots.show(draw_timeline(T, n), text)

# %% [markdown]
# (To keep it readable, two kinds of arrows are not drawn: from a state to itself at H, and from `z_H` to the later low
# ticks of its cycle.) The question enters the lower row only. What the upper row knows of it, it knows through `z_L`.
#
# **Predict:** HRM's Sudoku setting is n = 2 and T = 2. How often is each network evaluated in one supervision step?

# %%
# NBVAL_CHECK_OUTPUT
print(Counter(schedule(T=2, n=2)))
layers = 4  # in each of the two networks
depth = len(schedule(T=2, n=2)) * layers
print("layers passed one after another:", depth)

# %% [markdown]
# T·n low ticks and T high ticks: T(n + 1) = 6 evaluations, each 4 layers deep. This *effective depth* of 24 is what the
# TRM paper lists for HRM in its table 1. If the networks had different depths, the sum would be
# T(n · layers of f_L + layers of f_H).
#
# ## 4. Vectors, and where they start
#
# A state is a tensor [B, S, D]: B puzzles, S positions, D channels. Where does it start? Not at zero, and not at
# something learned. Two vectors are drawn once, at random, kept for ever, and copied to every position.

# %%
# NBVAL_CHECK_OUTPUT
torch.manual_seed(0)
B, S, D = 2, 3, 4
z_H_init, z_L_init = truncated_normal_(torch.empty(D), 1.0), truncated_normal_(torch.empty(D), 1.0)
z_H, z_L = z_H_init.expand(B, S, D), z_L_init.expand(B, S, D)
print(tuple(z_H.shape), "the same at every position:", bool((z_H == z_H[0, 0]).all()))

# %% [markdown]
# Our functions take tensors as they are. With the mean as network, each number of a tensor lives its own life, so a
# loop over the numbers must agree with the whole tensor at once.

# %%
x = torch.randn(B, S, D)
whole = run_ticks(schedule(2, 3), mean, mean, x, z_H, z_L)
for b, s, d in np.ndindex(B, S, D):
    alone = run_ticks(schedule(2, 3), mean, mean, x[b, s, d], z_H[b, s, d], z_L[b, s, d])
    assert_close(alone, (whole[0][b, s, d], whole[1][b, s, d]))


# %% [markdown]
# ## 5. The gradient, named only
#
# HRM keeps a gradient for two evaluations: the last tick of each network. Everything before runs under `no_grad`. In
# our list these are simply the last two entries. Why one would dare to do so is lesson 05. We build it in now, so that
# our model computes what the published one does.


# %%
def hrm_step(f_L, f_H, x, z_H, z_L, T, n):
    ticks = schedule(T, n)
    with torch.no_grad():
        z_H, z_L = run_ticks(ticks[:-2], f_L, f_H, x, z_H, z_L)
    return run_ticks(ticks[-2:], f_L, f_H, x, z_H, z_L)


# %%
def watched(name):
    def network(state, injected):
        seen.append(name + ("*" if torch.is_grad_enabled() else ""))
        return mean(state, injected)

    return network


# %%
# NBVAL_CHECK_OUTPUT
seen = []
result = hrm_step(watched("L"), watched("H"), x, z_H, z_L, T=2, n=3)
assert_close(result, whole)
print(*seen, "   (*: with gradient)")


# %% [markdown]
# The same ticks, the same numbers; only the last L and the last H are remembered for the backward pass.
#
# ## 6. The model
#
# Now real networks. Each is a stack of lesson 03's blocks, and it adds its two inputs first. `InputEmbedding` turns
# tokens into `x`: a vector for each token, times sqrt(D), behind a prefix for the puzzle's id if there is one.
# `OutputHeads` is one matrix for the digits and one for two numbers at position 0: halt and continue (lesson 07).
# `c` is a record of sizes.


# %%
class HRMState(NamedTuple):
    z_H: torch.Tensor  # [B, S, D]
    z_L: torch.Tensor  # [B, S, D]


def stack(c):
    shape = dict(mixer=c.mixer, heads=c.heads, expansion=c.expansion, multiple=c.swiglu_multiple)
    return Network([Block(c.hidden, c.n_positions, **shape) for _ in range(c.n_layers)])


class MyHRM(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.embed = InputEmbedding(c)
        self.rotary = Rotary(c.hidden // c.heads, c.n_positions) if c.positions == "rotary" else None
        self.f_L, self.f_H = stack(c), stack(c)  # two networks, each with weights of its own
        self.heads = OutputHeads(c)
        self.register_buffer("z_H_init", truncated_normal_(torch.empty(c.hidden), 1.0))
        self.register_buffer("z_L_init", truncated_normal_(torch.empty(c.hidden), 1.0))

    def initial_state(self, batch_size):
        shape = (batch_size, self.config.n_positions, self.config.hidden)
        return HRMState(self.z_H_init.expand(shape), self.z_L_init.expand(shape))

    def forward(self, inputs, state, puzzle_ids=None):
        """One supervision step."""
        x = self.embed(inputs, puzzle_ids)
        f_L, f_H = (lambda a, b, f=f: f(a, b, self.rotary) for f in (self.f_L, self.f_H))
        z_H, z_L = hrm_step(f_L, f_H, x, *state, self.config.T, self.config.n)
        return HRMState(z_H.detach(), z_L.detach()), self.heads(z_H)


# %% [markdown]
# `rotary` holds the turning angles of attention; the networks need it beside their two inputs. A buffer is saved with
# the weights, but no optimizer touches it: that suits a fixed start.
#
# **First proof: the library.** Copy the weights, run **two** supervision steps, the second from the states of the
# first. Outputs, states and gradients must agree.


# %%
def two_steps(model, inputs):
    state, results = model.initial_state(len(inputs)), []
    for _ in range(2):
        state, output = model(inputs, state)
        results += [*state, *output]
    (output.logits.square().mean() + output.halt_logit.mean() + output.continue_logit.mean()).backward()
    return results


def compare_with_library(c):
    torch.manual_seed(0)
    mine, theirs = MyHRM(c), trm_edu.HRM(c)
    mine.load_state_dict(theirs.state_dict())
    inputs = torch.randint(1, c.vocab_size, (4, c.seq_len))
    assert_close(two_steps(mine, inputs), two_steps(theirs, inputs))
    for name, weight in theirs.named_parameters():
        assert_close(mine.get_parameter(name).grad, weight.grad)


# %%
# NBVAL_CHECK_OUTPUT
for mixer in ("attention", "mlp"):
    for T, n in ((1, 1), (1, 3), (2, 2), (3, 2)):
        small = ModelConfig(6, 16, 32, T=T, n=n, mixer=mixer, heads=4, positions="rotary", swiglu_multiple=8)
        compare_with_library(small)
    print(f"{mixer}: outputs, states and gradients of MyHRM equal those of trm_edu.HRM")

# %% [markdown]
# **Second proof: numbers from the authors' own code.** Arrays that were recorded from it, `z_H` and `z_L` included.
# Their `H_cycles` is our `T`, their `L_cycles` our `n`. Processors round differently, so we allow 0.0001.

# %%
golden = Path("../tests/golden/hrm_attention_rope.npz")
if golden.exists():
    recorded = {name: torch.from_numpy(a) for name, a in np.load(golden).items() if a.dtype.kind in "fib"}
    print(len(recorded), "arrays recorded")
else:
    recorded = None
    print(f"{golden} is missing: this lesson was opened alone.")
    print("For the second proof, clone the whole repository and open the lesson there.")

OUR_NAMES = {
    "H_init": "z_H_init",
    "L_init": "z_L_init",
    "H_level.layers": "f_H.blocks",
    "L_level.layers": "f_L.blocks",
    "self_attn.o_proj": "attention.out",
    "self_attn": "attention",
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
def published_call(model, call, state):
    """One supervision step on the recorded puzzles, compared where the slots still hold puzzles of call 0."""
    inputs, ids = recorded["call0/in/inputs"].long(), recorded["call0/in/puzzle_identifiers"].long()
    same = ~recorded["call0/carry/halted"] if call else torch.ones(len(inputs), dtype=torch.bool)
    state, output = model(inputs, state, ids)
    found = {"carry/z_H": state.z_H, "carry/z_L": state.z_L, "logits": output.logits}
    found |= {"q_halt_logits": output.halt_logit, "q_continue_logits": output.continue_logit}
    for name, ours in found.items():
        assert_close(ours[same], recorded[f"call{call}/{name}"][same], atol=1e-4, rtol=0)
    print(f"supervision step {call + 1}: equal to the published code: {', '.join(found)} (puzzles: {int(same.sum())})")
    return state, output


# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.losses import supervision_loss

if recorded:
    sizes = dict(hidden=16, heads=2, T=2, n=3, prefix_len=1, puzzle_ids=5, puzzle_dim=16)
    model = MyHRM(ModelConfig(vocab_size=7, seq_len=16, mixer="attention", positions="rotary", **sizes))
    model.load_state_dict({our_name(k[2:]): w for k, w in recorded.items() if k.startswith("w/")})
    state, output = published_call(model, 0, model.initial_state(4))
    published_call(model, 1, state)  # from the carried states
    labels, target = recorded["call0/in/labels"].long(), recorded["call0/target_q_continue"]
    (supervision_loss(output, labels, continue_target=target).total / 4).backward()
    for key in recorded:
        if key.startswith("call0/grad/") and "puzzle" not in key:
            ours, theirs = model.get_parameter(our_name(key[11:])).grad, recorded[key]
            assert_close(ours, theirs, atol=1e-3 * theirs.abs().max().item(), rtol=0)
    print("equal to the published code: the gradient of every weight")

# %% [markdown]
# (The loss is the library's; lesson 07 builds it. Some slots had halted after the first step and took new puzzles, so
# the second step is compared for the others. Lesson 06 explains that.)
#
# **Third proof: count.** An attention layer has four D x D matrices and a SwiGLU of three D x 1536. Then come token
# table, answer head, and the two outputs for halt and continue.

# %%
# NBVAL_CHECK_OUTPUT
D, V, layers = 512, 11, 4
block, ends = 4 * D * D + 3 * D * 1536, V * D + V * D + 2 * D + 2
print(f"two networks of {layers} layers: 2 x {layers} x {block:,} + {ends:,} = {2 * layers * block + ends:,}")
with torch.device("meta"):  # shapes without memory
    sizes = dict(vocab_size=11, seq_len=81, n_layers=layers, T=2, n=2, mixer="attention", positions="rotary")
    hrm = trm_edu.HRM(ModelConfig(**sizes))
    trm = trm_edu.TRM(ModelConfig(vocab_size=11, seq_len=81, prefix_len=16, puzzle_ids=1, puzzle_dim=512))
assert parameter_count(hrm) == 2 * layers * block + ends
print(f"trm_edu: HRM {parameter_count(hrm):,}, TRM {parameter_count(trm):,}")

# %% [markdown]
# 27,275,266: the "27M" of the papers. T and n are not in the formula: a clock costs time, not weights. TRM, with one
# network of two layers and a token mixer, has 5,028,866.
#
# ## 7. Carried on
#
# After a supervision step the states are kept for the next one. What if somebody sets them back each time?
#
# **Predict:** we run three supervision steps, once with carried states, once set back to the start. How different are
# the answers of step 1 and step 3?

# %%
# NBVAL_CHECK_OUTPUT
torch.manual_seed(0)
model = MyHRM(small)
inputs = torch.randint(1, 6, (4, 16))
for name in ("carried", "set back"):
    state, logits = model.initial_state(4), []
    for _ in range(3):
        state, output = model(inputs, state)
        logits.append(output.logits)
        state = state if name == "carried" else model.initial_state(4)
    print(f"{name}: step 3 equals step 1: {torch.equal(logits[0], logits[2])}")

# %% [markdown]
# Set back, every step is a repetition. All progress from step to step is in the carried states.
#
# ## 8. Do the two states move at different rates?
#
# HRM's story says: the low state works fast, the high state moves slowly. Let us measure. All vectors that leave a
# network have size 1 (RMSNorm), so updates can be compared: the size of `new - old` is 0 if nothing changed, 2 if a
# vector turned round.


# %%
@torch.no_grad()
def tick_sizes(model, inputs, steps):
    """Size of the update at each tick: low [cycles, n], high [cycles]."""
    x, c = model.embed(inputs), model.config
    z_H, z_L = model.initial_state(len(inputs))
    sizes = []
    for tick in schedule(steps * c.T, c.n):  # supervision steps only go on with the cycles
        new_H, new_L = run_ticks([tick], model.f_L, model.f_H, x, z_H, z_L)
        change = new_L - z_L if tick == "L" else new_H - z_H
        sizes.append(change.square().mean(-1).sqrt().mean().item())
        z_H, z_L = new_H, new_L
    sizes = np.array(sizes).reshape(-1, c.n + 1)
    return sizes[:, :-1], sizes[:, -1]


# %% [markdown]
# The subjects: three of *your* networks, three seeds, trained for a few seconds each on 4x4 Sudoku, with T = 2 and
# n = 3. Beside each stands its untrained twin: the same seed, before training. A warning: there are so few 4x4 puzzles
# that the test puzzles are nearly known. **4x4 leaks.** It serves to see how the states move, not how good HRM is.

# %%
from trm_edu.recipes import RECIPES
from trm_edu.train import load_sets, train

recipe = RECIPES["laptop-sudoku4"].replace(model="hrm", n=3, steps=240, eval_every=240, dtype="float32")
sets = load_sets(recipe)
print(f"train on {sets[0].describe()}\ntest on  {sets[1].describe()}")

# %%
fresh, trained = [], []
for seed in range(3):
    for group in (fresh, trained):
        torch.manual_seed(seed)
        group.append(MyHRM(recipe.model_config("float32")))
    run = train(recipe.replace(seed=seed), model=trained[seed], sets=sets, progress=False)
    trained[seed] = run.model
    exact = run.evaluation.exact
    print(f"seed {seed}: {exact[0]:.0%} of 16 puzzles after step 1, {exact[-1]:.0%} after step {len(exact)}")

# %% [markdown]
# Before you look: a low tick happens three times as often as a high tick.
#
# **Predict:** in the trained networks, which *single* tick changes its state more, a low one or a high one? And in
# networks that were never trained?

# %%
measured = {}
for name, models in (("never trained", fresh), ("trained", trained)):
    questions = torch.as_tensor(sets[1].questions).long()
    low, high = zip(*(tick_sizes(model, questions, steps=4) for model in models), strict=True)
    measured[name] = np.stack(low), np.stack(high)  # [seeds, cycles, n], [seeds, cycles]

# %%
for name, (low, high) in measured.items():
    for seed, (a, b) in enumerate(zip(low, high, strict=True)):
        print(f"{name}, seed {seed}: one low tick {a.mean():.2f}, one high tick {b.mean():.2f};", end=" ")
        print(f"{a.shape[1]} low ticks {a.sum(1).mean():.2f}")
        assert 1.2 * a.mean() < b.mean() < 0.8 * a.sum(1).mean()

# %% [markdown]
# In our runs a single step of the slow state is the *larger* one, trained or not: slow means rare, not small. Over a
# whole cycle the three low ticks together still go the longer way. Now in order of time; look at what happens to the
# round marks after each square.


# %%
def draw_sizes(measured):
    axes = Figure(figsize=(9, 4.2), layout="constrained").subplots(1, 2, sharey=True)
    for ax, (name, (low, high)) in zip(axes, measured.items(), strict=True):
        cycles, n = low.shape[1:]
        time = np.arange(cycles * (n + 1)).reshape(cycles, n + 1) + 1
        for seed in range(len(low)):
            for c in range(cycles):
                ax.plot(time[c, :-1], low[seed, c], "o-", color=plots.ORANGE, markersize=5, linewidth=1)
            ax.plot(time[:, -1], high[seed], "s", color=plots.BLUE, markersize=6)
        ax.set(title=name, xlabel="time, in ticks", yscale="log", xticks=range(4, 33, 4))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.grid(alpha=0.25)
    axes[0].set_ylabel("size of the update")
    marks = axes[0].lines[0], axes[0].lines[cycles]
    axes[0].figure.legend(marks, ["low tick (z_L)", "high tick (z_H)"], loc="outside lower center", ncols=2)
    return axes


# %%
said = []
for name, (low, high) in measured.items():
    said.append(f"{name}: low ticks {low[:, 0, 0].mean():.2f} at first and {low[:, -1, -1].mean():.2f} at last")
    said.append(f"high ticks {high[:, 0].mean():.2f} at first and {high[:, -1].mean():.2f} at last")
text = f"Sizes of updates over {low.shape[1]} cycles, three seeds, logarithmic scale. " + "; ".join(said)
plots.show(draw_sizes(measured), text + ". In every cycle the low ticks shrink, and after a high tick they jump up.")

# %%
for name, (low, high) in measured.items():
    low, high = low.mean(0), high.mean(0)  # over the seeds
    settle, jump = low[:, -1] / low[:, 0], low[1:, 0] / low[:-1, -1]
    assert (settle < 0.9).all() and (jump > 1.1).all()  # in every cycle
    print(f"{name}: a cycle's last low tick is {settle.mean():.2f} of its first; after a high tick {jump.mean():.1f} x")
    print(f"   last against first cycle: low {low[-1].mean() / low[0].mean():.2f}, high {high[-1] / high[0]:.2f}")

# %%
for after, before in zip(measured["trained"], measured["never trained"], strict=True):
    assert (after[:, -1] < 0.5 * before[:, -1]).all()  # the last cycle: in every seed, for both states

# %% [markdown]
# What we saw, on three seeds and 16 puzzles of 4x4:
#
# - Within a cycle `z_L` settles. A high tick sets it moving again. This is the paper's *hierarchical convergence*.
# - **Networks that were never trained do it too**, and so did the mean in our head. It follows from the schedule: a
#   state that is pulled to a resting point settles while the rest stands still. So it is no sign of reasoning.
# - Training did change something: over the cycles both states come to rest, together. Untrained ones keep moving.
#
# ## 9. The story and the evidence
#
# What is *claimed*: a slow and a fast level as in the brain; a hierarchy that makes deep reasoning possible. What is
# *known*:
#
# - HRM as a whole works on its tasks: 55.0% of Sudoku-Extreme, where direct prediction with as many weights solves 0.0%
#   (TRM paper, table 4: 1,000 training puzzles and their symmetries).
# - ARC Prize took HRM apart ("The hidden drivers of HRM's performance"). A plain transformer in HRM's place stayed
#   within about 5 points. One more outer refinement step, two instead of one, gave 13 points. That is the loop *around*
#   the two clocks: lesson 06.
# - The TRM paper put two separate networks into TRM: 82.4 against 87.4 with one network for both parts (table 1,
#   Sudoku-Extreme). Twice the weights, and not better.
#
# Be careful in the other direction too. These are few runs. The one seed study that we know of found a spread of 1.3
# points between seeds (arXiv 2601.19085), so 5 points are a lead, not a law. None of it shows that two clocks do harm:
# TRM keeps the nested loop, and drops the second network and the story. That a design *resembles* a brain is no
# evidence that it works, and none that brains work so.
#
# Now do the [exercises](../exercises/04_hrm_two_clocks.ipynb).
#
# ## What we now know
#
# - HRM is two networks, two states and a schedule: n low ticks, one high tick, T times.
# - `x` goes to the low network only; the heads read `z_H`; both states start fixed and random, and are carried on.
# - Ours has the published number of weights, and the published outputs, states and gradients.
# - The settling and jumping of `z_L` needs no training. Two speeds are there because we built two clocks.
#
# **Check yourself**
#
# 1. A supervision step with T = 3, n = 4: how many evaluations of each network? How deep is it with 4 layers each?
# 2. `f_H` never reads `x`. How can its state hold the answer to the question?
# 3. A friend shows that the low state of a trained HRM settles in each cycle, as a proof of hierarchical reasoning.
#    Which control do you ask for?
#
# <details><summary>Answers</summary>
#
# 1. 12 of `f_L`, 3 of `f_H`; 15 x 4 = 60 layers.
# 2. Through `z_L`, which has seen `x` at every low tick.
# 3. The same measurement on networks that were never trained.
#
# </details>

# %% [markdown]
# **Read on.** [`trm_edu/hrm.py`](../trm_edu/hrm.py), written with nested loops instead of a list. The HRM paper,
# section 2. Lesson 05 asks whether one step's gradient can stand for all.
