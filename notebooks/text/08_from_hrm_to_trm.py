# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · From HRM to TRM
#
# **Question: which changes made it better?**
#
# *You will be able to* turn HRM into TRM, one small change at a time, and prove what each change computes; count what
# it costs; and read a table of results with seeds: what it says, and what it does not.
#
# *You need* lessons 04 (two clocks), 05 (one-step gradient) and 07 (halting). Their functions stand here again.
#
# *Time*: it runs in about two minutes on two CPU cores. Reading takes about an hour.
#
# *The course*: 00 start · 01-03 puzzles and parts · 04-07 HRM's ideas · **08-09 what made it better** (you are at 08) ·
# 10 TRM complete · 11-13 full size · 14-15 beyond

# %%
import copy
import difflib
import html
import inspect
import json
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from IPython.display import ProgressBar, display
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch.testing import assert_close

from trm_edu import plots
from trm_edu.evaluate import evaluate
from trm_edu.interface import parameter_count
from trm_edu.layers import rms_norm
from trm_edu.recipes import Recipe
from trm_edu.variants import build_model

# %% [markdown]
# ## The idea on a whiteboard
#
# Two papers differ in many things at once. Which of them matter? So we build a **ladder**: each rung changes one thing
# of the rung before. The first lines below are the settings of our rungs, as in the script that ran them,
# `benchmarks/ladder.py`.
#
# In the picture, above the line: the networks, a box for each layer. Below: one supervision step with T = 2, n = 2, a
# box for each evaluation. Look for three things: boxes that vanish, boxes that become dark, a row that is dashed.

# %%
HRM = {"model": "hrm", "n_layers": 4}
ATTENTION = {"mixer": "attention", "positions": "rotary"}
RUNGS = {
    "hrm": ("HRM's design", HRM | {"q_learning": True}),
    "plain_halting": ("plain halting", HRM),
    "full_gradient": ("full gradient", HRM | {"model": "separate_networks"}),
    "one_network": ("one network", {"n_layers": 4}),
    "two_layers": ("two layers", {}),
    "attention": ("attention put back", ATTENTION),
}

ax = Figure(figsize=(8.8, 3.9)).add_axes((0, 0, 1, 1))
ax.set(xlim=(-0.4, 18), ylim=(-3.6, 5.2))
ax.set_axis_off()
said = []
for i, (title, change) in enumerate(RUNGS.values()):
    two = change.get("model") in ("hrm", "separate_networks")
    layers, attention = change.get("n_layers", 2), "mixer" in change
    graded = 2 if change.get("model") == "hrm" else 3
    for k in range(1 + two):
        for layer in range(layers):
            style = {"facecolor": "#CFE4F2" if attention else "#FFE2A8", "hatch": "" if attention else "...."}
            left = 3 * i + (1.2 * k if two else 0.65)
            ax.add_patch(Rectangle((left, 0.6 + 0.8 * layer), 1.0, 0.65, edgecolor=plots.BLUE, **style))
        ax.text(left + 0.5, 0.25, ("f_L", "f_H")[k] if two else "net", ha="center", va="center", fontsize=9)
    for k in range(6):
        dark = {"facecolor": plots.BLUE if k >= 6 - graded else "white", "edgecolor": "black"}
        ax.add_patch(Rectangle((3 * i + 0.4 * k, -1.1), 0.34, 0.5, **dark))
        if change.get("q_learning"):
            again = {"facecolor": "white", "edgecolor": plots.VERMILION, "linestyle": "--"}
            ax.add_patch(Rectangle((3 * i + 0.4 * k, -1.9), 0.34, 0.5, **again))
    ax.text(3 * i + 1.15, 4.6, title.replace(" ", "\n", 1), ha="center", va="center")
    mixer = "attention" if attention else "token mixer"
    said.append(f"{title}: {1 + two} network(s) of {layers} layers, {mixer}, {graded} of 6 evaluations with gradient")
for y, text in ((-2.75, "dark: with gradient"), (-3.3, "dashed: Q-learning's second pass, thrown away")):
    ax.text(0, y, text, fontsize=9)
for y, text in ((-2.75, "blue: attention over the cells"), (-3.3, "dotted: token mixer")):
    ax.text(10, y, text, fontsize=9)
ax.axhline(-0.25, 0.02, 0.98, color="0.6")
plots.show(ax, "Diagram of the rungs. " + ". ".join(said) + ". The first alone makes a second pass, thrown away.")

