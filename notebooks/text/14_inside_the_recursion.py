# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 14 · Inside the recursion
#
# **Question: what happens in there?**
#
# *You will be able to* read the answer after every evaluation of the network, measure how far the states move and where
# they end, use more steps, other starts and noise, choose among many answers, and find out what a cell looks at.
#
# *You need* lesson 10: `x`, `y`, `z`, one supervision step. Lesson 07 helps: the halting score.
#
# *Time*: it runs in one to two minutes on two CPU cores. Reading takes about an hour.
#
# *The course*: 00 start · 01-03 puzzles and parts · 04-07 HRM's ideas · 08-09 what made it better · 10 TRM complete ·
# 11-13 full size · **14**-15 beyond

# %%
from dataclasses import replace

import numpy as np
import torch
from matplotlib.figure import Figure
from torch.testing import assert_close

import trm_edu
from trm_edu import plots
from trm_edu.checkpoints import shipped_model
from trm_edu.trm import State

task6, task9 = trm_edu.get_task("sudoku6"), trm_edu.get_task("sudoku9")
seen = task6.fingerprint(task6.generate(3000, seed=0).questions)  # what the 6x6 network was trained on
puzzles6, puzzles9 = task6.generate(200, seed=70, exclude=seen), task9.generate(48, seed=72)
net6, net9 = shipped_model("sudoku6").model, shipped_model("sudoku9").model
exact6, exact9 = (shipped_model(name, dtype="float32").model for name in ("sudoku6", "sudoku9"))
q6, a6, q9, a9 = (
    torch.from_numpy(cells).long()
    for cells in (puzzles6.questions, puzzles6.answers, puzzles9.questions, puzzles9.answers)
)
print(puzzles6.describe(), "|", puzzles9.describe())

# %% [markdown]
# We look into the two networks that come with the course. They are small: the 9x9 network has 382,274 weights and saw
# 1,000 puzzles of Sudoku-Extreme; the 6x6 network saw 3,000 generated ones. One seed each. So everything below is about
# *these two*, on generated puzzles with as few clues as possible. `net` computes in bfloat16, as it was trained.
# `exact` is the same network in float32, with finer digits.
#
# ## The idea on a whiteboard
#
# A supervision step takes the states to new states. Again and again: that is a path. Look for the three ways in which a
# path can end. Nothing says that the place where it rests is the *right* answer.

# %%
figure = Figure(figsize=(8.4, 2.7), layout="constrained")
angle, rng = np.linspace(0, 6 * np.pi, 40), np.random.default_rng(3)
turn = np.array([np.cos(angle), np.sin(angle)])
sketches = {
    "comes to rest": np.exp(-angle / 5) * turn,
    "goes in a circle": turn * (1 - 0.6 * np.exp(-angle / 2)),
    "wanders": rng.normal(0, 1, (2, 40)).cumsum(1) / 4,
}
for ax, (name, path) in zip(figure.subplots(1, 3), sketches.items(), strict=True):
    ax.plot(*path, color=plots.BLUE, marker="o", markersize=3, linewidth=1)
    ax.plot(*path[:, 0], marker="o", markersize=10, markerfacecolor="white", markeredgecolor="black")
    ax.plot(*path[:, -1], marker="X", markersize=10, color=plots.VERMILION, markeredgecolor="black")
    ax.set(title=name, xticks=[], yticks=[], xlabel="one direction of the state", ylabel="another one")
    ax.margins(0.15)
text = "Three sketched paths of a state, each from a circle to a cross: one comes to rest, one circles, one wanders."
plots.show(figure, text)

# %% [markdown]
# ## 1. Open one step
#
# A supervision step is `T` latent recursions, and the model has that function. Here T = 2 and n = 2. First we call it
# ourselves; then we open it as well: T(n + 1) = 6 evaluations.


# %%
@torch.no_grad()
def open_step(model, x, state):
    """The states (y, z) after each of the T(n + 1) evaluations of one supervision step."""
    (y, z), states = state, []
    for _ in range(model.config.T):
        for _ in range(model.config.n):
            z = model.network(z, y + x, model.rotary)
            states.append(State(y, z))
        y = model.network(y, z, model.rotary)
        states.append(State(y, z))
    return states


