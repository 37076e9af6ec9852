# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 15 · Exercises: your own puzzle
#
# They belong to [lesson 15](../notebooks/15_your_own_puzzle.ipynb). Run the cells from top to bottom. Where you find
# `raise NotImplementedError()`, write your own lines instead. The cell below it checks them, as often as you like: it
# says what is wrong and where to look. Help unfolds in three steps; try the first before the third.
#
# The puzzle of these exercises is the **Latin square**: on n x n cells every row and every column holds each of the
# digits 1 to n once. Some cells are given (the *clues*), 0 marks an open cell. Later you bring it to the network.

# %%
from collections.abc import Callable, Sequence

import numpy as np

from trm_edu.checks import your_own_puzzle as check
from trm_edu.intervals import t_quantile
from trm_edu.tasks import GridTask, group_of

# %% [markdown]
# ## Exercise 1: the rules
#
# *Difficulty: 2 of 5 · Importance: 5 of 5 · Time: about 10 minutes*
#
# Does this answer solve this question?
#
# - `question` `[n, n]`: whole numbers, 0 for an open cell, else a clue. `answer` `[n, n]`: whole numbers of any kind,
#   as a network might give them: 0 and n + 1 occur too.
# - The answer solves the question if every clue is kept, and every row and every column holds each of 1 to n once.
# - What comes back is True or False. It must work for any n.
#
# Expected: `[[1, 0], [0, 0]]` is solved by `[[1, 2], [2, 1]]`: True. `[[2, 1], [1, 2]]` is a Latin square too, but
# changes the clue: False.


# %% nbgrader={"grade": false, "grade_id": "is_solved", "locked": false, "schema_version": 3, "solution": true, "task": false}
def is_solved(question: np.ndarray, answer: np.ndarray) -> bool:
    """question [n, n] with 0 for open cells, answer [n, n] -> whether the answer solves the question."""
    # BEGIN SOLUTION
    kept = ((question == 0) | (question == answer)).all()
    digits = np.arange(1, len(answer) + 1)
    rows = (np.sort(answer, axis=1) == digits).all()
    columns = (np.sort(answer, axis=0) == digits[:, None]).all()
    return bool(kept and rows and columns)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_is_solved", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.is_solved(is_solved)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# There are three questions: are the clues kept, are the rows right, are the columns right? A row is right if it is a
# *set* of n numbers, and these are 1 to n.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# kept    = every cell is open in the question, or equal in both
# rows    = every row, sorted, is 1 .. n
# columns = the same of the transposed answer
# return kept and rows and columns
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A sum is not a set: 2 + 2 + 2 is 1 + 2 + 3. And an answer that ignores the question is a beautiful square, but no
# solution.
#
# </details>

# %% [markdown]
# ## Exercise 2: text to tokens and back
#
# *Difficulty: 2 of 5 · Importance: 4 of 5 · Time: about 15 minutes*
#
# Build both directions for any vocabulary.
#
# - `characters`: the characters of a puzzle, each once, for example `"1234."`.
# - What comes back is a pair of functions, `(encode, decode)`.
# - `encode(text)` gives a NumPy array of whole numbers, one for each character: the first of `characters` is token 1,
#   the second token 2, and so on. White space (blanks, ends of lines) is skipped. A character that is not in
#   `characters` raises a `ValueError`.
# - `decode(tokens)` gives the text back, on one line. A token that stands for no character (0 too: it is padding)
#   raises a `ValueError`.
#
# Expected: with `"1234."`, `encode("4.\n.1")` is `[4, 5, 5, 1]`, and `decode` of that is `"4..1"`.


# %% nbgrader={"grade": false, "grade_id": "codec", "locked": false, "schema_version": 3, "solution": true, "task": false}
def codec(characters: str) -> tuple[Callable[[str], np.ndarray], Callable[[np.ndarray], str]]:
    """The characters of tokens 1, 2, ... -> encode (text -> tokens [L]) and decode (tokens [L] -> text)."""
    # BEGIN SOLUTION
    token = {character: i for i, character in enumerate(characters, start=1)}

    def encode(text: str) -> np.ndarray:
        cells = [c for c in text if not c.isspace()]
        for c in cells:
            if c not in token:
                raise ValueError(f"{c!r} is none of {characters!r}")
        return np.array([token[c] for c in cells])

    def decode(tokens: np.ndarray) -> str:
        for t in tokens.tolist():
            if not 1 <= t <= len(characters):
                raise ValueError(f"token {t} is no character; they are 1 to {len(characters)}")
        return "".join(characters[t - 1] for t in tokens.tolist())

    return encode, decode
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_codec", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.codec(codec)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# A function may define functions and return them. They remember `characters`. And what does Python give for
# `characters[-1]`?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# encode: for each character of the text that is no white space
#             refuse it, or look up its place in characters, plus 1
# decode: for each token
#             refuse it if below 1 or above the number of characters
#             else take characters at token minus 1
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Without its own test `decode` turns padding into the *last* character: place -1. And `str.find` says -1 for a foreign
# character, so that it becomes token 0.
#
# </details>