# %% [markdown]
# One rung is missing in the picture, because it changes no box: EMA reads other weights of the same run.
#
# Published HRM mixes the cells with attention. Our rungs all have the token mixer; the last column puts attention back.
# Section 5 says why.
#
# ## 1. HRM's supervision step, in one cell
#
# Lesson 04's ticks, lesson 05's one-step gradient, lesson 07's loss. `hrm` is one of its T recursions: `no_grad` inside
# matters for the last one only. In `q_learning`, `model(inputs, state)` makes a whole supervision step.

# %%
from trm_edu.losses import stablemax_cross_entropy as stablemax  # lesson 07

logistic = torch.nn.BCEWithLogitsLoss(reduction="sum")


def hrm(f_L, f_H, x, z_H, z_L, n):
    with torch.no_grad():
        for _ in range(n - 1):
            z_L = f_L(z_L, z_H + x)
    z_L = f_L(z_L, z_H + x)
    z_H = f_H(z_H, z_L)
    return z_H, z_L


def deep(recursion, nets, x, state, n, T):
    with torch.no_grad():
        for _ in range(T - 1):
            state = recursion(*nets, x, *state, n)
    return recursion(*nets, x, *state, n)


def q_learning(model, inputs, labels, state, steps, limit):
    state, out = model(inputs, state)
    with torch.no_grad():
        _, ahead = model(inputs, state)
        best = torch.maximum(ahead.halt_logit, ahead.continue_logit)
        target = torch.where(steps >= limit, ahead.halt_logit, best).sigmoid()
    right = (out.logits.argmax(-1) == labels).all(-1).float()
    loss = stablemax(out.logits, labels).mean(-1).sum()
    loss = loss + 0.5 * logistic(out.halt_logit, right)
    loss = loss + 0.5 * logistic(out.continue_logit, target)
    return loss, state, (out.halt_logit > out.continue_logit) | (steps >= limit)


# %% [markdown]
# The next cell is machinery. The library's models lend their weights: `forward` runs *our* recursion with them,
# `compare` demands the same states, outputs and gradients. And a change is best read as a *diff*: `show_diff` takes the
# source of two functions; lines with `-` go, lines with `+` come. (It calls both `step`: names do not count.)


# %%
def forward(recursion, model, inputs, state):
    names = [name for name in ("f_L", "f_H", "network") if hasattr(model, name)]
    nets = [lambda a, b, name=name: getattr(model, name)(a, b, model.rotary) for name in names]
    new = deep(recursion, nets, model.embed(inputs), state, model.config.n, model.config.T)
    return type(state)(*(s.detach() for s in new)), model.heads(new[0])


def results(step, model, inputs, state):
    after, out = step(inputs, state)
    loss = out.logits.square().mean() + out.halt_logit.sum()
    return [*after, *out, *torch.autograd.grad(loss, list(model.parameters()))]


def library(name, **changes):
    torch.manual_seed(0)
    sizes = {"hidden": 16, "heads": 2, "n_layers": 2, "T": 2, "n": 3, "swiglu_multiple": 8} | ATTENTION | changes
    model = build_model(name, {"vocab_size": 8, "seq_len": 16, "dtype": "float64"} | sizes).double()
    torch.nn.init.normal_(model.heads.halt.weight)  # zeros would hide what the head reads
    return model


def compare(recursion, model):
    inputs, start = torch.randint(1, 8, (3, 16)), model.initial_state(3)
    ours = results(partial(forward, recursion, model), model, inputs, start)
    assert_close(ours, results(model, model, inputs, start))
    print(f"{recursion.__name__}: states, outputs and gradients equal those of {type(model).__name__}")


def show_diff(before, after, title):
    old, new = (inspect.getsource(f).replace(f.__name__, "step", 1).splitlines() for f in (before, after))
    lines = [line for line in difflib.unified_diff(old, new, n=2, lineterm="") if line[:3] not in ("---", "+++")]
    lines = ["  ..." if line.startswith("@@") else line for line in lines]
    looks = {"+": "background:#DDF4E4;color:#00442B", "-": "background:#FBE1DA;color:#7A1F00"}
    rows = [f'<div style="{looks.get(line[0], "color:black")}">{html.escape(line)}</div>' for line in lines]
    gone, come = (sum(line[0] == sign for line in lines) for sign in "-+")
    title = f"{title}: lines that go (-): {gone}, that come (+): {come}"
    page = f'<b>{title}</b><pre style="background:white;line-height:1.35;font-family:monospace">{"".join(rows)}</pre>'
    display({"text/html": page, "text/plain": "\n".join([title, *lines])}, raw=True)


# %%
# NBVAL_CHECK_OUTPUT
compare(hrm, library("hrm"))

# %% [markdown]
# ## 2. The rungs, as differences
#
# **Rung 1: plain halting.** One logistic loss, no second pass, and "halt" means above 0.


