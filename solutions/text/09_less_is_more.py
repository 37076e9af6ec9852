# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 09 · Exercises: less is more
#
# They belong to [lesson 09](../notebooks/09_less_is_more.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.
#
# All results and studies here are invented.

# %%
from collections.abc import Callable

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from trm_edu import plots
from trm_edu.checks import less_is_more as check
from trm_edu.intervals import difference_interval

# %% [markdown]
# ## Exercise 1: the moving average
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 20 minutes*
#
# Train a model for some steps and keep the moving average of its weights.
#
# - `losses` is a list of functions, one for each step: `losses[i](model)` gives the loss of step i.
# - Each step: backward, optimizer step, empty the gradients. Then renew the average of every *parameter*:
#   `average = decay * average + (1 - decay) * weight`.
# - The average starts at the weights that the model has before the first step.
# - What comes back is a dictionary that fits into `model.load_state_dict`: under the name of each parameter its
#   average; under the name of each buffer the model's own, as it is at the end.
# - The model itself is trained as if nobody averaged.
#
# Expected: one weight, 0, with the loss `(w - 1)²`, plain SGD with rate 0.5, decay 0.5. The first step takes the weight
# to 1, where it stays. The average is 0.5 after one step and 0.75 after two.


# %% nbgrader={"grade": false, "grade_id": "train_with_average", "locked": false, "schema_version": 3, "solution": true, "task": false}
def train_with_average(
    model: nn.Module, optimizer: torch.optim.Optimizer, losses: list[Callable[[nn.Module], Tensor]], decay: float
) -> dict[str, Tensor]:
    """Name of each parameter -> its average; name of each buffer -> the buffer. The model is trained."""
    # BEGIN SOLUTION
    average = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    for loss in losses:
        loss(model).backward()
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            for name, weight in model.named_parameters():
                average[name].mul_(decay).add_(weight, alpha=1 - decay)
    return {name: average.get(name, value).clone() for name, value in model.state_dict().items()}
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_train_with_average", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.train_with_average(train_with_average)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# `named_parameters` gives parameters alone, `state_dict` gives buffers as well. An optimizer changes a weight in place:
# whatever shares its memory changes with it. Which call makes a copy?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# average = a copy of every parameter
# for each loss:
#     backward, optimizer step, empty gradients
#     without gradient, for each parameter:
#         average of it = decay * average of it + (1 - decay) * parameter
# return the model's state, with the averages in place of the parameters
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Without `clone` the average *is* the weight. Then all tests pass, and averaged and raw weights score the same: a bug
# that looks like a finding.
#
# </details>

# %% [markdown]
# ## Exercise 2: without the start
#
# *Difficulty: 3 of 5 · Importance: 3 of 5 · Time: about 15 minutes*
#
# An average that starts at the first weights remembers them for a while. How long, how strongly, and what is the average
# without them?
#
# - `average`: a tensor, after `steps` (at least 1) updates with `decay`. `first`: the weights that it started at.
# - What comes back is a tuple of three: the horizon, `1 / (1 - decay)`; the share that the first weights have in the
#   average; and the average *without* them, a tensor: all the other weights keep their relation to each other, and their
#   shares add up to 1.
#
# Expected: decay 0.5, first 10, then the weights 2 and 4. The average goes 10, 6, 5. The answer is horizon 2, share 0.25,
# and 3.3333 = (1 · 2 + 2 · 4) / 3.


# %% nbgrader={"grade": false, "grade_id": "without_the_start", "locked": false, "schema_version": 3, "solution": true, "task": false}
def without_the_start(average: Tensor, first: Tensor, decay: float, steps: int) -> tuple[float, float, Tensor]:
    """average, first: any shape [...] -> horizon, share of the first weights, average without them [...]."""
    # BEGIN SOLUTION
    share = decay**steps
    return 1 / (1 - decay), share, (average - share * first) / (1 - share)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_without_the_start", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.without_the_start(without_the_start)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Follow the first weights alone, as if all later ones were 0. What does one update do to their part?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# share   = decay, multiplied with itself once for each step
# rest    = average minus the part of the first weights
# the shares in the rest add up to 1 - share: divide by that
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Adam divides by `1 - decay**steps` alone. It may: its averages start at zero, so there is nothing to subtract.
#
# </details>

# %% [markdown]
# ## Exercise 3: what a variant costs
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 20 minutes*
#
# Weights, depth and operations of TRM's network with the token mixer. Only the layers count: no embedding, no heads.
#
# - A layer has two SwiGLUs of three matrices each. One works over the channels: its matrices have `D` times `inner_D`
#   weights, and it is used once for each of the `L` cells. The other is the mixer over the positions: `L` times `inner_L`
#   weights, used once for each of the `D` channels. A weight costs two operations each time.
# - An evaluation of the network passes through all `layers`. A recursion has n updates of z and one of y. A supervision
#   step has `T` recursions; only the last one has a gradient. A backward pass costs as much as two forward passes.
# - What comes back is a tuple of three whole numbers: the weights of the network; the depth, in layers, of a supervision
#   step; the operations of a training step *for one puzzle*.
#
# Expected: with L=36, D=64, inner_L=96, inner_D=176, two layers, T=2 and n=2: 88,320 weights, depth 12, 90,243,072
# operations. With n=5: as many weights, depth 24, 180,486,144 operations.


