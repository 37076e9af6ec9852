"""Checks of lesson 14: reading every step, sizes of steps, the best of K, periods, votes, noise, and occlusion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trm_edu.checks.teacher import Mistake, copied, judge, passed, refuse, run, same
from trm_edu.tasks import get_task

__all__ = ["best_of_k", "decode_steps", "noisy_steps", "occlusion", "period", "step_sizes", "vote"]


class ToyStep:
    """A supervision step that can be followed: y and z move each other. Small enough for any check."""

    def __init__(self, width: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.weights = torch.randn(4, width, width, generator=draw) / width**0.5 * 1.3

    def __call__(self, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        to_z, keep_z, to_y, keep_y = self.weights.to(y.dtype)
        z = torch.tanh(y @ to_z + z @ keep_z + 0.1)
        return torch.tanh(z @ to_y + y @ keep_y - 0.2), z


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# --- reading every step ----------------------------------------------------------------------------------------------


def decode_steps(answer: Callable[..., Tensor]) -> None:
    """The best token of each cell, from y, after each step."""
    for count, batch, positions, width, vocabulary, prefix, seed in ((4, 3, 7, 5, 6, 2, 0), (3, 2, 6, 8, 9, 0, 4)):
        step, table = ToyStep(width, seed), normal(width, vocabulary, seed=seed + 1)
        y, z = (normal(batch, positions, width, seed=seed + i) for i in (2, 3))

        def head(state: Tensor, table: Tensor = table) -> Tensor:
            return state @ table.to(state.dtype)

        path = [(y, z)]
        for _ in range(count):
            path.append(step(*path[-1]))
        fresh_z, fresh_y = [y], [y]
        for _ in range(count):
            fresh_z.append(step(fresh_z[-1], z)[0])
        now = z
        for _ in range(count):
            after, now = step(y, now)
            fresh_y.append(after)

        def tokens(states: list[Tensor], head: Callable = head, prefix: int = prefix) -> Tensor:
            return torch.stack([head(state)[:, prefix:].argmax(-1) for state in states])

        ys, zs = [state[0] for state in path], [state[1] for state in path]
        everywhere = torch.stack([head(state).argmax(-1) for state in ys[1:]])
        mistakes = [
            Mistake(
                "reads-z",
                tokens(zs[1:]),
                "You read z instead of y.",
                "The head is made for the answer state. Which of the two does a step renew last?",
            ),
            Mistake(
                "decode-before-the-step",
                tokens(ys[:-1]),
                "You read before the step: your first answer is that of the untouched start.",
                "Inside the loop: first improve, then read.",
            ),
            Mistake(
                "start-read-too",
                tokens(ys),
                "There is one answer too many: that of the start.",
                "The start has not been improved yet. Read after steps only.",
            ),
            Mistake(
                "state-not-carried",
                tokens([ys[1]] * count),
                "Every step began at the start again.",
                "Does your loop use what the step gave back, or what the function was given?",
            ),
            Mistake(
                "z-not-carried",
                tokens(fresh_z[1:]),
                "y went on from step to step, but z began anew each time.",
                "A step gives back two states. Both go into the next one.",
            ),
            Mistake(
                "y-not-carried",
                tokens(fresh_y[1:]),
                "z went on from step to step, but y began anew each time.",
                "A step gives back two states. Where does the new y go?",
            ),
            Mistake(
                "last-step-only",
                tokens(ys[-1:])[0],
                "Only the answer after the last step came back.",
                "Keep what you read in a list, and stack it at the end.",
            ),
            Mistake(
                "argmax-over-cells",
                torch.stack([head(state)[:, prefix:].argmax(1) for state in ys[1:]]),
                "It looks as if the argmax runs over the cells.",
                "The axes of the scores are puzzle, position, token. Each cell has a best token.",
            ),
            Mistake(
                "scores-not-tokens",
                torch.stack([head(state)[:, prefix:] for state in ys[1:]]),
                "You returned the scores.",
                "An answer is one token for each cell: the one with the highest score.",
            ),
        ]
        if prefix:
            mistakes += [
                Mistake(
                    "prefix-read",
                    everywhere,
                    "The positions of the prefix came back as if they were cells.",
                    "The first `prefix` positions stand before the grid. What remains are L cells.",
                ),
                Mistake(
                    "prefix-cut-at-the-end",
                    everywhere[..., :-prefix],
                    "You cut the right number of positions, but at the wrong end.",
                    "Does the prefix stand before the cells or behind them?",
                ),
            ]
        judge(
            run(answer, step, head, y, z, count, prefix),
            tokens(ys[1:]),
            given=f"{count} steps, y and z [{batch}, {positions}, {width}], prefix {prefix}, {vocabulary} tokens",
            mistakes=mistakes,
            where="Follow one puzzle: which state goes into step 2, and which state does the head read after it?",
        )
    passed("decode_steps", "4 steps with a prefix of 2, and 3 steps without one")


# --- sizes of steps --------------------------------------------------------------------------------------------------


def step_sizes(answer: Callable[[Tensor], Tensor]) -> None:
    """|after - before| / |after|, of each puzzle's whole state."""
    uneven = normal(5, 3, 4, 2, seed=0) * torch.tensor([1.0, 3.0, 0.2])[:, None, None]
    resting = normal(4, 2, 3, 5, seed=1) * 7
    resting[3, 0] = resting[2, 0]
    for path, what in ((uneven, "4 steps of 3 puzzles"), (resting, "3 steps of 2 puzzles, the first rests at the end")):
        flat = path.flatten(2)
        moved, length = (flat[1:] - flat[:-1]).norm(dim=-1), flat[1:].norm(dim=-1)
        cells = (path[1:] - path[:-1]).norm(dim=-1) / path[1:].norm(dim=-1)
        whole = path.flatten(1)
        batch = (whole[1:] - whole[:-1]).norm(dim=-1) / whole[1:].norm(dim=-1)
        mistakes = [
            Mistake(
                "absolute",
                moved,
                "The sizes are absolute: they are not divided by anything.",
                "A step of length 1 is large for a short state and small for a long one. Divide by the length.",
            ),
            Mistake(
                "relative-to-before",
                moved / flat[:-1].norm(dim=-1),
                "You divided by the length before the step.",
                "From (3, 4) to (6, 8) the size is 5 / 10. Which of the two states is 10 long?",
            ),
            Mistake(
                "relative-to-the-start",
                moved / flat[0].norm(dim=-1),
                "You divided by the length of the start.",
                "Each step has its own state after it, with a length of its own.",
            ),
            Mistake(
                "norm-over-the-batch",
                batch,
                "You made one number of all puzzles.",
                "Each puzzle has its own size. Which axis must not go into the length?",
            ),
            Mistake(
                "norm-over-the-batch",
                batch[:, None].expand_as(moved),
                "You made one number of all puzzles.",
                "Each puzzle has its own size. Which axis must not go into the length?",
            ),
            Mistake(
                "norm-over-the-batch",
                moved / path[1:].flatten(1).norm(dim=-1, keepdim=True),
                "You made one number of all puzzles.",
                "Each puzzle has its own size. Which axis must not go into the length?",
            ),
            Mistake(
                "mean-of-the-positions",
                cells.mean(-1),
                "You made a size for each position, then took the mean.",
                "The state of a puzzle is one long vector. Make it one before you take a length.",
            ),
            Mistake(
                "one-size-for-each-position",
                cells,
                "You returned a size for each position.",
                "The state of a puzzle is one long vector: all positions and all channels together.",
            ),
            Mistake(
                "from-the-start",
                (flat[1:] - flat[0]).norm(dim=-1) / length,
                "You measured how far the state is from the start.",
                "The size of a step compares two states that follow each other.",
            ),
            Mistake(
                "squared",
                (moved / length) ** 2,
                "The sizes are squared.",
                "A length is the square root of the sum of squares.",
            ),
            Mistake(
                "sum-of-absolutes",
                (flat[1:] - flat[:-1]).abs().sum(-1) / flat[1:].abs().sum(-1),
                "You added absolute values instead of squares.",
                "By the rule of Pythagoras (3, 4) is 5 long, not 7.",
            ),
            Mistake(
                "difference-of-lengths",
                (length - flat[:-1].norm(dim=-1)).abs() / length,
                "You took the difference of two lengths instead of the length of the difference.",
                "A state that only turns keeps its length, and moves all the same.",
            ),
            Mistake(
                "transposed",
                (moved / length).T,
                "Rows and columns are exchanged.",
                "What comes back has a row for each step and a column for each puzzle.",
            ),
        ]
        judge(
            run(answer, path),
            moved / length,
            given=f"path {list(path.shape)}: {what}",
            mistakes=mistakes,
            where="By hand: from (3, 4) to (6, 8) the difference is (3, 4), its length 5, the state after it 10 long.",
            tolerance=1e-5,
        )
    passed("step_sizes", "4 steps of 3 puzzles of different size, and one that rests")


