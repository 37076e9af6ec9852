"""Checks of lesson 07: the halting target, its loss, the rule in training, HRM's second target, and stopping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from trm_edu.checks.teacher import Mistake, judge, passed, refuse, run, same
from trm_edu.interface import Output
from trm_edu.losses import exact_match, supervision_loss

__all__ = ["calibration", "early_stop", "halting_loss", "halting_rule", "halting_target", "q_continue_target"]

IGNORED = -100


def logits_for(tokens: Tensor, vocabulary: int, seed: int) -> Tensor:
    """Logits [B, L, V] whose largest entry in each cell is the given token [B, L]."""
    noise = torch.rand(*tokens.shape, vocabulary, generator=torch.Generator().manual_seed(seed))
    return noise + 2.0 * F.one_hot(tokens, vocabulary)


# --- the target ------------------------------------------------------------------------------------------------------


def halting_target(answer: Callable[[Tensor, Tensor], Tensor]) -> None:
    """One bit for each puzzle: every cell that counts is right, now."""
    # As many tokens as cells in the first case: there an argmax over the cells runs, and can be told apart.
    square = torch.tensor([[2, 1, 3, 2], [2, 1, 3, 3], [1, 3, 2, 0], [0, 0, 1, 1], [3, 0, 1, 2]])
    square_labels = square.clone()
    square_labels[1, 0] = 3  # one wrong cell
    square_labels[2, 3] = IGNORED  # right wherever it counts
    square_labels[3] = torch.tensor([1, 1, 2, 2])  # all wrong
    square_labels[4, 1], square_labels[4, 2] = IGNORED, 2  # one ignored, one wrong
    wide = torch.randint(7, (3, 5), generator=torch.Generator().manual_seed(2))
    wide_labels = wide.clone()
    wide_labels[0, 4], wide_labels[1, 2], wide_labels[2, 0] = IGNORED, (wide[1, 2] + 1) % 7, IGNORED
    for tokens, labels, vocabulary in ((square, square_labels, 4), (wide, wide_labels, 7)):
        logits = logits_for(tokens, vocabulary, seed=len(tokens))
        expected = exact_match(logits, labels)
        hit, counts = tokens == labels, labels != IGNORED
        share = (hit & counts).sum(1) / counts.sum(1)
        mistakes = [
            Mistake(
                "one-bit-per-cell",
                hit | ~counts,
                "You returned one bit for each cell.",
                "The halting head says one thing about a whole puzzle. So its target is one bit for each puzzle.",
            ),
            Mistake(
                "one-bit-per-cell",
                hit,
                "You returned one bit for each cell.",
                "The halting head says one thing about a whole puzzle. So its target is one bit for each puzzle.",
            ),
            Mistake(
                "cell-accuracy",
                share,
                "You returned the share of right cells.",
                "A grid with one wrong cell is a wrong grid: its target is 0, not nearly 1.",
            ),
            Mistake(
                "ignored-cells-count",
                hit.all(1),
                "A cell with label -100 made a puzzle wrong.",
                "No token is ever -100. How must a cell count that is to be ignored?",
            ),
            Mistake(
                "one-bit-for-the-batch",
                (hit | ~counts).all(),
                "You returned one bit for the whole batch.",
                "Over which axis does `all` run? The puzzles of a batch have nothing to do with each other.",
            ),
            Mistake(
                "one-cell-suffices",
                (hit & counts).any(1),
                "One right cell was enough for a target of 1.",
                "Every cell that counts must be right. Which word of torch says 'every'?",
            ),
        ]
        if vocabulary == tokens.shape[1]:
            turned = ((logits.argmax(1) == labels) | ~counts).all(1)
            mistakes.append(
                Mistake(
                    "argmax-over-cells",
                    turned,
                    "It looks as if the argmax runs over the cells.",
                    "The axes of the logits are puzzle, cell, token. The answer is the best token of each cell.",
                )
            )
        judge(
            run(answer, logits, labels),
            expected,
            given=f"{len(tokens)} puzzles; best tokens {tokens.tolist()}, labels {labels.tolist()}",
            mistakes=mistakes,
            where="Write down the best token of each cell, then compare puzzle by puzzle by hand.",
        )
    passed("halting_target", "8 puzzles: right ones, wrong ones, with ignored cells")


# --- its loss --------------------------------------------------------------------------------------------------------


def halting_loss(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """0.5 times the binary cross-entropy of each puzzle's halt logit and its one bit, summed."""
    tokens = torch.tensor([[1, 2, 3, 4, 0], [2, 2, 0, 4, 1], [4, 3, 1, 0, 0]])
    labels = tokens.clone()
    labels[0, 4] = IGNORED
    labels[1, 1], labels[1, 2] = 3, 1
    cases = [([0.7, -1.5, -5.0], labels), ([-0.2, 2.0, 1.0], labels), ([60.0, 60.0, -60.0], labels)]
    for values, truth in cases:
        logits = logits_for(tokens, 6, seed=3).requires_grad_()
        q = torch.tensor(values, requires_grad=True)
        given = f"halt_logit {values}; puzzles 1 and 3 are right, in puzzle 2 three of five cells are"
        with torch.enable_grad():
            yours = run(answer, q, logits, truth)
        with torch.no_grad():
            output = Output(logits.detach(), q.detach(), torch.zeros(len(q)))
            expected = 0.5 * supervision_loss(output, truth).halt
            mistakes = loss_mistakes(q.detach(), logits.detach(), truth)
        slopes = (None, None)
        if isinstance(yours, Tensor) and yours.ndim == 0 and yours.requires_grad:
            slopes = torch.autograd.grad(yours, (q, logits), allow_unused=True, retain_graph=True)
        shown = {"given": given, "yours": yours, "expected": expected}
        if slopes[1] is not None and bool(slopes[1].any()):
            refuse(
                "gradient-through-the-target",
                "Your loss changes if the logits of the cells change a little: the target carries a gradient.",
                "The target is a verdict on the answer, made with argmax. This loss must train the halting head alone.",
                **shown,
            )
        judge(
            yours,
            expected,
            given=given,
            mistakes=mistakes,
            where="Compute the three summands by hand: log(1 + exp(-q)) if right, log(1 + exp(q)) if wrong.",
            tolerance=1e-5,
        )
        wanted = 0.5 * (torch.sigmoid(q.detach()) - exact_match(logits.detach(), truth).float())
        if slopes[0] is None or not same(slopes[0], wanted, 1e-4):
            refuse(
                "no-gradient",
                "The value is right, but its gradient does not arrive at the halt logits.",
                "Does `.item()`, `.detach()`, `no_grad` or a new tensor cut it? Print the loss: is there a `grad_fn`?",
                given=given,
                yours=slopes[0],
                expected=wanted,
            )
    passed("halting_loss", "3 batches, with their gradients, and logits of 60 and -60")