# %% nbgrader={"grade": false, "grade_id": "variant_cost", "locked": false, "schema_version": 3, "solution": true, "task": false}
def variant_cost(L: int, D: int, inner_L: int, inner_D: int, layers: int, T: int, n: int) -> tuple[int, int, int]:
    """Sizes -> weights, depth of a supervision step, operations of a training step of one puzzle."""
    # BEGIN SOLUTION
    channels, positions = 3 * D * inner_D, 3 * L * inner_L
    evaluation = layers * 2 * (L * channels + D * positions)
    forward, with_gradient = T * (n + 1), n + 1
    return layers * (channels + positions), layers * forward, (forward + 2 * with_gradient) * evaluation
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_variant_cost", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.variant_cost(variant_cost)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Three questions, one after the other. How many weights has a layer? How often is each of them used in one evaluation?
# What is one training step worth, in evaluations?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# channels, positions = weights of the two SwiGLUs of a layer
# evaluation = layers * 2 * (channels once a cell + positions once a channel)
# forward    = T recursions of n + 1 evaluations
# backward   = twice the n + 1 evaluations of the last recursion
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The two multipliers are easily swapped: the mixer has weights for *positions*, and is used for each *channel*. At L = 900
# its weights and its operations both overtake those of attention.
#
# </details>

# %% [markdown]
# ## Exercise 4: when to stop
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# A run was looked at K times. At each look three groups of puzzles were tested: *seen* ones, from training; unseen ones
# for choosing, *validation*; unseen ones for reporting, *test*.
#
# - `steps` `[K]`: the optimizer step of each look. `seen`, `validation`, `test` `[K]`: shares solved, NumPy.
# - Stop where the validation puzzles are solved best. Of equals, at the earliest.
# - What comes back is a tuple of three: the optimizer step; the gap there, seen minus test; the score to report, test.
#
# Expected: for the curves in the picture, (300, 0.34, 0.41).

# %%
steps = np.array([100, 200, 300, 400])
seen, validation, test = np.array([[0.2, 0.5, 0.75, 1.0], [0.15, 0.3, 0.45, 0.4], [0.2, 0.35, 0.41, 0.43]])
ax = Figure(figsize=(5.6, 2.8), layout="constrained").subplots()
looks = ((seen, plots.ORANGE, "--", "s"), (validation, plots.GREEN, ":", "^"), (test, plots.BLUE, "-", "D"))
for name, (curve, colour, line, marker) in zip(("seen", "validation", "test"), looks, strict=True):
    ax.plot(steps, curve, color=colour, linestyle=line, marker=marker, label=name)
ax.set(xlabel="optimizer step", ylabel="solved exactly", xticks=steps, ylim=(0, 1.05))
ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper")
plots.show(ax, f"Shares solved at steps {steps}: seen {seen}, validation {validation}, test {test}.")


# %% nbgrader={"grade": false, "grade_id": "stop_training", "locked": false, "schema_version": 3, "solution": true, "task": false}
def stop_training(
    steps: np.ndarray, seen: np.ndarray, validation: np.ndarray, test: np.ndarray
) -> tuple[int, float, float]:
    """Four arrays [K] -> step to stop at, gap between seen and test puzzles there, score to report."""
    # BEGIN SOLUTION
    best = validation.argmax()
    return int(steps[best]), seen[best] - test[best], test[best]
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_stop_training", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.stop_training(stop_training)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# One curve decides, the others are only read. What does `argmax` give if the largest number occurs twice?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# place = where validation is largest, the first such place
# step  = steps at this place
# gap   = seen minus test, both at this place
# score = test at this place
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# In the picture the test curve is best at step 400. Whoever stops there reports 0.43 and has let the test set train.
#
# </details>

# %% [markdown]
# ## Exercise 5: T, n and a budget
#
# *Difficulty: 4 of 5 · Importance: 4 of 5 · Time: about 20 minutes*
#
# Which depths would you recommend to somebody who has so many operations to spend?
#
# - `results`: a dictionary, (T, n) to the scores of its seeds. `cost`: (T, n) to its operations. `budget`: a number.
# - Cells that cost more than the budget are out. Of the others, the *best* has the highest mean.
# - A cell is tied with the best if the interval of their difference, `difference_interval(before, after)`, covers 0 or
#   is None (too few seeds: nobody knows).
# - What comes back is a list of (T, n): the best and all that are tied with it, the cheapest first.
#
# Expected: for the map in the picture and a budget of 4: `[(1, 2), (2, 1), (2, 2)]`.