# --- the best of K ---------------------------------------------------------------------------------------------------

Case = tuple[str, Tensor, Tensor, Tensor, Callable[[Tensor], bool] | None]


def best_cases() -> list[Case]:
    """What is tried: words, question, tokens, halt logits, rules."""
    task = get_task("sudoku4")

    def rules(grid: Tensor) -> bool:
        return int(task.repeats(torch.as_tensor(grid)[None].long())) == 0

    def grid(text: str) -> Tensor:
        return torch.from_numpy(task.encode(text)).long()

    question = grid("12.. .... .... ....")
    first, second = grid("1234 3412 2143 4321"), grid("1243 4312 3124 2431")
    other = grid("2134 3412 1243 4321")  # obeys the rules, changed two clues
    broken = grid("1234 3412 2143 4322")  # keeps the clues, breaks a rule
    foreign = grid("2134 3412 1243 4322")  # neither
    mixed = torch.stack([broken, other, first, foreign, second])
    none = torch.stack([foreign, other, broken, other])
    many = torch.stack([foreign, other, broken, first, second, other, broken, first])
    logits = torch.tensor(
        [
            [0.0, 5.0, 0.0, 1.0, 4.0, 0.0, 0.0, 0.0],
            [0.0, -6.0, 0.0, 9.0, 4.0, 3.0, 0.0, 0.0],
            [1.0, 0.0, 3.0, -8.0, 2.5, -9.0, 0.5, 1.5],
        ]
    )
    wanted = torch.tensor([[0.0, 9.0, 0.0, 0.0, 0.0], [4.0, 3.0, 0.5, 5.0, 1.0]])
    return [
        ("no rules, 3 steps, 8 starts", question, many, logits, None),
        ("no rules, 1 step, 4 starts", question, none, torch.tensor([[-3.0, -1.0, -9.0, -2.0]]), None),
        ("rules; starts 2 and 4 have legal answers to this question", question, mixed, wanted, rules),
        ("rules; no start has a legal answer", question, none, torch.tensor([[2.0, 1.0, 3.0, 0.0]]), rules),
        ("rules; only the last of three starts is legal", question, mixed[:3], torch.tensor([[5.0, 6.0, -4.0]]), rules),
    ]


