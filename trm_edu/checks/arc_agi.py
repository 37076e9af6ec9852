"""Checks of lesson 13: from a prediction to a score, and what must not be trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trm_edu.checks.teacher import Mistake, judge, passed, run
from trm_edu.tasks.arc import crop

__all__ = [
    "augment_task",
    "find_leak",
    "pass_at_2",
    "read_answer",
    "sparse_sign_sgd",
    "undo_augmentation",
    "vote",
]

# --- read_answer ------------------------------------------------------------------------------------------------------

FLAWED = np.array(
    [
        [3, 2, 5, 1, 0],
        [4, 2, 1, 1, 0],
        [2, 7, 8, 1, 0],
        [6, 1, 1, 0, 0],
        [0, 0, 9, 0, 0],
    ]
)
TIE = np.array(
    [
        [3, 4, 5, 6, 1, 0],
        [7, 8, 1, 1, 0, 0],
        [9, 1, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 11],
    ]
)
FULL = np.array([[2, 11, 4], [5, 2, 7], [8, 9, 2]])
CLEAN = np.array([[2, 4, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


def read_answer(answer: Callable[..., Any]) -> None:
    """The largest rectangle of colour tokens at the top left, as colours."""
    for square in (FLAWED, TIE, FULL, CLEAN):
        side = len(square)
        expected = crop(square.reshape(-1), side).astype(int)
        rows, columns = expected.shape
        starts = leading(square >= 2)
        narrowest = np.minimum.accumulate(starts)
        filled = int((narrowest > 0).sum())
        padding = [first(line == 0) for line in (square[:, 0], square[0])]
        kept = (
            "A token that is no colour is inside your grid.",
            "A rectangle is as wide as the narrowest of its rows. Go down row by row and keep the smallest width.",
        )
        turned = (
            "Rows and columns are exchanged.",
            "Tokens run row after row: in the square [side, side] the first index is the row. What is a width then?",
        )
        judge(
            as_grid(run(answer, square.reshape(-1), side)),
            expected,
            given=f"the square {square.tolist()}, side {side}",
            mistakes=[
                Mistake("rows-and-columns", expected.T, *turned),
                Mistake("rows-and-columns", square[:columns, :rows] - 2, *turned),
                Mistake(
                    "cut-at-the-first-padding",
                    square[: padding[0], : padding[1]] - 2,
                    "You cut the grid where the first padding stands.",
                    "Before the padding comes the end marker, and a flaw can stand earlier. Only colours count.",
                ),
                Mistake(
                    "end-markers-left-in",
                    best_of(square, square >= 1),
                    "End markers were taken for colours.",
                    "Token 1 is the end marker. Colours begin at token 2.",
                ),
                Mistake(
                    "black-taken-for-padding",
                    best_of(square, square >= 3),
                    "Black cells were taken for padding.",
                    "Colour 0 is token 2: black is a colour like the others. Padding is token 0.",
                ),
                Mistake(
                    "not-shifted",
                    expected + 2,
                    "Your grid holds tokens, not colours.",
                    "Colour c is token c + 2. Which step leads back?",
                ),
                Mistake("flaw-kept", square[: first(square[:, 0] < 2), : starts[0]] - 2, *kept),
                Mistake("flaw-kept", square[: best_row(starts), : starts[best_row(starts) - 1]] - 2, *kept),
                Mistake(
                    "not-the-largest",
                    square[:filled, : narrowest[filled - 1]] - 2,
                    "You took as many rows as possible; a larger rectangle has fewer rows.",
                    "For every number of rows there is a width. Compare the areas, not the heights.",
                ),
                Mistake(
                    "tie-to-more-rows",
                    square[: last_best(narrowest), : narrowest[last_best(narrowest) - 1]] - 2,
                    "Two rectangles are equally large, and you took the one with more rows.",
                    "Equal areas: the fewest rows win. Does your comparison let an equal area take over?",
                ),
            ],
            where="Write the width beside each row, then the narrowest so far, then rows x width.",
        )
    passed("read_answer", "4 predictions: flawed, with a tie, without end markers, with an end marker beside it")


def leading(mask: np.ndarray) -> np.ndarray:
    """How many cells at the start of each row are True."""
    return mask.cumprod(1).sum(1)


def first(mask: np.ndarray) -> int:
    """The place of the first True, or the length."""
    return int(mask.argmax()) if mask.any() else len(mask)


def best_row(widths: np.ndarray) -> int:
    """How many rows make the largest area."""
    return int((widths * np.arange(1, len(widths) + 1)).argmax()) + 1


def last_best(widths: np.ndarray) -> int:
    """The same; of equal areas the one with the most rows."""
    areas = widths * np.arange(1, len(widths) + 1)
    return int(np.flatnonzero(areas == areas.max())[-1]) + 1


def best_of(square: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The largest rectangle at the top left in which the mask holds, as colours."""
    widths = np.minimum.accumulate(leading(mask))
    rows = best_row(widths)
    return square[:rows, : widths[rows - 1]] - 2