# %% [markdown]
# ## Exercise 3: a test for symmetries
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 15 minutes*
#
# Somebody claims that a move leaves a puzzle's rules as they are. Write the test, for any puzzle.
#
# - `move(grid)` gives the moved grid. `solves(question, answer)` says whether an answer solves a question.
# - `questions` and `answers` are lists of grids; each answer solves its question.
# - What comes back is True if the move keeps *every* pair: the moved answer solves the moved question. Else False.
#
# Expected: for Latin squares a mirror gives True. A move that adds 1 to every cell, n becoming 1 and the open 0
# becoming 1, gives False: it makes a clue out of an open cell.


# %% nbgrader={"grade": false, "grade_id": "keeps_rules", "locked": false, "schema_version": 3, "solution": true, "task": false}
def keeps_rules(
    move: Callable[[np.ndarray], np.ndarray],
    solves: Callable[[np.ndarray, np.ndarray], bool],
    questions: Sequence[np.ndarray],
    answers: Sequence[np.ndarray],
) -> bool:
    """A move of a grid, a rule checker, grids with their answers -> whether the move keeps all of them solved."""
    # BEGIN SOLUTION
    return all(solves(move(question), move(answer)) for question, answer in zip(questions, answers, strict=True))
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_keeps_rules", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.keeps_rules(keeps_rules)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# In training, question and answer go through the same move. What must then still be true of them, together?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# for each question and its answer:
#     if the moved answer does not solve the moved question: return False
# return True
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# People move only one of the two, or try one puzzle. A wrong move can keep one puzzle by luck: a puzzle that looks
# alike on both sides survives a mirror that others do not.
#
# </details>

# %% [markdown]
# ## Exercise 4: count the solutions
#
# *Difficulty: 4 of 5 · Importance: 5 of 5 · Time: about 25 minutes*
#
# A puzzle must have exactly one solution. So count, but stop at a limit: two are as bad as a thousand.
#
# - `question` `[n, n]`, 0 for open cells. `limit`: a whole number from 1 up.
# - What comes back is the number of *different* Latin squares that keep every clue, or `limit` if there are at least as
#   many. Clues that contradict each other allow none: 0.
#
# Expected: an empty 3 x 3 square has 12 solutions; with `limit=2` the result is 2. `[[1, 1], [0, 0]]` has 0.


# %% nbgrader={"grade": false, "grade_id": "solution_count", "locked": false, "schema_version": 3, "solution": true, "task": false}
def solution_count(question: np.ndarray, limit: int) -> int:
    """question [n, n] with 0 for open cells -> how many solutions, counted up to `limit`."""
    # BEGIN SOLUTION
    grid, n = question.copy(), len(question)
    for line in (*grid, *grid.T):
        clues = line[line > 0].tolist()
        if len(set(clues)) < len(clues):
            return 0

    def count(wanted: int) -> int:
        still_open = np.argwhere(grid == 0)
        if not len(still_open):
            return 1
        r, c = still_open[0]
        found = 0
        for digit in range(1, n + 1):
            if digit in grid[r] or digit in grid[:, c]:
                continue
            grid[r, c] = digit
            found += count(wanted - found)
            grid[r, c] = 0
            if found >= wanted:
                break
        return found

    return count(limit)
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_solution_count", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.solution_count(solution_count)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Each solution must be reached in one way only. So decide *which* open cell comes next, once, and try every digit
# there. Then go on with the next cell. What do you do after you came back from a digit?
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# if a row or column repeats a clue: return 0
# count(wanted):
#     if no cell is open: return 1
#     take the first open cell
#     for each digit that its row and column do not hold:
#         write it, add count(wanted - found) to found, erase it
#         if found reached wanted: stop
#     return found
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# A search that tries every open cell at every depth finds each solution once for each order of filling. And `return
# True` at the first solution is a solver, not a counter: it cannot tell a good puzzle from a bad one.
#
# </details>

# %% [markdown]
# ## Exercise 5: no leak
#
# *Difficulty: 3 of 5 · Importance: 5 of 5 · Time: about 20 minutes*
#
# Which test puzzles are new? A training puzzle that was turned is no new puzzle.
#
# - `training` `[N, L]` and `test` `[M, L]`: tokens of questions.
# - `images(tokens)` gives all images `[G, L]` of one puzzle `[L]` under the symmetries, the puzzle itself among them.
#   They form a group: if b is an image of a, then a is one of b.
# - What comes back is a list of numbers: the places in `test` of the puzzles to keep, in rising order. Leave out what
#   is an image of a training puzzle. Of test puzzles that are images of each other keep the first.
#
# Expected: with mirrors of a row as symmetries, training `[[1, 2, 3]]` and test `[[3, 2, 1], [1, 3, 2], [2, 3, 1]]`
# give `[1]`.