def loss_mistakes(q: Tensor, logits: Tensor, labels: Tensor) -> list[Mistake]:
    """What people's halting losses would give."""
    counts, hit = labels != IGNORED, logits.argmax(-1) == labels
    right, wide = exact_match(logits, labels).float(), q[:, None].expand(labels.shape)
    bce = F.binary_cross_entropy_with_logits
    each, cells = bce(q, right, reduction="none"), bce(wide, hit.float(), reduction="none")
    p = q.sigmoid()
    cell_said = (
        "The target is about single cells instead of the whole puzzle.",
        "First make one bit for each puzzle (exercise 1), then compare it with the one halt logit.",
    )
    per_cell = [
        cells.sum(),
        cells[counts].sum(),
        cells.mean(1).sum(),
        (cells * counts).sum() / counts.sum(),
        cells.mean(),
        ((cells * counts).sum(1) / counts.sum(1)).sum(),
        bce(q, (hit & counts).sum(1) / counts.sum(1), reduction="sum"),
    ]
    saturated = (
        "A large halt logit gives a wrong loss: the sigmoid was rounded to 1, and the logarithm of 0 came next.",
        "Sigmoid and logarithm in one function keep all digits: look for the one with `logits` in its name.",
    )
    plain = -(right * p.log() + (1 - right) * (1 - p).log())
    return [
        Mistake(
            "sigmoid-twice",
            0.5 * bce(p, right, reduction="sum"),
            "A sigmoid is applied twice.",
            "A loss 'with logits' applies the sigmoid itself. Which of the two do you give it?",
        ),
        Mistake(
            "weight-missing",
            each.sum(),
            "The weight is missing: your loss is twice as large.",
            "In the published code the halting loss counts half beside the answer loss.",
        ),
        *(
            Mistake(
                "mean-instead-of-sum",
                weight * each.mean(),
                "You took the mean over the puzzles; it must be the sum.",
                "The caller divides by the size of the whole batch later. What does `reduction` say by default?",
            )
            for weight in (0.5, 1.0)
        ),
        Mistake(
            "not-summed",
            0.5 * each,
            "You returned one loss for each puzzle.",
            "What comes back is one number: the sum over the puzzles.",
        ),
        Mistake(
            "target-inverted",
            0.5 * bce(q, 1 - right, reduction="sum"),
            "Right and wrong are exchanged: a halt logit of -5 on a right answer is punished by nothing.",
            "The head says 'my answer is right'. The target is 1 where that is so.",
        ),
        Mistake(
            "ignored-cells-count",
            0.5 * bce(q, hit.all(1).float(), reduction="sum"),
            "A cell with label -100 made a puzzle wrong, and so changed the target.",
            "Puzzle 1 has an ignored cell. Every other cell of it is right.",
        ),
        *(Mistake("target-per-cell", weight * value, *cell_said) for value in per_cell for weight in (0.5, 1.0)),
        Mistake("saturated", 0.5 * F.binary_cross_entropy(p, right, reduction="sum"), *saturated),
        Mistake("saturated", 0.5 * plain.sum(), *saturated),
        Mistake("saturated", 0.5 * torch.where(right > 0, -p.log(), -(1 - p).log()).sum(), *saturated),
    ]


