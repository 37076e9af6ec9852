# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · The one-step gradient
#
# **Question: can one step's gradient stand for all?**
#
# *You will be able to* say what HRM's one-step gradient leaves out, under which two conditions that does no harm, and
# measure both on a trained network. You will know which `detach` cuts what.
#
# *You need* PyTorch: autograd, `no_grad`, `detach`. From lesson 04: HRM's two states and its two networks.
#
# *Time*: it runs in about half a minute on two CPU cores. Reading takes about half an hour.
#
# *The course*: 00 start · 01-03 puzzles and parts · 04-**05**-07 HRM's ideas · 08-09 what made it better · 10 TRM
# complete · 11-13 full size · 14-15 beyond

# %%
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from timeit import repeat

# %%
import numpy as np
import torch
from matplotlib.figure import Figure
from torch.testing import assert_close

from trm_edu import get_task, plots
from trm_edu.plots.style import BLACK, BLUE, GREEN, ORANGE, VERMILION, tidy

# %% [markdown]
# A recursion of 20 updates is a chain of 20 layers. Its gradient must walk back through all of them, and the computer
# must remember all of them. HRM (arXiv 2506.21734) remembers only the last update of each state. It has an argument for
# that, a beautiful one. We take it apart.
#
# ## 1. One number
#
# Let the state be one number: `z <- a z + b x`. With `a = 0.5`, `b = 1`, `x = 2`, start at 0. Look for where it goes.


# %%
def run(a, b, x, updates, z=0.0):
    for _ in range(updates):
        z = a * z + b * x
    return z


# %%
# NBVAL_CHECK_OUTPUT
[run(0.5, 1.0, 2.0, updates) for updates in (0, 1, 2, 3, 4, 60)]

# %% [markdown]
# It comes to rest at 4. There `z* = a z* + b x`, so `z* = b x / (1 - a)`. This is a **fixed point**: an update leaves it
# where it is.
#
# Now the gradient. How does `z*` change with `a`? Differentiate both sides of `z* = a z* + b x`:
#
# $$\frac{dz^*}{da} = z^* + a\,\frac{dz^*}{da} \qquad\Rightarrow\qquad \frac{dz^*}{da} = \frac{1}{1-a}\; z^*$$
#
# That is the *implicit function theorem*, for one number. No chain is needed, only the place of rest. Let us ask
# autograd, which walks the whole chain.