def chosen(sure: Tensor, fine: Tensor) -> int:
    """The surest of those that are fine, of all if none is."""
    return int(sure.masked_fill(~fine & fine.any(), -torch.inf).argmax())


def best_of_k(answer: Callable[..., int]) -> None:
    """The surest start at the last step, among those that rules and clues allow."""
    said = (
        "Only starts that obey the rules and keep every clue may be chosen.",
        "Check both by hand for each start, then look for the highest halt logit among those that are left.",
    )
    for words, question, tokens, logits, rules in best_cases():
        last, count = logits[-1], len(tokens)
        kept = ((tokens == question) | (question == 1)).all(1)
        legal = torch.tensor([rules is None or rules(grid) for grid in tokens])
        fine = legal & kept if rules is not None else torch.ones(count, dtype=torch.bool)
        expected = chosen(last, fine)
        mistakes: list[Mistake] = []

        def wrong(name: str, value: Any, what: str, where: str, mistakes: list[Mistake] = mistakes) -> None:
            mistakes.append(Mistake(name, value, what, where))

        if rules is None:
            wrong(
                "logit-of-the-first-step",
                int(logits[0].argmax()),
                "You read the halting head after the first step.",
                "The answers belong to the last step. What did the head say of them?",
            )
            wrong(
                "mean-over-the-steps",
                int(logits.mean(0).argmax()),
                "You averaged the halting logits over the steps.",
                "What was said of earlier answers says nothing of the one you are given.",
            )
            wrong(
                "highest-at-any-step",
                int(logits.amax(0).argmax()),
                "You took the highest logit of any step.",
                "A start may have been sure of an earlier answer, and have left it since.",
            )
            wrong(
                "place-in-the-flat-table",
                int(logits.argmax()),
                "The number is the place in the whole table, not the number of a start.",
                "`argmax` without an axis counts through all rows. You need one row only.",
            )
            wrong(
                "most-doubtful",
                int(last.argmin()),
                "You chose the start that was least sure.",
                "A high halt logit means: I am probably right.",
            )
            wrong(
                "last-start",
                count - 1,
                "You chose the last start.",
                "The order of the starts means nothing. Who is surest?",
            )
            wrong(
                "first-start",
                0,
                "You chose the first start.",
                "The order of the starts means nothing. What do the halt logits say?",
            )
        else:
            if not fine.any():
                for nothing in (None, -1):
                    wrong(
                        "gives-up-without-a-legal-one",
                        nothing,
                        "No grid was legal, and you chose none.",
                        "Something is handed in anyway. What would you choose if you had no rules?",
                    )
                wrong(
                    "first-without-a-legal-one",
                    0,
                    "No grid was legal, and you fell back on the first start.",
                    "Fall back on the choice without rules: the surest start of all.",
                )
                wrong(
                    "last-without-a-legal-one",
                    count - 1,
                    "No grid was legal, and you fell back on the last start.",
                    "Without a legal grid, choose as if there were no rules at all.",
                )
            else:
                places = fine.nonzero()[:, 0].tolist()
                wrong(
                    "rules-not-used",
                    int(last.argmax()),
                    "The rules had no say: you chose the surest start of all.",
                    "A function came with the answers. Whom does it throw out?",
                )
                wrong(
                    "clues-not-checked",
                    chosen(last, legal),
                    "You chose a grid that obeys the rules, but changed a clue.",
                    "`rules` knows nothing of the question. Who checks that every clue is still there?",
                )
                wrong(
                    "clues-only",
                    chosen(last, kept),
                    "You chose a grid that keeps the clues, but breaks a rule.",
                    "Every answer that copies the clues fits them. The rest of the grid must obey the rules too.",
                )
                wrong(
                    "first-legal",
                    places[0],
                    "You stopped at the first legal grid.",
                    "This question has several solutions, so legal grids may differ. Of several, take the surest.",
                )
        judge(
            run(answer, question, tokens, logits, rules),
            expected,
            given=f"{words}; halt logits of the last step {last.tolist()}",
            mistakes=mistakes,
            where=said[1] if rules is not None else "Look at the last row of halt_logit: where is its largest number?",
            what=said[0] if rules is not None else "The chosen start is not the surest one at the last step.",
        )
    passed("best_of_k", "without rules, with two legal grids, with one, and with none")


