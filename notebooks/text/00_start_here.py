# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Start here
#
# **Question: what can a network of 5 to 7 million weights do that large language models could not?**
#
# *You will be able to* run a Tiny Recursive Model (TRM) on Sudoku, watch it correct itself, give it a puzzle of your
# own, and say what the numbers in the press mean and what they do not.
#
# *You need* a little Python. PyTorch comes later.
#
# *Time*: it runs in under a minute on two CPU cores. Reading takes about half an hour. Nothing is downloaded.
#
# *The course*: **00 start** · 01-03 puzzles and parts · 04-07 HRM's ideas · 08-09 what made it better · 10 TRM complete
# · 11-13 full size · 14-15 beyond
#
# <img src="../pictures/thinking.gif" width="560" alt="Animation: a small network solves a Sudoku with 23 clues in 16
# steps. After each step some cells have changed (yellow) and fewer are wrong (crossed).">

# %% [markdown]
# **How to read a lesson.** Click into a grey cell and press Shift+Enter: it runs, and the next one is selected. Run the
# cells from top to bottom. Nothing can break: *Kernel → Restart Kernel and Clear Outputs* brings you back.
#
# ## 1. Is everything here?

# %%
import sys

import numpy as np
import torch

import trm_edu
from trm_edu import plots

print(f"Python {sys.version.split()[0]}, torch {torch.__version__}, trm_edu {trm_edu.__version__}")

# %% [markdown]
# If this cell fails, the environment is not the course's. Close this page and type `make lab` in the course's folder.
# In a terminal, `trm-edu doctor` says more.
#
# ## 2. A puzzle
#
# A Sudoku is 81 cells. A task of the library turns text into tokens: one number for a blank, one for each digit.

# %%
# NBVAL_CHECK_OUTPUT
task = trm_edu.get_task("sudoku9")
text = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
puzzle = task.encode(text)
print(puzzle.shape, puzzle[:9])

# %%
plots.show(plots.grid(task, puzzle), "A 9 by 9 Sudoku with 30 clues; the first row begins 5, 3.")

# %% [markdown]
# The library knows the rules. It can check an answer without knowing the solution. And it can *search*: fill in what is
# certain, guess where nothing is, take the guess back if it was wrong. How often a plain solver must guess is our
# measure of how hard a puzzle is. This one is easy:

# %%
# NBVAL_CHECK_OUTPUT
print("guesses:", task.guesses(puzzle[None])[0])
print("solutions:", task.solution_count(puzzle))

# %% [markdown]
# What would the checker say of a wrong answer? Let us write a second 5 into the first row.

# %%
# NBVAL_CHECK_OUTPUT
wrong = task.solve_by_search(puzzle)
wrong[2] = wrong[0]
task.violations(puzzle, wrong)[:2]

# %% [markdown]
# ## 3. A network
#
# A trained network comes with the course. It was trained on an ordinary processor, without a GPU. It is far smaller than
# the published one, and was trained for far less time, so expect less of it. What it is, it says itself:

# %%
from trm_edu.checkpoints import shipped_model
from trm_edu.interface import parameter_count

shipped = shipped_model("sudoku9")
model = shipped.model
print(f"{parameter_count(model):,} weights, width {model.config.hidden}, T={model.config.T}, n={model.config.n}")
print("trained on:", shipped.regime)

# %% [markdown]
# Nobody wrote a Sudoku rule into it. It has seen questions and answers, relabelled and turned, no more. It knows nothing
# of rows: it had to find out which cells matter to each other.
#
# How does it work? It holds a draft of the answer, and a scratch pad. It looks at question, draft and pad, improves the
# pad, then the draft; again and again. The same small network does all of that.

# %%
plots.show(plots.recursion_diagram(), plots.RECURSION_TEXT)

# %% [markdown]
# Look for three loops. **Think** several times, **answer** once. Repeat that. Then show the draft: this is one
# *supervision step*. There are up to 16 of them, or until the network says "done".
#
# Here is the draft after each of them, for our easy puzzle.

# %%
from trm_edu.solve import recursion_trace

trace = recursion_trace(model, puzzle[None], n_supervision=16)
for step, (answers, _, done) in enumerate(trace, start=1):
    broken = len(task.violations(puzzle, answers[0]))
    print(f"step {step:>2}: {broken:>2} rules broken, network says done with probability {done[0]:.2f}")

