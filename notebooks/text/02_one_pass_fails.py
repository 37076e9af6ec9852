# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · One pass fails
#
# **Question: why not just predict the answer?**
#
# *You will be able to* write a network that predicts all cells at once, its loss and its training step; measure where it
# fails; and count how deep a recursive network really is, and what that costs.
#
# *You need* PyTorch: tensors, `nn.Module`, autograd. From lesson 01: tokens, symmetries, exact and cell accuracy.
#
# *Time*: it runs in under half a minute on two CPU cores. Reading takes about 45 minutes, the exercises an hour.
#
# *The course*: 00 start · **01-03 puzzles and parts (you are in 02)** · 04-07 HRM's ideas · 08-09 what made it better
# · 10 TRM complete · 11-13 full size · 14-15 beyond

# %%
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn
from torch.testing import assert_close

import trm_edu
from trm_edu import plots
from trm_edu.interface import ModelConfig, parameter_count

# %% [markdown]
# ## 1. A network that answers at once
#
# A Sudoku has 81 cells. Each cell needs one of 11 tokens: padding, blank, nine digits. So predict: question in, 81
# answers out. We make ordinary puzzles with 32 clues. No unseen puzzle is a training puzzle in disguise.

# %%
# NBVAL_CHECK_OUTPUT
task = trm_edu.get_task("sudoku9")
training = task.generate(2000, seed=1, clues=32)
unseen = task.generate(200, seed=2, clues=32, exclude=task.fingerprint(training.questions))
print("train on", training.describe())
print("test on ", unseen.describe())

# %% [markdown]
# The network has three parts.
#
# - **In**: a table with one vector of D numbers for each token.
# - **Blocks**: each one lets the cells hear of each other, then works on each cell alone. Shape in, same shape out. Here
#   it is a black box from the library. Lesson 03 opens it.
# - **Out**: a matrix turns each vector into 11 *logits*. The largest one is the answer.
#
# The table starts with numbers of spread 1 / sqrt(D). The factor sqrt(D) brings the vectors back to size 1.

# %%
from trm_edu.layers import Block

torch.manual_seed(0)
block = Block(64, 81, mixer="mlp", heads=1, expansion=4.0, multiple=8)
print(tuple(block(torch.randn(5, 81, 64)).shape))  # B puzzles, L cells, D channels


# %%
class OnePass(nn.Module):
    """Tokens [B, L] -> logits [B, L, V]."""

    def __init__(self, vocab=11, cells=81, dim=64, n_layers=2):
        super().__init__()
        self.tokens = nn.Embedding(vocab, dim)
        nn.init.normal_(self.tokens.weight, std=dim**-0.5)
        shape = {"mixer": "mlp", "heads": 1, "expansion": 4.0, "multiple": 8}
        self.blocks = nn.ModuleList(Block(dim, cells, **shape) for _ in range(n_layers))
        self.answer = nn.Linear(dim, vocab, bias=False)

    def forward(self, inputs):
        h = self.tokens(inputs) * self.tokens.embedding_dim**0.5
        for block in self.blocks:
            h = block(h)
        return self.answer(h)


# %% [markdown]
# **Proof.** The library has the same network, `trm_edu.Direct`. Copy our weights into it: the logits must be equal. Look
# for the number of weights.

# %%
model = OnePass()
library = trm_edu.Direct(ModelConfig(11, 81, hidden=64, n_layers=2, swiglu_multiple=8))
library.embed.tokens.load_state_dict(model.tokens.state_dict())
library.network.blocks.load_state_dict(model.blocks.state_dict())
library.heads.answer.load_state_dict(model.answer.state_dict())
inputs, labels = (torch.from_numpy(tokens).long() for tokens in (unseen.questions, unseen.answers))

# %%
# NBVAL_CHECK_OUTPUT
_, output = library(inputs[:4], library.initial_state(4))
assert_close(model(inputs[:4]), output.logits)
print(f"ours {parameter_count(model):,} weights, library {parameter_count(library):,}")

