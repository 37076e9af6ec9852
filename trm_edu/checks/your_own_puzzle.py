"""Checks of lesson 15: rules, text, symmetries, counting solutions, leaks, a claim, and a whole task of one's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from trm_edu.checks.teacher import Mistake, judge, judge_verdicts, passed, refuse, run
from trm_edu.errors import TrmEduError
from trm_edu.intervals import difference_interval, t_quantile, wilson_interval
from trm_edu.tasks.conformance import CHECKS, ConformanceError, check_task

__all__ = ["claim", "codec", "is_solved", "keeps_rules", "LatinSquare", "new_puzzles", "solution_count"]


def grid(*rows: str) -> np.ndarray:
    """Rows of digits as numbers; `.` is 0."""
    return np.array([[int(c) for c in row.replace(".", "0")] for row in rows])


def full(line: np.ndarray) -> bool:
    return sorted(line.tolist()) == list(range(1, len(line) + 1))


def rows_full(answer: np.ndarray) -> bool:
    return all(full(row) for row in answer)


def clues_kept(question: np.ndarray, answer: np.ndarray) -> bool:
    return bool(((question == 0) | (question == answer)).all())


def solves(question: np.ndarray, answer: np.ndarray) -> bool:
    """The rules of a Latin square, 0 for open cells."""
    return clues_kept(question, answer) and rows_full(answer) and rows_full(answer.T)


# --- the rules -------------------------------------------------------------------------------------------------------

PAIRS = [
    (grid("1.", ".."), grid("12", "21")),  # right
    (grid("1.", ".."), grid("21", "12")),  # a clue changed
    (grid("...", ".2.", "..."), grid("123", "123", "123")),  # rows alone are right
    (grid("...", ".2.", "..."), grid("111", "222", "333")),  # columns alone are right
    (grid("...", ".2.", "..."), grid("222", "222", "222")),  # every sum is 6
    (grid("...", ".2.", "..."), grid("012", "120", "201")),  # all different, but no 3
    (grid("....", ".3..", "....", "...4"), grid("2341", "1432", "4123", "3214")),  # right
    (
        grid("....", ".3..", "....", "...4"),
        grid("2341", "1342", "4123", "3214"),
    ),  # every row is right, two columns are not
    (grid("..", ".."), grid("..", "..")),  # nothing filled in
    (grid("12", "21"), grid("12", "21")),  # nothing asked
    (grid("...", "...", "..."), grid("231", "312", "123")),  # right, without a clue
    (grid("...", "...", "..."), grid("241", "412", "124")),  # a foreign digit
    (grid("1..", "...", "..."), grid("12.", "231", "312")),  # one cell left open
]


def is_solved(answer: Callable[[np.ndarray, np.ndarray], bool]) -> None:
    """Clues kept, every row and column complete."""

    def sums(question: np.ndarray, given: np.ndarray) -> bool:
        n = len(given)
        wanted = n * (n + 1) // 2
        return clues_kept(question, given) and (given.sum(0) == wanted).all() and (given.sum(1) == wanted).all()

    def no_repeats(question: np.ndarray, given: np.ndarray) -> bool:
        lines = (*given.tolist(), *given.T.tolist())
        return clues_kept(question, given) and all(len(set(line)) == len(line) for line in lines)

    def nonzero_differ(question: np.ndarray, given: np.ndarray) -> bool:
        lines = [[d for d in line if d] for line in (*given.tolist(), *given.T.tolist())]
        return clues_kept(question, given) and all(len(set(line)) == len(line) for line in lines)

    rules = {
        "clues-ignored": (
            lambda q, a: rows_full(a) and rows_full(a.T),
            "You looked at the answer alone: it is a Latin square, but it changed a clue.",
            "Where the question is not 0, the answer must hold the same digit.",
        ),
        "only-rows": (
            lambda q, a: clues_kept(q, a) and rows_full(a),
            "Your function looked at the rows and not at the columns.",
            "Do the same once more with the transposed answer.",
        ),
        "only-columns": (
            lambda q, a: clues_kept(q, a) and rows_full(a.T),
            "Your function looked at the columns and not at the rows.",
            "What does `axis` mean in your line: is it the axis that stays, or the one that is gone through?",
        ),
        "only-clues": (
            clues_kept,
            "You looked at the clues alone.",
            "Keeping the clues is one of three conditions. What about rows and columns?",
        ),
        "sum-is-no-set": (
            sums,
            "You added the digits up: 2 + 2 + 2 is as much as 1 + 2 + 3.",
            "A row must hold each digit once. Compare sets, or sorted rows, not sums.",
        ),
        "differ-is-not-enough": (
            no_repeats,
            "An answer passed whose digits differ, but are not 1 to n.",
            "0, 1, 2 are three different numbers as well. Which set must a row be?",
        ),
        "open-cells-pass": (
            nonzero_differ,
            "An answer with open cells passed.",
            "0 in an answer is a cell that was not filled. What must a row hold?",
        ),
        "question-must-be-solved": (
            lambda q, a: bool((q == a).all()) and rows_full(a) and rows_full(a.T),
            "You demand that the question equals the answer everywhere.",
            "Only the clues must be kept; 0 in the question allows anything.",
        ),
    }
    solved = judge_verdicts(
        answer,
        PAIRS,
        solves,
        rules,
        given=lambda question, given: f"is_solved({question.tolist()}, {given.tolist()})",
        what=lambda fits: (
            f"This answer {'solves' if fits else 'does not solve'} its question; your function says otherwise."
        ),
        where="Ask three things by hand: are the clues kept, is every row complete, is every column complete?",
    )
    passed("is_solved", f"{len(PAIRS)} answers, {solved} of them right")


# --- text ------------------------------------------------------------------------------------------------------------


def refused(function: Callable[..., Any], value: Any) -> tuple[bool, Any]:
    """Whether a ValueError was raised, and what came back else."""
    try:
        return False, run(function, value)
    except ValueError as error:
        return True, error


def codec(answer: Callable[[str], Any]) -> None:
    """Text to tokens and back, for any characters; foreign ones and padding are refused."""
    cases = [("1234.", "4.\n.1"), ("#.SGo", "#.S\n.oG\n"), ("012*", "2*0 1*")]
    for characters, text in cases:
        pair = answer(characters)
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(map(callable, pair)):
            refuse(
                "no-pair-of-functions",
                "Two functions must come back: encode and decode.",
                "Define both inside, and return them without calling them.",
                given=f"codec({characters!r})",
                yours=pair,
                expected="(encode, decode)",
            )
        encode, decode = pair
        cells = "".join(text.split())
        place = np.array([characters.index(c) for c in cells])
        whole = [characters.find(c) + 1 for c in text]
        codes = np.array([ord(c) - ord("0") for c in cells])
        given = f"encode({text!r}) with the characters {characters!r}"
        judge(
            run(encode, text),
            place + 1,
            given=given,
            mistakes=[
                Mistake(
                    "first-is-padding",
                    place,
                    "Your tokens begin at 0, and 0 is padding.",
                    "Padding is no cell. So the first character must be token 1.",
                ),
                Mistake(
                    "white-space-is-a-cell",
                    np.array(whole),
                    "Ends of lines or blanks became tokens.",
                    "The grid may be written on several lines. Skip white space before you look a character up.",
                ),
                Mistake(
                    "digits-as-numbers",
                    codes,
                    "Characters were turned into numbers by their own value.",
                    "A token is the place of a character among `characters`, plus 1; not every character is a digit.",
                ),
                Mistake(
                    "list-instead-of-array",
                    (place + 1).tolist(),
                    "The tokens are right, but they are a list.",
                    "The library wants a NumPy array: it can be compared and indexed all at once.",
                ),
            ],
            where="Look each character up among `characters`: its place, counted from 1.",
        )
        tokens = place + 1
        judge(
            run(decode, tokens),
            cells,
            given=f"decode({tokens.tolist()}) with the characters {characters!r}",
            mistakes=[
                Mistake(
                    "shifted-back",
                    "".join((characters * 2)[t] for t in tokens),
                    "Every character is the next one: decode does not undo the shift by 1.",
                    "Encode adds 1. What must decode do with a token before it looks up the character?",
                ),
                Mistake(
                    "not-joined",
                    list(cells),
                    "The characters are right, but they are a list.",
                    "Join them to one text.",
                ),
            ],
            where="Token 1 is the first character, token 2 the second.",
        )
        is_refused, value = refused(encode, cells[:2] + "?" + cells[3:])
        if not is_refused:
            refuse(
                "foreign-character-passes",
                "A character that is not in the vocabulary was let through.",
                "`find` gives -1 for it, and a filter drops it: both hide a typing error. Raise a ValueError.",
                given=f"encode({cells[:2] + '?' + cells[3:]!r}) with the characters {characters!r}",
                yours=value,
                expected="a ValueError",
            )
        for token, name, what, where in (
            (
                0,
                "padding-is-the-last-character",
                "Padding (token 0) was decoded to a character.",
                "Token 0 minus 1 is -1, and in Python place -1 is the last one. Test for it and raise a ValueError.",
            ),
            (
                len(characters) + 1,
                "token-out-of-range",
                "A token above the vocabulary was decoded without a ValueError.",
                "How many characters are there? Refuse every token above that.",
            ),
        ):
            try:
                is_refused, value = refused(decode, np.array([1, token]))
            except IndexError as error:  # Python's own words are no help to who typed the puzzle
                is_refused, value = False, error
            if not is_refused:
                refuse(
                    name,
                    what,
                    where,
                    given=f"decode([1, {token}]) with the characters {characters!r}",
                    yours=value,
                    expected="a ValueError",
                )
    passed("codec", f"{len(cases)} vocabularies there and back; foreign characters, padding and large tokens refused")


# --- symmetries ------------------------------------------------------------------------------------------------------

SQUARES = [
    (grid("1..", ".3.", "..."), grid("123", "231", "312")),
    (grid("...", "1..", "..2"), grid("231", "123", "312")),
    (grid(".2..", "3...", "...1", "...."), grid("1234", "3412", "4321", "2143")),
]


def first_row_shifted(g: np.ndarray) -> np.ndarray:
    return np.vstack([np.roll(g[:1], 1, axis=1), g[1:]])


MOVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # the first five keep the rules
    "mirror": lambda g: g[:, ::-1],
    "transpose": lambda g: g.T,
    "roll the rows": lambda g: np.roll(g, 1, axis=0),
    "rename the digits": lambda g: np.where(g == 0, 0, g % len(g) + 1),
    "nothing": lambda g: g.copy(),
    "rename open cells too": lambda g: g % len(g) + 1,  # a clue out of nothing
    "shift row 1 only": first_row_shifted,
    "shift row 1 of large squares": lambda g: first_row_shifted(g) if len(g) > 3 else g.copy(),
    "shift row 1 of small squares": lambda g: first_row_shifted(g) if len(g) == 3 else g.copy(),
    "first row everywhere": lambda g: np.repeat(g[:1], len(g), axis=0),
    "open every cell": lambda g: np.zeros_like(g),
}


def keeps_rules(answer: Callable[..., bool]) -> None:
    """Question and answer moved alike; all pairs must stay solved."""
    names = list(MOVES)
    questions, answers = map(list, zip(*SQUARES, strict=True))
    fine = {
        "answer-not-moved": (
            lambda m: all(solves(m(q), a) for q, a in SQUARES),
            "You moved the question, but not its answer.",
            "In training both go through the same move. Which of the two stayed where it was?",
        ),
        "question-not-moved": (
            lambda m: all(solves(q, m(a)) for q, a in SQUARES),
            "You moved the answer, but judged it by the old question.",
            "The clues move too. By which question must the moved answer be judged?",
        ),
        "first-puzzle-only": (
            lambda m: solves(m(questions[0]), m(answers[0])),
            "Only the first puzzle decided.",
            "A wrong move can keep one puzzle by luck. Does your loop return too early?",
        ),
        "one-suffices": (
            lambda m: any(solves(m(q), m(a)) for q, a in SQUARES),
            "One puzzle that stayed solved was enough for you.",
            "A symmetry must keep every puzzle. Which word says that: any, or all?",
        ),
        "last-puzzle-only": (
            lambda m: solves(m(questions[-1]), m(answers[-1])),
            "Only the last puzzle decided.",
            "Does your loop write over what the earlier puzzles said?",
        ),
        "answer-as-its-own-question": (
            lambda m: all(solves(m(a), m(a)) for _, a in SQUARES),
            "You judged the moved answer without the moved question.",
            "A move that makes a clue out of an open cell keeps every answer, and spoils every question.",
        ),
        "inverted": (
            lambda m: not all(solves(m(q), m(a)) for q, a in SQUARES),
            "Your verdict is the wrong way round.",
            "True means that the move keeps the rules.",
        ),
    }
    kept = judge_verdicts(
        lambda name: answer(MOVES[name], solves, list(questions), list(answers)),
        [(name,) for name in names],
        lambda name: all(solves(MOVES[name](q), MOVES[name](a)) for q, a in SQUARES),
        {mistake: (lambda name, rule=rule: rule(MOVES[name]), *said) for mistake, (rule, *said) in fine.items()},
        given=lambda name: f"the move {name!r} and {len(SQUARES)} Latin squares with their questions",
        what=lambda yes: f"This move {'keeps' if yes else 'breaks'} the rules; your function says otherwise.",
        where="For each pair: move both, then ask `solves`. All must say yes.",
    )
    passed("keeps_rules", f"{len(names)} moves, {kept} of them symmetries")


# --- counting --------------------------------------------------------------------------------------------------------


def latin_squares(n: int) -> list[np.ndarray]:
    """All of them, in the plain way: row by row out of all rows."""
    rows = [np.array(row) for row in product(range(1, n + 1), repeat=n) if len(set(row)) == n]
    squares: list[list[np.ndarray]] = [[]]
    for _ in range(n):
        squares = [[*s, row] for s in squares for row in rows if all((row != above).all() for above in s)]
    return [np.stack(square) for square in squares]


def solution_count(answer: Callable[[np.ndarray, int], int]) -> None:
    """How many squares keep the clues, up to a limit."""
    everything = {n: latin_squares(n) for n in (2, 3, 4)}
    cases = [
        (grid("1..", "...", "..."), 100),
        (grid("...", "...", "..."), 100),
        (grid("...", "...", "..."), 2),
        (grid("12.", "...", "..."), 1),
        (grid("12.", "...", "..."), 9),
        (grid("11", ".."), 5),
        (grid("1...", "...1", "..1.", ".1.."), 1000),
        (grid("1..1", "....", "....", "...."), 3),
        (grid("1...", ".2..", "..3.", "...4"), 50),
        (grid("12..", "..1.", ".3..", "...."), 50),
        (grid("12", "21"), 4),
        (grid("123", "231", "113"), 6),  # nothing is open, and clues contradict each other
    ]
    for question, limit in cases:
        n, still_open = len(question), int((question == 0).sum())
        found = [s for s in everything[n] if clues_kept(question, s)]
        in_rows = [s for s in rows_squares(n) if clues_kept(question, s)]
        expected = min(len(found), limit)
        orders = len(found) * math.factorial(still_open)
        judge(
            run(answer, question, limit),
            expected,
            given=f"solution_count({question.tolist()}, limit={limit})",
            mistakes=[
                Mistake(
                    "stops-at-the-first",
                    min(len(found), 1),
                    "You stopped at the first solution.",
                    "That tells a solvable puzzle from an unsolvable one, but not one solution from two. Add them up.",
                ),
                Mistake(
                    "counts-the-same-twice",
                    min(orders, limit),
                    "The same solution was counted many times, once for each order in which its cells were filled.",
                    "At each depth choose ONE open cell, and try the digits there. The others wait for their turn.",
                ),
                Mistake(
                    "limit-ignored",
                    len(found),
                    "You counted all solutions, beyond the limit.",
                    "Nobody needs the exact number above the limit, and it can take for ever. Stop when it is reached.",
                ),
                Mistake(
                    "limit-overrun",
                    min(len(found), limit + 1),
                    "The result is above the limit.",
                    "When you have found `limit` solutions, stop: `>=`, not `>`.",
                ),
                Mistake(
                    "columns-forgotten",
                    min(len(in_rows), limit),
                    "You counted squares whose rows are right, but whose columns are not.",
                    "Before you write a digit: is it in the row already? And in the column?",
                ),
                Mistake(
                    "counts-open-cells",
                    still_open,
                    "You returned the number of open cells.",
                    "What is asked for is how many complete squares fit.",
                ),
                *(
                    [
                        Mistake(
                            "contradiction-unnoticed",
                            value,
                            "Two equal clues stand in one line, and still you found solutions.",
                            "Only new digits are tested against the clues. Who tests the clues against each other?",
                        )
                        for value in range(1, limit + 1)
                    ]
                    if any(len(set(c := row[row > 0].tolist())) < len(c) for row in question)
                    else []
                ),
            ],
            where="Do a 2 x 2 square by hand: it has two solutions when empty, and one with a single clue.",
        )
    passed("solution_count", f"{len(cases)} questions of side 2 to 4, with contradictions and limits")


def rows_squares(n: int) -> list[np.ndarray]:
    """Squares whose rows alone are complete (none for side 4: there are too many to matter)."""
    if n > 3:
        return []
    rows = [row for row in product(range(1, n + 1), repeat=n) if len(set(row)) == n]
    return [np.array(square) for square in product(rows, repeat=n)]


# --- leaks -----------------------------------------------------------------------------------------------------------


def new_puzzles(answer: Callable[..., Sequence[int]]) -> None:
    """Places of the test puzzles that no symmetry turns into a training puzzle or an earlier test puzzle."""

    def mirrors(tokens: np.ndarray) -> np.ndarray:
        return np.stack([tokens, tokens[::-1]])

    def dihedral(tokens: np.ndarray) -> np.ndarray:
        square = tokens.reshape(2, 2)
        turned = [np.rot90(square, k) for k in range(4)]
        return np.stack([g.reshape(-1) for s in turned for g in (s, s.T)])

    row = (
        np.array([[1, 2, 3, 1], [2, 2, 1, 3], [3, 3, 3, 1]]),
        np.array([[1, 2, 3, 1], [1, 3, 2, 1], [2, 1, 3, 2], [3, 1, 2, 2], [2, 3, 1, 2], [1, 1, 2, 3], [2, 3, 1, 2]]),
        mirrors,
    )
    draw = np.random.default_rng(5)
    square = (draw.integers(1, 4, (6, 4)), draw.integers(1, 4, (25, 4)), dihedral)
    alone = (np.array([[4, 4, 4, 4]]), np.array([[1, 2, 3, 3], [4, 4, 4, 1], [1, 4, 4, 4], [4, 4, 4, 4]]), mirrors)
    for training, test, images in (row, square, alone):
        seen, count = {tuple(image) for puzzle in training for image in images(puzzle).tolist()}, range(len(test))
        raw = {tuple(puzzle) for puzzle in training.tolist()}
        smallest = [min(map(tuple, images(puzzle).tolist())) for puzzle in test]
        tokens = [tuple(puzzle) for puzzle in test.tolist()]
        bags, known_bags = [tuple(sorted(t)) for t in tokens], {tuple(sorted(t)) for t in raw}
        leaked = [t in seen for t in tokens]
        expected = [i for i in count if not leaked[i] and smallest.index(smallest[i]) == i]
        judge(
            plain(run(answer, training, test, images)),
            expected,
            given=f"training {training.tolist()}, test {test[:7].tolist()}{' ...' if len(test) > 7 else ''}",
            mistakes=[
                Mistake(
                    "raw-tokens",
                    [i for i in count if tokens[i] not in raw and tokens.index(tokens[i]) == i],
                    "A turned training puzzle was kept: you compared tokens as they are.",
                    "Turn the puzzle in every way, and look whether one of its images is known.",
                ),
                Mistake(
                    "raw-tokens",
                    [i for i in count if tokens[i] not in raw],
                    "A turned training puzzle was kept: you compared tokens as they are.",
                    "Turn the puzzle in every way, and look whether one of its images is known.",
                ),
                Mistake(
                    "twins-in-the-test",
                    [i for i in count if not leaked[i]],
                    "Two test puzzles that are images of each other were both kept.",
                    "They are one puzzle, and it would count twice. Remember the test puzzles that you kept.",
                ),
                Mistake(
                    "twins-by-tokens",
                    [i for i in count if not leaked[i] and tokens.index(tokens[i]) == i],
                    "Twins within the test set were found only where their tokens are equal.",
                    "What holds between training and test holds within the test set: compare all images.",
                ),
                Mistake(
                    "all-twins-left-out",
                    [i for i in count if not leaked[i] and smallest.count(smallest[i]) == 1],
                    "Of twins in the test set you kept none.",
                    "The first of them is a good new puzzle: keep it.",
                ),
                Mistake(
                    "last-twin-kept",
                    [i for i in count if not leaked[i] and smallest[i] not in smallest[i + 1 :]],
                    "Of twins in the test set you kept the last.",
                    "Go through the test set from the front, and remember what you kept so far.",
                ),
                Mistake(
                    "too-coarse",
                    [i for i in count if bags[i] not in known_bags and bags.index(bags[i]) == i],
                    "New puzzles were left out: you compared which tokens occur, not where.",
                    "Sorted tokens are equal for many different puzzles. Compare images, cell by cell.",
                ),
                Mistake(
                    "leaks-kept",
                    [i for i in count if leaked[i]],
                    "You returned the puzzles that leak, instead of those that are new.",
                    "Read again what comes back: the places of the puzzles to keep.",
                ),
                Mistake(
                    "puzzles-instead-of-places",
                    [list(tokens[i]) for i in expected],
                    "You returned the puzzles; their places were asked for.",
                    "`enumerate` gives the place of each puzzle along with it.",
                ),
            ],
            where="Write down all images of each test puzzle, and see whether one stands in training or came before.",
        )
    passed("new_puzzles", "3 pairs of sets under 2 groups, with turned copies and twins")


def plain(value: Any) -> Any:
    """A list of numbers, whether it came as an array or as a list of NumPy's numbers."""
    return value.tolist() if isinstance(value, np.ndarray) else value


