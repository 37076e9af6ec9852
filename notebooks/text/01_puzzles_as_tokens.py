# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · Puzzles as tokens
#
# **Question: how does a puzzle become a sequence?**
#
# *You will be able to* turn a Sudoku, a maze and an ARC grid into tokens and back, to say which moves leave a puzzle
# the same puzzle, and to tell exact accuracy from cell accuracy.
#
# *You need* PyTorch tensors and NumPy arrays. Lesson 00 shows where we are going; it is not needed.
#
# *Time*: it runs in about ten seconds on two CPU cores. Reading it takes about 40 minutes.
#
# *The course*: 00 start · **01-03 puzzles and parts** · 04-07 HRM's ideas · 08-09 what made it better · 10 TRM complete
# · 11-13 full size · 14-15 beyond

# %%
import gzip
import json
import math
from dataclasses import astuple
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.testing import assert_array_equal

import trm_edu
from trm_edu import plots
from trm_edu.checkpoints import shipped_model
from trm_edu.data import labels_of
from trm_edu.losses import exact_match
from trm_edu.plots.style import BLACK, BLUE, tidy
from trm_edu.solve import recursion_trace
from trm_edu.tasks.arc import grid_tokens

# %% [markdown]
# ## 1. A grid is read like a page
#
# The network takes a row of whole numbers, the *tokens*, and gives back a row of the same length. So the grid is read
# like a page: from left to right, row after row. Each cell becomes one token.
#
# | token | meaning in Sudoku |
# |---|---|
# | 0 | padding: no cell at all. A Sudoku has none |
# | 1 | blank: a cell whose digit is asked for |
# | d + 1 | digit d |
#
# Here is a 9x9 Sudoku as text. By hand, for its first row `53..7....`: 5 becomes 6, 3 becomes 4, a blank 1, 7 becomes
# 8. Then in a loop. `0` is another way to write a blank.

# %%
text = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
by_hand = [6, 4, 1, 1, 8, 1, 1, 1, 1]


def encode(text):
    return np.array([1 if character in ".0" else int(character) + 1 for character in text])


assert_array_equal(encode(text)[:9], by_hand)

# %% [markdown]
# Then all characters at once, with a table: at the place of each character's code stands its token. After that, the
# library's: look for equality over many puzzles, and for the number of cells and of tokens.

# %%
table = np.zeros(128, dtype=int)
table[[ord("."), ord("0")]] = 1
table[ord("1") : ord("9") + 1] = np.arange(2, 11)
tokens = table[np.frombuffer(text.encode(), np.uint8)]
assert_array_equal(tokens, encode(text))

# %%
# NBVAL_CHECK_OUTPUT
sudoku = trm_edu.get_task("sudoku9")
assert_array_equal(tokens, sudoku.encode(text))
for question in sudoku.generate(50, seed=1).questions:
    assert_array_equal(encode(sudoku.decode(question)), question)
print(f"equal for 51 puzzles; L = {sudoku.seq_len} cells, V = {sudoku.vocab_size} tokens: padding, blank, 9 digits")

# %% [markdown]
# On a whiteboard, with 4x4 cells:

# %%
small = encode("1..4.4..2..3.3.1").reshape(4, 4)
axes = Figure(figsize=(9, 3.3)).add_axes((0, 0, 1, 1))
axes.set(xlim=(-0.3, 16.3), ylim=(7.4, -0.3), aspect="equal")
axes.set_axis_off()
shades = ("#FFFFFF", "#D9EAF5", "#FFFFFF", "#D9EAF5")
for (row, column), token in np.ndenumerate(small):
    i = 4 * row + column
    for x, y, said in ((column + 6, row, f"{token - 1}" if token > 1 else ""), (i, 6, str(token))):
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=shades[row], edgecolor="black", linewidth=0.8))
        axes.text(x + 0.5, y + 0.5, said, ha="center", va="center", fontsize=13)
    axes.text(i + 0.5, 7.25, str(i), ha="center", va="center", fontsize=8)
for row in range(4):
    axes.text(5.8, row + 0.5, f"row {row}", ha="right", va="center", fontsize=9)
    axes.text(4 * row + 2, 5.7, f"row {row}", ha="center", va="center", fontsize=9)