# %%
def gradient(a, updates_with_gradient):
    a = torch.tensor(a, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        z = run(a, 1.0, 2.0, 5000)
    z = run(a, 1.0, 2.0, updates_with_gradient, z)
    return torch.autograd.grad(z, a)[0].item()


# %%
at_rest = run(0.5, 1.0, 2.0, 60)
assert_close(gradient(0.5, 60), at_rest / (1 - 0.5))

# %% [markdown]
# The **one-step gradient** runs to the fixed point without remembering anything, then makes one update with gradient. By
# hand: `z = a z* + b x` with `z*` as a constant gives $z^*$. The factor $1/(1-a)$ is missing.
#
# **Predict:** for `a = 0.9`, which part of the gradient is that? And for `a = -0.9`?

# %%
# NBVAL_CHECK_OUTPUT
for a in (0.0, 0.5, 0.9, 0.99, -0.9):
    full, one = gradient(a, 3000), gradient(a, 1)
    assert_close(full, one / (1 - a))
    print(f"a = {a:>5}: full {full:9.2f}, one step {one:7.2f}, full / one step {full / one:6.2f}")

# %% [markdown]
# A tenth; and with the negative `a` it is nearly twice too large. The sign is right, the size is wrong. Why? The update `k` steps
# before the last contributes too, weakened by `a` at each step: $1 + a + a^2 + \dots = 1/(1-a)$. One step is the first
# bar of this picture.

# %%
k = np.arange(12)
axes = Figure(figsize=(6.4, 2.5), layout="constrained").subplots(1, 2, sharey=True)
for ax, a in zip(axes, (0.5, 0.9), strict=True):
    ax.bar(k[:1], a ** k[:1], color=BLUE)
    ax.bar(k[1:], a ** k[1:], color="white", edgecolor=ORANGE, hatch="///")
    ax.set(title=f"a = {a}: one step is {1 - a:.0%}", xlabel="updates before the last", xticks=k[::2])
axes[0].set_ylabel("share passed back: $a^k$")
text = "Bars fall as a to the power k: fast for 0.5, slowly for 0.9. The first, filled bar is the one-step gradient."
plots.show(tidy(*axes), text)

# %% [markdown]
# ## 2. A direction
#
# A state has many numbers. `z <- A z + b`; the loss is the dot product $c \cdot z^*$. The derivative of the update with
# respect to the state is a matrix, the **Jacobian** $J$; here it is `A`. The gradient for `b` walks backwards, so `J` is
# transposed:
#
# $$g = c + J^\top c + J^\top J^\top c + \dots = (I - J^\top)^{-1} c \qquad\text{one step: } g \approx I\,c$$


# %%
def by_autograd(A, c, updates):
    b = torch.zeros_like(c, requires_grad=True)
    z = torch.zeros_like(c)
    for _ in range(updates):
        z = A @ z + b
    return torch.autograd.grad(c @ z, b)[0]


# %%
A, c = torch.tensor([[0.5, 0.25], [0.0, 0.5]]), torch.tensor([1.0, 0.0])
exact = torch.linalg.solve(torch.eye(2) - A.T, c)
assert_close(by_autograd(A, c, 200), exact)
assert_close(by_autograd(A, c, 1), c)

# %% [markdown]
# The one-step gradient replaces the inverse by `I`. An optimizer can live with a wrong size. What of the direction? The
# cosine of the angle tells: 1 the same, 0 at right angles. A gradient of a network is a list of tensors; we take it as
# one long vector.


# %%
def cosine(a, b):
    u, v = (torch.cat([t.flatten() for t in tensors]) for tensors in (a, b))
    return (u @ v / (u.norm() * v.norm())).item()


# %% [markdown]
# **Predict:** one `A` shrinks the state, the other one also turns it by a right angle. For which is the one-step
# direction wrong?

# %%
# NBVAL_CHECK_OUTPUT
shrink, turn = torch.eye(2), torch.tensor([[0.0, -1.0], [1.0, 0.0]])
for size in (0.1, 0.5, 0.9):
    found = [cosine([c], [by_autograd(size * kind, c, 300)]) for kind in (shrink, turn)]
    print(f"size {size}: cosine when it shrinks {found[0]:.2f}, when it turns {found[1]:.2f}")

# %% [markdown]
# Shrinking costs size only. Turning costs direction too, unless `J` is small. So the one-step gradient stands on **two
# conditions**:
#
# 1. A fixed point is reached. (Else the formula does not hold at all.)
# 2. `J` is small there. (Else `I` is a poor stand-in for the inverse.)
#
# Both can be measured. Nobody has to believe them.
#
# ## 3. Three gradients of a network
#
# One supervision step makes `T` recursions, each of `n` updates of `z` and one of `y`. In HRM's words `z` is `z_L`, `y` is
# `z_H`. There are three natural gradients: through **one** update of each state (HRM), through the **last** recursion
# (TRM), through **all** of the step. `gradient_of` takes one of these names, a model and a batch. The loss is the
# library's; lesson 07 builds it.

# %%
from trm_edu.losses import exact_match, supervision_loss


def step(think, answer, x, y, z, T, n, gradient):
    for recursion in range(T):
        last = recursion == T - 1
        for i in range(n):
            kept = {"one": last and i == n - 1, "last": last, "all": True}[gradient]
            with torch.set_grad_enabled(kept):
                z = think(z, y + x)
        with torch.set_grad_enabled(last or gradient == "all"):
            y = answer(y, z)
    return y, z


def networks(model):
    """What thinks and what answers. In TRM it is one network."""
    pair = (model.f_L, model.f_H) if hasattr(model, "f_L") else (model.network, model.network)
    return [lambda state, added, f=f: f(state, added, model.rotary) for f in pair]


def gradient_of(model, inputs, labels, state, gradient, ids=None, **options):
    c = model.config
    y, _ = step(*networks(model), model.embed(inputs, ids), *state, c.T, c.n, gradient)
    loss = supervision_loss(model.heads(y), labels, **options).total / len(inputs)
    names, weights = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, weights), strict=True))