# --- the rule --------------------------------------------------------------------------------------------------------


def halting_rule(answer: Callable[..., Tensor]) -> None:
    """Done or too old; a slot that explores and is too young may not be done."""
    cases = [
        # halt logit, steps, u, at_least
        (
            [2.0, -1.0, 3.0, 3.0, 3.0, -2.0, 3.0, -3.0, -1.0],
            [3, 3, 4, 4, 7, 15, 5, 16, 6],
            [0.50, 0.90, 0.05, 0.60, 0.02, 0.70, 0.08, 0.30, 0.01],
            [2, 2, 9, 9, 7, 2, 6, 12, 4],
            16,
        ),
        (
            [0.0, 1.0, -1.0, -1.0, 2.0, 1.0],
            [2, 2, 4, 3, 1, 2],
            [0.5, 0.02, 0.5, 0.03, 0.99, 0.1],
            [2, 2, 3, 2, 4, 3],
            4,
        ),
    ]
    for values, ages, uniform, least, limit in cases:
        q, steps, u, at_least = (torch.tensor(x) for x in (values, ages, uniform, least))
        done, explores, old, last = q > 0, u < 0.1, steps >= at_least, steps >= limit
        expected = (done & (~explores | old)) | last
        judge(
            run(answer, q, steps, u, at_least, limit),
            expected,
            given=f"halt_logit {values}, steps {ages}, u {uniform}, at_least {least}, n_supervision {limit}",
            mistakes=[
                Mistake(
                    "probability-above-zero",
                    ((q.sigmoid() > 0) & (~explores | old)) | last,
                    "Slots halt that believe to be wrong: a sigmoid is always above 0.",
                    "Which logit belongs to a probability of one half? Compare logits with logits.",
                ),
                Mistake(
                    "exploration-inverted",
                    (done & (~(u > 0.1) | old)) | last,
                    "Nine of ten slots explore; it should be one of ten.",
                    "u is uniform between 0 and 1. How often is it below 0.1, how often above?",
                ),
                Mistake(
                    "everybody-explores",
                    (done & old) | last,
                    "Every slot has to wait for `at_least`.",
                    "Only a slot that explores has to wait. What says whether it does?",
                ),
                Mistake(
                    "nobody-explores",
                    done | last,
                    "No slot explores: each halts as soon as its logit is above 0.",
                    "A slot that explores and is younger than `at_least` goes on, whatever its logit says.",
                ),
                Mistake(
                    "limit-too-late",
                    (done & (~explores | old)) | (steps > limit),
                    "A slot at its last step goes on: the limit is missing or comes too late.",
                    "`steps` counts the steps that were made, this one included. May a slot make step 17?",
                ),
                Mistake(
                    "limit-too-early",
                    (done & (~explores | old)) | (steps >= limit - 1),
                    "The limit comes one step too early.",
                    "A slot at step 15 of 16 has one step left.",
                ),
                Mistake(
                    "age-forces-a-halt",
                    done | (explores & old) | last,
                    "A slot halts because it has reached `at_least`, although its logit is below 0.",
                    "The minimum forbids an early halt. Does it ever ask for one?",
                ),
                Mistake(
                    "age-forces-a-halt",
                    (done & ~explores) | (explores & old) | last,
                    "A slot halts because it has reached `at_least`, although its logit is below 0.",
                    "The minimum forbids an early halt. Does it ever ask for one?",
                ),
                Mistake(
                    "one-step-longer",
                    (done & (~explores | (steps > at_least))) | last,
                    "A slot that explores waits one step longer than it must.",
                    "At exactly `at_least` steps it is old enough.",
                ),
                Mistake(
                    "halts-when-unsure",
                    ((q < 0) & (~explores | old)) | last,
                    "Slots halt where the logit is negative.",
                    "A logit above 0 says: more likely right than wrong.",
                ),
                Mistake(
                    "zero-is-done",
                    ((q >= 0) & (~explores | old)) | last,
                    "A slot with a halt logit of exactly 0 halts.",
                    "Above 0, says the rule. Zero itself is undecided.",
                ),
                Mistake(
                    "edge-explores",
                    (done & (~(u <= 0.1) | old)) | last,
                    "A slot with u = 0.1 explores.",
                    "Below 0.1, says the rule.",
                ),
            ],
            where="Go through it slot by slot: is it done? does it explore? is it old enough? is it at its limit?",
        )
    passed("halting_rule", "15 slots of every kind, with limits of 16 and 4")