axes.annotate("", (8, 5.35), (8, 4.2), arrowprops={"arrowstyle": "->", "linewidth": 1.5})
plots.show(axes, f"A 4 by 4 Sudoku; an arrow leads to its 16 tokens, row after row: {small.reshape(-1).tolist()}.")

# %% [markdown]
# Cell i stands in row `i // side` and column `i % side`. Neighbours in a column are far apart in the sequence. Nobody
# tells the network where a row ends. It has to find out.
#
# A token is a *name*, not an amount: 9 is not more than 2. Lesson 03 gives each token a vector of its own.
#
# **Back again.** Token 1 is the first character of `.123456789`, token 2 the second. So we subtract 1.
#
# **Predict:** padding is no cell. What will this `decode` say of token 0? And the library's?


# %%
def decode(tokens):
    return "".join(".123456789"[token - 1] for token in tokens)


assert decode(encode(text)) == text == sudoku.decode(sudoku.encode(text))

# %%
# NBVAL_CHECK_OUTPUT
print("ours:", decode([6, 0, 2]))
try:
    sudoku.decode(np.zeros(81, dtype=int))
except trm_edu.PuzzleError as error:
    print("the library's:", error)

# %% [markdown]
# Ours made a 9 out of nothing: in Python, place -1 is the last. A decoder should refuse padding.
#
# ## 2. A maze
#
# Same idea, other names: 1 wall, 2 open, 3 start, 4 goal, 5 path. The answer is the same maze with the path marked.

# %%
# NBVAL_CHECK_OUTPUT
CELLS = "#.SGo"
maze_rows = ["#...#.S", "#.#....", ".##.#.#", ".....##", "#.#.##.", ".#..#.#", "G....#."]
maze_tokens = np.array([CELLS.index(character) + 1 for character in "".join(maze_rows)])
maze = trm_edu.get_task("maze7")
assert_array_equal(maze_tokens, maze.encode("\n".join(maze_rows)))
path = maze.label(maze_tokens[None])[0]
print("question", maze_tokens[14:28], "\nanswer  ", path[14:28])

# %%
both = Figure(figsize=(5, 2.4)).subplots(1, 2)
for axes, shown, title in zip(both, (maze_tokens, path), ("question", "answer"), strict=True):
    plots.grid(maze, shown, axes).set_title(title, fontsize=10)
plots.show(both, f"A 7 by 7 maze; in its answer {(path == 5).sum()} cells between S and G are marked as a path.")

# %% [markdown]
# Question and answer have one vocabulary and one length. That is all that the network will ever know of a puzzle.
#
# ## 3. An ARC grid
#
# ARC grids have ten colours and any size up to 30x30. The *answer's* size is part of what is asked. So every grid lies
# on a square of 30x30 positions, and its end must be marked:
#
# - 0 is padding, 1 the end marker, colour c is c + 2. Colour 0 is black: a colour like the others, not padding.
# - A row of markers stands below the grid, a column of them to its right. The corner between them stays 0.
#
# By hand, two rows on a square of side 5:

# %%
colours = np.array([[0, 3, 3], [7, 0, 0]])
by_hand = [int(token) for token in "2551092210111000000000000"]


# %% [markdown]
# In code, with slices. `offset` is where the grid's first cell stands. In training the grids of a puzzle are moved
# about, so that the network does not learn places by heart.


# %%
def encode_grid(colours, side, offset=(0, 0)):
    (top, left), (rows, columns) = offset, colours.shape
    bottom, right = top + rows, left + columns
    square = np.zeros((side, side), dtype=int)
    square[top:bottom, left:right] = colours + 2
    if bottom < side:  # else there is no room for markers
        square[bottom, left:right] = 1
    if right < side:
        square[top:bottom, right] = 1
    return square.reshape(-1)


assert_array_equal(encode_grid(colours, 5), by_hand)
encode_grid(colours, 5, offset=(3, 1)).reshape(5, 5)

# %% [markdown]
# At the bottom there was no room for a row of markers. Is it the library's, and the published code's? The repository
# keeps grids that were encoded by the authors' own code.

# %%
# NBVAL_CHECK_OUTPUT
arc = trm_edu.get_task("arc30")
assert_array_equal(encode_grid(colours, 30), arc.encode("033/700"))
for offset in [(0, 0), (3, 1), (28, 27), (5, 20)]:
    assert_array_equal(encode_grid(colours, 30, offset), grid_tokens(colours, 30, offset))