# %% [markdown]
# Are they the gradients that the library trains with? Its models make their own, by their own code.

# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.variants import HRM, TRM, HRMConfig, ModelConfig, OneStepGradient

torch.manual_seed(0)
inputs, labels = torch.randint(1, 8, (2, 4, 36))
for kind, gradient_name in ((HRM, "one"), (OneStepGradient, "one"), (TRM, "last")):
    model = kind((HRMConfig if kind is HRM else ModelConfig)(8, 36, hidden=16, T=2, n=3, swiglu_multiple=8))
    start = model.initial_state(4)
    (supervision_loss(model(inputs, start)[1], labels).total / 4).backward()
    ours = gradient_of(model, inputs, labels, start, gradient_name)
    for name, weight in model.named_parameters():
        assert_close(ours[name], weight.grad)
    print(f'the gradient "{gradient_name}" equals that of trm_edu\'s {kind.__name__}')

# %% [markdown]
# And HRM's authors? The repository keeps gradients that were recorded from the published code.

# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.authors import from_authors, name_map

golden = Path("../tests/golden/hrm_attention_rope.npz")
if golden.exists():
    arrays = np.load(golden)
    recorded = {k: torch.from_numpy(a) for k, a in arrays.items() if a.dtype.kind in "fi"}
    config = json.loads(arrays["meta"].item())["config"]
    model = from_authors({k[2:]: w for k, w in recorded.items() if k.startswith("w/")}, config)
    questions, answers, ids = (recorded[f"call0/in/{k}"].long() for k in ("inputs", "labels", "puzzle_identifiers"))
    target = {"continue_target": recorded["call0/target_q_continue"]}
    ours = gradient_of(model, questions, answers, model.initial_state(4), "one", ids, **target)
    for name, theirs in name_map(model).items():
        if name in ours:
            wanted = recorded[f"call0/grad/{theirs}"]
            assert_close(ours[name], wanted, atol=1e-3 * wanted.abs().max().item(), rtol=0)
    print(f"equal to the published HRM: the gradients of {len(ours)} weights")
else:
    print(f"{golden} is missing: this lesson was opened alone. Clone the whole repository for this proof.")

# %% [markdown]
# ## 4. The detach laboratory
#
# Three things cut a graph: `no_grad` around an update, `detach` inside a recursion, `detach` of the carry (what goes from
# one supervision step to the next). People mix them up. A small TRM, two supervision steps, the loss of the **second**.
# We leave out parts of the carry's `detach`.
#
# **Predict:** with which `T` does that change the gradient?


# %%
# NBVAL_CHECK_OUTPUT
def second_step(T, cut_y, cut_z):
    model.config = replace(model.config, T=T)
    think, answer = networks(model)
    y, z = step(think, answer, model.embed(inputs), *model.initial_state(4), T, 3, "last")
    carry = (y.detach() if cut_y else y, z.detach() if cut_z else z)
    return gradient_of(model, inputs, labels, carry, "last")


def distance(a, b):
    return max((a[name] - b[name]).abs().max().item() for name in a)


torch.manual_seed(0)
model = TRM(ModelConfig(8, 36, hidden=16, T=2, n=3, swiglu_multiple=8))
for T in (1, 2, 3):
    both = second_step(T, True, True)
    for name, cuts in (("nothing", (False, False)), ("only y", (True, False)), ("only z", (False, True))):
        off = distance(second_step(T, *cuts), both)
        assert (off > 1e-4) == (T == 1) and (off == 0) == (T > 1)
        print(f"T = {T}, detached {name:>7}:", "another gradient" if off else "the very same gradient")

# %% [markdown]
# With `T = 1` only. With more, the recursions without gradient stand between the steps and have cut the graph already.
# And with `T = 1`, detaching `y` alone is not enough: `z` carries the gradient back as well.
#
# Now inside the last recursion.
#
# **Predict:** which of the four cuts in the `for` line below is the one-step gradient? Which one changes nothing? Which
# still trains something, but not the network?