# --- rest, circle or neither -----------------------------------------------------------------------------------------

RUNS = (  # letters for grids, and `most`
    ("pqraaaaaa", 3),
    ("pqrababab", 3),
    ("abcabcabc", 3),
    ("pqraabbcc", 3),
    ("ababababpqrsttabcd", 4),
    ("aaaaaaaaabaaaaaaab", 4),
    ("pqrsabcdabcd", 4),
    ("pqxyaaaa", 3),
    ("aaabaaab", 4),
    ("abcdeabcde", 4),
)


def grids_of(letters: str) -> Tensor:
    """A grid of three cells for each letter: two letters differ in one cell only."""
    numbers = torch.tensor([ord(letter) for letter in letters])
    return torch.stack([torch.full_like(numbers, 5), numbers, torch.full_like(numbers, 7)], dim=1)


def smallest(letters: str, candidates: range, fits: Callable[[str, int], bool]) -> int:
    return next((p for p in candidates if fits(letters, p)), 0)


def repeats(letters: str, p: int) -> bool:
    return letters[p:] == letters[:-p]


def period(answer: Callable[[Tensor, int], int]) -> None:
    """The smallest p that holds all over the last 2 * most answers."""
    yours = [run(answer, grids_of(letters), most) for letters, most in RUNS]

    def of(rule: Callable[[str, int], int]) -> list[int]:
        return [rule(letters, most) for letters, most in RUNS]

    def end(letters: str, most: int) -> str:
        return letters[-2 * most :]

    def exact(letters: str, most: int) -> int:
        return smallest(end(letters, most), range(1, most + 1), repeats)

    expected = of(exact)
    nothing = [value or None for value in expected]
    mistakes = [
        Mistake(
            "rest-called-a-cycle",
            of(lambda s, m: smallest(end(s, m), range(2, m + 1), repeats)),
            "A run that rests was called a cycle of 2.",
            "Whatever repeats after one step also repeats after two. With which p must the search begin?",
        ),
        Mistake(
            "neighbours-only",
            of(lambda s, m: int(repeats(end(s, m), 1))),
            "Only neighbours were compared: a cycle was not seen.",
            "In `ababab` no two neighbours are equal. Which answers are?",
        ),
        Mistake(
            "start-up-included",
            of(lambda s, m: smallest(s, range(1, m + 1), repeats)),
            "The answers of the start-up were compared too.",
            "On the way to its end a run may do anything. Cut it to the last 2 * most answers first.",
        ),
        Mistake(
            "one-coincidence",
            of(lambda s, m: smallest(end(s, m), range(1, m + 1), lambda t, p: t[-1] == t[-1 - p])),
            "One equal pair was taken for a period.",
            "In `aabbcc` the last two are equal, and nothing rests. Every answer must fit, not only the last one.",
        ),
        Mistake(
            "window-too-short",
            of(lambda s, m: smallest(s[-m - 1 :], range(1, m + 1), repeats)),
            "Too few answers were compared.",
            "The last 2 * most answers count, not half of them.",
        ),
        Mistake(
            "largest-period",
            of(lambda s, m: next((p for p in range(m, 0, -1) if repeats(end(s, m), p)), 0)),
            "The largest period was returned; the smallest was asked for.",
            "A run of period 1 also has period 2 and 3. Stop at the first p that fits.",
        ),
        Mistake(
            "most-left-out",
            of(lambda s, m: smallest(end(s, m), range(1, m), repeats)),
            "A period of exactly `most` was missed.",
            "`range` leaves out its end. The smallest p from 1 to most, both included.",
        ),
        Mistake(
            "distinct-answers",
            of(lambda s, m: len(set(end(s, m)))),
            "You counted different answers.",
            "`aab` repeated has two different answers and period 3. In which order do they come?",
        ),
        Mistake(
            "distinct-answers",
            of(lambda s, m: d if (d := len(set(end(s, m)))) <= m else 0),
            "You counted different answers.",
            "`aab` repeated has two different answers and period 3. In which order do they come?",
        ),
        Mistake(
            "any-cell-suffices",
            [1] * len(RUNS),
            "Grids that differ in one cell were taken for equal.",
            "Two answers are equal if all their cells are. Which word of torch says 'all'?",
        ),
        Mistake(
            "none-for-no-period",
            nothing,
            "Where there is no period, None came back.",
            "Say 0 there, so that what comes back is always a number.",
        ),
    ]
    judge(
        yours,
        expected,
        given=", ".join(f"{letters} (most {most})" for letters, most in RUNS),
        mistakes=mistakes,
        where="Write the letters down twice, one row moved by p. Does every letter agree with the one below it?",
        what="Not every run has the period that you say.",
    )
    passed("period", f"{len(RUNS)} runs: at rest, in circles of 2, 3 and 4, after a start-up, and without any period")