# %% nbgrader={"grade": false, "grade_id": "new_puzzles", "locked": false, "schema_version": 3, "solution": true, "task": false}
def new_puzzles(training: np.ndarray, test: np.ndarray, images: Callable[[np.ndarray], np.ndarray]) -> list[int]:
    """training [N, L], test [M, L], images: [L] -> [G, L]; gives the places in test of the puzzles to keep."""

    # BEGIN SOLUTION
    def fingerprint(tokens: np.ndarray) -> tuple[int, ...]:
        return min(map(tuple, images(tokens).tolist()))

    known, kept = {fingerprint(tokens) for tokens in training}, []
    for i, tokens in enumerate(test):
        if fingerprint(tokens) not in known:
            kept.append(i)
            known.add(fingerprint(tokens))
    return kept
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_new_puzzles", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.new_puzzles(new_puzzles)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Two puzzles are images of each other if they have the same *set* of images. You need one value for the whole set: for
# example its smallest element. Tuples can be compared; arrays cannot.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# fingerprint(puzzle) = smallest of its images, as tuples
# known = fingerprints of the training puzzles
# for each test puzzle, with its place:
#     if its fingerprint is not known: keep the place, and know it from now on
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Tokens alone find only exact copies. And a value that is too coarse, such as the sorted tokens, throws away puzzles
# that are new.
#
# </details>

# %% [markdown]
# ## Exercise 6: does the claim hold?
#
# *Difficulty: 4 of 5 · Importance: 5 of 5 · Time: about 20 minutes*
#
# Two methods, the same seeds, the same test puzzles. Is the second better?
#
# - `before` and `after`, each `[S, N]`, bool: whether the network of seed s solved puzzle i. Row s of both belongs to
#   the same seed. `before[s].mean()` is a share.
# - Take one difference of shares for each seed, after minus before. Their mean is the estimate. Its 95% interval
#   reaches `t_quantile(S - 1)` standard errors to both sides; a standard error is the standard deviation of the S
#   differences, with S - 1 in its denominator, divided by the root of S.
# - What comes back is `(low, high, verdict)`. The verdict is `"better"` if the whole interval lies above 0, `"worse"`
#   if it lies below 0, else `"not separated"`.
# - With one seed there is no spread, so no interval: return `None`.
#
# Expected: shares of 0.5, 0.6, 0.7 before and 0.6, 0.8, 0.8 after differ by 0.1, 0.2, 0.1: `(-0.0101, 0.2768, "not
# separated")`.


# %% nbgrader={"grade": false, "grade_id": "claim", "locked": false, "schema_version": 3, "solution": true, "task": false}
def claim(before: np.ndarray, after: np.ndarray) -> tuple[float, float, str] | None:
    """before, after: bool [S, N], same seeds and puzzles -> ends of the interval of after - before, and a verdict."""
    # BEGIN SOLUTION
    differences = after.mean(1) - before.mean(1)
    seeds = len(differences)
    if seeds < 2:
        return None
    half = t_quantile(seeds - 1) * differences.std(ddof=1) / seeds**0.5
    low, high = differences.mean() - half, differences.mean() + half
    return low, high, "better" if low > 0 else "worse" if high < 0 else "not separated"
    # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_claim", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.claim(claim)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# How many independent things do you have: S, or S times N? Reduce each row to one number first. Everything after that
# is about S differences.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# d    = mean of each row of after, minus mean of each row of before   [S]
# if S is 1: return None
# half = t_quantile(S - 1) * deviation of d (ddof 1) / root of S
# low, high = mean of d -/+ half
# verdict from the signs of low and high
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# Pooling S x N puzzles makes the interval far too narrow: the N puzzles of a seed share one network. Forgetting the
# pairs makes it too wide when a good seed is good for both methods.
#
# </details>