# %%
# NBVAL_CHECK_OUTPUT
def cut_inside(cut):
    think, answer = networks(model)
    x = model.embed(inputs)
    y, z = (s.detach() for s in step(think, answer, x, *model.initial_state(4), 1, 3, "last"))  # T - 1 = 1 recursion
    with torch.set_grad_enabled(cut != "no_grad around everything"):
        for i in range(3):
            z = think(z.detach() if cut == "z before its last update" and i == 2 else z, y + x)
        y = answer(y.detach() if cut == "the old y" else y, z.detach() if cut == "z after its last update" else z)
    loss = supervision_loss(model.heads(y), labels).total / 4
    names, weights = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, weights, allow_unused=True), strict=True))


model.config = replace(model.config, T=2)
known = {f'the gradient "{g}"': gradient_of(model, inputs, labels, model.initial_state(4), g) for g in ("one", "last")}
one_step = OneStepGradient(model.config)
one_step.load_state_dict(model.state_dict())
(supervision_loss(one_step(inputs, one_step.initial_state(4))[1], labels).total / 4).backward()
for cut in ("the old y", "z before its last update", "z after its last update", "no_grad around everything"):
    found = cut_inside(cut)
    none = [name.split(".")[0] for name, tensor in found.items() if tensor is None]
    same = [name for name, other in known.items() if not none and distance(found, other) < 1e-6]
    said = same[0] if same else f"no gradient for {', '.join(sorted(set(none)))}" if none else "yet another gradient"
    print(f"{cut}: {said}")
    if cut == "z before its last update":
        for name, weight in one_step.named_parameters():
            assert_close(found[name], weight.grad)

# %% [markdown]
# The third cut trains the answer update only. The last one is nasty: the heads still learn, the loss falls a little, no
# error appears.
#
# ## 5. Condition 1: does it come to rest?
#
# The shipped networks are TRMs, trained through the whole last recursion. We run them for 16 supervision steps and
# measure at each update of `z` the **residual**, the change in relation to the size. For each puzzle: how far was its
# `z` from a fixed point?


# %%
def relative(new, old):
    return (new - old).flatten(1).norm(dim=1) / old.flatten(1).norm(dim=1)


assert relative(torch.tensor([[[0.0, 5.0]]]), torch.tensor([[[0.0, 4.0]]])).item() == 0.25


@torch.no_grad()
def residuals(model, inputs, labels, steps=16, held=32):
    """Of z [updates, B], of z with y held at the end [held, B]; which puzzles are solved [B]."""
    c, net, x = model.config, model.network, model.embed(inputs)
    (y, z), moved, alone = model.initial_state(len(inputs)), [], []
    for _ in range(steps * c.T):
        for _ in range(c.n):
            z, old = net(z, y + x), z
            moved.append(relative(z, old))
        y = net(y, z)
    for _ in range(held):
        z, old = net(z, y + x), z
        alone.append(relative(z, old))
    return torch.stack(moved), torch.stack(alone), exact_match(model.heads(y).logits, labels)


# %% [markdown]
# Puzzles: 192 of those that were held out when the 6x6 network was trained; and 32 new 9x9 ones with minimal clues.
# Beside them a network with random weights, on 8 puzzles.

# %%
from trm_edu.checkpoints import shipped_model
from trm_edu.recipes import RECIPES
from trm_edu.train import load_sets

# %%
nine = get_task("sudoku9").generate(32, seed=5)
puzzles = {"6x6": load_sets(RECIPES["laptop-sudoku6"])[1].take(slice(192)), "9x9": nine}
trained = {k: shipped_model(t, dtype="float32").model for k, t in (("6x6", "sudoku6"), ("9x9", "sudoku9"))}
data = {k: [torch.from_numpy(a.astype(np.int64)) for a in (p.questions, p.answers)] for k, p in puzzles.items()}
torch.manual_seed(0)
random = {k: TRM(model.config) for k, model in trained.items()}