def as_grid(value: Any) -> Any:
    """A grid as an array of integers, whether it came as an array, a tensor or a list of rows."""
    if isinstance(value, Tensor):
        return value.detach().numpy()
    rows = isinstance(value, list | tuple) and all(isinstance(row, list | tuple | np.ndarray) for row in value)
    if rows and len({len(row) for row in value}) == 1:
        return np.array([[int(cell) for cell in row] for row in value])
    return value


def possible(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Without the mistakes that cannot be made in the case at hand (value None)."""
    return [mistake for mistake in mistakes if mistake.value is not None]


# --- augmentation -----------------------------------------------------------------------------------------------------

SHIFT = (2, 3, 4, 5, 6, 7, 8, 9, 1)
MIXED = (4, 1, 2, 3, 8, 5, 6, 7, 9)
SAME = tuple(range(1, 10))
PAIRS = [
    (np.array([[1, 0, 2], [3, 4, 0]]), np.array([[5, 0], [1, 1], [0, 7]])),
    (np.array([[0, 6], [7, 8], [1, 0]]), np.array([[8, 0, 0, 3]])),
]
MORE = [(np.array([[9, 9, 1], [0, 2, 9]]), np.array([[9], [0]])), *PAIRS]
HOW = [(PAIRS, False, 1, MIXED), (PAIRS, True, 0, SHIFT), (PAIRS, True, 1, MIXED), (MORE, True, 3, SHIFT)]


def moved(grid: np.ndarray, mirror: bool, turns: int) -> np.ndarray:
    return np.rot90(np.fliplr(grid) if mirror else grid, turns)


def recoloured(grid: np.ndarray, colours: Iterable[int]) -> np.ndarray:
    return np.array([0, *colours])[grid]


def one_after_another(grid: np.ndarray, steps: Iterable[tuple[int, int]]) -> np.ndarray:
    """What becomes of a grid if colours are replaced in turn, in the same grid."""
    grid = grid.copy()
    for old, new in steps:
        grid[grid == old] = new
    return grid


def inverse(colours: tuple[int, ...]) -> list[int]:
    return [colours.index(colour) + 1 for colour in range(1, 10)]


def augment_task(answer: Callable[..., Any]) -> None:
    """All grids of a task mirrored, turned and recoloured in the same way; black stays."""
    for pairs, mirror, turns, colours in HOW:

        def of(change: Callable[[np.ndarray], np.ndarray], pairs: Any = pairs) -> list[Any]:
            return [tuple(change(grid) for grid in pair) for pair in pairs]

        def right(grid: np.ndarray, mirror: bool = mirror, turns: int = turns, colours: Any = colours) -> np.ndarray:
            return recoloured(moved(grid, mirror, turns), colours)

        table, steps = np.array(colours), list(enumerate(colours, start=1))
        nine = [np.array([*colours, 0])[moved(grid, mirror, turns)] for pair in pairs for grid in pair]
        inputs_only = (
            "The inputs are changed, the outputs are not, or not in every way.",
            "The rule must still hold: input and output of a pair get the same turn and the same colours.",
        )
        judge(
            as_pairs(run(answer, pairs, mirror, turns, list(colours))),
            of(right),
            given=f"{len(pairs)} pairs, mirror {mirror}, turns {turns}, colours {list(colours)}; "
            f"first input {pairs[0][0].tolist()}",
            mistakes=possible(
                [
                    Mistake("inputs-only", [(right(q), a) for q, a in pairs], *inputs_only),
                    Mistake("inputs-only", [(right(q), recoloured(a, colours)) for q, a in pairs], *inputs_only),
                    Mistake("inputs-only", [(right(q), moved(a, mirror, turns)) for q, a in pairs], *inputs_only),
                    Mistake(
                        "first-pair-only",
                        [*of(right)[:1], *pairs[1:]],
                        "Only the first pair is changed.",
                        "Every demonstration belongs to the same task. Go through all pairs.",
                    ),
                    Mistake(
                        "black-recoloured",
                        of(lambda grid: table[moved(grid, mirror, turns) - 1]),  # noqa: B023
                        "Black became another colour.",
                        "Colour 0 stays 0. An index of 0 - 1 takes the last entry of the list, without a word.",
                    ),
                    Mistake(
                        "colours-off-by-one",
                        list(zip(nine[::2], nine[1::2], strict=True)),
                        "The colours are one place off.",
                        "`colours[0]` belongs to colour 1, not to colour 0. What could be put before the list?",
                    ),
                    Mistake(
                        "colours-backwards",
                        of(lambda grid: recoloured(moved(grid, mirror, turns), inverse(colours))),  # noqa: B023
                        "The colours went the opposite way.",
                        "`colours[c - 1]` is what c becomes, not where c comes from.",
                    ),
                    Mistake(
                        "recoloured-twice",
                        of(lambda grid: one_after_another(moved(grid, mirror, turns), steps)),  # noqa: B023
                        "A cell that had its new colour was recoloured once more.",
                        "If 1 becomes 2 and then 2 becomes 3, who can tell the new 2 from the old one? Do all at once.",
                    ),
                    Mistake(
                        "mirror-after-the-turn" if mirror and turns else "turned-right",
                        of(lambda grid: recoloured(np.rot90(grid, -turns), colours))  # noqa: B023
                        if not mirror
                        else of(lambda grid: recoloured(np.fliplr(np.rot90(grid, turns)), colours)),  # noqa: B023
                        *(
                            (
                                "You turned first and mirrored then.",
                                "Mirror first, then turn: the two orders give different grids. Try an L on paper.",
                            )
                            if mirror and turns
                            else (
                                "Your grid was turned to the right.",
                                "A quarter turn to the left brings the right edge to the top.",
                            )
                        ),
                    ),
                    Mistake(
                        "mirrored-top-bottom",
                        of(lambda grid: recoloured(np.rot90(np.flipud(grid), turns), colours))  # noqa: B023
                        if mirror
                        else None,
                        "You mirrored top and bottom.",
                        "Left-right: each row is read backwards, the rows stay where they are.",
                    ),
                    Mistake(
                        "not-mirrored",
                        of(lambda grid: recoloured(np.rot90(grid, turns), colours)),  # noqa: B023
                        "`mirror` is True, and your grid is not mirrored.",
                        "There are three changes: a mirror, turns, colours. Which of them is missing?",
                    ),
                ]
            ),
            where="Take one small grid and one change at a time: the mirror, then one turn, then the colours.",
        )
    passed("augment_task", "2 and 3 pairs, mirrored or not, with 0, 1 and 3 turns; black stayed black")


def as_pairs(value: Any) -> Any:
    """Pairs of grids as arrays."""
    if isinstance(value, list | tuple):
        return [tuple(map(as_grid, pair)) if isinstance(pair, list | tuple) else pair for pair in value]
    return value


def undo_augmentation(answer: Callable[..., Any]) -> None:
    """The grid from which mirror, turns and colours made the given one."""
    first, second = np.array([[1, 0, 2], [3, 4, 8]]), np.array([[9, 1, 2, 0], [3, 3, 5, 6], [0, 7, 8, 4]])
    cases = [(first, False, 1, MIXED), (first, True, 0, SHIFT), (first, True, 1, MIXED), (second, True, 3, SHIFT)]
    for grid, mirror, turns, colours in cases:
        shown = recoloured(moved(grid, mirror, turns), colours)
        back = inverse(colours)
        placed = moved_back(shown, mirror, turns)
        again = (
            "Your answer was turned further instead of back.",
            "What was turned to the left must be turned to the right, as often.",
        )
        judge(
            as_grid(run(answer, shown, mirror, turns, list(colours))),
            grid,
            given=f"{shown.tolist()}, mirror {mirror}, turns {turns}, colours {list(colours)}",
            mistakes=possible(
                [
                    Mistake(
                        "augmented-again",
                        recoloured(moved(shown, mirror, turns), colours),
                        "You augmented the grid once more.",
                        "Each change has to be undone. Which of the three undoes itself?",
                    ),
                    Mistake(
                        "permutation-not-inverted",
                        recoloured(placed, colours),
                        "The colours were exchanged once more instead of back.",
                        "You know what each colour became. Now ask the other way: which colour became this one?",
                    ),
                    Mistake(
                        "counted-from-zero",
                        np.array([0, *(colour - 1 for colour in back)])[placed],
                        "Your colours are one too small.",
                        "A place in the list counts from 0. Which colour belongs to place 0?",
                    ),
                    Mistake(
                        "colours-forgotten",
                        placed,
                        "Your grid still has the exchanged colours.",
                        "Place is right. What about the third change?",
                    ),
                    Mistake(
                        "black-lost",
                        np.array(back)[placed - 1],
                        "Black did not stay black.",
                        "Colour 0 was never exchanged, so it must not be exchanged back.",
                    ),
                    Mistake(
                        "recoloured-twice",
                        one_after_another(placed, [(new, old) for old, new in enumerate(colours, start=1)]),
                        "A cell that had its old colour back was recoloured again.",
                        "Replacing colour after colour in one grid mixes old and new. Use a table for all at once.",
                    ),
                    *(
                        [
                            Mistake(
                                "wrong-order",
                                recoloured(np.rot90(np.fliplr(shown), -turns), back),
                                "Mirror and turn were undone in the wrong order.",
                                "Shoes and socks: what was put on last comes off first.",
                            )
                        ]
                        if mirror and turns
                        else [
                            Mistake("turned-again", recoloured(np.rot90(shown, turns), back) if turns else None, *again)
                        ]
                    ),
                    Mistake(
                        "not-turned-back",
                        recoloured(np.fliplr(shown) if mirror else shown, back) if turns else None,
                        "Your grid is not turned back.",
                        "`turns` says how many quarter turns it has made. Undo each.",
                    ),
                    Mistake(
                        "mirror-forgotten",
                        recoloured(np.rot90(shown, -turns), back),
                        "Your grid is still mirrored.",
                        "`mirror` is True: the rows were read backwards. What reads them forwards again?",
                    ),
                ]
            ),
            where="Augment a grid of 2 x 3 cells that you know, then take one change back at a time.",
        )
    passed("undo_augmentation", "grids of 2 x 3 and 3 x 4 cells; mirrored or not, with 0, 1 and 3 turns")


def moved_back(grid: np.ndarray, mirror: bool, turns: int) -> np.ndarray:
    grid = np.rot90(grid, -turns)
    return np.fliplr(grid) if mirror else grid


# --- votes ------------------------------------------------------------------------------------------------------------

A, B, C = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[7, 0], [0, 7]]), np.array([[2, 0, 2]])
E, D = np.array([[1, 2], [3, 4], [5, 6]]), np.array([[8, 1]])  # E holds the cells of A in another shape
# answer, how often it was turned, probability
BALLOTS = [
    [
        *[(C, 0, 0.5), (A, 1, 0.3), (B, 0, 0.9), (A, 0, 0.4), (E, 0, 0.75)],
        *[(D, 1, 0.99), (B, 1, 0.8), (A, 2, 0.2), (E, 1, 0.65), (C, 2, 0.6)],
    ],
    [(np.array([[3]]), 3, 0.25)],
    [(B, 0, 0.2), (B, 2, 0.4), (A, 3, 0.1), (A, 1, 0.3), (C, 1, 0.35), (C, 0, 0.15), (D, 2, 0.9)],
]


def turn_back(grid: np.ndarray, augmentation: int) -> np.ndarray:
    return np.rot90(grid, -augmentation)


def vote(answer: Callable[..., Any]) -> None:
    """Answers with votes and mean probability: most votes first, then the higher mean."""
    for ballots in BALLOTS:
        shown = [np.rot90(grid, turns) for grid, turns, _ in ballots]
        turns, chances = [t for _, t, _ in ballots], [p for *_, p in ballots]
        found = counted(zip((grid for grid, *_ in ballots), chances, strict=True))
        raw = counted(zip(shown, chances, strict=True))
        flat = counted(zip((grid for grid, *_ in ballots), chances, strict=True), shapes=False)
        unsorted = list(found)
        expected = ranked(found)
        raw_undone = [(turn_back(grid, turns[place_of(shown, grid)]), n, p) for grid, n, p in ranked(raw)]
        early = (
            "Answers were counted before their augmentation was undone.",
            "Two answers that are equal once turned back look different before. Undo first, count then.",
        )
        judge(
            as_rows(run(answer, shown, turns, chances, turn_back)),
            expected,
            given=f"{len(shown)} predictions, augmentations {turns}, probabilities {chances}",
            mistakes=[
                Mistake("counted-before-undone", ranked(raw), *early),
                Mistake("counted-before-undone", raw_undone, *early),
                Mistake(
                    "shape-forgotten",
                    ranked(flat),
                    "Two answers of different size were counted as one.",
                    "2 rows of 3 cells and 3 rows of 2 cells can hold the same numbers in a row. Compare sizes too.",
                ),
                Mistake(
                    "by-probability-alone",
                    sorted(unsorted, key=lambda row: -row[2]),
                    "The ranking looks at the probability alone.",
                    "Votes come first. The surest answer may stand alone.",
                ),
                Mistake(
                    "ties-by-first-seen",
                    sorted(unsorted, key=lambda row: -row[1]),
                    "Answers with equally many votes stand in the order in which they came.",
                    "Equal votes: the higher mean probability goes first.",
                ),
                Mistake(
                    "ties-the-wrong-way",
                    sorted(unsorted, key=lambda row: (-row[1], row[2])),
                    "Of equally many votes, the lower probability stands first.",
                    "Both numbers should fall: many votes before few, sure before unsure.",
                ),
                Mistake(
                    "worst-first",
                    expected[::-1],
                    "The best answer stands last.",
                    "`sorted` goes from small to large unless it is told otherwise.",
                ),
                Mistake(
                    "votes-weighted",
                    sorted(unsorted, key=lambda row: -row[1] * row[2]),
                    "The votes were weighted by their probabilities.",
                    "Each prediction has one vote. Probabilities only settle ties.",
                ),
                Mistake(
                    "not-ranked",
                    unsorted,
                    "The answers are counted, but not ranked.",
                    "Sort them: first by votes, then by mean probability, the largest first.",
                ),
                Mistake(
                    "sum-for-mean",
                    [(grid, n, n * p) for grid, n, p in expected],
                    "The last number is a sum, not a mean.",
                    "Divide by the number of votes.",
                ),
                Mistake(
                    "best-for-mean",
                    ranked_by_best(ballots),
                    "The last number is the highest probability, not the mean.",
                    "All predictions that gave this answer have a say in its mean.",
                ),
            ],
            where="Undo each prediction on paper, put equal grids on one pile, count each pile.",
        )
    passed("vote", "3 sets of predictions: ties, equal cells in another shape, a single one")


def counted(ballots: Iterable[tuple[np.ndarray, float]], shapes: bool = True) -> list[tuple[np.ndarray, int, float]]:
    """(grid, votes, mean probability) in the order of first appearance."""
    piles: dict[Any, tuple[np.ndarray, list[float]]] = {}
    for grid, p in ballots:
        key = (grid.shape if shapes else None, grid.tobytes())
        piles.setdefault(key, (grid, []))[1].append(p)
    return [(grid, len(ps), sum(ps) / len(ps)) for grid, ps in piles.values()]


def ranked(rows: list[tuple[np.ndarray, int, float]]) -> list[tuple[np.ndarray, int, float]]:
    return sorted(rows, key=lambda row: row[1:], reverse=True)


def ranked_by_best(ballots: list[tuple[np.ndarray, int, float]]) -> list[tuple[np.ndarray, int, float]]:
    rows = counted((grid, p) for grid, _, p in ballots)
    best = [max(p for g, _, p in ballots if np.array_equal(g, grid)) for grid, *_ in rows]
    return ranked([(grid, n, p) for (grid, n, _), p in zip(rows, best, strict=True)])


def place_of(grids: list[np.ndarray], grid: np.ndarray) -> int:
    return next(i for i, other in enumerate(grids) if np.array_equal(other, grid))


def as_rows(value: Any) -> Any:
    """(grid, votes, probability) with the grid as an array."""
    if isinstance(value, list | tuple):
        return [
            (as_grid(row[0]), *row[1:]) if isinstance(row, list | tuple) and len(row) == 3 else row for row in value
        ]
    return value


# --- pass@2 -----------------------------------------------------------------------------------------------------------

NEAR = np.array([[1, 2, 3], [4, 5, 0]])
ATTEMPTS = {
    "two tests": [[B, A, C], [C, D, A]],
    "first try": [[A, B]],
    "three tests": [[], [NEAR, D], [C]],
    "one cell": [[np.array([[3]])]],
}
TRUTH = {"two tests": [A, A], "first try": [A], "three tests": [B, A, C], "one cell": [np.array([[3, 3], [3, 3]])]}
EASY = ({"P": [[A, B], [B, C]], "Q": [[C, A]]}, {"P": [B, A], "Q": [A]})


def pass_at_2(answer: Callable[..., Any]) -> None:
    """Mean over tasks of the share of test inputs of which one of two attempts is right."""
    for attempts, truth in ((ATTEMPTS, TRUTH), EASY):

        def score(hit: Callable[[list[Any], Any], float], attempts: Any = attempts, truth: Any = truth) -> list[Any]:
            """The hits of each task."""
            return [
                [float(hit(r, right)) for r, right in zip(attempts[t], truth[t], strict=True)]
                for t in truth  # one list a task
            ]

        def within(k: int) -> Callable[[list[Any], Any], float]:
            return lambda r, right: any(np.array_equal(g, right) for g in r[:k])

        def broadcast(r: list[Any], right: np.ndarray) -> bool:
            fits = [g for g in r[:2] if g.shape == right.shape or g.size == 1]
            return any((g == right).all() for g in fits)

        hits = score(within(2))
        shares = [np.mean(task) for task in hits]
        both = (
            "You ask for two right attempts.",
            "One right attempt is enough: any of the two, not all.",
        )
        cells = (
            "You count right cells.",
            "An answer counts when every cell is right. One wrong cell, and it is worth nothing.",
        )
        judge(
            run(answer, attempts, truth),
            float(np.mean(shares)),
            given="; ".join(f"task {t!r} with {len(truth[t])} test inputs" for t in truth),
            mistakes=[
                Mistake(
                    "first-attempt-only",
                    mean_of(score(within(1))),
                    "Only the first attempt was looked at.",
                    "pass@2 allows two attempts: the first two answers of each list.",
                ),
                Mistake(
                    "any-rank",
                    mean_of(score(within(99))),
                    "A right answer counted that was no attempt.",
                    "Only two attempts are handed in. What is third in the ranking is never seen.",
                ),
                Mistake(
                    "both-needed",
                    mean_of(score(lambda r, right: all(np.array_equal(g, right) for g in r[:2]))),
                    *both,
                ),
                Mistake(
                    "both-needed",
                    mean_of(score(lambda r, right: len(r) > 1 and all(np.array_equal(g, right) for g in r[:2]))),
                    *both,
                ),
                Mistake("any-cell", mean_of(score(lambda r, right: share_of_cells(r, right))), *cells),
                Mistake("any-cell", mean_of(score(lambda r, right: share_of_cells(r, right) > 0)), *cells),
                Mistake(
                    "test-inputs-counted",
                    float(np.mean([hit for task in hits for hit in task])),
                    "You averaged over test inputs, not over tasks.",
                    "A task with three test inputs weighs as much as one with a single one: first within each task.",
                ),
                Mistake(
                    "all-tests-needed",
                    float(np.mean([share == 1 for share in shares])),
                    "A task counted only when all of its test inputs were solved.",
                    "One of two test inputs solved is half a task.",
                ),
                Mistake(
                    "one-test-enough",
                    float(np.mean([share > 0 for share in shares])),
                    "A task counted in full although some of its test inputs are not solved.",
                    "A task adds the share of its test inputs: one of three is a third.",
                ),
                Mistake(
                    "size-ignored",
                    mean_of(score(broadcast)),
                    "A 1 x 1 grid was taken for a larger grid of the same colour.",
                    "`==` stretches small arrays to fit. The size must be right too: numpy has a function for both.",
                ),
                Mistake(
                    "percent",
                    100 * float(np.mean(shares)),
                    "Your score is a hundred times too large.",
                    "A share lies between 0 and 1.",
                ),
                Mistake(
                    "number-of-tasks",
                    float(np.sum(shares)),
                    "You returned how many tasks are solved, not which share.",
                    "Divide by the number of tasks.",
                ),
            ],
            where="Write the hits of each task in a row, take the mean of each row, then the mean of these.",
        )
    passed("pass_at_2", "6 tasks with 1 to 3 test inputs; no answer, a near miss, a right answer in third place")


def mean_of(hits: list[list[float]]) -> float:
    return float(np.mean([np.mean(task) for task in hits]))


def share_of_cells(attempts: list[np.ndarray], right: np.ndarray) -> float:
    """The largest share of right cells in two attempts; 0 where no size fits."""
    return max((float((g == right).mean()) for g in attempts[:2] if g.shape == right.shape), default=0.0)


# --- sign-SGD ---------------------------------------------------------------------------------------------------------


def sparse_sign_sgd(answer: Callable[..., Any]) -> None:
    """Rows in use decay and move by the sign of their summed gradient; the others stay."""
    noise = torch.Generator().manual_seed(3)
    first = (
        torch.tensor([[1.0, -2.0, 0.5], [4.0, 1.0, -1.0], [2.0, 0.0, 3.0], [0.5, 0.5, 0.5], [-1.0, 2.0, -3.0]]),
        torch.tensor([4, 1, 4, 2, 4]),
        torch.tensor([[3.0, -1, 2], [1e-4, 0, -50], [-5, 0.5, 2], [0, 0, 0], [1, 1, -9]]),
        0.1,
        2.0,
    )
    second = (torch.randn(4, 2, generator=noise), torch.tensor([3, 0]), torch.randn(2, 2, generator=noise), 0.5, 0.4)
    third = (torch.randn(6, 3, generator=noise), torch.tensor([5] * 4), torch.randn(4, 3, generator=noise), 0.02, 0.0)
    for table, ids, gradient, lr, decay in (first, second, third):
        total = torch.zeros_like(table).index_add(0, ids, gradient)
        used = torch.zeros(len(table), 1, dtype=torch.bool)
        used[ids] = True
        keep = 1 - lr * decay
        expected = torch.where(used, table * keep - lr * total.sign(), table)
        last, each = table.clone(), table.clone()
        for i, row in zip(ids.tolist(), gradient, strict=True):
            last[i] = table[i] * keep - lr * row.sign()
            each[i] = each[i] * keep - lr * row.sign()
        signs = torch.zeros_like(table).index_add(0, ids, gradient.sign())
        count = torch.zeros(len(table), 1).index_add(0, ids, torch.ones(len(ids), 1))
        judge(
            as_table(run(answer, table, ids, gradient, lr, decay)),
            expected,
            given=f"a table of {len(table)} rows, ids {ids.tolist()}, lr {lr}, decay {decay}",
            mistakes=[
                Mistake(
                    "all-rows-decayed",
                    table * keep - lr * total.sign(),
                    "Rows that are not in the batch have shrunk.",
                    "Most rows wait long for their next visit. Decay at every step would wipe them out.",
                ),
                Mistake(
                    "gradient-for-sign",
                    torch.where(used, table * keep - lr * total, table),
                    "Your step is as large as the gradient.",
                    "Only the sign of the summed gradient counts: every step has the size of the learning rate.",
                ),
                Mistake(
                    "sign-before-sum",
                    torch.where(used, table * keep - lr * signs, table),
                    "You took the signs first and added them then.",
                    "One id, one step: add its gradients, then ask for the sign of the sum.",
                ),
                Mistake(
                    "last-one-wins",
                    last,
                    "Of an id that is in the batch several times, only the last gradient counts.",
                    "Writing to `table[ids]` writes the same row several times over. Sum first.",
                ),
                Mistake(
                    "a-step-for-each",
                    each,
                    "An id that is in the batch several times made several steps.",
                    "All gradients of an id make one step and one decay.",
                ),
                Mistake(
                    "uphill",
                    torch.where(used, table * keep + lr * total.sign(), table),
                    "Your step goes uphill.",
                    "A gradient points to a higher loss. Which way should the row go?",
                ),
                Mistake(
                    "decay-missing",
                    torch.where(used, table - lr * total.sign(), table),
                    "The rows in use did not decay.",
                    "Before the step a row in use shrinks by the factor 1 - lr x decay.",
                ),
                Mistake(
                    "decay-without-rate",
                    torch.where(used, table * (1 - decay) - lr * total.sign(), table),
                    "The decay forgot the learning rate.",
                    "The factor is 1 - lr x decay, as in AdamW.",
                ),
                Mistake(
                    "decay-inside-the-sign",
                    torch.where(used, table - lr * (total + decay * table).sign(), table),
                    "The decay went into the gradient, and so under the sign.",
                    "Decay and step are apart (decoupled): first shrink, then step.",
                ),
                Mistake(
                    "decay-after-the-step",
                    torch.where(used, (table - lr * total.sign()) * keep, table),
                    "The step itself decayed.",
                    "First the row shrinks, then it makes a whole step of the size lr.",
                ),
                Mistake(
                    "decay-for-each-visit",
                    torch.where(used, table * keep**count - lr * total.sign(), table),
                    "A row decayed once for each time that its id is in the batch.",
                    "However often an id occurs, its row shrinks once.",
                ),
            ],
            where="Do one row by hand: sum its gradients, take the sign, shrink the row, step.",
        )
    passed("sparse_sign_sgd", "3 tables; repeated ids, unused rows, gradients that cancel or vanish")


def as_table(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


# --- leaks ------------------------------------------------------------------------------------------------------------

F, G, H = np.array([[5, 5]]), np.array([[6], [6]]), np.array([[7, 8, 9]])
EVALUATION = {"e1": [(A, B), (C, D)], "e2": [(A, C)], "e3": [(F, G), (B, D), (H, H)], "e4": [(G, F)]}
TRAINING = {
    "t1": [(B, A), (D, D)],
    "e1": [(A, B), (C, F)],  # edited since: another output
    "t2": [(A, C)],  # e2 under another name
    "t3": [(H, H), (F, G), (B, D)],  # e3 in another order
    "t4": [(F, G), (D, F)],  # one pair of e3
    "t5": [(A, D)],  # the input of e2, another output
    "t6": [(E, C)],  # the cells of e2 in another shape
}
SECOND = ({"x": [(C, C)], "y": [(B, B), (A, A)]}, {"z": [(A, A), (B, B)], "w": [(D, D)]})


def find_leak(answer: Callable[..., Any]) -> None:
    """Names of the training tasks that are evaluation tasks: the same name, or the same pairs in any order."""
    for training, evaluation in ((TRAINING, EVALUATION), SECOND, (SECOND[0], {"w": [(D, D)]})):

        def leak(
            face: Callable[[Any], Any] | None,
            names: bool = True,
            training: Any = training,
            evaluation: Any = evaluation,
        ) -> list[str]:
            faces = [face(task) for task in evaluation.values()] if face else []
            return sorted(
                name
                for name, task in training.items()
                if (names and name in evaluation) or (face and face(task) in faces)
            )

        shared = {key(q, a) for task in evaluation.values() for q, a in task}
        some = sorted(n for n, task in training.items() if n in evaluation or any(key(q, a) in shared for q, a in task))
        expected = leak(lambda task: frozenset(key(q, a) for q, a in task))
        measured = sorted(
            name
            for name, task in evaluation.items()
            if name in training or any({key(*p) for p in task} == {key(*p) for p in t} for t in training.values())
        )
        judge(
            as_names(run(answer, training, evaluation)),
            expected,
            given=f"training tasks {list(training)}, evaluation tasks {list(evaluation)}",
            mistakes=[
                Mistake(
                    "names-only",
                    leak(None),
                    "You looked at the names alone.",
                    "A task can stand in both sets under two names. Compare what is in it.",
                ),
                Mistake(
                    "content-only",
                    leak(lambda task: frozenset(key(q, a) for q, a in task), names=False),
                    "You looked at the content alone.",
                    "A task that was edited since keeps its name, and most of its answers.",
                ),
                Mistake(
                    "order-matters",
                    leak(lambda task: tuple(key(q, a) for q, a in task)),
                    "A task with its pairs in another order was missed.",
                    "The order of the demonstrations says nothing. What holds things without an order?",
                ),
                Mistake(
                    "one-pair-is-enough",
                    some,
                    "A task was reported that shares only some of its pairs.",
                    "Here a task counts as the same if all of its pairs are.",
                ),
                Mistake(
                    "inputs-only",
                    leak(lambda task: frozenset(key(q) for q, _ in task)),
                    "A task with the same inputs and other outputs was reported.",
                    "Another output, another rule. Compare both grids of a pair.",
                ),
                Mistake(
                    "size-ignored",
                    leak(lambda task: frozenset((q.tobytes(), a.tobytes()) for q, a in task)),
                    "Grids of different size were taken for the same.",
                    "The bytes of 2 x 3 and 3 x 2 cells can be equal. Keep the shape beside them.",
                ),
                Mistake(
                    "evaluation-named",
                    measured,
                    "You named the evaluation tasks.",
                    "Asked for are the training tasks, since these are left out.",
                ),
                Mistake(
                    "clean-ones-named",
                    sorted(set(training) - set(expected)),
                    "You named the tasks that may stay.",
                    "Asked for are those that must go.",
                ),
            ],
            where="Go through the training tasks one by one: is its name there? Are its pairs there?",
        )
    passed("find_leak", "11 training tasks: edited, renamed, in another order, or only alike")


def key(*grids: np.ndarray) -> tuple[Any, ...]:
    return tuple((grid.shape, grid.tobytes()) for grid in grids)


def as_names(value: Any) -> Any:
    """Names in order, whether they came as a list, a set or the keys of a dictionary."""
    if isinstance(value, list | tuple | set | frozenset | dict) and all(isinstance(name, str) for name in value):
        return sorted(value)
    return value