print("equal to the library's, at four offsets")

# %%
golden = Path("../tests/golden/arc.json.gz")
if golden.exists():
    pairs = json.loads(gzip.decompress(golden.read_bytes()))["encode"]
    for pair in pairs:
        assert_array_equal(encode_grid(np.array(pair["input"]), 30), pair["input_tokens"])
        assert_array_equal(encode_grid(np.array(pair["output"]), 30), pair["output_tokens"])
    print("equal to the published code for", 2 * len(pairs), "grids")
else:
    print(f"{golden} is missing: this lesson was opened alone.")
    print("For this proof, clone the whole repository and open the lesson there.")

# %% [markdown]
# **What does not count.** Nobody should be punished for what stands in the padding. So in the *label* padding becomes
# -100, which loss and score skip. That is PyTorch's usual number for it.

# %%
# NBVAL_CHECK_OUTPUT
answer = torch.from_numpy(encode_grid(colours, 30))
label = answer.masked_fill(answer == 0, -100)
assert torch.equal(label, labels_of(answer[None])[0])
print("of the 900 labels of our small ARC grid,", (label != -100).sum().item(), "count")

# %% [markdown]
# Six cells and five markers. In a Sudoku all 81 cells count, also the clues.
#
# ## 4. The same puzzle in other clothes
#
# Three rows of boxes are three **bands**; three columns of boxes are three **stacks**. Which moves turn a solved grid
# into a solved grid? We need a judge. It counts the rows, columns and boxes in which a digit is missing.
#
# A move of rows is written as an *order*: for each row of the result, the old row that it shows. With `[1, 0, 2]` old
# row 1 comes first. Rows are counted from 0.
#
# **Predict:** of the five moves below, one is wrong. Which one, and how many of the 27 units break?


# %%
def broken(digits, box_rows, box_columns):
    """Digits [side, side] -> how many rows, columns and boxes lack a digit."""
    side = box_rows * box_columns
    corners = [(r, c) for r in range(0, side, box_rows) for c in range(0, side, box_columns)]
    boxes = [digits[r : r + box_rows, c : c + box_columns].reshape(-1) for r, c in corners]
    return sum(len(set(unit.tolist())) < side for unit in (*digits, *digits.T, *boxes))


# %%
solved = (sudoku.solve_by_search(tokens) - 1).reshape(9, 9)
assert broken(solved, 3, 3) == 0
new_name = np.array([0, 4, 7, 1, 9, 2, 5, 8, 3, 6])  # digit 1 becomes 4, digit 2 becomes 7, ...
assert sorted(new_name) == list(range(10))

# %%
# NBVAL_CHECK_OUTPUT
moves = {
    "digits renamed": lambda g: new_name[g],
    "rows 0, 1 swapped": lambda g: g[[1, 0, 2, 3, 4, 5, 6, 7, 8]],
    "rows 2, 3 swapped": lambda g: g[[0, 1, 3, 2, 4, 5, 6, 7, 8]],
    "bands 0, 1 swapped": lambda g: g[[3, 4, 5, 0, 1, 2, 6, 7, 8]],
    "transposed": lambda g: g.T,
}
for name, move in moves.items():
    print(f"{name:18} {broken(move(solved), 3, 3)} units broken")

# %% [markdown]
# Rows 2 and 3 stand in different bands. Rows and columns survive that swap; the boxes of both bands do not. The same
# holds for columns and stacks.
#
# Here is our question under the four good moves. Yellow: another token than before.

# %%
question = tokens.reshape(9, 9)
good = {name: move for name, move in moves.items() if name not in ("digits renamed", "rows 2, 3 swapped")}
renamed = np.where(question > 1, new_name[question - 1] + 1, 1)  # a blank stays blank
pictures = {"as it was": question, "digits renamed": renamed} | {n: move(question) for n, move in good.items()}
figure = Figure(figsize=(12, 2.7))
row = figure.subplots(1, 5)
figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.88, wspace=0.12)
for axes, (name, shown) in zip(row, pictures.items(), strict=True):
    plots.grid(sudoku, shown.reshape(-1), axes, changed=(shown != question).reshape(-1)).set_title(name, fontsize=11)