# %%
found = {k: residuals(trained[k], *data[k]) for k in trained}
unknowing = {k: residuals(random[k], *(a[:8] for a in data[k]), held=1)[0] for k in random}
for k, (moved, _, solved) in found.items():
    for name, group in (("solved", solved), ("not solved", ~solved)):
        ends = ", ".join(f"step {s} {moved[4 * s - 1, group].median():.2f}" for s in (1, 4, 16))
        print(f"{k}, {group.sum():>3} {name:>10}: median residual of z at the end of {ends}")

# %% [markdown]
# **Predict:** will the two groups part early or late?

# %%
axes = Figure(figsize=(8.2, 3.3), layout="constrained").subplots(1, 2, sharey=True)
for ax, (k, (moved, _, solved)), ends in zip(axes, found.items(), (16, 32), strict=True):
    updates = np.arange(1, len(moved) + 1)
    lines = (("solved", moved[:, solved], GREEN, "-"), ("not solved", moved[:, ~solved], VERMILION, "--"))
    for name, group, colour, line in (*lines, ("random weights", unknowing[k], BLACK, ":")):
        low, mid, high = group.quantile(torch.tensor([0.25, 0.5, 0.75]), dim=1)
        ax.plot(updates, mid, line, color=colour, label=name)
        ax.fill_between(updates, low, high, color=colour, alpha=0.25, linewidth=0)
    ax.axvline(ends + 0.5, color=BLACK, linewidth=0.8)
    ax.set(yscale="log", ylim=(0.01, 10), title=k, xlabel="update of z (4 in a supervision step)")
axes[0].set_ylabel("residual |f(z) - z| / |z|")
axes[1].legend(fontsize=8.5, loc="upper right")
last = {k: [f"{m[-1, g].median():.2g}" for g in (s, ~s)] for k, (m, _, s) in found.items()}
text = "Residual of z at each of 64 updates, median and middle half. At the end, solved and not solved: "
plots.show(tidy(*axes), text + "; ".join(f"{k} {a} and {b}" for k, (a, b) in last.items()) + ".")

# %% [markdown]
# The thin upright line: so many updates a puzzle had in training at most. In the first 16 updates `z` moves by more than
# a tenth of its own length each time, also on puzzles that end well. Later, on solved puzzles, it calms down. On most of
# the others it does not.
#
# Perhaps it had too little time, and `y` moves as well? Hold `y` where it is, and let `z` go on alone for 32 updates. We
# call a `z` at rest if it then changes by less than one part in a hundred.

# %%
for k, (moved, alone, solved) in found.items():
    for name, group in (("solved", solved), ("not solved", ~solved)):
        end = alone[-1, group]
        print(f"{k}, {name:>10}: median residual {end.median():.4f}, at rest {(end < 0.01).sum()} of {len(end)}")
    assert moved[:16].median(dim=1).values.min() > 0.1
    assert alone[-1, ~solved].median() > 0.1 > 3 * alone[-1, solved].median()

# %% [markdown]
# On solved puzzles `z` often has a fixed point, and gets near it, but later than the steps in which the network was
# trained. On most of the unsolved ones it runs on, in circles or without aim: the formula does not apply there. And
# where it does rest without a solution, it rests on a wrong answer.
#
# ## 6. Condition 2: is J small?
#
# Let `g` be the gradient that arrives at the last `z`. One update further back it is $J^\top g$. The one-step gradient
# throws that away. How long is it, compared with `g`? And what is the cosine between the one-step gradient and the other
# two? We ask in the fourth supervision step, over several batches. Only weights of the network count: the heads have the
# same gradient in all three.


# %%
def carried(model, inputs, labels, state):
    c, x = model.config, model.embed(inputs)
    y, z = (s.detach() for s in step(*networks(model), x, *state, c.T - 1, c.n, "last"))
    before = model.network(z, y + x)
    z = model.network(before, y + x)
    loss = supervision_loss(model.heads(model.network(y, z)), labels).total
    arrives, passed_on = torch.autograd.grad(loss, (z, before))
    return (passed_on.norm() / arrives.norm()).item()