# --- a claim ---------------------------------------------------------------------------------------------------------


def solved_by(shares: Sequence[float], count: int, seed: int) -> np.ndarray:
    """bool [S, N] with exactly these shares of True in its rows."""
    draw = np.random.default_rng(seed)
    return np.stack([draw.permutation(np.arange(count) < round(share * count)) for share in shares])


def verdict_of(low: float, high: float) -> str:
    return "better" if low > 0 else "worse" if high < 0 else "not separated"


def claim(answer: Callable[[np.ndarray, np.ndarray], Any]) -> None:
    """The paired interval over seeds, and what may be said."""
    cases = [
        ([0.50, 0.60, 0.70], [0.60, 0.80, 0.80], 20),  # all seeds point one way; not enough
        ([0.30, 0.60, 0.85], [0.40, 0.72, 0.95], 100),  # seeds differ much, their differences little: pairs tell
        ([0.90, 0.80, 0.88, 0.94], [0.40, 0.35, 0.42, 0.41], 50),  # worse
        ([0.50, 0.60], [0.60, 0.62], 100),
        ([0.5, 0.5, 0.5, 0.5], [0.5, 0.6, 0.4, 0.5], 10),
    ]
    for shares_before, shares_after, count in cases:
        before, after = solved_by(shares_before, count, 1), solved_by(shares_after, count, 2)
        d = after.mean(1) - before.mean(1)
        seeds, middle = len(d), float(d.mean())

        def around(half: float, middle: float = middle) -> list[Any]:
            return [middle - half, middle + half, verdict_of(middle - half, middle + half)]

        factor, root = t_quantile(seeds - 1), seeds**0.5
        half = factor * float(d.std(ddof=1)) / root
        expected = around(half)
        total, hits = before.size, (before.sum(), after.sum())
        pooled = float(np.sqrt(sum(h / total * (1 - h / total) / total for h in hits)))
        apart = (after.astype(float) - before).reshape(-1)
        low, high = difference_interval(before.mean(1), after.mean(1)) or (math.nan, math.nan)
        spread = sum(float(side.mean(1).var(ddof=1)) / seeds for side in (before, after)) ** 0.5
        pooled_said = (
            "You counted all puzzles of all seeds as independent.",
            "The puzzles of one seed share one network. The independent things are the seeds: one number for each.",
        )
        unpaired_said = (
            "You did not use the pairs: the spread of each method went into the interval.",
            "A good seed may be good for both methods. First subtract, seed by seed; then look at the spread.",
        )
        said = ["better" if middle > 0 else "worse" if middle < 0 else "not separated"]
        wilson = [wilson_interval(int(h), total) for h in hits]
        apart_wilson = [wilson[1][0] - wilson[0][1], wilson[1][1] - wilson[0][0]]
        mistakes = [
            *(
                Mistake("seeds-pooled", around(factor_ * error), *pooled_said)
                for factor_ in (1.96, t_quantile(max(1, total - 1)))
                for error in (pooled, float(apart.std(ddof=1)) / total**0.5, float(apart.std()) / total**0.5)
            ),
            Mistake("seeds-pooled", [*apart_wilson, verdict_of(*apart_wilson)], *pooled_said),
            Mistake("unpaired", [low, high, verdict_of(low, high)], *unpaired_said),
            Mistake("unpaired", around(factor * spread), *unpaired_said),
            Mistake("unpaired", around(t_quantile(2 * seeds - 2) * spread), *unpaired_said),
            Mistake(
                "normal-factor",
                around(1.96 * float(d.std(ddof=1)) / root),
                "You took 1.96 standard errors.",
                "That is for many seeds. With three, the spread itself is hardly known: take `t_quantile(S - 1)`.",
            ),
            Mistake(
                "degrees-of-freedom",
                around(t_quantile(seeds) * float(d.std(ddof=1)) / root),
                "The factor belongs to one seed more.",
                "One degree of freedom was spent on the mean: `t_quantile` wants S - 1.",
            ),
            Mistake(
                "ddof-zero",
                around(factor * float(d.std()) / root),
                "Your standard deviation has S in its denominator; with few seeds that is too small.",
                "NumPy's `std` divides by S unless you say `ddof=1`.",
            ),
            Mistake(
                "root-forgotten",
                around(factor * float(d.std(ddof=1))),
                "Your interval is that of one seed, not that of the mean.",
                "The mean of S differences is steadier than one: divide by the root of S.",
            ),
            Mistake(
                "direction",
                [-expected[1], -expected[0], verdict_of(-expected[1], -expected[0])],
                "Your interval has its sign turned: it is before minus after.",
                "A positive number shall mean that `after` is better.",
            ),
            Mistake(
                "point-difference",
                [*expected[:2], *said],
                "The interval is right, but the verdict followed the mean difference alone.",
                "Zero lies within the interval: other seeds could turn the sign. What may be claimed then?",
            ),
            Mistake(
                "point-difference",
                [middle, middle, *said],
                "You gave the mean difference without an interval, and took it for evidence.",
                "How far could it move with other seeds? That is half of the answer.",
            ),
        ]
        judge(
            list(yours) if isinstance(yours := run(answer, before, after), tuple) else yours,
            expected,
            given=f"{seeds} seeds, {count} puzzles; shares before {shares_before}, after {shares_after}",
            mistakes=mistakes,
            where="Make S differences of shares first. Then their mean, their deviation, the factor, the two ends.",
            tolerance=1e-5,
        )
    one = (solved_by([0.5], 20, 3), solved_by([0.9], 20, 4))
    with np.errstate(all="ignore"):
        yours = run(answer, *one)
    if yours is not None:
        refuse(
            "one-seed-is-enough",
            "With one seed there is no spread, and still you returned something.",
            "How much would another seed change? Nobody knows. Return None before you divide by S - 1.",
            given="1 seed, 20 puzzles; shares before [0.5], after [0.9]",
            yours=yours,
            expected="None",
        )
    passed("claim", f"{len(cases)} comparisons of 2 to 4 seeds, and one seed alone")


