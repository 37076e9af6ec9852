"""Checks of lesson 08: seeds and their intervals, steps of a ladder, equal compute, and three rungs to write."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trm_edu.checks.teacher import Mistake, judge, kind, passed, refuse, run, same
from trm_edu.interface import Output
from trm_edu.intervals import Values, difference_interval, mean_interval, t_quantile

__all__ = [
    "OneNetwork",
    "full_gradient",
    "plain_halting",
    "read_ladder",
    "rung_difference",
    "seed_summary",
    "steps_in_budget",
]


# --- some seeds ------------------------------------------------------------------------------------------------------


def seed_summary(answer: Callable[..., Any]) -> None:
    """Mean, spread (k - 1), and Student's interval of the mean."""
    for values in ([0.4, 0.7, 0.5, 0.45], [0.81, 0.92], [0.02, 0.0, 0.3, 0.1, 0.05, 0.0], [0.97, 0.99, 0.98]):
        k, mean = len(values), sum(values) / len(values)
        squares = sum((value - mean) ** 2 for value in values)
        spread, reach = (squares / (k - 1)) ** 0.5, t_quantile(k - 1.0)
        low_spread = (squares / k) ** 0.5

        def row(
            half: float, mean: float = mean, spread: float = spread, shown: float | None = None
        ) -> tuple[float, ...]:
            return mean, spread if shown is None else shown, mean - half, mean + half

        expected = row(reach * spread / k**0.5)
        yours = run(answer, values)
        judge(
            yours.tolist() if isinstance(yours, np.ndarray | Tensor) else yours,
            expected,
            given=f"{k} seeds {values}",
            mistakes=[
                Mistake(
                    "divided-by-k",
                    row(reach * low_spread / k**0.5, shown=low_spread),
                    "Your spread divides by k.",
                    "The mean was made from the same numbers, so they lie too near to it. Divide by k - 1 (`ddof=1`).",
                ),
                Mistake(
                    "reach-of-many-seeds",
                    row(1.96 * spread / k**0.5),
                    "Your interval reaches 1.96 errors to each side.",
                    "1.96 is for many seeds. With few, their spread is not well known either: use `t_quantile`.",
                ),
                Mistake(
                    "spread-for-error",
                    row(reach * spread),
                    "Your interval is that of one seed, not of the mean: it does not shrink with more seeds.",
                    "Between the spread of the seeds and the error of their mean stands the root of k.",
                ),
                Mistake(
                    "error-for-spread",
                    row(reach * spread / k**0.5, shown=spread / k**0.5),
                    "The second number is the error of the mean, not the spread.",
                    "The spread says how far seeds lie apart. It comes before the division by the root of k.",
                ),
                Mistake(
                    "percent",
                    [100 * value for value in expected],
                    "Your numbers are percent.",
                    "Shares came in, from 0 to 1, and shares are asked for.",
                ),
                Mistake(
                    "freedom-k",
                    row(t_quantile(float(k)) * spread / k**0.5),
                    "You asked `t_quantile` for k.",
                    "Its argument is not the number of seeds: one of them went into the mean.",
                ),
                Mistake(
                    "divided-by-k-seeds",
                    row(reach * spread / k),
                    "You divided the spread by k to get the error.",
                    "Squared errors add up. So four times as many seeds halve the error: a root is missing.",
                ),
                Mistake(
                    "variance",
                    row(reach * spread**2 / k**0.5, shown=spread**2),
                    "Your spread is a variance.",
                    "A squared distance has squared units. Take the root, and it is a distance again.",
                ),
                Mistake(
                    "cut",
                    (*expected[:2], max(0.0, expected[2]), min(1.0, expected[3])),
                    "You cut the interval at 0 or at 1.",
                    "Here the bare formula is asked for; cutting is a matter of showing it.",
                ),
            ],
            where="Do three seeds by hand: mean, distances, squares, root, and only then the interval.",
            tolerance=1e-5,
        )
    passed("seed_summary", "2, 3, 4 and 6 seeds; an interval that goes below 0, another above 1")


# --- a step of the ladder --------------------------------------------------------------------------------------------

STEPS = [
    ([0.40, 0.47, 0.42, 0.45], [0.61, 0.64, 0.66, 0.60]),
    ([0.60, 0.64, 0.70, 0.62, 0.66], [0.655, 0.70, 0.76, 0.68, 0.72]),  # separated, though the intervals overlap
    ([0.80, 0.76, 0.81, 0.79], [0.60, 0.50, 0.55]),
    ([0.5, 0.7], [0.52, 0.6, 0.58, 0.9, 0.66]),
    ([0.1, 0.2, 0.3], [0.12, 0.25, 0.41]),
]