@torch.no_grad()
def after(model, inputs, steps):
    state = model.initial_state(len(inputs))
    for _ in range(steps):
        state, _ = model(inputs, state)
    return state


def compare(model, batches):
    rows = []
    for questions, answers in batches:
        state = after(model, questions, 3)
        found = {g: gradient_of(model, questions, answers, state, g) for g in ("one", "last", "all")}
        lists = {g: [t for name, t in grads.items() if name.startswith("network")] for g, grads in found.items()}
        row = [carried(model, questions, answers, state)]
        rows.append(row + [cosine(lists["one"], lists[g]) for g in ("last", "all")])
    return np.array(rows)


def batches(k, size, count):
    return [tuple(a[i * size : (i + 1) * size].clone() for a in data[k]) for i in range(count)]


# %%
for name, model, some in (
    ("6x6 trained", trained["6x6"], batches("6x6", 32, 6)),
    ("6x6 random", random["6x6"], batches("6x6", 32, 6)),
    ("9x9 trained", trained["9x9"], batches("9x9", 8, 3)),
):
    rows = compare(model, some)
    assert rows[:, 0].mean() > 0.5 and rows[:, 2].mean() < rows[:, 1].mean() < 0.97
    said = [f"{column.mean():.2f} ({column.min():.2f} to {column.max():.2f})" for column in rows.T]
    print(f"{name}: |J'g| / |g| {said[0]}; cosine to last {said[1]}, to all {said[2]}")

# %% [markdown]
# In brackets: the smallest and the largest batch. `J` is not small: nearly all of the gradient's length arrives one update
# further back. Neither condition holds for these TRMs. Still, the one-step gradient does not point just anywhere: it
# shares two of three evaluations with "last". With the whole step it agrees less.
#
# ## 7. What does it save?
#
# Memory. Autograd tells what it keeps for the backward pass, if it is asked.
#
# **Predict:** the 6x6 network, 32 puzzles, `T = 2`, `n` = 1, 2, 4, 6. How do the three grow with `n`?

# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.forecast import kept_for_backward