said = [f"{name}: {(shown != question).sum()} cells differ" for name, shown in pictures.items()]
plots.show(row, "One 9 by 9 Sudoku five times. " + "; ".join(said) + ".")

# %% [markdown]
# To us it is one puzzle. To a network these are five different sequences.
#
# **Boxes that are not square.** A 6x6 Sudoku has boxes of 2 rows and 3 columns. So a band has 2 rows, and there are
# three; a stack has 3 columns, and there are two.
#
# **Predict:** which of these moves break a 6x6?

# %%
# NBVAL_CHECK_OUTPUT
six = trm_edu.get_task("sudoku6")
solved6 = (six.generate(1, seed=3).answers[0] - 1).reshape(6, 6)
moves6 = {
    "rows 0, 1 swapped": solved6[[1, 0, 2, 3, 4, 5]],
    "rows 1, 2 swapped": solved6[[0, 2, 1, 3, 4, 5]],
    "columns 1, 2 swapped": solved6[:, [0, 2, 1, 3, 4, 5]],
    "half a turn": solved6[::-1, ::-1],
    "transposed": solved6.T,
}
for name, moved in moves6.items():
    print(f"{name:21} {broken(moved, 2, 3)} units broken")

# %% [markdown]
# Transposition turns boxes of 2x3 into boxes of 3x2. What is a symmetry depends on the boxes: rows 1 and 2 stand in
# one band of a 9x9, and in two bands of a 6x6.
#
# **One function for all of it.** First it moves cells, then it renames. New names are looked up in a table that has a
# place for every token. The blank keeps its token: it is no digit. (Any move of cells could also be written as one
# order of all L cells: `tokens[cells]`.)


# %%
def transform(tokens, rows, columns, digits, transpose=False):
    """Tokens [side * side] -> the same: transposed or not, moved, digit d renamed to digits[d - 1]."""
    side = len(rows)
    grid = tokens.reshape(side, side)
    grid = grid.T if transpose else grid
    moved = grid[np.array(rows)][:, np.array(columns)]
    renamed = np.array([0, 1, *(digit + 1 for digit in digits)])  # padding, blank, digits
    return renamed[moved].reshape(-1)


# %%
# NBVAL_CHECK_OUTPUT
rng = np.random.default_rng(0)
for task in (sudoku, six):
    for puzzle in task.generate(50, seed=2).questions:
        assert_array_equal(transform(puzzle, *astuple(s := task.random_symmetry(rng))), task.apply(s, puzzle))
    print(f"{task.name}: our transform equals the library's for 50 random symmetries")

# %% [markdown]
# **Question and answer alike.** A training pair must go through the *same* move, or its answer belongs to another
# question.
#
# **Predict:** 100 pairs are transformed with one symmetry for both; then with a second one for the answer. How many
# answers still solve their question? How many of the clues does the answer still keep?

# %%
# NBVAL_CHECK_OUTPUT
pairs = sudoku.generate(100, seed=4)
same, other = ([sudoku.random_symmetry(rng) for _ in range(100)] for _ in range(2))
questions = np.stack([sudoku.apply(s, q) for s, q in zip(same, pairs.questions, strict=True)])
for name, symmetries in (("same", same), ("other", other)):
    answers = np.stack([sudoku.apply(s, a) for s, a in zip(symmetries, pairs.answers, strict=True)])
    kept = (answers == questions)[questions > 1].mean()
    print(f"{name:5} symmetry: {sudoku.is_solved_batch(questions, answers).sum():3} solved, {kept:4.0%} of clues kept")

# %% [markdown]
# About one clue in nine fits, by chance alone. Such an answer is still a perfect grid, so a check of the answer alone
# would find nothing.
#
# `augment` does this in training, with a new symmetry each time. A *fingerprint* is equal for all clothes of one
# puzzle; with it the library keeps test puzzles out of the training set.

# %%
# NBVAL_CHECK_OUTPUT
given, wanted = torch.from_numpy(pairs.questions), torch.from_numpy(pairs.answers)
q, a = sudoku.augment(given, wanted, torch.Generator().manual_seed(0))
assert sudoku.is_solved_batch(q.numpy(), a.numpy()).all()
assert_array_equal(sudoku.fingerprint(q.numpy()), sudoku.fingerprint(pairs.questions))
print(f"{(q != given).float().mean().item():.0%} of the tokens changed, all still solved, the fingerprints are equal")