def rung_difference(answer: Callable[..., Any]) -> None:
    """Welch: the difference of two means, its interval, and whether that leaves out 0."""
    for before, after in STEPS:
        first, second = np.array(before), np.array(after)
        middle = float(second.mean() - first.mean())
        low, high = interval_of(before, after)
        apart = low > 0 or high < 0
        ends = mean_interval(before), mean_interval(after)
        overlap = ends[0][0] <= ends[1][1] and ends[1][0] <= ends[0][1]
        parts = [float(values.var(ddof=1)) / len(values) for values in (first, second)]

        def row(half: float, middle: float = middle) -> tuple[float, float, float, bool]:
            return middle, middle - half, middle + half, abs(middle) > half

        mistakes = [
            Mistake(
                "overlap-as-test",
                (middle, low, high, not overlap),
                "You looked whether the intervals of the two means overlap.",
                "Overlap is no test. Look at the one interval that you have just built: does it hold 0?",
            ),
            Mistake(
                "larger-mean-as-test",
                (middle, low, high, middle > 0),
                "You called the step separated because one mean is larger.",
                "One of two means is always larger. What if the interval reaches over 0?",
            ),
            Mistake(
                "separated-inverted",
                (middle, low, high, not apart),
                "Your interval is right; `separated` says the opposite.",
                "0 inside means: the two may well be equal. Then nothing is separated.",
            ),
            Mistake(
                "sign-turned",
                (-middle, -high, -low, apart),
                "Your difference has the wrong sign.",
                "A step up must be positive: what comes after, minus what was before.",
            ),
            Mistake(
                "divided-by-k",
                row(welch_half([values.var() / len(values) for values in (first, second)], before, after)),
                "Your spreads divide by k.",
                "Here too the means were made from the same numbers: divide by k - 1 (`ddof=1`).",
            ),
            Mistake(
                "pooled-freedom",
                row(t_quantile(len(before) + len(after) - 2.0) * sum(parts) ** 0.5),
                "Your freedom is k + k - 2.",
                "That is for rungs of equal spread. Use the formula of the text: the wilder rung counts for more.",
            ),
            Mistake(
                "errors-added",
                row(t_quantile(freedom_of(parts, before, after)) * sum(part**0.5 for part in parts)),
                "You added the two errors.",
                "Two independent errors rarely point the same way: their squares add up. The root comes last.",
            ),
            Mistake(
                "reach-of-many-seeds",
                row(1.96 * sum(parts) ** 0.5),
                "Your interval reaches 1.96 errors to each side.",
                "With few seeds it must reach further: `t_quantile` of the freedom.",
            ),
            Mistake(
                "ends-subtracted",
                (middle, ends[1][0] - ends[0][1], ends[1][1] - ends[0][0], not overlap),
                "You subtracted the ends of two intervals from each other.",
                "Both means at their unlucky ends at once is rarer than 5%. Add the squared errors instead.",
            ),
        ]
        if len(before) == len(after):
            steps = second - first
            error = float(steps.std(ddof=1)) / len(steps) ** 0.5
            mistakes.append(
                Mistake(
                    "paired-by-seed",
                    row(t_quantile(len(steps) - 1.0) * error),
                    "You subtracted seed by seed.",
                    "The ladder takes all runs as independent: compare the means. Pairs are the test of lesson 15.",
                )
            )
        judge(
            run(answer, before, after),
            (middle, low, high, apart),
            given=f"before {before}, after {after}",
            mistakes=mistakes,
            where="Compute the two parts, then the error, then the freedom, and compare each with the text.",
            tolerance=1e-5,
        )
    passed("rung_difference", "5 steps: up, down, two not separated; an overlap that means nothing; unequal numbers")


def interval_of(before: Values, after: Values) -> tuple[float, float]:
    """`difference_interval` where there is one."""
    found = difference_interval(before, after)
    assert found is not None
    return found


def freedom_of(parts: list[float], before: Values, after: Values) -> float:
    ks = len(before) - 1, len(after) - 1
    return sum(parts) ** 2 / sum(part**2 / k for part, k in zip(parts, ks, strict=True))


def welch_half(parts: list[float], before: Values, after: Values) -> float:
    return t_quantile(freedom_of(parts, before, after)) * sum(parts) ** 0.5