def kept_bytes(model, inputs, gradient):
    kept, c = {}, model.config

    def remember(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage  # held, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        y, _ = step(*networks(model), model.embed(inputs), *model.initial_state(len(inputs)), c.T, c.n, gradient)
        model.heads(y)
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    return sum(storage.nbytes() for address, storage in kept.items() if address not in weights)


model, config, some, depth = trained["6x6"], trained["6x6"].config, batches("6x6", 32, 3), (1, 2, 4, 6)
memory = {"one": [], "last": [], "all": []}
for n in depth:
    model.config = replace(config, n=n)
    for name, sizes in memory.items():
        sizes.append(kept_bytes(model, some[0][0], name) / 1e6)
    assert memory["last"][-1] == kept_for_backward("trm", model.config, 32) / 1e6
    assert memory["one"][-1] == kept_for_backward("one_step_gradient", model.config, 32) / 1e6
model.config = config
for name, sizes in memory.items():
    print(f"{name:>4}:", "  ".join(f"{size:6.1f}" for size in sizes), "million bytes")

# %% [markdown]
# That is 2, `n + 1` and `T (n + 1)` evaluations: constant, and twice a straight line. (The library's forecast, equal to
# ours, says the same without computing anything.)
#
# And what does it give up? The same two networks, with the state after three supervision steps as they were trained
# (`n = 2`). Only in the fourth step does `n` change.

# %%
agreement = {"trained": [], "random": []}
for name, model in (("trained", trained["6x6"]), ("random", random["6x6"])):
    states = [after(model, questions, 3) for questions, _ in some]
    for n in depth:
        model.config = replace(config, n=n)
        row = []
        for (questions, answers), state in zip(some, states, strict=True):
            one, last = (gradient_of(model, questions, answers, state, g) for g in ("one", "last"))
            inside = [key for key in one if key.startswith("network")]
            row.append(cosine([one[key] for key in inside], [last[key] for key in inside]))
        agreement[name].append(row)
    model.config = config

axes = Figure(figsize=(8.2, 3.1), layout="constrained").subplots(1, 2)
for (name, sizes), style in zip(memory.items(), ("o-", "s--", "^:"), strict=True):
    axes[0].plot(depth, sizes, style, color={"one": ORANGE, "last": BLUE, "all": BLACK}[name], label=name)
for name, style, colour in (("trained", "o-", BLUE), ("random", "s--", BLACK)):
    values = np.array(agreement[name])
    axes[1].plot(depth, values.mean(1), style, color=colour, label=f"{name} weights")
    axes[1].fill_between(depth, values.min(1), values.max(1), color=colour, alpha=0.15, linewidth=0)
axes[0].set(xlabel="n, updates of z", ylabel="kept for backward (MB)", ylim=(0, None))
axes[1].set(xlabel="n, updates of z", ylabel='cosine of "one" to "last"', ylim=(0, 1.05))
axes[0].legend(fontsize=8.5)
axes[1].legend(fontsize=8.5, loc="lower left")
assert min(agreement["random"][0] + agreement["trained"][0]) > 0.999
assert max(map(max, (agreement["random"][-1], agreement["trained"][-1]))) < 0.97
ends = f"trained {np.mean(agreement['trained'][-1]):.2f}, random {np.mean(agreement['random'][-1]):.2f}"
text = f"Left: memory grows with n for last and all, stays for one. Right: the cosine is 1 at n = 1; at n = 6: {ends}."
plots.show(tidy(*axes), text)

# %% [markdown]
# At `n = 1` "one" *is* "last". Then they part; how far, depends on the batch. Bands: smallest to largest of three.
#
# Time is saved as well, on the way back. On this machine, one gradient of 32 puzzles with `n = 6`:

# %%
model.config = replace(config, n=6)
for name in ("one", "last", "all"):
    call = partial(gradient_of, model, *some[0], model.initial_state(32), name)
    print(f"{name:>4}: {1e3 * min(repeat(call, number=1, repeat=3)):.0f} ms")
model.config = config

# %% [markdown]
# ## 8. HRM itself
#
# The shipped networks are TRMs. Fair is: ask HRM, trained with its own gradient. `benchmarks/fixed_point.py` trained
# three models on the same 3,000 6x6 puzzles for 1,500 optimizer steps, three seeds each: **HRM** (two networks, one-step
# gradient), **TRM with the one-step gradient** (one network), and **TRM**.
#
# **Predict:** which of the three comes to rest?

# %%
log = Path("../benchmarks/results/fixed_point.json")
runs = json.loads(log.read_text())["runs"] if log.exists() else []
if not runs:
    print(f"{log} is missing: this lesson was opened alone. Clone the whole repository for this section.")
NAMES = {"hrm": "HRM", "one_step_gradient": "TRM, one-step gradient", "trm": "TRM"}
axes = Figure(figsize=(8.6, 3.2), layout="constrained").subplots(1, 3, sharey=True)
for ax, (model_key, title) in zip(axes, NAMES.items(), strict=True):
    for row in (row for row in runs if row["model"] == model_key):
        for group, colour, line in (("solved", GREEN, "-"), ("unsolved", VERMILION, "--")):
            moved = row["after"]["residuals"].get(group, {"z": []})["z"]
            label = {"solved": "solved", "unsolved": "not solved"}[group] if row["seed"] == 0 else None
            ax.plot(np.arange(1, len(moved) + 1), moved, line, color=colour, linewidth=1.1, label=label)
    ax.axvline(16.5, color=BLACK, linewidth=0.8)
    ax.set(yscale="log", title=title, xlabel="update of z (z_L)")
axes[0].set_ylabel("residual |f(z) - z| / |z|")
axes[1].legend(fontsize=8.5, loc="lower right")
ends = {}
for row in runs:
    ends.setdefault(NAMES[row["model"]], []).append(f"{row['after']['residuals']['solved']['z'][-1]:.1g}")
text = "Residual of z at each of 64 updates, three seeds. Last update, solved puzzles: "
plots.show(tidy(*axes), text + "; ".join(f"{name} {', '.join(values)}" for name, values in ends.items()) + ".")

# %%
for row in sorted(runs, key=lambda row: list(NAMES).index(row["model"])):
    at_4 = row["after"]["gradients"][1]
    values = at_4["carried"], *(at_4[span]["networks"]["cosine"] for span in ("last", "all"))
    said = "|J'g| / |g| {:.2f}, cosine to last {:.2f}, to all {:.2f}".format(*map(np.mean, values))
    print(f"{NAMES[row['model']]:>22}, seed {row['seed']}: {said}")
    assert (np.mean(values[0]) < 0.5) == (np.mean(values[1]) > 0.97) == (row["model"] == "hrm")

# %% [markdown]
# The fourth supervision step, means of six batches of unseen puzzles. Against our expectation, **HRM
# comes to rest**, quickly, in all three seeds, also on wrong answers. Its `J` is small, and within the last recursion the one-step gradient is
# nearly the full one. Trained with the short gradient, it became a network for which the short gradient is right. What it
# misses is the rest of the supervision step: "all" points elsewhere.
#
# The same gradient with one network (second model) did not make it rest. One network must think *and* answer. Perhaps
# that is why; we did not test it.
#
# A state at rest has a price: a further update computes nothing new. Whether that is why HRM solves fewer puzzles here,
# these runs cannot say: HRM has two networks, TRM one. Only the second and the third model differ in the gradient alone.

# %%
scores = {key: [row["exact"][-1] for row in runs if row["model"] == key] for key in NAMES}
assert not runs or min(scores["trm"]) > max(scores["one_step_gradient"]) > max(scores["hrm"])
for key, values in scores.items():
    print(f"{NAMES[key]:>22}: " + ", ".join(f"{value:.1%}" for value in sorted(values)))

# %% [markdown]
# Equal steps, three seeds, 500 puzzles, nothing tuned. Each TRM solved more than each TRM with
# the one-step gradient, but the nearest two are three puzzles apart. HRM solved the fewest.
#
# ## 9. What others measured
#
# | who, task | one-step gradient | full gradient of the last recursion |
# |---|---|---|
# | TRM paper, table 1: Sudoku-Extreme, 1,000 puzzles, one network of 5M weights | 56.5 | 87.4 |
#
# There everything but the gradient is the same. Another project (disentangling-gradients, by its readme) gave both an
# equal, small budget, and reports 2.2% against 18.9%. A regime of its own, so it is not in the table.
#
# A caution. Neither source gives a spread over seeds for this pair. And small puzzles are a poor judge: where our
# prototypes had equal *time* instead of equal steps, 6x6 Sudoku did not separate the two at all, because one-step
# gradients are cheaper. Lesson 08 will climb the whole ladder, with both kinds of equality.
#
# Now do the [exercises](../exercises/05_one_step_gradient.ipynb).

# %% [markdown]
# ## What we now know
#
# - At a fixed point the exact gradient needs no chain: $(I - J^\top)^{-1}$ does it. One step replaces that by $I$.
# - It is harmless if the state rests and `J` is small. If `J` only shrinks, size is lost; if it turns, direction too.
# - Our trained TRMs meet neither condition where they learn. The small HRM met both, for its fast state.
# - The one-step gradient keeps 2 evaluations, TRM's `n + 1`, the whole step `T (n + 1)`.
# - With two or more recursions, detaching the carry changes no gradient.
#
# **Check yourself**
#
# 1. `z <- -0.5 z + b`. Is the one-step gradient too small or too large?
# 2. A colleague measures a tiny residual on solved puzzles after 16 steps and concludes that the one-step gradient was
#    right in training. What is missing?
# 3. You put the whole recursion under `no_grad`. The loss still falls. Why?
#
# <details><summary>Answers</summary>
#
# 1. Too large: the exact factor is `1 / 1.5`.
# 2. The residual at the steps where it was trained, unsolved puzzles, and the size of `J`.
# 3. The heads still learn to read what an untrained network makes.
#
# </details>

# %% [markdown]
# **Read on.** HRM: arXiv 2506.21734, the part on the one-step gradient. TRM: arXiv 2510.04871, table 1. The measurements of
# section 8: [`benchmarks/fixed_point.py`](../benchmarks/fixed_point.py).