# %%
results = {(1, 1): [0.20, 0.26, 0.23], (1, 2): [0.50, 0.66, 0.58], (2, 1): [0.55], (2, 2): [0.63, 0.71, 0.67]}
results |= {(1, 4): [0.40, 0.44, 0.42], (2, 4): [0.90, 0.88, 0.89]}
cost = {(1, 1): 1, (1, 2): 1.5, (1, 4): 2.5, (2, 1): 2, (2, 2): 3, (2, 4): 5}
plots.show(plots.depth_map(results, cost=cost, cost_unit="units"), plots.depth_map_text(results, cost=cost))


# %% nbgrader={"grade": false, "grade_id": "best_cells", "locked": false, "schema_version": 3, "solution": true, "task": false}
def best_cells(
    results: dict[tuple[int, int], list[float]], cost: dict[tuple[int, int], float], budget: float
) -> list[tuple[int, int]]:
    """(T, n) -> scores of the seeds; (T, n) -> operations; a budget -> the best (T, n) and its ties, cheapest first."""
    # BEGIN SOLUTION
    payable = sorted((cell for cell in results if cost[cell] <= budget), key=cost.get)
    best = max(payable, key=lambda cell: np.mean(results[cell]))

    def tied(cell: tuple[int, int]) -> bool:
        interval = difference_interval(results[cell], results[best])
        return interval is None or interval[0] <= 0 <= interval[1]

    return [cell for cell in payable if cell == best or tied(cell)]
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_best_cells", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.best_cells(best_cells)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# The order of the steps matters: first what can be paid, then the best of *that*, then who is tied with it.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# payable = cells whose cost is at most the budget, sorted by cost
# best    = the payable cell with the highest mean
# for each payable cell, in this order:
#     keep it if it is the best,
#     or if difference_interval(its scores, scores of the best) is None or covers 0
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# People look whether the two *intervals of the means* overlap. They may overlap while the difference is separated.
#
# </details>

# %% [markdown]
# ## Exercise 6: what else differs?
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# Two runs are compared. In what do they differ although they should not?
#
# - `a`, `b`: the runs, dictionaries from the name of a field to its value. Both have `flops`, the operations of the run.
# - `varied`: the set of fields that the comparison is about. These may differ.
# - `seed` and `exact` (the result) may differ, always.
# - `flops` count as different only if the difference is more than 5% of the larger of the two.
# - A field that only one of the runs has differs.
# - What comes back is the set of the names of all other fields that differ; maybe empty.
#
# Expected: for `a` and `b` below and `varied = {"layers"}`: `{"ema", "flops"}`.

# %%
a = {"layers": 2, "steps": 1000, "flops": 2.0e12, "ema": True, "seed": 0, "exact": 0.71}
b = {"layers": 4, "steps": 1000, "flops": 4.0e12, "ema": False, "seed": 1, "exact": 0.64}


# %% nbgrader={"grade": false, "grade_id": "confounders", "locked": false, "schema_version": 3, "solution": true, "task": false}
def confounders(a: dict, b: dict, varied: set[str]) -> set[str]:
    """Two runs, and what is varied on purpose -> names of all other fields that differ."""
    # BEGIN SOLUTION
    missing = object()
    differ = {name for name in a.keys() | b.keys() if a.get(name, missing) != b.get(name, missing)}
    if abs(a["flops"] - b["flops"]) <= 0.05 * max(a["flops"], b["flops"]):
        differ.discard("flops")
    return differ - varied - {"seed", "exact"}
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_confounders", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.confounders(confounders)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Start with all names of both runs, `a.keys() | b.keys()`. Take away what is allowed to differ. One field needs a
# question of its own.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# for each name of a or b, without the varied ones, seed, exact:
#     if it is "flops": differs if |difference| is more than 5% of the larger one
#     else: differs if the values are unequal, or one of them is missing
#     collect it if it differs
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The same number of `steps` looks fair, and hides the most common confounder: in this example `b` did twice the work.
#
# </details>