# --- equal compute ---------------------------------------------------------------------------------------------------


def steps_in_budget(answer: Callable[..., Any]) -> None:
    """Whole steps: budget over (evaluations + 2 for each with gradient + the second pass) x evaluation x batch."""
    cases = [
        (1_000_000_000, 1_000, 8, 3, 2, 2, True),
        (2_887_778_304_000, 15_777_792, 32, 2, 2, 2, False),
        (987_654_321, 777, 5, 3, 6, 7, True),
        (6_400, 10, 4, 2, 3, 4, False),  # exactly 10 steps
        (100, 10, 4, 1, 1, 2, False),  # not even one
    ]
    for budget, evaluation, batch, T, n, graded, q in cases:
        passes = T * (n + 1)

        def fits(equivalents: float, puzzles: int = batch, budget: int = budget, one: int = evaluation) -> int:
            return int(budget // (equivalents * one * puzzles))

        right = passes + 2 * graded + q * passes
        exactly = budget / (right * evaluation * batch)
        judge(
            run(answer, budget, evaluation, batch, T, n, graded, q),
            fits(right),
            given=f"budget {budget:,}, evaluation {evaluation:,}, batch {batch}, T {T}, n {n}, graded {graded}, "
            f"q_learning {q}",
            mistakes=[
                Mistake(
                    "per-puzzle",
                    fits(right, 1),
                    "Your steps are so cheap as if the batch held one puzzle.",
                    "`evaluation` is the cost of one puzzle. How many puzzles does a step work on?",
                ),
                Mistake(
                    "second-pass-forgotten",
                    fits(passes + 2 * graded),
                    "Q-learning costs nothing in your count.",
                    "It looks one supervision step ahead, and that look is a whole forward pass.",
                ),
                Mistake(
                    "second-pass-graded",
                    fits(right + q * 2 * graded),
                    "Your second pass has a backward pass.",
                    "What comes out of the second pass is a target, made without gradient. It costs forward only.",
                ),
                Mistake(
                    "backward-forgotten",
                    fits(passes + q * passes),
                    "The backward pass is missing.",
                    "An evaluation with gradient costs 1 forward and 2 backward: which ones have a gradient?",
                ),
                Mistake(
                    "backward-everywhere",
                    fits(3 * passes + q * passes),
                    "You charge a backward pass for every evaluation.",
                    "Most evaluations run without gradient. Only `graded` of them cost two more.",
                ),
                Mistake(
                    "graded-counted-four-times",
                    fits(passes + 3 * graded + q * passes),
                    "The evaluations with gradient count 4 each in your step.",
                    "They are already among the T(n + 1). What is to be added for each is only the backward pass.",
                ),
                Mistake(
                    "answers-not-counted",
                    fits(T * n + 2 * graded + q * T * n),
                    "You count n evaluations a recursion.",
                    "A recursion thinks n times and then answers once. That once costs as much.",
                ),
                Mistake(
                    "rounded-up",
                    math.ceil(exactly),
                    "You rounded up.",
                    "The last step would spend more than the budget holds. Count the whole ones that fit.",
                ),
                Mistake(
                    "not-whole",
                    exactly,
                    "Your number of steps is not whole.",
                    "Half a step trains nothing. There is a division that leaves out the rest.",
                ),
            ],
            where="Count one step in forward equivalents first, then times evaluation, then times batch.",
        )
    passed("steps_in_budget", "5 budgets: with and without Q-learning, one that fits exactly, one too small for a step")


# --- a rung: the full gradient ---------------------------------------------------------------------------------------


class Toy:
    """A network in two numbers: tanh(a * state + b * injected). It writes down whether it was called with gradient."""

    def __init__(self, name: str, a: float, b: float, log: list[tuple[str, bool]]):
        self.name, self.log = name, log
        self.a, self.b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (a, b))

    def __call__(self, state: Tensor, injected: Tensor) -> Tensor:
        self.log.append((self.name, torch.is_grad_enabled()))
        return torch.tanh(self.a * state + self.b * injected)