# --- HRM's second target ---------------------------------------------------------------------------------------------


class TwoLogits:
    """A network of one weight: `model(inputs, state)` adds 1 to the state and reads both logits from it."""

    def __init__(self) -> None:
        self.weight = torch.tensor(1.0, requires_grad=True)
        self.read: list[Tensor] = []

    def __call__(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Output]:
        self.read.append(state.detach().clone())
        state = state + 1
        halt = self.weight * (0.8 * state - 1.5) - 0.1 * inputs.float().mean(-1)
        other = self.weight * (1.6 - 0.7 * state) + 0.1 * inputs.float().mean(-1)
        logits = self.weight * torch.zeros(*inputs.shape, 3)
        return state.detach(), Output(logits, halt, other)


def q_continue_target(answer: Callable[..., Tensor]) -> None:
    """sigmoid(max(halt, continue)) of the next step; of halt alone where no next decision is left."""
    cases = [
        ([-0.8, 1.0, 2.0, -1.2, -0.4, 0.6], [1, 4, 2, 3, 4, 3], 4),
        ([2.5, -0.9, -0.3], [7, 8, 8], 8),
    ]
    for start, ages, limit in cases:
        inputs = torch.arange(len(start) * 5).reshape(-1, 5) % 3
        model = TwoLogits()
        with torch.no_grad():
            state, now = model(inputs, torch.tensor(start))
            further, ahead = model(inputs, state)
            _, later = model(inputs, further)
            _, again = model(inputs, torch.tensor(start) * 0)
        model.read.clear()
        steps = torch.tensor(ages)
        with torch.enable_grad():  # its end puts back what was, whatever the answer sets
            yours = run(answer, model, inputs, state, now, steps, limit)
        expected = target_of(ahead, steps >= limit)
        given = (
            f"steps {ages} of {limit}; next halt {rounded(ahead.halt_logit)}, continue {rounded(ahead.continue_logit)}"
        )
        last = steps >= limit
        judge(
            yours,
            expected,
            given=given,
            mistakes=[
                Mistake(
                    "current-step",
                    target_of(now, last),
                    "You used the logits of the step that was just made.",
                    "What is going on worth? Only the next step tells: the network has to be called once more.",
                ),
                Mistake(
                    "max-at-the-last-step",
                    target_of(ahead, last & False),
                    "At the last step you let the network go on.",
                    "At step `n_supervision` only halting is left, so only the halt logit counts there.",
                ),
                Mistake(
                    "last-comes-early",
                    target_of(ahead, steps >= limit - 1),
                    "A slot that has one step left was treated as if it had none.",
                    "`steps` were made already. Which value has it at the very last one?",
                ),
                Mistake(
                    "no-sigmoid",
                    torch.where(last, ahead.halt_logit, torch.maximum(ahead.halt_logit, ahead.continue_logit)),
                    "You returned logits; a target must be a probability.",
                    "The target of a binary cross-entropy lies between 0 and 1. What turns a logit into that?",
                ),
                Mistake(
                    "halt-only",
                    ahead.halt_logit.sigmoid(),
                    "You used the halt logit alone, everywhere.",
                    "Before the limit there are two choices at the next step, and one takes the better one.",
                ),
                Mistake(
                    "continue-only",
                    ahead.continue_logit.sigmoid(),
                    "You used the continue logit alone, everywhere.",
                    "At the next step one may halt as well; the better of both choices counts.",
                ),
                Mistake(
                    "last-step-continues",
                    torch.where(last, ahead.continue_logit, torch.maximum(*ahead[1:])).sigmoid(),
                    "At the last step you took the continue logit.",
                    "What is still possible when no step is left: to halt, or to continue?",
                ),
                Mistake(
                    "smaller-instead-of-larger",
                    torch.where(last, ahead.halt_logit, torch.minimum(*ahead[1:])).sigmoid(),
                    "You took the smaller of the two logits.",
                    "The best that can still be had is asked for: the larger one.",
                ),
                Mistake(
                    "two-steps-ahead",
                    target_of(later, last),
                    "You looked two steps ahead.",
                    "`state` is the state after this step already: one call is enough.",
                ),
                Mistake(
                    "fresh-state",
                    target_of(again, last),
                    "You began again from an empty state.",
                    "The next step goes on from where this one ended: from `state`.",
                ),
            ],
            where="Call the network once, from `state`; then do one slot by hand.",
            tolerance=1e-5,
        )
        if yours.requires_grad:
            refuse(
                "gradient-kept",
                "Your target carries a gradient.",
                "A target is a fixed number. With a gradient the network could lower the loss by moving the target.",
                given=given,
                yours=f"requires_grad is {yours.requires_grad}",
                expected="requires_grad is False",
            )
        if len(model.read) != 1:
            refuse(
                "wasted-passes",
                f"The value is right, but the network was called {len(model.read)} times.",
                "Each call is a whole forward pass. Keep the output of the one that you need.",
                given=given,
                yours=f"{len(model.read)} calls",
                expected="1 call",
            )
    passed("q_continue_target", "9 slots, 4 of them at the last step; no gradient, one call of the network")