# --- a vote of grids -------------------------------------------------------------------------------------------------


def vote(answer: Callable[[Tensor], Tensor]) -> None:
    """The whole grid that was given most often; the first of several."""
    # In each cell 3, 1, 7, 5 has the most votes; no answer is 3175, and 8626 is the only grid that came three times.
    rows = "1990 3145 3179 3275 8626 1990 9175 8626 3179 8626 3475"
    mixed = torch.tensor([list(map(int, row)) for row in rows.split()])
    tie = torch.tensor([[9, 9, 1], [5, 2, 2], [2, 8, 2], [2, 8, 2], [5, 2, 2], [7, 7, 7]])
    alone = torch.tensor([[1, 1, 2], [1, 2, 1], [2, 1, 1]])
    for tokens, words in (
        (mixed, "one grid three times"),
        (tie, "two grids twice each"),
        (alone, "three different ones"),
    ):
        votes = (tokens[:, None] == tokens).all(-1).sum(1)
        expected = tokens[int(votes.argmax())]
        agree = (tokens[:, None] == tokens).sum((1, 2))
        distinct, counts = tokens.unique(dim=0, return_counts=True)
        mistakes = [
            Mistake(
                "vote-of-cells",
                tokens.mode(0).values,
                "You let each cell vote by itself.",
                "Such a vote can build a grid that nobody gave. Compare whole grids.",
            ),
            Mistake(
                "vote-of-cells",
                torch.stack([torch.bincount(column).argmax() for column in tokens.T]),
                "You let each cell vote by itself.",
                "Such a vote can build a grid that nobody gave. Compare whole grids.",
            ),
            Mistake(
                "number-of-the-answer",
                int(votes.argmax()),
                "You returned a number; the grid itself was asked for.",
                "You know which answer it is. Look it up in the tokens.",
            ),
            Mistake(
                "number-of-votes",
                int(votes.max()),
                "You returned how many votes there were.",
                "The grid that got them was asked for.",
            ),
            Mistake(
                "last-of-the-best",
                tokens[len(votes) - 1 - int(votes.flip(0).argmax())],
                "Two grids have the most votes, and you took the one that appears later.",
                "Of several, the one that appears first. Where does your search stop?",
            ),
            Mistake(
                "smallest-of-the-best",
                distinct[int(counts.argmax())],
                "Two grids have the most votes, and you took the one with the smaller tokens.",
                "`unique` sorts. Of several, the one that appears first among the answers was asked for.",
            ),
            Mistake(
                "fewest-votes",
                tokens[int(votes.argmin())],
                "You took the grid with the fewest votes.",
                "argmax or argmin?",
            ),
            Mistake(
                "most-alike",
                tokens[int(agree.argmax())],
                "You took the answer that agrees with the others in the most cells.",
                "A grid that is nearly equal is another grid: it gives no vote.",
            ),
            Mistake(
                "first-answer",
                tokens[0],
                "You took the first answer.",
                "How often was each grid given?",
            ),
            Mistake(
                "last-answer",
                tokens[-1],
                "You took the last answer.",
                "Its place means nothing. Count how often each grid was given.",
            ),
        ]
        judge(
            run(answer, tokens),
            expected,
            given=f"{words}: {tokens.tolist()}",
            mistakes=mistakes,
            where="Count by hand how often each whole row occurs.",
        )
    passed("vote", "a majority against the vote of cells, a tie, and three answers of which no two are equal")