# %% [markdown]
# ## Exercise 7: a whole task
#
# *Difficulty: 5 of 5 · Importance: 5 of 5 · Time: about 45 minutes*
#
# Bring the Latin square to the network. `GridTask` has text, batches, augmentation, fingerprints and pictures. The
# name, shape and characters are given: digit d is token d, the open cell is token side + 1. Write the three methods
# that are yours.
#
# - `rules(question, answer)`: both are tokens `[L]` with L = side x side. A list of texts, one for each row and column
#   that lacks a digit (say which); an empty list if none does. Clues and open cells are watched for you, but an answer
#   with open cells must not crash it.
# - `all_symmetries()`: a list of at least eight symmetries, with the identity, none twice. They must form a group:
#   `group_of([...])` makes one of a few. `self.cells()` is the grid of cell numbers `[side, side]`, and
#   `self.symmetry(cells, swap)` makes a symmetry of a moved grid and of exchanged characters, for example
#   `self.symmetry(self.cells()[::-1])` or `self.symmetry(swap={"1": "2", "2": "1"})`.
# - `make(rng)`: a question and its answer, tokens `[L]` each, drawn with `rng` and nothing else. The question has
#   exactly one solution, and at least a third of its cells are open.
#
# The check runs the library's conformance suite, counts solutions with a search of its own, and says in words what is
# missing.
#
# Expected: `LatinSquare(4).generate(3, seed=0).describe()` tells of 3 puzzles, 3 distinct.


# %% nbgrader={"grade": false, "grade_id": "LatinSquare", "locked": false, "schema_version": 3, "solution": true, "task": false}
class LatinSquare(GridTask):
    """Latin squares of `side` x `side` cells, digits 1 to `side`. Tokens [L]: digit d is d, open is side + 1."""

    def __init__(self, side: int) -> None:
        self.side = side
        super().__init__(f"latin{side}", (side, side), "123456789"[:side] + ".", blanks=".")

    def rules(self, question: np.ndarray, answer: np.ndarray) -> list[str]:
        """question, answer: tokens [L] -> a text for each row and column that lacks a digit."""
        # BEGIN SOLUTION
        grid, broken = answer.reshape(self.grid_shape), []
        for kind, lines in (("row", grid), ("column", grid.T)):
            for number, line in enumerate(lines, start=1):
                missing = set(range(1, self.side + 1)) - set(line.tolist())
                broken += [f"{kind} {number} lacks {digit}" for digit in sorted(missing)]
        return broken
        # END SOLUTION

    def all_symmetries(self) -> list:
        """A group of at least eight symmetries."""
        # BEGIN SOLUTION
        cells = self.cells()
        return group_of([self.symmetry(cells[::-1]), self.symmetry(cells.T), self.symmetry(swap={"1": "2", "2": "1"})])
        # END SOLUTION

    def make(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """-> question [L] and answer [L]."""
        # BEGIN SOLUTION
        n, blank = self.side, self.side + 1
        answer = (np.arange(n)[:, None] + np.arange(n))[rng.permutation(n)][:, rng.permutation(n)] % n
        answer = (rng.permutation(n)[answer] + 1).reshape(-1)
        question = answer.copy()
        for cell in rng.permutation(n * n).tolist():
            thinner = question.copy()
            thinner[cell] = blank
            if self.count(thinner) == 1:
                question = thinner
        return question, answer

    def count(self, question: np.ndarray) -> int:
        """How many solutions, counted up to 2."""
        grid, n = question.reshape(self.grid_shape), self.side
        still_open = np.argwhere(grid > n)
        if not len(still_open):
            return 1
        (r, c), found = still_open[0], 0
        for digit in set(range(1, n + 1)) - set(grid[r].tolist()) - set(grid[:, c].tolist()):
            fuller = grid.copy()
            fuller[r, c] = digit
            found += self.count(fuller.reshape(-1)) if found < 2 else 0
        return min(found, 2)
        # END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_LatinSquare", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.LatinSquare(LatinSquare)

# %% [markdown]
# <details><summary>Help 1: a nudge</summary>
#
# Begin with `rules`. For `make` you need three things: any full square (shift a row, then shuffle rows, columns and
# digits), a count of solutions (exercise 4), and a loop that takes clues away as long as one solution is left. You may
# add methods of your own.
#
# </details>
# <details><summary>Help 2: pseudocode</summary>
#
# ```text
# rules:          for each row and column: for each digit it lacks: a text
# all_symmetries: group_of a mirror, a transposition, an exchange of two digits
# make:           answer   = shifted rows, all shuffled with rng
#                 question = answer
#                 for each cell in random order:
#                     without = question with this cell open
#                     if without has one solution: question = without
#                 return question, answer
# ```
#
# </details>
# <details><summary>Help 3: a solution, and what goes wrong</summary>
#
# <!-- solution -->
#
# The conformance suite does not ask for uniqueness, and a file that passes it can still be a poor puzzle: that is why
# the check counts for itself. `np.random` instead of `rng` is found at once: the same seed then gives other puzzles.
#
# </details>

# %% [markdown]
# Your task, and a puzzle of it:

# %% tags=["needs-answer"]
from trm_edu import plots

task = LatinSquare(5)
puzzle = task.generate(1, seed=4)
axes = plots.grid(task, puzzle.questions[0])
plots.show(axes, f"A 5 by 5 Latin square with {(puzzle.questions[0] < 6).sum()} clues.")
