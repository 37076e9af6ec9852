"""Checks of lesson 09: the moving average and its start, the cost of a variant, when to stop, ties, fairness."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trm_edu.checks.teacher import Mistake, judge, passed, refuse, run, same
from trm_edu.intervals import difference_interval, mean_interval

__all__ = [
    "best_cells",
    "confounders",
    "find_the_flaws",
    "stop_training",
    "train_with_average",
    "variant_cost",
    "without_the_start",
]

# --- the moving average ----------------------------------------------------------------------------------------------


class Scaled(nn.Module):
    """w * x + b, and a buffer that counts the calls."""

    def __init__(self, w: Sequence[float], b: float):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))
        self.b = nn.Parameter(torch.tensor([b]))
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.w * x + self.b


def loss_on(x: Sequence[float], y: float) -> Callable[[nn.Module], Tensor]:
    return lambda model: (model(torch.tensor(x)) - y).square().sum()


def averaged(model: nn.Module, losses: Sequence[Callable], rate: float, decay: float, way: str = "right") -> Any:
    """What comes back if the average is made in the right way, or in one of the wrong ones; the model is trained."""
    start = copy.deepcopy(model.state_dict())
    names = [name for name, _ in model.named_parameters()]
    average = {name: torch.zeros_like(start[name]) if way == "zero" else start[name].clone() for name in names}
    counted = start["calls"].clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)

    def update() -> None:
        for name in names:
            weight = model.get_parameter(name).detach()
            keep = 1 - decay if way == "side" else decay
            average[name] = keep * average[name] + (1 - keep) * weight

    for i, loss in enumerate(losses):
        loss(model).backward()
        if way == "before":
            update()
        optimizer.step()
        if way != "gradients":
            optimizer.zero_grad()
        if way == "shared":  # the average is the weight: mul_ changes both
            with torch.no_grad():
                for weight in model.parameters():
                    weight.mul_(decay).add_(weight, alpha=1 - decay)
        if way == "late" and i == 0:
            average = {name: model.get_parameter(name).detach().clone() for name in names}
        elif way != "before":
            update()
        counted = decay * counted + (1 - decay) * model.get_buffer("calls")
    now = copy.deepcopy(model.state_dict())
    if way in ("last", "shared"):
        return now
    if way == "no-buffers":
        return average
    return now | average | {"stale": {"calls": start["calls"]}, "buffers": {"calls": counted}}.get(way, {})


def train_with_average(answer: Callable) -> None:
    """Backward, optimizer step, zero_grad, then the average of the parameters; buffers are the model's own."""
    cases = [
        (
            [1.0, -2.0, 0.5],
            0.25,
            [([1.0, 2.0, -1.0], 3.0), ([0.5, -1.0, 2.0], -1.0), ([2.0, 1.0, 1.0], 0.5)],
            0.05,
            0.75,
        ),
        ([0.2, 0.4], -1.0, [([1.0, -1.0], 2.0), ([3.0, 0.5], 1.0), ([0.5, 0.5], 0.0), ([1.0, 2.0], -2.0)], 0.04, 0.9),
    ]
    for weights, bias, data, rate, decay in cases:
        losses = [loss_on(x, y) for x, y in data]

        def made(way: str, facts: Any = (weights, bias, losses, rate, decay)) -> Any:
            w, b, steps, lr, keep = facts
            with torch.enable_grad():
                return averaged(Scaled(w, b), steps, lr, keep, way)

        model, trained = Scaled(weights, bias), Scaled(weights, bias)
        with torch.enable_grad():
            expected = averaged(trained, losses, rate, decay)
            optimizer = torch.optim.SGD(model.parameters(), lr=rate)
            yours = run(answer, model, optimizer, losses, decay)
        given = f"weights {weights}, {len(losses)} steps of SGD with rate {rate}, decay {decay}"
        place = "The right order: backward, optimizer step, zero_grad, average. Do two steps of it by hand."
        shared = "Did the average share memory with the model? `detach` makes no copy, and neither does `state_dict`."
        mistakes = [
            Mistake(
                "decay-on-the-wrong-side",
                made("side"),
                "It looks as if the decay multiplies the new weight.",
                "With a decay of 0.999 the average must move slowly. Which of the two is multiplied by 0.999?",
            ),
            Mistake(
                "before-the-step",
                made("before"),
                "The average was made before the optimizer's step: the last weights are missing in it.",
                "Which weights does the model have after the step, and which of them did the average see?",
            ),
            Mistake(
                "nothing-averaged",
                made("last"),
                "These are simply the weights of the last step: nothing was averaged.",
                shared,
            ),
            Mistake(
                "training-disturbed",
                made("shared"),
                "The average and the weights are one and the same tensor, so that each update shrinks the weights.",
                "An operation with an underscore changes a tensor wherever it is used. What did the average start as?",
            ),
            Mistake(
                "first-weights-lost",
                made("late"),
                "The average starts at the weights after the first step.",
                "It should start at the weights before it. If you kept them: the optimizer changes tensors in place.",
            ),
            Mistake(
                "starts-at-zero",
                made("zero"),
                "The average starts at zero.",
                "Here it starts at the first weights, as in the published code.",
            ),
            Mistake(
                "gradients-add-up",
                made("gradients"),
                "The gradients of earlier steps are still there.",
                "`backward` adds to what is in `.grad`. Who empties it?",
            ),
            Mistake(
                "buffers-missing",
                made("no-buffers"),
                "The parameters are right; the model's buffers are missing.",
                "What comes back must fit into `load_state_dict`. Compare its names with `model.state_dict()`.",
            ),
            Mistake(
                "buffers-averaged",
                made("buffers"),
                "The parameters are right; a buffer was averaged too.",
                "A buffer is a fact, such as a count or a fixed start. Take the model's own, as it is at the end.",
            ),
            Mistake(
                "buffers-of-the-start",
                made("stale"),
                "The parameters are right; the buffer is the one from before the training.",
                "Training changed the buffer as well. Take it from the model at the end.",
            ),
        ]
        judge(yours, expected, given=given, mistakes=mistakes, where=place, tolerance=1e-5)
        if not same(dict(model.state_dict()), dict(trained.state_dict()), 1e-5):
            refuse(
                "model-overwritten",
                "The average is right, but the model was left with other weights than training gave it.",
                "The average only watches. Return it, and leave the weights in training as they are.",
                given=given,
                yours=dict(model.state_dict()),
                expected=dict(trained.state_dict()),
            )
    passed(
        "train_with_average", "3 steps and 4 steps of SGD", "parameters averaged, buffers copied, training undisturbed"
    )