# %% [markdown]
# The first draft is a guess at all cells at once. Read the middle column: this is a network at work on its own mistakes.
#
# ## 4. How good is it?
#
# One puzzle proves nothing. We make fifty: ordinary ones, with 32 clues or a few more. The generator guarantees exactly
# one solution each. Then we let the network work on all of them at once.

# %%
puzzles = task.generate(50, seed=2024, clues=32)
print(puzzles.describe())
print("clues", np.unique(puzzles.extra["clues"]), "- guesses up to", puzzles.extra["guesses"].max())

# %% [markdown]
# **Predict:** how many of the fifty will be solved, every cell right, after the first step? And after the last?


# %%
def solved_by_step(puzzles, n_supervision=16):
    trace = recursion_trace(model, puzzles.questions, n_supervision)
    return np.array([task.is_solved_batch(puzzles.questions, answers) for answers, _, _ in trace])


ordinary = solved_by_step(puzzles)
for step in (1, 2, 4, 8, len(ordinary)):
    if step <= len(ordinary):
        print(f"after step {step:>2}: {ordinary[step - 1].sum():>2} of {len(puzzles)} solved")

# %%
exact = ordinary.mean(axis=1)
plots.show(plots.accuracy_by_step(exact), plots.accuracy_by_step_text(exact))

# %% [markdown]
# The weights did not change between the first point and the last. Only the number of steps did.
#
# Now the hard kind: fifty puzzles in which every clue is needed. Take any one away, and there is more than one solution.

# %%
hard_puzzles = task.generate(50, seed=2025)
hard = solved_by_step(hard_puzzles)
clues, guesses = hard_puzzles.extra["clues"], hard_puzzles.extra["guesses"]
print(f"{clues.mean():.0f} clues on average, a median of {np.median(guesses):.0f} guesses")
print(f"solved: {hard[-1].sum()} of {len(hard_puzzles)}")

# %%
guesses = np.concatenate([puzzles.extra["guesses"], hard_puzzles.extra["guesses"]])
solved = np.concatenate([ordinary[-1], hard[-1]])
plots.show(plots.solved_by_guesses(guesses, solved), plots.solved_by_guesses_text(guesses, solved))

# %% [markdown]
# From left to right the puzzles cost a plain solver more guesses. Hatched: not solved. This is one small network and a
# hundred puzzles: a picture, not a result. Lesson 11 will train at full size.
#
# ## 5. Watch it think
#
# We take the puzzle with the most guesses among those that the network solved. Press play, or drag the slider. Yellow:
# changed in this step. Crossed: not the right digit. The second grid says how sure the network is of each digit, the
# curve whether it believes to be done.

# %%
from trm_edu.widgets import Player, YourPuzzle

questions = np.concatenate([puzzles.questions, hard_puzzles.questions])
solutions = np.concatenate([puzzles.answers, hard_puzzles.answers])
chosen = np.where(solved, guesses, -1).argmax()
print("guesses:", guesses[chosen], "- solved" if solved.any() else "- not solved, like all the others")
Player(model, task, questions[chosen], solution=solutions[chosen])

# %% [markdown]
# *Look inside* unfolds a step: first the pad is improved (z), then the draft (y). The second grid then shows in which
# cells the network is at work. Lesson 14 will come back to it.
#
# If you read this where nothing can be pressed, you see a picture instead: the question and the drafts after some steps.
#
# And one that it did not solve (if there is one): the most guesses among the rest.

# %%
failed = np.where(solved, -1, guesses).argmax()
print("guesses:", guesses[failed], "- solved" if solved[failed] else "- not solved")
Player(model, task, questions[failed], solution=solutions[failed])

# %% [markdown]
# Does it know? The network gives a probability that its whole answer is right. Compare what it says with what is so.

# %%
says_done = recursion_trace(model, questions, 16)[-1][2] > 0.5
for said, name in ((True, "says done"), (False, "says not done")):
    group = solved[says_done == said]
    print(f"{name:>13}: {len(group):>3} puzzles, {group.sum():>3} of them solved")