# --- noise in every step ---------------------------------------------------------------------------------------------


def noisy_steps(answer: Callable[..., tuple[Tensor, Tensor]]) -> None:
    """Fresh noise on z before each step."""
    for count, noise, batch, seed in ((3, 0.5, 3, 0), (4, 0.09, 2, 5)):
        step = ToyStep(5, seed)
        y, z = normal(batch, 4, 5, seed=seed + 1), normal(batch, 4, 5, seed=seed + 2)
        generator = torch.Generator().manual_seed(seed + 3)
        outside, mode = torch.random.get_rng_state(), torch.is_grad_enabled()
        yours = run(answer, step, copied(y), copied(z), count, noise, generator)
        used_global = not torch.equal(outside, torch.random.get_rng_state())
        torch.random.set_rng_state(outside)
        torch.set_grad_enabled(mode)
        given = f"{count} steps, noise {noise}, y and z [{batch}, 4, 5], generator with seed {seed + 3}"

        def after(rule: str, start: tuple = (step, y, z, count, noise, seed)) -> tuple[Tensor, Tensor]:
            return pushed(rule, *start)

        expected = after("right")
        if used_global and not same(yours, expected):
            refuse(
                "global-generator",
                "The noise was not drawn from the generator that you were given.",
                "Hand it to `torch.randn`: only then can anybody run the same noise again.",
                given=given,
                yours=yours,
                expected=expected,
            )
        mistakes = [
            Mistake(
                "noise-on-y-too",
                after("y too"),
                "y got noise as well.",
                "The answer is not to be disturbed, only the scratch pad. To how many states do you add noise?",
            ),
            Mistake(
                "noise-on-y-too",
                after("y too, again"),
                "y got noise as well.",
                "The answer is not to be disturbed, only the scratch pad. To how many states do you add noise?",
            ),
            Mistake(
                "noise-on-y-only",
                after("y only"),
                "y got the noise, and z none.",
                "The scratch pad z is the one to be pushed.",
            ),
            Mistake(
                "noise-accumulates",
                after("grows"),
                "The noise grows from step to step.",
                "Is there a sum that is kept? Each step gets one fresh draw and nothing of the earlier ones.",
            ),
            Mistake(
                "same-noise-for-all",
                after("shared"),
                "All puzzles got the same noise.",
                "Draw in the whole shape of z, the batch included.",
            ),
            Mistake(
                "same-noise-each-step",
                after("once"),
                "Every step got the same noise.",
                "It was drawn once, before the loop. Where must the draw stand to be anew each time?",
            ),
            Mistake(
                "noise-at-the-start-only",
                after("start"),
                "Only the first step got noise.",
                "That is another start. Here z is pushed before every step.",
            ),
            Mistake(
                "noise-after-the-step",
                after("after"),
                "The noise came after the step.",
                "The step is to repair the push: first push, then step. At the end nothing is added.",
            ),
            Mistake(
                "noise-is-a-variance",
                after("variance"),
                "You multiplied by the square root of `noise`.",
                "`noise` is the standard deviation already.",
            ),
            Mistake(
                "noise-not-scaled",
                after("unscaled"),
                "The size of the noise is always 1.",
                "`randn` has standard deviation 1. What must it be multiplied with?",
            ),
            Mistake(
                "uniform-noise",
                after("uniform"),
                "The noise is uniform between 0 and 1.",
                "One letter: `rand` is uniform and pushes one way; `randn` is normal, with mean 0.",
            ),
            Mistake(
                "no-noise",
                after("none"),
                "There is no noise in your result.",
                "Does the step get the pushed z, or the old one?",
            ),
            Mistake(
                "states-exchanged",
                expected[::-1],
                "y and z are exchanged.",
                "The step gives back (y, z), and so do you.",
            ),
        ]
        judge(
            yours,
            expected,
            given=given,
            mistakes=mistakes,
            where="Print y and z as they go into each step. Which of them is new, and by how much?",
            tolerance=1e-5,
        )
    passed("noisy_steps", "3 steps of 3 puzzles with noise 0.5, 4 steps of 2 puzzles with noise 0.09")