# %% [markdown]
# ## Exercise 7: find the flaw
#
# *Difficulty: 4 of 5 · Importance: 5 of 5 · Time: about 30 minutes*
#
# A study says that *ours* is better than *theirs*. What is wrong with it?
#
# A study is a dictionary. `ours` and `theirs`: lists of runs, dictionaries as in exercise 6. Within a side they differ
# in `seed` and `exact` alone. `varied`: the set of fields that the study is about. `reported`: the number that it prints
# for each side, a dictionary with the keys `ours` and `theirs`. `chosen_on`: the puzzles on which the moment to stop was
# chosen. `claim`: `"better"` or `"no difference"`.
#
# What comes back is the set of the names of its flaws, maybe empty:
#
# | name | the study has this flaw if |
# |---|---|
# | `"one seed"` | a side has fewer than two runs |
# | `"best of seeds"` | a reported number is more than 0.001 away from the mean of `exact` of its side |
# | `"chosen on test"` | `chosen_on` is `"test"` |
# | `"not separated"` | the claim is `"better"`, and `difference_interval(theirs, ours)` covers 0 or is None |
# | `"compute"` | `flops` of the two sides differ by more than 5% of the larger, and are not varied |
# | `"parameters"` | `parameters` differ, and are not varied |
# | `"data"` | `data` differ, and are not varied |
# | `"ema"` | `ema` differs, and is not varied |
# | `"rates"` | `rates_tried` differ, and are not varied |
#
# Expected, for the four studies below: `{"best of seeds"}`, `set()`, `{"compute", "ema"}`, and
# `{"chosen on test", "not separated", "one seed"}`.


# %%
def runs(results: list[float], **fields) -> list[dict]:
    fair = {"layers": 2, "parameters": 89_474, "flops": 2.0e12, "data": "1,000 puzzles", "ema": True, "rates_tried": 1}
    return [fair | fields | {"seed": seed, "exact": exact} for seed, exact in enumerate(results)]


def study(ours: list[dict], theirs: list[dict], varied: set[str], **fields) -> dict:
    reported = {"ours": np.mean([run["exact"] for run in ours]), "theirs": np.mean([run["exact"] for run in theirs])}
    return {
        "ours": ours,
        "theirs": theirs,
        "varied": varied,
        "reported": reported,
        "chosen_on": "validation",
        "claim": "better",
    } | fields


good, poor = [0.69, 0.71, 0.73], [0.58, 0.60, 0.62]
four_layers = {"layers": 4, "parameters": 177_794}
studies = {
    "our mixer solves 73%, theirs 60%": study(
        runs(good), runs(poor), {"mixer"}, reported={"ours": 0.73, "theirs": 0.60}
    ),
    "two layers beat four": study(runs(good), runs(poor, **four_layers), {"layers", "parameters"}),
    "four layers beat two": study(
        runs(good, flops=4.0e12, **four_layers), runs(poor, ema=False), {"layers", "parameters"}
    ),
    "the new gradient wins": study(runs([0.82]), runs([0.80]), {"gradient"}, chosen_on="test"),
}


# %% nbgrader={"grade": false, "grade_id": "find_the_flaws", "locked": false, "schema_version": 3, "solution": true, "task": false}
def find_the_flaws(study: dict) -> set[str]:
    """A study -> the names of its flaws."""
    # BEGIN SOLUTION
    sides = ("ours", "theirs")
    exact = {side: [run["exact"] for run in study[side]] for side in sides}
    ours, theirs = study["ours"][0], study["theirs"][0]
    flaws = set()
    if any(len(exact[side]) < 2 for side in sides):
        flaws.add("one seed")
    if any(abs(study["reported"][side] - np.mean(exact[side])) > 0.001 for side in sides):
        flaws.add("best of seeds")
    if study["chosen_on"] == "test":
        flaws.add("chosen on test")
    interval = difference_interval(exact["theirs"], exact["ours"])
    if study["claim"] == "better" and (interval is None or interval[0] <= 0 <= interval[1]):
        flaws.add("not separated")
    higher = max(ours["flops"], theirs["flops"])
    if "flops" not in study["varied"] and abs(ours["flops"] - theirs["flops"]) > 0.05 * higher:
        flaws.add("compute")
    for field, flaw in (("parameters", "parameters"), ("data", "data"), ("ema", "ema"), ("rates_tried", "rates")):
        if field not in study["varied"] and ours[field] != theirs[field]:
            flaws.add(flaw)
    return flaws
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_find_the_flaws", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.find_the_flaws(find_the_flaws)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Go down the table, one row at a time, and run the check after each: it names the first flaw that you miss. Within a side
# all runs have the same fields, so it is enough to look at the first one.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# exact = the results of each side
# flaws = an empty set
# one seed:       the shorter list has fewer than 2
# best of seeds:  for each side |reported - mean(exact)| is more than 0.001
# chosen on test: look at the field
# not separated:  only if the claim is "better": the interval is None, or covers 0
# compute:        not varied, and more than 5% apart
# the other four: not varied, and unequal
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Two things go wrong. "Best of seeds" is not written anywhere: one has to compute the mean. And a difference in parameters
# is no flaw where parameters are what is compared.
#
# </details>

# %% [markdown]
# What your function says of the four studies. Would you have found them by reading the titles?

# %% tags=["needs-answer"]
for title, found in studies.items():
    print(f"{title}: {', '.join(sorted(find_the_flaws(found))) or 'no flaw found'}")