# %% [markdown]
# **How many are there?** First by brute force: of all 720 orders of the rows of a 6x6, which break none of 20 solved
# grids? Then for a 9x9: which of all 9! row orders keep each band together? Columns have as many. The total is names
# times row orders times column orders times two.

# %%
# NBVAL_CHECK_OUTPUT
grids6 = (six.generate(20, seed=5).answers - 1).reshape(-1, 6, 6)
orders = [list(order) for order in permutations(range(6))]
kept = [order for order in orders if all(broken(grid[order], 2, 3) == 0 for grid in grids6)]
print(f"6x6: {len(kept)} of {len(orders)}; 3! orders of the bands x (2!)^3 inside them = {6 * 2**3}")

# %%
# NBVAL_CHECK_OUTPUT
bands = np.array(list(permutations(range(9)))).reshape(-1, 3, 3) // 3
kept9 = int((bands == bands[:, :, :1]).all((1, 2)).sum())
total = math.factorial(9) * kept9**2 * 2
print(f"9x9: {kept9:,} of {len(bands):,}; 3! x (3!)^3 = {6 * 6**3:,}; all symmetries: {total:,}")
assert kept9 == 6**4 and total == math.factorial(9) * 6**8 * 2 and f"{total:,}" in sudoku.symmetries()

# %% [markdown]
# 9! x 6^8 x 2 = 1,218,998,108,160. The paper trains on 1,000 puzzles with 1,000 transformed copies of each: a small
# part of them.
#
# A maze can be turned, but then of several shortest paths another one may be the label: lesson 12. ARC has turns,
# mirrors and colours: lesson 13.
#
# ## 5. One question, one answer
#
# We train towards *one* stored answer. If a question had two, a network that gives the other one would be punished
# for being right. So solutions must be counted. Take the blank with the fewest possible digits, try each, count on.
#
# The generator makes *minimal* puzzles. **Predict:** what is the count for one of them, and what after taking away any
# one of its clues?


# %%
def fitting(grid, r, c, box_rows, box_columns):
    top, left = r - r % box_rows, c - c % box_columns
    box = grid[top : top + box_rows, left : left + box_columns]
    seen = {*grid[r].tolist(), *grid[:, c].tolist(), *box.flatten().tolist()}
    return [token for token in range(2, len(grid) + 2) if token not in seen]


def count_solutions(grid, box_rows, box_columns, limit=2):
    """Tokens [side, side] -> how many solutions, counted up to `limit`."""
    blanks = np.argwhere(grid == 1).tolist()
    if not blanks:
        return 1
    options = {(r, c): fitting(grid, r, c, box_rows, box_columns) for r, c in blanks}
    cell = min(options, key=lambda at: len(options[at]))
    found = 0
    for token in options[cell]:
        trial = grid.copy()
        trial[cell] = token
        found += count_solutions(trial, box_rows, box_columns, limit - found)
        if found >= limit:
            break
    return found


# %%
# NBVAL_CHECK_OUTPUT
minimal = six.generate(1, seed=6).questions[0]
counts = []
for cell in np.flatnonzero(minimal > 1):
    less = minimal.copy()
    less[cell] = 1
    counts.append(count_solutions(less.reshape(6, 6), 2, 3, limit=100))
    assert counts[-1] == six.solution_count(less, limit=100)
whole = count_solutions(minimal.reshape(6, 6), 2, 3)
print(f"{len(counts)} clues: {whole} solution; without one clue: {counts}")
assert whole == 1 and min(counts) > 1

# %% [markdown]
# One; then always several. Every clue is needed: that is what *minimal* means. (The library's counter agrees.)
#
# ## 6. Cells are not grids
#
# **Cell accuracy** counts cells. **Exact accuracy** counts grids in which every cell that counts is right. By hand:
# three answers of four cells; `-100` does not count.

