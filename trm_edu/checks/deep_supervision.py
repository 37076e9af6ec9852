"""Checks of lesson 06: the loop over supervision steps, and the slots that stand in its place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trm_edu.checks.teacher import Mistake, judge, passed, refuse, run, same
from trm_edu.supervision import choose

__all__ = [
    "optimizer_steps",
    "reach_of_gradient",
    "refill",
    "simulate_ages",
    "supervision_loop",
    "supervision_step",
]

Slots = dict[str, Tensor]


# --- the paper's loop -------------------------------------------------------------------------------------------------


class Draft(nn.Module):
    """Two weights. State and answer are the same: state <- w * state + b * x. The state is not detached."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor(0.8, dtype=torch.float64))

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = self.w * state + self.b * x
        return state, state


class CountingSGD(torch.optim.SGD):
    """Plain gradient descent that counts its steps."""

    count = 0

    def step(self, closure: Any = None) -> Any:
        self.count += 1
        return super().step(closure)


def practise(variant: str, x: Tensor, state: Tensor, target: Tensor, count: int) -> dict[str, Any]:
    """Losses and weights of the loop, as it should be ("right") or with one mistake."""
    network = Draft()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    start, losses, total = state, [], 0.0
    for step in range(count):
        state, answer = network(x, start if variant == "state-reset" else state)
        loss = (answer - target).square().mean()
        losses.append(loss.item())
        total = total + loss
        if variant == "backprop-across-steps":
            continue
        state = state.detach()
        if variant == "last-loss-only" and step + 1 < count:
            continue
        loss.backward()
        if variant == "one-optimizer-step":
            continue
        optimizer.step()
        if variant != "no-zero-grad":
            optimizer.zero_grad()
    if variant == "backprop-across-steps":
        total.backward()
    if variant in ("one-optimizer-step", "backprop-across-steps"):
        optimizer.step()
    return {"losses": losses, "weights": [network.w.item(), network.b.item()]}


LOOP_MISTAKES = {
    "backprop-across-steps": (
        "One backward pass went through all supervision steps at once.",
        "Inside the loop, each step has its own loss, its own backward pass, and its own step of the optimizer.",
    ),
    "one-optimizer-step": (
        "The gradients of all steps were collected, and the optimizer stepped once, at the end.",
        "The next supervision step should already use the improved weights: move `optimizer.step()` into the loop.",
    ),
    "state-reset": (
        "Every step began again from the first state, so no draft was ever improved.",
        "What the network returns as state goes into the network at the next step.",
    ),
    "last-loss-only": (
        "Only the last step's loss was used for learning.",
        "Deep supervision means that every step is judged, and learned from.",
    ),
    "no-zero-grad": (
        "Gradients of earlier supervision steps were still there when the optimizer stepped.",
        "`backward()` adds to the gradients. When must they be set to zero?",
    ),
}


def supervision_loop(answer: Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor, Tensor, int], list]) -> None:
    """Loss, backward, optimizer step and detach at each of `n_supervision` steps; the losses come back."""
    for count, batch in ((3, 2), (1, 3), (5, 1)):
        x = torch.linspace(1.0, 2.0, batch, dtype=torch.float64)
        state, target = 0.3 * x + 0.1, 2 * x
        case = (x, state, target, count)
        network = Draft()
        optimizer = CountingSGD(network.parameters(), lr=0.1)
        given = f"a network of two weights, {batch} puzzles, n_supervision={count}"
        try:
            losses = answer(network, optimizer, x.clone(), state.clone(), target.clone(), count)
        except RuntimeError as error:
            if "second time" not in str(error) and "inplace operation" not in str(error):
                raise
            refuse(
                "not-detached",
                "At the second step, `backward()` ran on into the graph of the first.",
                "The state must lose its graph between two steps; `retain_graph=True` is no cure.",
                given=given,
                yours=str(error).split(".")[0],
                expected=practise("right", *case)["losses"],
            )
        expected = practise("right", *case)
        found = [Mistake(name, practise(name, *case), *words) for name, words in LOOP_MISTAKES.items() if count > 1]
        yours = {"losses": losses, "weights": [network.w.item(), network.b.item()]}
        if losses is None:
            yours = None
        elif isinstance(losses, Tensor):
            yours["losses"] = losses.tolist()
        if count > 1 and optimizer.count == 0:
            refuse(
                "never-stepped",
                "The optimizer never made a step, so the weights are what they were.",
                "After the backward pass of each supervision step: `optimizer.step()`.",
                given=given,
                yours=yours,
                expected=expected,
            )
        judge(
            yours, expected, given=given, mistakes=found, where="Follow the first two steps by hand, as in the lesson."
        )
    passed("supervision_loop", "1, 3 and 5 supervision steps: losses and trained weights are those of the paper's loop")