# --- its start -------------------------------------------------------------------------------------------------------


def without_the_start(answer: Callable) -> None:
    """Horizon, share of the first weights, and the average without them."""
    for decay, steps, first, weights in (
        (0.8, 3, [10.0, -2.0], [[1.0, 4.0], [2.0, 0.0], [6.0, 1.0]]),
        (0.5, 2, [10.0, 1.0, 0.0], [[2.0, 5.0, 3.0], [4.0, -1.0, 3.0]]),
        (0.99, 40, [-3.0], [[0.1 * k] for k in range(40)]),
    ):
        start = torch.tensor(first, dtype=torch.float64)
        average = start
        for weight in weights:
            average = decay * average + (1 - decay) * torch.tensor(weight, dtype=torch.float64)
        horizon, share = 1 / (1 - decay), decay**steps

        def cleaned(part: float, mean: Tensor = average, origin: Tensor = start) -> Tensor:
            return (mean - part * origin) / (1 - part)

        early, late = decay ** (steps - 1), decay ** (steps + 1)
        linear = 1 - steps * (1 - decay)
        mistakes = [
            Mistake(
                "horizon-upside-down",
                (1 / decay, share, cleaned(share)),
                "Your horizon is 1 / decay.",
                "With decay 0.99 some 100 steps matter. What must 1 be divided by to give 100?",
            ),
            Mistake(
                "one-step-early",
                (horizon, early, cleaned(early)),
                "Your share of the start has one factor too few.",
                "Every one of the steps multiplied the start by the decay, the first one too.",
            ),
            Mistake(
                "one-step-late",
                (horizon, late, cleaned(late)),
                "Your share of the start has one factor too many.",
                "Before the first step the share was 1. Count the factors after one step.",
            ),
            Mistake(
                "straight-line",
                (horizon, linear, cleaned(linear)),
                "Your share of the start falls along a straight line.",
                "Each step takes the same *part* of what is left, not the same amount.",
            ),
            Mistake(
                "share-of-the-rest",
                (horizon, 1 - share, cleaned(share)),
                "That is the share of all the other weights.",
                "Asked is how much the first weights count. After many steps it must be near 0.",
            ),
            Mistake(
                "start-not-subtracted",
                (horizon, share, average / (1 - share)),
                "The average was only rescaled: the first weights are still in it.",
                "Adam may do that, whose averages start at 0. This one starts at the first weights.",
            ),
            Mistake(
                "not-rescaled",
                (horizon, share, average - share * start),
                "The start is out, but the rest does not add up to a mean.",
                "If all weights were 7, the result must be 7. What do the shares of the others add up to?",
            ),
        ]
        judge(
            run(answer, average, start, decay, steps),
            (horizon, share, cleaned(share)),
            given=f"average {average.tolist()}, first {first}, decay {decay}, {steps} steps",
            mistakes=mistakes,
            where="Write the average of two steps as a sum: so much of the first weights, so much of each later one.",
            what="Horizon, share or cleaned average is not the expected one.",
        )
    passed("without_the_start", "2, 3 and 40 steps, three decays")