# %%
def plain_halting(model, inputs, labels, state, steps, limit):
    state, out = model(inputs, state)
    right = (out.logits.argmax(-1) == labels).all(-1).float()
    loss = stablemax(out.logits, labels).mean(-1).sum()
    loss = loss + 0.5 * logistic(out.halt_logit, right)
    return loss, state, (out.halt_logit > 0) | (steps >= limit)


# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.losses import supervision_loss
from trm_edu.supervision import Batch, Carry, halting, q_continue_target

show_diff(q_learning, plain_halting, "From Q-learning to plain halting")
model, steps = library("hrm"), torch.tensor([1, 2, 4])
inputs, labels = torch.randint(1, 8, (2, 3, 16))
for ours, q in ((q_learning, True), (plain_halting, False)):
    loss, state, halted = ours(model, inputs, labels, model.initial_state(3), steps, 4)
    state, out = model(inputs, model.initial_state(3))
    carry = Carry(state, steps, halted, Batch(inputs, labels, torch.zeros(3).long()))
    theirs = supervision_loss(out, labels, continue_target=q_continue_target(model, carry, 4) if q else None).total
    weights = list(model.parameters())
    assert_close(loss, theirs)
    assert_close(torch.autograd.grad(loss, weights), torch.autograd.grad(theirs, weights))
    assert torch.equal(halted, halting(out, steps, n_supervision=4, exploration=0, q_learning=q))
    print(f"{ours.__name__}: loss, gradients and stops equal the library's")

# %% [markdown]
# **Rung 2: full gradient.** All n + 1 evaluations of the last recursion take part in the gradient.


# %%
def full_gradient(f_L, f_H, x, z_H, z_L, n):
    for _ in range(n):
        z_L = f_L(z_L, z_H + x)
    z_H = f_H(z_H, z_L)
    return z_H, z_L


# %%
# NBVAL_CHECK_OUTPUT
show_diff(hrm, full_gradient, "From the one-step gradient to the full gradient of the last recursion")
compare(full_gradient, library("separate_networks"))

# %% [markdown]
# **Rung 2b: `y` and `z`.** TRM's paper says: z_H is the current answer, z_L is what you think on the way. So call them
# `y` and `z`.


# %%
def y_and_z(f_L, f_H, x, y, z, n):
    for _ in range(n):
        z = f_L(z, y + x)
    y = f_H(y, z)
    return y, z


# %% [markdown]
# **Predict:** the next cell shows the diff. How many numbers change? We ask for equality to the last bit.

# %%
# NBVAL_CHECK_OUTPUT
show_diff(full_gradient, y_and_z, "From z_H and z_L to y and z")
model, inputs = library("separate_networks"), torch.randint(1, 8, (3, 16))
runs = [results(partial(forward, f, model), model, inputs, model.initial_state(3)) for f in (full_gradient, y_and_z)]
assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))
print(f"{len(runs[0])} tensors, {sum(t.numel() for t in runs[0]):,} numbers, gradients included: not one differs")

# %% [markdown]
# Nearly every line is another, and not one number. So this "change" cannot have made anything better. (The names tell
# what the states *are*. Two other designs, below, test that.)
#
# **Rung 3: one network** plays both parts.


# %%
def one_network(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y + x)
    y = net(y, z)
    return y, z


# %%
# NBVAL_CHECK_OUTPUT
show_diff(y_and_z, one_network, "From two networks to one")
compare(one_network, library("trm"))

# %% [markdown]
# **Two side rungs.** If `y` is the answer and `z` the thought, do we need both? `single_z` has one state for all. And
# why only one thought? `multi_scale_z` has n scratch pads.


# %%
def single_z(net, x, z, n):
    for _ in range(n):
        z = net(z, x)
    z = net(z, 0 * x)
    return (z,)


def multi_scale_z(net, x, y, z, n):
    pads = list(z.chunk(n, dim=-1))
    for i in range(n):
        pads[i] = net(pads[i], y + x + sum(pads) - pads[i])
    y = net(y, sum(pads))
    return y, torch.cat(pads, dim=-1)


# %%
# NBVAL_CHECK_OUTPUT
show_diff(one_network, single_z, "From y and z to a single z")
compare(single_z, library("single_z"))
show_diff(one_network, multi_scale_z, "From one z to n pads")
compare(multi_scale_z, library("multi_scale_z"))

# %% [markdown]
# **Rung 4: two layers** instead of four. And, beside the ladder, **the token mixer** instead of attention. These two
# change the network, not the recursion.


# %%
# NBVAL_CHECK_OUTPUT
def attention_layer(h, attention, mlp):
    h = rms_norm(h + attention(h))
    return rms_norm(h + mlp(h))