# --- the whole task --------------------------------------------------------------------------------------------------


def solutions_of(tokens: np.ndarray, side: int, limit: int = 2) -> int:
    """Of a Latin square with side + 1 for open cells, counted up to `limit`."""
    square = tokens.reshape(side, side).astype(int)
    still_open = np.argwhere(square > side)
    if not len(still_open):
        return 1

    def fits(cell: np.ndarray) -> list[int]:
        r, c = cell
        return [d for d in range(1, side + 1) if d not in square[r] and d not in square[:, c]]

    cell, found = min(still_open, key=lambda place: len(fits(place))), 0
    for digit in fits(cell):
        fuller = square.copy()
        fuller[tuple(cell)] = digit
        found += solutions_of(fuller, side, limit - found)
        if found >= limit:
            break
    return found


CONFORMANCE = {
    # check of the suite -> the name of the mistake, and what to say
    "symmetries": (
        "not-a-symmetry",
        "One of your symmetries breaks the rules, or has no way back.",
        "Move a question and its answer both: rows may change places, single cells may not. See the line below.",
    ),
    "generate": (
        "not-from-rng",
        "The same seed does not give the same puzzles, or they are not all different.",
        "Draw every random number from `rng`: no `np.random`, no `random`, nothing kept between two calls.",
    ),
    "puzzles": (
        "no-puzzles",
        "The library could not make puzzles with your `make`.",
        "It must return a question and an answer that solves it; the line below says what was wrong.",
    ),
    "solutions": (
        "rules-refuse-the-answer",
        "Your rules refuse an answer that is right.",
        "For a complete Latin square with all clues kept the list must be empty.",
    ),
    "single changes": (
        "rules-let-pass",
        "Your rules let an answer with a wrong cell pass.",
        "Change one cell of a full square: its row and its column both lack a digit then.",
    ),
}


