# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · Exercises: puzzles as tokens
#
# They belong to [lesson 01](../notebooks/01_puzzles_as_tokens.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.

# %%
import numpy as np
import torch

from trm_edu.checks import puzzles_as_tokens as check

# %% [markdown]
# ## Exercise 1: text to tokens
#
# *Difficulty: 1 of 5 · Importance: 4 of 5 · Time: about 5 minutes*
#
# Turn a line of Sudoku text into tokens.
#
# - A blank (`.` or `0`) becomes 1, digit d becomes d + 1. Token 0 is padding: no cell has it.
# - What comes back is a NumPy array with one whole number for each character.
#
# Expected: `encode_sudoku("5.01")` is `[6, 1, 1, 2]`.


# %% nbgrader={"grade": false, "grade_id": "encode_sudoku", "locked": false, "schema_version": 3, "solution": true, "task": false}
def encode_sudoku(text: str) -> np.ndarray:
    """Text of L characters -> tokens [L]."""
    # BEGIN SOLUTION
    return np.array([1 if character in ".0" else int(character) + 1 for character in text])
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_encode_sudoku", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.encode_sudoku(encode_sudoku)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# How many tokens can a cell of a 9x9 Sudoku have? Nine digits and the blank. Which numbers does that leave them?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# for each character of the text:
#     a dot or a zero gives 1
#     any other gives its digit plus 1
# make an array of the numbers
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Often the blank gets 0. Then a blank cell looks like padding, and the loss, which skips padding, may skip it.
#
# </details>

# %% [markdown]
# ## Exercise 2: tokens to text
#
# *Difficulty: 1 of 5 · Importance: 3 of 5 · Time: about 5 minutes*
#
# The way back: from tokens to one line of text.
#
# - Token 1 becomes `.`, token d + 1 becomes digit d. One text comes back, a character for each token.
# - Token 0 is padding. It is no cell: raise `ValueError` if one is there.
#
# Expected: `decode_sudoku(np.array([6, 1, 10]))` is `"5.9"`; `decode_sudoku(np.array([6, 0]))` raises `ValueError`.


# %% nbgrader={"grade": false, "grade_id": "decode_sudoku", "locked": false, "schema_version": 3, "solution": true, "task": false}
def decode_sudoku(tokens: np.ndarray) -> str:
    """Tokens [L] -> text of L characters. Raises ValueError for padding (token 0)."""
    # BEGIN SOLUTION
    if (tokens == 0).any():
        raise ValueError("token 0 is padding, no cell")
    return "".join(".123456789"[token - 1] for token in tokens)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_decode_sudoku", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.decode_sudoku(decode_sudoku)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Write the ten characters that a cell can have one after the other. At which place stands the one of token 1?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# if any token is 0: raise ValueError
# for each token:
#     token 1 gives a dot
#     any other gives the digit token - 1
# join the characters to one text
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Without the first two lines, token 0 becomes `9`: place -1 of a text is its last character. Nothing fails, and the
# mistake is found much later, or never.
#
# </details>

# %% [markdown]
# ## Exercise 3: bands and rows
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 10 minutes*
#
# Shuffle the rows of a 9x9 Sudoku so that it stays a Sudoku.
#
# - `grid` has shape [9, 9]. Band 0 is rows 0 to 2, band 1 rows 3 to 5, band 2 rows 6 to 8.
# - Band b of the result comes from band `bands[b]` of `grid`.
# - In band b of the result, the row at place i is the row at place `rows[b][i]` of the band it comes from.
# - A new grid comes back; the given one stays as it is.
#
# Expected: with `bands = (1, 0, 2)` and `rows = ((0, 1, 2), (2, 1, 0), (0, 1, 2))` the result shows the old rows
# 3, 4, 5, 2, 1, 0, 6, 7, 8.