def target_of(output: Output, halt_only: Tensor) -> Tensor:
    best = torch.maximum(output.halt_logit, output.continue_logit)
    return torch.where(halt_only, output.halt_logit, best).sigmoid()


def rounded(values: Tensor) -> list[float]:
    return [round(value, 2) for value in values.tolist()]


# --- calibration -----------------------------------------------------------------------------------------------------


def calibration(answer: Callable[..., Any]) -> None:
    """For each bin that holds a puzzle: how many, mean stated probability, share right."""
    first = np.array([0.02, 0.10, 0.31, 0.40, 0.93, 0.97, 1.00, 0.99]), 5
    second = np.array([0.25, 0.0, 0.74, 0.75, 0.26, 0.49, 0.01]), 4
    third = np.random.default_rng(0).random(60), 10
    verdicts = [[0, 0, 1, 1, 1, 0, 1, 1], [1, 0, 1, 0, 1, 0, 0], (third[0] > 0.4).tolist()]
    for (stated, bins), verdict in zip((first, second, third), verdicts, strict=True):
        right = np.array(verdict, dtype=bool)
        place = np.minimum((stated * bins).astype(int), bins - 1)  # exact for these numbers: see the edges below
        rows = table(stated, right, place, bins)
        width = 1 / bins
        numbers = range(bins)
        filled = [i for i in numbers if (place == i).any()]
        lower = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], stated, side="left")
        inside = place.copy()
        inside[stated == 1] = bins  # lost
        empty_zero = [table(stated, right, place, bins, only=i) or [0, 0.0, 0.0] for i in numbers]
        empty_nan = [table(stated, right, place, bins, only=i) or [0, np.nan, np.nan] for i in numbers]
        empty_said = (
            "A bin without a puzzle has a row.",
            "Where nothing was stated, there is nothing to say: a share of 0 would be a claim. Leave the bin out.",
        )
        edge_said = (
            "An edge or the middle of a bin stands where the mean stated probability belongs.",
            "In the top bin of a sure network all say 0.99, not 0.9. Take the mean of what was really stated.",
        )
        judge(
            plain_rows(run(answer, stated, right, bins)),
            rows,
            given=f"probability {numbers_said(stated)}, right {right.astype(int).tolist()[:8]}, {bins} bins",
            mistakes=[
                Mistake(
                    "columns-swapped",
                    [[n, r, s] for n, s, r in rows],
                    "Stated probability and share right are exchanged.",
                    "The order is: how many, what was stated, what was so.",
                ),
                *(
                    Mistake(
                        "edge-for-mean",
                        [[n, (i + shift) * width, r] for i, (n, _, r) in zip(filled, rows, strict=True)],
                        *edge_said,
                    )
                    for shift in (0, 0.5, 1)
                ),
                Mistake("empty-bin", empty_zero, *empty_said),
                Mistake("empty-bin", empty_nan, *empty_said),
                Mistake(
                    "hits-for-count",
                    [[r * n, s, r] for n, s, r in rows],
                    "The first number is how many are right, not how many the bin holds.",
                    "Count every puzzle of the bin, right or wrong.",
                ),
                Mistake(
                    "share-of-all",
                    [[n, s, r * n / len(stated)] for n, s, r in rows],
                    "The share right was divided by all puzzles.",
                    "Of the puzzles in this bin, how many are right?",
                ),
                Mistake(
                    "number-right",
                    [[n, s, r * n] for n, s, r in rows],
                    "The third number is a count, not a share.",
                    "Divide by the number of puzzles in the bin.",
                ),
                Mistake(
                    "sure-ones-lost",
                    table(stated, right, inside, bins),
                    "A stated probability of exactly 1 fell out of every bin.",
                    "The last bin holds its upper edge too: nothing is above it.",
                ),
                Mistake(
                    "edge-below",
                    table(stated, right, lower, bins),
                    "A probability on an edge went into the bin below.",
                    "Each bin holds its lower edge: with 5 bins, 0.4 belongs to 0.4 up to 0.6.",
                ),
            ],
            where="Sort one bin by hand: who is in it, what did they say on average, how many of them are right?",
        )
    passed("calibration", "3 sets with 4, 5 and 10 bins; edges, empty bins, a probability of 1")