with torch.no_grad():
    x, start = exact9.embed(q9[:4]), exact9.initial_state(4)
    theirs, _ = exact9(q9[:4], start)
    ours = start
    for _ in range(exact9.config.T):
        ours = exact9.latent_recursion(x, ours)
states = open_step(exact9, x, start)
assert_close(tuple(ours), tuple(theirs))
assert_close(tuple(states[-1]), tuple(theirs))

# %% [markdown]
# Both ends are the model's own step. The library has a microscope for this: hooks watch the network while the model
# itself runs. Does it see what we see?

# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.inside import unroll

for update, state in zip(unroll(exact9, q9[:4]).updates, states, strict=True):
    assert_close(update.value, getattr(state, update.state))
    print(f"recursion {update.recursion}, evaluation {update.number}: renews {update.state} from", *update.reads)

# %% [markdown]
# Now read. The answer head was trained on `y`, at the end of a step. But it fits on any state. Three readings:
#
# - `y`: the answer as it stands.
# - `y now`: the answer if it were renewed at once, from this `z`.
# - `z`: the scratch pad itself, through the head of the answer.
#
# **Predict:** how many of the blank cells are right by each? A blind guess gets 1 of 9. The papers call `z` latent: no
# answer. What will the head make of it?


# %%
@torch.no_grad()
def right_cells(state_to_read):
    """Which cells of the 9x9 puzzles are right, if the head reads this: bool [N, L]."""
    return net9.heads(state_to_read).logits.argmax(-1) == a9


# %%
blank, state = q9 == 1, net9.initial_state(len(q9))
print("step evaluation     y y now     z   (% of blank cells right)")
with torch.no_grad():
    x = net9.embed(q9)
    for step in range(1, 5):
        for number, now in enumerate(open_step(net9, x, state), start=1):
            readings = [right_cells(s) for s in (now.y, net9.network(now.y, now.z, net9.rotary), now.z)]
            shares = [100 * right[blank].double().mean().item() for right in readings]
            print(f"{step:>4} {number:>10} " + "".join(f"{share:>6.0f}" for share in shares))
        state = now
whole = [right.all(-1).sum().item() for right in readings]
print("whole grids right:", *whole, "of", len(q9))
assert min(shares) > 50 and shares[0] > shares[2] and whole[0] > whole[2]

# %% [markdown]
# `y now` climbs with nearly every evaluation: a new `z` makes a better answer possible before `y` is touched.
#
# And `z`? We expected noise. Read through the head it has most cells right, though fewer than `y`, and fewer whole
# grids. Nobody trained it to be read. One network makes both states and adds them up, which may be why; we did not test
# that. In *this* network `z` is a draft behind the draft.
#
# One puzzle, step by step. Yellow cells changed, crossed ones are wrong:

# %%
from trm_edu.solve import recursion_trace

question, solution = puzzles9.questions[1], puzzles9.answers[1]
drafts = [row[0][0] for row in recursion_trace(net9, question[None], n_supervision=8)]
text = f"A question and four of its answers; wrong cells by step: {[int((d != solution).sum()) for d in drafts]}."
plots.show(plots.answer_row(task9, question, drafts, solution=solution), text)

# %% [markdown]
# ## 2. How far does it move?
#
# A step from (3, 4) to (6, 8) is 5 long; the state after it 10. We call 5 / 10 = 0.5 the *size* of the step: relative
# to the state, and of *one puzzle*. Vectorised, the whole state of a puzzle being one long vector:


# %%
# NBVAL_CHECK_OUTPUT
def step_size(before, after):
    return (after - before).flatten(1).norm(dim=1) / after.flatten(1).norm(dim=1)


step_size(torch.tensor([[3.0, 4.0]]), torch.tensor([[6.0, 8.0]])).item()

# %% [markdown]
# **Predict:** a puzzle is solved after step 5. Does its `z` stop moving? And if the puzzle is never solved?

# %%
from trm_edu.inside import latent_path

paths, drafts, _ = latent_path(exact9, q9[:24], 20)  # the states of 24 puzzles, start and 20 steps, in float32
solved = (drafts[-1] == a9[:24].numpy()).all(-1)
z_path = torch.from_numpy(paths["z"])
size = np.stack([step_size(z_path[k], z_path[k + 1]) for k in range(20)])
for step in (1, 4, 8, 16, 20):
    calm, restless = np.median(size[step - 1, solved]), np.median(size[step - 1, ~solved])
    print(f"step {step:>2}: z moves by {calm:.4f} (solved), {restless:.4f} (not solved)")
