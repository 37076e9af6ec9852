# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 14 · Exercises: inside the recursion
#
# They belong to [lesson 14](../notebooks/14_inside_the_recursion.ipynb). Run the cells from top to bottom. Where you
# find `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like:
# it says what is wrong and where to look. Help unfolds in three steps; try the first before the third.
#
# Shapes: `B` puzzles, `S` positions, `L` cells, `D` channels, `V` tokens, `K` what is counted in the exercise.

# %%
from collections.abc import Callable

import torch
from torch import Tensor

import trm_edu
from trm_edu import plots
from trm_edu.checkpoints import shipped_model
from trm_edu.checks import inside_the_recursion as check

# %% [markdown]
# ## Exercise 1: the answer after every step
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# Run `n_supervision` steps and read the answer after each of them.
#
# - `step(y, z)` makes one supervision step and gives back the new `(y, z)`, each `[B, S, D]`. The first call gets the
#   start that you are given, every further call what the call before gave back.
# - `head(state)` gives a score for each token at each position: `[B, S, V]`. It reads the *answer* state.
# - The first `prefix` positions are no cells. They do not come back.
# - What comes back are tokens `[n_supervision, B, L]`, with L = S - prefix: in each cell the one with the highest
#   score.
#
# Expected: if `y` is one-hot for the tokens 0, 1, 2, the head hands on what it gets, and a step moves each token to the
# next of 4 (`y.roll(1, -1)`), two steps with a prefix of 1 give `[[[2, 3]], [[3, 0]]]`.


# %% nbgrader={"grade": false, "grade_id": "decode_steps", "locked": false, "schema_version": 3, "solution": true, "task": false}
def decode_steps(step: Callable, head: Callable, y: Tensor, z: Tensor, n_supervision: int, prefix: int) -> Tensor:
    """y, z [B, S, D] -> tokens [n_supervision, B, S - prefix]."""
    # BEGIN SOLUTION
    tokens = []
    for _ in range(n_supervision):
        y, z = step(y, z)
        tokens.append(head(y)[:, prefix:].argmax(-1))
    return torch.stack(tokens)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_decode_steps", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.decode_steps(decode_steps)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# One loop, two lines in it, in this order: improve, read. What must the second round start from?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# repeat n_supervision times:
#     y, z   = step(y, z)
#     scores = head(y), without the first `prefix` positions
#     keep the best token of each cell
# stack what was kept
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Reading before the step shifts all answers by one: the first is the answer of the untouched start. And whoever cuts
# `prefix` positions off the end gets as many cells, only the wrong ones.
#
# </details>

# %% [markdown]
# ## Exercise 2: how far it moves
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# The size of every step of every puzzle.
#
# - `path` `[K + 1, B, S, D]`: the states of B puzzles, at the start and after each of K steps.
# - The size of a step: the length of the difference of the two states, over the length of the state *after* the step.
#   The length is the square root of the sum of squares over *all* positions and channels of one puzzle.
# - What comes back is `[K, B]`.
#
# Expected: one puzzle whose state goes (3, 4), (6, 8), (6, 8) gives `[[0.5], [0]]`.


# %% nbgrader={"grade": false, "grade_id": "step_sizes", "locked": false, "schema_version": 3, "solution": true, "task": false}
def step_sizes(path: Tensor) -> Tensor:
    """path [K + 1, B, S, D] -> sizes [K, B]."""
    # BEGIN SOLUTION
    flat = path.flatten(2)
    return (flat[1:] - flat[:-1]).norm(dim=-1) / flat[1:].norm(dim=-1)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_step_sizes", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.step_sizes(step_sizes)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Make one long vector of each state of each puzzle first. Which axes must survive?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# flat   = path with the axes S and D made one         [K + 1, B, S * D]
# moved  = length of (each state - the one before)     [K, B]
# length = length of each state but the first          [K, B]
# return moved / length
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A norm over the batch too makes one number of all puzzles: one that wanders hides ten that rest.
#
# </details>

# %% [markdown]
# ## Exercise 3: the best of K starts
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 20 minutes*
#
# One puzzle, K answers from K starts. Which one do you hand in?
#
# - `question` `[L]`: the tokens of the puzzle. Token 1 is a blank; every other token is a clue.
# - `tokens` `[K, L]`: the answer of each start after its last step.
# - `halt_logit` `[n, K]`: what the halting head said after each of n steps, for each start. `tokens` belong to the
#   last.
# - `rules` is None, or a function: `rules(grid)` says whether a grid `[L]` has no digit twice in a row, column or box.
#   It knows nothing of your question.
# - Without rules: the start that was surest about the answer that you are given.
# - With rules: only starts count whose grid obeys the rules *and* keeps every clue. Of several the surest. If there is
#   none, choose as without rules.
# - What comes back is the number of the start, a whole number from 0 to K - 1.
#
# Expected: without rules and with `halt_logit` `[[3, 0], [1, 2]]` (two steps, two starts) it is 1.