def mixer_layer(h, token_mixer, mlp):
    columns = h.transpose(1, 2)
    h = rms_norm(columns + token_mixer(columns)).transpose(1, 2)
    return rms_norm(h + mlp(h))


def four_layers(a, b, layers):
    h = a + b
    for layer in layers[:4]:
        h = layer(h)
    return h


def two_layers(a, b, layers):
    h = a + b
    for layer in layers[:2]:
        h = layer(h)
    return h


show_diff(four_layers, two_layers, "From four layers to two")
show_diff(attention_layer, mixer_layer, "From attention to the token mixer")
for ours, change in ((four_layers, {"n_layers": 4}), (two_layers, {}), (two_layers, {"mixer": "mlp"})):
    model = library("trm", **change)
    layers, turn = [], model.rotary
    for b in model.network.blocks:
        parts = (attention_layer, lambda h, b=b, turn=turn: b.attention(h, turn))
        kind, across = (mixer_layer, b.token_mixer) if b.token_mixer else parts
        layers.append(lambda h, kind=kind, across=across, b=b: kind(h, across, b.mlp))
    pair = torch.randn(2, 3, 16, 16).double()
    values = ours(*pair, layers), model.network(*pair, model.rotary)
    assert_close(*values)
    assert_close(*(torch.autograd.grad(v.pow(3).sum(), list(model.network.parameters())) for v in values))
    print(f"{ours.__name__}, {model.config.mixer}: values and gradients equal the library's")


# %% [markdown]
# **Rung 5: EMA.** After each optimizer step a second set of weights follows slowly. It is the set that gets tested.


# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.optim import EMA


def raw(model, average, rate):
    return model


def ema(model, average, rate):
    with torch.no_grad():
        for slow, weight in zip(average.parameters(), model.parameters(), strict=True):
            slow.lerp_(weight, 1 - rate)
    return average


show_diff(raw, ema, "From the weights in training to their average")
model = library("trm")
average, theirs = copy.deepcopy(model), EMA(model, 0.99)
for _ in range(5):
    for weight in model.parameters():
        weight.data.add_(torch.randn(weight.shape))  # as if trained
    before = copy.deepcopy(list(model.parameters()))
    tested = ema(model, average, 0.99)
    theirs.update()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
assert_close([w.detach() for w in tested.parameters()], theirs.average)
print("average equal to the library's; the weights in training untouched")

# %% [markdown]
# Training does not feel it. So this rung needs no runs of its own: the same run is read twice.
#
# ## 3. What each rung costs
#
# By hand, for the first rung at our size: 36 cells, D = 64, 8 tokens. The SwiGLUs are 176 wide over the channels and 96
# over the cells. A product of [a, b] with [b, c] is 2abc operations; a backward pass costs two forward passes.

# %%
D, L, V, W, M = 64, 36, 8, 176, 96
parameters = 2 * 4 * (3 * D * W + 3 * L * M)  # two networks of four layers, two SwiGLUs of three matrices in each
parameters += 2 * V * D + 2 * D + 2  # token table, answer head, halting head
passes = 4 + 3 * 2 + 6  # without gradient; with; the second pass
step = passes * 4 * (6 * D * W * L + 6 * L * M * D) * 32  # four layers, 32 puzzles
print(f"{parameters:,} parameters; {passes} forward equivalents; {step / 1e6:,.0f} MFLOP a training step")

# %% [markdown]
# Now all rungs, with the library. The recipe below is that of the measured runs, word for word. **Predict:** which rung
# saves the most parameters, which the most operations? And which one *costs* operations? ("Top rung": two layers.)

# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.flops import step_flops

small = {"hidden": 64, "n_layers": 2, "T": 2, "n": 2, "mixer": "mlp", "swiglu_multiple": 8, "dtype": "float32"}
teach = {"n_supervision": 4, "exploration": 0.1, "batch_size": 32, "steps": 1000, "loss": "stablemax32"}
learn = {"lr": 3e-3, "warmup": 50, "min_lr_ratio": 1.0, "weight_decay": 0.1, "clip": 1.0, "ema": 0.99}
data = {"task": "sudoku6", "train_count": 1000, "eval_count": 1000, "data_seed": 0}
base = Recipe(name="ladder", **small, **teach, **learn, **data, eval_part=100, device="cpu")


def cost(change):
    """Parameters, and operations of a training step."""
    r = base.replace(**change)
    config = r.model_config("float32")
    flops = step_flops(r.model, config, r.batch_size, q_learning=r.q_learning)
    return parameter_count(build_model(r.model, config)), flops, r.T * (r.n + 1) * r.n_layers


costs = {name: cost(change) for name, (_, change) in RUNGS.items()}
assert costs["hrm"][:2] == (parameters, step)