assert restless > 10 * calm

# %%
plots.show(plots.step_sizes(paths, solved=solved), plots.step_sizes_text(paths, solved=solved))

# %% [markdown]
# Solved puzzles calm down. Most of the others go on, by a large part of their own length in every step. Lesson 05 saw
# the same in single updates.
#
# Now a loop that runs many steps and writes everything down. (`disturb` is for later.)


# %%
@torch.no_grad()
def watch(model, questions, steps, state=None, disturb=lambda state: state, chunk=40):
    """Answers [steps, N, L], halt logits [steps, N], and the size of each step of z [steps, N]."""
    state = model.initial_state(len(questions)) if state is None else state
    parts = []
    for i in range(0, len(questions), chunk):
        now, rows = State(*(s[i : i + chunk] for s in state)), []
        for _ in range(steps):
            before = now.z
            now, output = model(questions[i : i + chunk], disturb(now))
            sizes = step_size(before.float(), now.z.float())
            rows.append((output.logits.argmax(-1), output.halt_logit.float(), sizes))
        parts.append([torch.stack(column) for column in zip(*rows, strict=True)])
    return [torch.cat(column, dim=1) for column in zip(*parts, strict=True)]


# %%
_, _, coarse = watch(net9, q9[:24], 20)
rest = size[-1] < 1e-3
print(f"the last step of {rest.sum()} puzzles at rest: bfloat16 {coarse[-1][rest].median():.4f},", end=" ")
print(f"float32 {np.median(size[-1, rest]):.6f}")

# %% [markdown]
# A warning about the ruler: bfloat16 keeps two to three digits. There the size stays near one part in a hundred: that
# is rounding, not thinking. Where we ask whether something *rests*, we compute in float32.
#
# **A map.** A state of the 9x9 network is 81 x 128 = 10,368 numbers. To draw it, take the two directions in which all
# points vary most, the *principal components*: subtract the mean; the singular value decomposition gives the
# directions.


# %%
def two_directions(points):
    """[M, F] -> coordinates [M, 2], share of the variance of each direction [2]."""
    centred = points - points.mean(0)
    _, length, directions = torch.linalg.svd(centred, full_matrices=False)
    return centred @ directions[:2].T, length[:2] ** 2 / (length**2).sum()


# %%
from trm_edu.inside import principal_components

toy = torch.tensor([[0.0, 0, 1], [4, 0, -1], [8, 0, 1], [4, 1, -1]], dtype=torch.float64)
ours, theirs = two_directions(toy), principal_components(toy.numpy())
assert_close(ours[0].abs().numpy(), np.abs(theirs[0]))  # the sign of a direction is arbitrary
assert_close(ours[1].numpy(), theirs[1])

# %%
begin = {name: path[:13] for name, path in paths.items()}  # twelve steps
by_then = (drafts[11] == a9[:24].numpy()).all(-1)
plots.show(plots.latent_trajectories(begin, solved=by_then), plots.latent_trajectories_text(begin, solved=by_then))

# %% [markdown]
# **Predict:** two puzzles end side by side on the map of `z`. Are their states alike? Take pairs of ends; compare their
# distance on the map with their distance in the space.

# %%
ends = torch.from_numpy(begin["z"]).flatten(2)
drawn, share = two_directions(ends.flatten(0, 1))
on_map, in_space = torch.pdist(drawn.view(*ends.shape[:2], 2)[-1]), torch.pdist(ends[-1])
near = on_map <= on_map.quantile(0.05)
far, usual = in_space[near].median(), in_space.median()
print(f"the map shows {share.sum():.0%}; its nearest pairs: {far / usual:.2f} of the usual distance in the space")
assert share.sum() < 0.5 and far > 0.5 * usual

# %% [markdown]
# Neighbours on the map, and nearly as far apart as any two. No one place means "solved": every puzzle has its own. A
# crossing on the map is no meeting. The sizes above are of the whole space: trust those.
#
# ## 3. More steps, same weights
#
# In training a puzzle had at most 8 steps (9x9) or 4 (6x6); the papers test with 16. Nothing forbids 256. That is
# *test-time compute*: regime B, with tables of its own.
#
# **Predict:** from 16 to 256 steps, how many more puzzles?