# %% nbgrader={"grade": false, "grade_id": "best_of_k", "locked": false, "schema_version": 3, "solution": true, "task": false}
def best_of_k(question: Tensor, tokens: Tensor, halt_logit: Tensor, rules: Callable | None = None) -> int:
    """question [L], tokens [K, L], halt_logit [n, K] -> number of the chosen start."""
    # BEGIN SOLUTION
    sure = halt_logit[-1].clone()
    if rules is not None:
        clue = question != 1
        fine = torch.tensor([bool(rules(grid)) and bool((grid == question)[clue].all()) for grid in tokens])
        if fine.any():
            sure[~fine] = -torch.inf
    return int(sure.argmax())
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_best_of_k", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.best_of_k(best_of_k)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Write it without rules first: one row of `halt_logit` matters. With rules the same choice is made among fewer starts.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# sure = the last row of halt_logit
# if there are rules:
#     fine = for each grid: rules say yes, and all clues are kept
#     if any is fine: sure = minus infinity where not fine
# return the place of the largest sure
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A grid can obey every rule and answer another puzzle: it changed a clue. The lesson met one, and its network was sure
# of it.
#
# </details>

# %% [markdown]
# ## Exercise 4: rest, circle or neither
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# The period of a run of answers, judged by its end.
#
# - `answers` `[K, L]`: the answer after each of K steps. K is at least 2 · `most`.
# - Only the last 2 · `most` answers count. They have period p if each of them equals the one p steps before, for all
#   for which both are among the last 2 · `most`. Two answers are equal if all cells are.
# - What comes back: the smallest p from 1 to `most`, a whole number; 0 if there is none. So 1 means at rest.
#
# Expected, in letters for grids and with `most` = 3: `xyaaaaaa` has period 1, `xyababab` 2, `abcabc` 3, `aabbcc` 0.


# %% nbgrader={"grade": false, "grade_id": "period", "locked": false, "schema_version": 3, "solution": true, "task": false}
def period(answers: Tensor, most: int) -> int:
    """answers [K, L] -> the smallest period up to `most` at the end, or 0."""
    # BEGIN SOLUTION
    last = answers[-2 * most :]
    for p in range(1, most + 1):
        if (last[p:] == last[:-p]).all():
            return p
    return 0
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_period", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.period(period)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Cut off the start-up first. Then lay the run over itself, moved by p. Does it fit everywhere?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# last = the last 2 * most answers
# for p = 1, 2, ... up to most:
#     if last without its first p equals last without its last p: return p
# return 0
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# It is tempting to compare the last answer alone with earlier ones. In `aabbcc` the last two are equal, and nothing
# rests.
#
# </details>

# %% [markdown]
# ## Exercise 5: a vote of grids
#
# *Difficulty: 2 of 5 · Importance: 3 of 5 · Time: about 10 minutes*
#
# K answers to one puzzle. Which whole grid was given most often?
#
# - `tokens` `[K, L]`. Two answers vote for the same grid if all their cells are equal.
# - What comes back is that grid, `[L]`. If several grids have the most votes: the one that appears first.
#
# Expected: the answers 112, 121, 211, 211 give 211; 112, 121, 211 give 112.


# %% nbgrader={"grade": false, "grade_id": "vote", "locked": false, "schema_version": 3, "solution": true, "task": false}
def vote(tokens: Tensor) -> Tensor:
    """tokens [K, L] -> the grid with the most votes [L]."""
    # BEGIN SOLUTION
    votes = (tokens[:, None] == tokens).all(-1).sum(1)
    return tokens[votes.argmax()]
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_vote", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.vote(vote)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Count for each answer how many answers are equal to it. A dictionary of tuples does it too.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# for each answer: votes = number of answers that equal it in all cells
# return the first answer with the most votes
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A vote in each cell is shorter to write (`tokens.mode(0)`). But it can build a grid that nobody gave and that breaks
# the rules.
#
# </details>