def table(stated: np.ndarray, right: np.ndarray, place: np.ndarray, bins: int, only: int | None = None) -> list[Any]:
    """Rows [count, stated, right] of the bins that hold a puzzle; with `only`, the row of that bin or []."""
    rows = {}
    for i in range(bins):
        if (place == i).any():
            rows[i] = [int((place == i).sum()), float(stated[place == i].mean()), float(right[place == i].mean())]
    return list(rows.values()) if only is None else rows.get(only, [])


def plain_rows(yours: Any) -> Any:
    """Rows as lists, whether they came as tuples, as arrays, or as one array [K, 3]."""
    if isinstance(yours, Tensor):
        yours = yours.detach().numpy()
    if isinstance(yours, np.ndarray) and yours.ndim == 2:
        return yours.tolist()
    if isinstance(yours, list | tuple):
        return [row.tolist() if isinstance(row, np.ndarray | Tensor) else row for row in yours]
    return yours


def numbers_said(values: np.ndarray) -> str:
    shown = ", ".join(f"{value:.2f}" for value in values[:8])
    return f"[{shown}{', ...' if len(values) > 8 else ''}]"


# --- stopping --------------------------------------------------------------------------------------------------------


def early_stop(answer: Callable[..., Any]) -> None:
    """The first step whose halt logit is above the threshold, else the last; and whether it was right there."""
    first_logits = [
        [-5.0, 3.0, -4.0, 2.5, -5.0, -3.0],
        [-1.0, 4.0, -4.0, -1.0, -4.0, -3.0],
        [2.5, 4.0, -3.0, 3.0, 1.5, -2.0],
        [4.0, 1.5, -3.0, 4.0, 3.0, 0.7],
    ]
    first_right = [[0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0], [1, 0, 0, 1, 1, 1]]
    noise = torch.randn(7, 5, generator=torch.Generator().manual_seed(4))
    cases = [
        (torch.tensor(first_logits), torch.tensor(first_right).bool(), 2.0),
        (torch.tensor(first_logits), torch.tensor(first_right).bool(), 0.5),
        (torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]), torch.tensor([[0, 0], [1, 0], [1, 0]]).bool(), 1.0),
        (noise, noise > 0.5, 0.3),
    ]
    for logits, right, threshold in cases:
        over, count = logits > threshold, len(logits)
        numbers = torch.arange(1, count + 1)[:, None]
        first = numbers.masked_fill(~over, count).amin(0)
        last = torch.where(over.any(0), numbers.masked_fill(~over, 0).amax(0), count)
        expected = stopped(first, right)
        unsure = torch.where(over.any(0), first, 1)
        ends = right[-1]
        shown = [rounded(row) for row in logits[:4]]
        given = f"{count} steps of {logits.shape[1]} puzzles, threshold {threshold:g}; halt_logit {shown}"
        judge(
            as_pair(run(answer, logits, right, threshold)),
            expected,
            given=given,
            mistakes=[
                Mistake(
                    "last-over-the-threshold",
                    stopped(last, right),
                    "You took the last step above the threshold.",
                    "Who stops does not see the later steps. Which step comes first?",
                ),
                Mistake(
                    "counted-from-zero",
                    [first - 1, expected[1]],
                    "Your steps are one too small.",
                    "After the first step, one step was used. An index counts from 0, a step from 1.",
                ),
                Mistake(
                    "never-sure-means-first",
                    stopped(unsure, right),
                    "A puzzle that is never above the threshold stopped at step 1.",
                    "What does `argmax` say of a column without a single True? Such a puzzle runs to the end.",
                ),
                Mistake(
                    "answer-of-the-last-step",
                    [first, ends],
                    "The steps are right, but you judged the answer of the last step.",
                    "A puzzle that stops at step 2 hands in the answer of step 2.",
                ),
                Mistake(
                    "solved-at-any-step",
                    [first, right.any(0)],
                    "You counted a puzzle as solved if it was right at any step.",
                    "Only one answer is handed in: that of the step at which the puzzle stopped.",
                ),
                Mistake(
                    "probability-against-logit",
                    stopped(
                        numbers.masked_fill(~(logits.sigmoid() > threshold), count).amin(0),
                        right,
                    ),
                    "A probability was compared with a threshold for logits.",
                    "Logit 2 is probability 0.88. Compare the logits as they are.",
                ),
                Mistake(
                    "surest-step",
                    stopped(logits.argmax(0) + 1, right),
                    "You took the step with the highest logit.",
                    "To find the highest, one must have run all the steps: nothing would be saved.",
                ),
                Mistake(
                    "steps-of-the-last",
                    [torch.where(over.any(0), first, count + 1), expected[1]],
                    "A puzzle that never stops took one step too many.",
                    "There are K steps and no more.",
                ),
                Mistake(
                    "on-the-threshold",
                    stopped(numbers.masked_fill(~(logits >= threshold), count).amin(0), right),
                    "A puzzle stopped with its logit on the threshold.",
                    "Above the threshold, says the rule; equal is not above.",
                ),
            ],
            where="Go down each column until a logit is above the threshold. Then read `right` at that place.",
        )
    passed("early_stop", "4 sets of logits: sure early, sure late, never sure, wrongly sure")


def stopped(steps: Tensor, right: Tensor) -> list[Tensor]:
    """[steps, right at these steps]."""
    return [steps, right[steps - 1, torch.arange(right.shape[1])]]


def as_pair(yours: Any) -> Any:
    """Both parts as tensors, whether they came as tensors, arrays or lists of numbers."""
    if isinstance(yours, list | tuple) and len(yours) == 2:
        return [torch.as_tensor(part) if isinstance(part, list | np.ndarray) else part for part in yours]
    return yours