def pushed(
    rule: str, step: ToyStep, y: Tensor, z: Tensor, count: int, noise: float, seed: int
) -> tuple[Tensor, Tensor]:
    """What comes out if noise is added by the named rule."""
    generator = torch.Generator().manual_seed(seed + 3)
    uniform = torch.rand if rule == "uniform" else torch.randn
    size = {"variance": noise**0.5, "unscaled": 1.0, "none": 0.0}.get(rule, noise)

    def draw() -> Tensor:
        shape = z.shape[1:] if rule == "shared" else z.shape
        return size * uniform(shape, generator=generator)

    kept = draw() if rule == "once" else torch.zeros_like(z)
    for i in range(count):
        if rule == "after":
            y, z = step(y, z)
            z = z + draw()
            continue
        if rule == "y only":
            y = y + draw()
        elif rule == "grows":
            kept = kept + draw()
            z = z + kept
        elif rule == "once":
            z = z + kept
        elif rule == "y too":
            shift = draw()
            y, z = y + shift, z + shift
        elif rule == "y too, again":
            z = z + draw()
            y = y + draw()
        elif rule != "start" or i == 0:
            z = z + draw()
        y, z = step(y, z)
    return y, z


# --- what a cell looks at --------------------------------------------------------------------------------------------


def occlusion(answer: Callable[..., Tensor]) -> None:
    """How much the chosen token's score in one cell changes when a clue is covered."""
    for question, cell, vocabulary, blank, seed in (
        (torch.tensor([3, 1, 2, 5, 1, 4, 2]), 4, 6, 1, 0),
        (torch.tensor([1, 4, 3, 1, 2]), 2, 5, 1, 3),
    ):
        length = len(question)
        parts = normal(length, vocabulary, 6, seed=seed)
        out = normal(6, length * vocabulary, seed=seed + 1)

        def score(
            questions: Tensor, parts: Tensor = parts, out: Tensor = out, length: int = length, v: int = vocabulary
        ) -> Tensor:
            hidden = torch.tanh(parts[torch.arange(length), questions.long()].sum(1))
            return (hidden @ out).view(len(questions), length, v)

        whole = score(question[None])[0]
        token = int(whole[cell].argmax())
        clues = (question != blank).nonzero()[:, 0].tolist()

        def covered(by: int, places: list[int], question: Tensor = question, score: Callable = score) -> Tensor:
            asked = question.clone()
            asked[places] = by
            return score(asked[None])[0]

        def filled(values: list[Any], clues: list[int] = clues, length: int = length) -> Tensor:
            effect = torch.zeros(length)
            effect[clues] = torch.stack(values)
            return effect

        each = [covered(blank, [clue]) for clue in clues]
        growing = [covered(blank, clues[: i + 1]) for i in range(len(clues))]
        alone = [covered(blank, [c for c in clues if c != clue]) for clue in clues]
        padded = [covered(0, [clue]) for clue in clues]
        everything = torch.tensor([covered(0, [i])[cell, token] for i in range(length)])
        steps = [abs(b[cell, token] - a[cell, token]) for a, b in zip([whole, *growing], growing, strict=False)]
        signed = filled([e[cell, token] - whole[cell, token] for e in each])
        no_blank = "Which token does an empty cell have? It is handed to you."
        one_at_a_time = "Start each time from a fresh copy of the question."
        mistakes = [
            Mistake(
                "covered-with-padding",
                filled([(p[cell, token] - whole[cell, token]).abs() for p in padded]),
                "You covered the clue with token 0, which is padding.",
                no_blank,
            ),
            Mistake(
                "covered-with-padding",
                (everything - whole[cell, token]).abs(),
                "You covered the clue with token 0, which is padding.",
                no_blank,
            ),
            Mistake(
                "clues-stay-covered",
                filled([(g[cell, token] - whole[cell, token]).abs() for g in growing]),
                "The clues that you covered before were still covered.",
                one_at_a_time,
            ),
            Mistake(
                "clues-stay-covered",
                filled(steps),
                "The clues that you covered before were still covered.",
                one_at_a_time,
            ),
            Mistake(
                "all-but-one-covered",
                filled([(a[cell, token] - whole[cell, token]).abs() for a in alone]),
                "You covered all clues but one.",
                "The other way round: one clue is covered, all others stay.",
            ),
            Mistake(
                "signed",
                signed,
                "The changes have signs.",
                "A clue matters whether the score falls or rises without it. Take the absolute value.",
            ),
            Mistake(
                "signed",
                -signed,
                "The changes have signs.",
                "A clue matters whether the score falls or rises without it. Take the absolute value.",
            ),
            Mistake(
                "best-of-each",
                filled([(e[cell].max() - whole[cell].max()).abs() for e in each]),
                "You compared the best scores, whatever tokens they belong to.",
                "If another token wins, its score may be as high. Follow the token of the whole question.",
            ),
            Mistake(
                "token-of-the-covered",
                filled([(e[cell, e[cell].argmax()] - whole[cell, e[cell].argmax()]).abs() for e in each]),
                "You followed the token that wins when the clue is covered.",
                "Choose the token once, from the whole question, before anything is covered.",
            ),
            Mistake(
                "all-tokens",
                filled([(e[cell] - whole[cell]).abs().sum() for e in each]),
                "You added the changes of all tokens.",
                "Only the token that the whole question's answer has in this cell is followed.",
            ),
            Mistake(
                "all-tokens",
                filled([(e[cell] - whole[cell]).norm() for e in each]),
                "You added the changes of all tokens.",
                "Only the token that the whole question's answer has in this cell is followed.",
            ),
            Mistake(
                "cell-of-the-clue",
                filled([(e[c, whole[c].argmax()] - whole[c].max()).abs() for e, c in zip(each, clues, strict=True)]),
                "You looked at the score in the covered cell.",
                "Two cells play a part: one is covered, the other one, `cell`, is asked.",
            ),
            Mistake(
                "cell-of-the-clue",
                filled([(e[c, token] - whole[c, token]).abs() for e, c in zip(each, clues, strict=True)]),
                "You looked at the score in the covered cell.",
                "Two cells play a part: one is covered, the other one, `cell`, is asked.",
            ),
            Mistake(
                "score-not-change",
                filled([e[cell, token] for e in each]),
                "You returned the score that is left, not how much it changed.",
                "Subtract what the score is for the whole question.",
            ),
            Mistake(
                "score-not-change",
                filled([e[cell, token].abs() for e in each]),
                "You returned the score that is left, not how much it changed.",
                "Subtract what the score is for the whole question.",
            ),
            Mistake(
                "clues-only",
                signed.abs()[clues],
                "A number for each clue came back; one for each cell was asked for.",
                "Put each number where its clue stands, and 0 elsewhere.",
            ),
        ]
        judge(
            run(answer, score, question, cell, blank),
            signed.abs(),
            given=f"question {question.tolist()}, cell {cell}, blank {blank}, {vocabulary} tokens",
            mistakes=mistakes,
            where="Take one clue: score the question with it and without it, at [0, cell, token]. Subtract.",
            tolerance=1e-5,
        )
    passed("occlusion", "a blank cell and a clue asked, on two networks")
