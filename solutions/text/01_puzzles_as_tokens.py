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