# %% [markdown]
# Equal logits. The library's 130 weights more are the halting head, 2 x 64 + 2: whoever answers at once need not learn when to stop.
#
# ## 2. The loss
#
# One cell, three tokens, logits 2, 1, 0. Softmax makes probabilities. The loss is minus the logarithm of the probability
# of the right token. First
# by hand, for right token 0 and for right token 2.
#
# Some cells do not count: padding around a small grid, for example. Their label is **-100**, by PyTorch's custom. They
# give no loss, and they are not in the mean. Then a
# loop, for a batch of two puzzles with three cells.

# %%
# NBVAL_CHECK_OUTPUT
parts = np.exp([2.0, 1.0, 0.0])
probability = parts / parts.sum()
print("probabilities", probability.round(3), "losses", (-np.log(probability[[0, 2]])).round(3))

# %%
torch.manual_seed(0)
logits, toy_labels = torch.randn(2, 3, 4), torch.tensor([[1, -100, -100], [0, 3, 2]])  # [B, L, V], [B, L]
puzzle_losses = []
for puzzle, row in zip(logits, toy_labels, strict=True):
    losses = [-cell.softmax(-1)[label].log() for cell, label in zip(puzzle, row, strict=True) if label != -100]
    puzzle_losses.append(sum(losses) / len(losses))

# %% [markdown]
# Mean over the cells that count, for each puzzle; then mean over puzzles. So a puzzle with few cells weighs as much as
# one with many. Now without loops. `gather` would choke on -100, so we put any valid token there and multiply by 0.
# `log_softmax` is softmax and logarithm in one: a probability that rounds to 0 would have an infinite logarithm.


# %%
def cell_loss(logits, labels):
    counts = labels != -100
    picked = logits.log_softmax(-1).gather(-1, labels.clamp_min(0)[..., None])[..., 0]
    per_puzzle = (-picked * counts).sum(-1) / counts.sum(-1)
    return per_puzzle.mean()


# %% [markdown]
# PyTorch has this as `F.cross_entropy`; it ignores -100 by itself. It wants cells in one row. **Predict:** is its value
# for the *whole* batch the same as ours?

# %%
# NBVAL_CHECK_OUTPUT
one_by_one = torch.stack([F.cross_entropy(a, b, ignore_index=-100) for a, b in zip(logits, toy_labels, strict=True)])
whole = F.cross_entropy(logits.flatten(0, 1), toy_labels.flatten(), ignore_index=-100)
assert_close(cell_loss(logits, toy_labels), sum(puzzle_losses) / 2)  # vectorised = loop
assert_close(cell_loss(logits, toy_labels), one_by_one.mean())  # ours = torch's, puzzle by puzzle
print(f"mean of puzzles {one_by_one.mean():.4f}, mean of all cells {whole:.4f}")

# %% [markdown]
# No: torch's mean lets each *cell* weigh the same, ours each *puzzle*. In Sudoku all 81 cells count, the clues too, as
# in the published code. Then both are equal. And so is the library's:

# %%
from trm_edu.losses import softmax_cross_entropy, supervision_loss

logits = model(inputs[:4])
theirs = supervision_loss(library(inputs[:4], ())[1], labels[:4], cell_loss=softmax_cross_entropy).answer / 4
assert_close(cell_loss(logits, labels[:4]), theirs)
assert_close(cell_loss(logits, labels[:4]), F.cross_entropy(logits.flatten(0, 1), labels[:4].flatten()))


# %% [markdown]
# ## 3. The training step
#
# Always in this order: clear the gradients of the last step; run the network and measure the loss; compute gradients;
# move the weights.
#
# By hand, with one weight w = 1, loss = (3w)², learning rate 0.1: the gradient is 18w = 18, so w becomes 1 - 1.8 = -0.8.
# **Predict:** what stands in `w.grad` if `backward` is called twice and nothing is cleared?


# %%
def training_step(model, optimizer, inputs, labels):
    optimizer.zero_grad()
    loss = cell_loss(model(inputs), labels)
    loss.backward()
    optimizer.step()
    return loss.item()  # a plain number: a tensor would keep the whole graph alive


# %%
# NBVAL_CHECK_OUTPUT
w = torch.tensor(1.0, requires_grad=True)
for call in (1, 2):
    ((3 * w) ** 2).backward()
    print("calls of backward:", call, "- w.grad:", w.grad.item())

# %%
# NBVAL_CHECK_OUTPUT
sgd = torch.optim.SGD([w], lr=0.1)
sgd.zero_grad()
((3 * w) ** 2).backward()
sgd.step()
print("w moved to", round(w.item(), 4))