# %%
from trm_edu.intervals import wilson_interval

shown = [1, 2, 4, 8, 16, 32, 64, 128, 256]
runs = {
    "6x6": (watch(net6, q6[:40], 256)[0] == a6[:40], plots.GREEN, "s"),
    "9x9": (watch(net9, q9[:16], 256)[0] == a9[:16], plots.BLUE, "o"),
}
ax, said = Figure(figsize=(6, 3.3), layout="constrained").subplots(), []
for name, (cells, colour, marker) in runs.items():
    right = cells.all(-1)
    hits, count = [int(right[k - 1].sum()) for k in shown], right.shape[1]
    lost, gained = int((right[15] & ~right[-1]).sum()), int((right[-1] & ~right[15]).sum())
    print(f"{name}: solved {dict(zip(shown, hits, strict=True))} of {count}; 16 to 256: gained {gained}, lost {lost}")
    assert hits[0] < hits[4] and gained <= 4 and lost <= 2
    ax.plot(shown, np.array(hits) / count, color=colour, marker=marker)
    low, high = np.array([wilson_interval(hit, count) for hit in hits]).T
    ax.fill_between(shown, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.annotate(name, (1, hits[0] / count), (8, 2), textcoords="offset points", color=colour)
    said.append(f"{name}: {hits[0]} of {count} after 1 step, {hits[4]} after 16, {hits[-1]} after 256")
ax.axvline(16, color="black", linewidth=0.8, linestyle=":")
ax.set_xscale("log", base=2)
ax.set(xlabel="supervision steps (dotted: the papers' 16)", ylabel="solved exactly", ylim=(-0.02, 1.02))
ax.set_xticks(shown, shown)
plots.show(ax, f"Share solved against steps, logarithmic axis; {'; '.join(said)}. Bands: 95% intervals.")

# %% [markdown]
# Hardly anything happens after step 16. The puzzles are few: look at the bands. A larger check stands on the card of
# the 9x9 network: on sx-proxy, our stand-in for Sudoku-Extreme, 18.4% of 5,000 puzzles after 16 steps, and 16.2% of 500
# after 64. No gain there either.
#
# Published, for other networks (regime B, Sudoku-Extreme, same weights):
#
# | network | 16 steps | 64 | 256 |
# |---|---|---|---|
# | CGAR (arXiv 2511.08653) | 86.1 | 91.7 | 94.1 |
# | another TRM-MLP | 79.3 | 83.5 | 86.3 |
#
# So it can help a lot, and here it does not. We do not know why: ours are smaller and were trained on fewer steps, and
# we varied neither.
#
# ## 4. Where do failures end?
#
# Rest, circle, or wander? Look at the answers first. A **period** p: over the last answers, each equals the one p steps
# earlier. Letters instead of grids. What is the period of each?


# %%
# NBVAL_CHECK_OUTPUT
def period(answers, most):
    """The smallest p up to `most` that holds over the last 2 x most answers [K, L]; 0 if there is none."""
    last = answers[-2 * most :]
    for p in range(1, most + 1):
        if (last[p:] == last[:-p]).all():
            return p
    return 0


for text in ("xyzaaaaaaaa", "xyzabababab", "abcdabcdabcd", "abcaabbcabaa", "abcdefghijkl"):
    print(text, period(torch.tensor([[ord(letter)] for letter in text]), most=4))

# %% [markdown]
# `abcaabbcabaa` has none: two `a` side by side are not rest. The `xyz` of a start-up does not disturb, since only the
# end counts. But answers are coarse: a state may move while all digits stay. So ask `z` too.
#
# **Predict:** take the puzzles that are wrong after 16 steps and let them run on, in float32. How many will rest? Will
# some be solved after all?


# %%
def end_of(answers, sizes, most=8):
    p, still = period(answers, most), sizes[-2 * most :].max() < 1e-3
    if p == 1:
        return "fixed point" if still else "answer rests, z moves"
    return f"cycle of {p}" if p else "wanders"


# %%
given6, halt6, _ = watch(net6, q6, 16)
bad6 = (given6[-1] != a6).any(-1)
bad9 = (watch(net9, q9, 16)[0][-1] != a9).any(-1)
late6, late9 = watch(exact6, q6[bad6], 128), watch(exact9, q9[bad9], 64)
axes = Figure(figsize=(9, 3.3), layout="constrained").subplots(1, 2, sharey=True)
said, marks = [], {"fixed point": (plots.BLUE, "-"), "wanders": (plots.VERMILION, ":")}
for ax, name, (answers, _, sizes), truth in zip(
    axes, ("6x6", "9x9"), (late6, late9), (a6[bad6], a9[bad9]), strict=True
):
    right = (answers[-1] == truth).all(-1).tolist()
    kinds = [end_of(answers[:, i], sizes[:, i]) for i in range(len(truth))]
    print(f"{name}: {len(truth)} wrong after 16 steps, {sum(right)} of them right after {len(answers)}")
    for kind in sorted(set(kinds)):
        fine = sum(r for r, k in zip(right, kinds, strict=True) if k == kind)
        print(f"   {kind:<22} {kinds.count(kind):>2} ({fine} right)")
        said.append(f"{name} {kind}: {kinds.count(kind)}")
    for i, kind in enumerate(kinds):
        colour, line = marks.get(kind, (plots.ORANGE, "--"))
        ax.semilogy(range(1, len(sizes) + 1), sizes[:, i], color=colour, linestyle=line, linewidth=1)
    ax.set(title=f"{name}: wrong after 16 steps", xlabel="supervision step")
axes[0].set_ylabel("size of the step of z")
plots.show(axes, f"Sizes of the steps of z. Solid: fixed point, dotted: wanders, dashed: else. {'; '.join(said)}.")

# %% [markdown]
# Solid lines end at a fixed point, dotted ones wander, dashed ones are something else: an answer that rests while `z`
# moves, or a cycle. Some end well, late. Look at those that rest on a wrong answer: what do they say of themselves?

# %%
for i in ((late9[2][-16:].amax(0) < 1e-3) & (late9[0][-1] != a9[bad9]).any(-1)).nonzero()[:, 0].tolist():
    asked, answer = puzzles9.questions[bad9.numpy()][i], late9[0][-1, i].numpy()
    kept = ((asked == 1) | (asked == answer)).all()
    print(f"at rest: {len(task9.violations(asked, answer))} rules broken, clues kept: {kept};", end=" ")
    print(f"probability of being right, it says: {late9[1][-1, i].sigmoid():.4f}")

# %% [markdown]
# These are **wrong fixed points**. No further step will help: the state stays where it is. The halting head knows that
# the answer is wrong, and that changes nothing.
#
# ## 5. Trivial puzzles
#
# arXiv 2601.10679 claims several attractors, and failures on trivially easy puzzles (so its abstract). **Predict:** our
# networks were trained on puzzles with few clues. Give them the solved grid; one blank cell; as many blanks as a row
# has; more. Which do they solve?

# %%
rng = np.random.default_rng(0)
for name, model, task, puzzles, counts in (
    ("6x6", net6, task6, puzzles6, (0, 1, 6, 12, 18)),
    ("9x9", net9, task9, puzzles9, (0, 1, 9, 27, 45)),
):
    for count in counts:
        questions = puzzles.answers[:20].copy()
        for question in questions:
            question[rng.choice(question.size, count, replace=False)] = 1
        given = watch(model, torch.from_numpy(questions).long(), 4)[0][-1].numpy()
        good = task.is_solved_batch(questions, given)
        unique = np.array([task.solution_count(question) == 1 for question in questions])
        print(f"{name}, {count:>2} blank: {good.sum():>2} of 20 solved; {unique.sum():>2} have one solution", end=", ")
        print(f"{(good & unique).sum()} of them solved")
        assert count > 1 or good.all()

# %% [markdown]
# In our run: no failure at all, in 20 puzzles each. Not even where many blanks allow several solutions (we judge by the
# rules), which training never showed. That does not contradict the abstract, which speaks of another network.
#
# ## 6. Other starts
#
# `z` starts from one random vector, the same for every cell, drawn once. So: same weights, same puzzle, another start.
#
# **Predict:** of the 9x9 failures, how many does at least one of seven other starts solve?


# %%
def starts_of(model, count, K, noise, generator):
    """K starts for each of `count` puzzles, the first without noise: State of [K * count, S, D], start after start."""
    y, z = model.initial_state(K * count)
    shift = noise * torch.randn((K - 1) * count, *z.shape[1:], generator=generator)
    return State(y, torch.cat((z[:count], (z[count:] + shift).to(z.dtype))))


# %%
from trm_edu.inference import best_by_halting, best_by_rules, majority, several_starts

double = shipped_model("sudoku6", dtype="float64").model.double()
draw = torch.Generator().manual_seed(1)
theirs = several_starts(double, q6[:12], 5, generator=draw, n_supervision=4, halt_above=float("inf"))
ours, _, _ = watch(double, q6[:12].repeat(5, 1), 4, starts_of(double, 12, 5, 1.0, draw.manual_seed(1)))
assert torch.equal(ours[-1].view(5, 12, -1), theirs.tokens)  # equal to the library's

# %%
failures, truth = q9[bad9], a9[bad9]
begin = starts_of(net9, len(failures), 8, 1.0, torch.Generator().manual_seed(2))
given, _, _ = watch(net9, failures.repeat(7, 1), 16, State(*(s[len(failures) :] for s in begin)))
by_start = (given[-1].view(7, -1, 81) == truth).all(-1)
print(f"{len(truth)} failures; starts that solve each:", by_start.sum(0).tolist())
print(f"{by_start.any(0).sum()} are solved by at least one of seven other starts")

# %% [markdown]
# If it is solved by another start, the weights can do it. Such a failure is a failure to *select*: a right answer is
# among the candidates. arXiv 2601.19085 counts 89% of its TRM's failures as such; here, with seven starts, it is a
# smaller part.
#
# PTRM (arXiv 2605.19943, its abstract) adds noise to `z` in *every* step, makes 100 rollouts and takes the one with the
# best halting score: from 87.3 to 98.8 (regime B). The same failures, seven rollouts:


# %%
def noisy(noise, generator):
    def disturb(state):
        shift = noise * torch.randn(state.z.shape, generator=generator)  # fresh: each step, each puzzle, each number
        return State(state.y, (state.z + shift).to(state.z.dtype))

    return disturb


given, _, _ = watch(net9, failures.repeat(7, 1), 16, disturb=noisy(0.3, torch.Generator().manual_seed(3)))
by_noise = (given[-1].view(7, -1, 81) == truth).all(-1)
print(f"noise in every step: {by_noise.any(0).sum()} of {len(truth)};", end=" ")
print(f"by both: {(by_noise.any(0) & by_start.any(0)).sum()}")
assert by_start.any() or by_noise.any()

# %% [markdown]
# A handful of failures cannot rank two kinds of noise, so we do not; and the 0.3 was picked after a look at some of
# them.
#
# ## 7. Which answer to believe?
#
# Four judges:
#
# - **the halting score**: the surest start;
# - **a vote of grids**: the whole answer that most starts gave;
# - **a vote of cells**: in each cell the token that most starts gave;
# - **the rules**: an answer that keeps the clues and breaks no rule; if there is none, the surest.
#
# Three answers of three cells: 112, 121, 211. **Predict:** what do the two votes say?

# %%
# NBVAL_CHECK_OUTPUT
three = torch.tensor([[1, 1, 2], [1, 2, 1], [2, 1, 1]])
votes = (three[:, None] == three).all(-1).sum(1)
print("votes for each grid", votes.tolist(), "- cell by cell nobody's answer:", three.mode(0).values.tolist())


# %%
def judges(tokens, logit, legal):
    """tokens [K, N, L], halt logits [K, N], accepted by the rules [K, N] -> the answer that each judge picks [N, L]."""
    n = torch.arange(tokens.shape[1])
    same = (tokens[:, None] == tokens).all(-1)
    votes = same.sum(1)
    belief = (same * logit).sum(1) / votes  # between equal votes the mean halt logit decides
    allowed = logit.masked_fill(~legal & legal.any(0), -torch.inf)
    return {
        "halting score": tokens[logit.argmax(0), n],
        "vote of grids": tokens[(votes + belief.sigmoid() / 2).argmax(0), n],
        "vote of cells": tokens.mode(0).values,
        "rules": tokens[allowed.argmax(0), n],
    }


def legal_of(task, questions, tokens):
    return torch.from_numpy(np.stack([task.is_solved_batch(questions, t.numpy()) for t in tokens]))


# %%
asked = puzzles6.questions[:12]
ours = judges(theirs.tokens, theirs.halt_logit, legal_of(task6, asked, theirs.tokens))
assert torch.equal(ours["halting score"], best_by_halting(theirs).tokens)  # equal to the library's
assert torch.equal(ours["vote of grids"], majority(theirs).tokens)
assert torch.equal(ours["rules"], best_by_rules(task6, asked, theirs).tokens)

# %% [markdown]
# Is a rule checker cheating? It knows the question and the rules of Sudoku, not the solution. Everybody who solves a
# Sudoku may check it. A puzzle with one solution has one legal answer, so this judge is never wrong; but it can only
# pick what is there. For ARC there is no such checker: the rule is what one has to find.
#
# **Predict:** eight starts of 200 6x6 puzzles, 8 steps each. In which order do the judges come?

# %%
K, draw = 8, torch.Generator().manual_seed(4)
given, halt, _ = watch(net6, q6.repeat(K, 1), 8, starts_of(net6, len(q6), K, 1.0, draw))
tokens, logit = given[-1].view(K, len(q6), -1), halt[-1].view(K, -1)
right, legal = (tokens == a6).all(-1), legal_of(task6, puzzles6.questions, tokens)
assert torch.equal(legal, right)  # one solution, one legal answer
picks = [judges(tokens[:k], logit[:k], legal[:k]) for k in range(1, K + 1)]
curves = {name: [int((pick[name] == a6).all(-1).sum()) for pick in picks] for name in picks[0]}
ceiling = [int(right[:k].any(0).sum()) for k in range(1, K + 1)]
ax = Figure(figsize=(6.8, 3.3), layout="constrained").subplots()
styles = zip(("s--", "^-.", "x:", "o-"), (plots.BLUE, plots.ORANGE, plots.VERMILION, plots.GREEN), strict=True)
for (name, row), (line, colour) in zip(curves.items(), styles, strict=True):
    print(f"{name:<14}", *(f"{hits:>3}" for hits in row))
    ax.plot(range(1, K + 1), row, line, color=colour, label=name)
print(f"{'any is right':<14}", *(f"{hits:>3}" for hits in ceiling), f" of {len(q6)}, with 1 to {K} starts")
ax.set(xlabel="starts (8 steps each)", ylabel=f"solved of {len(q6)}")
ax.legend(fontsize=8.5, loc="upper left", bbox_to_anchor=(1.01, 1))
said = "; ".join(f"{name} {row[0]} with one start, {row[-1]} with {K}" for name, row in curves.items())
plots.show(ax, f"Puzzles solved of {len(q6)} against the number of starts, by judge: {said}.")
assert curves["rules"] == ceiling

# %% [markdown]
# The rules reach the ceiling: they lose nothing that is there. A right answer that one start of eight finds is outvoted.
# (One draw of starts, so do not rank neighbours. And we show the 6x6 network because the judges part here: in a first
# trial, on fewer 9x9 puzzles, they did not.)
#
# Why must the checker look at the clues too? The failures of section 4, after 16 steps:

# %%
tidy = (task6.repeats(given6[-1]) == 0) & bad6
print(f"{bad6.sum()} of {len(q6)} wrong; {tidy.sum()} of them break no row, column or box")
for i in tidy.nonzero()[:, 0].tolist():
    print(f"says {halt6[-1, i].sigmoid():.2f}:", *task6.violations(puzzles6.questions[i], given6[-1, i].numpy()))

# %% [markdown]
# In our run there is one: a perfect grid that answers another puzzle. A checker of rows, columns and boxes alone would
# hand it in.
#
# ## 8. What does a cell look at?
#
# A token mixer's weights are the same for every puzzle, so there are no attention maps. But any network can be asked:
# cover one clue. How much does the score of a cell's token change? That is **occlusion**.


# %%
@torch.no_grad()
def occlusion(model, question, steps):
    """question [L] -> its clues [C], and what covering each of them does to each cell [steps, C, L]."""
    clues = (question > 1).nonzero()[:, 0]
    asked = question.repeat(len(clues) + 1, 1)
    asked[torch.arange(len(clues)) + 1, clues] = 1  # row 0 stays whole; 1 is the blank
    state, maps = model.initial_state(len(asked)), []
    for _ in range(steps):
        state, output = model(asked, state)
        token = output.logits[0].argmax(-1)  # what is said of the whole question
        score = output.logits[:, torch.arange(len(token)), token]
        maps.append((score[1:] - score[0]).abs())
    return clues, torch.stack(maps)


# %% [markdown]
# **Predict:** nobody told the network about rows, columns and boxes. Which clues move the framed cell after one step?

# %%
clues, effect = occlusion(exact9, q9[1], 1)
i = int((q9[1] == 1).nonzero()[:, 0][20])
values = np.zeros(81)
values[clues] = effect[0, :, i]
options = {"question": puzzles9.questions[1], "cell": i, "label": "change of the score"}
plots.show(plots.grid_map(task9, values, **options), plots.grid_map_text(task9, values, **options))

# %% [markdown]
# One map is an anecdote. A number: the share of a cell's influence that comes from clues in its own row, column or box.
# By chance it would be the share of the clues that stand there.

# %%
at = np.arange(81)
lines = torch.from_numpy(np.stack([at // 9, at % 9, at // 27 * 3 + at % 9 // 3]))
units = (lines[:, :, None] == lines[:, None]).any(0)  # [L, L]: do two cells share a unit?


def shares_in_units(model, questions, steps):
    """Mean over the blank cells: share of the influence from their own units [steps], share of the clues there."""
    found, chance = [], []
    for question in questions:
        clues, effect = occlusion(model, question, steps)
        share = (effect * units[clues]).sum(1) / effect.sum(1)
        found.append(share[:, question == 1])
        chance.append(units[clues].double().mean(0)[question == 1])
    return torch.cat(found, 1).mean(1), torch.cat(chance).mean()


torch.manual_seed(0)
trained_share, chance = shares_in_units(exact9, q9[:6], 3)
random_share, _ = shares_in_units(trm_edu.TRM(exact9.config), q9[:2], 1)
print(f"{(q9[:6] == 1).sum()} blank cells of 6 puzzles; by chance {chance:.0%}")
print("trained, after step 1, 2, 3:", *(f"{share:.0%}" for share in trained_share))
print(f"untrained, after step 1: {random_share[0]:.0%}")
assert trained_share[0] > 1.1 * chance and trained_share[0] > 1.1 * random_share[0]

# %% [markdown]
# A preference, not a law: clues act across the whole grid, those in the own units more than by chance. An untrained
# network has no such preference to speak of. (`inside.influence` asks by a
# gradient instead: cheap for one cell, but it sees small changes only.)
#
# **With attention** a network says itself where it looks: a row of weights for each position, summing to 1, in each
# layer, head and evaluation. `plots.attention_on_grid` draws them. The weights of a network without training:

# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.inside import attention_weights

attentive = trm_edu.TRM(replace(exact6.config, mixer="attention", positions="rotary"))
weights = attention_weights(unroll(attentive, q6[:1]), update=1)
print("sum", weights.sum(-1).mean().round().item(), "- layers, puzzles, heads, looks, looked at:", tuple(weights.shape))

# %% [markdown]
# Read such maps with care: a large weight on a cell whose value changes nothing is no influence.
#
# Now do the [exercises](../exercises/14_inside_the_recursion.ipynb).
#
# ## What we now know
#
# - One step is T(n + 1) evaluations. `y` can be read after each; `z`, read the same way, is a worse draft.
# - On solved puzzles the states come to rest. Failures rest on a wrong answer, circle, or wander.
# - More steps: next to nothing, for these two networks. Published networks gained a lot.
# - Other starts solve some failures. Then believe the rules, if there are any.
# - A map of two directions hides most, and a residual in coarse numbers has a floor.
#
# **Check yourself**
#
# 1. A network's answer has not changed for ten steps. Is it at a fixed point?
# 2. With eight starts "any is right" rises by six puzzles, the vote of grids by one. What are the other five?
# 3. Why may the rules pick a Sudoku answer, but not an ARC answer?
#
# <details><summary>Answers</summary>
#
# 1. Not surely. Digits are coarse; measure the step of `z`, in fine numbers. And a fixed point may be wrong.
# 2. Selection failures: the right answer is there, but outvoted.
# 3. Sudoku's rules are part of the question. In ARC the rule is the answer.
#
# </details>
#
# **Read on.** [`trm_edu/inside.py`](../trm_edu/inside.py) and [`trm_edu/inference.py`](../trm_edu/inference.py);
# arXiv 2601.19085 (several starts in training), arXiv 2601.10679 (attractors), arXiv 2605.19943 (noise). Lesson 15
# leaves Sudoku: your own puzzle.