# --- refill -----------------------------------------------------------------------------------------------------------


def puzzle_slots(count: int, cells: int, width: int, seed: int) -> Slots:
    """Slots with random contents; no two numbers are equal by accident."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    tokens = torch.randperm(9 * count * cells, generator=generator)
    inputs, labels = (tokens[i * count * cells :][: count * cells].view(count, cells) for i in (0, 1))
    y, z = draw(count, cells, width), draw(count, cells, width)
    return {"inputs": inputs, "labels": labels, "y": y, "z": z, "age": torch.arange(1, count + 1)}


def refilled(halted: Tensor, new: Slots, old: Slots, keys: str = "inputs labels y z age") -> Slots:
    return {key: choose(halted, new[key], old[key]) if key in keys.split() else old[key] for key in old}


def refill(answer: Callable[[Tensor, Slots, Slots], Slots]) -> None:
    """Everything that belongs to a puzzle changes together, in the slots that halted and in no others."""
    cases = (((True, False, False), 3, 3), ((False, True, True, False, True), 4, 2), ((False, False), 3, 4))
    for mask, cells, width in cases:
        halted = torch.tensor(mask)
        old, new = (puzzle_slots(len(mask), cells, width, seed) for seed in (1, 2))
        new["age"] = torch.zeros(len(mask), dtype=torch.long)
        mistakes = [
            Mistake(
                "carry-not-reset",
                refilled(halted, new, old, "inputs labels age"),
                "The new puzzle goes on with the y and z of the old one.",
                "A puzzle and its states belong together. What does `new` offer for y and z?",
            ),
            Mistake(
                "labels-not-refilled",
                refilled(halted, new, old, "inputs y z age"),
                "The new question kept the old answer as its label.",
                "The loss would compare with the solution of a puzzle that is gone: labels change with inputs.",
            ),
            Mistake(
                "mask-inverted",
                refilled(~halted, new, old),
                "The slots that were still at work got new puzzles, and the halted ones kept theirs.",
                "`torch.where(mask, a, b)` takes a where the mask is true.",
            ),
            Mistake(
                "age-not-reset",
                refilled(halted, new, old, "inputs labels y z"),
                "A new puzzle has the age of the old one.",
                "It would be thrown out too early. Its age begins where `new` says.",
            ),
            Mistake(
                "all-slots-refilled",
                new,
                "Every slot got a new puzzle.",
                "A slot that has not halted ignores what is offered, and keeps its draft.",
            ),
            Mistake("nothing-refilled", old, "No slot got a new puzzle.", "Where `halted` is true, `new` comes in."),
        ]
        if len({len(mask), cells, width}) == 1:  # only then does the wrong axis fit
            wrong = {key: torch.where(halted, new[key], old[key]) for key in old}
            mistakes.append(
                Mistake(
                    "wrong-axis",
                    wrong,
                    "The mask was laid along the last axis: it chose cells and channels, not slots.",
                    "Slots are the first axis. Give the mask as many axes of size 1 behind it as each tensor needs.",
                )
            )
        if not halted.any():
            mistakes = [mistake for mistake in mistakes if mistake.name in ("mask-inverted", "all-slots-refilled")]
        judge(
            run(answer, halted, new, old),
            refilled(halted, new, old),
            given=f"{len(mask)} slots, {cells} cells, {width} channels, halted {list(mask)}",
            mistakes=mistakes,
            where="Take the five tensors one by one: halted slots from `new`, the others from `old`.",
        )
    passed("refill", "3 rows of slots, one of them with nothing to refill; question, labels, y, z and age agree")


# --- one step of every slot -------------------------------------------------------------------------------------------


class Judge(nn.Module):
    """y <- y / 2 + inputs + bias; it says "done" where the sum of the new y is above 6."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(0.25))

    def forward(self, inputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        y = y / 2 + inputs[:, None] + self.bias
        return y, y.sum(-1) - 6


def stepped(network: nn.Module, slots: Slots, new: Slots, limit: int, variant: str = "") -> Slots:
    """The slots after one call, right or with one mistake."""
    halted = slots["halted"]

    def filled(slots: Slots) -> Slots:
        return {key: choose(halted, new[key], slots[key]) for key in ("inputs", "y", "age")}

    before = slots if variant in ("refill-after", "not-refilled") else filled(slots)
    with torch.no_grad():
        y, logit = network(before["inputs"], before["y"])
    age = before["age"] + (variant != "age-not-advanced")
    if variant == "refilled-age-zero":
        age = torch.where(halted, 0, age)
    old_enough = age > limit if variant == "one-step-late" else age >= limit
    done = logit > 0
    after = {
        "no-limit": done,
        "network-not-asked": old_enough,
        "both-needed": done & old_enough,
        "stays-halted": done | old_enough | halted,
    }.get(variant, done | old_enough)
    result = {"inputs": before["inputs"], "y": y, "age": age}
    return (filled(result) if variant == "refill-after" else result) | {"halted": after}


STEP_MISTAKES = {
    "age-not-advanced": ("The slots did not get older.", "One call is one supervision step: one more for every slot."),
    "refilled-age-zero": (
        "A puzzle that came in at this call has age 0 after it.",
        "It begins at 0, and then this very call improves it once. How old is it at the end?",
    ),
    "one-step-late": (
        "A slot that reached n_supervision steps went on for another one.",
        "Is the last allowed step `n_supervision`, or the one after it?",
    ),
    "refill-after": (
        "New puzzles came in after the network had run, so finished ones were improved again.",
        "Refill first: the network should see the new puzzles at this call.",
    ),
    "not-refilled": (
        "The halted slots kept their finished puzzles.",
        "At the beginning of a call, `new` comes in where `halted` is true.",
    ),
    "no-limit": (
        "A slot halts only when the network says so.",
        "There are two reasons to halt. The other one is age.",
    ),
    "network-not-asked": (
        "A slot halts only when it is old.",
        "There are two reasons to halt. The other one is a halt logit above 0.",
    ),
    "both-needed": (
        "A slot halts only if the network is done *and* the limit is reached.",
        "One reason is enough: combine them with `or`.",
    ),
    "stays-halted": (
        "A slot that was refilled at this call still counts as halted.",
        "Decide anew who halts: a new puzzle has not halted because its predecessor did.",
    ),
}


def halts_one_later(answer: Callable, network: nn.Module, slots: Slots, new: Slots, limit: int) -> bool:
    """Whether the slots halt one call after the limit; at the limit itself that looks like no limit at all."""
    older = slots | {"age": slots["age"] + 1}
    return same(run(answer, network, older, new, limit), stepped(network, older, new, limit, "one-step-late"))


def supervision_step(answer: Callable[[nn.Module, Slots, Slots, int], Slots]) -> None:
    """Refill, improve, grow older, decide who halts; what comes back carries no graph."""
    cases = (
        ([2, 1, 2, 0, 1], [False, True, False, False, False], 3, [0.5, 7.0, 5.0, 6.0, 0.2]),
        ([1, 1, 1], [True, True, True], 2, [0.1, 4.0, 0.3]),
        ([0, 3], [False, False], 4, [0.4, 0.6]),
    )
    for ages, halted, limit, inputs in cases:
        count = len(ages)
        slots = {
            "inputs": torch.tensor(inputs),
            "y": torch.arange(2.0 * count).view(count, 2) / 4,
            "age": torch.tensor(ages),
            "halted": torch.tensor(halted),
        }
        offered = torch.arange(1.0, count + 1) * 0.3
        new = {"inputs": offered, "y": torch.full((count, 2), 0.75), "age": torch.zeros(count, dtype=torch.long)}
        network = Judge()
        given = f"ages {ages}, halted {halted}, n_supervision={limit}"
        expected = stepped(network, slots, new, limit)
        yours = run(answer, network, slots, new, limit)
        names = [] if same(yours, expected) else list(STEP_MISTAKES)
        if names and not halts_one_later(answer, network, slots, new, limit):
            names.remove("one-step-late")
        values = {name: stepped(network, slots, new, limit, name) for name in names}
        mistakes = [Mistake(name, value, *STEP_MISTAKES[name]) for name, value in values.items()]
        mistakes = [mistake for mistake in mistakes if not same(mistake.value, expected)]
        judge(
            yours,
            expected,
            given=given,
            mistakes=mistakes,
            where="Follow one slot that had halted and one that had not: inputs, y, age, halted, in this order.",
        )
        if yours["y"].requires_grad:
            refuse(
                "not-detached",
                "The y that comes back still carries a graph.",
                "At the next call the gradient would run on into this one: cut it before you return.",
                given=given,
                yours="y.requires_grad is True",
                expected="y.requires_grad is False",
            )
    passed("supervision_step", "3 rows of slots, halted and not, young and old; the state carries no graph")


# --- ages -------------------------------------------------------------------------------------------------------------


def ages_of(stays: list[list[int]], n_calls: int, limit: int, variant: str = "") -> list[list[int]]:
    """Ages after every call, right or with one mistake."""
    if variant == "slots-wait":
        return waiting_ages(stays, n_calls, limit)
    columns = []
    for wanted in stays:
        ages: list[int] = []
        for stay in wanted:
            stay = stay if variant == "no-limit" else min(stay, limit)
            first = 0 if variant == "ages-from-zero" else 1
            ages += range(first, first + stay)
            if variant == "lost-call":
                ages += [0]
            if variant == "no-refill":
                ages += [stay] * n_calls
            if variant == "reset-at-once":
                ages[-1] = 0
        columns.append(ages[:n_calls])
    return [list(row) for row in zip(*columns, strict=True)]


def waiting_ages(stays: list[list[int]], n_calls: int, limit: int) -> list[list[int]]:
    rows: list[list[int]] = []
    for batch in zip(*stays, strict=True):
        batch = [min(stay, limit) for stay in batch]
        rows += [[min(step, stay) for stay in batch] for step in range(1, max(batch) + 1)]
    return rows[:n_calls]


AGE_MISTAKES = {
    "slots-wait": (
        "Slots that had halted waited until the last of the batch had.",
        "Each slot minds its own puzzle: it takes the next one at the very next call.",
    ),
    "ages-from-zero": (
        "A new puzzle has age 0 after its first call.",
        "The age counts supervision steps made so far, and the first call makes one.",
    ),
    "no-limit": (
        "A puzzle stayed longer than n_supervision steps.",
        "Whatever the network wants: at age n_supervision the slot halts.",
    ),
    "no-refill": (
        "A slot that halted never took another puzzle.",
        "At the call after it halted, its next puzzle comes in, with age 1 after that call.",
    ),
    "reset-at-once": (
        "The age fell to 0 in the call in which the slot halted.",
        "After that call the slot still holds the finished puzzle, at its full age.",
    ),
    "lost-call": (
        "A slot stood empty for one call between two puzzles.",
        "Refill and step are one call: the new puzzle comes in, and is improved at once.",
    ),
}


def simulate_ages(answer: Callable[[list[list[int]], int, int], list[list[int]]]) -> None:
    """Ages of all slots after every call, when each puzzle halts after so many steps."""
    cases = (
        ([[2, 5, 1, 3, 2], [1, 2, 5, 2, 3], [3, 1, 1, 4, 4]], 7, 4),
        ([[1, 1, 1, 1], [9, 9, 9, 9]], 4, 2),
        ([[2, 2, 2]], 5, 16),
    )
    for stays, n_calls, limit in cases:
        yours = run(answer, stays, n_calls, limit)
        yours = yours.tolist() if hasattr(yours, "tolist") else yours
        expected = ages_of(stays, n_calls, limit)
        mistakes = [Mistake(name, ages_of(stays, n_calls, limit, name), *words) for name, words in AGE_MISTAKES.items()]
        judge(
            yours,
            expected,
            given=f"simulate_ages({stays}, n_calls={n_calls}, n_supervision={limit})",
            mistakes=[mistake for mistake in mistakes if mistake.value != expected],
            where="Write the ages of the first slot down call by call, then those of the second.",
        )
    passed("simulate_ages", "3 rows of slots, with puzzles that would stay longer than they may")


# --- counting ---------------------------------------------------------------------------------------------------------


def optimizer_steps(answer: Callable[[int, int, int], int]) -> None:
    """epochs * puzzles / batch, rounded down: one optimizer step for each batch that is offered."""
    for epochs, puzzles, batch in ((50_000, 1_000, 768), (7, 100, 32), (60_000, 1_000, 768), (2, 64, 64)):
        expected = epochs * puzzles // batch
        exact = epochs * puzzles / batch
        mistakes = [
            Mistake(
                "times-n-sup",
                16 * expected,
                "You counted sixteen optimizer steps for each batch.",
                "One call is one supervision step of every slot and one optimizer step. Nothing is left to multiply.",
            ),
            Mistake(
                "divided-by-n-sup",
                expected // 16,
                "You divided by sixteen.",
                "The optimizer steps after every supervision step, not after every finished puzzle.",
            ),
            Mistake(
                "rounded-up",
                math.ceil(exact),
                "You counted a last batch that is not full.",
                "Puzzles run on from epoch to epoch, and what does not fill a batch at the very end is left out.",
            ),
            Mistake(
                "rounded-every-epoch",
                epochs * (puzzles // batch),
                "You rounded down in every epoch.",
                "A batch may hold puzzles of two epochs: count all puzzles first, then divide once.",
            ),
            Mistake(
                "rounded-up-every-epoch",
                epochs * math.ceil(puzzles / batch),
                "You rounded up in every epoch.",
                "That would begin each epoch with a new batch. Count over all epochs before you divide.",
            ),
            Mistake(
                "fraction",
                exact,
                "A fraction of an optimizer step came back.",
                "Steps are whole: round down.",
            ),
            Mistake(
                "batch-forgotten",
                epochs * puzzles,
                "You counted puzzles, not batches.",
                "One optimizer step takes a whole batch.",
            ),
        ]
        judge(
            run(answer, epochs, puzzles, batch),
            expected,
            given=f"optimizer_steps({epochs}, {puzzles}, {batch})",
            mistakes=[m for m in mistakes if m.value != expected],
            where="How many puzzles are offered in all, and how many at one step?",
            tolerance=1e-9,
        )
    passed("optimizer_steps", "4 runs, the published one among them")


def reach_of_gradient(answer: Callable[[int, int, int, bool], int]) -> None:
    """Through how many evaluations of the network the gradient of the loss of step k passes."""
    cases = ((3, 2, 4, False), (3, 1, 4, False), (3, 1, 4, True), (16, 3, 6, True), (1, 1, 1, False), (5, 3, 2, False))
    for k, T, n, detached in cases:
        one = n + 1
        expected = k * one if T == 1 and not detached else one
        mistakes = [
            Mistake(
                "never-further",
                one,
                "You let the gradient stop at the step, although nothing cuts it there.",
                "With T = 1 there is no recursion without gradient. What if the carry is not detached either?",
            ),
            Mistake(
                "through-all-recursions",
                T * one,
                "You counted all T recursions of the step.",
                "T - 1 of them run without gradient: only the last one counts.",
            ),
            Mistake(
                "through-everything",
                k * T * one,
                "You let the gradient pass through all recursions of all steps.",
                "Where does it meet a `no_grad` for the first time, going back from the loss?",
            ),
            Mistake(
                "past-no-grad",
                k * one,
                "You let the gradient pass from step to step.",
                "Two things can cut the graph: `detach`, and a recursion without gradient. Is one of them in the way?",
            ),
            Mistake(
                "answer-not-counted",
                expected // one * n,
                "You counted the updates of z alone.",
                "A recursion is n updates of z and one of y, all by the network.",
            ),
            Mistake(
                "one-evaluation",
                1,
                "You counted one evaluation: that is HRM's one-step gradient.",
                "TRM's gradient passes through the whole last recursion.",
            ),
        ]
        judge(
            run(answer, k, T, n, detached),
            expected,
            given=f"reach_of_gradient(k={k}, T={T}, n={n}, detached={detached})",
            mistakes=[m for m in mistakes if m.value != expected],
            where="Walk back from the loss, evaluation by evaluation, until something cuts the graph.",
        )
    passed("reach_of_gradient", "6 cases, with and without detach, T of 1, 2 and 3")