# %% [markdown]
# PyTorch *adds*. Without `zero_grad` every step would also repeat all earlier ones.
#
# **Proof.** Two copies of the network. One is trained by our step, one by plain torch: `F.cross_entropy` and `AdamW`.
# After three steps all weights must be the same. We compare in double precision: AdamW divides each gradient by its own
# size, and so turns the rounding errors of small gradients into visible differences.

# %%
import copy

ours, plain = copy.deepcopy(model).double(), copy.deepcopy(model).double()
settings = {"lr": 4e-3, "betas": (0.9, 0.95), "weight_decay": 0.1}
our_optimizer = torch.optim.AdamW(ours.parameters(), **settings)
plain_optimizer = torch.optim.AdamW(plain.parameters(), **settings)
for rows in (slice(0, 8), slice(8, 16), slice(16, 24)):
    value = training_step(ours, our_optimizer, inputs[rows], labels[rows])
    plain.zero_grad()
    loss = F.cross_entropy(plain(inputs[rows]).transpose(1, 2), labels[rows], ignore_index=-100)
    loss.backward()
    plain_optimizer.step()
    assert_close(value, loss.item())
for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
    assert_close(mine, theirs, rtol=0, atol=1e-9)


# %% [markdown]
# ## 4. Train it, here
#
# Two scores, as in lesson 01. *Cells*: the share of cells that are right. *Exact*: the share of puzzles in which every
# cell is right. Only the second one solves a puzzle.
#
# Each batch: 32 of the 2,000 training puzzles, each under a random symmetry. So the network never sees quite the same
# puzzle twice.
#
# **Predict:** 160 steps. What becomes of the loss, the cells, and the exact score on 200 unseen puzzles?


# %%
def scores(answers, labels):
    right = answers == labels
    return right.float().mean().item(), right.all(-1).float().mean().item()


@torch.no_grad()
def test(model):
    logits = model(inputs)
    return cell_loss(logits, labels).item(), *scores(logits.argmax(-1), labels)


# %%
from trm_edu.data import BatchStream

torch.manual_seed(0)
model = OnePass()
optimizer = torch.optim.AdamW(model.parameters(), **settings)
stream = BatchStream(training, batch_size=32, seed=0, device="cpu")
history = [(0, *test(model))]
for step in range(1, 161):
    batch = next(stream)
    training_step(model, optimizer, batch.inputs, batch.labels)
    if step % 20 == 0:
        history.append((step, *test(model)))
        print("step {:>3}: loss {:.2f}, cells {:.1%}, exact {:.1%}".format(*history[-1]))

# %%
steps, losses, cells, exact = (np.array(column) for column in zip(*history, strict=True))
assert losses[-1] < losses[0] / 2 and cells[-1] > 0.6 and exact.max() < 0.02
figure = Figure(figsize=(8, 2.8), layout="constrained")
left, right = figure.subplots(1, 2)
left.plot(steps, losses, "o-", color=plots.VERMILION)
left.set(xlabel="optimizer step", ylabel="loss of a cell", ylim=(0, None), title="200 unseen puzzles")
right.plot(steps, cells, "s--", color=plots.GREEN)
right.plot(steps, exact, "D-", color=plots.BLUE)
right.text(steps[-1], cells[-1] + 0.05, "cells", ha="right")
right.text(steps[-1], exact[-1] + 0.05, "exact: all 81 cells", ha="right")
right.set(xlabel="optimizer step", ylabel="share that is right", ylim=(-0.03, 1), title="200 unseen puzzles")
plots.show(
    figure,
    f"Two charts over {steps[-1]} steps. Loss falls from {losses[0]:.2f} to {losses[-1]:.2f}. Cell accuracy climbs "
    f"from {cells[0]:.0%} to {cells[-1]:.0%}; exact accuracy ends at {exact[-1]:.1%}.",
)

# %% [markdown]
# The loss falls. Cells climb, then slow down. Exact does not move. A loss curve alone would have looked like success.
#
# ## 5. Where does it fail?
#
# Let us solve as a careful person would, in **rounds**. In a round, look at the whole grid once and fill in what is
# certain *now*:
#
# - a cell that only one digit fits (its row, column and box show the other eight), or
# - a digit that has only one place left in a row, column or box.
#
# The next round may use what this round found. First by hand, for the first open cell of the first
# unseen puzzle. Then for all cells of all puzzles at once.