# %% [markdown]
# ## Exercise 6: noise in every step
#
# *Difficulty: 3 of 5 · Importance: 3 of 5 · Time: about 15 minutes*
#
# Run steps, and push `z` a little before each of them.
#
# - `step(y, z)` gives back the new `(y, z)`, each `[B, S, D]`.
# - Before *each* of the `n_supervision` steps: draw `torch.randn(z.shape, generator=generator)`, anew, and add `noise`
#   times that to `z`. Nothing is added to `y`. The step gets the pushed `z`.
# - What comes back is `(y, z)` after the last step.
#
# Expected: with a step that hands on what it gets, z = 0, noise 0.5 and 4 steps, the numbers of `z` have a standard
# deviation of about 1, since variances add up (4 · 0.25), and `y` is what it was.


# %% nbgrader={"grade": false, "grade_id": "noisy_steps", "locked": false, "schema_version": 3, "solution": true, "task": false}
def noisy_steps(
    step: Callable, y: Tensor, z: Tensor, n_supervision: int, noise: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """y, z [B, S, D] -> y, z after the last step."""
    # BEGIN SOLUTION
    for _ in range(n_supervision):
        z = z + noise * torch.randn(z.shape, generator=generator)
        y, z = step(y, z)
    return y, z
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_noisy_steps", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.noisy_steps(noisy_steps)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# What is drawn before the loop is the same in each round. What is drawn in the loop is not.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# repeat n_supervision times:
#     z    = z + noise * fresh normal numbers in the shape of z
#     y, z = step(y, z)
# return y, z
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A sum of noise that is kept and grows (`shift += ...`) pushes harder in every step. And noise without the batch axis
# pushes all puzzles the same way: a hundred rollouts are then one.
#
# </details>

# %% [markdown]
# ## Exercise 7: what a cell looks at
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 20 minutes*
#
# Cover one clue after the other, and see how the answer in one cell reacts.
#
# - `score(questions)` takes questions `[N, L]` and gives a score of each token in each cell: `[N, L, V]`.
# - `question` `[L]`: the puzzle; `blank` is the token of an empty cell. Every other token is a clue.
# - Find the token that the *whole* question's answer has in `cell`: the one with the highest score there.
# - For each clue: replace it by `blank`, all other clues in place. How much does the score of *that* token in `cell`
#   change? Take the absolute value.
# - What comes back is `[L]`: this number at each clue, 0 where no clue is.
#
# Expected: if the only score of every cell is the sum of all tokens, the question `[3, 1, 2]` with blank 1 gives
# `[2, 0, 1]`.


# %% nbgrader={"grade": false, "grade_id": "occlusion", "locked": false, "schema_version": 3, "solution": true, "task": false}
def occlusion(score: Callable, question: Tensor, cell: int, blank: int) -> Tensor:
    """question [L] -> how much covering each clue changes the score in `cell` [L]."""
    # BEGIN SOLUTION
    whole = score(question[None])[0, cell]
    token = whole.argmax()
    effect = torch.zeros(len(question))
    for clue in (question != blank).nonzero()[:, 0]:
        covered = question.clone()
        covered[clue] = blank
        effect[clue] = (score(covered[None])[0, cell, token] - whole[token]).abs()
    return effect
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_occlusion", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.occlusion(occlusion)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Fix the token once, from the whole question. Then each clue needs its own copy of the question: the next clue must
# find the last one back in place.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# whole = scores in the cell for the whole question   [V]
# token = the best of them
# for each clue:
#     covered = copy of the question, the clue made blank
#     effect at the clue = | score of token in the cell for covered - whole[token] |
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Token 0 is no blank: it is padding, which no network has seen in a puzzle. Covered with it, everything changes, and
# says nothing.
#
# </details>

# %% [markdown]
# Your function on the shipped 6x6 network, after one supervision step. Does the framed cell look at its row, column and
# box (2 rows by 3 columns)?

# %% tags=["needs-answer"]
model, task = shipped_model("sudoku6", dtype="float32").model, trm_edu.get_task("sudoku6")
question = task.generate(1, seed=3).questions[0]


@torch.no_grad()
def score(questions: Tensor) -> Tensor:
    return model(questions, model.initial_state(len(questions)))[1].logits


cell = int((question == 1).nonzero()[0][0])
values = occlusion(score, torch.from_numpy(question).long(), cell, 1).numpy()
label = {"question": question, "cell": cell, "label": "change of the score"}
plots.show(plots.grid_map(task, values, **label), plots.grid_map_text(task, values, **label))