# %%
# NBVAL_CHECK_OUTPUT
labels = torch.tensor([[2, 3, 4, 5], [2, 3, -100, -100], [5, 4, 3, 2]])
predicted = torch.tensor([[2, 3, 4, 5], [2, 3, 9, 9], [5, 4, 3, 9]])
right = []
for answer, label in zip(predicted.tolist(), labels.tolist(), strict=True):
    right.append(all(p == t for p, t in zip(answer, label, strict=True) if t != -100))
print("exact by grid:", right)

# %% [markdown]
# All of grid 0; both cells that count in grid 1; three of four in grid 2. So exact accuracy is 2 of 3. Vectorised: a
# cell is fine if it is right *or* does not count. The library's function takes one score for each token (logits), and
# the highest wins.

# %%
# NBVAL_CHECK_OUTPUT
counting = labels != -100
exact = ((predicted == labels) | ~counting).all(dim=1)
assert exact.tolist() == right
logits = torch.nn.functional.one_hot(predicted, 11).float()
assert torch.equal(exact, exact_match(logits, labels))
print(f"cell accuracy {(predicted == labels)[counting].float().mean():.1%}, exact accuracy {exact.float().mean():.1%}")

# %% [markdown]
# **Predict:** a network gets 98% of the cells right, each independently of the others. How many of its 9x9 grids
# are right in all 81 cells?

# %%
# NBVAL_CHECK_OUTPUT
for p in (0.9, 0.98, 0.99, 0.999):
    print(f"{p:.1%} of cells -> {p**81:.1%} of grids")
thrown = torch.rand(20_000, 81, generator=torch.Generator().manual_seed(0)) < 0.98  # dice instead of a network
assert abs(thrown.all(dim=1).float().mean().item() - 0.98**81) < 0.02

# %% [markdown]
# With probability p for each of k cells it is p^k: 19.5% at 98%. (Dice agree.) So a loss can fall for long
# while exact accuracy stays near zero. HRM, TRM and this course report exact accuracy.
#
# ## 7. Real errors come in groups
#
# Dice do not play Sudoku. We ask the small network that comes with the course. 100 generated puzzles of four kinds:
# minimal ones, and those with 28, 30 and 32 clues (or a few more, where none can be taken away).
#
# **Predict:** we measure cell accuracy p (of all 81 cells) and exact accuracy after each step. Which is larger: p^81 or
# exact accuracy?

# %%
kinds = {clues: sudoku.generate(25, seed=7, clues=clues) for clues in (None, 28, 30, 32)}
questions = np.concatenate([kind.questions for kind in kinds.values()])
solutions = np.concatenate([kind.answers for kind in kinds.values()])
trace = recursion_trace(shipped_model("sudoku9").model, questions, n_supervision=8)
right_by_step = np.stack([answers == solutions for answers, _, _ in trace])  # [steps, 100, 81]

# %%
cells, grids = right_by_step.mean((1, 2)), right_by_step.all(2).mean(1)
for step, (p, exact) in enumerate(zip(cells, grids, strict=True), start=1):
    print(f"step {step}: {p:.1%} of cells right; p^81 = {p**81:5.1%}; exact {exact:4.0%}")
assert grids[-1] > cells[-1] ** 81 + 0.3

# %% [markdown]
# Far more grids are right than p^81 allows. The errors are not spread evenly: they crowd into few grids. To see it, we
# spread them by hand. For each of the 81 cells we shuffle "right" and "wrong" among the 100 puzzles. No error is added
# or lost, so cell accuracy stays exactly the same.

# %%
rng, last = np.random.default_rng(0), right_by_step[-1]
shuffled = np.stack([rng.permuted(last, axis=0) for _ in range(50)])  # each cell by itself; 50 times
print(f"cells right: {last.mean():.1%} and {shuffled.mean():.1%}")
wrong = 81 - last.sum(1)
print(f"exact: {last.all(1).mean():.0%} as measured, {shuffled.all(2).mean():.1%} with the errors spread out")
assert (wrong == 0).mean() > shuffled.all(2).mean() + 0.3 and np.median(wrong[wrong > 0]) > 5