# %%
# NBVAL_CHECK_OUTPUT
cell, grid = np.arange(81), unseen.questions[0]
row, column = cell // 9, cell % 9
box = row // 3 * 3 + column // 3
here = np.flatnonzero(grid == 1)[0]
near = (row == row[here]) | (column == column[here]) | (box == box[here])
seen = set((grid[near & (grid > 1)] - 1).tolist())  # digit d is token d + 1
print("cell", here, "sees", sorted(seen), "so there fits", sorted(set(range(1, 10)) - seen))

# %%
units = np.stack([group == k for group in (row, column, box) for k in range(9)]).astype(int)  # 27 rows, columns, boxes
peers = (units.T @ units > 0).astype(int)  # [81, 81]: which cells share one of them


# %%
def fitting(grids):
    """Which digits fit: bool [N, 81, 9]; none where the cell is filled."""
    shown = np.eye(11, dtype=int)[grids][..., 2:]
    return (grids == 1)[..., None] & (peers @ shown == 0)


assert set(np.flatnonzero(fitting(grid[None])[0, here]) + 1) == set(range(1, 10)) - seen  # all at once = by hand


# %%
def one_round(grids):
    fits = fitting(grids)
    only_digit = fits.sum(-1, keepdims=True) == 1
    only_place = units.T @ (units @ fits.astype(int) == 1) > 0
    certain = fits & (only_digit | only_place)
    return np.where(certain.any(-1), certain.argmax(-1) + 2, grids)


# %% [markdown]
# Now each cell gets a number: the round in which it is found. Clues have 0, what rounds never find has 99.

# %%
# NBVAL_CHECK_OUTPUT
grids, found = unseen.questions, np.where(unseen.questions > 1, 0, 99)
for k in range(1, 30):
    after = one_round(grids)
    found[after != grids] = k
    grids = after
assert ((grids == unseen.answers) | (grids == 1)).all()  # what is certain is right
solved = (grids == unseen.answers).all(-1)
print(f"solved by rounds alone: {solved.sum()} of 200; rounds needed: {np.median(found[solved].max(-1)):.0f} (median)")

# %% [markdown]
# So most of these puzzles need no guess, but a **chain**: a cell of round 6 stands on one of round 5, that on one of
# round 4. Here is one puzzle. A number is the round of the cell; grey cells are clues; a cross says that our network has
# this cell wrong.

# %%
with torch.no_grad():
    answers = model(inputs).argmax(-1).numpy()
chosen = np.flatnonzero(solved)[0]
wrong = answers[chosen] != unseen.answers[chosen]
ax = Figure(figsize=(3.9, 3.9), layout="constrained").subplots()
ax.imshow(np.where(found[chosen] == 0, 0.8, 1.0).reshape(9, 9), cmap="gray", vmin=0, vmax=1)
for k in range(81):
    if found[chosen, k]:
        ax.text(column[k], row[k], f"{found[chosen, k]}{' ×' if wrong[k] else ''}", ha="center", va="center")
for k in range(10):
    ax.axhline(k - 0.5, color="black", linewidth=1.6 if k % 3 == 0 else 0.4)
    ax.axvline(k - 0.5, color="black", linewidth=1.6 if k % 3 == 0 else 0.4)
ax.set(xticks=[], yticks=[], xlabel="number: round in which a cell can be known; ×: network wrong")
counts = [
    f"round {k}: {wrong[found[chosen] == k].sum()} of {(found[chosen] == k).sum()}"
    for k in range(1, found[chosen].max() + 1)
]
plots.show(ax, f"A Sudoku grid; each open cell bears its round. Cells that the network has wrong, {', '.join(counts)}.")

# %% [markdown]
# **Predict:** over all 200 puzzles, how does the network's accuracy depend on the round of the cell? For comparison: the
# score of someone who picks at random among the digits that fit.

# %%
few_rounds = range(1, 7)
guess = 1 / np.maximum(fitting(unseen.questions).sum(-1), 1)
by_round = [(answers == unseen.answers)[found == k].mean() for k in few_rounds]
by_guess = [guess[found == k].mean() for k in few_rounds]
for k, share, luck in zip(few_rounds, by_round, by_guess, strict=True):
    print(f"round {k}: {(found == k).sum():>5} cells, network {share:.0%}, guess among fitting digits {luck:.0%}")
