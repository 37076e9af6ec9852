"""Lesson 15: what people hand in."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np

from answers import Answers
from trm_edu.intervals import difference_interval, t_quantile
from trm_edu.tasks import GridTask, group_of

# --- is_solved --------------------------------------------------------------------------------------------------------


def solved_in_a_loop(question: np.ndarray, answer: np.ndarray) -> bool:
    n = len(answer)
    for i in range(n):
        for j in range(n):
            if question[i, j] and question[i, j] != answer[i, j]:
                return False
        if {int(d) for d in answer[i]} != set(range(1, n + 1)):
            return False
        if {int(d) for d in answer[:, i]} != set(range(1, n + 1)):
            return False
    return True


def solved_by_counting(question: np.ndarray, answer: np.ndarray) -> Any:
    n = len(answer)
    marks = answer[..., None] == np.arange(1, n + 1)
    mask = question > 0
    return (marks.sum(0) == 1).all() & (marks.sum(1) == 1).all() & (answer[mask] == question[mask]).all()


def solved_without_clues(question, answer):
    digits = set(range(1, len(answer) + 1))
    return all(set(line) == digits for line in (*answer.tolist(), *answer.T.tolist()))


def solved_rows(question, answer):
    digits = set(range(1, len(answer) + 1))
    return all(set(row) == digits for row in answer.tolist()) and bool(
        (answer[question > 0] == question[question > 0]).all()
    )


def solved_columns(question, answer):
    kept = np.all((question == 0) | (question == answer))
    return bool(kept and np.all(np.sort(answer, axis=0) == np.arange(1, len(answer) + 1)[:, None]))


def solved_sum(question, answer):
    n = len(answer)
    total = n * (n + 1) // 2
    kept = np.all((question == 0) | (question == answer))
    return bool(kept and np.all(answer.sum(0) == total) and np.all(answer.sum(1) == total))


def solved_unique(question, answer):
    n = len(answer)
    kept = np.all((question == 0) | (question == answer))
    lines = [*answer, *answer.T]
    return bool(kept) and all(len(np.unique(line)) == n for line in lines)


def solved_no_repeats(question, answer):
    for line in (*answer, *answer.T):
        digits = [d for d in line if d != 0]
        if len(digits) != len(set(digits)):
            return False
    return bool(np.all((question == 0) | (question == answer)))


def solved_clues(question, answer):
    return bool((answer[question != 0] == question[question != 0]).all())


def solved_equal(question, answer):
    return bool((question == answer).all()) and solved_without_clues(question, answer)


# --- codec ------------------------------------------------------------------------------------------------------------


def codec_with_tables(characters):
    def encode(text):
        found = []
        for line in text.split():
            for character in line:
                found.append(characters.index(character) + 1)  # index raises a ValueError by itself
        return np.array(found, dtype=np.uint8)

    def decode(tokens):
        if min(tokens) < 1 or max(tokens) > len(characters):
            raise ValueError(f"tokens {tokens}")
        return "".join(np.array(list(" " + characters))[np.asarray(tokens)])

    return encode, decode


def codec_as_methods(characters):
    name = dict(enumerate(characters, start=1))
    number = {c: t for t, c in name.items()}

    def encode(text):
        try:
            return np.array([number[c] for c in "".join(text.split())], int)
        except KeyError as error:
            raise ValueError(f"unknown character {error}") from None

    def decode(tokens):
        if set(tokens.tolist()) - set(name):
            raise ValueError("no such token")
        return "".join(name[int(t)] for t in tokens)

    return [encode, decode]


def plain_decode(characters):
    def decode(tokens):
        for t in tokens:
            if not 0 < t <= len(characters):
                raise ValueError(t)
        return "".join(characters[t - 1] for t in tokens)

    return decode


def codec_from_zero(characters):
    def encode(text):
        return np.array([characters.index(c) for c in "".join(text.split())])

    def decode(tokens):
        return "".join(characters[t] for t in tokens)

    return encode, decode


def codec_white_space(characters):
    return lambda text: np.array([characters.find(c) + 1 for c in text]), plain_decode(characters)


def codec_digits(characters):
    return lambda text: np.array([ord(c) - ord("0") for c in text if not c.isspace()]), plain_decode(characters)


def codec_list(characters):
    return lambda text: [characters.index(c) + 1 for c in "".join(text.split())], plain_decode(characters)


def codec_called(characters):
    return np.array([characters.index(c) + 1 for c in characters])


def codec_shift(characters):
    def decode(tokens):
        return "".join((characters + characters)[t] for t in tokens)

    return codec_with_tables(characters)[0], decode


def codec_not_joined(characters):
    return codec_with_tables(characters)[0], lambda tokens: [characters[t - 1] for t in tokens]


def codec_find(characters):
    def encode(text):
        return np.array([characters.find(c) + 1 for c in "".join(text.split())])

    return encode, plain_decode(characters)


def codec_last(characters):
    def decode(tokens):
        return "".join(characters[t - 1] for t in tokens)

    return codec_with_tables(characters)[0], decode


def codec_too_large(characters):
    def decode(tokens):
        if (tokens == 0).any():
            raise ValueError("padding")
        return "".join(characters[t - 1] for t in tokens)

    return codec_with_tables(characters)[0], decode


# --- keeps_rules ------------------------------------------------------------------------------------------------------


def keeps_in_a_loop(move, solves, questions, answers):
    fine = True
    for i in range(len(questions)):
        fine = fine and solves(move(questions[i]), move(answers[i]))
    return fine


def keeps_by_counting(move, solves, questions, answers):
    return np.sum([solves(move(q), move(a)) for q, a in zip(questions, answers, strict=True)]) == len(answers)


def keeps_question_only(move, solves, questions, answers):
    return all(solves(move(q), a) for q, a in zip(questions, answers, strict=True))


def keeps_answer_only(move, solves, questions, answers):
    return all(solves(q, move(a)) for q, a in zip(questions, answers, strict=True))


def keeps_first(move, solves, questions, answers):
    for q, a in zip(questions, answers, strict=True):
        return solves(move(q), move(a))


def keeps_any(move, solves, questions, answers):
    return any(solves(move(q), move(a)) for q, a in zip(questions, answers, strict=True))


def keeps_last(move, solves, questions, answers):
    for q, a in zip(questions, answers, strict=True):
        fine = solves(move(q), move(a))
    return fine


def keeps_answers(move, solves, questions, answers):
    return all(solves(move(a), move(a)) for a in answers)


def keeps_inverted(move, solves, questions, answers):
    return any(not solves(move(q), move(a)) for q, a in zip(questions, answers, strict=True))


# --- solution_count ---------------------------------------------------------------------------------------------------


def fits(grid: np.ndarray, r: int, c: int, digit: int) -> bool:
    return digit not in grid[r] and digit not in grid[:, c]


def contradicts(question: np.ndarray) -> bool:
    for line in (*question, *question.T):
        clues = [d for d in line if d]
        if len(clues) > len(set(clues)):
            return True
    return False


def count_row_by_row(question, limit):
    n = len(question)
    orders = [np.array(p) for p in itertools.permutations(range(1, n + 1))]
    partial = [[]]
    for row in question:
        partial = [
            [*rows, p]
            for rows in partial
            for p in orders
            if ((row == 0) | (row == p)).all() and all((p != above).all() for above in rows)
        ]
    return min(limit, len(partial))


def count_with_a_stack(question, limit):
    if contradicts(question):
        return 0
    n, stack, found = len(question), [question], 0
    while stack and found < limit:
        grid = stack.pop()
        places = np.argwhere(grid == 0)
        if len(places) == 0:
            found += 1
            continue
        r, c = places[-1]
        for digit in range(1, n + 1):
            if fits(grid, r, c, digit):
                fuller = grid.copy()
                fuller[r, c] = digit
                stack.append(fuller)
    return found


def search(question, limit, *, columns=True, check=True, every_cell=False, first=False, over=0):
    if check and contradicts(question):
        return 0
    n = len(question)

    def go(grid, wanted):
        places = np.argwhere(grid == 0)
        if len(places) == 0:
            return 1
        found = 0
        for r, c in places if every_cell else places[:1]:
            for digit in range(1, n + 1):
                if digit in grid[r] or (columns and digit in grid[:, c]):
                    continue
                fuller = grid.copy()
                fuller[r, c] = digit
                found += go(fuller, wanted - found)
                if found >= wanted or (first and found):
                    return found
        return found

    return go(question, limit + over)


def count_first(question, limit):
    return search(question, limit, first=True)


def count_every_order_limited(question, limit):
    return search(question, limit, every_cell=True)


def count_all(question, limit):
    return search(question, 10**9)


def count_one_more(question, limit):
    return search(question, limit, over=1)


def count_rows_only(question, limit):
    for row in question:
        clues = [d for d in row if d]
        if len(clues) > len(set(clues)):
            return 0
    return search(question, limit, columns=False, check=False)


def count_open(question, limit):
    return int((question == 0).sum())


def count_unchecked(question, limit):
    return search(question, limit, check=False)


def count_in_place(question, limit):
    if contradicts(question):
        return 0
    for r, c in np.argwhere(question == 0):
        for digit in range(1, len(question) + 1):
            if fits(question, r, c, digit):
                question[r, c] = digit
                break
    return 1


# --- new_puzzles ------------------------------------------------------------------------------------------------------


def new_with_a_set(training, test, images):
    known = set()
    for puzzle in training:
        known.update(image.tobytes() for image in images(puzzle.astype(np.int64)).astype(np.int64))
    kept = []
    for place, puzzle in enumerate(test.astype(np.int64)):
        if puzzle.tobytes() not in known:
            kept.append(place)
            known.update(np.ascontiguousarray(image).tobytes() for image in images(puzzle))
    return kept


def new_by_comparing(training, test, images):
    kept = []
    for i, puzzle in enumerate(test):
        others = np.concatenate([training, test[kept]]) if kept else training
        if not any((others == image).all(1).any() for image in images(puzzle)):
            kept.append(i)
    return np.array(kept, int)


def new_raw(training, test, images):
    known, kept = set(map(tuple, training.tolist())), []
    for i, puzzle in enumerate(map(tuple, test.tolist())):
        if puzzle not in known:
            kept.append(i)
            known.add(puzzle)
    return kept


def smallest(puzzle, images):
    return min(map(tuple, images(puzzle).tolist()))


def new_twins(training, test, images):
    known = {smallest(puzzle, images) for puzzle in training}
    return [i for i, puzzle in enumerate(test) if smallest(puzzle, images) not in known]


def new_twins_by_tokens(training, test, images):
    known, seen, kept = {smallest(puzzle, images) for puzzle in training}, set(), []
    for i, puzzle in enumerate(test):
        if smallest(puzzle, images) not in known and tuple(puzzle) not in seen:
            kept.append(i)
            seen.add(tuple(puzzle))
    return kept


def new_without_twins(training, test, images):
    known, prints = {smallest(puzzle, images) for puzzle in training}, [smallest(puzzle, images) for puzzle in test]
    return [i for i, value in enumerate(prints) if value not in known and prints.count(value) == 1]


def new_last_twin(training, test, images):
    known = {smallest(puzzle, images) for puzzle in training}
    places = {smallest(puzzle, images): i for i, puzzle in enumerate(test)}
    return sorted(i for value, i in places.items() if value not in known)


def new_sorted(training, test, images):
    known, kept = {tuple(sorted(puzzle)) for puzzle in training}, []
    for i, puzzle in enumerate(test):
        if tuple(sorted(puzzle)) not in known:
            kept.append(i)
            known.add(tuple(sorted(puzzle)))
    return kept


def new_leaks(training, test, images):
    known = {smallest(puzzle, images) for puzzle in training}
    return [i for i, puzzle in enumerate(test) if smallest(puzzle, images) in known]


def new_as_puzzles(training, test, images):
    return [test[i].tolist() for i in new_by_comparing(training, test, images)]


# --- claim ------------------------------------------------------------------------------------------------------------


def says(low, high):
    if low > 0:
        return low, high, "better"
    return low, high, "worse" if high < 0 else "not separated"


def claim_by_hand(before, after):
    shares = [(sum(b) / len(b), sum(a) / len(a)) for b, a in zip(before.tolist(), after.tolist(), strict=True)]
    d = [a - b for b, a in shares]
    if len(d) == 1:
        return None
    mean = sum(d) / len(d)
    variance = sum((x - mean) ** 2 for x in d) / (len(d) - 1)
    reach = t_quantile(len(d) - 1) * (variance / len(d)) ** 0.5
    return says(mean - reach, mean + reach)


def claim_per_puzzle_first(before, after):
    d = (after.astype(float) - before.astype(float)).mean(axis=1)
    if d.size < 2:
        return None
    half = t_quantile(d.size - 1) * np.sqrt(d.var(ddof=1) / d.size)
    return says(d.mean() - half, d.mean() + half)


def claim_point(before, after):
    result = claim_by_hand(before, after)
    if result is None:
        return None
    d = after.mean() - before.mean()
    return *result[:2], "better" if d > 0 else "worse" if d < 0 else "not separated"


def claim_unpaired(before, after):
    if len(before) < 2:
        return None
    a, b = before.mean(1), after.mean(1)
    low, high = difference_interval(a, b)
    return says(low, high)


def claim_pooled(before, after):
    if len(before) < 2:
        return None
    n, (p, q) = before.size, (before.mean(), after.mean())
    half = 1.96 * (p * (1 - p) / n + q * (1 - q) / n) ** 0.5
    return says(q - p - half, q - p + half)


def half_of(d, factor, ddof=1, root=True):
    return factor * d.std(ddof=ddof) / (len(d) ** 0.5 if root else 1)


def claim_with(factor=None, **how):
    def claim(before, after):
        d = after.mean(1) - before.mean(1)
        if len(d) < 2:
            return None
        half = half_of(d, factor(len(d)) if factor else t_quantile(len(d) - 1), **how)
        return says(d.mean() - half, d.mean() + half)

    return claim


def claim_turned(before, after):
    return claim_by_hand(after, before)


def claim_one_seed(before, after):
    if len(before) == 1:
        d = after.mean() - before.mean()
        return says(d, d)
    return claim_by_hand(before, after)


# --- latin_square -----------------------------------------------------------------------------------------------------


class Latin(GridTask):
    """A right one, on which the wrong ones are built."""

    def __init__(self, side):
        self.side = side
        super().__init__(f"latin{side}", (side, side), "123456789"[:side] + ".", blanks=".")

    def rules(self, question, answer):
        grid = np.asarray(answer).reshape(self.grid_shape)
        lines = [(f"row {i}", line) for i, line in enumerate(grid)]
        lines += [(f"column {i}", line) for i, line in enumerate(grid.T)]
        return [f"{name} lacks {d}" for name, line in lines for d in range(1, self.side + 1) if d not in line]

    def all_symmetries(self):
        rolled = np.roll(self.cells(), 1, axis=0)
        return group_of([self.symmetry(rolled), self.symmetry(self.cells().T)])

    def full(self, rng):
        n = self.side
        square = (np.arange(n)[:, None] - np.arange(n))[rng.permutation(n)][:, rng.permutation(n)] % n
        return rng.permutation(n)[square] + 1

    def make(self, rng):
        answer = self.full(rng).reshape(-1)
        question = answer.copy()
        for cell in rng.permutation(len(answer)):
            thinner = question.copy()
            thinner[cell] = self.side + 1
            if search(np.where(thinner > self.side, 0, thinner).reshape(self.grid_shape), 2, check=False) == 1:
                question = thinner
        return question, answer


class WithAllSwaps(Latin):
    """Another valid choice: digits only, at side 4 and above; side 3 has six of them, so mirrors too."""

    def all_symmetries(self):
        swaps = [self.symmetry(swap={"1": d, d: "1"}) for d in self.digits()]
        return group_of([*swaps, self.symmetry(self.cells()[:, ::-1])])

    def digits(self):
        return self.characters[1 : self.side]


class OnlyRows(Latin):
    def rules(self, question, answer):
        return [line for line in super().rules(question, answer) if line.startswith("row")]


class OnlyColumns(Latin):
    def rules(self, question, answer):
        return [line for line in super().rules(question, answer) if line.startswith("column")]


class ZeroBased(Latin):
    def rules(self, question, answer):
        grid = answer.reshape(self.grid_shape)
        return [f"{d} is missing" for line in (*grid, *grid.T) for d in range(self.side) if d not in line]


class LetsPass(Latin):
    """Sums of complete lines."""

    def rules(self, question, answer):
        grid = answer.reshape(self.grid_shape).astype(int)
        wanted = self.side * (self.side + 1) // 2
        wrong = [line.sum() != wanted for line in (*grid, *grid.T)]
        return ["two lines are wrong"] if sum(wrong) > 2 else []


class NoSymmetries(Latin):
    def all_symmetries(self):
        return [self.symmetry()]


class NoGroup(Latin):
    def all_symmetries(self):
        cells = self.cells()
        moves = [cells, cells.T, cells[::-1], cells[:, ::-1], np.roll(cells, 1, 0), np.roll(cells, 1, 1)]
        return [self.symmetry(c) for c in moves] + [self.symmetry(swap={"1": d, d: "1"}) for d in "23"]


class OneRowShifted(Latin):
    def all_symmetries(self):
        cells = self.cells()
        shifted = np.vstack([np.roll(cells[:1], 1, axis=1), cells[1:]])
        return group_of(
            [self.symmetry(shifted), self.symmetry(swap={"1": "2", "2": "1"}), self.symmetry(swap={"2": "3", "3": "2"})]
        )


class OwnDice(Latin):
    def make(self, rng):
        return super().make(np.random.default_rng(random.randrange(2**32)))


class OtherAnswer(Latin):
    def make(self, rng):
        return super().make(rng)[0], self.full(rng).reshape(-1)


class Several(Latin):
    def make(self, rng):
        answer = self.full(rng).reshape(-1)
        question = answer.copy()
        question[rng.permutation(len(answer))[: 2 * len(answer) // 3]] = self.side + 1
        return question, answer


class Timid(Latin):
    def make(self, rng):
        answer = self.full(rng).reshape(-1)
        question = answer.copy()
        question[rng.permutation(len(answer))[:2]] = self.side + 1
        return question, answer


class ZeroForOpen(Latin):
    def make(self, rng):
        question, answer = super().make(rng)
        return np.where(question > self.side, 0, question), answer


# ----------------------------------------------------------------------------------------------------------------------

ANSWERS = {
    "is_solved": Answers(
        right=[solved_in_a_loop, solved_by_counting],
        wrong={
            "clues-ignored": solved_without_clues,
            "only-rows": solved_rows,
            "only-columns": solved_columns,
            "only-clues": solved_clues,
            "sum-is-no-set": solved_sum,
            "differ-is-not-enough": solved_unique,
            "open-cells-pass": solved_no_repeats,
            "question-must-be-solved": solved_equal,
        },
    ),
    "codec": Answers(
        right=[codec_with_tables, codec_as_methods],
        wrong={
            "no-pair-of-functions": codec_called,
            "first-is-padding": codec_from_zero,
            "white-space-is-a-cell": codec_white_space,
            "digits-as-numbers": codec_digits,
            "list-instead-of-array": codec_list,
            "shifted-back": codec_shift,
            "not-joined": codec_not_joined,
            "foreign-character-passes": codec_find,
            "padding-is-the-last-character": codec_last,
            "token-out-of-range": codec_too_large,
        },
    ),
    "keeps_rules": Answers(
        right=[keeps_in_a_loop, keeps_by_counting],
        wrong={
            "answer-not-moved": keeps_question_only,
            "question-not-moved": keeps_answer_only,
            "first-puzzle-only": keeps_first,
            "one-suffices": keeps_any,
            "last-puzzle-only": keeps_last,
            "answer-as-its-own-question": keeps_answers,
            "inverted": keeps_inverted,
        },
    ),
    "solution_count": Answers(
        right=[count_row_by_row, count_with_a_stack],
        wrong={
            "stops-at-the-first": count_first,
            "counts-the-same-twice": count_every_order_limited,
            "limit-ignored": count_all,
            "limit-overrun": count_one_more,
            "columns-forgotten": count_rows_only,
            "counts-open-cells": count_open,
            "contradiction-unnoticed": count_unchecked,
            "input-changed": count_in_place,
        },
    ),
    "new_puzzles": Answers(
        right=[new_with_a_set, new_by_comparing],
        wrong={
            "raw-tokens": new_raw,
            "twins-in-the-test": new_twins,
            "twins-by-tokens": new_twins_by_tokens,
            "all-twins-left-out": new_without_twins,
            "last-twin-kept": new_last_twin,
            "too-coarse": new_sorted,
            "leaks-kept": new_leaks,
            "puzzles-instead-of-places": new_as_puzzles,
        },
    ),
    "claim": Answers(
        right=[claim_by_hand, claim_per_puzzle_first],
        wrong={
            "point-difference": claim_point,
            "unpaired": claim_unpaired,
            "seeds-pooled": claim_pooled,
            "normal-factor": claim_with(lambda seeds: 1.96),
            "degrees-of-freedom": claim_with(t_quantile),
            "ddof-zero": claim_with(ddof=0),
            "root-forgotten": claim_with(root=False),
            "direction": claim_turned,
            "one-seed-is-enough": claim_one_seed,
        },
    ),
    "LatinSquare": Answers(
        right=[Latin, WithAllSwaps],
        wrong={
            "columns-not-watched": OnlyRows,
            "rows-not-watched": OnlyColumns,
            "rules-refuse-the-answer": ZeroBased,
            "rules-let-pass": LetsPass,
            "few-symmetries": NoSymmetries,
            "no-group": NoGroup,
            "not-a-symmetry": OneRowShifted,
            "not-from-rng": OwnDice,
            "answer-of-another-question": OtherAnswer,
            "several-solutions": Several,
            "few-open-cells": Timid,
            "no-puzzles": ZeroForOpen,
        },
    ),
}