# %%
# NBVAL_CHECK_OUTPUT
print("rung               parameters  saved    MFLOP a step  saved   depth T(n+1) x layers")
for name, (p, f, depth) in costs.items():
    before = costs[name] if name == "hrm" else last
    print(f"{RUNGS[name][0]:18} {p:10,} {before[0] - p:8,} {f / 1e6:9,.0f} {(before[1] - f) / 1e6:9,.0f} {depth:8}")
    last = (p, f)

# %% [markdown]
# One network halves the parameters and saves no operation: it is called as often as the two were. Plain halting and two
# layers save the same number of operations. The full gradient costs some. Anyone who compares two of these rungs after
# equal steps compares unequal work.
#
# So each run is read twice: after **equal steps**, and at **equal compute**, when it has used the budget of the top
# rung. **Predict:** after how many steps has HRM used up what the top rung needs for 1,000?

# %%
# NBVAL_CHECK_OUTPUT
budget = 1000 * costs["two_layers"][1]
for name in ("two_layers", "hrm"):
    print(f"{RUNGS[name][0]}: {budget // costs[name][1]:,} whole steps in the budget")

# %% [markdown]
# ## 4. How to read a ladder
#
# Another seed, another result. With three invented seeds, by hand: mean, **spread** (divide by k - 1, since the mean
# was made from the same numbers), **error** of the mean (spread over the root of k), and Student's **interval**. For
# three seeds it reaches 4.303 errors to each side, not 1.96: three numbers tell little about their own spread.

# %%
# NBVAL_CHECK_OUTPUT
seeds = [0.70, 0.80, 0.84]
mean = sum(seeds) / 3
spread = (sum((s - mean) ** 2 for s in seeds) / (3 - 1)) ** 0.5
half = 4.303 * spread / 3**0.5
print(f"mean {mean:.3f}, spread {spread:.3f}, interval {mean - half:.3f} to {mean + half:.3f}")

# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.intervals import difference_interval, mean_interval, t_quantile

assert_close(mean_interval(seeds), (mean - half, mean + half), atol=1e-4, rtol=0)
assert_close(spread, float(np.std(seeds, ddof=1)))
print("Student's reach for 2, 3, 5, 20 seeds:", [round(t_quantile(k - 1), 2) for k in (2, 3, 5, 20)])


# %% [markdown]
# A step of the ladder is a *difference* of two means, with an interval of its own (Welch): the squared errors add up,
# and `freedom` says how well both spreads are known together. We call a step **separated** if that interval leaves out
# 0. Two groups of five invented seeds. **Predict:** their intervals overlap. Is the step separated?


# %%
# NBVAL_CHECK_OUTPUT
def welch(before, after):
    parts = [np.var(values, ddof=1) / len(values) for values in (before, after)]
    freedom = sum(parts) ** 2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (before, after), strict=True))
    middle, half = np.mean(after) - np.mean(before), t_quantile(freedom) * sum(parts) ** 0.5
    return middle - half, middle + half


lower, upper = [0.60, 0.64, 0.68, 0.62, 0.66], [0.66, 0.70, 0.74, 0.68, 0.72]
assert_close(welch(lower, upper), difference_interval(lower, upper))
shown = {"first": mean_interval(lower), "second": mean_interval(upper), "difference": welch(lower, upper)}
print(", ".join(f"{name} {low:.3f} to {high:.3f}" for name, (low, high) in shown.items()))

# %% [markdown]
# They overlap, and the step is separated. Whether two intervals overlap is no test. Nor is a mean that is larger.
#
# "Separated" can also be luck. Below: pairs of five seeds from the *same* distribution. Nothing differs. How many pairs
# are called separated? And a ladder of twenty such steps: how likely is at least one?

# %%
pairs = np.random.default_rng(0).normal(0.5, 0.1, (600, 2, 5))
low, high = np.array([welch(*pair) for pair in pairs]).T
false = ((low > 0) | (high < 0)).mean()
print(f"{false:.1%} of 600 pairs are separated by chance; at least one of 20: {1 - 0.95**20:.0%}")
assert 0.01 < false < 0.09

# %% [markdown]
# About one in twenty, as 95% promises. So a ladder of many steps may hold one that is luck. And the other way round:
# "not separated" does not mean "equal". With few seeds, real differences of some points stay hidden.
#
# ## 5. The task was chosen before the rungs
#
# Whoever picks the task after seeing the rungs can make any rung win. So the criterion was written down first, and only
# the top rung and direct prediction were run, with pilot seeds.

# %%
LADDER = Path("../benchmarks/results/ladder")


def committed(group):
    path = LADDER / f"{group}.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    print(f"{path.name} is missing here: clone the whole repository, or run benchmarks/ladder.py {group}.")
    return None