assert by_round[0] > by_round[1] + 0.1 > by_round[3] + 0.15 and by_round[3] < by_guess[3] + 0.15

# %% [markdown]
# What one look shows, it mostly gets. What needs the result of another deduction, it does much less often. In later
# rounds it is hardly better than a guess. And one wrong cell spoils the grid.
#
# Why? A block lets every cell look at all others *once*. A network of two blocks has two such looks, then it must speak.
# It cannot look at what it has just written. Its amount of work is fixed, however long the chain.
#
# This is an observation, not a law. With more training the good rounds reach further (try 1,000 steps). Nor is a round
# exactly a block. But the paper's own experiment points the same way. Table 4, Sudoku-Extreme, same 1,000 puzzles:
# direct prediction with 27M weights 0.0%, HRM 55.0%, TRM 87.4%.
#
# ## 6. The same family of puzzles, with recursion
#
# The network that ships with the course repeats two blocks. Here it answers the first 50 of our unseen puzzles.
#
# **This is not a comparison of architectures.** It is larger than ours, it was trained far longer, on other puzzles
# (1,000 of Sudoku-Extreme), with another loss and optimizer. Compare it with *itself*: one step against sixteen.
#
# **Predict:** which rounds does it know after one step? And after two?

# %%
from trm_edu.checkpoints import shipped_model
from trm_edu.supervision import Batch, deep_supervision

shipped = shipped_model("sudoku9")
batch = Batch(inputs[:50], labels[:50], torch.zeros(50, dtype=torch.long))
with torch.no_grad():
    drafts = [output.logits.argmax(-1) for output in deep_supervision(shipped.model, batch, 16)]
print(f"shipped {parameter_count(shipped.model):,} weights, {shipped.recipe['steps']:,} steps")
print(f"ours {parameter_count(model):,} weights, 160 steps")

# %%
first_fifty = found[:50]
reach = {}
for step in (1, 2, 16):
    share, whole_grid = scores(drafts[step - 1], labels[:50])
    right = (drafts[step - 1] == labels[:50]).numpy()
    reach[f"shipped, step {step}"] = [right[first_fifty == k].mean() for k in few_rounds]
    print(f"shipped, after step {step:>2}: cells {share:.1%}, exact {whole_grid:.0%} of 50")
assert scores(drafts[15], labels[:50])[1] > scores(drafts[0], labels[:50])[1] + 0.5

# %%
lines = {"guess": by_guess, "ours, one pass": by_round, **reach}
looks = [
    ("grey", ":", "x"),
    (plots.VERMILION, "--", "o"),
    (plots.ORANGE, "-.", "s"),
    (plots.GREEN, "-", "^"),
    (plots.BLUE, "-", "D"),
]
ax = Figure(figsize=(7.4, 3.2), layout="constrained").subplots()
for (name, values), (colour, line, marker) in zip(lines.items(), looks, strict=True):
    ax.plot(few_rounds, values, color=colour, linestyle=line, marker=marker, label=name)
ax.set(xlabel="round in which a cell can be known", ylabel="share of cells right", ylim=(0, 1.03))
ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
said = "; ".join(
    f"{name}, {values[0]:.0%} in round 1 and {values[-1]:.0%} in round 6" for name, values in lines.items()
)
plots.show(ax, f"Share of right cells against the round of the cell: {said}.")

# %% [markdown]
# Each step carries the good region to later rounds. After sixteen, hardly a cell of these puzzles is left. The weights did
# not change between the curves; only the number of steps did.
#
# ## 7. How deep is a recursive network?
#
# The lesson 10 model in short: a scratch pad `z` is renewed `n` times, then the answer `y` once. That is a *recursion*.
# It is done `T` times: a *supervision step*. Up to `N_sup` steps follow. On the whiteboard, for T = 3, n = 2:

# %%
ax = Figure(figsize=(8.2, 3.0), layout="constrained").subplots()


def draw(x, y, text, solid=True):
    box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "linewidth": 2 if solid else 1}
    ax.text(x, y, text, ha="center", va="center", bbox={**box, "linestyle": "-" if solid else "--"}, zorder=3)