# --- what a variant costs --------------------------------------------------------------------------------------------


def variant_cost(answer: Callable) -> None:
    """Weights and depth of the blocks, FLOPs of a training step of one puzzle."""
    for L, D, inner_L, inner_D, layers, T, n in (
        (36, 64, 96, 176, 2, 5, 4),
        (81, 512, 256, 1536, 4, 2, 2),
        (9, 8, 24, 32, 1, 1, 3),
    ):
        positions, channels = 3 * L * inner_L, 3 * D * inner_D
        evaluations = T * (n + 1)
        equivalents = evaluations + 2 * (n + 1)
        layer = 2 * (D * positions + L * channels)
        weights, depth, flops = layers * (positions + channels), layers * evaluations, layers * layer * equivalents
        mistakes = [
            Mistake(
                "recursion-costs-weights",
                (weights * evaluations, depth, flops),
                "You counted the weights again for every evaluation.",
                "The same weights are used each time. Does a recursion that runs longer need a larger file?",
            ),
            Mistake(
                "layers-share-weights",
                (weights // layers, depth, flops),
                "Those are the weights of one layer.",
                "Evaluations share their weights; the layers of a network do not.",
            ),
            Mistake(
                "two-matrices",
                (weights * 2 // 3, depth, flops * 2 // 3),
                "You counted two matrices for a SwiGLU.",
                "Gate, up, down: how many are that?",
            ),
            Mistake(
                "answer-update-forgotten",
                (weights, layers * T * n, layers * layer * (T * n + 2 * n)),
                "You counted n evaluations a recursion.",
                "After n updates of z there is one more evaluation. Of what?",
            ),
            Mistake(
                "depth-of-the-gradient",
                (weights, layers * (n + 1), flops),
                "Your depth is that of the last recursion alone.",
                "Asked is how many layers a supervision step passes through, with gradient or without.",
            ),
            Mistake(
                "layers-not-in-depth",
                (weights, evaluations, flops),
                "Your depth counts evaluations, not layers.",
                "One evaluation of the network passes through all of its layers.",
            ),
            Mistake(
                "per-token",
                (weights, depth, layers * 2 * (positions + channels) * equivalents),
                "Your operations use every weight once.",
                "A puzzle has L cells and D channels. How often is the channel SwiGLU used, how often the mixer?",
            ),
            Mistake(
                "mixer-per-cell",
                (weights, depth, layers * 2 * L * (positions + channels) * equivalents),
                "In your operations the mixer works once for each cell.",
                "It takes all cells of one channel at a time. How many channels are there?",
            ),
            Mistake(
                "channels-per-channel",
                (weights, depth, layers * 2 * D * (positions + channels) * equivalents),
                "In your operations the channel SwiGLU works once for each channel.",
                "It takes all channels of one cell at a time. How many cells are there?",
            ),
            Mistake(
                "adding-is-free",
                (weights, depth, flops // 2),
                "You counted one operation for each use of a weight.",
                "A product is multiplied and then added to a sum: that makes two.",
            ),
            Mistake(
                "backward-forgotten",
                (weights, depth, layers * layer * evaluations),
                "You counted the forward passes only.",
                "A training step also goes back. Through which evaluations, and at what price?",
            ),
            Mistake(
                "everything-backward",
                (weights, depth, layers * layer * 3 * evaluations),
                "You let the gradient go back through all T recursions.",
                "T - 1 of them have no gradient. Only the last one costs three times as much.",
            ),
            Mistake(
                "only-the-last-recursion",
                (weights, depth, layers * layer * 3 * (n + 1)),
                "You counted the last recursion alone.",
                "The T - 1 recursions without gradient are forward passes, too.",
            ),
        ]
        judge(
            run(answer, L, D, inner_L, inner_D, layers, T, n),
            (weights, depth, flops),
            given=f"L={L}, D={D}, inner_L={inner_L}, inner_D={inner_D}, layers={layers}, T={T}, n={n}",
            mistakes=mistakes,
            where="Count one layer of one evaluation first. Then add layers, evaluations, the way back.",
        )
    passed("variant_cost", "three networks: 6x6, 9x9 at full width, and a tiny one")


# --- when to stop ----------------------------------------------------------------------------------------------------


def stop_training(answer: Callable) -> None:
    """Choose on the validation curve, the earliest of equals; report gap and score on the test curve."""
    cases = [
        (
            [100, 200, 300, 400, 500, 600],
            [0.20, 0.55, 0.84, 0.97, 1.00, 0.99],
            [0.10, 0.30, 0.45, 0.41, 0.33, 0.36],
            [0.12, 0.36, 0.40, 0.43, 0.30, 0.34],
        ),
        (
            [50, 150, 250, 350, 450, 550],
            [0.30, 0.60, 0.80, 0.93, 0.96, 0.95],
            [0.20, 0.50, 0.46, 0.50, 0.40, 0.30],
            [0.25, 0.44, 0.51, 0.38, 0.36, 0.29],
        ),
    ]
    for case in cases:
        steps, seen, validation, test = (np.array(values) for values in case)

        def at(i: int, curves: Any = (steps, seen, test)) -> tuple:
            return int(curves[0][i]), float(curves[1][i] - curves[2][i]), float(curves[2][i])

        i, last = int(validation.argmax()), len(steps) - 1
        step, gap, score = at(i)
        latest = last - int(validation[::-1].argmax())
        mistakes = [
            Mistake(
                "chosen-on-test",
                at(int(test.argmax())),
                "You stopped at the peak of the test curve.",
                "Then the test set took part in the training, and its score is too good. What is validation for?",
            ),
            Mistake(
                "last-step",
                at(last),
                "You took the last step.",
                "By then the network has gone on to memorise. Where were unseen puzzles solved best?",
            ),
            Mistake(
                "chosen-on-seen",
                at(int(seen.argmax())),
                "You stopped where the *seen* puzzles are solved best.",
                "A network that stores answers is perfect there. Which curve tells what it has learned?",
            ),
            Mistake(
                "index-for-step",
                (i, gap, score),
                "You returned the place in the list, not the optimizer step.",
                "`argmax` counts the looks. Which list says at which step a look was made?",
            ),
            Mistake(
                "validation-reported",
                (step, gap, float(validation[i])),
                "You reported the validation score.",
                "It was picked for being high, so it is too good. Which puzzles had no part in the choice?",
            ),
            Mistake(
                "gap-to-validation",
                (step, float(seen[i] - validation[i]), score),
                "Your gap is the one to the validation puzzles.",
                "Those had a part in the choice. Measure the gap to the puzzles that had none.",
            ),
            Mistake(
                "gap-turned-round",
                (step, -gap, score),
                "Your gap has the wrong sign.",
                "A network that memorises has a large positive gap: seen minus unseen.",
            ),
            Mistake(
                "gap-at-the-end",
                (step, float(seen[last] - test[last]), score),
                "Your gap is the one at the last step.",
                "You stop earlier, and use the weights of that step. What is the gap there?",
            ),
        ]
        if latest != i:
            mistakes.append(
                Mistake(
                    "latest-of-equals",
                    at(latest),
                    "Two steps are equally good; you took the later one.",
                    "Nothing was gained by going on. Which of the two costs less?",
                )
            )
        judge(
            run(answer, steps, seen, validation, test),
            (step, gap, score),
            given=f"(steps, seen, validation, test) = {case}",
            mistakes=mistakes,
            where="First find one place in the lists. Then read everything else at that place.",
        )
    passed("stop_training", "a curve with a peak, and one with two equal ones")


# --- T, n and a budget -----------------------------------------------------------------------------------------------

Cells = Mapping[tuple[int, int], Sequence[float]]


def ties(results: Cells, flops: Mapping, allowed: Sequence, best: Any, tied: Callable[[Any, Any], bool]) -> list:
    found = [cell for cell in allowed if cell == best or tied(results[cell], results[best])]
    return sorted(found, key=lambda cell: flops[cell])


def covers_zero(a: Sequence[float], b: Sequence[float]) -> bool:
    interval = difference_interval(a, b)
    return interval is None or interval[0] <= 0 <= interval[1]


def overlaps(a: Sequence[float], b: Sequence[float]) -> bool:
    one, other = mean_interval(a), mean_interval(b)
    return one is None or other is None or (one[0] <= other[1] and other[0] <= one[1])


def best_cells(answer: Callable) -> None:
    """All cells within the budget that the seeds do not separate from the best of them, cheapest first."""
    results = {
        (1, 2): [0.60, 0.75, 0.69],
        (2, 2): [0.70, 0.74, 0.72],
        (1, 4): [0.64, 0.66, 0.65],  # its interval overlaps that of the best; the difference is separated
        (1, 1): [0.30, 0.34, 0.32],
        (2, 1): [0.55],
        (3, 6): [0.90, 0.92, 0.91],
    }
    cost = {(1, 1): 1.0, (1, 2): 1.5, (1, 4): 2.5, (2, 1): 1.3, (2, 2): 3.0, (3, 6): 6.0}
    for budget in (3.0, 10.0, 1.4):
        allowed = [cell for cell in results if cost[cell] <= budget]

        def top(cells: Sequence) -> Any:
            return max(cells, key=lambda c: np.mean(results[c]))

        best, every = top(allowed), list(results)
        below = [cell for cell in allowed if cost[cell] < budget]
        expected = ties(results, cost, allowed, best, covers_zero)
        mistakes = [
            Mistake(
                "budget-ignored",
                ties(results, cost, every, top(every), covers_zero),
                "You looked at cells that cost more than the budget.",
                "Throw them out first; then look for the best of what is left.",
            ),
            Mistake(
                "best-of-all-cells",
                ties(results, cost, allowed, top(every), covers_zero),
                "You held the cells against one that nobody can pay.",
                "The best must be the best *within the budget*.",
            ),
            Mistake(
                "best-alone",
                [best],
                "You returned the best mean alone.",
                "Some other cells are not separated from it. What does the interval of the difference say?",
            ),
            Mistake(
                "overlap-as-a-test",
                ties(results, cost, allowed, best, overlaps),
                "It looks as if you compared the intervals of two means.",
                "Two intervals may overlap while the difference is separated (lesson 08). Ask for *its* interval.",
            ),
            Mistake(
                "one-seed-separated",
                ties(
                    results,
                    cost,
                    allowed,
                    best,
                    lambda a, b: covers_zero(a, b) and difference_interval(a, b) is not None,
                ),
                "A cell with a single seed was thrown out.",
                "`difference_interval` gives None there. No interval means: nobody knows. Then nothing is separated.",
            ),
            Mistake(
                "budget-not-used-up",
                ties(results, cost, below, top(below), covers_zero) if below else [],
                "A cell that costs exactly the budget was thrown out.",
                "It can be paid. Is your sign `<` or `<=`?",
            ),
            Mistake(
                "all-that-can-be-paid",
                sorted(allowed, key=lambda cell: cost[cell]),
                "You returned every cell within the budget.",
                "Some of them are clearly worse than the best: their difference leaves out 0.",
            ),
            Mistake(
                "order-of-the-means",
                sorted(expected, key=lambda cell: -np.mean(results[cell])),
                "The right cells, but in the order of their means.",
                "If they cannot be told apart, the price decides: the cheapest comes first.",
            ),
            Mistake(
                "not-sorted",
                [cell for cell in results if cell in expected],
                "The right cells, as they come out of the dictionary.",
                "Somebody wants to save money: which of them should be read first?",
            ),
        ]
        yours = run(answer, results, cost, budget)
        if isinstance(yours, list | tuple) and all(isinstance(cell, tuple | list) for cell in yours):
            yours = [tuple(cell) for cell in yours]
        judge(
            yours,
            expected,
            given=f"results {results}, cost {cost}, budget {budget}"[:400],
            mistakes=mistakes,
            where="Three steps: what can be paid; the best mean of that; which others are not separated from it.",
        )
    passed("best_cells", "three budgets", "a tie, a false tie, and a cell with a single seed")


# --- a fair comparison -----------------------------------------------------------------------------------------------


def names_of(yours: Any, given: str, expected: set[str]) -> set[str]:
    """The learner's names as a set, from any collection of texts."""
    if (
        isinstance(yours, str)
        or not isinstance(yours, set | frozenset | list | tuple | dict)
        or any(not isinstance(name, str) for name in yours)
    ):
        refuse(
            "no-set-of-names",
            "What came back is no set of names.",
            "Return a set of texts; it may be empty: `set()`.",
            given=given,
            yours=yours,
            expected=sorted(expected),
        )
    return set(yours)


RUN = {
    "layers": 2,
    "parameters": 89_474,
    "steps": 1000,
    "flops": 2.0e12,
    "data": "1,000 puzzles with symmetries",
    "ema": True,
    "rates_tried": 1,
}


def fields_of(a: Mapping, b: Mapping, varied: set, *, slack: float = 0.05, never: Sequence = ("seed", "exact")) -> set:
    found = {name for name in {*a, *b} if a.get(name) != b.get(name)} - set(varied) - set(never)
    high = max(a["flops"], b["flops"])
    return found - {"flops"} if abs(a["flops"] - b["flops"]) <= slack * high else found


def confounders(answer: Callable) -> None:
    """The fields in which two runs differ although they should not."""
    first = RUN | {"seed": 0, "exact": 0.61}
    cases = [
        (
            "layers and parameters are varied",
            RUN | {"layers": 4, "parameters": 177_794, "flops": 1.98e12, "seed": 3, "exact": 0.5, "ema": False},
            {"layers", "parameters"},
        ),
        (
            "one network costs twice as much",
            RUN | {"layers": 4, "parameters": 177_794, "flops": 4.0e12, "seed": 1, "exact": 0.58},
            {"layers", "parameters"},
        ),
        (
            "EMA is varied",
            RUN | {"ema": False, "seed": 0, "exact": 0.52, "data": "3,000 puzzles", "rates_tried": 4},
            {"ema"},
        ),
        (
            "the second run has a field more",
            RUN | {"seed": 2, "exact": 0.7, "layers": 4, "start_from": "a trained network"},
            {"layers"},
        ),
        ("nothing differs that should not", RUN | {"seed": 5, "exact": 0.6, "layers": 4, "flops": 2.06e12}, {"layers"}),
    ]
    for title, second, varied in cases:
        expected = fields_of(first, second, varied)
        given = f"{title}: a = {first}, b = {second}, varied = {varied}"
        yours = names_of(run(answer, first, second, varied), given, expected)
        shown = {"given": given, "yours": sorted(yours), "expected": sorted(expected)}
        common = {name for name in first.keys() & second.keys() if first[name] == second[name]}
        if yours & common:
            refuse(
                "what-agrees",
                "Your set holds a field in which the two runs agree.",
                "A confounder is what differs. Is a comparison turned round?",
                **shown,
            )
        if yours & varied:
            refuse(
                "varied-called-a-flaw",
                "Your set holds what the comparison is about.",
                "Whoever compares two and four layers must change them. Which argument says what is varied?",
                **shown,
            )
        if "seed" in yours:
            refuse(
                "seed-counted",
                "Your set holds the seed.",
                "Other seeds are what makes a spread visible. They are meant to differ.",
                **shown,
            )
        if "exact" in yours:
            refuse(
                "result-counted",
                "Your set holds the result.",
                "The result is what the comparison asks for, not something that was set.",
                **shown,
            )
        if "flops" in yours - expected:
            refuse(
                "rounding-counted",
                "You called operations different that agree within 5%.",
                "Steps are whole, so operations never agree exactly. How large is the difference, as a part of one?",
                **shown,
            )
        if "flops" in expected - yours:
            refuse(
                "compute-accepted",
                "One run did far more operations than the other, and you let it pass.",
                "Equal steps are no equal compute. Is `steps` all that you looked at?",
                **shown,
            )
        if "start_from" in expected - yours:
            refuse(
                "one-side-only",
                "A field that only one of the runs has is missing in your set.",
                "Go through the fields of both. What one run has and the other lacks, differs.",
                **shown,
            )
        judge(
            sorted(yours),
            sorted(expected),
            given=given,
            where="Go through the fields one by one: does it differ, is it meant to, is it a seed or a result?",
            what="The set of confounders is not the expected one.",
            mistakes=[
                Mistake(
                    "first-one-only",
                    [name],
                    "You found one confounder and stopped.",
                    "There may be several. Collect them all before you return.",
                )
                for name in (expected if len(expected) > 1 else ())
            ],
        )
    passed(
        "confounders", "5 pairs of runs", "a size that is varied, operations within 5% and beyond, a field of one side"
    )


# --- find the flaw ---------------------------------------------------------------------------------------------------


def side(exact: Sequence[float], **changes: Any) -> list[dict[str, Any]]:
    """Runs that differ in seed and result alone."""
    return [RUN | {"seed": seed, "exact": found} | changes for seed, found in enumerate(exact)]


def study(ours: list, theirs: list, varied: set, **changes: Any) -> dict[str, Any]:
    means = {name: float(np.mean([r["exact"] for r in runs])) for name, runs in (("ours", ours), ("theirs", theirs))}
    whole = {"ours": ours, "theirs": theirs, "varied": varied, "reported": means, "chosen_on": "validation"}
    return whole | {"claim": "better"} | changes


def flaws_of(found: Mapping[str, Any]) -> set[str]:
    ours, theirs = found["ours"], found["theirs"]
    results = {name: [r["exact"] for r in found[name]] for name in ("ours", "theirs")}
    flaws = set()
    if min(len(ours), len(theirs)) < 2:
        flaws.add("one seed")
    if any(abs(found["reported"][name] - np.mean(results[name])) > 0.001 for name in results):
        flaws.add("best of seeds")
    if found["chosen_on"] == "test":
        flaws.add("chosen on test")
    if found["claim"] == "better" and covers_zero(results["theirs"], results["ours"]):
        flaws.add("not separated")
    named = {"flops": "compute", "parameters": "parameters", "data": "data", "ema": "ema", "rates_tried": "rates"}
    differ = fields_of(ours[0], theirs[0], found["varied"])
    return flaws | {flaw for field, flaw in named.items() if field in differ}


GOOD, POOR = [0.70, 0.72, 0.71, 0.73, 0.69], [0.60, 0.62, 0.61, 0.63, 0.59]
STUDIES = {
    "two layers against four, at equal compute": study(
        side(GOOD, flops=1.99e12), side(POOR, layers=4, parameters=177_794), {"layers", "parameters"}
    ),
    "our best of five": study(
        side([0.50, 0.55, 0.60, 0.66, 0.80]), side([0.40, 0.42, 0.41]), {"T"}, reported={"ours": 0.8, "theirs": 0.41}
    ),
    "four layers, twice the operations": study(
        side(GOOD, layers=4, parameters=177_794, flops=4.0e12), side(POOR), {"layers", "parameters"}
    ),
    "more recursions, and also more weights": study(side(GOOD, parameters=177_794), side(POOR), {"T"}),
    "one run each": study(side([0.87]), side([0.80]), {"T"}, claim="no difference"),
    "averaged against raw": study(side(GOOD), side(POOR, ema=False), {"mixer"}),
    "EMA against none": study(side(GOOD), side(POOR, ema=False), {"ema"}),
    "five rates for us, the default for them": study(side(GOOD, rates_tried=5), side(POOR), {"mixer"}),
    "symmetries on one side": study(side(GOOD), side(POOR, data="1,000 puzzles"), {"mixer"}),
    "the peak of the test curve": study(side(GOOD), side(POOR), {"mixer"}, chosen_on="test"),
    "a mean that is a little higher": study(side([0.60, 0.70, 0.65]), side([0.58, 0.68, 0.63]), {"n"}),
    "no difference, said so": study(
        side([0.60, 0.70, 0.65]), side([0.58, 0.68, 0.63]), {"n"}, claim="no difference"
    ),
    "several at once": study(
        side([0.81, 0.74], ema=True, flops=3e12),
        side([0.75], ema=False),
        {"mixer", "parameters"},
        reported={"ours": 0.81, "theirs": 0.75},
        chosen_on="test",
    ),
}  # fmt: skip
MISSED = {
    "best of seeds": (
        "best-of-seeds-missed",
        "A side reported more than the mean of its runs, and you let it pass.",
        "Compute the mean of each side's results. Is it the number that was reported?",
    ),
    "compute": (
        "compute-missed",
        "One side did far more operations than the other, and you let it pass.",
        "Equal steps are no equal compute. Compare `flops`, with the 5% that rounding needs.",
    ),
    "parameters": (
        "parameters-missed",
        "One side has more weights although weights are not what is varied, and you let it pass.",
        "Which fields may differ stands in `varied`. All others must agree.",
    ),
    "one seed": (
        "one-seed-missed",
        "A side consists of a single run, and you let it pass.",
        "Without a second seed there is no spread. Count the runs of each side.",
    ),
    "ema": (
        "ema-missed",
        "One side is read with averaged weights, the other raw, and you let it pass.",
        "Compare the field `ema` of the two sides, unless it is what is varied.",
    ),
    "rates": (
        "tuning-missed",
        "One side tried more learning rates than the other, and you let it pass.",
        "Whoever may choose looks better. Compare `rates_tried`.",
    ),
    "data": (
        "data-missed",
        "The sides saw other data, and you let it pass.",
        "Compare the field `data`: the same puzzles with symmetries are other data.",
    ),
    "chosen on test": (
        "test-set-missed",
        "The moment to stop was chosen on the test set, and you let it pass.",
        "A peak that was picked is too high. Which field says what it was picked on?",
    ),
    "not separated": (
        "not-separated-missed",
        "The claim is 'better', the interval of the difference covers 0 (or there is none), and you let it pass.",
        "A mean that is larger is no result yet. Ask `difference_interval`; None separates nothing.",
    ),
}
TOO_MUCH = {
    "parameters": (
        "varied-parameters-called-a-flaw",
        "You called other weights a flaw, where the number of weights is what is varied.",
        "Two layers have fewer weights than four. Look into `varied` before you judge.",
    ),
    "ema": (
        "varied-ema-called-a-flaw",
        "You called EMA a flaw, where EMA is what is varied.",
        "Nobody can compare with and without it and keep it equal. Is `varied` asked for every field?",
    ),
    "compute": (
        "rounding-called-a-flaw",
        "You called operations unequal that agree within 5%.",
        "Steps are whole numbers, so a small rest stays. How large is it, as a part of the larger side?",
    ),
    "not separated": (
        "honest-claim-called-a-flaw",
        "You found 'not separated' in a study that does not claim to be better.",
        "'We saw no difference' is a result. What does the field `claim` say?",
    ),
    "best of seeds": (
        "mean-called-best",
        "You found 'best of seeds' where the mean was reported.",
        "Compare with the mean, and allow for rounding: 0.001.",
    ),
}


def find_the_flaws(answer: Callable) -> None:
    """The names of all flaws of a study; none for a fair one."""
    for title, found in STUDIES.items():
        expected = flaws_of(found)
        given = f"{title}: varied {sorted(found['varied'])}, reported {found['reported']}, claim {found['claim']!r}"
        yours = names_of(run(answer, found), given, expected)
        shown = {"given": given, "yours": sorted(yours), "expected": sorted(expected)}
        unknown = yours - MISSED.keys()
        if unknown:
            refuse(
                "unknown-name",
                f"{sorted(unknown)[0]!r} is not one of the nine names."[:160],
                "The table of the exercise has the names, letter by letter.",
                **shown,
            )
        for flaw in MISSED:  # in a fixed order
            if flaw in expected - yours:
                refuse(*MISSED[flaw], **shown)
        for flaw in MISSED:
            if flaw in yours - expected:
                mistake = ("false-alarm", f"This study has no flaw {flaw!r}.", "Read its fields again, one by one.")
                refuse(*TOO_MUCH.get(flaw, mistake), **shown)
    passed("find_the_flaws", f"{len(STUDIES)} studies", "fair ones, single flaws, several at once")