if task := committed("task"):
    print(task["criterion"])
    pilots = {(r["model"], r["n_supervision"], r["seed"]): dict(map(tuple, r["curve"])) for r in task["runs"]}
    for (model, n_sup, seed), curve in pilots.items():
        print(f"{model:7} N_sup {n_sup:>2}, seed {seed}:", {step: f"{share:.1%}" for step, share in curve.items()})
    ends = [(s, N) for s in (500, 750, 1000, 1250) for N in (16, 4)]
    fits = [e for e in ends if all(0.75 <= pilots["trm", e[1], seed][e[0]] <= 0.9 for seed in (100, 101))]
    fits = [e for e in fits if all(pilots["direct", 1, seed][e[0]] < 0.05 for seed in (100, 101))]
    print("fewest steps that fit, and N_sup:", fits[0])
    assert fits[0] == (base.steps, base.n_supervision)

# %% [markdown]
# One thing *was* changed after a look. A first ladder had attention and rotary positions in every rung, as the papers'
# HRM does. After its first seed all seven networks solved 0 of 300 puzzles: a **floor**, on which no step can be seen.
# So it was stopped, and the token mixer put into every rung. One pilot run of HRM (seed 100) was looked at before. The
# cell below prints that first ladder.
#
# ## 6. The ladder
#
# Each network is tested on 300 unseen puzzles with 16 supervision steps, several seeds a rung. Two warnings. The
# learning rate is the recipe's, which was chosen for the top rung: lower rungs may suffer from it (the script's group
# `rates` asks how much). And this is 6x6 Sudoku at width 64, not the paper's task.
#
# **Predict** for each rung: up, down, or not separated? Write it down. Then look.

# %%
SIDE = {
    "single_z": ("single z", {"n_layers": 4, "model": "single_z"}),
    "multi_scale_z": ("multi-scale z", {"n_layers": 4, "model": "multi_scale_z"}),
    "two_layers_n5": ("two layers, n = 5", {"n": 5}),
}
found = committed("rungs") or {"runs": [], "recipe": base.as_dict()}
assert base.as_dict() == found["recipe"]
changes = {name: change for name, (_, change) in (RUNGS | SIDE).items()}
rungs = [r for r in found["runs"] if r["changes"] == changes.get(r["name"])]


def seeds_of(name, reading="equal_steps", kind="ema", runs=rungs):
    """Exact accuracy after the 16th supervision step, one number a seed."""
    return [r[reading][kind][-1] for r in runs if r["name"] == name]


for r in (committed("attention") or {"runs": []})["runs"]:
    share = {kind: f"{r['equal_steps'][kind][-1]:.1%}" for kind in ("raw", "ema")}
    print(f"attention everywhere: {r['name']}, seed {r['seed']}, {r['at']['equal_steps']:,} steps", share)


timed = (committed("seconds") or {"ms": {}})["ms"]


def said(values):
    """Mean and spread in percent."""
    if not values:
        return "    no run"
    return f"{100 * np.mean(values):5.1f} " + (f"±{100 * np.std(values, ddof=1):4.1f}" if len(values) > 1 else "     ")


print("mean ± spread, %         seeds parameters depth MFLOP     ms | equal steps: raw, EMA | equal compute: raw, EMA")
for name, (title, change) in (RUNGS | SIDE).items():
    p, f, depth = cost(change)
    cells = [said(seeds_of(name, r, k)) for r in ("equal_steps", "equal_compute") for k in ("raw", "ema")]
    ms = timed.get(f"rungs/{name}", "-")
    row = f"{title:24} {len(seeds_of(name)):>5} {p:10,} {depth:>5} {f / 1e6:5.0f} {ms:>6}"
    print(row, f"| {cells[0]} {cells[1]} | {cells[2]} {cells[3]}")


# %% [markdown]
# The last three rows are side rungs: compare them with *one network*, not with the row above. "Two layers, n = 5" makes
# as many layer evaluations as four layers with n = 2.
#
# The pictures. The first five rungs are read raw, then comes EMA, then attention put back, with EMA. A triangle:
# separated from the rung above. A circle: not. From a rung without a run on, nothing is drawn: no step may hide two
# changes.


# %%
def rows_of(reading, first="raw"):
    rows = [(RUNGS[name][0], seeds_of(name, reading, first)) for name in list(RUNGS)[:5]]
    rows += [("EMA", seeds_of("two_layers", reading))] if first == "raw" else []
    rows += [("attention put back", seeds_of("attention", reading))]
    empty = [i for i, (_, values) in enumerate(rows) if not values]
    if empty:
        print("no run yet:", [title for title, values in rows if not values])
    return rows[: empty[0]] if empty else rows