def arrow(start, end, **style):
    ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "black", **style})


for x, text in enumerate(("x", "2 blocks", "answer")):
    draw(1.3 * x, 2.3, text)
arrow((0.15, 2.3), (0.85, 2.3))
arrow((1.75, 2.3), (2.2, 2.3))
ax.text(3.4, 2.3, "one pass: 2 layers deep, then it must speak", va="center")
ax.plot((-0.3, 8.2), (1.45, 1.45), color=plots.BLUE, linewidth=3)
ax.text(-0.5, 1.45, "x", color=plots.BLUE, ha="right", va="center")
for k in range(9):
    draw(k + 0.2, 0.8, "zzy"[k % 3], solid=k >= 6)
    arrow((k - 0.55, 0.8), (k - 0.05, 0.8))
    if k % 3 < 2:
        arrow((k + 0.2, 1.45), (k + 0.2, 1.0), color=plots.BLUE)
draw(9.4, 0.8, "answer")
arrow((8.45, 0.8), (8.95, 0.8))
ax.text(2.7, 0.25, "T - 1 recursions without gradient", ha="center")
ax.text(7.2, 0.25, "the last one with", ha="center", weight="bold")
ax.text(
    4.6, -0.2, "each box: the same 2 blocks. T(n + 1) = 9 boxes: 18 layers deep; then up to N_sup times", ha="center"
)
ax.set(xlim=(-1, 10), ylim=(-0.4, 2.7))
ax.set_axis_off()
plots.show(ax, "Above, one pass: x, two blocks, answer. Below, a chain of nine boxes z z y, z z y, z z y and the "
    "answer; x enters each z; only the last three boxes are solid: they take part in the gradient.")  # fmt: skip

# %% [markdown]
# Do not trust the formula: count. A *hook* is a function that PyTorch calls whenever a module runs. **Predict** the
# three numbers for the paper's T = 3, n = 6 and two layers: layers in a step, those that carry gradient, layers in 16
# steps.

# %%
# NBVAL_CHECK_OUTPUT
trm = trm_edu.TRM(ModelConfig(6, 16, hidden=8, n_layers=2, T=3, n=6, swiglu_multiple=8))
modes = []
trm.network.register_forward_hook(lambda *_: modes.append(torch.is_grad_enabled()))
state = trm.initial_state(1)
for _ in range(16):
    state, _ = trm(torch.ones(1, 16).long(), state)