def LatinSquare(answer: Callable[[int], Any]) -> None:
    """A whole task: rules, a group of symmetries, unique puzzles; conformance, and what that does not ask."""
    for side in (4, 3, 5):
        task = answer(side)
        given = f"LatinSquare({side})"
        square = (np.arange(side)[:, None] + np.arange(side)) % side + 1
        open_everywhere = np.full(side * side, side + 1, np.uint8)
        rows_only = np.tile(np.arange(1, side + 1), (side, 1))
        tried = {
            "rows-not-watched": (rows_only.T, "rows", "rows"),
            "columns-not-watched": (rows_only, "columns", "columns"),
        }
        for name, (wrong, what, where) in tried.items():
            found = task.rules(open_everywhere, wrong.reshape(-1).astype(np.uint8))
            if isinstance(found, list) and not found:
                refuse(
                    name,
                    f"Your rules find nothing in a square all of whose {what} are wrong.",
                    f"Go through the {where} of the answer too; the transposed grid helps.",
                    given=f"{given}, the answer {wrong.tolist()}",
                    yours=found,
                    expected="a text for each broken line",
                )
        found = task.rules(open_everywhere, square.reshape(-1).astype(np.uint8))
        if found != []:
            refuse(
                "rules-refuse-the-answer",
                "Your rules refuse a square that is right.",
                "For a complete Latin square the list must be empty: an empty list means that nothing is broken.",
                given=f"{given}, the answer {square.tolist()}",
                yours=found,
                expected=[],
            )
        task.make(np.random.default_rng(0))  # an unfinished method says so itself
        symmetries = list(task.all_symmetries())
        if len(symmetries) < 8:
            refuse(
                "few-symmetries",
                f"There are only {len(symmetries)} symmetries; at least 8 were asked for.",
                "Mirror and transposition together make eight already: what does `group_of` do with a few of them?",
                given=f"{given}.all_symmetries()",
                yours=len(symmetries),
                expected="8 or more",
            )
        group = set(symmetries)
        some = symmetries[:40]
        closed = all(a.then(b) in group for a in some for b in some) and all(s.inverse() in group for s in some)
        if len(group) < len(symmetries) or not closed:
            refuse(
                "no-group",
                "Your symmetries are no group: one after another leads out of the list, or one stands there twice.",
                "Then fingerprints of the same puzzle differ. `group_of([...])` makes the list complete.",
                given=f"{given}.all_symmetries()",
                yours=f"{len(symmetries)} listed, {len(group)} different, closed: {closed}",
                expected="all different, closed",
            )
        conform(task, given)
        puzzles = task.generate(8, seed=3)
        for question in puzzles.questions:
            count = solutions_of(question, side)
            if count != 1:
                refuse(
                    "several-solutions",
                    "A question of yours has more than one solution.",
                    "The conformance suite does not ask for that. Count before you take a clue away for good.",
                    given=f"{given}, question {task.decode(question)!r}",
                    yours="2 solutions or more",
                    expected="1 solution",
                )
        least = int((puzzles.questions == side + 1).sum(1).min())
        if 3 * least < side * side:
            refuse(
                "few-open-cells",
                f"A question of yours has only {least} open cells of {side * side}.",
                "At least a third must be open. Go through all cells before you stop taking clues away.",
                given=f"{given}.generate(8, seed=3)",
                yours=least,
                expected=f"at least {math.ceil(side * side / 3)}",
            )
    passed(
        "LatinSquare",
        f"sides 3 to 5; {len(CHECKS)} checks of the conformance suite; every question has one solution",
    )


def conform(task: Any, given: str) -> None:
    """Run the suite, and say its finding as a teacher would. NotImplementedError is let through."""
    try:
        check_task(task, count=8)
    except ConformanceError as error:
        said = str(error)
        if isinstance(error.__cause__, NotImplementedError):
            raise error.__cause__ from None
        if "does not solve its question" in said:
            refuse(
                "answer-of-another-question",
                "Your `make` returns an answer that does not solve its question.",
                "Both must come from one square: every clue stands in the answer too.",
                given=given,
                yours=said,
                expected="an answer that keeps every clue",
            )
        if error.__cause__ is not None and not isinstance(error.__cause__, TrmEduError):
            raise error.__cause__ from None  # the learner's own error: its traceback shows the line
        check = said.split(": ")[0].rsplit(", ", 1)[-1]
        name, what, where = CONFORMANCE.get(
            check,
            (
                "conformance",
                f"The conformance suite is not content: its check {check!r} fails.",
                "Read the line `yours` below: it names the puzzle and the promise that is broken.",
            ),
        )
        refuse(name, what, where, given=given, yours=said, expected="the suite finds nothing")