steps_rows = rows_of("equal_steps")
compute_rows = rows_of("equal_compute")
for title, rows in (("After equal steps", steps_rows), ("At equal compute", compute_rows)):
    if rows:
        ax = plots.ladder(rows)
        ax.set_xlabel(f"{title}: {ax.get_xlabel()}")
        plots.show(ax, f"{title}. {plots.ladder_text(rows)}")


# %% [markdown]
# The next cell reads both in words. It says "nothing" where the data say nothing. EMA is read from the same runs, so
# there we may subtract seed by seed. Raw weights may stand on a bad step, so the third list reads every rung with EMA.
#
# A rung is *on the floor* if no seed solves anything. Two rungs on the floor are not "equal": the task is too hard for
# both in that many steps, and the step between them stays unmeasured. The side rungs come last, against *one network*.


# %%
def paired(before, after):
    """Interval of the mean of the differences: only for two readings of the same runs."""
    d = np.subtract(after, before)
    half = t_quantile(len(d) - 1) * d.std(ddof=1) / len(d) ** 0.5 if len(d) > 1 else 0
    return (d.mean() - half, d.mean() + half) if half else None


def word(interval):
    if interval is None:
        return "nothing: one seed, or seeds alike"
    low, high = (100 * end for end in interval)
    verdict = "up" if low > 0 else "down" if high < 0 else "nothing: not separated"
    return f"{verdict} [{low:+.1f}, {high:+.1f}] points"


readings = {"equal steps": steps_rows, "equal compute": compute_rows, "steps, all EMA": rows_of("equal_steps", "ema")}
for reading, rows in readings.items():
    for (_, before), (title, after) in pairwise(rows):
        interval = paired(before, after) if title == "EMA" else difference_interval(before, after)
        print(f"{reading:15} {title:19} {word(interval)}")
    floor = [title for title, values in rows if max(values) < 0.02]
    print(f"{reading:15} on the floor (no seed solves 2%): {', '.join(floor) or 'none'}\n")
for name, (title, _) in SIDE.items():
    before, after = seeds_of("one_network"), seeds_of(name)
    print("equal steps, EMA:", title, word(difference_interval(before, after)) if before and after else "no run yet")

# %% [markdown]
# ## 7. The paper's table
#
# Sudoku-Extreme, 1,000 training puzzles, one pass of 16 steps; one number each. (TRM paper, tables 1 and 2. Most of its
# rows take one thing *out of* TRM, so the order of a ladder plays no part.)
#
# | variant | accuracy, % | depth | forward passes | parameters |
# |---|---|---|---|---|
# | TRM (T=3, n=6, token mixer, 2 layers) | 87.4 | 42 | 1 | 5M |
# | with HRM's continue loss | 86.1 | 42 | 2 | 5M |
# | separate f_H and f_L | 82.4 | 42 | 1 | 10M |
# | no EMA | 79.9 | 42 | 1 | 5M |
# | 4 layers, n=3 | 79.5 | 48 | 1 | 10M |
# | multi-scale z (7 features) | 77.6 | - | - | - |
# | self-attention | 74.7 | 42 | 1 | 7M |
# | T=2, n=2 | 73.7 | 12 | 1 | 5M |
# | single z | 71.9 | - | - | - |
# | 1-step gradient | 56.5 | 42 | 1 | 5M |
# | HRM | 55.0 | 24 | 2 | 27M |
#
# The only seed study of a TRM (another recipe, arXiv 2601.19085) found 85.5 ± 1.3. A row 1.3 points below the top is
# therefore no finding.
#
# Other puzzles, other sizes: never put their percentages beside ours. What may be compared is a **direction**. In the
# paper every change towards TRM goes up. Where does ours? From the runs that take one thing out of the top rung, if
# they are there; else from the rungs. In brackets: the interval of our difference, in points.

# %%
ROWS = [  # row of the paper; name in left_out.json; the same change on the ladder: before, after
    ("no continue loss", "q_learning", "hrm", "plain_halting"),
    ("one network", "separate_networks", "full_gradient", "one_network"),
    ("fewer layers, more n", "four_layers_n1", "one_network", "two_layers_n5"),
    ("y and z, not multi-scale", "multi_scale_z", "multi_scale_z", "one_network"),
    ("y and z, not single z", "single_z", "single_z", "one_network"),
    ("full gradient", "one_step_gradient", "plain_halting", "full_gradient"),
    ("token mixer", None, "attention", "two_layers"),
]
left_out = (committed("left_out") or {"runs": []})["runs"]
top = seeds_of("two_layers")
pairs = {"EMA": (paired(seeds_of("two_layers", kind="raw"), top) if len(top) > 1 else None, "same runs, read twice")}
for title, gone, lower, upper in ROWS:
    without = seeds_of(gone, runs=left_out)
    before, after = (without, top) if without else (seeds_of(lower), seeds_of(upper))
    known = difference_interval(before, after) if before and after else None
    pairs[title] = known, "taken out of the top rung" if without else "on the ladder"