print("layers in a step:", 2 * len(modes) // 16, "- with gradient:", 2 * sum(modes) // 16)
print("layers in 16 steps:", 2 * len(modes))

# %% [markdown]
# So the depth is T(n + 1) x layers: 42. The `+ 1` is the answer's own renewal. With N_sup = 16 steps the last answer
# stands at the end of 672 layers. But learning sees only the last 14 of them in each step; what came before counts as
# given.
#
# HRM has two networks of four layers, and T = 2, n = 2. The same count:

# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.hrm import HRM, HRMConfig

hrm, modes = HRM(HRMConfig(6, 16, hidden=8, n_layers=4, T=2, n=2, swiglu_multiple=8)), []
for network in (hrm.f_L, hrm.f_H):
    network.register_forward_hook(lambda *_: modes.append(torch.is_grad_enabled()))
hrm(torch.ones(1, 16).long(), hrm.initial_state(1))
print("layers in a step:", 4 * len(modes), "- with gradient:", 4 * sum(modes))

# %% [markdown]
# 24 and 42: the "depth" column of the paper's table 1. **Predict:** how many weights does a TRM gain when T goes from 1
# to 3 and n from 1 to 6?
#
# And where do the weights sit? A SwiGLU from `d` to inner width `w` has *three* matrices (gate, up, down) of d x w.
# Attention has four of D x D. No biases. A block: one of the two to mix cells, and one SwiGLU on the channels. The
# second cell counts that by hand.

# %%
# NBVAL_CHECK_OUTPUT
flat, deep = (trm_edu.TRM(ModelConfig(11, 81, T=T, n=n)) for T, n in ((1, 1), (3, 6)))
one_block = parameter_count(flat.network.blocks[0])
print(f"T=1, n=1: {parameter_count(flat):,}   T=3, n=6: {parameter_count(deep):,}")
print(f"a stack of 42 different blocks: {42 * one_block:,}")

# %%
# NBVAL_CHECK_OUTPUT
D, S, W, W_cells = 512, 81, 1536, 256  # width, cells, inner widths (rounded up to a multiple of 256)
print("mixer block    ", f"{3 * S * W_cells + 3 * D * W:,}")
print("attention block", f"{4 * D * D + 3 * D * W:,}")
assert one_block == 3 * S * W_cells + 3 * D * W

# %% [markdown]
# ## 8. What does depth cost?
#
# None: depth comes without weights. That is the bargain. But depth without weights is not depth without work. Count floating-point operations (FLOPs) of matrix products; the rest
# hardly counts. A product of [2, 3] with [3, 4] has 2 x 4 results. Each needs 3 multiplications and 3 additions: 2
# operations for each *multiply-add*. Then a loop over the layers of the paper's network, for one puzzle without prefix.
# At last the library's function, which must say the same.


# %%
# NBVAL_CHECK_OUTPUT
operations = sum(2 for _row in range(2) for _column in range(4) for _inner in range(3))  # multiply, add
print(operations, 2 * 2 * 3 * 4)

# %%
products = [(D, S, 2 * W_cells), (D, W_cells, S), (S, D, 2 * W), (S, W, D)]  # [rows, inner] with [inner, columns]
total = 0
for _layer in range(2):
    for rows, inner, columns in products:
        total += 2 * rows * inner * columns

# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.flops import evaluation_flops, forward_equivalents, step_flops

c = ModelConfig(11, 81, T=3, n=6)
assert total == evaluation_flops(c)
print(f"one evaluation, one puzzle: {total / 1e9:.3f} GFLOP")

# %% [markdown]
# And the backward pass? For each product it needs two of the same size: one for the gradient of the weights, one for
# the gradient of the inputs. So an evaluation with gradient costs 3, one without costs 1. By hand: T = 3, n = 6: 14
# evaluations without, 7 with. 14 + 3 x 7 = 35 *forward equivalents*.

# %%
# NBVAL_CHECK_OUTPUT
without, with_gradient = (3 - 1) * (6 + 1), 6 + 1
assert without + 3 * with_gradient == forward_equivalents("trm", c) == 35
assert 35 * total * 768 == step_flops("trm", c, 768)
print(f"one training step of 768 puzzles: {step_flops('trm', c, 768) / 1e12:.1f} TFLOP")
print(f"the same network, one pass:       {step_flops('direct', c, 768) / 1e12:.1f} TFLOP")

# %% [markdown]
# A direct network pays 3, this one 35. If all 21 evaluations carried gradient, it would pay 63, and keep the numbers of
# 42 layers in memory instead of 14. That is why most of the recursion runs without gradient. Whether it may, lesson 05
# asks.
#
# Now do the [exercises](../exercises/02_one_pass_fails.ipynb).
#
# ## What we now know
#
# - A direct network has a falling loss and a good share of cells, and may solve nothing: exact accuracy needs *every*
#   cell.
# - It fails along the chain: the more deductions stand before a cell, the worse.
# - Recursion buys depth, T(n + 1) x layers a step, with no weights at all, but with work.
# - What this lesson does *not* show: that recursion beats a direct network at equal training. Lesson 08 compares, with
#   seeds and spread.
#
# **Check yourself**
#
# 1. Your loss halves, your cells go from 60% to 70%. How many puzzles more are solved?
# 2. T = 2, n = 3, three layers: how deep is a step? How many layers carry gradient?
# 3. You double T. What happens to the weights, and to the cost of a training step?
#
# <details><summary>Answers</summary>
#
# 1. That cannot be told; perhaps none. Measure it.
# 2. 2 x 4 x 3 = 24 layers, of which 4 x 3 = 12 carry gradient.
# 3. The weights stay. The cost does not double: only evaluations without gradient are added. From T = 3 to 6 with
#    n = 6: 35 to 56.
#
# </details>
#
# **Read on.** [`trm_edu/direct.py`](../trm_edu/direct.py) and [`trm_edu/flops.py`](../trm_edu/flops.py), one screen each;
# table 4 of the paper (arXiv 2510.04871). Lesson 03 opens the block.