# %% [markdown]
# The rule checker needs no probability. The library never calls an answer solved unless the rules hold.
#
# ## 6. Your own puzzle
#
# Click a cell and type a digit, or paste a whole puzzle into the text: digits, and `.` or `0` for a blank. The line
# beside it checks the rules while you type, and cells that contradict each other are crossed. *Solve* gives the network
# up to 16 starts: it shows it the same puzzle turned and relabelled, until an answer passes the rules. When none does,
# it says so.

# %%
YourPuzzle(model, task, text)

# %% [markdown]
# Things to try: a second 5 in the first row. A grid with one clue only. Letters. A puzzle from your newspaper.
#
# A second network ships for 6x6 grids, with boxes of 2 rows and 3 columns. Lesson 10 trains one like it in a minute.

# %%
task6 = trm_edu.get_task("sudoku6")
YourPuzzle(shipped_model("sudoku6").model, task6, task6.decode(task6.generate(1, seed=7).questions[0]))

# %% [markdown]
# From a terminal, `trm-edu solve` does the same. From Python it is one call, and the answer is checked:

# %%
from trm_edu.solve import solve

solution = solve(model, task, puzzle)
print("solved and verified" if solution.solved else "not solved", "in", solution.steps_used, "supervision steps")
print(task.format_grid(solution.best.answer))

# %% [markdown]
# ## 7. What the headlines said
#
# October 2025, so the headlines: a network with 7 million weights reaches "45% on ARC-AGI-1 and 8% on ARC-AGI-2", ahead
# of most large language models. The numbers are 44.6 and 7.8, from table 5 of the TRM paper (arXiv 2510.04871). What do
# they mean?
#
# - **ARC-AGI** is a set of grid puzzles. A few pairs of input and output show a rule; apply it to one more input.
# - **pass@2**: two attempts are allowed for each test input. A puzzle counts if one of them is right in every cell.
# - **Public evaluation**: the 400 (ARC-AGI-1) and 120 (ARC-AGI-2) tasks that everybody can download. The authors measured this.
# - TRM learned from the example pairs of the very tasks that it was tested on (never from their answers), and voted over
#   1,000 altered copies of each puzzle.

# %% [markdown]
# So one number can hide how a score was made. We call that the *regime*: which data, how much training, how many tries,
# who measured. **Different regimes never share a table.** So here are two.
#
# Public evaluation, pass@2, as the TRM paper itself reports it in table 5 (primary source):
#
# | model | weights | ARC-AGI-1 | ARC-AGI-2 |
# |---|---|---|---|
# | direct prediction | 27M | 21.0 | 0.0 |
# | HRM | 27M | 40.3 | 5.0 |
# | TRM, attention | 7M | 44.6 | 7.8 |
#
# Semi-private tasks, verified by ARC Prize:
#
# | model | ARC-AGI-1 | ARC-AGI-2 | source |
# |---|---|---|---|
# | HRM | 32 | 2 | abstract or project page |
# | TRM | 40 | 6.2 | second-hand: quote it with that caution |
#
# Both are lower there. Why, these two tables cannot say: the tasks are other ones, and so is whoever ran them.

# %% [markdown]
# And language models? On ARC, the same table 5 lists them, tested in another regime: 34.5 / 3.0 for o3-mini-high, 37.0 /
# 4.9 for Gemini 2.5 Pro, and 66.7 / 16.0 for Grok-4-thinking. So *some* were below TRM, and some above.
#
# On **Sudoku-Extreme** it is clearer. Table 4: DeepSeek R1, Claude 3.7 and o3-mini-high solved 0%. TRM with a token mixer
# (5M weights) solved 87.4%, after training on 1,000 puzzles and their symmetries. Direct prediction (27M), with the same
# data and no recursion: 0.0%.
#
# That answers our question, with care: *trained for one kind of puzzle, a tiny network can solve what general models
# of that time could not*. It can do nothing else. It cannot even read this sentence.

# %% [markdown]
# **Predict:** which of these sentences are fair?
#
# 1. "TRM beats all language models on ARC-AGI."
# 2. "TRM solves 87.4% of Sudoku-Extreme; the network of this lesson solves fewer, so it is broken."
# 3. "On Sudoku-Extreme, TRM with 5M weights solved 87.4%, HRM with 27M weights 55.0%, trained on the same 1,000 puzzles."
#
# <details><summary>Answers</summary>
#
# 1. Not fair: table 5 itself lists better ones.
# 2. Not fair: other sizes, other training, other test puzzles.
# 3. Fair: one table, one regime (TRM paper, table 1).
#
# </details>