lists = {"survives here": [], "other direction here": [], "not separated here": [], "not measured here": []}
for title, (interval, source) in pairs.items():
    if interval is None:
        lists["not measured here"].append(title)
    else:
        low, high = interval
        place = "survives here" if low > 0 else "other direction here" if high < 0 else "not separated here"
        lists[place].append(f"{title} [{100 * low:+.1f}, {100 * high:+.1f}] ({source})")
for place, titles in lists.items():
    print(f"{place}:", *(titles or ["none"]), sep="\n  ")

# %% [markdown]
# "Not measured" also holds steps between two rungs that solve nothing. T=2, n=2 has no row: we *are* at T=2, n=2.
# Lesson 09 maps T and n.
#
# ## 8. One rung, live
#
# The top rung once more, with a seed of its own. Its interval of the mean stands in section 6, in the row *EMA* (if two
# seeds are there). **Predict:** will your run fall into it?

# %%
from trm_edu.train import load_sets
from trm_edu.trainer import Trainer

recipe = base.replace(seed=5)
training, unseen = load_sets(recipe)
trainer = Trainer(recipe, training)

# %%
for _ in ProgressBar(recipe.steps):
    loss = trainer.step()
trainer.check(loss)
mine = evaluate(trainer.average(), unseen.take(slice(300)), n_supervision=16, batch_size=32).exact[-1]
print(f"seed {recipe.seed}, {recipe.steps:,} steps: {mine:.1%} of 300 unseen puzzles")
assert mine > 0.25

# %% [markdown]
# The interval says where the *mean* of many seeds lies. It gets narrow with many seeds. One more run spreads as runs
# do, however well the mean is known. Its range adds both: mean ± t · spread · sqrt(1 + 1/k). Test it first, with
# invented seeds: of 20,000 groups of six, how often does the sixth fall into each range of the five others?

# %%
draws = np.random.default_rng(1).normal(size=(20_000, 6))
middle, spread = draws[:, :5].mean(1), draws[:, :5].std(1, ddof=1)
away = abs(draws[:, 5] - middle) / (t_quantile(4) * spread)
for name, reach in (("interval of the mean", (1 / 5) ** 0.5), ("range of one more run", (1 + 1 / 5) ** 0.5)):
    print(f"{name}: {(away < reach).mean():.0%} of the sixth runs")

# %%
k = len(top)
if k > 1:
    middle, spread = np.mean(top), np.std(top, ddof=1)
    for name, reach in (("interval of the mean", (1 / k) ** 0.5), ("range of one more run", (1 + 1 / k) ** 0.5)):
        half = t_quantile(k - 1) * spread * reach
        where = "inside" if abs(mine - middle) <= half else "outside"
        print(f"{name}, {k} seeds: {middle - half:.1%} to {middle + half:.1%}; your run {where}")
else:
    print(f"{k} seeds of the top rung are there: no spread, so no range.")

# %% [markdown]
# The interval of the mean misses about every third new run, though nothing is wrong. So a single rerun outside it
# refutes nothing. (A range may reach beyond 100%: the formula knows no ceiling.)
#
# Now do the [exercises](../exercises/08_from_hrm_to_trm.ipynb).
#
# ## What we now know
#
# - From HRM to TRM it is a handful of small diffs. One of them, the new names, changes no number.
# - One network saves parameters; plain halting and two layers save operations; the full gradient costs some.
# - A step counts as separated if the interval of the *difference* leaves out 0. Overlap is no test; of many steps, some
#   separate by luck.
# - Equal steps and equal compute are two questions. Say which one you answer.
# - What our data separate stands above, in words that a program wrote from the runs.
#
# **Check yourself**
#
# 1. A rung solves 61%, the next one 66%, one seed each. What do you know about the step?
# 2. Why may EMA be compared seed by seed?
# 3. A colleague reruns the top rung once and misses the published interval of the mean. Was the table wrong?
#
# <details><summary>Answers</summary>
#
# 1. Nothing: one seed has no spread.
# 2. Both readings are of the same run; nearly all that differs between seeds is common to both.
# 3. Not for that reason. One run has a wider range than the mean.
#
# </details>
#
# **Read on.** [`benchmarks/ladder.py`](../benchmarks/ladder.py), with the runs of lesson 09;
# [`trm_edu/variants.py`](../trm_edu/variants.py), each ablation as a few lines.