def recursions(
    f_L: Callable,
    f_H: Callable,
    x: Tensor,
    z_H: Tensor,
    z_L: Tensor,
    n: int,
    T: int,
    *,
    graded: str = "last",
    wrong: str = "",
) -> tuple[Tensor, Tensor]:
    """T recursions. graded: whose evaluations have a gradient. wrong: what is done differently."""
    for i in range(T):
        last = i == T - 1
        for k in range(n):
            on = {"last": last, "one": last and k == n - 1, "all": True, "none": False, "answer": False}[graded]
            with torch.set_grad_enabled(on):
                z_L = f_L(z_L, x if wrong == "z_H-not-fed-back" else z_H + x)
                if wrong == "high-at-every-tick" and k < n - 1:
                    z_H = f_H(z_H, z_L)
        on = {"last": last, "one": last, "all": True, "none": False, "answer": last}[graded]
        with torch.set_grad_enabled(on):
            z_H = f_H(z_H, (z_L.detach() if wrong == "cut" else z_L) + (x if wrong == "x-in-the-high-update" else 0))
    return z_H, z_L


def full_gradient(answer: Callable[..., Any]) -> None:
    """T - 1 recursions without gradient, then one with, all n + 1 evaluations of it. Values, then gradients."""
    before = torch.is_grad_enabled()
    for n, T, seed in ((3, 2, 0), (2, 3, 1), (1, 1, 2)):
        noise = torch.randn(3, 2, 3, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        log: list[tuple[str, bool]] = []
        f_L, f_H = Toy("f_L", 0.7, 0.9, log), Toy("f_H", -0.6, 1.1, log)
        x, z_H, z_L = noise[0].requires_grad_(), noise[1], noise[2]
        given = f"n = {n}, T = {T}; networks of two weights each; x, z_H, z_L of shape [2, 3, 4]"
        with torch.enable_grad():
            yours = run(answer, f_L, f_H, x, z_H, z_L, n, T)
            left = torch.is_grad_enabled()
        calls, log[:] = list(log), []
        if not left:
            refuse(
                "gradient-left-off",
                "After your function, gradients are off for everybody.",
                "Use `with torch.no_grad():`. It puts back what it found when its block ends.",
                given=given,
                yours="gradients off",
                expected="gradients as before the call",
            )
        start = f_L, f_H, x, z_H, z_L
        value = recursions(*start, n, T)
        judge(
            yours,
            value,
            given=given,
            mistakes=[
                Mistake(
                    "states-swapped",
                    value[::-1],
                    "The two states come back in the wrong order.",
                    "First z_H, which the heads read, then z_L.",
                ),
                Mistake(
                    "one-recursion-too-many",
                    recursions(*start, n, T + 1),
                    "You made one recursion too many.",
                    "T counts all of them: T - 1 without gradient and one with.",
                ),
                Mistake(
                    "one-recursion-missing",
                    recursions(*start, n, T - 1) if T > 1 else (z_H, z_L),
                    "One recursion is missing.",
                    "After the T - 1 recursions without gradient one more follows, with gradient.",
                ),
                Mistake(
                    "high-at-every-tick",
                    recursions(*start, n, T, wrong="high-at-every-tick"),
                    "You update z_H after every update of z_L.",
                    "The slow clock ticks once a recursion, after all n ticks of the fast one.",
                ),
                Mistake(
                    "x-in-the-high-update",
                    recursions(*start, n, T, wrong="x-in-the-high-update"),
                    "x stands in the update of z_H.",
                    "The high network hears of the question through z_L alone.",
                ),
                Mistake(
                    "z_H-not-fed-back",
                    recursions(*start, n, T, wrong="z_H-not-fed-back"),
                    "z_H does not take part in the update of z_L.",
                    "What the low network hears is z_H + x: the answer so far, and the question.",
                ),
            ],
            where="Follow one recursion by hand: n times z_L from z_L and z_H + x, then z_H from z_H and z_L.",
        )
        log[:] = []
        weights = [f_L.a, f_L.b, f_H.a, f_H.b, x]
        mine = gradients(yours[0], weights)
        flags = {"given": given, "yours": graded_calls(calls), "expected": f"the last {n + 1} of {T * (n + 1)} calls"}
        if not yours[0].requires_grad:
            refuse(
                "no-gradient",
                "No gradient reaches the networks at all.",
                "The values are right. Which call of your recursion has to stand outside of `torch.no_grad()`?",
                **flags,
            )
        kinds = {
            name: gradients(recursions(*start, n, T, graded=name)[0], weights) for name in ("one", "all", "answer")
        }
        cut = gradients(recursions(*start, n, T, wrong="cut")[0], weights)
        expected = gradients(value[0], weights)
        if same(mine, expected, 1e-9):
            continue
        if same(mine, kinds["answer"], 1e-9) and not any(on for name, on in calls if name == "f_L"):
            refuse(
                "think-without-gradient",
                "No update of z_L takes part in the gradient; only z_H's does.",
                "Where does the block of `no_grad` end? The n updates of the last recursion belong outside.",
                **flags,
            )
        if same(mine, kinds["one"], 1e-9):
            refuse(
                "one-step-gradient",
                "The gradient is still HRM's: only the last update of each state has one.",
                "In the last recursion some updates of z_L still run under `no_grad`. Count: n + 1 should be free.",
                **flags,
            )
        if same(mine, kinds["all"], 1e-9):
            refuse(
                "all-recursions",
                "All T recursions take part in the gradient.",
                "The first T - 1 only prepare the state; they run without gradient, or the memory would grow with T.",
                **flags,
            )
        if same(mine, cut, 1e-9):
            refuse(
                "cut-between",
                "Between z_L and z_H the gradient is cut.",
                "Look for a `detach`. The loss reads z_H, so all of f_L's learning must pass through that place.",
                **flags,
            )
        refuse(
            "other",
            "The values are right, the gradients are not those of the whole last recursion.",
            "All n + 1 evaluations of the last recursion, and only they, have a gradient.",
            given=given,
            yours=mine,
            expected=expected,
        )
    assert torch.is_grad_enabled() == before
    passed("full_gradient", "3 settings of n and T: values, and the gradients of both networks and of x")


def gradients(value: Tensor, weights: list[Tensor]) -> list[Tensor]:
    if not (isinstance(value, Tensor) and value.requires_grad):
        return [torch.zeros_like(weight) for weight in weights]
    found = torch.autograd.grad(value.pow(2).sum(), weights, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]


def graded_calls(calls: list[tuple[str, bool]]) -> str:
    """Which calls ran with gradient, in words."""
    numbers = [str(i) for i, (_, on) in enumerate(calls, 1) if on]
    return f"calls with gradient: {', '.join(numbers) or 'none'} of {len(calls)}"


# --- a rung: one network ---------------------------------------------------------------------------------------------


class Mix(nn.Module):
    """A network with 3 x 4 + 4 trained numbers that are one factor in effect; called as network(state, injected)."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.full((3, 4), 0.5, dtype=torch.float64))
        self.b = nn.Parameter(torch.zeros(4, dtype=torch.float64))

    def forward(self, state: Tensor, injected: Tensor) -> Tensor:
        return torch.tanh(self.w.mean() * state + 0.8 * injected + self.b.mean())


def OneNetwork(answer: Callable[..., Any]) -> None:
    """One module for both parts: values before and after the given network was trained, and its size counted once."""
    for n, seed in ((3, 0), (1, 1)):
        network = Mix()
        draw = torch.randn(3, 2, 3, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        x, y, z = draw
        given = f"a network of 16 trained numbers, n = {n}; x, y, z of shape [2, 3, 4]"

        def recursion(
            think: nn.Module, reply: nn.Module, wrong: str = "", x: Tensor = x, y: Tensor = y, z: Tensor = z, n: int = n
        ) -> tuple[Tensor, Tensor]:
            if wrong == "answer-first":
                y = reply(y, z)
            for _ in range(1 if wrong == "thinks-once" else n):
                z = think(z, x if wrong == "y-not-fed-back" else y + x)
            if wrong != "answer-first":
                y = reply(y + x if wrong == "x-in-the-answer" else y, z)
            return y, z

        with torch.enable_grad():
            model = run(answer, network, n)
            first = run(model, x, y, z)
            value = recursion(network, network)
            judge(
                first,
                value,
                given=given,
                mistakes=[
                    Mistake(
                        "x-in-the-answer",
                        recursion(network, network, "x-in-the-answer"),
                        "x stands in the update of y.",
                        "By x the network knows that it is to think. In the answer line stand y and z alone.",
                    ),
                    Mistake(
                        "y-not-fed-back",
                        recursion(network, network, "y-not-fed-back"),
                        "y does not take part when it thinks.",
                        "Its second input is y + x: what it answered so far, and the question.",
                    ),
                    Mistake(
                        "states-swapped",
                        value[::-1],
                        "y and z come back in the wrong order.",
                        "The first line of the stub names the order: y, then z.",
                    ),
                    Mistake(
                        "thinks-once",
                        recursion(network, network, "thinks-once"),
                        "It thinks once instead of n times.",
                        "n updates of z come before one update of y.",
                    ),
                    Mistake(
                        "answer-first",
                        recursion(network, network, "answer-first"),
                        "It answers before it thinks.",
                        "First all n updates of z. Then y, from the newest z.",
                    ),
                ],
                where="Do it by hand with the mean of two numbers as the network: 4, 6, and then y = 3.",
            )
            old = Mix()
            with torch.no_grad():
                network.w.fill_(-0.4)  # as if the given network had been trained
                network.b.fill_(0.3)
            copied = (
                "A copy of the network is at work.",
                "The given network was trained, and your model did not follow. Keep the module itself, for both parts.",
            )
            judge(
                run(model, x, y, z),
                recursion(network, network),
                given=f"{given}, after the given network was trained",
                mistakes=[
                    Mistake("copied-network", recursion(*pair), *copied)
                    for pair in ((network, old), (old, network), (old, old))
                ],
                where="Whoever trains the given network must train both parts of your model.",
            )
            judge(
                run(model.size),
                16,
                given=f"{given}; size()",
                mistakes=[
                    Mistake(
                        "counted-twice",
                        32,
                        "The same weights were counted twice.",
                        "There is one network, however many names it has. `parameters()` of the model knows that.",
                    ),
                    Mistake(
                        "tensors-counted",
                        2,
                        "You counted tensors, not numbers.",
                        "A matrix of 3 x 4 holds 12 trained numbers. `numel` tells how many.",
                    ),
                    Mistake(
                        "counted-each-call",
                        16 * (n + 1),
                        "You counted the weights once for each call.",
                        "A weight that is used n + 1 times is one weight. Recursion costs time, not weights.",
                    ),
                ],
                where="Go through the model's parameters, each once, and add up how many numbers they hold.",
            )
    passed("OneNetwork", "n = 3 and n = 1: y and z, the same after the given network was trained, and the size")


# --- a rung: plain halting -------------------------------------------------------------------------------------------


class Stepper:
    """A model whose outputs are fixed for each call. It counts its calls."""

    def __init__(self, tokens: Tensor, halt: Tensor, go_on: Tensor):
        self.tokens, self.calls = tokens, 0
        self.logits = F.one_hot(tokens, 5).double().requires_grad_()
        self.halt, self.go_on = halt.clone().requires_grad_(), go_on.clone().requires_grad_()

    def __call__(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Output]:
        self.calls += 1
        if self.calls == 1:
            return state + 1, Output(self.logits, self.halt, self.go_on)
        return state + 1, Output(self.logits.detach(), -self.halt.detach() + 0.5, 1.5 * self.go_on.detach() + 0.2)


def plain_halting(answer: Callable[..., Any]) -> None:
    """Half the logistic loss of halt logit and "the whole answer is right", the new state, and halt logit above 0."""
    tokens = torch.tensor([[1, 2, 3], [4, 0, 1], [2, 2, 1], [3, 1, 0]])
    labels = tokens.clone()
    labels[1, 0], labels[3] = 2, torch.tensor([1, 2, 3])
    cases = [
        ([0.6, -1.4, -2.3, 1.9], [1.1, -2.0, -0.7, 2.5], [1, 2, 4, 3], 4),
        ([-5.0, 0.4, 3.0, -0.2], [-6.0, 1.0, -1.0, -3.0], [16, 2, 5, 15], 16),
    ]
    for halt_values, go_values, ages, limit in cases:
        halt, go_on = (torch.tensor(v, dtype=torch.float64) for v in (halt_values, go_values))
        model, steps = Stepper(tokens, halt, go_on), torch.tensor(ages)
        inputs, state = torch.ones(4, 3).long(), torch.zeros(4, 2)
        given = f"halt {halt_values}, continue {go_values}, puzzles 1 and 3 right, steps {ages}, limit {limit}"
        with torch.enable_grad():
            yours = run(answer, model, inputs, labels, state, steps, limit)
        if not isinstance(yours, list | tuple) or len(yours) != 3:
            judge(yours, (0, state, steps), given=given, where="Three things come back: loss, new state, stop.")
        loss, after, stop = yours
        hit = tokens == labels
        right = hit.all(1).double()

        def logistic(q: Tensor, target: Tensor) -> Tensor:
            return F.binary_cross_entropy_with_logits(q, target, reduction="sum")

        ahead_halt, ahead_go = -halt + 0.5, 1.5 * go_on + 0.2
        best = torch.where(steps >= limit, ahead_halt, torch.maximum(ahead_halt, ahead_go)).sigmoid()
        plain = logistic(halt, right)
        per_cell = logistic(halt[:, None].expand(4, 3), hit.double())
        judge(
            loss,
            0.5 * plain,
            given=given,
            mistakes=[
                Mistake(
                    "continue-still-trained",
                    0.5 * (plain + logistic(go_on, best)),
                    "The continue logit is still trained.",
                    "Nobody asks it any more. Which line of `q_learning` adds its loss?",
                ),
                Mistake(
                    "target-per-cell",
                    0.5 * per_cell,
                    "Your target is one bit for each cell.",
                    "The halting head speaks of the whole puzzle: every cell right, or not. Its target is one bit.",
                ),
                Mistake(
                    "target-is-a-share",
                    0.5 * logistic(halt, hit.double().mean(1)),
                    "Your target is the share of right cells.",
                    "A grid with one wrong cell is a wrong grid: its target is 0, not nearly 1.",
                ),
                Mistake(
                    "weight-missing",
                    plain,
                    "The weight 0.5 is missing.",
                    "The halting part counts half beside the answer loss.",
                ),
                Mistake(
                    "mean-instead-of-sum",
                    0.125 * plain,
                    "You took the mean over the puzzles.",
                    "A sum over the batch is asked for: `reduction` decides.",
                ),
                Mistake(
                    "target-inverted",
                    0.5 * logistic(halt, 1 - right),
                    "Your target is 1 where the answer is wrong.",
                    "The logit is large where the network believes that it is right.",
                ),
                Mistake(
                    "target-of-q-learning",
                    0.5 * logistic(halt, best),
                    "The halt logit is trained towards the look ahead.",
                    "The target of halting is what is so now: right, or not.",
                ),
            ],
            where="Write down the four bits, then the loss of each puzzle, then add and halve.",
        )
        if not (isinstance(loss, Tensor) and loss.requires_grad):
            refuse(
                "no-gradient",
                "The loss is right, but no gradient reaches the halt logit.",
                "Look for `no_grad`, `detach` or `item`: the first call of the model must keep its graph.",
                given=given,
                yours="no gradient",
                expected="a gradient at the halt logit",
            )
        judge(
            after,
            state + 1,
            given=f"{given}; the state before is all 0",
            mistakes=[
                Mistake(
                    "old-state",
                    state,
                    "You returned the state from before the step.",
                    "The model gives back a new state. The next step must go on from that one.",
                ),
                Mistake(
                    "state-two-steps-ahead",
                    state + 2,
                    "The state that comes back is two steps ahead.",
                    "One step, one state: the look ahead must leave no trace.",
                ),
            ],
            where="The new state is the first thing that the model gives back.",
        )
        last = steps >= limit
        judge(
            stop,
            (halt > 0) | last,
            given=given,
            mistakes=[
                Mistake(
                    "stops-as-before",
                    (halt > go_on) | last,
                    "A slot still stops when halt is above continue.",
                    "The continue logit has no meaning any more. With what is a single logit compared?",
                ),
                Mistake(
                    "limit-forgotten",
                    halt > 0,
                    "A slot that is never sure never stops.",
                    "At step `limit` it stops, whatever the network says.",
                ),
                Mistake(
                    "probability-above-0",
                    torch.ones(4, dtype=torch.bool),
                    "Every slot stops.",
                    "A probability is always above 0. It is the logit that changes its sign.",
                ),
                Mistake(
                    "limit-alone",
                    last,
                    "Your slots stop at the limit alone.",
                    "A slot also stops when its halt logit is above 0.",
                ),
            ],
            where="Go slot by slot: is its logit above 0? Has it reached the limit?",
        )
        if model.calls != 1:
            refuse(
                "second-pass",
                f"All three results are right, but the model was called {model.calls} times.",
                "Each call is a whole forward pass. Whose target was the second one needed for?",
                given=given,
                yours=f"{model.calls} calls",
                expected="1 call",
            )
    passed("plain_halting", "8 slots: loss, state, stops; one call of the model")


# --- read a ladder ---------------------------------------------------------------------------------------------------

LADDERS: list[list[tuple[str, list[float]]]] = [
    [
        ("first", [0.40, 0.44, 0.42, 0.46, 0.43]),
        ("up", [0.60, 0.655, 0.76, 0.66, 0.62]),
        ("a little up", [0.65, 0.72, 0.64, 0.70, 0.69]),
        ("up, with overlap", [0.705, 0.76, 0.72, 0.74, 0.73]),
        ("down", [0.50, 0.47, 0.52, 0.49, 0.51]),
        ("lonely", [0.72]),
        ("after it", [0.30, 0.34, 0.29, 0.35, 0.33]),
        ("a little down", [0.33, 0.27, 0.31, 0.28, 0.32]),
    ],
    [("only", [0.3, 0.4])],
    [("a", [0.0, 0.0, 0.0]), ("b", [0.0, 0.0, 0.0]), ("c", [0.5, 0.55, 0.52]), ("d", [0.7, 0.68, 0.72])],
]


def read_ladder(answer: Callable[..., Any]) -> None:
    """The separated steps alone, each with its direction."""
    for rungs in LADDERS:
        expected = steps_said(rungs)
        seeds = dict(rungs)
        names = [name for name, _ in rungs]
        means = {name: float(np.mean(values)) for name, values in rungs}
        larger = {b: "up" if means[b] > means[a] else "down" for a, b in pairwise(names) if means[a] != means[b]}
        lonely = expected | {
            b: larger[b] for a, b in pairwise(names) if b in larger and difference_interval(seeds[a], seeds[b]) is None
        }
        below = {a: expected[b] for a, b in pairwise(names) if b in expected}
        yours = run(answer, rungs)
        if isinstance(yours, list | tuple | set):
            refuse(
                "names-alone",
                "You returned a list of names.",
                "A separated step has a direction, and it belongs to the name: return a dictionary.",
                given=ladder_said(rungs),
                yours=sorted(map(str, yours)),
                expected=expected,
            )
        judge(
            in_order(yours),
            in_order(expected),
            given=ladder_said(rungs),
            mistakes=[
                Mistake(
                    "against-the-first",
                    in_order(steps_said([(b, v) for b, v in rungs], first=True)),
                    "You compared each rung with the first one.",
                    "A step leads from one rung to the next. Its neighbour is the one just before it.",
                ),
                Mistake(
                    "larger-mean",
                    in_order(larger),
                    "You went by the means alone.",
                    "Of two means one is nearly always larger. What does the interval of their difference say?",
                ),
                Mistake(
                    "one-seed-separated",
                    in_order(lonely),
                    "You called a step separated that has no interval.",
                    "`None` means: the seeds tell no spread. Then nothing can be said, however large the step is.",
                ),
                Mistake(
                    "overlap-as-test",
                    in_order(steps_said(rungs, overlap=True)),
                    "You asked whether the intervals of the two means overlap.",
                    "Overlap is no test: use the interval of the *difference*.",
                ),
                Mistake(
                    "ups-alone",
                    in_order({name: way for name, way in expected.items() if way == "up"}),
                    "You told of the steps that go up only.",
                    "A step that makes it worse is a result too. When are both ends below 0?",
                ),
                Mistake(
                    "directions-turned",
                    in_order({name: {"up": "down", "down": "up"}[way] for name, way in expected.items()}),
                    "Your directions are turned round.",
                    "The difference is the later rung minus the earlier one: positive means up.",
                ),
                Mistake(
                    "name-of-the-rung-before",
                    in_order(below),
                    "You named the rung from which the step starts.",
                    "The change belongs to the rung that the step leads to.",
                ),
                Mistake(
                    "equal-said",
                    in_order({b: expected.get(b, "not separated") for b in names[1:]}),
                    "You also tell of the steps that are not separated.",
                    "Say nothing of them: leave their names out.",
                ),
            ],
            where="Take each pair of neighbours, write down its interval, and look on which side of 0 it lies.",
        )
    passed("read_ladder", "3 ladders: up, down, not separated, one seed, seeds alike, a single rung")


def steps_said(rungs: list[tuple[str, list[float]]], *, first: bool = False, overlap: bool = False) -> dict[str, str]:
    """The separated steps. first: against the first rung. overlap: judged by the intervals of both means."""
    found = {}
    for (_, before), (name, after) in pairwise(rungs):
        before = rungs[0][1] if first else before
        interval = difference_interval(before, after)
        if overlap:
            ends = mean_interval(before), mean_interval(after)
            interval = None if None in ends else (ends[1][0] - ends[0][1], ends[1][1] - ends[0][0])
        if interval is not None and (interval[0] > 0 or interval[1] < 0):
            found[name] = "up" if interval[0] > 0 else "down"
    return found


def in_order(said: Any) -> Any:
    """A dictionary as it is: `judge` compares names and words, whatever their order."""
    return said if kind(said) != "dictionary" else {str(name): str(said[name]) for name in said}


def ladder_said(rungs: list[tuple[str, list[float]]]) -> str:
    shown = ", ".join(f"{name} {values}" for name, values in rungs)
    return shown if len(shown) <= 240 else shown[:236] + " ..."