# %%
left, right_ = axes = Figure(figsize=(10, 3.6), layout="constrained").subplots(1, 2)
p = np.linspace(0.8, 1, 201)
left.plot(p, p**81, color=BLACK, linestyle="--")
left.plot(cells, grids, color=BLUE, marker="D", linestyle="-")
left.annotate("p^81: independent errors", (0.95, 0.95**81), (0.868, 0.12), arrowprops={"arrowstyle": "-"})
left.annotate(f"after step {len(cells)}", (cells[-1], grids[-1]), (-8, 4), textcoords="offset points", ha="right")
left.set(xlabel="cell accuracy p", ylabel="exact accuracy", ylim=(-0.03, 1.03), title="the network, step by step")
style = {"bins": np.arange(-0.5, 41), "histtype": "stepfilled", "linewidth": 1.2}
right_.hist(wrong, **style, facecolor=BLUE, alpha=0.35, edgecolor=BLUE)
weights = np.full(shuffled.shape[:2], 1 / len(shuffled)).reshape(-1)
spread_out = 81 - shuffled.sum(2).reshape(-1)
right_.hist(spread_out, **style, weights=weights, fill=False, edgecolor=BLACK, linestyle="--")
right_.annotate("measured", (0.5, 50), (6, 50), arrowprops={"arrowstyle": "-"})
right_.annotate("same errors, spread out", (4, 12), (11, 25), arrowprops={"arrowstyle": "-"})
right_.set(xlabel="wrong cells in a grid", ylabel="grids of 100", title=f"after step {len(cells)}")
plots.show(
    tidy(*axes),
    f"Left: cell and exact accuracy after each step, from {cells[0]:.0%} and {grids[0]:.0%} to {cells[-1]:.0%} and "
    f"{grids[-1]:.0%}; the dashed curve p^81 lies far below. Right: {(wrong == 0).sum()} of 100 have no wrong cell, "
    f"the others {np.median(wrong[wrong > 0]):.0f} in the middle; with the errors spread "
    f"out, {((spread_out > 0) & (spread_out < 6)).mean():.0%} of the grids have 1 to 5.",
)

# %% [markdown]
# Most grids are all right; the wrong ones are wrong in many cells. Two reasons come to mind. Some puzzles are harder
# than others. And a wrong digit pulls others along: a row with every digit once cannot have just one wrong cell. Is the
# kind of puzzle all there is to it? Look at each kind alone.

# %%
for (clues, kind), part in zip(kinds.items(), np.split(last, 4), strict=True):
    p = part.mean()
    print(f"{clues or 'minimal':>7}: p = {p:.1%}, p^81 = {p**81:5.1%}, exact {part.all(1).mean():4.0%} of {len(kind)}")
assert (~last[:25]).sum() > (~last[25:]).sum() and last[:25].all(1).mean() > last[:25].mean() ** 81 + 0.15

# %% [markdown]
# The minimal kind holds most of the errors. But within that kind they crowd as well: exact accuracy is far above p^81.
# So the kind is not the whole story. These are 25 puzzles a kind and one network: a picture, not a study.
#
# What to take along: p^k is what *independent* errors would give. From a cell accuracy you cannot compute an exact
# accuracy. You must measure it.
#
# Now do the [exercises](../exercises/01_puzzles_as_tokens.ipynb).
#
# ## What we now know
#
# - A puzzle is a sequence of tokens: 0 padding, then the names of what a cell can hold. Labels of -100 do not count.
# - Symmetries give new sequences for the same puzzle. Question and answer move together; the blank keeps its name; the
#   boxes decide which moves are allowed.
# - A question needs exactly one answer, and that can be counted.
# - Exact accuracy is the score. It is lower than cell accuracy, and it does not follow from it.
#
# **Check yourself**
#
# 1. A maze has 49 cells, and 99% of its cells are right, independently. About how many mazes are right?
# 2. You rename digits with `digits[token - 2] + 1`. What happens to a blank?
# 3. How many row orders are symmetries of a 4x4 with boxes of 2x2?
#
# <details><summary>Answers</summary>
#
# 1. `0.99**49`, which is 61%.
# 2. Its place is -1, so Python takes the last digit's new name: the blank becomes a clue.
# 3. 2! orders of the bands, times 2! in each of two: 8.
#
# </details>
#
# **Read on.** [`trm_edu/tasks/sudoku.py`](../trm_edu/tasks/sudoku.py) and
# [`trm_edu/tasks/arc.py`](../trm_edu/tasks/arc.py): the same, with every error named. Next, lesson 02: why not just
# predict the answer?