# %% [markdown]
# ## 8. Data, and an honest name
#
# The test puzzles of Sudoku-Extreme are not in this repository. For development there is a stand-in, made to resemble
# them. It is called **sx-proxy**, and it keeps that name wherever a score is quoted:

# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.data import DATA_SETS

print(DATA_SETS["sx-proxy"].title)

# %% [markdown]
# What was measured when the network of this lesson was made stands in its file, with its data named:

# %%
for name, value in shipped.metrics.items():
    print(f"{name}: {np.round(value, 3) if isinstance(value, (float, list)) else value}")

# %% [markdown]
# ## 9. How exercises and hints work
#
# Every other lesson has exercises, in the folder [exercises](../exercises/01_puzzles_as_tokens.ipynb). In each you fill in
# a stub: what goes in, what must come out and about how long it takes is said above it.
#
# A check below runs your code on small cases, as often as you like. If it fails, it says what is wrong, where to look,
# and what you returned. Here is an answer to the first exercise of lesson 01 with a mistake in it:


# %%
# NBVAL_CHECK_OUTPUT
from trm_edu.checks import WrongAnswer, puzzles_as_tokens


def encode_sudoku(text):
    return np.array([0 if character == "." else int(character) + 1 for character in text])


try:
    puzzles_as_tokens.encode_sudoku(encode_sudoku)
except WrongAnswer as message:
    print(message)

# %% [markdown]
# Three steps of help are folded away below each check, like this:
#
# <details><summary>Help 1: a nudge</summary>
#
# The next step is pseudocode, the last a solution with a remark on what goes wrong.
#
# </details>
#
# Nothing is graded behind your back: a teacher's grading runs the same checks.
#
# ## 10. The map
#
# | lessons | question |
# |---|---|
# | **00 start here** (you are here) | What can a tiny network do that large language models could not? |
# | [01 puzzles as tokens](01_puzzles_as_tokens.ipynb) · [02 one pass fails](02_one_pass_fails.ipynb) · [03 building blocks](03_building_blocks.ipynb) | What goes in, why one look is not enough, what is inside |
# | [04 two clocks](04_hrm_two_clocks.ipynb) · [05 one-step gradient](05_one_step_gradient.ipynb) · [06 deep supervision](06_deep_supervision.ipynb) · [07 when to stop](07_when_to_stop.ipynb) | What HRM proposed, and what holds |
# | [08 from HRM to TRM](08_from_hrm_to_trm.ipynb) · [09 less is more](09_less_is_more.ipynb) | Which changes made it better |
# | [10 TRM complete](10_trm_complete.ipynb) | Can you write all of it? |
# | [11 train for real](11_train_for_real.ipynb) · [12 mazes](12_mazes.ipynb) · [13 ARC-AGI](13_arc_agi.ipynb) | Full size, other puzzles |
# | [14 inside the recursion](14_inside_the_recursion.ipynb) · [15 your own puzzle](15_your_own_puzzle.ipynb) | What happens in there; take it further |
#
# Short of time? 00, 06 and 10 make a taster.

# %% [markdown]
# ## What we now know
#
# - A network that improves its own draft solves puzzles that its first look does not solve.
# - More steps, same weights: more puzzles solved. How many depends on the network and on the puzzles.
# - A score means nothing without its regime.
#
# **Check yourself**
#
# 1. What is the difference between 98% of cells and 98% of puzzles?
# 2. How can the rule checker judge an answer without the solution?
# 3. Which of the two ARC tables would you quote, and with which words?
#
# <details><summary>Answers</summary>
#
# 1. At 98% of cells, each of 81 right independently, 0.98^81 = 19% of the puzzles are right.
# 2. It checks that clues are kept and that no row, column or box repeats a digit.
# 3. Either, with its regime: which tasks, how many attempts, who measured.
#
# </details>

# %% [markdown]
# **Read on.** [Lesson 01](01_puzzles_as_tokens.ipynb) begins with the tokens. [Lesson 10](10_trm_complete.ipynb) builds
# all of it in an hour. The papers: TRM, arXiv 2510.04871; HRM, arXiv 2506.21734.