# %% nbgrader={"grade": false, "grade_id": "shuffle_bands", "locked": false, "schema_version": 3, "solution": true, "task": false}
def shuffle_bands(grid: np.ndarray, bands: tuple[int, ...], rows: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """Grid [9, 9], three bands, three rows for each band -> grid [9, 9]."""
    # BEGIN SOLUTION
    order = [3 * bands[b] + rows[b][i] for b in range(3) for i in range(3)]
    return grid[order]
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_shuffle_bands", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.shuffle_bands(shuffle_bands)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Forget the grid for a moment. Which nine row numbers, in which order, should the example give?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# order = empty list
# for each band b of the result:
#     for each place i in it:
#         append the number of the old row: three for each band before bands[b], plus rows[b][i]
# the result takes the rows of the grid in this order
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Mixing up the two parts (`3 * rows[b][i] + bands[b]`) moves rows across bands: rows and columns still look right, the
# boxes do not. And `result[order] = grid` goes the other way: it says where a row goes, not where it comes from.
#
# </details>

# %% [markdown]
# ## Exercise 4: is it a symmetry?
#
# *Difficulty: 3 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# A 6x6 Sudoku has boxes of **2 rows and 3 columns**. Decide whether a move turns *every* solved 6x6 into a solved 6x6.
#
# - The grid is transposed first if `transpose` is true. Then row r of the result is row `rows[r]`, and column c is
#   column `columns[c]`.
# - `rows` and `columns` each hold six numbers from 0 to 5. A number may stand there twice; then a row or column is lost,
#   and the move is no symmetry.
# - `True` or `False` comes back.
#
# Expected: `True` for `rows = (2, 3, 0, 1, 5, 4)` with columns in order; `False` for `rows = (0, 2, 1, 3, 4, 5)`, because
# rows 1 and 2 stand in different bands.


# %% nbgrader={"grade": false, "grade_id": "is_symmetry", "locked": false, "schema_version": 3, "solution": true, "task": false}
def is_symmetry(rows: tuple[int, ...], columns: tuple[int, ...], transpose: bool) -> bool:
    """Row order [6], column order [6], transposed or not -> does every solved 6x6 stay solved?"""

    # BEGIN SOLUTION
    def keeps(order: tuple[int, ...], size: int) -> bool:
        groups = [{old // size for old in order[i : i + size]} for i in range(0, 6, size)]
        return sorted(order) == [0, 1, 2, 3, 4, 5] and all(len(group) == 1 for group in groups)

    return not transpose and keeps(rows, 2) and keeps(columns, 3)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_is_symmetry", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.is_symmetry(is_symmetry)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Two rows of one box: where may they go, so that they are still two rows of one box? And three columns?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# if transposed: no (a box of 2 rows and 3 columns becomes one of 3 rows and 2 columns)
# an order of rows is fine if
#     each number from 0 to 5 stands there once, and
#     each two neighbours (places 0 1, 2 3, 4 5) come from one band: their numbers // 2 are equal
# an order of columns is fine likewise, with three neighbours and // 3
# the move is fine if both orders are
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# People often keep three rows together, as in a 9x9, or ask that bands stay in their place. Both bands and stacks may
# move as a whole.
#
# </details>

# %% [markdown]
# ## Exercise 5: question and answer alike
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# Put a question and its answer through one symmetry.
#
# - `question` and `answer` are tokens [L]; the puzzle can be of any size.
# - `cells` [L]: cell i of the result shows what stood in cell `cells[i]`.
# - `digits` [side]: digit d becomes `digits[d - 1]`. Digits, not tokens!
# - Blanks (token 1) stay blanks. The given arrays stay as they are.
# - A pair comes back: the new question and the new answer.
#
# Expected: with `question = np.array([2, 1, 4, 1])`, `answer = np.array([2, 3, 4, 3])`, `cells = np.array([3, 2, 1, 0])`
# and `digits = np.array([2, 3, 1])` it is `[1, 2, 1, 3]` and `[4, 2, 4, 3]`. (A toy, no real Sudoku: it is read backwards,
# and digit 1 becomes 2, 2 becomes 3, 3 becomes 1.)


# %% nbgrader={"grade": false, "grade_id": "transform_pair", "locked": false, "schema_version": 3, "solution": true, "task": false}
def transform_pair(
    question: np.ndarray, answer: np.ndarray, cells: np.ndarray, digits: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens [L] and [L], cell order [L], new digits [side] -> tokens [L] and [L]."""
    # BEGIN SOLUTION
    name = np.array([0, 1, *(digits + 1)])  # the new token of each old one: padding, blank, digits
    return name[question[cells]], name[answer[cells]]
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_transform_pair", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.transform_pair(transform_pair)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Moving is one step, renaming another. Try each on the question alone. Then do the very same with the answer.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# make a table with the new token of each old token:
#     at place 0: 0; at place 1: 1 (the blank)
#     at place d + 1: the token of digit digits[d - 1]
# do for question and answer alike:
#     take the tokens at the places that `cells` lists
#     look each of them up in the table
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# `digits[token - 2] + 1` looks right and gives blanks a digit: for token 1 the place is -1, the last. Renaming in a loop,
# digit after digit, renames some cells twice.
#
# </details>

# %% [markdown]
# ## Exercise 6: exact accuracy
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# The score of the papers: the share of grids that are right in *every* cell that counts.
#
# - `predicted` and `labels` are tensors of tokens, both [B, L]: B grids of L cells.
# - A cell with label -100 does not count, whatever is predicted there.
# - One number from 0 to 1 comes back (a Python number or a tensor without axes).
#
# Expected: labels `[[2, 3], [4, -100]]` and predicted `[[2, 5], [4, 9]]` give 0.5: the first grid has a wrong cell, in
# the second the only cell that counts is right.


# %% nbgrader={"grade": false, "grade_id": "exact_accuracy", "locked": false, "schema_version": 3, "solution": true, "task": false}
def exact_accuracy(predicted: torch.Tensor, labels: torch.Tensor) -> float:
    """Tokens [B, L] and labels [B, L] -> share of grids."""
    # BEGIN SOLUTION
    fine = (predicted == labels) | (labels == -100)  # [B, L]
    return fine.all(dim=1).float().mean().item()
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_exact_accuracy", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.exact_accuracy(exact_accuracy)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Say of each cell whether it is fine. When is a cell without a label fine?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# a cell is fine if it is right, or if its label is -100
# a grid is right if all its cells are fine
# the result is the number of right grids divided by the number of grids
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# If ignored cells count as wrong, no grid with padding is ever right. If the mean is taken over cells, the score looks far
# better than it is: at 98% of cells a fifth of the grids can be right.
#
# </details>

# %% [markdown]
# ## Exercise 7: an ARC grid
#
# *Difficulty: 3 of 5 · Importance: 3 of 5 · Time: about 15 minutes*
#
# Put a grid of colours on a square of tokens.
#
# - `grid` is an array [rows, columns] of colours 0 to 9, at most `side` rows and columns. Colour c becomes token c + 2.
# - It stands at the top left of a square of `side` x `side` tokens. Everything else is padding, 0, but for the end markers.
# - End markers (token 1): a row of them just below the grid, as wide as the grid, and a column just to its right, as high
#   as the grid. Where the square has no room for one of these, it is left out. The corner between them stays 0.
# - The square comes back as a sequence [side * side], row after row.
#
# Expected: `encode_arc(np.array([[0, 3]]), side=3)` is `[2, 5, 1, 1, 1, 0, 0, 0, 0]`.


# %% nbgrader={"grade": false, "grade_id": "encode_arc", "locked": false, "schema_version": 3, "solution": true, "task": false}
def encode_arc(grid: np.ndarray, side: int) -> np.ndarray:
    """Colours [rows, columns] -> tokens [side * side]."""
    # BEGIN SOLUTION
    rows, columns = grid.shape
    square = np.zeros((side, side), dtype=int)
    square[:rows, :columns] = grid + 2
    if rows < side:
        square[rows, :columns] = 1
    if columns < side:
        square[:rows, columns] = 1
    return square.reshape(-1)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_encode_arc", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.encode_arc(encode_arc)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Draw the expected example as a square of 3 rows and 3 columns. Where are the markers, and where is the corner?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# start with a square of zeros
# write the colours plus 2 at its top left
# if there is a row below the grid: write 1 there, under each column of the grid
# if there is a column to its right: write 1 there, beside each row of the grid
# flatten the square, row after row
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Colour 0 is often taken for padding. It is black, and part of the picture. Without a marker, nobody could tell a
# black row from the end.
#
# </details>
